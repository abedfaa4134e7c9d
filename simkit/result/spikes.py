"""Where the top of the bill comes from: the windows that cost most more than usual, and what made them."""

from dataclasses import dataclass

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
WORTH_TELLING = 1.5
"""Times the usual cost from which on the page tells of a window."""


@dataclass(frozen=True)
class Spike:
    """A window that cost more than usual, USD."""

    window: int
    cost: float
    usual: float
    """The median of windows at the same hour of the week, or of the day, or of all."""
    cause: str
    """What of it was furthest above its own median."""
    kind: str
    model: str
    """Empty where there are too many of them to be told by window."""
    by_cause: float
    """How much of it was that cause's."""

    @property
    def excess(self) -> float:
        """What it cost more than usual."""
        return self.cost - self.usual

    @property
    def times(self) -> float:
        """Cost / what is usual."""
        return self.cost / self.usual if self.usual else float("inf")


def spikes_of(evidence: Evidence) -> tuple[Spike, ...]:
    """The windows that cost most more than usual, most first; means over replications."""
    by_cause = money_by_cause(evidence)
    names = evidence.plan.names
    kinds = _money(evidence, "by_kind", names.kinds)
    models = _money(evidence, "by_model", names.models)
    cost = np.sum(list(by_cause.values()), axis=0)
    like = alike(evidence)
    above = cost - _usual(cost, like)
    order = [w for w in np.argsort(-above, kind="stable").tolist() if above[w] > 0][:MOST]
    found = []
    for w in order:
        cause, kind, model = (_furthest(one, like, w) for one in (by_cause, kinds, models))
        usual = float(cost[w] - above[w])
        found.append(Spike(w, float(cost[w]), usual, cause, kind, model, float(by_cause[cause][w])))
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


def _usual(values: Floats, like: NDArray[np.int64]) -> Floats:
    """For each window the median of those that are compared with it."""
    found = np.zeros(len(values))
    for one in np.unique(like):
        found[like == one] = np.median(values[like == one])
    return found


def _furthest(parts: dict[str, Floats], like: NDArray[np.int64], window: int) -> str:
    some = {name: values for name, values in parts.items() if values[window] > 0}
    above = {name: float(values[window] - _usual(values, like)[window]) for name, values in some.items()}
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
    cause = one.cause.replace("_", " ")
    return f"{start:%a %H:%M}: {dollars(one.cost)} ({often}), {cause} {dollars(one.by_cause)}{kind}"


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
