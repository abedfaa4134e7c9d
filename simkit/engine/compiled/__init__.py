"""The compiled engine: the same model as the reference, as an event loop in Numba."""

from collections.abc import Callable

from simkit.engine import Progress
from simkit.engine.compiled import memory as at
from simkit.engine.compiled.kernel import finish, start
from simkit.engine.compiled.kernel import run as advance
from simkit.engine.compiled.packing import new_memory, with_room
from simkit.engine.compiled.pages import Pages
from simkit.engine.log import Log
from simkit.plan.plan import NEVER, Ints, Plan

SLICE = 50
"""Events after which progress is told."""


def run(plan: Plan, seed: int, replication: int, progress: Progress | None = None) -> Log:
    """Run one replication of a plan and return its log; `progress` is called with the simulated time now and then."""
    pages = Pages()
    ended, events = drive(plan, seed, replication, pages.take, progress)
    return Log(replication, *pages.tables(), ended, events)


def drive(
    plan: Plan, seed: int, replication: int, take: Callable[[Ints], None], progress: Progress | None = None
) -> tuple[int, int]:
    """Run one replication; returns when it ended (ns) and the number of events.

    `take` gets the memory when pages of the log are full, and at the end; it blanks them (see `Pages.take`).
    """
    memory = new_memory(plan, seed, replication)
    start(*memory)
    most = SLICE if progress else NEVER
    while (why := advance(*memory, most)) != at.DONE:
        if why == at.SLICE and progress:
            most += SLICE
            progress(int(memory.m[at.M_NOW]))
            continue
        take(memory.m)
        memory = with_room(memory)
    while finish(memory.m) != at.DONE:
        take(memory.m)
    take(memory.m)
    m = memory.m
    return int(m[at.M_LAST_END] if m[at.M_OPEN] == 0 else m[at.M_STOP]), int(m[at.M_EVENTS])
