"""Shipped scenarios, run once for all tests of a file."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import simkit as sk

if TYPE_CHECKING:
    from simkit.result.result import Result

FOLDER = Path(__file__).parents[2] / "scenarios"


@cache
def shown(name: str, *changes: tuple[str, object]) -> "Result":
    """Two replications of a scenario, with changes."""
    return sk.load(FOLDER / f"{name}.yaml").set(dict(changes)).run(seed=1, replications=2, jobs=1, engine="compiled")


def value(result: "Result", name: str) -> float:
    """A metric that is there."""
    found = result.metrics[name].value
    assert found is not None, name
    return found
