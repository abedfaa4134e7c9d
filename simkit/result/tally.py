"""`Tally`: one replication as sums, counts and samples: all that a `Result` needs, whoever filled it.

Measured are actions that arrive in [0, horizon), with all their attempts whenever those happen;
what is counted by window is counted in the window of the action's arrival. Use of limits is the exception:
it counts everything, measured or not, at its own time in [0, horizon).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simkit.engine.codes import Cause, Kind, Mark, Outcome
from simkit.engine.log import Column, Log
from simkit.plan.codes import GENERATION
from simkit.plan.plan import Plan
from simkit.result.breakers import BreakerUse, breaker_use
from simkit.result.desk import desk_busy, desk_waits
from simkit.result.economy import Economy, action_series, attempt_series, economy_of, lookup_series
from simkit.result.limits import LimitUse, limit_uses
from simkit.result.lives import Lives, calendar_of, lives_of, seen_in
from simkit.result.objectives import Objective
from simkit.result.pulse import Pulse, pulse_of
from simkit.result.recovery import Recovery, minutes_of, recovery_of
from simkit.result.regional import Regional, regional_of
from simkit.result.replicas import scaled_series
from simkit.result.sample import Sample, bins_of
from simkit.result.sums import (
    Ints,
    Money,
    Rows,
    count,
    cut_short,
    is_sent,
    money_by,
    pairs,
    timed_actions,
    total_by,
    turned_away,
)
from simkit.result.waits import people_times, retry_waits
from simkit.result.windows import Windows, timeline_windows

EXACT = 200_000
"""Expected actions of a replication up to which percentiles are exact; beyond, within 0.4 % (`laws.histogram`)."""
OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)
KINDS = tuple(kind.name.lower() for kind in Kind)
ATTEMPT_KINDS = KINDS[: Kind.DEADLINE]
"""Ways in which an attempt ends."""
FAILURES = KINDS[Kind.RATE_LIMIT : Kind.CANCELLED]
MARKS = tuple(str(mark.name).lower() for mark in Mark)
MOST_ATTEMPTS = 255
"""Attempts of an action are counted up to so many; the last bin holds those with more."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts by window and bin (`laws.histogram`; numbers below 256 are their own bin); only what is not 0."""

    window: Ints
    bin: Ints
    count: Ints

    def over(self, first: int, last: int) -> Sample:
        """The values of windows first..last - 1, within 0.4 %."""
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
    """Sums by window, see `_action_series`, `_attempt_series` and `economy.SERIES` for the names; `scaled`:
    picodollars of replicas whose number follows the load."""
    latencies: Histogram
    attempts: Histogram
    """Actions by window of arrival and number of attempts that were sent, at most `MOST_ATTEMPTS`."""
    samples: dict[str, Sample]
    """latency, ttft, waited (served actions, ns), human_wait (for a person, of those whom one answered, ns), cost (all,
    picodollars), attempts that were sent (all)."""
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
    breakers: BreakerUse
    fallbacks_refused: Ints
    """First tries of a fallback that were refused, by limit; the last: by full slots and queues of deployments."""
    desk_busy: int
    """ns of the horizon in which people worked on cases, see `result.desk`."""
    recovery: Recovery
    """What became of every incident."""
    pulse: Pulse
    """What alerts are told from."""
    economy: Economy
    """Where the money went."""
    regional: Regional
    """Who was served where."""
    lives: Lives
    """Users who came, stayed or left."""
    why: Ints
    """(windows, reasons) actions that were not ok, by why."""
    ended: int
    events: int
    responses: tuple[tuple[int, int, int], ...] = ()
    """What a responder did: (alert fired, numbers changed, until when), ns."""

    def total(self, name: str) -> int:
        """A series' exact sum."""
        if name not in self._totals:
            self._totals[name] = int(self.series[name].sum(dtype=object)) if len(self.series[name]) else 0
        return self._totals[name]

    @cached_property
    def _totals(self) -> dict[str, int]:
        """Those that were asked for."""
        return {}


def tally(plan: Plan, log: Log, objectives: Sequence[Objective], every: int = 0) -> Tally:
    """The tally of a log; `every`: length of the cells that alerts are told from, ns, 0 where there are none."""
    windows = timeline_windows(plan.horizon)
    arrival = log.actions["arrival"]
    keep = (arrival >= 0) & (arrival < plan.horizon)
    row = action_rows(log)
    actions = {name: column[keep] for name, column in log.actions.items()}
    mine = keep[row]
    attempts = {name: column[mine] for name, column in log.attempts.items()}
    owner = (np.cumsum(keep) - 1)[row[mine]]
    place = windows.index(actions["arrival"])
    served, timed = actions["outcome"] <= Outcome.DEGRADED, timed_actions(plan, actions)
    wasted = (attempts["outcome"] != Kind.OK) | ~served[owner]
    series = _action_series(actions, place, windows.count, timed, log.ended, objectives)
    series |= _attempt_series(plan, attempts, owner, place[owner], windows.count, wasted)
    handed, took = people_times(actions)
    series["people_time"] = total_by(place[handed], took, windows.count)
    series |= lookup_series(plan, log.lookups, windows) | action_series(actions, place, windows.count)
    series |= attempt_series(plan, attempts, place[owner], windows.count)
    series["scaled"] = scaled_series(plan, log.regions, windows)
    latency = (actions["end"] - actions["arrival"])[timed]
    sent = count(owner[is_sent(attempts)], len(place))
    minutes = minutes_of(plan, actions, attempts, owner, log.ended, objectives)
    return Tally(
        replication=log.replication,
        windows=windows,
        series=series,
        latencies=_histogram(place[timed], bins_of(latency)),
        attempts=_histogram(place, np.minimum(sent, MOST_ATTEMPTS)),
        samples=_samples(actions, timed, np.minimum(sent, MOST_ATTEMPTS), is_exact(plan)),
        reasons=pairs(actions["outcome"], actions["reason"], len(Outcome), len(Kind)),
        cost=_costs(plan, actions, attempts, owner, wasted),
        deployments=_deployments(plan, log, attempts),
        limits=limit_uses(plan, log, row, keep),
        users=_users(actions),
        incidents=log.incidents,
        breakers=breaker_use(plan, log.breakers),
        fallbacks_refused=_fallbacks_refused(plan, attempts),
        desk_busy=desk_busy(plan, log.actions, log.ended),
        recovery=recovery_of(plan, minutes, log.incidents),
        pulse=pulse_of(plan.horizon, every, log.actions, objectives),
        economy=economy_of(plan, log, actions, attempts, owner, place),
        regional=regional_of(plan, log, row, actions, windows, objectives),
        lives=lives_of(plan, log.users, seen_in(calendar_of(plan), actions["user"], actions["arrival"])),
        why=reasons_by_window(actions, place, windows.count),
        ended=log.ended,
        events=log.events,
    )


def reasons_by_window(actions: dict[str, Column], place: Ints, size: int) -> Ints:
    """(windows, reasons) actions that were not ok, by why."""
    chosen = actions["outcome"] != Outcome.OK
    return pairs(place[chosen], actions["reason"][chosen], size, len(Kind))


def _samples(actions: dict[str, Column], timed: Rows, sent: Ints, exact: bool) -> dict[str, Sample]:
    since = actions["arrival"][timed]
    return {
        "latency": sample(actions["end"][timed] - since, exact),
        "ttft": sample(actions["first_token"][timed] - since, exact),
        "waited": sample(actions["waited"][timed], exact),
        "human_wait": sample(desk_waits(actions, timed), exact),
        "cost": sample(actions["cost"], exact),
        "attempts": Sample.of(sent),
    }


def _fallbacks_refused(plan: Plan, attempts: dict[str, Column]) -> Ints:
    size, rows = len(plan.names.limits), turned_away(attempts)
    blamed = np.where(attempts["outcome"] == Kind.RATE_LIMIT, attempts["limit"], size)[rows]
    return count(blamed[blamed >= 0], size + 1)


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


def _action_series(
    actions: dict[str, Column], place: Ints, size: int, timed: Rows, ended: int, objectives: Sequence[Objective]
) -> dict[str, Ints]:
    """arrived, reloads, people (picodollars), shed, human, outcomes, timed and their latency (ns), judged, good, ..."""
    outcome, good = actions["outcome"], actions["good"]
    served = outcome <= Outcome.DEGRADED
    series = {"arrived": count(place, size), "reloads": count(place[actions["action"] >> GENERATION & 15 > 0], size)}
    series["people"] = total_by(place, actions["degrade_cost"], size)
    for reason in (Kind.SHED, Kind.HUMAN):
        series[reason.name.lower()] = count(place[(outcome != Outcome.OK) & (actions["reason"] == reason)], size)
    for code, name in enumerate(OUTCOMES):
        series[name] = count(place[outcome == code], size)
    series["timed"] = count(place[timed], size)
    series["latency"] = total_by(place[timed], (actions["end"] - actions["arrival"])[timed], size)
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
    """attempts, attempts_KIND, sent, marked_MARK, calls, retries, retry_wait (ns), hedges, cut_short, ...; money."""
    cause, kind = attempts["cause"], attempts["outcome"]
    first = cause == Cause.FIRST
    route = plan.actions.route[attempts["call"]]
    cascade = np.append((plan.routes.next_model >= 0).any(axis=1), False)[route]
    series = {"attempts": count(place, size), "calls": count(place[first], size)}
    for code, name in enumerate(ATTEMPT_KINDS):
        series[f"attempts_{name}"] = count(place[kind == code], size)
    series["sent"] = count(place[is_sent(attempts)], size)
    for mark, name in zip(Mark, MARKS, strict=True):
        series[f"marked_{name}"] = count(place[attempts["marks"] & mark != 0], size)
    series["retries"] = count(place[(cause == Cause.RETRY) | (cause == Cause.CLIENT_RETRY)], size)
    hedge = cause == Cause.HEDGE
    series["hedges"] = count(place[hedge], size)
    series["hedge_wins"] = count(place[hedge & (kind == Kind.OK)], size)
    series["cut_short"] = count(place[cut_short(attempts, plan.actions.streaming)], size)
    retry, waits = retry_waits(attempts, owner)
    series["retry_wait"] = total_by(place[retry], waits, size)
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


def _histogram(place: Ints, bins: Ints) -> Histogram:
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
        attempts=pairs(deployment, part["outcome"], size, ways),
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
