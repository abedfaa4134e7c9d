"""Users at the other end: how long they wait, and whether they ask again."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.conversation import come_back
from simkit.engine.compiled.dice import count, generation, turn, uniform
from simkit.engine.compiled.hedge import is_streaming
from simkit.engine.compiled.memory import *
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind, Outcome
from simkit.plan.plan import NEVER

PATIENCE, ABANDONED = int(Stream.PATIENCE), int(Outcome.ABANDONED)
LET_DOWN = (int(Outcome.FAILED), int(Outcome.REJECTED))
REGION_DOWN = int(Kind.REGION_DOWN)


@step
def watch(m: Memory, f: Reals, a: int, can_wait: bool) -> None:
    """Put the deadline on the agenda, if there is one, and the end of the user's patience, unless it can wait."""
    limit = at1(m, BATCH_DEADLINE if can_wait else DEADLINE, m[M_EPOCH])
    if limit < NEVER:
        m[a + A_DEADLINE] = m[M_NOW] + limit
        schedule(m, m[a + A_DEADLINE], TIME_IS_UP, m[a + A_KEY], a)
    if not can_wait and at1(m, AUDIENCE_PATIENCE, m[M_EPOCH]) >= 0:
        watch_patience(m, f, a)


@apart
def watch_patience(m: Memory, f: Reals, a: int) -> None:
    """Put the end of the user's patience on the agenda."""
    u, _ = uniform(m, PATIENCE, m[a + A_NUMBER], 0, 0)
    until = m[a + A_ARRIVAL] + count(m, f, at1(m, AUDIENCE_PATIENCE, m[M_EPOCH]), u)
    schedule(m, until, PATIENCE_ENDS, m[a + A_KEY], a)


@apart
def leaves(m: Memory, a: int, key: int) -> bool:
    """Does the user give up? Not with something to look at, nor when the ladder has the action."""
    if m[a + A_KEY] != key or m[a + A_RUNG] != NONE:
        return False
    return at1(m, AUDIENCE_UNTIL_ANSWER, 0) == 1 or not sees_something(m, a)


@step
def sees_something(m: Memory, a: int) -> bool:
    """Has a first token of the last stage been shown, or does such a stream run?"""
    if m[a + A_SHOWN] == 1:
        return True
    c = m[a + A_CALLS]
    while c != NONE:
        if at1(m, LAST_STREAM, m[c + C_INDEX]) == 1:
            for t in (m[c + C_ATTEMPT], m[c + C_TWIN]):
                if t != NONE and is_streaming(m, t):
                    return True
        c = m[c + C_SIBLING]
    return False


@apart
def reload(m: Memory, f: Reals, a: int, outcome: int) -> None:
    """The user may ask the same again after this end."""
    again = generation(m[a + A_NUMBER]) + 1
    lost = m[M_KIND] == REGION_DOWN and is_here(m, a) and at1(m, REGIONS_RETRY_LOST, 0) == 1
    if again > at1(m, AUDIENCE_RELOAD_AT_MOST, 0) or not (lost or asks_again(m, f, a, outcome)):
        return
    after = 0 if lost else at1(m, AUDIENCE_RELOAD_AFTER, m[M_EPOCH])
    come_back(m, a, turn(m[a + A_NUMBER]), again, after, m[a + A_HISTORY])


@step
def asks_again(m: Memory, f: Reals, a: int, outcome: int) -> bool:
    """By chance, after giving up or being let down."""
    if outcome == ABANDONED:
        _, v = uniform(m, PATIENCE, m[a + A_NUMBER], 0, 0)
        return v < real1(m, f, AUDIENCE_RELOAD_ABANDONED, m[M_EPOCH])
    if outcome in LET_DOWN:
        u, _ = uniform(m, PATIENCE, m[a + A_NUMBER], 0, 1)
        return u < real1(m, f, AUDIENCE_RELOAD_FAILED, m[M_EPOCH])
    return False
