"""Users who come, stay or leave: what their log and that of the actions say, day by day, exactly.

Days are counted from the scenario's start, weeks are seven of them, months are those of the calendar. A user's cohort
is the week of the sign-up; those who were there at the start are the cohort before the first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.engine.log import Column
from simkit.plan.codes import Life
from simkit.plan.growth import DAY
from simkit.plan.plan import Ints, Plan
from simkit.result.sample import Sample
from simkit.result.sums import count
from simkit.scenario.population import DAYS
from simkit.scenario.zones import local_date

Rows = NDArray[np.bool_]
PERIODS = ("day", "week", "month")
"""Columns of `Lives.seen`."""


@dataclass(frozen=True)
class Calendar:
    """The days of the horizon, and the week and month of each."""

    days: int
    month: Ints
    """(days) 0: that of the first day."""
    first_month: int
    """Months since January 1970."""

    @property
    def week(self) -> Ints:
        """(days)"""
        return np.arange(self.days, dtype=np.int64) // DAYS

    @property
    def weeks(self) -> int:
        """How many, the last one perhaps in part."""
        return -(-self.days // DAYS)

    @property
    def months(self) -> int:
        """Likewise."""
        return int(self.month[-1]) + 1 if self.days else 0

    def month_names(self) -> list[str]:
        """E.g. 2026-11."""
        firsts = np.arange(self.months) + self.first_month
        return [str(one) for one in firsts.astype("datetime64[M]")]


def calendar_of(plan: Plan) -> Calendar:
    """The days of a plan's horizon; none where nobody comes and goes."""
    days = -(-plan.horizon // DAY) if plan.growth.on[0] else 0
    first = np.datetime64(local_date(plan.start_utc, plan.timezone), "D")
    months = (first + np.arange(max(days, 1))).astype("datetime64[M]").astype(np.int64)
    return Calendar(days, (months - months[0])[:days], int(months[0]))


@dataclass(frozen=True, eq=False)
class Lives:
    """What became of users in one replication."""

    calendar: Calendar
    signed_up: Ints
    activated: Ints
    lost_interest: Ints
    let_down: Ints
    """(days) who signed up, became an active user, or lost interest; of these, who would not have, served well."""
    tried: tuple[int, int]
    """Who signed up so early that it shows within the horizon whether they stay; of these, who became active users."""
    left: Ints
    driven_away: Ints
    """(days) active users who left; of these, who would have stayed, had everything gone well."""
    moved: Ints
    """(days) from one plan to another."""
    active: Ints
    """(days, cohorts) active users when each day has begun; the first cohort was there at the start."""
    ending: Ints
    """(days, cohorts) active users when each day ends: at its last moment, before those leave whose week is over."""
    on_plan: Ints
    """(days, plans) active users when each day has begun, by plan; one column where there are none."""
    joined: Ints
    """(cohorts) who became an active user; of the first, who was one at the start."""
    first_value: Sample
    """ns from the sign-up to the first good answer, of those who had one in time."""
    seen: Ints
    """(days, 3) different users of whom an action arrived on a day; in a week, in a month: in their first rows."""

    @property
    def daily(self) -> Ints:
        """(days) daily active users."""
        return self.seen[:, 0]

    def after(self, weeks: int) -> tuple[Ints, Ints]:
        """By cohort: who is still there when all its users have been there so many whole weeks, and who became one.

        Cohorts that have not been there so long by the end of the horizon are left out, and those from the start.
        """
        cohorts = np.arange(1, self.calendar.weeks + 1)
        days = DAYS * (cohorts + weeks) - 1
        known = days < self.calendar.days
        return self.active[days[known], cohorts[known]], self.joined[cohorts[known]]


def lives_of(plan: Plan, rows: dict[str, Column], seen: Ints) -> Lives:
    """From the log of users, and from how many different users asked."""
    calendar, plans = calendar_of(plan), max(len(plan.names.plans), 1)
    what, value, user = rows["what"], rows["value"], rows["user"]
    day = rows["time"] // DAY
    inside = (rows["time"] >= 0) & (day < calendar.days)
    begins = np.maximum(-(-rows["time"] // DAY), 0)
    ends = np.maximum(day, 0)

    def by_day(chosen: Rows) -> Ints:
        return count(day[chosen & inside], calendar.days)

    came = (what == Life.BASE) | (what == Life.ACTIVATED)
    change = came.astype(np.int64) - (what == Life.LEFT)
    cohort = _carried(user, (what == Life.BASE) | (what == Life.SIGNED_UP), _cohort(what, rows["time"]))
    moved = (what == Life.MOVED).astype(np.int64)
    early = (calendar.days - 1) * DAY - plan.growth.within[0]  # who waited in vain is seen at the next midnight
    tried = (what == Life.SIGNED_UP) & (rows["time"] >= 0) & (rows["time"] < early)
    named = (what == Life.BASE) | (what == Life.SIGNED_UP) | (what == Life.MOVED)
    on_plan = np.maximum(_carried(user, named, value), 0)
    return Lives(
        calendar=calendar,
        signed_up=by_day(what == Life.SIGNED_UP),
        activated=by_day(what == Life.ACTIVATED),
        lost_interest=by_day(what == Life.LOST_INTEREST),
        let_down=by_day((what == Life.LOST_INTEREST) & (value == 1)),
        tried=(int(tried.sum()), int(np.isin(user[what == Life.ACTIVATED], user[tried]).sum())),
        left=by_day(what == Life.LEFT),
        driven_away=by_day((what == Life.LEFT) & (value == 1)),
        moved=by_day(what == Life.MOVED),
        active=_standing(begins, cohort, change, calendar.days, calendar.weeks + 1),
        ending=_standing(ends, cohort, change, calendar.days, calendar.weeks + 1),
        on_plan=_standing(begins, on_plan, change + moved, calendar.days, plans)
        - _standing(begins, _before(user, on_plan), moved, calendar.days, plans),
        joined=count(cohort[came & (cohort >= 0) & (cohort <= calendar.weeks)], calendar.weeks + 1),
        first_value=Sample.of(value[what == Life.FIRST_VALUE]),
        seen=seen,
    )


def _cohort(what: Ints, time: Ints) -> Ints:
    """The week of a sign-up, 1 being the first, 0 those there at the start (or who came in the warm-up)."""
    week: Ints = np.where(what == Life.SIGNED_UP, np.maximum(time // (DAYS * DAY) + 1, 0), 0)
    return week


def _carried(user: Ints, says: Rows, value: Ints) -> Ints:
    """For each row the last value that was said of its user up to it; -1: none."""
    order = np.argsort(user, kind="stable")
    place = np.arange(len(user))
    last = np.maximum.accumulate(np.where(says[order], place, -1)) if len(user) else place
    first_of = np.searchsorted(user[order], user[order])
    found = np.full(len(user), -1, np.int64)
    known = last >= first_of
    found[order[known]] = value[order[last[known]]]
    return found


def _before(user: Ints, value: Ints) -> Ints:
    """For each row the value of the row before of the same user; -1: there is none."""
    order = np.argsort(user, kind="stable")
    found = np.full(len(user), -1, np.int64)
    found[order[1:]] = np.where(user[order[1:]] == user[order[:-1]], value[order[:-1]], -1)
    return found


def _standing(since: Ints, place: Ints, change: Ints, days: int, size: int) -> Ints:
    """(days, size) how many there are at each place on each day, told from the day since which each change counts."""
    table = np.zeros((days, size), np.int64)
    known = (place >= 0) & (place < size) & (since < days)
    np.add.at(table, (since[known], place[known]), change[known])
    return np.cumsum(table, axis=0)


def seen_in(calendar: Calendar, users: Ints, arrivals: Ints) -> Ints:
    """(days, 3) different users by day, week and month of their actions' arrival, in the order in which actions end.

    An action that ends after a later one of the same user, of a later day, counts nobody: so it can be told on the way.
    """
    found = np.zeros((calendar.days, len(PERIODS)), np.int64)
    if not calendar.days:
        return found
    order = np.argsort(users, kind="stable")
    who, day = users[order], arrivals[order] // DAY
    for column, period in enumerate((np.arange(calendar.days), calendar.week, calendar.month)):
        place = period[day]
        latest = np.maximum.accumulate(who * (calendar.days + 1) + place) - who * (calendar.days + 1)
        new = np.ones(len(who), np.bool_)
        new[1:] = (who[1:] != who[:-1]) | (latest[1:] > latest[:-1])
        found[:, column] = np.bincount(place[new], minlength=calendar.days)
    return found


__all__ = ["PERIODS", "Calendar", "Lives", "calendar_of", "lives_of", "seen_in"]
