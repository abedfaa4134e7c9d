"""Prompt caches: each deployment keeps how prompts began, and reads it when another begins alike."""

from simkit.engine.compiled.dice import visitor
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.store import add, clear, drop, find, new_entry, store, touch
from simkit.laws.jit import apart, step
from simkit.laws.store import is_fresh, readable

OF_SYSTEM, OF_HISTORY, OF_LOOP, OF_TRACE = (sort << 60 for sort in range(4))
"""Sorts of pieces: the upper bits of their keys."""
CUTS_BITS = 40


@step
def piece(m: Memory, number: int, key: int, part: int, end: int) -> int:
    """Write down a piece of a prompt; how many there are."""
    p = m[PIECES] + number * PIECE_WIDTH
    m[p + P_KEY] = key
    m[p + P_PART] = part
    m[p + P_END] = end
    return number + 1


@step
def pieces(m: Memory, t: int) -> int:
    """Write down what an attempt's prompt begins with: a trace's blocks, or system prompt, history, loop. How many."""
    name, found = at1(m, NAME, m[t + T_INDEX]) << NUMBER_BITS, 0
    if m[M_TRACED] == 1 and at1(m, PROMPTS_BLOCK, 0) > 0:
        found = blocks(m, t)
        if found > 0:
            return found
    system, seen, before = m[t + T_SYSTEM], m[t + T_HISTORY], m[t + T_BEFORE]
    if system > 0:
        found = piece(m, found, OF_SYSTEM | name, 0, system)
    if before > 0:
        part = m[t + T_SUMMARIES] << CUTS_BITS | m[t + T_CUTS]
        found = piece(m, found, OF_HISTORY | name | visitor(m[t + T_NUMBER]), part, system + before)
    if seen > before:
        found = piece(m, found, OF_LOOP | name | m[t + T_KEY] >> 25, m[t + T_CUTS], system + seen)
    return found


@apart
def blocks(m: Memory, t: int) -> int:
    """The same of a trace's blocks."""
    row, size = visitor(m[t + T_NUMBER]), at1(m, PROMPTS_BLOCK, 0)
    first, found = at1(m, PROMPTS_FIRST_BLOCK, row), 0
    for i in range(first, at1(m, PROMPTS_FIRST_BLOCK, row + 1)):
        end = min(size * (found + 1), m[t + T_TOKENS_IN])
        found = piece(m, found, OF_TRACE | at1(m, PROMPTS_BLOCKS, i), 0, end)
    return found


@apart
def read_prefix(m: Memory, t: int) -> None:
    """What of the prompt is there now, and what will have to be written; nothing is touched."""
    if m[t + T_BATCH] == 1:
        return
    e, n, found = m[M_EPOCH], m[t + T_DEPLOYMENT], pieces(m, t)
    minimum, granules = at2(m, PROMPTS_MINIMUM, e, n), at2(m, PROMPTS_STEP, e, n)
    prefix = m[m[PIECES] + (found - 1) * PIECE_WIDTH + P_END] if found > 0 else 0
    m[t + T_RUN] = longest_run(m, n, found)
    m[t + T_CACHED] = readable(m[t + T_RUN], minimum, granules)
    m[t + T_WRITTEN] = readable(prefix, minimum, granules) - m[t + T_CACHED]
    m[t + T_VISITS] = found > 0 and prefix >= minimum


@step
def longest_run(m: Memory, n: int, found: int) -> int:
    """The longest beginning of a prompt that is there, in tokens."""
    s, ttl, run = store(m, 2 * m[M_REGIONS] + n), at2(m, PROMPTS_TTL, m[M_EPOCH], n), 0
    for i in range(found):
        p = m[PIECES] + i * PIECE_WIDTH
        entry = find(m, s, m[p + P_KEY], m[p + P_PART])
        if entry == NONE or not is_fresh(m[entry + E_BORN], ttl, m[M_NOW]):
            break
        run = min(m[entry + E_END], m[p + P_END])
        if m[entry + E_END] < m[p + P_END]:
            break
    return run


@apart
def visit(m: Memory, t: int) -> None:
    """If an attempt has made a first token, its prompt is kept: the beginning longest."""
    if m[t + T_VISITS] == 0 or m[t + T_ANSWERS] == 0 or m[M_NOW] < m[t + T_THINKS]:
        return
    m[t + T_VISITS] = 0
    n = m[t + T_DEPLOYMENT]
    s, i = store(m, 2 * m[M_REGIONS] + n), pieces(m, t)
    while i > 0:
        i -= 1
        keep(m, t, s, m[PIECES] + i * PIECE_WIDTH, i > 0)
    while m[s + K_SIZE] > at2(m, PROMPTS_CAPACITY, m[M_EPOCH], n):
        drop(m, s, m[s + K_FIRST])
    while m[s + K_FIRST] != NONE and not is_fresh(m[m[s + K_FIRST] + E_BORN], at1(m, LONGEST_TTL, n), m[M_NOW]):
        drop(m, s, m[s + K_FIRST])  # no epoch lets it live so long


@step
def keep(m: Memory, t: int, s: int, p: int, has_more_before: bool) -> None:
    """Keep a piece of a prompt."""
    n, now, end, refresh = (
        m[t + T_DEPLOYMENT],
        m[M_NOW],
        m[p + P_END],
        at1(m, PROMPTS_REFRESH, m[t + T_DEPLOYMENT]) == 1,
    )
    begin = m[p - PIECE_WIDTH + P_END] if has_more_before else 0
    entry = find(m, s, m[p + P_KEY], m[p + P_PART])
    if entry != NONE and not is_fresh(m[entry + E_BORN], at2(m, PROMPTS_TTL, m[M_EPOCH], n), now):
        drop(m, s, entry)
        entry = NONE
    if entry == NONE:
        if not refresh and end <= m[t + T_RUN]:
            return  # its life ended while it was read
        entry = new_entry(m, s, m[p + P_KEY], m[p + P_PART])
        m[entry + E_END] = end
        add(m, s, entry, now)
    else:
        if refresh or end > m[entry + E_END]:
            m[entry + E_BORN] = now
        m[entry + E_END] = max(m[entry + E_END], end)
        touch(m, s, entry)
    m[s + K_SIZE] += m[entry + E_END] - begin - m[entry + E_SIZE]
    m[entry + E_SIZE] = m[entry + E_END] - begin


@apart
def empty_prompts(m: Memory) -> None:
    """All goes, at all deployments."""
    for n in range(m[M_DEPLOYMENTS]):
        clear(m, store(m, 2 * m[M_REGIONS] + n))
