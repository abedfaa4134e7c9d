"""A call: its repetitions, each answered by one of the models in turn."""

from simkit.engine.compiled.agenda import follow_up
from simkit.engine.compiled.answers import EXACT, keep_answer, look_up
from simkit.engine.compiled.conversation import needs_no_summary, remember
from simkit.engine.compiled.dice import count, draw_call, of_call, origin, uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.prompt import draw_tokens
from simkit.engine.compiled.request import OK, answered, failed, next_base, pause
from simkit.engine.compiled.route import first_model, instead_of, verdict
from simkit.laws.draws import Stream, code_of
from simkit.laws.jit import step
from simkit.plan.codes import Cause, Mark

FIRST, ESCALATION = int(Cause.FIRST), int(Cause.ESCALATION)
AGAINS, ESCALATES, TRUNCATED = int(Stream.REPEAT), int(Stream.ESCALATE), int(Mark.TRUNCATED)


@step
def start_call(m: Memory, f: Reals, a: int) -> int:
    """The next call of an action's stage begins."""
    c, index = new_row(m, M_FREE_CALL, CALL_WIDTH), m[a + A_NEXT_CALL]
    for i in range(C_LANES):
        m[c + i] = 0
    m[c + C_KEY] = m[a + A_KEY]
    m[c + C_ACTION] = a
    m[c + C_INDEX] = index
    m[c + C_NUMBER] = index - at1(m, FIRST_CALL, m[a + A_KIND])
    m[c + C_ATTEMPT] = m[c + C_TWIN] = m[c + C_FIRST_TOKEN] = m[c + C_GOOD] = m[c + C_SIBLING] = m[c + C_DRAWN] = NONE
    if m[a + A_CALLS] == NONE:
        m[a + A_CALLS] = c
    else:
        m[m[a + A_LAST_CALL] + C_SIBLING] = c
    m[a + A_LAST_CALL] = c
    m[a + A_NEXT_CALL] = index + 1
    if index + 1 == m[a + A_STAGE_END]:
        m[M_STARTING] = NONE
    if m[M_ANSWERS] == 1:
        m[c + C_MISSED] = m[c + C_MISSED_SEMANTIC] = m[c + C_LEADS] = m[c + C_LEADS_SEMANTIC] = m[c + C_FOLLOWS] = NONE
        if at1(m, CACHED, index) == 1:
            return look_up(m, f, c, EXACT)
    if m[M_THREADS] == 1 and needs_no_summary(m, c):
        return then(m, REPEATED, c)
    return start_work(m, f, c)


@step
def start_work(m: Memory, f: Reals, c: int) -> int:
    """The product's own work before a repetition."""
    dist, code = at2(m, WORK, m[M_EPOCH], m[c + C_INDEX]), code_of(m[c + C_NUMBER], m[c + C_REPEAT], 0, 0, 0)
    m[m[c + C_ACTION] + A_TOOL_COST] += at2(m, WORK_COST, m[M_EPOCH], m[c + C_INDEX])
    if at1(m, ROUTE, m[c + C_INDEX]) >= 0:
        draw_call(m, c, code)
    if dist < 0:
        return then(m, REPETITION, c)
    u, _ = of_call(m, c, L_WORK, code)
    pause(m, c, count(m, f, dist, u), m[m[c + C_ACTION] + A_KEY] | code, REPETITION)
    return NOTHING


@step
def repetition(m: Memory, f: Reals, c: int) -> int:
    """Tokens and the first model of a repetition; a step of fixed work is done."""
    if at1(m, ROUTE, m[c + C_INDEX]) < 0:
        return then(m, REPEATED, c)
    draw_tokens(m, f, c)
    m[c + C_RUNG] = 0
    next_base(m, c, first_model(m, f, c), FIRST)
    return then(m, DISPATCH, c)


@step
def hear(m: Memory, f: Reals, c: int, t: int) -> int:
    """A try has ended: judge the answer, or see what can be done about the failure."""
    kind = m[t + T_OUTCOME]
    if kind != OK:
        return failed(m, f, c, t, kind)
    answered(m, c)
    judge(m, f, c, t)
    model = escalation(m, f, c)
    if model < 0:
        if m[M_THREADS] == 1:
            remember(m, c)
        if m[M_ANSWERS] == 1:
            keep_answer(m, c)
        return then(m, REPEATED, c)
    m[c + C_RUNG] += 1
    next_base(m, c, model, ESCALATION)
    return then(m, DISPATCH, c)


@step
def judge(m: Memory, f: Reals, c: int, t: int) -> None:
    """An answer came: is it right for the user? One that was cut short is not."""
    m[c + C_FIRST_TOKEN] = m[t + T_FIRST_TOKEN] if m[t + T_STREAMS] == 1 else NONE
    m[c + C_GOOD] = verdict(m, f, c, m[c + C_MODEL])
    if m[t + T_MARKS] & TRUNCATED:
        m[c + C_GOOD] = min(m[c + C_GOOD], 0)


@step
def escalation(m: Memory, f: Reals, c: int) -> int:
    """The cascade's next model if this answer is not good enough, else -1."""
    a, route = m[c + C_ACTION], at1(m, ROUTE, m[c + C_INDEX])
    following = at2(m, NEXT_MODEL, route, m[c + C_CHOSEN])
    if following < 0 or asks_again(m, a, following, m[c + C_MODEL]):
        return NONE
    code = code_of(m[c + C_NUMBER], m[c + C_REPEAT], m[c + C_RUNG], 0, 0)
    u, _ = uniform(m, ESCALATES, m[a + A_NUMBER], code, 0)
    return following if u < real3(m, f, ESCALATE, m[M_EPOCH], route, m[a + A_COMPLEXITY]) else NONE


@step
def asks_again(m: Memory, a: int, following: int, model: int) -> bool:
    """Would another model take the next one's place, and has just answered?"""
    instead = instead_of(m, a, following)
    return instead != following and instead == model


@step
def repeated(m: Memory, f: Reals, c: int) -> int:
    """A repetition is done: another one, or the call has all its answers."""
    a = m[c + C_ACTION]
    m[c + C_REPEAT] += 1
    if goes_on(m, f, c):
        return then(m, WORK_ON, c)
    m[c + C_KEY] = NONE
    if m[a + A_PENDING] == 0:  # alone in its stage
        return then(m, NEXT_STAGE, a)
    m[a + A_PENDING] -= 1
    if m[a + A_PENDING] == 0:
        follow_up(m, STAGE_DONE, a, m[a + A_NUMBER], 0)
    return NOTHING


@step
def goes_on(m: Memory, f: Reals, c: int) -> bool:
    """Is there another repetition?"""
    e, index, done = m[M_EPOCH], m[c + C_INDEX], m[c + C_REPEAT]
    if done < at2(m, TIMES, e, index):
        return True
    if done >= at2(m, REPEAT_MAX, e, index):
        return False
    code = code_of(m[c + C_NUMBER], done, 0, 0, 0)
    u, _ = uniform(m, AGAINS, origin(m[m[c + C_ACTION] + A_NUMBER]), code, 0)
    return u < real2(m, f, AGAIN, e, index)


@step
def free_calls(m: Memory, a: int) -> None:
    """Give back the calls of a stage, after adding up what they found."""
    c = m[a + A_CALLS]
    m[a + A_SEEN] = NONE
    while c != NONE:
        seen, following = m[c + C_FIRST_TOKEN], m[c + C_SIBLING]
        if at1(m, JUDGED, m[c + C_INDEX]) == 1:
            m[a + A_VERDICT] = min(m[a + A_VERDICT], m[c + C_GOOD])
        if seen != NONE and (m[a + A_SEEN] == NONE or seen < m[a + A_SEEN]):
            m[a + A_SEEN] = seen
        free_row(m, M_FREE_CALL, c)
        c = following
    m[a + A_CALLS] = NONE
