"""A store: the entries of a cache by key, in the order in which they go when it is full.

Entries hang in chains at the heads of a table. They stand in one line, too: the least used first, and of those that
were used alike the one touched longest ago. Uses are counted up to K_COUNTS; with 0 the least recently used goes first.
"""

from simkit.engine.compiled.memory import *
from simkit.engine.compiled.station import join, quit_line
from simkit.laws.jit import apart, step

MIX = 7919
"""Spreads the parts of one key over the heads."""


@step
def store(m: Memory, number: int) -> int:
    """Address of a store: of the exact, of the semantic cache, of each deployment's prompt cache."""
    return m[STORES] + number * STORE_WIDTH


@step
def head_of(m: Memory, s: int, key: int, part: int) -> int:
    """Where the chain of a key begins (keys of answers are dense: each has a head of its own)."""
    place, heads = key + part * MIX, m[s + K_NUMBER]
    return m[HEADS] + m[s + K_HEADS] + (place if place < heads else place % heads)


@step
def find(m: Memory, s: int, key: int, part: int) -> int:
    """The entry of a key, or NONE."""
    e = m[head_of(m, s, key, part)]
    while e != NONE and (m[e + E_KEY] != key or m[e + E_PART] != part):
        e = m[e + E_NEXT]
    return e


@step
def new_entry(m: Memory, s: int, key: int, part: int) -> int:
    """An entry that is found, but stands in no line yet."""
    e, head = new_row(m, M_FREE_ENTRY, ENTRY_WIDTH), head_of(m, s, key, part)
    m[e + E_KEY] = key
    m[e + E_PART] = part
    m[e + E_NEXT] = m[head]
    m[head] = e
    m[e + E_USES] = m[e + E_SIZE] = 0
    m[e + E_GOOD] = NO_ANSWER
    m[e + E_LEADER] = m[e + E_FOLLOWER] = m[e + E_FOLLOWER_LAST] = NONE
    m[M_ENTRIES] += 1
    return e


@step
def forget(m: Memory, s: int, e: int) -> None:
    """An entry that stands in no line is found no more; its row is free."""
    place = head_of(m, s, m[e + E_KEY], m[e + E_PART])
    while m[place] != e:
        place = m[place] + E_NEXT
    m[place] = m[e + E_NEXT]
    m[M_ENTRIES] -= 1
    free_row(m, M_FREE_ENTRY, e)


@step
def line_up(m: Memory, s: int, e: int) -> None:
    """Behind the last that was used as often."""
    if m[s + K_COUNTS] == 0:
        join(m, s + K_FIRST, E_AFTER, e)
    else:
        line_up_by_uses(m, s, e)


@apart
def line_up_by_uses(m: Memory, s: int, e: int) -> None:
    """The same where uses are counted: behind the last that was used as often, or else less."""
    tails = m[TAILS] + m[s + K_TAILS]
    uses = m[e + E_USES]
    while uses >= 0 and m[tails + uses] == NONE:
        uses -= 1
    before = m[tails + uses] if uses >= 0 else NONE
    after = m[before + E_AFTER] if before != NONE else m[s + K_FIRST]
    m[tails + m[e + E_USES]] = e
    m[e + E_BEFORE] = before
    m[e + E_AFTER] = after
    m[before + E_AFTER if before != NONE else s + K_FIRST] = e
    m[after + E_BEFORE if after != NONE else s + K_LAST] = e


@step
def step_out(m: Memory, s: int, e: int) -> None:
    """Out of the line."""
    if m[s + K_COUNTS] > 0:
        tail, before = m[TAILS] + m[s + K_TAILS] + m[e + E_USES], m[e + E_BEFORE]
        if m[tail] == e:
            m[tail] = before if before != NONE and m[before + E_USES] == m[e + E_USES] else NONE
    quit_line(m, s + K_FIRST, E_AFTER, e)


@step
def add(m: Memory, s: int, e: int, born: int) -> None:
    """An entry is in the store from now on, kept longest of those that were never used."""
    m[e + E_BORN] = born
    m[s + K_COUNT] += 1
    line_up(m, s, e)


@step
def touch(m: Memory, s: int, e: int) -> None:
    """Once more used."""
    step_out(m, s, e)
    m[e + E_USES] = min(m[e + E_USES] + 1, m[s + K_COUNTS])
    line_up(m, s, e)


@step
def renew(m: Memory, s: int, e: int, born: int) -> None:
    """Written anew, which is no use."""
    step_out(m, s, e)
    m[e + E_BORN] = born
    line_up(m, s, e)


@step
def drop(m: Memory, s: int, e: int) -> None:
    """An entry goes; who is answering its question, and who waits for that, stays."""
    step_out(m, s, e)
    m[s + K_COUNT] -= 1
    m[s + K_SIZE] -= m[e + E_SIZE]
    m[e + E_GOOD] = NO_ANSWER
    m[e + E_USES] = 0
    if m[e + E_LEADER] == NONE:
        forget(m, s, e)


@apart
def clear(m: Memory, s: int) -> None:
    """All entries go."""
    while m[s + K_FIRST] != NONE:
        drop(m, s, m[s + K_FIRST])
