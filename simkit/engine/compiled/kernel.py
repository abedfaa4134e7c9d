"""The event loop."""

from simkit.engine.compiled.action import admit, arrive, censor, end, next_arrival, next_stage
from simkit.engine.compiled.agenda import schedule, take_first
from simkit.engine.compiled.attempt import FINISHED, TIMES_OUT, finished, timed_out
from simkit.engine.compiled.call import FAILED, WAITED, hear, repeated, repetition, start_call
from simkit.engine.compiled.dispatch import dispatch
from simkit.engine.compiled.incident import CALENDAR, CHANGES, ENDS, begin_incidents, end_incident, start_incident
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import pointer
from simkit.engine.compiled.service import begin
from simkit.engine.compiled.station import grant_actions, grant_attempts
from simkit.laws.jit import Floats, Ints, apart, law, step
from simkit.plan.codes import EventClass, Kind
from simkit.plan.plan import NEVER

DEADLINE_CLASS, DEADLINE_REASON = int(EventClass.DEADLINE), int(Kind.DEADLINE)


@law
def start(ints: Ints, floats: Floats) -> None:
    """Before the first event: changes, incidents, the first arrival."""
    m, f = pointer(ints), pointer(floats)
    for e in range(1, length(m, EPOCHS)):
        schedule(m, at1(m, EPOCHS, e), CALENDAR, CHANGES << 40 | e, e)
    begin_incidents(m, f)
    next_arrival(m, f)


@law
def run(ints: Ints, floats: Floats, most: int) -> int:
    """Follow-ups, then the next timed event, and so on until the run is over, has had `most` events, or lacks room."""
    m, f = pointer(ints), pointer(floats)
    while True:
        if not has_room(m):
            return GROW
        if not has_pages(m):
            return FLUSH
        if m[M_HEAD] < m[M_TAIL]:
            step = next_follow_up(m)
        else:
            time = next_time(m)
            if is_over(m, time):
                return DONE
            if m[M_EVENTS] >= most:
                return SLICE
            if m[M_ACTIONS] > m[M_MOST_IN_FLIGHT]:
                return FULL
            m[M_NOW] = time
            m[M_EVENTS] += 1
            m[M_HEAD] = m[M_TAIL] = 0
            step = next_event(m, f)
        while step != NOTHING or m[M_STARTING] != NONE:
            step = advance(m, f, step, m[M_ROW])


@step
def is_over(m: Memory, time: int) -> bool:
    """All measured actions have ended after the horizon, or the cooldown is over, or nothing is left to do."""
    return time >= m[M_STOP] or time == NEVER or (time >= m[M_HORIZON] and m[M_OPEN] == 0)


@step
def has_room(m: Memory) -> bool:
    """Is there room for all that one step may add?"""
    most = room_needed(m)
    return (
        m[M_EVENT] + most <= m[M_AGENDA_ROOM]
        and m[M_TAIL] + most <= m[M_FIFO_ROOM]
        and m[M_TOP] + ROWS_ROOM <= m[M_LIMIT]
    )


@step
def has_pages(m: Memory) -> bool:
    """Is there room for the rows that one step may write: an action with all its attempts?"""
    return (
        m[M_ATTEMPT_ROWS] + m[M_DEEPEST] + ROOM <= m[M_ATTEMPT_ROOM]
        and m[M_ACTION_ROWS] + ROOM <= m[M_ACTION_ROOM]
        and m[M_INCIDENT_ROWS] + ROOM <= m[M_INCIDENT_ROOM]
    )


@step
def next_time(m: Memory) -> int:
    """When the next timed event is."""
    if m[M_EVENT] > 0:
        return min(m[m[M_AGENDA] + E_TIME], m[M_ARRIVAL])
    return m[M_ARRIVAL]


@step
def next_event(m: Memory, f: Reals) -> int:
    """Handle the next timed event; returns the step that follows. Arrivals come last of their instant."""
    first = m[M_AGENDA]
    if m[M_EVENT] == 0 or m[first + E_TIME] > m[M_NOW]:
        return arrive(m, f)
    order, row = m[first + E_ORDER], m[first + E_ROW]
    event_class, key = order >> KEY_BITS, order & ((1 << KEY_BITS) - 1)
    take_first(m)
    if event_class == FINISHED:
        finished(m, row, key)
    elif event_class == WAITED:
        return waited(m, row, key)
    elif event_class == TIMES_OUT:
        timed_out(m, row, key)
    elif event_class == DEADLINE_CLASS:
        return deadline(m, row, key)
    else:
        calendar(m, f, row, key)
    return NOTHING


@step
def waited(m: Memory, row: int, key: int) -> int:
    """A wait is over: the overhead of an action, or the work or backoff of a call (rows below 0)."""
    if row >= 0:
        return then(m, NEXT_STAGE, row) if m[row + A_NUMBER] == key >> 25 else NOTHING
    c = -row
    if m[c + C_KEY] != key:
        return NOTHING
    return then(m, REPETITION if m[c + C_WORKING] == 1 else DISPATCH, c)


@apart
def deadline(m: Memory, a: int, key: int) -> int:
    """An action's time is up."""
    if m[a + A_NUMBER] != key >> 25:
        return NOTHING
    m[M_OUTCOME] = FAILED
    m[M_KIND] = DEADLINE_REASON
    return then(m, END, a)


@apart
def calendar(m: Memory, f: Reals, row: int, key: int) -> None:
    """Other numbers, an incident's end or start."""
    what = key >> 40
    if what == CHANGES:
        change(m, row)
    elif what == ENDS:
        end_incident(m, f, row)
    else:
        start_incident(m, f, row)


@apart
def change(m: Memory, epoch: int) -> None:
    """From now on, the numbers of another epoch."""
    m[M_EPOCH] = epoch
    grant_actions(m)
    for n in range(m[M_DEPLOYMENTS]):
        grant_attempts(m, n)


@step
def next_follow_up(m: Memory) -> int:
    """Handle the next follow-up; returns the step that follows."""
    item = m[M_FIFO] + m[M_HEAD] * FOLLOW_UP_WIDTH
    m[M_HEAD] += 1
    what, row, check = m[item + Q_WHAT], m[item + Q_ROW], m[item + Q_CHECK]
    if what == TOLD:
        if m[row + C_KEY] != check:
            return NOTHING
        m[M_KIND] = m[item + Q_VALUE]
        return then(m, HEAR, row)
    if what == GRANT_ATTEMPT:
        if m[row + T_KEY] != check:
            return NOTHING
        m[row + T_PLACE] = SERVED
        return then(m, BEGIN, row)
    if m[row + A_NUMBER] != check:
        return NOTHING
    return then(m, NEXT_STAGE if what == STAGE_DONE else ADMIT, row)


@step
def advance(m: Memory, f: Reals, step: int, row: int) -> int:
    """One step of an action's path; returns the next. When nothing else is to be done, the stage's next call starts."""
    if step == NOTHING:
        return start_call(m, f, m[M_STARTING])
    if step == BEGIN:
        return begin(m, f, row)
    if step == DISPATCH:
        return dispatch(m, f, row)
    if step == REPETITION:
        return repetition(m, f, row)
    if step == HEAR:
        return hear(m, f, row, m[M_KIND])
    if step == REPEATED:
        return repeated(m, f, row)
    if step == ADMIT:
        return admit(m, f, row)
    if step == NEXT_STAGE:
        return next_stage(m, row)
    return end(m, row)


@law
def finish(ints: Ints) -> int:
    """Log what is still in flight as censored, by number; DONE, or FLUSH when the pages are full."""
    m = pointer(ints)
    ended = m[M_LAST_END] if m[M_OPEN] == 0 else m[M_STOP]
    while m[M_LIVE] != NONE:
        if not has_pages(m):
            return FLUSH
        censor(m, m[M_LIVE], ended)
    return DONE
