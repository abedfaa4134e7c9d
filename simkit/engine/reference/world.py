"""Everything of one replication: plan, clock, dice, stations, buckets, incidents, log."""

from functools import partial
from typing import TypeVar

import numpy as np

from simkit.engine.reference.action import Action
from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.clock import Clock
from simkit.engine.reference.dice import Dice
from simkit.engine.reference.incidents import Incidents
from simkit.engine.reference.recorder import Recorder
from simkit.engine.reference.station import Station
from simkit.laws.arrival import arrival_time
from simkit.laws.draws import Stream
from simkit.plan.codes import EventClass
from simkit.plan.plan import NEVER, Ints, Plan, PriceTable

T = TypeVar("T")

CHANGES = 1 << 40
"""Order of calendar events of one instant, see `incidents`."""


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
        self.service = Station(self.clock, self.services.workers[0], self.services.queue[0])
        self.stations = [
            Station(self.clock, capacity, places)
            for capacity, places in zip(self.deployments.concurrency[0], self.deployments.queue[0], strict=True)
        ]
        self.in_service: list[dict[int, Attempt]] = [{} for _ in self.stations]
        self.tat = [-NEVER] * len(plan.limits.measure)
        """Theoretical arrival time of each bucket: full at first."""
        self.incidents = Incidents(self)

    def read_tables(self) -> None:
        """The plan's tables as lists, and rows of those that laws read as arrays."""
        plan = self.plan
        self.services = lists(plan.service)
        self.kinds = lists(plan.actions)
        self.routes = lists(plan.routes)
        self.models = lists(plan.models)
        self.deployments = lists(plan.deployments)
        self.limits = lists(plan.limits)
        self.policy = lists(plan.policy)
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

    def run(self) -> None:
        """From the start of the warm-up to the end."""
        for epoch in range(1, len(self.plan.epochs)):
            time = int(self.plan.epochs[epoch])
            self.clock.at(time, EventClass.CALENDAR, CHANGES | epoch, partial(self.change, epoch))
        self.incidents.begin()
        self.next_arrival(0, 0.0, 0)
        self.clock.run()
        if self.is_full():
            self.end = self.clock.last
        self.overfull = len(self.live) if self.is_full() else 0
        for action in sorted(self.live.values(), key=lambda a: a.number):
            action.censor(self.ended())

    def peaks(self) -> Ints:
        """Most slots of each deployment taken at one time."""
        return np.array([station.peak for station in self.stations], np.int64)

    def ended(self) -> int:
        """When the run stopped: the last measured action has ended, or the cooldown is over."""
        return self.last_end if self.open == 0 else self.end

    def change(self, epoch: int) -> None:
        """From now on, the numbers of another epoch."""
        self.epoch = epoch
        self.service.resize(self.services.workers[epoch], self.services.queue[epoch])
        for station, capacity, places in zip(
            self.stations, self.deployments.concurrency[epoch], self.deployments.queue[epoch], strict=True
        ):
            station.resize(capacity, places)

    def next_arrival(self, number: int, operational: float, segment: int) -> None:
        """Put arrival `number` on the agenda; it then calls for the next one."""
        arrivals = self.plan.arrivals
        if len(arrivals.trace_time):
            if number == len(arrivals.trace_time):
                return
            time = int(arrivals.trace_time[number])
        else:
            if len(arrivals.rate) == 0:
                return
            u, _ = self.dice.pair(Stream.GAP, number)
            operational += self.dice.value(int(arrivals.gap[segment]), u)
            time, segment = arrival_time(operational, segment, arrivals.start, arrivals.rate, arrivals.cumulative)
            if segment == len(arrivals.rate):
                return

        def arrive() -> None:
            self.clock.start(Action(self, number, time).life())
            self.next_arrival(number + 1, operational, segment)

        self.clock.at(time, EventClass.ARRIVAL, number << 25, arrive)

    def prices_now(self) -> int:
        """The row of the price table that holds now."""
        starts, now = self.price_starts, self.clock.now
        while self.price_row + 1 < len(starts) and starts[self.price_row + 1] <= now:
            self.price_row += 1
        return self.price_row
