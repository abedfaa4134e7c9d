"""`Evidence`: all tallies of a result seen as rows of sums, from which every figure gets its interval.

A row is a replication; one stationary run alone is cut into 20 batches of its windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simkit.plan.codes import Act
from simkit.plan.plan import NEVER, Plan
from simkit.result.alerts import Alert, Watch, alerts_of, watch_of
from simkit.result.objectives import Objective, objectives_of, patient_kinds
from simkit.result.sample import Sample
from simkit.result.statistics import LEVEL, NO_INTERVAL, Estimate, jackknife, missing, wilson, woodruff
from simkit.result.tally import FAILURES, OUTCOMES, Tally
from simkit.scenario.alerts import Alerts
from simkit.scenario.policy import Slo

if TYPE_CHECKING:
    from simkit.result.books import Books
    from simkit.result.spikes import Spike

Floats = NDArray[np.float64]

BATCHES = 20
BATCH_SIZE = 5_000
"""Fewest actions that arrive in each batch."""
BATCH_PERCENTILE = 0.95
"""Batches say nothing of percentiles beyond it."""
DOLLAR = 10**12
"""Picodollars."""
SUMS = {
    "served": ("ok", "degraded"),
    "ended": OUTCOMES[:-1],
    "failures": tuple(f"attempts_{kind}" for kind in FAILURES),
    "spent": ("cost", "people", "lookup_cost", "tool_cost", "service"),
    "wanted": ("retries", "hedges", "marked_no_budget"),
    "asked": ("exact_asked", "semantic_asked"),
    "joined": ("exact_joined", "semantic_joined"),
    "served_by_cache": ("exact_hits", "semantic_hits", "joined"),
    "wanted_calls": ("calls", "served_by_cache"),
}
"""Names for sums of several series. Beside them `service`: cost of the own service; `runs`: 1 a replication."""


@dataclass(frozen=True)
class Evidence:
    """What was measured."""

    plan: Plan
    tallies: tuple[Tally, ...]
    objectives: tuple[Objective, ...]
    slo_window: int
    """Window of the error budget, ns."""
    level: float = LEVEL
    watch: Watch | None = None
    """The alerts; None: there are none."""

    @cached_property
    def alerts(self) -> tuple[tuple[Alert, ...], ...]:
        """The alerts of each replication."""
        if self.watch is None:
            return ((),) * len(self.tallies)
        return tuple(alerts_of(one.pulse, self.watch, self.objectives) for one in self.tallies)

    @cached_property
    def batches(self) -> list[tuple[int, int]]:
        """Ranges of windows of the batches; empty where batch means do not apply."""
        if len(self.tallies) != 1 or not self.plan.stationary:
            return []
        alone = self.tallies[0]
        edges = [alone.windows.count * b // BATCHES for b in range(BATCHES + 1)]
        ranges = list(pairwise(edges))
        sizes = [int(alone.series["arrived"][first:last].sum()) for first, last in ranges]
        return ranges if min(sizes) >= BATCH_SIZE else []

    @cached_property
    def spikes(self) -> "tuple[Spike, ...]":
        """The windows that cost most more than usual: page, pictures, tables and JSON tell of them."""
        from simkit.result.spikes import spikes_of

        return spikes_of(self)

    @cached_property
    def books(self) -> "tuple[Books, ...]":
        """The company's books of each replication, where users come and go."""
        from simkit.result.books import books_of

        return tuple(books_of(self.plan, one) for one in self.tallies)

    def total(self, name: str) -> int:
        """Exact sum over all replications."""
        if name in SUMS:
            return sum(self.total(part) for part in SUMS[name])
        if name == "service":
            return self.plan.service_cost * len(self.tallies) + self.total("scaled")
        if name == "runs":
            return len(self.tallies)
        return sum(one.total(name) for one in self.tallies)

    def rows(self, name: str) -> Floats:
        """The sum by replication, or by batch."""
        if name in SUMS:
            parts: Floats = np.array([self.rows(part) for part in SUMS[name]])
            return np.asarray(parts.sum(axis=0))
        if name == "service":
            return self.plan.service_cost * self._portions() + self.rows("scaled")
        if name == "runs":
            return self._portions()
        if self.batches:
            column = self.tallies[0].series[name]
            return np.array([column[first:last].sum() for first, last in self.batches], np.float64)
        return np.array([one.total(name) for one in self.tallies], np.float64)

    def _portions(self) -> Floats:
        """How much of a replication each row is."""
        if not self.batches:
            return np.ones(len(self.tallies))
        edges = self.tallies[0].windows.edges
        return np.array([(edges[last] - edges[first]) / edges[-1] for first, last in self.batches], np.float64)

    def ratio(self, numerator: str, denominator: str, why: str = "nothing to divide by") -> Estimate:
        """Ratio of totals; missing, because `why`, where the denominator is 0."""
        below = self.total(denominator)
        if below == 0:
            return missing(why)
        return jackknife(self.total(numerator) / below, self.rows(numerator), self.rows(denominator), self.level)

    def share(self, numerator: str, denominator: str, why: str = "nothing to divide by") -> Estimate:
        """A ratio of a part to the whole, 0..1. None (or all) of few actions is no certainty."""
        found = self.ratio(numerator, denominator, why).within(0.0, 1.0)
        part, whole = self.total(numerator), self.total(denominator)
        if found.low is None or 0 < part < whole or numerator in self.impossible:
            return found
        return wilson(part, whole, self.level)

    @cached_property
    def impossible(self) -> frozenset[str]:
        """Outcomes that this scenario cannot have."""
        plan = self.plan
        possible = {
            "degraded": len(plan.ladder.what) > 0,
            "abandoned": bool((plan.audience.patience >= 0).any()),
            "rejected": bool(
                (plan.service.queue < NEVER).any()
                or (plan.service.shed_in_flight < NEVER).any()
                or plan.allowances.on.any()
                or (plan.spending.act == Act.BLOCK).any()
            ),
        }
        return frozenset(name for name, may in possible.items() if not may)

    def pooled(self, name: str) -> Sample:
        """A sample of all replications."""
        if name not in self._pools:
            self._pools[name] = Sample.merge([one.samples[name] for one in self.tallies])
        return self._pools[name]

    @cached_property
    def _pools(self) -> dict[str, Sample]:
        """Those that were asked for."""
        return {}

    def percentile(self, name: str, p: float) -> Estimate:
        """Nearest-rank percentile of pooled actions with Woodruff's interval, seconds."""
        pool = self.pooled(name)
        value = pool.percentile(p)
        if value is None:
            return missing("no served action")
        if len(self.tallies) > 1:
            rows = [one.samples[name] for one in self.tallies if one.samples[name].n]
        elif name == "latency" and self.batches and p <= BATCH_PERCENTILE:
            latencies = self.tallies[0].latencies
            rows = [latencies.over(first, last) for first, last in self.batches]
        else:
            return Estimate(value / 1e9, note=NO_INTERVAL)
        if self.batches:  # their values are bins, so ask for the bin of the pooled value
            value = Sample.merge(rows).percentile(p) or 0
        shares = np.array([row.count_le(value) / row.n for row in rows if row.n])
        return woodruff(pool, p, shares, self.level)

    def users(self) -> float:
        """Mean number of daily active users over the horizon; 0: not modelled."""
        if self.plan.growth.on[0]:
            return float(np.mean([one.lives.daily.mean() for one in self.tallies]))
        edges = np.clip(np.append(self.plan.epochs, self.plan.horizon), 0, self.plan.horizon)
        weights = np.diff(edges).astype(np.float64)
        return float(weights @ self.plan.people.number.sum(axis=1) / weights.sum()) if weights.sum() else 0.0

    def users_at_peak(self) -> float:
        """Daily active users of the busiest week; where they do not come and go: of every day."""
        if not self.plan.growth.on[0]:
            return self.users()
        daily = np.mean([one.lives.daily for one in self.tallies], axis=0)
        week = min(7, len(daily))
        return float(np.convolve(daily, np.full(week, 1 / week), "valid").max())


def evidence_of(
    plan: Plan, tallies: Sequence[Tally], slo: Slo, level: float = LEVEL, alerts: Alerts | None = None
) -> Evidence:
    """The evidence of tallies, in the order of their replications.

    Raises:
        ValueError: There is no tally.
    """
    if not tallies:
        raise ValueError("a result needs at least one replication")
    ordered = tuple(sorted(tallies, key=lambda one: one.replication))
    watch = watch_of(alerts, slo.window, plan.horizon)
    return Evidence(plan, ordered, objectives_of(slo, patient_kinds(plan)), slo.window, level, watch)
