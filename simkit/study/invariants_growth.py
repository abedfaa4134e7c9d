"""Invariants of growth: who asks is there, lives go one way, users leave after whole weeks, plans are kept."""

from collections.abc import Iterator

import numpy as np

from simkit.engine.codes import Life
from simkit.engine.log import Log
from simkit.plan.codes import GENERATION, TURN
from simkit.plan.growth import DAYS
from simkit.plan.plan import NEVER, Plan
from simkit.study.invariant import Ints, Invariant, rule

CAME, GOES = (Life.BASE, Life.SIGNED_UP), (Life.LEFT, Life.LOST_INTEREST)


def lives_go_one_way(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Everybody comes once, becomes an active user at most once, and leaves as one, if at all."""
    if not plan.growth.on[0]:
        return
    rows = log.users
    user, what = rows["user"], rows["what"]
    first = np.unique(user, return_index=True)[1]
    begins = np.zeros(len(user), np.bool_)
    begins[first] = True
    yield rule("a life begins with the sign-up, or at the start", begins != np.isin(what, CAME), user, "user")
    count = np.array([np.bincount(user[what == one], minlength=int(user.max(initial=-1)) + 1) for one in Life])
    yield rule("nobody becomes an active user twice", count[Life.ACTIVATED] > 1, np.arange(count.shape[1]), "user")
    gone = count[Life.LEFT] + count[Life.LOST_INTEREST] > 1
    yield rule("nobody leaves twice", gone, np.arange(count.shape[1]), "user")
    active = count[Life.BASE] + count[Life.ACTIVATED] > 0
    odd = (count[Life.LEFT] > 0) & ~active | (count[Life.LOST_INTEREST] > 0) & active
    yield rule("only an active user leaves, only another loses interest", odd, np.arange(count.shape[1]), "user")
    early = (what == Life.FIRST_VALUE) & (rows["value"] > plan.growth.within[0])
    yield rule("the first value comes in time", early, user, "user")


def askers_are_there(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Who asks for the first time signs up then; every other conversation is an active user's, by then not gone."""
    if not plan.growth.on[0]:
        return
    a, homes = log.actions, len(plan.names.regions)
    begin, until, signed = spans(log)
    fresh = (a["action"] >> TURN == 0) & (a["action"] >> GENERATION & 15 == 0)
    newcomer = a["action"] % (2 * homes) >= homes
    user, arrival = a["user"], a["arrival"]
    late = fresh & newcomer & (signed[user] != arrival)
    yield rule("who signs up asks at once", late, a["action"], "action")
    away = fresh & ~newcomer & ((arrival < begin[user]) | (arrival >= until[user]))
    yield rule("who asks is an active user", away, a["action"], "action")
    yield rule("users are of their region", user % homes != np.maximum(a["home"], 0), a["action"], "action")


def spans(log: Log) -> tuple[Ints, Ints, Ints]:
    """Of each user: since when active, until when, and when signed up; NEVER: not."""
    rows = log.users
    size = int(max(rows["user"].max(initial=-1), log.actions["user"].max(initial=-1))) + 1
    begin, until, signed = (np.full(size, NEVER, np.int64) for _ in range(3))
    for codes, table in (((Life.BASE, Life.ACTIVATED), begin), ((Life.LEFT,), until), ((Life.SIGNED_UP,), signed)):
        mine = np.isin(rows["what"], codes)
        table[rows["user"][mine]] = rows["time"][mine]
    return begin, until, signed


def weeks_are_whole(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Users leave, and go over to other plans, when a day begins, a number of whole weeks after their day."""
    if not plan.growth.on[0]:
        return
    rows, day = log.users, int(plan.growth.day[0])
    signed = spans(log)[2][rows["user"]]
    asked = np.isin(rows["what"], (Life.LEFT, Life.MOVED))
    known = signed < NEVER
    other = known & ((rows["time"] // day - np.where(known, signed, 0) // day) % DAYS != 0)
    wrong = asked & ((rows["time"] % day != 0) | other)
    yield rule("users leave or move after whole weeks, when a day begins", wrong, rows["user"], "user")


def plans_are_kept(plan: Plan, log: Log) -> Iterator[Invariant]:
    """An action is on the plan that its user has then."""
    if not plan.growth.on[0] or not plan.names.plans:
        return
    a, rows = log.actions, log.users
    says = np.isin(rows["what"], (*CAME, Life.MOVED))
    user = np.concatenate([rows["user"][says], a["user"]])
    time = np.concatenate([rows["time"][says], a["arrival"]])
    asks = np.arange(len(user)) >= int(says.sum())
    order = np.lexsort((asks, time, user))  # what is said at an instant holds for who asks then
    last = np.maximum.accumulate(np.where(asks[order], -1, np.arange(len(user))))
    held = np.concatenate([rows["value"][says], a["plan"]])[order][np.maximum(last, 0)]
    wrong = np.zeros(len(user), np.bool_)
    wrong[order] = asks[order] & ((last < 0) | (held != np.concatenate([rows["value"][says], a["plan"]])[order]))
    wrong = wrong[asks]
    yield rule("actions are on the plan of their user", wrong, a["action"], "action")


RULES = (lives_go_one_way, askers_are_there, weeks_are_whole, plans_are_kept)

__all__ = ["RULES"]
