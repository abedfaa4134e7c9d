"""Waiting before a retry: backoff, Retry-After, and when there is no point in waiting."""

from typing import TYPE_CHECKING, NamedTuple

from simkit.laws.backoff import additive_ns, backoff_ns, decorrelated_ns
from simkit.laws.sample import whole
from simkit.plan.codes import JitterKind, Kind

if TYPE_CHECKING:
    from simkit.engine.reference.world import World
    from simkit.plan.plan import Layer

GIVE_UP = -1
"""No wait at all: the retry is not made."""


class Failure(NamedTuple):
    """What a layer knows of the failed try before a wait."""

    kind: int
    number: int
    """Of the try: 0 is the first."""
    retry_after: int
    """ns, 0: none was said."""
    u: float
    """Drawn for the wait."""
    has_peer: bool
    """Another deployment of the model could be asked instead."""
    ends: int
    """When the time left is over."""


class Backoff:
    """The waits of one request (or of the client, for one base model)."""

    __slots__ = ("layer", "previous", "world")

    def __init__(self, world: "World", layer: "Layer") -> None:
        self.world, self.layer = world, layer
        self.previous: int | None = None
        """The last backoff."""

    def wait(self, failure: Failure) -> int:
        """How long to wait, or GIVE_UP."""
        layer, said = self.layer, failure.retry_after
        honoured: int = layer.retry_after[self.world.epoch]
        if layer.skip_with_peer[0] and failure.has_peer:
            return 0
        if 0 < said <= honoured:
            wait = self.as_told(failure)
            in_time = self.world.clock.now + wait < failure.ends
            return wait if in_time or not layer.deadline_aware[0] else GIVE_UP
        if said > honoured > 0 and layer.retry_after_gives_up[0]:
            return GIVE_UP
        self.previous = self.backoff(failure)
        return self.previous

    def as_told(self, failure: Failure) -> int:
        """The Retry-After: instead of the backoff, or if it is longer."""
        layer = self.layer
        if not layer.retry_after_instead[0]:
            return max(self.backoff(failure), failure.retry_after)
        if layer.jitter_kind[0] != JitterKind.ADDITIVE:
            return failure.retry_after
        return failure.retry_after + whole(layer.jitter_add[self.world.epoch] * failure.u)

    def backoff(self, failure: Failure) -> int:
        """The layer's own wait."""
        layer, e, n, u = self.layer, self.world.epoch, failure.number, failure.u
        throttled = failure.kind == Kind.RATE_LIMIT
        initial = layer.backoff_throttled[e] if throttled else layer.backoff_initial[e]
        factor, longest = layer.backoff_factor[e], layer.backoff_max[e]
        if layer.jitter_kind[0] == JitterKind.ADDITIVE:
            return additive_ns(n, initial, factor, longest, layer.jitter_add[e], u)
        if layer.jitter_kind[0] == JitterKind.DECORRELATED:
            return decorrelated_ns(initial if self.previous is None else self.previous, initial, longest, u)
        return backoff_ns(n, initial, factor, longest, layer.jitter_low[e], layer.jitter_high[e], u)
