"""Engines: the same model twice, and the log they fill."""

from collections.abc import Callable

from simkit.engine.log import Log
from simkit.plan.plan import NEVER, Plan

ENGINES = ("auto", "compiled", "reference")

Progress = Callable[[int], None]
"""Called now and then with the simulated time in ns; it may raise to stop the run."""


def check_engine(engine: str) -> None:
    """Is it one of ENGINES?

    Raises:
        ValueError: it is not.
    """
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}: choose one of {', '.join(ENGINES)}")


def run_plan(
    plan: Plan,
    seed: int = 1,
    replication: int = 0,
    engine: str = "auto",
    progress: Progress | None = None,
    most_in_flight: int = NEVER,
) -> Log:
    """Run one replication and return its log.

    The same plan, seed and replication give the same log, bit for bit, whatever the machine.

    Raises:
        ValueError: unknown engine.
        OverfullError: more than `most_in_flight` actions were in flight.
    """
    check_engine(engine)
    if engine == "compiled":
        from simkit.engine.compiled import run
    else:
        from simkit.engine.reference import run

    return run(plan, seed, replication, progress, most_in_flight)
