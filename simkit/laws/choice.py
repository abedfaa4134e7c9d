"""Choosing one of several by a cumulative distribution."""

from simkit.laws.jit import Floats, law


@law
def choose(u: float, cdf: Floats) -> int:
    """Index of the first entry of the ascending `cdf` that is above `u`; the last if none is (rounding)."""
    low = 0
    high = len(cdf) - 1
    while low < high:
        middle = (low + high) // 2
        if u < cdf[middle]:
            high = middle
        else:
            low = middle + 1
    return low
