"""An attempt's end: answered, failed, timed out or cancelled. How it begins is in `dispatch` and `service`."""

from simkit.engine.compiled.agenda import follow_up, schedule
from simkit.engine.compiled.balance import remember
from simkit.engine.compiled.bill import CANCELLED, bill, record
from simkit.engine.compiled.breaker import note
from simkit.engine.compiled.budget import count_active, release
from simkit.engine.compiled.dice import count, uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.prefix import read_prefix, visit
from simkit.engine.compiled.spending import charge
from simkit.engine.compiled.station import leave_deployment
from simkit.engine.compiled.throttle import learn_accepted
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind, Takes
from simkit.plan.plan import NEVER

OK, TIMED_OUT = int(Kind.OK), int(Kind.TIMEOUT)
ANSWERING = (OK, int(Kind.STREAM_BROKEN), int(Kind.MALFORMED))
ATTEMPT, FAILURE_TIME = int(Stream.ATTEMPT), int(Stream.FAILURE_TIME)
TAKES_TIME, TAKES_FIRST_TOKEN, TAKES_PART, TAKES_ANSWER, TAKES_NEVER = (int(takes) for takes in Takes)


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
    if m[M_PREFIXES] == 1:
        read_prefix(m, t)
        return
    prefix, hit_rate = m[c + C_PREFIX], real1(m, f, CACHE_HIT_RATE, m[M_EPOCH])
    if hit_rate < 0 or prefix == 0 or prefix < at2(m, CACHE_MINIMUM, m[M_EPOCH], m[t + T_MODEL]):
        return
    u, _ = uniform(m, ATTEMPT, m[t + T_NUMBER], m[t + T_CODE], 3)
    m[t + (T_CACHED if u < hit_rate else T_WRITTEN)] = prefix


@apart
def failure_time(m: Memory, f: Reals, t: int, kind: int) -> int:
    """How long a failure takes that has a time of its own."""
    takes = at1(m, TAKES, kind)
    if takes != TAKES_TIME:
        return NEVER if takes == TAKES_NEVER else 0
    u, _ = uniform(m, FAILURE_TIME, m[t + T_NUMBER], m[t + T_CODE], 0)
    return count(m, f, at2(m, TAKES_TIME_DIST, m[M_EPOCH], kind), u)


@step
def find_end_of_patience(m: Memory, t: int) -> None:
    """When an attempt in service is given up: its answer, its first token or the next one is too late."""
    m[t + T_GIVES_UP] = m[t + T_TIMES_OUT]
    if m[t + T_STREAMS] == 0:
        return
    if m[t + T_ANSWERS] == 0 or m[t + T_BEGAN] > m[t + T_FIRST_BY]:
        m[t + T_GIVES_UP] = min(m[t + T_GIVES_UP], m[t + T_FIRST_BY])
    idle = at1(m, IDLE_TIMEOUT, m[M_EPOCH])
    if idle < NEVER and m[t + T_ANSWERS] == 1:
        m[t + T_GIVES_UP] = min(m[t + T_GIVES_UP], silent_for(m, t, idle))


@apart
def silent_for(m: Memory, t: int, idle: int) -> int:
    """When no token has come for so long."""
    if m[t + T_STALLED] < NEVER:
        return m[t + T_STALLED] + idle
    gap = (m[t + T_ANSWERED] - m[t + T_BEGAN]) // max(m[t + T_TOKENS_OUT] - m[t + T_REASONING], 1)
    return m[t + T_BEGAN] + idle if gap > idle else NEVER


@step
def watch(m: Memory, t: int) -> None:
    """Put on the agenda when it is given up: that may come (an answer at the same instant comes first)."""
    if m[t + T_GIVES_UP] < NEVER and m[t + T_GIVES_UP] != m[t + T_WATCHED]:
        m[t + T_WATCHED] = m[t + T_GIVES_UP]
        schedule(m, m[t + T_GIVES_UP], TIMES_OUT, m[t + T_KEY], t)


@step
def expect(m: Memory, t: int) -> None:
    """Put the end on the agenda, and the timeout if it comes before."""
    if m[t + T_FINISH] < NEVER:
        schedule(m, m[t + T_FINISH], FINISHES, m[t + T_KEY], t)
    if m[t + T_FINISH] > m[t + T_GIVES_UP]:
        watch(m, t)


@step
def finished(m: Memory, t: int, key: int) -> None:
    """The answer or the error is there (unless the row is another's by now, or an incident changed when)."""
    if m[t + T_KEY] != key or m[t + T_FINISH] != m[M_NOW]:
        return
    if m[t + T_OVER] == 1:
        if m[M_PREFIXES] == 1:
            visit(m, t)
        leave(m, t)  # it ran on: its slot is free only now
    else:
        settle_and_tell(m, t, m[t + T_KIND])


@apart
def timed_out(m: Memory, t: int, key: int) -> None:
    """The caller's patience with this try is over: a twin is cancelled with it, the first before its hedge."""
    if m[t + T_KEY] != key or m[t + T_OVER] == 1 or m[t + T_GIVES_UP] != m[M_NOW]:
        return
    c, hedge = m[t + T_CALL], m[t + T_HEDGE]
    if hedge == 1:
        cancel(m, m[c + C_ATTEMPT])
    abandon(m, t, TIMED_OUT)
    if hedge == 0:
        cancel(m, m[c + C_TWIN])
    follow_up(m, TOLD, c, m[c + C_KEY], t)


@step
def cancel(m: Memory, t: int) -> None:
    """Its caller needs an attempt no more (NONE: there is none)."""
    if t != NONE:
        abandon(m, t, CANCELLED)


@apart
def abandon(m: Memory, t: int, kind: int) -> None:
    """Ended by its caller: the work stops, or runs on and is billed in full."""
    now = m[M_NOW]
    if m[t + T_PLACE] == QUEUED:
        m[m[t + T_ACTION] + A_WAITED] += now - m[t + T_DISPATCHED]
    runs_on = at1(m, RUNS_ON, m[t + T_INDEX]) == 1 and m[t + T_BATCH] == 0
    if m[t + T_PLACE] == SERVED and runs_on and m[t + T_FINISH] < NEVER:
        pay(m, t, m[t + T_KIND], m[t + T_FINISH])
        record(m, t, now, m[t + T_FINISH], kind, now)
        learn(m, t, kind)
    else:
        settle(m, t, kind)


@step
def settle(m: Memory, t: int, kind: int) -> None:
    """End it now: bill, log, give up slot or queue place; the layer learns of it."""
    now = m[M_NOW]
    if m[M_PREFIXES] == 1 and kind in ANSWERING:
        visit(m, t)
    pay(m, t, kind, now)
    record(m, t, now, now, kind, now)
    leave(m, t)
    learn(m, t, kind)


@step
def pay(m: Memory, t: int, kind: int, until: int) -> None:
    """The bill for what was done until then; budgets are charged with it."""
    bill(m, t, kind, until)
    if m[M_SPENDS] == 1 and m[t + T_COST] != 0:
        charge(m, t)


@step
def settle_and_tell(m: Memory, t: int, kind: int) -> None:
    """The same, and the call hears of an answer, which ends a twin, or of a failure that no twin can make good."""
    c = m[t + T_CALL]
    settle(m, t, kind)
    twin = m[c + C_TWIN - m[t + T_HEDGE]]
    if twin != NONE:
        if kind != OK:
            return
        abandon(m, twin, CANCELLED)
    follow_up(m, TOLD, c, m[c + C_KEY], t)


@step
def learn(m: Memory, t: int, kind: int) -> None:
    """Breakers, throttle, balance and budget are told how it ended."""
    if m[M_LEARNS] == 1:
        tell_layer(m, t, kind)


@apart
def tell_layer(m: Memory, t: int, kind: int) -> None:
    """What was sent teaches something; a retry or hedge is out no more."""
    if m[t + T_SENT] == 1:
        if m[M_BREAKS] == 1:
            note(m, t, kind)
        if m[M_THROTTLES] == 1:
            learn_accepted(m, t, kind)
        if m[M_COUNTS_ACTIVE] == 1:
            count_active(m, t, -1)
        remember(m, t, kind)
    release(m, t + T_BUDGET)


@step
def leave(m: Memory, t: int) -> None:
    """Give up slot or queue place, and the row as soon as it is in the log."""
    leave_deployment(m, t)
    m[t + T_KEY] = FREE
    m[M_ATTEMPTS] -= 1
    if m[t + T_WRITTEN_DOWN] == 1:
        free_row(m, M_FREE_ATTEMPT, t)
    else:
        m[t + T_LEFT] = 1
