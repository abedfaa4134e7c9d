"""Reviews of incidents: when each was noticed and over, what it took, and how the clients made it worse."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from simkit.result.alerts import PAGE, Alert
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.over_replications import Together
from simkit.result.pulse import Pulse
from simkit.result.recovery import COLUMNS, Recovery, Stretch
from simkit.result.slo import allowance
from simkit.result.tally import Tally
from simkit.result.windows import MINUTE

AFTER = 5 * MINUTE
"""A page so soon after all is well is still of the incident."""
CALM = 5 * MINUTE
"""For so long objectives must be met after the responder acted: it helped."""
NAMED = 3
"""Most incidents of a stretch that are named."""


@dataclass(frozen=True)
class Case:
    """An incident (or several that ran into one another) in one replication."""

    evidence: Evidence
    tally: Tally
    stretch: Stretch
    alert: Alert | None
    """The first page of it."""

    @cached_property
    def name(self) -> str:
        """Of its incidents."""
        names = list(dict.fromkeys(incident_name(self.evidence, source) for source in self._sources))
        more = len(names) - NAMED
        return " + ".join(names if more <= 0 else [*names[:NAMED], f"{more} more"])

    @property
    def scheduled(self) -> bool:
        """Is it the same in every replication?"""
        return all(source >= 0 for source in self._sources)

    @property
    def _sources(self) -> list[int]:
        return [int(self.tally.incidents["source"][row]) for row in self.stretch.incidents]

    def sum(self, name: str) -> int:
        """A column of `result.recovery` from its start until all was well."""
        return int(self.stretch.sums[COLUMNS.index(name)])

    def usual(self, name: str) -> float | None:
        """The same per action outside of all incidents."""
        rest = self.tally.recovery.rest
        ended = int(rest[COLUMNS.index("ended")])
        return int(rest[COLUMNS.index(name)]) / ended if ended else None

    @property
    def detected_s(self) -> float | None:
        """From the start to the first page."""
        return None if self.alert is None else (self.alert.fired - self.stretch.start) / 1e9

    @cached_property
    def acted(self) -> int | None:
        """When the responder first did something in it, ns."""
        over = self.stretch.recovered if self.stretch.recovered >= 0 else self.evidence.plan.horizon
        return next((at for _, at, _ in self.tally.responses if self.stretch.start <= at < over), None)

    @property
    def acted_s(self) -> float | None:
        """From the start to what the responder did."""
        return None if self.acted is None else (self.acted - self.stretch.start) / 1e9

    @cached_property
    def mitigated_s(self) -> float | None:
        """From the start until, after the responder acted, all objectives were met again; None: nothing was done, or
        nothing came of it before the incident ended by itself."""
        if self.acted is None:
            return None
        over = self.stretch.end if self.acted < self.stretch.end else self.evidence.plan.horizon
        usual = [self._usual_bad(o) for o in range(len(self.evidence.objectives))]
        met = met_again(self.tally.pulse, usual, self.acted, over)
        return None if met is None else (met - self.stretch.start) / 1e9

    def _usual_bad(self, o: int) -> float:
        """Share of bad actions that an objective allows, or what is usual outside of incidents if that is more."""
        bad, counted = self.tally.recovery.rest[len(COLUMNS) + 2 * o :][:2].tolist()
        return max(1 - self.evidence.objectives[o].target, bad / counted if counted else 0.0)

    @property
    def recovered_s(self) -> float | None:
        """From the end until all was well; None: never."""
        return None if self.stretch.recovered < 0 else (self.stretch.recovered - self.stretch.end) / 1e9

    @cached_property
    def budgets(self) -> dict[str, float]:
        """Share of each objective's error budget that it spent."""
        spent = {}
        for o, one in enumerate(self.evidence.objectives):
            counted = self.tally.total(f"counted_{one.label}")
            if one.target < 1 and counted:
                bad = int(self.stretch.sums[len(COLUMNS) + 2 * o])
                spent[one.label] = bad / ((1 - one.target) * counted * allowance(self.evidence))
        return spent

    @property
    def harmful(self) -> bool:
        """Was an objective missed while it lasted?"""
        sums = self.stretch.sums[len(COLUMNS) :].tolist()
        rows = zip(self.evidence.objectives, sums[::2], sums[1::2], strict=True)
        return any(bad > (1 - one.target) * counted for one, bad, counted in rows)

    @property
    def extra_usd(self) -> float | None:
        """Cost beyond what as many actions cost otherwise."""
        usual = self.usual("cost")
        return None if usual is None else (self.sum("cost") - self.sum("ended") * usual) / DOLLAR

    @property
    def tries(self) -> float | None:
        """Attempts sent per action."""
        return self.sum("sent") / self.sum("ended") if self.sum("ended") else None

    @property
    def worst(self) -> float | None:
        """The same in the worst minute, against what is usual."""
        sent, ended = self.stretch.worst
        usual = self.usual("sent")
        return sent / ended / usual if ended and usual else None


def met_again(pulse: Pulse, allowed: Sequence[float], since: int, until: int) -> int | None:
    """When the first five minutes from `since` to `until` began in which no more than allowed ended badly.

    After a relapse nothing is met: in all that follows, too, at most twice as much may end badly.
    """
    cells, first, beyond = -(-CALM // pulse.every), -(-since // pulse.every), until // pulse.every
    if beyond - first < cells:
        return None
    share, tables = np.array(allowed)[:, np.newaxis], [table[:, first:beyond] for table in (pulse.bad, pulse.counted)]
    calm = [np.lib.stride_tricks.sliding_window_view(table, cells, axis=1).sum(axis=2) for table in tables]
    rest = [np.cumsum(table[:, ::-1], axis=1)[:, ::-1][:, : calm[0].shape[1]] for table in tables]
    met = calm[1].any(axis=0)
    for (bad, counted), times in ((calm, 1), (rest, 2)):
        met &= (bad <= times * share * counted).all(axis=0)
    return (first + int(met.argmax())) * pulse.every if met.any() else None


def incident_name(evidence: Evidence, source: int) -> str:
    """The name of a scheduled incident, or of a random outage (-1 - index)."""
    names = evidence.plan.names
    return names.incidents[source] if source >= 0 else names.outages[-1 - source]


def cases(evidence: Evidence) -> tuple[Case, ...]:
    """Every incident of every replication, in the order of replications and starts."""
    return tuple(
        Case(evidence, run, one, _first_page(evidence, run.recovery, one, alerts))
        for run, alerts in zip(evidence.tallies, evidence.alerts, strict=True)
        for one in run.recovery.stretches
    )


def _first_page(evidence: Evidence, recovery: Recovery, one: Stretch, alerts: Sequence[Alert]) -> Alert | None:
    over = one.recovered if one.recovered >= 0 else evidence.plan.horizon
    pages = (each for each in alerts if each.rule.severity == PAGE and one.start < each.fired < over + AFTER)
    return next(pages, None)


@dataclass(frozen=True)
class Review(Together[Case]):
    """One incident over all replications in which it was the same, or a random one in its own."""

    @property
    def replication(self) -> int:
        """-1: of all replications."""
        return -1 if self.first.scheduled else self.first.tally.replication

    def mean(self, figure: Callable[[Case], float | None]) -> float | None:
        """Mean over those that have it."""
        known = [value for one in self.cases if (value := figure(one)) is not None]
        return sum(known) / len(known) if known else None

    def share(self, figure: Callable[[Case], float | None]) -> float:
        """Share of those that have it."""
        return sum(figure(one) is not None for one in self.cases) / len(self.cases)

    @property
    def budget(self) -> tuple[str, float] | None:
        """The objective that it cost most of its budget, and the share."""
        spent = {
            label: sum(one.budgets.get(label, 0.0) for one in self.cases) / len(self.cases)
            for label in self.first.budgets
        }
        return max(spent.items(), key=lambda pair: pair[1], default=None)


def reviews(evidence: Evidence) -> tuple[Review, ...]:
    """Scheduled incidents with all replications together, random ones each; by start."""

    def key(one: Case) -> tuple[int, str, int]:
        return one.stretch.start, one.name, -1 if one.scheduled else one.tally.replication

    ordered = sorted(cases(evidence), key=key)
    return tuple(Review(tuple(group)) for _, group in groupby(ordered, key))
