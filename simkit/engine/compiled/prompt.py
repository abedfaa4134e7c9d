"""What one repetition of a call sends to a model, and what it asks for."""

from simkit.engine.compiled.dice import count, of_call, origin, uniform
from simkit.engine.compiled.memory import *
from simkit.laws.draws import Stream, code_of
from simkit.laws.jit import apart, step
from simkit.laws.region import scaled
from simkit.laws.store import window_of

TOKENS = int(Stream.TOKENS)


@step
def draw_tokens(m: Memory, f: Reals, c: int) -> None:
    """Tokens of this repetition: a trace's, or drawn."""
    a, e, index = m[c + C_ACTION], m[M_EPOCH], m[c + C_INDEX]
    number, code = origin(m[a + A_NUMBER]), code_of(m[c + C_NUMBER], m[c + C_REPEAT], 0, 0, 0)
    system, retrieved, user = at3(m, INPUT, e, index, 0), at3(m, INPUT, e, index, 1), at3(m, INPUT, e, index, 2)
    answer = at3(m, OUTPUT, e, index, m[a + A_COMPLEXITY])
    u, v = of_call(m, c, L_PROMPT, code)
    w, x = of_call(m, c, L_ANSWER, code)
    m[c + C_PREFIX] = count(m, f, system, u)
    m[c + C_RETRIEVED] = count(m, f, retrieved, v) * at2(m, CHUNKS, e, index)
    m[c + C_USER] = in_language(m, f, a, count(m, f, user, w))
    if m[M_THREADS] == 1:
        look_back(m, c)
    m[c + C_TOKENS_IN] = m[c + C_PREFIX] + m[c + C_HISTORY] + m[c + C_RETRIEVED] + m[c + C_USER]
    tokens_out = in_language(m, f, a, count(m, f, answer, x))
    m[c + C_CACHED] = NONE
    if m[M_TRACED] == 1:
        if at1(m, TRACE_INPUT, number) >= 0:
            take_prompt(m, c, at1(m, TRACE_INPUT, number))
        tokens_out = at1(m, TRACE_OUTPUT, number) if at1(m, TRACE_OUTPUT, number) >= 0 else tokens_out
        m[c + C_CACHED] = min(at1(m, TRACE_CACHED, number), m[c + C_TOKENS_IN])
    ask(m, f, c, tokens_out, code)


@step
def in_language(m: Memory, f: Reals, a: int, tokens: int) -> int:
    """Words in the user's language."""
    if m[M_LANGUAGES] == 0:
        return tokens
    factor = real2(m, f, REGIONS_TOKENS, m[M_EPOCH], m[a + A_HOME])
    return tokens if factor == 1.0 else scaled(tokens, factor)


@step
def take_prompt(m: Memory, c: int, tokens_in: int) -> None:
    """A trace's prompt, which may be shorter than the prefix; nothing else is known of it."""
    m[c + C_TOKENS_IN] = tokens_in
    m[c + C_PREFIX] = min(m[c + C_PREFIX], tokens_in)
    m[c + C_HISTORY] = m[c + C_BEFORE] = m[c + C_CUTS] = m[c + C_RETRIEVED] = 0


@apart
def look_back(m: Memory, c: int) -> None:
    """What was said before is sent again: all of it for a summary, else as much as the limit lets through."""
    e, index, said = m[M_EPOCH], m[c + C_INDEX], m[m[c + C_ACTION] + A_HISTORY]
    if at1(m, SUMMARISES, index) == 1:
        m[c + C_HISTORY] = m[c + C_BEFORE] = said
        return
    if at1(m, HISTORY, index) == 0:
        return
    if m[c + C_REPEAT] > 0:
        m[c + C_USER] = 0  # the user's words came with the first repetition
    thread = said + m[c + C_LOOP]
    out, cuts = window_of(thread, at2(m, HISTORY_LIMIT, e, index), at2(m, HISTORY_STEP, e, index))
    m[c + C_CUTS] = cuts
    m[c + C_HISTORY] = thread - out
    m[c + C_BEFORE] = max(0, said - out)


@step
def ask(m: Memory, f: Reals, c: int, answer: int, code: int) -> None:
    """Tokens of the answer, those thought before it among them, as far as it may be that long."""
    e, index, a = m[M_EPOCH], m[c + C_INDEX], m[c + C_ACTION]
    dist, longest = at3(m, REASONING, e, index, m[a + A_COMPLEXITY]), at2(m, MAX_OUTPUT, e, index)
    thought = thoughts(m, f, c, dist, code) if dist >= 0 else 0
    m[c + C_TOKENS_OUT] = min(answer + thought, longest)
    m[c + C_REASONING] = min(thought, m[c + C_TOKENS_OUT])
    m[c + C_TRUNCATED] = answer + thought > longest


@apart
def thoughts(m: Memory, f: Reals, c: int, dist: int, code: int) -> int:
    """Tokens that are thought before the answer."""
    u, _ = uniform(m, TOKENS, origin(m[m[c + C_ACTION] + A_NUMBER]), code, 2)
    return count(m, f, dist, u)


@apart
def draw_unsent(m: Memory, f: Reals, c: int) -> None:
    """The tokens that a repetition would have had that a cache answers: the conversation goes on with them."""
    draw_tokens(m, f, c)
