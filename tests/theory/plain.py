"""Small scenarios in which nothing happens but what is said, and figures of their logs."""

from typing import Any

from witness import SECOND, duration

from simkit.engine.codes import Kind

MODEL: dict[str, Any] = {
    "deployments": [{"provider": "p"}],
    "ttft": "1ns",
    "tokens_per_second": 1,
    "prices": {"input": "$1", "output": "$1"},
}
CALL: dict[str, Any] = {"name": "answer", "model": "m", "input": 1, "output": 0}
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
