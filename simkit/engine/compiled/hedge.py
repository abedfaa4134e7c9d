"""Hedges: a second attempt beside one that has not answered for a while; the first answer wins."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.attempt import cancel
from simkit.engine.compiled.balance import candidates
from simkit.engine.compiled.budget import pay_hedge
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.prefix import visit
from simkit.laws.jit import apart, step
from simkit.plan.codes import Mark
from simkit.plan.plan import NEVER

NO_BUDGET = int(Mark.NO_BUDGET)


@apart
def prepare_hedge(m: Memory, t: int) -> None:
    """A first try or a retry was sent: put its hedge on the agenda."""
    after = at1(m, HEDGE_AFTER, m[M_EPOCH])
    if after < NEVER and m[t + T_HEDGE] == 0 and m[t + T_BATCH] == 0:
        schedule(m, m[t + T_DISPATCHED] + after, HEDGES, m[t + T_KEY], t)


@apart
def sends_hedge(m: Memory, t: int, key: int) -> bool:
    """Is an attempt still without an answer, can somebody be asked beside it, and does the budget allow it?"""
    if m[t + T_KEY] != key or m[t + T_OVER] == 1 or is_streaming(m, t):
        return False
    if candidates(m, m[t + T_CALL], 1) == 0:
        return False
    if not pay_hedge(m, m[t + T_CALL]):
        m[t + T_MARKS] |= NO_BUDGET
        return False
    if m[t + T_STARTED] != NONE and m[t + T_BEGAN] > m[M_NOW]:
        race(m, t)
    return True


@step
def is_streaming(m: Memory, t: int) -> bool:
    """Has the first token of a stream come?"""
    return m[t + T_STREAMS] == 1 and m[t + T_ANSWERS] == 1 and m[t + T_BEGAN] <= m[M_NOW]


@step
def twin_of(m: Memory, t: int) -> int:
    """The other one of a pair, or NONE."""
    return m[m[t + T_CALL] + C_TWIN - m[t + T_HEDGE]]


@apart
def race(m: Memory, t: int) -> None:
    """An attempt that has a twin: of two streams the first token decides, so it is an event."""
    if m[t + T_STREAMS] == 1 and m[t + T_ANSWERS] == 1:
        schedule(m, m[t + T_BEGAN], FIRST_TOKEN_COMES, m[t + T_KEY], t)


@apart
def first_token_came(m: Memory, t: int, key: int) -> None:
    """The prompt cache has its prompt from now on; if it is seen, it ends the other one of a pair."""
    if m[t + T_KEY] != key:
        return
    if m[M_PREFIXES] == 1 and m[t + T_THINKS] == m[M_NOW]:
        visit(m, t)
    if m[t + T_OVER] == 0 and m[t + T_STREAMS] == 1 and m[t + T_ANSWERS] == 1 and m[t + T_BEGAN] == m[M_NOW]:
        cancel(m, twin_of(m, t))
