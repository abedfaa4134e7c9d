"""Where the top of the bill comes from: the windows that cost most more than usual, and what made them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simkit.result.causes import money_by_cause, users_cost
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.moments import moments
from simkit.result.statistics import significant
from simkit.result.words import dollars, percent

Floats = NDArray[np.float64]
MOST = 10
"""Most windows that are told."""
FEWEST = 3
"""Fewer windows at the same hour of the week, or of the day, say nothing of what is usual there."""
USUAL = 0.65
"""What a window costs is usual if so much of the traffic costs no more: a mode of a third of the time is no spike."""
CHANCE = 4
"""Standard deviations, of a Poisson process of actions, by which a window may cost more by chance."""
MORE_TRAFFIC = "more_traffic"
"""The cause of a window that costs more because more is asked than the plan expects."""
WORTH_TELLING = 1.5
"""Times the usual cost from which on the page tells of a window."""


@dataclass(frozen=True)
class Spike:
    """A window that cost more than usual, USD."""

    window: int
    cost: float
    usual: float
    """For so many arrivals as the plan expects there, see `Profile`."""
    traffic: float
    """Questions / what is usual."""
    cause: str
    """What of it was furthest above what is usual for it, or `more_traffic`."""
    kind: str
    model: str
    """Empty where there are too many of them to be told by window."""
    by_cause: float
    """How much of it was that cause's; of more traffic, what that is worth at the usual cost."""

    @property
    def excess(self) -> float:
        """What it cost more than usual."""
        return self.cost - self.usual

    @property
    def times(self) -> float:
        """Cost / what is usual."""
        return self.cost / self.usual if self.usual else float("inf")


class Profile(NamedTuple):
    """What is usual at each hour: busy hours cost more every day, which is no spike."""

    load: Floats
    """Arrivals that the plan expects in each window."""
    like: NDArray[np.int64]
    """Windows with the same number are compared."""

    def usual(self, values: Floats) -> Floats:
        """For each window what is typical of those that are compared with it, in proportion to its load."""
        found = np.zeros(len(values))
        for one in np.unique(self.like):
            mine = self.like == one
            found[mine] = self.load[mine] * typical(values[mine], self.load[mine])
        return found


def typical(values: Floats, load: Floats) -> float:
    """What of values / load is not passed in two thirds of the windows, by load; where that is 0, the mean."""
    some = load > 0
    if not some.any():
        return 0.0
    each = values[some] / load[some]
    order = np.argsort(each, kind="stable")
    below = np.cumsum(load[some][order])
    high = float(each[order][np.searchsorted(below, USUAL * below[-1])])
    return high or float(values[some].sum() / load[some].sum())


def profile_of(evidence: Evidence) -> Profile:
    """By the plan's rate of arrivals; a trace has none, there every hour is like another of its kind."""
    edges, arrivals = evidence.tallies[0].windows.edges, evidence.plan.arrivals
    known = not len(arrivals.trace_time) and arrivals.cumulative[-1:].sum() > 0
    load = np.diff(np.interp(edges, arrivals.start, arrivals.cumulative) if known else edges.astype(float))
    return Profile(load, alike(evidence))


def unevenness(evidence: Evidence) -> float:
    """E[X^2] / E[X]^2 of the cost of an action: over the number of actions, the relative variance of their sum."""
    sample = evidence.pooled("cost")
    cost, count = sample.values.astype(float), sample.counts.astype(float)
    mean = cost @ count / max(count.sum(), 1.0)
    return float(cost**2 @ count / count.sum() / mean**2) if mean else 1.0


def spikes_of(evidence: Evidence) -> tuple[Spike, ...]:
    """The windows that cost most more than usual, most first; means over replications. What may be chance is none."""
    by_cause, profile = money_by_cause(evidence), profile_of(evidence)
    cost = np.sum(list(by_cause.values()), axis=0)
    usual = profile.usual(cost)
    questions = np.sum([one.series["questions"] for one in evidence.tallies], axis=0)
    asked = profile.usual(questions.astype(float))
    above, chance = cost - usual, CHANCE * usual * np.sqrt(unevenness(evidence) / np.maximum(asked, 1e-9))
    wide = np.diff(evidence.tallies[0].windows.edges)
    whole = 2 * wide >= wide.max()  # the last one may be a sliver, of which nothing is usual
    order = [w for w in np.argsort(-above, kind="stable").tolist() if whole[w] and above[w] > chance[w]][:MOST]
    names = evidence.plan.names
    kinds, models = _money(evidence, "by_kind", names.kinds), _money(evidence, "by_model", names.models)
    found = []
    for w in order:
        kind, model, cause = (_furthest(one, profile, w) for one in (kinds, models, by_cause))
        traffic = float(questions[w] / asked[w]) if asked[w] else float("inf")
        money = float(by_cause[cause][w])
        if (more := usual[w] * (traffic - 1)) >= above[w] / 2:
            cause, money = MORE_TRAFFIC, float(more)
        found.append(Spike(w, float(cost[w]), float(usual[w]), traffic, cause, kind, model, money))
    return tuple(found)


def alike(evidence: Evidence) -> NDArray[np.int64]:
    """Windows with the same number are compared: those of one hour of the week, else of the day, else all."""
    starts = moments(evidence, evidence.tallies[0].windows.edges[:-1])
    day = np.array([one.hour for one in starts], np.int64)
    week = np.array([one.weekday() for one in starts], np.int64) * 24 + day
    dates = np.array([one.toordinal() for one in starts], np.int64)
    for groups in () if evidence.plan.stationary else (week, day):
        if min(len(np.unique(dates[groups == one])) for one in np.unique(groups)) >= FEWEST:
            return groups
    return np.zeros(len(starts), np.int64)


def _money(evidence: Evidence, name: str, labels: tuple[str, ...]) -> dict[str, Floats]:
    tables = [getattr(one.economy, name) for one in evidence.tallies]
    mean = np.mean(tables, axis=0) / DOLLAR
    return {label: mean[:, place] for place, label in enumerate(labels) if mean.shape[1]}


def _furthest(parts: dict[str, Floats], profile: Profile, window: int) -> str:
    above = {
        name: float((values - profile.usual(values))[window]) for name, values in parts.items() if values[window] > 0
    }
    return max(above, key=lambda name: above[name], default="")


def spike_text(evidence: Evidence) -> str:
    """The dearest window and the dearest users, in a sentence; empty where nothing stands out."""
    top = next((one for one in spikes_of(evidence) if one.times >= WORTH_TELLING), None)
    parts = [part for part in ("" if top is None else _told(evidence, top), dearest_users(evidence)) if part]
    return "; ".join(parts)


def _told(evidence: Evidence, one: Spike) -> str:
    start = moments(evidence, evidence.tallies[0].windows.edges[one.window : one.window + 1])[0]
    often = f"{significant(one.times):g} times the usual" if np.isfinite(one.times) else "usually nothing"
    kind = f", {one.kind}" if one.kind and len(evidence.plan.names.kinds) > 1 else ""
    why = f"{one.cause.replace('_', ' ')} {dollars(one.by_cause)}"
    if one.cause == MORE_TRAFFIC and np.isfinite(one.traffic):
        why = f"{significant(one.traffic):g} times the usual questions"
    return f"{start:%a %H:%M}: {dollars(one.cost)} ({often}), {why}{kind}"


def dearest_users(evidence: Evidence) -> str:
    """The dearest 1 % of the users, if they make at least a tenth of the bill and ten times their share."""
    every, _, cost = users_cost(evidence)
    if len(every) < 2 or not cost.sum():
        return ""
    most = max(1, len(every) // 100)
    share = float(np.sort(cost)[-most:].sum() / cost.sum())
    if share < 0.1 or share < 10 * most / len(every):
        return ""
    who = "one user makes" if most == 1 else f"{most:,} users (1 %) make"
    return f"{who} {percent(share)} of the models' bill"
