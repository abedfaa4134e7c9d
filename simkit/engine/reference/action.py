"""An action and its calls: the path from arrival to outcome, as SimPy processes."""

from array import array
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from simkit.engine.log import DID_NOT
from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.station import Place
from simkit.laws.backoff import backoff_ns, retry_wait_ns
from simkit.laws.draws import Stream, code_of
from simkit.plan.codes import Cause, EventClass, Kind, Outcome
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.world import World

Process = Generator[simpy.Event, Any, None]
Waiting = Generator[simpy.Event, Any, int]


class Action:
    """One unit of value for a user."""

    def __init__(self, world: "World", number: int, now: int) -> None:
        self.world = world
        self.number = number
        self.arrival = now
        self.measured = 0 <= now < world.plan.horizon
        self.calls: list[Call] = []
        self.pending = 0
        self.over = False
        self.place: Place = Place.OUTSIDE
        self.slot: simpy.Event | None = None
        self.started = self.first_token = self.good = DID_NOT
        self.outcome = self.reason = self.waited = self.attempts = self.cost = self.tokens_in = self.tokens_out = 0
        self.story = array("q")  # rows of the attempts that have ended
        self.draw_user()
        self.draw_kind()
        world.live[number] = self
        world.open += self.measured

    def draw_user(self) -> None:
        """Who asks, and on which plan."""
        people, epoch = self.world.plan.people, self.world.epoch
        self.user = self.plan = -1
        if people.number[epoch]:
            u, _ = self.world.dice.pair(Stream.USER, self.number)
            first = people.first[epoch]
            self.user = self.world.dice.choose(u, people.cdf[first : first + people.number[epoch]])
        if self.user >= 0 and people.plan_cdf.shape[1]:
            u, _ = self.world.dice.pair(Stream.PLAN, self.user)
            self.plan = self.world.dice.choose(u, people.plan_cdf[epoch])

    def draw_kind(self) -> None:
        """What is asked, and how complex it is."""
        actions, epoch = self.world.plan.actions, self.world.epoch
        u, v = self.world.dice.pair(Stream.KIND, self.number)
        self.kind = self.world.dice.choose(u, actions.kind_cdf[epoch])
        self.complexity = self.world.dice.choose(v, actions.complexity_cdf[epoch, self.kind])
        self.priority = self.world.kinds.priority[self.kind]
        if self.plan >= 0:
            self.priority += int(self.world.plan.people.plan_priority[self.plan])

    def life(self) -> Process:
        """Wait for a slot of the own service, do the overhead, then stage after stage."""
        world = self.world
        if not world.service.ask(self):
            return self.end(Outcome.REJECTED, Kind.QUEUE_FULL)
        deadline = world.policy.deadline[world.epoch]
        if deadline < NEVER:
            world.clock.at(self.arrival + deadline, EventClass.DEADLINE, self.number << 25, self.deadline)
        if self.place is Place.QUEUED:
            assert self.slot is not None
            yield self.slot
            if self.is_over():
                return None
            self.place = Place.SERVED
        self.started = world.clock.now
        self.waited += self.started - self.arrival
        overhead = world.services.overhead[world.epoch]
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

    def run_stage(self, stage: list["Call"]) -> Process:
        """One call, or several at once: then the action is told when the last one is done."""
        if len(stage) == 1:
            yield from stage[0].life()
            return
        self.pending = len(stage)
        self.told = self.world.clock.signal()
        for call in stage:
            self.world.clock.start(self.branch(call))
        yield self.told

    def branch(self, call: "Call") -> Process:
        """One of the calls of a parallel stage."""
        yield from call.life()
        if not self.is_over():
            self.pending -= 1
            if self.pending == 0:
                self.told.succeed()

    def stages(self) -> list[list["Call"]]:
        """The calls by stage."""
        kinds = self.world.kinds
        first, beyond = kinds.first_call[self.kind], kinds.first_call[self.kind + 1]
        self.calls = [Call(self, c, c - first) for c in range(first, beyond)]
        stages: list[list[Call]] = [[] for _ in range(kinds.stage[beyond - 1] + 1)]
        for call in self.calls:
            stages[kinds.stage[call.index]].append(call)
        return stages

    def wait(self, delay: int, code: int) -> simpy.Event:
        """A wait that ends by itself."""
        clock = self.world.clock
        return clock.at(clock.now + delay, EventClass.WAITED, self.number << 25 | code)

    def succeed(self, last_stage: list["Call"]) -> None:
        """All stages are done."""
        seen = [call.first_token for call in last_stage if call.first_token != DID_NOT]
        self.first_token = min(seen) if seen else self.world.clock.now
        verdicts = [call.good for call in self.calls if self.world.kinds.judged[call.index]]
        self.good = min(verdicts) if verdicts else -1
        self.end(Outcome.OK, Kind.OK)

    def is_over(self) -> bool:
        """Has it ended (perhaps while somebody waited)?"""
        return self.over

    def deadline(self) -> None:
        """Time is up."""
        if not self.over:
            self.end(Outcome.FAILED, Kind.DEADLINE)

    def end(self, outcome: Outcome, reason: int) -> None:
        """Cancel what is in flight, in order; give up the slot; write the log."""
        self.over = True
        for call in self.calls:
            if call.attempt is not None:
                call.attempt.cancel()
        self.calls = []
        if self.place is Place.QUEUED:
            self.waited += self.world.clock.now - self.arrival
        self.world.service.leave(self)
        self.outcome, self.reason = outcome, reason
        del self.world.live[self.number]
        if self.measured:
            self.world.open -= 1
            self.world.last_end = max(self.world.last_end, self.world.clock.now)
        self.world.recorder.action(self, self.world.clock.now)

    def censor(self, ended: int) -> None:
        """The run stopped at `ended`, before the action did."""
        for call in self.calls:
            if call.attempt is not None:
                call.attempt.censor(ended)
        self.outcome = Outcome.CENSORED
        self.world.recorder.action(self, DID_NOT)


class Call:
    """One call of an action: its repetitions, each answered by one of the models in turn."""

    def __init__(self, action: Action, index: int, number: int) -> None:
        self.action = action
        self.world = action.world
        self.index = index
        self.number = number
        self.attempt: Attempt | None = None
        self.first_token = DID_NOT
        self.good = -1
        self.rung = 0

    def life(self) -> Process:
        """Repetition after repetition; a failed one fails the action."""
        repeat = 0
        while True:
            yield from self.work(repeat)
            if self.action.is_over():
                return
            if self.world.kinds.route[self.index] >= 0:
                kind = yield from self.repetition(repeat)
                if self.action.is_over():
                    return
                if kind != Kind.OK:
                    return self.action.end(Outcome.FAILED, kind)
            repeat += 1
            if not self.goes_on(repeat):
                return

    def work(self, repeat: int) -> Process:
        """The product's own work before a repetition."""
        dist = self.world.kinds.work[self.world.epoch][self.index]
        if dist >= 0:
            code = code_of(self.number, repeat, 0, 0, 0)
            u, _ = self.world.dice.pair(Stream.WORK, self.action.number, code)
            yield self.action.wait(self.world.dice.count(dist, u), code)

    def goes_on(self, done: int) -> bool:
        """Is there another repetition after `done` of them?"""
        kinds, epoch = self.world.kinds, self.world.epoch
        if done < kinds.times[epoch][self.index]:
            return True
        if done >= kinds.repeat_max[epoch][self.index]:
            return False
        u, _ = self.world.dice.pair(Stream.REPEAT, self.action.number, code_of(self.number, done, 0, 0, 0))
        again: float = kinds.again[epoch][self.index]
        return u < again

    def repetition(self, repeat: int) -> Waiting:
        """Model after model: fallbacks after a failure, the next of the cascade after an answer."""
        self.draw_tokens(repeat)
        self.rung = 0
        base = model = self.first_model(repeat)
        cause = Cause.FIRST
        fallbacks = iter(self.world.models.fallback[base])
        while True:
            kind = yield from self.tries(repeat, model, cause)
            if self.action.is_over():
                return kind
            if kind == Kind.OK:
                self.judge(model)
                following = self.escalation(repeat, base)
                if following < 0:
                    return kind
                base = model = following
                cause = Cause.ESCALATION
                fallbacks = iter(self.world.models.fallback[base])
            else:
                following = next(fallbacks, -1) if self.world.policy.falls_back[kind] else -1
                if following < 0:
                    return kind
                model, cause = following, Cause.FALLBACK
            self.rung += 1

    def tries(self, repeat: int, model: int, cause: Cause) -> Waiting:
        """Try after try with one model, with backoff between them."""
        world, policy, number = self.world, self.world.policy, 0
        while True:
            attempt = Attempt(self, repeat, self.rung, number, cause, model)
            self.attempt, self.told = attempt, world.clock.signal()
            attempt.dispatch()
            kind: int = yield self.told
            if self.action.is_over() or kind == Kind.OK or not policy.retryable[kind]:
                return kind
            if number >= policy.max_retries[world.epoch]:
                return kind
            yield self.action.wait(self.pause(attempt), code_of(self.number, repeat, self.rung, number + 1, 0))
            if self.action.is_over():
                return kind
            number, cause = number + 1, Cause.RETRY

    def pause(self, failed: Attempt) -> int:
        """How long to wait before the next try."""
        policy, e = self.world.policy, self.world.epoch
        u, _ = self.world.dice.pair(Stream.ATTEMPT, self.action.number, failed.code, 2)
        wait = backoff_ns(
            failed.number,
            policy.backoff_initial[e],
            policy.backoff_factor[e],
            policy.backoff_max[e],
            policy.jitter_low[e],
            policy.jitter_high[e],
            u,
        )
        return retry_wait_ns(wait, failed.retry_after, policy.retry_after[e])

    def draw_tokens(self, repeat: int) -> None:
        """Tokens of this repetition: a trace's, or drawn."""
        world, action = self.world, self.action
        code = code_of(self.number, repeat, 0, 0, 0)
        parts = world.kinds.input[world.epoch][self.index]
        u, v = world.dice.pair(Stream.TOKENS, action.number, code, 0)
        w, x = world.dice.pair(Stream.TOKENS, action.number, code, 1)
        self.prefix = world.dice.count(parts[0], u)
        self.tokens_in = self.prefix + world.dice.count(parts[1], v) + world.dice.count(parts[2], w)
        self.tokens_out = world.dice.count(world.kinds.output[world.epoch][self.index][action.complexity], x)
        self.cached = -1
        trace = world.plan.arrivals
        if len(trace.trace_time):
            row = action.number
            self.tokens_in = int(trace.trace_input[row]) if trace.trace_input[row] >= 0 else self.tokens_in
            self.tokens_out = int(trace.trace_output[row]) if trace.trace_output[row] >= 0 else self.tokens_out
            self.cached = min(int(trace.trace_cached[row]), self.tokens_in)
            self.prefix = min(self.prefix, self.tokens_in)  # the trace's prompt may be shorter than the prefix
        self.tokens_out = min(self.tokens_out, world.kinds.max_output[world.epoch][self.index])

    def first_model(self, repeat: int) -> int:
        """The model that the trace says, or the route."""
        world, action = self.world, self.action
        trace = world.plan.arrivals
        if len(trace.trace_time) and trace.trace_model[action.number] >= 0:
            return int(trace.trace_model[action.number])
        route = world.kinds.route[self.index]
        only: int = world.only_model[route]
        if only >= 0:
            return only
        u, _ = world.dice.pair(Stream.ROUTE, action.number, code_of(self.number, repeat, 0, 0, 0))
        return world.dice.choose(u, world.plan.routes.mix_cdf[world.epoch, route, action.complexity])

    def escalation(self, repeat: int, base: int) -> int:
        """The cascade's next model if this answer is not good enough, else -1."""
        world, route = self.world, self.world.kinds.route[self.index]
        following: int = world.routes.next_model[route][base]
        if following < 0:
            return -1
        code = code_of(self.number, repeat, self.rung, 0, 0)
        u, _ = world.dice.pair(Stream.ESCALATE, self.action.number, code)
        return following if u < world.routes.escalate[world.epoch][route][self.action.complexity] else -1

    def judge(self, model: int) -> None:
        """An answer came: is it right for the user?"""
        world, attempt = self.world, self.attempt
        assert attempt is not None
        self.first_token = attempt.first_token if world.kinds.streaming[self.index] else DID_NOT
        quality = world.models.quality[world.epoch][model][self.action.complexity]
        if quality != quality:  # NaN: not judged
            self.good = -1
            return
        u, _ = world.dice.pair(Stream.QUALITY, self.action.number, code_of(self.number, 0, 0, 0, 0))
        self.good = int(u < quality)
