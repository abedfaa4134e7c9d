"""A call of an action: its repetitions, each answered by one of the models in turn."""

from functools import partial
from typing import TYPE_CHECKING

import simpy

from simkit.engine.log import DID_NOT
from simkit.engine.reference.answers import Inquiry
from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.client import Client
from simkit.engine.reference.news import Cut, Hearing, News, Process
from simkit.engine.reference.prompt import Prompt
from simkit.engine.reference.request import Request
from simkit.laws.draws import Stream, code_of
from simkit.plan.codes import Cause, EventClass, Kind, Mark

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action

OK = int(Kind.OK)
TRUNCATED = int(Mark.TRUNCATED)


class Call:
    """One call of an action."""

    __slots__ = (
        "action", "asker", "attempt", "chain", "cheaper", "ear", "first_token", "good", "index", "inquiry", "is_last",
        "last_deployment", "loop", "number", "prompt", "remembers", "repeat", "rung", "said", "streams", "told",
        "visible", "world",
    )  # fmt: skip
    ear: simpy.Event
    """Where it waits for news."""
    prompt: Prompt
    """Of the present repetition."""

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
        self.inquiry: Inquiry | None = None
        """What it asks of the caches of answers."""
        self.cheaper = -1
        """The model that stands in for a dearer one."""
        self.remembers: bool = self.world.remembers[index]
        """Does it send again what was said before?"""
        self.loop = self.said = self.visible = 0
        """Tokens that its next repetition sends again; that the conversation keeps of it; of its last answer."""

    def life(self) -> Process:
        """Repetition after repetition, unless a cache has the answer; a failed one fails the action."""
        if self.remembers and self.is_needless():
            return
        if self.world.caches and self.world.kinds.cached[self.index]:
            self.inquiry = Inquiry(self)
            is_answered = yield from self.inquiry.life()
            if is_answered or self.action.is_over():
                return
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

    def is_needless(self) -> bool:
        """Is it a summary of what is short as it is?"""
        kinds = self.world.kinds
        if not kinds.summarises[self.index]:
            return False
        limit: int = kinds.summary_limit[self.world.epoch][self.index]
        return self.action.history <= limit

    def work(self) -> Process:
        """The product's own work before a repetition: a search, a tool."""
        kinds, e = self.world.kinds, self.world.epoch
        self.action.tool_cost += kinds.work_cost[e][self.index]
        dist = kinds.work[e][self.index]
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
        self.prompt = Prompt(self)
        self.rung = 0
        base, cause = self.first_model(), Cause.FIRST
        model = self.stand_in(base) if self.world.substitutes else base
        while True:
            self.asker = self.who_asks(model)
            news: News = yield from self.asker.life(cause)
            if self.action.is_over() or news.kind != OK:
                return news
            self.judge(news.attempt)
            base, cause = self.escalation(base), Cause.ESCALATION
            model = self.stand_in(base) if base >= 0 and self.world.substitutes else base
            if model < 0 or (model != base and model == news.attempt.model):
                self.answered()
                return news
            self.rung += 1

    def answered(self) -> None:
        """A model has answered, and that is the answer."""
        if self.remembers:
            self.remember(self.prompt)
        if self.inquiry is not None:
            self.inquiry.write()

    def stand_in(self, base: int) -> int:
        """The model that is asked in place of one: a cheaper one where money is short, the batch side of what can wait.

        Sets `cheaper`.
        """
        world, model = self.world, base
        self.cheaper = -1
        thrifty = self.action.thrift or (world.spending is not None and world.spending.is_short(model))
        has_cheaper = bool(thrifty) and world.models.cheaper[model] >= 0
        if has_cheaper:
            model = world.models.cheaper[model]
        if self.action.goes_to_batch and world.models.batch[model] >= 0:
            model = world.models.batch[model]
        if has_cheaper:
            self.cheaper = model
        return model

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
        shown = attempt.streams and kind != OK and any(one.first_token != DID_NOT for one in attempt.both())
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
        shown = any(attempt.streams and attempt.first_token != DID_NOT for attempt in flying)
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
        if self.inquiry is not None:
            self.inquiry.give_up()
        self.attempt = self.told = None  # no circles: they would be left to the garbage collector
        self.asker = self.inquiry = None

    def key(self, rung: int, number: int) -> int:
        """Key of an event that belongs to a try."""
        return self.action.number << 25 | code_of(self.number, self.repeat, rung, number, 0)

    def first_model(self) -> int:
        """The model that the trace says, or the route."""
        world, origin = self.world, self.action.origin
        trace = world.plan.arrivals
        if world.has_trace and trace.trace_model[origin] >= 0:
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
        """An answer came: is it right for the user? One that was cut short is not."""
        self.first_token = answer.first_token if answer.streams else DID_NOT
        self.good = self.verdict(answer.model)
        if answer.marks & TRUNCATED:
            self.good = min(self.good, 0)

    def verdict(self, model: int) -> int:
        """Is a model's answer right for the user (-1: that is not judged)?"""
        world = self.world
        quality = world.models.quality[world.epoch][model][self.action.complexity]
        if quality != quality:  # NaN
            return -1
        u, _ = world.dice.pair(Stream.QUALITY, self.action.number, code_of(self.number, 0, 0, 0, 0))
        return int(u < quality)

    def served(self, good: int) -> None:
        """A cache has answered; what would have been said counts as said."""
        self.first_token = self.world.clock.now if self.streams else DID_NOT
        self.good = good
        self.action.shown |= self.streams and self.is_last
        if self.remembers:
            self.prompt = Prompt(self)
            self.remember(self.prompt)

    def remember(self, prompt: Prompt) -> None:
        """A repetition is over: what was said in it belongs to what comes after it."""
        if self.world.kinds.summarises[self.index]:
            self.action.history = prompt.visible
            self.action.summaries += 1
            return
        self.loop += prompt.user + prompt.retrieved + prompt.visible
        self.said += prompt.user
        if self.world.kinds.keeps_retrieved[self.index]:
            self.said += prompt.retrieved
        self.visible = prompt.visible
