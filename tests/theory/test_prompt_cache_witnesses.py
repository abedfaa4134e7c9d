"""The provider's prompt cache against closed forms, and the traffic at which it pays."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import MODEL, POISSON, measured_attempts, scenario
from witness import (
    CHANGED,
    ENGINE,
    SECOND,
    Figure,
    Witness,
    assert_holds,
    assert_told_apart,
    compiled,
    duration,
)

from simkit.engine import run_plan
from simkit.engine.log import Log
from simkit.plan.plan import Plan
from simkit.scenario.load import load

pytestmark = pytest.mark.slow
SEED = 2080
RATE = 100.0
"""Arrivals a second."""
WRITE, READ = 1.25, 0.1
"""Prices of a token that is written or read, as shares of the input price."""


def prompts(count: int, takes: float, cache: dict[str, Any], write: float = WRITE, **parts: Any) -> dict[str, Any]:
    """Poisson arrivals of prompts that begin with the same 1,000 tokens, at $1 a million; nothing else is billed."""
    call = {"name": "answer", "model": "m", "input": {"system": 1_000}, "output": 0}
    prices = {"input": "$1", "cached": f"${READ}", "write": f"${write:.6f}", "output": "$1"}
    return scenario(
        count,
        [call],
        process=POISSON,
        models={"m": MODEL | {"ttft": duration(takes), "prices": prices}},
        caches={"prompt": {"minimum": 1_000, "step": 1} | cache},
    ) | {"warmup": "1s"} | parts  # fmt: skip


def reads(log: Log, plan: Plan) -> dict[str, float]:
    """Share of the attempts that find their prompt, and what a prompt costs relative to one without a cache."""
    rows = measured_attempts(log, plan)
    begun = rows["started"] >= 0
    assert (rows["tokens_cached"] + rows["tokens_written"] == 1_000)[begun].all()
    return {"read": float((rows["tokens_cached"] == 1_000)[begun].mean()), "cost": float(rows["cost"].mean()) / 1e9}


def figures(read: float) -> dict[str, Figure]:
    return {"read": Figure(read), "cost": Figure(WRITE * (1 - read) + READ * read)}


def warm(arrivals: float) -> float:
    """Share of reads where each use makes it live on: another one came within the life, in which `arrivals` come."""
    return 1 - math.exp(-arrivals)


# 10 ms from the last use, in which one other comes on average; the first token takes 4 ms, which must not matter:
# what came within the 10 ms before this one is a Poisson number, whenever it was asked
REFRESHED = Witness(
    "prompt_poisson",
    lambda f: prompts(30_000, 0.004, {"ttl": duration(0.01 * f), "refresh": True}),
    reads,
    figures(warm(RATE * 0.01)),
)

# 10 ms from its writing: one write, Poisson(1) reads, and a write again
FIXED = Witness(
    "prompt_not_refreshed",
    lambda f: prompts(40_000, 1e-9, {"ttl": duration(0.01 * f), "refresh": False}),
    reads,
    figures(RATE * 0.01 / (1 + RATE * 0.01)),
)


def two_places(f: float) -> dict[str, Any]:
    """Half of the traffic for each of two deployments, with a cache each."""
    places = [{"provider": "p", "weight": 50}, {"provider": "q", "weight": 50}]
    document = prompts(40_000, 0.004, {"ttl": duration(0.01 * f), "refresh": True})
    document["models"]["m"]["deployments"] = places
    return document


# Two caches of which each sees half: what load balancing costs
SHARED = Witness("prompt_two_places", two_places, reads, figures(warm(RATE * 0.01 / 2)))

WITNESSES = (REFRESHED, FIXED, SHARED)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_prompt_caches(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)


# --- where it pays ------------------------------------------------------------------------------------

LIFE = 300.0
"""Seconds that a prompt lives from its last use."""


def saving(gap: float, write: float, folder: Path) -> float:
    """`prompt_cache_saving` of a scenario with one prompt every `gap` seconds on average, at the same draws for all."""
    cache = {"ttl": duration(LIFE), "refresh": True}
    parts = {"traffic": {"rate": f"{1 / gap:.12f}/s", "process": POISSON}, "warmup": "1h"}
    document = prompts(1, 1.0, cache, write, **parts) | {"horizon": duration(gap * 60_000)}
    compiled(document, folder)
    result = load(folder / "scenario.yaml").run(seed=SEED, replications=8, engine=ENGINE, jobs=1, progress=False)
    return result.metrics["prompt_cache_saving"].value or 0.0


def break_even(write: float, folder: Path) -> float:
    """Mean seconds between two prompts at which the cache neither saves nor costs, by bisection."""
    low, high = LIFE, 20 * LIFE
    while high / low > 1.001:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if saving(middle, write, folder) > 0 else (low, middle)
    return math.sqrt(low * high)


def pays(write: float) -> float:
    """write x m + read x (1 - m) = 1 where a share m = exp(-life / gap) = (1 - read) / (write - read) is written."""
    return -LIFE / math.log((1 - READ) / (write - READ))


def test_break_even(tmp_path: Path) -> None:
    """The simulator finds by itself how seldom a prompt may be sent: every 1,224 s, to 1 %."""
    found = break_even(WRITE, tmp_path)
    assert pays(WRITE) == pytest.approx(1223.9, abs=0.1)
    assert found == pytest.approx(pays(WRITE), rel=0.01)
    assert found != pytest.approx(CHANGED * pays(WRITE), rel=0.01)
    assert found != pytest.approx(pays(WRITE * CHANGED), rel=0.01)


# --- exact --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefill", [1.0, 0.5, 0.0])
def test_what_is_read_takes_no_time(prefill: float, tmp_path: Path) -> None:
    """The first token comes after 50 ms and 1 ms for each 10 tokens that are not spared."""
    document = prompts(2_000, 0.05, {"ttl": "10ms", "refresh": True, "prefill": f"{100 * prefill:g}%"})
    document["models"]["m"]["ttft_per_1k_input"] = "100ms"
    plan = compiled(document, tmp_path)
    rows = measured_attempts(run_plan(plan, SEED, 0, ENGINE), plan)
    answered = rows["first_token"] >= 0
    taken = (rows["first_token"] - rows["started"])[answered]
    spared = prefill * rows["tokens_cached"][answered]
    assert (taken == 50_000_000 + 100_000 * (1_000 - spared)).all()
    assert set(spared) == {0, 1_000 * prefill}
    assert len(taken) > 1_900 and np.median(taken) / SECOND == pytest.approx(0.15 - 0.1 * prefill)
