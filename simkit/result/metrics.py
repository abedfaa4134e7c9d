"""Every metric by name: its unit, what it means, and how it is computed from the evidence."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from simkit.plan.plan import NEVER
from simkit.result.evidence import PICO, Evidence
from simkit.result.slo import all_objectives, budget_left, burn_rate
from simkit.result.statistics import Estimate, jackknife, mean, missing

MONTH_HOURS = 730
"""A month of money, as clouds bill it: 365 days / 12."""
HOUR_NS = 3_600_000_000_000
Formula = Callable[[Evidence], Estimate]


@dataclass(frozen=True)
class Metric:
    """A figure that a run is judged by."""

    name: str
    unit: str
    help: str
    formula: Formula


METRICS: dict[str, Metric] = {}


def _add(name: str, unit: str, help_text: str, formula: Formula) -> None:
    METRICS[name] = Metric(name, unit, help_text, formula)


def evaluate(evidence: Evidence) -> dict[str, Estimate]:
    """Every metric. What does not apply is missing with a note, never 0."""
    return {name: metric.formula(evidence) for name, metric in METRICS.items()}


def _ratio(numerator: str, denominator: str, why: str, factor: float = 1.0) -> Formula:
    return lambda evidence: evidence.ratio(numerator, denominator, why).scaled(factor)


def _share(numerator: str, denominator: str, why: str) -> Formula:
    return lambda evidence: evidence.share(numerator, denominator, why)


def _percentile(sample: str, p: float) -> Formula:
    return lambda evidence: _warned(evidence, evidence.percentile(sample, p))


def _warned(evidence: Evidence, estimate: Estimate) -> Estimate:
    """Latencies are of served actions: say so where more than 1 % were not."""
    ended, served = evidence.total("ended"), evidence.total("served")
    if estimate.value is None or ended - served <= 0.01 * ended:
        return estimate
    note = f"of served actions only: {1 - served / ended:.2%} were not"
    return replace(estimate, note="; ".join(filter(None, (estimate.note, note))))


def _never(note: str) -> Formula:
    return lambda _: missing(note)


def _only_if(applies: Callable[[Evidence], bool], note: str, formula: Formula) -> Formula:
    return lambda evidence: formula(evidence) if applies(evidence) else missing(note)


def has_queues(evidence: Evidence) -> bool:
    """Can an action wait for a slot of anything?"""
    plan = evidence.plan
    return bool((plan.service.workers < NEVER).any() or (plan.deployments.concurrency < NEVER).any())


def has_quality(evidence: Evidence) -> bool:
    """Does any model say how often it is right, and was an answer judged (or none given at all)?"""
    judged = evidence.total("judged") > 0 or evidence.total("served") == 0
    return judged and bool(np.isfinite(evidence.plan.models.quality).any())


def has_prompt_cache(evidence: Evidence) -> bool:
    """Is a prompt cache modelled, or recorded in the trace?"""
    plan = evidence.plan
    return bool((plan.policy.cache_hit_rate > 0).any() or (plan.arrivals.trace_cached > 0).any())


def _good_rate(evidence: Evidence) -> Estimate:
    """Good / (ended - served but not judged)."""
    good, ended = evidence.rows("good"), evidence.rows("ended") - evidence.rows("served") + evidence.rows("judged")
    below = evidence.total("ended") - evidence.total("served") + evidence.total("judged")
    if not below:
        return missing("no action ended")
    return jackknife(evidence.total("good") / below, good, ended, evidence.level).within(0.0, 1.0)


def _a_month(evidence: Evidence) -> Estimate:
    return evidence.ratio("spent", "runs").scaled(PICO * MONTH_HOURS * HOUR_NS / evidence.plan.horizon)


def _a_user(evidence: Evidence) -> Estimate:
    return _a_month(evidence).scaled(1 / evidence.users())


def _throughput(evidence: Evidence) -> Estimate:
    return evidence.ratio("served", "runs").scaled(1e9 / evidence.plan.horizon)


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


NO_END = "no action ended"
NO_SUCCESS = "no action succeeded"
NO_ATTEMPT = "no attempt was made"
NO_CALL = "no call was made"

_add("actions", "count", "Measured actions: those that arrive within the horizon.", _ratio("arrived", "runs", ""))
_add("success_rate", "share", "(ok + degraded) / ended.", _share("served", "ended", NO_END))
_add("ok_rate", "share", "Ended as asked for / ended.", _share("ok", "ended", NO_END))
_add("degraded_rate", "share", "Ended with a lesser answer / ended.", _share("degraded", "ended", NO_END))
_add("failed_rate", "share", "Failed / ended.", _share("failed", "ended", NO_END))
_add("rejected_rate", "share", "Turned away (queue full, quota, budget) / ended.", _share("rejected", "ended", NO_END))
_add("abandoned_rate", "share", "Given up by the user / ended.", _share("abandoned", "ended", NO_END))
_add(
    "good_rate", "share", "Right for the user / ended (what nobody judges is left out).",
    _only_if(has_quality, "no quality is given for the models", _good_rate),
)  # fmt: skip
_add("throughput", "1/s", "Successful actions a second of the horizon.", _throughput)
_add(
    "latency_mean", "s", "From arrival to outcome, mean of served actions.",
    lambda e: _warned(e, e.ratio("latency", "served", NO_SUCCESS).scaled(1e-9)),
)  # fmt: skip
for _label, _p in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)):
    _text = f"From arrival to outcome: {_p * 100:g} % of served actions take at most this (nearest rank)."
    _add(f"latency_{_label}", "s", _text, _percentile("latency", _p))
for _label, _p in (("p50", 0.5), ("p95", 0.95)):
    _text = f"From arrival to the first token seen: {_p * 100:g} % of served actions take at most this."
    _add(f"ttft_{_label}", "s", _text, _percentile("ttft", _p))
_add(
    "queue_wait_p95", "s", "Waiting in queues (own service and deployments): 95 % of served actions wait at most this.",
    _only_if(has_queues, "nothing has a queue: workers and concurrency are unlimited", _percentile("waited", 0.95)),
)  # fmt: skip
_add("slo_compliance", "share", "Actions that meet every objective / ended.", all_objectives)
_add(
    "error_budget_left",
    "share",
    "Least over objectives of 1 - bad / ((1 - target) x ended x max(1, window / horizon)).",
    budget_left,
)
_add(
    "burn_rate",
    "count",
    "Most over objectives of (bad / ended) / (1 - target): 1 uses up the budget exactly.",
    burn_rate,
)
_add(
    "cost_total",
    "USD",
    "All cost of the measured actions, and the own service's over the horizon.",
    _ratio("spent", "runs", "", PICO),
)
_add("cost_per_action", "USD", "All cost / successful actions.", _ratio("spent", "served", NO_SUCCESS, PICO))
_add(
    "cost_per_good_action", "USD", "All cost / good actions.",
    _only_if(has_quality, "no quality is given for the models", _ratio("spent", "good", "no action was good", PICO)),
)  # fmt: skip
_add("cost_per_month", "USD", "All cost at this rate for 730 hours.", _a_month)
_add(
    "cost_per_user_month", "USD", "cost_per_month / daily active users.",
    _only_if(lambda e: e.users() > 0, "users are not modelled", _a_user),
)  # fmt: skip
_add(
    "wasted_cost_share", "share", "Cost of attempts that failed or whose action was not served / cost of all attempts.",
    _share("wasted", "cost", "nothing was spent on models"),
)  # fmt: skip
_add("top1pct_cost_share", "share", "Share of the models' cost that the dearest 1 % of actions make.", _top_share)
_add("tokens_in", "tokens", "Input tokens billed, of all attempts.", _ratio("tokens_in", "runs", ""))
_add("tokens_out", "tokens", "Output tokens billed, of all attempts.", _ratio("tokens_out", "runs", ""))
_add(
    "cached_token_share", "share", "Billed input tokens that were read from the prompt cache / billed input tokens.",
    _only_if(has_prompt_cache, "there is no prompt cache", _share("tokens_cached", "tokens_in", "no token was billed")),
)  # fmt: skip
_add("exact_hit_rate", "share", "Calls answered by the exact cache / calls.", _never("there is no exact cache"))
_add(
    "semantic_hit_rate", "share", "Calls answered by the semantic cache / calls.", _never("there is no semantic cache")
)
_add(
    "attempts_per_call", "count", "Attempts / calls (each repetition is a call).", _ratio("attempts", "calls", NO_CALL)
)
_add(
    "retry_rate", "share", "Attempts that are retries / attempts.",
    _only_if(lambda e: bool((e.plan.policy.max_retries > 0).any()), "there are no retries", _share("retries", "attempts", NO_ATTEMPT)),
)  # fmt: skip
_add(
    "fallback_rate", "share", "Calls that went on to a fallback model / calls.",
    _only_if(lambda e: bool((e.plan.models.fallback >= 0).any()), "there is no fallback model", _share("fallbacks", "calls", NO_CALL)),
)  # fmt: skip
_add(
    "rate_limited_rate", "share", "Attempts refused by a rate limit / attempts.",
    _only_if(lambda e: len(e.plan.names.limits) > 0, "there is no rate limit", _share("attempts_rate_limit", "attempts", NO_ATTEMPT)),
)  # fmt: skip
_add("limit_peak_use", "share", "Demand / limit in the busiest minute, most over all limits.", _peak_use)
_add(
    "escalation_rate", "share", "Calls that escalated / calls of routes with a cascade.",
    _only_if(lambda e: bool((e.plan.routes.next_model >= 0).any()), "there is no cascade", _share("escalated", "cascades", NO_CALL)),
)  # fmt: skip
