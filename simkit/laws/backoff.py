"""Waiting before a retry."""

from simkit.laws.jit import law
from simkit.laws.sample import whole


@law
def backoff_ns(n: int, initial: int, factor: float, longest: int, low: float, high: float, u: float) -> int:
    """Wait before retry n (0 = first): min(initial * factor^n, longest) times a factor uniform in [low, high]."""
    wait = float(initial)
    for _ in range(n):
        wait = min(wait * factor, float(longest))
    return whole(min(wait, float(longest)) * (low + (high - low) * u))


@law
def heard_ns(said: int, unit: int) -> int:
    """A Retry-After as it is understood: rounded up to whole units, if there are such."""
    return said if unit == 0 else -(-said // unit) * unit


@law
def additive_ns(n: int, initial: int, factor: float, longest: int, add: int, u: float) -> int:
    """The same wait without a factor, plus a random time up to `add`."""
    wait = float(initial)
    for _ in range(n):
        wait = min(wait * factor, float(longest))
    return whole(min(wait, float(longest)) + add * u)


@law
def decorrelated_ns(previous: int, initial: int, longest: int, u: float) -> int:
    """Uniform between `initial` and three times the wait before (`initial` for the first), at most `longest`.

    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return whole(min(float(longest), initial + (3.0 * previous - initial) * u))
