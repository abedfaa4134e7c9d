"""Draws of one replication, all by the laws."""

from simkit.engine.compiled.memory import (
    A_NUMBER,
    AHEAD,
    C_ACTION,
    C_DRAWN,
    C_LANES,
    CELLS,
    DIST_CAP,
    DIST_LOW,
    DIST_SCALE,
    DIST_TABLE,
    LANE_BLOCK,
    LANE_ENTITY,
    LANE_STREAM,
    LANES,
    M_AHEAD,
    M_HOME,
    M_LANES,
    M_NUMBER,
    M_REPLICATION,
    M_SEED,
    M_STREAMS,
    Memory,
    Reals,
    at1,
    real1,
)  # fmt: skip
from simkit.engine.compiled.pointer import view
from simkit.laws.draws import numbers, unit
from simkit.laws.jit import apart, step
from simkit.laws.sample import sample, whole
from simkit.plan.codes import GENERATION, TURN

ORIGIN = ~(15 << GENERATION)
"""The bits of an action's id but for how often it was asked before."""


@apart
def uniform(m: Memory, stream: int, entity: int, code: int, block: int) -> tuple[float, float]:
    """Two uniform numbers for an entity."""
    one, other = numbers(m[M_SEED], m[M_REPLICATION], stream, entity, code, block)
    return unit(one), unit(other)


@step
def origin(number: int) -> int:
    """Of an action's id: that of the one that its user asked first. What is asked again is the same."""
    return number & ORIGIN


@step
def visitor(number: int) -> int:
    """Of an action's id: the number of its conversation, which is that of its first turn."""
    return number & ((1 << GENERATION) - 1)


@step
def generation(number: int) -> int:
    """Of an action's id: how often it was asked before."""
    return number >> GENERATION & 15


@step
def turn(number: int) -> int:
    """Of an action's id: which turn of its conversation it is, 0 being the first."""
    return number >> TURN


@apart
def draw_call(m: Memory, c: int, code: int) -> None:
    """Draw all that a repetition of a call and its first try may ask for: side by side, eight take the time of two."""
    seed, replication, number = m[M_SEED], m[M_REPLICATION], m[m[c + C_ACTION] + A_NUMBER]
    stream, block, entity, lane = m[LANE_STREAM], m[LANE_BLOCK], m[LANE_ENTITY], c + C_LANES
    for i in range(m[M_LANES]):
        one, other = numbers(seed, replication, m[stream + i], number & m[entity + i], code, m[block + i])
        m[lane + i] = one
        m[lane + LANES + i] = other
    m[c + C_DRAWN] = code


@step
def of_call(m: Memory, c: int, lane: int, code: int) -> tuple[float, float]:
    """Two uniform numbers of a call: those drawn before, unless it is about another try."""
    if m[c + C_DRAWN] == code:
        return unit(m[c + C_LANES + lane]), unit(m[c + C_LANES + LANES + lane])
    entity = m[m[c + C_ACTION] + A_NUMBER] & at1(m, LANE_ENTITY, lane)
    return uniform(m, at1(m, LANE_STREAM, lane), entity, code, at1(m, LANE_BLOCK, lane))


@step
def draw_ahead(m: Memory, stream: int, row: int) -> None:
    """Draw for the next arrivals, side by side; a row holds the first, the next row the second number of each."""
    seed, replication, items, sources = m[M_SEED], m[M_REPLICATION], m[M_AHEAD], m[M_STREAMS]
    number = m[M_NUMBER] * sources + m[M_HOME]
    first = m[AHEAD] + row * items
    for i in range(items):
        one, other = numbers(seed, replication, stream, number + i * sources, 0, 0)
        m[first + i] = one
        m[first + items + i] = other


@step
def of_arrival(m: Memory, row: int) -> tuple[float, float]:
    """Two uniform numbers of the action that arrives now."""
    first = m[AHEAD] + row * m[M_AHEAD] + (m[M_NUMBER] & (m[M_AHEAD] - 1))
    return unit(m[first]), unit(m[first + m[M_AHEAD]])


@step
def varies(m: Memory, dist: int) -> bool:
    """Does a value depend on the number drawn? (Not a constant's, not that of no distribution.)"""
    return dist >= 0 and at1(m, DIST_TABLE, dist) >= 0


@step
def value(m: Memory, f: Reals, dist: int, u: float) -> float:
    """The quantile `u` of a distribution."""
    scale = real1(m, f, DIST_SCALE, dist)
    low, cap = real1(m, f, DIST_LOW, dist), real1(m, f, DIST_CAP, dist)
    cells = view(f, m[CELLS], (m[CELLS + 3], m[CELLS + 1] // 2, 2))
    return sample(u, at1(m, DIST_TABLE, dist), scale, low, cap, cells)


@step
def count(m: Memory, f: Reals, dist: int, u: float) -> int:
    """The same as a whole number (tokens, ns); 0 for no distribution."""
    if dist < 0:
        return 0
    return whole(value(m, f, dist, u))
