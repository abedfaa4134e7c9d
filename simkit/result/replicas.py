"""Replicas over time: how many were there and paid, and the money for those whose number follows the load."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simkit.engine.log import Column
from simkit.plan.codes import Notice
from simkit.plan.plan import Plan
from simkit.result.windows import Windows

Ints = NDArray[np.int64]
Notices = Mapping[str, Column]
"""The rows of the log of regions, by column."""


class Steps(NamedTuple):
    """A number that changes at times: `values[i]` from `times[i]` on; the first time is 0."""

    times: Ints
    values: Ints

    def until(self, edges: Ints) -> Ints:
        """Its integral from 0 to each edge (>= 0), exactly."""
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.diff(self.times) * self.values[:-1])])
        place = np.searchsorted(self.times, edges, "right") - 1
        found: Ints = before[place] + (edges - self.times[place]) * self.values[place]
        return found

    def at(self, moments: Ints) -> Ints:
        """Its value at moments (>= 0)."""
        found: Ints = self.values[np.searchsorted(self.times, moments, "right") - 1]
        return found


def steps_of(notices: Notices, region: int, what: Notice, before: int) -> Steps:
    """What was written down of a region, from 0 on; `before` the first row of it: that."""
    mine = (notices["region"] == region) & (notices["what"] == what)
    times, values = notices["time"][mine], notices["value"][mine]
    first = values[times <= 0][-1:] if (times <= 0).any() else np.array([before], np.int64)
    last = np.append(np.diff(times) > 0, True) if len(times) else np.zeros(0, np.bool_)  # of one instant, the last
    later = (times > 0) & last
    return Steps(np.concatenate([np.zeros(1, np.int64), times[later]]), np.concatenate([first, values[later]]))


def replicas_of(plan: Plan, notices: Notices, region: int) -> Steps:
    """Replicas that were paid: those there, ordered, or about to go."""
    return steps_of(notices, region, Notice.REPLICAS, int(plan.service.replicas[0, region]))


def scaled_cost(plan: Plan, notices: Notices, region: int, edges: Ints) -> list[int]:
    """Picodollars from 0 to each edge of a region's replicas whose number follows the load.

    Replica-ns times the price, rounded down once in each epoch, as for replicas that stay.
    """
    whole = [0] * len(edges)
    if not plan.scaling.on[region]:
        return whole
    paid = replicas_of(plan, notices, region)
    for e, (start, end) in enumerate(_epochs(plan)):
        since = int(paid.until(np.array([start]))[0])
        inside = paid.until(np.clip(edges, start, end)).tolist()
        cost, period = int(plan.replica_price.cost[e, region]), int(plan.replica_price.period[e, region])
        whole = [money + (until - since) * cost // period for money, until in zip(whole, inside, strict=True)]
    return whole


def _epochs(plan: Plan) -> Iterator[tuple[int, int]]:
    """Start and end of each epoch within the horizon."""
    edges = np.clip(np.append(plan.epochs, plan.horizon), 0, plan.horizon).tolist()
    return pairwise(edges)


def scaled_series(plan: Plan, notices: Notices, windows: Windows) -> Ints:
    """The same of all regions, by window of the timeline."""
    if not plan.scaling.on.any():
        return np.zeros(windows.count, np.int64)
    every = [scaled_cost(plan, notices, r, windows.edges) for r in range(len(plan.names.regions))]
    sums = [sum(one) for one in zip(*every, strict=True)]
    return np.array([after - before for before, after in pairwise(sums)], np.int64)


def replica_ns(plan: Plan, notices: Notices) -> list[int]:
    """Replica-ns paid in [0, horizon) by region."""
    end = np.array([plan.horizon])
    return [int(replicas_of(plan, notices, r).until(end)[0]) for r in range(len(plan.names.regions))]
