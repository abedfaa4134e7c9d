"""`run`: where replications run, what is kept, how one watches and stops it."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import simkit as sk
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, INCIDENT_COLUMNS, Log
from simkit.plan.plan import Plan
from simkit.study import run as module
from simkit.study.executor import InProcess, LostWorkerError, Processes
from simkit.study.progress import Bar, progress_of, silent
from simkit.study.run import Stopped, jobs_for

FILE = """
extends: simkit:openai_anthropic
traffic: {rate: 1/min}
horizon: 1h
warmup: 0s
replications: 3
actions: {answer: {calls: [{name: draft, model: gpt-4o, input: 500, output: 100}]}}
slo: {success: 99%}
"""


@pytest.fixture
def scenario(tmp_path: Path) -> sk.Scenario:
    file = tmp_path / "small.yaml"
    file.write_text(FILE)
    return sk.load(file)


def test_defaults_are_the_scenario_s(scenario: sk.Scenario) -> None:
    result = sk.run(scenario)
    assert (result.seed, result.replications, result.logs) == (1, 3, None)
    with pytest.raises(ValueError, match="log=True"):
        _ = result.actions


def test_the_method_and_the_function_are_one(scenario: sk.Scenario) -> None:
    assert scenario.run(replications=1, seed=4).to_json() == sk.run(scenario, replications=1, seed=4).to_json()


def test_logs_are_kept_when_asked_for(scenario: sk.Scenario) -> None:
    result = sk.run(scenario, replications=2, log=True)
    assert result.actions["replication"].unique().tolist() == [0, 1]
    assert len(result.actions[result.actions["measured"]]) == 2 * result.metrics["actions"].value  # type: ignore[operator]


def test_progress_rises_to_one(scenario: sk.Scenario) -> None:
    seen: list[float] = []
    sk.run(scenario, replications=2, progress=seen.append)
    assert seen[0] == 0 and seen[-1] == 1 and seen == sorted(seen)


def test_small_work_stays_here_and_big_work_spreads(scenario: sk.Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    from simkit.plan.compile import compile_plan

    plan = compile_plan(scenario)
    monkeypatch.setattr(module, "cpus", lambda: 8)
    assert jobs_for(plan, 3, None) == 1
    assert jobs_for(plan, 3, 2) == 2 and jobs_for(plan, 3, 100) == 3
    monkeypatch.setattr(module, "WORTH_PROCESSES", 10)
    assert jobs_for(plan, 20, None) == 8 and jobs_for(plan, 1, None) == 1


def fake_engine(stop_at: int) -> Callable[..., Log]:
    """An engine whose replication `stop_at` is interrupted by the user."""

    def run_plan(plan: Plan, seed: int, replication: int, engine: str, progress: object) -> Log:
        if replication == stop_at:
            raise KeyboardInterrupt

        def none(names: tuple[str, ...]) -> dict[str, np.ndarray]:
            return {name: np.zeros(0, np.int64) for name in names}

        return Log(replication, none(ACTION_COLUMNS), none(ATTEMPT_COLUMNS), none(INCIDENT_COLUMNS), plan.horizon, 0)

    return run_plan


def test_a_stopped_run_reports_what_had_finished(scenario: sk.Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.engine.run_plan", fake_engine(2))
    seen: list[float] = []
    with pytest.raises(Stopped) as stop:
        sk.run(scenario, replications=5, progress=seen.append)
    assert stop.value.result is not None and stop.value.planned == 5
    assert [one.replication for one in stop.value.result.tallies] == [0, 1]
    assert isinstance(stop.value, KeyboardInterrupt) and seen[-1] == 1


def test_stopped_before_anything_finished(scenario: sk.Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.engine.run_plan", fake_engine(0))
    with pytest.raises(Stopped) as stop:
        sk.run(scenario)
    assert stop.value.result is None


def test_unknown_engine_is_refused(scenario: sk.Scenario) -> None:
    with pytest.raises(ValueError, match="unknown engine"):
        sk.run(scenario, engine="abacus")


def square(item: int) -> int:
    return item * item


def die(item: int) -> int:
    os._exit(3)


def sleep_long(item: int) -> int:
    time.sleep(60 * item)
    return item


@pytest.mark.parametrize("executor", [InProcess(), Processes(2)])
def test_executors_agree(executor: InProcess | Processes) -> None:
    assert dict(executor.map(square, range(5))) == {0: 0, 1: 1, 2: 4, 3: 9, 4: 16}


def test_a_lost_worker_is_an_error_with_a_name() -> None:
    with pytest.raises(LostWorkerError, match="died"):
        list(Processes(2).map(die, [1]))


def test_closing_stops_workers_at_once() -> None:
    begun = time.monotonic()
    answers: Iterator[tuple[int, int]] = Processes(2).map(sleep_long, [0, 1])
    assert next(answers) == (0, 0)
    answers.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 30
    assert dict(Processes(2).map(square, [3])) == {3: 9}


class Screen:
    """A stream that remembers what was written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing to do."""


def test_the_bar_draws_seldom_and_wipes_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("simkit.study.progress.time.monotonic", lambda: now[0])
    screen = Screen()
    bar = Bar(stream=screen, width=10)  # type: ignore[arg-type]
    for step in range(100):
        now[0] = step * 0.01
        bar(step / 100)
    assert 5 <= screen.text.count("\r") <= 10 and "[###.......]  31 %, 1 s left" in screen.text
    bar(1.0)
    assert screen.text.endswith("\r") and screen.text.rsplit("\r", 2)[1].strip() == ""


def test_no_bar_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.study.progress.watched", lambda: False)
    assert progress_of(True) is silent and progress_of(False) is silent
    monkeypatch.setattr("simkit.study.progress.watched", lambda: True)
    assert isinstance(progress_of(True), Bar)
