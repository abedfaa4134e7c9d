"""What an attempt must pass before service: the context limit and the rate limits."""

from simkit.engine.compiled.memory import *
from simkit.laws.bucket import bucket_charge, bucket_cost, bucket_excess
from simkit.laws.jit import step
from simkit.plan.codes import Kind
from simkit.plan.plan import NEVER

OK, RATE_LIMIT, TOO_LARGE = int(Kind.OK), int(Kind.RATE_LIMIT), int(Kind.TOO_LARGE)
REQUESTS, INPUT_TOKENS, OUTPUT_TOKENS = range(3)


@step
def too_large(m: Memory, t: int) -> int:
    """TOO_LARGE if prompt and longest answer exceed the context, else OK."""
    longest = at2(m, MAX_OUTPUT, m[M_EPOCH], m[t + T_INDEX])
    answer = longest if longest < NEVER else m[t + T_TOKENS_OUT]
    fits = m[t + T_TOKENS_IN] + answer <= at2(m, CONTEXT, m[M_EPOCH], m[t + T_MODEL])
    return OK if fits else TOO_LARGE


@step
def charge(m: Memory, f: Reals, t: int) -> int:
    """Take from all buckets or from none; the kind of refusal, or OK."""
    n = m[t + T_DEPLOYMENT]
    first, beyond = at1(m, FIRST_LIMIT, n), at1(m, FIRST_LIMIT, n + 1)
    excess, limit, left = 0, NONE, real2(m, f, WEATHER, n, W_QUOTA)
    for i in range(first, beyond):
        b = at1(m, LIMITS, i)
        burst = at2(m, BURST, m[M_EPOCH], b)
        if cost_of(m, f, t, b, 1.0) > burst:  # an incident makes no request too large
            m[t + T_LIMIT] = b
            return TOO_LARGE
        wait = bucket_excess(at1(m, BUCKETS, b), m[M_NOW], cost_of(m, f, t, b, left), burst)
        if wait > excess:
            excess, limit = wait, b
    for i in range(first, beyond):
        take(m, f, t, at1(m, LIMITS, i), left, excess)
    m[t + T_RETRY_AFTER] = excess
    m[t + T_LIMIT] = limit
    return RATE_LIMIT if excess > 0 else OK


@step
def take(m: Memory, f: Reals, t: int, b: int, left: float, excess: int) -> None:
    """Take from a bucket; refused requests take where the limit counts them, at most until it is empty."""
    now, bucket = m[M_NOW], m[BUCKETS] + b
    after = bucket_charge(m[bucket], now, cost_of(m, f, t, b, left))
    if excess == 0:
        m[bucket] = after
    elif at1(m, REFUSED_COUNT, b) == 1:
        m[bucket] = max(m[bucket], min(after, now + at2(m, BURST, m[M_EPOCH], b)))


@step
def cost_of(m: Memory, f: Reals, t: int, b: int, left: float) -> int:
    """What this request costs in a bucket's time when a share of the limit is left."""
    return bucket_cost(units(m, t, b), real2(m, f, NS_PER_UNIT, m[M_EPOCH], b), left)


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
