"""Work that can wait: it is held until a window opens."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.dice import uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.region import ask_service, place
from simkit.engine.compiled.route import waits_for_batch
from simkit.engine.compiled.user import watch
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind, Outcome
from simkit.plan.plan import NEVER

HOLD, REJECTED = int(Stream.HOLD), int(Outcome.REJECTED)
OK, QUEUE_FULL, SHED = int(Kind.OK), int(Kind.QUEUE_FULL), int(Kind.SHED)


@apart
def arrive_at_leisure(m: Memory, f: Reals, a: int) -> int:
    """An action that can wait arrives: it begins now, or is held until its time has come."""
    if m[M_GUIDES] == 0:
        watch(m, f, a, True)
    until = release_at(m, a)
    if until == m[M_NOW]:
        return let_begin(m, a)
    put_aside(m, a, HELD)
    m[a + A_DUE] = until
    if until < NEVER:
        schedule(m, until, WAITED, m[a + A_KEY], a)
    return NOTHING


@step
def release_at(m: Memory, a: int) -> int:
    """Now within a window or where there is none, else when the next one opens, at some time within the spread."""
    now, windows, following = m[M_NOW], length(m, BATCH_OPEN), 0
    while following < windows and at1(m, BATCH_OPEN, following) <= now:
        following += 1
    if windows == 0 or (following > 0 and now < at1(m, BATCH_CLOSE, following - 1)):
        return now
    if following == windows:
        return NEVER
    u, _ = uniform(m, HOLD, m[a + A_NUMBER], 0, 0)
    return at1(m, BATCH_OPEN, following) + int(u * at1(m, BATCH_SPREAD, m[M_EPOCH]))


@step
def put_aside(m: Memory, a: int, where: int) -> None:
    """It is held, or sent to a batch API: no load for the own service."""
    m[a + A_PLACE] = where
    m[place(m, region_of(m, a)) + G_PRESENT] -= 1


@step
def let_go(m: Memory, a: int) -> None:
    """It is aside no more: its time has come, or its deadline."""
    m[a + A_PLACE] = OUTSIDE
    m[place(m, region_of(m, a)) + G_PRESENT] += 1


@apart
def release_held(m: Memory, a: int) -> int:
    """The time of an action that was held has come."""
    let_go(m, a)
    return let_begin(m, a)


@apart
def let_begin(m: Memory, a: int) -> int:
    """An action that can wait asks for a slot of the own service, or needs none."""
    m[a + A_LINED_UP] = m[M_NOW]
    if waits_for_batch(m, a):
        put_aside(m, a, AWAY)
        return then(m, ADMIT, a)
    m[M_OUTCOME] = REJECTED
    m[M_KIND] = turned_away(m, a)
    if m[M_KIND] != OK:
        return then(m, END, a)
    return then(m, ADMIT, a) if m[a + A_PLACE] == SERVED else NOTHING


@step
def turned_away(m: Memory, a: int) -> int:
    """Ask the own service for a slot or a place in its queue; why there is none, or OK."""
    if at3(m, SHED_IN_FLIGHT, m[M_EPOCH], region_of(m, a), 0) < NEVER and is_shed(m, a):
        return SHED
    return OK if ask_service(m, a) else QUEUE_FULL


@apart
def is_shed(m: Memory, a: int) -> bool:
    """Is an arrival turned away because too much is in flight? What is held, or at a batch API, is not."""
    e, r, priority = m[M_EPOCH], region_of(m, a), at1(m, PRIORITIES, m[a + A_CLASS])
    others = m[place(m, r) + G_PRESENT] - 1
    for i in range(m[SHED_IN_FLIGHT + 4]):
        most = at3(m, SHED_IN_FLIGHT, e, r, i)
        if most < NEVER and others >= most and priority >= at3(m, SHED_PRIORITY, e, r, i):
            return True
    return False
