"""What caches go by: how long an entry is good for, and what of a prompt they take."""

from simkit.laws.jit import law


@law
def is_fresh(born: int, ttl: int, now: int) -> bool:
    """Is an entry from `born` still good? It is in [born, born + ttl)."""
    return now - born < ttl


@law
def ramped(rate: float, age: int, ramp: int) -> float:
    """The hit rate of a cache that has been filling for `age`: from 0 up to `rate`, slower and slower."""
    if age >= ramp:
        return rate
    left = 1.0 - float(age) / float(ramp)
    return rate * (1.0 - left * left)


@law
def window_of(total: int, limit: int, step: int) -> tuple[int, int]:
    """What is not seen of a thread: tokens left out at its beginning, and how often it was cut.

    So many steps are left out that the rest is in (limit - step, limit].
    """
    if total <= limit:
        return 0, 0
    cuts = -(-(total - limit) // step)
    return cuts * step, cuts


@law
def readable(tokens: int, minimum: int, step: int) -> int:
    """Tokens of a prefix that a prompt cache takes: at least the minimum, and beyond it in steps."""
    if tokens < minimum:
        return 0
    return tokens - (tokens - minimum) % step


__all__ = ["is_fresh", "ramped", "readable", "window_of"]
