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
def retry_wait_ns(backoff: int, retry_after: int, honoured_up_to: int) -> int:
    """The longer of backoff and the provider's Retry-After, where that is honoured."""
    if 0 < retry_after <= honoured_up_to:
        return max(backoff, retry_after)
    return backoff
