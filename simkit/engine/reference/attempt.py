"""An attempt: one request to one deployment, from dispatch to answer, error, timeout or cancel."""

from typing import TYPE_CHECKING

import simpy

from simkit.engine.log import DID_NOT
from simkit.engine.reference.station import Place
from simkit.laws.bucket import bucket_charge, bucket_cost, bucket_excess
from simkit.laws.draws import Stream, code_of
from simkit.laws.failure import drawn_kind
from simkit.laws.latency import answer_ns, elapsed_tokens, first_token_ns
from simkit.laws.price import price
from simkit.laws.sample import whole
from simkit.plan.codes import Cause, EventClass, Kind
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.action import Call

REQUESTS, INPUT, OUTPUT, TOTAL = range(4)
WEIGHTED, ORDERED, LEAST_BUSY = range(3)
TAKES_TIME, TAKES_FIRST_TOKEN, TAKES_PART, TAKES_ANSWER, TAKES_NEVER = range(5)
OK = int(Kind.OK)
ANSWERING = (OK, int(Kind.STREAM_BROKEN), int(Kind.MALFORMED))
"""Ends of attempts that had begun to answer: tokens came and count."""
BILLED_NOTHING, BILLED_INPUT, BILLED_ELAPSED, BILLED_ALL = range(4)


class Attempt:
    """A request and what becomes of it."""

    __slots__ = (
        "action", "answered_at", "answers", "began_at", "billed_in", "billed_out", "cached", "call", "cause",
        "code", "cost", "deployment", "dispatched", "finish_at", "first_token", "key", "kind", "limit", "model",
        "number", "over", "place", "price_row", "priority", "repeat", "retry_after", "rung", "slot", "started",
        "times_out_at", "tokens_in", "tokens_out", "watched", "world", "written",
    )  # fmt: skip

    def __init__(self, call: "Call", repeat: int, rung: int, number: int, cause: Cause, model: int) -> None:
        self.call, self.action, self.world = call, call.action, call.world
        self.repeat, self.rung, self.number, self.cause, self.model = repeat, rung, number, cause, model
        self.code = code_of(call.number, repeat, rung, number, 0)
        self.key = self.action.number << 25 | self.code
        self.tokens_in, self.tokens_out = call.tokens_in, call.tokens_out
        self.cached = self.written = self.billed_in = self.billed_out = self.cost = self.retry_after = 0
        self.dispatched = self.world.clock.now
        self.started = self.began_at = self.answered_at = DID_NOT
        self.finish_at = self.times_out_at = NEVER
        self.watched = self.answers = False
        self.first_token = self.limit = DID_NOT
        self.price_row = 0
        self.kind = OK
        self.over = False
        self.priority = 0
        self.place = Place.OUTSIDE
        self.slot: simpy.Event | None = None

    def dispatch(self) -> None:
        """Send it: context limit, rate limits, then a slot of the deployment or its queue."""
        world, now = self.world, self.dispatched
        self.action.attempts += 1
        self.deployment = self.pick()
        self.draw_cache()
        timeout = world.policy.timeout[world.epoch]
        self.times_out_at = min(now + timeout, NEVER)
        refusal = self.too_large() or self.charge()
        if refusal:
            return self.refuse(refusal)
        if not world.stations[self.deployment].ask(self):
            return self.refuse(Kind.OVERLOADED)
        if self.place is Place.SERVED:
            return self.begin()
        assert self.slot is not None and self.slot.callbacks is not None
        self.slot.callbacks.append(self.granted)
        return self.watch()

    def watch(self) -> None:
        """Put the timeout on the agenda: it may strike (an answer at the same instant comes first)."""
        if self.times_out_at < NEVER and not self.watched:
            self.watched = True
            self.world.clock.at(self.times_out_at, EventClass.TIMEOUT, self.key, self.timed_out)

    def pick(self) -> int:
        """The deployment, by the model's balance."""
        world = self.world
        first: int = world.models.first_deployment[self.model]
        beyond: int = world.models.first_deployment[self.model + 1]
        if beyond - first == 1:
            return first
        balance = world.models.balance[self.model]
        if balance == ORDERED:
            nth: int = world.deployments.rank[first + self.number % (beyond - first)]
            return nth
        if balance == LEAST_BUSY:
            return min(range(first, beyond), key=lambda n: (world.stations[n].busy + world.stations[n].waiting, n))
        _, u = world.dice.pair(Stream.ATTEMPT, self.action.number, self.code, 2)
        return first + world.dice.choose(u, world.plan.deployments.weight_cdf[world.epoch, first:beyond])

    def draw_cache(self) -> None:
        """Is the prefix read from the provider's prompt cache, or written to it?

        Asked at dispatch for what the rate limits are charged, and for good when service starts.
        """
        world, prefix = self.world, self.call.prefix
        self.cached = self.written = 0
        if self.call.cached >= 0:
            self.cached = self.call.cached
            return
        hit_rate = world.policy.cache_hit_rate[world.epoch]
        if hit_rate < 0 or prefix == 0 or prefix < world.models.cache_minimum[world.epoch][self.model]:
            return
        u, _ = world.dice.pair(Stream.ATTEMPT, self.action.number, self.code, 3)
        if u < hit_rate:
            self.cached = prefix
        else:
            self.written = prefix

    def too_large(self) -> int:
        """TOO_LARGE if prompt and longest answer exceed the context, else 0."""
        world = self.world
        longest = world.kinds.max_output[world.epoch][self.call.index]
        answer = longest if longest < NEVER else self.tokens_out
        fits = self.tokens_in + answer <= world.models.context[world.epoch][self.model]
        return 0 if fits else Kind.TOO_LARGE

    def charge(self) -> int:
        """Take from all buckets or from none; the kind of refusal, or 0."""
        world, now, e = self.world, self.dispatched, self.world.epoch
        limits, deployments = world.limits, world.deployments
        first, beyond = deployments.first_limit[self.deployment], deployments.first_limit[self.deployment + 1]
        if first == beyond:
            return 0
        buckets = deployments.limits[first:beyond]
        left = world.incidents.weather[self.deployment].quota
        costs = [bucket_cost(self.units(b), limits.ns_per_unit[e][b], left) for b in buckets]
        full = costs if left == 1.0 else [bucket_cost(self.units(b), limits.ns_per_unit[e][b], 1.0) for b in buckets]
        for b, cost in zip(buckets, full, strict=True):  # an incident makes no request too large
            if cost > limits.burst[e][b]:
                self.limit = b
                return Kind.TOO_LARGE
        waits = [
            bucket_excess(world.tat[b], now, cost, limits.burst[e][b]) for b, cost in zip(buckets, costs, strict=True)
        ]
        excess = max(waits)
        if excess > 0:
            self.retry_after, self.limit = excess, buckets[waits.index(excess)]
        for b, cost in zip(buckets, costs, strict=True):
            if excess <= 0:
                world.tat[b] = bucket_charge(world.tat[b], now, cost)
            elif limits.refused_count[b]:  # at most until the bucket is empty
                world.tat[b] = max(world.tat[b], min(bucket_charge(world.tat[b], now, cost), now + limits.burst[e][b]))
        return Kind.RATE_LIMIT if excess > 0 else 0

    def units(self, bucket: int) -> int:
        """What this request takes from a bucket."""
        limits, measure = self.world.limits, self.world.limits.measure[bucket]
        if measure == REQUESTS:
            return 1
        prompt = self.tokens_in if limits.cached_counts[bucket] else self.tokens_in - self.cached
        if measure == INPUT:
            return prompt
        longest = self.world.kinds.max_output[self.world.epoch][self.call.index]
        answer = longest if limits.reserve_max[bucket] and longest < NEVER else self.tokens_out
        return answer if measure == OUTPUT else prompt + answer

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
        u, v = world.dice.pair(Stream.ATTEMPT, self.action.number, self.code, 0)
        deployments, n = world.deployments, self.deployment
        ttft = world.dice.value(deployments.ttft[e][n], u)
        speed = world.dice.value(deployments.speed[e][n], v)
        self.began_at = now + first_token_ns(ttft, deployments.ttft_per_token[e][n], self.tokens_in, weather.slowdown)
        self.answered_at = self.began_at + answer_ns(self.tokens_out, speed, weather.slowdown)
        u, v = world.dice.pair(Stream.ATTEMPT, self.action.number, self.code, 1)
        self.kind = self.call_error() or drawn_kind(u, weather.error_rate, weather.kind, world.errors[e][n])
        self.answers = self.kind in ANSWERING
        self.finish_at = self.end_of_service(v)
        self.expect()

    def expect(self) -> None:
        """Put the end on the agenda, and the timeout if it comes before."""
        if self.finish_at < NEVER:
            self.world.clock.at(self.finish_at, EventClass.FINISHED, self.key, self.finished)
        if self.finish_at > self.times_out_at:
            self.watch()

    def call_error(self) -> int:
        """A failure that no retry cures: the same for all attempts of the call with this model."""
        world = self.world
        errors = world.call_errors[world.epoch][self.model]
        if errors is None:
            return OK
        code = self.call.number << 20 | self.model
        u, _ = world.dice.pair(Stream.CALL_ERROR, self.action.number, code)
        return drawn_kind(u, 0.0, OK, errors)

    def end_of_service(self, part: float) -> int:
        """When the answer is complete or the failure comes."""
        if self.kind == Kind.OK:
            return self.answered_at
        takes = self.world.policy.takes[self.kind]
        if takes == TAKES_TIME:
            return self.started + self.failure_time(self.kind)
        if takes == TAKES_FIRST_TOKEN:
            return self.began_at
        if takes == TAKES_PART:
            return self.began_at + whole((self.answered_at - self.began_at) * part)
        return self.answered_at if takes == TAKES_ANSWER else NEVER

    def finished(self) -> None:
        """The answer or the error is there (unless an incident changed when)."""
        if self.world.clock.now != self.finish_at:
            return
        if self.over:
            self.leave()  # it ran on: its slot is free only now
            return
        self.settle(self.kind, self.finish_at)
        self.call.told.succeed(self.kind)

    def timed_out(self) -> None:
        """The caller's patience with this attempt is over."""
        if not self.over:
            self.abandon(Kind.TIMEOUT)
            self.call.told.succeed(Kind.TIMEOUT)

    def cancel(self) -> None:
        """The action needs it no more."""
        if not self.over:
            self.abandon(Kind.CANCELLED)

    def struck(self, rate: float, kind: int, severity: int) -> None:
        """An incident that fails work in flight begins."""
        u, _ = self.world.dice.pair(Stream.IN_FLIGHT, self.action.number, self.code, severity & 63)
        if self.over or u >= rate:
            return
        self.kind = kind
        if self.world.policy.takes[kind] == TAKES_NEVER:  # it hangs from now on
            self.finish_at = NEVER
            self.watch()
            return
        self.finish_at = self.world.clock.now
        self.settle(kind, self.finish_at)
        self.call.told.succeed(kind)

    def abandon(self, kind: int) -> None:
        """Ended by its caller: the work stops, or runs on and is billed in full."""
        world, now = self.world, self.world.clock.now
        if self.place is Place.QUEUED:
            self.action.waited += now - self.dispatched
        if self.place is Place.SERVED and world.kinds.runs_on[self.call.index] and self.finish_at < NEVER:
            self.over = True
            self.bill(self.kind, self.finish_at)
            self.record(now, self.finish_at, kind)
        else:
            self.settle(kind, now)

    def settle(self, kind: int, now: int) -> None:
        """End it now: bill, log, give up slot or queue place."""
        self.over = True
        self.bill(kind, now)
        self.record(now, now, kind)
        self.leave()

    def leave(self) -> None:
        """Give up slot or queue place."""
        self.world.in_service[self.deployment].pop(self.key, None)
        self.world.stations[self.deployment].leave(self)

    def censor(self, ended: int) -> None:
        """The run stopped at `ended`: billed like work that is stopped there."""
        if not self.over:
            self.bill(Kind.UNFINISHED, ended)
            self.record(DID_NOT, DID_NOT, Kind.UNFINISHED, ended)

    def record(self, ended: int, released: int, kind: int, known_until: int | None = None) -> None:
        """Write the log's row and add to the action's totals."""
        self.first_token = self.seen_first_token(ended if known_until is None else known_until)
        if self.started == DID_NOT:
            released = DID_NOT
        action = self.action
        action.cost += self.cost
        action.tokens_in += self.billed_in
        action.tokens_out += self.billed_out
        self.world.recorder.attempt(self, ended, released, kind)

    def bill(self, kind: int, now: int) -> None:
        """Tokens and picodollars that the provider charges for what it did until `now`."""
        if self.started == DID_NOT:
            self.cached = self.written = 0
            return
        stopped = kind in (Kind.TIMEOUT, Kind.CANCELLED, Kind.UNFINISHED)
        billed = BILLED_ALL if kind == Kind.OK else BILLED_ELAPSED if stopped else self.world.policy.billed[kind]
        if billed == BILLED_NOTHING:
            return
        self.billed_in = self.tokens_in
        if billed == BILLED_ALL:
            self.billed_out = self.tokens_out
        elif billed == BILLED_ELAPSED and self.answers:
            self.billed_out = elapsed_tokens(self.tokens_out, self.began_at, self.answered_at, now)
        tariff = self.world.tariffs[self.price_row][self.deployment]
        self.cost = price(self.billed_in, self.cached, self.written, self.billed_out, *tariff)

    def seen_first_token(self, ended: int) -> int:
        """When the first token came, if it did: streamed, or with the whole answer; else -1."""
        if self.started == DID_NOT or not self.answers:
            return DID_NOT
        if not self.world.kinds.streaming[self.call.index]:
            return ended if self.kind == Kind.OK and ended == self.finish_at else DID_NOT
        return self.began_at if self.began_at <= ended else DID_NOT
