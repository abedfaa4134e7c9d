"""`bench`: how fast the engines are here.

Both run the same scenarios in turns, so that their ratio is fair even on a busy machine.
"""

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path

from simkit.laws.spin import spin
from simkit.study.executor import cpus
from simkit.study.fresh import compile_and_load_s, fresh
from simkit.study.run import get_ready
from simkit.study.speed import PRODUCTS, QUEUE, compiled_run, quickest, reference_run, threads_s, work_of

DRAWS = 20
"""Of mere arithmetic, for each action that a replication has beside it."""
Tell = Callable[[str], object]
"""Takes a sentence on what is measured now."""


@dataclass(frozen=True)
class Sizes:
    """How much is run; sizes are in actions of one run."""

    compiled: int = 1_000_000
    reference: int = 12_000
    rounds: int = 3
    """The best of so many counts."""
    growth: tuple[int, ...] = (10**5, 10**6, 10**7)
    replications: int = 8
    threaded: int = 500_000


USUAL = Sizes()
LONG = replace(USUAL, growth=(*USUAL.growth, 10**8))


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    cpu: str
    cores: int
    """That this process may use."""
    load_average: tuple[float, ...]
    """Of 1, 5 and 15 minutes before the start: how many others want the cores."""
    python: str
    numba: str
    numpy: str
    simkit: str


@dataclass(frozen=True)
class Speed:
    """Both engines on a scenario; per second: actions."""

    actions: int
    """Of one run of the compiled engine, as are the attempts."""
    attempts: int
    reference_per_s: float
    compiled_per_s: float
    attempts_per_s: float
    """Of the compiled engine."""
    ratio: float


@dataclass(frozen=True)
class Growth:
    """One run of the compiled engine in a process of its own."""

    actions: int
    seconds: float
    """Of the simulation, without the interpreter's start."""
    peak_mb: float
    """Of the whole process."""


@dataclass(frozen=True)
class ThreadSpeed:
    """The same replications on one thread and on as many as there are cores."""

    replications: int
    jobs: int
    one_s: float
    many_s: float
    speedup: float
    machine_bound: float
    """The speed-up of arithmetic without memory, measured in the same minute: more than this the machine has not."""


@dataclass(frozen=True)
class Bench:
    """All that was measured."""

    machine: Machine
    scenarios: dict[str, Speed]
    mm1: Speed
    scaling: tuple[Growth, ...]
    threads: ThreadSpeed
    compile_s: float
    load_s: float

    def to_json(self) -> str:
        """One object."""
        return json.dumps(asdict(self), indent=2)


def bench(sizes: Sizes = USUAL, tell: Tell = lambda _: None) -> Bench:
    """Measure everything; `tell` hears what is under way.

    Raises:
        FreshError: what runs in a process of its own failed.
    """
    machine = this_machine()
    get_ready(work_of(PRODUCTS[0], 1000, "compiled").plan, tell)
    products, queue = {name: speed(name, sizes, tell) for name in PRODUCTS}, speed(QUEUE, sizes, tell)
    threads = thread_speed(sizes, tell)
    scaling = tuple(growth(actions, tell) for actions in sizes.growth)
    tell("Compiling with an empty cache folder, then loading what was compiled ...")
    compile_s, load_s = compile_and_load_s()
    return Bench(machine, products, queue, scaling, threads, compile_s, load_s)


def speed(name: str, sizes: Sizes, tell: Tell) -> Speed:
    """Both engines on a scenario, taking turns; the best round of each."""
    slow, fast = work_of(name, sizes.reference, "reference"), work_of(name, sizes.compiled, "compiled")
    rounds = []
    for number in range(sizes.rounds):
        tell(f"{name}: both engines, {number + 1} of {sizes.rounds} ...")
        rounds.append((reference_run(slow), compiled_run(fast)))
    reference, compiled = (quickest(runs) for runs in zip(*rounds, strict=True))
    reference_per_s, compiled_per_s = (run.actions / run.seconds for run in (reference, compiled))
    return Speed(
        actions=compiled.actions,
        attempts=compiled.attempts,
        reference_per_s=reference_per_s,
        compiled_per_s=compiled_per_s,
        attempts_per_s=compiled.attempts / compiled.seconds,
        ratio=compiled_per_s / reference_per_s,
    )


def thread_speed(sizes: Sizes, tell: Tell) -> ThreadSpeed:
    """Replications on one thread and on many, and as much mere arithmetic, taking turns; the best round of each."""
    jobs, work = min(cpus(), sizes.replications), work_of(PRODUCTS[0], sizes.threaded, "compiled")
    tasks = (work.part, lambda _item, _pulse: spin(DRAWS * sizes.threaded))
    rounds = []
    for number in range(sizes.rounds):
        tell(f"{sizes.replications} replications on 1 and on {jobs} threads, {number + 1} of {sizes.rounds} ...")
        rounds.append([threads_s(task, sizes.replications, threads) for task in tasks for threads in (1, jobs)])
    one, many, bare_one, bare_many = (min(times) for times in zip(*rounds, strict=True))
    return ThreadSpeed(sizes.replications, jobs, one, many, one / many, bare_one / bare_many)


def growth(actions: int, tell: Tell) -> Growth:
    """A run of about so many actions."""
    tell(f"{PRODUCTS[0]}: {actions:,} actions in a process of their own ...")
    found = fresh("grown", actions)
    return Growth(int(found["actions"]), found["seconds"], found["peak_mb"])


def this_machine() -> Machine:
    """Where we are."""
    from simkit.result.export import version

    versions = (platform.python_version(), *map(metadata.version, ("numba", "numpy")), version())
    return Machine(processor(), cpus(), tuple(round(one, 2) for one in os.getloadavg()), *versions)


def processor() -> str:
    """The name of the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
