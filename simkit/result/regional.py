"""Who was served where: sums by region, of plans that have regions.

A row of `areas` is a place: each region as what serves (by where an action was turned to last), then none, for what was
turned nowhere, then each region as home. Times are binned (`laws.histogram`): within 0.4 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simkit.engine.codes import Kind, Mark, Outcome
from simkit.engine.log import DID_NOT, Column, Log
from simkit.plan.plan import NEVER, Plan
from simkit.result.economy import all_money
from simkit.result.objectives import Objective
from simkit.result.sample import Sample, bins_of
from simkit.result.sums import Ints, Money, Rows, count, money_by, pairs, timed_actions
from simkit.result.windows import DAY, SECOND, Windows

OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
AREA = (
    "actions", *OUTCOMES, "came", "network", "timed", "latency", "waited", "money", "region_down", "residency",
)  # fmt: skip
"""Columns of `areas`; after them two for each objective (bad and counted), and two for any of them."""
FLOW = ("actions", "came", "network")
"""Columns of `flow`: actions, those that came to the region's service, and how long that took them, ns."""
BY_WINDOW = ("turned", "unserved", "late")
"""What is counted by window and region: actions turned to it; failed, rejected or abandoned; served, but bad."""
CELL, MOST_CELLS = 10 * SECOND, 7 * DAY // (10 * SECOND)
"""Traffic around incidents is counted in cells of 10 s, or more where there would be too many."""


@dataclass(frozen=True, eq=False)
class Regional:
    """What became of users and regions; all but the notices are empty where regions are not modelled."""

    flow: Money
    """(R homes, R + 1, columns of FLOW); the last place: turned nowhere."""
    areas: Money
    """(2 R + 1, columns of AREA, then of objectives)"""
    latency: tuple[Sample, ...]
    waited: tuple[Sample, ...]
    """(2 R + 1) of served actions, ns: until the outcome, and in queues."""
    windows: Ints
    """(windows, 3, R + 1) see BY_WINDOW."""
    cells: Ints
    """(cells, R + 4) actions that arrive: turned to each region and nowhere, unserved, of those `region_down`, those
    that came, but only after a lost connection to a region that was down."""
    served: Ints
    """(R homes, kinds, R + 1) all actions, measured or not, by where they were turned to."""
    asked: Ints
    """(R homes, kinds, N + 2) all attempts by deployment, then what was not sent because it may not, then actions
    rejected because of residency."""
    notices: dict[str, Column]
    """What became of regions and replicas, as in the log."""


def places(plan: Plan) -> int:
    """How many regions have sums: none where they are not modelled."""
    return len(plan.names.regions) if plan.regions.on[0] else 0


def cell_length(plan: Plan) -> int:
    """Length of the cells, ns; 0: there are none, since no incident can hit a region."""
    if not plan.regions.on[0] or not plan.incidents.region_hits.any():
        return 0
    return CELL * -(-plan.horizon // (CELL * MOST_CELLS))


def cell_count(plan: Plan) -> int:
    """How many there are."""
    length = cell_length(plan)
    return -(-plan.horizon // length) if length else 0


def detour_from(plan: Plan) -> int:
    """Who was so long on the way has lost a connection."""
    if not plan.regions.on[0]:
        return NEVER
    lost = int(plan.regions.connect_timeout[0])
    return lost if lost > int(plan.regions.rtt.max()) else NEVER


def regional_of(
    plan: Plan, log: Log, row: Ints, actions: dict[str, Column], windows: Windows, objectives: Sequence[Objective]
) -> Regional:
    """The sums of a log: `actions` are the measured ones, `row` is the row of its action for each attempt."""
    size, width = places(plan), len(AREA) + 2 * len(objectives) + 2
    if not size:
        return nothing(plan, width, windows, log.regions)
    home, place = actions["home"], np.where(actions["region"] < 0, size, actions["region"])
    judged = [one.judge(actions, log.ended) for one in objectives]
    columns = _columns(plan, actions, judged)
    areas = np.concatenate([_sums(place, columns, size + 1), _sums(home, columns, size)])
    timed = timed_actions(plan, actions)
    spans = (actions["end"] - actions["arrival"], actions["waited"])
    latency, waited = (
        (*_samples(place, timed, span, size + 1), *_samples(home, timed, span, size)) for span in spans
    )  # fmt: skip
    came = actions["network"] != DID_NOT
    parts = (np.ones(len(home), np.int64), came.astype(np.int64), np.where(came, actions["network"], 0))
    flow = _sums(home * (size + 1) + place, parts, size * (size + 1)).reshape(size, size + 1, len(FLOW))
    by_window = _by_window(actions, place, size, columns[-2] > 0, windows)
    served, asked = audit(plan, log, row)
    return Regional(
        flow, areas, latency, waited, by_window, _cells(plan, actions, place, size), served, asked, log.regions
    )


def nothing(plan: Plan, width: int, windows: Windows, notices: dict[str, Column]) -> Regional:
    """Of a plan without regions."""
    empty, kinds = np.zeros(0, object), len(plan.names.kinds)
    return Regional(
        flow=empty.reshape(0, 1, len(FLOW)), areas=empty.reshape(0, width), latency=(), waited=(),
        windows=np.zeros((windows.count, len(BY_WINDOW), 0), np.int64), cells=np.zeros((0, 4), np.int64),
        served=np.zeros((0, kinds, 1), np.int64), asked=np.zeros((0, kinds, len(plan.names.deployments) + 2), np.int64),
        notices=notices,
    )  # fmt: skip


def unserved(actions: dict[str, Column]) -> Rows:
    """Who got nothing: failed, rejected, or gave up."""
    outcome = actions["outcome"]
    found: Rows = (outcome > Outcome.DEGRADED) & (outcome != Outcome.CENSORED)
    return found


def _columns(plan: Plan, actions: dict[str, Column], judged: Sequence[tuple[Rows, Rows]]) -> list[Ints]:
    """The columns of AREA and of the objectives, of each action."""
    outcome, came, timed = actions["outcome"], actions["network"] != DID_NOT, timed_actions(plan, actions)
    any_bad, any_counted = np.zeros(len(outcome), np.bool_), outcome != Outcome.CENSORED
    found = [np.ones(len(outcome), np.int64), *(outcome == one for one in Outcome), came]
    found += [np.where(came, actions["network"], 0), timed]
    found += [np.where(timed, one, 0) for one in (actions["end"] - actions["arrival"], actions["waited"])]
    found += [all_money(actions), *(actions["reason"] == one for one in (Kind.REGION_DOWN, Kind.RESIDENCY))]
    for bad, counted in judged:
        found += [bad, counted]
        any_bad, any_counted = any_bad | bad, any_counted | counted
    return [one.astype(np.int64) for one in (*found, any_bad, any_counted)]


def _sums(codes: Ints, columns: Sequence[Ints], size: int) -> Money:
    found: Money = np.stack([money_by(codes, one, size) for one in columns], axis=1)
    return found


def _samples(codes: Ints, timed: Rows, spans: Ints, size: int) -> tuple[Sample, ...]:
    def of(chosen: Rows) -> Sample:
        return Sample.binned(*np.unique(bins_of(spans[chosen]), return_counts=True))

    return tuple(of(timed & (codes == one)) for one in range(size))


def _by_window(actions: dict[str, Column], place: Ints, size: int, bad: Rows, windows: Windows) -> Ints:
    window = windows.index(actions["arrival"])
    chosen = np.ones(len(place), np.bool_), unserved(actions), bad & (actions["outcome"] <= Outcome.DEGRADED)
    return np.stack([pairs(window[one], place[one], windows.count, size + 1) for one in chosen], axis=1)


def _cells(plan: Plan, actions: dict[str, Column], place: Ints, size: int) -> Ints:
    number, length = cell_count(plan), cell_length(plan)
    if not number:
        return np.zeros((0, size + 4), np.int64)
    cell = actions["arrival"] // length
    down, detour = actions["reason"] == Kind.REGION_DOWN, actions["network"] >= detour_from(plan)
    lost = [count(cell[one], number) for one in (unserved(actions), down, detour)]
    return np.hstack([pairs(cell, place, number, size + 1), *(one[:, None] for one in lost)])


def audit(plan: Plan, log: Log, row: Ints) -> tuple[Ints, Ints]:
    """Of every action and attempt, measured or not: by home and kind, where it was turned to and what it asked."""
    a, t, size, kinds = log.actions, log.attempts, places(plan), len(plan.names.kinds)
    whose, number = a["home"] * kinds + a["kind"], len(plan.names.deployments)
    served = pairs(whose, np.where(a["region"] < 0, size, a["region"]), size * kinds, size + 1)
    refused = t["marks"] & Mark.FORBIDDEN != 0
    told = (t["deployment"] >= 0) | refused
    what = np.where(refused, number, t["deployment"])
    asked = pairs(whose[row][told], what[told], size * kinds, number + 2)
    asked[:, -1] = count(whose[a["reason"] == Kind.RESIDENCY], size * kinds)
    return served.reshape(size, kinds, size + 1), asked.reshape(size, kinds, number + 2)


__all__ = [
    "AREA", "BY_WINDOW", "FLOW", "Regional", "cell_count", "cell_length", "detour_from", "places", "regional_of",
]  # fmt: skip
