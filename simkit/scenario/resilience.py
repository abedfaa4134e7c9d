"""What happens when an attempt fails: `resilience`, its layers, and their parts."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.ladder import Rung
from simkit.scenario.models import Balance, FailureKind
from simkit.scenario.presets import PresetName
from simkit.scenario.units import Count, Duration, Name, Percent, Share

Off = Literal["none"]
"""Switches off what a preset has."""
Timeout = Duration | Off
Kinds = list[FailureKind]
Weight = Annotated[int | None, Field(ge=0, le=10**6)]


class Additive(Part):
    """The wait plus a random time up to `add`."""

    add: Duration
    """The longest that is added."""

    choices: ClassVar = (frozenset({"add", "low"}), frozenset({"add", "high"}))


class Jitter(Part):
    """The wait is the backoff times a random factor between `low` and `high`."""

    low: Percent
    """Smallest factor."""
    high: Percent
    """Largest factor."""

    choices: ClassVar = Additive.choices


class Backoff(Part):
    """Wait before a retry: `initial * factor^n`, at most `max`, made random by the jitter."""

    initial: Duration | None = None
    """Before the first retry."""
    initial_throttled: Duration | None = None
    """Before the first retry after a rate limit (left out: as `initial`)."""
    factor: Annotated[float | None, Field(ge=1, le=10)] = None
    """Growth per retry."""
    max: Duration | None = None
    """Never longer."""
    jitter: Jitter | Additive | Literal["none", "full", "equal", "decorrelated"] | None = None
    """`none`, `full` (0-100%), `equal` (50-100%), `decorrelated` (between `initial` and three times the wait before),
    a range `{low: 75%, high: 100%}`, or `{add: 750ms}`."""
    skip_with_peer: bool | None = None
    """No wait, and Retry-After ignored, while the model has another deployment and one of them is not open."""


class RetryBudget(Part):
    """Retries and hedges are paid from a credit that first tries earn: it caps how much an outage adds."""

    cap: Count | None = None
    """Most credit."""
    start: Count | None = None
    """Credit at the beginning (left out: the cap)."""
    first_try: Weight = None
    """What a first try earns."""
    retry: Weight = None
    """What a retry or hedge costs."""
    retry_throttled: Weight = None
    """What a retry after a rate limit costs (left out: as `retry`)."""
    success: Weight = None
    """What a request earns that succeeds without a retry."""
    refund: bool | None = None
    """Does a retry that succeeds get its cost back?"""
    concurrent: Annotated[int | None, Field(ge=1)] = None
    """So many retries at one time (left out: no limit; beside `concurrent_share`, as many as that allows)."""
    concurrent_share: Share | None = None
    """As many retries at one time as this share of the attempts under way with the model, if that is more than
    `concurrent`."""


class Hedge(Part):
    """A second try beside one that takes long; the first answer wins, the other is cancelled."""

    after: Duration
    """How long to wait for the first try (a bare time is short for this)."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """`2s` is `{after: 2s}`."""
        return {"after": value} if is_scalar(value) and getattr(value, "value", value) != "none" else value


class FailureRate(Part):
    """A share of failures in the window that opens the breaker."""

    more_than: Share | None = None
    """Strictly more than this share."""
    at_least: Share | None = None
    """This share or more."""
    of: Annotated[Count, Field(ge=1)]
    """Looked at from so many results on."""
    with_peer: bool = False
    """Only where the model has another deployment?"""

    choices: ClassVar = (frozenset({"more_than", "at_least"}),)
    required: ClassVar = choices


class Outliers(Part):
    """Opens what does worse than the others: looked at every `sweep`, over the results since the one before."""

    deviations: Annotated[float | None, Field(ge=0, le=10)] = None
    """Opens where the share of successes is below the mean of all by more than so many standard deviations."""
    hosts: Annotated[Count | None, Field(ge=1)] = None
    """Fewest deployments (or providers) to compare; those that are open, and those with fewer `requests`, are not."""
    requests: Annotated[Count | None, Field(ge=1)] = None
    """Fewest results of one."""


class Breaker(Part):
    """Sends nothing to a deployment that fails too often, for a while."""

    scope: Literal["deployment", "provider"] | None = None
    """One breaker per deployment or per provider."""
    counts: Kinds | None = None
    """Kinds that count as failures."""
    trips_on: Kinds | None = None
    """After which of them the rules are looked at (left out: all of `counts`)."""
    others: Literal["ignored", "healthy"] | None = None
    """Other failures: not counted, or counted as successes."""
    consecutive: Annotated[int | None, Field(ge=1)] = None
    """Opens after so many failures in a row (left out: not looked at)."""
    failures: Annotated[int | None, Field(ge=1)] = None
    """Opens when the window holds so many failures (left out: not looked at)."""
    rates: Annotated[list[FailureRate], Field(max_length=4)] | None = None
    """Opens when one of these shares of failures holds in the window, e.g. `[{more_than: 50%, of: 5}]`."""
    at_once: Kinds | None = None
    """Kinds of which one opens it."""
    at_once_with_peer: bool | None = None
    """`at_once` only where the model has another deployment?"""
    outliers: Outliers | Off | None = None
    """Opens what does worse than the others, e.g. `{deviations: 1.9, hosts: 5, requests: 100}`; `none`: nothing."""
    window: Duration | None = None
    """Length of the window in which failures are counted."""
    window_kind: Literal["sliding", "calendar", "fixed"] | None = None
    """`sliding` (in 10 parts), `calendar` (aligned to UTC), `fixed` (begins with its first count)."""
    forget: bool | None = None
    """Are the counts cleared when it opens, and results of what was sent before ignored?"""
    cooldown: Duration | None = None
    """How long it stays open."""
    cooldown_growth: bool | None = None
    """Is the cooldown multiplied by the number of openings?"""
    cooldown_max: Duration | None = None
    """A growing cooldown is never longer, but at least `cooldown` (left out: no limit)."""
    cooldown_from_retry_after: bool | None = None
    """Does a Retry-After say how long it stays open?"""
    sweep: Duration | None = None
    """It closes at multiples of this only, and each that finds it closed takes one from the openings (left out: it
    closes at once)."""
    probes: Count | None = None
    """Half open: so many are sent at one time, so many successes close it; 0: it closes when the cooldown is over."""
    max_open: Share | None = None
    """No further one opens once this share of the model's deployments is open."""
    panic: Share | None = None
    """When less than this share is closed, all are used as if closed; 0%: none is used."""
    panic_scope: Literal["model", "chain"] | None = None
    """The share of what: of the `model`'s deployments, or of those of the whole `chain`, fallbacks included."""


class Throttle(Part):
    """Adaptive throttling: the caller itself holds requests back when too few are accepted (Google SRE book)."""

    k: Annotated[float | None, Field(ge=1, le=10)] = None
    """So many requests are sent for each that is accepted."""
    window: Duration | None = None
    """Time over which they are counted."""
    rejects: Kinds | None = None
    """Kinds that mean: not accepted."""


class LayerFields(Part):
    """The settings of a layer."""

    timeout: Timeout | None = None
    """For one try of this layer, from dispatch, queue included; `none`: none."""
    first_token_timeout: Timeout | None = None
    """Streams: from dispatch to the first token; `none`: none."""
    idle_timeout: Timeout | None = None
    """Streams: between tokens; `none`: none."""
    call_timeout: Timeout | None = None
    """Over all tries of this layer, fallbacks included; `none`: none."""
    max_retries: Annotated[int | None, Field(ge=0, le=30)] = None
    """Retries with the same model after the first try."""
    retry_on: Kinds | None = None
    """After which kinds (left out: the retryable ones of `failures`)."""
    retry_at: Literal["any", "same", "other"] | None = None
    """Where a retry goes: `any` deployment, picked anew, the `same`, or an`other` if there is one."""
    backoff: Backoff = Backoff.model_construct()
    """Wait between tries."""
    retry_after: Duration | None = None
    """Longest Retry-After of the provider that is honoured (0s: ignored)."""
    retry_after_rule: Literal["longer", "instead"] | None = None
    """The wait is the `longer` of Retry-After and backoff, or Retry-After `instead` of it."""
    retry_after_beyond: Literal["backoff", "give_up"] | None = None
    """A longer one than is honoured: wait the `backoff`, or `give_up` retrying."""
    retry_after_unit: Duration | None = None
    """It is heard in multiples of this, rounded up: the HTTP header can only say whole seconds (0s: to the letter)."""
    deadline_aware: bool | None = None
    """Does a Retry-After beyond the time that is left end the retries at once?"""
    retry_while_open: bool | None = None
    """Is a retry made while all breakers of the model are open?"""
    wait_after_last: bool | None = None
    """Is there one more wait after the last retry has failed, before another model is tried or the error is told?"""
    stream_failure: Literal["fail", "fall_back", "retry"] | None = None
    """After a stream's first token: `fail`, `fall_back` to another model, or `retry` too."""
    fallback_on: Kinds | None = None
    """After which kinds another model is tried (left out: those that `failures` let fall back)."""
    max_fallbacks: Annotated[int | None, Field(ge=0, le=31)] = None
    """So many other models are tried (left out: all of the chain)."""
    error_told: Literal["last", "first"] | None = None
    """Whose error is told when the fallbacks fail too: the `last` model's or the `first` one's."""
    balance: Balance | None = None
    """How attempts are spread over a model's deployments, for models that do not say."""
    replicas: Annotated[int | None, Field(ge=1, le=64)] = None
    """Copies of this layer, each with its own breakers, budgets and samples."""
    retry_budget: RetryBudget | Off | None = None
    """What retries are paid from; `none`: no budget."""
    hedge: Hedge | Off | None = None
    """A second try beside a slow one; `none`: no hedge."""
    breaker: Breaker | Off | None = None
    """Deployments that fail are left alone for a while; `none`: no breaker."""
    throttle: Throttle | Off | None = None
    """Requests are held back when few are accepted; `none`: no throttle."""


class Layer(LayerFields):
    """A client or a gateway: a preset, and what differs from it."""

    preset: PresetName | None = None
    """NAME or NAME@VERSION, for what is left out: `none`, `openai_sdk`, `anthropic_sdk`, `litellm`, `portkey`, `envoy`,
    `aws_standard` (left out: a client is `openai_sdk`, a gateway `none`). A bare name is short for this."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """A bare name is `{preset: name}`."""
        return {"preset": value} if is_scalar(value) else value


class Resilience(LayerFields):
    """What happens when an attempt fails. Settings of the layer that talks to the models (the gateway if there is one,
    else the client) may stand here directly; what is left out comes from its preset."""

    client: Layer = Layer.model_construct(preset="openai_sdk")
    """The client: a preset, or a map `{preset: openai_sdk, timeout: 30s}`."""
    gateway: Layer | None = None
    """The gateway between the client and the models, likewise (left out: none)."""
    fallback: dict[Name, list[Name]] = Field(default_factory=dict)
    """Model to the models tried after it, in order; their own fallbacks follow."""
    deadline: Duration | None = None
    """Per action, over everything."""
    on_cancel: Literal["auto", "stops", "runs_on"] = "auto"
    """Cancelled work stops (billed input and elapsed output), or runs on
    (slot held, billed in full); auto: streams stop, others run on."""
    degrade: list[Rung] = Field(default_factory=list)
    """What is done instead of failing, in order, e.g. `[partial, {human: {staff: 2, takes: 10min}}]`."""


OUTER = frozenset({
    "preset", "timeout", "call_timeout", "max_retries", "retry_on", "backoff", "retry_after", "retry_after_rule",
    "retry_after_beyond", "retry_after_unit", "deadline_aware", "stream_failure", "retry_budget", "replicas",
})  # fmt: skip
"""What a client before a gateway has: it does not talk to the models."""

__all__ = [
    "OUTER", "Additive", "Backoff", "Breaker", "FailureRate", "Hedge", "Jitter", "Layer", "LayerFields", "Outliers",
    "Resilience", "RetryBudget", "Throttle",
]  # fmt: skip
