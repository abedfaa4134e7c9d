"""Users who come, stay or leave, and what moves all traffic, as tables.

Axes: E epochs, R regions, K weeks, P plans of users (one where there are none), L levels of modulation.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simkit.plan.arrays import Bools, Floats, Ints
from simkit.scenario.geography import spread
from simkit.scenario.growth import Growth as Settings
from simkit.scenario.growth import LoweredBy
from simkit.scenario.population import DAYS, retained
from simkit.scenario.portable import exp, log, significant
from simkit.scenario.scenario import Document
from simkit.scenario.shapes import Lognormal, Ranks, Scaled
from simkit.scenario.traffic import LognormalActivity, Traffic, Zipf
from simkit.scenario.zones import offset_ns

if TYPE_CHECKING:
    from simkit.plan.tables import DistPool

DAY = 86_400 * 10**9
MONDAY = 4 * DAY
"""From the beginning of 1970, a Thursday, to its first Monday."""
MET = 16
"""What went wrong for a user in a week is counted up to 15."""
EVERYBODY = Settings()


class Growth(NamedTuple):
    """Users who sign up, stay or leave."""

    on: Bools
    """(1)"""
    day: Ints
    """(1) ns: a day is one; shorter ones let tests see many."""
    base: Ints
    """(R) users at the start."""
    age: Ints
    """(1) days that they have been there then (and up to six more)."""
    share: Floats
    """(E) share of those who were served well in time who stay to begin with."""
    let_down: Floats
    """(E) and of the others."""
    within: Ints
    """(1) ns after the sign-up."""
    stay: Floats
    """(E, K) chance to stay another week after k weeks; k = 0 is not asked for."""
    lowered: Floats
    """(E, 5, 16) factor on it by how often something went wrong in the week, see `LoweredBy.each`."""
    slow_after: Ints
    """(E) ns"""
    activity: Ints
    """(1) distribution of how active a user is, of mean 1."""
    move: Floats
    """(E, P, P) chance to go over to another plan in a week."""
    move_at_quota: Floats
    """(E, P, P) and where the user's own quota turned something away in that week."""


class Modulation(NamedTuple):
    """Random factors on the traffic, of mean 1, that change at regular times."""

    every: Ints
    """(L) ns"""
    origin: Ints
    """(L) ns: the scenario's zero since a Monday's local midnight, from which the times are counted (clocks are not put
    back or forward for it)."""
    factor: Ints
    """(L) distribution."""


def growth(documents: list[Document], begin: int, end: int, pool: "DistPool") -> Growth:
    """Users who come, stay or leave."""
    each = [settings_of(document) or EVERYBODY for document in documents]
    first, is_on = each[0], settings_of(documents[0]) is not None
    days = -(-(end - begin) // DAY) + 1
    age = first.base.age // DAY
    weeks = (days + age) // DAYS + 3 if is_on else 1
    moves = [moves_of(document) for document in documents]
    return Growth(
        on=np.array([is_on]),
        day=np.array([DAY], np.int64),
        base=np.array(parts(first.base.users, [share for share, _ in spread(documents[0])]), np.int64),
        age=np.array([age], np.int64),
        share=np.array([one.activation.share for one in each]),
        let_down=np.array([one.activation.share * one.activation.let_down for one in each]),
        within=np.array([first.activation.within], np.int64),
        stay=np.array([staying(one, weeks) for one in each]),
        lowered=np.array([lowered(one.retention.lowered_by) for one in each]),
        slow_after=np.array([one.retention.lowered_by.slow_after for one in each], np.int64),
        activity=np.array([pool.add(activity(documents[0].traffic)) if is_on else -1], np.int64),
        move=np.array([week for week, _ in moves]),
        move_at_quota=np.array([quota for _, quota in moves]),
    )


def settings_of(document: Document) -> Settings | None:
    """A scenario's growth."""
    users = document.traffic.users
    return None if users is None else users.growth


def parts(number: int, shares: list[float]) -> list[int]:
    """So many divided by shares."""
    bounds = np.rint(np.cumsum([0.0, *shares]) * number)
    return [int(one) for one in np.diff(bounds)]


def staying(settings: Settings, weeks: int) -> Floats:
    """(weeks + 1) chance to stay another week by the number of weeks: what is left against a week before."""
    left = retained(settings.retention, weeks)
    before = np.concatenate([[1.0], left[:-1]])
    return significant(np.minimum(np.divide(left, before, out=np.zeros_like(left), where=before > 0), 1.0))


def lowered(by: LoweredBy) -> Floats:
    """(5, 16) powers of what is left of the chance for each time."""
    left = np.array([[1.0 - getattr(by, name)] for name in by.each])
    return significant(np.cumprod(np.hstack([np.ones((len(left), 1)), np.repeat(left, MET - 1, axis=1)]), axis=1))


def activity(traffic: Traffic) -> Scaled:
    """How active users are, of mean 1."""
    given = traffic.users.activity if traffic.users is not None else "equal"
    if isinstance(given, LognormalActivity) and given.lognormal > 0:
        return Scaled(Lognormal(given.lognormal), 1 / Lognormal(given.lognormal).mean())
    if isinstance(given, Zipf) and given.zipf > 0:
        return Scaled(Ranks(given.zipf), 1 / Ranks(given.zipf).mean())
    return Scaled(None, 1.0)


def moves_of(document: Document) -> tuple[Floats, Floats]:
    """(P, P) chances of moves between plans, in a week and at a used quota."""
    plans = document.traffic.users.plans if document.traffic.users is not None else {}
    names = list(plans)
    found = np.zeros((2, max(len(names), 1), max(len(names), 1)))
    for p, plan in enumerate(plans.values()):
        for to, move in plan.moves.items():
            found[:, p, names.index(to)] = move.week, move.at_quota
    return found[0], found[1]


def modulation(document: Document, start_utc: int, pool: "DistPool") -> Modulation:
    """Random factors on the traffic."""
    levels = [one for one in document.traffic.modulation if one.strength > 0]
    origin = start_utc + offset_ns(start_utc, document.traffic.timezone) - MONDAY
    return Modulation(
        every=np.array([one.every for one in levels], np.int64),
        origin=np.full(len(levels), origin, np.int64),
        factor=np.array([pool.add(swing(one.strength)) for one in levels], np.int64),
    )


def swing(strength: float) -> Scaled:
    """A lognormal of mean 1 and this coefficient of variation."""
    square = float(log(1.0 + strength**2))
    return Scaled(Lognormal(float(np.sqrt(square))), float(exp(-square / 2)))


__all__ = ["DAYS", "MET", "Growth", "Modulation", "growth", "modulation", "parts", "settings_of"]
