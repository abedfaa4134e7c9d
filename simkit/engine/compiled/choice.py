"""The choice of a region: who may serve, what the client knows of them, and by which policy one of them is taken."""

from simkit.engine.compiled.dice import uniform, visitor
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.region import place, real_place
from simkit.engine.compiled.watch import hear
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.laws.region import seen_at
from simkit.plan.places import Lead
from simkit.plan.plan import NEVER

DNS, DECIDES = int(Stream.DNS), int(Stream.REGION)
WEIGHTED, PRIORITY, LATENCY = int(Lead.WEIGHTED), int(Lead.PRIORITY), int(Lead.LATENCY)
NOWHERE, FORBIDDEN_THERE = -1, -2


@step
def choose_region(m: Memory, f: Reals, a: int) -> int:
    """The region that an action's client turns to."""
    by_distance = at1(m, REGIONS_POLICY, 0) not in (WEIGHTED, PRIORITY)
    if by_distance and m[M_UNWELL] == 0 and m[M_BOUND] == 0 and is_calm(m):
        return nearest_of_all(m, f, a)
    return choose_among(m, f, a, heard_at(m, f, a))


@step
def is_calm(m: Memory) -> bool:
    """Has everybody heard of everything?"""
    now, e = m[M_NOW], m[M_EPOCH]
    longest = at1(m, REGIONS_TTL, 0) + at1(m, REGIONS_IGNORE_FOR, 0) + at1(m, REGIONS_FAILBACK, 0)
    return now - m[M_TOLD_AT] > longest and (e == 0 or now - at1(m, EPOCHS, e) > longest)


@step
def nearest_of_all(m: Memory, f: Reals, a: int) -> int:
    """While all are well and may serve everybody: the one that is soonest reached, the user's own of several."""
    e, best, least = m[M_EPOCH], NOWHERE, NEVER
    for r in range(m[M_REGIONS]):
        if real2(m, f, REGIONS_WEIGHT, e, r) > 0.0 and m[a + A_TRIED] >> r & 1 == 0:
            score = how_far(m, a, r)
            if score < least or (score == least and r == m[a + A_HOME]):
                best, least = r, score
    return best


@step
def how_far(m: Memory, a: int, r: int) -> int:
    """Round trip from an action's user to a region; with `latency` also how long one waits there now, ns.

    That is as far as it is known: not at all while a slot is free.
    """
    g, way = place(m, r), at3(m, REGIONS_RTT, m[M_EPOCH], m[a + A_HOME], r)
    if at1(m, REGIONS_POLICY, 0) != LATENCY or m[g + G_BUSY] < m[g + G_CAPACITY]:
        return way
    return way + m[g + G_WAIT]


@apart
def choose_among(m: Memory, f: Reals, a: int, at: int) -> int:
    """One of those that the client took for well when it last asked, and that may serve it."""
    e = m[M_EPOCH]
    while e > 0 and at1(m, EPOCHS, e) > at:
        e -= 1
    allowed, forbidden, open_ones, open_elsewhere = 0, 0, 0, 0
    for r in range(m[M_REGIONS]):
        if real2(m, f, REGIONS_WEIGHT, e, r) <= 0.0 or m[a + A_TRIED] >> r & 1 == 1:
            continue
        hear(m, f, r, at)
        is_open = f[real_place(m, r) + H_OPEN] > 0.0
        if at3(m, REGIONS_MAY_SERVE, m[a + A_HOME], m[a + A_KIND], r) == 0:
            forbidden += 1
            open_elsewhere += is_open
        else:
            allowed |= 1 << r
            open_ones += is_open
    if open_ones == 0:
        if forbidden > 0 and (allowed == 0 or open_elsewhere > 0):
            return FORBIDDEN_THERE
        for r in range(m[M_REGIONS]):  # all are down: as if all were well
            f[real_place(m, r) + H_OPEN] = f[real_place(m, r) + H_THERE] = 1.0
    return one_of_them(m, f, a, allowed, e) if allowed != 0 else NOWHERE


@step
def heard_at(m: Memory, f: Reals, a: int) -> int:
    """When the action's user last asked where to go; now, where that makes no difference."""
    now, ttl, ignores = m[M_NOW], at1(m, REGIONS_TTL, 0), real1(m, f, REGIONS_IGNORE, 0)
    if is_calm(m) or (ttl == 0 and ignores == 0.0):
        return now
    who = m[a + A_USER] if m[a + A_USER] >= 0 else visitor(m[a + A_NUMBER])
    u, v = uniform(m, DNS, who, 0, 0)
    return seen_at(now, u, ttl, at1(m, REGIONS_IGNORE_FOR, 0) if v < ignores else 0)


@step
def one_of_them(m: Memory, f: Reals, a: int, allowed: int, e: int) -> int:
    """One of the regions that may serve (as bits), by the policy."""
    policy = at1(m, REGIONS_POLICY, 0)
    if policy == WEIGHTED:
        for r in range(m[M_REGIONS]):
            f[real_place(m, r) + H_WEIGHT] = real2(m, f, REGIONS_WEIGHT, e, r) * f[real_place(m, r) + H_OPEN]
        return by_weight(m, f, draw(m, a), allowed)
    if policy == PRIORITY and has_choice(m, f, a, allowed):
        return by_priority(m, f, a, allowed)
    for r in range(m[M_REGIONS]):
        m[place(m, r) + G_SCORE] = how_far(m, a, r)
    return first_open(m, f, a, allowed)


@step
def draw(m: Memory, a: int) -> float:
    """The number that decides."""
    u, _ = uniform(m, DECIDES, m[a + A_NUMBER], 0, 0)
    return u


@step
def lowest_score(m: Memory, f: Reals, a: int, left: int) -> int:
    """The open region with the lowest score of some, of several the user's own, else the first; NOWHERE without any."""
    best = NOWHERE
    for r in range(m[M_REGIONS]):
        if left >> r & 1 == 0 or f[real_place(m, r) + H_OPEN] <= 0.0:
            continue
        score, least = m[place(m, r) + G_SCORE], NEVER if best == NOWHERE else m[place(m, best) + G_SCORE]
        if score < least or (score == least and r == m[a + A_HOME]):
            best = r
    return best


@step
def first_open(m: Memory, f: Reals, a: int, left: int) -> int:
    """The one with the lowest score, as far as it is open, then the next."""
    r, u = lowest_score(m, f, a, left), -1.0
    share = f[real_place(m, r) + H_OPEN]
    if share >= 1.0:
        return r
    u = draw(m, a)
    while True:
        left &= ~(1 << r)
        following = lowest_score(m, f, a, left)
        if following == NOWHERE or u < share:
            return r
        u = (u - share) / (1.0 - share)
        r = following
        share = f[real_place(m, r) + H_OPEN]


@step
def by_weight(m: Memory, f: Reals, u: float, left: int) -> int:
    """At random among some regions (as bits), by weights of which one is above 0."""
    total, passed, last = 0.0, 0.0, NOWHERE
    for r in range(m[M_REGIONS]):
        if left >> r & 1 == 1:
            last = r if last == NOWHERE else last
            total += f[real_place(m, r) + H_WEIGHT]
    for r in range(m[M_REGIONS]):
        weight = f[real_place(m, r) + H_WEIGHT]
        if left >> r & 1 == 1 and weight > 0.0:
            passed += weight
            last = r
            if u * total < passed:
                return r
    return last


@step
def has_choice(m: Memory, f: Reals, a: int, allowed: int) -> bool:
    """Is any of the home's choices open?"""
    for r in range(m[M_REGIONS]):
        is_choice = allowed >> r & 1 == 1 and at2(m, REGIONS_LEVEL, m[a + A_HOME], r) < NEVER
        if is_choice and f[real_place(m, r) + H_OPEN] > 0.0:
            return True
    return False


@apart
def by_priority(m: Memory, f: Reals, a: int, allowed: int) -> int:
    """Choice after choice, each as far as what is healthy of it bears (Envoy's priority levels)."""
    regions, over = m[M_REGIONS], real1(m, f, REGIONS_OVERPROVISIONING, 0)
    total = 0.0
    for level in range(regions):
        total += min(1.0, over * healthy_share(m, f, a, allowed, level))
    total = min(1.0, total)
    u, passed, inside, found = draw(m, a), 0.0, 0.0, 0
    for level in range(regions):
        load = min(1.0 - passed, min(1.0, over * healthy_share(m, f, a, allowed, level)) / total)
        if load > 0.0:
            found, inside = level, (u - passed) / load
            passed += load
            if u < passed:
                break
    panics = total < 1.0 and healthy_share(m, f, a, allowed, found) < real1(m, f, REGIONS_PANIC, 0)
    members = 0
    for r in range(regions):
        h = real_place(m, r)
        size = float(m[place(m, r) + G_REPLICAS])
        f[h + H_WEIGHT] = size if panics else size * f[h + H_OPEN] * f[h + H_THERE]
        members |= (1 if is_of(m, a, allowed, r, found) else 0) << r
    return by_weight(m, f, inside, members)


@step
def is_of(m: Memory, a: int, allowed: int, r: int, level: int) -> bool:
    """Does a region belong to a choice?"""
    return allowed >> r & 1 == 1 and at2(m, REGIONS_LEVEL, m[a + A_HOME], r) == level


@step
def healthy_share(m: Memory, f: Reals, a: int, allowed: int, level: int) -> float:
    """Share of a choice's replicas that the client takes for healthy."""
    well, whole = 0.0, 0.0
    for r in range(m[M_REGIONS]):
        if is_of(m, a, allowed, r, level):
            size = float(m[place(m, r) + G_REPLICAS])
            whole += size
            well += size * f[real_place(m, r) + H_OPEN] * f[real_place(m, r) + H_THERE]
    return well / whole if whole > 0.0 else 0.0
