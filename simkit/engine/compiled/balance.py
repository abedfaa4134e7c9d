"""Which of a model's deployments an attempt goes to: who may be asked, and who of them is."""

from simkit.engine.compiled.bill import prices_now
from simkit.engine.compiled.breaker import usable
from simkit.engine.compiled.dice import of_call
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.engine.compiled.station import station
from simkit.laws.choice import choose
from simkit.laws.jit import apart, step
from simkit.plan.codes import Balance, Kind, Mark, RetryAt
from simkit.plan.plan import NEVER, SECOND

WEIGHTED, ORDERED, LEAST_BUSY, LOWEST_LATENCY, LOWEST_USAGE, CHEAPEST = (int(b) for b in Balance)
SAME, OTHER = int(RetryAt.SAME), int(RetryAt.OTHER)
OK, TIMED_OUT = int(Kind.OK), int(Kind.TIMEOUT)
FORBIDDEN = int(Mark.FORBIDDEN)
MINUTE = 60 * SECOND
PENALTY = 1000 * SECOND
"""What a timeout counts as, per token."""
LONGEST = 10**16
"""No sample is longer, ns: sums of ten stay exact when they are compared."""


@step
def pick(m: Memory, f: Reals, t: int) -> int:
    """The deployment an attempt goes to; NONE when nobody may be asked."""
    model = m[t + T_MODEL]
    first, beyond = at1(m, FIRST_DEPLOYMENT, model), at1(m, FIRST_DEPLOYMENT, model + 1)
    if m[M_CHOOSY] == 0 and m[t + T_HEDGE] == 0:
        if beyond - first == 1:
            return first
        if at1(m, MODEL_BALANCE, model) == WEIGHTED:
            return weighted_of_all(m, f, t, first, beyond)
    found = candidates(m, m[t + T_CALL], m[t + T_HEDGE])
    if m[M_BOUND] == 1 and m[M_FORBIDDEN] == 1:
        m[t + T_MARKS] |= FORBIDDEN
    return pick_of(m, f, t, found, first, beyond)


@step
def weighted_of_all(m: Memory, f: Reals, t: int, first: int, beyond: int) -> int:
    """At random, by weight."""
    _, v = of_call(m, m[t + T_CALL], L_CHOICE, m[t + T_CODE])
    return first + choose(v, view(f, m[WEIGHT_CDF] + m[M_EPOCH] * m[WEIGHT_CDF + 1] + first, (beyond - first,)))


@apart
def candidates(m: Memory, c: int, hedge: int) -> int:
    """Mark in CANDIDATES whom the present try of a call, or its hedge, may ask; how many they are."""
    found = available(m, m[m[c + C_ACTION] + A_REPLICA], c)
    failed, retry_at = m[c + C_LAST_DEPLOYMENT], at1(m, RETRY_AT, 0)
    if m[c + C_TRY] > 0 and failed != NONE:
        if retry_at == SAME:
            found = nobody_but(m, m[c + C_MODEL], failed)
        elif retry_at == OTHER:
            found = without(m, found, failed)
    if hedge == 1:
        found = without(m, found, m[m[c + C_ATTEMPT] + T_DEPLOYMENT])
    if m[M_GUIDES] == 1 and found > 1 and at1(m, REGIONS_NEAR, 0) == 1:
        return nearest(m, c)
    return found


@step
def nearest(m: Memory, c: int) -> int:
    """Of the candidates those alone stay that are nearest to the action's region; how many they are."""
    first, beyond = at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL]), at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL] + 1)
    e, r, least, found = m[M_EPOCH], region_of(m, m[c + C_ACTION]), NEVER, 0
    for n in range(first, beyond):
        if at1(m, CANDIDATES, n) == 1:
            least = min(least, at3(m, REGIONS_TO_MODEL, e, r, n))
    for n in range(first, beyond):
        if at3(m, REGIONS_TO_MODEL, e, r, n) > least:
            m[m[CANDIDATES] + n] = 0
        found += at1(m, CANDIDATES, n)
    return found


@apart
def available(m: Memory, replica: int, c: int) -> int:
    """Mark the deployments of a call's model that may be asked; how many they are."""
    found = let_through(m, replica, c)
    if m[M_BOUND] == 0:
        return found
    a, permitted = m[c + C_ACTION], 0
    for n in range(at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL]), at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL] + 1)):
        m[m[CANDIDATES] + n] &= at3(m, REGIONS_MAY_ASK, m[a + A_HOME], m[a + A_KIND], n)
        permitted += at1(m, CANDIDATES, n)
    m[M_FORBIDDEN] = permitted == 0 and found > 0
    return permitted


@step
def let_through(m: Memory, replica: int, c: int) -> int:
    """Mark the deployments of a call's model whose breakers let somebody through; how many they are."""
    if m[M_BREAKS] == 1:
        return usable(m, replica, c)
    first, beyond = at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL]), at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL] + 1)
    for n in range(first, beyond):
        m[m[CANDIDATES] + n] = 1
    return beyond - first


@step
def nobody_but(m: Memory, model: int, n: int) -> int:
    """One deployment alone is a candidate."""
    for other in range(at1(m, FIRST_DEPLOYMENT, model), at1(m, FIRST_DEPLOYMENT, model + 1)):
        m[m[CANDIDATES] + other] = other == n
    return 1


@step
def without(m: Memory, found: int, n: int) -> int:
    """A deployment is no candidate, if another one is."""
    if found == at1(m, CANDIDATES, n):
        return found
    found -= at1(m, CANDIDATES, n)
    m[m[CANDIDATES] + n] = 0
    return found


@apart
def pick_of(m: Memory, f: Reals, t: int, found: int, first: int, beyond: int) -> int:
    """One of the candidates, by the model's balance."""
    balance = at1(m, MODEL_BALANCE, m[t + T_MODEL])
    if found == 0:
        return NONE
    if found == 1:
        return nth(m, 0, first)
    if balance == ORDERED:
        return ordered(m, m[t + T_TRY] % found, first)
    if balance == LEAST_BUSY:
        return least_busy(m, first, beyond)
    if balance == CHEAPEST:
        return cheapest(m, first, beyond)
    if balance != WEIGHTED:
        return lowest(m, t, first, beyond)
    if found == beyond - first:
        return weighted_of_all(m, f, t, first, beyond)
    return weighted(m, f, t, first, beyond)


@step
def nth(m: Memory, number: int, first: int) -> int:
    """The n-th candidate in the order of their numbers."""
    n = first
    while number > 0 or at1(m, CANDIDATES, n) == 0:
        number -= at1(m, CANDIDATES, n)
        n += 1
    return n


@step
def ordered(m: Memory, number: int, first: int) -> int:
    """The n-th candidate in the order of ranks."""
    i = first
    while number > 0 or at1(m, CANDIDATES, at1(m, RANK, i)) == 0:
        number -= at1(m, CANDIDATES, at1(m, RANK, i))
        i += 1
    return at1(m, RANK, i)


@step
def least_busy(m: Memory, first: int, beyond: int) -> int:
    """The candidate with the fewest attempts, waiting ones included; the first of several."""
    best, fewest = first, NEVER
    for n in range(first, beyond):
        d = station(m, n)
        load = m[d + D_BUSY] + m[d + D_WAITING]
        if at1(m, CANDIDATES, n) == 1 and load < fewest:
            best, fewest = n, load
    return best


@step
def cheapest(m: Memory, first: int, beyond: int) -> int:
    """The candidate whose input and output prices are lowest at present; the first of several."""
    best, least, q = first, NEVER, prices_now(m)
    for n in range(first, beyond):
        both = at3(m, PRICE_INPUT, q, n, 0) + at3(m, PRICE_OUTPUT, q, n, 0)
        if at1(m, CANDIDATES, n) == 1 and both < least:
            best, least = n, both
    return best


@step
def weighted(m: Memory, f: Reals, t: int, first: int, beyond: int) -> int:
    """At random, by weight, among some of the deployments."""
    _, v = of_call(m, m[t + T_CALL], L_CHOICE, m[t + T_CODE])
    total, passed, last = 0.0, 0.0, first
    for n in range(first, beyond):
        if at1(m, CANDIDATES, n) == 1:
            total += real2(m, f, WEIGHT, m[M_EPOCH], n)
    for n in range(first, beyond):
        if at1(m, CANDIDATES, n) == 1:
            passed += real2(m, f, WEIGHT, m[M_EPOCH], n)
            last = n
            if v * total < passed:
                return n
    return last


@step
def lowest(m: Memory, t: int, first: int, beyond: int) -> int:
    """One of the candidates with the lowest latency or usage; the others are none."""
    total, samples, found = 0, 0, 0
    for n in range(first, beyond):
        a, b = figure(m, t, n)
        if at1(m, CANDIDATES, n) == 1 and (samples == 0 or a * samples < total * b):
            total, samples = a, b
    for n in range(first, beyond):
        a, b = figure(m, t, n)
        m[m[CANDIDATES] + n] = at1(m, CANDIDATES, n) == 1 and a * samples == total * b
        found += at1(m, CANDIDATES, n)
    _, v = of_call(m, m[t + T_CALL], L_CHOICE, m[t + T_CODE])
    return nth(m, int(v * found), first)


@step
def figure(m: Memory, t: int, n: int) -> tuple[int, int]:
    """What a deployment is judged by, as a sum and a number of samples: tokens used, or how long answers took."""
    if at1(m, MODEL_BALANCE, m[t + T_MODEL]) == LOWEST_USAGE:
        u = usage_at(m, m[t + T_REPLICA], n)
        return (m[u + U_TOKENS] if m[u + U_MINUTE] == minute_now(m) else 0), 1
    per_token = samples_at(m, m[t + T_REPLICA], n)
    to_first_token = per_token + RING_WIDTH
    ring = to_first_token if m[t + T_STREAMS] == 1 and m[to_first_token + S_COUNT] > 0 else per_token
    total = 0
    for i in range(m[ring + S_COUNT]):
        total += m[ring + S_FIRST + i]
    return total, max(m[ring + S_COUNT], 1)


@step
def samples_at(m: Memory, replica: int, n: int) -> int:
    """Address of the last samples that a copy of the layer has of a deployment: per token, to the first token."""
    return m[SAMPLES] + replica * m[SAMPLES + 1] + n * SAMPLES_WIDTH


@step
def usage_at(m: Memory, replica: int, n: int) -> int:
    """Address of the tokens of a minute that a copy of the layer has seen a deployment answer."""
    return m[USAGE] + replica * m[USAGE + 1] + n * USAGE_WIDTH


@step
def minute_now(m: Memory) -> int:
    """The current minute, counted from 1970."""
    return (m[M_UTC] + m[M_NOW]) // MINUTE


@apart
def remember(m: Memory, t: int, kind: int) -> None:
    """An attempt has ended: what its model's balance will want to know."""
    balance = at1(m, MODEL_BALANCE, m[t + T_MODEL])
    if balance == LOWEST_LATENCY:
        remember_latency(m, t, kind)
    elif balance == LOWEST_USAGE and kind == OK:
        u, minute = usage_at(m, m[t + T_REPLICA], m[t + T_DEPLOYMENT]), minute_now(m)
        if m[u + U_MINUTE] != minute:
            m[u + U_MINUTE] = minute
            m[u + U_TOKENS] = 0
        m[u + U_TOKENS] += m[t + T_TOKENS_IN] + m[t + T_TOKENS_OUT]


@step
def remember_latency(m: Memory, t: int, kind: int) -> None:
    """How long it took."""
    ring = samples_at(m, m[t + T_REPLICA], m[t + T_DEPLOYMENT])
    if kind == TIMED_OUT:
        add_sample(m, ring, PENALTY)
    elif kind == OK:
        add_sample(m, ring, (m[t + T_ENDED] - m[t + T_DISPATCHED]) // max(m[t + T_TOKENS_OUT], 1))
        if m[t + T_STREAMS] == 1:
            add_sample(m, ring + RING_WIDTH, m[t + T_FIRST_TOKEN] - m[t + T_DISPATCHED])


@step
def add_sample(m: Memory, ring: int, sample: int) -> None:
    """The last one of a ring, in place of the oldest."""
    m[ring + S_FIRST + m[ring + S_NEXT]] = min(sample, LONGEST)
    m[ring + S_NEXT] = (m[ring + S_NEXT] + 1) % RING
    m[ring + S_COUNT] = min(m[ring + S_COUNT] + 1, RING)
