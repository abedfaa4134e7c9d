"""An action: from arrival to outcome."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.attempt import abandon
from simkit.engine.compiled.bill import CANCELLED, UNFINISHED, bill, record
from simkit.engine.compiled.call import free_calls
from simkit.engine.compiled.dice import count, draw_ahead, of_arrival, uniform, value, varies
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.engine.compiled.station import ask_service, join, leave_service, quit_line
from simkit.laws.arrival import arrival_time
from simkit.laws.choice import choose
from simkit.laws.draws import Stream, unit
from simkit.laws.jit import apart, step
from simkit.plan.codes import EventClass, Kind, Outcome
from simkit.plan.plan import NEVER

GAP, KIND, USER, USER_PLAN, OVERHEAD_TIME = (
    int(s) for s in (Stream.GAP, Stream.KIND, Stream.USER, Stream.PLAN, Stream.OVERHEAD)
)
DEADLINE_CLASS, WAITED = int(EventClass.DEADLINE), int(EventClass.WAITED)
OK, QUEUE_FULL = int(Kind.OK), int(Kind.QUEUE_FULL)
SUCCESS, REJECTED, CENSORED = (int(o) for o in (Outcome.OK, Outcome.REJECTED, Outcome.CENSORED))
UNDECIDED = 9
"""Above all verdicts."""


@step
def next_arrival(m: Memory, f: Reals) -> None:
    """When the next action arrives; NEVER after the last one."""
    number = m[M_NUMBER]
    place = number & (m[M_AHEAD] - 1)
    if place == 0:
        look_ahead(m, f)
    if m[M_TRACED] == 0:
        m[M_ARRIVAL] = at2(m, AHEAD, AHEAD_TIME, place)
    else:
        m[M_ARRIVAL] = at1(m, TRACE_TIME, number) if number < length(m, TRACE_TIME) else NEVER


@apart
def look_ahead(m: Memory, f: Reals) -> None:
    """Work out when the next actions arrive, and draw who asks what: that depends on nothing else."""
    if length(m, USER_CDF) > 0:
        draw_ahead(m, USER, AHEAD_USER)
    if kinds_differ(m):
        draw_ahead(m, KIND, AHEAD_KIND)
    if m[M_TRACED] == 1:
        return
    draw_ahead(m, GAP, AHEAD_GAP)
    times, gaps = m[AHEAD], m[AHEAD] + AHEAD_GAP * m[M_AHEAD]
    for i in range(m[M_AHEAD]):
        m[times + i] = arrival_after(m, f, unit(m[gaps + i]))


@step
def arrival_after(m: Memory, f: Reals, u: float) -> int:
    """When the action after the last one arrives, in ns."""
    segment, segments = m[M_SEGMENT], length(m, ARRIVAL_RATE)
    if segment >= segments:
        return NEVER
    f[F_OPERATIONAL] += value(m, f, at1(m, ARRIVAL_GAP, segment), u)
    time, segment = arrival_time(
        f[F_OPERATIONAL], segment, view(m, m[ARRIVAL_START], (segments + 1,)),
        reals(m, f, ARRIVAL_RATE, 0, 0, 0), reals(m, f, ARRIVAL_CUMULATIVE, 0, 0, 0),
    )  # fmt: skip
    m[M_SEGMENT] = segment
    return time if segment < segments else NEVER


@step
def arrive(m: Memory, f: Reals) -> int:
    """An action arrives and asks for a slot of the own service."""
    a = new_action(m)
    draw_user(m, f, a)
    draw_kind(m, f, a)
    m[a + A_NEXT_CALL] = at1(m, FIRST_CALL, m[a + A_KIND])
    m[M_NUMBER] += 1
    next_arrival(m, f)
    if not ask_service(m, a):
        m[M_OUTCOME] = REJECTED
        m[M_KIND] = QUEUE_FULL
        return then(m, END, a)
    patience = at1(m, DEADLINE, m[M_EPOCH])
    if patience < NEVER:
        schedule(m, m[M_NOW] + patience, DEADLINE_CLASS, m[a + A_NUMBER] << 25, a)
    return then(m, ADMIT, a) if m[a + A_PLACE] == SERVED else NOTHING


@step
def new_action(m: Memory) -> int:
    """The row of the action that arrives now; actions in flight stand in a line, by number."""
    a = new_row(m, M_FREE_ACTION, ACTION_WIDTH)
    for i in range(ACTION_WIDTH):
        m[a + i] = 0
    m[a + A_NUMBER] = m[M_NUMBER]
    m[a + A_ARRIVAL] = m[M_NOW]
    m[a + A_USER] = m[a + A_PLAN] = m[a + A_STARTED] = m[a + A_FIRST_TOKEN] = NONE
    m[a + A_GOOD] = m[a + A_CALLS] = m[a + A_STORY] = NONE
    m[a + A_VERDICT] = UNDECIDED
    m[a + A_MEASURED] = 1 if 0 <= m[M_NOW] < m[M_HORIZON] else 0
    m[M_OPEN] += m[a + A_MEASURED]
    m[M_ACTIONS] += 1
    join(m, M_LIVE, A_LIVE, a)
    return a


@step
def draw_user(m: Memory, f: Reals, a: int) -> None:
    """Who asks, and on which plan."""
    users = at1(m, USERS, m[M_EPOCH])
    if users == 0:
        return
    first = at1(m, USERS_FIRST, m[M_EPOCH])
    u, _ = of_arrival(m, AHEAD_USER)
    m[a + A_USER] = choose(u, view(f, m[USER_CDF] + first, (users,)))
    if m[PLAN_CDF + 4] > 0:
        u, _ = uniform(m, USER_PLAN, m[a + A_USER], 0, 0)
        m[a + A_PLAN] = choose(u, reals(m, f, PLAN_CDF, m[M_EPOCH], 0, 0))


@step
def kinds_differ(m: Memory) -> bool:
    """Is there more than one kind or complexity?"""
    return m[KIND_CDF + 4] > 1 or m[COMPLEXITY_CDF + 4] > 1


@step
def draw_kind(m: Memory, f: Reals, a: int) -> None:
    """What is asked, and how complex it is."""
    if kinds_differ(m):  # else both are 0
        u, v = of_arrival(m, AHEAD_KIND)
        m[a + A_KIND] = choose(u, reals(m, f, KIND_CDF, m[M_EPOCH], 0, 0))
        m[a + A_COMPLEXITY] = choose(v, reals(m, f, COMPLEXITY_CDF, m[M_EPOCH], m[a + A_KIND], 0))
    priority = at1(m, KIND_PRIORITY, m[a + A_KIND])
    if m[a + A_PLAN] >= 0:
        priority += at1(m, PLAN_PRIORITY, m[a + A_PLAN])
    while at1(m, PRIORITIES, m[a + A_CLASS]) != priority:
        m[a + A_CLASS] += 1


@step
def admit(m: Memory, f: Reals, a: int) -> int:
    """A slot is taken: overhead, then the first stage."""
    m[a + A_PLACE] = SERVED
    m[a + A_STARTED] = m[M_NOW]
    m[a + A_WAITED] += m[M_NOW] - m[a + A_ARRIVAL]
    overhead = at1(m, OVERHEAD, m[M_EPOCH])
    if overhead < 0:
        return then(m, NEXT_STAGE, a)
    u, _ = uniform(m, OVERHEAD_TIME, m[a + A_NUMBER], 0, 0) if varies(m, overhead) else (0.0, 0.0)
    schedule(m, m[M_NOW] + count(m, f, overhead, u), WAITED, m[a + A_NUMBER] << 25, a)
    return NOTHING


@step
def next_stage(m: Memory, a: int) -> int:
    """The calls of the next stage begin; after the last one, success."""
    free_calls(m, a)
    first, beyond = m[a + A_NEXT_CALL], at1(m, FIRST_CALL, m[a + A_KIND] + 1)
    if first == beyond:
        return succeed(m, a)
    last = first
    while last + 1 < beyond and at1(m, STAGE, last + 1) == at1(m, STAGE, first):
        last += 1
    m[a + A_STAGE_END] = last + 1
    m[a + A_PENDING] = last + 1 - first if last > first else 0
    m[M_STARTING] = a
    return NOTHING


@step
def succeed(m: Memory, a: int) -> int:
    """All stages are done."""
    m[a + A_FIRST_TOKEN] = m[a + A_SEEN] if m[a + A_SEEN] != NONE else m[M_NOW]
    m[a + A_GOOD] = m[a + A_VERDICT] if m[a + A_VERDICT] != UNDECIDED else NONE
    m[M_OUTCOME] = SUCCESS
    m[M_KIND] = OK
    return then(m, END, a)


@step
def end(m: Memory, a: int) -> int:
    """Cancel what is in flight, in order; give up the slot; write the log."""
    c = m[a + A_CALLS]
    while c != NONE:
        if m[c + C_ATTEMPT] != NONE:
            abandon(m, m[c + C_ATTEMPT], CANCELLED)
        c = m[c + C_SIBLING]
    free_calls(m, a)
    if m[a + A_PLACE] == QUEUED:
        m[a + A_WAITED] += m[M_NOW] - m[a + A_ARRIVAL]
    leave_service(m, a)
    if m[a + A_MEASURED] == 1:
        m[M_OPEN] -= 1
        m[M_LAST_END] = max(m[M_LAST_END], m[M_NOW])
    write(m, a, m[M_NOW], m[M_OUTCOME], m[M_KIND])
    return NOTHING


@step
def write(m: Memory, a: int, ended: int, outcome: int, reason: int) -> None:
    """Write the rows of the action and of its attempts to the log, and give them up."""
    m[a + A_END] = ended
    m[a + A_OUTCOME] = outcome
    m[a + A_REASON] = reason
    row = m[M_ACTION_PAGE] + m[M_ACTION_ROWS] * ACTION_LOGGED
    m[M_ACTION_ROWS] += 1
    for i in range(ACTION_LOGGED):
        m[row + i] = m[a + i]
    write_attempts(m, m[a + A_STORY])
    quit_line(m, M_LIVE, A_LIVE, a)
    m[M_ACTIONS] -= 1
    free_row(m, M_FREE_ACTION, a)


@step
def write_attempts(m: Memory, first: int) -> None:
    """Write the attempts of an action; the rows of those that have left their deployment are free."""
    t = first
    while t != NONE:
        row = m[M_ATTEMPT_PAGE] + m[M_ATTEMPT_ROWS] * ATTEMPT_LOGGED
        m[M_ATTEMPT_ROWS] += 1
        for i in range(ATTEMPT_LOGGED):
            m[row + i] = m[t + i]
        following = m[t + T_STORY]
        if m[t + T_LEFT] == 1:
            free_row(m, M_FREE_ATTEMPT, t)
        else:
            m[t + T_WRITTEN_DOWN] = 1
        t = following


@apart
def censor(m: Memory, a: int, ended: int) -> None:
    """The run stopped at `ended`, before the action did; what is under way is billed like work stopped there."""
    c = m[a + A_CALLS]
    while c != NONE:
        t = m[c + C_ATTEMPT]
        if t != NONE:
            bill(m, t, UNFINISHED, ended)
            record(m, t, NONE, NONE, UNFINISHED, ended)
        c = m[c + C_SIBLING]
    write(m, a, NONE, CENSORED, OK)
