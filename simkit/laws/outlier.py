"""Outliers: places whose share of successes is far below that of the others."""

from math import sqrt

from simkit.laws.jit import Ints, law

NOBODY = -1.0
"""No share is below this: there are too few places to compare."""
ROUNDING = 1e-9
"""What is so little below the others is their equal."""


@law
def is_compared(good: int, bad: int, fewest: int) -> bool:
    """Has a place enough results?"""
    return good + bad >= fewest


@law
def outlier_limit(good: Ints, bad: Ints, fewest: int, hosts: int, deviations: float) -> float:
    """The share of successes below which a place is an outlier: the mean less so many standard deviations.

    Over places (of `good` and `bad` results) with at least `fewest` results; NOBODY if they are fewer than `hosts`.
    """
    compared, mean, variance = 0, 0.0, 0.0
    for i in range(len(good)):
        if is_compared(good[i], bad[i], fewest):
            compared += 1
            mean += good[i] / (good[i] + bad[i])
    if compared == 0 or compared < hosts:
        return NOBODY
    mean /= compared
    for i in range(len(good)):
        if is_compared(good[i], bad[i], fewest):
            apart = good[i] / (good[i] + bad[i]) - mean
            variance += apart * apart
    return mean - deviations * sqrt(variance / compared) - ROUNDING


@law
def is_outlier(good: int, bad: int, fewest: int, limit: float) -> bool:
    """Is a place's share of successes below the limit?"""
    return is_compared(good, bad, fewest) and good / (good + bad) < limit
