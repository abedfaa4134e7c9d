"""`run`: a scenario's replications, wherever they run, put together to one result."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simkit.plan.plan import Plan
from simkit.study.executor import Executor, LostWorkerError, UnfinishedError, cpus, executor_for
from simkit.study.length import announcement
from simkit.study.parts import Parts, key_of
from simkit.study.progress import Progress, progress_of

if TYPE_CHECKING:
    from simkit.engine.log import Log
    from simkit.result.objectives import Objective
    from simkit.result.result import Result
    from simkit.result.tally import Tally
    from simkit.scenario.load import Scenario

WORTH_COMPILING = 500_000
"""Expected actions from which on the compiled engine answers sooner, even if it must be compiled first."""
WORTH_PROCESSES = 40_000
"""Expected actions from which on worker processes pay for their start."""


class Stopped(KeyboardInterrupt):
    """The user stopped a run. `result` holds the replications that had finished, or is None."""

    def __init__(self, result: "Result | None", planned: int) -> None:
        super().__init__("stopped")
        self.result = result
        self.planned = planned


class Part(NamedTuple):
    """What one replication gives."""

    tally: "Tally"
    log: "Log | None"


@dataclass(frozen=True)
class Work:
    """What a replication needs; it is sent to worker processes."""

    plan: Plan
    objectives: "tuple[Objective, ...]"
    seed: int
    engine: str
    keep_log: bool
    parts: Parts | None = None

    def part(self, replication: int, progress: Progress | None = None) -> Part:
        """Run one replication and tally it; its log is dropped unless it is to be kept."""
        from simkit.engine import run_plan

        log = run_plan(self.plan, self.seed, replication, self.engine, self._watch(progress))
        if self.parts is not None:
            self.parts.save(log)
        return self._tallied(log)

    def found(self, numbers: Sequence[int]) -> dict[int, Part]:
        """Those of the replications that had finished before."""
        if self.parts is None:
            return {}
        logs = [log for number in numbers if (log := self.parts.load(number)) is not None]
        return {log.replication: self._tallied(log) for log in logs}

    def _tallied(self, log: "Log") -> Part:
        from simkit.result.tally import tally

        return Part(tally(self.plan, log, self.objectives), log if self.keep_log else None)

    def _watch(self, progress: Progress | None) -> "EngineProgress | None":
        if progress is None:
            return None
        begin, span = self.plan.begin, max(1, self.plan.horizon - self.plan.begin)
        return lambda now: progress(min(max((now - begin) / span, 0.0), 1.0))


if TYPE_CHECKING:
    from simkit.engine import Progress as EngineProgress


def run(
    scenario: "Scenario",
    *,
    seed: int | None = None,
    replications: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: bool | Progress = False,
    log: bool = False,
    parts: Path | None = None,
    tell: Callable[[str], object] | None = None,
) -> "Result":
    """Simulate a scenario.

    Args:
        scenario: from `load`.
        seed: of all draws; left out: the scenario's.
        replications: independent runs; left out: the scenario's.
        engine: `auto` (whichever answers sooner), `compiled` or `reference`; the figures are the same.
        jobs: processes; left out: as many as there are CPUs where the work is worth it, else 1. The numbers do
            not depend on it.
        progress: True: a bar on standard error, where somebody watches; or a callback that takes the share done.
        log: keep every action and attempt (`result.actions`, `result.attempts`); takes memory.
        parts: a folder where every finished replication is kept at once; those of the same scenario and seed that
            are there are not run again.
        tell: takes a sentence on what to know before the run: that it will be long, that it goes on.

    Raises:
        ScenarioError, PlanError, TraceError: the scenario cannot be run, or would take days.
        Stopped: the user interrupted it; carries the result of what had finished.
        UnfinishedError: a worker process died, or memory ran out; likewise.
    """
    from simkit.plan.compile import compile_plan
    from simkit.result.objectives import objectives_of
    from simkit.result.result import version

    document = scenario.document
    plan = compile_plan(scenario)
    seed = document.seed if seed is None else seed
    numbers = range(document.replications if replications is None else replications)
    long = announcement(scenario, plan, len(numbers))
    work = Work(plan, objectives_of(document.slo), seed, engine_for(engine, plan, len(numbers)), log)
    if parts is not None:
        work = replace(work, parts=Parts(parts, key_of(scenario.hash, plan, seed, work.engine, version())))
    begun = time.perf_counter()
    found = work.found(numbers)
    for text in (long, f"{len(found)} of {len(numbers)} replications are taken from {parts}." if found else ""):
        if text and tell is not None:
            tell(text)
    jobs = jobs_for(plan, len(numbers) - len(found), jobs)
    why = _collect(work, numbers, found, jobs, executor_for(jobs), progress_of(progress))
    if why is not None:  # a worker may have died between keeping a part and handing it over
        found |= work.found([number for number in numbers if number not in found])
    result = _result(scenario, work, found, time.perf_counter() - begun)
    if isinstance(why, KeyboardInterrupt):
        raise Stopped(result, len(numbers)) from None
    if why is not None or result is None:
        raise UnfinishedError(str(why) or "there is not enough memory", result, len(numbers)) from why
    return result


def engine_for(engine: str, plan: Plan, replications: int) -> str:
    """What `auto` stands for: the compiled engine where it answers sooner. The figures are the same."""
    if engine != "auto":
        return engine
    return "compiled" if plan.expected_actions * replications > WORTH_COMPILING else "reference"


def jobs_for(plan: Plan, replications: int, jobs: int | None) -> int:
    """How many processes to use: never more than replications; 1 where the work is small and nobody said."""
    if jobs is None:
        small = plan.expected_actions * replications < WORTH_PROCESSES
        jobs = 1 if small or replications == 1 else cpus()
    return max(1, min(jobs, replications))


def _collect(
    work: Work, numbers: Sequence[int], found: dict[int, Part], jobs: int, executor: Executor, progress: Progress
) -> BaseException | None:
    """Add the parts of the replications that are not found yet; what came between, if not all could be."""
    left = [number for number in numbers if number not in found]
    inside = (lambda done: progress((len(found) + done) / len(numbers))) if jobs == 1 else None
    try:
        with closing(executor.map(partial(work.part, progress=inside), left)) as answers:
            progress(len(found) / len(numbers))
            for number, part in answers:
                found[number] = part
                progress(min(len(found) / len(numbers), 0.999))
    except (KeyboardInterrupt, LostWorkerError, MemoryError) as error:
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
    return result_of(scenario, work.plan, tallies, seed=work.seed, engine=work.engine, elapsed_s=elapsed_s, logs=logs)
