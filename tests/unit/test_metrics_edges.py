"""Where a metric is None, what it is where nothing or all went wrong, and the interval of one run alone."""

from dataclasses import replace
from functools import cache
from math import inf, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from metric_cases import LOGS, PLAN, evidence
from synthetic_log import HORIZON, SECOND, ints, log_of, synthetic_plan
from test_growth_result import TEXT as GROWING

import simkit as sk
from simkit.plan.plan import NEVER
from simkit.result.metrics import MAY_BE_LESS, METRICS, evaluate
from simkit.result.result import Result
from simkit.result.statistics import NO_INTERVAL, Estimate
from simkit.scenario.policy import Slo

ABSENT = {
    "good_rate": {"models": PLAN.models._replace(quality=np.full((2, 2, 2), np.nan))},
    "cost_per_good_action": {"models": PLAN.models._replace(quality=np.full((2, 2, 2), np.nan))},
    "cost_per_user_month": {"people": PLAN.people._replace(number=np.zeros((2, 1), np.int64))},
    "retry_rate": {layer: getattr(PLAN, layer)._replace(max_retries=ints(0, 0)) for layer in ("inner", "outer")},
    "timeout_rate": {
        layer: getattr(PLAN, layer)._replace(
            **dict.fromkeys(("timeout", "first_token_timeout", "idle_timeout", "call_timeout"), ints(NEVER, NEVER))
        )
        for layer in ("inner", "outer")
    },
    "hedge_rate": {"inner": PLAN.inner._replace(hedge_after=ints(NEVER, NEVER))},
    "hedge_win_rate": {"inner": PLAN.inner._replace(hedge_after=ints(NEVER, NEVER))},
    "retries_refused_rate": {
        layer: getattr(PLAN, layer)._replace(budget=np.zeros(1, bool)) for layer in ("inner", "outer")
    },
    "throttled_rate": {"inner": PLAN.inner._replace(throttle=np.zeros(1, bool))},
    "shed_rate": {"service": PLAN.service._replace(shed_in_flight=np.full((2, 4), NEVER))},
    "human_rate": {"ladder": PLAN.ladder._replace(what=ints(1, 2))},
    "reload_rate": {"audience": PLAN.audience._replace(reload_abandoned=np.zeros(2))},
    "actions_per_question": {"audience": PLAN.audience._replace(reload_abandoned=np.zeros(2))},
    "hedge_cost_share": {"inner": PLAN.inner._replace(hedge_after=ints(NEVER, NEVER))},
    "human_time_mean": {"ladder": PLAN.ladder._replace(what=ints(1, 2))},
    "human_wait_p95": {"ladder": PLAN.ladder._replace(what=ints(1, 2))},
    "human_busy_share": {"ladder": PLAN.ladder._replace(staff=ints(0, 0, 0, 0))},
    "stream_failure_rate": {"actions": PLAN.actions._replace(streaming=np.zeros_like(PLAN.actions.streaming))},
    "backoff_wait_mean": {layer: getattr(PLAN, layer)._replace(max_retries=ints(0, 0)) for layer in ("inner", "outer")},
    "gave_up_rate": {layer: getattr(PLAN, layer)._replace(max_retries=ints(0, 0)) for layer in ("inner", "outer")},
    "fallback_rate": {"models": PLAN.models._replace(fallback=np.array([[-1], [-1]]))},
    "rate_limited_rate": {"names": replace(PLAN.names, limits=(), limit_text=())},
    "escalation_rate": {"routes": PLAN.routes._replace(next_model=np.full((2, 2), -1))},
    "queue_wait_p95": {
        "service": PLAN.service._replace(workers=ints(NEVER, NEVER)),
        "deployments": PLAN.deployments._replace(concurrency=np.full((2, 3), NEVER)),
    },
}


@pytest.mark.parametrize("name", ABSENT)
def test_what_does_not_apply_is_none_with_a_note_and_never_0(name):
    assert METRICS[name].formula(evidence()).value is not None
    found = METRICS[name].formula(evidence(plan=synthetic_plan(**ABSENT[name])))
    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.note


def test_without_limits_and_objectives_their_metrics_are_none():
    none = ABSENT["queue_wait_p95"] | ABSENT["rate_limited_rate"]
    assert METRICS["limit_peak_use"].formula(evidence(plan=synthetic_plan(**none))).value is None
    for name in ("slo_compliance", "error_budget_left", "burn_rate"):
        assert METRICS[name].formula(evidence(slo=Slo())).value is None


def test_no_action_at_all():
    found = evaluate(evidence([log_of([]), log_of([], replication=1)]))
    zero = {name for name, one in found.items() if one.value is not None}
    assert zero == {
        "actions",
        "throughput",
        "cost_total",
        "cost_per_month",
        "cost_per_user_month",
        "tokens_in",
        "tokens_out",
        "limit_peak_use",
        "breaker_openings",
        "breaker_open_share",
        "pages_per_month",
        "budget_overshoot",
        "lookup_cost",
        "human_busy_share",
    }
    assert found["cost_total"].value == pytest.approx(7.000000000001)  # the own service costs busy or idle


def failed(number, outcome=2, reason=4):
    return {
        "action": number,
        "arrival": number,
        "start": number,
        "end": number + 1,
        "outcome": outcome,
        "reason": reason,
    }


def test_all_failed():
    found = evaluate(evidence([log_of([failed(i) for i in range(20)], replication=r) for r in range(3)]))
    assert found["success_rate"].value == found["good_rate"].value == found["slo_compliance"].value == 0
    assert found["failed_rate"].value == 1
    for name in (
        "latency_p95",
        "latency_mean",
        "ttft_p50",
        "cost_per_action",
        "cost_per_good_action",
        "queue_wait_p95",
    ):
        assert found[name].value is None
        assert found[name].note


def test_all_censored():
    rows = [{"action": i, "arrival": i, "start": i, "end": -1, "outcome": 5} for i in range(20)]
    found = evaluate(evidence([log_of(rows, replication=r) for r in range(2)]))
    assert found["success_rate"].value is None
    assert found["actions"].value == 20
    assert found["slo_compliance"].value == 0  # older than the limits of latency and ttft: bad


def test_a_censored_action_is_bad_only_once_its_age_has_passed():
    slo = Slo(latency={"p50": "1h"})
    young = {"arrival": HORIZON - SECOND, "start": HORIZON - SECOND, "end": -1, "outcome": 5}
    old = young | {"action": 1, "arrival": 0}
    fine = {"action": 2, "arrival": 0, "start": 0, "end": SECOND, "first_token": SECOND}
    found = METRICS["slo_compliance"].formula(evidence([log_of([young, old, fine])], slo=slo))
    assert found.value == 0.5


def test_without_breakers_or_alerts_their_metrics_are_none():
    plan = synthetic_plan(breaker=PLAN.breaker._replace(on=np.zeros(1, bool)))
    logs = [replace(log, breakers={name: column[:0] for name, column in log.breakers.items()}) for log in LOGS]
    found = evaluate(evidence(logs, plan, alerts=None))
    for name in ("breaker_openings", "breaker_open_share", "pages_per_month", "time_to_detect_p50"):
        assert found[name].value is None and found[name].note


def test_one_run_alone_has_no_interval_unless_it_is_stationary_and_long():
    for estimate in evaluate(evidence(LOGS[:1])).values():
        assert (estimate.low, estimate.high) == (None, None)
    assert METRICS["success_rate"].formula(evidence(LOGS[:1])).note == NO_INTERVAL


def steady(count, seed=1):
    """A long stationary run: arrivals evenly over the horizon, independent latencies, 3 % failures."""
    rng = np.random.default_rng(seed)
    arrival = np.sort(rng.integers(0, HORIZON, count))
    latency = rng.exponential(5e9, count).astype(np.int64)
    outcome = np.where(rng.random(count) < 0.03, 2, 0)
    log = log_of([])
    columns = {name: np.zeros(count, np.int64) for name in log.actions}
    end, reason = arrival + latency, np.where(outcome == 2, 4, 0)
    columns |= {"action": np.arange(count), "arrival": arrival, "start": arrival, "end": end, "first_token": end}
    columns |= {"outcome": outcome, "reason": reason, "cost": latency // 1000}
    return replace(log, actions=columns)


def test_batch_means_of_a_long_stationary_run():
    plan = synthetic_plan(stationary=True)
    found = evaluate(evidence([steady(120_000)], plan=plan))
    rate, p95 = found["success_rate"], found["latency_p95"]
    assert rate.low <= 0.97 <= rate.high
    assert 2 * 1.96 * sqrt(0.03 * 0.97 / 120_000) == pytest.approx(rate.high - rate.low, rel=0.5)
    assert p95.low <= -5 * np.log(0.05) <= p95.high
    assert p95.high - p95.low < 0.05 * p95.value
    for name in ("latency_p99", "latency_p999", "ttft_p50"):
        assert found[name].value is not None
        assert found[name].low is None
        assert found[name].note.startswith(NO_INTERVAL)
    assert found["actions"].low < found["actions"].value == 120_000 < found["actions"].high


def test_batch_means_need_5000_in_each_of_20_batches_and_a_stationary_plan():
    assert evidence([steady(120_000)], plan=synthetic_plan(stationary=True)).batches
    assert not evidence([steady(90_000)], plan=synthetic_plan(stationary=True)).batches
    assert not evidence([steady(120_000)], plan=synthetic_plan(stationary=False)).batches


def test_latencies_say_when_more_than_1_percent_were_not_served():
    assert "of served actions only" in METRICS["latency_p95"].formula(evidence()).note
    clean = [
        log_of(
            [{"action": i, "arrival": i, "start": i, "end": i + 9, "first_token": i + 9} for i in range(50)],
            replication=r,
        )
        for r in (0, 1)
    ]
    assert "served" not in METRICS["latency_p50"].formula(evidence(clean)).note


def test_money_is_summed_exactly():
    one = {"start": 0, "end": 1, "first_token": 1, "cost": 10**17 + 1}
    log = log_of([one | {"action": i} for i in range(50)], [{"action": i, "cost": 10**17 + 1} for i in range(50)])
    assert evidence([log]).total("cost") == 50 * 10**17 + 50
    assert evidence([log, replace(log, replication=1)]).total("spent") == 2 * (50 * 10**17 + 50 + PLAN.service_cost)


def test_the_order_of_the_tallies_does_not_matter():
    backward = evidence(LOGS[::-1])
    assert evaluate(backward) == evaluate(evidence())
    with pytest.raises(ValueError, match="at least one"):
        evidence([])


def test_no_failure_among_few_actions_is_not_certainty():
    runs = [
        log_of([{"action": i, "arrival": i * SECOND, "end": i * SECOND + 5} for i in range(100)], replication=r)
        for r in (0, 1)
    ]
    found = evaluate(evidence(runs, synthetic_plan(ladder=PLAN.ladder._replace(what=ints()))))
    assert found["success_rate"].value == found["success_rate"].high == 1
    assert found["success_rate"].low == pytest.approx(1 - 3.8415 / 203.8415, rel=1e-4)
    assert (found["degraded_rate"].low, found["degraded_rate"].high) == (0, 0)  # there is no ladder: it cannot happen


DEBT = {
    "horizon": "40d", "traffic.users.growth.base": 20, "traffic.users.growth.acquisition": 5,
    "traffic.users.plans.paid.price": "$1/month", "business.cash": "$10",
}  # fmt: skip


@cache
def in_debt() -> Result:
    """A company whose cash does not last, and whose users pay less than they cost."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "growing.yaml"
        file.write_text(GROWING)
        return sk.load(file).set(DEBT).run(replications=2, jobs=1, engine="reference", progress=False)


def holds(one: Estimate) -> bool:
    low, high = (-inf if one.low is None else one.low), (inf if one.high is None else one.high)
    return one.value is None or low <= one.value <= high


def test_every_interval_holds_its_value():
    """Of a plan with everything, and of a company that ends in debt."""
    for found in (evaluate(evidence()), in_debt().metrics):
        assert not {name: one for name, one in found.items() if not holds(one)}
    metrics = in_debt().metrics
    for name in ("cash_end", "runway_months", "gross_margin"):
        value, low = metrics[name].value, metrics[name].low
        assert value is not None and low is not None and low < value < 0, name


@pytest.mark.parametrize("name", METRICS)
def test_an_interval_is_cut_only_at_what_is_possible(name):
    wide = Estimate(1.0, -5.0, 7.0)
    cut = replace(METRICS[name], formula=lambda _: wide).evaluate(evidence())
    assert cut.low == (-5.0 if name in MAY_BE_LESS else 0.0) and holds(cut)


def test_what_may_be_less_than_nothing_is_a_metric():
    assert set(METRICS) >= MAY_BE_LESS
