"""What must hold in every log, on generated scenarios with caches, conversations, quotas, budgets and batch.

Both engines agree on them to the last bit (parity), so that the quicker one is enough.
"""

import sys
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from numpy.typing import NDArray
from sharing import fewer

sys.path.append(str(Path(__file__).parents[1] / "parity"))  # the generator is shared

from economy_strategies import thrifty

from simkit.engine import run_plan
from simkit.engine.codes import Act, Kind
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.study.invariants import invariants

pytestmark = pytest.mark.slow
SEEDS = fewer(60)


@cache
def ran(seed: int) -> tuple[Plan, Log]:
    """A plan and its log."""
    with TemporaryDirectory() as folder:
        plan = compile_plan(thrifty(Random(seed)).load(Path(folder)))
    return plan, run_plan(plan, seed, 0, "compiled")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_invariant_holds(seed: int) -> None:
    assert not [one for one in invariants(*ran(seed)) if not one.passed]


def test_there_is_something_to_hold() -> None:
    """Users are turned away, budgets block with work under way, work is held, and the batch side is used."""
    met: Counter[str] = Counter()
    for seed in SEEDS:
        plan, log = ran(seed)
        steps = (log.budgets["budget"] >= 0) & (log.budgets["step"] >= 0)  # the others: tiers, ends of periods
        blocks = np.zeros(len(steps), np.bool_)
        of = (log.budgets[name][steps] for name in ("budget", "step"))
        blocks[steps] = plan.spending.act[tuple(of)] == Act.BLOCK
        waits = plan.batch.batch[log.actions["kind"]] & (log.actions["start"] > log.actions["arrival"])
        met["quota"] += bool((log.actions["reason"] == Kind.QUOTA).any())
        met["budget"] += bool(blocks.any())
        met["overspent"] += overspent(log, np.flatnonzero(blocks))
        met["held"] += bool(waits.any() and len(plan.batch.open))
        met["batch side"] += bool(plan.models.is_batch[log.attempts["model"]].any())
    assert len(met) == 5 and min(met.values()) > 0


def overspent(log: Log, blocks: NDArray[np.int64]) -> bool:
    """Did more come in after a budget blocked?"""
    rows = log.budgets
    return any(
        int(rows["spent"][rows["budget"] == rows["budget"][one]].max()) > int(rows["spent"][one]) for one in blocks
    )
