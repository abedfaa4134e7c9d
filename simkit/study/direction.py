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
)
HIGHER_IS_BETTER = ("success", "good_rate", "slo", "budget", "throughput", "ok_rate", "hit_rate", "cached")


def direction(metric: str) -> int:
    """-1 where less is better, 1 where more is better, 0 where neither."""
    if any(word in metric for word in HIGHER_IS_BETTER) and metric != "cost_per_good_action":
        return 1
    return -1 if any(word in metric for word in LOWER_IS_BETTER) else 0
