"""The event loop."""

from simkit.engine.compiled.action import admit, censor, end, fail, next_stage
from simkit.engine.compiled.agenda import earlier, schedule, take_first
from simkit.engine.compiled.answers import EXACT, SEMANTIC, empty_answers, found_out, hear_leader, warm_up
from simkit.engine.compiled.arrival import arrive, arrive_again, begin_arrivals, come_in
from simkit.engine.compiled.attempt import finished, timed_out
from simkit.engine.compiled.call import hear, repeated, repetition, start_call, start_work
from simkit.engine.compiled.dispatch import dispatch
from simkit.engine.compiled.guide import TRAVELS, come_along
from simkit.engine.compiled.hedge import first_token_came, sends_hedge
from simkit.engine.compiled.hold import release_held
from simkit.engine.compiled.incident import (
    CHANGES,
    EMPTIED,
    ENDS,
    RESET,
    STAFF,
    begin_incidents,
    end_incident,
    go_down,
    start_incident,
)
from simkit.engine.compiled.ladder import degrade
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.outliers import next_sweep, sweep
from simkit.engine.compiled.pace import FACTOR_CHANGES, change_factor
from simkit.engine.compiled.people import change_staff, person_begins
from simkit.engine.compiled.pointer import pointer
from simkit.engine.compiled.population import DAY_BEGINS, day_begins
from simkit.engine.compiled.prefix import empty_prompts
from simkit.engine.compiled.region import change_region
from simkit.engine.compiled.request import FAILED, cut_off, give_up_model, request_again, time_is_up
from simkit.engine.compiled.service import begin
from simkit.engine.compiled.spending import close_budgets, reset
from simkit.engine.compiled.station import grant_attempts, join, quit_line
from simkit.engine.compiled.tiers import TIER, begin_tiers, climb_tiers
from simkit.engine.compiled.user import ABANDONED, leaves
from simkit.engine.compiled.watch import begin_regions, tick
from simkit.laws.jit import Floats, Ints, apart, entry, step
from simkit.plan.codes import Kind
from simkit.plan.economy import OF_PROMPTS
from simkit.plan.plan import NEVER

LATE, IMPATIENT = int(Kind.DEADLINE), int(Kind.IMPATIENT)


@entry
def start(ints: Ints, floats: Floats) -> None:
    """Before the first event: changes, incidents, the first arrival."""
    m, f = pointer(ints), pointer(floats)
    for e in range(1, length(m, EPOCHS)):
        schedule(m, at1(m, EPOCHS, e), CALENDAR, CHANGES << 40 | e, e)
    for i in range(1, length(m, LADDER_STAFF_TIME)):
        schedule(m, at1(m, LADDER_STAFF_TIME, i), CALENDAR, STAFF << 40 | i, i)
    begin_incidents(m, f)
    begin_periods(m)
    begin_tiers(m)
    if m[M_ANSWERS] == 1:
        warm_up(m)
    begin_regions(m, f)
    if m[M_COMPARES] == 1:
        next_sweep(m)
    begin_arrivals(m, f)


@step
def begin_periods(m: Memory) -> None:
    """Put on the agenda when days and months begin, and when caches are emptied."""
    for i in range(length(m, RESETS_TIME)):
        schedule(m, at1(m, RESETS_TIME, i), CALENDAR, RESET | i, i)
    for i in range(length(m, RESETS_EMPTIED_TIME)):
        schedule(m, at1(m, RESETS_EMPTIED_TIME, i), CALENDAR, EMPTIED | i, i)


@entry
def run(ints: Ints, floats: Floats, most: int) -> int:
    """`go_on`, page by page."""
    return go_on(pointer(ints), pointer(floats), most)


@step
def go_on(m: Memory, f: Reals, most: int) -> int:
    """Follow-ups, then the next timed event, and so on until the run is over, has had `most` events, or lacks room."""
    while True:
        if not has_room(m):
            return GROW
        if not has_pages(m):
            return FLUSH
        if m[M_HEAD] < m[M_TAIL]:
            step = next_follow_up(m, f)
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
        and m[M_TOP] + rows_needed(m) <= m[M_LIMIT]
        and (m[M_GROWS] == 0 or has_room_for_users(m))
    )


@step
def has_room_for_users(m: Memory) -> bool:
    """Is there room for one more of them, in the table and on the list?"""
    return m[M_USERS] + ROOM <= m[M_PEOPLE_ROOM] and m[M_PLACES] + ROOM <= m[M_LISTED_ROOM]


@step
def has_pages(m: Memory) -> bool:
    """Is there room for the rows that one step may write: an action with all its attempts?"""
    return (
        m[M_ATTEMPT_ROWS] + m[M_DEEPEST] + ROOM <= m[M_ATTEMPT_ROOM]
        and m[M_ACTION_ROWS] + ROOM <= m[M_ACTION_ROOM]
        and (m[M_SELDOM_LOGS] == 0 or has_pages_of_seldom_logs(m))
    )


@step
def has_pages_of_seldom_logs(m: Memory) -> bool:
    """The same for what most runs have nothing of: incidents, breakers, lookups, budgets."""
    return (
        m[M_INCIDENT_ROWS] + ROOM <= m[M_INCIDENT_ROOM]
        and m[M_BREAKER_ROWS] + room_needed(m) <= m[M_BREAKER_ROOM]
        and m[M_LOOKUP_ROWS] + ROOM <= m[M_LOOKUP_ROOM]
        and m[M_SPENT_ROWS] + m[M_SPENT_STEP] <= m[M_SPENT_ROOM]
        and m[M_REGION_ROWS] + ROOM <= m[M_REGION_ROOM]
        and m[M_LIFE_ROWS] + m[M_DAY_ROWS] + ROOM <= m[M_LIFE_ROOM]
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
    first, now = m[M_AGENDA], m[M_NOW]
    if m[M_ARRIVAL] == now and (m[M_EVENT] == 0 or not earlier(m, first, now, ARRIVES << KEY_BITS)):
        return arrive(m, f)
    order, row = m[first + E_ORDER], m[first + E_ROW]
    event_class, key = order >> KEY_BITS, order & ((1 << KEY_BITS) - 1)
    take_first(m)
    if event_class == FINISHES:
        finished(m, row, key)
    elif event_class == WAITED:
        return waited(m, f, row, key)
    elif event_class == TIMES_OUT:
        timed_out(m, row, key)
    elif event_class == LOOKS_UP:
        return found_out(m, f, row, key)
    else:
        return seldom(m, f, event_class, row, key)
    return NOTHING


@step
def waited(m: Memory, f: Reals, row: int, key: int) -> int:
    """A wait is over: the overhead of an action or a rung's, or the work or backoff of a call (rows below 0)."""
    c = -row
    if c > 0:
        return then(m, m[c + C_NEXT], c) if m[c + C_KEY] == key else NOTHING
    if m[row + A_KEY] != key & ~TRAVELS or m[row + A_DUE] != m[M_NOW]:
        return NOTHING
    if m[row + A_RUNG] != NONE:
        return degrade(m, f, row, m[row + A_RUNG], m[M_NOW])
    if m[row + A_PLACE] == SERVED or m[row + A_PLACE] == AWAY:
        return then(m, NEXT_STAGE, row)
    return release_held(m, row) if m[row + A_PLACE] == HELD else come_along(m, f, row)


@apart
def seldom(m: Memory, f: Reals, event_class: int, row: int, key: int) -> int:
    """Handle an event of the other classes; returns the step that follows."""
    if event_class == TIME_IS_UP:
        return deadline(m, row, key)
    if event_class == PATIENCE_ENDS:
        return impatience(m, row, key)
    if event_class == ARRIVES:
        return arrive_again(m, f, key, row)
    if event_class == PERSON_ANSWERS:
        return degrade(m, f, row, m[row + A_RUNG], m[M_NOW])
    if event_class == HEDGES:
        return then(m, DISPATCH_HEDGE, m[row + T_CALL]) if sends_hedge(m, row, key) else NOTHING
    if event_class == FIRST_TOKEN_COMES:
        first_token_came(m, row, key)
    elif event_class == CALENDAR:
        calendar(m, f, row, key)
    elif event_class == TICKS:
        if key == 0:
            sweep(m, f)
        else:
            tick(m, f, key, row)
    else:
        time_is_up(m, event_class, row, key)
    return NOTHING


@step
def deadline(m: Memory, a: int, key: int) -> int:
    """An action's time is up; once the ladder has it, that does not matter any more."""
    if m[a + A_KEY] != key or m[a + A_RUNG] != NONE:
        return NOTHING
    m[M_OUTCOME] = FAILED
    m[M_KIND] = LATE
    m[M_TRY] = NONE
    return then(m, FAIL, a)


@step
def impatience(m: Memory, a: int, key: int) -> int:
    """A user's patience is over."""
    if not leaves(m, a, key):
        return NOTHING
    m[M_OUTCOME] = ABANDONED
    m[M_KIND] = IMPATIENT
    return then(m, END, a)


@apart
def calendar(m: Memory, f: Reals, row: int, key: int) -> None:
    """Other people, a new day, an empty cache; other numbers, an incident's end or start."""
    what = key >> 40
    if what == STAFF:
        if key & RESET:
            reset(m, row)
        elif key & EMPTIED:
            empty(m, at1(m, RESETS_EMPTIED, row))
        elif key & DAY_BEGINS:
            day_begins(m, f, row)
        elif key & TIER:
            climb_tiers(m, row)
        elif key & FACTOR_CHANGES:
            change_factor(m, f, key ^ FACTOR_CHANGES, row)
        else:
            change_staff(m, row)
    elif what == CHANGES:
        change(m, f, row)
    elif what == ENDS:
        end_incident(m, f, row)
    else:
        start_incident(m, f, row)


@apart
def empty(m: Memory, what: int) -> None:
    """Caches are emptied."""
    for cache in (EXACT, SEMANTIC):
        if what & 1 << cache:
            empty_answers(m, cache)
    if what & OF_PROMPTS:
        empty_prompts(m)


@apart
def change(m: Memory, f: Reals, epoch: int) -> None:
    """From now on, the numbers of another epoch."""
    m[M_EPOCH] = epoch
    for r in range(m[M_REGIONS]):
        change_region(m, f, r)
    for n in range(m[M_DEPLOYMENTS]):
        grant_attempts(m, n)


@step
def next_follow_up(m: Memory, f: Reals) -> int:
    """Handle the next follow-up; returns the step that follows."""
    item = m[M_FIFO] + m[M_HEAD] * FOLLOW_UP_WIDTH
    m[M_HEAD] += 1
    what, row, check, value = m[item + Q_WHAT], m[item + Q_ROW], m[item + Q_CHECK], m[item + Q_VALUE]
    if what == TOLD:
        if m[row + C_KEY] != check:
            return NOTHING
        m[M_TRY] = value
        return then(m, HEAR, row)
    if what == GRANT_ATTEMPT:
        if m[row + T_KEY] != check:
            return NOTHING
        m[row + T_PLACE] = SERVED
        return then(m, BEGIN, row)
    if what == CUT_OFF:
        return cut_off(m, f, row, value) if m[row + C_KEY] == check else NOTHING
    if what == JOINED:
        return hear_leader(m, f, row, value) if m[row + C_KEY] == check else NOTHING
    if m[row + A_NUMBER] != check:
        return NOTHING
    if what == GRANT_PERSON:
        person_begins(m, f, row)
        return NOTHING
    if what == GOES_DOWN:
        return go_down(m, f, row, value)
    return then(m, NEXT_STAGE if what == STAGE_DONE else ADMIT, row)


@step
def advance(m: Memory, f: Reals, step: int, row: int) -> int:
    """One step of an action's path; returns the next. When nothing else is to be done, the stage's next call starts."""
    if step == NOTHING:
        return start_call(m, f, m[M_STARTING])
    if step == HEAR:
        return hear(m, f, row, m[M_TRY])
    if step == BEGIN:
        return begin(m, f, row)
    if step in (DISPATCH, DISPATCH_HEDGE):
        return dispatch(m, f, row, step - DISPATCH)
    if step == WORK_ON:
        return start_work(m, f, row)
    if step == REPETITION:
        return repetition(m, f, row)
    if step == REPEATED:
        return repeated(m, f, row)
    if step == REQUEST:
        return request_again(m, row)
    if step == GIVE_UP_MODEL:
        return give_up_model(m, f, row)
    return advance_whole(m, f, step, row)


@step
def advance_whole(m: Memory, f: Reals, step: int, row: int) -> int:
    """A step of an action beyond its calls."""
    if step == ADMIT:
        return admit(m, f, row)
    if step == NEXT_STAGE:
        return next_stage(m, row)
    if step == COME_IN:
        return come_in(m, f, row)
    return fail(m, f, row) if step == FAIL else end(m, f, row)


@entry
def finish(ints: Ints) -> int:
    """Log what is still in flight as censored, by number; DONE, or why it cannot go on."""
    m = pointer(ints)
    ended = m[M_LAST_END] if m[M_OPEN] == 0 else m[M_STOP]
    if m[M_SPENDS] == 1:
        if not has_pages(m):
            return FLUSH
        close_budgets(m, ended)
    if m[M_UNSORTED] == 1:
        if m[M_ACTIONS] > m[M_AGENDA_ROOM]:
            m[M_EVENT] = m[M_AGENDA_ROOM]
            return GROW
        sort_live(m)
    while m[M_LIVE] != NONE:
        if not has_pages(m):
            return FLUSH
        censor(m, m[M_LIVE], ended)
    return DONE


@apart
def sort_live(m: Memory) -> None:
    """Those in flight stand in the order in which they came: make that the order of their numbers (by the agenda)."""
    m[M_UNSORTED] = m[M_EVENT] = 0
    while m[M_LIVE] != NONE:
        a = m[M_LIVE]
        quit_line(m, M_LIVE, A_LIVE, a)
        schedule(m, 0, ARRIVES, m[a + A_KEY], a)
    while m[M_EVENT] > 0:
        join(m, M_LIVE, A_LIVE, m[m[M_AGENDA] + E_ROW])
        take_first(m)
