"""The degrade ladder: what is done instead of failing."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.distribution import DurationDist
from simkit.scenario.units import Count, Money, Share

INSTANT = "50ms"
"""What a prepared answer takes if nothing is said."""


class Partial(Part):
    """What has been shown of a broken stream is the answer."""

    at_least: Share = 0.5
    """If it is at least this share of the answer."""
    good: Share | None = None
    """Share of them that are good (left out: not judged)."""


class Instant(Part):
    """An answer that needs no model."""

    share: Share = 1.0
    """How often there is one."""
    takes: DurationDist | None = None
    """How long it takes (left out: 50ms)."""
    good: Share | None = None
    """Share of them that are good (left out: not judged)."""


class Hours(Part):
    """Working hours, in the users' time zone."""

    from_: Annotated[int, Field(ge=0, le=23, alias="from")]
    """Full hour at which people come, 0 to 23."""
    to: Annotated[int, Field(ge=1, le=24)]
    """Full hour at which they leave, 1 to 24."""


class Human(Part):
    """People who take the case over: a queue, first come, first served."""

    staff: Annotated[Count, Field(ge=1)]
    """How many people."""
    share: Share = 1.0
    """Share of the failing actions that are passed on to a person; the others go on to the next rung, or fail."""
    hours: Hours | None = None
    """When they are there, e.g. `{from: 9, to: 17}` (left out: always)."""
    weekend: bool = True
    """Are they there on Saturday and Sunday?"""
    after_hours: Literal["closed", "wait"] = "closed"
    """While nobody is there: the next rung, or wait for them."""
    queue: Count | None = None
    """Waiting places (left out: unlimited); beyond: the next rung."""
    takes: DurationDist
    """How long a person takes."""
    cost: Money = 0
    """What a case costs, e.g. `$4`."""
    good: Share | None = None
    """Share of their answers that are good (left out: not judged)."""


class Stale(Part):
    """An answer that the exact or the semantic cache once had, expired or not."""

    takes: DurationDist | None = None
    """How long it takes (left out: 50ms)."""
    good: Share | None = None
    """Share of the old answers that are still right (left out: all that were)."""


class Rung(Part):
    """One of: `partial`, `previous`, `rule`, `stale_cache`, `human`. A bare word is short for a map of defaults."""

    partial: Partial | None = None
    """What has been shown of a broken stream, if it is enough."""
    previous: Instant | None = None
    """An answer of the product's previous version."""
    rule: Instant | None = None
    """An answer by rule: a template, a search result."""
    stale_cache: Stale | None = None
    """An old answer of a cache."""
    human: Human | None = None
    """A person."""

    choices: ClassVar = (frozenset({"partial", "previous", "rule", "stale_cache", "human"}),)
    required: ClassVar = choices

    @classmethod
    def short(cls, value: Any) -> Any:
        """`rule` is `{rule: {}}`."""
        if is_scalar(value):
            return {str(getattr(value, "value", value)): {}}
        if not isinstance(value, dict):
            return value
        return {key: {} if getattr(one, "value", one) is None else one for key, one in value.items()}


__all__ = ["INSTANT", "Hours", "Human", "Instant", "Partial", "Rung", "Stale"]
