"""The same seed gives the same bytes: in a new process, with another hash seed, for any number of jobs."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simkit.engine import run_plan
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.scenario.load import Scenario, load
from simkit.study.run import run

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SETTINGS = {"horizon": "12h", "warmup": "30min"}

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[2])
from test_reproducible import digest, small
print(digest(small(sys.argv[1])))
"""


def small(name: str) -> Scenario:
    """A shipped scenario, shortened."""
    return load(SCENARIOS / f"{name}.yaml").set(SETTINGS)


def log_bytes(log: Log) -> bytes:
    """Every column of a log, in order."""
    tables = (log.actions, log.attempts, log.incidents)
    return b"".join(
        name.encode() + np.ascontiguousarray(column).tobytes() for t in tables for name, column in t.items()
    )


def digest(scenario: Scenario) -> str:
    """Hash of everything a run gives: the log, the figures, the scenario."""
    log = run_plan(compile_plan(scenario), 11, 3)
    figures = run(scenario, seed=11, replications=1).to_json()
    return hashlib.sha256(log_bytes(log) + figures.encode()).hexdigest()


@pytest.mark.parametrize("name", ["support_chat", "small_server"])
def test_another_process_and_hash_seed_give_the_same_bytes(name: str) -> None:
    expected = digest(small(name))
    for hash_seed in ("0", "4711"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", SCRIPT, name, str(Path(__file__).parent)]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
        assert found.stdout.strip() == expected


def test_another_seed_or_replication_gives_other_bytes() -> None:
    plan = compile_plan(small("founder"))
    logs = {log_bytes(run_plan(plan, seed, replication)) for seed, replication in ((1, 0), (1, 1), (2, 0))}
    assert len(logs) == 3


def test_jobs_do_not_change_a_figure() -> None:
    scenario = small("founder")
    alone, together = (run(scenario, seed=5, replications=3, jobs=jobs) for jobs in (1, 2))
    assert alone.to_json() == together.to_json()
    assert alone.timeline.equals(together.timeline)


def test_a_replication_is_the_same_whatever_the_others() -> None:
    scenario = small("founder")
    few, many = (run(scenario, seed=5, replications=count, log=True) for count in (2, 3))
    assert few.logs is not None and many.logs is not None
    assert [log_bytes(log) for log in few.logs] == [log_bytes(log) for log in many.logs[:2]]


def test_the_figures_are_valid_json_without_nan() -> None:
    found = json.loads(run(small("founder"), replications=2).to_json(), parse_constant=lambda name: pytest.fail(name))
    assert found["replications"] == 2 and found["metrics"]["actions"]["value"] > 0
