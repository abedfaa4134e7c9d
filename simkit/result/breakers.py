"""What breakers did: how often each opened, and how long it was open."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import BreakerState
from simkit.engine.log import BREAKER_COLUMNS, Column
from simkit.plan.plan import Plan

Ints = NDArray[np.int64]
MOST_ROWS = 50_000
"""Openings and closings of a replication that are kept one by one, for the picture; sums are of all."""


@dataclass(frozen=True, eq=False)
class BreakerUse:
    """The breakers of one replication. Places are deployments, or providers where breakers are theirs."""

    rows: dict[str, Ints]
    """The first `MOST_ROWS` rows of the log's table."""
    count: int
    """How many rows there are."""
    openings: Ints
    """(replicas, places) within [0, horizon)."""
    open_ns: Ints
    """(replicas, places) time open within [0, horizon); half open is not open."""


class BreakerSums:
    """The same, growing with the rows that come."""

    def __init__(self, plan: Plan) -> None:
        self.horizon, self.count = plan.horizon, 0
        self.kept = np.zeros((0, len(BREAKER_COLUMNS)), np.int64)
        shape = (int(plan.inner.replicas[0]), len(places_of(plan))) if bool(plan.breaker.on[0]) else (0, 0)
        self.sums = np.zeros((2, *shape), np.int64)

    def take(self, rows: Ints) -> None:
        """Rows of the log's table, in their order."""
        self.count += len(rows)
        room = MOST_ROWS - len(self.kept)
        if room > 0 and len(rows):
            self.kept = np.concatenate([self.kept, rows[:room]])
        opened = rows[rows[:, 3] == BreakerState.OPEN]
        time, replica, place, _, until = opened.T
        where = replica, place_of(place)
        np.add.at(self.sums[0], where, (time >= 0) & (time < self.horizon))
        np.add.at(self.sums[1], where, np.maximum(np.minimum(until, self.horizon) - np.maximum(time, 0), 0))

    def use(self) -> BreakerUse:
        """All that was taken."""
        rows = {name: self.kept[:, column].copy() for column, name in enumerate(BREAKER_COLUMNS)}
        return BreakerUse(rows, self.count, *(one.copy() for one in self.sums))


def breaker_use(plan: Plan, rows: dict[str, Column]) -> BreakerUse:
    """The same from the log's table."""
    sums = BreakerSums(plan)
    sums.take(np.stack([rows[name] for name in BREAKER_COLUMNS], axis=1))
    return sums.use()


def place_of(codes: Ints) -> Ints:
    """Index of a place among `places_of`: a provider is logged as -1 - index."""
    return np.where(codes < 0, -1 - codes, codes)


def places_of(plan: Plan) -> tuple[str, ...]:
    """Names of what has a breaker."""
    return plan.names.providers if bool(plan.breaker.by_provider[0]) else plan.names.deployments
