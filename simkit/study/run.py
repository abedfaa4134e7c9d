"""`run`: a scenario's replications, wherever they run, put together to one result."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from simkit.plan.plan import Plan
from simkit.study.executor import Executor, LostWorkerError, UnfinishedError, cpus, executor_for
from simkit.study.length import announcement
from simkit.study.part import MOST_IN_FLIGHT, Keep, Part, Work
from simkit.study.parts import Parts, key_of
from simkit.study.pieces import TABLES, piece_files
from simkit.study.progress import Progress, progress_of
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

    Raises:
        ScenarioError, PlanError, TraceError: the scenario cannot be run, or would take days.
        Stopped: the user interrupted it; carries the result of what had finished.
        UnfinishedError: a worker process died, memory or disk ran out, or too much was in flight; likewise.
    """
    from simkit.plan.compile import compile_plan
    from simkit.result.alerts import watch_of
    from simkit.result.objectives import objectives_of, patient_kinds

    document = scenario.document
    plan = compile_plan(scenario)
    watch = watch_of(document.alerts, document.slo.window, plan.horizon)
    somebody = responding(scenario, watch)
    if somebody is not None:
        plan = replace(plan, stationary=False)
    seed = document.seed if seed is None else seed
    numbers = range(document.replications if replications is None else replications)
    chosen = engine_for(engine, plan, len(numbers) * (LEVERS if levers else 1))
    long = announcement(scenario, plan, len(numbers), chosen)
    objectives = objectives_of(document.slo, patient_kinds(plan))
    work = Work(
        plan, objectives, seed, chosen, log, most_in_flight=most_in_flight or MOST_IN_FLIGHT,
        every=0 if watch is None else watch.every, responding=somebody,
    )  # fmt: skip
    if parts is not None:
        from simkit.result.export import version

        key = key_of(scenario.hash, plan, seed, chosen, version(), log == "disk")
        work = replace(work, parts=Parts(parts, key))
    begun = time.perf_counter()
    found = work.found(numbers)
    _announce(work, long, len(found), len(numbers), tell or (lambda _: None))
    workers = jobs_for(plan, len(numbers) - len(found), jobs)
    why = _collect(work, numbers, found, executor_for(chosen, workers), progress_of(progress))
    if why is not None:  # a worker may have died between keeping a part and handing it over
        found |= work.found([number for number in numbers if number not in found])
    result = _ended(_result(scenario, work, found, time.perf_counter() - begun), len(numbers), why)
    return _with_levers(scenario, result, engine, jobs, progress) if levers else result


def _ended(result: "Result | None", planned: int, why: BaseException | None) -> "Result":
    """The result of all replications, or what is raised with what there is of it."""
    if isinstance(why, KeyboardInterrupt):
        raise Stopped(result, planned) from None
    if why is not None or result is None:
        raise UnfinishedError(reason(why), result, planned, isinstance(why, CutError)) from why
    return result


def _with_levers(
    scenario: "Scenario", result: "Result", engine: str, jobs: int | None, progress: bool | Progress
) -> "Result":
    """The result with what levers on its bill would do; whoever stops that has the result all the same."""
    from simkit.study.levers import levers

    try:
        return replace(result, weighed=levers(scenario, base=result, engine=engine, jobs=jobs, progress=progress))
    except Stopped:
        raise Stopped(result, result.replications) from None


def _announce(work: Work, long: str, found: int, planned: int, say: Callable[[str], object]) -> None:
    """What to know before a run; and the compiled engine is made ready."""
    if long:
        say(long)
    if found and work.parts is not None:
        say(f"{found} of {planned} replications are taken from {work.parts.folder}.")
    if work.engine == "compiled" and found < planned:
        get_ready(work.plan, say)
        load_meanwhile(*NEEDED_LATER)


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


def _result(scenario: "Scenario", work: Work, found: dict[int, Part], elapsed_s: float) -> "Result | None":
    if not found:
        return None
    from simkit.result.result import result_of

    parts = [found[number] for number in sorted(found)]
    tallies, logs = [part.tally for part in parts], [part.log for part in parts if part.log is not None]
    on_disk = work.log == "disk" and work.parts is not None and not logs
    pieces = {table: piece_files(work.parts.folder, table, found) for table in TABLES} if on_disk and work.parts else {}
    return result_of(
        scenario, work.plan, tallies, seed=work.seed, engine=work.engine, elapsed_s=elapsed_s, logs=logs, pieces=pieces
    )
