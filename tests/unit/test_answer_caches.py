"""Caches of answers beside each other, warm ones, and budgets beside incidents: what a run says of them."""

from pathlib import Path
from typing import Any

import pytest

from simkit.result.answers import BREAK
from simkit.result.result import Result
from simkit.scenario.load import load

BASE = """
horizon: 2h
warmup: 0s
traffic: {rate: 30/min}
actions: {ask: {calls: [{name: answer, model: m, input: 500, output: 100}]}}
models:
  m:
    deployments: [{provider: p}]
    ttft: 0.5s
    tokens_per_second: 100
    prices: {input: $1, output: $4}
    quality: 60%
resilience: {client: none}
"""
SEMANTIC = {"clusters": {"zipf": 0.8, "count": 2000}, "ttl": "1h"}
EXACT = {"keys": {"zipf": 0.8, "count": 5000}, "ttl": "1h"}


def run(folder: Path, engine: str = "reference", **changes: Any) -> Result:
    file = folder / "base.yaml"
    file.write_text(BASE, encoding="utf-8")
    return load(file).set(changes).run(replications=1, jobs=1, engine=engine, progress=False)


def test_a_cache_that_never_hits_changes_nothing_of_the_other(tmp_path: Path) -> None:
    alone = run(tmp_path, caches={"semantic": SEMANTIC})
    dead = run(tmp_path, caches={"exact": {**EXACT, "ttl": "1ms"}, "semantic": SEMANTIC})
    assert dead.metrics["exact_hit_rate"].value == 0 < (alone.metrics["semantic_hit_rate"].value or 0)
    for metric in ("semantic_hit_rate", "cost_per_month", "good_rate"):
        assert dead.metrics[metric].value == alone.metrics[metric].value


def test_what_the_exact_cache_finds_the_other_need_not(tmp_path: Path) -> None:
    """Two caches over the same questions serve hardly more than the one by meaning alone."""
    served = {
        name: run(tmp_path, caches=caches).metrics["cache_served_share"].value or 0
        for name, caches in {"semantic": {"semantic": SEMANTIC}, "both": {"exact": EXACT, "semantic": SEMANTIC}}.items()
    }
    assert served["semantic"] - 0.02 < served["both"] < served["semantic"] + 0.05


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_answers_of_a_warm_cache_are_as_good_as_the_models(tmp_path: Path, engine: str) -> None:
    warm = {"clusters": {"zipf": 0, "count": 2000}, "start": "warm"}
    good = run(tmp_path, engine, caches={"semantic": warm})
    assert good.metrics["semantic_hit_rate"].value == 1
    assert good.metrics["good_rate"].value == pytest.approx(0.6, abs=0.03)
    wrong = run(tmp_path, engine, caches={"semantic": {**warm, "false_hits": "50%"}})
    assert wrong.metrics["good_rate"].value == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_what_a_spent_budget_refuses_is_no_incidents_loss(tmp_path: Path, engine: str) -> None:
    cap = {"budgets": {"cap": {"limit": "$0.2/month", "of": ["p"]}}, "slo": {"success": "99%"}, "horizon": "6h"}
    found = run(
        tmp_path, engine, **cap, incidents=[{"at": "4h", "lasts": "10min", "target": "p", "error_rate": "100%"}]
    )
    assert (found.metrics["success_rate"].value or 0) < 0.2
    review = found.reviews.iloc[0]
    assert review["lost"] == review["budget_spent"] == 0
    said = next(one.text for one in found.answers if one.question == BREAK)
    assert said.startswith("The budget `cap` is spent: it blocks for") and "Incidents" not in said
