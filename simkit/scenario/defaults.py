"""What holds where a scenario says nothing: layers from their presets, properties of failure kinds, run lengths."""

from functools import lru_cache

from simkit.scenario.base import Part
from simkit.scenario.batch import BatchWindow
from simkit.scenario.ladder import INSTANT
from simkit.scenario.models import Failure
from simkit.scenario.presets import BREAKER, BUDGET, NEUTRAL, OUTLIERS, THROTTLE, preset
from simkit.scenario.resilience import (
    OUTER,
    Additive,
    Breaker,
    Jitter,
    Layer,
    LayerFields,
    Outliers,
    RetryBudget,
    Throttle,
)
from simkit.scenario.scenario import Document
from simkit.scenario.units import SECOND, parse_duration

HORIZON = "7d"
WARMUP = "1h"
COOLDOWN = "10min"

CLIENT = "openai_sdk"
GATEWAY = "none"
"""Presets of layers that do not name one."""
INNER_ONLY = frozenset(LayerFields.model_fields) - OUTER
MERGED = ("backoff", "breaker", "retry_budget", "throttle")
"""Maps of a layer: what they leave out comes from the preset, or from the part written by hand."""
BY_HAND: dict[str, tuple[type[Part], dict[str, object]]] = {
    "breaker": (Breaker, BREAKER),
    "retry_budget": (RetryBudget, BUDGET),
    "throttle": (Throttle, THROTTLE),
    "outliers": (Outliers, OUTLIERS),
}

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
    "no_deployment": {"retryable": False, "fallback": True, "billed": "nothing", "takes": "0s"},
    "throttled": {"retryable": False, "fallback": True, "billed": "nothing", "takes": "0s"},
}  # fmt: skip
"""Properties of failure kinds. After the first token of a stream there is no transparent retry."""


@lru_cache(maxsize=32)
def preset_layer(name: str) -> Layer:
    """The full settings of a preset."""
    found = preset(name)
    neutral = Layer.model_validate({"preset": found.id, **NEUTRAL})
    return over(neutral, Layer.model_validate(dict(found.settings)))


@lru_cache(maxsize=4)
def _by_hand(key: str) -> Part:
    part, settings = BY_HAND[key]
    return part.model_validate(settings)


def _started(key: str, own: Part) -> Part:
    """What a part written by hand leaves out; a budget of retries at one time alone has no credit beside it."""
    found, at_one_time = _by_hand(key), {"concurrent", "concurrent_share"}
    alone = isinstance(own, RetryBudget) and all(
        getattr(own, name) is None for name in RetryBudget.model_fields if name not in at_one_time
    )
    return found.model_copy(update={"cap": 0, "first_try": 0, "retry": 0}) if alone else found


def layers(document: Document) -> tuple[Layer, Layer | None]:
    """The layer that talks to the models, and the client before it if that is a gateway; nothing is left out."""
    own = document.resilience
    flat = Layer.model_construct(**{name: getattr(own, name) for name in LayerFields.model_fields})
    client = over(preset_layer(own.client.preset or CLIENT), own.client)
    if own.gateway is None:
        return completed(over(client, flat)), None
    gateway = over(preset_layer(own.gateway.preset or GATEWAY), own.gateway)
    neutral = {name: getattr(preset_layer("none"), name) for name in INNER_ONLY}
    return completed(over(gateway, flat)), completed(client.model_copy(update=neutral))


def over(under: Layer, own: LayerFields) -> Layer:
    """A layer with other settings over it; its preset stays. Maps merge key by key."""
    given = {name: getattr(own, name) for name in LayerFields.model_fields if getattr(own, name) is not None}
    for name in MERGED:
        below = getattr(under, name)
        if isinstance(given.get(name), Part):
            given[name] = _merged(below if isinstance(below, Part) else _started(name, given[name]), given[name])
    return under.model_copy(update=given)


def _merged(under: Part, own: Part) -> Part:
    given = {name: value for name in type(own).model_fields if (value := getattr(own, name)) is not None}
    if isinstance(under, Breaker) and isinstance(own, Breaker) and isinstance(own.outliers, Outliers):
        below = under.outliers if isinstance(under.outliers, Outliers) else _by_hand("outliers")
        given["outliers"] = _merged(below, own.outliers)
    return under.model_copy(update=given)


def completed(layer: Layer) -> Layer:
    """The layer with what follows from other settings of it."""
    budget, breaker = layer.retry_budget, layer.breaker
    if isinstance(budget, RetryBudget):
        start = budget.cap if budget.start is None else budget.start
        throttled = budget.retry if budget.retry_throttled is None else budget.retry_throttled
        budget = budget.model_copy(update={"start": start, "retry_throttled": throttled})
    if isinstance(breaker, Breaker) and breaker.trips_on is None:
        breaker = breaker.model_copy(update={"trips_on": breaker.counts})
    return layer.model_copy(update={"retry_budget": budget, "breaker": breaker})


def said_at(document: Document, key: str) -> str:
    """Where a setting of the inner layer stands, or would stand."""
    own = document.resilience
    name = "client" if own.gateway is None else "gateway"
    layer = own.client if own.gateway is None else own.gateway
    below = getattr(layer, key) is not None and key in layer.model_fields_set
    return f"resilience.{name}.{key}" if below else f"resilience.{key}"


def cooldown_of(document: Document) -> int:
    """Unmeasured time after the horizon, in ns."""
    if document.cooldown is not None:
        return document.cooldown
    usual = document.resilience.deadline or parse_duration(COOLDOWN)
    parts = [(rung.previous, rung.rule, rung.stale_cache, rung.human) for rung in document.resilience.degrade]
    rungs = [part for row in parts for part in row if part]
    takes = [parse_duration(INSTANT) if part.takes is None else part.takes.mean() for part in rungs]
    # a rung is taken when the time is up
    return usual + max((int(4 * mean) for mean in takes), default=0) + longest_wait(document)


def longest_wait(document: Document) -> int:
    """How long an action that can wait may be held and wait for its answer, ns; 0 where there is none."""
    if all(action.urgency == "now" for action in document.actions.values()):
        return 0
    batch = document.batch
    shut = closed_hours(batch.window) * 3600 * SECOND + batch.spread if batch.window is not None else 0
    return shut + (batch.api.within if batch.api is not None else 0)


def closed_hours(window: BatchWindow) -> int:
    """Hours of a working day between the end of a window and the next one's start."""
    return (window.from_ - window.to) % 24 if window.to % 24 != window.from_ else 0


def jitter_range(jitter: Jitter | Additive | str | None) -> tuple[float, float]:
    """Smallest and largest factor on the backoff."""
    if isinstance(jitter, Jitter):
        return jitter.low, jitter.high
    return JITTERS.get(jitter, (1.0, 1.0)) if isinstance(jitter, str) else (1.0, 1.0)


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
