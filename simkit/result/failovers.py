"""What became of traffic when a region failed: noticed, moved, lost, slower, and back again.

Before: the half hour (or what there was of it) up to the loss. Moved: from the first cell on over which the region has
at most 5 % of its share of all traffic from before; back: from the first on, after the incident, over which it has at
least 90 % of it; both looked at over a minute, or longer where there is little traffic.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from simkit.plan.codes import Notice
from simkit.plan.plan import Ints
from simkit.result.evidence import Evidence
from simkit.result.over_replications import Together
from simkit.result.regional import Regional, cell_length
from simkit.result.reviews import incident_name
from simkit.result.sample import Sample
from simkit.result.tally import Tally
from simkit.result.windows import MINUTE

BEFORE = 30 * MINUTE
MOVED, BACK = 0.05, 0.90
"""Share of what was its traffic that may be left; that must be back."""
ENOUGH = 60
"""A look sees so many of its actions, at the rate of before."""
LOST, DOWN, DETOUR = -3, -2, -1
"""Columns of the cells, after those of where actions were turned to."""
WHOLE = 10**9
"""All of a region, as notices count."""


@dataclass(frozen=True)
class Failover:
    """An incident that took a region, or a part of it, in one replication."""

    evidence: Evidence
    tally: Tally
    row: int
    """Of the table of incidents."""
    region: int

    @property
    def source(self) -> int:
        """As in the log."""
        return int(self.tally.incidents["source"][self.row])

    @property
    def name(self) -> str:
        """Of the incident."""
        return incident_name(self.evidence, self.source)

    @property
    def start(self) -> int:
        """ns, at least 0."""
        return max(0, int(self.tally.incidents["start"][self.row]))

    @property
    def end(self) -> int:
        """ns, at most the horizon."""
        return min(int(self.tally.incidents["end"][self.row]), self.evidence.plan.horizon)

    @cached_property
    def until(self) -> int:
        """When all was well again, or the next incident began."""
        mine = next((one for one in self.tally.recovery.stretches if self.row in one.incidents), None)
        well = self.evidence.plan.horizon if mine is None or mine.recovered < 0 else mine.recovered
        starts = self.tally.incidents["start"][list(mine.incidents) if mine else []]
        return int(min([well, *starts[starts > self.start].tolist()]))

    @cached_property
    def published_s(self) -> float | None:
        """From the loss until clients are told."""
        notices = self.tally.regional.notices
        told = (notices["region"] == self.region) & (notices["what"] == Notice.PUBLISHED) & (notices["value"] < WHOLE)
        times = notices["time"][told & (notices["time"] > self.start) & (notices["time"] < self.end)]
        return (int(times[0]) - self.start) / 1e9 if len(times) else None

    @property
    def detected_s(self) -> float | None:
        """From the loss until health checks have found it: before somebody has to act, if they have."""
        manual = float(self.evidence.plan.regions.manual[0]) / 1e9
        return None if self.published_s is None else self.published_s - manual

    @cached_property
    def _before(self) -> tuple[int, int]:
        """Cells before the loss."""
        length = self._length
        return max(0, self.start - BEFORE) // length, self.start // length

    @property
    def _length(self) -> int:
        return cell_length(self.evidence.plan)

    @property
    def _cells(self) -> "Regional":
        return self.tally.regional

    @cached_property
    def share(self) -> float | None:
        """The region's share of all traffic before."""
        first, beyond = self._before
        turned = self._cells.cells[first:beyond, :LOST]
        return float(turned[:, self.region].sum() / turned.sum()) if turned.sum() else None

    def _looks(self, first: int, beyond: int) -> tuple[Ints, Ints]:
        """Of each look that begins in these cells: actions turned to the region or lost on the way, and all actions."""
        before = self._cells.cells[slice(*self._before), self.region]
        rate = before.sum() / max(1, len(before))
        span = int(max(-(-MINUTE // self._length), np.ceil(ENOUGH / rate) if rate else 1))
        cells = self._cells.cells[first : beyond + span - 1]
        if len(cells) < span:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        mine = np.stack([cells[:, self.region] + cells[:, DETOUR], cells[:, :LOST].sum(axis=1)])
        slides = np.lib.stride_tricks.sliding_window_view(mine, span, axis=1).sum(axis=2)
        return slides[0, : beyond - first], slides[1, : beyond - first]

    @cached_property
    def moved_s(self) -> float | None:
        """From the loss until 95 % of its traffic goes elsewhere."""
        if not self.share:
            return None
        first, beyond = self.start // self._length, -(-self.end // self._length)
        mine, every = self._looks(first, beyond)
        gone = np.flatnonzero((mine <= MOVED * self.share * every) & (every > 0))
        if not len(gone):
            return None
        return max(0.0, self.published_s or 0.0, ((first + int(gone[0])) * self._length - self.start) / 1e9)

    @cached_property
    def back_s(self) -> float | None:
        """From the end of the incident until its traffic is back."""
        if not self.share or self.moved_s is None:
            return None
        first = self.end // self._length
        mine, every = self._looks(first, len(self._cells.cells))
        back = np.flatnonzero((mine >= BACK * self.share * every) & (every > 0))
        if not len(back):
            return None
        return max(0.0, self._told_up_s, ((first + int(back[0])) * self._length - self.end) / 1e9)

    @property
    def _told_up_s(self) -> float:
        """From the end of the incident until clients are told; 0: they are not."""
        notices = self.tally.regional.notices
        told = (notices["region"] == self.region) & (notices["what"] == Notice.PUBLISHED)
        times = notices["time"][told & (notices["time"] >= self.end)]
        return (int(times[0]) - self.end) / 1e9 if len(times) else 0.0

    @property
    def tells(self) -> bool:
        """Did enough of its actions come before to see where they go?"""
        return int(self._cells.cells[slice(*self._before), self.region].sum()) >= ENOUGH

    @property
    def is_joint(self) -> bool:
        """Does another incident take a region at the same time? What is lost then cannot be told apart."""
        incidents, hits = self.tally.incidents, self.evidence.plan.incidents.region_hits
        scheduled = len(self.evidence.plan.incidents.start)
        source = np.where(incidents["source"] < 0, scheduled - 1 - incidents["source"], incidents["source"])
        others = np.arange(len(source)) != self.row
        during = (incidents["start"] < self.end) & (incidents["end"] > self.start)
        return bool((others & during & hits[source].any(axis=1)).any())

    def _sum(self, column: int) -> int:
        first, beyond = self.start // self._length, -(-self.until // self._length)
        return int(self._cells.cells[first:beyond, column].sum())

    @property
    def lost_down(self) -> int:
        """Actions that failed because the region was down, until all was well; some had come before that."""
        return int(self._cells.cells[self._before[0] : -(-self.until // self._length), DOWN].sum())

    @property
    def lost_otherwise(self) -> float:
        """Other actions that were not served, above what is usual."""
        before = self._cells.cells[slice(*self._before)]
        asked = before[:, :LOST].sum()
        usual = before[:, LOST].sum() / asked if asked else 0.0
        first, beyond = self.start // self._length, -(-self.until // self._length)
        arrived = int(self._cells.cells[first:beyond, :LOST].sum())
        return max(0.0, self._sum(LOST) - self._sum(DOWN) - float(usual) * arrived)

    @property
    def lost(self) -> float:
        """Both together."""
        return self.lost_down + self.lost_otherwise

    def latencies(self, when: str) -> Sample:
        """Latencies of served actions of all regions `before`, `during` or `after` the incident (as long as it, each),
        by windows of arrival that lie within."""
        lasts = self.end - self.start
        spans = {
            "before": (max(0, self.start - lasts), self.start),
            "during": (self.start, self.end),
            "after": (self.end, min(self.evidence.plan.horizon, self.end + lasts)),
        }
        since, until = spans[when]
        windows = self.tally.windows
        first, beyond = -(-since // windows.length), until // windows.length
        return self.tally.latencies.over(first, max(first, beyond))


@dataclass(frozen=True)
class FailoverCase(Together[Failover]):
    """The same incident and region over all replications in which it is the same, or a random one in its own."""

    @property
    def replication(self) -> int:
        """-1: of all replications."""
        return -1 if self.first.source >= 0 else self.first.tally.replication

    def mean(self, figure: Callable[[Failover], float]) -> float:
        """Mean over all."""
        return sum(figure(one) for one in self.cases) / len(self.cases)

    def p95_s(self, when: str) -> float | None:
        """95th percentile of latency of all of them together, s."""
        value = Sample.merge([one.latencies(when) for one in self.cases]).percentile(0.95)
        return None if value is None else value / 1e9


def every_failover(evidence: Evidence) -> tuple[Failover, ...]:
    """Every loss of a region in every replication, in the order of replications and starts."""
    if not cell_length(evidence.plan):
        return ()
    return tuple(one for run in evidence.tallies for one in _of(evidence, run))


def _of(evidence: Evidence, run: Tally) -> Iterator[Failover]:
    incidents, horizon = evidence.plan.incidents, evidence.plan.horizon
    rows = run.incidents
    for i in np.lexsort((rows["end"], rows["start"])).tolist():
        source = int(rows["source"][i])
        hit = incidents.region_hits[source if source >= 0 else len(incidents.start) - 1 - source]
        lost = float(incidents.lost[rows["severity"][i]])
        if lost > 0 and rows["start"][i] < horizon and rows["end"][i] > 0:
            yield from (Failover(evidence, run, i, r) for r in np.flatnonzero(hit).tolist())


def failovers(evidence: Evidence) -> tuple[FailoverCase, ...]:
    """Scheduled incidents with all replications together, random ones each; by start."""

    def key(one: Failover) -> tuple[int, int, int, int]:
        return one.start, one.source, one.region, -1 if one.source >= 0 else one.tally.replication

    return tuple(FailoverCase(tuple(group)) for _, group in groupby(sorted(every_failover(evidence), key=key), key))
