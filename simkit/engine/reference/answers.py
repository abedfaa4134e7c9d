"""Caches of answers: looked up before a call does anything, written when it was answered."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import simpy

from simkit.engine.reference.store import Entry, Store
from simkit.laws.choice import guided
from simkit.laws.draws import Stream, code_of
from simkit.laws.store import is_fresh, ramped
from simkit.plan.codes import AS_MODELS, LEADS, NO_KEY, Cache, EventClass, Lookup
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.call import Call
    from simkit.engine.reference.world import World


class AnswerCache:
    """The exact cache, or the semantic one: of a region, or shared by all."""

    def __init__(self, world: "World", which: Cache) -> None:
        self.world, self.which = world, which
        self.rules = world.answer_rules
        self.has_entries = self.rules.hit_rate[0][which] < 0
        self.questions = self.rules.keys[which]
        """How many different ones there are."""
        if which is Cache.EXACT and self.rules.trace_keys[0]:
            self.questions = self.rules.trace_keys[0]
        self.store: Store[int] = Store(self.rules.counts[which])
        self.leaders: dict[int, Inquiry] = {}
        """Whose miss of a key is being answered, where others wait for that."""
        self.followers: dict[int, dict[Inquiry, None]] = {}
        """Who waits for the answer to another's miss, by key, in the order of joining."""
        self.since = -NEVER if self.rules.warm[which] else world.plan.begin
        """When it began to fill."""

    def empty(self) -> None:
        """All answers go."""
        self.store.clear()
        self.since = self.world.clock.now

    def begin(self) -> None:
        """Before the run: if it is warm, it has the answers to the most popular questions, those to be kept longest."""
        if not self.rules.warm[self.which] or not self.has_entries:
            return
        kinds = self.world.kinds
        names = sorted({name for name, cached in zip(kinds.name, kinds.cached, strict=True) if cached})
        capacity, ttl = self.rules.capacity[0][self.which], self.rules.ttl[0][self.which]
        for rank in reversed(range(min(self.questions, capacity // max(len(names), 1)))):
            for name in names:
                key = name * self.questions + rank
                u, _ = self.world.dice.pair(Stream.WARM, key, int(self.which))
                age = 0 if ttl >= NEVER else int(u * ttl)
                self.store.add(key, Entry(self.world.plan.begin - age, AS_MODELS))

    def is_asked(self, action: "Action", call: int) -> bool:
        """Is a call looked up here? Not with a question of its own, and not in the middle of a conversation."""
        world = self.world
        if not self.rules.on[self.which] or not world.kinds.cached[call]:
            return False
        if world.kinds.history[call] and action.turn > 0:
            return False
        share = self.rules.cacheable[world.epoch][self.which][action.kind]
        _, v = world.dice.pair(Stream.KEY, action.origin)
        return v < share and self.question(action) != NO_KEY

    def question(self, action: "Action") -> int | None:
        """The number of what is asked, NO_KEY if the trace does not say, None where questions are not modelled."""
        if self.rules.trace_keys[0]:
            return int(self.rules.trace_key[action.origin])
        if not self.rules.keys[Cache.EXACT]:
            return None
        u, _ = self.world.dice.pair(Stream.KEY, action.origin)
        tables = self.world.plan.answers
        return guided(u, tables.cdf_exact, tables.guide_exact)

    def key(self, action: "Action", call: int) -> int:
        """The key of the entry that would answer a call."""
        if not self.has_entries:
            return NO_KEY
        rank = self.cluster(action) if self.which == Cache.SEMANTIC else self.question(action)
        assert rank is not None
        return int(self.world.kinds.name[call] * self.questions + rank)

    def cluster(self, action: "Action") -> int:
        """What is meant: by the trace's question, or by the number that also draws the question where that is modelled.

        So popular questions have popular meanings, and either law holds whether or not the other cache is there.
        """
        if self.rules.trace_keys[0]:
            u, _ = self.world.dice.pair(Stream.CLUSTER, int(self.rules.trace_key[action.origin]))
        else:
            u, _ = self.world.dice.pair(Stream.KEY, action.origin)
        tables = self.world.plan.answers
        return guided(u, tables.cdf_semantic, tables.guide_semantic)

    def draws(self, call: "Call", block: int) -> tuple[float, float]:
        """Two numbers for a call's lookups."""
        return self.world.dice.pair(Stream.LOOKUP, call.action.number, code_of(call.number, 0, 0, 0, 0), block)

    def draw(self, call: "Call", block: int) -> float:
        """The number for the lookup in this cache."""
        return self.draws(call, block)[self.which]

    def find(self, call: "Call", key: int) -> tuple[Lookup, int]:
        """What a lookup finds now, and how good the answer is."""
        result, good = self.chance(call) if not self.has_entries else self.entry(call, key)
        if result is not Lookup.HIT:
            return result, good
        return (Lookup.FALSE, min(good, 0)) if self.is_false(call) else (result, good)

    def chance(self, call: "Call") -> tuple[Lookup, int]:
        """By a hit rate: as good as the model's answer would have been."""
        rules, e = self.rules, self.world.epoch
        rate = ramped(rules.hit_rate[e][self.which], self.world.clock.now - self.since, rules.ramp[e][self.which])
        if self.draw(call, 0) < rate:
            return Lookup.HIT, as_models_do(call)
        return Lookup.MISS, -1

    def entry(self, call: "Call", key: int) -> tuple[Lookup, int]:
        """By what is there."""
        entry = self.store.get(key)
        if entry is None:
            return Lookup.MISS, -1
        if not is_fresh(entry.born, self.rules.ttl[self.world.epoch][self.which], self.world.clock.now):
            return Lookup.EXPIRED, -1
        self.store.touch(key)
        if entry.good == AS_MODELS:
            entry.good = as_models_do(call)
        return Lookup.HIT, entry.good

    def is_false(self, call: "Call") -> bool:
        """Is it the answer to another question?"""
        false_hits = self.rules.false_hits[self.world.epoch][self.which]
        return self.which == Cache.SEMANTIC and self.draws(call, 1)[0] < false_hits

    def write(self, key: int, good: int) -> None:
        """Keep an answer; others go if it is full."""
        now, entry = self.world.clock.now, self.store.get(key)
        if entry is not None:
            entry.born, entry.good = now, good
            self.store.renew(key)
            return
        while len(self.store) >= self.rules.capacity[self.world.epoch][self.which]:
            self.store.evict()
        self.store.add(key, Entry(now, good))

    def answered(self, key: int, good: int) -> None:
        """The answer that others wait for is there: each hears of it, in the order of joining."""
        del self.leaders[key]
        for follower in self.followers.pop(key, {}):
            follower.hear(good)

    def given_up(self, key: int) -> None:
        """Who was to find an answer will not: the first that waits for it has to find it now."""
        del self.leaders[key]
        followers = self.followers.get(key)
        if followers:
            first = next(iter(followers))
            del followers[first]
            first.lead(self)
            first.hear(LEADS)

    def log(self, action: "Action", call: int, key: int, result: Lookup) -> None:
        """A row of the log."""
        row = self.world.clock.now, action.number, action.arrival, call, int(self.which), key, int(result)
        self.world.recorder.lookup(*row)


class Inquiry:
    """What one call asks of the caches of answers."""

    def __init__(self, call: "Call") -> None:
        self.call, self.world = call, call.world
        self.missed: dict[AnswerCache, int] = {}
        """Where it found nothing, and the key that it will write there."""
        self.leads: dict[AnswerCache, int] = {}
        """Where others may wait for its answer."""
        self.follows: tuple[AnswerCache, int] | None = None
        """Where it waits for another's."""
        self.ear: simpy.Event | None = None

    def life(self) -> Generator[simpy.Event, int, bool]:
        """Cache after cache; True: the call is answered."""
        call = self.call
        for cache in self.world.caches[call.action.region.index]:
            if not cache.is_asked(call.action, call.index):
                continue
            yield from self.wait(cache)
            if call.action.is_over():
                return False
            result, good = self.look(cache)
            if result is Lookup.JOINED:
                assert self.ear is not None
                good = yield self.ear
                if call.action.is_over():
                    return False
                if good != LEADS:
                    result, good = Lookup.HIT, min(good, 0) if cache.is_false(call) else good
            if result in (Lookup.HIT, Lookup.FALSE):
                call.served(good)
                self.resolve()
                return True
        return False

    def wait(self, cache: AnswerCache) -> Generator[simpy.Event, int, None]:
        """A lookup takes its time, or none."""
        call, clock = self.call, self.world.clock
        dist = cache.rules.lookup[self.world.epoch][cache.which]
        if dist >= 0:
            until = clock.now + self.world.dice.count(dist, cache.draw(call, 2))
            code = code_of(call.number, call.repeat, 0, 0, int(cache.which))
            yield clock.at(until, EventClass.FINISHED, call.action.number << 25 | code, sub=3)

    def look(self, cache: AnswerCache) -> tuple[Lookup, int]:
        """The lookup is over: what was found. It may wait for another's answer now, or have others wait for its own."""
        key = cache.key(self.call.action, self.call.index)
        result, good = cache.find(self.call, key)
        if cache.has_entries and result in (Lookup.MISS, Lookup.EXPIRED):
            if cache.rules.coalesce[cache.which] and key in cache.leaders:
                self.follow(cache, key)
                result = Lookup.JOINED
            else:
                self.miss(cache, key)
        cache.log(self.call.action, self.call.index, key, result)
        self.call.action.lookup_cost += cache.rules.cost[self.world.epoch][cache.which]
        return result, good

    def miss(self, cache: AnswerCache, key: int) -> None:
        """It has to find the answer itself."""
        self.missed[cache] = key
        if cache.rules.coalesce[cache.which]:
            self.leads[cache] = key
            cache.leaders[key] = self

    def follow(self, cache: AnswerCache, key: int) -> None:
        """It waits for another's answer."""
        self.follows = cache, key
        self.ear = self.world.clock.signal()
        cache.followers.setdefault(key, {})[self] = None

    def lead(self, cache: AnswerCache) -> None:
        """It waited for an answer that will not come."""
        assert self.follows is not None
        self.miss(cache, self.follows[1])

    def hear(self, news: int) -> None:
        """It waits no more."""
        assert self.ear is not None
        self.follows = None
        self.ear.succeed(news)

    def write(self) -> None:
        """A model has answered: keep that."""
        for cache, key in self.missed.items():
            cache.write(key, self.call.good)
        self.resolve()

    def resolve(self) -> None:
        """The call is answered: who waits for that hears of it."""
        for cache, key in self.leads.items():
            cache.answered(key, self.call.good)
        self.missed, self.leads = {}, {}

    def give_up(self) -> None:
        """The action has ended: somebody else has to find the answers that it was to find."""
        leads, self.leads = self.leads, {}
        for cache, key in leads.items():
            cache.given_up(key)
        if self.follows is not None:
            cache, key = self.follows
            del cache.followers[key][self]
            self.follows = None


def as_models_do(call: "Call") -> int:
    """How good the model's answer would have been."""
    return call.verdict(call.stand_in(call.first_model()))


def old_answer(action: "Action") -> Entry | None:
    """An answer to the last of an action's calls that may be served so, fresh or not: the exact cache's first."""
    world, kinds = action.world, action.world.kinds
    first, beyond = kinds.first_call[action.kind], kinds.first_call[action.kind + 1]
    served = [c for c in range(first, beyond) if kinds.cached[c]]
    if not served:
        return None
    call = served[-1]
    for cache in world.caches[action.region.index]:
        if cache.has_entries and cache.is_asked(action, call):
            key = cache.key(action, call)
            entry = cache.store.get(key)
            if entry is not None:
                cache.log(action, call, key, Lookup.STALE)
                return entry
    return None
