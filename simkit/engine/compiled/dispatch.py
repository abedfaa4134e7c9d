"""An attempt is dispatched: to which deployment, past which limits, into service or a queue."""

from simkit.engine.compiled.attempt import OK, draw_cache, expect, failure_time, watch
from simkit.engine.compiled.dice import of_call
from simkit.engine.compiled.limits import charge, too_large
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.engine.compiled.service import begin
from simkit.engine.compiled.station import ask_deployment, station
from simkit.laws.choice import choose
from simkit.laws.draws import code_of
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind
from simkit.plan.plan import NEVER

OVERLOADED = int(Kind.OVERLOADED)
WEIGHTED, ORDERED, LEAST_BUSY = range(3)


@apart
def dispatch(m: Memory, f: Reals, c: int) -> int:
    """Send the next attempt of a call: context limit, rate limits, then a slot of the deployment or its queue."""
    t = new_attempt(m, c)
    m[t + T_DEPLOYMENT] = pick(m, f, t)
    draw_cache(m, f, t)
    kind = too_large(m, t)
    if kind == OK:
        kind = charge(m, f, t)
    if kind == OK and not ask_deployment(m, t):
        kind = OVERLOADED
    if kind != OK:
        refuse(m, f, t, kind)
        return NOTHING
    if m[t + T_PLACE] == SERVED:
        return begin(m, f, t)
    watch(m, t)
    return NOTHING


@step
def new_attempt(m: Memory, c: int) -> int:
    """The row of the next attempt of a call."""
    a = m[c + C_ACTION]
    t = new_row(m, M_FREE_ATTEMPT, ATTEMPT_WIDTH)
    code = code_of(m[c + C_NUMBER], m[c + C_REPEAT], m[c + C_RUNG], m[c + C_TRY], 0)
    for i in range(ATTEMPT_WIDTH):
        m[t + i] = 0
    m[t + T_NUMBER] = m[a + A_NUMBER]
    m[t + T_INDEX] = m[c + C_INDEX]
    m[t + T_REPEAT] = m[c + C_REPEAT]
    m[t + T_RUNG] = m[c + C_RUNG]
    m[t + T_TRY] = m[c + C_TRY]
    m[t + T_CAUSE] = m[c + C_CAUSE]
    m[t + T_MODEL] = m[c + C_MODEL]
    m[t + T_TOKENS_IN] = m[c + C_TOKENS_IN]
    m[t + T_TOKENS_OUT] = m[c + C_TOKENS_OUT]
    m[t + T_DISPATCHED] = m[M_NOW]
    m[t + T_STARTED] = NONE
    m[t + T_LIMIT] = NONE
    m[t + T_KEY] = m[a + A_NUMBER] << 25 | code
    m[t + T_CODE] = code
    m[t + T_ACTION] = a
    m[t + T_CALL] = c
    m[t + T_FINISH] = NEVER
    m[t + T_TIMES_OUT] = min(m[M_NOW] + at1(m, TIMEOUT, m[M_EPOCH]), NEVER)
    m[c + C_ATTEMPT] = t
    m[c + C_KEY] = m[t + T_KEY]
    m[a + A_ATTEMPTS] += 1
    m[M_DEEPEST] = max(m[M_DEEPEST], m[a + A_ATTEMPTS])
    m[M_ATTEMPTS] += 1
    return t


@step
def pick(m: Memory, f: Reals, t: int) -> int:
    """The deployment, by the model's balance."""
    model = m[t + T_MODEL]
    first, beyond = at1(m, FIRST_DEPLOYMENT, model), at1(m, FIRST_DEPLOYMENT, model + 1)
    if beyond - first == 1:
        return first
    balance = at1(m, BALANCE, model)
    if balance == ORDERED:
        return at1(m, RANK, first + m[t + T_TRY] % (beyond - first))
    if balance == LEAST_BUSY:
        return least_busy(m, first, beyond)
    _, u = of_call(m, m[t + T_CALL], L_CHOICE, m[t + T_CODE])
    return first + choose(u, view(f, m[WEIGHT_CDF] + m[M_EPOCH] * m[WEIGHT_CDF + 1] + first, (beyond - first,)))


@apart
def least_busy(m: Memory, first: int, beyond: int) -> int:
    """The deployment with the fewest attempts, waiting ones included; the first of several."""
    best, fewest = first, NEVER
    for n in range(first, beyond):
        d = station(m, n)
        load = m[d + D_BUSY] + m[d + D_WAITING]
        if load < fewest:
            best, fewest = n, load
    return best


@apart
def refuse(m: Memory, f: Reals, t: int, kind: int) -> None:
    """Turned away before service: the error comes after its time."""
    m[t + T_KIND] = kind
    delay = failure_time(m, f, t, kind)
    if delay < NEVER:
        m[t + T_FINISH] = m[t + T_DISPATCHED] + delay
    expect(m, t)
