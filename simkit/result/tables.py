"""The tables of a result, tidy: one row a thing, units in the names of columns; counts are means per replication."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simkit.engine.log import INCIDENT_COLUMNS
from simkit.result import shares
from simkit.result.bottlenecks import arrival_rate, bottlenecks, hour_use
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.limits import grids
from simkit.result.metrics import METRICS
from simkit.result.sample import Sample, bin_lows
from simkit.result.slo import standings
from simkit.result.statistics import Estimate
from simkit.result.table import Table, table
from simkit.result.tally import ATTEMPT_KINDS, FAILURES, OUTCOMES

Floats = NDArray[np.float64]
Draw = Callable[[], Any] | None


def summary(metrics: dict[str, Estimate], draw: Draw = None) -> Table:
    """metric, value, low, high, unit, note."""
    rows = [(name, e.value, e.low, e.high, METRICS[name].unit, e.note) for name, e in metrics.items()]
    made = table(rows, draw, ["metric", "value", "low", "high", "unit", "note"])
    return made.astype({"value": float, "low": float, "high": float})


def timeline(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a window of arrivals: start, end (local), counts, success_rate, percentiles in s, cost_usd, failures."""
    windows = evidence.tallies[0].windows
    series = {name: mean_series(evidence, name) for name in evidence.tallies[0].series}
    ended = np.sum([series[name] for name in OUTCOMES[:-1]], axis=0)
    served = series["ok"] + series["degraded"]
    frame: dict[str, Any] = {
        "start": local_times(evidence, windows.edges[:-1]),
        "end": local_times(evidence, windows.edges[1:]),
        "start_s": windows.edges[:-1] / 1e9,
        "end_s": windows.edges[1:] / 1e9,
        "arrivals": series["arrived"],
        "ended": ended,
        **{name: series[name] for name in OUTCOMES},
        "success_rate": np.divide(served, ended, out=np.full(len(ended), np.nan), where=ended > 0),
        **_window_percentiles(evidence),
        "cost_usd": series["cost"] / DOLLAR,
        "wasted_usd": series["wasted"] / DOLLAR,
        "people_usd": series["people"] / DOLLAR,
        "lookups_usd": series["lookup_cost"] / DOLLAR,
        "tools_usd": series["tool_cost"] / DOLLAR,
        "attempts": series["attempts"],
        **{name: series[name] for name in ("sent", "retries", "hedges", "reloads")},
        **{f"attempts_{kind}": series[f"attempts_{kind}"] for kind in FAILURES},
        "tokens_in": series["tokens_in"],
        "tokens_out": series["tokens_out"],
        **{
            f"{what}_{one.label}": series[f"{what}_{one.label}"]
            for one in evidence.objectives
            for what in ("bad", "counted")
        },
    }
    return table(frame, draw)


def mean_series(evidence: Evidence, name: str) -> Floats:
    """A series of the timeline, on average over replications."""
    return np.asarray(np.array([one.series[name] for one in evidence.tallies], np.float64).mean(axis=0))


def _window_percentiles(evidence: Evidence) -> dict[str, Floats]:
    count = evidence.tallies[0].windows.count
    pools = [Sample.merge([one.latencies.over(w, w + 1) for one in evidence.tallies]) for w in range(count)]
    return {
        f"latency_{label}": np.array([_seconds(pool.percentile(p)) for pool in pools])
        for label, p in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }


def _seconds(ns: int | None) -> float:
    return np.nan if ns is None else ns / 1e9


def local_times(evidence: Evidence, ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Moments of the scenario in its own time zone."""
    moments = pd.to_datetime(np.asarray(ns, np.int64) + evidence.plan.start_utc, utc=True)
    return moments.tz_convert(evidence.plan.timezone)


def costs(evidence: Evidence, draw: Draw = None) -> Table:
    """by, name, cost_usd, share: every dimension adds up to the models' cost; `total` has all."""
    return table(shares.costs(evidence), draw, shares.Cost._fields).astype({"cost_usd": float, "share": float})


def slo(evidence: Evidence, draw: Draw = None) -> Table:
    """A row an objective: target, compliance with its interval, bad, budget left, burn rate, verdict."""
    columns = ("objective", "text", "target", "compliance", "low", "high", "bad", "counted",
               "error_budget_left", "burn_rate", "verdict", "note")  # fmt: skip
    runs = len(evidence.tallies)
    rows = [
        (
            one.objective.label, one.objective.text, one.objective.target, one.compliance.value, one.compliance.low,
            one.compliance.high, one.bad / runs, one.counted / runs, one.budget_left.value, one.burn_rate.value,
            str(one.verdict), one.compliance.note or one.budget_left.note,
        )
        for one in standings(evidence)
    ]  # fmt: skip
    figures = dict.fromkeys(columns[2:10], float)
    return table(rows, draw, columns).astype(figures)


def models(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a deployment: attempts, failures by kind, ttft and latency from dispatch, tokens, cost, peak in flight."""
    names, runs = evidence.plan.names, len(evidence.tallies)
    uses = [one.deployments for one in evidence.tallies]
    attempts = np.sum([one.attempts for one in uses], axis=0) / runs
    frame: dict[str, Any] = {
        "deployment": names.deployments,
        "model": [names.models[m] for m in evidence.plan.deployments.model],
        "provider": [names.providers[p] for p in evidence.plan.deployments.provider],
        "attempts": attempts.sum(axis=1),
        **{ATTEMPT_KINDS[kind]: attempts[:, kind] for kind in range(len(ATTEMPT_KINDS))},
    }
    for what in ("ttft", "latency"):
        pools = [Sample.merge([getattr(one, what)[n] for one in uses]) for n in range(len(names.deployments))]
        for label, p in (("p50", 0.5), ("p95", 0.95)):
            frame[f"{what}_{label}_s"] = [_seconds(pool.percentile(p)) for pool in pools]
    frame["tokens_in"] = np.mean([one.tokens_in for one in uses], axis=0)
    frame["tokens_out"] = np.mean([one.tokens_out for one in uses], axis=0)
    frame["cost_usd"] = [sum(int(one.cost[n]) for one in uses) / DOLLAR / runs for n in range(len(names.deployments))]
    frame["peak_in_flight"] = np.max([one.peak for one in uses], axis=0)
    return table(frame, draw)


def bottleneck_table(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a limit, what breaks first at the top; full_at is a multiple of today's load."""
    users = evidence.users()
    rate = arrival_rate(evidence)
    found = bottlenecks(evidence)
    columns = ("limit", "kind", "text", "peak_use", "busiest_hour_use", "mean_use", "delayed", "refused",
               "mean_delay_s", "affected_share", "full_at", "full_at_users", "full_at_per_s", "peak_at")  # fmt: skip
    rows = [
        (
            one.name, one.kind, one.text, one.peak_use, one.busiest_hour_use, one.mean_use, one.delayed, one.refused,
            _float(one.mean_delay_s), one.affected_share, _float(one.full_at),
            _float(one.full_at) * users if users else np.nan, _float(one.full_at) * rate,
            local_times(evidence, np.array([one.peak_at]))[0],
        )
        for one in found
    ]  # fmt: skip
    return table(rows, draw, columns)


def _float(value: float | None) -> float:
    return np.nan if value is None else value


def limits(evidence: Evidence, draw: Draw = None) -> Table:
    """Use of every limit by hour, mean over replications: start, end, limit, kind, use (1 = full)."""
    edges = grids(evidence.plan)[0].edges
    start, end = local_times(evidence, edges[:-1]), local_times(evidence, edges[1:])
    parts = [
        pd.DataFrame({"start": start, "end": end, "limit": one.name, "kind": one.kind, "use": use})
        for i, one in enumerate(evidence.tallies[0].limits)
        for use in [hour_use([run.limits[i] for run in evidence.tallies])]
    ]
    if not parts:
        return table([], draw, ["start", "end", "limit", "kind", "use"])
    return table(pd.concat(parts, ignore_index=True), draw)


def reasons(evidence: Evidence, draw: Draw = None) -> Table:
    """Why actions were not ok: outcome, reason, actions, share (of ended), the most frequent first."""
    return table(shares.reasons(evidence), draw, shares.Reason._fields)


def incidents(evidence: Evidence, draw: Draw = None) -> Table:
    """A row an incident: replication (-1: scheduled, in every one), name, start, end (local), seconds, severity."""
    plan, rows, seen = evidence.plan, [], set()
    for run in evidence.tallies:
        for source, start, end, severity in zip(*(run.incidents[c].tolist() for c in INCIDENT_COLUMNS), strict=True):
            scheduled = source >= 0
            if scheduled and (source, start) in seen:
                continue
            seen.add((source, start))
            name = plan.names.incidents[source] if scheduled else plan.names.outages[-1 - source]
            moments = local_times(evidence, np.array([start, end]))
            hard = plan.incidents
            how = (float(hard.error_rate[severity]), float(hard.slowdown[severity]), float(hard.quota[severity]))
            rows.append((-1 if scheduled else run.replication, name, *moments, start / 1e9, end / 1e9, *how))
    columns = ("replication", "name", "start", "end", "start_s", "end_s", "error_rate", "slowdown", "quota_left")
    return table(rows, draw, columns)


def latency_distribution(evidence: Evidence, draw: Draw = None) -> Table:
    """Served actions by latency: low_s, high_s, count (of all replications), in bins of less than 0.8 % width."""
    bins = np.concatenate([one.latencies.bin for one in evidence.tallies])
    counts = np.concatenate([one.latencies.count for one in evidence.tallies])
    sums = Sample.counted(bins, counts)
    frame = {"low_s": bin_lows(sums.values) / 1e9, "high_s": bin_lows(sums.values + 1) / 1e9, "count": sums.counts}
    return table(frame, draw)
