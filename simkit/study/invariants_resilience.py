"""Invariants of what is done when it fails: retries, hedges, breakers, ramps, reloads, people."""

from collections.abc import Iterator

import numpy as np

from simkit.engine.codes import BreakerState, Cause, Kind, Mark, Outcome
from simkit.engine.log import Log
from simkit.plan.codes import GENERATION, Degrade
from simkit.plan.plan import NEVER, Plan
from simkit.result.breakers import place_of
from simkit.study.invariant import DID_NOT, Bools, Ints, Invariant, rule

KEY = ("action", "call", "repeat", "rung", "attempt")
"""What a try and its hedge share."""
ORDINAL = (1 << 33) - 1
CUT = (Kind.CANCELLED, Kind.TIMEOUT, Kind.UNFINISHED)
"""Ends that may come before a refusal is heard: what never began may or may not have been sent."""


def unsent_is_free(plan: Plan, log: Log) -> Iterator[Invariant]:
    """What was held back or had nowhere to go never began and cost nothing."""
    t = log.attempts
    unsent = (t["outcome"] == Kind.THROTTLED) | (t["outcome"] == Kind.NO_DEPLOYMENT)
    wrong = unsent & ((t["started"] != DID_NOT) | (t["cost"] != 0))
    yield rule("what was not sent did not begin and cost nothing", wrong, t["action"], "action")
    nowhere = t["deployment"] < 0
    sent = (t["started"] != DID_NOT) | ~np.isin(t["outcome"], [Kind.NO_DEPLOYMENT, *CUT])
    yield rule("an attempt has a deployment unless there was none", nowhere & sent, t["action"], "action")
    somewhere = ~nowhere & (t["outcome"] == Kind.NO_DEPLOYMENT)
    yield rule("where there is a deployment it is not missed", somewhere, t["action"], "action")


def tries_bounded(plan: Plan, log: Log) -> Iterator[Invariant]:
    """No more retries than allowed, and no attempt that lasts longer than its timeout."""
    t, inner = log.attempts, plan.inner
    most = int(inner.max_retries.max())
    yield rule(f"never more than {most} retries in a row", t["attempt"] > most, t["action"], "action")
    longest = int(inner.timeout.max())
    ended = (t["ended"] != DID_NOT) & ~plan.models.is_batch[t["model"]]  # the batch side has a time of its own
    late = ended & (t["ended"] - t["dispatched"] > longest) if longest < NEVER else np.zeros(len(ended), np.bool_)
    yield rule("no attempt lasts longer than its timeout", late, t["action"], "action")


def hedges_have_a_twin(plan: Plan, log: Log) -> Iterator[Invariant]:
    """A hedge goes beside a first attempt that was sent before, after the time for it; of both at most one answers."""
    t = log.attempts
    hedge = t["hedge"] == 1
    yield rule("a hedge is called one", hedge != (t["cause"] == Cause.HEDGE), t["action"], "action")
    if not hedge.any():
        return
    place = np.unique(np.stack([t[name] for name in KEY], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
    sent = np.full(int(place.max()) + 1, NEVER, np.int64)
    sent[place[~hedge]] = t["dispatched"][~hedge]
    early = hedge & (t["dispatched"] - sent[place] < int(plan.inner.hedge_after.min()))
    yield rule("a hedge is sent after its primary, when it is time", early, t["action"], "action")
    answers = np.bincount(place[t["outcome"] == Kind.OK], minlength=len(sent))
    yield rule("of a try and its hedge at most one answers", answers[place] > 1, t["action"], "action")


def breakers_respected(plan: Plan, log: Log) -> Iterator[Invariant]:
    """While a breaker is open nothing is sent there, unless it says that it goes by."""
    if not bool(plan.breaker.on[0]):
        yield rule("no breaker opens where there is none", np.ones(len(log.breakers["time"]), np.bool_),
                   log.breakers["time"], "at ns")  # fmt: skip
        return
    t, b = log.attempts, log.breakers
    sent = (t["started"] != DID_NOT) | ~np.isin(t["outcome"], [Kind.NO_DEPLOYMENT, Kind.THROTTLED, *CUT])
    where = plan.deployments.provider[t["deployment"]] if bool(plan.breaker.by_provider[0]) else t["deployment"]
    wrong = np.zeros(len(sent), np.bool_)
    opened = b["state"] == BreakerState.OPEN
    for replica, place in {*zip(b["replica"][opened].tolist(), b["place"][opened].tolist(), strict=True)}:
        mine = opened & (b["replica"] == replica) & (b["place"] == place)
        rows = np.flatnonzero(sent & (t["replica"] == replica) & (where == place_of(np.array([place]))[0]))
        before = np.searchsorted(b["time"][mine], t["dispatched"][rows], "left") - 1  # opened before, not just now
        within = (before >= 0) & (t["dispatched"][rows] < b["until"][mine][np.maximum(before, 0)])
        wrong[rows] = within & (t["marks"][rows] & Mark.BYPASS == 0)
    yield rule("nothing is sent to an open breaker but to go by it", wrong, t["action"], "action")
    yield from _breakers_in_order(b)


def _breakers_in_order(b: dict[str, Ints]) -> Iterator[Invariant]:
    """A breaker opens only when its last cooldown is over, and closes by probes only after that."""
    order = np.lexsort((np.arange(len(b["time"])), b["place"], b["replica"]))
    rows = {name: column[order] for name, column in b.items()}
    again = (rows["place"][1:] == rows["place"][:-1]) & (rows["replica"][1:] == rows["replica"][:-1])
    early = again & (rows["state"][:-1] == BreakerState.OPEN) & (rows["time"][1:] < rows["until"][:-1])
    yield rule("a breaker stays open for its cooldown", early, rows["time"][1:], "at ns")


def ramps_respected(plan: Plan, log: Log) -> Iterator[Invariant]:
    """In no interval does a ramp grant more than its floor, or what it granted in the one before with its growth."""
    t, limits, deployments = log.attempts, plan.limits, plan.deployments
    begun = t["started"] != DID_NOT
    refused = (Kind.RATE_LIMIT, Kind.TOO_LARGE, Kind.THROTTLED, Kind.NO_DEPLOYMENT)
    perhaps = begun | ~np.isin(t["outcome"], refused)  # what was given up in a queue may have been granted or not
    for b in np.flatnonzero(limits.measure == 4).tolist():
        every, growth, floor = limits.ramp_every[:, b], limits.ramp_growth[:, b], limits.ramp_floor[:, b]
        if len({*every.tolist()}) > 1:
            continue  # intervals of several lengths: not told here
        first, of = deployments.first_limit, deployments.limits
        under = [n for n in range(len(deployments.model)) if b in of[first[n] : first[n + 1]]]
        here, interval = np.isin(t["deployment"], under), (t["dispatched"] - plan.begin) // int(every[0])
        most = int(interval.max(initial=0)) + 1
        granted = np.bincount(interval[begun & here], minlength=most)
        before = np.append(0, np.bincount(interval[perhaps & here], minlength=most)[:-1])
        allowed = np.maximum(int(floor.max()), np.floor(before * float(growth.max())))
        times = plan.begin + np.arange(len(granted)) * int(every[0])
        yield rule(f"{plan.names.limits[b]}: never more than it may grow", granted > allowed, times, "at ns")


def reloads_follow(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Who asks again had given up, or was failed, before; and not more often than they may."""
    a = log.actions
    again = a["action"] >> GENERATION & 15 > 0
    if not again.any():
        return
    order = np.argsort(a["action"], kind="stable")
    ids = a["action"][order]
    place = np.minimum(np.searchsorted(ids, a["action"] - (ORDINAL + 1)), len(ids) - 1)
    source = order[place]
    known = a["action"][source] == a["action"] - (ORDINAL + 1)
    wrong = again & known & ((a["outcome"][source] <= Outcome.DEGRADED) | (a["arrival"] < a["end"][source]))
    yield rule("who asks again was not served before", wrong, a["action"], "action")
    yield rule("a question asked again was asked before", again & ~known, a["action"], "action")
    most = int(plan.audience.reload_at_most[0])
    yield rule(
        f"nobody asks again more than {most} times", a["action"] >> GENERATION & 15 > most, a["action"], "action"
    )


def people_cost_where_they_are(plan: Plan, log: Log) -> Iterator[Invariant]:
    """What people cost is that of cases, and there are no cases without people."""
    a = log.actions
    human = plan.ladder.what == Degrade.HUMAN
    prices = {0, *plan.ladder.cost[:, human].ravel().tolist()}
    wrong = ~np.isin(a["degrade_cost"], list(prices))
    yield rule("a case costs what a case costs", wrong, a["action"], "action")
    mine = (a["outcome"] == Outcome.DEGRADED) & (a["reason"] == Kind.HUMAN)
    yield rule("people answer only where there are some", mine & ~human.any(), a["action"], "action")
    begun = a["desk_began"] != DID_NOT
    early = begun & ((a["desk_asked"] == DID_NOT) | (a["desk_began"] < a["desk_asked"]))
    yield rule("nobody begins with a case before it is there", early | (mine & ~begun), a["action"], "action")
    waiting = np.flatnonzero(a["desk_asked"] != DID_NOT)
    order = waiting[np.lexsort((a["desk_began"][waiting], a["desk_asked"][waiting]))]
    turn = np.where(begun, a["desk_began"], NEVER)[order]
    same = np.append(False, np.diff(a["desk_asked"][order]) == 0)
    unfair = np.append(False, np.diff(turn) < 0) & ~same
    yield rule("people take cases in the order in which they come", unfair, a["action"][order], "action")


def left_service(plan: Plan, log: Log, end: int) -> Ints:
    """When each action gave its slot of the own service up: to a person, or at its end; `end` where it did not."""
    a = log.actions
    over = np.where(a["end"] == DID_NOT, end, a["end"])
    found: Ints = np.where(a["desk_asked"] == DID_NOT, over, a["desk_asked"])
    return found


RULES = (
    unsent_is_free, tries_bounded, hedges_have_a_twin, breakers_respected, ramps_respected, reloads_follow,
    people_cost_where_they_are,
)  # fmt: skip

__all__ = ["RULES", "Bools", "left_service"]
