"""What a call hears of its tries, and what a layer may do about it."""

from collections.abc import Generator
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import simpy

from simkit.plan.codes import Kind, StreamFailure

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt
    from simkit.plan.plan import Layer


class Cut(IntEnum):
    """Whose time was up."""

    NOBODYS = 0
    REQUESTS = 1
    CALLS = 2


class News(NamedTuple):
    """A try has ended, or the time for it is up."""

    kind: int
    attempt: "Attempt"
    """That ended; of a try cut short the last one."""
    shown: bool
    """Has a stream begun that the user sees?"""
    cut: Cut = Cut.NOBODYS

    def may_retry(self, layer: "Layer") -> bool:
        """Does the layer retry such a failure? After the first token of a stream only if it says so."""
        again = layer.stream_failure[0] == StreamFailure.RETRY
        if self.is_half_shown and not again:
            return False
        return bool(layer.retry_on[self.kind]) or (again and self.is_broken_stream)

    def may_fall_back(self, layer: "Layer") -> bool:
        """Does the layer ask another model after such a failure?"""
        if self.is_half_shown and layer.stream_failure[0] == StreamFailure.FAIL:
            return False
        return bool(layer.fallback_on[self.kind]) or self.is_broken_stream

    @property
    def is_half_shown(self) -> bool:
        """Did it fail in the middle of what the user sees (a malformed answer came in full)?"""
        return self.shown and self.kind != Kind.MALFORMED

    @property
    def is_broken_stream(self) -> bool:
        """Did the stream break after its first token?"""
        return self.shown and self.kind == Kind.STREAM_BROKEN


Process = Generator[simpy.Event, Any, None]
Hearing = Generator[simpy.Event, Any, News]

__all__ = ["Cut", "Hearing", "News", "Process"]
