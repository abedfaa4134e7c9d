"""`simkit report`: notebooks of scenarios as documents, side by side, with an index."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simkit.cli.check import all_files, load_all
from simkit.cli.console import BadInput, Exit, complain, say

if TYPE_CHECKING:
    from simkit.report.reports import Made, Report
    from simkit.scenario.load import Scenario


@click.command(short_help="A document of each scenario, from a notebook, with an index over all.")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--notebook", default="report", show_default=True, metavar="report|comparison|PATH",
    help="What is run: a template, or a notebook with a parameter `scenario: str` (or `scenarios: list[str]`).",
)  # fmt: skip
@click.option(
    "-p", "--parameter", "texts", metavar="NAME=VALUE", multiple=True,
    help="A parameter of the notebook, e.g. replications=20. May be given again.",
)  # fmt: skip
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", help="Notebooks at a time.  [default: 1 for each CPU]"
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("reports"), show_default=True,
    metavar="DIR", help="Where the reports and their index are.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Also make those again that are there.")
@click.option("--no-progress", is_flag=True, help="No progress bar.")
def report(
    files: tuple[Path, ...],
    notebook: str,
    texts: tuple[str, ...],
    jobs: int | None,
    out: Path,
    again: bool,
    no_progress: bool,
) -> int:
    """Make a report of each FILE (`--notebook comparison`: one of all), and an index.

    Each is a folder DIR/SCENARIO/KEY: the executed notebook, the same as one HTML file that opens offline, the
    scenario in full, and summary.json. The same scenario, notebook, parameters and version have the same key, and are
    not run again.
    A notebook that fails is kept with its error; the others are made all the same, and the exit code is 3.

    \b
    Examples:
      simkit report scenarios/support_chat.yaml
      simkit report scenarios/*.yaml --jobs 2 -p fast=true
      simkit report today.yaml cheaper.yaml --notebook comparison -p replications=20
      simkit report my.yaml --notebook notebooks/my_notebook.ipynb
    """
    from simkit.report.endings import ended_by
    from simkit.report.index import write_index
    from simkit.report.reports import PAGE, make
    from simkit.study.progress import Bar, silent, watched

    reports = planned(files, notebook, texts, out)
    check_folder(out)
    count = jobs or default_jobs(len(reports))
    get_ready(reports)
    bar = Bar("reports") if watched() and not no_progress else silent
    failed = []

    def told(one: "Made") -> None:
        if isinstance(bar, Bar):
            bar.clear()
        complain(line_of(one))
        if one.error:
            failed.append(one)

    try:
        with ended_by("SIGTERM"):  # of a CI, or a shutdown
            make(reports, count, bar, told, again)
    except KeyboardInterrupt:
        write_index(out)
        done = sum(one.finished for one in reports)
        complain(f"Stopped. {done} of {len(reports)} reports are in {out}. The same command goes on from here.")
        return Exit.STOPPED
    index = write_index(out)
    say(str(index))
    if failed:
        names = ", ".join(one.report.label for one in failed)
        kept = any((one.report.folder / PAGE).is_file() for one in failed)
        rest = f" What they showed until then is in {out}." if kept else ""
        complain(f"{len(failed)} of {len(reports)} failed: {names}.{rest}")
        return Exit.UNFINISHED
    return Exit.WELL


def planned(files: tuple[Path, ...], notebook: str, texts: tuple[str, ...], out: Path) -> "list[Report]":
    """What is to be made, with all of it checked.

    Raises:
        BadInput: the notebook or its parameters.
        ScenarioError, PlanError, TraceError: the files.
    """
    from simkit.report.parameters import ParameterError, parameters_of, values_of
    from simkit.report.reports import ALL, ONE, notebook_path, plan

    path = notebook_path(notebook)
    try:
        known = parameters_of(path)
        values: dict[str, Any] = values_of(known, texts, (ONE, ALL))
        found = tuple(dict.fromkeys(scenarios_in(files)))
        scenarios = load_all(found, ())
        check_plans(scenarios)
        return plan(list(zip(found, scenarios, strict=True)), path, values, known, out)
    except ParameterError as error:
        raise BadInput(f"{error}\nNothing was run.") from None


SCENARIO = re.compile(r"""^[{"']*(?:traffic|actions|models|extends)["']?\s*:""", re.MULTILINE)
"""What the text of a scenario has at the left: something of it, if with mistakes."""


def scenarios_in(files: tuple[Path, ...]) -> Iterator[Path]:
    """The files, and the scenarios directly in the folders; other YAML files there are left out, with a line.

    Raises:
        BadInput: a folder has none.
    """
    for file in files:
        inside = all_files((file,))
        if not file.is_dir():
            yield from inside
            continue
        found = [one for one in inside if SCENARIO.search(one.read_text(encoding="utf-8", errors="replace"))]
        if not found:
            raise BadInput(f"{file}: there is no scenario in this folder. Nothing was run.")
        if left := [one.name for one in inside if one not in found]:
            complain(f"{file}: left out, for they are no scenarios: {', '.join(left)}.")
        yield from found


def check_plans(scenarios: "list[Scenario]") -> None:
    """Raises PlanError, TraceError: a scenario cannot be run."""
    from simkit.plan.compile import compile_plan

    for scenario in scenarios:
        compile_plan(scenario)


def check_folder(out: Path) -> None:
    """Raises BadInput: nothing can be written there."""
    import tempfile

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise BadInput(f"--out {out}: {error.strerror or error}. Nothing was run.") from None


def default_jobs(reports: int) -> int:
    """One for each CPU, no more than there are."""
    from simkit.study.executor import cpus

    return max(1, min(cpus(), reports))


def get_ready(reports: "list[Report]") -> None:
    """Compile the engine for the templates, once and with a word: else each kernel would do it, and in silence."""
    from simkit.laws.jit import is_cached
    from simkit.plan.compile import compile_plan
    from simkit.report.reports import TEMPLATES
    from simkit.scenario.load import load
    from simkit.study.run import get_ready as compiled

    left = [one for one in reports if one.notebook.parent == TEMPLATES and not one.finished]
    if left and not is_cached():
        compiled(compile_plan(load(left[0].files[0])), complain)


def line_of(one: "Made") -> str:
    """What became of a report."""
    where = one.report.folder / "report.html"
    if one.error:
        return f"{one.report.label}: FAILED, {one.error}"
    if one.taken:
        return f"{one.report.label}: was made before, {where}"
    return f"{one.report.label}: {one.seconds:.0f} s, {where}"
