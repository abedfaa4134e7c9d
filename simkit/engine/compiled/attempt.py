"""An attempt: dispatch, then the end of it. Its service is in `service`."""

from simkit.engine.compiled.agenda import follow_up, schedule
from simkit.engine.compiled.bill import bill, record
from simkit.engine.compiled.dice import count, uniform
from simkit.engine.compiled.limits import charge, too_large
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.engine.compiled.station import ask_deployment, leave_deployment, station
from simkit.laws.choice import choose
from simkit.laws.draws import Stream, code_of
from simkit.laws.jit import step
from simkit.plan.codes import EventClass, Kind
from simkit.plan.plan import NEVER

OK, OVERLOADED, TIMED_OUT = int(Kind.OK), int(Kind.OVERLOADED), int(Kind.TIMEOUT)
FINISHED, TIMES_OUT = int(EventClass.FINISHED), int(EventClass.TIMEOUT)
ATTEMPT, FAILURE_TIME = int(Stream.ATTEMPT), int(Stream.FAILURE_TIME)
WEIGHTED, ORDERED, LEAST_BUSY = range(3)
TAKES_TIME, TAKES_FIRST_TOKEN, TAKES_PART, TAKES_ANSWER, TAKES_NEVER = range(5)


@step
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
        return then(m, BEGIN, t)
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
    _, u = uniform(m, ATTEMPT, m[t + T_NUMBER], m[t + T_CODE], 2)
    return first + choose(u, view(f, m[WEIGHT_CDF] + m[M_EPOCH] * m[WEIGHT_CDF + 1] + first, (beyond - first,)))


@step
def least_busy(m: Memory, first: int, beyond: int) -> int:
    """The deployment with the fewest attempts, waiting ones included; the first of several."""
    best, fewest = first, NEVER
    for n in range(first, beyond):
        d = station(m, n)
        load = m[d + D_BUSY] + m[d + D_WAITING]
        if load < fewest:
            best, fewest = n, load
    return best


@step
def draw_cache(m: Memory, f: Reals, t: int) -> None:
    """Is the prefix read from the provider's prompt cache, or written to it?

    Asked at dispatch for what the rate limits are charged, and for good when service starts.
    """
    c = m[t + T_CALL]
    m[t + T_CACHED] = 0
    m[t + T_WRITTEN] = 0
    if m[c + C_CACHED] >= 0:
        m[t + T_CACHED] = m[c + C_CACHED]
        return
    prefix, hit_rate = m[c + C_PREFIX], real1(m, f, CACHE_HIT_RATE, m[M_EPOCH])
    if hit_rate < 0 or prefix == 0 or prefix < at2(m, CACHE_MINIMUM, m[M_EPOCH], m[t + T_MODEL]):
        return
    u, _ = uniform(m, ATTEMPT, m[t + T_NUMBER], m[t + T_CODE], 3)
    m[t + (T_CACHED if u < hit_rate else T_WRITTEN)] = prefix


@step
def refuse(m: Memory, f: Reals, t: int, kind: int) -> None:
    """Turned away before service: the error comes after its time."""
    m[t + T_KIND] = kind
    m[t + T_CACHED] = 0
    m[t + T_WRITTEN] = 0
    delay = failure_time(m, f, t, kind)
    if delay < NEVER:
        m[t + T_FINISH] = m[t + T_DISPATCHED] + delay
    expect(m, t)


@step
def failure_time(m: Memory, f: Reals, t: int, kind: int) -> int:
    """How long a failure takes that has a time of its own."""
    takes = at1(m, TAKES, kind)
    if takes != TAKES_TIME:
        return NEVER if takes == TAKES_NEVER else 0
    u, _ = uniform(m, FAILURE_TIME, m[t + T_NUMBER], m[t + T_CODE], 0)
    return count(m, f, at2(m, TAKES_TIME_DIST, m[M_EPOCH], kind), u)


@step
def watch(m: Memory, t: int) -> None:
    """Put the timeout on the agenda: it may strike (an answer at the same instant comes first)."""
    if m[t + T_TIMES_OUT] < NEVER and m[t + T_WATCHED] == 0:
        m[t + T_WATCHED] = 1
        schedule(m, m[t + T_TIMES_OUT], TIMES_OUT, m[t + T_KEY], t)


@step
def expect(m: Memory, t: int) -> None:
    """Put the end on the agenda, and the timeout if it comes before."""
    if m[t + T_FINISH] < NEVER:
        schedule(m, m[t + T_FINISH], FINISHED, m[t + T_KEY], t)
    if m[t + T_FINISH] > m[t + T_TIMES_OUT]:
        watch(m, t)


@step
def finished(m: Memory, t: int, key: int) -> None:
    """The answer or the error is there (unless the row is another's by now, or an incident changed when)."""
    if m[t + T_KEY] != key or m[t + T_FINISH] != m[M_NOW]:
        return
    if m[t + T_OVER] == 1:
        leave(m, t)  # it ran on: its slot is free only now
    else:
        settle_and_tell(m, t, m[t + T_KIND])


@step
def timed_out(m: Memory, t: int, key: int) -> None:
    """The caller's patience with this attempt is over."""
    if m[t + T_KEY] == key and m[t + T_OVER] == 0:
        c = m[t + T_CALL]
        abandon(m, t, TIMED_OUT)
        follow_up(m, TOLD, c, key, TIMED_OUT)


@step
def abandon(m: Memory, t: int, kind: int) -> None:
    """Ended by its caller: the work stops, or runs on and is billed in full."""
    now = m[M_NOW]
    if m[t + T_PLACE] == QUEUED:
        m[m[t + T_ACTION] + A_WAITED] += now - m[t + T_DISPATCHED]
    if m[t + T_PLACE] == SERVED and at1(m, RUNS_ON, m[t + T_INDEX]) == 1 and m[t + T_FINISH] < NEVER:
        bill(m, t, m[t + T_KIND], m[t + T_FINISH])
        record(m, t, now, m[t + T_FINISH], kind, now)
    else:
        settle(m, t, kind)


@step
def settle(m: Memory, t: int, kind: int) -> None:
    """End it now: bill, log, give up slot or queue place."""
    now = m[M_NOW]
    bill(m, t, kind, now)
    record(m, t, now, now, kind, now)
    leave(m, t)


@step
def settle_and_tell(m: Memory, t: int, kind: int) -> None:
    """The same, and the call hears of it."""
    c, key = m[t + T_CALL], m[t + T_KEY]
    settle(m, t, kind)
    follow_up(m, TOLD, c, key, kind)


@step
def leave(m: Memory, t: int) -> None:
    """Give up slot or queue place, and the row."""
    leave_deployment(m, t)
    m[t + T_KEY] = FREE
    m[M_ATTEMPTS] -= 1
    free_row(m, M_FREE_ATTEMPT, t)
