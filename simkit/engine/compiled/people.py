"""People who answer what nothing else could: a desk with a queue, the last rung of the degrade ladder."""

from simkit.engine.compiled.agenda import follow_up, schedule
from simkit.engine.compiled.dice import count, uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.region import leave_service
from simkit.engine.compiled.station import join, quit_line
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step

DEGRADES = int(Stream.DEGRADE)


@step
def is_lucky(m: Memory, f: Reals, a: int, rung: int) -> bool:
    """Is the action one of those for whom a rung is there?"""
    u, _ = uniform(m, DEGRADES, m[a + A_NUMBER], rung, 0)
    return u < real2(m, f, LADDER_SHARE, m[M_EPOCH], rung)


@apart
def takes_case(m: Memory, f: Reals, a: int, rung: int) -> bool:
    """A person takes over an action, now or when it is its turn; False: not passed on, closed, or the queue is full."""
    if not is_lucky(m, f, a, rung):
        return False
    if at1(m, LADDER_CLOSED, rung) == 1 and m[M_STAFF] == 0:
        return False
    is_free = m[M_DESK_BUSY] < m[M_STAFF]
    if not is_free and m[M_DESK_WAITING] >= at2(m, LADDER_QUEUE, m[M_EPOCH], rung):
        return False
    leave_service(m, a)
    m[a + A_RUNG] = rung
    m[a + A_DUE] = NONE  # an overhead that a deadline cut short ends nothing any more
    m[a + A_DESK_ASKED] = m[M_NOW]
    if is_free:
        m[M_DESK_BUSY] += 1
        person_begins(m, f, a)
        return True
    m[a + A_DESK] = QUEUED
    join(m, M_DESK, A_QUEUE, a)
    m[M_DESK_WAITING] += 1
    return True


@apart
def person_begins(m: Memory, f: Reals, a: int) -> None:
    """Somebody has time for it."""
    m[a + A_DESK] = SERVED
    m[a + A_DESK_BEGAN] = m[M_NOW]
    m[a + A_WAITED] += m[M_NOW] - m[a + A_DESK_ASKED]
    m[a + A_DEGRADE_COST] += at2(m, LADDER_COST, m[M_EPOCH], m[a + A_RUNG])
    schedule(m, done_at(m, f, a, m[a + A_RUNG]), PERSON_ANSWERS, m[a + A_KEY], a)


@step
def done_at(m: Memory, f: Reals, a: int, rung: int) -> int:
    """When a rung that begins now has its answer."""
    u, _ = uniform(m, DEGRADES, m[a + A_NUMBER], rung, 1)
    return m[M_NOW] + count(m, f, at2(m, LADDER_TAKES, m[M_EPOCH], rung), u)


@step
def leave_desk(m: Memory) -> None:
    """A person is free for the next case."""
    m[M_DESK_BUSY] -= 1
    call_next(m)


@step
def call_next(m: Memory) -> None:
    """Hand those who wait to people who are free."""
    while m[M_DESK_WAITING] > 0 and m[M_DESK_BUSY] < m[M_STAFF]:
        a = m[M_DESK]
        quit_line(m, M_DESK, A_QUEUE, a)
        m[M_DESK_WAITING] -= 1
        m[M_DESK_BUSY] += 1
        m[a + A_DESK] = GRANTED
        follow_up(m, GRANT_PERSON, a, m[a + A_NUMBER], 0)


@apart
def change_staff(m: Memory, i: int) -> None:
    """So many people from now on; who has a case finishes it."""
    m[M_STAFF] = at1(m, LADDER_STAFF, i)
    call_next(m)
