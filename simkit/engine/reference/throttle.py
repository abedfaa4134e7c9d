"""Adaptive throttling: a client that is turned away often holds its own requests back."""

from typing import TYPE_CHECKING

import numpy as np

from simkit.laws.draws import Stream
from simkit.laws.throttle import held_back
from simkit.laws.window import FIRST, LENGTH, SECOND, SLIDING, window_at, window_clear, window_sum
from simkit.plan.codes import Kind
from simkit.plan.plan import Ints

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.world import World


class Throttle:
    """What each replica has asked of each deployment of late (second count), and what was accepted (first count).

    Batch APIs stand apart: they take every job, and what they say hours later is no news of the last minutes.
    """

    def __init__(self, world: "World") -> None:
        self.world = world
        self.windows: dict[tuple[int, int], Ints] = {}

    def holds_back(self, attempt: "Attempt") -> bool:
        """Is the attempt not sent at all? It counts as a request in either case."""
        world, layer, e = self.world, self.world.inner, self.world.epoch
        if attempt.is_batch:
            return False
        window, cell = self.window(attempt)
        requests, accepts = window_sum(window, SECOND), window_sum(window, FIRST)
        u, _ = world.dice.pair(Stream.ATTEMPT, attempt.action.number, attempt.code, 4)
        window[SECOND + cell] += 1
        return held_back(u, layer.throttle_k[e], requests, accepts)

    def learn(self, attempt: "Attempt", kind: int) -> None:
        """Whatever is no rejection was accepted."""
        rejects = self.world.inner.throttle_rejects
        if kind != Kind.CANCELLED and not rejects[kind] and not attempt.is_batch:
            window, cell = self.window(attempt)
            window[FIRST + cell] += 1

    def window(self, attempt: "Attempt") -> tuple[Ints, int]:
        """The attempt's window, moved on to now, and the cell to count in."""
        world = self.world
        place = attempt.action.replica, attempt.deployment
        if place not in self.windows:
            self.windows[place] = np.zeros(LENGTH, np.int64)
            window_clear(self.windows[place])
        window = self.windows[place]
        length = world.inner.throttle_window[world.epoch]
        return window, window_at(window, SLIDING, world.clock.now, world.plan.start_utc, length)
