"""A client before a gateway: it sees the end of a request, and may ask the whole gateway again."""

from typing import TYPE_CHECKING

from simkit.engine.reference.backoff import GIVE_UP, Backoff, Failure
from simkit.engine.reference.budget import Budget, Purse
from simkit.engine.reference.news import Cut, Hearing, News
from simkit.engine.reference.request import Request
from simkit.laws.backoff import heard_ns
from simkit.laws.draws import Stream
from simkit.plan.codes import Cause, EventClass, Kind, Mark
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.call import Call

OK = int(Kind.OK)


class Client:
    """All that is done for one base model of a call."""

    def __init__(self, call: "Call", model: int, fallbacks: list[int]) -> None:
        self.call, self.world, self.model, self.fallbacks = call, call.world, model, fallbacks
        self.layer = self.world.outer
        self.over = False
        budgets = self.world.client_budgets
        self.purse = None if budgets is None else Purse(budgets, call.action.client_replica)
        self.backoff: Backoff | None = None
        self.sent: Budget | None = None
        """Where the place is kept of a request that is a retry of the client."""
        self.until = self.watch()
        self.request = self.ask()

    def ask(self) -> Request:
        """A request for this model."""
        return Request(self.call, self.model, self.fallbacks, self.until)

    def watch(self) -> int:
        """Put the end of its time on the agenda."""
        world, call = self.world, self.call
        limit: int = self.layer.call_timeout[world.epoch]
        if limit >= NEVER or call.action.goes_to_batch:
            return NEVER
        until = world.clock.now + limit
        world.clock.at(until, EventClass.TIMEOUT, call.key(call.rung, 0), self.time_is_up, sub=2)
        return until

    def time_is_up(self) -> None:
        """The client waits no longer."""
        if not self.over and not self.call.action.is_over():
            self.call.cut_short(Cut.CALLS)

    def life(self, cause: Cause) -> Hearing:
        """Request after request, until one is answered."""
        number = 0
        if self.purse is not None:
            self.purse.earn_first_try(self.model)
        while True:
            news: News = yield from self.request.life(cause)
            self.give_back()
            wait = self.wait(news, number)
            if wait == GIVE_UP:
                break
            cut: News | None = yield self.call.pause(wait, self.call.rung + 1, 0)
            if cut is not None or self.call.action.is_over():
                news = cut or news
                break
            self.sent = None if self.purse is None else self.purse.send()
            self.call.rung += 1
            number, cause = number + 1, Cause.CLIENT_RETRY
            self.request = self.ask()
        if news.kind == OK and self.purse is not None:
            self.purse.reward(self.model)
        self.over = True
        return news

    def wait(self, news: News, number: int) -> int:
        """How long the client waits before it asks the whole gateway again; GIVE_UP: it does not."""
        world = self.world
        if self.call.action.is_over() or news.kind == OK or news.cut == Cut.CALLS:
            return GIVE_UP
        if not news.may_retry(self.layer) or number >= self.layer.max_retries[world.epoch]:
            return GIVE_UP
        if self.backoff is None:
            self.backoff = Backoff(world, self.layer)
        wait = self.backoff.wait(self.failure(news, number))
        if wait == GIVE_UP:
            news.attempt.mark(Mark.GAVE_UP)
        elif self.purse is not None and not self.purse.pay(self.model, news.kind):
            news.attempt.mark(Mark.NO_BUDGET)
            wait = GIVE_UP
        return wait

    def failure(self, news: News, number: int) -> Failure:
        """What counts for the wait."""
        action, failed = self.call.action, news.attempt
        u, _ = self.world.dice.pair(Stream.ATTEMPT, action.number, failed.both()[0].code, 5)
        unit = self.layer.retry_after_unit[self.world.epoch]
        said = heard_ns(failed.retry_after, unit) if news.kind == Kind.RATE_LIMIT else 0
        return Failure(news.kind, number, said, u, has_peer=False, ends=min(action.deadline_at, self.until))

    def give_back(self) -> None:
        """A request has ended: if it was a retry, its place is free."""
        if self.sent is not None:
            self.sent.give_back()
            self.sent = None

    def stop(self) -> None:
        """Whatever was decided on is void."""
        self.give_back()
        if self.purse is not None:
            self.purse.release()
        self.request.stop()
