"""`run`: a scenario's replications, wherever they run, put together to one result."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from simkit.plan.plan import Plan
from simkit.study.executor import Executor, cpus, executor_for
from simkit.study.progress import Progress, progress_of

if TYPE_CHECKING:
    from simkit.engine.log import Log
    from simkit.result.objectives import Objective
    from simkit.result.result import Result
    from simkit.result.tally import Tally
    from simkit.scenario.load import Scenario

AUTO = "reference"
"""The engine that `auto` stands for: the only one yet."""
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

    def part(self, replication: int, progress: Progress | None = None) -> Part:
        """Run one replication and tally it; its log is dropped unless it is to be kept."""
        from simkit.engine import run_plan
        from simkit.result.tally import tally

        log = run_plan(self.plan, self.seed, replication, self.engine, self._watch(progress))
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
) -> "Result":
    """Simulate a scenario.

    Args:
        scenario: from `load`.
        seed: of all draws; left out: the scenario's.
        replications: independent runs; left out: the scenario's.
        engine: `auto` or `reference`.
        jobs: processes; left out: as many as there are CPUs where the work is worth it, else 1. The numbers do
            not depend on it.
        progress: True: a bar on standard error, where somebody watches; or a callback that takes the share done.
        log: keep every action and attempt (`result.actions`, `result.attempts`); takes memory.

    Raises:
        ScenarioError, PlanError, TraceError: the scenario cannot be run.
        Stopped: the user interrupted it; carries the result of what had finished.
        LostWorkerError: a worker process died.
    """
    from simkit.plan.compile import compile_plan
    from simkit.result.objectives import objectives_of

    document = scenario.document
    plan = compile_plan(scenario)
    seed = document.seed if seed is None else seed
    numbers = range(document.replications if replications is None else replications)
    work = Work(plan, objectives_of(document.slo), seed, AUTO if engine == "auto" else engine, log)
    jobs = jobs_for(plan, len(numbers), jobs)
    begun = time.perf_counter()
    parts, finished = _collect(work, numbers, jobs, executor_for(jobs), progress_of(progress))
    result = _result(scenario, work, parts, time.perf_counter() - begun)
    if not finished or result is None:
        raise Stopped(result, len(numbers))
    return result


def expected_actions(plan: Plan) -> float:
    """How many actions one replication is expected to have."""
    rows = len(plan.arrivals.trace_time)
    return float(rows) if rows else float(plan.arrivals.cumulative[-1])


def jobs_for(plan: Plan, replications: int, jobs: int | None) -> int:
    """How many processes to use: never more than replications; 1 where the work is small and nobody said."""
    if jobs is None:
        small = expected_actions(plan) * replications < WORTH_PROCESSES
        jobs = 1 if small or replications == 1 else cpus()
    return max(1, min(jobs, replications))


def _collect(
    work: Work, numbers: Sequence[int], jobs: int, executor: Executor, progress: Progress
) -> tuple[list[Part], bool]:
    """The parts of all replications in their order, and whether all finished (False: the user interrupted)."""
    found: dict[int, Part] = {}
    inside = (lambda done: progress((len(found) + done) / len(numbers))) if jobs == 1 else None
    answers = executor.map(partial(work.part, progress=inside), numbers)
    try:
        progress(0.0)
        for number, part in answers:
            found[number] = part
            progress(min(len(found) / len(numbers), 0.999))
    except KeyboardInterrupt:
        answers.close()
    finally:
        progress(1.0)
    return [found[number] for number in sorted(found)], len(found) == len(numbers)


def _result(scenario: "Scenario", work: Work, parts: Sequence[Part], elapsed_s: float) -> "Result | None":
    if not parts:
        return None
    from simkit.result.result import result_of

    tallies, logs = [part.tally for part in parts], [part.log for part in parts if part.log is not None]
    return result_of(scenario, work.plan, tallies, seed=work.seed, engine=work.engine, elapsed_s=elapsed_s, logs=logs)
