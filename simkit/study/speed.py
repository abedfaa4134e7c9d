"""Timing an engine on a scenario that is long enough to be timed. Times are wall times of one thread."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from simkit.plan.compile import compile_plan
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.scenario.load import load
from simkit.study.executor import Threads
from simkit.study.executor import Work as Task
from simkit.study.part import Work
from simkit.study.progress import silent
from simkit.study.streaming import Streaming

FOLDER = Path(__file__).parent / "benchmarks"
"""The scenarios that are timed; those that are shipped are links to the shipped files."""
PRODUCTS = ("azure_chat", "support_chat")
QUEUE = "mm1"
SEED = 1
SHORTEST = 60_000_000_000
"""A horizon of a minute, in ns."""


class Timed(NamedTuple):
    """A run: all that it simulated, warm-up and cooldown included, and how long it took."""

    actions: int
    attempts: int
    seconds: float


def work_of(name: str, actions: int, engine: str) -> Work:
    """A scenario as it is shipped, but for a horizon that makes about so many actions."""
    scenario = load(FOLDER / f"{name}.yaml")
    plan = compile_plan(scenario)
    every = (plan.horizon + plan.cooldown - plan.begin) / plan.expected_actions
    horizon = actions * every + plan.begin  # the warm-up's actions count, the cooldown has next to none
    scenario = scenario.set({"horizon": f"{max(horizon, SHORTEST) / 1e9:.0f}s"})
    plan = compile_plan(scenario)
    objectives = objectives_of(scenario.document.slo, patient_kinds(plan))
    return Work(plan, objectives, SEED, engine, log=engine == "reference")


def compiled_run(work: Work) -> Timed:
    """Simulation and streamed sums, as `simkit run` has them without a log; the kernel is ready before."""
    begun = time.perf_counter()
    run = Streaming(work, 0)
    run.run(silent)
    return Timed(run.stream.actions, run.stream.attempts, time.perf_counter() - begun)


def reference_run(work: Work) -> Timed:
    """Simulation, and sums of its log."""
    begun = time.perf_counter()
    log = work.part(0, silent).log
    seconds = time.perf_counter() - begun
    assert log is not None
    return Timed(len(log.actions["arrival"]), len(log.attempts["action"]), seconds)


def quickest(runs: Sequence[Timed]) -> Timed:
    """The best of runs of the same work: what disturbs a run makes it slower, never quicker."""
    return min(runs, key=lambda run: run.seconds)


def threads_s(task: Task[object], items: int, jobs: int) -> float:
    """Seconds of a task for some items (replications, say) on so many threads."""
    begun = time.perf_counter()
    with closing(Threads(jobs).map(task, range(items))) as parts:
        for _ in parts:
            pass
    return time.perf_counter() - begun
