"""Rules that a log must keep, told anew from the plan: who arrived, what an attempt costs, who waited, who was first.

Each returns how often it is broken; `tests/invariants/test_properties.py` runs them on generated scenarios.
"""

from collections.abc import Iterator

import numpy as np

from simkit.engine.log import DID_NOT, Log
from simkit.laws.draws import Stream, pair
from simkit.plan.codes import Kind, Outcome
from simkit.plan.plan import NEVER, Bools, Ints, Plan
from simkit.result.tally import tally
from simkit.study.invariants_resilience import left_service

FOREVER = 2**62
FIRST = 1 << 33
"""Numbers of actions that are asked for the first time are below."""


def in_order(log: Log) -> dict[str, Ints]:
    """Actions by id."""
    order = np.argsort(log.actions["action"], kind="stable")
    return {name: column[order] for name, column in log.actions.items()}


def actions_of(log: Log) -> Ints:
    """The row of each attempt's action in the log."""
    order = np.argsort(log.actions["action"], kind="stable")
    return np.asarray(order[np.searchsorted(log.actions["action"][order], log.attempts["action"])])


def epoch_at(plan: Plan, times: Ints) -> Ints:
    """The epoch that holds at each time; a change holds from its instant on."""
    return np.asarray(np.maximum(np.searchsorted(plan.epochs, times, "right") - 1, 0))


# Conservation.


def due(plan: Plan, seed: int, replication: int, count: int) -> Iterator[int]:
    """The first arrivals, by walking through operational time step by step."""
    arrivals = plan.arrivals
    if len(arrivals.trace_time):
        yield from arrivals.trace_time[:count].tolist()
        return
    from simkit.engine.reference.dice import Dice

    dice, reached, segment = Dice(seed, replication, plan.dists), 0.0, 0
    for number in range(count):
        u, _ = pair(seed, replication, int(Stream.GAP), number, 0, 0)
        reached += dice.value(int(arrivals.gap[segment]), u)
        while segment < len(arrivals.rate) and reached >= arrivals.cumulative[segment + 1]:
            segment += 1
        if segment == len(arrivals.rate):
            return
        gone = (reached - arrivals.cumulative[segment]) / arrivals.rate[segment]
        yield int(arrivals.start[segment]) + round(gone)


def lost_arrivals(plan: Plan, log: Log, seed: int) -> int:
    """Every arrival before the horizon has one row, at its time; a later one may have one, in turn.

    Those who ask again are not counted: `reloads_follow` of the package has them.
    """
    found = in_order(log)
    found = {name: column[found["action"] < FIRST] for name, column in found.items()}
    times = list(due(plan, seed, log.replication, len(found["action"]) + 1))
    numbers = found["action"] != np.arange(len(found["action"]))
    if len(times) < len(found["action"]):
        return len(found["action"])
    moved = found["arrival"] != np.array(times[: len(found["action"])], np.int64)
    missing = len(times) > len(found["action"]) and times[-1] < plan.horizon
    return int(numbers.sum() + moved.sum() + missing)


def wrong_sums(plan: Plan, log: Log) -> int:
    """An action's attempts, cost and tokens are those of its attempts' rows."""
    row, wrong = actions_of(log), 0
    for column, part in (("cost", "cost"), ("tokens_in", "billed_in"), ("tokens_out", "billed_out"), ("attempts", "")):
        sums = np.zeros(len(log.actions["action"]), np.int64)
        np.add.at(sums, row, log.attempts[part] if part else 1)
        wrong += int((sums != log.actions[column]).sum())
    return wrong


# Money.

BILL = ("deployment", "billed_in", "tokens_cached", "tokens_written", "billed_out", "cost")


def wrong_prices(plan: Plan, log: Log) -> int:
    """Each attempt costs what the price table says of what is billed, at the time when its service began."""
    t, prices = log.attempts, plan.prices
    quarter = np.searchsorted(prices.start, t["started"], "right") - 1
    table = [prices.above, prices.input, prices.cached, prices.write, prices.output]
    rows = zip(quarter.tolist(), *(t[name].tolist() for name in BILL), strict=True)
    wrong = 0
    for q, n, billed_in, cached, written, billed_out, cost in rows:
        tiers = list(zip(*(column[q, n].tolist() for column in table), strict=True))
        tier = max(z for z, each in enumerate(tiers) if z == 0 or each[0] < billed_in)
        _, fresh, read, write, out = tiers[tier]
        owed = (billed_in - cached - written) * fresh + cached * read + written * write + billed_out * out
        owed += int(prices.request[q, n])
        wrong += cost != owed if billed_in or billed_out else cost not in (0, owed)  # an empty prompt, or not billed
    return wrong


def wrong_tokens(plan: Plan, log: Log) -> int:
    """Nothing is billed that was not asked for; what is read from the cache or written to it is part of the prompt."""
    t = log.attempts
    parts = t["tokens_cached"] + t["tokens_written"]
    wrong = (t["billed_in"] > t["tokens_in"]) | (t["billed_out"] > t["tokens_out"]) | (parts > t["tokens_in"])
    return int(sum((t[name] < 0).sum() for name in BILL[1:]) + wrong.sum())


def wrong_totals(plan: Plan, log: Log) -> int:
    """Cost by model, deployment, provider, call, kind, outcome, cause and waste each add up to that of the actions."""
    measured = (log.actions["arrival"] >= 0) & (log.actions["arrival"] < plan.horizon)
    total = sum(log.actions["cost"][measured].tolist())
    found = tally(plan, log, ()).cost
    assert found.keys() == {"kind", "model", "deployment", "provider", "call", "outcome", "cause", "waste"}
    return sum(sum(parts.tolist()) != total or min(parts.tolist(), default=0) < 0 for parts in found.values())


def strangers(plan: Plan, log: Log) -> int:
    """An attempt's deployment (if there was one) is one of its model, its call one of its action's kind."""
    t = log.attempts
    elsewhere = (t["deployment"] >= 0) & (plan.deployments.model[t["deployment"]] != t["model"])
    kinds = np.array(plan.names.call_kind)[t["call"]] != log.actions["kind"][actions_of(log)]
    return int(kinds.sum() + elsewhere.sum())


# Waiting.


def left_queue(plan: Plan, log: Log) -> Ints:
    """When each action left the own service's queue (FOREVER: not yet): it began, ended, or went to the ladder."""
    a = log.actions
    late = a["arrival"] + plan.policy.deadline[epoch_at(plan, a["arrival"])]
    gone = np.minimum(np.where(a["end"] != DID_NOT, a["end"], FOREVER), late)
    return np.asarray(np.where(a["start"] != DID_NOT, a["start"], gone))


def wrong_waits(plan: Plan, log: Log) -> int:
    """An action's wait is the own service's, its attempts' and a person's; of what never began perhaps a part."""
    a, t, row = log.actions, log.attempts, actions_of(log)
    begun, left = t["started"] != DID_NOT, np.where(t["ended"] == DID_NOT, t["dispatched"], t["ended"])
    certain = np.where(begun, t["started"] - t["dispatched"], 0)
    ended = np.isin(t["outcome"], [Kind.TIMEOUT, Kind.CANCELLED])
    possible = certain + np.where(~begun & ended, left - t["dispatched"], 0)
    left_own = left_queue(plan, log)
    own = np.where(left_own <= log.ended, left_own - a["arrival"], 0)
    own += np.where(a["desk_began"] != DID_NOT, a["desk_began"] - a["desk_asked"], 0)
    low, high = own.copy(), own.copy()
    np.add.at(low, row, certain)
    np.add.at(high, row, possible)
    return int((certain < 0).sum() + (own < 0).sum() + (a["waited"] < low).sum() + (a["waited"] > high).sum())


# Use of what is limited.


def overfull(plan: Plan, log: Log) -> int:
    """Whenever a slot is taken, no more are taken than there are then: of the own service and of each deployment."""
    a, t = log.actions, log.attempts
    wrong = crowded(plan, a["start"], left_service(plan, log, FOREVER), plan.service.slots[:, 0])
    for n in range(len(plan.deployments.model)):
        here = t["deployment"] == n
        wrong += crowded(plan, t["started"][here], t["released"][here], plan.deployments.concurrency[:, n])
    return wrong


def crowded(plan: Plan, taken: Ints, freed: Ints, slots: Ints) -> int:
    """At how many times, when slots are taken, more are taken than there are."""
    begun = taken != DID_NOT
    taken, freed = taken[begun], np.where(freed[begun] == DID_NOT, FOREVER, freed[begun])
    times = np.unique(taken)
    busy = np.searchsorted(np.sort(taken), times, "right") - np.searchsorted(np.sort(freed), times, "right")
    return int((busy > slots[epoch_at(plan, times)]).sum())


def overlong_queue(plan: Plan, log: Log) -> int:
    """Whenever an action joins the own service's queue, no more wait than there are places then."""
    a = log.actions
    left = left_queue(plan, log)
    waits = (left > a["arrival"]) & (a["outcome"] != Outcome.REJECTED)
    return crowded(plan, np.where(waits, a["arrival"], DID_NOT), left, plan.service.queue[:, 0])


def idle_while_waiting(plan: Plan, log: Log) -> int:
    """Nobody waits for the own service while it has a free slot (told at the times when somebody joins the queue)."""
    a = log.actions
    left = left_queue(plan, log)
    joined = np.unique(a["arrival"][(left > a["arrival"]) & (a["outcome"] != Outcome.REJECTED)])
    begun = a["start"] != DID_NOT
    freed = np.where(a["end"][begun] == DID_NOT, FOREVER, a["end"][begun])
    busy = np.searchsorted(np.sort(a["start"][begun]), joined, "right") - np.searchsorted(
        np.sort(freed), joined, "right"
    )
    return int((busy < plan.service.slots[epoch_at(plan, joined), 0]).sum())


def overtakers(plan: Plan, log: Log) -> int:
    """First come, first served: of a priority class of the own service, and of the attempts at a deployment."""
    a, t = log.actions, log.attempts
    plans = np.append(plan.people.plan_priority, 0)
    classes = plan.actions.priority[a["kind"]] + plans[a["plan"]]
    wrong = sum(unfair(a["arrival"], a["start"], classes == one) for one in np.unique(classes))
    return wrong + sum(unfair(t["dispatched"], t["started"], t["deployment"] == n) for n in np.unique(t["deployment"]))


def unfair(came: Ints, served: Ints, which: Bools) -> int:
    """How many that came later (not at the same instant) were served before one that came earlier."""
    which = which & (served != DID_NOT)
    order = np.lexsort([served[which], came[which]])
    came, served = came[which][order], served[which][order]
    latest = np.maximum.accumulate(served)
    before = np.searchsorted(came, came, "left") - 1  # the last one that came earlier
    return int(((before >= 0) & (latest[np.maximum(before, 0)] > served)).sum())


def used(plan: Plan, log: Log) -> list[float]:
    """Served use of each limited station: busy time over slots times time, from the first start to the last end."""
    a, t = log.actions, log.attempts
    places = [(a["start"], left_service(plan, log, DID_NOT), plan.service.slots[:, 0])]
    for n in range(len(plan.deployments.model)):
        here = t["deployment"] == n
        places.append((t["started"][here], t["released"][here], plan.deployments.concurrency[:, n]))
    found = []
    for taken, freed, slots in places:
        known = (taken != DID_NOT) & (freed != DID_NOT)
        if known.any() and slots.max() < NEVER:
            span = int(freed[known].max() - taken[known].min())
            found.append(int((freed - taken)[known].sum()) / (int(slots.max()) * max(span, 1)))
    return found
