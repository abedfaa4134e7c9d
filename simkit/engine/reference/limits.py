"""Rate limits: token buckets and ramps that deployments share; an attempt takes from all of them or from none."""

from typing import TYPE_CHECKING

from simkit.laws.bucket import bucket_charge, bucket_cost, bucket_excess, ramp_allowed
from simkit.plan.codes import Kind, Measure
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.world import World

REQUESTS, INPUT, OUTPUT, _, RAMP = (int(one) for one in Measure)


class Ramp:
    """How many requests the present interval and the one before let through."""

    def __init__(self) -> None:
        self.interval = self.count = self.before = 0

    def move_to(self, interval: int) -> None:
        """The present interval, which may be a later one than the last that was looked at."""
        if interval != self.interval:
            self.before = self.count if interval == self.interval + 1 else 0
            self.count = 0
            self.interval = interval


class Limits:
    """All limits of the plan and what is left of them."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.measure = [int(measure) for measure in world.plan.limits.measure]
        self.tat = [-NEVER] * len(self.measure)
        """Theoretical arrival time of each bucket: full at first."""
        self.ramps = [Ramp() if measure == RAMP else None for measure in self.measure]

    def charge(self, attempt: "Attempt") -> int:
        """Take what the attempt needs; the kind of refusal, or 0."""
        deployments = self.world.deployments
        first, beyond = deployments.first_limit[attempt.deployment : attempt.deployment + 2]
        if first == beyond:
            return 0
        limits = deployments.limits[first:beyond]
        attempt.limit = next((b for b in limits if self.is_too_large(b, attempt)), attempt.limit)
        if attempt.limit >= 0:
            return Kind.TOO_LARGE
        waits = [self.excess(b, attempt) for b in limits]
        excess = max(waits)
        for b in limits:
            self.take(b, attempt, refused=excess > 0)
        if excess <= 0:
            return 0
        attempt.retry_after, attempt.limit = excess, limits[waits.index(excess)]
        return Kind.RATE_LIMIT

    def is_too_large(self, b: int, attempt: "Attempt") -> bool:
        """Can the bucket never hold what the request costs (an incident makes none too large)?"""
        if self.measure[b] == RAMP:
            return False
        limits, e = self.world.limits, self.world.epoch
        full: int = bucket_cost(self.units(b, attempt), self.ns_per_unit(b), 1.0)
        return full > int(limits.burst[e][b])

    def excess(self, b: int, attempt: "Attempt") -> int:
        """How long until the request fits, in ns; 0 or less: it fits now."""
        limits, e, now = self.world.limits, self.world.epoch, attempt.dispatched
        ramp = self.ramps[b]
        if ramp is None:
            return bucket_excess(self.tat[b], now, self.cost(b, attempt), limits.burst[e][b])
        every: int = limits.ramp_every[e][b]
        begin = self.world.plan.begin
        ramp.move_to((now - begin) // every)
        if ramp.count < ramp_allowed(ramp.before, limits.ramp_growth[e][b], limits.ramp_floor[e][b]):
            return 0
        return begin + (ramp.interval + 1) * every - now

    def take(self, b: int, attempt: "Attempt", refused: bool) -> None:
        """Count the request; one that was refused only where the provider counts those, until the bucket is empty."""
        limits, e, now = self.world.limits, self.world.epoch, attempt.dispatched
        ramp = self.ramps[b]
        if ramp is not None:
            ramp.count += not refused
        elif not refused:
            self.tat[b] = bucket_charge(self.tat[b], now, self.cost(b, attempt))
        elif limits.refused_count[b]:
            charged = bucket_charge(self.tat[b], now, self.cost(b, attempt))
            self.tat[b] = max(self.tat[b], min(charged, now + limits.burst[e][b]))

    def cost(self, b: int, attempt: "Attempt") -> int:
        """What the request costs now, in ns of the bucket's time."""
        left = self.world.incidents.weather[attempt.deployment].quota
        return bucket_cost(self.units(b, attempt), self.ns_per_unit(b), left)

    def ns_per_unit(self, b: int) -> float:
        """How long one unit takes to refill now, at the tier that holds."""
        tiers = self.world.tiers
        each: list[float] = self.world.limits.ns_per_unit[self.world.epoch][b]
        return each[0 if tiers is None else tiers.tier(b)]

    def units(self, b: int, attempt: "Attempt") -> int:
        """What the request takes from a bucket."""
        limits, measure = self.world.limits, self.measure[b]
        if measure == REQUESTS:
            return 1
        prompt: int = attempt.tokens_in if limits.cached_counts[b] else attempt.tokens_in - attempt.cached
        if measure == INPUT:
            return prompt
        longest: int = self.world.kinds.max_output[self.world.epoch][attempt.call.index]
        answer = longest if limits.reserve_max[b] and longest < NEVER else attempt.tokens_out
        return answer if measure == OUTPUT else prompt + answer
