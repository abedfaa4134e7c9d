"""What holds where a scenario says nothing: client presets, properties of failure kinds, run lengths."""

from functools import lru_cache

from simkit.scenario.models import Failure
from simkit.scenario.policy import Backoff, Jitter, Resilience
from simkit.scenario.scenario import Document

HORIZON = "7d"
WARMUP = "1h"
COOLDOWN = "10min"

CLIENTS: dict[str, dict[str, object]] = {
    # openai-python src/openai/_constants.py and _base_client.py: timeout 600 s, 2 retries,
    # min(0.5 * 2^n, 8) s times a factor in 0.75..1, Retry-After honoured up to 60 s.
    "openai_sdk": {
        "timeout": "600s",
        "max_retries": 2,
        "backoff": {"initial": "0.5s", "factor": 2, "max": "8s", "jitter": {"low": "75%", "high": "100%"}},
        "retry_after": "60s",
    },
    "none": {
        "max_retries": 0,
        "backoff": {"initial": "0s", "factor": 1, "max": "0s", "jitter": "none"},
        "retry_after": "0s",
    },
}
"""Presets by name; a preset without `timeout` waits for ever."""

JITTERS = {"none": (1.0, 1.0), "full": (0.0, 1.0), "equal": (0.5, 1.0)}
"""Factor on the backoff, from and to (Brooker, "Exponential backoff and jitter", AWS 2015: full and equal)."""

FAILURES: dict[str, dict[str, object]] = {
    "rate_limit": {"retryable": True, "fallback": True, "billed": "nothing", "takes": "50ms"},
    "quota_exhausted": {"retryable": False, "fallback": True, "billed": "nothing", "takes": "50ms"},
    "overloaded": {"retryable": True, "fallback": True, "billed": "nothing", "takes": "200ms"},
    "server_error": {"retryable": True, "fallback": True, "billed": "nothing", "takes": "first_token"},
    "timeout": {"retryable": True, "fallback": True, "billed": "elapsed", "takes": "never"},
    "connection": {"retryable": True, "fallback": True, "billed": "nothing", "takes": "100ms"},
    "bad_request": {"retryable": False, "fallback": False, "billed": "nothing", "takes": "100ms"},
    "content_filter": {
        "retryable": False, "fallback": True, "billed": "input", "takes": "first_token",
    },
    "too_large": {"retryable": False, "fallback": True, "billed": "nothing", "takes": "50ms"},
    "stream_broken": {"retryable": False, "fallback": False, "billed": "elapsed", "takes": "part"},
    "malformed": {"retryable": True, "fallback": True, "billed": "all", "takes": "answer"},
}  # fmt: skip
"""Properties of failure kinds. After the first token of a stream there is no transparent retry."""


@lru_cache(maxsize=8)
def client(name: str) -> Resilience:
    """The full settings of a client preset."""
    return Resilience.model_validate({"client": name, **CLIENTS[name]})


def resilience(document: Document) -> Resilience:
    """The scenario's resilience with all that it leaves out taken from its client preset."""
    own, preset = document.resilience, client(document.resilience.client)
    backoff = {**preset.backoff.model_dump(exclude_none=True), **own.backoff.model_dump(exclude_none=True)}
    filled = {name: getattr(preset, name) for name in ("timeout", "max_retries", "retry_after")}
    filled |= {name: value for name in filled if (value := getattr(own, name)) is not None}
    jitter = own.backoff.jitter if own.backoff.jitter is not None else preset.backoff.jitter
    return own.model_copy(update={**filled, "backoff": Backoff.model_construct(**{**backoff, "jitter": jitter})})


def jitter_range(jitter: Jitter | str | None) -> tuple[float, float]:
    """Smallest and largest factor on the backoff."""
    return (jitter.low, jitter.high) if isinstance(jitter, Jitter) else JITTERS[jitter or "none"]


@lru_cache(maxsize=16)
def _failure(kind: str) -> Failure:
    return Failure.model_validate(FAILURES[kind])


def failure(document: Document, kind: str) -> Failure:
    """The properties of a failure kind in a scenario."""
    default, own = _failure(kind), document.failures.get(kind)  # type: ignore[call-overload]
    if own is None:
        return default
    given = {name: getattr(own, name) for name in own.model_fields_set if getattr(own, name) is not None}
    return default.model_copy(update=given)
