"""Which of a model's deployments an attempt goes to: who may be asked, and who of them is."""

from collections import deque
from typing import TYPE_CHECKING

from simkit.engine.log import DID_NOT
from simkit.laws.draws import Stream
from simkit.plan.codes import Balance, Kind, Mark, RetryAt
from simkit.plan.plan import SECOND

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.call import Call
    from simkit.engine.reference.world import World

NOBODY = -1
MINUTE = 60 * SECOND
SAMPLES = 10
PENALTY = 1000 * SECOND
"""What a timeout counts as, per token."""
LONGEST = 10**16
"""No sample is longer, ns: sums of ten stay exact when they are compared."""
WITH_MEMORY = (Balance.LOWEST_LATENCY, Balance.LOWEST_USAGE)
"""They go by what was seen of earlier attempts."""
OK, TIMEOUT = int(Kind.OK), int(Kind.TIMEOUT)


class Record:
    """What a replica of the layer remembers of a deployment."""

    def __init__(self) -> None:
        self.per_token: deque[int] = deque(maxlen=SAMPLES)
        self.first_token: deque[int] = deque(maxlen=SAMPLES)
        """ns, the last samples."""
        self.minute = self.tokens = 0
        """Tokens in and out of the answers of one minute, counted from 1970."""

    def used(self, minute: int) -> int:
        """Tokens of the answers of this minute."""
        return self.tokens if minute == self.minute else 0

    def use(self, minute: int, tokens: int) -> None:
        """An answer came."""
        self.tokens = self.used(minute) + tokens
        self.minute = minute


class Picker:
    """Picks deployments."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.remembers = any(balance in WITH_MEMORY for balance in world.models.balance)
        self.records: dict[tuple[int, int], Record] = {}
        self.ways = {
            Balance.WEIGHTED: self.weighted,
            Balance.ORDERED: self.ordered,
            Balance.LEAST_BUSY: self.least_busy,
            Balance.LOWEST_LATENCY: self.lowest_latency,
            Balance.LOWEST_USAGE: self.lowest_usage,
            Balance.CHEAPEST: self.cheapest,
        }

    def pick(self, attempt: "Attempt") -> int:
        """The deployment, or NOBODY."""
        everybody = self.world.deployments_of[attempt.model]
        if len(everybody) == 1 and self.world.breakers is None and self.world.guide is None:
            return everybody[0]
        candidates = self.candidates(attempt)
        if len(candidates) <= 1:
            return candidates[0] if candidates else NOBODY
        return self.ways[self.world.models.balance[attempt.model]](attempt, candidates)

    def usable(self, call: "Call", model: int) -> list[int]:
        """Deployments of the model whose breakers let somebody through."""
        breakers = self.world.breakers
        if breakers is None:
            return self.world.deployments_of[model]
        return breakers.usable(call.action.replica, model, call.chain)

    def permitted(self, call: "Call", model: int) -> list[int]:
        """Those of them that may have the action's data."""
        found = self.usable(call, model)
        if self.world.guide is None:
            return found
        may_ask = self.world.geography.may_ask[call.action.home][call.action.kind]
        return [n for n in found if may_ask[n]]

    def nearest(self, action: "Action", found: list[int]) -> list[int]:
        """Those of them that are nearest to the action's region, if it goes by that."""
        geography = self.world.geography
        if self.world.guide is None or not geography.near[0] or not found:
            return found
        distance = geography.to_model[self.world.epoch][action.region.index]
        least = min(distance[n] for n in found)
        return [n for n in found if distance[n] == least]

    def candidates(self, attempt: "Attempt") -> list[int]:
        """Who may be asked, in index order."""
        found = self.permitted(attempt.call, attempt.model)
        if not found and self.usable(attempt.call, attempt.model):
            attempt.marks |= Mark.FORBIDDEN
        failed = attempt.call.last_deployment
        if attempt.number > 0 and failed >= 0:
            retry_at = self.world.inner.retry_at[0]
            if retry_at == RetryAt.SAME:
                found = [failed]
            elif retry_at == RetryAt.OTHER:
                found = [n for n in found if n != failed] or found
        if attempt.hedge:
            first = attempt.both()[0].deployment
            found = [n for n in found if n != first] or found
        return self.nearest(attempt.action, found)

    def weighted(self, attempt: "Attempt", candidates: list[int]) -> int:
        """At random, by weight."""
        world, everybody = self.world, self.world.deployments_of[attempt.model]
        if len(candidates) == len(everybody):
            cdf = world.plan.deployments.weight_cdf[world.epoch, everybody[0] : everybody[-1] + 1]
            return everybody[0] + world.dice.choose(self.draw(attempt), cdf)
        weights = world.deployments.weight[world.epoch]
        total = 0.0
        for n in candidates:
            total += weights[n]
        point, passed = self.draw(attempt) * total, 0.0
        for n in candidates:
            passed += weights[n]
            if point < passed:
                return n
        return candidates[-1]

    def ordered(self, attempt: "Attempt", candidates: list[int]) -> int:
        """The first choice for the first try, the next one for the next."""
        everybody = self.world.deployments_of[attempt.model]
        ranked = self.world.deployments.rank[everybody[0] : everybody[-1] + 1]
        in_order = [int(n) for n in ranked if n in candidates]
        return in_order[attempt.number % len(in_order)]

    def least_busy(self, attempt: "Attempt", candidates: list[int]) -> int:
        """The one with the least in hand."""
        stations = self.world.stations
        return min(candidates, key=lambda n: stations[n].busy + stations[n].waiting)

    def lowest_latency(self, attempt: "Attempt", candidates: list[int]) -> int:
        """The one with the lowest mean of its last samples; one never seen counts as 0."""
        means = [self.latency(attempt, n) for n in candidates]
        best = means[0]
        for mean in means:
            if mean[0] * best[1] < best[0] * mean[1]:
                best = mean
        equals = [n for n, mean in zip(candidates, means, strict=True) if mean[0] * best[1] == best[0] * mean[1]]
        return self.one_of(attempt, equals)

    def latency(self, attempt: "Attempt", n: int) -> tuple[int, int]:
        """Sum and number of the samples that count for this call."""
        record = self.record(attempt, n)
        samples = record.first_token if attempt.streams and record.first_token else record.per_token
        return (sum(samples), len(samples)) if samples else (0, 1)

    def lowest_usage(self, attempt: "Attempt", candidates: list[int]) -> int:
        """The one that has answered the fewest tokens in the current minute."""
        used = [self.record(attempt, n).used(self.minute()) for n in candidates]
        return self.one_of(attempt, [n for n, tokens in zip(candidates, used, strict=True) if tokens == min(used)])

    def cheapest(self, attempt: "Attempt", candidates: list[int]) -> int:
        """The one whose input and output prices are lowest at present."""
        prices, row = self.world.plan.prices, self.world.prices_now()
        return min(candidates, key=lambda n: int(prices.input[row, n, 0]) + int(prices.output[row, n, 0]))

    def one_of(self, attempt: "Attempt", equals: list[int]) -> int:
        """One of several that are as good as each other."""
        return equals[int(self.draw(attempt) * len(equals))]

    def draw(self, attempt: "Attempt") -> float:
        """The number that decides."""
        return self.world.dice.pair(Stream.ATTEMPT, attempt.action.number, attempt.code, 2)[1]

    def record(self, attempt: "Attempt", n: int) -> Record:
        """What the attempt's replica remembers of a deployment."""
        return self.records.setdefault((attempt.action.replica, n), Record())

    def minute(self) -> int:
        """The current minute, counted from 1970."""
        return (self.world.plan.start_utc + self.world.clock.now) // MINUTE

    def learn(self, attempt: "Attempt", kind: int) -> None:
        """An attempt has ended: remember how long it took and what it used."""
        if kind not in (OK, TIMEOUT) or self.world.models.balance[attempt.model] not in WITH_MEMORY:
            return
        record = self.record(attempt, attempt.deployment)
        if kind == TIMEOUT:
            record.per_token.append(PENALTY)
            return
        per_token = (attempt.ended - attempt.dispatched) // max(attempt.tokens_out, 1)
        record.per_token.append(min(per_token, LONGEST))
        if attempt.streams and attempt.first_token != DID_NOT:
            record.first_token.append(min(attempt.first_token - attempt.dispatched, LONGEST))
        record.use(self.minute(), attempt.tokens_in + attempt.tokens_out)
