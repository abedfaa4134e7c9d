"""What the product does and wants: `service`, `resilience`, `caches`, `slo`, `observed`, `changes`, `sources`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from simkit.scenario.base import Part
from simkit.scenario.distribution import DurationDist
from simkit.scenario.units import Count, Duration, Money, MoneyPer, Name, Share


class Service(Part):
    """Your own service: a slot is held for the whole action."""

    workers: Count | None = None
    """Actions it works on at once; left out: unlimited."""
    queue: Count | None = None
    """Waiting places (left out: unlimited); beyond, actions are rejected as `queue_full`."""
    overhead: DurationDist | None = None
    """Your own time per action, before the first call."""
    cost: MoneyPer | None = None
    """What it costs, e.g. `$200/month`, busy or idle."""


class Jitter(Part):
    """The wait is the backoff times a random factor between `low` and `high`."""

    low: Share
    """Smallest factor."""
    high: Share
    """Largest factor."""


class Backoff(Part):
    """Wait before a retry: `initial * factor^n`, at most `max`, times the jitter."""

    initial: Duration | None = None
    """Before the first retry."""
    factor: Annotated[float | None, Field(ge=1, le=10)] = None
    """Growth per retry."""
    max: Duration | None = None
    """Never longer."""
    jitter: Jitter | Literal["none", "full", "equal"] | None = None
    """`none`, `full` (0-100%), `equal` (50-100%), or a range `{low: 75%, high: 100%}`."""


class Resilience(Part):
    """What happens when an attempt fails. What is left out comes from the client preset."""

    client: Literal["openai_sdk", "none"] = "openai_sdk"
    """Preset: `openai_sdk` (timeout 600 s, 2 retries, backoff 0.5 s doubling to 8 s,
    Retry-After up to 60 s) or `none` (no timeout, no retry)."""
    timeout: Duration | None = None
    """Per attempt, from dispatch, queue included."""
    max_retries: Annotated[int | None, Field(ge=0, le=30)] = None
    """Retries with the same model after the first try."""
    backoff: Backoff = Backoff()
    """Wait between tries."""
    retry_after: Duration | None = None
    """Longest Retry-After of the provider that is honoured (0s: ignored)."""
    fallback: dict[Name, list[Name]] = Field(default_factory=dict)
    """Model to the models tried after it, in order; their own fallbacks follow."""
    deadline: Duration | None = None
    """Per action, over everything."""
    on_cancel: Literal["auto", "stops", "runs_on"] = "auto"
    """Cancelled work stops (billed input and elapsed output), or runs on
    (slot held, billed in full); auto: streams stop, others run on."""


class PromptCache(Part):
    """The provider's prompt cache, in its short form: a share of calls finds the `system` prefix cached."""

    hit_rate: Share
    """Share of attempts whose prefix is read from the cache, where it is long enough."""


class Caches(Part):
    """Caches."""

    prompt: PromptCache | None = None
    """The provider's prompt cache."""


class Slo(Part):
    """Service level objectives; each has its own error budget."""

    success: Share | None = None
    """At least this share of ended actions succeeds."""
    latency: dict[Annotated[str, Field(pattern=r"^p\d{1,3}$")], Duration] = Field(default_factory=dict)
    """`{p95: 5s}`: at least 95 % of ended actions succeed within 5 s."""
    ttft: dict[Annotated[str, Field(pattern=r"^p\d{1,3}$")], Duration] = Field(default_factory=dict)
    """The same for the time to first token."""
    good: Share | None = None
    """At least this share of ended actions ends with a good answer (served but unjudged ones are left out)."""
    degraded: Literal["good", "bad"] = "good"
    """Do degraded answers count as successes of the objectives?"""
    window: Duration = 30 * 86_400 * 10**9
    """The window of the error budget."""


class Observed(Part):
    """What you know from reality; printed beside the simulated figure, with a warning beyond 20 %."""

    cost_per_month: Money | None = None
    """The LLM bill of a month."""
    cost_per_action: Money | None = None
    """LLM cost of an action."""
    latency_p50: Duration | None = None
    """Median latency."""
    latency_p95: Duration | None = None
    """95th percentile of latency."""
    success_rate: Share | None = None
    """Share of actions that succeeded."""


class Change(Part):
    """From a time on, other numbers."""

    at: Duration
    """When, counted from the scenario's start."""
    set: dict[str, Any]
    """Field path to value, e.g. `{models.gpt-4o.quality.complex: 80%}`; any number may change, not the structure."""


class Source(Part):
    """Where a figure comes from."""

    kind: Literal["measured", "estimated", "assumed"]
    """measured (by you or in a cited source), estimated (derived from measurements), assumed."""
    source: Annotated[str | None, Field(alias="from")] = None
    """The source, in words or as a link."""
    on: str | None = None
    """When it was found."""


__all__ = [
    "Backoff", "Caches", "Change", "Jitter", "Observed", "PromptCache", "Resilience", "Service", "Slo", "Source",
]  # fmt: skip
