"""`Sample`: many integers, for exact counts, sums and nearest-rank percentiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sample:
    """A multiset of int64 in any order, put in order when that is first needed: of most samples it never is."""

    raw: Ints
    times: Ints | None = None
    """How often each of `raw` is in it; left out: once."""

    @classmethod
    def of(cls, raw: ArrayLike) -> "Sample":
        """A copy of all of `raw`, in any order."""
        return cls(np.array(raw, np.int64, order="C"))

    @classmethod
    def counted(cls, values: ArrayLike, counts: ArrayLike) -> "Sample":
        """`counts[i]` times `values[i]`; values may repeat and come in any order."""
        return cls(np.asarray(values, np.int64), np.asarray(counts, np.int64))

    @classmethod
    def binned(cls, bins: ArrayLike, counts: ArrayLike) -> "Sample":
        """From a histogram with the bins of `laws.histogram`: each value within 0.4 % of the true one."""
        return cls.counted(bin_values(bins), counts)

    @classmethod
    def merge(cls, samples: Sequence["Sample"]) -> "Sample":
        """All of several samples."""
        if len(samples) == 1:
            return samples[0]
        empty = np.zeros(0, np.int64)
        raw = np.concatenate([empty, *(one.raw for one in samples)])
        if all(one.times is None for one in samples):
            return cls(raw)
        times = (np.ones_like(one.raw) if one.times is None else one.times for one in samples)
        return cls(raw, np.concatenate([empty, *times]))

    @property
    def values(self) -> Ints:
        """Distinct values, ascending."""
        return self._ordered[0]

    @property
    def cumulative(self) -> Ints:
        """How many are at or below each of `values`."""
        return self._ordered[1]

    @property
    def counts(self) -> Ints:
        """How many of each of `values`."""
        return np.diff(self.cumulative, prepend=0)

    @cached_property
    def _ordered(self) -> tuple[Ints, Ints]:
        if self.times is None:
            ordered = np.sort(self.raw)
            below = np.arange(1, len(ordered) + 1)
        else:
            order = np.argsort(self.raw, kind="stable")  # several sorted parts, one after the other, are only merged
            order = order[self.times[order] > 0]
            ordered, below = self.raw[order], np.cumsum(self.times[order], dtype=np.int64)
        last = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
        return ordered[last], below[last]

    @cached_property
    def n(self) -> int:
        """How many in all."""
        return len(self.raw) if self.times is None else int(self.times.sum())

    @property
    def sum(self) -> int:
        """Exact sum of all."""
        high, low = self.values >> 20, self.values & 0xFFFFF
        return (int(np.dot(high, self.counts)) << 20) + int(np.dot(low, self.counts))

    def count_le(self, x: int) -> int:
        """How many are at most `x`."""
        if self.times is None and "_ordered" not in self.__dict__:  # looked at less often than sorting takes
            return int(np.count_nonzero(self.raw <= x))
        place = int(np.searchsorted(self.values, x, "right"))
        return int(self.cumulative[place - 1]) if place else 0

    def rank(self, k: int) -> int:
        """The k-th smallest, k = 1..n.

        Raises:
            IndexError: There is no k-th.
        """
        if not 1 <= k <= self.n:
            raise IndexError(f"rank {k} of {self.n}")
        return int(self.values[np.searchsorted(self.cumulative, k, "left")])

    def percentile(self, p: float) -> int | None:
        """Nearest rank: the smallest value with at least the share `p` at or below it; None if empty."""
        return self.rank(nearest_rank(p, self.n)) if self.n else None

    def excess(self, x: int) -> int:
        """Exact sum of max(0, value - x)."""
        above = self.values > x
        part = Sample.counted(self.values[above], self.counts[above])
        return part.sum - x * part.n


def nearest_rank(p: float, n: int) -> int:
    """ceil(p n) within 1..n, with `p` as it is written in decimal (0.07 x 100 is 7, not 8)."""
    return min(max(ceil(Fraction(repr(float(p))) * n), 1), n)


def bins_of(times: ArrayLike) -> Ints:
    """`laws.histogram.bin_of` for an array."""
    high = np.array(times, np.int64)
    shift = np.zeros_like(high)
    for step in (32, 16, 8, 4, 2, 1):
        far = high >= 256 << (step - 1)
        shift[far] += step
        high[far] >>= step
    return shift * 128 + high


def bin_values(bins: ArrayLike) -> Ints:
    """`laws.histogram.bin_value` for an array."""
    index = np.asarray(bins, np.int64)
    shift = np.maximum(index // 128 - 1, 0)
    middle: Ints = ((index - shift * 128) << shift) + ((np.int64(1) << shift) - 1) // 2
    return middle


def bin_lows(bins: ArrayLike) -> Ints:
    """`laws.histogram.bin_low` for an array."""
    index = np.asarray(bins, np.int64)
    shift = np.maximum(index // 128 - 1, 0)
    low: Ints = (index - shift * 128) << shift
    return low
