"""How much traffic swings beyond its pattern, and how fast: nested components of variance.

The logarithm of an hour's rate is its pattern plus a swing for every level (of the week, the day, the quarter day,
the hour), plus chance. Two hours of one day share the day's swing and differ in the others, so pairs of hours that
share more and more tell the levels apart: an analysis of variance of nested levels, by pairs; hours may be missing.
"""

from collections.abc import Sequence

import numpy as np

from simkit.study.recording import Floats, Hours, Ints

HOURS_A_DAY = 24


def variances(hours: Hours, pattern: Floats, kind: Ints, levels: Sequence[int]) -> Floats:
    """Variance of the logarithm by level. Levels are in hours, the finest first, each dividing the next.

    Up to a day pairs are within the next level, without the pattern (which was fitted to the same days, and so took
    one of them with it). Beyond, pairs have the same hour and kind of day, so that no pattern matters.
    """
    days = len(hours.log) / HOURS_A_DAY
    found: list[float] = []
    for i in range(len(levels)):
        whole = levels[i + 1] if i + 1 < len(levels) else 0
        if 0 < whole <= HOURS_A_DAY:
            group, values, left = joint(hours.number // whole), hours.log - pattern, 1 - 1 / days
        else:
            longer = hours.number // whole if whole else np.zeros_like(hours.number)
            group, values, left = joint(hours.hour, kind, longer), hours.log, 1.0
        apart = [pairs(group) - pairs(joint(group, hours.number // one)) for one in levels[: i + 1]]
        seen = (squares(values, group) / left - by_chance(hours.chance, group)) / 2
        rest = seen - sum(v * n for v, n in zip(found, apart, strict=False))
        found.append(max(rest / apart[i], 0.0) if apart[i] else 0.0)
    return np.array(found)


def joint(*labels: Ints) -> Ints:
    """Numbers of the groups that share all labels."""
    return np.unique(np.stack(labels), axis=1, return_inverse=True)[1].ravel().astype(np.int64)


def pairs(group: Ints) -> float:
    """How many pairs share a group."""
    size = np.bincount(group).astype(float)
    return float((size * (size - 1)).sum() / 2)


def squares(values: Floats, group: Ints) -> float:
    """Sum over these pairs of the squared difference."""
    middle = values - values.mean()
    size = np.bincount(group)
    return float((size * np.bincount(group, middle**2) - np.bincount(group, middle) ** 2).sum())


def by_chance(chance: Floats, group: Ints) -> float:
    """What of that sum chance makes."""
    return float(((np.bincount(group) - 1) * np.bincount(group, chance)).sum())


def freedom(hours: Hours, levels: Sequence[int]) -> Floats:
    """Degrees of freedom of each level's variance: blocks beyond those of the next level, without the pattern's."""
    blocks = [len(np.unique(hours.number // level)) for level in levels] + [1]
    days = len(hours.log) / HOURS_A_DAY
    spent = [1 - 1 / days if level < HOURS_A_DAY else 1.0 for level in levels]
    return np.array([max((a - b) * left, 1.0) for a, b, left in zip(blocks[:-1], blocks[1:], spent, strict=True)])


def mean_squares(number: Ints, share: Floats, levels: Ints, variance: Floats) -> Floats:
    """An average's variance as a sum of multiples of mean squares, one of each level.

    These are what a record says independently, each with its own degrees of freedom (Satterthwaite 1946): the mean
    square between blocks of a level is the variances up to this level, each times its length.
    """
    length = levels / levels[0]
    times = of_average(number, share, levels) / length
    return np.asarray((times - np.append(times[1:], 0.0)) * np.cumsum(length * variance))


def of_average(number: Ints, share: Floats, levels: Sequence[int] | Ints) -> Floats:
    """How much of each level's variance an average over ascending hours has, weighted by shares."""
    blocks = [np.bincount(number // level - number[0] // level, share) for level in levels]
    return np.array([float((block**2).sum()) for block in blocks])


def of_means(hours: Hours, levels: Ints, variance: Floats) -> Floats:
    """Covariance of the means of the hours of the day: (24, 24)."""
    times = np.bincount(hours.hour, minlength=HOURS_A_DAY)
    found = np.diag(np.bincount(hours.hour, hours.chance, HOURS_A_DAY))
    for level, size in zip(levels, variance, strict=True):
        block = joint(hours.number // level)
        cells = np.zeros((int(block.max()) + 1, HOURS_A_DAY))
        np.add.at(cells, (block, hours.hour), 1)
        found += size * (cells.T @ cells)
    return found / np.outer(times, times)


__all__ = ["freedom", "joint", "mean_squares", "of_average", "of_means", "variances"]
