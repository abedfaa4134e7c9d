"""A window of time over which results are counted, in ten parts that are emptied as time goes on.

The state is a vector of 21: the newest part, ten counts of one sort, ten of the other.
"""

from simkit.laws.jit import Ints, law

SLIDING, CALENDAR, FIXED = 0, 1, 2
"""The last ten tenths; the present stretch of the clock, aligned to UTC; a stretch that begins with its first count."""
PARTS = 10
FIRST = 1
SECOND = FIRST + PARTS
"""Where the counts of each sort begin."""
LENGTH = SECOND + PARTS
UNUSED = -(2**62)
"""The newest part of a window that has counted nothing."""


@law
def window_clear(w: Ints) -> None:
    """Nothing counted."""
    w[0] = UNUSED
    for i in range(1, LENGTH):
        w[i] = 0


@law
def window_at(w: Ints, kind: int, now: int, utc: int, window: int) -> int:
    """Move on to `now`, emptying what is too old; the cell to count in."""
    if kind == FIXED:
        if w[0] == UNUSED or now >= w[0] + window:
            window_clear(w)
            w[0] = now
        return 0
    cells = PARTS if kind == SLIDING else 1
    part = now // max(window // PARTS, 1) if kind == SLIDING else (utc + now) // window
    for i in range(min(cells, part - w[0])):
        w[FIRST + (part - i) % cells] = 0
        w[SECOND + (part - i) % cells] = 0
    w[0] = part
    return int(part % cells)


@law
def window_sum(w: Ints, first: int) -> int:
    """All counts of one sort: `first` is FIRST or SECOND."""
    total = 0
    for i in range(first, first + PARTS):
        total += w[i]
    return total
