"""The tables of regions: where traffic went, what each did and cost, failovers, replicas, the audit of residency."""

from typing import Any

import numpy as np
import pandas as pd

from simkit.plan.codes import Notice
from simkit.result.evidence import Evidence
from simkit.result.failovers import Failover, FailoverCase
from simkit.result.failovers import failovers as every_failover
from simkit.result.frames import regions_frame
from simkit.result.places import HOME, places_of
from simkit.result.regional import BY_WINDOW, places
from simkit.result.replicas import replicas_of, steps_of
from simkit.result.table import Table, table
from simkit.result.tables import Draw, local_times
from simkit.result.windows import integral

NOT = float("nan")
NONE = "none"
"""Where an action was turned that was turned nowhere."""


def regions(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a region: users, what it served and how, use of its workers, replicas, cost; counts are means.

    `users_share`: of actions, by the users' region; `home_...`: of its users, wherever they were served; all else is of
    what was turned to its service. `idle_share`: paid time of workers in which they had nothing to do.
    """
    everybody = evidence.total("arrived")
    rows: list[dict[str, Any]] = []
    for one in places_of(evidence):
        ended, at_home = one.ended(), one.ended(HOME)
        rows.append(
            {
                "region": one.name,
                "users_share": one.sum("actions", HOME) / everybody if everybody else NOT,
                "actions": one.sum("actions") / one.runs,
                "served": one.served() / one.runs,
                "success_rate": one.served() / ended if ended else NOT,
                "slo_compliance": number(one.compliance()),
                "queue_wait_p95_s": number(one.percentile("waited", 0.95)),
                "latency_p50_s": number(one.percentile("latency", 0.5)),
                "latency_p95_s": number(one.percentile("latency", 0.95)),
                "home_success_rate": one.served(HOME) / at_home if at_home else NOT,
                "home_slo_compliance": number(one.compliance(HOME)),
                "home_latency_p95_s": number(one.percentile("latency", 0.95, HOME)),
                "busiest_hour_use": number(one.busiest_hour),
                "peak_use": number(one.peak_use),
                "replicas_mean": one.replicas_mean,
                "replicas_peak": one.replicas_peak,
                "replica_hours": one.replica_hours,
                "cost_usd": one.cost_usd,
                "service_usd": one.service_usd,
                "cost_per_action_usd": number(one.cost_per_action),
                "idle_share": number(one.idle_share),
                "headroom_usd_month": number(one.headroom_usd_month),
            }
        )
    return table(rows, draw)


def flow(evidence: Evidence, draw: Draw = None) -> Table:
    """From the users' region to the serving one: actions (mean), share of all, mean time until they were there, s."""
    columns = ("users", "served_in", "actions", "share", "network_mean_s")
    sums = np.sum([one.regional.flow for one in evidence.tallies], axis=0)
    names, runs = evidence.plan.names.regions, len(evidence.tallies)
    whole = int(sums[..., 0].sum()) if sums.size else 0
    rows = [
        (names[h], (*names, NONE)[r], int(n) / runs, int(n) / whole, int(ns) / int(came) / 1e9 if came else NOT)
        for h, row in enumerate(sums) for r, (n, came, ns) in enumerate(row) if n
    ]  # fmt: skip
    return table(rows, draw, columns)


def failovers(evidence: Evidence, draw: Draw = None) -> Table:
    """A row an incident and region that it took; scheduled ones (replication -1) with all replications together.

    Times in s from the loss (medians): detected by health checks, told to clients, 95 % of its traffic moved; from the
    end until its traffic was back. Lost: actions (means) until all was well: failed since the region was down, and
    others above what is usual. p95 of all served actions before, during and after, each as long as the incident.
    """
    return table([_failover(evidence, one) for one in every_failover(evidence)], draw, FAILOVERS)


FAILOVERS = (
    "replication", "name", "region", "start", "end", "start_s", "end_s", "share_before", "detected_s", "published_s",
    "moved_s", "back_s", "lost", "lost_region_down", "lost_otherwise", "latency_p95_before_s", "latency_p95_during_s",
    "latency_p95_after_s",
)  # fmt: skip


def _failover(evidence: Evidence, one: FailoverCase) -> tuple[Any, ...]:
    first = one.first
    moments = local_times(evidence, np.array([first.start, first.end]))
    figures = (_share, _detected, _published, _moved, _back)
    return (
        one.replication, first.name, evidence.plan.names.regions[first.region], *moments, first.start / 1e9,
        first.end / 1e9, *(number(one.median(figure)) for figure in figures), one.mean(lambda case: case.lost),
        one.mean(lambda case: case.lost_down), one.mean(lambda case: case.lost_otherwise),
        *(number(one.p95_s(when)) for when in ("before", "during", "after")),
    )  # fmt: skip


def _share(case: Failover) -> float | None:
    return case.share


def _detected(case: Failover) -> float | None:
    return case.detected_s


def _published(case: Failover) -> float | None:
    return case.published_s


def _moved(case: Failover) -> float | None:
    return case.moved_s


def _back(case: Failover) -> float | None:
    return case.back_s


def residency(evidence: Evidence, draw: Draw = None) -> Table:
    """The audit, of every action and attempt of all replications, measured or not: home, kind, what, where, permitted.

    `served in` counts actions by the region that they were turned to, `asked` attempts by deployment, `not asked`
    attempts held back since nobody who may be asked was left, `rejected` actions turned away for it.
    """
    plan, rows = evidence.plan, []
    served = np.sum([one.regional.served for one in evidence.tallies], axis=0)
    asked = np.sum([one.regional.asked for one in evidence.tallies], axis=0)
    for h, k in np.ndindex(served.shape[:2]):
        who = plan.names.regions[h], plan.names.kinds[k]
        parts = (
            ("served in", plan.names.regions, served[h, k, :-1], plan.regions.may_serve[h, k]),
            ("asked", plan.names.deployments, asked[h, k, :-2], plan.regions.may_ask[h, k]),
        )
        for what, names, counts, may in parts:
            every = zip(names, counts.tolist(), may.tolist(), strict=True)
            rows += [(*who, what, name, permitted, n) for name, n, permitted in every]
        rows += [
            (*who, "not asked", NONE, True, int(asked[h, k, -2])),
            (*who, "rejected", NONE, True, int(asked[h, k, -1])),
        ]
    return table(rows, draw, ("home", "kind", "what", "where", "permitted", "count"))


def region_timeline(evidence: Evidence, draw: Draw = None) -> Table:
    """By window of arrivals and region turned to (`none`: nowhere): start, end, actions, unserved, late (means)."""
    if not places(evidence.plan):
        return table([], draw, ("start", "end", "region", *COUNTED))
    edges = evidence.tallies[0].windows.edges
    start, end = local_times(evidence, edges[:-1]), local_times(evidence, edges[1:])
    means = np.mean([one.regional.windows for one in evidence.tallies], axis=0)
    parts = [
        pd.DataFrame({"start": start, "end": end, "region": name, **dict(zip(COUNTED, means[:, :, r].T, strict=True))})
        for r, name in enumerate((*evidence.plan.names.regions, NONE))
        if r < places(evidence.plan) or means[:, :, r].any()
    ]
    return table(pd.concat(parts, ignore_index=True), draw)


COUNTED = ("actions", *BY_WINDOW[1:])


def replicas(evidence: Evidence, draw: Draw = None) -> Table:
    """By window and region: replicas paid and share of them that incidents left (means), actions turned to it a minute.

    Empty where neither regions nor an autoscaler are there.
    """
    plan, edges = evidence.plan, evidence.tallies[0].windows.edges
    columns = ("start", "end", "region", "replicas", "available", "actions_per_min")
    if not (plan.regions.on[0] or plan.scaling.on.any()):
        return table([], draw, columns)
    start, end = local_times(evidence, edges[:-1]), local_times(evidence, edges[1:])
    lengths, parts = np.diff(edges), []
    for r, name in enumerate(plan.names.regions):
        paid = [replicas_of(plan, one.regional.notices, r) for one in evidence.tallies]
        there = [steps_of(one.regional.notices, r, Notice.AVAILABLE, 10**9) for one in evidence.tallies]
        came = [_arrivals(one.regional.windows, one.series["arrived"], r) for one in evidence.tallies]
        frame = {
            "start": start, "end": end, "region": name,
            "replicas": np.mean([np.diff(one.until(edges)) for one in paid], axis=0) / lengths,
            "available": np.mean([integral(one.times, one.values / 1e9, edges) for one in there], axis=0) / lengths,
            "actions_per_min": np.mean(came, axis=0) / (lengths / 60e9),
        }  # fmt: skip
        parts.append(pd.DataFrame(frame))
    return table(pd.concat(parts, ignore_index=True), draw, None)


def region_log(evidence: Evidence, draw: Draw = None) -> Table:
    """What became of regions and replicas, in the order in which it happened, of every replication."""
    return table(regions_frame(evidence.plan, evidence.tallies), draw)


def _arrivals(windows: np.ndarray, arrived: np.ndarray, region: int) -> np.ndarray:
    return windows[:, 0, region] if windows.shape[2] else arrived


def number(value: float | None) -> float:
    """NaN where there is none."""
    return NOT if value is None else value


__all__ = ["failovers", "flow", "region_log", "region_timeline", "regions", "replicas", "residency"]
