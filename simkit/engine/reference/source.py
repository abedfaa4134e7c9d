"""Where actions come from: the users of a region, those who sign up there, or the rows of a trace."""

from typing import TYPE_CHECKING

from simkit.engine.reference.action import Action
from simkit.engine.reference.clock import Timed
from simkit.laws.arrival import arrival_time, operational_at, remaining
from simkit.laws.draws import Stream
from simkit.plan.codes import EventClass

if TYPE_CHECKING:
    from simkit.engine.reference.world import World


class Recording:
    """Rows of a trace, one after the other."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.times: list[int] = world.plan.arrivals.trace_time.tolist()

    def next(self, row: int = 0) -> None:
        """Put the arrival of a row on the agenda; it then calls for the next one."""
        if row == len(self.times):
            return
        world, time = self.world, self.times[row]

        def arrive() -> None:
            world.clock.start(Action(world, row, time).life())
            self.next(row + 1)

        world.clock.at(time, EventClass.ARRIVAL, row << 25, arrive)


class Source:
    """An arrival process: a piecewise constant rate, walked through in operational time at a pace.

    What is left until the next arrival is kept, so that the pace can change on the way.
    """

    def __init__(self, world: "World", index: int, sources: int) -> None:
        self.world = world
        self.number, self.sources = index, sources
        """Of the next arrival: those of all sources are numbered in turn."""
        arrivals = world.plan.arrivals
        first, beyond = arrivals.first[index : index + 2]
        self.gap, self.rate = arrivals.gap[first:beyond], arrivals.rate[first:beyond]
        bounds = slice(first + index, beyond + index + 1)
        self.start, self.cumulative = arrivals.start[bounds], arrivals.cumulative[bounds]
        self.position, self.segment = 0.0, 0
        """Operational time up to which it is walked, and its segment."""
        self.left = 0.0
        self.pace = 1.0
        self.event: Timed | None = None

    def next(self) -> None:
        """Draw how much is left until the next arrival, and put that on the agenda."""
        if self.segment < len(self.rate):
            u, _ = self.world.dice.pair(Stream.GAP, self.number)
            self.left = self.world.dice.value(int(self.gap[self.segment]), u)
            self.plan()

    def plan(self) -> None:
        """Put the next arrival on the agenda, if it comes at this pace."""
        if self.event is not None:
            self.event.is_void = True
            self.event = None
        if self.pace == 0.0:
            return
        target = self.position + self.left / self.pace
        time, segment = arrival_time(target, self.segment, self.start, self.rate, self.cumulative)
        if segment == len(self.rate):
            return
        clock = self.world.clock

        def arrive() -> None:
            number, self.event = self.number, None
            self.position, self.segment = target, segment
            clock.start(Action(self.world, number, clock.now).life())
            self.number += self.sources
            self.next()

        self.event = clock.at(max(time, clock.now), EventClass.ARRIVAL, self.number << 25, arrive)

    def walk_at(self, pace: float) -> None:
        """From now on at another pace."""
        if self.segment == len(self.rate):
            return
        now, segment = operational_at(self.world.clock.now, self.segment, self.start, self.rate, self.cumulative)
        self.left = remaining(self.left, self.position, now, self.pace)
        self.position, self.segment, self.pace = now, segment, pace
        self.plan()
