"""The degrade ladder: what a user gets instead of a failure, and the desk of people who are its last rung."""

from functools import partial
from typing import TYPE_CHECKING

import simpy

from simkit.engine.log import DID_NOT
from simkit.engine.reference.answers import old_answer
from simkit.engine.reference.attempt import Attempt
from simkit.engine.reference.station import Place, Station
from simkit.laws.draws import Stream
from simkit.plan.codes import Degrade, EventClass, Kind, Outcome
from simkit.plan.plan import NEVER
from simkit.plan.resilience import PPB

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.world import World


class Case:
    """What a person is asked to do."""

    def __init__(self, action: "Action", rung: int) -> None:
        self.action, self.rung = action, rung
        self.place: Place = Place.OUTSIDE
        self.slot: simpy.Event | None = None
        self.priority = 0


class Ladder:
    """The rungs, tried in order."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rungs = world.rungs
        staff = self.rungs.staff
        self.desk = Station(world.clock, staff[0] if staff else 0, NEVER)

    def begin(self) -> None:
        """Put the changes of staff on the agenda."""
        for change, time in enumerate(self.rungs.staff_time):
            if change > 0:
                self.world.clock.at(time, EventClass.CALENDAR, change, partial(self.change, self.rungs.staff[change]))

    def change(self, staff: int) -> None:
        """So many people from now on; who has a case finishes it."""
        self.desk.resize(staff, NEVER)

    def catch(self, action: "Action", reason: int, attempts: list[Attempt]) -> None:
        """The first rung that has an answer; without one the action has failed. `attempts`: may have made a part."""
        for rung, what in enumerate(self.rungs.what):
            if what == Degrade.PARTIAL:
                caught = self.partial(action, rung, attempts)
            elif what == Degrade.STALE:
                caught = self.stale(action, rung)
            elif what == Degrade.HUMAN:
                caught = self.person(action, rung)
            else:
                caught = self.instant(action, rung)
            if caught:
                return
        action.end(Outcome.FAILED, reason)

    def partial(self, action: "Action", rung: int, attempts: list[Attempt]) -> bool:
        """What has been shown is enough."""
        least = self.rungs.at_least_ppb[self.world.epoch][rung]
        for attempt in attempts:
            made = attempt.made(attempt.ended)
            if attempt.first_token != DID_NOT and made > 0 and made * PPB >= least * attempt.tokens_out:
                self.answer(action, rung, attempt.first_token)
                return True
        return False

    def instant(self, action: "Action", rung: int) -> bool:
        """An earlier version or a rule has an answer, after a while."""
        world = self.world
        if not self.is_lucky(action, rung):
            return False
        until = self.done_at(action, rung)
        world.clock.at(until, EventClass.WAITED, action.number << 25, partial(self.answer, action, rung))
        return True

    def stale(self, action: "Action", rung: int) -> bool:
        """A cache has an old answer."""
        world = self.world
        found = old_answer(action) if world.caches else None
        if found is None:
            return False
        world.clock.at(
            self.done_at(action, rung),
            EventClass.WAITED,
            action.number << 25,
            partial(self.answer, action, rung, as_good=found.good),
        )
        return True

    def is_lucky(self, action: "Action", rung: int) -> bool:
        """Is it one of those for whom the rung is there?"""
        u, _ = self.world.dice.pair(Stream.DEGRADE, action.number, rung)
        share: float = self.rungs.share[self.world.epoch][rung]
        return u < share

    def done_at(self, action: "Action", rung: int) -> int:
        """When a rung has its answer that begins with it now."""
        world = self.world
        u, _ = world.dice.pair(Stream.DEGRADE, action.number, rung, 1)
        return world.clock.now + world.dice.count(self.rungs.takes[world.epoch][rung], u)

    def person(self, action: "Action", rung: int) -> bool:
        """Somebody takes over, now or when it is this case's turn; the own service's slot is given up."""
        desk, world = self.desk, self.world
        if not self.is_lucky(action, rung):
            return False
        if self.rungs.closed[rung] and desk.capacity == 0:
            return False
        if desk.busy >= desk.capacity and desk.waiting >= self.rungs.queue[world.epoch][rung]:
            return False
        world.service.leave(action)
        action.desk_asked = world.clock.now
        case = Case(action, rung)
        desk.ask(case)
        if case.place is Place.SERVED:
            self.take_over(case)
        else:
            assert case.slot is not None and case.slot.callbacks is not None
            case.slot.callbacks.append(lambda _: self.take_over(case))
        return True

    def take_over(self, case: Case) -> None:
        """A person begins."""
        world, action = self.world, case.action
        case.place = Place.SERVED
        action.desk_began = world.clock.now
        action.waited += action.desk_began - action.desk_asked
        action.degrade_cost += self.rungs.cost[world.epoch][case.rung]
        until = self.done_at(action, case.rung)
        world.clock.at(until, EventClass.FINISHED, action.number << 25, partial(self.close, case), sub=2)

    def close(self, case: Case) -> None:
        """A person has answered, and is free for the next case."""
        self.desk.leave(case)
        self.answer(case.action, case.rung)

    def answer(self, action: "Action", rung: int, first_token: int | None = None, as_good: int = -1) -> None:
        """The user has something, if not the answer; `as_good` is how good an old answer was."""
        world = self.world
        action.first_token = world.clock.now if first_token is None else first_token
        action.good = max(as_good, -1)
        good = self.rungs.good[world.epoch][rung]
        if good == good and as_good != 0:  # else NaN: not judged; or bad from the start
            _, v = world.dice.pair(Stream.DEGRADE, action.number, rung)
            action.good = int(v < good)
        action.end(Outcome.DEGRADED, Kind(self.rungs.reason[rung]))
