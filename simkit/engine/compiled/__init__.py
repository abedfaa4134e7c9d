"""The compiled engine: the same model as the reference, as an event loop in Numba."""

from simkit.engine import Progress
from simkit.engine.compiled import memory as at
from simkit.engine.compiled.kernel import finish, start
from simkit.engine.compiled.kernel import run as advance
from simkit.engine.compiled.packing import new_memory, with_room
from simkit.engine.compiled.pages import Pages
from simkit.engine.log import Log
from simkit.plan.plan import NEVER, Plan

SLICES = 64
"""How often progress is told."""


def run(plan: Plan, seed: int, replication: int, progress: Progress | None = None) -> Log:
    """Run one replication of a plan and return its log; `progress` is called with the simulated time now and then."""
    memory, pages = new_memory(plan, seed, replication), Pages()
    start(*memory)
    span = max((plan.horizon + plan.cooldown - plan.begin) // SLICES, 1)
    until = plan.begin + span if progress else NEVER
    while (why := advance(*memory, until)) != at.DONE:
        if why == at.SLICE and progress:
            until += span
            progress(int(memory.m[at.M_NOW]))
            continue
        pages.take(memory.m)
        memory = with_room(memory)
    while finish(memory.m) != at.DONE:
        pages.take(memory.m)
    pages.take(memory.m)
    m = memory.m
    ended = m[at.M_LAST_END] if m[at.M_OPEN] == 0 else m[at.M_STOP]
    return Log(replication, *pages.tables(), int(ended), int(m[at.M_EVENTS]))
