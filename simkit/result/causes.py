"""Where money goes: by cause, and by user."""

import numpy as np
from numpy.typing import NDArray

from simkit.result.economy import CAUSES
from simkit.result.evidence import DOLLAR, Evidence

Floats = NDArray[np.float64]
BESIDE = {"people": "people", "lookups": "lookup_cost", "tools": "tool_cost"}
"""Causes that are not the models', and their series."""


def money_by_cause(evidence: Evidence) -> dict[str, Floats]:
    """USD of each window, mean over replications, by cause."""
    names = {cause: f"cause_{cause}" for cause in CAUSES} | BESIDE
    return {
        cause: np.mean([one.series[name] / DOLLAR for one in evidence.tallies], axis=0) for cause, name in names.items()
    }


def users_cost(evidence: Evidence) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Users, their actions and cost (picodollars) of all replications together."""
    each = [one.users for one in evidence.tallies]
    every, place = np.unique(np.concatenate([one["user"] for one in each]), return_inverse=True)
    actions, cost = (
        np.bincount(place, np.concatenate([one[name] for one in each]).astype(float), minlength=len(every))
        for name in ("actions", "cost")
    )
    return every, np.asarray(actions, np.float64), np.asarray(cost, np.float64)
