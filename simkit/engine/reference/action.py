"""An action: the path from arrival to outcome, as SimPy processes."""

from array import array
from typing import TYPE_CHECKING

import simpy

from simkit.engine.log import DID_NOT
from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.call import Call
from simkit.engine.reference.guide import NOWHERE
from simkit.engine.reference.news import Process
from simkit.engine.reference.spending import refused
from simkit.engine.reference.station import Place
from simkit.laws.draws import Stream
from simkit.plan.codes import GENERATION, TURN, EventClass, Kind, Mark, Outcome
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.world import World

GENERATIONS = 15 << GENERATION
"""The bits of an action's number that say how often it was asked before."""


class Action:
    """One unit of value for a user."""

    __slots__ = (
        "arrival", "asked", "attempts", "calls", "can_wait", "client_replica", "complexity", "cost", "deadline_at",
        "degrade_cost", "desk_asked", "desk_began", "first_token", "goes_to_batch", "good", "history", "home",
        "is_aside", "is_here", "is_watched", "kind", "lookup_cost", "measured", "network", "number", "origin",
        "outcome", "over", "pending", "place", "plan", "priority", "reason", "region", "replica", "served_in",
        "shown", "slot", "started", "story", "summaries", "thrift", "tokens_in", "tokens_out", "told", "tool_cost",
        "user", "visitor", "waited", "world",
    )  # fmt: skip

    def __init__(
        self, world: "World", number: int, now: int, history: int = 0, summaries: int = 0, user: int = -1
    ) -> None:
        self.world = world
        self.number = number
        self.origin = number & ~GENERATIONS
        """The number of the action that was asked first: what the user wants is drawn by it."""
        self.visitor = number & ((1 << GENERATION) - 1)
        """The number of the conversation."""
        self.history = history
        """Tokens that were said in the conversation before."""
        self.summaries = summaries
        """How often they were summed up by now."""
        self.arrival = self.asked = now
        """When it came, and when it asks for a slot of the own service: later, if it can wait."""
        self.measured = 0 <= now < world.plan.horizon
        self.deadline_at = NEVER
        self.calls: list[Call] = []
        self.pending = 0
        self.over = False
        """Nothing of it is under way any more (but perhaps a rung of the ladder)."""
        self.is_aside = False
        """Is it held until its time has come, or at a batch API? It is no load for the own service then."""
        self.shown = False
        """Has the user seen a first token?"""
        self.place: Place = Place.OUTSIDE
        self.slot: simpy.Event | None = None
        self.started = self.first_token = self.good = DID_NOT
        self.outcome = self.reason = self.waited = self.attempts = self.cost = self.tokens_in = self.tokens_out = 0
        self.degrade_cost = self.lookup_cost = self.tool_cost = self.thrift = 0
        self.desk_asked = self.desk_began = DID_NOT
        self.story = array("q")  # rows of the attempts that have ended
        self.home = 0
        self.network = 0 if world.guide is None else DID_NOT
        self.served_in = NOWHERE
        self.region = world.regions[0]
        """Whose service it asks for a slot."""
        self.is_here = False
        """Has it come to the region?"""
        self.is_watched = False
        """Are its deadline and its user's patience on the agenda?"""
        if world.guide is not None:
            self.draw_home()
        self.draw_user(user)
        self.draw_kind()
        self.replica: int = 0
        self.client_replica: int = 0
        if world.has_replicas:
            self.draw_replicas()
        world.live[number] = self
        world.open += self.measured

    def draw_home(self) -> None:
        """Where the user is: by the number, as the users of each region come by themselves; of a trace's by chance."""
        world = self.world
        self.home = self.visitor % len(world.regions)
        if world.has_trace:
            u, _ = world.dice.pair(Stream.HOME, self.visitor)
            self.home = world.dice.choose(u, world.plan.regions.share_cdf[world.epoch])

    @property
    def log_home(self) -> int:
        """The home as the log has it."""
        return self.home if self.world.guide is not None else NOWHERE

    def draw_user(self, known: int) -> None:
        """Who asks, and on which plan; where users come and go, who asks again is `known`."""
        population = self.world.population
        if population is not None:
            self.user = known if known >= 0 else population.asks(self)
            self.plan = population.users[self.user].plan
            return
        people, place = self.world.plan.people, (self.world.epoch, self.home)
        self.user = self.plan = -1
        if people.number[place]:
            u, _ = self.world.dice.pair(Stream.USER, self.visitor)
            first = people.first[place]
            users = people.cdf[first : first + people.number[place]]
            self.user = int(people.offset[place]) + self.world.dice.choose(u, users)
        if self.user >= 0 and people.plan_cdf.shape[1]:
            u, _ = self.world.dice.pair(Stream.PLAN, self.user)
            self.plan = self.world.dice.choose(u, people.plan_cdf[self.world.epoch])

    def draw_kind(self) -> None:
        """What is asked, and how complex it is."""
        actions, epoch = self.world.plan.actions, self.world.epoch
        u, v = self.world.dice.pair(Stream.KIND, self.origin)
        self.kind = self.world.dice.choose(u, actions.kind_cdf[epoch])
        self.complexity = self.world.dice.choose(v, actions.complexity_cdf[epoch, self.kind])
        self.priority = self.world.kinds.priority[self.kind]
        self.can_wait: bool = self.world.batch.batch[self.kind]
        self.goes_to_batch = self.can_wait and self.world.has_batch_side
        if self.plan >= 0:
            self.priority += int(self.world.plan.people.plan_priority[self.plan])

    def draw_replicas(self) -> None:
        """Which copy of each layer it goes through."""
        u, v = self.world.dice.pair(Stream.REPLICA, self.number)
        self.replica = int(u * self.world.inner.replicas[0])
        self.client_replica = int(v * self.world.outer.replicas[0])

    def life(self) -> Process:
        """Go to a region, wait for a slot of its service, do the overhead, then stage after stage."""
        world = self.world
        if world.guide is not None:
            self.watch()
            arrived = yield from world.guide.lead(self)
            if not arrived:
                return None
            self.region = world.regions[self.served_in]
        self.is_here = True
        self.region.present += 1
        refusal = refused(self) if world.has_quotas else 0
        if not refusal and self.can_wait:
            self.watch()
            yield from world.hold.keep(self)
            if self.is_over():
                return None
        refusal = refusal or self.enter()
        if refusal:
            return self.end(Outcome.REJECTED, refusal)
        self.watch()
        if self.place is Place.QUEUED:
            assert self.slot is not None
            yield self.slot
            if self.is_over():
                return None
            self.place = Place.SERVED
        self.started = world.clock.now
        self.waited += self.started - self.asked
        self.region.began(self.started - self.asked)
        overhead = world.services.overhead[world.epoch][self.region.index]
        if overhead >= 0:
            u, _ = world.dice.pair(Stream.OVERHEAD, self.number)
            yield self.wait(world.dice.count(overhead, u), 0)
            if self.is_over():
                return None
        for stage in self.stages():
            yield from self.run_stage(stage)
            if self.is_over():
                return None
        return self.succeed(stage)

    def enter(self) -> int:
        """Ask the own service for a slot, or for a place in its queue; why it is turned away, or 0."""
        world = self.world
        self.asked = world.clock.now
        if self.goes_to_batch:
            world.hold.put_aside(self)
            return 0
        if world.sheds(self):
            return Kind.SHED
        return 0 if self.region.ask(self) else Kind.QUEUE_FULL

    def watch(self) -> None:
        """Put the deadline on the agenda, if there is one, and the end of the user's patience, unless it can wait."""
        if self.is_watched:
            return
        world, self.is_watched = self.world, True
        deadline = (world.batch.deadline if self.can_wait else world.policy.deadline)[world.epoch]
        if deadline < NEVER:
            self.deadline_at = self.arrival + deadline
            self.world.clock.at(self.deadline_at, EventClass.DEADLINE, self.number << 25, self.deadline)
        if world.audience is not None and not self.can_wait:
            world.audience.watch(self)

    def run_stage(self, stage: list[Call]) -> Process:
        """One call, or several at once: then the action is told when the last one is done."""
        if len(stage) == 1:
            yield from stage[0].life()
            return
        self.pending = len(stage)
        self.told = self.world.clock.signal()
        for call in stage:
            self.world.clock.start(self.branch(call))
        yield self.told

    def branch(self, call: Call) -> Process:
        """One of the calls of a parallel stage."""
        yield from call.life()
        if not self.is_over():
            self.pending -= 1
            if self.pending == 0:
                self.told.succeed()

    def stages(self) -> list[list[Call]]:
        """The calls by stage."""
        kinds = self.world.kinds
        first, beyond = kinds.first_call[self.kind], kinds.first_call[self.kind + 1]
        last = kinds.stage[beyond - 1]
        self.calls = [Call(self, c, c - first, kinds.stage[c] == last) for c in range(first, beyond)]
        stages: list[list[Call]] = [[] for _ in range(last + 1)]
        for call in self.calls:
            stages[kinds.stage[call.index]].append(call)
        return stages

    def wait(self, delay: int, code: int) -> simpy.Event:
        """A wait that ends by itself."""
        clock = self.world.clock
        return clock.at(clock.now + delay, EventClass.WAITED, self.number << 25 | code)

    def succeed(self, last_stage: list[Call]) -> None:
        """All stages are done."""
        seen = [call.first_token for call in last_stage if call.first_token != DID_NOT]
        self.first_token = min(seen) if seen else self.world.clock.now
        verdicts = [call.good for call in self.calls if self.world.kinds.judged[call.index]]
        self.good = min(verdicts) if verdicts else -1
        if self.world.conversations is not None:
            self.history += self.said()
        self.end(Outcome.OK, Kind.OK)

    def said(self) -> int:
        """Tokens that the conversation keeps of it: of its last call that sends the history again."""
        kinds = self.world.kinds
        for call in reversed(self.calls):
            if kinds.history[call.index] and not kinds.summarises[call.index]:
                return call.said + call.visible
        return 0

    def is_over(self) -> bool:
        """Has it ended (perhaps while somebody waited)?"""
        return self.over

    def deadline(self) -> None:
        """Time is up."""
        if not self.over:
            self.fail(Kind.DEADLINE, [attempt for call in self.calls for attempt in call.in_flight()])

    def fail(self, reason: int, attempts: list[Attempt]) -> None:
        """It has no answer: the ladder may have one; `attempts` are those that may have made a part of it."""
        if reason == Kind.NO_DEPLOYMENT and any(attempt.marks & Mark.FORBIDDEN for attempt in attempts):
            reason = Kind.RESIDENCY
        self.stop()
        self.world.ladder.catch(self, reason, [one for one in attempts if one.streams and one.call.is_last])

    def go_down(self, lost: float, severity: int, signal: simpy.Event) -> None:
        """Its region is struck by an incident that takes work under way with it."""
        if self.over or self.place is Place.OUTSIDE:
            return
        u, _ = self.world.dice.pair(Stream.LOST, self.number, severity & 63)
        if u < lost:
            self.end(Outcome.FAILED, Kind.REGION_DOWN)

    def stop(self) -> None:
        """Cancel what is in flight, in order; waits and timers are void."""
        self.over = True
        for call in self.calls:
            call.stop()
        self.calls = []
        if self.is_aside:
            self.world.hold.let_go(self)
        if self.place is Place.QUEUED:
            self.waited += self.world.clock.now - self.asked
            self.region.leave(self)

    def end(self, outcome: Outcome, reason: int) -> None:
        """Stop what is under way; give up the slot; write the log; perhaps the user asks again."""
        world = self.world
        if not self.over:
            self.stop()
        if self.is_here:
            self.region.leave(self)
            self.region.present -= 1
        self.outcome, self.reason = outcome, reason
        del world.live[self.number]
        if self.measured:
            world.open -= 1
            world.last_end = max(world.last_end, world.clock.now)
        world.recorder.action(self, world.clock.now)
        if world.population is not None:
            world.population.ended(self)
        if world.audience is not None:
            world.audience.ended(self)
        if world.conversations is not None:
            world.conversations.ended(self)

    @property
    def turn(self) -> int:
        """Which turn of its conversation it is, 0 being the first."""
        return self.number >> TURN

    def censor(self, ended: int) -> None:
        """The run stopped at `ended`, before the action did."""
        for call in self.calls:
            for attempt in call.in_flight():
                attempt.censor(ended)
        self.outcome = Outcome.CENSORED
        self.world.recorder.action(self, DID_NOT)
