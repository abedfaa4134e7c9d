"""Paired differences under common random numbers: what two scenarios differ by, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
"""Level of every interval."""


@dataclass(frozen=True)
class Paired:
    """Difference and ratio of one metric with their intervals; None where there is none."""

    difference: float
    low: float | None
    high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None

    @property
    def decided(self) -> bool:
        """Is the sign of the difference sure: does its interval exclude 0?"""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def paired(
    baseline: float, other: float, without: tuple[Sequence[float | None], Sequence[float | None]]
) -> Paired:
    """Compare a metric of two scenarios that ran the same replications.

    Args:
        baseline: value over all replications.
        other: the other scenario's.
        without: for both, the values with one replication left out, in the order of the replications.

    The intervals are t-intervals of the grouped jackknife (Efron and Tibshirani 1993, section 11.5) on the
    difference, and on the logarithm of the ratio. Pairing is what makes them narrow: what the replications
    share cancels. With fewer than two replications, or where a value is missing, there is no interval.
    """
    half = _half_width([(b, o) for b, o in zip(*without, strict=True)], np.subtract)
    difference = other - baseline
    low, high = (None, None) if half is None else (difference - half, difference + half)
    if not (baseline > 0 and other > 0):
        return Paired(difference, low, high, other / baseline if baseline else None, None, None)
    ratio = other / baseline
    spread = _half_width([(b, o) for b, o in zip(*without, strict=True)], _log_ratio)
    if spread is None:
        return Paired(difference, low, high, ratio, None, None)
    return Paired(difference, low, high, ratio, ratio * math.exp(-spread), ratio * math.exp(spread))


def _log_ratio(other: NDArray[np.float64], baseline: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(other / baseline)


def _half_width(pairs: Sequence[tuple[float | None, float | None]], contrast: object) -> float | None:
    """Half the jackknife interval of contrast(other, baseline), or None."""
    if len(pairs) < 2 or any(b is None or o is None for b, o in pairs):
        return None
    baseline, other = np.asarray(pairs, float).T
    values = contrast(other, baseline)  # type: ignore[operator]
    if not np.all(np.isfinite(values)):
        return None
    count = len(values)
    error = math.sqrt((count - 1) / count * float(np.sum((values - values.mean()) ** 2)))
    return t_quantile(count - 1) * error


def t_quantile(freedom: int, level: float = LEVEL) -> float:
    """Two-sided quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + level / 2))
