"""Sampling tables: an inverse distribution function as short lines, so that an engine needs no exp or log.

A table has two halves: cells over u below 1/2 and over v = 1 - u above it. In a half with offset c, the
cells divide each octave of (side + c) into 64 equal parts: their width follows the distance from the
end, until it is c / 64, the spacing of the random numbers in the upper half. In each cell the line has the
exact mean of the quantile function and its best slope (least squares), so the sampled mean is exact
however heavy the tail; the outermost cell holds the conditional mean of all that lies beyond it.
A random number has 52 bits: what lies beyond 1 - 2^-52 is met as its mean, which costs second moment where
the tail is extreme (a lognormal of sigma 3 loses 0.5 %, a Pareto tail of index 2.5 0.06 %).
Quantiles that behave as u^a at the lower end are off by about a (a - 1) / 33,000 there: 0.1 % up to
a = 6 (gamma and Weibull shapes down to 1/6).
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import numpy as np

from simkit.plan.plan import Dists
from simkit.plan.shelf import kept
from simkit.scenario.portable import Floats, significant
from simkit.scenario.shapes import NODES, WEIGHTS, Scaled, Shape

PARTS = 64
"""Cells per octave."""
LOWER = 2.0**-24
UPPER = 2.0**-46
"""Offsets of the lower and the upper half; `simkit.laws.sample` has the same."""
LARGEST = 2.0**62
"""Cap of what has no cap: what an int64 can hold."""
COLLOCATION = 12
"""Chebyshev nodes per octave at which a slow quantile function is evaluated."""
TAIL_OCTAVES = 32

Side = Callable[[Floats], Floats]


class Distribution(Protocol):
    """What can be sampled: a part of a scenario such as `DurationDist`."""

    def scaled(self) -> Scaled:
        """As a shape with its scale and bounds."""


class DistPool:
    """Collects the distributions of a plan; equal ones get the same id, equal shapes share a table."""

    def __init__(self) -> None:
        self._ids: dict[Scaled, int] = {}

    def add(self, dist: Distribution | Scaled) -> int:
        """The id of a distribution."""
        scaled = dist if isinstance(dist, Scaled) else dist.scaled()
        return self._ids.setdefault(scaled, len(self._ids))

    def build(self) -> Dists:
        """The arrays that engines read."""
        shapes = list(dict.fromkeys(dist.shape for dist in self._ids if dist.shape is not None))
        tables = {shape: number for number, shape in enumerate(shapes)}
        cells = [table(shape) for shape in shapes]
        constant = [dist.shape is None for dist in self._ids]
        scale = [dist.quantile(0.5) if dist.shape is None else float(significant(dist.scale)) for dist in self._ids]
        return Dists(
            table=np.array([tables[d.shape] if d.shape is not None else -1 for d in self._ids], np.int64),
            scale=np.array(scale, np.float64),
            low=np.array(np.where(constant, 0.0, [dist.low for dist in self._ids]), np.float64),
            cap=np.array(np.where(constant, LARGEST, [min(dist.cap, LARGEST) for dist in self._ids]), np.float64),
            cells=np.stack(cells) if cells else np.zeros((0, len(edges(LOWER)) + len(edges(UPPER)) - 2, 2)),
        )


@lru_cache(maxsize=128)
def table(shape: Shape) -> Floats:
    """(cells, 2) intercept and slope of each cell, the lower half first, rounded to 40 significant bits."""
    count = len(edges(LOWER)) + len(edges(UPPER)) - 2
    cells = _cells(shape) if shape.closed else kept(repr(shape), count, lambda: _cells(shape))
    cells.flags.writeable = False
    return cells


def _cells(shape: Shape) -> Floats:
    with np.errstate(all="ignore"):
        lower = _half(shape.below, LOWER, shape.closed)
        upper = _half(shape.above, UPPER, shape.closed)
        upper[0] = _outermost(shape), 0.0
    return significant(np.concatenate([lower, upper]))


def edges(offset: float) -> Floats:
    """Ends of the cells of one half, from 0 to 1/2."""
    octaves = np.ldexp(offset, np.arange(round(-1 - math.log2(offset))))
    inner = (octaves[:, None] * (1 + np.arange(PARTS) / PARTS)).ravel()
    return np.concatenate([inner, [0.5, 0.5 + offset]]) - offset


def _half(side: Side, offset: float, closed: bool) -> Floats:
    """Intercept and slope of the cells of one half: Legendre projections of degree 0 and 1."""
    ends = edges(offset)
    middle, half = (ends[1:] + ends[:-1]) / 2, (ends[1:] - ends[:-1]) / 2
    values = [side(middle + half * node) for node in NODES] if closed else _collocated(side, offset, middle, half)
    mean, moment = np.zeros_like(middle), np.zeros_like(middle)
    for node, weight, value in zip(NODES, WEIGHTS, values, strict=True):
        mean += weight * value
        moment += weight * node * value
    slope = 3 * moment / half
    slope[-1] = 0.0  # a sliver beside the median: its slope would be rounding noise
    return np.stack([mean - slope * middle, slope], axis=1)


def _collocated(side: Side, offset: float, middle: Floats, half: Floats) -> list[Floats]:
    """The quantile function at the cells' nodes, by a polynomial for each octave but the outermost."""
    points, bases = _basis()
    octaves = np.ldexp(offset, np.arange(1, round(-1 - math.log2(offset))))
    known = side((octaves[:, None] * points - offset).ravel()).reshape(len(octaves), COLLOCATION)
    outer = np.r_[:PARTS, len(middle) - 1]
    values = []
    for node, basis in zip(NODES, bases, strict=True):
        inner = np.zeros((len(octaves), PARTS))
        for column, weights in zip(known.T, basis, strict=True):  # in this order on every machine
            inner += column[:, None] * weights
        direct = side((middle + half * node)[outer])
        values.append(np.concatenate([direct[:PARTS], inner.ravel(), direct[PARTS:]]))
    return values


@lru_cache(maxsize=1)
def _basis() -> tuple[Floats, Floats]:
    """Chebyshev points in [1, 2], and (node, point, cell) Lagrange weights at the nodes of the cells."""
    angle = (np.arange(COLLOCATION) + 0.5) * math.pi / COLLOCATION
    points = significant(1.5 - 0.5 * np.cos(angle))
    at = 1 + (np.arange(PARTS) + 0.5 + 0.5 * np.array(NODES)[:, None]) / PARTS
    weights = np.ones((len(NODES), COLLOCATION, PARTS))
    for one in range(COLLOCATION):
        for other in range(COLLOCATION):
            if one != other:
                weights[:, one] *= (at - points[other]) / (points[one] - points[other])
    return points, weights


def _outermost(shape: Shape) -> float:
    """Mean of the outermost upper cell, octave by octave, then as a power law; its median where that is infinite."""
    width = UPPER / PARTS
    right = np.ldexp(width, -np.arange(TAIL_OCTAVES)).astype(np.float64)
    mean: Floats = np.zeros_like(right)
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        mean += weight * shape.above(right * (0.75 + 0.25 * node))
    parts = np.ldexp(mean, -np.arange(1, TAIL_OCTAVES + 1))
    ratio = parts[-1] / parts[-2]
    if not (math.isfinite(shape.mean()) and np.isfinite(parts).all() and ratio < 1):
        return float(shape.above(np.array([width / 2]))[0])
    return math.fsum(parts) + float(parts[-1] * ratio / (1 - ratio))


__all__ = ["LOWER", "PARTS", "UPPER", "DistPool", "edges", "table"]
