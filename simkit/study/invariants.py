"""Model invariants: what must hold in every log, whatever the scenario. `simkit check` looks at them.

They are told from the plan and the log alone, by other means than the engines use (sorting and sums in place
of events), so that an engine's mistake shows.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Outcome
from simkit.engine.log import Log
from simkit.plan.plan import NEVER, Plan
from simkit.result.limits import own_services
from simkit.result.tiers import rises
from simkit.study.invariant import DID_NOT, Bools, Ints, Invariant, rule
from simkit.study.invariants_economy import RULES as ECONOMY
from simkit.study.invariants_growth import RULES as GROWTH
from simkit.study.invariants_regions import RULES as REGIONS
from simkit.study.invariants_resilience import RULES as RESILIENCE
from simkit.study.invariants_resilience import left_service

RAMP = 4
"""Measure of a limit that is a ramp: see `ramps_respected`."""


def invariants(plan: Plan, log: Log) -> list[Invariant]:
    """Every invariant of a log, held or not."""
    return [found for check in RULES for found in check(plan, log)]


def short(plan: Plan, actions: float = 20_000.0) -> Plan:
    """The plan cut to a horizon in which about `actions` actions are expected; as it is where it has fewer."""
    arrivals = plan.arrivals
    if len(arrivals.trace_time):
        times = np.sort(arrivals.trace_time)
        end = int(times[int(actions)]) if len(times) > actions else plan.horizon
    elif plan.expected_actions > actions:  # of conversations only the first turns are arrivals
        times = np.unique(arrivals.start)
        expected = arrivals.expected(times)
        end = int(np.interp(actions * float(expected[-1]) / plan.expected_actions, expected, times))
    else:
        end = plan.horizon
    return replace(plan, horizon=max(1, min(end, plan.horizon)))


def actions_conserved(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Every action that arrived is in the log once, and so is every attempt."""
    actions, attempts = log.actions, log.attempts
    ids, counts = np.unique(actions["action"], return_counts=True)
    yield rule("every action is logged once", counts > 1, ids, "action")
    first = ids[ids < 1 << 33]  # those that were asked again have the number of the first, see `reloads_follow`
    yield rule("no action is lost between two that were logged", _gaps(plan, first), first, "after action")
    known = np.isin(attempts["action"], ids)
    yield rule("every attempt belongs to a logged action", ~known, attempts["action"], "action")
    place, made = _by_action(actions, attempts, known)
    yield rule("an action's attempts are those it made", np.bincount(place, minlength=len(made)) != made, ids, "action")
    key = ("action", "call", "repeat", "rung", "attempt", "hedge")
    rows = np.stack([attempts[name] for name in key], axis=1)
    _, twice = np.unique(rows, axis=0, return_counts=True)
    yield rule("no attempt is logged twice", twice > 1, np.arange(len(twice)), "attempt")


def _gaps(plan: Plan, numbers: Ints) -> Bools:
    """Where a number is missing before; those of each source are counted by themselves, in turn."""
    sources = 1 if len(plan.arrivals.trace_time) else len(plan.arrivals.first) - 1
    found = np.zeros(len(numbers), np.bool_)
    for source in range(sources):
        mine = numbers % sources == source
        found[mine] = np.diff(numbers[mine] // sources, prepend=-1) != 1
    return found


def money_adds_up(plan: Plan, log: Log) -> Iterator[Invariant]:
    """An action's cost and billed tokens are the sums of its attempts', exactly, and never negative."""
    actions, attempts = log.actions, log.attempts
    order = np.argsort(actions["action"], kind="stable")
    known = np.isin(attempts["action"], actions["action"])
    place, _ = _by_action(actions, attempts, known)
    for column, part in (("cost", "cost"), ("tokens_in", "billed_in"), ("tokens_out", "billed_out")):
        total = np.zeros(len(order), np.int64)
        np.add.at(total, place, attempts[part][known])
        yield rule(
            f"{column} of an action is the sum over its attempts", total != actions[column][order],
            actions["action"][order], "action",
        )  # fmt: skip
    yield rule("no attempt costs less than nothing", attempts["cost"] < 0, attempts["action"], "action")
    not_begun = (attempts["started"] == DID_NOT) & (attempts["cost"] != 0)
    yield rule("what was not begun is not billed", not_begun, attempts["action"], "action")


def times_ordered(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Nothing waits a negative time, and nothing ends before it begins."""
    a, t = log.actions, log.attempts
    yield rule("no negative waits", a["waited"] < 0, a["action"], "action")
    wrong = _before(a["start"], a["arrival"]) | _before(a["end"], a["arrival"]) | _before(a["end"], a["start"])
    wrong |= _before(a["first_token"], a["arrival"]) | _before(a["end"], a["first_token"])
    yield rule("an action arrives, starts, and ends, in this order", wrong, a["action"], "action")
    wrong = _before(t["started"], t["dispatched"]) | _before(t["ended"], t["started"])
    wrong |= _before(t["first_token"], t["started"]) | _before(t["ended"], t["first_token"])
    wrong |= _before(t["released"], t["ended"])
    yield rule("an attempt is sent, starts, and ends, in this order", wrong, t["action"], "action")
    answered = (a["outcome"] == Outcome.OK) & ((a["end"] == DID_NOT) | (a["first_token"] == DID_NOT))
    yield rule("a success has a first token and an end", answered, a["action"], "action")


def outcomes_make_sense(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Each action has one outcome, a reason if it did not succeed, and a judgement only if it did."""
    a = log.actions
    known = np.isin(a["outcome"], [int(outcome) for outcome in Outcome])
    yield rule("every outcome is known", ~known, a["action"], "action")
    wrong = (a["outcome"] == Outcome.OK) & (a["reason"] != 0)
    wrong |= np.isin(a["outcome"], [Outcome.FAILED, Outcome.REJECTED]) & (a["reason"] == 0)
    yield rule("failures have a reason, successes none", wrong, a["action"], "action")
    judged = (a["good"] >= 0) & ~np.isin(a["outcome"], [Outcome.OK, Outcome.DEGRADED])
    yield rule("only answers are good or bad", judged, a["action"], "action")


def slots_respected(plan: Plan, log: Log) -> Iterator[Invariant]:
    """No more at work than there are slots, no more waiting than there are places, use within 0 and 1."""
    a, t, end = log.actions, log.attempts, max(log.ended, plan.horizon)
    aside = plan.batch.api[0] & plan.batch.batch[a["kind"]]  # the batch side takes no slot of the own service
    began = np.where(aside, DID_NOT, a["start"])
    places = []
    for region, name, most, _ in own_services(plan):
        here = a["region"] == region if plan.regions.on[0] else np.ones(len(a["action"]), np.bool_)
        if not plan.scaling.on[region]:  # what is let go finishes its work
            places.append((name, began[here], left_service(plan, log, end)[here], most))
    for n, name in enumerate(plan.names.deployments):
        here = t["deployment"] == n
        places.append((name, t["started"][here], t["released"][here], plan.deployments.concurrency[:, n]))
    for name, start, stop, capacity in places:
        slots = int(capacity.max())
        if slots >= NEVER:
            continue
        begun = start != DID_NOT
        start, stop = start[begun], np.where(stop[begun] == DID_NOT, end, stop[begun])
        times, busy = occupancy(start, stop)
        yield rule(f"{name}: never more than {slots} at work", busy > slots, times, "at ns")
        span = int(stop.max() - start.min()) if len(start) else 0
        use = float((stop - start).sum()) / (slots * span) if span else 0.0
        yield rule(f"{name}: use within 0 and 1", np.array([not 0 <= use <= 1]), np.zeros(1, np.int64), "use")


def buckets_respected(plan: Plan, log: Log) -> Iterator[Invariant]:
    """No rate limit granted more than its refill and its burst: each grant fits, summed up in order of time."""
    t, deployments, limits = log.attempts, plan.deployments, plan.limits
    served = t["started"] != DID_NOT
    for b, name in enumerate(plan.names.limits):
        if limits.measure[b] == RAMP:
            continue
        under = [n for n in range(len(deployments.model)) if b in _limits_of(plan, n)]
        rows = np.flatnonzero(served & np.isin(t["deployment"], under))
        rows = rows[np.argsort(t["dispatched"][rows], kind="stable")]
        now = t["dispatched"][rows]
        epoch = np.maximum(np.searchsorted(plan.epochs, now, "right") - 1, 0)
        tier = np.searchsorted(rises(plan, log.budgets, int(plan.tiers.account[b])), now, "right")
        cost = np.ceil(_units(plan, log, b, rows, epoch) * limits.ns_per_unit[epoch, b, tier]).astype(np.int64)
        spent = np.cumsum(cost, dtype=np.int64)
        full_at = spent + np.maximum.accumulate(now - (spent - cost)) if len(rows) else now
        last = np.append(now[1:] != now[:-1], True) if len(rows) else np.zeros(0, np.bool_)
        over = last & (full_at > now + limits.burst[epoch, b])
        yield rule(f"{name}: never granted more than its limit", over, now, "at ns")


RULES: tuple[Callable[[Plan, Log], Iterator[Invariant]], ...] = (
    actions_conserved, money_adds_up, times_ordered, outcomes_make_sense, slots_respected, buckets_respected,
    *RESILIENCE, *ECONOMY, *REGIONS, *GROWTH,
)  # fmt: skip


def occupancy(start: Ints, stop: Ints) -> tuple[Ints, Ints]:
    """(times, how many of the intervals [start, stop) hold each time), at the times where it changes."""
    times, place = np.unique(np.concatenate([start, stop]), return_inverse=True)
    change = np.zeros(len(times), np.int64)
    np.add.at(change, place, np.concatenate([np.ones(len(start), np.int64), -np.ones(len(stop), np.int64)]))
    return times, np.cumsum(change)


def _by_action(actions: dict[str, Ints], attempts: dict[str, Ints], known: Bools) -> tuple[Ints, Ints]:
    """The place of each known attempt's action in the order of action ids, and the attempts each action says."""
    order = np.argsort(actions["action"], kind="stable")
    return np.searchsorted(actions["action"][order], attempts["action"][known]), actions["attempts"][order]


def _limits_of(plan: Plan, n: int) -> set[int]:
    first, beyond = plan.deployments.first_limit[n : n + 2]
    return {int(b) for b in plan.deployments.limits[first:beyond]}


def _units(plan: Plan, log: Log, b: int, rows: Ints, epoch: Ints) -> NDArray[np.float64]:
    """What each attempt took from a bucket."""
    t, limits, measure = log.attempts, plan.limits, int(plan.limits.measure[b])
    if measure == 0:
        return np.ones(len(rows))
    prompt = t["tokens_in"][rows] - (0 if limits.cached_counts[b] else t["tokens_cached"][rows])
    longest = plan.actions.max_output[epoch, t["call"][rows]]
    answer = t["tokens_out"][rows]
    if limits.reserve_max[b]:
        answer = np.where(longest < NEVER, longest, answer)
    return np.asarray({1: prompt, 2: answer, 3: prompt + answer}[measure], np.float64)


def _before(later: Ints, earlier: Ints) -> Bools:
    """Where both happened, and in the wrong order."""
    wrong: Bools = (later != DID_NOT) & (earlier != DID_NOT) & (later < earlier)
    return wrong


__all__ = ["RULES", "Invariant", "invariants", "occupancy", "short"]
