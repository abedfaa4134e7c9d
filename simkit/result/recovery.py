"""What became of incidents: minute by minute from their start until all is well again.

An action belongs to the minute in which it arrived. All is well from the first minute on of which five minutes in a row
(those without arrivals left out) serve 99 % of their actions; an incident that starts before is one with it. What
quotas of users and budgets turn away (or fail: a budget of models) is turned away in good times, too: it counts
neither as ended nor as lost here, nor against an objective.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
ENDED, SERVED, SENT = (COLUMNS.index(name) for name in ("ended", "served", "sent"))
LADDER = (Kind.PARTIAL, Kind.PREVIOUS, Kind.RULE, Kind.HUMAN, Kind.STALE)
"""Reasons of degraded actions, in the order of the columns."""
WELL_PERCENT, WELL_MINUTES = 99, 5


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


def recovery_of(plan: Plan, minutes: Ints, incidents: dict[str, Ints]) -> Recovery:
    """What became of the incidents of a replication."""
    start, end = incidents["start"], np.minimum(incidents["end"], plan.horizon)
    order = [i for i in np.lexsort((end, start)).tolist() if start[i] < plan.horizon and end[i] > 0]
    found, inside, well_from = [], np.zeros(len(minutes), np.bool_), _well_from(minutes)
    while order and len(minutes):
        mine = [order.pop(0)]
        over = int(end[mine[0]])
        well = _well_again(well_from, over)
        while order and (well < 0 or start[order[0]] < well):
            mine.append(order.pop(0))
            over = max(over, int(end[mine[-1]]))
            well = _well_again(well_from, over)
        found.append(_stretch(plan, minutes, tuple(mine), int(start[mine[0]]), over, well))
        inside[_within(plan, found[-1])] = True
    return Recovery(tuple(found), minutes.sum(axis=0) - minutes[inside].sum(axis=0))


def _well_from(minutes: Ints) -> Ints:
    """All minutes from which on all is well, in order."""
    busy = np.flatnonzero(minutes[:, ENDED])
    good = 100 * minutes[busy, SERVED] >= WELL_PERCENT * minutes[busy, ENDED]
    if len(busy) < WELL_MINUTES:
        return busy[:0]
    sums = np.append(0, np.cumsum(good))
    found: Ints = busy[: 1 - WELL_MINUTES][sums[WELL_MINUTES:] - sums[:-WELL_MINUTES] == WELL_MINUTES]
    return found


def _well_again(well_from: Ints, end: int) -> int:
    """When all is well after an end; -1: never."""
    first = int(np.searchsorted(well_from, end // MINUTE))
    return max(end, int(well_from[first]) * MINUTE) if first < len(well_from) else -1


def _within(plan: Plan, one: Stretch) -> slice:
    """Its minutes."""
    beyond = plan.horizon if one.recovered < 0 else one.recovered
    return slice(max(one.start, 0) // MINUTE, -(-beyond // MINUTE))


def _stretch(plan: Plan, minutes: Ints, rows: tuple[int, ...], start: int, end: int, well: int) -> Stretch:
    nothing = np.zeros(minutes.shape[1], np.int64)
    found = Stretch(rows, start, end, well, nothing, nothing, (0, 0))
    span = _within(plan, found)
    mine, after = minutes[span], minutes[max(-(-end // MINUTE), span.start) : span.stop]
    sent, ended = mine[:, SENT], mine[:, ENDED]
    ratio = np.divide(sent, ended, out=np.zeros(len(sent)), where=ended > 0)
    worst = (int(sent[ratio.argmax()]), int(ended[ratio.argmax()])) if len(ratio) else (0, 0)
    return Stretch(rows, start, end, well, mine.sum(axis=0), after.sum(axis=0), worst)
