"""Conversations: after an answer the user thinks, and then says something more."""

from typing import TYPE_CHECKING

from simkit.laws.draws import Stream
from simkit.plan.codes import TURN, Outcome

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.world import World

SERVED = (Outcome.OK, Outcome.DEGRADED)


class Conversations:
    """Which actions are followed by another turn."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.sessions

    def ended(self, action: "Action") -> None:
        """Who was served may have something more to say; it takes along what was said before."""
        if action.outcome not in SERVED or not self.goes_on(action):
            return
        world = self.world
        _, v = world.dice.pair(Stream.TURN, action.number)
        delay = world.dice.count(self.rules.think[world.epoch], v)
        world.arrive_later(action.visitor | (action.turn + 1) << TURN, delay, action)

    def goes_on(self, action: "Action") -> bool:
        """Is there another turn?"""
        e, done = self.world.epoch, action.turn + 1
        if done < self.rules.times[e]:
            return True
        if done >= self.rules.most[e]:
            return False
        u, _ = self.world.dice.pair(Stream.TURN, action.number)
        again: float = self.rules.again[e]
        return u < again
