"""What became of incidents: minute by minute from their start until all is well again.

An action belongs to the minute in which it arrived. All is well from the first minute on of which five minutes in a row
(those without arrivals left out) serve 99 % of their actions; an incident that starts before is one with it. What
quotas of users and budgets turn away (or fail: a budget of models) is turned away in good times, too: it counts
neither as ended nor as lost here, nor against an objective.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.engine.log import Column
from simkit.plan.plan import Plan
from simkit.result.economy import all_money
from simkit.result.objectives import Objective
from simkit.result.sums import Rows, count, is_sent, total_by, turned_away
from simkit.result.windows import MINUTE

Ints = NDArray[np.int64]
COLUMNS = (
    "ended", "served", "lost", "degraded", "abandoned", "sent", "cost", "throttled", "no_deployment", "fell_back",
    "turned_away", "partial", "previous", "rule", "human", "stale",
)  # fmt: skip
"""What is counted by minute; after them two for each objective: bad and counted. `served` leaves out what is degraded
where `slo.degraded` is bad; `cost` has that of people in it; `sent` counts attempts."""
ENDED, SERVED, SENT, COST = (COLUMNS.index(name) for name in ("ended", "served", "sent", "cost"))
LADDER = (Kind.PARTIAL, Kind.PREVIOUS, Kind.RULE, Kind.HUMAN, Kind.STALE)
"""Reasons of degraded actions, in the order of the columns."""
WELL_PERCENT, WELL_MINUTES = 99, 5
AT_ONCE = 1_440
"""Minutes that are looked at together."""
HALF = 32
"""Bits of a count where two share a number."""


class Minutes(Protocol):
    """What is known of each minute; a slice of it is an array (minutes, columns)."""

    def __len__(self) -> int: ...
    def __getitem__(self, span: slice, /) -> Ints: ...


@dataclass(frozen=True, eq=False)
class Packed:
    """The same in half the memory, for a year has half a million minutes.

    The first row is the cost; in each that follows are the next two columns, one in each half of its bits (the place
    of the cost among them stays 0).
    """

    table: Ints

    def __len__(self) -> int:
        return int(self.table.shape[1])

    def __getitem__(self, span: slice) -> Ints:
        cost, counts = self.table[0, span], self.table[1:, span].T
        found = np.empty((counts.shape[0], 2 * counts.shape[1]), np.int64)
        found[:, 0::2], found[:, 1::2] = counts & ((1 << HALF) - 1), counts >> HALF
        found[:, COST] = cost
        return found


@dataclass(frozen=True, eq=False)
class Stretch:
    """One incident, or several of which each began before all was well again."""

    incidents: tuple[int, ...]
    """Rows of the table of incidents."""
    start: int
    end: int
    """Of the incidents, ns; the end at most the horizon."""
    recovered: int
    """From when on all is well, ns; -1: not within the horizon."""
    sums: Ints
    """Of every column from the start until then, in whole minutes."""
    after: Ints
    """The same from the incidents' end on."""
    worst: tuple[int, int]
    """Attempts sent, and actions, of the minute with the most attempts per action."""


@dataclass(frozen=True, eq=False)
class Recovery:
    """All incidents of a replication, and what is outside of them."""

    stretches: tuple[Stretch, ...]
    rest: Ints
    """Sums of every column outside."""


def minute_count(plan: Plan) -> int:
    """How many minutes are counted: none where there can be no incident."""
    some = len(plan.incidents.start) + len(plan.incidents.gap)
    return -(-plan.horizon // MINUTE) if some else 0


def is_fair(objectives: Sequence[Objective]) -> bool:
    """Do degraded answers count as good?"""
    return all(one.degraded_good for one in objectives)


def minutes_of(
    plan: Plan,
    actions: dict[str, Column],
    attempts: dict[str, Column],
    owner: Ints,
    ended: int,
    objectives: Sequence[Objective],
) -> Ints:
    """(minutes, columns) of measured actions and their attempts."""
    size = minute_count(plan)
    if not size:
        return np.zeros((0, len(COLUMNS) + 2 * len(objectives)), np.int64)
    minute, outcome = actions["arrival"] // MINUTE, actions["outcome"]
    by_rule = is_by_rule(plan, outcome, actions["reason"])
    degraded = outcome == Outcome.DEGRADED
    chosen: list[Rows] = [
        (outcome != Outcome.CENSORED) & ~by_rule,
        (outcome == Outcome.OK) | (degraded & is_fair(objectives)),
        ((outcome == Outcome.FAILED) | (outcome == Outcome.REJECTED)) & ~by_rule,
        degraded,
        outcome == Outcome.ABANDONED,
    ]
    by_attempt = minute[owner]
    columns = [count(minute[rows], size) for rows in chosen]
    columns.append(count(by_attempt[is_sent(attempts)], size))
    columns.append(total_by(minute, all_money(actions), size))
    for kind in (Kind.THROTTLED, Kind.NO_DEPLOYMENT):
        columns.append(count(by_attempt[attempts["outcome"] == kind], size))
    for rows in (attempts["cause"] == Cause.FALLBACK, turned_away(attempts)):
        columns.append(count(by_attempt[rows], size))
    columns += [count(minute[degraded & (actions["reason"] == reason)], size) for reason in LADDER]
    for objective in objectives:
        columns += [count(minute[rows & ~by_rule], size) for rows in objective.judge(actions, ended)]
    return np.stack(columns, axis=1)


def is_by_rule(plan: Plan, outcome: Ints, reason: Ints) -> NDArray[np.bool_]:
    """Which actions did a quota or a budget turn away, or fail (a budget of models)?"""
    turned: NDArray[np.bool_] = (outcome == Outcome.REJECTED) & np.isin(reason, (Kind.QUOTA, Kind.BUDGET))
    if plan.names.budgets:
        turned |= (outcome == Outcome.FAILED) & (reason == Kind.QUOTA_EXHAUSTED)
    return turned


def recovery_of(plan: Plan, minutes: Minutes, incidents: dict[str, Ints]) -> Recovery:
    """What became of the incidents of a replication."""
    start, end = incidents["start"], np.minimum(incidents["end"], plan.horizon)
    order = [i for i in np.lexsort((end, start)).tolist() if start[i] < plan.horizon and end[i] > 0]
    found, outside = [], np.ones(len(minutes), np.bool_)
    while order and len(minutes):
        mine = [order.pop(0)]
        over = int(end[mine[0]])
        well = _well_again(minutes, over)
        while order and (well < 0 or start[order[0]] < well):
            mine.append(order.pop(0))
            over = max(over, int(end[mine[-1]]))
            well = well if well < 0 else _well_again(minutes, over)
        found.append(_stretch(plan, minutes, tuple(mine), int(start[mine[0]]), over, well))
        outside[_within(plan, found[-1].start, well)] = False
    rest = minutes[:0].sum(axis=0)
    for day, one in _days(minutes, slice(0, len(minutes))):
        rest += one[outside[day]].sum(axis=0)
    return Recovery(tuple(found), rest)


def _days(minutes: Minutes, span: slice) -> Iterator[tuple[slice, Ints]]:
    """Some minutes, a day of them at a time."""
    for first in range(span.start, span.stop, AT_ONCE):
        day = slice(first, min(first + AT_ONCE, span.stop))
        yield day, minutes[day]


def _sum(minutes: Minutes, span: slice) -> Ints:
    """Of every column."""
    sums: Ints = sum((found.sum(axis=0) for _, found in _days(minutes, span)), minutes[:0].sum(axis=0))
    return sums


def _well_again(minutes: Minutes, end: int) -> int:
    """When all is well after an end; -1: never."""
    busy, good = np.zeros(0, np.int64), np.zeros(0, np.bool_)
    for day, found in _days(minutes, slice(end // MINUTE, len(minutes))):
        more = np.flatnonzero(found[:, ENDED])
        is_good = 100 * found[more, SERVED] >= WELL_PERCENT * found[more, ENDED]
        busy = np.append(busy[1 - WELL_MINUTES :], day.start + more)
        good = np.append(good[1 - WELL_MINUTES :], is_good)
        sums = np.append(0, np.cumsum(good))
        well = np.flatnonzero(sums[WELL_MINUTES:] - sums[:-WELL_MINUTES] == WELL_MINUTES)
        if len(well):
            return max(end, int(busy[well[0]]) * MINUTE)
    return -1


def _within(plan: Plan, start: int, well: int) -> slice:
    """The minutes from a start until all is well."""
    beyond = plan.horizon if well < 0 else well
    return slice(max(start, 0) // MINUTE, -(-beyond // MINUTE))


def _stretch(plan: Plan, minutes: Minutes, rows: tuple[int, ...], start: int, end: int, well: int) -> Stretch:
    span = _within(plan, start, well)
    after = slice(max(-(-end // MINUTE), span.start), span.stop)
    return Stretch(rows, start, end, well, _sum(minutes, span), _sum(minutes, after), _worst(minutes, span))


def _worst(minutes: Minutes, span: slice) -> tuple[int, int]:
    """Attempts sent, and actions, of the first of the minutes with the most attempts per action."""
    most, worst = -1.0, (0, 0)
    for _, found in _days(minutes, span):
        sent, ended = found[:, SENT], found[:, ENDED]
        ratio = np.divide(sent, ended, out=np.zeros(len(sent)), where=ended > 0)
        if ratio.max() > most:
            most, worst = float(ratio.max()), (int(sent[ratio.argmax()]), int(ended[ratio.argmax()]))
    return worst
