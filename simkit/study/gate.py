"""`gate`: may this merge? Named checks, invariants on the scenario itself, its promises decided by intervals.

A promise is decided at the first look at which the whole interval lies on one side of its bound; looks are at growing
numbers of replications and spend their error (`simkit.study.looks`), so that at most 5 % are decided wrongly however
near to the edge they are. What is still open at the limit is *undecided*.

Where random incidents hardly came up, intervals are too narrow. A promise that hangs on them is then decided only if it
is clear by a wide margin: if also the interval that `simkit.study.rare` makes as wide as it may be lies on one side.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simkit.result.slo import standings
from simkit.result.slo import verdict as verdict_of
from simkit.result.statistics import Estimate
from simkit.result.words import figure, interval
from simkit.study.executor import Where
from simkit.study.looks import results
from simkit.study.part import Work
from simkit.study.progress import Progress, progress_of, silent
from simkit.study.rare import Rare, moved, rare, reach, widened
from simkit.study.run import Replications

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.scenario.findings import Finding
    from simkit.scenario.load import Scenario

BROKEN = ("fail", "undecided")
MOST = 160
"""Replications at which one stops to ask for more."""


@dataclass(frozen=True)
class Item:
    """One thing that was looked at."""

    group: str
    """checks, invariants, objectives, expectations or baseline."""
    name: str
    outcome: str
    """pass, warn, fail or undecided."""
    detail: str = ""
    path: str = ""
    """The field of the scenario that it is about."""
    final: bool = True
    """Would more replications tell nothing new?"""


@dataclass(frozen=True)
class Asked:
    """How a scenario is to be run for the gate."""

    seed: int | None = None
    replications: int | None = None
    """So many, in one look; None: the scenario's at first, then twice as many until all is decided."""
    most: int = MOST
    engine: str = "auto"
    jobs: int | None = None
    progress: bool | Progress = False
    tell: Callable[[str], object] | None = None
    executor: Where = None

    def looks(self, scenario: "Scenario") -> tuple[int, int]:
        """Replications of the first look, and of the last."""
        if self.replications is not None:
            return self.replications, self.replications
        return min(scenario.document.replications, self.most), self.most


def gate(scenario: "Scenario", asked: Asked, seen: "Callable[[Result], object] | None" = None) -> Iterator[Item]:
    """Everything that is looked at, cheap things first; `seen` is given the last result.

    Raises:
        as `run`.
    """
    yield from named_checks(scenario, asked.replications)
    yield from model_invariants(scenario, asked.seed, asked.engine)
    found, result = promises(scenario, asked)
    if seen is not None:
        seen(result)
    yield from found


def named_checks(scenario: "Scenario", replications: int | None = None) -> Iterator[Item]:
    """What the named checks found of a run with so many replications, with what to do; and those that found nothing."""
    from simkit.scenario.checks import CHECKS
    from simkit.scenario.knobs import knob_findings

    document = scenario.document
    if replications is not None:
        document = document.model_copy(update={"replications": replications})
    for check in CHECKS:
        found = list(check(document))
        yield from map(_checked, found)
        if not found:
            yield Item("checks", check.__name__.removeprefix("check_"), "pass")
    yield from map(_checked, knob_findings(scenario))


def _checked(one: "Finding") -> Item:
    outcome = "fail" if one.severity == "error" else "warn"
    return Item("checks", one.name, outcome, f"{one.path}: {one.message}\n{one.repair}", one.path)


def model_invariants(scenario: "Scenario", seed: int | None, engine: str) -> Iterator[Item]:
    """What must hold in every log, on a short run of this very scenario."""
    from simkit.plan.arrays import NEVER
    from simkit.plan.compile import compile_plan
    from simkit.study.invariants import invariants, short

    plan = short(compile_plan(scenario))
    work = Work(plan, (), scenario.document.seed if seed is None else seed, engine, log=True, most_in_flight=NEVER)
    log = work.part(0, silent).log
    assert log is not None
    for one in invariants(plan, log):
        detail = "" if one.passed else f"{one.violations} times; first: {one.example}"
        yield Item("invariants", one.name, "pass" if one.passed else "fail", detail)


def promises(scenario: "Scenario", asked: Asked) -> "tuple[list[Item], Result]":
    """The objectives and the expectations, each with the verdict of the first look that decided it."""
    ready = Replications(
        scenario, seed=asked.seed, engine=asked.engine, jobs=asked.jobs, tell=asked.tell, executor=asked.executor
    )
    show = progress_of(asked.progress)
    found: list[Item] = []
    try:
        for result in results(ready, *asked.looks(scenario), show):
            now = lines(result)
            found = [old if old.outcome != "undecided" else new for old, new in zip(found or now, now, strict=True)]
            if all(one.final for one in found):
                break
    finally:
        show(1.0)
    return found, result


def lines(result: "Result") -> list[Item]:
    """The verdicts of one look."""
    said = f"95 % interval, {result.replications} replication{'s' * (result.replications != 1)}"
    found, few = [], rare(result)
    missed = expects_a_miss(result)
    for one in standings(result.evidence):
        e, verdict = one.compliance, str(one.verdict)
        detail = f"reached {figure(e.value, 'share')}, {said}: {interval(e, 'share')}"
        if few is not None:
            wide = moved(e, reach(result, one.objective, few)).within(0.0, 1.0)
            verdict, detail = by_margin(verdict, detail, wide, ">=", one.objective.target, "share", few)
        if missed and verdict in BROKEN:
            verdict, detail = "warn", f"{detail}; not promised: the file expects {missed}"
        path = f"slo.{one.objective.label.replace(' ', '.')}"
        found.append(Item("objectives", one.objective.text, verdict, detail, path, _final(verdict, e)))
    for place, line in enumerate(result.expected):
        e, verdict = result.metrics[line.metric], str(line.verdict)
        detail = f"is {figure(line.value, line.unit)}, {said}: {interval(e, line.unit)}"
        detail = "; ".join(filter(None, (detail, line.note)))
        if few is not None and not line.certain:
            wide = widened(result, line.metric, line.unit, e, few)
            verdict, detail = by_margin(verdict, detail, wide, line.op, line.bound, line.unit, few)
        found.append(Item("expectations", line.text, verdict, detail, f"expect.{place}", _final(verdict, e)))
    return found


def by_margin(
    verdict: str, detail: str, wide: Estimate, op: str, bound: float, unit: str, few: Rare
) -> tuple[str, str]:
    """A verdict that the interval gives, and what is said of it, where incidents were few: it stands if it is clear."""
    if verdict == "undecided" or str(verdict_of(wide, op, bound)) == verdict:
        return verdict, detail
    why = (
        f"too few random incidents to tell ({few.seen} in all, some kinds hardly or never): with what they may do it is"
        f" {interval(wide, unit)}"
    )
    return "undecided", f"{detail}; {why}"


def expects_a_miss(result: "Result") -> str:
    """The line by which a file expects that an objective is missed (`burn_rate > 1`), if it has one.

    Such a file shows what goes wrong, and promises that: its objectives are told, and the line is judged.
    """
    lines = (one for one in result.expected if one.metric == "burn_rate" and one.op in (">", ">=") and one.bound >= 1)
    return next((one.text for one in lines), "")


def _final(verdict: str, estimate: Estimate) -> bool:
    """Decided, or without a value, which no replication will bring."""
    return verdict != "undecided" or estimate.value is None
