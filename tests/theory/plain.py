"""Small scenarios in which nothing happens but what is said, and figures of their logs."""

from typing import Any

import numpy as np
from witness import SECOND, duration, measured

from simkit.engine.codes import Kind
from simkit.engine.log import Log
from simkit.plan.plan import Plan

MODEL: dict[str, Any] = {
    "deployments": [{"provider": "p"}],
    "ttft": "1ns",
    "tokens_per_second": 1,
    "prices": {"input": "$1", "output": "$1"},
}
CALL: dict[str, Any] = {"name": "answer", "model": "m", "input": 1, "output": 0}
BROKEN: dict[str, Any] = MODEL | {"errors": {"server_error": "100%"}}
"""A model that never answers."""
EVEN, POISSON = "deterministic", "poisson"


def scenario(count: int, calls: list[Any] | None = None, process: str = EVEN, **parts: Any) -> dict[str, Any]:
    """100 arrivals a second until there are `count`, no warm-up, and nothing else than what is said."""
    return {
        "traffic": {"rate": "100/s", "process": process},
        "horizon": duration(count / 100),
        "warmup": "0s",
        "actions": {"ask": {"calls": calls or [CALL]}},
        "models": {"m": MODEL},
        "resilience": {"client": "none"},
    } | parts


def policy(client: str = "none", **fields: Any) -> dict[str, Any]:
    """Settings of the only layer."""
    return {"client": client} | fields


def taking(time: Any) -> dict[str, Any]:
    """Server errors that take so long."""
    return {"server_error": {"takes": time}}


def exponential(mean: float) -> dict[str, Any]:
    return {"exponential": {"mean": duration(mean)}}


def lognormal(median: float, sigma: float) -> dict[str, Any]:
    return {"lognormal": {"median": duration(median), "sigma": sigma}}


def percent(share: float) -> str:
    return f"{100 * share:.6f}%"


def share_of(rows: dict[str, Any], kind: Kind) -> float:
    """Share of the actions that end for a reason."""
    return float((rows["reason"] == kind).mean())


def mean_latency(rows: dict[str, Any]) -> float:
    """In seconds."""
    return float((rows["end"] - rows["arrival"]).mean()) / SECOND


def measured_attempts(log: Log, plan: Plan) -> dict[str, Any]:
    """All attempts of the actions that arrived in the measured time: those of later ones are cut short by the end."""
    inside = np.isin(log.attempts["action"], measured(log, plan)["action"])
    return {name: column[inside] for name, column in log.attempts.items()}
