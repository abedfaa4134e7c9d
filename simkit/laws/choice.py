"""Choosing one of several by a cumulative distribution."""

from simkit.laws.jit import Floats, Ints, law


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


@law
def guided(u: float, cdf: Floats, guide: Ints) -> int:
    """The same as `choose`, sooner: `guide` says for each of len(cdf) equal parts of (0, 1) where to begin to look."""
    i = guide[int(u * len(cdf))]
    while i < len(cdf) - 1 and u >= cdf[i]:
        i += 1
    return int(i)
