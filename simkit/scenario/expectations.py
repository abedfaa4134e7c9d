"""Expectations on metrics: `cost_per_action <= $0.004`, `good_rate >= 93%`, `latency_p95 < 5s`."""

import re
from typing import Literal, NamedTuple, cast

from simkit.scenario.errors import Invalid, listing, nearest
from simkit.scenario.units import DOLLAR, SECOND, parse_count, parse_duration, parse_money, parse_rate, parse_share

Operator = Literal["<=", "<", ">=", ">"]
Unit = Literal["share", "s", "USD", "count", "per_s", "number"]

METRICS: dict[str, Unit] = {
    "actions": "count", "success_rate": "share", "ok_rate": "share", "degraded_rate": "share",
    "failed_rate": "share", "rejected_rate": "share", "abandoned_rate": "share", "good_rate": "share",
    "throughput": "per_s", "latency_mean": "s", "latency_p50": "s", "latency_p90": "s", "latency_p95": "s",
    "latency_p99": "s", "latency_p999": "s", "ttft_p50": "s", "ttft_p95": "s", "queue_wait_p95": "s",
    "slo_compliance": "share", "error_budget_left": "share", "burn_rate": "number", "cost_total": "USD",
    "cost_per_action": "USD", "cost_per_good_action": "USD", "cost_per_month": "USD",
    "cost_per_user_month": "USD", "wasted_cost_share": "share", "top1pct_cost_share": "share",
    "tokens_in": "count", "tokens_out": "count", "cached_token_share": "share", "exact_hit_rate": "share",
    "semantic_hit_rate": "share",
    "cache_served_share": "share", "false_hit_rate": "share", "joined_rate": "share", "lookup_cost": "USD",
    "tool_cost": "USD", "written_token_share": "share", "prompt_cache_saving": "share",
    "history_token_share": "share", "retrieved_token_share": "share", "reasoning_token_share": "share",
    "truncated_rate": "share", "turns_per_conversation": "number", "quota_rejected_rate": "share",
    "budget_rejected_rate": "share", "cheaper_rate": "share", "budget_overshoot": "share", "tiers_reached": "number",
    "batch_cost_share": "share", "held_hours_p50": "number", "attempts_per_call": "number", "retry_rate": "share",
    "fallback_rate": "share", "rate_limited_rate": "share", "limit_peak_use": "share", "escalation_rate": "share",
    "amplification": "number", "attempts_per_action_p99": "number", "timeout_rate": "share",
    "cancelled_attempts_per_call": "number", "stream_failure_rate": "share", "backoff_wait_mean": "s",
    "gave_up_rate": "share", "hedge_rate": "share", "hedge_cost_share": "share", "bypass_rate": "share",
    "human_time_mean": "s", "human_wait_p95": "s", "human_busy_share": "share", "actions_per_question": "number",
    "hedge_win_rate": "share", "retries_refused_rate": "share", "throttled_rate": "share",
    "breaker_openings": "count", "breaker_open_share": "share", "shed_rate": "share", "human_rate": "share",
    "reload_rate": "share", "pages_per_month": "number", "time_to_detect_p50": "s",
    "undetected_incidents_share": "share", "region_down_rate": "share", "residency_rate": "share",
    "residency_breaches": "count", "network_mean": "s", "failover_time": "s", "replicas_mean": "number",
    "replica_hours": "number", "headroom_cost_share": "share", "daily_active_users": "number",
    "daily_active_end": "number", "active_users_end": "number", "signups": "number", "activation_rate": "share",
    "first_success_5min_rate": "share", "let_down_rate": "share", "retention_4w": "share", "driven_away_rate": "share",
    "revenue_per_month": "USD", "gross_margin": "share", "cash_end": "USD", "runway_months": "number",
    "value_per_dollar": "number",
}  # fmt: skip
"""Metrics and their units, as `run --json` names them."""

_FORM = "METRIC OPERATOR VALUE with <=, <, >= or >, e.g. cost_per_action <= $0.004"
_PATTERN = re.compile(r"\s*([A-Za-z]\w*)\s*(<=|>=|<|>)\s*(.+?)\s*")


class Expectation(NamedTuple):
    """A bound on a metric."""

    metric: str
    operator: Operator
    value: float
    """Rates as fractions, times in seconds, money in USD."""


def parse_expectation(text: str) -> Expectation:
    """The expectation that a text says. Raises `Invalid`."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise Invalid("This expectation is not understood.", _FORM)
    metric, operator, value = match.groups()
    if metric not in METRICS:
        raise Invalid(f"There is no metric `{metric}`.", listing(list(METRICS), metric), nearest(metric, METRICS))
    try:
        number = _base_units(METRICS[metric], value)
    except Invalid as error:
        raise Invalid(f"`{value}`: {error.message}", error.allowed, error.hint) from None
    return Expectation(metric, cast(Operator, operator), number)


def _base_units(unit: Unit, value: str) -> float:
    if unit == "share":
        return _share(value)
    if unit == "s":
        return parse_duration(value) / SECOND
    if unit == "USD":
        return parse_money(value) / DOLLAR
    if unit == "per_s":
        return parse_rate(value)
    return float(parse_count(value)) if unit == "count" else _number(value)


def _share(value: str) -> float:
    """A share; unlike one in a file it may be negative or above 100% (an overspent budget, a limit's peak use)."""
    match = re.fullmatch(r"(-?)\s*(\d{1,6}(?:\.\d+)?)\s*%", value)
    if match is None:
        return parse_share(value)
    percent = float(match[2])
    return (-1 if match[1] else 1) * (parse_share(value.lstrip("- ")) if percent <= 100 else percent / 100)


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise Invalid("This is not a number.", "a number, e.g. 1.5") from None
    if not abs(number) < 1e15:
        raise Invalid("This is not a finite number.", "a number, e.g. 1.5")
    return number


__all__ = ["METRICS", "Expectation", "Operator", "Unit", "parse_expectation"]
