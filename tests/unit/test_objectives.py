"""Objectives, error budgets, burn rates and verdicts by hand."""

import numpy as np
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, evidence_from, log_of, synthetic_plan

from simkit.result.expectations import expected, settled
from simkit.result.metrics import METRICS, evaluate
from simkit.result.objectives import objectives_of
from simkit.result.slo import NO_BUDGET, Verdict, allowance, standings, verdict
from simkit.result.statistics import Estimate, missing
from simkit.result.tables import timeline
from simkit.scenario.expectations import parse_expectation
from simkit.scenario.policy import Slo

FULL = Slo(success="99%", latency={"p95": "5s", "p50": "1s"}, ttft={"p90": "2s"}, good="80%", window="6h")


def action(number, latency_s=1.0, outcome=0, good=1, ttft_s=0.5):
    end = number + int(latency_s * SECOND)
    first = number + int(ttft_s * SECOND)
    return {"action": number, "arrival": number, "start": number, "end": end, "first_token": first, "outcome": outcome,
            "reason": 4 if outcome == 2 else 0, "good": good}  # fmt: skip


def evidence(runs, slo=FULL, plan=None):
    plan = plan or synthetic_plan()
    logs = [log_of(rows, replication=r) for r, rows in enumerate(runs)]
    return evidence_from(logs, plan, slo)


RUNS = [
    [action(i) for i in range(90)]
    + [action(i, 6.0) for i in range(90, 98)]
    + [action(98, outcome=2), action(99, outcome=1)]
] * 2


def test_objectives_of_a_scenario_in_order():
    found = objectives_of(FULL)
    assert [one.label for one in found] == ["success", "latency p95", "latency p50", "ttft p90", "good"]
    assert [one.target for one in found] == [0.99, 0.95, 0.5, 0.9, 0.8]
    assert [one.limit for one in found] == [0, 5 * SECOND, SECOND, 2 * SECOND, 0]
    assert found[1].text == "95 % succeed within 5 s"
    assert objectives_of(Slo()) == ()


def test_compliance_budget_and_burn_by_hand():
    success, latency = standings(evidence(RUNS))[:2]
    assert (success.bad, success.counted) == (2, 200)
    assert success.compliance.value == 0.99
    assert success.burn_rate.value == pytest.approx(1.0)
    assert success.budget_left.value == pytest.approx(0.0, abs=1e-12)
    assert latency.bad == 18  # 8 slow and 1 failed in each run
    assert latency.compliance.value == pytest.approx(0.91)
    assert latency.burn_rate.value == pytest.approx(0.09 / 0.05)
    assert latency.budget_left.value == pytest.approx(1 - 9 / (0.05 * 100))


def test_a_window_longer_than_the_horizon_spreads_the_budget():
    slo = Slo(success="99%", window="60h")
    found = evidence(RUNS, slo)
    assert allowance(found) == 10
    assert standings(found)[0].budget_left.value == pytest.approx(1 - 1 / (0.01 * 100 * 10))
    assert standings(found)[0].burn_rate.value == pytest.approx(1.0)
    assert allowance(evidence(RUNS, Slo(success="99%", window="1h"))) == 1


def test_all_together_is_the_least_budget_and_the_highest_burn_rate():
    found = evidence(RUNS)
    every = standings(found)
    assert METRICS["error_budget_left"].formula(found).value == min(one.budget_left.value for one in every)
    assert METRICS["burn_rate"].formula(found).value == max(one.burn_rate.value for one in every)
    assert METRICS["slo_compliance"].formula(found).value == pytest.approx(0.91)


def test_degraded_counts_as_the_scenario_says():
    bad = Slo(success="99%", degraded="bad")
    assert standings(evidence(RUNS, bad))[0].bad == 4
    assert evaluate(evidence(RUNS, bad))["success_rate"].value == 0.99  # the rate knows nothing of objectives


def test_a_target_of_100_percent_has_compliance_but_no_budget():
    (only,) = standings(evidence(RUNS, Slo(success="100%")))
    assert only.compliance.value == 0.99
    assert (only.budget_left.value, only.budget_left.note) == (None, NO_BUDGET)
    assert METRICS["error_budget_left"].formula(evidence(RUNS, Slo(success="100%"))).note == NO_BUDGET


def test_nothing_ended_is_undecided():
    for one in standings(evidence([[], []])):
        assert (one.compliance.value, one.verdict) == (None, Verdict.UNDECIDED)
        assert one.budget_left.value is None


def test_an_answer_that_nobody_judged_is_held_against_nobody():
    rows = [action(0, good=1), action(1, good=-1), action(2, good=0), action(3, outcome=2, good=-1)]
    found = evidence([rows] * 2)
    good = standings(found)[-1]
    assert (good.bad, good.counted) == (4, 6)
    assert good.compliance.value == pytest.approx(METRICS["good_rate"].formula(found).value) == pytest.approx(1 / 3)
    line = timeline(found)
    assert (line["bad_good"].sum(), line["counted_good"].sum()) == (2, 3)


def test_a_degraded_answer_that_counts_as_bad_is_bad_judged_or_not():
    rows = [action(0, good=1), action(1, outcome=1, good=-1)]
    good = standings(evidence([rows], Slo(good="80%", degraded="bad")))[-1]
    assert (good.bad, good.counted) == (1, 2)


def test_on_the_limit_is_within_it():
    rows = [action(0, 5.0), {**action(1, 5.0), "end": 1 + 5 * SECOND + 1}]
    assert standings(evidence([rows]))[1].bad == 1


@pytest.mark.parametrize(
    ("estimate", "op", "bound", "said"),
    [
        (Estimate(0.995, 0.993, 0.997), ">=", 0.99, "pass"),
        (Estimate(0.995, 0.993, 0.997), ">=", 0.995, "undecided"),
        (Estimate(0.995, 0.993, 0.997), ">=", 0.998, "fail"),
        (Estimate(0.995, 0.993, 0.997), ">=", 0.993, "pass"),
        (Estimate(0.995, 0.993, 0.997), ">", 0.993, "undecided"),
        (Estimate(0.995, 0.993, 0.997), ">", 0.997, "fail"),
        (Estimate(4.0, 3.5, 4.5), "<=", 5.0, "pass"),
        (Estimate(4.0, 3.5, 4.5), "<=", 4.0, "undecided"),
        (Estimate(4.0, 3.5, 4.5), "<=", 3.0, "fail"),
        (Estimate(4.0, 3.5, None), "<=", 5.0, "undecided"),  # beyond the data
        (Estimate(4.0, 3.5, None), "<=", 3.0, "fail"),
        (Estimate(4.0, 3.5, None), ">=", 3.0, "pass"),
        (Estimate(4.0), "<=", 5.0, "undecided"),
        (missing("no cascade"), "<=", 5.0, "undecided"),
        (Estimate(1.0, 1.0, 1.0), "==", 1.0, "pass"),
        (Estimate(1.0, 0.9, 1.1), "==", 1.0, "undecided"),
        (Estimate(1.0, 0.9, 1.1), "!=", 2.0, "pass"),
        (Estimate(1.0, 0.9, 1.1), "==", 2.0, "fail"),
        (Estimate(1.0, 1.0, 1.0), "!=", 1.0, "fail"),
        (Estimate(1.0), "==", 1.0, "undecided"),
    ],
)  # fmt: skip
def test_verdict_by_interval(estimate, op, bound, said):
    assert verdict(estimate, op, bound) == said


def test_expectations_of_a_scenario():
    texts = ["success_rate >= 90%", "latency_p50 <= 100ms", "cost_per_action <= $0.004", "escalation_rate < 5%"]
    metrics = {
        "success_rate": Estimate(0.95, 0.94, 0.96), "latency_p50": Estimate(0.5, 0.4, 0.6),
        "cost_per_action": Estimate(0.004, 0.003, 0.005), "escalation_rate": missing("there is no cascade"),
    }  # fmt: skip
    found = expected(metrics, texts, [parse_expectation(text) for text in texts])
    assert [one.verdict for one in found] == ["pass", "fail", "undecided", "undecided"]
    assert found[1].bound == 0.1
    assert found[3].note == "there is no cascade"
    with pytest.raises(KeyError):
        expected(metrics, ["x"], [("unknown", "<=", 1.0)])


def test_what_cannot_fail_is_not_undecided():
    texts = ["latency_p95 <= 10h", "latency_p99 <= 10h", "latency_p50 <= 10h"]
    metrics = {"latency_p95": Estimate(4.0, 3.5), "latency_p99": missing("no served action"),
               "latency_p50": Estimate(1.0, 0.9)}  # fmt: skip
    lines = settled(
        expected(metrics, texts, [parse_expectation(text) for text in texts]), {0: "there is a deadline", 1: "as 0"}
    )
    assert [one.verdict for one in lines] == ["pass", "undecided", "undecided"]
    assert lines[0].note == "cannot fail: there is a deadline"


def test_the_interval_of_the_budget_is_that_of_the_bad_share_turned_over():
    rng = np.random.default_rng(2)
    runs = [[action(i, outcome=2 * int(rng.random() < 0.02)) for i in range(400)] for _ in range(5)]
    found = evidence(runs, Slo(success="99%", window="12h"))
    (only,) = standings(found)
    bad = found.share("bad_success", "counted_success")
    assert only.compliance.low == pytest.approx(1 - bad.high)
    assert only.budget_left.low == pytest.approx(1 - bad.high / 0.01 / 2)
    assert only.budget_left.high == pytest.approx(1 - bad.low / 0.01 / 2)
    assert HORIZON == 6 * HOUR
