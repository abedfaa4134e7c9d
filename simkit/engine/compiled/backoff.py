"""Waiting before a retry: backoff, Retry-After, and when there is no point in waiting."""

from simkit.engine.compiled.memory import *
from simkit.laws.backoff import additive_ns, backoff_ns, decorrelated_ns, heard_ns
from simkit.laws.jit import apart, step
from simkit.laws.sample import whole
from simkit.plan.codes import JitterKind, Kind

GIVE_UP = -1
"""No wait at all: the retry is not made."""
RATE_LIMIT = int(Kind.RATE_LIMIT)
ADDITIVE, DECORRELATED = int(JitterKind.ADDITIVE), int(JitterKind.DECORRELATED)


@apart
def wait_after(m: Memory, f: Reals, layer: int, c: int, kind: int, number: int, said: int, u: float) -> int:
    """How long a layer waits after failure `number` of a call, which `said` when to come back; or GIVE_UP."""
    honoured = at1(m, RETRY_AFTER + layer, m[M_EPOCH])
    said = heard_ns(said, at1(m, RETRY_AFTER_UNIT + layer, m[M_EPOCH]))
    if 0 < said <= honoured:
        wait = as_told(m, f, layer, c, kind, number, said, u)
        in_time = m[M_NOW] + wait < time_left_ends(m, c)
        return wait if in_time or at1(m, DEADLINE_AWARE + layer, 0) == 0 else GIVE_UP
    if said > honoured > 0 and at1(m, RETRY_AFTER_GIVES_UP + layer, 0) == 1:
        return GIVE_UP
    wait = own_wait(m, f, layer, c, kind, number, u)
    m[c + C_WAIT + int(layer != INNER)] = wait
    return wait


@step
def time_left_ends(m: Memory, c: int) -> int:
    """When the time left for a call is over: its action's, the base model's, the request's (if one is under way)."""
    return min(m[m[c + C_ACTION] + A_DEADLINE], m[c + C_CALL_UNTIL], m[c + C_REQUEST_UNTIL])


@step
def as_told(m: Memory, f: Reals, layer: int, c: int, kind: int, number: int, said: int, u: float) -> int:
    """The Retry-After: instead of the backoff, or if it is longer."""
    if at1(m, RETRY_AFTER_INSTEAD + layer, 0) == 0:
        return max(own_wait(m, f, layer, c, kind, number, u), said)
    if at1(m, JITTER_KIND + layer, 0) != ADDITIVE:
        return said
    return said + whole(at1(m, JITTER_ADD + layer, m[M_EPOCH]) * u)


@apart
def own_wait(m: Memory, f: Reals, layer: int, c: int, kind: int, number: int, u: float) -> int:
    """The layer's own backoff."""
    e, jitter = m[M_EPOCH], at1(m, JITTER_KIND + layer, 0)
    initial = at1(m, (BACKOFF_THROTTLED if kind == RATE_LIMIT else BACKOFF_INITIAL) + layer, e)
    factor, longest = real1(m, f, BACKOFF_FACTOR + layer, e), at1(m, BACKOFF_MAX + layer, e)
    if jitter == ADDITIVE:
        return additive_ns(number, initial, factor, longest, at1(m, JITTER_ADD + layer, e), u)
    if jitter == DECORRELATED:
        before = m[c + C_WAIT + int(layer != INNER)]
        return decorrelated_ns(initial if before == NONE else before, initial, longest, u)
    low, high = real1(m, f, JITTER_LOW + layer, e), real1(m, f, JITTER_HIGH + layer, e)
    return backoff_ns(number, initial, factor, longest, low, high, u)
