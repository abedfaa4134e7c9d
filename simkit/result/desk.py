"""The desk of people at the end of the degrade ladder: how busy they are, and how long cases wait for them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import DID_NOT, Column
from simkit.plan.plan import Plan

Ints = NDArray[np.int64]
Rows = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shifts:
    """When people are there, within the horizon: from each edge to the next."""

    edges: Ints
    """ns; the first is 0."""
    before: Ints
    """ns in which somebody was there, up to each edge."""
    there: Ints
    """1 if somebody is there from the edge on, else 0."""
    capacity: int
    """ns that all people together are there."""

    def until(self, times: Ints) -> Ints:
        """ns of the horizon in which somebody was there, up to some times."""
        last = np.searchsorted(self.edges, times, "right") - 1
        found: Ints = self.before[last] + self.there[last] * (times - self.edges[last])
        return found


def shifts_of(plan: Plan) -> Shifts:
    """The shifts of a plan; without people there is one without anybody."""
    time, staff, horizon = plan.ladder.staff_time, plan.ladder.staff, plan.horizon
    inside = (time > 0) & (time < horizon)
    first = staff[time <= 0][-1:] if len(time) else np.zeros(1, np.int64)
    edges: Ints = np.concatenate([np.zeros(1, np.int64), time[inside]])
    people = np.append(first, staff[inside])
    lengths: Ints = np.diff(edges, append=horizon)
    there = (people > 0).astype(np.int64)
    capacity = int((lengths.astype(object) * people.astype(object)).sum())
    open_ns: Ints = lengths * there
    return Shifts(edges, np.cumsum(open_ns) - open_ns, there, capacity)


def desk_busy(plan: Plan, actions: dict[str, Column], ended: int) -> int:
    """ns in which people worked on cases, of all actions, within the horizon and while people were there.

    Who finishes a case after hours works, too, but that is no use of the time for which people were asked to come.
    """
    taken = actions["desk_began"] != DID_NOT
    began, end = actions["desk_began"][taken], actions["end"][taken]
    over = np.clip(np.where(end == DID_NOT, ended, end), 0, plan.horizon)
    shifts = shifts_of(plan)
    spans = shifts.until(over) - shifts.until(np.clip(began, 0, plan.horizon))
    return int(spans.sum(dtype=object))


def desk_waits(actions: dict[str, Column], timed: Rows) -> Ints:
    """How long each case that people answered, and somebody waited for (`timed`), was in their queue, ns."""
    mine = timed & (actions["outcome"] == Outcome.DEGRADED) & (actions["reason"] == Kind.HUMAN)
    waits: Ints = (actions["desk_began"] - actions["desk_asked"])[mine]
    return waits
