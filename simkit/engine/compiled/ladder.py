"""The degrade ladder: what a user gets instead of a failure."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.answers import takes_old_answer
from simkit.engine.compiled.bill import tokens_made
from simkit.engine.compiled.dice import uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.people import DEGRADES, done_at, is_lucky, takes_case
from simkit.laws.jit import apart, step
from simkit.plan.codes import Degrade, Outcome
from simkit.plan.resilience import PPB

PARTIAL, HUMAN, STALE = int(Degrade.PARTIAL), int(Degrade.HUMAN), int(Degrade.STALE)
DEGRADED = int(Outcome.DEGRADED)


@apart
def climb(m: Memory, f: Reals, a: int, last: int, before: int) -> int:
    """The first rung that has an answer; without one the action fails.

    `last` is the last attempt of the call that failed. At a deadline it is NONE: then the attempts that were in
    flight count, those after `before` in the action's story.
    """
    first = last if last != NONE else (m[a + A_STORY] if before == NONE else m[before + T_STORY])
    for rung in range(m[M_RUNGS]):
        what = at1(m, LADDER_WHAT, rung)
        if what == PARTIAL:
            t = enough_of(m, first, rung, last != NONE)
            if t != NONE:
                return degrade(m, f, a, rung, m[t + T_FIRST_TOKEN])
        elif what == HUMAN:
            if takes_case(m, f, a, rung):
                return NOTHING
        elif what == STALE:
            if m[M_ANSWERS] == 1 and is_here(m, a) and takes_old_answer(m, f, a):
                wait_for_rung(m, f, a, rung)
                return NOTHING
        elif is_there(m, f, a, rung):
            return NOTHING
    return then(m, END, a)


@step
def enough_of(m: Memory, t: int, rung: int, alone: bool) -> int:
    """The first of these attempts (or the one alone) that has shown enough of the final answer, or NONE."""
    least = at2(m, LADDER_AT_LEAST_PPB, m[M_EPOCH], rung)
    while t != NONE:
        made = tokens_made(m, t, m[t + T_ENDED])
        enough = m[t + T_FIRST_TOKEN] != NONE and made > 0 and made * PPB >= least * m[t + T_TOKENS_OUT]
        if enough and m[t + T_STREAMS] == 1 and at1(m, LAST_STREAM, m[t + T_INDEX]) == 1:
            return t
        t = NONE if alone else m[t + T_STORY]
    return NONE


@apart
def is_there(m: Memory, f: Reals, a: int, rung: int) -> bool:
    """Has an earlier version or a rule an answer? It comes after a while."""
    if not is_lucky(m, f, a, rung):
        return False
    wait_for_rung(m, f, a, rung)
    return True


@step
def wait_for_rung(m: Memory, f: Reals, a: int, rung: int) -> None:
    """The answer of a rung comes after a while."""
    m[a + A_RUNG] = rung
    m[a + A_DUE] = done_at(m, f, a, rung)
    schedule(m, m[a + A_DUE], WAITED, m[a + A_KEY], a)


@apart
def degrade(m: Memory, f: Reals, a: int, rung: int, first_token: int) -> int:
    """The user has something, if not the answer."""
    m[a + A_FIRST_TOKEN] = first_token
    good, was_good = real2(m, f, LADDER_GOOD, m[M_EPOCH], rung), NONE
    if at1(m, LADDER_WHAT, rung) == STALE:
        m[a + A_GOOD] = was_good = m[a + A_STALE]
    if good == good and was_good != 0:  # else NaN: not judged; or an old answer that was bad from the start
        _, v = uniform(m, DEGRADES, m[a + A_NUMBER], rung, 0)
        m[a + A_GOOD] = 1 if v < good else 0
    m[M_OUTCOME] = DEGRADED
    m[M_KIND] = at1(m, LADDER_REASON, rung)
    return then(m, END, a)
