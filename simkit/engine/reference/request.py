"""A request: one pass of the layer that talks to the models, model after model and with each of them try after try."""

from typing import TYPE_CHECKING

import simpy

from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.backoff import GIVE_UP, Backoff, Failure
from simkit.engine.reference.balance import NOBODY
from simkit.engine.reference.budget import Purse
from simkit.engine.reference.news import Cut, Hearing, News
from simkit.laws.backoff import heard_ns
from simkit.laws.draws import Stream
from simkit.plan.codes import Cause, EventClass, Kind, Mark
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.call import Call

OK = int(Kind.OK)


class Request:
    """What the gateway (or, without one, the client) does for one model and its fallbacks."""

    def __init__(self, call: "Call", model: int, fallbacks: list[int], client_until: int = NEVER) -> None:
        self.call, self.model, self.fallbacks = call, model, fallbacks
        self.client_until = client_until
        """When the client before the gateway gives up altogether."""
        self.world = call.action.world
        self.layer = self.world.inner
        self.over = False
        budgets = self.world.budgets
        self.purse = None if budgets is None else Purse(budgets, call.action.replica)
        self.backoff: Backoff | None = None
        self.until = self.watch()

    def watch(self) -> int:
        """Put the end of its time on the agenda."""
        world, call = self.world, self.call
        limit: int = self.layer.call_timeout[world.epoch]
        if world.plan.has_gateway:
            limit = min(limit, world.outer.timeout[world.epoch])
        if limit >= NEVER or call.action.goes_to_batch:
            return NEVER
        until = world.clock.now + limit
        world.clock.at(until, EventClass.TIMEOUT, call.key(call.rung, 0), self.time_is_up, sub=1)
        return until

    def time_is_up(self) -> None:
        """Whoever asked waits no longer."""
        if not self.over and not self.call.action.is_over():
            self.call.cut_short(Cut.REQUESTS)

    def life(self, cause: Cause) -> Hearing:
        """Model after model, until one answers."""
        model, fallbacks, first = self.model, iter(self.fallbacks), OK
        while True:
            news: News = yield from self.rung(model, cause)
            if self.call.action.is_over() or news.kind == OK or news.cut:
                break
            first = first or news.kind
            following = next(fallbacks, -1) if news.may_fall_back(self.layer) else -1
            if following < 0:
                news = news._replace(kind=first) if self.layer.error_first[0] else news
                break
            self.call.rung += 1
            model, cause = following, Cause.FALLBACK
        if news.kind == OK and self.purse is not None:
            self.purse.reward(model)
        self.over = True
        return news

    def rung(self, model: int, cause: Cause) -> Hearing:
        """Try after try with one model, with waits between them."""
        call, number = self.call, 0
        call.last_deployment = -1
        if self.purse is not None:
            self.purse.earn_first_try(model)
        while True:
            news: News = yield self.send(model, number, cause)
            if call.action.is_over() or news.kind == OK or news.cut:
                return news
            if news.attempt.deployment != NOBODY:
                call.last_deployment = news.attempt.deployment
            was_last = number >= self.layer.max_retries[self.world.epoch]
            wait = self.last_wait(news, number, model) if was_last else self.wait(news, number, model)
            if wait == GIVE_UP:
                return news
            cut: News | None = yield call.pause(wait, call.rung, number + 1)
            if call.action.is_over():
                return news
            if cut is not None or was_last:
                return cut or news
            number, cause = number + 1, Cause.RETRY

    def send(self, model: int, number: int, cause: Cause) -> simpy.Event:
        """Dispatch an attempt; the event is the news of it."""
        call = self.call
        budget = None if self.purse is None else self.purse.send()
        call.attempt = Attempt(call, number, cause, model, budget)
        ear = call.listen()
        call.attempt.dispatch()
        return ear

    def stop(self) -> None:
        """A retry that was decided on is void."""
        if self.purse is not None:
            self.purse.release()

    def wait(self, news: News, number: int, model: int) -> int:
        """How long to wait before the next try with this model; GIVE_UP: there is none, and why is marked."""
        failed = news.attempt
        if not news.may_retry(self.layer):
            return GIVE_UP
        wait = self.time_to_wait(news, number, model)
        if wait == GIVE_UP:
            failed.mark(Mark.GAVE_UP)
        if self.gives_up_open(model):
            failed.mark(Mark.ALL_OPEN)
            wait = GIVE_UP
        if wait != GIVE_UP and self.purse is not None and not self.purse.pay(model, news.kind):
            failed.mark(Mark.NO_BUDGET)
            wait = GIVE_UP
        return wait

    def last_wait(self, news: News, number: int, model: int) -> int:
        """How long to wait after the last try before giving the model up; GIVE_UP: no time at all."""
        if number == 0 or not self.layer.wait_after_last[0] or not news.may_retry(self.layer):
            return GIVE_UP
        wait = self.time_to_wait(news, number, model)
        return GIVE_UP if self.gives_up_open(model) else wait

    def time_to_wait(self, news: News, number: int, model: int) -> int:
        """By the layer's backoff and what the failure said."""
        if self.backoff is None:
            self.backoff = Backoff(self.world, self.layer)
        return self.backoff.wait(self.failure(news, number, model))

    def gives_up_open(self, model: int) -> bool:
        """Are all breakers of the model open, and that the end of it?"""
        return not self.layer.retry_while_open[0] and not self.world.picker.permitted(self.call, model)

    def failure(self, news: News, number: int, model: int) -> Failure:
        """What counts for the wait."""
        world, action, failed = self.world, self.call.action, news.attempt
        u, _ = world.dice.pair(Stream.ATTEMPT, action.number, failed.code, 2)
        asks = self.layer.skip_with_peer[0] and world.has_peers[model]
        has_peer = asks and bool(world.picker.permitted(self.call, model))
        ends = min(action.deadline_at, self.until, self.client_until)
        said = heard_ns(failed.retry_after, self.layer.retry_after_unit[world.epoch])
        return Failure(news.kind, number, said, u, has_peer, ends)
