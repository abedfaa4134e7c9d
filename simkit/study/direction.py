"""Which way of a metric is the better one."""

LOWER_IS_BETTER = (
    "cost",
    "latency",
    "ttft",
    "wait",
    "failed",
    "rejected",
    "abandoned",
    "burn",
    "wasted",
    "retry",
    "limit",
    "top1",
    "amplification",
    "attempts_per",
    "timeout",
    "throttled",
    "breaker",
    "shed",
    "human",
    "reload",
    "pages",
    "detect",
    "cancelled",
    "stream_failure",
    "gave_up",
    "bypass",
    "per_question",
    "overshoot",
    "truncated",
)
HIGHER_IS_BETTER = ("success", "good_rate", "slo", "budget_left", "throughput", "ok_rate", "hit_rate", "cached")
EXCEPTIONS = {"false_hit_rate": -1, "batch_cost_share": 0}
"""Metrics whose name has a word of the other kind."""


def direction(metric: str) -> int:
    """-1 where less is better, 1 where more is better, 0 where neither."""
    if metric in EXCEPTIONS:
        return EXCEPTIONS[metric]
    if any(word in metric for word in HIGHER_IS_BETTER):
        return 1
    return -1 if any(word in metric for word in LOWER_IS_BETTER) else 0
