"""An attempt: one request to one deployment, from dispatch to answer, error, timeout or cancel."""

from typing import TYPE_CHECKING

import simpy

from simkit.engine.log import DID_NOT
from simkit.engine.reference import bill, hedge
from simkit.engine.reference.balance import NOBODY
from simkit.engine.reference.budget import Budget
from simkit.engine.reference.station import Place
from simkit.laws.draws import Stream, code_of
from simkit.laws.failure import drawn_kind
from simkit.laws.latency import answer_ns, elapsed_tokens, first_token_ns
from simkit.laws.sample import whole
from simkit.plan.codes import BY_BUDGET, Cause, EventClass, Kind, Mark, Takes
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.call import Call

TAKES_TIME, TAKES_FIRST_TOKEN, TAKES_PART, TAKES_ANSWER, TAKES_NEVER = (int(one) for one in Takes)
OK = int(Kind.OK)
CHEAPER = int(Mark.CHEAPER)
ANSWERING = (OK, int(Kind.STREAM_BROKEN), int(Kind.MALFORMED))
"""Ends of attempts that had begun to answer: tokens came and count."""


class Attempt:
    """A request and what becomes of it. A hedge is the twin of the attempt that it is sent beside."""

    __slots__ = (
        "action", "answered_at", "answers", "began_at", "billed_in", "billed_out", "budget", "cached", "call", "cause",
        "code", "cost", "deployment", "dispatched", "ended", "finish_at", "first_token", "first_token_by",
        "generation", "gives_up_at", "hedge", "is_batch", "is_sent", "key", "kind", "limit", "marks", "model", "number",
        "over", "place", "price_row", "prompt", "repeat", "retry_after", "row", "run", "rung", "slot", "stalled_at",
        "started", "streams", "thinks_from", "times_out_at", "tokens_in", "tokens_out", "twin", "visits", "watched_at",
        "world", "written",
    )  # fmt: skip
    generation: int
    """Of its breaker, when it was sent."""
    priority = 0
    """All attempts are alike to a deployment."""
    row: int
    """Where its row begins in the action's story."""
    began_at: int
    answered_at: int
    """When the first token that is seen and the last one come, as service starts."""
    thinks_from: int
    """When the first token of any sort is made."""
    run: int
    """Tokens of its prompt's beginning that were in the prompt cache when service started."""
    gives_up_at: int
    times_out_at: int
    first_token_by: int
    """When its caller gives up; whatever happens; without a first token."""

    def __init__(
        self, call: "Call", number: int, cause: Cause, model: int, budget: Budget | None, twin: "Attempt | None" = None
    ) -> None:
        self.call, self.action, self.world = call, call.action, call.world
        self.repeat, self.rung, self.number, self.cause, self.model = call.repeat, call.rung, number, cause, model
        self.budget, self.twin, self.hedge = budget, twin, int(twin is not None)
        self.code = code_of(call.number, self.repeat, self.rung, number, self.hedge)
        self.key = self.action.number << 25 | self.code
        self.prompt = call.prompt
        self.tokens_in, self.tokens_out = self.prompt.tokens_in, self.prompt.tokens_out
        self.is_batch: bool = self.world.models.is_batch[model]
        self.streams = call.streams and not self.is_batch
        self.cached = self.written = self.billed_in = self.billed_out = self.cost = self.retry_after = 0
        self.dispatched = self.world.clock.now
        self.started = self.first_token = self.limit = DID_NOT
        self.finish_at = self.watched_at = self.stalled_at = NEVER
        self.answers = self.over = self.is_sent = False
        self.visits = False
        """Will the prompt cache keep the beginning of its prompt?"""
        self.marks = CHEAPER if model == call.cheaper else 0
        self.deployment = NOBODY
        self.kind = OK
        self.place = Place.OUTSIDE
        self.slot: simpy.Event | None = None

    def dispatch(self) -> None:
        """Send it, unless somebody refuses; then it has a slot of the deployment or waits in its queue."""
        world, e = self.world, self.world.epoch
        self.action.attempts += 1
        limit = world.batch.within[e] if self.is_batch else world.inner.timeout[e]
        self.times_out_at = min(self.dispatched + limit, NEVER)
        if self.streams:
            self.first_token_by = min(self.dispatched + world.inner.first_token_timeout[e], NEVER)
        refusal = self.admission()
        if refusal:
            return self.refuse(refusal)
        if not world.stations[self.deployment].ask(self):
            return self.refuse(Kind.OVERLOADED)
        if self.place is Place.SERVED:
            self.begin()
        else:
            assert self.slot is not None and self.slot.callbacks is not None
            self.slot.callbacks.append(self.granted)
            self.watch()
        if world.inner.hedge_after[e] < NEVER and not self.hedge and not self.is_batch:
            hedge.prepare(self, world.inner.hedge_after[e])
        return None

    def admission(self) -> int:
        """A deployment, the layer's own throttle, the context limit and rate limits; the kind of refusal, or 0."""
        world = self.world
        self.deployment = world.picker.pick(self)
        if self.deployment == NOBODY:
            return Kind.NO_DEPLOYMENT
        if world.throttle is not None and world.throttle.holds_back(self):
            return Kind.THROTTLED
        self.is_sent = True
        if world.breakers is not None:
            world.breakers.sent(self)
        if world.budgets is not None:
            world.budgets.sent(self)
        if world.spending is not None:
            budget = world.spending.blocking(self.deployment)
            if budget >= 0:
                self.limit = BY_BUDGET - budget
                return Kind.QUOTA_EXHAUSTED
        self.draw_cache()
        return self.too_large() or world.buckets.charge(self)

    def watch(self) -> None:
        """Work out when its caller gives up and put that on the agenda if it may come (an answer then comes first)."""
        self.gives_up_at = self.too_late()
        until = self.gives_up_at
        if until < self.finish_at and until < NEVER and until != self.watched_at:
            self.watched_at = until
            self.world.clock.at(until, EventClass.TIMEOUT, self.key, self.timed_out)

    def too_late(self) -> int:
        """When the answer, the first token of a stream or its next one is too late."""
        until = self.times_out_at
        if self.streams:
            if not self.answers or self.began_at > self.first_token_by:
                until = min(until, self.first_token_by)
            idle: int = self.world.inner.idle_timeout[self.world.epoch]
            if idle < NEVER:
                until = min(until, self.idle_at(idle))
        return until

    def idle_at(self, idle: int) -> int:
        """When it has been silent for too long between tokens."""
        if self.stalled_at < NEVER:
            return min(self.stalled_at + idle, NEVER)
        if self.answers and (self.answered_at - self.began_at) // max(self.prompt.visible, 1) > idle:
            return min(self.began_at + idle, NEVER)
        return NEVER

    def draw_cache(self) -> None:
        """What is read from the provider's prompt cache, or written to it?

        Asked at dispatch for what the rate limits are charged, and for good when service starts.
        """
        world, prefix = self.world, self.prompt.system
        self.cached = self.written = 0
        if self.prompt.cached >= 0:
            self.cached = self.prompt.cached
            return None
        if world.prefixes is not None:
            return world.prefixes.look(self)
        hit_rate = world.policy.cache_hit_rate[world.epoch]
        if hit_rate < 0 or prefix == 0 or prefix < world.models.cache_minimum[world.epoch][self.model]:
            return None
        u, _ = world.dice.pair(Stream.ATTEMPT, self.action.number, self.code, 3)
        if u < hit_rate:
            self.cached = prefix
        else:
            self.written = prefix
        return None

    def too_large(self) -> int:
        """TOO_LARGE if prompt and longest answer exceed the context, else 0."""
        world = self.world
        longest = world.kinds.max_output[world.epoch][self.call.index]
        answer = longest if longest < NEVER else self.tokens_out
        fits = self.tokens_in + answer <= world.models.context[world.epoch][self.model]
        return 0 if fits else Kind.TOO_LARGE

    def refuse(self, kind: int) -> None:
        """Turned away before service: the error comes after its time."""
        self.kind = kind
        self.cached = self.written = 0
        delay = self.failure_time(kind)
        if delay < NEVER:
            self.finish_at = self.dispatched + delay
        self.expect()

    def failure_time(self, kind: int) -> int:
        """How long a failure takes that has a time of its own."""
        world = self.world
        if world.policy.takes[kind] != TAKES_TIME:
            return 0 if world.policy.takes[kind] != TAKES_NEVER else NEVER
        u, _ = world.dice.pair(Stream.FAILURE_TIME, self.action.number, self.code)
        return world.dice.count(world.policy.takes_time[world.epoch][kind], u)

    def granted(self, _: simpy.Event) -> None:
        """A slot was handed over to the waiting attempt (unless it has left by now)."""
        if self.place is Place.GRANTED:
            self.place = Place.SERVED
            self.begin()

    def begin(self) -> None:
        """Service starts: incident, price and prompt cache are read once, here."""
        world, e, now = self.world, self.world.epoch, self.world.clock.now
        self.started = now
        self.draw_cache()
        self.action.waited += now - self.dispatched
        world.in_service[self.deployment][self.key] = self
        self.price_row = world.prices_now()
        weather = world.incidents.weather[self.deployment]
        self.draw_times(weather.slowdown)
        u, v = world.dice.pair(Stream.ATTEMPT, self.action.number, self.code, 1)
        errors = world.errors[e][self.deployment]
        self.kind = self.call_error() or drawn_kind(u, weather.error_rate, weather.kind, errors)
        self.answers = self.kind in ANSWERING
        if self.kind != OK and self.answers and world.policy.takes[self.kind] == TAKES_NEVER:
            self.stalled_at = self.began_at
        if self.kind == OK:
            self.marks |= self.prompt.marks
        self.finish_at = self.end_of_service(v)
        self.expect()
        if self.visits and self.answers:
            world.clock.at(self.thinks_from, EventClass.FINISHED, self.key, self.visit, sub=1)
        if self.twin is not None:
            hedge.race(self)

    def draw_times(self, slowdown: float) -> None:
        """When its first token is made, when the first comes that is seen, and when the last."""
        world, e, n = self.world, self.world.epoch, self.deployment
        if world.deployments.slowness[e][n] >= 0:
            slowdown *= self.slowness()
        u, v = world.dice.pair(Stream.ATTEMPT, self.action.number, self.code, 0)
        ttft = world.dice.value(world.deployments.ttft[e][n], u)
        speed = world.dice.value(world.deployments.speed[e][n], v)
        per_token = world.deployments.ttft_per_token[e][n]
        tokens = self.tokens_in
        if self.cached:
            tokens -= whole(self.cached * world.prompt_rules.prefill[e][n])
        start = self.started + world.geography.to_model[e][self.action.region.index][n]
        self.began_at = self.thinks_from = start + first_token_ns(ttft, per_token, tokens, slowdown)
        if self.prompt.reasoning:
            self.began_at += answer_ns(self.prompt.reasoning, speed, slowdown)
        self.answered_at = self.thinks_from + answer_ns(self.tokens_out, speed, slowdown)

    def slowness(self) -> float:
        """What makes all of the deployment's latencies longer or shorter for some time."""
        world, e, n = self.world, self.world.epoch, self.deployment
        period = (world.plan.start_utc + self.started) // world.deployments.slowness_every[e][n]
        u, _ = world.dice.pair(Stream.SLOWNESS, period, world.deployments.slowness_key[n])
        return world.dice.value(world.deployments.slowness[e][n], u)

    def expect(self) -> None:
        """Put the end on the agenda, and the timeout if it comes before."""
        if self.finish_at < NEVER:
            self.world.clock.at(self.finish_at, EventClass.FINISHED, self.key, self.finished)
        self.watch()

    def call_error(self) -> int:
        """A failure that no retry cures: the same for all attempts of the call with this model."""
        world = self.world
        errors = world.call_errors[world.epoch][self.model]
        if errors is None:
            return OK
        code = self.call.number << 20 | self.model
        u, _ = world.dice.pair(Stream.CALL_ERROR, self.action.origin, code)
        return drawn_kind(u, 0.0, OK, errors)

    def end_of_service(self, part: float) -> int:
        """When the answer is complete or the failure comes."""
        if self.kind == Kind.OK:
            return self.answered_at
        takes = self.world.policy.takes[self.kind]
        if takes == TAKES_TIME:
            return self.started + self.failure_time(self.kind)
        if takes == TAKES_FIRST_TOKEN:
            return self.thinks_from
        if takes == TAKES_PART:
            return self.thinks_from + whole((self.answered_at - self.thinks_from) * part)
        return self.answered_at if takes == TAKES_ANSWER else NEVER

    def both(self) -> "tuple[Attempt, ...]":
        """It and its twin, the first try before its hedge."""
        if self.twin is None:
            return (self,)
        return (self.twin, self) if self.hedge else (self, self.twin)

    def finished(self) -> None:
        """The answer or the error is there (unless an incident changed when)."""
        if self.world.clock.now != self.finish_at:
            return
        if self.over:  # it ran on: its slot is free only now
            self.visit()
            self.leave()
            return
        self.settle(self.kind, self.finish_at)
        self.tell(self.kind)

    def visit(self) -> None:
        """If it is at work and has made a first token, its prompt is kept by the prompt cache."""
        is_at_work = self.answers and self.place is Place.SERVED
        if self.visits and is_at_work and self.world.clock.now >= self.thinks_from:
            assert self.world.prefixes is not None
            self.visits = False
            self.world.prefixes.visit(self)

    def timed_out(self) -> None:
        """The caller's patience with this try is over: a twin is cancelled with it."""
        if self.over or self.world.clock.now != self.gives_up_at:
            return
        for attempt in self.both():
            if attempt is self:
                self.abandon(Kind.TIMEOUT)
            else:
                attempt.cancel()
        self.tell(Kind.TIMEOUT)

    def hedged(self) -> "Attempt":
        """The same once more, to be sent beside it."""
        return Attempt(self.call, self.number, Cause.HEDGE, self.model, None, self)

    def cancel(self) -> None:
        """Its caller needs it no more."""
        if not self.over:
            self.abandon(Kind.CANCELLED)

    def tell(self, kind: int) -> None:
        """The call hears of an answer, which ends a twin, and of a failure that no twin is left to make good."""
        twin = self.twin
        if twin is not None and not twin.over:
            if kind != OK:
                return
            twin.cancel()
        self.call.hear(self, kind)

    def struck(self, rate: float, kind: int, severity: int) -> None:
        """An incident that fails work in flight begins."""
        u, _ = self.world.dice.pair(Stream.IN_FLIGHT, self.action.number, self.code, severity & 63)
        if self.over or u >= rate:
            return
        self.kind = kind
        if self.world.policy.takes[kind] == TAKES_NEVER:  # it hangs from now on
            self.hang()
            return
        self.finish_at = self.world.clock.now
        self.settle(kind, self.finish_at)
        self.tell(kind)

    def hang(self) -> None:
        """Nothing comes any more; what has not begun to answer never will."""
        now = self.world.clock.now
        self.finish_at = NEVER
        if now < self.began_at:
            self.answers, self.stalled_at = False, NEVER  # without a token it is not silent between tokens
        elif self.answers:
            self.stalled_at = min(self.stalled_at, now)
        self.watch()

    def abandon(self, kind: int) -> None:
        """Ended by its caller: the work stops, or runs on and is billed in full."""
        world, now = self.world, self.world.clock.now
        if self.place is Place.QUEUED:
            self.action.waited += now - self.dispatched
        runs_on = world.kinds.runs_on[self.call.index] and not self.is_batch
        if self.place is Place.SERVED and runs_on and self.finish_at < NEVER:
            self.over = True
            self.pay(self.kind, self.finish_at)
            self.record(now, self.finish_at, kind)
            self.learn(kind)
        else:
            self.settle(kind, now)

    def settle(self, kind: int, now: int) -> None:
        """End it now: bill, budgets, log, give up slot or queue place; whoever watches deployments learns of it."""
        if self.visits and kind in ANSWERING:
            self.visit()
        self.over = True
        self.pay(kind, now)
        self.record(now, now, kind)
        self.leave()
        self.learn(kind)

    def pay(self, kind: int, until: int) -> None:
        """The bill for what was done until then; budgets are charged with it, and tiers may be reached."""
        bill.charge(self, kind, until)
        if self.world.spending is not None:
            self.world.spending.charge(self)
        if self.world.tiers is not None:
            self.world.tiers.charge(self)

    def leave(self) -> None:
        """Give up slot or queue place."""
        if self.deployment != NOBODY:
            self.world.in_service[self.deployment].pop(self.key, None)
            self.world.stations[self.deployment].leave(self)

    def learn(self, kind: int) -> None:
        """Breakers, throttle and balance are told how it ended, if it was sent; its budget has its place again."""
        if self.is_sent:
            for learner in self.world.learners:
                learner.learn(self, kind)
        if self.budget is not None:
            self.budget.give_back()

    def censor(self, ended: int) -> None:
        """The run stopped at `ended`: billed like work that is stopped there."""
        if not self.over:
            bill.charge(self, Kind.UNFINISHED, ended)
            self.record(DID_NOT, DID_NOT, Kind.UNFINISHED, ended)

    def record(self, ended: int, released: int, kind: int, known_until: int | None = None) -> None:
        """Write the log's row and add to the action's totals."""
        self.ended = ended
        self.first_token = bill.seen_first_token(self, ended if known_until is None else known_until)
        if self.started == DID_NOT:
            released = DID_NOT
        action = self.action
        action.cost += self.cost
        action.tokens_in += self.billed_in
        action.tokens_out += self.billed_out
        if self.first_token != DID_NOT and self.streams and self.call.is_last:
            action.shown = True
        self.world.recorder.attempt(self, ended, released, kind)

    def made(self, until: int) -> int:
        """Output tokens made by then."""
        if self.started == DID_NOT or not self.answers:
            return 0
        return elapsed_tokens(self.tokens_out, self.thinks_from, self.answered_at, min(until, self.stalled_at))

    def mark(self, mark: Mark) -> None:
        """Say something more of it, also after it has ended."""
        self.marks |= mark
        if self.over:
            self.world.recorder.mark(self)
