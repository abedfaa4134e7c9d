"""`sweep`: a scenario at many points, wherever they run; each finished point is kept at once."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from simkit.result.metrics import METRICS
from simkit.result.table import Table, table
from simkit.study.design import Settings, points_of
from simkit.study.direction import direction
from simkit.study.executor import Executor, LostWorkerError, Where, cpus, executor_for, is_elsewhere
from simkit.study.points import Answer, Figures, Folder, PointWork
from simkit.study.progress import Progress, progress_of
from simkit.study.run import WORTH_PROCESSES, engine_for, get_ready, reason

if TYPE_CHECKING:
    from simkit.report.style import Picture
    from simkit.scenario.load import Scenario

FRONTIER = ("cost_per_action", "latency_p95", "success_rate", "good_rate")
"""What a frontier weighs against one another."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """What was found at the points that finished."""

    name: str
    points: tuple[Settings, ...]
    figures: Mapping[int, Figures]
    """By the number of the point."""
    failures: Mapping[int, str]
    """Why there are none, by the number of the point."""
    seed: int
    replications: int
    about: str = ""
    """What all points are of."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The fields that were varied."""
        return tuple(self.points[0])

    @cached_property
    def frame(self) -> Table:
        """Tidy: point, the fields, metric, value, low, high, unit. A row for each finished point and metric."""
        rows = [
            (number, *self._shown(number), metric, *found[metric], METRICS[metric].unit)
            for number, found in sorted(self.figures.items())
            for metric in METRICS
            if metric in found
        ]
        made = table(rows, self.plot, ("point", *self.paths, "metric", "value", "low", "high", "unit"))
        return made.astype(dict.fromkeys(("value", "low", "high"), float))

    @cached_property
    def wide(self) -> Table:
        """A row for each finished point: point, the fields, every metric's value."""
        rows = [
            (number, *self._shown(number), *(found.get(metric, (None,))[0] for metric in METRICS))
            for number, found in sorted(self.figures.items())
        ]
        made = table(rows, self.plot, ("point", *self.paths, *METRICS))
        return made.astype(dict.fromkeys(METRICS, float))

    @cached_property
    def failed(self) -> Table:
        """Points that did not finish: point, the fields, reason."""
        rows = [(number, *self._shown(number), why) for number, why in sorted(self.failures.items())]
        return table(rows, None, ("point", *self.paths, "reason"))

    @cached_property
    def frontier(self) -> Table:
        """Points that no other beats in cost, p95, success and good answers at once; the cheapest first."""
        wide = self.wide
        used = [name for name in FRONTIER if wide[name].notna().any()]
        kept = wide[wide[used].notna().all(axis=1)]
        best = kept[undominated(kept, tuple(used))]
        rows = best[["point", *self.paths, *used]].sort_values(used[0], kind="stable") if used else best.iloc[:0]
        return table(rows.reset_index(drop=True), self.plot_frontier)

    def _shown(self, number: int) -> tuple[Any, ...]:
        """The values of a point; maps and lists as text."""
        values = self.points[number].values()
        return tuple(json.dumps(one) if isinstance(one, dict | list) else one for one in values)

    def plot(self, metric: str = "latency_p95", x: str | None = None, y: str | None = None) -> "Picture":
        """A metric over one field as lines with intervals, or over two as a heat map."""
        from simkit.report import figures_search as figures

        x = x or self.paths[0]
        y = y or next((path for path in self.paths if path != x), None)
        rows = pd.DataFrame(self.frame[self.frame["metric"] == metric])
        if y is None or len(set(map(str, rows[x]))) * len(set(map(str, rows[y]))) != len(rows):
            return self.lines(metric, x)
        return figures.heat_figure(rows, x, y, metric, METRICS[metric].unit)

    def lines(self, metric: str = "latency_p95", x: str | None = None) -> "Picture":
        """A metric over one field, a line for each combination of the others."""
        from simkit.report.figures_search import lines_figure

        x = x or self.paths[0]
        rows = pd.DataFrame(self.frame[self.frame["metric"] == metric])
        return lines_figure(rows, x, [path for path in self.paths if path != x], metric, METRICS[metric].unit)

    def plot_frontier(self) -> "Picture":
        """Cost against p95, success and good answers; what no other point beats is marked."""
        from simkit.report.figures_search import frontier_figure

        return frontier_figure(pd.DataFrame(self.wide), set(self.frontier["point"]), self.paths)

    def save(self, folder: Path) -> list[Path]:
        """Write the tables and the pictures.

        Raises:
            DesignError: the folder holds those of another sweep.
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        place = Folder(folder, self.about)
        place.check_tables(self.points)
        place.name_tables(self.points)
        made = []
        tables = {"sweep": self.frame, "frontier": self.frontier, "failed": self.failed}
        for name, one in tables.items():
            made.append(folder / f"{name}.csv")
            pd.DataFrame(one).to_csv(made[-1], index=False)
        pictures = {"latency_p95": self.plot, "cost_per_action": lambda: self.plot("cost_per_action")}
        for name, draw in {**pictures, "frontier": self.plot_frontier}.items():
            made.append(folder / f"{name}.png")
            made[-1].write_bytes(draw()._repr_png_())
        return made


def undominated(rows: pd.DataFrame, metrics: tuple[str, ...]) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which rows no other beats: none is at least as good in every metric, and better in one."""
    signs = np.array([direction(name) or -1 for name in metrics], np.float64)
    worth = rows[list(metrics)].to_numpy(np.float64) * signs
    beaten = [bool(((worth >= one).all(axis=1) & (worth > one).any(axis=1)).any()) for one in worth]
    return ~np.array(beaten, np.bool_)


class StoppedSweep(KeyboardInterrupt):
    """The user stopped a sweep. `sweep` holds the points that had finished."""

    def __init__(self, sweep: Sweep) -> None:
        super().__init__("stopped")
        self.sweep = sweep


class UnfinishedSweep(RuntimeError):  # noqa: N818
    """A sweep ended before its end, through no wish of the user. `sweep` holds the points that had finished."""

    def __init__(self, why: str, sweep: Sweep) -> None:
        super().__init__(why)
        self.sweep = sweep


def sweep(
    scenario: "Scenario",
    axes: Mapping[str, object],
    *,
    design: str = "grid",
    points: int | None = None,
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: bool | Progress = False,
    tell: Callable[[str], object] | None = None,
    executor: Where = None,
    out: Path | str | None = None,
) -> Sweep:
    """Run a scenario at many points.

    Args:
        scenario: from `load`.
        axes: field to its values: a list, or a text `A,B,C`, `A..B/STEP`, or (for lhs and sobol) `A..B`.
        design: `grid`, `lhs` or `sobol`, see `simkit.study.design.points_of`.
        points: how many, for lhs and sobol.
        replications: at each point; left out: the scenario's. All points see the same users and draws.
        seed: of all draws, and of the design; left out: the scenario's.
        engine: as in `run`.
        jobs: points at a time; left out: as many as there are CPUs, where the work is worth it.
        progress: as in `run`.
        tell: as in `run`.
        executor: as in `run`; a unit of work is a point with all its replications.
        out: a folder where every finished point is kept at once; a sweep with the same goes on from there.

    Raises:
        DesignError: the design cannot be made, or `out` holds the tables of another sweep.
        ScenarioError: a field cannot be what it should be, at any point.
        StoppedSweep, UnfinishedSweep: with what had finished.
        ClusterError: as `run`.
    """
    document = scenario.document
    seed = document.seed if seed is None else seed
    count = document.replications if replications is None else replications
    settings = points_of(axes, design, points, seed)
    check_axes(scenario, settings)
    about = _about(scenario, seed, count)
    folder = None if out is None else Folder(Path(out), about)
    if folder is not None:
        folder.check_tables(settings)
    say = tell or (lambda _: None)
    chosen, running = _where(scenario, settings, count, engine, jobs, executor, say)
    work = PointWork(scenario.__reduce__()[1], tuple(settings), seed, count, chosen)
    found = {} if folder is None else _kept(folder, settings)
    if found:
        say(f"{len(found)} of {len(settings)} points are taken from {out}.")
    failures: dict[int, str] = {}
    why = _collect(work, found, failures, folder, running, progress_of(progress))
    made = Sweep(scenario.name, work.settings, found, failures, seed, count, about)
    if isinstance(why, KeyboardInterrupt):
        raise StoppedSweep(made) from None
    if why is not None:
        raise UnfinishedSweep(reason(why), made) from why
    return made


def check_axes(scenario: "Scenario", settings: list[Settings]) -> None:
    """Before anything is run: every field can be set to one of its values, at least.

    Raises:
        ScenarioError: one cannot.
    """
    from simkit.scenario.errors import ScenarioError

    try:
        scenario.set(settings[0])
        return
    except ScenarioError:
        pass  # that point alone may be wrong
    problems = []
    for path in settings[0]:
        values = {json.dumps(point[path], default=str): point[path] for point in settings}
        problems += _problems(scenario, path, list(values.values()))
    if problems:
        raise ScenarioError(problems)


def _problems(scenario: "Scenario", path: str, values: list[Any]) -> list[Any]:
    """What is wrong with the first value of a field, if every value is wrong."""
    from simkit.scenario.errors import ScenarioError

    first: list[Any] = []
    for value in values:
        try:
            scenario.set({path: value})
            return []
        except ScenarioError as error:
            first = first or error.problems
    return first


def _where(
    scenario: "Scenario", settings: list[Settings], count: int, engine: str, jobs: int | None, executor: Where,
    say: Callable[[str], object],
) -> tuple[str, Executor]:  # fmt: skip
    """The engine and where the points run."""
    from simkit.plan.compile import compile_plan

    plan = compile_plan(scenario)
    chosen = engine_for(engine, plan, count * len(settings))
    small = plan.expected_actions * count * len(settings) < WORTH_PROCESSES
    jobs = max(1, min(jobs or (1 if small else cpus()), len(settings)))
    if chosen == "compiled" and not is_elsewhere(executor):
        get_ready(plan, say)
    return chosen, executor_for(chosen, jobs, executor)


def _about(scenario: "Scenario", seed: int, count: int) -> str:
    from simkit.result.export import version

    return f"{scenario.hash} seed {seed} replications {count} version {version()}"


def _kept(folder: Folder, settings: list[Settings]) -> dict[int, Figures]:
    folder.sweep_up()
    found = {number: folder.load(one) for number, one in enumerate(settings)}
    return {number: figures for number, figures in found.items() if figures is not None}


def _collect(
    work: PointWork, found: dict[int, Figures], failures: dict[int, str], folder: Folder | None,
    executor: Executor, progress: Progress,
) -> BaseException | None:  # fmt: skip
    """Run what is not found yet; what came between, if not all could be. A lost worker costs its own point only."""
    told = 0.0

    def inside(under_way: float) -> None:
        nonlocal told
        told = max(told, min((len(found) + len(failures) + under_way) / len(work.settings), 0.999))
        progress(told)

    try:
        inside(0)
        while left := [n for n in range(len(work.settings)) if n not in found and n not in failures]:
            try:
                with closing(executor.map(work.point, left, inside)) as answers:
                    for number, answer in answers:
                        _keep(number, answer, work, found, failures, folder)
                        inside(0)
            except LostWorkerError as error:
                if error.item is None:
                    return error
                failures[error.item] = str(error)
    except (KeyboardInterrupt, MemoryError, OSError) as error:
        return error
    finally:
        progress(1.0)
    return None


def _keep(
    number: int, answer: Answer, work: PointWork, found: dict[int, Figures], failures: dict[int, str],
    folder: Folder | None,
) -> None:  # fmt: skip
    if answer.figures is None:
        failures[number] = answer.failure
        return
    if folder is not None:
        folder.save(work.settings[number], answer.figures)
    found[number] = answer.figures
