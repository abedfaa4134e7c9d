"""An action that has been let in: stage after stage, to its outcome. How it arrives is in `arrival`."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.answers import give_up
from simkit.engine.compiled.arrival import UNDECIDED
from simkit.engine.compiled.attempt import cancel
from simkit.engine.compiled.bill import UNFINISHED, bill, record
from simkit.engine.compiled.budget import release
from simkit.engine.compiled.call import free_calls
from simkit.engine.compiled.conversation import say_more
from simkit.engine.compiled.dice import count, uniform, varies
from simkit.engine.compiled.hold import let_go
from simkit.engine.compiled.ladder import climb
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.people import leave_desk
from simkit.engine.compiled.pointer import copy
from simkit.engine.compiled.population import meet
from simkit.engine.compiled.region import go_from, leave_service, place
from simkit.engine.compiled.station import quit_line
from simkit.engine.compiled.user import reload
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind, Mark, Outcome

NO_DEPLOYMENT, RESIDENCY, FORBIDDEN = int(Kind.NO_DEPLOYMENT), int(Kind.RESIDENCY), int(Mark.FORBIDDEN)
REJECTED = int(Outcome.REJECTED)
OVERHEAD_TIME, OK = int(Stream.OVERHEAD), int(Kind.OK)
SUCCESS, CENSORED = int(Outcome.OK), int(Outcome.CENSORED)


@step
def admit(m: Memory, f: Reals, a: int) -> int:
    """A slot is taken: overhead, then the first stage."""
    if m[a + A_PLACE] == GRANTED:  # what goes to the batch side of models has no slot
        m[a + A_PLACE] = SERVED
    m[a + A_STARTED] = m[M_NOW]
    waited = m[M_NOW] - m[a + A_LINED_UP]
    m[a + A_WAITED] += waited
    if m[M_GUIDES] == 1:
        g = place(m, region_of(m, a))
        m[g + G_WAIT] += (waited - m[g + G_WAIT]) // 16
    overhead = at2(m, OVERHEAD, m[M_EPOCH], region_of(m, a))
    if overhead < 0:
        return then(m, NEXT_STAGE, a)
    u, _ = uniform(m, OVERHEAD_TIME, m[a + A_NUMBER], 0, 0) if varies(m, overhead) else (0.0, 0.0)
    m[a + A_DUE] = m[M_NOW] + count(m, f, overhead, u)
    schedule(m, m[a + A_DUE], WAITED, m[a + A_KEY], a)
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
def fail(m: Memory, f: Reals, a: int) -> int:
    """It has no answer: the ladder may have one."""
    if m[M_KIND] == NO_DEPLOYMENT and m[M_TRY] != NONE and m[m[M_TRY] + T_MARKS] & FORBIDDEN:
        m[M_KIND] = RESIDENCY
        m[M_OUTCOME] = REJECTED
    return degrade_or_end(m, f, a, m[M_TRY]) if m[M_RUNGS] > 0 else then(m, END, a)


@apart
def degrade_or_end(m: Memory, f: Reals, a: int, last: int) -> int:
    """Cancel what is in flight, then try rung after rung."""
    before = m[a + A_STORY_LAST] if m[a + A_STORY] != NONE else NONE
    stop(m, a)
    m[a + A_RUNG] = 0
    return climb(m, f, a, last, before)


@step
def stop(m: Memory, a: int) -> None:
    """Cancel what is in flight, in order; waits are void, and so is a place in the own service's queue."""
    c = m[a + A_CALLS]
    while c != NONE:
        cancel(m, m[c + C_ATTEMPT])
        cancel(m, m[c + C_TWIN])
        if m[M_BUDGETS] == 1:
            release(m, c + C_HELD)
            release(m, c + C_CLIENT_HELD)
        if m[M_ANSWERS] == 1:
            give_up(m, c)
        c = m[c + C_SIBLING]
    free_calls(m, a)
    if m[a + A_PLACE] == QUEUED:
        m[a + A_WAITED] += m[M_NOW] - m[a + A_LINED_UP]
        leave_service(m, a)
    elif m[a + A_PLACE] == HELD or m[a + A_PLACE] == AWAY:
        let_go(m, a)
    elif m[a + A_PLACE] >= ON_THE_WAY:
        m[a + A_PLACE] = OUTSIDE


@step
def end(m: Memory, f: Reals, a: int) -> int:
    """Stop what is under way; give up the slot, or the person; write the log; the user may ask again."""
    stop(m, a)
    if m[a + A_DESK] == SERVED:
        leave_desk(m)
    go_from(m, a)
    if m[a + A_MEASURED] == 1:
        m[M_OPEN] -= 1
        m[M_LAST_END] = max(m[M_LAST_END], m[M_NOW])
    if m[M_GROWS] == 1:
        meet(m, f, a, m[M_OUTCOME], m[M_KIND])
    if m[M_RELOADS] == 1:
        reload(m, f, a, m[M_OUTCOME])
    if m[M_SESSIONS] == 1:
        say_more(m, f, a, m[M_OUTCOME])
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
    copy(m, row, a, ACTION_LOGGED)
    write_attempts(m, m[a + A_STORY])
    quit_line(m, M_LIVE, A_LIVE, a)
    m[M_ACTIONS] -= 1
    m[a + A_KEY] = FREE
    free_row(m, M_FREE_ACTION, a)


@step
def write_attempts(m: Memory, first: int) -> None:
    """Write the attempts of an action; the rows of those that have left their deployment are free."""
    t = first
    while t != NONE:
        row = m[M_ATTEMPT_PAGE] + m[M_ATTEMPT_ROWS] * ATTEMPT_LOGGED
        m[M_ATTEMPT_ROWS] += 1
        copy(m, row, t, ATTEMPT_LOGGED)
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
        for t in (m[c + C_ATTEMPT], m[c + C_TWIN]):
            if t != NONE:
                bill(m, t, UNFINISHED, ended)
                record(m, t, NONE, NONE, UNFINISHED, ended)
        c = m[c + C_SIBLING]
    write(m, a, NONE, CENSORED, OK)
