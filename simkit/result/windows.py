"""Windows of time over [0, horizon): at most 400 for the timeline (days, over years), hours and minutes for limits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.engine.log import DID_NOT

Ints = NDArray[np.int64]

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MOST = 400
"""Most windows of a timeline."""
MOST_DAYS = 1461
"""So long a horizon has windows of a day, so that what is told by day, week and month is exact."""
LENGTHS = tuple(
    [10**power * step for power in range(9) for step in (1, 2, 5)]
    + [s * SECOND for s in (1, 2, 5, 10, 15, 30)]
    + [m * MINUTE for m in (1, 2, 5, 10, 15, 30)]
    + [h * HOUR for h in (1, 2, 3, 4, 6, 12)]
    + [d * DAY for d in (1, 2, 4, 7, 14, 28)]
)
"""Lengths of windows that people read easily."""


def happened(times: Ints) -> NDArray[np.bool_]:
    """Which moments of a log are times, and not the sign that a thing did not happen."""
    found: NDArray[np.bool_] = times != DID_NOT
    return found


@dataclass(frozen=True)
class Windows:
    """`count` windows of `length` from 0; the last ends at the horizon, be it shorter or longer."""

    length: int
    count: int
    horizon: int

    @property
    def edges(self) -> Ints:
        """(count + 1) borders, ns."""
        edges = np.arange(self.count + 1, dtype=np.int64) * self.length
        edges[-1] = self.horizon
        return edges

    def index(self, times: Ints) -> Ints:
        """The window of each time in [0, horizon)."""
        return np.minimum(times // self.length, self.count - 1)


def timeline_windows(horizon: int) -> Windows:
    """The shortest readable length that needs at most 400 windows; the last may be shorter. Up to four years: a day."""
    horizon = max(horizon, 1)
    length = next((unit for unit in LENGTHS if unit * MOST >= horizon), -(-horizon // MOST))
    if horizon <= MOST_DAYS * DAY:
        length = min(length, DAY)
    return Windows(length, -(-horizon // length), horizon)


def whole_windows(horizon: int, length: int) -> Windows:
    """Windows of at least `length`: the last takes the rest, so that no short one looks extreme."""
    horizon = max(horizon, 1)
    return Windows(length, max(1, horizon // length), horizon)


def spread(starts: Ints, ends: Ints, edges: Ints) -> Ints:
    """Total length of the intervals [start, end) within each window, exactly.

    The sums may pass 2^63 on the way; int64 wraps, and their differences are right all the same.
    """

    def since(moments: Ints) -> Ints:
        ordered = np.sort(moments)
        total = np.concatenate([np.zeros(1, np.int64), np.cumsum(ordered, dtype=np.int64)])
        below = np.searchsorted(ordered, edges, "left")
        sums: Ints = below * edges - total[below]
        return sums

    return np.diff(since(starts) - since(ends))


def integral(epochs: Ints, values: NDArray[np.float64], edges: Ints) -> NDArray[np.float64]:
    """Integral over each window of a value that is constant between epochs (values[e] from epochs[e] on)."""
    if len(epochs) == 1:
        return np.asarray(values[0] * np.diff(edges))
    before = np.concatenate([[0.0], np.cumsum(np.diff(epochs) * values[:-1])])
    place = np.maximum(np.searchsorted(epochs, edges, "right") - 1, 0)
    return np.diff(before[place] + (edges - epochs[place]) * values[place])
