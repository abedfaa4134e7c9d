"""What a conversation has said so far, and its next turn after an answer."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.dice import count, turn, uniform, visitor
from simkit.engine.compiled.memory import *
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.plan.codes import Outcome

NEXT_TURN = int(Stream.TURN)
SUCCESS, DEGRADED = int(Outcome.OK), int(Outcome.DEGRADED)


@apart
def remember(m: Memory, c: int) -> None:
    """A repetition was answered: its words are part of the call's loop, and of the conversation in the end."""
    a, index = m[c + C_ACTION], m[c + C_INDEX]
    answer = m[c + C_TOKENS_OUT] - m[c + C_REASONING]
    if at1(m, SUMMARISES, index) == 1:
        m[a + A_HISTORY] = answer
        m[a + A_SUMMARIES] += 1
    elif at1(m, HISTORY, index) == 1:
        m[c + C_LOOP] += m[c + C_USER] + m[c + C_RETRIEVED] + answer
        if index == at1(m, LAST_HISTORY, m[a + A_KIND]):
            m[a + A_SAID] += m[c + C_USER] + at1(m, KEEPS_RETRIEVED, index) * m[c + C_RETRIEVED]
            m[a + A_ANSWER] = answer


@step
def needs_no_summary(m: Memory, c: int) -> bool:
    """Does a call summarise what is short enough?"""
    a, index = m[c + C_ACTION], m[c + C_INDEX]
    return at1(m, SUMMARISES, index) == 1 and m[a + A_HISTORY] <= at2(m, SUMMARY_LIMIT, m[M_EPOCH], index)


@apart
def say_more(m: Memory, f: Reals, a: int, outcome: int) -> None:
    """Who was served may have something more to say, after a while."""
    if outcome not in (SUCCESS, DEGRADED) or not has_more_to_say(m, f, a):
        return
    _, v = uniform(m, NEXT_TURN, m[a + A_NUMBER], 0, 0)
    history = m[a + A_HISTORY] + (m[a + A_SAID] + m[a + A_ANSWER] if outcome == SUCCESS else 0)
    after = count(m, f, at1(m, SESSIONS_THINK, m[M_EPOCH]), v)
    come_back(m, a, turn(m[a + A_NUMBER]) + 1, 0, after, history)


@step
def has_more_to_say(m: Memory, f: Reals, a: int) -> bool:
    """Is there another turn?"""
    e, done = m[M_EPOCH], turn(m[a + A_NUMBER]) + 1
    if done < at1(m, SESSIONS_TIMES, e):
        return True
    if done >= at1(m, SESSIONS_MOST, e):
        return False
    u, _ = uniform(m, NEXT_TURN, m[a + A_NUMBER], 0, 0)
    return u < real1(m, f, SESSIONS_AGAIN, e)


@apart
def come_back(m: Memory, a: int, turns: int, again: int, after: int, history: int) -> None:
    """The user of an action asks again after a while: the same, or something more. The conversation is taken along."""
    row = NONE
    if m[M_CARRIES] == 1:
        row = new_row(m, M_FREE_TURN, TURN_WIDTH)
        m[row + V_HISTORY] = history
        m[row + V_SUMMARIES] = m[a + A_SUMMARIES]
        m[row + V_USER] = m[a + A_USER]
        m[M_TURNS] += 1
    short = (turns << m[M_GENERATION_BITS] | again) << m[M_ORDINAL_BITS] | visitor(m[a + A_NUMBER])
    schedule(m, m[M_NOW] + after, ARRIVES, short << 25, row)


@step
def take_along(m: Memory, a: int, row: int) -> None:
    """What was said before is known to the action that arrives."""
    if row != NONE:
        m[a + A_HISTORY] = m[row + V_HISTORY]
        m[a + A_SUMMARIES] = m[row + V_SUMMARIES]
        m[a + A_USER] = m[row + V_USER]
        m[M_TURNS] -= 1
        free_row(m, M_FREE_TURN, row)
