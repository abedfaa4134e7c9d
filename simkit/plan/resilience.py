"""The plan's tables of resilience: layers, breakers, the degrade ladder, users who give up.

Axes as in `plan.plan`: E epochs, F failure kinds, R rates of a breaker, D rungs, H changes of staff. Settings that
no change may alter have the shape (1). Times are ns, NEVER is none; ppb are billionths of a whole, as integers.
"""

from typing import NamedTuple

from simkit.plan.arrays import Bools, Floats, Ints

RATES = 4
"""Most rates of a breaker."""
PPB = 1_000_000_000


class Layer(NamedTuple):
    """One layer of clients: timeouts, retries, fallbacks, hedges, budget and throttle."""

    timeout: Ints
    """(E) of a try of this layer."""
    first_token_timeout: Ints
    idle_timeout: Ints
    """(E) streams only."""
    call_timeout: Ints
    """(E) over all tries of this layer."""
    max_retries: Ints
    """(E)"""
    retry_on: Bools
    """(F)"""
    retry_at: Ints
    """(1) `codes.RetryAt`."""
    backoff_initial: Ints
    backoff_throttled: Ints
    """(E) the first wait; after a rate limit."""
    backoff_max: Ints
    """(E)"""
    backoff_factor: Floats
    """(E)"""
    jitter_kind: Ints
    """(1) `codes.JitterKind`."""
    jitter_low: Floats
    jitter_high: Floats
    """(E) factors of the range; 1 for another kind."""
    jitter_add: Ints
    """(E) ns; 0 for another kind."""
    skip_with_peer: Bools
    """(1) no wait while another deployment is available."""
    retry_after: Ints
    """(E) longest that is honoured; 0: ignored."""
    retry_after_instead: Bools
    retry_after_gives_up: Bools
    deadline_aware: Bools
    retry_while_open: Bools
    """(1)"""
    retry_after_unit: Ints
    """(E) ns, it is rounded up to multiples of this; 0: not."""
    wait_after_last: Bools
    error_first: Bools
    """(1) the inner layer only: a wait more before it gives a model up; the first model's error is told."""
    stream_failure: Ints
    """(1) `codes.StreamFailure`."""
    fallback_on: Bools
    """(F) the inner layer only."""
    max_fallbacks: Ints
    """(E) NEVER: all."""
    replicas: Ints
    """(1) copies with states of their own."""
    hedge_after: Ints
    """(E) NEVER: no hedge."""
    budget: Bools
    """(1) is there one?"""
    budget_cap: Ints
    budget_start: Ints
    budget_first_try: Ints
    budget_retry: Ints
    budget_throttled: Ints
    budget_success: Ints
    """(E) credit: most, at the start, earned by a first try, cost of a retry, of one after a rate limit, earned
    by a request that needed no retry."""
    budget_refund: Bools
    """(1) does a retry that succeeds get its cost back?"""
    budget_concurrent: Ints
    """(E) retries at one time; NEVER: no limit."""
    budget_share_ppb: Ints
    """(E) or this share of the attempts under way, if that is more; the inner layer only."""
    throttle: Bools
    """(1) is there one?"""
    throttle_k: Floats
    throttle_window: Ints
    """(E)"""
    throttle_rejects: Bools
    """(F)"""


class Breaker(NamedTuple):
    """What opens and closes the breakers of the inner layer."""

    on: Bools
    """(1) is there one?"""
    by_provider: Bools
    """(1) one per provider, not per deployment."""
    counts: Bools
    trips_on: Bools
    """(F)"""
    others_healthy: Bools
    """(1) do failures that do not count count as successes?"""
    consecutive: Ints
    failures: Ints
    """(E) NEVER: unused."""
    rate_ppb: Ints
    """(E, R)"""
    rate_strict: Bools
    """(R) strictly more than."""
    rate_of: Ints
    """(E, R) fewest results that it looks at; NEVER: unused."""
    rate_peer: Bools
    """(R) only where the model has another deployment."""
    at_once: Bools
    """(F)"""
    at_once_peer: Bools
    """(1)"""
    outliers: Bools
    """(1) are places compared with each other at every sweep?"""
    outlier_deviations: Floats
    outlier_hosts: Ints
    outlier_requests: Ints
    """(E) so far below the mean share of successes; fewest places, and fewest results of one, to compare."""
    window: Ints
    """(E)"""
    window_kind: Ints
    """(1) `codes.WindowKind`."""
    forget: Bools
    """(1)"""
    cooldown: Ints
    """(E)"""
    grows: Bools
    """(1)"""
    cooldown_max: Ints
    """(E)"""
    from_retry_after: Bools
    """(1)"""
    sweep: Ints
    """(E) 0: none."""
    probes: Ints
    """(E) 0: closes by itself."""
    max_open_ppb: Ints
    panic_ppb: Ints
    """(E)"""
    panic_chain: Bools
    """(1) panic looks at the model first asked and all its fallbacks, not at the model alone."""


class Ladder(NamedTuple):
    """What is done instead of failing, rung by rung."""

    what: Ints
    """(D) `codes.Degrade`."""
    reason: Ints
    """(D) `codes.Kind`."""
    share: Floats
    """(E, D) how often it is there."""
    takes: Ints
    """(E, D) distribution; -1: at once."""
    good: Floats
    """(E, D) NaN: not judged."""
    at_least_ppb: Ints
    """(E, D) of a partial answer."""
    cost: Ints
    """(E, D) picodollars per case."""
    queue: Ints
    """(E, D) waiting places; NEVER: no limit."""
    staff_time: Ints
    """(H) when the number of people changes; the first is at or before the begin. Empty without people."""
    staff: Ints
    """(H) people from then on."""
    closed: Bools
    """(D) after hours: go on to the next rung (else wait)."""


class Audience(NamedTuple):
    """Users who give up, and who ask again."""

    patience: Ints
    """(E) distribution; -1: without end."""
    until_answer: Bools
    """(1) until the answer's end, not its first token."""
    reload_abandoned: Floats
    reload_failed: Floats
    """(E) share who ask again after giving up; after an action that failed or was rejected."""
    reload_after: Ints
    """(E) ns later."""
    reload_at_most: Ints
    """(1) times."""


__all__ = ["PPB", "RATES", "Audience", "Breaker", "Ladder", "Layer"]
