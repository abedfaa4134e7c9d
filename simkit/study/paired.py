"""Paired differences under common random numbers: what two scenarios differ by, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.result.statistics import LEVEL, half_width

Values = Sequence[float | None]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """Difference and ratio of one metric with their 95 % intervals; None where there is none."""

    difference: float
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    p: float | None = None
    """How often chance alone would show such a difference; after a correction: in any of the comparisons."""
    saved: float | None = None
    """How many times more replications it would take without pairing."""

    @property
    def decided(self) -> bool:
        """Is the sign of the difference sure: does its interval exclude 0, with all that was compared besides?"""
        return self.apart and (self.p is None or self.p <= LEVEL)

    @property
    def apart(self) -> bool:
        """Does its own interval exclude 0?"""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def same(self) -> bool:
        """Is there no difference in any replication?"""
        return self.difference == 0 and self.low == 0 and self.high == 0


def paired(baseline: float, other: float, baseline_rows: Values, other_rows: Values, level: float = LEVEL) -> Paired:
    """Compare a metric of two scenarios that ran the same replications.

    Args:
        baseline: value over all replications pooled.
        other: the other scenario's.
        baseline_rows: values of the single replications, in their order.
        other_rows: the other scenario's.
        level: share of intervals that miss.

    The intervals lie about the pooled figures; their widths are those of t-intervals of the differences, and of the
    logarithms of the ratios, by replication. What the replications share cancels: that makes them narrow.
    There is none with fewer than two replications, or where a replication has no value.
    """
    difference = other - baseline
    rows = None if None in baseline_rows or None in other_rows else (_floats(baseline_rows), _floats(other_rows))
    if rows is None or len(rows[0]) < 2:
        return Paired(difference, ratio=other / baseline if baseline else None)
    gaps = rows[1] - rows[0]
    half = half_width(gaps, level)
    low, high, saved = difference - half, difference + half, times_fewer(*rows)
    if not (baseline > 0 and other > 0 and (rows[0] > 0).all() and (rows[1] > 0).all()):
        return Paired(difference, low, high, other / baseline if baseline else None, p=p_value(gaps), saved=saved)
    logs = np.log(rows[1] / rows[0])
    ratio, factor = other / baseline, math.exp(half_width(logs, level))
    return Paired(difference, low, high, ratio, ratio / factor, ratio * factor, p_value(logs), saved)


def times_fewer(before: Floats, after: Floats) -> float | None:
    """How many times fewer replications pairing needs for an interval of one width: the ratio of the variances.

    None: the difference is the same in every replication, so that two would do, or nothing varies.
    """
    apart, together = float(before.var(ddof=1) + after.var(ddof=1)), float((after - before).var(ddof=1))
    return apart / together if together > 1e-24 * max(apart, 1e-300) and apart > 0 else None


def p_value(gaps: Floats) -> float:
    """Student's two-sided test that the mean of the differences is 0."""
    from scipy.special import stdtr

    error = float(gaps.std(ddof=1)) / math.sqrt(len(gaps))
    mean = abs(float(gaps.mean()))
    if error <= 1e-12 * mean or not error:
        return 0.0 if mean else 1.0
    return float(2 * stdtr(len(gaps) - 1, -mean / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction (1979): with all that are at most 0.05 held for true, the chance that any
    of them is false is at most 0.05, however they depend on one another."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, most = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = most
    return adjusted


def _floats(values: Values) -> Floats:
    return np.asarray(values, np.float64)
