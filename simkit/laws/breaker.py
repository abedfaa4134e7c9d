"""A circuit breaker: a vector of integers, and what moves it.

`STATE` is CLOSED, OPEN until `UNTIL`, or HALF_OPEN with `PROBING` attempts in flight and `PROVED` successes.
`GENERATION` counts its changes of state: a result of an attempt sent in an earlier one is old news.
`STREAK` counts failures in a row, `OPENINGS` how often it opened (as cooldowns that grow see it); from
`WINDOW` on stands a window (`laws.window`) of successes and failures.
"""

from simkit.laws.jit import Bools, Ints, law
from simkit.laws.window import FIRST, LENGTH, SECOND, window_sum

CLOSED, OPEN, HALF_OPEN = 0, 1, 2
STATE, UNTIL, GENERATION, PROBING, PROVED, STREAK, OPENINGS, WINDOW = range(8)
SIZE = WINDOW + LENGTH
PPB = 1_000_000_000
LATEST = 2**62
"""No cooldown ends later."""


@law
def breaker_look(b: Ints, now: int, probes: int) -> int:
    """The state now: a cooldown that is over is noticed when somebody looks."""
    if b[STATE] == OPEN and now >= b[UNTIL]:
        b[STATE] = HALF_OPEN if probes > 0 else CLOSED
        b[GENERATION] += 1
        b[PROBING] = 0
        b[PROVED] = 0
    return int(b[STATE])


@law
def breaker_due(
    b: Ints,
    consecutive: int,
    failures: int,
    rate_ppb: Ints,
    rate_strict: Bools,
    rate_of: Ints,
    rate_peer: Bools,
    peer: bool,
) -> bool:
    """Do the counts say that it should open? `peer`: the model has another deployment."""
    if b[STREAK] >= consecutive:
        return True
    window = b[WINDOW:]
    bad = window_sum(window, SECOND)
    if bad >= failures:
        return True
    both = window_sum(window, FIRST) + bad
    for r in range(len(rate_of)):
        if both >= rate_of[r] and (peer or not rate_peer[r]):
            share = bad * PPB
            limit = rate_ppb[r] * both
            if share > limit or (share == limit and not rate_strict[r]):
                return True
    return False


@law
def cooldown_ns(
    now: int, base: int, longest: int, grows: bool, openings: int, retry_after: int, from_retry_after: bool
) -> int:
    """When the cooldown that begins now is over: what a Retry-After says, or `base`, times the openings if it grows.

    A growing one is at most `longest`, but never shorter than `base`.
    """
    if from_retry_after and retry_after > 0:
        length = retry_after
    elif not grows or base == 0:
        length = base
    elif openings > longest // base:
        length = max(longest, base)
    else:
        length = base * openings
    return min(now + length, LATEST)


@law
def swept(until: int, sweep: int) -> int:
    """The first sweep at or after `until`, where sweeps are what closes breakers."""
    return until if sweep == 0 else -(-until // sweep) * sweep
