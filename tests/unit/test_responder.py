"""Somebody who answers alerts: what was before the change is the same, and so the loop ends."""

import numpy as np
import pytest
from result_cases import maker

from simkit.plan.compile import Overlay, compile_plan, epochs_of
from simkit.scenario.errors import ScenarioError
from simkit.scenario.load import load

FILE = """
name: A failover by hand
horizon: 40min
warmup: 2min
traffic: {rate: 4/s}
actions: {chat: {calls: [{name: draft, model: small, input: 200, output: 20, streaming: false}]}}
models:
  small:
    deployments: [{provider: alpha}, {provider: beta, weight: 0.001}]
    ttft: 0.2s
    tokens_per_second: 100
    prices: {input: $1, output: $2}
providers: {alpha: {outages: []}, beta: {outages: []}}
incidents: [{name: gone, at: 10min, lasts: 25min, target: alpha, error_rate: 100%}]
resilience: {client: none}
slo: {success: 99%}
alerts:
  rules: [{name: fast, severity: page, long: 10min, short: 1min, burn: 14.4}]
  every: 10s
  volume: 10
"""
RESPONDER = """  responder:
    after: 5min
    set: {models.small.deployments.0.weight: 0.001, models.small.deployments.1.weight: 1}
    lasts: LASTS
"""
SECOND = 10**9
MINUTE = 60 * SECOND


@pytest.fixture
def scenario(tmp_path):
    return maker(tmp_path, FILE, usual="")


def run(scenario, **more):
    return scenario.run(replications=1, engine="reference", jobs=1, log=True, progress=False, **more)


def before(log, table, column, moment):
    """Rows of what had happened by a time."""
    rows = getattr(log, table)
    mine = (rows[column] >= 0) & (rows[column] < moment)
    return {name: values[mine] for name, values in rows.items()}


def test_a_change_after_an_alert_leaves_all_before_it_as_it_was(scenario):
    alone, helped = run(scenario()), run(scenario(RESPONDER.replace("LASTS", "1h")))
    (row,) = helped.responses.to_dict("records")
    assert row["fired_s"] == alone.alerts["fired_s"].iloc[0]
    assert row["changed_s"] == row["fired_s"] + 300
    at = int(row["changed_s"] * 1e9)
    for table, column in (("attempts", "ended"), ("actions", "end")):
        one, other = (before(result.logs[0], table, column, at) for result in (alone, helped))
        assert all((one[name] == other[name]).all() for name in one) and len(one["action"])
    assert alone.metrics["failed_rate"].value > 0.5
    assert helped.metrics["failed_rate"].value < 0.25
    review, vain = helped.reviews.iloc[0], alone.reviews.iloc[0]
    assert review["acted_s"] == row["changed_s"] - 600
    assert review["acted_s"] <= review["mitigated_s"] < review["acted_s"] + 60  # answers take 0.4 s, looks 10 s
    assert vain["acted_share"] == vain["mitigated_share"] == 0
    assert "acted on after" in helped.text(120) and "mitigated after" in helped.text(120)


def test_the_old_numbers_come_back_and_the_next_alert_is_answered_again(scenario):
    found = run(scenario(RESPONDER.replace("LASTS", "8min")))
    responses = found.responses
    assert len(responses) == 2
    assert responses["fired_s"].iloc[1] > responses["until_s"].iloc[0] == responses["changed_s"].iloc[0] + 480
    once = run(scenario(RESPONDER.replace("LASTS", "8min\n    at_most: 1")))
    assert once.responses.equals(responses.head(1))


def test_what_does_not_help_is_not_called_mitigation(scenario):
    """The same person, who does nothing of use."""
    useless = RESPONDER.replace("LASTS", "1h").replace("deployments.0.weight: 0.001", "deployments.0.weight: 2")
    found = run(scenario(useless))
    review = found.reviews.iloc[0]
    assert len(found.responses) and review["acted_share"] == 1 and review["mitigated_share"] == 0
    assert "not mitigated" in found.text(120)


def test_alerts_before_a_change_stay_though_it_changes_how_many_actions_there_are(scenario):
    """What came before the run is taken from the run without changes: else the first alert would move."""
    less = "  responder: {after: 1min, set: {traffic.rate: 1/s}, at_most: 2}\n"
    alone, changed = run(scenario()), run(scenario(less))
    assert changed.responses["fired_s"].iloc[0] == alone.alerts["fired_s"].iloc[0] == changed.alerts["fired_s"].iloc[0]


def test_an_alert_too_late_for_an_answer(scenario):
    late = RESPONDER.replace("after: 5min", "after: 35min").replace("LASTS", "1h")
    assert len(run(scenario(late)).responses) == 0


def test_it_is_the_same_with_parts_on_disk(scenario, tmp_path):
    asked = scenario(RESPONDER.replace("LASTS", "1h"))
    kept, again = (run(asked, parts=tmp_path / "parts") for _ in range(2))
    free = run(asked)
    for one in (kept, again):
        assert one.to_json() == free.to_json()
        assert one.responses.equals(free.responses)


def test_a_change_of_structure_is_refused_when_the_file_is_loaded(scenario):
    with pytest.raises(ScenarioError):
        scenario(RESPONDER.replace("LASTS", "1h").replace("0.weight: 0.001", "0.provider: beta"))


def test_overlays_hold_over_changes_and_end(tmp_path):
    path = tmp_path / "changes.yaml"
    path.write_text(FILE + "changes: [{at: 20min, set: {traffic.rate: 8/s}}]\n", encoding="utf-8")
    scenario = load(path)
    overlay = Overlay(15 * MINUTE, 25 * MINUTE, {"traffic.rate": "2/s"})
    starts, documents = epochs_of(scenario, -MINUTE, [overlay])
    assert starts == [-MINUTE, 15 * MINUTE, 20 * MINUTE, 25 * MINUTE]
    assert [one.traffic.rate for one in documents] == [4, 2, 2, 8]
    plan, same = compile_plan(scenario, [overlay]), compile_plan(scenario)
    assert np.array_equal(same.epochs, [-2 * MINUTE, 20 * MINUTE])
    assert np.array_equal(plan.epochs, [-2 * MINUTE, 15 * MINUTE, 20 * MINUTE, 25 * MINUTE])
