"""Reports of scenarios: one notebook each, several side by side, each finished one kept and not run again."""

import datetime as dt
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_event_loop

from simkit.report.execution import NotebookError, execute
from simkit.report.folder import SUMMARY, drafted, link_latest, slug, summary_of, write
from simkit.report.html import notebook_page
from simkit.report.kernel import Kernels
from simkit.report.parameters import Parameter, ParameterError, parameters_of
from simkit.result.export import version
from simkit.study.progress import Progress, silent

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

TEMPLATES = Path(__file__).parent / "notebooks"
SHIPPED = ("report", "comparison")
ONE, ALL = "scenario", "scenarios"
"""Parameters that take one file, or all of them."""
PAGE, NOTEBOOK = "report.html", "report.ipynb"
GLANCE_S = 0.2
"""Seconds between two looks at how far all are."""


def notebook_path(name: str) -> Path:
    """A notebook by the name of a template, or by its path."""
    return TEMPLATES / f"{name}.ipynb" if name in SHIPPED else Path(name)


@dataclass(frozen=True)
class Report:
    """A notebook to be run on a scenario, or on several."""

    name: str
    """Of the scenario; the scenarios' where there are several."""
    files: tuple[Path, ...]
    notebook: Path
    parameters: Mapping[str, Any]
    """As they are given to the notebook, the files included."""
    seed: int
    key: str
    """Of scenario, notebook, parameters, seed, version: with the same key comes the same report."""
    folder: Path
    told: str = ""
    """What the page says of parameters that are not as the notebook has them."""
    changed: Mapping[str, Any] = field(default_factory=dict)
    """These parameters."""
    full: Mapping[str, str] = field(default_factory=dict)
    """File names to scenarios in their full form."""

    @property
    def label(self) -> str:
        """The files, as a person says them."""
        return " and ".join(file.stem for file in self.files)

    @property
    def finished(self) -> bool:
        """Was it made before?"""
        found = summary_of(self.folder)
        return found is not None and found.get("status") == "done" and (self.folder / PAGE).is_file()


@dataclass(frozen=True)
class Made:
    """What became of a report."""

    report: Report
    error: str = ""
    taken: bool = False
    """It had been made before."""
    seconds: float = 0.0


def plan(
    files: "Sequence[tuple[Path, Scenario]]",
    notebook: Path,
    values: Mapping[str, Any],
    known: Mapping[str, Parameter],
    root: Path,
) -> list[Report]:
    """The reports that files, a notebook and values of its parameters stand for.

    Raises:
        ParameterError: the notebook takes no scenario.
    """
    about = _Asked(notebook, hashlib.sha256(notebook.read_bytes()).hexdigest(), values, known)
    if ONE in known:
        groups = [[one] for one in files]
    elif ALL in known:
        if len(files) < 2:
            raise ParameterError(f"{notebook.stem} is of several scenarios: name at least two files")
        groups = [list(files)]
    else:
        raise ParameterError(f"{notebook} has no parameter `{ONE}: str` (or `{ALL}: list[str]`) for the file")
    names = [slug("-".join(file.stem for file, _ in group)) for group in groups]
    return [
        _report(group, root / (name if names.count(name) == 1 else f"{name}-{_place(group[0][0])}"), about)
        for group, name in zip(groups, names, strict=True)
    ]


def _place(file: Path) -> str:
    """What tells a file from another of the same name."""
    return hashlib.sha256(str(file.absolute()).encode()).hexdigest()[:6]


@dataclass(frozen=True)
class _Asked:
    """A notebook and what it is given, the same for all files."""

    notebook: Path
    hash: str
    values: Mapping[str, Any]
    known: Mapping[str, Parameter]

    @property
    def changed(self) -> dict[str, Any]:
        """The values that are not the notebook's own."""
        return {name: value for name, value in self.values.items() if not self.known[name].is_default(value)}

    @property
    def told(self) -> str:
        """The same for a reader."""
        said = [
            f"`{name} = {value!r}`" + (f" ({self.known[name].help})" if self.known[name].help else "")
            for name, value in self.changed.items()
        ]
        return f"Made with {', '.join(said)}." if said else ""


def _report(group: "Sequence[tuple[Path, Scenario]]", place: Path, asked: _Asked) -> Report:
    paths = [str(file.absolute()) for file, _ in group]
    given = {ONE: paths[0]} if len(paths) == 1 else {ALL: paths}
    own = asked.values.get("seed")
    seed = own if isinstance(own, int) and own >= 0 else group[0][1].document.seed
    about = [[_identity(one) for _, one in group], asked.hash, sorted(asked.values.items()), seed, version()]
    key = hashlib.sha256(json.dumps(about, default=str).encode()).hexdigest()[:16]
    title = " and ".join(one.name for _, one in group)
    return Report(
        title, tuple(file for file, _ in group), asked.notebook, {**given, **asked.values}, seed, key, place / key,
        asked.told, asked.changed, _full(group),
    )  # fmt: skip


def _full(group: "Sequence[tuple[Path, Scenario]]") -> dict[str, str]:
    """File names to full forms: `scenario.yaml`, or one of each scenario's name."""
    if len(group) == 1:
        return {f"{ONE}.yaml": group[0][1].resolved()}
    names = [slug(file.stem) for file, _ in group]
    return {
        f"{name}{'' if names.count(name) == 1 else f'-{_place(file)}'}.yaml": one.resolved()
        for name, (file, one) in zip(names, group, strict=True)
    }


def _identity(scenario: "Scenario") -> list[str]:
    """All of a scenario that a report may show: what it means, its words, and the rows that it replays."""
    trace = scenario.trace_path
    rows = hashlib.sha256(trace.read_bytes()).hexdigest() if trace is not None else ""
    return [scenario.hash, scenario.document.model_dump_json(), rows]


def make(
    reports: Sequence[Report],
    jobs: int,
    progress: Progress = silent,
    told: Callable[[Made], object] = lambda _: None,
    again: bool = False,
) -> list[Made]:
    """Make all that are not there yet, `jobs` at a time; one that fails does not keep the others.

    Args:
        reports: what to make.
        jobs: how many at a time.
        progress: takes the share of all cells that are done.
        told: takes each as it ends.
        again: also those that were made before.

    Raises:
        KeyboardInterrupt: the user stopped it; what was finished is there.
    """
    kept = [] if again else [report for report in reports if report.finished]
    made = [Made(report, taken=True) for report in kept]
    for one in made:
        told(one)
    left = [report for report in reports if report not in kept]
    shares, kernels = dict.fromkeys(range(len(left)), 0.0), Kernels()
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        running: dict[Future[Made], int] = {
            pool.submit(_made, report, kernels, _share(shares, place)): place for place, report in enumerate(left)
        }
        while running:
            for future in wait(running, timeout=GLANCE_S, return_when=FIRST_COMPLETED).done:
                shares[running.pop(future)] = 1.0
                made.append(future.result())
                told(made[-1])
            progress(sum(shares.values()) / max(1, len(shares)))
    finally:
        kernels.halt()
        pool.shutdown(wait=True, cancel_futures=True)
        progress(1.0)
    return sorted(made, key=lambda one: reports.index(one.report))


def _share(shares: dict[int, float], place: int) -> Progress:
    def progress(done: float) -> None:
        shares[place] = min(done, 0.99)

    return progress


def _made(report: Report, kernels: Kernels, progress: Progress) -> Made:
    """Run one report and put all of it into its folder at once."""
    begun = time.perf_counter()
    try:
        with drafted(report.folder) as draft:
            error = _write(report, draft, kernels, progress, begun)
            if kernels.halted():
                raise NotebookError("stopped")
        link_latest(report.folder.parent)
    except OSError as problem:
        reason = problem.strerror or str(problem)
        return Made(report, f"could not be written: {reason}", seconds=time.perf_counter() - begun)
    except NotebookError as problem:
        return Made(report, str(problem), seconds=time.perf_counter() - begun)
    finally:
        ensure_event_loop().close()  # of this thread: papermill leaves it open
    return Made(report, error, seconds=time.perf_counter() - begun)


def _write(report: Report, draft: Path, kernels: Kernels, progress: Progress, begun: float) -> str:
    """All files of a report; why its notebook failed, if it did."""
    for name, full in report.full.items():
        write(draft / name, full)
    shipped = report.notebook.parent == TEMPLATES
    folder = draft if shipped else report.notebook.absolute().parent
    done = execute(report.notebook, draft / NOTEBOOK, report.parameters, folder, kernels, progress)
    text = notebook_page(done.notebook, f"{report.name}: {report.notebook.stem}", report.told)
    write(draft / PAGE, text)
    made = dt.datetime.now().astimezone().isoformat(timespec="seconds")
    summary = {
        "scenario": report.name,
        "files": [str(file) for file in report.files],
        "notebook": report.notebook.stem,
        "parameters": dict(report.parameters),
        "changed": dict(report.changed),
        "full_form": list(report.full),
        "seed": report.seed,
        "version": version(),
        "key": report.key,
        "status": "failed" if done.error else "done",
        "error": done.error,
        "made": made,
        "seconds": round(time.perf_counter() - begun, 1),
        **done.record,
    }
    write(draft / SUMMARY, json.dumps(summary, indent=1, ensure_ascii=False, default=str))
    return done.error


__all__ = ["Made", "Report", "make", "notebook_path", "parameters_of", "plan"]
