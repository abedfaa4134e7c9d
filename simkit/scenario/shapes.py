"""Families of distributions: quantile functions of unit scale, accurate far into both tails.

`below(u)` is the quantile of u and `above(v)` that of 1 - v, for arrays in (0, 1/2]; far in the upper
tail 1 - v would lose its digits. `mean()` is the exact mean, infinite where there is none. Families in closed form use
`simkit.scenario.portable`, so their tables are the same on every machine; SciPy's are rounded.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol

import numpy as np

from simkit.scenario.portable import Floats, exp, log, log1p, normal_quantile, power, significant

SCIPY_BITS = 30
"""SciPy's quantiles differ between builds in their last bits: rounded to this many, they (almost surely) do not."""
FARTHEST = 2.0**-33
"""Where a SciPy distribution has no survival quantile of its own, its tail beyond this is continued as a power law."""


RANKS = 1000
"""Users among whom somebody's rank is drawn, where users come and go."""


class Shape(Protocol):
    """A distribution up to its scale; hashable, equal when the parameters are."""

    closed: ClassVar[bool]
    """Is the quantile function cheap (closed form) and free to have kinks?"""

    def __hash__(self) -> int:
        """Equal shapes share a table."""

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""

    def mean(self) -> float:
        """Exact mean."""


@dataclass(frozen=True)
class Lognormal:
    """Median 1."""

    sigma: float
    closed: ClassVar[bool] = True

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""
        return exp(self.sigma * normal_quantile(u))

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""
        return exp(-self.sigma * normal_quantile(v))

    def mean(self) -> float:
        """Exact mean."""
        return float(exp(self.sigma**2 / 2))


@dataclass(frozen=True)
class Ranks:
    """A user drawn of `RANKS` whose k-th most active has weight k^-s (between whole ranks: all the way)."""

    s: float
    closed: ClassVar[bool] = True

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""
        return power(RANKS * (1 - u) + 0.5, -self.s)

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""
        return power(RANKS * v + 0.5, -self.s)

    def mean(self) -> float:
        """Exact mean."""
        first, last = 0.5, RANKS + 0.5
        if self.s == 1:
            return float(log(last / first)) / RANKS
        return float(power(last, 1 - self.s) - power(first, 1 - self.s)) / (1 - self.s) / RANKS


@dataclass(frozen=True)
class Weibull:
    """P(X > x) = exp(-x^k); k = 1 is the exponential distribution."""

    k: float
    closed: ClassVar[bool] = True

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""
        return power(-log1p(-u), 1 / self.k)

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""
        return power(-log(v), 1 / self.k)

    def mean(self) -> float:
        """Exact mean."""
        return math.gamma(1 + 1 / self.k)


@dataclass(frozen=True)
class Uniform:
    """Between `low` and 1."""

    low: float
    closed: ClassVar[bool] = True

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""
        return self.low + (1 - self.low) * u

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""
        return 1 - (1 - self.low) * v

    def mean(self) -> float:
        """Exact mean."""
        return (1 + self.low) / 2


@dataclass(frozen=True)
class Quantiles:
    """ln of the value is linear in the normal score between given points; the end slopes go on."""

    score: tuple[float, ...]
    """Ascending normal quantiles of the points."""
    height: tuple[float, ...]
    """Ascending ln of their values."""
    closed: ClassVar[bool] = True

    def _lines(self) -> tuple[Floats, Floats]:
        """Intercept and slope of each piece."""
        score, height = np.array(self.score), np.array(self.height)
        slope = np.diff(height) / np.diff(score)
        return height[:-1] - slope * score[:-1], slope

    def _at(self, score: Floats) -> Floats:
        intercept, slope = self._lines()
        piece = np.searchsorted(np.array(self.score[1:-1]), score)
        return exp(intercept[piece] + slope[piece] * score)

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""
        return self._at(normal_quantile(u))

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""
        return self._at(-normal_quantile(v))

    def mean(self) -> float:
        """Exact mean: each piece is part of a lognormal."""
        intercept, slope = self._lines()
        edges = [-math.inf, *self.score[1:-1], math.inf]
        parts = [
            math.exp(a + b * b / 2) * (_normal_cdf(right - b) - _normal_cdf(left - b))
            for a, b, left, right in zip(intercept, slope, edges[:-1], edges[1:], strict=True)
        ]
        return math.fsum(parts)


@dataclass(frozen=True)
class Gamma:
    """Scale 1."""

    k: float
    closed: ClassVar[bool] = False

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""
        from scipy.special import gammaincinv

        return significant(gammaincinv(self.k, u), SCIPY_BITS)

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""
        from scipy.special import gammainccinv

        return significant(gammainccinv(self.k, v), SCIPY_BITS)

    def mean(self) -> float:
        """Exact mean."""
        return self.k


@dataclass(frozen=True)
class Scipy:
    """A continuous distribution of scipy.stats, of scale 1."""

    name: str
    arguments: tuple[float, ...]
    """Its shape parameters in SciPy's order."""
    loc: float
    """Location in units of the scale."""
    closed: ClassVar[bool] = False

    def below(self, u: Floats) -> Floats:
        """Quantile of u."""
        frozen = _frozen(self)
        values = frozen.ppf(u) if _has(frozen, "_ppf") else _inverse(frozen, u, above=False)
        return significant(values, SCIPY_BITS)

    def above(self, v: Floats) -> Floats:
        """Quantile of 1 - v."""
        frozen = _frozen(self)
        if _has(frozen, "_isf") or math.isfinite(frozen.support()[1]):
            return significant(frozen.isf(v), SCIPY_BITS)
        if not _has(frozen, "_ppf"):
            return significant(_inverse(frozen, v, above=True), SCIPY_BITS)
        far, nearer = frozen.isf(FARTHEST), frozen.isf(8 * FARTHEST)
        near = frozen.isf(np.maximum(v, FARTHEST))
        steepness = log(far / nearer) / log(8.0) if nearer > 0 else 0.0
        return significant(near * exp(steepness * -log(np.minimum(v / FARTHEST, 1.0))), SCIPY_BITS)

    def mean(self) -> float:
        """Exact mean."""
        mean = float(_frozen(self).mean())
        return mean if math.isfinite(mean) else math.inf


def _has(frozen: Any, method: str) -> bool:
    """Does the distribution have this method of its own, rather than a slow or coarse general one?"""
    from scipy.stats import rv_continuous

    return getattr(type(frozen.dist), method) is not getattr(rv_continuous, method)


def _inverse(frozen: Any, probability: Floats, above: bool) -> Floats:
    """The quantile by doubling and bisection of all values at once, where SciPy would search one by one."""
    middle, quarter = float(frozen.median()), float(frozen.ppf(0.75 if above else 0.25))
    outer = np.full_like(probability, middle)
    step = abs(quarter - middle)
    beyond, bound = (frozen.sf, frozen.support()[1]) if above else (frozen.cdf, frozen.support()[0])
    sign = 1.0 if above else -1.0
    for doubling in range(200):
        short = beyond(outer) > probability
        if not short.any():
            break
        outer = np.where(short, middle + sign * step * 2.0**doubling, outer)
        outer = np.minimum(outer, bound) if above else np.maximum(outer, bound)
    inner = np.full_like(probability, middle)
    for _ in range(52):
        half = (inner + outer) / 2
        short = beyond(half) > probability
        inner, outer = np.where(short, half, inner), np.where(short, outer, half)
    return outer


@lru_cache(maxsize=256)
def _frozen(shape: Scipy) -> Any:
    from scipy import stats

    return getattr(stats, shape.name)(*shape.arguments, loc=shape.loc)


@dataclass(frozen=True)
class Scaled:
    """A distribution: clip(scale * shape, low, cap); without a shape the constant `scale`."""

    shape: Shape | None
    scale: float
    low: float = 0.0
    cap: float = math.inf

    def quantile(self, u: float) -> float:
        """Exact quantile of u in (0, 1)."""
        return min(max(self._unclipped(u), self.low), self.cap)

    def _unclipped(self, u: float) -> float:
        if self.shape is None:
            return self.scale
        side = self.shape.below(np.array([u])) if u <= 0.5 else self.shape.above(np.array([1 - u]))
        return self.scale * float(side[0])

    def mean(self) -> float:
        """The mean, clipping included."""
        if self.shape is None:
            return self.quantile(0.5)
        if self.cap < math.inf:
            return _integral(self.shape, lambda shape: np.clip(self.scale * shape, self.low, self.cap))
        mean = self.scale * self.shape.mean()
        if self._unclipped(1e-15) >= self.low:
            return mean
        return mean + _integral(self.shape, lambda shape: np.maximum(self.low - self.scale * shape, 0.0))


NODES = (-0.8611363115940526, -0.33998104358485626, 0.33998104358485626, 0.8611363115940526)
WEIGHTS = (0.17392742256872693, 0.32607257743127307, 0.32607257743127307, 0.17392742256872693)
"""Gauss-Legendre quadrature with four nodes on [-1, 1]; the weights add up to 1."""


def _integral(shape: Shape, function: Callable[[Floats], Floats]) -> float:
    """Mean of a function of the unit-scale value, by quadrature over 16 parts of each octave of both tails."""
    edges = 0.5 * 2.0 ** -(np.arange(60 * 16 + 1) / 16)
    middle, half = (edges[:-1] + edges[1:]) / 2, (edges[:-1] - edges[1:]) / 2
    total = np.zeros_like(middle)
    for side in (shape.below, shape.above):
        for node, weight in zip(NODES, WEIGHTS, strict=True):
            total += weight * function(side(middle + half * node))
    return math.fsum(total * 2 * half)


def _normal_cdf(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def unit_exponential() -> Scaled:
    """Mean 1."""
    return Scaled(Weibull(1.0), 1.0)


def unit_gamma(cv: float) -> Scaled:
    """Mean 1 and this coefficient of variation."""
    return unit_exponential() if cv == 1 else Scaled(Gamma(1 / cv**2), cv**2)


def unit_weibull(cv: float) -> Scaled:
    """Mean 1 and this coefficient of variation."""
    k = weibull_shape(cv)
    return Scaled(Weibull(k), float(significant(1 / math.gamma(1 + 1 / k), SCIPY_BITS)))


def weibull_shape(cv: float) -> float:
    """Shape of the Weibull distribution with this coefficient of variation, by bisection (1 for cv 1).

    cv^2 = Gamma(1 + 2/k) / Gamma(1 + 1/k)^2 - 1 falls as k grows.
    """
    if cv == 1:
        return 1.0
    low, high = math.log(0.05), math.log(2000.0)
    for _ in range(60):
        middle = (low + high) / 2
        k = math.exp(middle)
        wider = math.expm1(math.lgamma(1 + 2 / k) - 2 * math.lgamma(1 + 1 / k)) > cv**2
        low, high = (middle, high) if wider else (low, middle)
    return float(significant(math.exp(low), SCIPY_BITS))
