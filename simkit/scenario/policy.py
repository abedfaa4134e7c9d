"""What the product does and wants: `service`, `users`, `slo`, `observed`, `changes`, `sources`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.distribution import DurationDist
from simkit.scenario.units import Count, Duration, Money, MoneyPer, Share


class Shed(Part):
    """Arrivals are rejected while too many actions are in flight."""

    in_flight: Count
    """While so many actions are in flight; what is held for a window or is at a batch API does not count."""
    priority: int = 0
    """Those of this priority number and above (0: all but negative ones)."""


class Autoscaling(Part):
    """How the number of replicas follows the load, as Kubernetes' horizontal autoscaler does it."""

    minimum: Annotated[Count, Field(ge=1, le=1_000_000)] = 1
    """At least so many replicas."""
    maximum: Annotated[Count, Field(ge=1, le=1_000_000)]
    """At most so many."""
    target: Annotated[Share, Field(gt=0)] | None = None
    """Busy share of the workers that is aimed at (left out: 70%, unless `queue` is given)."""
    queue: Annotated[Count, Field(ge=1)] | None = None
    """Waiting actions for each replica that are aimed at; with `target`, whatever asks for more."""
    interval: Annotated[Duration, Field(ge=1_000_000)] = 15_000_000_000
    """How often it looks."""
    delay: Duration = 120_000_000_000
    """How long a new replica takes to come (it is paid from when it is ordered)."""
    stabilisation: Duration = 300_000_000_000
    """It goes down to the most that was asked for within so long."""
    tolerance: Share = 0.1
    """It leaves the number as it is while the load is within this share of the target."""


class Service(Part):
    """Your own service: a slot is held for the whole action."""

    workers: Count | None = None
    """Actions that a replica works on at once; left out: unlimited."""
    replicas: Annotated[Count, Field(ge=1, le=1_000_000)] = 1
    """Copies of it; with autoscaling: at the start."""
    queue: Count | None = None
    """Waiting places (left out: unlimited); beyond, actions are rejected as `queue_full`."""
    overhead: DurationDist | None = None
    """Your own time per action, before the first call."""
    cost: MoneyPer | None = None
    """What it costs busy or idle, however many replicas there are, e.g. `$200/month`."""
    replica_cost: MoneyPer | None = None
    """What each replica costs, e.g. `$0.10/h`, from when it is ordered until it has gone."""
    autoscaling: Autoscaling | None = None
    """How the number of replicas follows the load (left out: it stays)."""
    shed: Annotated[list[Shed], Field(max_length=4)] = Field(default_factory=list)
    """Load shedding: whom to turn away when it is too busy."""


class Reload(Part):
    """Users who ask again. The new action is like the first in all but its luck."""

    abandoned: Share = 0.0
    """Share of those who gave up (a bare share is short for this)."""
    failed: Share = 0.0
    """Share of those whose action failed or was rejected."""
    after: Duration = 0
    """How long after the end of the first."""
    at_most: Annotated[int, Field(ge=1, le=15)] = 3
    """So many times."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """A bare share is `{abandoned: share}`."""
        return {"abandoned": value} if is_scalar(value) else value


class Audience(Part):
    """Users who give up, and who ask again."""

    patience: DurationDist | None = None
    """How long a user waits before giving up (left out: for ever)."""
    until: Literal["first_token", "answer"] = "first_token"
    """What a user waits for: the first sign of the answer, or its end."""
    reload: Reload = Reload.model_construct()
    """Who asks again, and how often."""


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
    "Audience", "Autoscaling", "Change", "Observed", "Reload", "Service", "Shed", "Slo", "Source",
]  # fmt: skip
