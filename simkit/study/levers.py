"""Levers on the bill: what each would save or cost, alone and all together, by paired runs of the scenario as it is.

Every run has the same users and draws. The levers are then pulled one after the other, what saves most alone first,
each on top of those before: their bars add up to what all of them together save, to the picodollar.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from simkit.plan.compile import compile_plan
from simkit.result.evidence import DOLLAR
from simkit.result.metric import HOUR_NS, MONTH_HOURS
from simkit.result.page import Block, Grid, Heading, Page, Paragraph
from simkit.result.result import Result
from simkit.result.table import Table, table
from simkit.result.words import dollars, percent
from simkit.scenario.errors import ScenarioError
from simkit.study.compare import rows_of
from simkit.study.executor import Where
from simkit.study.lever_kinds import LEVERS, Kind
from simkit.study.paired import Paired, paired
from simkit.study.progress import Progress, progress_of

if TYPE_CHECKING:
    from simkit.report.style import Picture
    from simkit.scenario.load import Scenario

QUALITY = ("good_rate", "success_rate")
"""Metrics that no lever should lower."""
COLUMNS = (
    "kind", "lever", "label", "words", "alone_usd", "alone_low", "alone_high", "alone_share", "per_action_usd",
    "latency_p95_s", "good_rate", "success_rate", "worse", "step_usd", "step_low", "step_high", "after_usd",
    "without_usd", "note",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pull:
    """A lever that was tried: a run with it, or, where it is in use already, one without it."""

    kind: Kind
    overlay: Mapping[str, Any]
    result: Result
    in_use: bool


@dataclass(frozen=True, eq=False)
class Levers:
    """What each lever on the bill does."""

    base: Result
    pulls: tuple[Pull, ...]
    """Those that apply, what saves most alone first; then those in use, by what their loss costs."""
    taken: tuple[Pull, ...]
    """Those that apply and each lower the bill further, beside those before them."""
    steps: tuple[Result, ...]
    """With the first of them, the first two, ..., all."""
    left_out: Mapping[str, str]
    """Lever to why it does not apply."""

    @property
    def applied(self) -> tuple[Pull, ...]:
        """Levers that the scenario does not use yet."""
        return tuple(one for one in self.pulls if not one.in_use)

    @cached_property
    def bars(self) -> tuple[int, ...]:
        """What each step changes of the cost of all replications together, picodollars: exact, savings negative."""
        totals = [spent(one) for one in (self.base, *self.steps)]
        return tuple(after - before for before, after in pairwise(totals))

    @cached_property
    def summary(self) -> Table:
        """Rows: today, each lever taken, the others, those in use, those that do not apply, all taken together.

        USD a month, savings negative: alone_... against today, step_... against all levers above it, after_usd what
        the bill then is. latency_p95_s, good_rate, success_rate: differences alone. worse: it surely lowers one of the
        last two. Of a lever in use, alone_... is what it saves now, without_usd what the bill would be without it.
        """
        more = (*map(self._not_taken, self.pulls), *map(self._in_use, self.pulls))
        rows = [self._today(), *self._stepwise(), *more, *self._others(), self._together()]
        made = table([row for row in rows if row], self.plot, COLUMNS)
        figures = [name for name in COLUMNS if name not in ("kind", "lever", "label", "words", "worse", "note")]
        return made.astype(dict.fromkeys(figures, float))

    def _today(self) -> tuple[Any, ...]:
        return self._row("today", "", "today", "as it stands", after=monthly(self.base, spent(self.base)))

    def _stepwise(self) -> list[tuple[Any, ...]]:
        rows, before = [], self.base
        for one, after in zip(self.taken, self.steps, strict=True):
            step = money_difference(before, after)
            rows.append(
                self._row(
                    "lever", one.kind.name, one.kind.label, one.kind.words, one, step=step,
                    after=monthly(after, spent(after)),
                )
            )  # fmt: skip
            before = after
        return rows

    def _not_taken(self, one: Pull) -> tuple[Any, ...]:
        if one.in_use or one in self.taken:
            return ()
        alone = spent(one.result) - spent(self.base)
        note = "changes nothing" if alone == 0 else "costs more" if alone > 0 else "costs more beside those above"
        return self._row("not taken", one.kind.name, one.kind.label, one.kind.words, one, note=note)

    def _in_use(self, one: Pull) -> tuple[Any, ...]:
        if not one.in_use:
            return ()
        without = monthly(one.result, spent(one.result))
        note = f"{kept_off(monthly(self.base, spent(self.base)), without)}, without it {dollars(without)}"
        return self._row("in use", one.kind.name, one.kind.label, one.kind.words, one, without=without, note=note)

    def _others(self) -> list[tuple[Any, ...]]:
        kinds = {one.name: one for one in LEVERS}
        return [
            self._row("none", name, kinds[name].label, kinds[name].words, note=why)
            for name, why in self.left_out.items()
        ]

    def _together(self) -> tuple[Any, ...]:
        if not self.steps:
            return ()
        return self._row("all", "", "all together", "", after=monthly(self.steps[-1], spent(self.steps[-1])))

    def _row(
        self, kind: str, name: str, label: str, words: str, pull: Pull | None = None, *, step: Paired | None = None,
        after: float | None = None, without: float | None = None, note: str = "",
    ) -> tuple[Any, ...]:  # fmt: skip
        none = (None,) * 5
        alone, others, worse = none, (None,) * 3, False
        if pull is not None:
            pair = (pull.result, self.base) if pull.in_use else (self.base, pull.result)
            money = money_difference(*pair)
            whole = monthly(pair[0], spent(pair[0]))
            per_action = difference("cost_per_action", *pair)
            alone = (money.difference, money.low, money.high, money.difference / whole if whole else None,
                     per_action.difference if per_action else None)  # type: ignore[assignment]  # fmt: skip
            found = [difference(metric, *pair) for metric in ("latency_p95", *QUALITY)]
            others = tuple(one.difference if one else None for one in found)  # type: ignore[assignment]
            worse = any(one is not None and one.high is not None and one.high < 0 for one in found[1:])
        ends = (step.difference, step.low, step.high) if step else (None, None, None)
        return (kind, name, label, words, *alone, *others, worse, *ends, after, without, note)

    def sentence(self) -> str:
        """The levers that save most, and what all save together."""
        saving = [(one, money_difference(self.base, one.result)) for one in self.applied]
        best = [
            (one, money) for one, money in saving if money.difference < 0 and (money.high is None or money.high < 0)
        ]
        whole = monthly(self.base, spent(self.base))
        if not best or not whole:
            return "None of the levers that were tried surely lowers it"
        told = ", ".join(f"{one.kind.label} {percent(-money.difference / whole)}" for one, money in best[:3])
        last = self.steps[-1]
        together = 1 - monthly(last, spent(last)) / whole
        return f"What would lower it most, each alone: {told}; all that lower it together {percent(together)}"

    def blocks(self) -> tuple[Block, ...]:
        """Heading, table, and what does not apply."""
        shown = self.summary[self.summary["kind"] != "none"]
        rows = tuple(_cells(row) for row in shown.to_dict("records"))
        columns = ("lever", "alone, a month", "95 % interval", "share", "p95", "step", "bill then", "")
        why = "; ".join(f"{name.replace('_', ' ')}: {text}" for name, text in self.left_out.items())
        blocks: list[Block] = [Heading("What would lower the bill"), Grid(columns, rows, frozenset(range(1, 7)))]
        return (*blocks, *([Paragraph(f"{why}.", "Does not apply:")] if why else []))

    def page(self) -> Page:
        """What both faces show."""
        return Page(self.base.name, "each lever by a run with the same users and draws", self.blocks())

    def __str__(self) -> str:
        from simkit.result import text

        return text.render(self.page())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from simkit.result import html

        return html.render(self.page())

    def plot(self) -> "Picture":
        """The waterfall."""
        from simkit.report.figures_economy import levers_figure

        return levers_figure(self.summary)


def _cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    def money(value: float) -> str:
        return "–" if value is None or not np.isfinite(value) else dollars(value)

    ends = "–" if not np.isfinite(row["alone_low"]) else f"{money(row['alone_low'])} to {money(row['alone_high'])}"
    share = "–" if not np.isfinite(row["alone_share"]) else percent(row["alone_share"])
    p95 = "–" if not np.isfinite(row["latency_p95_s"]) else f"{row['latency_p95_s']:+.2f} s"
    remark = ", ".join(filter(None, (row["note"], "worse answers" if row["worse"] else "")))
    steps = money(row["step_usd"]), money(row["after_usd"])
    return row["label"], money(row["alone_usd"]), ends, share, p95, *steps, remark


def kept_off(today: float, without: float) -> str:
    """What a lever in use keeps off the bill, USD, in words."""
    return f"in use: {'saves' if without >= today else 'costs'} {dollars(abs(without - today))}"


def spent(result: Result) -> int:
    """All cost of all replications, picodollars."""
    return result.evidence.total("spent")


def monthly(result: Result, picodollars: float) -> float:
    """Money of all replications as USD a month."""
    hours = result.plan.horizon / HOUR_NS * result.replications
    return picodollars / DOLLAR / hours * MONTH_HOURS


def difference(metric: str, before: Result, after: Result) -> Paired | None:
    """The paired difference of a metric; None where it does not apply to both."""
    one, other = before.metrics[metric].value, after.metrics[metric].value
    if one is None or other is None:
        return None
    return paired(one, other, rows_of(before)[metric], rows_of(after)[metric])


def money_difference(before: Result, after: Result) -> Paired:
    """Of the cost of a month; the difference is that of the exact sums."""
    found = difference("cost_per_month", before, after)
    assert found is not None
    exact = monthly(before, spent(after) - spent(before))
    shift = exact - found.difference
    ends = (None if end is None else end + shift for end in (found.low, found.high))
    return replace(found, difference=exact, low=next(ends), high=next(ends))


def levers(
    scenario: "Scenario",
    *,
    base: Result | None = None,
    seed: int | None = None,
    replications: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: bool | Progress = False,
    tell: Callable[[str], object] | None = None,
    executor: Where = None,
) -> Levers:
    """Try every lever on the bill of a scenario; the arguments are those of `run`. `base`: its result, if it was run.

    Raises:
        ScenarioError, PlanError, Stopped, UnfinishedError: as `run`.
    """
    from simkit.study.run import engine_for, run

    base = base or run(
        scenario, seed=seed, replications=replications, engine=engine, jobs=jobs, tell=tell, executor=executor
    )
    overlays, in_use, left_out = _overlays(scenario, base)
    show, done, count = progress_of(progress), 0, 2 * len(overlays) + len(in_use)
    engine = engine_for(engine, base.plan, base.replications * count)  # all of them together are worth compiling for
    go = partial(run, seed=base.seed, replications=base.replications, engine=engine, jobs=jobs, executor=executor)

    def tried(changed: "Scenario") -> Result:
        nonlocal done
        show(done / max(1, count))
        done += 1
        return go(changed)

    pulls = [Pull(kind, overlay, tried(scenario.set(overlay)), False) for kind, overlay in overlays]
    pulls.sort(key=lambda one: spent(one.result))
    used = [Pull(kind, overlay, tried(scenario.set(overlay)), True) for kind, overlay in in_use]
    used.sort(key=lambda one: -spent(one.result))
    taken: list[Pull] = []
    steps: list[Result] = []
    together: dict[str, Any] = {}
    for one in pulls:
        step = tried(scenario.set({**together, **one.overlay})) if steps else one.result
        if spent(step) < spent(steps[-1] if steps else base):
            taken.append(one)
            steps.append(step)
            together |= one.overlay
    show(1.0)
    return Levers(base, (*pulls, *used), tuple(taken), tuple(steps), left_out)


Chosen = list[tuple[Kind, Mapping[str, Any]]]


def with_all_models(scenario: "Scenario") -> "Scenario":
    """The scenario with every model of its bases, also those that it does not use and that its plan leaves out."""
    models = scenario.layered.map.get("models")
    unused = [name for name in (models.map if models else {}) if name not in scenario.document.models]
    if not unused:
        return scenario
    first = next(iter(scenario.document.models))
    try:
        return scenario.set({"resilience.fallback": {first: unused}})  # what is spoken of is kept
    except ScenarioError:
        return scenario


def _overlays(scenario: "Scenario", base: Result) -> tuple[Chosen, Chosen, dict[str, str]]:
    """Levers to pull, levers to let go of, and why the others do not apply."""
    apply: Chosen = []
    use: Chosen = []
    left_out: dict[str, str] = {}
    wide = with_all_models(scenario)
    document = scenario.document.model_copy(update={"models": wide.document.models})
    known = replace(base, plan=compile_plan(wide))
    for kind in LEVERS:
        found = kind.find(document, known)
        if found.why:
            left_out[kind.name] = found.why
            continue
        try:
            scenario.set(found.overlay)
        except ScenarioError as error:
            left_out[kind.name] = (
                f"it cannot be {'left out' if found.in_use else 'added'} here ({error.problems[0].message})"
            )
            continue
        (use if found.in_use else apply).append((kind, found.overlay))
    return apply, use, left_out


__all__ = ["Levers", "Pull", "levers"]
