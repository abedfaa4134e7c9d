"""`run`: a scenario's replications, wherever they run, put together to one result."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from simkit.plan.plan import Plan
from simkit.result.statistics import LEVEL
from simkit.study.executor import (
    Executor,
    LostWorkerError,
    UnfinishedError,
    Where,
    cpus,
    executor_for,
    is_elsewhere,
)
from simkit.study.length import announcement
from simkit.study.part import MOST_IN_FLIGHT, Keep, Part, Work
from simkit.study.parts import Parts, key_of
from simkit.study.pieces import TABLES, piece_files
from simkit.study.progress import Progress, progress_of, silent
from simkit.study.responder import responding

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.scenario.load import Scenario

WORTH_COMPILING = 500_000
"""Expected actions from which on the compiled engine answers sooner, even if it must be compiled first."""
WORTH_LOADING = 10_000
"""The same where it was compiled before and is only loaded."""
LEVERS = 16
"""Runs with levers, about."""
WORTH_PROCESSES = 40_000
"""Expected actions from which on worker processes pay for their start."""

NEEDED_LATER = ("simkit.result.result", "simkit.result.document", "scipy.special", "rich.console", "rich.table")
"""What a result is made of and shown with."""


class Stopped(KeyboardInterrupt):
    """The user stopped a run. `result` holds the replications that had finished, or is None."""

    def __init__(self, result: "Result | None", planned: int) -> None:
        super().__init__("stopped")
        self.result = result
        self.planned = planned


class Replications:
    """A scenario ready to be run: as many replications as are asked for, each run once.

    The arguments are those of `run`. `times`: how many such runs there will be, for the choice of the engine.
    """

    def __init__(
        self,
        scenario: "Scenario",
        *,
        seed: int | None = None,
        engine: str = "auto",
        jobs: int | None = None,
        log: Keep = False,
        parts: Path | None = None,
        tell: Callable[[str], object] | None = None,
        most_in_flight: int | None = None,
        executor: Where = None,
        times: int = 1,
    ) -> None:
        from simkit.plan.compile import compile_plan
        from simkit.result.alerts import watch_of
        from simkit.result.objectives import objectives_of, patient_kinds

        document = scenario.document
        plan = compile_plan(scenario)
        watch = watch_of(document.alerts, document.slo.window, plan.horizon)
        somebody = responding(scenario, watch)
        if somebody is not None:
            plan = replace(plan, stationary=False)
        self.scenario, self.engine, self.times, self.jobs, self.executor = scenario, engine, times, jobs, executor
        self.say = tell or (lambda _: None)
        self.found: dict[int, Part] = {}
        self.elapsed_s = 0.0
        self._parts = parts
        self.work = Work(
            plan, objectives_of(document.slo, patient_kinds(plan)), document.seed if seed is None else seed, "", log,
            most_in_flight=most_in_flight or MOST_IN_FLIGHT, every=0 if watch is None else watch.every,
            responding=somebody,
        )  # fmt: skip

    def upto(self, count: int, progress: Progress = silent, level: float = LEVEL) -> "Result":
        """The result of replications 0..count - 1; those that were run before are not run again.

        Args:
            count: how many.
            progress: takes the share done.
            level: share of the result's intervals that miss.

        Raises:
            as `run`.
        """
        numbers = range(count)
        begun = time.perf_counter()
        self._choose(count)
        kept = self._take_up(numbers)
        left = count - sum(number in self.found for number in numbers)
        self._announce(count, kept, left)
        executor = executor_for(self.work.engine, jobs_for(self.work.plan, left, self.jobs), self.executor)
        why = _collect(self.work, numbers, self.found, executor, progress)
        if why is not None:  # a worker may have died between keeping a part and handing it over
            self._take_up(numbers)
        self.elapsed_s += time.perf_counter() - begun
        done = {number: part for number, part in self.found.items() if number in numbers}
        return _ended(_result(self.scenario, self.work, done, self.elapsed_s, level), count, why)

    def _take_up(self, numbers: Sequence[int]) -> int:
        """Add what lies in the folder of parts and is not found yet; how many replications that is."""
        kept = self.work.found([number for number in numbers if number not in self.found])
        self.found |= kept
        return len(kept)

    def _choose(self, count: int) -> None:
        """The engine, and the folder of parts. What is kept there is of one engine; else more may take the other."""
        if self.work.parts is not None:
            return
        chosen = engine_for(self.engine, self.work.plan, count * self.times)
        work = self.work = replace(self.work, engine=chosen)
        if self._parts is not None:
            from simkit.result.export import version

            key = key_of(self.scenario.hash, work.plan, work.seed, chosen, version(), work.log == "disk")
            self.work = replace(work, parts=Parts(self._parts, key))

    def _announce(self, planned: int, kept: int, left: int) -> None:
        """What to know before a run; and the compiled engine is made ready."""
        work = self.work
        long = announcement(self.scenario, work.plan, planned, work.engine)
        if long:
            self.say(long)
        if kept and work.parts is not None:
            self.say(f"{kept} of {planned} replications are taken from {work.parts.folder}.")
        if work.engine == "compiled" and left and not is_elsewhere(self.executor):
            get_ready(work.plan, self.say)
            load_meanwhile(*NEEDED_LATER)


def run(
    scenario: "Scenario",
    *,
    seed: int | None = None,
    replications: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: bool | Progress = False,
    log: Keep = False,
    parts: Path | None = None,
    tell: Callable[[str], object] | None = None,
    most_in_flight: int | None = None,
    levers: bool = False,
    executor: Where = None,
    precision: Mapping[str, float] | None = None,
    most: int | None = None,
    warmup: str | None = None,
) -> "Result":
    """Simulate a scenario.

    Args:
        scenario: from `load`.
        seed: of all draws; left out: the scenario's.
        replications: independent runs; left out: the scenario's.
        engine: `auto` (whichever answers sooner), `compiled` or `reference`; the figures are the same.
        jobs: threads (compiled engine) or processes (reference); left out: as many as there are CPUs where the work
            is worth it, else 1. The numbers do not depend on it.
        progress: True: a bar on standard error, where somebody watches; or a callback that takes the share done.
        log: True: keep every action and attempt (`result.actions`, `result.attempts`); takes memory. `disk`: write
            them to the folder of parts as they come, from where `result.save` takes them.
        parts: a folder where what was computed is kept; a run of the same scenario and seed goes on from there.
        tell: takes a sentence on what to know before the run: that it will be long, that it goes on, that it compiles.
        most_in_flight: a run with more actions in flight at once is stopped; left out: 200,000.
        levers: then try what would lower the bill, by some fifteen more runs (`result.levers`).
        executor: `threads`, `processes`, the address of a Dask scheduler (`tcp://...`), or an `Executor`; left out:
            what suits the engine.
        precision: metric to the half width of its interval, as a share of its value, at which it is known well
            enough; replications are doubled until all are.
        most: replications at which that ends all the same; left out: 640.
        warmup: `auto`: cut by MSER-5 (see `simkit.study.warmup`), where the scenario is stationary.

    Raises:
        ScenarioError, PlanError, TraceError: the scenario cannot be run, or would take days.
        Stopped: the user interrupted it; carries the result of what had finished.
        UnfinishedError: a worker process died, memory or disk ran out, or too much was in flight; likewise.
        ClusterError: there is no cluster where one was said to be, or its workers have another version.
    """
    if warmup is not None:
        from simkit.study.warmup import cut_by

        (scenario,) = cut_by(warmup, [scenario], seed=seed, engine=engine, jobs=jobs, tell=tell, executor=executor)
    ready = Replications(
        scenario, seed=seed, engine=engine, jobs=jobs, log=log, parts=parts, tell=tell, most_in_flight=most_in_flight,
        executor=executor, times=LEVERS if levers else 1,
    )  # fmt: skip
    count = scenario.document.replications if replications is None else replications
    result = _looked(ready, precision, count, most, progress_of(progress))
    return _with_levers(ready, result, progress) if levers else result


def _looked(
    ready: Replications, precision: Mapping[str, float] | None, count: int, most: int | None, progress: Progress
) -> "Result":
    """The result of `count` replications, or of as many as it takes to be precise."""
    if precision is None:
        return ready.upto(count, progress)
    from simkit.study.looks import until_precise

    return until_precise(ready, precision, count, most, progress)


def _with_levers(ready: Replications, result: "Result", progress: bool | Progress) -> "Result":
    """The result with what levers on its bill would do; whoever stops that has the result all the same."""
    from simkit.study.levers import levers

    try:
        weighed = levers(
            ready.scenario, base=result, engine=ready.engine, jobs=ready.jobs, progress=progress,
            executor=ready.executor,
        )  # fmt: skip
        return replace(result, weighed=weighed)
    except Stopped:
        raise Stopped(result, result.replications) from None


def _ended(result: "Result | None", planned: int, why: BaseException | None) -> "Result":
    """The result of all replications, or what is raised with what there is of it."""
    if why is None and result is not None:
        return result
    cut, said = isinstance(why, CutError), "stopped" if isinstance(why, KeyboardInterrupt) else reason(why)
    if result is not None:
        text = f"The run ended early: {said}. The figures are of {result.replications} of {planned} replications"
        ends = ", of which one ends there: money by month and use of limits say too little" if cut else ""
        result = replace(result, stopped=f"{text}{ends}.", cut=cut)
    if isinstance(why, KeyboardInterrupt):
        raise Stopped(result, planned) from None
    raise UnfinishedError(said, result, planned, cut) from why


def reason(why: BaseException | None) -> str:
    """Why a run could not finish, for a person."""
    if isinstance(why, OSError):
        return f"{why.strerror or why}{f': {why.filename}' if why.filename else ''}"
    return str(why) or "there is not enough memory"


def load_meanwhile(*modules: str) -> None:
    """Import what will be needed in the end while the engine runs beside it."""
    threading.Thread(target=lambda: [import_module(module) for module in modules], daemon=True).start()


class CutError(RuntimeError):
    """A replication was stopped before its end."""


def get_ready(plan: Plan, say: Callable[[str], object]) -> None:
    """Load the compiled engine; where it must be compiled first, say so, and how long it took."""
    from simkit.laws.jit import is_cached, is_off, mark_cached
    from simkit.study.streaming import warm

    if is_cached() or is_off():
        warm(plan)
        return
    say("Compiling the simulation engine for this machine, once; it takes half a minute or more.")
    begun = time.perf_counter()
    warm(plan)
    mark_cached()
    say(f"Compiled in {time.perf_counter() - begun:.1f} s.")


def engine_for(engine: str, plan: Plan, replications: int) -> str:
    """What `auto` stands for: the engine that answers sooner. The figures are the same.

    Raises:
        ValueError: unknown engine.
    """
    from simkit.engine import check_engine

    check_engine(engine)
    if engine != "auto":
        return engine
    from simkit.laws.jit import is_cached

    worth = WORTH_LOADING if is_cached() else WORTH_COMPILING
    return "compiled" if plan.expected_actions * replications > worth else "reference"


def jobs_for(plan: Plan, replications: int, jobs: int | None) -> int:
    """How many processes to use: never more than replications; 1 where the work is small and nobody said."""
    if jobs is None:
        small = plan.expected_actions * replications < WORTH_PROCESSES
        jobs = 1 if small or replications == 1 else cpus()
    return max(1, min(jobs, replications))


def _collect(
    work: Work, numbers: Sequence[int], found: dict[int, Part], executor: Executor, progress: Progress
) -> BaseException | None:
    """Add the parts of the replications that are not found yet; what came between, if not all could be."""
    left, told = [number for number in numbers if number not in found], 0.0

    def inside(under_way: float) -> None:
        nonlocal told
        told = max(told, min((len(found) + under_way) / len(numbers), 0.999))
        progress(told)

    try:
        with closing(executor.map(work.part, left, inside)) as answers:
            inside(0)
            for number, part in answers:
                found[number] = part
                inside(0)
                if part.cut:
                    raise CutError(part.cut)
    except (KeyboardInterrupt, LostWorkerError, MemoryError, OSError, CutError) as error:
        return error
    finally:
        progress(1.0)
    return None


def _result(
    scenario: "Scenario", work: Work, found: dict[int, Part], elapsed_s: float, level: float
) -> "Result | None":
    if not found:
        return None
    from simkit.result.result import result_of

    parts = [found[number] for number in sorted(found)]
    tallies, logs = [part.tally for part in parts], [part.log for part in parts if part.log is not None]
    on_disk = work.log == "disk" and work.parts is not None and not logs
    pieces = {table: piece_files(work.parts.folder, table, found) for table in TABLES} if on_disk and work.parts else {}
    return result_of(
        scenario, work.plan, tallies, seed=work.seed, engine=work.engine, elapsed_s=elapsed_s, logs=logs, level=level,
        pieces=pieces,
    )  # fmt: skip
