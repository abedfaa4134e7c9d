"""What random incidents that hardly came up in the replications could still do to a figure.

An interval is made of what was seen. An outage that takes a provider once a year is in hardly any replication, and a
study without it cannot know of it: its intervals are too narrow, and on the wrong side. But how much of the time each
kind of incident takes is known without a run: mean duration / (mean gap + mean duration), times the kind's share. Of
a kind that was seen fewer than `FEWEST_OF_A_KIND` times, the time that it takes beyond what was seen of it (or falls
short of it) may have gone otherwise than the run says, in the worst case for every action that arrives in it and asks
what it hits. The share of such actions is its *reach*: by so much a share, and the rank of a percentile, may be off.

On top of that the width of intervals is doubled while incidents are few: what is so seldom has a long tail, of which
Student's t knows nothing. What both together are worth is measured in `tests/coverage_study`: `support_chat`'s success
rate is in its interval in 42-82 % of the studies, and in the wide one in 96-100 %.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simkit.plan.index import index_of
from simkit.plan.trouble import random_outages
from simkit.result.caveats import FEWEST_INCIDENTS, random_incidents
from simkit.result.evidence import Evidence
from simkit.result.objectives import Objective
from simkit.result.sample import Sample
from simkit.result.slo import allowance, standings
from simkit.result.statistics import Estimate, share_of_percentile

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.scenario.scenario import Document

FEWEST_OF_A_KIND = 30
"""Incidents of one kind from which on the replications speak of it."""
WIDER = 2.0
"""Factor on the width of intervals while there are few incidents."""
SAMPLES = {"latency": "latency", "ttft": "ttft", "queue_wait": "waited"}
"""Beginning of a metric's name to the sample that its percentiles are of."""


class Unsure(NamedTuple):
    """A kind of incident that hardly came up."""

    time: float
    """Share of the time that it takes, beyond what was seen of it or short of that."""
    asked: float
    """Attempts at what it hits, by action: 1 at most."""
    fails: float
    """Share of the actions within it that may fail by it."""
    slowdown: float
    """How many times longer they may take; infinite where it takes limits or replicas away."""


@dataclass(frozen=True)
class Rare:
    """Incidents that hardly came up: how far figures may be off by them."""

    seen: int
    """Random incidents in all replications."""
    kinds: tuple[Unsure, ...]

    @property
    def failing(self) -> float:
        """Share of the actions that may have failed, or not, for which the run says otherwise."""
        return min(1.0, sum(one.time * one.fails for one in self.kinds))

    @property
    def touched(self) -> float:
        """The same of those that may have been slower, or faster, at all."""
        return min(1.0, sum(one.time * one.asked for one in self.kinds))

    def late(self, times: Sample, limit: int) -> float:
        """The same of those that may have failed or been slower than `limit` (ns): slow ones by their kind's factor."""
        whole = 0.0
        for one in self.kinds:
            near = times.count_le(limit) - times.count_le(int(limit / one.slowdown))
            whole += one.time * min(one.asked, one.fails + one.asked * near / max(1, times.n))
        return min(1.0, whole)


def rare(result: "Result") -> Rare | None:
    """How far the figures of a result may be off; None: it has seen enough, or there are no random incidents."""
    evidence = result.evidence
    seen, unsure = random_incidents(evidence), []
    for row, expected, attempts, regional in kinds(result.scenario.document, evidence):
        count, time = _seen(evidence, row)
        if count < FEWEST_OF_A_KIND:
            unsure.append(_unsure(result, row, abs(expected - time), attempts, regional))
    if not len(result.plan.incidents.gap) or (seen >= FEWEST_INCIDENTS and not unsure):
        return None
    return Rare(seen, tuple(unsure))


def _unsure(result: "Result", row: int, time: float, attempts: float, regional: bool) -> Unsure:
    """Of the actions in such an incident at most one fails for each attempt that is hit."""
    plan = result.plan.incidents
    starved = regional or bool(plan.quota[row] < 1)
    fails = min(1.0, attempts * (1.0 if starved else float(plan.error_rate[row])))
    return Unsure(time, min(1.0, attempts), fails, math.inf if starved else float(plan.slowdown[row]))


def kinds(document: "Document", evidence: Evidence) -> Iterator[tuple[int, float, float, bool]]:
    """Of each kind of random incident: its row, its share of the time, attempts by action at what it hits, and whether
    it takes a region."""
    plan, ended = evidence.plan.incidents, max(1, evidence.total("ended"))
    attempts = sum(one.deployments.attempts.sum(axis=1) for one in evidence.tallies) / ended
    for number, (_, _, _, law) in enumerate(random_outages(document, index_of(document))):
        lasts, gap = law.duration.mean(), law.time_between_failures.mean()
        first, beyond = plan.first_severity[number : number + 2]
        shares = np.diff(plan.severity_cdf[first:beyond], prepend=0.0)
        regional = bool(plan.region_hits[len(plan.start) + number].any())
        asked = 1.0 if regional else float(attempts[plan.outage_hits[number]].sum())
        for row, share in zip(range(first, beyond), shares, strict=True):
            yield row, float(share) * lasts / (lasts + gap), asked, regional


def _seen(evidence: Evidence, row: int) -> tuple[int, float]:
    """How many incidents of a kind the replications had, and the share of the time that they took."""
    count, time, horizon = 0, 0, evidence.plan.horizon
    for one in evidence.tallies:
        mine = (one.incidents["severity"] == row) & (one.incidents["source"] < 0)
        start, end = (np.clip(one.incidents[name][mine], 0, horizon) for name in ("start", "end"))
        count, time = count + int((end > start).sum()), time + int((end - start).sum())
    return count, time / (horizon * len(evidence.tallies))


def reach(result: "Result", objective: Objective, few: Rare) -> float:
    """By how much an objective's compliance may be off."""
    if objective.kind in ("latency", "ttft"):
        return few.late(result.evidence.pooled(objective.kind), objective.limit)
    return few.failing if nobody_gives_up(result) else few.touched


def widened(result: "Result", metric: str, unit: str, e: Estimate, few: Rare) -> Estimate:
    """The interval of a metric as wide as it may be; the same where it does not hang on incidents (money, tokens)."""
    if e.value is None or e.low is None or e.high is None:
        return e
    if metric in ("burn_rate", "error_budget_left"):
        return _budget(result, metric, e, few)
    if metric == "slo_compliance":
        return moved(e, sum(reach(result, one, few) for one in result.evidence.objectives)).within(0.0, 1.0)
    if unit == "share":
        return moved(e, few.failing if nobody_gives_up(result) else few.touched).within(0.0, 1.0)
    return _later(result, metric, e, few) if unit == "s" else e


def nobody_gives_up(result: "Result") -> bool:
    """Does an action that is slower succeed all the same?"""
    return bool((result.plan.audience.patience < 0).all())


def moved(e: Estimate, by: float) -> Estimate:
    """An interval of a share, twice as wide, and beyond that by what may not have been seen."""
    if e.value is None or e.low is None or e.high is None:
        return e
    return replace(e, low=e.value - WIDER * (e.value - e.low) - by, high=e.value + WIDER * (e.high - e.value) + by)


def _budget(result: "Result", metric: str, e: Estimate, few: Rare) -> Estimate:
    """Of the objective that it may hang on most."""
    window = 1.0 if metric == "burn_rate" else allowance(result.evidence)
    known = [one.objective for one in standings(result.evidence) if one.objective.target < 1]
    return moved(e, max((reach(result, one, few) / (1 - one.target) for one in known), default=0.0) / window)


def _later(result: "Result", metric: str, e: Estimate, few: Rare) -> Estimate:
    """A percentile of times; a mean hangs on how slow the slow ones are, which nobody knows."""
    assert e.value is not None and e.low is not None and e.high is not None
    kind, _, label = metric.rpartition("_")
    if kind not in SAMPLES or not label.startswith("p"):
        return replace(e, low=None, high=None) if few.touched else moved(e, 0.0)
    p, pool = share_of_percentile(label), result.evidence.pooled(SAMPLES[kind])
    low, high = (pool.percentile(p + by) if 0 < p + by < 1 else None for by in (-few.touched, few.touched))
    return replace(
        e, low=None if low is None else low / 1e9 - WIDER * (e.value - e.low),
        high=None if high is None else high / 1e9 + WIDER * (e.high - e.value),
    )  # fmt: skip
