"""`Tally`: one replication as sums, counts and samples: all that a `Result` needs, whoever filled it.

Measured are actions that arrive in [0, horizon), with all their attempts whenever those happen;
what is counted by window is counted in the window of the action's arrival. Use of limits is the exception:
it counts everything, measured or not, at its own time in [0, horizon).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.engine.log import Column, Log
from simkit.plan.plan import Plan
from simkit.result.limits import LimitUse, limit_uses
from simkit.result.objectives import Objective
from simkit.result.sample import Sample, bins_of
from simkit.result.windows import Windows, timeline_windows

Ints = NDArray[np.int64]
Rows = NDArray[np.bool_]
Money = NDArray[np.object_]
"""Python integers, picodollars."""
EXACT = 200_000
"""Expected actions of a replication up to which percentiles are exact; beyond, within 0.4 % (`laws.histogram`)."""
OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
KINDS = tuple(kind.name.lower() for kind in Kind)
ATTEMPT_KINDS = KINDS[: Kind.DEADLINE]
"""Ways in which an attempt ends."""
FAILURES = KINDS[Kind.RATE_LIMIT : Kind.CANCELLED]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of served latencies by window and bin (`laws.histogram`); only what is not 0, by window."""

    window: Ints
    bin: Ints
    count: Ints

    def over(self, first: int, last: int) -> Sample:
        """The latencies of windows first..last - 1, within 0.4 %."""
        rows = slice(*np.searchsorted(self.window, [first, last]))
        return Sample.binned(self.bin[rows], self.count[rows])


@dataclass(frozen=True, eq=False)
class DeploymentUse:
    """What measured actions asked of each deployment; the peak is of all actions."""

    attempts: Ints
    """(N, ways to end)"""
    tokens_in: Ints
    tokens_out: Ints
    cost: Money
    peak: Ints
    """(N) most slots taken at one time, in the whole run."""
    ttft: tuple[Sample, ...]
    latency: tuple[Sample, ...]
    """From dispatch to the first token and to the answer of successful attempts, ns."""


@dataclass(frozen=True, eq=False)
class Tally:
    """The aggregates of one replication."""

    replication: int
    windows: Windows
    series: dict[str, Ints]
    """Sums by window, see `_action_series` and `_attempt_series` for the names."""
    latencies: Histogram
    samples: dict[str, Sample]
    """latency, ttft, waited (served actions, ns) and cost (all actions, picodollars)."""
    reasons: Ints
    """(outcomes, reasons) counts."""
    cost: dict[str, Money]
    """Picodollars by kind, model, deployment, provider, call, outcome, cause, waste: each adds up to the same total."""
    deployments: DeploymentUse
    limits: tuple[LimitUse, ...]
    users: dict[str, Ints]
    """user, actions, cost of every user seen; empty where users are not modelled."""
    incidents: dict[str, Ints]
    """As in the log."""
    ended: int
    events: int

    def total(self, name: str) -> int:
        """A series' exact sum."""
        return int(self.series[name].sum(dtype=object)) if len(self.series[name]) else 0


def tally(plan: Plan, log: Log, objectives: Sequence[Objective]) -> Tally:
    """The tally of a log."""
    windows = timeline_windows(plan.horizon)
    arrival = log.actions["arrival"]
    keep = (arrival >= 0) & (arrival < plan.horizon)
    row = action_rows(log)
    actions = {name: column[keep] for name, column in log.actions.items()}
    mine = keep[row]
    attempts = {name: column[mine] for name, column in log.attempts.items()}
    owner = (np.cumsum(keep) - 1)[row[mine]]
    place = windows.index(actions["arrival"])
    served = actions["outcome"] <= Outcome.DEGRADED
    wasted = (attempts["outcome"] != Kind.OK) | ~served[owner]
    series = _action_series(actions, place, windows.count, log.ended, objectives)
    series |= _attempt_series(plan, attempts, owner, place[owner], windows.count, wasted)
    latency = (actions["end"] - actions["arrival"])[served]
    exact = is_exact(plan)
    return Tally(
        replication=log.replication,
        windows=windows,
        series=series,
        latencies=_histogram(place[served], latency),
        samples={
            "latency": sample(latency, exact),
            "ttft": sample((actions["first_token"] - actions["arrival"])[served], exact),
            "waited": sample(actions["waited"][served], exact),
            "cost": sample(actions["cost"], exact),
        },
        reasons=_pairs(actions["outcome"], actions["reason"], len(Outcome), len(Kind)),
        cost=_costs(plan, actions, attempts, owner, wasted),
        deployments=_deployments(plan, log, attempts),
        limits=limit_uses(plan, log, row, keep),
        users=_users(actions),
        incidents=log.incidents,
        ended=log.ended,
        events=log.events,
    )


def is_exact(plan: Plan) -> bool:
    """Are single values kept for percentiles? It depends on nothing but the plan: not on the engine, nor on the log."""
    return plan.expected_actions <= EXACT


def sample(values: Column, exact: bool) -> Sample:
    """A sample of values, or of their bins."""
    return Sample.of(values) if exact else Sample.binned(*np.unique(bins_of(values), return_counts=True))


def action_rows(log: Log) -> Ints:
    """The row of its action for each attempt.

    Raises:
        ValueError: An attempt's action is not in the log.
    """
    ids, wanted = log.actions["action"], log.attempts["action"]
    order = np.argsort(ids, kind="stable")
    place = np.searchsorted(ids[order], wanted)
    if len(wanted) and (place.max() == len(ids) or (ids[order[place]] != wanted).any()):
        raise ValueError("the log has attempts of actions that are not in it")
    found: Ints = order[place]
    return found


def count(codes: Column, size: int) -> Ints:
    """How many of each code 0..size - 1."""
    return np.bincount(codes, minlength=size).astype(np.int64)


def _pairs(rows: Column, columns: Column, height: int, width: int) -> Ints:
    return count(rows * width + columns, height * width).reshape(height, width)


def total_by(codes: Column, values: Column, size: int) -> Ints:
    """Exact sums of `values` (>= 0) by code: in two halves, which floats hold exactly."""
    high = np.bincount(codes, values >> 24, minlength=size).astype(np.int64)
    low = np.bincount(codes, values & 0xFFFFFF, minlength=size).astype(np.int64)
    return (high << 24) + low


def money_by(codes: Column, values: Column, size: int) -> Money:
    """The same as Python integers: a long run's bill may pass 2^63 picodollars ($9.2 million)."""
    high = np.bincount(codes, values >> 24, minlength=size).astype(np.int64).astype(object)
    low = np.bincount(codes, values & 0xFFFFFF, minlength=size).astype(np.int64).astype(object)
    return np.asarray(high * (1 << 24) + low, object)


def _action_series(
    actions: dict[str, Column], place: Ints, size: int, ended: int, objectives: Sequence[Objective]
) -> dict[str, Ints]:
    """arrived, each outcome, latency (ns, served), judged, good; bad and counted, in all and by objective."""
    outcome, good = actions["outcome"], actions["good"]
    served = outcome <= Outcome.DEGRADED
    series = {"arrived": count(place, size)}
    for code, name in enumerate(OUTCOMES):
        series[name] = count(place[outcome == code], size)
    series["latency"] = total_by(place[served], (actions["end"] - actions["arrival"])[served], size)
    series["judged"] = count(place[served & (good >= 0)], size)
    series["good"] = count(place[served & (good == 1)], size)
    any_bad, any_counted = np.zeros(len(outcome), np.bool_), outcome != Outcome.CENSORED
    for objective in objectives:
        bad, counted = objective.judge(actions, ended)
        series[f"bad_{objective.label}"] = count(place[bad], size)
        series[f"counted_{objective.label}"] = count(place[counted], size)
        any_bad, any_counted = any_bad | bad, any_counted | counted
    return series | {"bad": count(place[any_bad], size), "counted": count(place[any_counted], size)}


def _attempt_series(
    plan: Plan, attempts: dict[str, Column], owner: Ints, place: Ints, size: int, wasted: Rows
) -> dict[str, Ints]:
    """attempts, attempts_KIND, calls, retries, calls that fell back, cascade calls, escalated; cost, wasted, tokens."""
    cause, kind = attempts["cause"], attempts["outcome"]
    first = cause == Cause.FIRST
    route = plan.actions.route[attempts["call"]]
    cascade = np.append((plan.routes.next_model >= 0).any(axis=1), False)[route]
    series = {"attempts": count(place, size), "calls": count(place[first], size)}
    for code, name in enumerate(ATTEMPT_KINDS):
        series[f"attempts_{name}"] = count(place[kind == code], size)
    series["retries"] = count(place[cause == Cause.RETRY], size)
    series["fallbacks"] = count(place[_once_a_call(attempts, owner, cause == Cause.FALLBACK)], size)
    series["cascades"] = count(place[first & cascade], size)
    series["escalated"] = count(place[_once_a_call(attempts, owner, cause == Cause.ESCALATION)], size)
    series["cost"] = total_by(place, attempts["cost"], size)
    series["wasted"] = total_by(place[wasted], attempts["cost"][wasted], size)
    cached = np.minimum(attempts["tokens_cached"], attempts["billed_in"])
    for name, column in (("in", attempts["billed_in"]), ("out", attempts["billed_out"]), ("cached", cached)):
        series[f"tokens_{name}"] = total_by(place, column, size)
    return series


def _once_a_call(attempts: dict[str, Column], owner: Ints, chosen: Rows) -> Ints:
    """One row of those chosen for each (action, call, repeat)."""
    rows = np.flatnonzero(chosen)
    repeats = int(attempts["repeat"].max(initial=0)) + 1
    calls = int(attempts["call"].max(initial=0)) + 1
    key = (owner[rows] * calls + attempts["call"][rows]) * repeats + attempts["repeat"][rows]
    return rows[np.unique(key, return_index=True)[1]]


def _histogram(place: Ints, latency: Ints) -> Histogram:
    bins = bins_of(latency)
    most = int(bins.max(initial=0)) + 1
    keys, counts = np.unique(place * most + bins, return_counts=True)
    return Histogram(keys // most, keys % most, counts.astype(np.int64))


def _costs(
    plan: Plan, actions: dict[str, Column], attempts: dict[str, Column], owner: Ints, wasted: Rows
) -> dict[str, Money]:
    names, cost, deployment = plan.names, attempts["cost"], attempts["deployment"]
    sent = deployment >= 0  # what was sent nowhere cost nothing
    return {
        "model": money_by(attempts["model"], cost, len(names.models)),
        "deployment": money_by(deployment[sent], cost[sent], len(names.deployments)),
        "provider": money_by(plan.deployments.provider[deployment[sent]], cost[sent], len(names.providers)),
        "call": money_by(attempts["call"], cost, len(names.calls)),
        "kind": money_by(actions["kind"][owner], cost, len(names.kinds)),
        "outcome": money_by(actions["outcome"][owner], cost, len(Outcome)),
        "cause": money_by(attempts["cause"], cost, len(Cause)),
        "waste": money_by(wasted.astype(np.int64), cost, 2),
    }


def _deployments(plan: Plan, log: Log, attempts: dict[str, Column]) -> DeploymentUse:
    size = len(plan.names.deployments)
    sent = attempts["deployment"] >= 0
    deployment = attempts["deployment"][sent]
    part = {name: column[sent] for name, column in attempts.items()}
    answered = part["outcome"] == Kind.OK
    first = answered & (part["first_token"] >= 0)
    ways, exact = len(ATTEMPT_KINDS), is_exact(plan)

    def samples(rows: Rows, end: str) -> tuple[Sample, ...]:
        spans = part[end] - part["dispatched"]
        return tuple(sample(spans[rows & (deployment == n)], exact) for n in range(size))

    return DeploymentUse(
        attempts=_pairs(deployment, part["outcome"], size, ways),
        tokens_in=total_by(deployment, part["billed_in"], size),
        tokens_out=total_by(deployment, part["billed_out"], size),
        cost=money_by(deployment, part["cost"], size),
        peak=log.peaks,
        ttft=samples(first, "first_token"),
        latency=samples(answered, "ended"),
    )


def _users(actions: dict[str, Column]) -> dict[str, Ints]:
    known = actions["user"] >= 0
    users, place = np.unique(actions["user"][known], return_inverse=True)
    return {
        "user": users,
        "actions": count(place, len(users)),
        "cost": total_by(place, actions["cost"][known], len(users)),
    }
