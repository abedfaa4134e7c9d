"""Presets of clients and gateways: what real systems do by default, by name and version, with source and date.

Each states what differs from `NEUTRAL`, and in `left_out` what of the real thing it cannot say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from simkit.scenario.errors import Invalid, listing, nearest
from simkit.scenario.units import Quantity

KINDS = (
    "rate_limit", "quota_exhausted", "overloaded", "server_error", "timeout", "connection", "bad_request",
    "content_filter", "too_large", "stream_broken", "malformed", "no_deployment", "throttled",
)  # fmt: skip


def all_but(*kinds: str) -> list[str]:
    """All failure kinds but some."""
    return [kind for kind in KINDS if kind not in kinds]


@dataclass(frozen=True)
class Preset:
    """The settings of a layer that a real system has."""

    name: str
    version: str
    source: str
    date: str
    """When the source was read."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """As a scenario writes them."""
    left_out: str = ""
    """What the real thing does besides."""

    @property
    def id(self) -> str:
        """`NAME@VERSION`"""
        return f"{self.name}@{self.version}"


NEUTRAL: dict[str, Any] = {
    "timeout": "none",
    "first_token_timeout": "none",
    "idle_timeout": "none",
    "call_timeout": "none",
    "max_retries": 0,
    "retry_at": "any",
    "backoff": {"initial": "0s", "factor": 1, "max": "0s", "jitter": "none", "skip_with_peer": False},
    "retry_after": "0s",
    "retry_after_rule": "longer",
    "retry_after_beyond": "backoff",
    "retry_after_unit": "0s",
    "deadline_aware": False,
    "retry_while_open": True,
    "wait_after_last": False,
    "stream_failure": "fail",
    "error_told": "last",
    "balance": "weighted",
    "replicas": 1,
    "retry_budget": "none",
    "hedge": "none",
    "breaker": "none",
    "throttle": "none",
}
"""A layer that does nothing of its own; `retry_on`, `fallback_on` and `max_fallbacks` are left out."""

BREAKER: dict[str, Any] = {
    "scope": "deployment",
    "counts": ["overloaded", "server_error", "timeout", "connection", "stream_broken", "malformed"],
    "others": "ignored",
    "rates": [],
    "at_once": [],
    "at_once_with_peer": False,
    "outliers": "none",
    "window": "60s",
    "window_kind": "sliding",
    "forget": True,
    "cooldown": "30s",
    "cooldown_growth": False,
    "cooldown_from_retry_after": False,
    "probes": 3,
    "max_open": "100%",
    "panic": "0%",
    "panic_scope": "model",
}
OUTLIERS: dict[str, Any] = {"deviations": 1.9, "hosts": 5, "requests": 100}
BUDGET: dict[str, Any] = {"cap": 1000, "first_try": 20, "retry": 100, "success": 0, "refund": False}
THROTTLE: dict[str, Any] = {"k": 2, "window": "2min", "rejects": ["rate_limit", "overloaded"]}
"""A breaker (with its comparison of outliers), retry budget and throttle written by hand: what they leave out."""

SDK_BACKOFF = {"initial": "0.5s", "factor": 2, "max": "8s", "jitter": {"low": "75%", "high": "100%"}}

PRESETS = (
    Preset("none", "1", "no client: nothing is tried again", "2026-11", {"deadline_aware": True}),
    Preset(
        "openai_sdk", "3", "openai 3.54.0, _constants.py and _base_client.py", "2026-11",
        {
            "timeout": "600s",
            "max_retries": 2,
            "backoff": SDK_BACKOFF,
            "retry_after": "120s",
            "retry_after_rule": "instead",
            "retry_after_beyond": "give_up",
        },
        "The 600 s hold for each read, not for the whole request; x-should-retry overrides the status.",
    ),
    Preset(
        "openai_sdk", "1", "openai-python 1.x, _constants.py and _base_client.py", "2026-11",
        {"timeout": "600s", "max_retries": 2, "backoff": SDK_BACKOFF, "retry_after": "60s"},
    ),
    Preset(
        "anthropic_sdk", "2", "anthropic 2.12.0, _constants.py and _base_client.py", "2026-11",
        {
            "timeout": "600s",
            "max_retries": 2,
            "backoff": SDK_BACKOFF,
            "retry_after": "4294967s",
            "retry_after_rule": "instead",
        },
    ),
    Preset(
        "litellm", "1.109", "litellm 1.109.1, router.py, router_utils/cooldown_handlers.py, utils.py", "2026-11",
        {
            "timeout": "600s",
            "max_retries": 2,
            "retry_on": [
                "rate_limit", "quota_exhausted", "overloaded", "server_error", "timeout", "connection", "stream_broken",
            ],
            "backoff": {**SDK_BACKOFF, "jitter": {"add": "750ms"}, "skip_with_peer": True},
            "retry_after": "60s",
            "retry_after_rule": "instead",
            "retry_after_unit": "1s",
            "retry_while_open": False,
            "wait_after_last": True,
            "stream_failure": "fall_back",
            "fallback_on": all_but("bad_request", "malformed"),
            "max_fallbacks": 5,
            "error_told": "first",
            "breaker": {
                "counts": all_but("malformed", "no_deployment", "throttled"),
                "trips_on": [
                    "rate_limit", "quota_exhausted", "overloaded", "server_error", "timeout", "connection",
                    "stream_broken",
                ],
                "rates": [{"more_than": "50%", "of": 5, "with_peer": True}, {"at_least": "100%", "of": 1000}],
                "at_once": ["rate_limit", "quota_exhausted"],
                "at_once_with_peer": True,
                "window_kind": "fixed",
                "forget": False,
                "cooldown": "5s",
                "cooldown_from_retry_after": True,
                "probes": 0,
            },
        },
        "Successes and failures have windows that begin apart; broken connections cool nothing at Azure, OpenRouter "
        "and Ollama, nor does a timeout that the caller sends along; a Retry-After that a provider sends in fractions "
        "of a second is none (here it is rounded up to whole ones); copies that share Redis know of each other's "
        "cooldowns a second late; 401, 404 and 402; allowed_fails by exception; a fallback after a broken stream "
        "continues the text.",
    ),
    Preset(
        "portkey", "2026-09",
        "Portkey gateway, retryHandler.ts and handlerUtils.ts at 00d58ce5; its documentation's example", "2026-11",
        {
            "max_retries": 5,
            "retry_on": ["rate_limit", "quota_exhausted", "overloaded", "server_error", "connection"],
            "retry_at": "same",
            "backoff": {"initial": "1s", "factor": 2, "max": "16s"},
            "retry_after_beyond": "give_up",
            "fallback_on": all_but("malformed"),
            "breaker": {
                "counts": ["overloaded", "server_error", "connection"],
                "others": "healthy",
                "rates": [{"more_than": "20%", "of": 10}],
                "window_kind": "fixed",
                "cooldown": "60s",
                "probes": 0,
                "panic": "1%",
                "panic_scope": "chain",
            },
        },
        "A bare gateway neither retries nor breaks: thresholds are of its documentation's example, with "
        "failure_status_codes left at their default. By its words that is all above 500, so a plain 500 counts for "
        "nothing (of the 5xx, `server_error` cannot tell it from 502 and 504: all count here); its own timeout is a "
        "408 and does not count, nor does a 429. (The example names 401, 429 and 500: `counts: [rate_limit, "
        "server_error]`.) Its breaker hears only how all tries of a target together ended, here of each. The window "
        "is not published (assumed to begin with its first count). In nested strategies each level is bypassed by "
        "itself. Retry-After is opt-in, with 60 s over all waits together.",
    ),
    Preset(
        "envoy", "1.30", "Envoy outlier_detection.proto and its detector, route timeout and retry policy", "2026-11",
        {
            "call_timeout": "15s",
            "max_retries": 1,
            "retry_on": ["overloaded", "server_error", "timeout", "connection"],
            "backoff": {"initial": "25ms", "factor": 3, "max": "250ms", "jitter": "full"},
            "retry_budget": {"cap": 0, "first_try": 0, "retry": 0, "concurrent": 3},
            "breaker": {
                "counts": ["overloaded", "server_error", "timeout", "connection"],
                "others": "healthy",
                "consecutive": 5,
                "outliers": OUTLIERS,
                "cooldown": "30s",
                "cooldown_growth": True,
                "cooldown_max": "300s",
                "sweep": "10s",
                "probes": 0,
                "max_open": "10%",
                "panic": "50%",
            },
        },
        "With `outlier_detection: {}` and `retry_policy: {retry_on: 5xx}`, all else default; bare Envoy has neither. "
        "The route's 15 s hold for the whole stream, too: most answers of a model need more. Its retry budget "
        "replaces the 3 at a time only if it is set: `retry_budget: {concurrent_share: 20%}` (in Envoy the failed "
        "request itself is still under way then). From 1.31 on, without always_eject_one_host, nothing is ejected of "
        "fewer than ten. Limits of connections and pending requests, priorities; round robin (here by weight). A third "
        "retry waits up to 225 ms here, 175 ms there.",
    ),
    Preset(
        "aws_standard", "1.44", "botocore 1.44.5, retries/standard.py and retries/quota.py", "2026-11",
        {
            "timeout": "60s",
            "max_retries": 2,
            "retry_on": ["rate_limit", "overloaded", "server_error", "timeout", "connection"],
            "backoff": {"initial": "50ms", "initial_throttled": "1s", "factor": 2, "max": "20s", "jitter": "full"},
            "retry_budget": {
                "cap": 500, "first_try": 0, "retry": 14, "retry_throttled": 5, "success": 1, "refund": True,
            },
        },
        "The header x-amz-retry-after, the adaptive mode. Its read timeout of 60 s is from memory.",
    ),
)  # fmt: skip
"""The newest of each name first."""

IDS: dict[str, Preset] = {preset.id: preset for preset in PRESETS}
NAMES: dict[str, Preset] = {preset.name: preset for preset in reversed(PRESETS)}
"""By name: the newest."""


def preset(name: str) -> Preset:
    """The preset of a NAME or NAME@VERSION."""
    return IDS.get(name) or NAMES[name]


def parse_preset(value: object) -> str:
    """A NAME or NAME@VERSION that there is. Raises `Invalid`."""
    known = [*NAMES, *IDS]
    if not isinstance(value, str) or value not in known:
        hint = nearest(str(value), known) if isinstance(value, str) else ""
        raise Invalid("There is no such preset.", listing(sorted(known)), hint)
    return value


PresetName = Annotated[
    str, Quantity(parse_preset, str, ({"enum": sorted([*NAMES, *IDS])},), "a preset: NAME or NAME@VERSION")
]
"""NAME (its newest version) or NAME@VERSION."""

__all__ = [
    "BREAKER",
    "BUDGET",
    "IDS",
    "NAMES",
    "NEUTRAL",
    "OUTLIERS",
    "PRESETS",
    "THROTTLE",
    "Preset",
    "PresetName",
    "preset",
]
