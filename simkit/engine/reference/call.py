"""A call of an action: its repetitions, each answered by one of the models in turn."""

from functools import partial
from typing import TYPE_CHECKING

import simpy

from simkit.engine.log import DID_NOT
from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.client import Client
from simkit.engine.reference.news import Cut, Hearing, News, Process
from simkit.engine.reference.request import Request
from simkit.laws.draws import Stream, code_of
from simkit.plan.codes import Cause, EventClass, Kind

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action

OK = int(Kind.OK)


class Call:
    """One call of an action."""

    __slots__ = (
        "action", "asker", "attempt", "cached", "chain", "ear", "first_token", "good", "index", "is_last",
        "last_deployment", "number", "prefix", "repeat", "rung", "streams", "tokens_in", "tokens_out", "told", "world",
    )  # fmt: skip
    ear: simpy.Event
    """Where it waits for news."""
    prefix: int
    tokens_in: int
    tokens_out: int
    cached: int

    def __init__(self, action: "Action", index: int, number: int, is_last: bool) -> None:
        self.action = action
        self.world = action.world
        self.index = index
        self.number = number
        self.is_last = is_last
        """Does it belong to the last stage, whose answer the user sees?"""
        self.streams: bool = self.world.kinds.streaming[index]
        self.repeat = self.rung = 0
        self.attempt: Attempt | None = None
        """The first try or retry that is under way or was the last."""
        self.told: Attempt | None = None
        """The last attempt of which the call has heard."""
        self.last_deployment = -1
        self.chain: list[int] = []
        """The base model and its fallbacks."""
        self.asker: Client | Request | None = None
        """Who asks for the answer that is wanted now."""
        self.first_token = DID_NOT
        self.good = -1

    def life(self) -> Process:
        """Repetition after repetition; a failed one fails the action."""
        while True:
            yield from self.work()
            if self.action.is_over():
                return
            if self.world.kinds.route[self.index] >= 0:
                news: News = yield from self.repetition()
                if self.action.is_over():
                    return
                if news.kind != OK:
                    return self.action.fail(news.kind, [news.attempt])
            self.repeat += 1
            if not self.goes_on(self.repeat):
                return

    def work(self) -> Process:
        """The product's own work before a repetition."""
        dist = self.world.kinds.work[self.world.epoch][self.index]
        if dist >= 0:
            code = code_of(self.number, self.repeat, 0, 0, 0)
            u, _ = self.world.dice.pair(Stream.WORK, self.action.number, code)
            yield self.action.wait(self.world.dice.count(dist, u), code)

    def goes_on(self, done: int) -> bool:
        """Is there another repetition after `done` of them?"""
        kinds, epoch = self.world.kinds, self.world.epoch
        if done < kinds.times[epoch][self.index]:
            return True
        if done >= kinds.repeat_max[epoch][self.index]:
            return False
        u, _ = self.world.dice.pair(Stream.REPEAT, self.action.origin, code_of(self.number, done, 0, 0, 0))
        again: float = kinds.again[epoch][self.index]
        return u < again

    def repetition(self) -> Hearing:
        """Base model after base model: the next of the cascade after an answer that is not good enough."""
        self.draw_tokens()
        self.rung = 0
        model, cause = self.first_model(), Cause.FIRST
        while True:
            self.asker = self.who_asks(model)
            news: News = yield from self.asker.life(cause)
            if self.action.is_over() or news.kind != OK:
                return news
            self.judge(news.attempt)
            model, cause = self.escalation(model), Cause.ESCALATION
            if model < 0:
                return news
            self.rung += 1

    def who_asks(self, model: int) -> Client | Request:
        """For an answer of a model, or else of its fallbacks: a client before a gateway, or whoever talks to models."""
        world = self.world
        fallbacks = world.fallbacks[world.epoch][model]
        self.chain = [model, *fallbacks]
        return Client(self, model, fallbacks) if world.plan.has_gateway else Request(self, model, fallbacks)

    def listen(self) -> simpy.Event:
        """The next news."""
        self.ear = self.world.clock.signal()
        return self.ear

    def hear(self, attempt: Attempt, kind: int) -> None:
        """A try has ended."""
        self.told = attempt
        shown = self.streams and kind != OK and any(one.first_token != DID_NOT for one in attempt.both())
        self.ear.succeed(News(kind, attempt, shown))

    def pause(self, delay: int, rung: int, number: int) -> simpy.Event:
        """A wait before try `number` of a rung; a timer above it may cut it short."""
        clock, ear = self.world.clock, self.listen()
        clock.at(clock.now + delay, EventClass.WAITED, self.key(rung, number), partial(self.wake, ear))
        return ear

    def wake(self, ear: simpy.Event) -> None:
        """A wait is over, unless it was void."""
        if ear is self.ear and not self.action.over:
            ear.succeed(None)

    def cut_short(self, cut: Cut) -> None:
        """Time is up for a request or all of them: what is in flight is cancelled, waits are void."""
        flying = self.in_flight()
        for attempt in flying:
            attempt.cancel()
        last = flying[0] if flying else self.told
        assert last is not None and self.asker is not None
        self.told = last  # for a timer that comes while the client waits before the next request
        self.asker.stop()
        shown = self.streams and any(attempt.first_token != DID_NOT for attempt in flying)
        self.ear.succeed(News(Kind.TIMEOUT, last, shown, cut))

    def in_flight(self) -> list[Attempt]:
        """Attempts under way, the first try before its hedge."""
        if self.attempt is None or (self.attempt.over and self.attempt.twin is None):
            return []
        return [one for one in self.attempt.both() if not one.over]

    def stop(self) -> None:
        """The action has ended: cancel what is in flight."""
        for attempt in self.in_flight():
            attempt.cancel()
        if self.asker is not None:
            self.asker.stop()
        self.attempt = self.told = self.asker = None  # no circles: they would be left to the garbage collector

    def key(self, rung: int, number: int) -> int:
        """Key of an event that belongs to a try."""
        return self.action.number << 25 | code_of(self.number, self.repeat, rung, number, 0)

    def draw_tokens(self) -> None:
        """Tokens of this repetition: a trace's, or drawn."""
        world, origin = self.world, self.action.origin
        code = code_of(self.number, self.repeat, 0, 0, 0)
        parts = world.kinds.input[world.epoch][self.index]
        u, v = world.dice.pair(Stream.TOKENS, origin, code, 0)
        w, x = world.dice.pair(Stream.TOKENS, origin, code, 1)
        self.prefix = world.dice.count(parts[0], u)
        self.tokens_in = self.prefix + world.dice.count(parts[1], v) + world.dice.count(parts[2], w)
        self.tokens_out = world.dice.count(world.kinds.output[world.epoch][self.index][self.action.complexity], x)
        self.cached = -1
        trace = world.plan.arrivals
        if len(trace.trace_time):
            self.tokens_in = int(trace.trace_input[origin]) if trace.trace_input[origin] >= 0 else self.tokens_in
            self.tokens_out = int(trace.trace_output[origin]) if trace.trace_output[origin] >= 0 else self.tokens_out
            self.cached = min(int(trace.trace_cached[origin]), self.tokens_in)
            self.prefix = min(self.prefix, self.tokens_in)  # the trace's prompt may be shorter than the prefix
        self.tokens_out = min(self.tokens_out, world.kinds.max_output[world.epoch][self.index])

    def first_model(self) -> int:
        """The model that the trace says, or the route."""
        world, origin = self.world, self.action.origin
        trace = world.plan.arrivals
        if len(trace.trace_time) and trace.trace_model[origin] >= 0:
            return int(trace.trace_model[origin])
        route = world.kinds.route[self.index]
        only: int = world.only_model[route]
        if only >= 0:
            return only
        u, _ = world.dice.pair(Stream.ROUTE, origin, code_of(self.number, self.repeat, 0, 0, 0))
        return world.dice.choose(u, world.plan.routes.mix_cdf[world.epoch, route, self.action.complexity])

    def escalation(self, base: int) -> int:
        """The cascade's next model if this answer is not good enough, else -1."""
        world, route = self.world, self.world.kinds.route[self.index]
        following: int = world.routes.next_model[route][base]
        if following < 0:
            return -1
        code = code_of(self.number, self.repeat, self.rung, 0, 0)
        u, _ = world.dice.pair(Stream.ESCALATE, self.action.number, code)
        return following if u < world.routes.escalate[world.epoch][route][self.action.complexity] else -1

    def judge(self, answer: Attempt) -> None:
        """An answer came: is it right for the user?"""
        world = self.world
        self.first_token = answer.first_token if self.streams else DID_NOT
        quality = world.models.quality[world.epoch][answer.model][self.action.complexity]
        if quality != quality:  # NaN: not judged
            self.good = -1
            return
        u, _ = world.dice.pair(Stream.QUALITY, self.action.number, code_of(self.number, 0, 0, 0, 0))
        self.good = int(u < quality)
