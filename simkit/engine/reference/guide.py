"""Which region serves whom: health checks, what clients hear of them and when, and the choice itself."""

from collections import deque
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import simpy

from simkit.engine.reference.news import Process
from simkit.laws.draws import Stream
from simkit.laws.region import openness, seen_at
from simkit.plan.codes import EventClass, Kind, Notice, Outcome, Tick
from simkit.plan.places import Lead
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.region import Region
    from simkit.engine.reference.world import World

NOWHERE = -1
FORBIDDEN = -2
"""A region could serve, but may not."""
ON_THE_WAY = 1
"""What the keys of such waits end with: one may end at the instant of another wait of the action that is void."""
KEPT = 8
"""So many publications are remembered of each region."""


class Watch:
    """Health checks of a region, and what is published of them."""

    def __init__(self, world: "World", region: "Region") -> None:
        self.world, self.region, self.rules = world, region, world.geography
        u, _ = world.dice.pair(Stream.CHECK, 0, self.rules.key[region.index])
        self.first = world.plan.begin + int(u * self.rules.interval[0])
        """When the first check is; where nothing is new, checks need not be simulated."""
        self.failed = self.good = self.generation = 0
        self.is_checking = False
        self.published = 1.0
        self.history: deque[tuple[int, float, float]] = deque(maxlen=KEPT)
        """(since, before, after): what share of the region was said to be there."""

    def changed(self) -> None:
        """More or less of the region is there: what was found of it so far is void."""
        self.generation += 1
        self.failed = self.good = 0
        if not self.is_checking and self.region.available != self.published:
            interval, now = self.rules.interval[0], self.world.clock.now
            self.next_check(self.first - (self.first - now) // interval * interval)

    def next_check(self, time: int) -> None:
        """Put the next check on the agenda."""
        self.is_checking = True
        self.world.clock.at(time, EventClass.TICK, Tick.CHECK | self.region.index, self.check)

    def check(self) -> None:
        """A check: enough of them in a row, and it is published."""
        self.is_checking = False
        rules, now, available = self.rules, self.world.clock.now, self.region.available
        if available == self.published:
            return None
        falls = available < self.published
        self.failed, self.good = (self.failed + 1, 0) if falls else (0, self.good + 1)
        if self.failed < rules.failures[0] and self.good < rules.successes[0]:
            return self.next_check(now + rules.interval[0])
        delay = rules.manual[0] + (rules.timeout[0] if falls else rules.hold_down[0])
        publish = partial(self.publish, self.generation)
        self.world.clock.at(now + delay, EventClass.TICK, Tick.PUBLISH | self.region.index, publish)
        return None

    def publish(self, generation: int) -> None:
        """From now on clients hear of it, unless it is not true any more."""
        if generation != self.generation:
            return
        before, self.published = self.published, self.region.available
        now = self.world.clock.now
        self.history.append((now, before, self.published))
        self.world.recorder.region(now, self.region.index, Notice.PUBLISHED, ppb(self.published))

    def seen(self, at: int) -> tuple[float, float]:
        """What a client knows that last asked at a time: how open the region is, and what share of it is there."""
        failback = self.rules.failback[0]
        for since, before, after in reversed(self.history):
            if since <= at:
                return openness(since, before, after, failback, at), after
        first = self.history[0][1] if self.history else 1.0
        return (1.0 if first > 0.0 else 0.0), first


def ppb(share: float) -> int:
    """A share in the log."""
    return int(share * 1e9 + 0.5)


class Guide:
    """Leads actions to regions."""

    def __init__(self, world: "World") -> None:
        self.world, self.rules = world, world.geography
        self.watches = [Watch(world, region) for region in world.regions]
        self.ways = {
            Lead.NEAREST: self.nearest,
            Lead.WEIGHTED: self.weighted,
            Lead.PRIORITY: self.priority,
            Lead.LATENCY: self.latency,
        }

    def lead(self, action: "Action") -> Generator[simpy.Event, Any, bool]:
        """From the user to a region that serves; True if the action got there."""
        world, tried = self.world, set[int]()
        for _ in range(self.rules.retries[0] + 1):
            found = self.choose(action, tried)
            if found == FORBIDDEN:
                action.fail(Kind.RESIDENCY, [])
                return False
            if found == NOWHERE:
                break
            action.served_in = found
            yield from self.travel(action, self.rules.rtt[world.epoch][action.home][found])
            if action.is_over():
                return False
            if world.regions[found].up() > 0:
                action.network = world.clock.now - action.arrival
                return True
            tried.add(found)
            yield from self.travel(action, self.rules.connect_timeout[0])
            if action.is_over():
                return False
        action.end(Outcome.FAILED, Kind.REGION_DOWN)
        return False

    def travel(self, action: "Action", delay: int) -> Process:
        """Some time on the network, if any."""
        if delay > 0:
            yield action.wait(delay, ON_THE_WAY)

    def heard_at(self, action: "Action") -> int:
        """When the action's user last asked where to go."""
        rules, now = self.rules, self.world.clock.now
        if rules.ttl[0] == 0 and rules.ignore[0] == 0.0:
            return now
        who = action.user if action.user >= 0 else action.visitor
        u, v = self.world.dice.pair(Stream.DNS, who)
        return seen_at(now, u, rules.ttl[0], rules.ignore_for[0] if v < rules.ignore[0] else 0)

    def choose(self, action: "Action", tried: set[int]) -> int:
        """The region that the client turns to."""
        at, rules = self.heard_at(action), self.rules
        e = self.world.epoch
        while e > 0 and self.world.plan.epochs[e] > at:
            e -= 1
        serving = [r for r in range(len(self.watches)) if rules.weight[e][r] > 0 and r not in tried]
        seen = {r: self.watches[r].seen(at) for r in serving}
        allowed = [r for r in serving if rules.may_serve[action.home][action.kind][r]]
        if not any(seen[r][0] > 0 for r in allowed):
            if len(allowed) < len(serving) and (not allowed or any(seen[r][0] > 0 for r in serving)):
                return FORBIDDEN
            seen = dict.fromkeys(serving, (1.0, 1.0))  # all are down: as if all were well
        if not allowed:
            return NOWHERE
        return self.ways[Lead(rules.policy[0])](action, allowed, seen, e)

    def draw(self, action: "Action") -> float:
        """The number that decides."""
        return self.world.dice.pair(Stream.REGION, action.number)[0]

    def nearest(self, action: "Action", allowed: list[int], seen: dict[int, tuple[float, float]], e: int) -> int:
        """The nearest, as far as it is open; of several the user's own."""
        rtt = self.rules.rtt[self.world.epoch][action.home]
        return self.first_open(action, sorted(allowed, key=lambda r: (rtt[r], r != action.home)), seen)

    def latency(self, action: "Action", allowed: list[int], seen: dict[int, tuple[float, float]], e: int) -> int:
        """The one that is soonest reached, its present wait included."""
        rtt, regions = self.rules.rtt[self.world.epoch][action.home], self.world.regions
        nearest = sorted(allowed, key=lambda r: (rtt[r] + regions[r].present_wait(), r != action.home))
        return self.first_open(action, nearest, seen)

    def first_open(self, action: "Action", in_order: list[int], seen: dict[int, tuple[float, float]]) -> int:
        """One after the other, each as far as it is open."""
        usable = [r for r in in_order if seen[r][0] > 0]
        if seen[usable[0]][0] >= 1.0:
            return usable[0]
        u = self.draw(action)
        for r in usable[:-1]:
            share = seen[r][0]
            if u < share:
                return r
            u = (u - share) / (1.0 - share)
        return usable[-1]

    def weighted(self, action: "Action", allowed: list[int], seen: dict[int, tuple[float, float]], e: int) -> int:
        """At random, by weight."""
        return self.one_of(self.draw(action), allowed, [self.rules.weight[e][r] * seen[r][0] for r in allowed])

    def one_of(self, u: float, regions: list[int], weights: list[float]) -> int:
        """At random, by weights of which one is above 0."""
        point, passed, last = u * in_turn(weights), 0.0, regions[0]
        for r, weight in zip(regions, weights, strict=True):
            if weight > 0.0:
                passed, last = passed + weight, r
                if point < passed:
                    return r
        return last

    def priority(self, action: "Action", allowed: list[int], seen: dict[int, tuple[float, float]], e: int) -> int:
        """Choice after choice, each as far as what is healthy of it bears (Envoy's priority levels).

        A choice's health is its healthy share of capacity times the overprovisioning, at most 1; it gets as much of
        the traffic, and the next choice what is left. Where all of them together cannot take it, each gets its part,
        and one of which less than the panic share is healthy is used as if it were.
        """
        level, over, panic = self.rules.level[action.home], self.rules.overprovisioning[0], self.rules.panic[0]
        chosen = [r for r in allowed if level[r] < NEVER]
        if not any(seen[r][0] > 0 for r in chosen):
            return self.nearest(action, allowed, seen, e)
        choices = [[r for r in chosen if level[r] == i] for i in range(len(self.watches))]
        size = {r: float(self.world.regions[r].replicas) for r in chosen}
        well = {r: size[r] * seen[r][0] * seen[r][1] for r in chosen}
        share = [in_turn([well[r] for r in c]) / in_turn([size[r] for r in c]) if c else 0.0 for c in choices]
        health = [min(1.0, over * one) for one in share]
        total = min(1.0, in_turn(health))
        u, passed, inside, found = self.draw(action), 0.0, 0.0, 0
        for i, one in enumerate(health):
            load = min(1.0 - passed, one / total)
            if load > 0.0:
                found, inside = i, (u - passed) / load
                passed += load
                if u < passed:
                    break
        if total < 1.0 and share[found] < panic:
            well = size
        return self.one_of(inside, choices[found], [well[r] for r in choices[found]])


def in_turn(values: list[float]) -> float:
    """Their sum, added one after the other."""
    total = 0.0
    for value in values:
        total += value
    return total
