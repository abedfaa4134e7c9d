"""What each region did, cost and left idle: the figures by region that table, page and metrics share."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from simkit.plan.plan import NEVER, Plan
from simkit.result.bottlenecks import busiest_hour
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.limits import LimitUse, own_services
from simkit.result.metric import HOUR_NS, MONTH_HOURS
from simkit.result.regional import AREA, Regional
from simkit.result.replicas import replicas_of, scaled_cost
from simkit.result.sample import Sample
from simkit.result.tally import Tally

SERVING, HOME = "serving", "home"


@dataclass(frozen=True)
class Place:
    """A region over all replications."""

    evidence: Evidence
    region: int

    @property
    def name(self) -> str:
        """As in the scenario."""
        return self.evidence.plan.names.regions[self.region]

    @property
    def runs(self) -> int:
        """Replications."""
        return len(self.evidence.tallies)

    def _row(self, side: str) -> int:
        return self.region if side == SERVING else len(self.evidence.plan.names.regions) + 1 + self.region

    def sum(self, name: str, side: str = SERVING) -> int:
        """A column of AREA, of all replications."""
        return sum(int(one.regional.areas[self._row(side), AREA.index(name)]) for one in self.evidence.tallies)

    def served(self, side: str = SERVING) -> int:
        """Successful actions."""
        return self.sum("ok", side) + self.sum("degraded", side)

    def ended(self, side: str = SERVING) -> int:
        """All but those in flight at the end."""
        return self.sum("actions", side) - self.sum("censored", side)

    def compliance(self, side: str = SERVING) -> float | None:
        """Share of actions that meet every objective; None where there is none."""
        if not self.evidence.objectives:
            return None
        bad, counted = (
            sum(int(one.regional.areas[self._row(side), column]) for one in self.evidence.tallies)
            for column in (-2, -1)
        )
        return 1 - bad / counted if counted else None

    def percentile(self, what: str, p: float, side: str = SERVING) -> float | None:
        """Of `latency` or `waited`, s."""
        samples = [getattr(one.regional, what)[self._row(side)] for one in self.evidence.tallies]
        value = Sample.merge(samples).percentile(p)
        return None if value is None else value / 1e9

    @cached_property
    def uses(self) -> list[LimitUse]:
        """Use of its workers, by replication; empty where they are unlimited."""
        names = {one.region: f"{one.name}: workers" for one in own_services(self.evidence.plan)}
        name = names.get(self.region)
        return [use for one in self.evidence.tallies for use in one.limits if use.name == name and name]

    @property
    def busiest_hour(self) -> float | None:
        """Use of the workers in the busiest hour."""
        return busiest_hour(self.uses, self.evidence.plan) if self.uses else None

    @property
    def peak_use(self) -> float | None:
        """In the busiest minute."""
        return float(np.mean([one.peak_use for one in self.uses])) if self.uses else None

    @cached_property
    def replica_hours(self) -> float:
        """Paid, mean of replications."""
        end = np.array([self.evidence.plan.horizon])
        return float(self._replicas(lambda steps: int(steps.until(end)[0]), sum) / self.runs / HOUR_NS)

    @property
    def replicas_mean(self) -> float:
        """Paid on average."""
        return self.replica_hours / (self.evidence.plan.horizon / HOUR_NS)

    @property
    def replicas_peak(self) -> int:
        """Paid at most, of all replications."""
        inside = self.evidence.plan.horizon
        return int(self._replicas(lambda steps: int(steps.values[steps.times < inside].max()), max))

    def _replicas(self, figure: Any, together: Any) -> Any:
        plan = self.evidence.plan
        return together(figure(replicas_of(plan, one.regional.notices, self.region)) for one in self.evidence.tallies)

    def service_cost(self, run: Tally) -> int:
        """Picodollars of its service over the horizon."""
        plan = self.evidence.plan
        scaled = scaled_cost(plan, run.regional.notices, self.region, np.array([plan.horizon]))[0]
        return plan.service_costs[self.region] + scaled

    @cached_property
    def service_usd(self) -> float:
        """The same, mean of replications."""
        return sum(self.service_cost(one) for one in self.evidence.tallies) / self.runs / DOLLAR

    @property
    def cost_usd(self) -> float:
        """All cost of what was turned to it, and of its service; mean of replications."""
        return self.sum("money") / self.runs / DOLLAR + self.service_usd

    @property
    def cost_per_action(self) -> float | None:
        """Of successful actions, USD."""
        return self.cost_usd * self.runs / self.served() if self.served() else None

    def idle_of(self, run: Tally, use: LimitUse) -> float:
        """Share of the workers' paid time in which they had nothing to do, in one replication."""
        paid = worker_ns(self.evidence.plan, run.regional, self.region)
        return max(0.0, 1.0 - float(use.demand.sum()) / paid) if paid else 0.0

    @property
    def idle_share(self) -> float | None:
        """Mean of replications; None where workers are unlimited."""
        if not self.uses:
            return None
        pairs = zip(self.evidence.tallies, self.uses, strict=True)
        return sum(self.idle_of(run, use) for run, use in pairs) / self.runs

    @property
    def headroom_usd_month(self) -> float | None:
        """What the idle share costs in 730 hours."""
        if self.idle_share is None:
            return None
        return self.idle_share * self.service_usd / (self.evidence.plan.horizon / HOUR_NS) * MONTH_HOURS


def worker_ns(plan: Plan, sums: Regional, region: int) -> float:
    """Workers' paid time over the horizon."""
    paid = replicas_of(plan, sums.notices, region)
    edges = np.clip(np.append(plan.epochs, plan.horizon), 0, plan.horizon)
    workers = plan.service.workers[:, region].astype(float)
    return float((np.diff(paid.until(edges)) * np.where(workers < NEVER, workers, 0.0)).sum())


def places_of(evidence: Evidence) -> tuple[Place, ...]:
    """Every region; none where they are not modelled."""
    if not evidence.plan.regions.on[0]:
        return ()
    return tuple(Place(evidence, r) for r in range(len(evidence.plan.names.regions)))
