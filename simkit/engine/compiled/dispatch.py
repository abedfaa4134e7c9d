"""An attempt is dispatched: to which deployment, past which limits, into service or a queue."""

from simkit.engine.compiled.attempt import OK, draw_cache, expect, failure_time, watch
from simkit.engine.compiled.balance import pick
from simkit.engine.compiled.breaker import enter
from simkit.engine.compiled.budget import NO_BUDGET_AT_ALL, count_active, earn_first_try
from simkit.engine.compiled.hedge import prepare_hedge
from simkit.engine.compiled.limits import charge, too_large
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.spending import blocking
from simkit.engine.compiled.station import ask_deployment
from simkit.engine.compiled.throttle import holds_back
from simkit.laws.draws import code_of
from simkit.laws.jit import apart, step
from simkit.plan.codes import BY_BUDGET, Cause, Kind, Mark
from simkit.plan.plan import NEVER

OVERLOADED, NO_DEPLOYMENT, THROTTLED_KIND = int(Kind.OVERLOADED), int(Kind.NO_DEPLOYMENT), int(Kind.THROTTLED)
HEDGE, QUOTA_EXHAUSTED, CHEAPER = int(Cause.HEDGE), int(Kind.QUOTA_EXHAUSTED), int(Mark.CHEAPER)


@step
def dispatch(m: Memory, f: Reals, c: int, hedge: int) -> int:
    """Send the next attempt of a call, or the hedge of its present one, unless somebody refuses."""
    t = new_attempt(m, c, hedge)
    kind = admission(m, f, t)
    if kind == OK and not ask_deployment(m, t):
        kind = OVERLOADED
    if kind != OK:
        refuse(m, f, t, kind)
        return NOTHING
    if m[M_HEDGES] == 1:
        prepare_hedge(m, t)
    if m[t + T_PLACE] == SERVED:
        return then(m, BEGIN, t)
    watch(m, t)
    return NOTHING


@step
def new_attempt(m: Memory, c: int, hedge: int) -> int:
    """The row of the next attempt of a call, or of the hedge of its present one."""
    a = m[c + C_ACTION]
    t = new_row(m, M_FREE_ATTEMPT, ATTEMPT_WIDTH)
    code = code_of(m[c + C_NUMBER], m[c + C_REPEAT], m[c + C_RUNG], m[c + C_TRY], hedge)
    for i in range(ATTEMPT_WIDTH):
        m[t + i] = 0
    m[t + T_NUMBER] = m[a + A_NUMBER]
    m[t + T_INDEX] = m[c + C_INDEX]
    m[t + T_REPEAT] = m[c + C_REPEAT]
    m[t + T_RUNG] = m[c + C_RUNG]
    m[t + T_TRY] = m[c + C_TRY]
    m[t + T_HEDGE] = hedge
    m[t + T_CAUSE] = HEDGE if hedge == 1 else m[c + C_CAUSE]
    m[t + T_MODEL] = m[c + C_MODEL]
    m[t + T_TOKENS_IN] = m[c + C_TOKENS_IN]
    m[t + T_TOKENS_OUT] = m[c + C_TOKENS_OUT]
    m[t + T_DISPATCHED] = m[M_NOW]
    m[t + T_STARTED] = m[t + T_LIMIT] = NONE
    m[t + T_REPLICA] = m[a + A_REPLICA]
    m[t + T_KEY] = m[a + A_KEY] | code
    m[t + T_CODE] = code
    m[t + T_ACTION] = a
    m[t + T_CALL] = c
    m[t + T_FINISH] = m[t + T_STALLED] = m[t + T_WATCHED] = NEVER
    m[t + T_BUDGET] = m[c + C_HELD]
    m[c + C_HELD] = NO_BUDGET_AT_ALL
    say_what_is_sent(m, c, t)
    limit_patience(m, t)
    m[c + C_ATTEMPT + hedge] = t
    if hedge == 0:
        m[c + C_KEY] = m[t + T_KEY]
        m[c + C_SHOWN] = 0
    m[a + A_ATTEMPTS] += 1
    m[M_DEEPEST] = max(m[M_DEEPEST], m[a + A_ATTEMPTS])
    m[M_ATTEMPTS] += 1
    return t


@step
def say_what_is_sent(m: Memory, c: int, t: int) -> None:
    """The parts of the prompt, and how the model is asked: as ever, or by its batch side, which does not stream."""
    m[t + T_SYSTEM] = m[c + C_PREFIX]
    m[t + T_RETRIEVED] = m[c + C_RETRIEVED]
    m[t + T_REASONING] = m[c + C_REASONING]
    if m[M_THREADS] == 1:
        m[t + T_HISTORY] = m[c + C_HISTORY]
        m[t + T_BEFORE] = m[c + C_BEFORE]
        m[t + T_CUTS] = m[c + C_CUTS]
        m[t + T_SUMMARIES] = m[m[c + C_ACTION] + A_SUMMARIES]
    m[t + T_MARKS] = CHEAPER if m[t + T_MODEL] == m[c + C_CHEAPER] else 0
    m[t + T_BATCH] = at1(m, IS_BATCH, m[t + T_MODEL])
    m[t + T_STREAMS] = at1(m, STREAMING, m[t + T_INDEX]) & ~m[t + T_BATCH]


@step
def limit_patience(m: Memory, t: int) -> None:
    """How long the layer waits for it, and for its first token."""
    now, e = m[M_NOW], m[M_EPOCH]
    limit = at1(m, TIMEOUT, e) if m[t + T_BATCH] == 0 else at1(m, BATCH_WITHIN, e)
    m[t + T_TIMES_OUT] = m[t + T_GIVES_UP] = min(now + limit, NEVER)
    if m[t + T_STREAMS] == 1:
        m[t + T_FIRST_BY] = min(now + at1(m, FIRST_TOKEN_TIMEOUT, e), NEVER)
        m[t + T_GIVES_UP] = min(m[t + T_GIVES_UP], m[t + T_FIRST_BY])


@step
def admission(m: Memory, f: Reals, t: int) -> int:
    """A deployment, the layer's own throttle, the context limit and rate limits; the kind of refusal, or OK."""
    if m[M_BUDGETS] == 1 and m[t + T_TRY] == 0 and m[t + T_HEDGE] == 0:
        earn_first_try(m, INNER, m[t + T_CALL])
    m[t + T_DEPLOYMENT] = pick(m, f, t)
    if m[t + T_DEPLOYMENT] == NONE:
        return NO_DEPLOYMENT
    if m[M_THROTTLES] == 1 and holds_back(m, f, t):
        return THROTTLED_KIND
    m[t + T_SENT] = 1
    if m[M_LEARNS] == 1:
        tell_sent(m, t)
    if m[M_SPENDS] == 1 and is_blocked(m, t):
        return QUOTA_EXHAUSTED
    draw_cache(m, f, t)
    kind = too_large(m, t)
    return charge(m, f, t) if kind == OK else kind


@step
def is_blocked(m: Memory, t: int) -> bool:
    """Has a budget nothing left for the deployment?"""
    budget = blocking(m, m[t + T_DEPLOYMENT])
    if budget == NONE:
        return False
    m[t + T_LIMIT] = BY_BUDGET - budget
    return True


@apart
def tell_sent(m: Memory, t: int) -> None:
    """The breaker and the budget are told of an attempt that is sent."""
    if m[M_BREAKS] == 1:
        enter(m, t)
    if m[M_COUNTS_ACTIVE] == 1:
        count_active(m, t, 1)


@apart
def refuse(m: Memory, f: Reals, t: int, kind: int) -> None:
    """Turned away before service: the error comes after its time."""
    m[t + T_KIND] = kind
    delay = failure_time(m, f, t, kind)
    if delay < NEVER:
        m[t + T_FINISH] = m[t + T_DISPATCHED] + delay
    expect(m, t)
