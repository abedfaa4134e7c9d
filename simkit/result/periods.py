"""What a run with users who come and go did in each day, week and month."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simkit.plan.growth import DAY
from simkit.plan.plan import Ints
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.lives import PERIODS
from simkit.result.sample import Sample
from simkit.result.tally import OUTCOMES, Tally

SPENT = ("cost", "people", "lookup_cost", "tool_cost", "scaled")


@dataclass(frozen=True)
class Period:
    """A day, a week or a month, of all replications; counts are sums of them."""

    evidence: Evidence
    label: str
    by: str
    number: int
    first: int
    beyond: int
    """Its days."""

    @cached_property
    def windows(self) -> range:
        """Windows of the timeline that begin in it."""
        days = self.evidence.tallies[0].windows.edges[:-1] // DAY
        return range(*np.searchsorted(days, [self.first, self.beyond]).tolist())

    def total(self, *names: str) -> int:
        """Sum of series."""
        part = slice(self.windows.start, self.windows.stop)
        return sum(int(one.series[name][part].sum(dtype=object)) for one in self.runs for name in names)

    @property
    def runs(self) -> tuple[Tally, ...]:
        """The replications."""
        return self.evidence.tallies

    def mean(self, name: str) -> float:
        """Mean over replications of a count of users by day."""
        return float(np.mean([getattr(one.lives, name)[self.first : self.beyond].sum() for one in self.runs]))

    @property
    def daily_active(self) -> float:
        """On an average day."""
        return float(np.mean([one.lives.daily[self.first : self.beyond].mean() for one in self.runs]))

    @property
    def seen(self) -> float:
        """Different users of the whole period."""
        return float(np.mean([one.lives.seen[self.number, PERIODS.index(self.by)] for one in self.runs]))

    @property
    def active(self) -> float:
        """Active users at its end."""
        return float(np.mean([one.lives.ending[self.beyond - 1].sum() for one in self.runs]))

    @property
    def ended(self) -> int:
        """Actions that ended."""
        return self.total(*OUTCOMES[:-1])

    @property
    def success_rate(self) -> float | None:
        """Served / ended."""
        return self.total("ok", "degraded") / self.ended if self.ended else None

    @property
    def compliance(self) -> float | None:
        """Share of actions that meet every objective."""
        counted = self.total("counted") if self.evidence.objectives else 0
        return 1 - self.total("bad") / counted if counted else None

    def missed(self) -> dict[str, tuple[float, float]]:
        """Objectives that are not reached: what is, and what should be."""
        found = {}
        for one in self.evidence.objectives:
            bad, counted = self.total(f"bad_{one.label}"), self.total(f"counted_{one.label}")
            if counted and bad > (1 - one.target) * counted:
                found[one.label] = (1 - bad / counted, one.target)
        return found

    @property
    def burn_rate(self) -> float | None:
        """How many times as much of the error budget it spent as it had: of the objective that spent most."""
        rates = []
        for one in self.evidence.objectives:
            counted = self.total(f"counted_{one.label}")
            if counted and one.target < 1:
                rates.append(self.total(f"bad_{one.label}") / counted / (1 - one.target))
        return max(rates, default=None)

    def latency(self, p: float) -> float | None:
        """A percentile, s."""
        part = [one.latencies.over(self.windows.start, self.windows.stop) for one in self.runs]
        found = Sample.merge(part).percentile(p) if any(len(one.values) for one in part) else None
        return None if found is None else found / 1e9

    @property
    def cost(self) -> float:
        """All cost, USD, mean over replications."""
        lasts = min(self.beyond * DAY, self.evidence.plan.horizon) - self.first * DAY
        service = self.evidence.plan.service_cost * lasts / self.evidence.plan.horizon
        return self.total(*SPENT) / len(self.runs) / DOLLAR + service / DOLLAR

    @property
    def models(self) -> float:
        """Cost of models, USD, mean over replications."""
        return self.total("cost") / len(self.runs) / DOLLAR

    def why(self) -> Ints:
        """(reasons) actions that were not ok."""
        part = slice(self.windows.start, self.windows.stop)
        return np.asarray(np.sum([one.why[part].sum(axis=0) for one in self.runs], axis=0), np.int64)


def periods(evidence: Evidence, by: str) -> list[Period]:
    """Every day, week or month of the horizon; none where users do not come and go."""
    calendar = evidence.tallies[0].lives.calendar
    if not calendar.days:
        return []
    place = {"day": np.arange(calendar.days), "week": calendar.week, "month": calendar.month}[by]
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    labels = calendar.month_names() if by == "month" else _dates(evidence, starts.tolist())
    ends = [*starts[1:].tolist(), calendar.days]
    return [
        Period(evidence, label, by, number, first, beyond)
        for number, (label, first, beyond) in enumerate(zip(labels, starts.tolist(), ends, strict=True))
    ]


def _dates(evidence: Evidence, days: Sequence[int]) -> list[str]:
    """Local dates of days."""
    from simkit.scenario.zones import local_date

    first = np.datetime64(local_date(evidence.plan.start_utc, evidence.plan.timezone), "D")
    return [str(first + day) for day in days]


__all__ = ["Period", "periods"]
