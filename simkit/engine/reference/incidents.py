"""Incidents, scheduled and random: what is wrong with each deployment now."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from simkit.engine.reference.guide import ppb
from simkit.engine.reference.station import Place
from simkit.laws.choice import choose
from simkit.laws.draws import Stream
from simkit.laws.failure import combined_rate
from simkit.laws.sample import whole
from simkit.plan.codes import EventClass, Kind, Notice

if TYPE_CHECKING:
    from simkit.engine.reference.region import Region
    from simkit.engine.reference.world import World

ENDS = 2 << 40
STARTS = 3 << 40
"""Order of calendar events of one instant: resets (0), changes (1), incident ends, incident starts."""


@dataclass
class Weather:
    """What incidents do to one deployment at present, all that are active taken together."""

    error_rate: float = 0.0
    kind: int = int(Kind.SERVER_ERROR)
    slowdown: float = 1.0
    quota: float = 1.0


class Incidents:
    """Starts and ends incidents. Sources are numbered: scheduled ones first, then random outages."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.plan = world.plan.incidents
        self.active: dict[int, int] = {}
        """Source to row of the severity lists."""
        self.weather = [Weather() for _ in range(len(world.plan.deployments.model))]
        self.scheduled = len(self.plan.start)

    def begin(self) -> None:
        """Put scheduled incidents and the first outage of each kind on the agenda."""
        for source in range(self.scheduled):
            severity = int(self.plan.scheduled_severity[source])
            self.agenda(source, int(self.plan.start[source]), int(self.plan.end[source]), severity)
        for outage in range(len(self.plan.gap)):
            self.next_outage(outage, self.outages(outage))

    def outages(self, outage: int) -> Iterator[tuple[int, int, int]]:
        """(start, end, severity row) of the outages of a source, one after the other, for ever."""
        dice, plan = self.world.dice, self.plan
        time = self.world.plan.begin - int(plan.history[outage])
        key = int(plan.key[outage])
        first, beyond = plan.first_severity[outage : outage + 2]
        number = 0
        while True:
            u, v = dice.pair(Stream.OUTAGE, number, key, 0)
            start = time + whole(dice.value(int(plan.gap[outage]), u))
            time = start + whole(dice.value(int(plan.duration[outage]), v))
            u, _ = dice.pair(Stream.OUTAGE, number, key, 1)
            yield start, time, int(first) + choose(u, plan.severity_cdf[first:beyond])
            number += 1

    def next_outage(self, outage: int, coming: Iterator[tuple[int, int, int]]) -> None:
        """Put the next outage that is not over by now on the agenda."""
        now = self.world.clock.now
        start, end, severity = next(coming)
        while end <= now:
            start, end, severity = next(coming)
        self.agenda(self.scheduled + outage, start, end, severity, coming)

    def agenda(
        self, source: int, start: int, end: int, severity: int, coming: Iterator[tuple[int, int, int]] | None = None
    ) -> None:
        """Schedule the start of one incident (now, if it began before the run)."""
        clock = self.world.clock
        clock.at(
            max(start, clock.now),
            EventClass.CALENDAR,
            STARTS | source,
            lambda: self.start(source, start, end, severity, coming),
        )

    def start(
        self, source: int, start: int, end: int, severity: int, coming: Iterator[tuple[int, int, int]] | None
    ) -> None:
        """An incident starts."""
        world = self.world
        world.recorder.incident(self.log_source(source), start, end, severity)
        self.active[source] = severity
        hit = self.refresh(source)
        world.clock.at(end, EventClass.CALENDAR, ENDS | source, lambda: self.end(source, coming))
        if self.in_flight_fails(source):
            self.strike_regions(source, severity)
            for attempt in sorted((a for n in hit for a in world.in_service[n].values()), key=lambda a: a.key):
                attempt.struck(float(self.plan.error_rate[severity]), int(self.plan.error_kind[severity]), severity)

    def strike_regions(self, source: int, severity: int) -> None:
        """Work under way in the regions that a source hits goes down with them, action by action.

        Before its attempts are struck at deployments that stand there: nothing is left that could hear of that.
        """
        world, lost = self.world, float(self.plan.lost[severity])
        hit = [region for region in world.regions if self.plan.region_hits[source, region.index]]
        for action in sorted(world.live.values(), key=lambda one: one.number):
            if action.region in hit and action.place is not Place.OUTSIDE and not action.over:
                signal = world.clock.signal()
                assert signal.callbacks is not None
                signal.callbacks.append(partial(action.go_down, lost, severity))
                signal.succeed()

    def end(self, source: int, coming: Iterator[tuple[int, int, int]] | None) -> None:
        """An incident ends; a random source draws its next one."""
        del self.active[source]
        self.refresh(source)
        if coming is not None:
            self.next_outage(source - self.scheduled, coming)

    def log_source(self, source: int) -> int:
        """Index of a scheduled incident, -1 - index of a random outage."""
        return source if source < self.scheduled else -1 - (source - self.scheduled)

    def hits(self, source: int) -> list[int]:
        """Deployments that a source hits."""
        plan = self.plan
        row = plan.hits[source] if source < self.scheduled else plan.outage_hits[source - self.scheduled]
        hit: list[int] = row.nonzero()[0].tolist()
        return hit

    def in_flight_fails(self, source: int) -> bool:
        """Does work under way fail when this source strikes?"""
        if source < self.scheduled:
            return bool(self.plan.in_flight_fail[source])
        return bool(self.plan.outage_in_flight_fail[source - self.scheduled])

    def refresh(self, source: int) -> list[int]:
        """Work out anew what is wrong with the deployments that a source hits."""
        hit = self.hits(source)
        for deployment in hit:
            self.weather[deployment] = self.combined(deployment)
        for region in self.world.regions:
            if self.plan.region_hits[source, region.index]:
                self.refresh_region(region)
        return hit

    def refresh_region(self, region: "Region") -> None:
        """Work out anew what is left of a region: shares that are left multiply."""
        world, left = self.world, 1.0
        for source in sorted(self.active):
            if self.plan.region_hits[source, region.index]:
                left *= 1.0 - float(self.plan.lost[self.active[source]])
        if left == region.available:
            return
        region.available = left
        world.recorder.region(world.clock.now, region.index, Notice.AVAILABLE, ppb(left))
        region.resize()
        if left <= 0.0 and world.caches:
            for cache in world.caches[region.index]:
                if not world.answer_rules.shared[cache.which]:
                    cache.empty()
        if world.guide is not None:
            world.guide.watches[region.index].changed()

    def combined(self, deployment: int) -> Weather:
        """All active incidents: rates combine as independent, factors multiply, the worst names the kind."""
        weather, worst = Weather(), -1.0
        for source in sorted(self.active):
            if deployment not in self.hits(source):
                continue
            row = self.active[source]
            rate = float(self.plan.error_rate[row])
            if rate > worst:
                worst, weather.kind = rate, int(self.plan.error_kind[row])
            weather.error_rate = combined_rate(weather.error_rate, rate)
            weather.slowdown *= float(self.plan.slowdown[row])
            weather.quota *= float(self.plan.quota[row])
        return weather
