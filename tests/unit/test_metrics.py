"""Every metric against a naive witness over the rows of the logs; intervals; and None where a metric does not apply."""

from collections import Counter, defaultdict
from dataclasses import replace
from math import ceil, sqrt
from statistics import fmean

import numpy as np
import pytest
from scipy import stats
from synthetic_log import HORIZON, SECOND, ints, log_of, random_log, synthetic_plan

from simkit.engine.codes import Kind
from simkit.plan.plan import NEVER
from simkit.result.evidence import Evidence, evidence_of
from simkit.result.metrics import METRICS, evaluate
from simkit.result.metrics_economy import METRICS as ECONOMY
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.statistics import NO_INTERVAL
from simkit.result.tally import tally
from simkit.scenario import expectations
from simkit.scenario.alerts import Alerts
from simkit.scenario.policy import Slo

PLAN = synthetic_plan()
SLO = Slo(success="90%", latency={"p95": "12s"}, ttft={"p50": "4s"}, good="80%")
OBJECTIVES = objectives_of(SLO, patient_kinds(PLAN))
RULE = {"name": "fast", "severity": "page", "long": "30min", "short": "5min", "burn": 1.5}
ALERTS = Alerts.model_validate({"rules": [RULE], "volume": 5})
LOGS = [random_log(seed, 400, seed) for seed in range(4)]
MONTHS = 730 * 3600 * SECOND / HORIZON
USERS = (90 * 4 + 120 * 2) / 6  # the epochs hold 4 and 2 of the 6 hours


def evidence(logs=LOGS, plan=PLAN, slo=SLO, alerts=ALERTS) -> Evidence:
    tallies = [tally(plan, log, objectives_of(slo, patient_kinds(plan)), 30 * SECOND) for log in logs]
    return evidence_of(plan, tallies, slo, alerts=alerts)


def rows_of(columns):
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[name].tolist() for name in names), strict=True)]


def slow(a, column, limit):
    """Not served, or not within the limit in s."""
    return a["outcome"] not in (0, 1) or a[column] - a["arrival"] > limit * SECOND


class Witness:
    """The rows of some logs, and every figure by one pass over them."""

    def __init__(self, logs):
        self.runs = len(logs)
        self.actions, self.attempts, self.outcome, self.openings = [], [], {}, []
        self.everybody = []
        for log in logs:
            self.openings += [b for b in rows_of(log.breakers) if b["state"] == 1 and b["until"] >= 0]
            every = [a | {"ended": log.ended, "run": log.replication} for a in rows_of(log.actions)]
            self.everybody += every
            mine = [a for a in every if 0 <= a["arrival"] < HORIZON]
            kinds = {a["action"]: a["outcome"] for a in mine}
            self.actions += mine
            self.attempts += [
                t | {"action_outcome": kinds[t["action"]], "run": log.replication,
                     "sent": t["deployment"] >= 0 and t["outcome"] != Kind.THROTTLED}
                for t in rows_of(log.attempts) if t["action"] in kinds
            ]  # fmt: skip
        self.tries = defaultdict(list)
        for t in self.attempts:
            self.tries[t["run"], t["action"]].append(t)
        self.ended = [a for a in self.actions if a["outcome"] != 5]
        self.served = [a for a in self.actions if a["outcome"] in (0, 1)]
        self.timed = [a for a in self.served if a["kind"] == 0]  # the other kind can wait
        people = sum(a["degrade_cost"] + a["lookup_cost"] + a["tool_cost"] for a in self.actions)
        self.spent = sum(t["cost"] for t in self.attempts) + people + self.runs * PLAN.service_cost

    def share(self, *outcomes):
        return sum(a["outcome"] in outcomes for a in self.ended) / len(self.ended)

    def percentile(self, start, end, p):
        spans = sorted(a[end] - (a[start] if start else 0) for a in self.timed)
        return spans[ceil(p * len(spans)) - 1] / 1e9

    def bad(self, target):
        """Bad actions of each objective."""
        return {
            "success": [a["outcome"] not in (0, 1) for a in self.ended],
            "latency": [a["kind"] == 0 and slow(a, "end", 12) for a in self.ended],
            "ttft": [a["kind"] == 0 and slow(a, "first_token", 4) for a in self.ended],
            "good": [a["outcome"] not in (0, 1) or a["good"] == 0 for a in self.ended],  # who was not judged is not bad
        }[target]

    def late(self, limit):
        """Censored actions that are older than the limit, and cannot wait: bad and counted."""
        return sum(
            a["outcome"] == 5 and a["kind"] == 0 and a["ended"] - a["arrival"] > limit * SECOND for a in self.actions
        )

    def burn(self, kind, target, limit=None):
        late = self.late(limit) if limit else 0
        counted = self.judged() if kind == "good" else [a for a in self.ended if not limit or a["kind"] == 0]
        return (sum(self.bad(kind)) + late) / (len(counted) + late) / (1 - target)

    def burns(self):
        return [
            self.burn("success", 0.9),
            self.burn("latency", 0.95, 12),
            self.burn("ttft", 0.5, 4),
            self.burn("good", 0.8),
        ]

    def calls(self, cause):
        return len({(t["run"], t["action"], t["call"], t["repeat"]) for t in self.attempts if t["cause"] == cause})

    def causes(self, *causes):
        return sum(t["cause"] in causes for t in self.attempts)

    def sent(self):
        return sum(t["sent"] for t in self.attempts)

    def sent_p99(self):
        tries = Counter((t["run"], t["action"]) for t in self.attempts if t["sent"])
        counts = sorted([*tries.values(), *[0] * (len(self.actions) - len(tries))])
        return counts[ceil(0.99 * len(counts)) - 1]

    def refused(self):
        marked = sum(t["marks"] & 4 != 0 for t in self.attempts)
        return marked / (self.causes(1, 5) + self.causes(4) + marked)

    def waits(self):
        """Seconds before each retry: from the end of the latest earlier try of the same repetition, its later twin."""
        waits = []
        for t in self.attempts:
            if t["cause"] in (1, 5):
                same = [
                    s for s in self.tries[t["run"], t["action"]] if (s["call"], s["repeat"]) == (t["call"], t["repeat"])
                ]
                before = [s for s in same if (s["rung"], s["attempt"]) < (t["rung"], t["attempt"])]
                last = max((s["rung"], s["attempt"]) for s in before)
                over = max(s["ended"] for s in before if (s["rung"], s["attempt"]) == last)
                waits.append((t["dispatched"] - over) / 1e9)
        return waits

    def people(self):
        """(in the queue, until the answer) of each case that people answered, in seconds."""
        cases = [a for a in self.served if a["outcome"] == 1 and a["reason"] == Kind.HUMAN]
        spans = [(a["desk_began"] - a["desk_asked"], a["end"] - a["desk_asked"]) for a in cases]
        return [(waited / 1e9, took / 1e9) for waited, took in spans]

    def people_wait(self):
        waits = [
            a["desk_began"] - a["desk_asked"] for a in self.timed if a["outcome"] == 1 and a["reason"] == Kind.HUMAN
        ]
        waits = sorted(wait / 1e9 for wait in waits)
        return waits[ceil(0.95 * len(waits)) - 1]

    def people_busy(self):
        """Four people until 1 h, none until 2 h, then six, two from 4 h on; all actions, measured or not."""
        hour, busy = 3600 * SECOND, Counter()
        for a in self.everybody:
            over = a["ended"] if a["end"] == -1 else a["end"]
            for opens, closes in ((0, hour), (2 * hour, HORIZON)) if a["desk_began"] != -1 else ():
                busy[a["run"]] += max(0, min(over, closes) - max(a["desk_began"], opens))
        whole = (4 + 2 * 6 + 2 * 2) * hour
        return sum(min(1.0, one / whole) for one in busy.values()) / self.runs  # random rows may be more than all of it

    def open_share(self):
        spans = [max(0, min(b["until"], HORIZON) - max(b["time"], 0)) for b in self.openings]
        return sum(spans) / (6 * HORIZON * self.runs)

    def compliance(self):
        every = [self.bad(kind) for kind in ("success", "latency", "ttft", "good")]
        bad = sum(any(one) for one in zip(*every, strict=True)) + self.late(4)
        return 1 - bad / (len(self.ended) + self.late(4))

    def top(self):
        costs = sorted((a["cost"] for a in self.actions), reverse=True)
        whole, part = divmod(len(costs), 100)  # 1 % of 1,370 actions are 13 and seven tenths of the next
        return (sum(costs[:whole]) + costs[whole] * part / 100) / sum(costs)

    def judged(self):
        return [a for a in self.ended if not (a["outcome"] in (0, 1) and a["good"] == -1)]


CUT = [kind for kind in range(1, Kind.NO_DEPLOYMENT) if kind != Kind.MALFORMED]
NAIVE = {
    "actions": lambda w: len(w.actions) / w.runs,
    "success_rate": lambda w: w.share(0, 1),
    "ok_rate": lambda w: w.share(0),
    "degraded_rate": lambda w: w.share(1),
    "failed_rate": lambda w: w.share(2),
    "rejected_rate": lambda w: w.share(3),
    "abandoned_rate": lambda w: w.share(4),
    "good_rate": lambda w: sum(a["good"] == 1 for a in w.judged()) / len(w.judged()),
    "throughput": lambda w: len(w.served) / w.runs / (HORIZON / SECOND),
    "latency_mean": lambda w: fmean(a["end"] - a["arrival"] for a in w.timed) / 1e9,
    "latency_p50": lambda w: w.percentile("arrival", "end", 0.5),
    "latency_p90": lambda w: w.percentile("arrival", "end", 0.9),
    "latency_p95": lambda w: w.percentile("arrival", "end", 0.95),
    "latency_p99": lambda w: w.percentile("arrival", "end", 0.99),
    "latency_p999": lambda w: w.percentile("arrival", "end", 0.999),
    "ttft_p50": lambda w: w.percentile("arrival", "first_token", 0.5),
    "ttft_p95": lambda w: w.percentile("arrival", "first_token", 0.95),
    "queue_wait_p95": lambda w: w.percentile("", "waited", 0.95),
    "slo_compliance": lambda w: w.compliance(),
    "error_budget_left": lambda w: 1 - max(w.burns()) / (30 * 24 / 6),
    "burn_rate": lambda w: max(w.burns()),
    "cost_total": lambda w: w.spent / 1e12 / w.runs,
    "cost_per_action": lambda w: w.spent / 1e12 / len(w.served),
    "cost_per_good_action": lambda w: w.spent / 1e12 / sum(a["good"] == 1 for a in w.served),
    "cost_per_month": lambda w: w.spent / 1e12 / w.runs * MONTHS,
    "cost_per_user_month": lambda w: w.spent / 1e12 / w.runs * MONTHS / USERS,
    "wasted_cost_share": lambda w: (
        sum(t["cost"] for t in w.attempts if t["outcome"] != 0 or t["action_outcome"] > 1)
        / sum(t["cost"] for t in w.attempts)
    ),
    "top1pct_cost_share": lambda w: w.top(),
    "tokens_in": lambda w: sum(a["tokens_in"] for a in w.actions) / w.runs,
    "tokens_out": lambda w: sum(a["tokens_out"] for a in w.actions) / w.runs,
    "attempts_per_call": lambda w: len(w.attempts) / w.calls(0),
    "retry_rate": lambda w: w.causes(1, 5) / len(w.attempts),
    "fallback_rate": lambda w: w.calls(2) / w.calls(0),
    "rate_limited_rate": lambda w: sum(t["outcome"] == Kind.RATE_LIMIT for t in w.attempts) / len(w.attempts),
    "limit_peak_use": None,  # by hand in test_bottlenecks.py, naively in test_tally.py
    "escalation_rate": lambda w: w.calls(3) / sum(t["cause"] == 0 and t["call"] == 1 for t in w.attempts),
    "amplification": lambda w: w.sent() / w.calls(0),
    "attempts_per_action_p99": lambda w: w.sent_p99(),
    "timeout_rate": lambda w: sum(t["outcome"] == Kind.TIMEOUT for t in w.attempts) / w.sent(),
    "cancelled_attempts_per_call": lambda w: sum(t["outcome"] == Kind.CANCELLED for t in w.attempts) / w.calls(0),
    "stream_failure_rate": lambda w: (
        sum(t["outcome"] in CUT and t["first_token"] >= 0 and PLAN.actions.streaming[t["call"]] for t in w.attempts)
        / w.sent()
    ),
    "backoff_wait_mean": lambda w: fmean(w.waits()),
    "gave_up_rate": lambda w: sum(t["marks"] & 8 != 0 for t in w.attempts) / w.sent(),
    "hedge_rate": lambda w: w.causes(4) / w.calls(0),
    "hedge_win_rate": lambda w: sum(t["cause"] == 4 and t["outcome"] == 0 for t in w.attempts) / w.causes(4),
    "hedge_cost_share": lambda w: (
        sum(t["cost"] for t in w.attempts if t["cause"] == 4) / sum(t["cost"] for t in w.attempts)
    ),
    "retries_refused_rate": lambda w: w.refused(),
    "throttled_rate": lambda w: sum(t["outcome"] == Kind.THROTTLED for t in w.attempts) / len(w.attempts),
    "breaker_openings": lambda w: sum(0 <= b["time"] < HORIZON for b in w.openings) / w.runs,
    "breaker_open_share": lambda w: w.open_share(),
    "bypass_rate": lambda w: sum(t["marks"] & 2 != 0 for t in w.attempts) / w.sent(),
    "shed_rate": lambda w: sum(a["reason"] == Kind.SHED for a in w.ended) / len(w.ended),
    "human_rate": lambda w: sum(a["reason"] == Kind.HUMAN for a in w.ended) / len(w.ended),
    "human_time_mean": lambda w: fmean(took for _, took in w.people()),
    "human_wait_p95": lambda w: w.people_wait(),
    "human_busy_share": lambda w: w.people_busy(),
    "reload_rate": lambda w: sum(a["action"] >> 33 & 15 > 0 for a in w.actions) / len(w.actions),
    "actions_per_question": lambda w: len(w.actions) / sum(a["action"] >> 33 & 15 == 0 for a in w.actions),
    "pages_per_month": None,  # by hand in test_alerts.py
    "time_to_detect_p50": None,
    "undetected_incidents_share": None,
}


def test_every_metric_of_the_design_is_here_with_unit_and_help():
    assert set(METRICS) - {one.name for one in ECONOMY} == set(NAIVE)  # the others: test_metrics_economy.py
    assert set(METRICS) == set(expectations.METRICS)
    for metric in METRICS.values():
        assert metric.help.endswith(".")
        assert metric.unit in {"share", "s", "USD", "1/s", "tokens", "count", "number"}
    alike = {"per_s": "1/s", "count": ("count", "tokens")}
    for name, unit in expectations.METRICS.items():
        assert METRICS[name].unit in alike.get(unit, unit)


@pytest.mark.parametrize("name", [name for name, formula in NAIVE.items() if formula])
def test_every_metric_equals_its_naive_witness(name):
    expected = NAIVE[name](Witness(LOGS))
    found = METRICS[name].formula(evidence()).value
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-12))


@pytest.mark.parametrize("name", ["success_rate", "good_rate", "cost_per_action", "attempts_per_call", "latency_mean"])
def test_ratios_have_the_interval_of_a_naive_jackknife(name):
    found, formula = METRICS[name].formula(evidence()), NAIVE[name]
    without = np.array([formula(Witness([log for log in LOGS if log is not left])) for left in LOGS])
    error = sqrt(3 / 4 * ((without - without.mean()) ** 2).sum())
    half = stats.t.ppf(0.975, 3) * error
    assert found.high - found.value == pytest.approx(half, rel=1e-9)
    assert found.value - found.low == pytest.approx(half, rel=1e-9)


def test_the_interval_of_the_top_share_is_close_to_that_of_a_full_jackknife():
    found = METRICS["top1pct_cost_share"].formula(evidence())
    without = np.array(
        [
            METRICS["top1pct_cost_share"].formula(evidence([one for one in LOGS if one is not left])).value
            for left in LOGS
        ]
    )
    half = stats.t.ppf(0.975, 3) * sqrt(3 / 4 * ((without - without.mean()) ** 2).sum())
    assert found.high - found.low == pytest.approx(2 * half, rel=0.25)


def test_rates_add_up_to_one():
    found = evaluate(evidence())
    rates = [found[f"{name}_rate"].value for name in ("ok", "degraded", "failed", "rejected", "abandoned")]
    assert sum(rates) == pytest.approx(1, abs=1e-12)
    assert found["success_rate"].value == pytest.approx(rates[0] + rates[1], abs=1e-12)


def test_every_interval_holds_its_value():
    for name, estimate in evaluate(evidence()).items():
        if estimate.low is not None:
            assert estimate.low <= estimate.value, name
        if estimate.high is not None:
            assert estimate.value <= estimate.high, name


ABSENT = {
    "good_rate": {"models": PLAN.models._replace(quality=np.full((2, 2, 2), np.nan))},
    "cost_per_good_action": {"models": PLAN.models._replace(quality=np.full((2, 2, 2), np.nan))},
    "cost_per_user_month": {"people": PLAN.people._replace(number=ints(0, 0))},
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
