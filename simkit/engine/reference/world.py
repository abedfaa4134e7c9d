"""Everything of one replication: plan, clock, dice, stations, buckets, incidents, log."""

from functools import partial
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np

from simkit.engine.reference.action import Action
from simkit.engine.reference.answers import AnswerCache
from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.audience import Audience
from simkit.engine.reference.balance import Picker
from simkit.engine.reference.breaker import Breakers
from simkit.engine.reference.budget import Budgets
from simkit.engine.reference.clock import Clock
from simkit.engine.reference.conversation import Conversations
from simkit.engine.reference.dice import Dice
from simkit.engine.reference.guide import Guide
from simkit.engine.reference.hold import Hold
from simkit.engine.reference.incidents import Incidents
from simkit.engine.reference.ladder import Ladder
from simkit.engine.reference.limits import Limits
from simkit.engine.reference.population import Modulation, Population
from simkit.engine.reference.prefix import Prefixes
from simkit.engine.reference.recorder import Recorder
from simkit.engine.reference.region import Region
from simkit.engine.reference.scaler import Scaler
from simkit.engine.reference.source import Recording, Source
from simkit.engine.reference.spending import Allowances, Spending
from simkit.engine.reference.station import Station
from simkit.engine.reference.throttle import Throttle
from simkit.engine.reference.tiers import Tiers
from simkit.plan.codes import Cache, EventClass
from simkit.plan.economy import OF_PROMPTS
from simkit.plan.plan import NEVER, Ints, Plan, PriceTable

T = TypeVar("T")

RESETS = 1 << 30
EMPTIED = 1 << 31
CHANGES = 1 << 40
"""Order of calendar events of one instant, see `incidents`; staff comes first."""


class Learner(Protocol):
    """Something that wants to know how attempts end that were sent."""

    def learn(self, attempt: Attempt, kind: int) -> None:
        """An attempt has ended."""


def lists(table: T) -> T:
    """The same named tuple with lists instead of arrays: plain Python numbers are quicker to read one by one."""
    return type(table)(*(column.tolist() for column in table))  # type: ignore[attr-defined]


def tariffs(prices: PriceTable) -> list[list[tuple[Ints, Ints, Ints, Ints, Ints, int]]]:
    """Prices by row and deployment, as the law takes them."""
    rows, deployments = prices.request.shape
    tiers = (prices.above, prices.input, prices.cached, prices.write, prices.output)
    return [
        [(*(table[q, n] for table in tiers), int(prices.request[q, n])) for n in range(deployments)]
        for q in range(rows)
    ]


class World:
    """The state of one replication."""

    def __init__(self, plan: Plan, seed: int, replication: int, most_in_flight: int = NEVER) -> None:
        self.plan = plan
        self.end = plan.horizon + plan.cooldown
        self.clock = Clock(plan.begin, self.is_over, self.is_full)
        self.dice = Dice(seed, replication, plan.dists)
        self.recorder = Recorder()
        self.epoch = 0
        self.price_row = 0
        self.open = 0
        """Measured actions in flight."""
        self.last_end = plan.horizon
        self.live: dict[int, Action] = {}
        self.most_in_flight = most_in_flight
        self.read_tables()
        self.build_regions()
        self.stations = [
            Station(self.clock, capacity, places)
            for capacity, places in zip(self.deployments.concurrency[0], self.deployments.queue[0], strict=True)
        ]
        self.in_service: list[dict[int, Attempt]] = [{} for _ in self.stations]
        self.incidents = Incidents(self)
        self.buckets = Limits(self)
        self.ladder = Ladder(self)
        self.audience = Audience(self) if self.is_watched() else None
        self.build_sources()
        self.build_layers()
        self.build_economy()

    def build_regions(self) -> None:
        """The own service, in one place or in several."""
        self.logs_regions = bool(self.plan.regions.on[0] or self.plan.scaling.on.any())
        self.regions = [Region(self, index) for index in range(len(self.plan.names.regions))]
        for region in self.regions:
            if self.scaling.on[region.index]:
                region.scaler = Scaler(self, region)
        self.guide = Guide(self) if self.plan.regions.on[0] else None

    def build_sources(self) -> None:
        """Who asks: the users of each region; where users come and go, also those who sign up there."""
        self.modulation = Modulation(self)
        self.population = Population(self) if self.growth.on[0] else None
        self.sources = len(self.regions) * (1 if self.population is None else 2)
        known = range(0 if self.has_trace else min(self.sources, len(self.plan.arrivals.first) - 1))
        self.arrivals = [Source(self, index, self.sources) for index in known]

    def build_economy(self) -> None:
        """Caches, conversations, budgets, quotas, what can wait: as far as the scenario has them."""
        self.caches = self.caches_by_region()
        self.prefixes = Prefixes(self) if self.prompt_rules.on[0] else None
        self.conversations = Conversations(self) if max(self.sessions.most) > 1 else None
        self.spending = Spending(self) if self.budget_rules.whole else None
        self.tiers = Tiers(self) if self.plan.names.tiered else None
        self.allowances = Allowances(self) if self.allowance_rules.on[0] else None
        self.has_quotas = self.spending is not None or self.allowances is not None
        self.has_batch_side: bool = self.batch.api[0]
        self.substitutes = self.has_quotas or self.has_batch_side
        """May another model be asked in place of the one that was meant?"""
        self.remembers = [h or s for h, s in zip(self.kinds.history, self.kinds.summarises, strict=True)]
        """Calls that send again what was said before."""
        self.hold = Hold(self)

    def caches_by_region(self) -> list[list[AnswerCache]]:
        """The caches of answers that each region looks into, or nothing where there are none."""
        rules = self.answer_rules
        which = [cache for cache in Cache if rules.on[cache]]
        if not which:
            return []
        common = {cache: AnswerCache(self, cache) for cache in which if rules.shared[cache]}
        return [[common.get(cache) or AnswerCache(self, cache) for cache in which] for _ in self.regions]

    def all_caches(self) -> list[AnswerCache]:
        """Each cache of answers once."""
        return list(dict.fromkeys(cache for caches in self.caches for cache in caches))

    def is_watched(self) -> bool:
        """Are there users who give up, or ask again?"""
        habits = self.plan.audience
        asks_again = habits.reload_abandoned.any() or habits.reload_failed.any() or self.plan.regions.retry_lost[0]
        return bool(asks_again or (habits.patience >= 0).any())

    def build_layers(self) -> None:
        """What the layers of clients keep in mind."""
        self.budgets = Budgets(self, self.inner) if self.inner.budget[0] else None
        self.client_budgets = Budgets(self, self.outer) if self.outer.budget[0] else None
        self.breakers = Breakers(self) if self.breaker.on[0] else None
        self.throttle = Throttle(self) if self.inner.throttle[0] else None
        self.picker = Picker(self)
        remembers = self.picker if self.picker.remembers else None
        everybody: tuple[Learner | None, ...] = (self.breakers, self.throttle, remembers, self.budgets)
        self.learners = [one for one in everybody if one is not None]
        self.has_replicas = max(self.inner.replicas[0], self.outer.replicas[0]) > 1

    def read_tables(self) -> None:
        """The plan's tables as lists, and rows of those that laws read as arrays."""
        plan = self.plan
        self.services = lists(plan.service)
        self.scaling = lists(plan.scaling)
        self.geography = lists(plan.regions)
        self.kinds = lists(plan.actions)
        self.routes = lists(plan.routes)
        self.models = lists(plan.models)
        self.deployments = lists(plan.deployments)
        self.limits = lists(plan.limits)
        self.policy = lists(plan.policy)
        self.inner = lists(plan.inner)
        self.outer = lists(plan.outer)
        self.breaker = lists(plan.breaker)
        self.rungs = lists(plan.ladder)
        self.habits = lists(plan.audience)
        self.answer_rules = lists(plan.answers)
        self.prompt_rules = lists(plan.prompts)
        self.sessions = lists(plan.sessions)
        self.budget_rules = lists(plan.spending)
        self.tier_rules = lists(plan.tiers)
        self.allowance_rules = lists(plan.allowances)
        self.growth = lists(plan.growth)
        self.batch = lists(plan.batch)
        self.has_trace = len(plan.arrivals.trace_time) > 0
        chains = [[m for m in chain if m >= 0] for chain in self.models.fallback]
        self.fallbacks = [[chain[:most] for chain in chains] for most in self.inner.max_fallbacks]
        """Models tried after each one, by epoch."""
        first = self.models.first_deployment
        self.deployments_of = [list(range(*pair)) for pair in pairwise(first)]
        self.has_peers = [len(deployments) > 1 for deployments in self.deployments_of]
        self.tariffs = tariffs(plan.prices)
        self.errors = [list(rows) for rows in plan.deployments.errors]
        self.call_errors = [[row if row.any() else None for row in rows] for rows in plan.models.errors]
        self.only_model = plan.routes.only_model().tolist()
        self.price_starts = plan.prices.start.tolist()

    def is_over(self, now: int) -> bool:
        """All measured actions have ended after the horizon, or the cooldown is over."""
        return now >= self.end or (now >= self.plan.horizon and self.open == 0)

    def is_full(self) -> bool:
        """More actions are in flight than allowed."""
        return len(self.live) > self.most_in_flight

    def sheds(self, action: Action) -> bool:
        """Is an arrival turned away because too much is in flight in its region?"""
        rules, e, r = self.services, self.epoch, action.region.index
        rows = zip(rules.shed_in_flight[e][r], rules.shed_priority[e][r], strict=True)
        others = action.region.present - 1
        return any(most < NEVER and others >= most and action.priority >= priority for most, priority in rows)

    def run(self) -> None:
        """From the start of the warm-up to the end."""
        for epoch in range(1, len(self.plan.epochs)):
            time = int(self.plan.epochs[epoch])
            self.clock.at(time, EventClass.CALENDAR, CHANGES | epoch, partial(self.change, epoch))
        self.incidents.begin()
        self.ladder.begin()
        self.begin_periods()
        if self.tiers is not None:
            self.tiers.begin()
        for cache in self.all_caches():
            cache.begin()
        self.begin_regions()
        if self.breakers is not None and self.breakers.outliers is not None:
            self.breakers.outliers.begin()
        self.begin_arrivals()
        self.clock.run()
        if self.is_full():
            self.end = self.clock.last
        self.overfull = len(self.live) if self.is_full() else 0
        for action in sorted(self.live.values(), key=lambda a: a.number):
            action.censor(self.ended())
        if self.spending is not None:
            self.spending.close(self.ended())
        if self.tiers is not None:
            self.tiers.close(self.ended())

    def peaks(self) -> Ints:
        """Most slots of each deployment taken at one time."""
        return np.array([station.peak for station in self.stations], np.int64)

    def ended(self) -> int:
        """When the run stopped: the last measured action has ended, or the cooldown is over."""
        return self.last_end if self.open == 0 else self.end

    def change(self, epoch: int) -> None:
        """From now on, the numbers of another epoch."""
        self.epoch = epoch
        for region in self.regions:
            region.change(epoch)
        for station, capacity, places in zip(
            self.stations, self.deployments.concurrency[epoch], self.deployments.queue[epoch], strict=True
        ):
            station.resize(capacity, places)

    def begin_periods(self) -> None:
        """Put on the agenda when days and months begin, and when caches are emptied."""
        resets = self.plan.resets
        for index, (time, what) in enumerate(zip(resets.time.tolist(), resets.what.tolist(), strict=True)):
            self.clock.at(time, EventClass.CALENDAR, RESETS | index, partial(self.reset, what))
        for index, (time, what) in enumerate(zip(resets.emptied_time.tolist(), resets.emptied.tolist(), strict=True)):
            self.clock.at(time, EventClass.CALENDAR, EMPTIED | index, partial(self.empty, what))

    def reset(self, what: int) -> None:
        """A day or a month begins."""
        if self.allowances is not None:
            self.allowances.reset(what)
        if self.spending is not None:
            self.spending.reset(what)

    def empty(self, what: int) -> None:
        """Caches are emptied."""
        for cache in self.all_caches():
            if what & 1 << cache.which:
                cache.empty()
        if self.prefixes is not None and what & OF_PROMPTS:
            self.prefixes.empty()

    def begin_regions(self) -> None:
        """Write down what there is, and put the autoscalers' looks on the agenda."""
        for region in self.regions:
            region.resize()
            if region.scaler is not None:
                region.scaler.begin()

    def begin_arrivals(self) -> None:
        """The first action of each source."""
        if self.has_trace:
            Recording(self).next()
            return
        if len(self.plan.arrivals.rate) == 0:
            return
        self.modulation.begin()
        if self.population is not None:
            self.population.begin()
        for source in self.arrivals:
            source.pace = self.pace(source)
            source.next()

    def pace(self, source: Source) -> float:
        """How fast a source's operational time goes: by the random factors, and by how many active users there are."""
        factor, home = self.modulation.factor(), source.number % self.sources
        if self.population is None or home >= len(self.regions):
            return factor
        return self.population.pace(home) * factor

    def walk(self, home: int) -> None:
        """The active users of a region are others."""
        self.arrivals[home].walk_at(self.pace(self.arrivals[home]))

    def walk_all(self) -> None:
        """The random factors are others."""
        for source in self.arrivals:
            source.walk_at(self.pace(source))

    def arrive_later(self, number: int, delay: int, action: Action) -> None:
        """The user of an action asks again, or something more; what was said before is known."""
        time, said = self.clock.now + delay, (action.history, action.summaries, action.user)

        def arrive() -> None:
            self.clock.start(Action(self, number, time, *said).life())

        self.clock.at(time, EventClass.ARRIVAL, number << 25, arrive)

    def blocks(self, row: int) -> list[int]:
        """The blocks of a trace's row (-1: none)."""
        rules = self.prompt_rules
        if row < 0 or not rules.block[0]:
            return []
        first, beyond = rules.first_block[row : row + 2]
        return list(rules.blocks[first:beyond])

    def prices_now(self) -> int:
        """The row of the price table that holds now."""
        starts, now = self.price_starts, self.clock.now
        while self.price_row + 1 < len(starts) and starts[self.price_row + 1] <= now:
            self.price_row += 1
        return self.price_row
