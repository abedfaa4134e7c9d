"""Bins of a histogram of times: 128 to each doubling, by the leading bits of the count of nanoseconds.

Pure integer arithmetic, so every machine and both engines have the same bins. A time below 256 ns
has its own bin; above, a bin spans 1/128 to 1/256 of its value and its middle is within 0.4 % of all in it.
"""

import numpy as np

from simkit.laws.jit import inlined, law


@inlined
def bin_of(ns: int) -> int:
    """The bin of a time: its 7 bits after the leading one, counted on from the smaller powers of two."""
    leading = int(np.float64(ns).view(np.int64) >> 52) - 1023  # its leading bit, or one more where it was rounded
    shift = max(leading - 7, 0)
    high = ns >> shift
    if high < 128 and shift > 0:
        shift -= 1
        high = ns >> shift
    return shift * 128 + high


@law
def bin_low(index: int) -> int:
    """The smallest time of a bin, ns."""
    if index < 256:
        return index
    shift = index // 128 - 1
    return (index - shift * 128) << shift


@law
def bin_value(index: int) -> int:
    """The time that stands for a bin: its middle, ns."""
    if index < 256:
        return index
    shift = index // 128 - 1
    return ((index - shift * 128) << shift) + ((1 << shift) - 1) // 2
