"""Designs of experiments: which values the fields of a sweep take together."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.study.quantity import Range, RangeError, quantity, range_of

Settings = dict[str, Any]
"""Path to value."""
Axis = Sequence[Any] | Range
DESIGNS = ("grid", "lhs", "sobol")
MOST_POINTS = 100_000


class DesignError(ValueError):
    """A design that cannot be made, and what to write instead."""


def axis_of(path: str, values: object) -> Axis:
    """What a field may be: a list of values; or texts `A,B,C`, `A..B`, `A..B/STEP`.

    Raises:
        DesignError: it is none of these.
    """
    try:
        if isinstance(values, Range):
            return values
        if isinstance(values, str):
            pieces = split(values)
            return range_of(values) if len(pieces) == 1 and ".." in values else [_parsed(path, one) for one in pieces]
        if isinstance(values, Sequence) and len(values):
            return list(values)
    except RangeError as error:
        raise DesignError(f"{path}: {error}") from None
    raise DesignError(f"{path}: give a list of values, or a text A,B,C or A..B or A..B/STEP")


def check_distinct(path: str, axis: Axis) -> None:
    """No value comes twice, not even written in two ways (`1/s` and `1.0/s`).

    Raises:
        DesignError: one does.
    """
    first: dict[object, Any] = {}
    for value in [] if isinstance(axis, Range) else axis:
        try:
            one = quantity(value)
            key: object = one.before, one.number, one.after
        except RangeError:
            key = json.dumps(value, sort_keys=True, default=str)
        if key in first:
            how = "is given twice" if first[key] == value else f"is {first[key]} again"
            raise DesignError(f"{path}: {value} {how}: a point would be run and counted twice")
        first[key] = value


def split(text: str) -> list[str]:
    """The parts between commas that are outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        else:
            depth += (sign in "[{(") - (sign in "]})")
        if sign == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def _parsed(path: str, text: str) -> Any:
    """A value as a scenario file would have it."""
    from simkit.scenario.overlay import set_text
    from simkit.scenario.tree import plain

    return plain(set_text(f"{path}={text}")[1])


def points_of(
    axes: Mapping[str, object], design: str = "grid", points: int | None = None, seed: int = 1
) -> list[Settings]:
    """The settings of every point.

    Args:
        axes: path to what it may be, see `axis_of`.
        design: `grid`: every combination; `lhs`: a Latin hypercube (McKay, Beckman and Conover 1979) of `points`
            points; `sobol`: a scrambled Sobol sequence (Owen 1998) of `points` points, a power of 2.
        points: how many; for a grid it follows from the values.
        seed: of the hypercube and of the scrambling.

    Raises:
        DesignError: it cannot be made.
    """
    if not axes:
        raise DesignError("nothing is varied: name at least one field and its values")
    known = {path: axis_of(path, values) for path, values in axes.items()}
    for path, axis in known.items():
        check_distinct(path, axis)
    if design not in DESIGNS:
        raise DesignError(f"unknown design {design!r}: use {', '.join(DESIGNS)}")
    if design == "grid":
        if points is not None:
            raise DesignError("a grid has as many points as its values make; leave out the number, or use lhs or sobol")
        return _grid(known)
    if points is None or not 2 <= points <= MOST_POINTS:
        raise DesignError(f"{design} needs a number of points, from 2 to {MOST_POINTS:,}")
    return [
        {path: _pick(axis, share) for (path, axis), share in zip(known.items(), row, strict=True)}
        for row in _unit_cube(design, len(known), points, seed)
    ]


def _grid(axes: Mapping[str, Axis]) -> list[Settings]:
    size = math.prod(axis.count if isinstance(axis, Range) else len(axis) for axis in axes.values())
    if size > MOST_POINTS:
        raise DesignError(f"the grid has {size:,} points; at most {MOST_POINTS:,} are run. Take fewer values, or lhs")
    try:
        columns = [[one.value for one in axis.steps()] if isinstance(axis, Range) else axis for axis in axes.values()]
    except RangeError as error:
        raise DesignError(str(error)) from None
    return [dict(zip(axes, row, strict=True)) for row in itertools.product(*columns)]


def _unit_cube(design: str, dimensions: int, points: int, seed: int) -> Iterator[NDArray[np.float64]]:
    from scipy.stats import qmc

    if design == "lhs":
        yield from qmc.LatinHypercube(dimensions, rng=np.random.default_rng(seed)).random(points)
        return
    if points & (points - 1):
        near = 1 << (points.bit_length() - 1)
        raise DesignError(f"a Sobol design has a power of 2 of points: {near} or {2 * near}, not {points}")
    sobol = qmc.Sobol(dimensions, scramble=True, rng=np.random.default_rng(seed))
    yield from sobol.random_base2(points.bit_length() - 1)


def _pick(axis: Axis, share: float) -> Any:
    """The value at a share of the way, be it a range or a list."""
    return axis.at(share).value if isinstance(axis, Range) else axis[min(int(share * len(axis)), len(axis) - 1)]
