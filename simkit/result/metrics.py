"""Every metric by name: its unit, what it means, and how it is computed from the evidence."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from simkit.plan.plan import NEVER
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.metric import (
    HOUR_NS,
    MAY_BE_LESS,
    MONTH_HOURS,
    NO_ATTEMPT,
    NO_CALL,
    NO_END,
    Formula,
    Metric,
    only_if,
    ratio,
    share,
)
from simkit.result.metrics_economy import METRICS as ECONOMY
from simkit.result.metrics_growth import METRICS as GROWTH
from simkit.result.metrics_regions import METRICS as REGIONS
from simkit.result.metrics_resilience import METRICS as RESILIENCE
from simkit.result.metrics_resilience import has_retries
from simkit.result.slo import all_objectives, budget_left, burn_rate
from simkit.result.statistics import Estimate, jackknife, mean, missing
from simkit.result.words import percent


def _percentile(sample: str, p: float) -> Formula:
    return lambda evidence: _warned(evidence, evidence.percentile(sample, p))


def _warned(evidence: Evidence, estimate: Estimate) -> Estimate:
    """Latencies are of served actions: say so where more than 1 % were not."""
    ended, served = evidence.total("ended"), evidence.total("served")
    if estimate.value is None or ended - served <= 0.01 * ended:
        return estimate
    note = f"of served actions only: {percent(1 - served / ended)} were not"
    return replace(estimate, note="; ".join(filter(None, (estimate.note, note))))


def _if(applies: Callable[[Evidence], bool], formula: Formula) -> Formula:
    return only_if(applies, formula, ABSENT[applies])


def has_queues(evidence: Evidence) -> bool:
    """Can an action wait for a slot of anything?"""
    plan = evidence.plan
    return bool((plan.service.workers < NEVER).any() or (plan.deployments.concurrency < NEVER).any())


def has_quality(evidence: Evidence) -> bool:
    """Does any model say how often it is right, and was an answer judged (or none given at all)?"""
    judged = evidence.total("judged") > 0 or evidence.total("served") == 0
    return judged and bool(np.isfinite(evidence.plan.models.quality).any())


def has_users(evidence: Evidence) -> bool:
    """Are users modelled?"""
    return evidence.users() > 0


def has_fallback(evidence: Evidence) -> bool:
    """Has any model a fallback?"""
    return bool((evidence.plan.models.fallback >= 0).any())


def has_rate_limit(evidence: Evidence) -> bool:
    """Is there a token bucket?"""
    return len(evidence.plan.names.limits) > 0


def has_cascade(evidence: Evidence) -> bool:
    """Has any route a cascade?"""
    return bool((evidence.plan.routes.next_model >= 0).any())


def _good_rate(evidence: Evidence) -> Estimate:
    """Good / (ended - served but not judged): as the objective `good` counts."""
    good, ended = evidence.rows("good"), evidence.rows("ended") - evidence.rows("served") + evidence.rows("judged")
    below = evidence.total("ended") - evidence.total("served") + evidence.total("judged")
    if not below:
        return missing("no action ended")
    return jackknife(evidence.total("good") / below, good, ended, evidence.level).within(0.0, 1.0)


def _a_month(evidence: Evidence) -> Estimate:
    return evidence.ratio("spent", "runs").per(DOLLAR * evidence.plan.horizon / (MONTH_HOURS * HOUR_NS))


def _a_user(evidence: Evidence) -> Estimate:
    return _a_month(evidence).per(evidence.users())


def _throughput(evidence: Evidence) -> Estimate:
    return evidence.ratio("served", "runs").per(evidence.plan.horizon / 1e9)


def _latency_mean(evidence: Evidence) -> Estimate:
    return _warned(evidence, evidence.ratio("latency", "timed", NO_SUCCESS).per(1e9))


def _top_share(evidence: Evidence) -> Estimate:
    """Share of the cost that the dearest 1 % make, with the threshold q (their cheapest) held for the interval.

    Cost of the top = sum of (cost - q)+ plus q for each of them; its derivative by q is 0, so a jackknife with
    q fixed is right to first order.
    """
    pool = evidence.pooled("cost")
    if not pool.n or not pool.sum:
        return missing("nothing was spent")
    threshold = pool.percentile(0.99) or 0
    samples = [one.samples["cost"] for one in evidence.tallies]
    tops = np.array([float(one.excess(threshold)) + 0.01 * one.n * threshold for one in samples])
    value = (pool.excess(threshold) + 0.01 * pool.n * threshold) / pool.sum
    return jackknife(value, tops, np.array([float(one.sum) for one in samples]), evidence.level).within(0.0, 1.0)


def _peak_use(evidence: Evidence) -> Estimate:
    """The highest of all limits' busiest minutes, each the mean over replications."""
    uses = [
        mean([one.limits[i].peak_use for one in evidence.tallies], evidence.level)
        for i in range(len(evidence.tallies[0].limits))
    ]
    return max(uses, key=lambda use: use.value or 0.0, default=missing("there is no limit"))


ABSENT: dict[Callable[[Evidence], bool], str] = {
    has_queues: "nothing has a queue: workers and concurrency are unlimited",
    has_quality: "no quality is given for the models",
    has_users: "users are not modelled",
    has_retries: "there are no retries",
    has_fallback: "there is no fallback model",
    has_rate_limit: "there is no rate limit",
    has_cascade: "there is no cascade",
}
NO_SUCCESS = "no action succeeded"
NO_COST = "nothing was spent on models"

_OUTCOMES = (
    Metric("actions", "count", "Measured actions: those that arrive within the horizon.", ratio("arrived", "runs", "")),
    Metric("success_rate", "share", "(ok + degraded) / ended.", share("served", "ended", NO_END)),
    Metric("ok_rate", "share", "Ended as asked for / ended.", share("ok", "ended", NO_END)),
    Metric("degraded_rate", "share", "Ended with a lesser answer / ended.", share("degraded", "ended", NO_END)),
    Metric("failed_rate", "share", "Failed / ended.", share("failed", "ended", NO_END)),
    Metric(
        "rejected_rate",
        "share",
        "Turned away / ended.",
        share("rejected", "ended", NO_END),
    ),
    Metric("abandoned_rate", "share", "Given up by the user / ended.", share("abandoned", "ended", NO_END)),
    Metric(
        "good_rate",
        "share",
        "Right for the user / ended; served but unjudged actions are left out of both.",
        _if(has_quality, _good_rate),
    ),
    Metric("throughput", "1/s", "Successful actions a second of the horizon.", _throughput),
)
_TIMES = (
    Metric("latency_mean", "s", "From arrival to outcome: mean of served actions.", _latency_mean),
    *(
        Metric(
            f"latency_{label}", "s", f"From arrival to outcome: {p * 100:g} % of served actions take at most this.",
            _percentile("latency", p),
        )
        for label, p in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999))
    ),
    *(
        Metric(
            f"ttft_{label}", "s", f"From arrival to first token: {p * 100:g} % of served actions wait at most this.",
            _percentile("ttft", p),
        )
        for label, p in (("p50", 0.5), ("p95", 0.95))
    ),
    Metric(
        "queue_wait_p95", "s", "In queues (own service, deployments): 95 % of served actions wait at most this.",
        _if(has_queues, _percentile("waited", 0.95)),
    ),
)  # fmt: skip
_PROMISES = (
    Metric("slo_compliance", "share", "Actions that meet every objective / ended.", all_objectives),
    Metric(
        "error_budget_left", "share",
        "Least over objectives of 1 - bad / ((1 - target) x ended x max(1, window / horizon)).", budget_left,
    ),
    Metric("burn_rate", "number", "Most over objectives of (bad / ended) / (1 - target).", burn_rate),
)  # fmt: skip
_MONEY = (
    Metric(
        "cost_total", "USD", "All cost of measured actions, people and own service.",
        ratio("spent", "runs", "", DOLLAR),
    ),
    Metric("cost_per_action", "USD", "All cost / successful actions.", ratio("spent", "served", NO_SUCCESS, DOLLAR)),
    Metric(
        "cost_per_good_action", "USD", "All cost / good actions.",
        _if(has_quality, ratio("spent", "good", "no action was good", DOLLAR)),
    ),
    Metric("cost_per_month", "USD", "All cost at this rate for 730 hours.", _a_month),
    Metric("cost_per_user_month", "USD", "cost_per_month / daily active users.", _if(has_users, _a_user)),
    Metric(
        "wasted_cost_share", "share", "Cost of attempts that failed or whose action was not served / of all attempts.",
        share("wasted", "cost", NO_COST),
    ),
    Metric("top1pct_cost_share", "share", "Models' cost of the dearest 1 % of actions / of all.", _top_share),
)  # fmt: skip
_TOKENS = (
    Metric("tokens_in", "tokens", "Input tokens billed, of all attempts.", ratio("tokens_in", "runs", "")),
    Metric("tokens_out", "tokens", "Output tokens billed, of all attempts.", ratio("tokens_out", "runs", "")),
)
_USE = (
    Metric("attempts_per_call", "number", "Attempts / calls.", ratio("attempts", "calls", NO_CALL)),
    Metric(
        "retry_rate", "share", "Retries (of gateway and client) / attempts.",
        _if(has_retries, share("retries", "attempts", NO_ATTEMPT)),
    ),
    Metric(
        "fallback_rate", "share", "Calls that went on to a fallback model / calls.",
        _if(has_fallback, share("fallbacks", "calls", NO_CALL)),
    ),
    Metric(
        "rate_limited_rate", "share", "Attempts refused by a rate limit / attempts.",
        _if(has_rate_limit, share("attempts_rate_limit", "attempts", NO_ATTEMPT)),
    ),
    Metric("limit_peak_use", "share", "Demand / limit in the busiest minute, most over all limits.", _peak_use),
    Metric(
        "escalation_rate", "share", "Calls that escalated / calls of routes with a cascade.",
        _if(has_cascade, share("escalated", "cascades", NO_CALL)),
    ),
)  # fmt: skip
_ALL = (*_OUTCOMES, *_TIMES, *_PROMISES, *_MONEY, *_TOKENS, *ECONOMY, *_USE, *RESILIENCE, *REGIONS, *GROWTH)
METRICS: dict[str, Metric] = {one.name: one for one in _ALL}
"""Every metric, in the order of tables."""
__all__ = ["MAY_BE_LESS", "METRICS", "evaluate"]


def evaluate(evidence: Evidence) -> dict[str, Estimate]:
    """Every metric. What does not apply is missing with a note, never 0."""
    return {name: metric.evaluate(evidence) for name, metric in METRICS.items()}
