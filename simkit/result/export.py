"""A result for other programs: the object of `simkit run --json`, the manifest, and the tables that are saved."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from simkit.result.causes import users_cost
from simkit.result.evidence import DOLLAR
from simkit.result.metrics import METRICS
from simkit.result.moments import moments
from simkit.result.saving import LOGGED, TABLES

if TYPE_CHECKING:
    import pandas as pd

    from simkit.result.result import Result
    from simkit.result.table import Table

MOST = 5
"""Most spikes and users in the JSON object; the saved tables have more."""
LEVER_FIELDS = (
    "kind", "lever", "label", "alone_usd", "alone_low", "alone_high", "alone_share", "step_usd", "after_usd",
    "without_usd", "worse", "note",
)  # fmt: skip


def plain(result: "Result") -> dict[str, Any]:
    """The object of `simkit run --json`: plain values, None where something does not apply."""
    return {
        "scenario": result.name,
        "scenario_hash": result.scenario.hash,
        "seed": result.seed,
        "replications": result.replications,
        "engine": result.engine,
        "version": version(),
        "metrics": {
            name: {"value": e.value, "low": e.low, "high": e.high, "unit": METRICS[name].unit}
            for name, e in result.metrics.items()
        },
        "caches": records(result.caches) if result.plan.answers.on.any() else None,
        "prompt_caches": records(result.prompt_caches) if result.evidence.total("prompt_base") else None,
        "budgets": budgets(result) if result.plan.names.budgets else None,
        "spikes": spikes(result),
        "users": users(result),
        "levers": None if result.weighed is None else records(result.weighed.summary[list(LEVER_FIELDS)]),
        "regions": records(result.regions) if result.plan.regions.on[0] else None,
        "flow": records(result.flow) if result.plan.regions.on[0] else None,
        "failovers": records(result.failovers) if result.plan.regions.on[0] else None,
        "residency": records(result.residency) if result.plan.regions.bound[0] else None,
        "months": records(result.months) if result.plan.growth.on[0] else None,
        "breaks": records(result.breaks) if result.plan.growth.on[0] else None,
    } | ({"stopped": result.stopped} if result.stopped else {})


def manifest(result: "Result") -> dict[str, Any]:
    """What made this result: the same scenario, seed and version make it again."""
    return plain(result) | {
        "resolved": json.loads(result.scenario.document.model_dump_json()),
        "price_book": result.plan.price_book,
        "versions": _versions(),
    }


def frames(result: "Result") -> "dict[str, pd.DataFrame]":
    """The tables that are saved: those that have rows, and those of the log where it was kept."""
    from simkit.result.by_replication import frame_of

    found: dict[str, pd.DataFrame] = {"timeline": result.timeline, "replications": frame_of(result.evidence)}
    found |= {name: table for name in TABLES if len(table := getattr(result, name))}
    if result.weighed is not None:
        found["levers"] = result.weighed.summary
    if result.logs is not None:
        found |= {"actions": result.actions, "attempts": result.attempts}
        found |= {name: table for name in LOGGED[2:] if len(table := getattr(result, name))}
    return found


def spikes(result: "Result") -> list[dict[str, Any]]:
    """The dearest windows over what is usual there (as `result.spikes`, for which nobody need wait for pandas)."""
    edges = result.evidence.tallies[0].windows.edges
    return [
        {
            "start": moments(result.evidence, edges[one.window : one.window + 1])[0].isoformat(),
            "start_s": int(edges[one.window]) / 1e9, "end_s": int(edges[one.window + 1]) / 1e9, "cost_usd": one.cost,
            "usual_usd": one.usual, "times": finite(one.times), "excess_usd": one.excess,
            "traffic": finite(one.traffic), "cause": one.cause, "kind": one.kind, "model": one.model,
        }
        for one in result.evidence.spikes[:MOST]
    ]  # fmt: skip


def users(result: "Result") -> list[dict[str, Any]] | None:
    """The users that cost most, as `result.users`."""
    every, actions, cost = users_cost(result.evidence)
    runs, whole = result.replications, float(cost.sum()) or 1.0
    return [
        {
            "user": int(every[u]), "actions": float(actions[u]) / runs, "cost_usd": float(cost[u]) / DOLLAR / runs,
            "share": float(cost[u]) / whole,
        }
        for u in np.argsort(-cost, kind="stable")[:MOST].tolist()
    ] or None  # fmt: skip


def finite(value: float) -> float | None:
    """None for what is infinite."""
    return value if np.isfinite(value) else None


def budgets(result: "Result") -> list[dict[str, Any]] | None:
    """Of each budget, over its days or months of all replications: what was spent, and how often it acted."""
    rows = [
        {
            "budget": str(name), "periods": len(mine), "limit_usd": float(mine["limit_usd"].mean()),
            "spent_usd": float(mine["spent_usd"].mean()), "share": float(mine["share"].mean()),
            "most_overshoot": float(mine["overshoot"].max()),
            **{act: float(mine[f"{act}_s"].notna().mean()) for act in ("alerted", "degraded", "blocked")},
        }
        for name, mine in result.budgets.groupby("budget", sort=False)
    ]  # fmt: skip
    return rows or None


def records(table: "Table") -> list[dict[str, Any]] | None:
    """Rows as plain values, moments in ISO 8601; None: there is none."""
    return json.loads(table.to_json(orient="records", date_format="iso", double_precision=15)) or None


def version() -> str:
    """simkit's own."""
    import simkit

    return str(simkit.__version__)


def _versions() -> dict[str, str]:
    import platform
    from importlib import metadata

    found = {"python": platform.python_version()}
    for name in ("numpy", "numba", "simpy", "scipy", "pandas"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
