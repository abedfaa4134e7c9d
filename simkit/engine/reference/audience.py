"""Users at the other end: how long they wait, and whether they ask again."""

from functools import partial
from typing import TYPE_CHECKING

from simkit.laws.draws import Stream
from simkit.plan.codes import GENERATION, EventClass, Kind, Outcome

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.world import World


class Audience:
    """Patience and reloads."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.habits = world.habits

    def watch(self, action: "Action") -> None:
        """Put the end of the user's patience on the agenda."""
        world = self.world
        patience: int = self.habits.patience[world.epoch]
        if patience >= 0:
            u, _ = world.dice.pair(Stream.PATIENCE, action.number)
            until = action.arrival + world.dice.count(patience, u)
            world.clock.at(until, EventClass.DEADLINE, action.number << 25, partial(self.lose, action), sub=1)

    def lose(self, action: "Action") -> None:
        """The user leaves, unless there is something to see."""
        stays = not self.habits.until_answer[0] and self.sees_something(action)
        if not action.over and not stays:
            action.end(Outcome.ABANDONED, Kind.IMPATIENT)

    def sees_something(self, action: "Action") -> bool:
        """Has a first token been shown, or does a stream run?"""
        flying = [one for call in action.calls if call.is_last for one in call.in_flight()]
        now = self.world.clock.now
        return action.shown or any(one.streams and one.answers and one.began_at <= now for one in flying)

    def ended(self, action: "Action") -> None:
        """Does the user ask the same again after this end?"""
        generation = action.number >> GENERATION & 15
        if generation < self.habits.reload_at_most[0] and self.asks_again(action):
            number = action.origin | (generation + 1) << GENERATION
            lost = action.reason == Kind.REGION_DOWN and self.world.geography.retry_lost[0]
            delay: int = 0 if lost and action.is_here else self.habits.reload_after[self.world.epoch]
            self.world.arrive_later(number, delay, action)

    def asks_again(self, action: "Action") -> bool:
        """By chance, after giving up or being let down; or because a region went down with it."""
        if action.reason == Kind.REGION_DOWN and action.is_here and self.world.geography.retry_lost[0]:
            return True
        e, dice = self.world.epoch, self.world.dice
        if action.outcome == Outcome.ABANDONED:
            share: float = self.habits.reload_abandoned[e]
            return share > 0 and dice.pair(Stream.PATIENCE, action.number)[1] < share
        if action.outcome in (Outcome.FAILED, Outcome.REJECTED):
            share = self.habits.reload_failed[e]
            return share > 0 and dice.pair(Stream.PATIENCE, action.number, 0, 1)[0] < share
        return False
