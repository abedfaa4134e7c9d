"""Every metric against a naive witness over the rows of the logs, and the intervals of several runs."""

from collections import Counter, defaultdict
from math import ceil, sqrt
from statistics import fmean

import numpy as np
import pytest
from metric_cases import LOGS, PLAN, evidence
from scipy import stats
from synthetic_log import HORIZON, SECOND, rows_of

from simkit.engine.codes import Kind
from simkit.result.metrics import METRICS, evaluate
from simkit.result.metrics_economy import METRICS as ECONOMY
from simkit.result.metrics_growth import METRICS as GROWTH
from simkit.result.metrics_regions import METRICS as REGIONS
from simkit.scenario import expectations

MONTHS = 730 * 3600 * SECOND / HORIZON
USERS = (90 * 4 + 120 * 2) / 6  # the epochs hold 4 and 2 of the 6 hours


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
    "limit_peak_use": None,  # by hand in test_bottlenecks.py, naively in test_tally_limits.py
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
    others = {one.name for one in (*ECONOMY, *REGIONS, *GROWTH)}  # they have tests of their own
    assert set(METRICS) - others == set(NAIVE)
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
