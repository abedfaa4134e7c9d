"""What breaks first: every limit with its use, whom it held up, and the load at which it is full."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simkit.plan.plan import Ints, Plan
from simkit.result.evidence import Evidence
from simkit.result.limits import LimitUse, grids, use_of
from simkit.result.statistics import significant

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Bottleneck:
    """One limit over all replications."""

    name: str
    kind: str
    text: str
    peak_use: float
    """Of the busiest minute (of a limit by the day: of the busiest 24 hours), mean over replications; 1 is full."""
    busiest_hour_use: float
    """Of the hour (or the limit's own longer time) that is busiest in the mean over replications, and over hours that
    expect the same traffic."""
    mean_use: float
    delayed: float
    refused: float
    """Attempts (at the own service: actions), per replication."""
    mean_delay_s: float | None
    """Of those delayed."""
    affected_share: float
    """Measured actions that were delayed or refused / measured actions."""
    full_at: float | None
    """Load multiple at which its busiest hour is full: 2 is twice today's load. None: never used."""
    peak_at: int
    """Start of the busiest minute of all replications, ns."""

    @property
    def station(self) -> str:
        """Whose it is: slots and the queue before them share it."""
        return self.name.rsplit(":", 1)[0] if self.kind != "quota" else self.name


def bottlenecks(evidence: Evidence) -> tuple[Bottleneck, ...]:
    """Every limit, by what breaks first.

    A queue overflows for long when the slots behind it are full, not when it is long for once: it is full with them.
    """
    runs = evidence.tallies
    found = [_bottleneck([one.limits[i] for one in runs], evidence) for i in range(len(runs[0].limits))]
    full = {one.station: one.full_at for one in found if one.kind != "queue"}
    rows = [replace(one, full_at=full[one.station]) if one.kind == "queue" else one for one in found]
    return tuple(sorted(rows, key=_order))


def _order(one: Bottleneck) -> tuple[float, bool, float, float]:
    """The first to be full; slots before their queue, which is full with them."""
    return one.full_at or float("inf"), one.kind == "queue", -one.refused, -one.delayed


def hour_use(uses: Sequence[LimitUse]) -> Floats:
    """Use by hour, mean over replications."""
    demand = np.array([one.demand for one in uses], np.float64).mean(axis=0)
    capacity = hour_room(uses)
    use: Floats = np.divide(demand, capacity, out=np.zeros_like(capacity), where=capacity > 0)
    return use


def hour_room(uses: Sequence[LimitUse]) -> Floats:
    """What a limit allows by hour; where it rises with what was spent, the mean over replications."""
    each = [one.capacity for one in uses]
    if all((one == each[0]).all() for one in each[1:]):
        return each[0]
    room: Floats = np.mean(each, axis=0)
    return room


def busiest_hour(uses: Sequence[LimitUse], plan: Plan) -> float:
    """Use of the busiest hour, or of what the limit is about. Hours that expect the same traffic are taken together.

    Otherwise the most of many hours would read the noise of a quiet product as need.
    """
    use, capacity = hour_use(uses), hour_room(uses)
    alike = alike_hours(plan, len(use))
    if alike is not None:
        use = (np.bincount(alike, use) / np.bincount(alike))[alike]
    return float(use_of(use * capacity, capacity, uses[0].span).max()) if uses[0].span > 1 else float(use.max())


def alike_hours(plan: Plan, hours: int) -> Ints | None:
    """(hours) group of each hour; those of a group have the same expected arrivals. None: each hour is its own case,
    since a trace, changes, incidents, tiers or fallbacks in random outages make it so."""
    own_case = len(plan.arrivals.trace_time) or len(plan.epochs) > 1 or len(plan.incidents.start)
    own_case = own_case or plan.growth.on[0] or len(plan.modulation.every) or len(plan.names.tiered)
    if own_case or (len(plan.incidents.gap) and (plan.models.fallback >= 0).any()):
        return None
    edges = np.minimum(np.arange(hours + 1, dtype=np.int64) * grids(plan)[0].length, plan.horizon)
    expected = np.diff(plan.arrivals.expected(edges)) / np.diff(edges)
    groups: Ints = np.unique(np.round(expected / expected.max(), 6), return_inverse=True)[1]
    return groups


def _bottleneck(uses: Sequence[LimitUse], evidence: Evidence) -> Bottleneck:
    first, runs = uses[0], len(uses)
    busiest = busiest_hour(uses, evidence.plan)
    capacity = float(hour_room(uses).sum())
    delayed = sum(one.delayed for one in uses)
    arrived = evidence.total("arrived")
    return Bottleneck(
        name=first.name,
        kind=first.kind,
        text=first.text,
        peak_use=float(np.mean([one.peak_use for one in uses])),
        busiest_hour_use=busiest,
        mean_use=sum(int(one.demand.sum()) for one in uses) / runs / capacity if capacity else 0.0,
        delayed=delayed / runs,
        refused=sum(one.refused for one in uses) / runs,
        mean_delay_s=sum(one.delay for one in uses) / 1e9 / delayed if delayed else None,
        affected_share=sum(one.affected for one in uses) / arrived if arrived else 0.0,
        full_at=1 / busiest if busiest > 0 else None,
        peak_at=max(uses, key=lambda one: one.peak_use).peak_at,
    )


def load_short(evidence: Evidence, multiple: float | None) -> str:
    """The same for a table: `1,840 users` or `2.5/s`."""
    if multiple is None:
        return "–"
    if evidence.users():
        return f"{significant(evidence.users_at_peak() * multiple, 3):,.0f} users"
    return f"{significant(arrival_rate(evidence) * multiple, 3):,.5g}/s"


def arrival_rate(evidence: Evidence) -> float:
    """Measured arrivals a second, mean over the horizon and all replications."""
    return evidence.total("arrived") / len(evidence.tallies) / (evidence.plan.horizon / 1e9)


def load_text(evidence: Evidence, multiple: float | None) -> str:
    """A load multiple in the words of the scenario: users where they are modelled, else arrivals a second."""
    if multiple is None:
        return "no use was seen"
    users = evidence.users_at_peak()
    if users:
        return f"about {significant(users * multiple, 3):,.0f} daily active users"
    return f"about {significant(arrival_rate(evidence) * multiple, 3):,.5g} arrivals/s in the mean"
