"""Alerts on error budgets: multi-window, multi-burn-rate rules (Google's SRE workbook, chapter 5) on a `Pulse`.

A rule is looked at when a cell of the pulse is over. It holds while, in its long and in its short window, more than
burn x (1 - target) of the actions that ended were bad, and enough of them ended in the long one. A run begins as if
all had gone well before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.result.objectives import Objective
from simkit.result.pulse import Pulse, cell_length
from simkit.result.windows import DAY, HOUR, MINUTE
from simkit.scenario.alerts import Alerts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
ON = -1
"""Cleared: not within the horizon."""
PAGE = "page"


@dataclass(frozen=True)
class BurnRule:
    """Fires while a budget burns `burn` times faster than it may."""

    name: str
    severity: str
    long: int
    short: int
    """Windows, ns."""
    burn: float


GOOGLE_30D = (
    BurnRule("1 h", PAGE, HOUR, 5 * MINUTE, 14.4),
    BurnRule("6 h", PAGE, 6 * HOUR, 30 * MINUTE, 6.0),
    BurnRule("1 d", "ticket", DAY, 2 * HOUR, 3.0),
    BurnRule("3 d", "ticket", 3 * DAY, 6 * HOUR, 1.0),
)
"""2 % of a month's budget in an hour, 5 % in six, 10 % in a day, 10 % in three."""
GOOGLE_28D = tuple(
    BurnRule(one.name, one.severity, one.long, one.short, burn)
    for one, burn in zip(GOOGLE_30D, (13.44, 5.6, 2.8, 2.8 / 3), strict=True)
)
"""The same shares of the budget of 28 days."""
PRESETS = {"google_30d": GOOGLE_30D, "google_28d": GOOGLE_28D}


@dataclass(frozen=True)
class Watch:
    """The alerts of a scenario, ready to be told from a pulse."""

    every: int
    wanted: int
    """Length of cells as it is, and as the scenario says; ns."""
    volume: int
    rules: tuple[BurnRule, ...]
    of: frozenset[str] | None
    """Labels of objectives; None: all."""

    def heeds(self, objective: Objective) -> bool:
        """Is it watched? One of 100 % has no budget that could burn."""
        return objective.target < 1 and (self.of is None or objective.label in self.of)


@dataclass(frozen=True)
class Alert:
    """A time in which a rule held without a break, ns."""

    objective: int
    rule: BurnRule
    fired: int
    cleared: int
    """`ON`: not within the horizon."""


def watch_of(alerts: Alerts | None, slo_window: int, horizon: int) -> Watch | None:
    """What is watched; None where there are no alerts."""
    if alerts is None:
        return None
    every = cell_length(horizon, alerts.every)
    of = None if alerts.of is None else frozenset(alerts.of)
    return Watch(every, alerts.every, alerts.volume, rules_of(alerts, slo_window), of)


def rules_of(alerts: Alerts, slo_window: int) -> tuple[BurnRule, ...]:
    """The rules; a share of the budget becomes a speed."""
    if isinstance(alerts.rules, str):
        return PRESETS[alerts.rules]
    return tuple(
        BurnRule(one.name, one.severity, one.long, one.short_, one.burn or (one.budget or 0.0) * slo_window / one.long)
        for one in alerts.rules
    )


def within(counts: Ints, cells: int) -> Ints:
    """Sum of the last `cells` cells at each look."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    looks = np.arange(1, len(sums))
    last: Ints = sums[looks] - sums[np.maximum(0, looks - cells)]
    return last


def bad_in(pulse: Pulse, o: int, length: int) -> Ints:
    """How many actions ended badly in the window before each look; before the run none did."""
    return within(pulse.bad[o], cells_in(pulse, length))


def counted_in(pulse: Pulse, o: int, length: int) -> Floats:
    """How many actions ended in the window before each look, those before the run among them.

    A product in production has a past. What it was nobody says, so it is one without errors, in which as many actions
    ended in every cell as in the run on average: a long window is as slow at first as it is later on.
    """
    cells = cells_in(pulse, length)
    before = np.maximum(0, cells - np.arange(1, pulse.counted.shape[1] + 1))
    found: Floats = within(pulse.counted[o], cells) + before * pulse.usual[o]
    return found


def cells_in(pulse: Pulse, length: int) -> int:
    """How many cells a window has."""
    return max(1, length // pulse.every)


def burn_rates(pulse: Pulse, o: int, length: int, target: float) -> Floats:
    """How many times faster than it may the budget burns in the window before each look; 0 without actions."""
    seen = counted_in(pulse, o, length)
    rates: Floats = np.divide(bad_in(pulse, o, length), (1 - target) * seen, out=np.zeros(len(seen)), where=seen > 0)
    return rates


def held(pulse: Pulse, o: int, rule: BurnRule, target: float, volume: int) -> NDArray[np.bool_]:
    """At which looks a rule holds."""
    holds = counted_in(pulse, o, rule.long) >= volume
    for length in (rule.long, rule.short):
        holds &= bad_in(pulse, o, length) > rule.burn * (1 - target) * counted_in(pulse, o, length)
    return holds


def alerts_of(pulse: Pulse, watch: Watch, objectives: Sequence[Objective]) -> tuple[Alert, ...]:
    """Every alert of a replication, by the time at which it fired."""
    found = []
    for o, objective in enumerate(objectives):
        for rule in watch.rules if watch.heeds(objective) else ():
            edge = np.diff(held(pulse, o, rule, objective.target, watch.volume).astype(np.int64), prepend=0, append=0)
            starts, ends = np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
            for first, beyond in zip(starts.tolist(), ends.tolist(), strict=True):
                cleared = (beyond + 1) * pulse.every if beyond < pulse.bad.shape[1] else ON
                found.append(Alert(o, rule, (first + 1) * pulse.every, cleared))
    return tuple(sorted(found, key=lambda one: (one.fired, one.objective, watch.rules.index(one.rule))))


def pages_of(alerts: Sequence[Alert]) -> list[tuple[int, int]]:
    """(fired, cleared) of each page: alerts of that severity that overlap call somebody once."""
    pages: list[tuple[int, int]] = []
    for one in (one for one in alerts if one.rule.severity == PAGE):
        if pages and (pages[-1][1] == ON or one.fired <= pages[-1][1]):
            ends = (pages[-1][1], one.cleared)
            pages[-1] = pages[-1][0], ON if ON in ends else max(ends)
        else:
            pages.append((one.fired, one.cleared))
    return pages


def enough(pulse: Pulse, o: int, rule: BurnRule, volume: int) -> bool:
    """Did the rule ever see as many actions as it must?"""
    return bool((counted_in(pulse, o, rule.long) >= volume).any())
