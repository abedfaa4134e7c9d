"""Users who give up, and the degrade ladder with its people, as tables."""

from typing import Any

import numpy as np

from simkit.plan.arrays import Ints
from simkit.plan.calendar import week_hours
from simkit.plan.codes import Degrade, Kind
from simkit.plan.policy import column, flag, limit, ppb, whole
from simkit.plan.resilience import Audience, Ladder
from simkit.plan.tables import DistPool
from simkit.scenario.ladder import INSTANT, Human, Instant, Partial, Rung, Stale
from simkit.scenario.scenario import Document
from simkit.scenario.shapes import Scaled
from simkit.scenario.units import parse_duration

SATURDAY = 5
Settings = Partial | Instant | Stale | Human


def audience(documents: list[Document], pool: DistPool) -> Audience:
    """Patience and reloads."""
    each = [document.users for document in documents]
    return Audience(
        patience=whole(pool.add(users.patience) if users.patience is not None else -1 for users in each),
        until_answer=flag(each[0].until == "answer"),
        reload_abandoned=column(users.reload.abandoned for users in each),
        reload_failed=column(users.reload.failed for users in each),
        reload_after=whole(users.reload.after for users in each),
        reload_at_most=whole([each[0].reload.at_most]),
    )


def kind_of(rung: Rung) -> Degrade:
    """What a rung is."""
    return next(kind for kind in Degrade if getattr(rung, said(kind)) is not None)


def said(kind: Degrade) -> str:
    """The word for it in the file."""
    return "stale_cache" if kind is Degrade.STALE else kind.name.lower()


def of(rung: Rung) -> Settings:
    """The settings of a rung."""
    found: Settings = getattr(rung, said(kind_of(rung)))
    return found


def ladder(documents: list[Document], epochs: list[int], end: int, zero: int, pool: DistPool) -> Ladder:
    """The rungs, and when how many people are there until `end`."""
    rungs = documents[0].resilience.degrade
    table = [[of(rung) for rung in document.resilience.degrade] for document in documents]
    shape = (len(documents), len(rungs))

    def rows(values: list[list[float]], kind: type[np.generic]) -> Any:
        return np.array(values, dtype=kind).reshape(shape)

    times, staff = staffed(documents, epochs, end, zero)
    return Ladder(
        what=whole(kind_of(rung) for rung in rungs),
        reason=whole(Kind[kind_of(rung).name] for rung in rungs),
        share=rows([[getattr(one, "share", 1.0) for one in row] for row in table], np.float64),
        takes=rows([[takes(one, pool) for one in row] for row in table], np.int64),
        good=rows([[np.nan if one.good is None else one.good for one in row] for row in table], np.float64),
        at_least_ppb=rows([[ppb(getattr(one, "at_least", 0.0)) for one in row] for row in table], np.int64),
        cost=rows([[getattr(one, "cost", 0) for one in row] for row in table], np.int64),
        queue=rows([[limit(getattr(one, "queue", None)) for one in row] for row in table], np.int64),
        staff_time=times,
        staff=staff,
        closed=np.array([isinstance(one, Human) and one.after_hours == "closed" for one in table[0]], dtype=np.bool_),
    )


def takes(one: Settings, pool: DistPool) -> int:
    """Distribution of how long a rung takes; -1: at once."""
    if isinstance(one, Partial):
        return -1
    return pool.add(one.takes if one.takes is not None else Scaled(None, float(parse_duration(INSTANT))))


def people(document: Document) -> Human | None:
    """The people of the ladder."""
    return next((rung.human for rung in document.resilience.degrade if rung.human is not None), None)


def staffed(documents: list[Document], epochs: list[int], end: int, zero: int) -> tuple[Ints, Ints]:
    """When the number of people changes, and to how many, from the first epoch's start to `end`."""
    times: list[int] = []
    staff: list[int] = []
    for document, start, stop in zip(documents, epochs, [*epochs[1:], end], strict=True):
        human = people(document)
        for time, count in shifts(human, start, max(stop, start + 1), zero, document) if human else ():
            if not staff or staff[-1] != count:
                times.append(time)
                staff.append(count)
    return whole(times), whole(staff)


def shifts(human: Human, start: int, stop: int, zero: int, document: Document) -> list[tuple[int, int]]:
    """(time, people) at the start and at each full local hour."""
    if human.hours is None and human.weekend:
        return [(start, human.staff)]
    times, hours = week_hours(start, stop, document.traffic.timezone, zero)
    return [
        (int(time), human.staff if at_work(human, int(hour)) else 0) for time, hour in zip(times, hours, strict=True)
    ]


def at_work(human: Human, hour: int) -> bool:
    """Are they there in an hour of the week, Monday 0 h being 0?"""
    day, of_day = divmod(hour, 24)
    if not human.weekend and day >= SATURDAY:
        return False
    return human.hours is None or human.hours.from_ <= of_day < human.hours.to


__all__ = ["audience", "ladder", "people"]
