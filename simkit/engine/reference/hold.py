"""Work that can wait: it is held until a window opens."""

from bisect import bisect_right
from typing import TYPE_CHECKING

from simkit.engine.reference.news import Process
from simkit.laws.draws import Stream
from simkit.plan.codes import EventClass
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.world import World


class Hold:
    """Actions held, until when."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.batch

    def keep(self, action: "Action") -> Process:
        """Hold an action until its time has come, or for ever when no window is left."""
        until = self.release_at(action)
        if until == self.world.clock.now:
            return
        self.put_aside(action)
        if until >= NEVER:
            yield self.world.clock.signal()
        yield self.world.clock.at(until, EventClass.WAITED, action.number << 25)
        if not action.over:
            self.let_go(action)

    def put_aside(self, action: "Action") -> None:
        """It is held, or sent to a batch API: no load for the own service."""
        action.is_aside = True
        action.region.present -= 1

    def let_go(self, action: "Action") -> None:
        """It is aside no more: its time has come, or its deadline."""
        action.is_aside = False
        action.region.present += 1

    def release_at(self, action: "Action") -> int:
        """Now within a window or where there is none, else when the next one opens, at some time within the spread."""
        now, opens = self.world.clock.now, self.rules.open
        following = bisect_right(opens, now)
        if not opens or (following > 0 and now < self.rules.close[following - 1]):
            return now
        if following == len(opens):
            return NEVER
        u, _ = self.world.dice.pair(Stream.HOLD, action.number)
        return int(opens[following]) + int(u * self.rules.spread[self.world.epoch])
