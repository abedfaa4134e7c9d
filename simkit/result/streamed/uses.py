"""From demand by minute to the use of every limit, in the order of `result.limits.limit_uses`."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simkit.plan.plan import Ints, Plan
from simkit.result.limits import (
    Asked,
    LimitUse,
    bucket_use,
    grids,
    has_queue,
    limited,
    own_services,
    queue_use,
    slots_use,
)  # fmt: skip
from simkit.result.streamed.ledger import LOST, OFFERED, QUEUEING, STATION_ROWS

Exact = NDArray[np.object_]
"""Python integers."""


def limit_uses(plan: Plan, demand: Ints, held: Exact, holding: Exact, budgets: dict[str, Ints]) -> tuple[LimitUse, ...]:
    """Every limit of the plan; the tables are those of the ledger, `budgets` the log's rows of them."""
    buckets = len(plan.names.limits)
    uses = [bucket_use(plan, b, asked(plan, demand[b], held[b]), budgets) for b in range(buckets)]
    for s, (name, kind, slots, places) in enumerate(stations(plan)):
        rows, row = demand[buckets + STATION_ROWS * s :], buckets + 2 * s
        served, time = (int(one) for one in holding[s])
        offered = time_within(plan, rows[OFFERED], rows[OFFERED + 1]) + (time // max(served, 1)) * rows[LOST]
        uses.append(slots_use(plan, name, kind, slots, asked(plan, offered, held[row])))
        if has_queue(places):
            queued = time_within(plan, rows[QUEUEING], rows[QUEUEING + 1])
            uses.append(queue_use(plan, name, places, asked(plan, queued, held[row + 1])))
    return tuple(uses)


def stations(plan: Plan) -> Iterator[tuple[str, str, Ints, Ints]]:
    """Name, kind of slots, slots and places by epoch of all stations with limited slots."""
    for n, name in enumerate(plan.names.deployments):
        if limited(plan.deployments.concurrency[:, n]):
            yield name, "concurrency", plan.deployments.concurrency[:, n], plan.deployments.queue[:, n]
    for _, name, slots, queue in own_services(plan):
        yield name, "workers", slots, queue


def time_within(plan: Plan, counts: Ints, moments: Ints) -> Ints:
    """Time within each minute of intervals, from the counts and the sum of their beginnings less their ends.

    Sums may wrap around 2^64; their differences are right all the same.
    """
    edges = grids(plan)[1].edges
    open_before, since = (np.concatenate([np.zeros(1, np.int64), np.cumsum(one)]) for one in (counts, moments))
    within: Ints = np.diff(open_before * edges - since)
    return within


def asked(plan: Plan, minutes: Ints, held: Exact) -> Asked:
    """What was asked of a limit, by hour and minute."""
    hours, grid = grids(plan)
    first = np.searchsorted(grid.edges, hours.edges[:-1])
    delayed, refused, delay, affected = (int(one) for one in held)
    return Asked(np.add.reduceat(minutes, first), minutes, delayed, refused, delay, affected)
