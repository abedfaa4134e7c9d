"""Rate limits: a token bucket as one integer, the theoretical arrival time (GCRA, ITU-T I.371)."""

from math import floor

from simkit.laws.jit import law

ENDLESS = 2**61
"""A cost that no bucket ever has room for: nothing is left of the limit."""


@law
def bucket_cost(units: int, ns_per_unit: float, share_left: float) -> int:
    """What `units` cost, in ns of the bucket's time; an incident may leave only a share of the limit, or nothing."""
    if units == 0:
        return 0
    exact = units * ns_per_unit
    if exact >= ENDLESS * share_left:
        return ENDLESS
    if share_left != 1.0:
        exact /= share_left
    rounded = floor(exact)
    return rounded if rounded == exact else rounded + 1


@law
def bucket_excess(tat: int, now: int, cost: int, burst: int) -> int:
    """How long until `cost` fits, in ns; 0 or less: it fits now. Writes nothing."""
    return max(tat, now) + cost - burst - now


@law
def bucket_charge(tat: int, now: int, cost: int) -> int:
    """The bucket's new theoretical arrival time after `cost` was taken."""
    return max(tat, now) + cost


@law
def ramp_allowed(before: int, growth: float, least: int) -> int:
    """How many requests an interval of a ramp lets through, after one that let `before` through."""
    return max(least, floor(before * growth))
