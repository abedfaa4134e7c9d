"""Retry budgets: how many retries may be out at one time."""

from simkit.laws.jit import law

PPB = 1_000_000_000


@law
def retries_allowed(least: int, share_ppb: int, active: int) -> int:
    """So many in any case, or a share of the attempts that are under way if that is more."""
    return max(least, share_ppb * active // PPB)
