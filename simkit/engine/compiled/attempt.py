"""An attempt's end: answered, failed, timed out or cancelled. How it begins is in `dispatch` and `service`."""

from simkit.engine.compiled.agenda import follow_up, schedule
from simkit.engine.compiled.bill import bill, record
from simkit.engine.compiled.dice import count, uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.station import leave_deployment
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.plan.codes import EventClass, Kind
from simkit.plan.plan import NEVER

OK, TIMED_OUT = int(Kind.OK), int(Kind.TIMEOUT)
FINISHED, TIMES_OUT = int(EventClass.FINISHED), int(EventClass.TIMEOUT)
ATTEMPT, FAILURE_TIME = int(Stream.ATTEMPT), int(Stream.FAILURE_TIME)
TAKES_TIME, TAKES_FIRST_TOKEN, TAKES_PART, TAKES_ANSWER, TAKES_NEVER = range(5)


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


@apart
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


@apart
def timed_out(m: Memory, t: int, key: int) -> None:
    """The caller's patience with this attempt is over."""
    if m[t + T_KEY] == key and m[t + T_OVER] == 0:
        c = m[t + T_CALL]
        abandon(m, t, TIMED_OUT)
        follow_up(m, TOLD, c, key, TIMED_OUT)


@apart
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
    """Give up slot or queue place, and the row as soon as it is in the log."""
    leave_deployment(m, t)
    m[t + T_KEY] = FREE
    m[M_ATTEMPTS] -= 1
    if m[t + T_WRITTEN_DOWN] == 1:
        free_row(m, M_FREE_ATTEMPT, t)
    else:
        m[t + T_LEFT] = 1
