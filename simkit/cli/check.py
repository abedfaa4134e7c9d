"""`simkit check`: schema, named checks, model invariants, objectives and expectations; for people and for CI."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, complain, say, write_text
from simkit.cli.options import overrides, running

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.scenario.load import Scenario

MARKS = {"pass": "pass", "warn": "warn", "fail": "FAIL", "undecided": "OPEN"}
BAD = ("fail", "undecided")


@dataclass(frozen=True)
class Item:
    """One thing that was looked at."""

    group: str
    """checks, invariants, objectives or expectations."""
    name: str
    outcome: str
    """pass, warn, fail or undecided."""
    detail: str = ""

    def line(self) -> str:
        """As it is printed."""
        detail = "".join(f"\n          {line}" for line in self.detail.splitlines())
        return f"    {MARKS[self.outcome]}  {self.name}{detail}"


@click.command(short_help="Is the file right, does the model hold together, are the promises kept? For CI.")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
@overrides
@click.option("--resolved", is_flag=True, help="Print the full form that the file stands for; run nothing.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="X", help="Write JUnit XML here.")
@running
def check(
    files: tuple[Path, ...],
    settings: tuple[str, ...],
    resolved: bool,
    junit: Path | None,
    seed: int | None,
    replications: int | None,
    engine: str,
    jobs: int | None,
    no_progress: bool,
) -> int:
    """Check each FILE: the schema, named checks with repairs, the model's invariants, the SLO and what you expect.

    Exit code 1 when a promise is broken or cannot be decided, or an invariant fails; 2 when a file is wrong.

    \b
    Examples:
      simkit check scenarios/founder.yaml
      simkit check scenarios/*.yaml --junit reports/simkit.xml
      simkit check scenarios/founder.yaml --resolved
    """
    scenarios = load_all(files, settings)
    if resolved:
        say("\n---\n".join(scenario.resolved().rstrip() for scenario in scenarios))
        return Exit.WELL
    if junit is not None and not junit.absolute().parent.is_dir():
        raise BadInput(f"--junit {junit}: there is no folder {junit.parent}. Nothing was run.")
    from simkit.cli.junit import Suite, junit_xml

    suites = []
    for file, scenario in zip(files, scenarios, strict=True):
        begun = time.perf_counter()
        say(f"{file}: {scenario.name}")
        items = []
        for item in look(scenario, seed, replications, engine, jobs, not no_progress):
            items.append(item)
            if item.outcome != "pass" or item.group in ("objectives", "expectations"):
                say(item.line())
        say(f"  {_tally(items)}")
        suites.append(Suite(str(file), tuple(items), time.perf_counter() - begun))
    if junit is not None:
        write_text(junit, junit_xml(suites))
    broken = any(item.outcome in BAD for suite in suites for item in suite.items)
    return Exit.CHECK_FAILED if broken else Exit.WELL


def load_all(files: tuple[Path, ...], settings: tuple[str, ...]) -> "list[Scenario]":
    """Every scenario.

    Raises:
        ScenarioError: with the problems of all files.
    """
    from simkit.scenario.errors import ScenarioError
    from simkit.scenario.load import load

    scenarios, problems = [], []
    for file in files:
        try:
            scenarios.append(load(file, settings))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return scenarios


def look(
    scenario: "Scenario", seed: int | None, replications: int | None, engine: str, jobs: int | None, progress: bool
) -> Iterator[Item]:
    """Everything that is looked at, cheap things first."""
    from simkit.study.run import run

    yield from named_checks(scenario, replications)
    yield from model_invariants(scenario, seed, engine)
    result = run(
        scenario, seed=seed, replications=replications, engine=engine, jobs=jobs, progress=progress, tell=complain
    )
    yield from promises(result)


def named_checks(scenario: "Scenario", replications: int | None = None) -> Iterator[Item]:
    """What the named checks found of a run with so many replications, with what to do; and those that found nothing."""
    from simkit.scenario.checks import CHECKS

    document = scenario.document
    if replications is not None:
        document = document.model_copy(update={"replications": replications})
    for check in CHECKS:
        found = list(check(document))
        for one in found:
            outcome = "fail" if one.severity == "error" else "warn"
            yield Item("checks", one.name, outcome, f"{one.path}: {one.message}\n{one.repair}")
        if not found:
            yield Item("checks", check.__name__.removeprefix("check_"), "pass")


def model_invariants(scenario: "Scenario", seed: int | None, engine: str) -> Iterator[Item]:
    """What must hold in every log, on a short run."""
    from simkit.engine import run_plan
    from simkit.plan.compile import compile_plan
    from simkit.study.invariants import invariants, short

    plan = short(compile_plan(scenario))
    log = run_plan(plan, scenario.document.seed if seed is None else seed, 0, engine)
    for one in invariants(plan, log):
        detail = "" if one.passed else f"{one.violations} times; first: {one.example}"
        yield Item("invariants", one.name, "pass" if one.passed else "fail", detail)


def promises(result: "Result") -> Iterator[Item]:
    """The objectives and the expectations, with their verdicts."""
    from simkit.result.slo import standings
    from simkit.result.words import figure, interval

    for one in standings(result.evidence):
        detail = f"reached {figure(one.compliance.value, 'share')}, 95 % interval {interval(one.compliance, 'share')}"
        yield Item("objectives", one.objective.text, str(one.verdict), detail)
    for line in result.expected:
        estimate = result.metrics[line.metric]
        detail = f"is {figure(line.value, line.unit)}, 95 % interval {interval(estimate, line.unit)}"
        yield Item("expectations", line.text, str(line.verdict), "; ".join(filter(None, (detail, line.note))))


def _tally(items: list[Item]) -> str:
    count = {outcome: sum(item.outcome == outcome for item in items) for outcome in MARKS}
    said = {"pass": "passed", "warn": "warned of", "fail": "failed", "undecided": "undecided: use more replications"}
    return ", ".join(f"{number} {said[outcome]}" for outcome, number in count.items() if number)
