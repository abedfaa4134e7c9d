"""Draws of one replication, all by the laws."""

from simkit.engine.compiled.memory import (
    CELLS,
    DIST_CAP,
    DIST_LOW,
    DIST_SCALE,
    DIST_TABLE,
    M_REPLICATION,
    M_SEED,
    Memory,
    Reals,
    at1,
    real1,
)  # fmt: skip
from simkit.engine.compiled.pointer import view
from simkit.laws.draws import pair
from simkit.laws.jit import step
from simkit.laws.sample import sample, whole


@step
def uniform(m: Memory, stream: int, entity: int, code: int, block: int) -> tuple[float, float]:
    """Two uniform numbers for an entity."""
    return pair(m[M_SEED], m[M_REPLICATION], stream, entity, code, block)


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
