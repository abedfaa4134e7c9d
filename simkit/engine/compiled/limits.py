"""What an attempt must pass before service: the context limit and the rate limits."""

from simkit.engine.compiled.memory import *
from simkit.laws.bucket import bucket_charge, bucket_cost, bucket_excess, ramp_allowed
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind, Measure
from simkit.plan.plan import NEVER

OK, RATE_LIMIT, TOO_LARGE = int(Kind.OK), int(Kind.RATE_LIMIT), int(Kind.TOO_LARGE)
REQUESTS, INPUT_TOKENS, OUTPUT_TOKENS, _, RAMP = (int(measure) for measure in Measure)


@step
def too_large(m: Memory, t: int) -> int:
    """TOO_LARGE if prompt and longest answer exceed the context, else OK."""
    longest = at2(m, MAX_OUTPUT, m[M_EPOCH], m[t + T_INDEX])
    answer = longest if longest < NEVER else m[t + T_TOKENS_OUT]
    fits = m[t + T_TOKENS_IN] + answer <= at2(m, CONTEXT, m[M_EPOCH], m[t + T_MODEL])
    return OK if fits else TOO_LARGE


@step
def charge(m: Memory, f: Reals, t: int) -> int:
    """Take from all limits or from none; the kind of refusal, or OK."""
    n = m[t + T_DEPLOYMENT]
    first, beyond = at1(m, FIRST_LIMIT, n), at1(m, FIRST_LIMIT, n + 1)
    excess, limit, left = 0, NONE, real2(m, f, WEATHER, n, W_QUOTA)
    for i in range(first, beyond):
        b = at1(m, LIMITS, i)
        wait = excess_of(m, f, t, b, left)
        if wait == NEVER:
            m[t + T_LIMIT] = b
            return TOO_LARGE
        if wait > excess:
            excess, limit = wait, b
    for i in range(first, beyond):
        take(m, at1(m, LIMITS, i), excess)
    m[t + T_RETRY_AFTER] = excess
    m[t + T_LIMIT] = limit
    return RATE_LIMIT if excess > 0 else OK


@step
def excess_of(m: Memory, f: Reals, t: int, b: int, left: float) -> int:
    """How long until the request fits into a limit, in ns; 0 or less: it fits now; NEVER: a full one is too small."""
    if at1(m, MEASURE, b) == RAMP:
        return ramp_excess(m, f, b)
    cost, burst = cost_of(m, f, t, b, 1.0), at2(m, BURST, m[M_EPOCH], b)
    if cost > burst:  # an incident makes no request too large
        return NEVER
    if left != 1.0:
        cost = cost_of(m, f, t, b, left)
    m[m[CHARGED] + b] = bucket_charge(at1(m, BUCKETS, b), m[M_NOW], cost)
    return bucket_excess(at1(m, BUCKETS, b), m[M_NOW], cost, burst)


@step
def take(m: Memory, b: int, excess: int) -> None:
    """Take from a limit; refused requests take where the limit counts them, at most until it is empty."""
    if at1(m, MEASURE, b) == RAMP:
        m[ramp(m, b) + R_COUNT] += excess == 0
        return
    now, bucket, after = m[M_NOW], m[BUCKETS] + b, at1(m, CHARGED, b)
    if excess == 0:
        m[bucket] = after
    elif at1(m, REFUSED_COUNT, b) == 1:
        m[bucket] = max(m[bucket], min(after, now + at2(m, BURST, m[M_EPOCH], b)))


@step
def cost_of(m: Memory, f: Reals, t: int, b: int, left: float) -> int:
    """What this request costs in a bucket's time when a share of the limit is left."""
    return bucket_cost(units(m, t, b), real3(m, f, NS_PER_UNIT, m[M_EPOCH], b, at1(m, LEVELS, b)), left)


@step
def units(m: Memory, t: int, b: int) -> int:
    """What this request takes from a bucket."""
    measure = at1(m, MEASURE, b)
    if measure == REQUESTS:
        return 1
    prompt = m[t + T_TOKENS_IN]
    if at1(m, CACHED_COUNTS, b) == 0:
        prompt -= m[t + T_CACHED]
    if measure == INPUT_TOKENS:
        return prompt
    longest = at2(m, MAX_OUTPUT, m[M_EPOCH], m[t + T_INDEX])
    answer = longest if at1(m, RESERVE_MAX, b) == 1 and longest < NEVER else m[t + T_TOKENS_OUT]
    return answer if measure == OUTPUT_TOKENS else prompt + answer


@step
def ramp(m: Memory, b: int) -> int:
    """Address of how many requests a ramp let through in its present interval and in the one before."""
    return m[RAMPS] + b * RAMP_WIDTH


@apart
def ramp_excess(m: Memory, f: Reals, b: int) -> int:
    """How long until a ramp lets another request through: to its next interval, or 0."""
    every, e, r = at2(m, RAMP_EVERY, m[M_EPOCH], b), m[M_EPOCH], ramp(m, b)
    interval = (m[M_NOW] - m[M_BEGIN]) // every
    if interval != m[r + R_INTERVAL]:
        m[r + R_BEFORE] = m[r + R_COUNT] if interval == m[r + R_INTERVAL] + 1 else 0
        m[r + R_COUNT] = 0
        m[r + R_INTERVAL] = interval
    if m[r + R_COUNT] < ramp_allowed(m[r + R_BEFORE], real2(m, f, RAMP_GROWTH, e, b), at2(m, RAMP_FLOOR, e, b)):
        return 0
    return m[M_BEGIN] + (interval + 1) * every - m[M_NOW]
