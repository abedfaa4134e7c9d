"""`simkit check`: schema, named checks, invariants, objectives and expectations, a baseline; for people and for CI."""

import os
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, check_file, complain, say
from simkit.cli.options import Percent, Running, overrides, running
from simkit.report.folder import write

if TYPE_CHECKING:
    from simkit.cli.junit import Suite
    from simkit.scenario.load import Scenario
    from simkit.study.baseline import Baseline
    from simkit.study.gate import Asked, Item

MARKS = {"pass": "pass", "warn": "warn", "fail": "FAIL", "undecided": "OPEN"}
SHOWN = ("objectives", "expectations", "baseline")
"""Groups of which also what is well is printed."""


@click.command(short_help="Is the file right, does the model hold together, are the promises kept? For CI.")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
@overrides
@click.option("--resolved", is_flag=True, help="Print the full form that the file stands for; run nothing.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="X", help="Write JUnit XML here.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=160, show_default=True, metavar="N",
    help="Most replications until a promise must be decided. With --replications just so many are run.",
)  # fmt: skip
@click.option("--allow-undecided", is_flag=True, help="What is undecided at the limit does not fail.")
@click.option(
    "--baseline", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Fail where a result moved beyond noise since this file was written.",
)  # fmt: skip
@click.option("--refresh", is_flag=True, help="Write the --baseline anew, from these files.")
@click.option(
    "--tolerance", type=Percent(0, 100), default=0.0, metavar="PERCENT",
    help="Moves of so many percent do not matter to the baseline.  [default: 0]",
)  # fmt: skip
@click.option(
    "--annotations/--no-annotations", default=None,
    help="Annotations for GitHub's workflows.  [default: where one runs this]",
)  # fmt: skip
@running
def check(
    how: Running,
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    resolved: bool,
    junit: Path | None,
    limit: int,
    allow_undecided: bool,
    baseline: Path | None,
    refresh: bool,
    tolerance: float,
    annotations: bool | None,
) -> int:
    """Check each FILE (or all in a folder): schema, named checks, invariants, the SLO and what you expect.

    A promise passes or fails when its whole 95 % interval lies on one side of its bound; replications are added until
    it does, or --limit is reached: then it is undecided.

    Exit code 1 when a promise is broken or cannot be decided, an invariant fails, or a result moved away from the
    baseline; 2 when a file is wrong.

    \b
    Examples:
      simkit check scenarios/founder.yaml
      simkit check scenarios/ --junit reports/simkit.xml --allow-undecided
      simkit check scenarios/ --baseline scenarios/baseline.json
      simkit check scenarios/ --baseline scenarios/baseline.json --refresh
      simkit check scenarios/founder.yaml --resolved
    """
    from simkit.cli.junit import Suite
    from simkit.study.gate import Asked

    found = all_files(files)
    if resolved:
        say("\n---\n".join(scenario.resolved().rstrip() for scenario in load_all(found, settings)))
        return Exit.WELL
    _check_places(junit, baseline, refresh)
    scenarios = load_all(found, settings, junit)
    asked = Asked(most=limit, **how.keywords)
    gate = Gate(asked, allow_undecided, baseline, refresh, tolerance / 100, annotations)
    try:
        for file, scenario in zip(found, scenarios, strict=True):
            gate.pass_through(str(file), scenario)
    except _cannot_run() as error:
        gate.suites.append(Suite(str(file), (), 0.0, str(error)))
        gate.write(junit)
        raise
    gate.look_for_gone(found)
    return gate.finish(junit)


def _cannot_run() -> tuple[type[Exception], ...]:
    """What is wrong with a scenario that only a run finds."""
    from simkit.plan.errors import PlanError
    from simkit.plan.trace import TraceError
    from simkit.scenario.errors import ScenarioError

    return PlanError, TraceError, ScenarioError


def all_files(files: tuple[Path, ...]) -> tuple[Path, ...]:
    """The files, and those directly in the folders.

    Raises:
        BadInput: a folder has none.
    """
    found: list[Path] = []
    for file in files:
        inside = sorted(file.glob("*.yaml")) if file.is_dir() else [file]
        if not inside:
            raise BadInput(f"{file}: there is no .yaml file in this folder. Nothing was run.")
        found += inside
    return tuple(found)


def _check_places(junit: Path | None, baseline: Path | None, refresh: bool) -> None:
    """Raises BadInput: what is to be written cannot be, or what is to be read is not there."""
    check_file("--junit", junit)
    if refresh or (baseline is not None and not baseline.exists()):
        check_file("--baseline", baseline)
    if refresh and baseline is None:
        raise BadInput("--refresh writes the file that --baseline names. Nothing was run.")
    if baseline is not None and not refresh and not baseline.is_file():
        raise BadInput(f"--baseline {baseline}: there is no such file. Add --refresh to write it. Nothing was run.")


@dataclass
class Gate:
    """What was asked, and what has been found so far."""

    asked: "Asked"
    allow_undecided: bool
    baseline: Path | None
    refresh: bool
    tolerance: float
    annotate: bool | None
    suites: "list[Suite]" = field(default_factory=list)
    entries: "Baseline" = field(default_factory=dict)

    def pass_through(self, file: str, scenario: "Scenario") -> None:
        """Look at one scenario, and say what is found."""
        from simkit.cli.github import annotations, wanted
        from simkit.cli.junit import Suite
        from simkit.study.gate import gate

        begun = time.perf_counter()
        say(f"{file}: {scenario.name}")
        items = []
        for item in gate(scenario, self.asked, lambda result: self._enter(file, scenario, result)):
            items.append(self._told(item))
        items += [self._told(item) for item in self._moved(file)]
        say(f"  {_tally(items)}")
        if wanted() if self.annotate is None else self.annotate:
            for line in annotations(file, scenario, items, self.allow_undecided):
                say(line)
        self.suites.append(Suite(file, tuple(items), time.perf_counter() - begun))

    def _enter(self, file: str, scenario: "Scenario", result: object) -> None:
        from simkit.result.result import Result
        from simkit.study.baseline import entry_of

        assert isinstance(result, Result)
        if self.baseline is not None:
            self.entries[self._name(file)] = entry_of(result, self.asked.looks(scenario)[0])

    def _moved(self, file: str) -> "list[Item]":
        from simkit.study.baseline import moved

        if self.baseline is None or self.refresh:
            return []
        return moved(self._old.get(self._name(file)), self.entries[self._name(file)], self.tolerance)

    @cached_property
    def _old(self) -> "Baseline":
        from simkit.study.baseline import BaselineError, read

        assert self.baseline is not None
        try:
            return read(self.baseline)
        except BaselineError as error:
            raise BadInput(str(error)) from None

    def look_for_gone(self, files: tuple[Path, ...]) -> None:
        """Fail for scenarios of the baseline whose files are gone from the folders that were looked at.

        Nobody looks at their promises any more; who wants that refreshes the baseline.
        """
        from simkit.cli.junit import Suite
        from simkit.study.gate import Item

        if self.baseline is None or self.refresh:
            return
        folders = {file.absolute().parent.resolve() for file in files}
        for name in self._old:
            place = (self.baseline.absolute().parent / name).resolve()
            if place.exists() or place.parent not in folders:
                continue
            say(f"{name}:")
            detail = "It is in the baseline, but there is no such file any more. Refresh the baseline if that is meant."
            self.suites.append(
                Suite(name, (self._told(Item("baseline", "the scenario is gone", "fail", detail)),), 0.0)
            )

    def _name(self, file: str) -> str:
        """A file as the baseline names it: as seen from its own folder."""
        assert self.baseline is not None
        return Path(os.path.relpath(file, self.baseline.absolute().parent)).as_posix()

    @staticmethod
    def _told(item: "Item") -> "Item":
        if item.outcome != "pass" or item.group in SHOWN:
            say(line_of(item))
        return item

    def write(self, junit: Path | None) -> None:
        """Write the JUnit file, if one is wanted."""
        from simkit.cli.junit import junit_xml

        if junit is not None:
            write(junit, junit_xml(self.suites, self.allow_undecided))

    def finish(self, junit: Path | None) -> int:
        """Write what is to be written; the exit code."""
        from simkit.study.baseline import written

        self.write(junit)
        if self.baseline is not None and self.refresh:
            write(self.baseline, written(self.entries))
            complain(f"Wrote {self.baseline}: {len(self.entries)} scenarios.")
        bad = ("fail",) if self.allow_undecided else ("fail", "undecided")
        broken = any(item.outcome in bad for suite in self.suites for item in suite.items)
        return Exit.CHECK_FAILED if broken else Exit.WELL


def load_all(files: tuple[Path, ...], settings: tuple[str, ...], junit: Path | None = None) -> "list[Scenario]":
    """Every scenario. The errors of those that are wrong stand in the JUnit file, too.

    Raises:
        ScenarioError: with the problems of all files.
    """
    from simkit.cli.junit import Suite, junit_xml
    from simkit.scenario.errors import ScenarioError
    from simkit.scenario.load import load

    scenarios, problems, suites = [], [], []
    for file in files:
        try:
            scenarios.append(load(file, settings))
        except ScenarioError as error:
            problems += error.problems
            suites.append(Suite(str(file), (), 0.0, str(error)))
    if problems:
        if junit is not None:
            write(junit, junit_xml(suites))
        raise ScenarioError(problems)
    return scenarios


def line_of(item: "Item") -> str:
    """An item as it is printed."""
    detail = "".join(f"\n          {line}" for line in item.detail.splitlines())
    return f"    {MARKS[item.outcome]}  {item.name}{detail}"


def _tally(items: "list[Item]") -> str:
    count = {outcome: sum(item.outcome == outcome for item in items) for outcome in MARKS}
    said = {"pass": "passed", "warn": "warned of", "fail": "failed", "undecided": "undecided: raise --limit"}
    return ", ".join(f"{number} {said[outcome]}" for outcome, number in count.items() if number)
