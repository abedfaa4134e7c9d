"""Paired differences under common random numbers: what two scenarios differ by, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.result.statistics import half_width

Values = Sequence[float | None]


@dataclass(frozen=True)
class Paired:
    """Difference and ratio of one metric with their 95 % intervals; None where there is none."""

    difference: float
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None

    @property
    def decided(self) -> bool:
        """Is the sign of the difference sure: does its interval exclude 0?"""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def same(self) -> bool:
        """Is there no difference in any replication?"""
        return self.difference == 0 and self.low == 0 and self.high == 0


def paired(baseline: float, other: float, baseline_rows: Values, other_rows: Values) -> Paired:
    """Compare a metric of two scenarios that ran the same replications.

    Args:
        baseline: value over all replications pooled.
        other: the other scenario's.
        baseline_rows: values of the single replications, in their order.
        other_rows: the other scenario's.

    The intervals lie about the pooled figures; their widths are those of t-intervals of the differences, and of the
    logarithms of the ratios, by replication. What the replications share cancels: that makes them narrow.
    There is none with fewer than two replications, or where a replication has no value.
    """
    difference = other - baseline
    rows = None if None in baseline_rows or None in other_rows else (_floats(baseline_rows), _floats(other_rows))
    if rows is None or len(rows[0]) < 2:
        return Paired(difference, ratio=other / baseline if baseline else None)
    half = half_width(rows[1] - rows[0])
    low, high = difference - half, difference + half
    if not (baseline > 0 and other > 0 and (rows[0] > 0).all() and (rows[1] > 0).all()):
        return Paired(difference, low, high, other / baseline if baseline else None)
    ratio, factor = other / baseline, math.exp(half_width(np.log(rows[1] / rows[0])))
    return Paired(difference, low, high, ratio, ratio / factor, ratio * factor)


def _floats(values: Values) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)
