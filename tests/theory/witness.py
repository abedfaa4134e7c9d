"""How a simulation is held against a closed form, with power: DESIGN 7.

A witness holds when, for each of its figures, the mean over replications lies within 3 standard errors of the closed
form, and the standard error is at most `power` of it. Its twin runs the scenario with the law changed by 3 % against
the unchanged closed form, and must be told apart by more than 3 standard errors in every figure marked `twin`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from simkit.engine import run_plan
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load

Floats = NDArray[np.float64]
ENGINE = "compiled"
"""Both engines agree to the last bit; this one lets the figures be sharp."""
SECOND = 1e9
LIMIT = 3.0
"""Standard errors from the closed form that are allowed."""
CHANGED = 1.03
"""Factor on the law of a twin."""


@dataclass(frozen=True)
class Figure:
    """A closed form, and how precise the estimate of it must be."""

    closed: float
    power: float = 0.005
    twin: bool = True
    """Must the twin fail in it?"""


@dataclass(frozen=True)
class Witness:
    """A scenario with a law of factor f, what is measured of its log, and what that should be at f = 1."""

    name: str
    scenario: Callable[[float], dict[str, Any]]
    measure: Callable[[Log, Plan], dict[str, float]]
    figures: Mapping[str, Figure]
    replications: int = 24
    twin_replications: int = 12


def duration(seconds: float) -> str:
    """A scenario's text of a time, to the ns."""
    return f"{round(seconds * SECOND)}ns"


def compiled(scenario: dict[str, Any], folder: Path) -> Plan:
    """The plan of a scenario given as a dict."""
    path = folder / "scenario.yaml"
    with path.open("w") as file:
        YAML().dump(scenario, file)
    return compile_plan(load(path))


def run(document: dict[str, Any], folder: Path, engine: str) -> tuple[Log, Plan]:
    """One run of a scenario given as a dict, and its plan."""
    plan = compiled(document, folder)
    return run_plan(plan, 1, 0, engine), plan


def samples(
    witness: Witness, factor: float, seed: int, replications: int, folder: Path, engine: str
) -> dict[str, Floats]:
    """Each figure by replication."""
    plan = compiled(witness.scenario(factor), folder)
    rows = [witness.measure(run_plan(plan, seed, r, engine), plan) for r in range(replications)]
    return {name: np.array([row[name] for row in rows]) for name in witness.figures}


def standing(sample: Floats, closed: float) -> tuple[float, float]:
    """Distance from the closed form in standard errors, and the standard error relative to it."""
    error = float(np.std(sample, ddof=1)) / math.sqrt(len(sample))
    return abs(float(np.mean(sample)) - closed) / error, error / closed


def assert_holds(witness: Witness, seed: int, replications: int, folder: Path, engine: str) -> None:
    """All figures lie within `LIMIT` standard errors of their closed forms, and these errors are small enough."""
    found = samples(witness, 1.0, seed, replications, folder, engine)
    for name, figure in witness.figures.items():
        distance, error = standing(found[name], figure.closed)
        assert error <= figure.power, f"{name}: standard error {error:.2%} of the closed form: too blunt"
        assert distance <= LIMIT, (
            f"{name}: {found[name].mean():.6g}, closed form {figure.closed:.6g}: {distance:.1f} SE"
        )


def assert_told_apart(witness: Witness, seed: int, replications: int, folder: Path, engine: str) -> None:
    """With its law changed the figures that must notice it lie further away."""
    found = samples(witness, CHANGED, seed, replications, folder, engine)
    for name, figure in witness.figures.items():
        if figure.twin:
            distance, _ = standing(found[name], figure.closed)
            assert distance > LIMIT, f"{name}: a law changed by 3 % is not noticed: {distance:.1f} SE"


def measured(log: Log, plan: Plan) -> dict[str, NDArray[np.int64]]:
    """The action rows that arrived in the measured period."""
    inside = (log.actions["arrival"] >= 0) & (log.actions["arrival"] < plan.horizon)
    return {name: column[inside] for name, column in log.actions.items()}


def percentile(values: NDArray[np.int64], share: float) -> float:
    """Nearest-rank percentile."""
    rank = math.ceil(share * len(values)) - 1
    return float(np.partition(values, rank)[rank])


def overlap(start: NDArray[np.int64], end: NDArray[np.int64], until: int) -> NDArray[np.int64]:
    """How much of each interval lies in [0, until)."""
    return np.maximum(np.minimum(end, until) - np.maximum(start, 0), 0)
