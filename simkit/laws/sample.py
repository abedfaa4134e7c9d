"""Sampling a distribution from its table (`simkit.plan.tables`), and rounding to whole numbers."""

import numpy as np

from simkit.laws.jit import Floats, law

LOWER = 2.0**-24
UPPER = 2.0**-46
"""Offsets of the lower and the upper half of a table: cells divide the octaves of side + offset."""
DROPPED = 46
"""Mantissa bits below those that number the 64 cells of an octave."""
LOWER_FIRST = (1023 - 24) << 6
UPPER_FIRST = ((1023 - 46) << 6) - ((24 - 1) * 64 + 1)
"""Exponent and top mantissa bits of the offsets; the upper half follows the cells of the lower one."""
LARGEST = 2**62
"""Whole numbers stay within this."""


@law
def sample(u: float, table: int, scale: float, low: float, cap: float, cells: Floats) -> float:
    """The value at probability u in (0, 1), clipped to [low, cap]; without a table (-1) the constant `scale`.

    In cell i of the table it is scale * (cells[table, i, 0] + cells[table, i, 1] * side), where side is
    u in the lower half and 1 - u (exact for u = (k + 0.5) 2^-52) in the upper one. (i is unsigned, for a place in an
    array that may be negative is looked at first.)
    """
    if table < 0:
        return scale
    if u < 0.5:
        side = u
        cell = np.uint64((np.float64(side + LOWER).view(np.int64) >> DROPPED) - LOWER_FIRST)
    else:
        side = 1.0 - u
        cell = np.uint64((np.float64(side + UPPER).view(np.int64) >> DROPPED) - UPPER_FIRST)
    value = scale * float(cells[table, cell, 0] + cells[table, cell, 1] * side)
    if value < low:
        return low
    if value > cap:
        return cap
    return value


@law
def whole(x: float) -> int:
    """x rounded half to even, within +-2^62."""
    if x >= LARGEST:
        return LARGEST
    if x <= -LARGEST:
        return -LARGEST
    return int(np.rint(x))


__all__ = ["LARGEST", "sample", "whole"]
