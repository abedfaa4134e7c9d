"""Answers, warnings, and what is beside them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from result_cases import PLAN, lost, made, runs, served
from synthetic_log import HOUR, SECOND, ints, log_of, synthetic_plan

from simkit.engine.codes import Kind
from simkit.plan.plan import NEVER
from simkit.result.answers import BREAK, COST, HOLD
from simkit.result.assumptions import figures
from simkit.result.words import dollars
from simkit.scenario.load import load


def answer(found, question):
    return next(one for one in found.answers if one.question == question)


def test_a_promise_that_holds(scenario):
    found = made(scenario(), runs([served(i) for i in range(200)]))
    said = answer(found, HOLD)
    assert said.text.startswith("Yes: 100 % succeed (objective 95 %); 100 % succeed within 12 s (objective 95 %).")
    assert said.tone == "good"


def test_a_rate_limit_is_named_with_its_use_and_where_it_is_full(scenario):
    attempts = [{"action": i, "dispatched": i * SECOND, "outcome": Kind.RATE_LIMIT, "ended": i * SECOND,
                 "tokens_in": 10_000} for i in range(180, 200)]  # fmt: skip
    rows = [served(i) for i in range(180)] + [lost(i, 2, Kind.RATE_LIMIT) for i in range(180, 200)]
    found = made(scenario(), runs(rows, attempts))
    assert answer(found, HOLD).text == (
        "No: 90 % succeed (objective 95 %); 90 % succeed within 12 s (objective 95 %). 10 % fail because of "
        "alpha_org: tokens (30k/min), its busiest minute at 667 %, full at about 900 daily active users."
    )
    assert answer(found, BREAK).text.startswith(
        "alpha_org: tokens (30k/min): full at about 900 daily active users; its busiest hour at 11 %, "
        "its busiest minute at 667 %."
    )


def test_a_full_queue_is_named(scenario):
    rows = [served(i) for i in range(150)] + [lost(i, 3, Kind.QUEUE_FULL) for i in range(150, 200)]
    assert (
        "25 % are rejected because of own service: queue (5 places) before 3 to 4 workers, its busiest minute at"
        in answer(made(scenario(), runs(rows)), HOLD).text
    )


def test_a_failure_that_no_limit_explains_is_named_by_its_kind(scenario):
    rows = [served(i) for i in range(150)] + [lost(i, 2, Kind.SERVER_ERROR) for i in range(150, 200)]
    assert "25 % fail with server error." in answer(made(scenario(), runs(rows)), HOLD).text


def test_an_incident_that_costs_most_of_the_lost_is_named(scenario):
    inside = [{**lost(i, 2, Kind.SERVER_ERROR), "arrival": HOUR + i * SECOND} for i in range(150, 200)]
    storm = {"source": 0, "start": HOUR, "end": 2 * HOUR, "severity": 0}
    logs = [log_of([served(i) for i in range(150)] + inside, (), [storm], replication=r) for r in range(3)]
    found = made(scenario(), logs)
    assert "25 % fail with server error, all of them while `storm` lasts." in answer(found, HOLD).text
    elsewhere = [
        log_of(log_rows(log), (), [storm | {"start": 3 * HOUR, "end": 4 * HOUR}], replication=log.replication)
        for log in logs
    ]
    assert "storm" not in answer(made(scenario(), elsewhere), HOLD).text


def log_rows(log):
    return [
        dict(zip(log.actions, row, strict=True))
        for row in zip(*(c.tolist() for c in log.actions.values()), strict=True)
    ]


def test_slow_models_and_long_waits_are_told_apart(scenario):
    slow = made(scenario(), runs([served(i, 20.0) for i in range(100)]))
    assert "The time is the models' own" in answer(slow, HOLD).text
    rows = [{**served(i, 20.0), "start": (i + 15) * SECOND, "waited": 15 * SECOND} for i in range(100)]
    assert (
        "75 % of the time is waiting for own service: workers (3 to 4 workers)"
        in answer(made(scenario(), runs(rows)), HOLD).text
    )


def test_bad_answers_are_the_reason_where_only_they_miss(scenario):
    rows = [{**served(i), "good": int(i % 2)} for i in range(100)]
    found = made(scenario("slo: {good: 90%}\n"), runs(rows))
    assert "The answers themselves are too often bad" in answer(found, HOLD).text


def test_one_run_is_only_probably(scenario):
    assert answer(made(scenario(), runs([served(0)], count=1)), HOLD).text.startswith("Probably yes:")
    assert answer(made(scenario(), runs([lost(0, 2, 4)], count=1)), HOLD).text.startswith("Probably no:")


def test_what_an_interval_does_not_decide_is_not_decided(scenario):
    sizes = (0, 12, 2)
    logs = [
        log_of([served(i) if i >= size else lost(i, 2, 4) for i in range(100)], replication=r)
        for r, size in enumerate(sizes)
    ]
    said = answer(made(scenario(), logs), HOLD)
    assert said.text.startswith("Not decided: 95.3 % succeed")
    assert said.tone == "warn"


def test_without_objectives_or_actions_the_answer_says_so(scenario):
    assert (
        answer(made(scenario(""), runs([served(0)])), HOLD).text
        == "No objective is set: 100 % succeed and 95 % of them within 1 s."
    )
    assert answer(made(scenario(), runs([])), HOLD).text == "Not known: no action ended."


def test_the_cost_answer(scenario):
    log = log_of([served(i) for i in range(100)], [{"action": i, "cost": 10**9} for i in range(100)])
    plan = synthetic_plan(service_costs=(0,))
    found = made(scenario(), [log, replace(log, replication=1)], plan)
    month = 100 * 0.001 * 730 / 6
    assert answer(found, COST).text == (
        f"{dollars(month)} a month ({dollars(month)} to {dollars(month)}), $0.001 per successful action, "
        f"{dollars(month / 100)} per daily active user a month."
    )


def test_nothing_breaks_where_nothing_has_a_limit(scenario):
    plan = synthetic_plan(
        names=replace(PLAN.names, limits=(), limit_text=()),
        service=PLAN.service._replace(workers=ints(NEVER, NEVER)),
        deployments=PLAN.deployments._replace(concurrency=np.full((2, 3), NEVER)),
    )
    assert "Nothing has a limit here" in answer(made(scenario(), runs([served(0)]), plan), BREAK).text


DOWN = """
horizon: 30min
warmup: 0s
traffic: {rate: 1/s, process: deterministic}
actions: {ask: {calls: [{name: answer, model: a, input: 100, output: 20}]}}
models:
  a: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 20, prices: {input: $1, output: $2}}
  b: {deployments: [{provider: q}], ttft: 1s, tokens_per_second: 20, prices: {input: $1, output: $2}}
incidents: [{name: gone, at: 10min, lasts: 10min, target: p, error_rate: 100%}]
"""


@pytest.mark.parametrize(
    ("resilience", "said"),
    [
        ("{client: none}", "Incidents, not limits: while `gone` lasts, 100 % of the actions are lost."),
        (
            "{client: none, max_retries: 2, fallback: {a: [b]}, backoff: {initial: 10ms, max: 1s}}",
            "Incidents, not limits: while `gone` lasts, 0 % of the actions are lost, at 4 attempts per action.",
        ),
        ("{client: none, fallback: {a: [b]}, breaker: {consecutive: 1, cooldown: 1h}}", "Nothing has a limit here"),
    ],
)
def test_where_nothing_has_a_limit_incidents_break_it(resilience, said, tmp_path):
    file = tmp_path / "down.yaml"
    file.write_text(f"{DOWN}resilience: {resilience}\n", encoding="utf-8")
    found = load(file).run(replications=1, jobs=1, progress=False)
    assert answer(found, BREAK).text.startswith(said)


def test_warnings(scenario):
    observed = "slo: {success: 95%}\nobserved: {cost_per_month: $1, success_rate: 80%, latency_p50: 10s}\n"
    warned = "\n".join(made(scenario(observed)).warnings)
    assert re.search(r"\d\d\.\d* % of the actions were not served", warned)
    assert "of the actions were still in flight at the end" in warned
    assert "3 random incidents were seen in all replications" in warned
    assert "The horizon (6 h) is shorter than the window of the objectives (30 d)" in warned
    assert "cost_per_month: simulated" in warned
    assert "success_rate" not in [line.split(":")[0] for line in warned.splitlines()]  # within 20 %
    assert "Budgets or quotas of a month begin unspent with a run of 6 h" in warned
    daily = PLAN.spending._replace(monthly=np.zeros(1, bool))
    calm = synthetic_plan(incidents=PLAN.incidents._replace(gap=ints()), spending=daily)
    (only,) = made(scenario("slo: {success: 95%, window: 1h}\n"), runs([served(i) for i in range(50)]), calm).warnings
    assert only.startswith("A month is reckoned from 6 h")


def test_each_warning_has_its_threshold(scenario):
    calm = synthetic_plan(incidents=PLAN.incidents._replace(gap=ints()))
    for rows, word in (
        ([*(served(i) for i in range(99)), lost(99, 2, 4)], "not served"),
        ([*(served(i) for i in range(999)), {**served(999), "outcome": 5, "end": -1}], "in flight"),
    ):
        assert word not in "".join(made(scenario(""), runs(rows), calm).warnings)
        assert word in "".join(made(scenario(""), runs([*rows[1:], {**rows[-1], "action": 5000}]), calm).warnings)


def test_observed_figures_stand_beside_the_simulated(scenario):
    found = made(scenario("observed: {latency_p50: 20s, cost_per_month: $100}\n")).observed.set_index("metric")
    assert found.loc["latency_p50", "observed"] == 20
    bill = found.loc["cost_per_month", "simulated"]
    assert found.loc["cost_per_month", "difference"] == pytest.approx(bill / 100 - 1)


def test_the_observed_bill_is_the_models_alone(scenario):
    log = log_of([served(0)], [{"action": 0, "cost": 6 * 10**12}])
    found = made(scenario("observed: {cost_per_month: $730}\n"), [log]).observed
    assert found["simulated"].iloc[0] == pytest.approx(730.0)  # $6 in 6 hours, without the service's $7


def test_figures_are_counted_by_where_they_come_from(scenario):
    found = made(scenario())
    paths = list(figures(found.scenario.document))
    assert "traffic.rate" in paths
    assert "models.small.ttft" in " ".join(paths)
    assert not [path for path in paths if path.startswith(("slo", "name", "seed"))]
    count = re.fullmatch(
        r"(\d+) of its (\d+) figures are assumed, (\d+) are estimated, (\d+) measured\.", found.assumed_text
    )
    assumed, every, estimated, measured = map(int, count.groups())
    assert assumed + estimated + measured == every == len(paths)
    assert measured >= 4
    assert estimated == 1


def test_expectations_have_verdicts(scenario):
    found = made(
        scenario('expect: ["success_rate >= 10%", "latency_p95 < 1ms", "escalation_rate <= 100%"]\n')
    ).expectations
    assert found["verdict"].tolist() == ["pass", "fail", "pass"]
