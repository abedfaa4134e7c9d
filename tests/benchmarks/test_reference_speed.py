"""The reference engine's speed on one core, by the process's own CPU time."""

import time
from pathlib import Path

import pytest

from simkit.engine import run_plan
from simkit.plan.compile import compile_plan
from simkit.scenario.load import load

ROOT = Path(__file__).parents[2]
NEEDED = 15_000
"""Actions a second on `azure_chat`, one call an action."""


@pytest.mark.slow
def test_azure_chat_runs_at_15000_actions_a_second() -> None:
    plan = compile_plan(load(ROOT / "scenarios" / "azure_chat.yaml"))
    run_plan(plan, replication=0)  # laws compiled and loaded
    best = 0.0
    for replication in (1, 2, 3):
        began = time.process_time()
        log = run_plan(plan, replication=replication)
        best = max(best, len(log.actions["action"]) / (time.process_time() - began))
    assert best >= NEEDED, f"{best:,.0f} actions/s"
