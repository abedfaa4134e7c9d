"""Caches of answers: looked up before a call does anything, written when it was answered.

An entry without an answer stands for a question that is being answered: who answers it, and who waits for that.
"""

from simkit.engine.compiled.agenda import follow_up, schedule
from simkit.engine.compiled.conversation import remember
from simkit.engine.compiled.dice import count, origin, turn, uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import fetch, view
from simkit.engine.compiled.prompt import draw_unsent
from simkit.engine.compiled.route import first_model, instead_of, verdict
from simkit.engine.compiled.station import join, quit_line
from simkit.engine.compiled.store import add, clear, drop, find, forget, head_of, new_entry, renew, store, touch
from simkit.laws.choice import guided
from simkit.laws.draws import Stream, code_of, unit
from simkit.laws.jit import Floats, Ints, apart, step
from simkit.laws.store import is_fresh, ramped
from simkit.plan.codes import AS_MODELS, LEADS, NO_KEY, Cache, Lookup
from simkit.plan.plan import NEVER

CLUSTER, QUESTION, LOOKUP, WARM = (int(s) for s in (Stream.CLUSTER, Stream.KEY, Stream.LOOKUP, Stream.WARM))
EXACT, SEMANTIC = int(Cache.EXACT), int(Cache.SEMANTIC)
MISS, HIT, FOLLOWS, FALSE, EXPIRED, OLD = (int(result) for result in Lookup)
CACHES = 2
UNNAMED = -2
"""From here down: the number drawn for what is asked (this minus 52 bits)."""
MISSED = -1
"""Instead of the step that follows: no answer here."""


@step
def answers_of(m: Memory, cache: int, r: int) -> int:
    """The store of a region's cache, or of the one that all share."""
    return store(m, 2 * whose(m, cache, r) + cache)


@step
def whose(m: Memory, cache: int, r: int) -> int:
    """The region whose cache a region looks into."""
    return 0 if at1(m, ANSWERS_SHARED, cache) == 1 else r


@step
def questions(m: Memory, cache: int) -> int:
    """How many different ones a cache knows."""
    traced = at1(m, ANSWERS_TRACE_KEYS, 0)
    return traced if cache == EXACT and traced > 0 else at1(m, ANSWERS_KEYS, cache)


@step
def popular(m: Memory, f: Reals, u: float, cdf: int, guide: int) -> int:
    """What is asked, drawn by popularity."""
    shares: Floats = view(f, m[cdf], (m[cdf + 3],))
    hints: Ints = view(m, m[guide], (m[guide + 3],))
    return guided(u, shares, hints)


@step
def name_question(m: Memory, f: Reals, a: int, u: float, v: float) -> None:
    """What an arrival asks, and its number for whether a cache may answer that."""
    m[a + A_LUCK] = int(v * 2.0**52)  # exact: `unit` makes `v` of it again
    if at1(m, ANSWERS_TRACE_KEYS, 0) > 0:
        m[a + A_RANK] = at1(m, ANSWERS_TRACE_KEY, origin(m[a + A_NUMBER]))
    elif at1(m, ANSWERS_KEYS, EXACT) > 0:
        m[a + A_RANK] = UNNAMED - int(u * 2.0**52)


@step
def expect_questions(m: Memory, f: Reals) -> None:
    """Have closer by then what the next question's entry is found by, and the questions of the two after."""
    place, first = m[M_NUMBER] & (m[M_AHEAD] - 1), m[AHEAD] + AHEAD_KEY * m[M_AHEAD]
    if place + 3 < m[M_AHEAD] and at1(m, ANSWERS_TRACE_KEYS, 0) == 0:
        u, v, w = unit(m[first + place + 1]), unit(m[first + place + 2]), unit(m[first + place + 3])
        expect_question(m, f, u, v, w, EXACT, ANSWERS_CDF_EXACT, ANSWERS_GUIDE_EXACT)
        expect_question(m, f, u, v, w, SEMANTIC, ANSWERS_CDF_SEMANTIC, ANSWERS_GUIDE_SEMANTIC)


@step
def expect_question(m: Memory, f: Reals, u: float, v: float, w: float, cache: int, cdf: int, guide: int) -> None:
    """The same for one of the caches, by the numbers of the next three questions."""
    count = m[guide + 3]
    if count > 0:
        fetch(m, head_of(m, store(m, cache), popular(m, f, u, cdf, guide), 0))
        fetch(f, m[cdf] + m[m[guide] + int(v * count)])
        fetch(m, m[guide] + int(w * count))


@step
def question_of(m: Memory, f: Reals, a: int) -> int:
    """What is asked; it is looked for when a cache wants to know, most often never."""
    if m[a + A_RANK] <= UNNAMED:
        u = unit(UNNAMED - m[a + A_RANK])
        m[a + A_RANK] = popular(m, f, u, ANSWERS_CDF_EXACT, ANSWERS_GUIDE_EXACT)
    return m[a + A_RANK]


@step
def is_asked(m: Memory, f: Reals, a: int, index: int, cache: int) -> bool:
    """Is a call looked up in a cache? Not with a question of its own, and not in the middle of a conversation."""
    if at1(m, ANSWERS_ON, cache) == 0 or m[a + A_RANK] == NO_KEY:
        return False
    if at1(m, HISTORY, index) == 1 and turn(m[a + A_NUMBER]) > 0:
        return False
    return unit(m[a + A_LUCK]) < real3(m, f, ANSWERS_CACHEABLE, m[M_EPOCH], cache, m[a + A_KIND])


@step
def has_entries(m: Memory, f: Reals, cache: int) -> bool:
    """Does a cache have entries, or a hit rate?"""
    return real2(m, f, ANSWERS_HIT_RATE, m[M_EPOCH], cache) < 0


@step
def key_of(m: Memory, f: Reals, a: int, index: int, cache: int) -> int:
    """The key of the entry that would answer a call."""
    asked = question_of(m, f, a) if cache == EXACT else cluster_of(m, f, a)
    return at1(m, NAME, index) * questions(m, cache) + asked


@step
def cluster_of(m: Memory, f: Reals, a: int) -> int:
    """What is meant: by the trace's question, or by the number that also draws the question where that is modelled.

    So popular questions have popular meanings, and either law holds whether or not the other cache is there.
    """
    traced = at1(m, ANSWERS_TRACE_KEYS, 0) > 0
    u, _ = uniform(m, CLUSTER if traced else QUESTION, m[a + A_RANK] if traced else origin(m[a + A_NUMBER]), 0, 0)
    return popular(m, f, u, ANSWERS_CDF_SEMANTIC, ANSWERS_GUIDE_SEMANTIC)


@step
def lookup_draws(m: Memory, c: int, block: int) -> tuple[float, float]:
    """Two numbers for a call's lookups."""
    return uniform(m, LOOKUP, m[m[c + C_ACTION] + A_NUMBER], code_of(m[c + C_NUMBER], 0, 0, 0, 0), block)


@apart
def look_up(m: Memory, f: Reals, c: int, first: int) -> int:
    """Ask cache after cache; when none has an answer, the work begins."""
    a, index = m[c + C_ACTION], m[c + C_INDEX]
    for cache in range(first, CACHES):
        if not is_asked(m, f, a, index, cache):
            continue
        m[c + C_SOUGHT] = key_of(m, f, a, index, cache) if has_entries(m, f, cache) else NO_KEY
        if at2(m, ANSWERS_LOOKUP, m[M_EPOCH], cache) >= 0:
            wait_for_result(m, f, c, cache)
            return NOTHING
        following = looked_up(m, f, c, cache)
        if following != MISSED:
            return following
    return then(m, WORK_ON, c)


@step
def wait_for_result(m: Memory, f: Reals, c: int, cache: int) -> None:
    """A lookup takes its time."""
    if m[c + C_SOUGHT] != NO_KEY:
        entry = m[head_of(m, answers_of(m, cache, region_of(m, m[c + C_ACTION])), m[c + C_SOUGHT], 0)]
        if entry != NONE:
            fetch(m, entry)
    dist, code = at2(m, ANSWERS_LOOKUP, m[M_EPOCH], cache), code_of(m[c + C_NUMBER], m[c + C_REPEAT], 0, 0, cache)
    u, v = 0.0, 0.0
    if at1(m, DIST_TABLE, dist) >= 0:
        u, v = lookup_draws(m, c, 2)
    m[c + C_KEY] = m[m[c + C_ACTION] + A_KEY] | code
    m[c + C_CACHE] = cache
    schedule(m, m[M_NOW] + count(m, f, dist, u if cache == EXACT else v), LOOKS_UP, m[c + C_KEY], c)


@apart
def found_out(m: Memory, f: Reals, c: int, key: int) -> int:
    """A lookup is over."""
    if m[c + C_KEY] != key:
        return NOTHING
    following = looked_up(m, f, c, m[c + C_CACHE])
    return following if following != MISSED else look_up(m, f, c, m[c + C_CACHE] + 1)


@apart
def looked_up(m: Memory, f: Reals, c: int, cache: int) -> int:
    """What a lookup finds now; the step that follows, or MISSED."""
    a, key, good, result = m[c + C_ACTION], m[c + C_SOUGHT], NONE, MISS
    m[a + A_LOOKUP_COST] += at2(m, ANSWERS_COST, m[M_EPOCH], cache)
    if key != NO_KEY:
        result, good = look_at_entry(m, f, c, cache, key)
    elif hits_by_chance(m, f, c, cache):
        result, good = HIT, as_models_do(m, f, c)
    if result == HIT and is_false(m, f, c, cache):
        result, good = FALSE, min(good, 0)
    write_lookup(m, a, m[c + C_INDEX], cache, key, result)
    if result in (HIT, FALSE):
        return served(m, f, c, good)
    return NOTHING if result == FOLLOWS else MISSED


@apart
def as_models_do(m: Memory, f: Reals, c: int) -> int:
    """How good the model's answer would have been."""
    return verdict(m, f, c, instead_of(m, m[c + C_ACTION], first_model(m, f, c)))


@step
def look_at_entry(m: Memory, f: Reals, c: int, cache: int, key: int) -> tuple[int, int]:
    """What a cache has: the result, and how good the answer is. The call may wait for another's now, or lead others."""
    s = answers_of(m, cache, region_of(m, m[c + C_ACTION]))
    entry, result = find(m, s, key, 0), MISS
    if entry != NONE and m[entry + E_GOOD] != NO_ANSWER:
        if is_fresh(m[entry + E_BORN], at2(m, ANSWERS_TTL, m[M_EPOCH], cache), m[M_NOW]):
            touch(m, s, entry)
            if m[entry + E_GOOD] == AS_MODELS:
                m[entry + E_GOOD] = as_models_do(m, f, c)
            return HIT, m[entry + E_GOOD]
        result = EXPIRED
    if at1(m, ANSWERS_COALESCE, cache) == 1:
        if entry == NONE:
            entry = new_entry(m, s, key, 0)
        if m[entry + E_LEADER] != NONE:
            follow(m, c, cache, entry)
            return FOLLOWS, NONE
        m[entry + E_LEADER] = c
        m[c + C_LEADS + cache] = entry
    m[c + C_MISSED + cache] = key
    return result, NONE


@step
def hits_by_chance(m: Memory, f: Reals, c: int, cache: int) -> bool:
    """Is there an answer, by a hit rate that grows while the cache fills?"""
    e = m[M_EPOCH]
    age = m[M_NOW] - at2(m, SINCE, whose(m, cache, region_of(m, m[c + C_ACTION])), cache)
    rate = ramped(real2(m, f, ANSWERS_HIT_RATE, e, cache), age, at2(m, ANSWERS_RAMP, e, cache))
    u, v = lookup_draws(m, c, 0)
    return (u if cache == EXACT else v) < rate


@step
def is_false(m: Memory, f: Reals, c: int, cache: int) -> bool:
    """Is it the answer to another question?"""
    if cache == EXACT:
        return False
    u, _ = lookup_draws(m, c, 1)
    return u < real2(m, f, ANSWERS_FALSE_HITS, m[M_EPOCH], cache)


@step
def write_lookup(m: Memory, a: int, index: int, cache: int, key: int, result: int) -> None:
    """A row of the log."""
    row = m[M_LOOKUP_PAGE] + m[M_LOOKUP_ROWS] * LOOKUP_LOGGED
    m[M_LOOKUP_ROWS] += 1
    m[row] = m[M_NOW]
    m[row + 1] = m[a + A_NUMBER]
    m[row + 2] = m[a + A_ARRIVAL]
    m[row + 3] = index
    m[row + 4] = cache
    m[row + 5] = key
    m[row + 6] = result


@apart
def served(m: Memory, f: Reals, c: int, good: int) -> int:
    """A cache has answered; what would have been said counts as said."""
    a, index = m[c + C_ACTION], m[c + C_INDEX]
    m[c + C_GOOD] = good
    if at1(m, STREAMING, index) == 1:
        m[c + C_FIRST_TOKEN] = m[M_NOW]
        m[a + A_SHOWN] |= at1(m, LAST_STREAM, index)
    if m[M_THREADS] == 1:
        draw_unsent(m, f, c)
        remember(m, c)
    resolve(m, c)
    return then(m, REPEATED, c)


@step
def follow(m: Memory, c: int, cache: int, entry: int) -> None:
    """Wait for the answer that another call is finding."""
    m[c + C_KEY] = m[m[c + C_ACTION] + A_KEY] | code_of(m[c + C_NUMBER], m[c + C_REPEAT], 0, 0, cache)
    m[c + C_CACHE] = cache
    m[c + C_FOLLOWS] = entry
    join(m, entry + E_FOLLOWER, C_FOLLOWER, c)
    m[M_JOINED] += 1


@step
def step_away(m: Memory, c: int) -> None:
    """It waits no more."""
    quit_line(m, m[c + C_FOLLOWS] + E_FOLLOWER, C_FOLLOWER, c)
    m[c + C_FOLLOWS] = NONE
    m[M_JOINED] -= 1


@apart
def keep_answer(m: Memory, c: int) -> None:
    """A model has answered: caches that had no answer keep this one; who waits for it hears of it."""
    for cache in range(CACHES):
        if m[c + C_MISSED + cache] != NONE:
            write_answer(m, cache, region_of(m, m[c + C_ACTION]), m[c + C_MISSED + cache], m[c + C_GOOD])
            m[c + C_MISSED + cache] = NONE
    resolve(m, c)


@step
def write_answer(m: Memory, cache: int, r: int, key: int, good: int) -> None:
    """An entry that is there is written anew; for a new one others go if the cache is full."""
    s = answers_of(m, cache, r)
    entry = find(m, s, key, 0)
    if entry != NONE and m[entry + E_GOOD] != NO_ANSWER:
        renew(m, s, entry, m[M_NOW])
    else:
        while m[s + K_COUNT] >= at2(m, ANSWERS_CAPACITY, m[M_EPOCH], cache):
            drop(m, s, m[s + K_FIRST])
        if entry == NONE:
            entry = new_entry(m, s, key, 0)
        add(m, s, entry, m[M_NOW])
    m[entry + E_GOOD] = good


@apart
def resolve(m: Memory, c: int) -> None:
    """A call is answered: who waits for that hears of it, in the order of joining."""
    for cache in range(CACHES):
        entry = m[c + C_LEADS + cache]
        if entry == NONE:
            continue
        m[c + C_LEADS + cache] = NONE
        while m[entry + E_FOLLOWER] != NONE:
            follower = m[entry + E_FOLLOWER]
            step_away(m, follower)
            follow_up(m, JOINED, follower, m[follower + C_KEY], m[c + C_GOOD])
        lead_no_more(m, c, cache, entry)


@step
def lead_no_more(m: Memory, c: int, cache: int, entry: int) -> None:
    """Nobody is finding an answer to this any more."""
    m[entry + E_LEADER] = NONE
    if m[entry + E_GOOD] == NO_ANSWER:
        forget(m, answers_of(m, cache, region_of(m, m[c + C_ACTION])), entry)


@apart
def give_up(m: Memory, c: int) -> None:
    """A call has ended without an answer: the first that waits for it has to find it now; it waits for none itself."""
    for cache in range(CACHES):
        entry = m[c + C_LEADS + cache]
        if entry == NONE:
            continue
        m[c + C_LEADS + cache] = NONE
        heir = m[entry + E_FOLLOWER]
        if heir == NONE:
            lead_no_more(m, c, cache, entry)
            continue
        step_away(m, heir)
        m[entry + E_LEADER] = heir
        m[heir + C_LEADS + cache] = entry
        m[heir + C_MISSED + cache] = m[entry + E_KEY]
        follow_up(m, JOINED, heir, m[heir + C_KEY], LEADS)
    if m[c + C_FOLLOWS] != NONE:
        step_away(m, c)


@apart
def hear_leader(m: Memory, f: Reals, c: int, good: int) -> int:
    """What a call waited for is there, or it has to be found by itself."""
    cache = m[c + C_CACHE]
    if good == LEADS:
        return look_up(m, f, c, cache + 1)
    return served(m, f, c, min(good, 0) if is_false(m, f, c, cache) else good)


@apart
def takes_old_answer(m: Memory, f: Reals, a: int) -> bool:
    """Has a cache an answer to the last call that may be served so, fresh or not? How good it is, is kept."""
    index = at1(m, LAST_CACHED, m[a + A_KIND])
    if index == NONE:
        return False
    for cache in range(CACHES):
        if is_asked(m, f, a, index, cache) and has_entries(m, f, cache):
            key = key_of(m, f, a, index, cache)
            entry = find(m, answers_of(m, cache, region_of(m, a)), key, 0)
            if entry != NONE and m[entry + E_GOOD] != NO_ANSWER:
                write_lookup(m, a, index, cache, key, OLD)
                m[a + A_STALE] = max(m[entry + E_GOOD], NONE)
                return True
    return False


@apart
def empty_answers(m: Memory, cache: int) -> None:
    """All answers go, in all regions; who is finding one goes on, and who waits for it."""
    for r in range(m[M_REGIONS]):
        empty_store(m, cache, r)


@apart
def empty_store(m: Memory, cache: int, r: int) -> None:
    """All answers of a region go."""
    clear(m, store(m, 2 * r + cache))
    m[m[SINCE] + 2 * r + cache] = m[M_NOW]


@apart
def warm_up(m: Memory) -> None:
    """Before the run: caches that are warm have answers to what is asked most, those to be kept longest."""
    for r in range(m[M_REGIONS]):
        for cache in range(CACHES):
            if whose(m, cache, r) == r:
                warm_up_store(m, cache, r)


@apart
def warm_up_store(m: Memory, cache: int, r: int) -> None:
    """The same for one of them."""
    names = length(m, CACHED_NAMES)
    s, ttl = store(m, 2 * r + cache), at2(m, ANSWERS_TTL, 0, cache)
    for i in range(at1(m, WARM_ENTRIES, cache) * names):
        rank = at1(m, WARM_ENTRIES, cache) - 1 - i // names
        key = at1(m, CACHED_NAMES, i % names) * questions(m, cache) + rank
        u, _ = uniform(m, WARM, key, cache, 0)
        entry = new_entry(m, s, key, 0)
        m[entry + E_GOOD] = AS_MODELS
        add(m, s, entry, m[M_BEGIN] - (int(u * ttl) if ttl < NEVER else 0))
