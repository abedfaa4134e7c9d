"""Statistics of independent rows (replications, or batches of one stationary run)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, isfinite, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from simkit.result.sample import Sample, nearest_rank

Floats = NDArray[np.float64]

LEVEL = 0.05
"""Share of intervals that miss the truth: 95 % intervals."""
NO_INTERVAL = "use replications"
BEYOND = "a limit of the interval is beyond the data"
FEWEST_BEYOND = 50
"""Values beyond a percentile with fewer of which its interval is rough."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval. None: does not apply, or is not known; `note` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""

    def scaled(self, factor: float) -> "Estimate":
        """The same in another unit (`factor` > 0)."""
        return replace(
            self, value=_times(self.value, factor), low=_times(self.low, factor), high=_times(self.high, factor)
        )

    def per(self, divisor: float) -> "Estimate":
        """The same by so many (`divisor` > 0); dividing by 1e9 rounds right where multiplying by 1e-9 does not."""
        return replace(self, value=_by(self.value, divisor), low=_by(self.low, divisor), high=_by(self.high, divisor))

    def within(self, lowest: float, highest: float) -> "Estimate":
        """The same with the interval's limits cut to what is possible."""
        low = None if self.low is None else max(self.low, lowest)
        high = None if self.high is None else min(self.high, highest)
        return replace(self, low=low, high=high)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _by(value: float | None, divisor: float) -> float | None:
    return None if value is None else value / divisor


def missing(note: str) -> Estimate:
    """A figure that does not apply, and why."""
    return Estimate(None, note=note)


def t_quantile(level: float, degrees: float) -> float:
    """Two-sided quantile of Student's t: |t| exceeds it with probability `level`."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 1 - level / 2))


def half_width(values: Floats, level: float = LEVEL) -> float:
    """Half of the t-interval of a mean over independent rows."""
    rows = len(values)
    return t_quantile(level, rows - 1) * float(values.std(ddof=1)) / sqrt(rows)


def mean(values: Sequence[float], level: float = LEVEL) -> Estimate:
    """Mean over rows with its t-interval."""
    rows = np.asarray(values, np.float64)
    if not len(rows):
        return missing("nothing measured")
    value = float(rows.mean())
    if len(rows) < 2:
        return Estimate(value, note=NO_INTERVAL)
    half = half_width(rows, level)
    return Estimate(value, value - half, value + half)


def jackknife(value: float, numerators: Floats, denominators: Floats, level: float = LEVEL) -> Estimate:
    """Ratio of totals with the interval of its jackknife over rows (Quenouille 1956, Tukey 1958).

    SE^2 = (R - 1) / R * sum (ratio without row i - their mean)^2, with Student's t of R - 1 degrees.
    """
    rows = len(numerators)
    left = denominators.sum() - denominators
    if rows < 2 or not (left > 0).all():
        return Estimate(value, note=NO_INTERVAL)
    without = (numerators.sum() - numerators) / left
    error = sqrt((rows - 1) / rows * float(((without - without.mean()) ** 2).sum()))
    half = t_quantile(level, rows - 1) * error
    return Estimate(value, value - half, value + half)


def wilson(part: float, whole: float, level: float = LEVEL) -> Estimate:
    """Share of independent trials with Wilson's interval (1927), which has a width even at none or all of them."""
    z = NormalDist().inv_cdf(1 - level / 2)
    share = part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return Estimate(share, max(0.0, middle - half) if part else 0.0, min(1.0, middle + half) if part < whole else 1.0)


def woodruff(pooled: Sample, p: float, shares: Floats, level: float = LEVEL) -> Estimate:
    """Nearest-rank percentile of all rows pooled, with Woodruff's interval (1952).

    Args:
        pooled: All values of all rows, in ns.
        p: The share, e.g. 0.95.
        shares: Of each row, the share at or below the pooled percentile.
        level: Share of intervals that miss.

    The interval of the share below the value, p -+ h, is read off the pooled values. h is the t-interval's
    of the rows' shares, and at least that of `n` independent values: where all rows agree because the
    tail has hardly a value in it, the rows alone would claim to know it. In seconds.
    """
    value = pooled.percentile(p)
    if value is None:
        return missing("no action to measure")
    if len(shares) < 2:
        return Estimate(value / 1e9, note=NO_INTERVAL)
    binomial = t_quantile(level, len(shares) - 1) * sqrt(p * (1 - p) / pooled.n)
    half = max(half_width(shares, level), binomial)
    low = pooled.rank(nearest_rank(p - half, pooled.n)) if p - half > 0 else None
    high = pooled.rank(nearest_rank(p + half, pooled.n)) if p + half < 1 else None
    note = BEYOND if low is None or high is None else thin_tail(pooled.n - nearest_rank(p, pooled.n))
    return Estimate(value / 1e9, _by(low, 1e9), _by(high, 1e9), note)


def thin_tail(beyond: int) -> str:
    """What to know of a percentile beyond which so many values lie; empty where they are enough."""
    return f"rests on only {beyond} values beyond it: use more replications" if beyond < FEWEST_BEYOND else ""


def share_of_percentile(label: str) -> float:
    """`p95` -> 0.95, `p999` -> 0.999: two digits are percent, a third is a tenth of a percent."""
    digits = label.removeprefix("p")
    return int(digits) / (1000 if len(digits) == 3 else 100)


def significant(value: float, digits: int = 2) -> float:
    """Rounded to some significant digits (half up in size), for sentences."""
    if value == 0 or not isfinite(value):
        return value
    unit = 10.0 ** (floor(np.log10(abs(value))) - digits + 1)
    return float(round(value / unit) * unit)
