"""`breaking_point`: the largest load (number of users, length of an outage, price) at which a condition still holds.

The metric is noisy, so its root is too. All loads are simulated with the same replications under common random numbers,
which makes the pooled metric a plain function of the load, whose crossing is found by bisection: retrospective
approximation (Chen and Schmeiser 2001). The interval is all loads at which the condition can neither be affirmed nor
denied. That inverts the test of "here it breaks": at the true breaking point the metric's interval holds the bound with
95 %, so that point is in the interval with 95 %, wherever one has looked. With more replications, looked at one after
the other, the error is spent as everywhere (`simkit.study.looks`).
"""

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from simkit.plan.compile import compile_plan
from simkit.result.metrics import METRICS
from simkit.result.slo import Verdict, standings, verdict
from simkit.result.statistics import Estimate
from simkit.result.table import Table, table
from simkit.study.design import DesignError
from simkit.study.executor import Where
from simkit.study.looks import Look, looks
from simkit.study.progress import Progress, progress_of
from simkit.study.quantity import Quantity, Range, RangeError, range_of
from simkit.study.run import Replications, engine_for

if TYPE_CHECKING:
    from simkit.report.style import Picture
    from simkit.result.result import Result
    from simkit.scenario.load import Scenario

PRECISION = 0.05
"""Half width of the interval, as a share of the breaking point, at which one is content."""
FINE = 0.05
"""Step of the search, as a share of the precision."""
MOST = 160
"""Replications at which one is content in any case."""
USUAL_TRIALS = 20
"""Loads that a search tries, about: what the choice of the engine is made by."""
WIDE = 4.0
"""Ends of a range this many times apart are bisected by their ratio."""


@dataclass(frozen=True)
class Trial:
    """What was found at one load."""

    at: float
    replications: int
    worst: Estimate
    """Of the line that is nearest to breaking."""
    metric: str
    bound: float
    value: Verdict
    """Does the condition hold by the value alone: pass or fail."""
    sure: Verdict
    """... by the whole interval; undecided within it."""


Condition = Callable[["Result"], list[tuple[str, str, float, Estimate]]]
"""Lines of a condition: metric, operator, bound, what was found."""


@dataclass(frozen=True, eq=False)
class BreakingPoint:
    """Where a condition stops to hold."""

    path: str
    condition: str
    unit: Quantity
    """How a load is written."""
    range: Range
    holds_below: bool
    """Does it hold at the low end, and break on the way up (as with load), or the other way round (as with workers)?"""
    value: float | None
    low: float | None
    high: float | None
    """The interval; None: beyond the range that was searched, or not found."""
    trials: tuple[Trial, ...]
    replications: int
    note: str = ""

    def written(self, load: float | None) -> str:
        """A load as the scenario has it."""
        return "–" if load is None else str(self.unit.at(load))

    @property
    def text(self) -> str:
        """What was found, a sentence."""
        if self.value is None:
            return self.note
        which = "holds up to" if self.holds_below else "holds from"
        ends = f"{self._end(self.low, 'below')} to {self._end(self.high, 'above')}"
        note = f" {self.note}" if self.note else ""
        return (
            f"{self.condition} {which} {self.path} = {self.written(self.value)}, 95 % interval {ends}"
            f" ({self.replications} replications).{note}"
        )

    def _end(self, load: float | None, beyond: str) -> str:
        if load is not None:
            return self.written(load)
        return f"{beyond} {self.range.low if beyond == 'below' else self.range.high}"

    @cached_property
    def table(self) -> Table:
        """Every load that was tried: load, replications, metric, value, low, high, bound, holds, sure."""
        rows = [
            (self.unit.at(one.at).value, one.replications, one.metric, one.worst.value, one.worst.low, one.worst.high,
             one.bound, str(one.value), str(one.sure))
            for one in sorted(self.trials, key=lambda one: one.at)
        ]  # fmt: skip
        return table(
            rows, self.plot, ("load", "replications", "metric", "value", "low", "high", "bound", "holds", "sure")
        )

    @property
    def short(self) -> Table:
        """Of the loads tried with all replications the ends of the range, and those about the interval's ends."""
        rows = sorted((one for one in self.trials if one.replications == self.replications), key=lambda one: one.at)
        ends = [end for end in (self.low, self.value, self.high) if end is not None]
        near = {place for end in ends for place in sorted(range(len(rows)), key=lambda p: abs(rows[p].at - end))[:2]}
        wanted = {rows[place].at for place in near | {0, len(rows) - 1} if rows}
        shown = [self.unit.at(at).value for at in wanted]
        last = self.table["replications"] == self.replications
        return self.table[last & self.table["load"].isin(shown)]

    def to_json(self) -> str:
        """Path, condition, value, low, high (as the scenario has them, or null), replications, what it says, and every
        load that was tried."""
        ends = {name: None if load is None else self.written(load)
                for name, load in (("value", self.value), ("low", self.low), ("high", self.high))}  # fmt: skip
        head = {"path": self.path, "condition": self.condition, "holds": "below" if self.holds_below else "above"}
        said = {"replications": self.replications, "text": self.text}
        tried = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        return json.dumps(head | ends | said | {"tried": tried}, ensure_ascii=False)

    def plot(self) -> "Picture":
        """The metric that breaks over the load, its bound, and the breaking point with its interval."""
        from simkit.report.figures_search import breaking_figure

        rows = [(one.at, one.worst.value, one.worst.low, one.worst.high) for one in self.trials
                if one.metric == self.trials[-1].metric and one.replications == self.replications]  # fmt: skip
        last = self.trials[-1]
        return breaking_figure(
            sorted(rows), last.bound, (self.low, self.value, self.high), self.path, last.metric,
            METRICS[last.metric].unit if last.metric in METRICS else "share", self.condition,
        )  # fmt: skip

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.text)}</p>"


def condition_of(scenario: "Scenario", text: str) -> Condition:
    """The lines that must hold: those of `text` (`METRIC OPERATOR VALUE`, several with `and`), or every objective.

    Raises:
        DesignError: the condition is not understood, or the scenario has no objective.
    """
    from simkit.scenario.errors import Invalid
    from simkit.scenario.expectations import parse_expectation

    if text == "slo":
        if not scenario.document.slo.model_fields_set & {"success", "latency", "ttft", "good"}:
            raise DesignError("the scenario has no objective: name a condition, e.g. latency_p95 <= 5s")
        return lambda result: [
            (one.objective.text, ">=", one.objective.target, one.compliance) for one in standings(result.evidence)
        ]
    try:
        lines = [parse_expectation(one) for one in text.split(" and ")]
    except Invalid as error:
        raise DesignError(f"{text}: {error.message} Allowed: {error.allowed}") from None
    return lambda result: [(one.metric, one.operator, one.value, result.metrics[one.metric]) for one in lines]


def judge(at: float, result: "Result", condition: Condition) -> Trial:
    """A load judged: all lines must hold; a line without a value (nothing was served) does not."""
    found = []
    for metric, op, bound, e in condition(result):
        plain = e if e.value is None else Estimate(e.value, e.value, e.value)
        value = Verdict.PASS if verdict(plain, op, bound) == Verdict.PASS else Verdict.FAIL
        sure = verdict(e, op, bound) if e.value is not None else Verdict.FAIL
        found.append(Trial(at, result.replications, e, metric, bound, value, sure))
    order = (Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS)
    worst = min(found, key=lambda one: (order.index(one.value), order.index(one.sure)))
    return replace(
        worst, value=min((one.value for one in found), key=order.index),
        sure=min((one.sure for one in found), key=order.index),
    )  # fmt: skip


class Search:
    """A search for the breaking point; every load is run once, and again only for more replications."""

    def __init__(self, between: Range, condition: Condition, ready: Callable[[float], Replications]) -> None:
        self.between, self.condition, self._ready = between, condition, ready
        self._open: dict[float, Replications] = {}
        self.trials: dict[tuple[float, int], Trial] = {}

    def at(self, load: float, look: Look) -> Trial:
        """The trial of a load at a look."""
        load = self.between.low.at(load).number
        key = (load, look.replications)
        if key not in self.trials:
            ready = self._open.setdefault(load, self._ready(load))
            self.trials[key] = judge(load, ready.upto(look.replications, level=look.level), self.condition)
        return self.trials[key]

    def crossing(self, look: Look, holds: Callable[[Trial], bool], low: float, high: float, step: float) -> float:
        """Where `holds` changes between two loads at which it differs, within `step` as a share of it."""
        before = holds(self.at(low, look))
        while self._apart(low, high, step):
            middle = self._middle(low, high)
            if middle in (low, high):
                break
            if holds(self.at(middle, look)) == before:
                low = middle
            else:
                high = middle
        return low if before else high

    def _apart(self, low: float, high: float, step: float) -> bool:
        if self.between.low.whole:
            return high - low > max(1.0, step * abs(high))
        return high - low > step * max(abs(low), abs(high))

    def _middle(self, low: float, high: float) -> float:
        by_ratio = low > 0 and high > WIDE * low
        return self.between.low.at(math.sqrt(low * high) if by_ratio else (low + high) / 2).number


def by_value(one: Trial) -> bool:
    """Does the condition hold, by the value alone?"""
    return one.value == Verdict.PASS


def surely(one: Trial) -> bool:
    """Is it sure that the condition holds?"""
    return one.sure == Verdict.PASS


def perhaps(one: Trial) -> bool:
    """May the condition hold?"""
    return one.sure != Verdict.FAIL


def breaking_point(
    scenario: "Scenario",
    path: str,
    between: "str | Range",
    condition: str = "slo",
    *,
    precision: float = PRECISION,
    replications: int | None = None,
    most: int = MOST,
    seed: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: bool | Progress = False,
    tell: Callable[[str], object] | None = None,
    executor: Where = None,
) -> BreakingPoint:
    """The largest value of a field at which a condition still holds (or the least, where more of it helps).

    Args:
        scenario: from `load`.
        path: the field: a load, a number of users, the length of an outage, a price, a number of workers.
        between: the range that is searched, `A..B`, e.g. `1/s..20/s`.
        condition: `METRIC OPERATOR VALUE`, several with ` and ` between; or `slo`: every objective.
        precision: half width of the interval, as a share of the breaking point, at which one is content.
        replications: of the first look; they are doubled until the interval is narrow enough.
        most: replications at which that ends.
        seed, engine, jobs, progress, tell, executor: as in `run`.

    Raises:
        DesignError, RangeError: range or condition cannot be used.
        ScenarioError, Stopped, UnfinishedError, ClusterError: as `run`.
    """
    if not isinstance(between, str | Range):
        raise DesignError(f"the range is {between!r}: write it as a text, e.g. '1/s..20/s'")
    found_range = between if isinstance(between, Range) else range_of(between)
    if not 0 < precision < 1:
        raise DesignError(f"the precision is {precision:g}: it must be a share above 0 and below 1, e.g. 0.05")
    lines = condition_of(scenario, condition)
    first = max(2, scenario.document.replications if replications is None else replications)
    highest = compile_plan(scenario.set({path: found_range.high.value}))  # what cannot be set is said before a run
    chosen = engine_for(engine, highest, USUAL_TRIALS * first)
    prepare = partial(Replications, seed=seed, engine=chosen, jobs=jobs, tell=tell, executor=executor)
    search = Search(found_range, lines, lambda load: prepare(scenario.set({path: found_range.low.at(load).value})))
    show, made = progress_of(progress), None
    try:
        for made in _looks(search, path, condition, precision, first, max(most, first)):
            show(0.9 if made.replications >= most else made.replications / most)
    finally:
        show(1.0)
    assert made is not None
    return made


def _looks(
    search: Search, path: str, condition: str, precision: float, first: int, most: int
) -> Iterator[BreakingPoint]:
    """The breaking point at each look, until it is precise."""
    between = search.between
    for look in looks(first, most):
        ends = search.at(between.low.number, look), search.at(between.high.number, look)
        if all(one.worst.value is None for one in ends):
            raise DesignError(
                f"{ends[0].metric} has no value from {between.low} to {between.high} "
                f"({ends[0].worst.note or 'unknown'}): nothing can be searched by it. Choose another condition."
            )
        made = BreakingPoint(
            path, condition, between.low, between, by_value(ends[0]), None, None, None, (), look.replications
        )
        if by_value(ends[0]) == by_value(ends[1]):
            yield replace(made, trials=tuple(search.trials.values()), note=_no_crossing(made, by_value(ends[0])))
            if all(one.sure != Verdict.UNDECIDED for one in ends):
                return
            continue
        made = _found(search, look, made, precision * FINE)
        vague = _width(made) > precision
        if vague and look.replications == most:
            made = replace(made, note="It is not known better within that many replications.")
        yield replace(made, trials=tuple(search.trials.values()))
        if not vague:
            return


def _no_crossing(made: BreakingPoint, holds: bool) -> str:
    between = f"{made.path} = {made.range.low} to {made.range.high}"
    if holds:
        return f"{made.condition} holds everywhere from {between}: search higher."
    return f"{made.condition} holds nowhere from {between}: search lower, or it breaks whatever the load."


def _found(search: Search, look: Look, made: BreakingPoint, step: float) -> BreakingPoint:
    """The crossing by value, and where the condition is no longer sure, and no longer possible."""
    low, high = search.between.low.number, search.between.high.number
    value = search.crossing(look, by_value, low, high, step)

    def end(holds: Callable[[Trial], bool]) -> float | None:
        if holds(search.at(low, look)) == holds(search.at(high, look)):
            return None
        return search.crossing(look, holds, *_bracket(search, look, holds, low, high), step)

    ends = end(surely), end(perhaps)
    below, above = ends if made.holds_below else ends[::-1]
    return replace(made, value=value, low=below, high=above)


def _bracket(
    search: Search, look: Look, holds: Callable[[Trial], bool], low: float, high: float
) -> tuple[float, float]:
    """The narrowest neighbours, among the loads of this look that were tried, between which `holds` changes."""
    tried = sorted((one for (_, n), one in search.trials.items() if n == look.replications), key=lambda one: one.at)
    before = holds(tried[0])
    for one, other in itertools.pairwise(tried):
        if holds(other) != before:
            return one.at, other.at
    return low, high


def _width(made: BreakingPoint) -> float:
    """Half width of the interval as a share of the value."""
    if made.low is None or made.high is None or not made.value:
        return math.inf
    return (made.high - made.low) / 2 / abs(made.value)


__all__ = ["BreakingPoint", "RangeError", "breaking_point"]
