"""What is told of regions: sums against a loop over the log, money by hand, failovers, the audit, page and files."""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from simkit.engine.compiled import run as run_log
from simkit.engine.log import REGION_COLUMNS
from simkit.plan.codes import Kind, Notice, Outcome
from simkit.plan.compile import compile_plan
from simkit.report.figures_regions import audit_grid, ribbons, served_rates
from simkit.result.failovers import failovers
from simkit.result.objectives import objectives_of
from simkit.result.regional import AREA
from simkit.result.replicas import replica_ns, replicas_of, scaled_cost, scaled_series
from simkit.result.result import result_from
from simkit.result.tally import tally
from simkit.result.windows import timeline_windows
from simkit.scenario.load import load

SECOND = 10**9
TEXT = """
name: Two
horizon: 40min
warmup: 5min
traffic: {rate: 4/s}
actions:
  chat: {share: 70%, calls: [{name: draft, model: small, input: 200, output: 60}]}
  report: {share: 30%, calls: [{name: write, model: small, input: 200, output: 90}]}
models:
  small:
    deployments: [{provider: alpha, region: us}, {provider: alpha, region: eu}]
    ttft: 0.2s
    tokens_per_second: 100
    prices: {input: $1, output: $2}
providers: {alpha: {outages: []}}
service: {workers: 4, replicas: 3, queue: 10, overhead: 20ms, replica_cost: $0.10/h, cost: $73/month}
regions:
  us: {share: 60%, rtt: {us: 20ms, eu: 95ms}, models_rtt: {alpha/us: 3ms, alpha/eu: 80ms}}
  eu:
    share: 40%
    rtt: {us: 95ms, eu: 20ms}
    models_rtt: {alpha/us: 80ms, alpha/eu: 3ms}
    service: {replicas: 2, autoscaling: {minimum: 2, maximum: 6, target: 60%}}
    residency: {regions: [eu]}
incidents:
  - {name: us gone, at: 15min, lasts: 10min, target: us, in_flight: fail}
  - {name: eu gone, at: 32min, lasts: 4min, target: eu}
resilience: {client: none}
slo: {success: 99%, latency: {p95: 2s}}
"""
US, EU, NOWHERE = range(3)


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    file = tmp_path_factory.mktemp("regions") / "two.yaml"
    file.write_text(TEXT, encoding="utf-8")
    return load(file)


@pytest.fixture(scope="module")
def plan(scenario):
    return compile_plan(scenario)


@pytest.fixture(scope="module")
def logs(plan):
    return [run_log(plan, 1, number) for number in range(2)]


@pytest.fixture(scope="module")
def result(scenario, plan, logs):
    return result_from(scenario, plan, logs, seed=1, engine="compiled", elapsed_s=0.1, keep_logs=True)


def rows_of(table):
    names = list(table)
    return [dict(zip(names, row, strict=True)) for row in zip(*(table[name].tolist() for name in names), strict=True)]


def test_sums_equal_a_loop_over_the_log(scenario, plan, logs):
    objectives = objectives_of(scenario.document.slo)
    found = tally(plan, logs[0], objectives).regional
    actions = [a for a in rows_of(logs[0].actions) if 0 <= a["arrival"] < plan.horizon]
    flow = Counter((a["home"], a["region"] % 3) for a in actions)
    assert {at: int(n) for at, n in np.ndenumerate(found.flow[..., 0]) if n} == flow
    length = timeline_windows(plan.horizon).length
    for place, side, key in ((US, 0, "region"), (EU, 0, "region"), (US, 3, "home"), (EU, 3, "home")):
        mine = [a for a in actions if a[key] == place]
        served = [a for a in mine if a["outcome"] <= Outcome.DEGRADED]
        lost = [a for a in mine if Outcome.DEGRADED < a["outcome"] < Outcome.CENSORED]
        area = dict(zip(AREA, found.areas[side + place].tolist(), strict=False))
        assert area["actions"] == len(mine) and area["ok"] + area["degraded"] == len(served)
        assert area["money"] == sum(a["cost"] for a in mine)
        assert area["region_down"] == sum(a["reason"] == Kind.REGION_DOWN for a in mine)
        assert area["network"] == sum(a["network"] for a in mine if a["network"] >= 0)
        assert area["waited"] == sum(a["waited"] for a in served)
        assert found.latency[side + place].n == len(served) == area["timed"]
        late = sum(a["end"] - a["arrival"] > 2 * SECOND for a in served)
        bad, counted, *_, any_bad, _ = found.areas[side + place, len(AREA) :].tolist()
        assert (bad, counted, any_bad) == (len(lost), len(served) + len(lost), len(lost) + late)
        if key == "region":
            by_window = Counter(a["arrival"] // length for a in lost)
            assert found.windows[:, 1, place].tolist() == [by_window[w] for w in range(len(found.windows))]
            assert found.windows[:, 2, place].sum() == late
    assert found.cells[:, :3].sum() == len(actions) and found.cells[:, -2].sum() > 0


def test_the_tables_say_the_same_as_the_actions(result):
    actions = result.actions[result.actions["measured"]]
    flow = result.flow.set_index(["users", "served_in"])
    here = actions[(actions["home"] == "us") & (actions["region"] == "eu")]
    assert flow.loc[("us", "eu"), "actions"] * 2 == len(here)
    assert flow.loc[("us", "eu"), "network_mean_s"] == pytest.approx(here["network_s"].mean())
    assert flow["share"].sum() == pytest.approx(1)
    regions = result.regions.set_index("region")
    assert regions["users_share"].sum() == pytest.approx(1)
    assert regions.loc["eu", "latency_p95_s"] == pytest.approx(
        np.sort(actions.loc[(actions["region"] == "eu") & (actions["outcome"] == "ok"), "latency_s"])[
            int(np.ceil(0.95 * ((actions["region"] == "eu") & (actions["outcome"] == "ok")).sum())) - 1
        ],
        rel=0.004,
    )
    assert regions["cost_usd"].sum() == pytest.approx(result.metrics["cost_total"].value)
    assert result.metrics["network_mean"].value == pytest.approx(actions["network_s"].mean())


def notices(*rows):
    table = np.array(rows, np.int64)
    return {name: table[:, place] for place, name in enumerate(REGION_COLUMNS)}


def test_replicas_are_paid_to_the_picodollar(plan):
    """Two from before zero, five from 10 min, three from 30 min 0.1 ns on: 2 x 10 + 5 x 20 + 3 x 10 replica-minutes."""
    minute, last = 60 * SECOND, 30 * 60 * SECOND + 1
    rows = notices(
        (-minute, EU, Notice.REPLICAS, 4), (-5, EU, Notice.REPLICAS, 2), (0, US, Notice.REPLICAS, 3),
        (10 * minute, EU, Notice.REPLICAS, 6), (10 * minute, EU, Notice.REPLICAS, 5), (last, EU, Notice.REPLICAS, 3),
        (last, EU, Notice.AVAILABLE, 0),
    )  # fmt: skip
    paid = 2 * 10 * minute + 5 * (last - 10 * minute) + 3 * (plan.horizon - last)
    assert replica_ns(plan, rows) == [3 * plan.horizon, paid]
    expected = paid * 10**11 // (3600 * SECOND)
    assert scaled_cost(plan, rows, EU, np.array([0, plan.horizon])) == [0, expected]
    assert scaled_cost(plan, rows, US, np.array([plan.horizon])) == [0]  # its number stays: the plan has its cost
    series = scaled_series(plan, rows, timeline_windows(plan.horizon))
    assert int(series.sum()) == expected and (series >= 0).all()
    assert replicas_of(plan, rows, EU).at(np.array([0, 10 * minute - 1, 10 * minute])).tolist() == [2, 2, 5]


def test_replicas_that_follow_the_load_are_in_every_sum_of_money(result, plan):
    hours = plan.horizon / 3600e9
    stay = 2 * 73 / 730 * hours + 3 * 0.10 * hours  # both regions' fixed cost, the replicas of us
    scaled = sum(replica_ns(plan, one.regional.notices)[EU] for one in result.tallies) / 2 / 3600e9 * 0.10
    costs = result.costs[(result.costs["by"] == "total")].set_index("name")["cost_usd"]
    assert costs["own service"] == pytest.approx(stay + scaled, abs=1e-9)
    assert result.metrics["cost_total"].value == pytest.approx(costs.sum())
    assert result.metrics["cost_per_action"].value == pytest.approx(
        costs.sum() / result.metrics["throughput"].value / (plan.horizon / 1e9)
    )
    served = result.regions["served"].sum()
    assert result.regions["service_usd"].sum() == pytest.approx(costs["own service"])
    assert result.metrics["replica_hours"].value == pytest.approx(result.regions["replica_hours"].sum())
    assert served == pytest.approx(result.metrics["throughput"].value * plan.horizon / 1e9)


def test_a_failover_is_told_as_it_was(result):
    first = result.failovers.iloc[0]
    assert (first["name"], first["region"], first["replication"]) == ("us gone", "us", -1)
    assert 60 + 4 <= first["detected_s"] <= 90 + 4  # 3 checks, one every 30 s at a random moment, and their time limit
    assert first["detected_s"] < first["moved_s"] <= first["detected_s"] + 70  # and a minute of DNS
    actions = result.actions[result.actions["measured"]]
    down = actions[(actions["reason"] == "region_down") & (actions["arrival_s"] < 1700)]
    assert first["lost_region_down"] * 2 == len(down)
    assert first["lost"] == first["lost_region_down"] + first["lost_otherwise"]
    case = failovers(result.evidence)[0]
    assert case.p95_s("before") == pytest.approx(first["latency_p95_before_s"])
    assert 0 < first["back_s"] < 600


def test_what_never_moves_has_no_time(result):
    """Users of eu are bound to it: they are turned away, which is elsewhere than eu; the others are at home."""
    second = result.failovers.iloc[1]
    assert second["region"] == "eu" and second["moved_s"] > second["detected_s"]
    rate = result.metrics["residency_rate"].value
    reasons = result.reasons.set_index("reason")
    assert rate == pytest.approx(reasons.loc["residency", "share"])
    assert result.metrics["region_down_rate"].value == pytest.approx(reasons.loc["region_down", "share"])


def test_the_audit_counts_everything_and_finds_what_is_forbidden(result, scenario, plan, logs):
    audit = result.residency
    served = audit[audit["what"] == "served in"]
    known = sum(int((log.actions["region"] >= 0).sum()) for log in logs)
    assert served["count"].sum() == known
    assert audit.loc[audit["what"] == "asked", "count"].sum() == sum(len(log.attempts["action"]) for log in logs)
    assert audit.loc[~audit["permitted"], "count"].sum() == 0 == result.metrics["residency_breaches"].value
    region = logs[0].actions["region"].copy()
    region[np.flatnonzero(logs[0].actions["home"] == EU)[:3]] = US
    wrong = replace(logs[0], actions=logs[0].actions | {"region": region})
    other = result_from(scenario, plan, [wrong], seed=1, engine="compiled", elapsed_s=0.1)
    assert other.metrics["residency_breaches"].value == 3
    assert "3 were where the data may not go" in " ".join(other.text().split())


def test_page_json_and_files_have_a_section_on_regions(result, tmp_path):
    text = result.text(200)
    for said in (
        "The loss of ",
        "Regions",
        "From users to regions",
        "Failovers",
        "none was where the data may not go",
    ):
        assert said in text
    found = json.loads(result.to_json())
    assert [one["region"] for one in found["regions"]] == ["us", "eu"] and len(found["failovers"]) == 2
    assert {one["what"] for one in found["residency"]} == {"served in", "asked", "not asked", "rejected"}
    folder = result.save(tmp_path / "out")
    for name in ("regions", "flow", "failovers", "residency", "region_timeline", "replicas", "region_log"):
        assert len(pd.read_parquet(folder / f"{name}.parquet")) > 0, name


def test_every_table_of_regions_draws_itself(result):
    for name in ("regions", "flow", "failovers", "residency", "region_timeline", "replicas"):
        assert getattr(result, name).plot().axes


def test_the_ribbons_of_a_flow_are_as_wide_as_its_shares_and_do_not_overlap(result):
    streams = ribbons(result.flow, result.plan.names.regions)
    assert sum(one.share for one in streams) == pytest.approx(1)
    for side in ("left", "right"):
        ends = sorted((getattr(one, side), getattr(one, side) + one.share) for one in streams)
        assert all(before[1] <= after[0] + 1e-12 for before, after in pairwise(ends))


def test_rates_of_regions_and_of_what_is_lost_add_up_to_all(result):
    rates = served_rates(result.region_timeline)
    assert list(rates.columns) == ["us", "eu", "not served"]
    minutes = result.timeline["end"].sub(result.timeline["start"]).dt.total_seconds() / 60
    assert rates.sum(axis=1).to_numpy() == pytest.approx((result.timeline["arrivals"] / minutes).to_numpy())


def test_the_grid_of_the_audit_marks_what_is_not_permitted(result):
    counts, permitted = audit_grid(result.residency)
    assert permitted.loc["eu: chat", "served in us"] == 0 == counts.loc["eu: chat", "served in us"]
    assert permitted.to_numpy().sum() == permitted.size - 2


def test_without_regions_the_figures_are_none_and_the_tables_empty(scenario):
    alone = {"regions": None, "incidents": [], "routing": None, "horizon": "2min", "warmup": "0s"}
    other = scenario.set(alone)
    plan = compile_plan(other)
    found = result_from(other, plan, [run_log(plan, 1, 0)], seed=1, engine="compiled", elapsed_s=0.1)
    for name in ("region_down_rate", "residency_rate", "residency_breaches", "network_mean", "failover_time",
                 "replicas_mean", "replica_hours", "headroom_cost_share"):  # fmt: skip
        assert found.metrics[name].value is None and found.metrics[name].note, name
    for name in ("regions", "flow", "failovers", "residency", "region_timeline", "replicas"):
        assert getattr(found, name).empty
        assert getattr(found, name).plot().axes
    assert "Failovers" not in found.text()
