"""Which events ended, and set off, what is in a log: (event class, reason), told from the log and its plan.

An event class is one of DESIGN 5 (`EventClass`), or `stop`: the end of the run. At one instant several events may
have been the cause; then the first in DESIGN's order that could have been is taken.
"""

from collections import Counter

import numpy as np

from simkit.engine.log import DID_NOT, Log
from simkit.plan.codes import BreakerState, Cause, EventClass, Kind, Life, Mark, Notice, Outcome
from simkit.plan.plan import Bools, Ints, Plan

STOP = len(EventClass)
CLASSES = [*(one.name.lower() for one in EventClass), "stop"]
DRAWN = (
    Kind.OVERLOADED, Kind.SERVER_ERROR, Kind.CONNECTION, Kind.BAD_REQUEST, Kind.CONTENT_FILTER, Kind.STREAM_BROKEN,
    Kind.MALFORMED,
)  # fmt: skip
FAILURES = (*DRAWN, Kind.RATE_LIMIT, Kind.TOO_LARGE, Kind.TIMEOUT)
UNSENT = (Kind.NO_DEPLOYMENT, Kind.THROTTLED)

FREEING = (EventClass.CALENDAR, EventClass.FINISHED, EventClass.TIMEOUT, EventClass.DEADLINE)
"""What frees a slot of a deployment that somebody waits for; the own service's is also freed by fixed work done."""

LEFT_OUT = {
    "quota_exhausted, quota, budget": "scenarios with budgets and quotas are those of `economy_strategies`",
    "tick": "sweeps, health checks and autoscalers end and begin nothing by themselves",
    "degraded: stale": "scenarios with caches of answers, too",
    "calendar: ok, rate_limit, too_large": "an incident that strikes work in flight brings a kind that is drawn",
    "timeout: others than timeout, cancelled": "an attempt's timeout is no other failure; siblings may be cancelled",
    "deadline: others than cancelled": "a deadline ends the action, and its attempts as cancelled",
    "waited, arrival: attempts": "a wait that is over, or an arrival, begins an attempt and ends none",
    "arrival: others than queue_full, shed": "an arrival is refused by the own service, or goes on",
}
"""Pairs that cannot occur, and the rule that says so."""


def pairs(what: str, event_class: int, *reasons: Kind | Cause) -> list[str]:
    """Names of pairs."""
    return [f"{what}: {CLASSES[event_class]}, {reason.name.lower()}" for reason in reasons]


POSSIBLE = [
    *pairs("attempt ended", EventClass.FINISHED, Kind.OK, *FAILURES, *UNSENT, Kind.CANCELLED),
    *pairs("attempt ended", EventClass.CALENDAR, *DRAWN, Kind.TIMEOUT, Kind.CANCELLED),
    *pairs("attempt ended", EventClass.TIMEOUT, Kind.TIMEOUT, Kind.CANCELLED),
    *pairs("attempt ended", EventClass.DEADLINE, Kind.CANCELLED),
    *pairs("attempt ended", STOP, Kind.UNFINISHED),
    *pairs("action ended", EventClass.FINISHED, Kind.OK, *FAILURES, *UNSENT, Kind.HUMAN),
    *pairs("action ended", EventClass.WAITED, Kind.OK, Kind.PREVIOUS, Kind.RULE),
    *pairs("action ended", EventClass.CALENDAR, *DRAWN),
    *pairs("action ended", EventClass.TIMEOUT, Kind.TIMEOUT),
    *pairs("action ended", EventClass.DEADLINE, Kind.DEADLINE, Kind.IMPATIENT),
    *pairs("action ended", EventClass.ARRIVAL, Kind.QUEUE_FULL, Kind.SHED),
    *pairs("action ended", STOP, Kind.UNFINISHED),
    *pairs("attempt begun", EventClass.WAITED, Cause.RETRY, Cause.CLIENT_RETRY, Cause.FALLBACK),
    *pairs("attempt begun", EventClass.HEDGE, Cause.HEDGE),
    *pairs("attempt begun", EventClass.FINISHED, Cause.FALLBACK, Cause.ESCALATION),
    *pairs("attempt begun", EventClass.CALENDAR, Cause.FALLBACK),
    *pairs("attempt begun", EventClass.TIMEOUT, Cause.FALLBACK),
    *(f"slot handed over: {CLASSES[one]}, deployment" for one in FREEING),
    *(f"slot handed over: {CLASSES[one]}, service" for one in (*FREEING, EventClass.WAITED)),
    *(f"slot handed over: change, {station}" for station in ("deployment", "service")),
    *(f"breaker {BreakerState(state).name.lower()}" for state in (BreakerState.OPEN, BreakerState.CLOSED)),
    *(f"attempt marked: {mark.name.lower()}" for mark in Mark if mark.name),
    "action asked again",
    *(f"region told: {notice.name.lower()}" for notice in Notice),
    *(f"user: {life.name.lower()}" for life in Life),
    *(f"action without a region: {reason.name.lower()}" for reason in (Kind.RESIDENCY, Kind.REGION_DOWN)),
]
SELDOM = [
    *pairs("action ended", EventClass.CALENDAR, Kind.TIMEOUT, Kind.PARTIAL),
    *pairs("action ended", EventClass.FINISHED, Kind.PARTIAL),
    *pairs("action ended", EventClass.TIMEOUT, Kind.PARTIAL),
    *pairs("action ended", EventClass.DEADLINE, Kind.PARTIAL),
    *pairs("action ended", EventClass.WAITED, *FAILURES, *UNSENT),
    *pairs("attempt begun", EventClass.DEADLINE, Cause.FALLBACK),  # of a timeout at the instant of the deadline
]
"""Pairs that occur, but too seldom to be counted on: clockwork cases have them (`degrade_partial`, `wait_after_last`,
and `fallback_error_first`: an error that is told later than its attempt ended looks as if somebody had waited)."""


def happened(plan: Plan, log: Log) -> Counter[str]:
    """How often each pair occurred."""
    a, t = log.actions, log.attempts
    attempts = own_ends(plan, log)
    order = np.argsort(a["action"], kind="stable")
    row = order[np.searchsorted(a["action"][order], t["action"])]
    cancel_with(log, attempts, row)
    actions = action_ends(plan, log, attempts, row)
    at_its_end = (t["outcome"] == Kind.CANCELLED) & (t["ended"] == a["end"][row]) & (a["outcome"][row] != Outcome.OK)
    attempts[at_its_end] = np.minimum(attempts, actions[row])[at_its_end]
    late = (t["outcome"] == Kind.CANCELLED) & (t["ended"] == a["arrival"][row] + deadline_of(plan, log)[row])
    attempts[late] = np.where(attempts == EventClass.TIMEOUT, EventClass.DEADLINE, attempts)[late]
    reasons = np.where(a["outcome"] == Outcome.CENSORED, Kind.UNFINISHED, a["reason"])
    found = counted("attempt ended", attempts, t["outcome"], Kind) + counted("action ended", actions, reasons, Kind)
    begun, causes = begins(log, attempts)
    found += counted("attempt begun", begun, causes, Cause) + seen(log)
    return found + slots_of_deployments(log, attempts) + slots_of_the_service(log, actions)


def counted(what: str, classes: Ints, reasons: Ints, names: type[Kind] | type[Cause]) -> Counter[str]:
    """Counts by name."""
    codes, counts = np.unique(classes * 64 + reasons, return_counts=True)
    named = [pairs(what, code // 64, names(code % 64))[0] for code in codes.tolist()]
    return Counter(dict(zip(named, counts.tolist(), strict=True)))


def own_ends(plan: Plan, log: Log) -> Ints:
    """Class of the event that ended each attempt; of one that was cancelled see the action."""
    t = log.attempts
    found = np.full(len(t["action"]), int(EventClass.FINISHED), np.int64)
    found[t["outcome"] == Kind.UNFINISHED] = STOP
    epoch = np.maximum(np.searchsorted(plan.epochs, t["dispatched"], "right") - 1, 0)
    lasted, layer = t["ended"] - t["dispatched"], plan.inner
    late = (lasted == layer.timeout[epoch]) | (lasted == layer.first_token_timeout[epoch]) | (t["first_token"] >= 0)
    found[(t["outcome"] == Kind.TIMEOUT) & late] = EventClass.TIMEOUT
    found[struck(plan, log)] = EventClass.CALENDAR
    return found


def cancel_with(log: Log, attempts: Ints, row: Ints) -> None:
    """Class of the event that cancelled an attempt: what ended (or answered) another of its action then, or a timer."""
    t = log.attempts
    cancelled = np.flatnonzero(t["outcome"] == Kind.CANCELLED)
    attempts[cancelled] = EventClass.TIMEOUT
    of_action: dict[int, list[int]] = {}
    for i in np.flatnonzero(np.isin(row, row[cancelled])).tolist():
        of_action.setdefault(int(row[i]), []).append(i)
    for i in cancelled.tolist():
        for other in of_action[int(row[i])]:
            if t["outcome"][other] != Kind.CANCELLED and t["ended"][other] == t["ended"][i]:
                attempts[i] = min(attempts[i], attempts[other])
            elif other != i and t["first_token"][other] == t["ended"][i]:
                attempts[i] = EventClass.FINISHED


def deadline_of(plan: Plan, log: Log) -> Ints:
    """The deadline of each action."""
    epoch = np.maximum(np.searchsorted(plan.epochs, log.actions["arrival"], "right") - 1, 0)
    return np.asarray(plan.policy.deadline[epoch])


def seen(log: Log) -> Counter[str]:
    """What else is to be seen: breakers, marks, users who ask again."""
    found = Counter({"action asked again": int((log.actions["action"] >> 33 > 0).sum())})
    for state in (BreakerState.OPEN, BreakerState.CLOSED):
        found[f"breaker {state.name.lower()}"] = int((log.breakers["state"] == state).sum())
    for mark in Mark:
        found[f"attempt marked: {str(mark.name).lower()}"] = int((log.attempts["marks"] & mark != 0).sum())
    for notice in Notice:
        found[f"region told: {notice.name.lower()}"] = int((log.regions["what"] == notice).sum())
    for life in Life:
        found[f"user: {life.name.lower()}"] = int((log.users["what"] == life).sum())
    for life in Life:
        found[f"user: {life.name.lower()}"] = int((log.users["what"] == life).sum())
    for reason in (Kind.RESIDENCY, Kind.REGION_DOWN):
        found[f"action without a region: {reason.name.lower()}"] = int((log.actions["reason"] == reason).sum())
    return found


def struck(plan: Plan, log: Log) -> Bools:
    """Attempts that an incident ended in flight, when it began."""
    t, i, scheduled = log.attempts, plan.incidents, len(plan.incidents.start)
    found = np.zeros(len(t["action"]), np.bool_)
    for source, start, severity in zip(*(log.incidents[name] for name in ("source", "start", "severity")), strict=True):
        fails, hits = (i.in_flight_fail, i.hits) if source >= 0 else (i.outage_in_flight_fail, i.outage_hits)
        place = source if source >= 0 else -1 - source
        assert place < (scheduled if source >= 0 else len(i.gap))
        if fails[place]:
            then = (t["ended"] == max(start, plan.begin)) & (t["started"] != DID_NOT) & (t["started"] < t["ended"])
            found |= then & (t["outcome"] == i.error_kind[severity]) & hits[place][t["deployment"]]
    return found


def action_ends(plan: Plan, log: Log, attempts: Ints, row: Ints) -> Ints:
    """Class of the event that ended each action."""
    a, t = log.actions, log.attempts
    found = np.full(len(a["action"]), int(EventClass.WAITED), np.int64)
    last = (t["ended"] == a["end"][row]) & (t["outcome"] == a["reason"][row])  # a success has the reason 0 of an ok
    found[row[last]] = attempts[last]
    works_last = works_at_the_end(plan)[a["kind"]] & (a["outcome"] == Outcome.OK)
    found[works_last] = EventClass.WAITED
    timed = (a["reason"] == Kind.TIMEOUT) & (found == EventClass.WAITED)
    found[timed] = EventClass.TIMEOUT  # of a request or a call: its attempts are cancelled, or there is none
    found[a["reason"] == Kind.PARTIAL] = partial_ends(plan, log, attempts, row)[a["reason"] == Kind.PARTIAL]
    found[a["reason"] == Kind.HUMAN] = EventClass.FINISHED
    found[np.isin(a["reason"], [Kind.PREVIOUS, Kind.RULE])] = EventClass.WAITED
    found[np.isin(a["reason"], [Kind.DEADLINE, Kind.IMPATIENT])] = EventClass.DEADLINE
    found[np.isin(a["reason"], [Kind.QUEUE_FULL, Kind.SHED])] = EventClass.ARRIVAL
    found[a["outcome"] == Outcome.CENSORED] = STOP
    return found


def partial_ends(plan: Plan, log: Log, attempts: Ints, row: Ints) -> Ints:
    """Class of the event that left an action with a part of its answer: a failure, a timer, the deadline."""
    a, t = log.actions, log.attempts
    found = np.where(a["end"] == a["arrival"] + deadline_of(plan, log), EventClass.DEADLINE, EventClass.TIMEOUT)
    last = (t["ended"] == a["end"][row]) & (t["outcome"] != Kind.CANCELLED)
    np.minimum.at(found, row[last], attempts[last])
    return np.asarray(found)


def works_at_the_end(plan: Plan) -> Bools:
    """Kinds of actions whose last stage is fixed work alone."""
    calls = plan.actions
    found = []
    for first, beyond in zip(calls.first_call[:-1], calls.first_call[1:], strict=True):
        stage, route = calls.stage[first:beyond], calls.route[first:beyond]
        found.append(bool((route[stage == stage[-1]] < 0).all()))
    return np.array(found, np.bool_)


def begins(log: Log, attempts: Ints) -> tuple[Ints, Ints]:
    """Class of the event that began each attempt after the first of its repetition, and the cause of the attempt."""
    t = log.attempts
    order = np.lexsort([t[name] for name in ("hedge", "attempt", "rung", "repeat", "call", "action")])
    cause, before = t["cause"][order], np.roll(attempts[order], 1)
    later = cause != Cause.FIRST
    after_a_wait = (cause == Cause.FALLBACK) & (t["dispatched"][order] > np.roll(t["ended"][order], 1))
    again = np.isin(cause, [Cause.RETRY, Cause.CLIENT_RETRY])
    waited = np.where(again | after_a_wait, int(EventClass.WAITED), before)
    return np.where(cause == Cause.HEDGE, int(EventClass.HEDGE), waited)[later], cause[later]


def slots_of_deployments(log: Log, attempts: Ints) -> Counter[str]:
    """What handed slots to attempts that waited: work that ran on frees its slot when it is finished."""
    t = log.attempts
    begun = t["released"] != DID_NOT
    classes = np.where(t["released"] > t["ended"], int(EventClass.FINISHED), attempts)
    freed = np.stack([t["deployment"], t["released"], classes], axis=1)[begun]
    waited = (t["started"] != DID_NOT) & (t["started"] > t["dispatched"])
    return handed_over("deployment", freed, np.stack([t["deployment"], t["started"]], axis=1)[waited])


def slots_of_the_service(log: Log, actions: Ints) -> Counter[str]:
    """What handed slots to actions that waited."""
    a = log.actions
    place = np.zeros(len(actions), np.int64)
    freed = np.stack([place, a["end"], actions], axis=1)[(a["start"] != DID_NOT) & (a["end"] != DID_NOT)]
    waited = (a["start"] != DID_NOT) & (a["start"] > a["arrival"])
    return handed_over("service", freed, np.stack([place, a["start"]], axis=1)[waited])


def handed_over(station: str, freed: Ints, taken: Ints) -> Counter[str]:
    """Counts by class; where nobody left at that time, a change brought more slots."""
    first: dict[tuple[int, int], int] = {}
    for place, time, event_class in freed.tolist():
        first[place, time] = min(first.get((place, time), STOP), event_class)
    causes = [first.get((place, time)) for place, time in taken.tolist()]
    return Counter(f"slot handed over: {'change' if one is None else CLASSES[one]}, {station}" for one in causes)
