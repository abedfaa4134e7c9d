"""Hedges: a second attempt beside one that has not answered for a while; the first answer wins."""

from functools import partial
from typing import TYPE_CHECKING

from simkit.engine.log import DID_NOT
from simkit.plan.codes import EventClass, Kind, Mark

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt


def prepare(primary: "Attempt", after: int) -> None:
    """An attempt was sent: put its hedge on the agenda."""
    primary.world.clock.at(primary.dispatched + after, EventClass.HEDGE, primary.key, partial(send, primary))


def send(primary: "Attempt") -> None:
    """Send the hedge, if the attempt is still under way, somebody can be asked and the budget allows it."""
    world = primary.world
    if primary.over or is_streaming(primary):
        return
    hedge = primary.hedged()
    if not world.picker.candidates(hedge):
        return
    if world.budgets is not None:
        budget = world.budgets.of(primary.action.replica, primary.model)
        if not budget.take(budget.cost(Kind.OK)):
            primary.mark(Mark.NO_BUDGET)
            return
        hedge.budget = budget
    primary.twin = hedge
    if primary.started != DID_NOT and primary.began_at > world.clock.now:
        race(primary)
    hedge.dispatch()


def is_streaming(attempt: "Attempt") -> bool:
    """Has its first token come?"""
    return attempt.streams and attempt.answers and attempt.began_at <= attempt.world.clock.now


def race(attempt: "Attempt") -> None:
    """Of two streams the first token decides: it ends the other one."""
    twin = attempt.twin
    if attempt.streams and attempt.answers and twin is not None and not twin.over:
        clock = attempt.world.clock
        clock.at(attempt.began_at, EventClass.FINISHED, attempt.key, partial(win, attempt), sub=1)


def win(attempt: "Attempt") -> None:
    """The first token has come."""
    twin = attempt.twin
    assert twin is not None
    if not attempt.over and attempt.answers and attempt.began_at == attempt.world.clock.now:
        twin.cancel()
