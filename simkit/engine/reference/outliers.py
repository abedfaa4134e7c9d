"""Outliers: at every sweep, the places whose share of successes is far below that of the others are opened."""

from typing import TYPE_CHECKING

import numpy as np

from simkit.laws.breaker import OPEN
from simkit.laws.outlier import is_outlier, outlier_limit
from simkit.plan.codes import EventClass

if TYPE_CHECKING:
    from simkit.engine.reference.breaker import Breakers
    from simkit.engine.reference.world import World


class Outliers:
    """What was seen of each place since the last sweep, by every replica."""

    def __init__(self, world: "World", breakers: "Breakers") -> None:
        self.world, self.breakers = world, breakers
        shape = int(world.plan.inner.replicas[0]), len(breakers.places)
        self.good, self.bad = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        everybody = [(0, breakers.places)]
        self.groups = everybody if breakers.by_provider else list(enumerate(world.deployments_of))
        """(a model, places that are compared with each other)"""

    def begin(self) -> None:
        """Put the next sweep on the agenda."""
        every = self.breakers.rules.sweep[self.world.epoch]
        following = (self.world.clock.now // every + 1) * every
        self.world.clock.at(following, EventClass.TICK, 0, self.sweep)

    def count(self, replica: int, place: int, good: bool, bad: bool) -> None:
        """A result of a place, whatever the state of its breaker."""
        self.good[replica, place] += good
        self.bad[replica, place] += bad

    def sweep(self) -> None:
        """Compare, and begin to count anew."""
        for replica in range(len(self.good)):
            for model, places in self.groups:
                self.compare(replica, model, places)
        self.good[:] = self.bad[:] = 0
        self.begin()

    def compare(self, replica: int, model: int, places: list[int]) -> None:
        """Open the outliers among some places; those that are open already are not looked at."""
        rules, e = self.breakers.rules, self.world.epoch
        closed = [place for place in places if self.breakers.look(replica, place) != OPEN]
        good, bad, fewest = self.good[replica, closed], self.bad[replica, closed], rules.outlier_requests[e]
        if not good.any() and not bad.any():
            return
        limit = outlier_limit(good, bad, fewest, rules.outlier_hosts[e], rules.outlier_deviations[e])
        for i, place in enumerate(closed):
            if is_outlier(int(good[i]), int(bad[i]), fewest, limit):
                self.breakers.open(replica, place, model, said=0)
