"""`run`: where replications run, what is kept, how one watches and stops it."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import simkit as sk
from simkit.engine.log import (
    ACTION_COLUMNS,
    ATTEMPT_COLUMNS,
    BREAKER_COLUMNS,
    BUDGET_COLUMNS,
    INCIDENT_COLUMNS,
    LOOKUP_COLUMNS,
    REGION_COLUMNS,
    USER_COLUMNS,
    Log,
)
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load
from simkit.study import run as module
from simkit.study.executor import InProcess, LostWorkerError, Processes, Threads, UnfinishedError
from simkit.study.parts import key_of
from simkit.study.progress import Bar, Progress, progress_of, silent
from simkit.study.run import Stopped, engine_for, jobs_for

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

    def run_plan(plan: Plan, seed: int, replication: int, engine: str, progress: object, most: int) -> Log:
        if replication == stop_at:
            raise KeyboardInterrupt

        def none(names: tuple[str, ...]) -> dict[str, np.ndarray]:
            return {name: np.zeros(0, np.int64) for name in names}

        return Log(
            replication,
            none(ACTION_COLUMNS),
            none(ATTEMPT_COLUMNS),
            none(INCIDENT_COLUMNS),
            none(BREAKER_COLUMNS),
            none(LOOKUP_COLUMNS),
            none(BUDGET_COLUMNS),
            none(REGION_COLUMNS),
            none(USER_COLUMNS),
            np.zeros(1, np.int64),
            plan.horizon,
            0,
        )

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


def square(item: int, pulse: object = None) -> int:
    return item * item


def die(item: int, pulse: object) -> int:
    os._exit(3)


def sleep_long(item: int, pulse: object) -> int:
    time.sleep(60 * item)
    return item


@pytest.mark.parametrize("executor", [InProcess(), Processes(2), Threads(1), Threads(2)])
def test_executors_agree(executor: InProcess | Processes | Threads) -> None:
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


def test_a_lost_worker_leaves_a_result_of_what_had_finished(
    scenario: sk.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loses:
        def map(
            self, work: Callable[..., object], items: Sequence[int], progress: Progress
        ) -> Iterator[tuple[int, object]]:
            for item in items[:2]:
                yield item, work(item, silent)
            raise LostWorkerError("a worker process died")

    monkeypatch.setattr(module, "executor_for", lambda *_: Loses())
    with pytest.raises(UnfinishedError, match="died") as lost:
        sk.run(scenario)
    assert lost.value.result is not None and lost.value.planned == 3
    assert [one.replication for one in lost.value.result.tallies] == [0, 1]


def test_what_a_lost_worker_had_kept_is_in_the_result(
    scenario: sk.Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class LosesOnTheWay:
        def map(
            self, work: Callable[..., object], items: Sequence[int], progress: Progress
        ) -> Iterator[tuple[int, object]]:
            yield items[0], work(items[0], silent)
            work(items[1], silent)
            raise LostWorkerError("a worker process died")

    monkeypatch.setattr(module, "executor_for", lambda *_: LosesOnTheWay())
    with pytest.raises(UnfinishedError) as lost:
        sk.run(scenario, parts=tmp_path / "parts", log=True)
    assert lost.value.result is not None
    assert lost.value.result.actions["replication"].unique().tolist() == [0, 1]


def die_late(item: int, pulse: object) -> int:
    if item:
        time.sleep(5)  # the other has long answered, even from a slow start
        os._exit(3)
    return item


def test_what_finished_beside_a_lost_worker_is_yielded_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def failures_first(running: dict[Future[int], int], **_: object) -> SimpleNamespace:
        return SimpleNamespace(done=sorted(wait(running).done, key=lambda one: one.exception() is None))

    monkeypatch.setattr("concurrent.futures.wait", failures_first)
    seen = []
    with pytest.raises(LostWorkerError):
        for item, _ in Processes(2).map(die_late, [0, 1]):
            seen.append(item)
    assert seen == [0]


def test_the_pool_s_replacing_of_a_worker_is_nothing_to_the_user() -> None:
    text = "A worker stopped while some jobs were given to the executor. This can be caused by a too short worker ..."
    answers = Processes(2).map(square, [2])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert next(answers) == (2, 4)
        warnings.warn(text, UserWarning, stacklevel=1)  # as its thread does, while answers are waited for
        warnings.warn("another", UserWarning, stacklevel=1)
        answers.close()  # type: ignore[attr-defined]
        warnings.warn(text, UserWarning, stacklevel=1)
    assert [str(one.message)[:7] for one in seen] == ["another", "A worke"]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The replications that were really run."""
    from simkit.engine import run_plan

    ran: list[int] = []

    def run_and_count(plan: Plan, seed: int, replication: int, engine: str, progress: object, most: int) -> Log:
        ran.append(replication)
        return run_plan(plan, seed, replication, engine, None)

    monkeypatch.setattr("simkit.engine.run_plan", run_and_count)
    return ran


def test_parts_are_not_run_again_and_give_the_same_result(
    scenario: sk.Scenario, tmp_path: Path, counted: list[int]
) -> None:
    folder, told = tmp_path / "deep" / "out.partial", []
    first = sk.run(scenario, parts=folder, log=True, tell=told.append)
    assert counted == [0, 1, 2] and told == []
    again = sk.run(scenario, parts=folder, log=True, replications=4, tell=told.append)
    assert counted == [0, 1, 2, 3] and told == [f"3 of 4 replications are taken from {folder}."]
    for name in ("actions", "attempts"):
        frame = getattr(again, name)
        assert getattr(first, name).equals(frame[frame["replication"] < 3].reset_index(drop=True))
    assert again.to_json() == sk.run(scenario, replications=4).to_json()


def test_parts_of_another_run_or_broken_ones_are_taken_for_none(
    scenario: sk.Scenario, tmp_path: Path, counted: list[int]
) -> None:
    sk.run(scenario, parts=tmp_path / "parts", replications=1)
    for other, seed in ((scenario, 2), (scenario.set({"traffic.rate": "2/min"}), 2), (scenario, 1)):
        counted.clear()
        sk.run(other, parts=tmp_path / "parts", replications=1, seed=seed)
        assert counted == [0]
    file = tmp_path / "parts" / "replication-0.npz"
    for content in (b"", b"nonsense", file.read_bytes()[:-100]):
        file.write_bytes(content)
        counted.clear()
        sk.run(scenario, parts=tmp_path / "parts", replications=1)
        assert counted == [0]
    counted.clear()
    sk.run(scenario, parts=tmp_path / "parts", replications=1)
    assert counted == []


def test_where_parts_cannot_be_written_the_run_goes_on(scenario: sk.Scenario, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert sk.run(scenario, parts=tmp_path / "file" / "parts").replications == 3


def test_the_key_tells_plans_apart(scenario: sk.Scenario) -> None:
    from simkit.plan.compile import compile_plan

    plan = compile_plan(scenario)
    assert key_of(plan, 1) == key_of(compile_plan(scenario), 1)
    others = [replace(plan, horizon=plan.horizon + 1), replace(plan, epochs=plan.epochs + 1)]
    assert len({key_of(one, 1) for one in (plan, *others)} | {key_of(plan, 2)}) == 4


@pytest.mark.parametrize(
    ("engine", "replications", "cached", "taken"),
    [
        ("auto", 5, True, "reference"),
        ("auto", 10, False, "reference"),
        ("auto", 10, True, "compiled"),
        ("auto", 1000, False, "compiled"),
        ("reference", 1000, True, "reference"),
        ("compiled", 1, False, "compiled"),
    ],
)
def test_auto_takes_the_engine_that_answers_sooner(tmp_path, monkeypatch, engine, replications, cached, taken):
    monkeypatch.setattr("simkit.laws.jit.is_cached", lambda: cached)
    file = tmp_path / "small.yaml"
    file.write_text(
        "model: gpt-4o\ntraffic: {rate: 1/s}\ntokens: {input: 100, output: 20}\nhorizon: 1000s\nwarmup: 0s\n"
    )
    plan = compile_plan(load(file))  # 1,600 actions with the cooldown
    assert engine_for(engine, plan, replications) == taken
