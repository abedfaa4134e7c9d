"""Long runs on the compiled engine, through the command line: killed, stopped, overloaded, on a full disk."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sharing import files
from test_cli import simkit_process

import simkit as sk
from simkit.cli import main
from simkit.engine.compiled.memory import M_NOW
from simkit.study.executor import UnfinishedError
from simkit.study.part import Work

FILE = """
name: Busy product
traffic: {rate: 40/s}
horizon: 1h
warmup: 0s
replications: 2
actions: {answer: {calls: [{name: draft, model: m, input: {mean: 500, p95: 900}, output: {mean: 100, p95: 200}}]}}
models:
  m:
    deployments: [{provider: p}]
    ttft: {median: 0.3s, sigma: 0.4}
    tokens_per_second: 80
    prices: {input: $1, output: $4}
    errors: {server_error: 2%}
resilience: {timeout: 20s, max_retries: 2}
slo: {success: 50%, latency: {p95: 5s}}
"""
DRIVER = """
import sys
from simkit.cli import main
from simkit.engine.compiled import simulation
from simkit.study import streaming
{before}
sys.exit(main(sys.argv[1:]))
"""
"""A process that runs the command after changing what a user cannot."""
OFTEN = "simulation.EVENTS, streaming.SAVE_EVERY_S = 10_000, -1.0"
"""Short slices, and the state on disk after every one."""
OVERLOAD = ("--set", "service.workers=20", "--set", "service.overhead=2s", "--most-in-flight", "2000")
"""20 a second can be served, 40 come."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "busy.yaml"
    path.write_text(FILE)
    return path


def driven(before: str, *args: object) -> "subprocess.Popen[str]":
    """The command in a process of its own, after some Python."""
    command = [sys.executable, "-c", DRIVER.format(before=before), *map(str, args)]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ends(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit code, output, and what was said beside it."""
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def same_rows(one: Path, other: Path) -> bool:
    """Have two folders the same rows of actions and attempts?"""
    names = ("actions.parquet", "attempts.parquet")
    return all(pd.read_parquet(one / name).equals(pd.read_parquet(other / name)) for name in names)


def state_of(parts: Path) -> tuple[bool, int] | None:
    """Whether replication 0 is over, and its simulated time (ns), as they stand on disk."""
    try:
        with np.load(parts / "replication-0.npz", allow_pickle=False) as arrays:
            return json.loads(str(arrays["about"]))["over"], int(arrays["m"][M_NOW])
    except FileNotFoundError:
        return None


def wait_until(condition: Any, process: "subprocess.Popen[str]") -> None:
    """Wait for something that a process does."""
    begun = time.monotonic()
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - begun < 120
        time.sleep(0.01)


# Killed.


@pytest.mark.slow
def test_killed_in_the_middle_of_a_replication_and_taken_up_to_the_same_bytes(file: Path, tmp_path: Path) -> None:
    args = ("run", file, "--engine", "compiled", "--set", "horizon=75min", "--json", "--jobs", "1")
    out, parts, random, reached = tmp_path / "killed", tmp_path / "killed.partial", Random(5), -1
    for _ in range(3):
        process = driven(OFTEN, *args, "--out", out)
        wait_until(lambda least=reached: (found := state_of(parts)) is not None and found[1] > least, process)
        time.sleep(0.1 * random.random())
        process.kill()
        process.communicate()
        found = state_of(parts)
        assert process.returncode == -signal.SIGKILL and found is not None and not out.exists()
        over, now = found
        assert not over and reached < now < 75 * 60 * 10**9  # in the middle, and further than the last time
        reached = now
    told = {}
    for name in ("killed", "whole"):
        code, told[name], _ = ends(simkit_process(*args, "--out", tmp_path / name))
        assert code == 0
    assert told["whole"] == told["killed"] and json.loads(told["whole"])["replications"] == 2
    before, after = files(tmp_path / "whole"), files(out)
    assert before.keys() >= {"actions.parquet", "attempts.parquet", "timeline.parquet", "manifest.json"}
    assert before.keys() == after.keys()
    for name in before:
        assert before[name] == after[name], name
    assert sorted(one.name for one in tmp_path.iterdir()) == ["busy.yaml", "killed", "whole"]


# Stopped by the user.


def stopped(file: Path, out: Path, *more: str) -> float:
    """Interrupt a long run once one replication has finished; seconds from the signal to the exit."""
    long = ("--replications", "500", "--jobs", "1", *more)
    process = simkit_process("run", file, "--engine", "compiled", *long, "--json", "--out", out)
    parts = out.with_name(f"{out.name}.partial")
    wait_until(lambda: state_of(parts), process)
    time.sleep(0.3)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    code, told, err = ends(process)
    took = time.monotonic() - begun
    assert code == 130
    finished = json.loads(told)["replications"]
    assert 1 <= finished < 500 and f"The figures are of {finished} of 500 replications." in err
    assert "goes on from here" in err
    assert json.loads((out / "manifest.json").read_text())["replications"] == finished
    return took


def slowdown() -> float:
    """How much longer than alone a process takes on this machine now: 1 where there is a CPU for it."""
    begun, used = time.perf_counter(), time.process_time()
    while time.process_time() - used < 0.3:
        pass
    return max(1.0, (time.perf_counter() - begun) / 0.3)


@pytest.mark.slow
@pytest.mark.parametrize("more", [("--no-log", "--set", "horizon=8h"), ("--set", "horizon=2h")], ids=["no log", "log"])
def test_ctrl_c_during_a_long_run_exits_within_a_second(more: tuple[str, ...], file: Path, tmp_path: Path) -> None:
    took = []
    for number in range(3):
        took.append(stopped(file, tmp_path / f"out{number}", *more) / slowdown())
        if took[-1] <= 1:
            return
    pytest.fail(f"seconds to the exit: {took}")


def test_rows_of_an_earlier_result_do_not_stay_beside_a_result_without(file: Path, tmp_path: Path) -> None:
    short, out = sk.load(file).set({"horizon": "1min"}), tmp_path / "out"
    sk.run(short, engine="compiled", seed=1, log=True).save(out)
    (out / "notes.txt").write_text("mine")
    assert {"actions.parquet", "attempts.parquet"} <= files(out).keys()
    sk.run(short, engine="compiled", seed=2).save(out)
    assert {"timeline.parquet", "manifest.json", "notes.txt"} <= files(out).keys()
    assert not {"actions.parquet", "attempts.parquet"} & files(out).keys()


def test_a_stopped_run_saves_the_rows_of_what_had_finished_and_no_others(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second replication was in the middle: its rows are in the folder of parts, its figures nowhere."""
    monkeypatch.setattr("simkit.engine.compiled.simulation.EVENTS", 500)
    monkeypatch.setattr("simkit.study.executor.GLANCE_S", 0.001)
    monkeypatch.setattr("simkit.study.streaming.SAVE_EVERY_S", 0.0)
    share = Work.share

    def slow(work: Work, now: int) -> float:
        time.sleep(0.01)
        return share(work, now)

    monkeypatch.setattr(Work, "share", slow)

    def stop(done: float) -> None:
        if 0.6 < done < 1:
            raise KeyboardInterrupt

    short = sk.load(file).set({"horizon": "2min"})
    parts = tmp_path / "out.partial"
    with pytest.raises(KeyboardInterrupt) as stop_:
        sk.run(short, engine="compiled", jobs=1, log="disk", parts=parts, progress=stop)
    result = stop_.value.result  # type: ignore[attr-defined]
    assert result.replications == 1 and list(parts.glob("actions-000001-*.parquet"))
    result.save(tmp_path / "out")
    sk.run(short, engine="compiled", replications=1, log=True).save(tmp_path / "whole")
    assert same_rows(tmp_path / "out", tmp_path / "whole")


def test_rows_that_another_run_left_behind_are_not_in_the_result(file: Path, tmp_path: Path) -> None:
    parts, short = tmp_path / "out.partial", sk.load(file).set({"horizon": "2min"})
    sk.run(short, engine="compiled", replications=3, seed=1, log="disk", parts=parts)
    found = sk.run(short, engine="compiled", replications=2, seed=2, log="disk", parts=parts)
    found.save(tmp_path / "out")
    sk.run(short, engine="compiled", replications=2, seed=2, log=True).save(tmp_path / "whole")
    assert same_rows(tmp_path / "out", tmp_path / "whole")


# Too much in flight.


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_an_overload_is_exit_3_with_what_was_computed(
    engine: str, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    args = ["run", str(file), *OVERLOAD, "--engine", engine, "--jobs", "1", "--json", "--out", str(out)]
    assert main(args) == 3
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert figures["replications"] == 1 and figures["metrics"]["actions"]["value"] > 2000
    early = "The run ended early: 2,001 actions were in flight at once"
    assert figures["stopped"].startswith(early) and "1 of 2 replications, of which one ends there" in figures["stopped"]
    assert json.loads((out / "manifest.json").read_text())["stopped"] == figures["stopped"]
    words = r"Could not finish: 2,001 actions were in flight at once, more than allowed: [\d.]+ (s|min) after the start"
    assert re.search(words, captured.err)
    for words in ("`service.queue`", "`--most-in-flight`", "1 of 2 replications", f"Saved to {out}"):
        assert words in captured.err
    rows = pd.read_parquet(out / "actions.parquet")
    assert (rows["outcome"] == "censored").sum() == 2001 and (rows["replication"] == 0).all()
    assert main(args) == 3  # again and again
    assert json.loads(capsys.readouterr().out) == figures
    assert main([*args, "--most-in-flight", "1000000", "--set", "horizon=2min"]) == 2  # another scenario's folder
    capsys.readouterr()


def test_both_engines_stop_at_the_same_moment_with_the_same_figures(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log of both is compared in tests/parity/test_resume.py."""
    told = []
    for engine in ("compiled", "reference"):
        args = ["run", str(file), *OVERLOAD, "--engine", engine, "--jobs", "1", "--json", "--seed", "8"]
        assert main([*args, "--out", str(tmp_path / engine)]) == 3
        captured = capsys.readouterr()
        _, _, why = captured.err.partition("Could not finish")  # before it stands what depends on the time it took
        assert why and "Saved to" in captured.err
        told.append((captured.out + why).replace(engine, "ENGINE"))
    assert told[0] == told[1]
    assert same_rows(tmp_path / "compiled", tmp_path / "reference")


def test_a_higher_limit_holds_for_a_run_that_is_taken_up(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state was saved under the lower one."""
    monkeypatch.setattr("simkit.engine.compiled.simulation.EVENTS", 500)
    monkeypatch.setattr("simkit.study.streaming.SAVE_EVERY_S", -1.0)
    full = sk.load(file).set({"service.workers": 20, "service.overhead": "2s", "horizon": "2min", "replications": 1})
    parts = tmp_path / "parts"
    with pytest.raises(UnfinishedError, match="501 actions were in flight") as raised:
        sk.run(full, engine="compiled", parts=parts, most_in_flight=500)
    result = raised.value.result
    assert result is not None and result.answers[0].tone == "bad"  # whatever those say that came to an end before
    assert result.answers[0].text.startswith("No. The run ended early: 501 actions were in flight")
    assert (parts / "replication-0.npz").exists()
    found = sk.run(full, engine="compiled", parts=parts, most_in_flight=100_000)
    assert found.to_json() == sk.run(full, engine="compiled").to_json()
    assert "stopped" not in found.to_dict() and not found.stopped


# What is written.


def test_no_log_writes_no_rows(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["run", str(file), "--set", "horizon=2min", "--engine", "compiled", "--json"]
    told = []
    for name, more in (("with", []), ("without", ["--no-log"])):
        assert main([*args, "--out", str(tmp_path / name), *more]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    before, after = files(tmp_path / "with"), files(tmp_path / "without")
    assert before.keys() - after.keys() == {"actions.parquet", "attempts.parquet"}
    assert all(before[name] == after[name] for name in after)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["busy.yaml", "with", "without"]


FULL = """
import resource
from simkit.study.streaming import Streaming

run = Streaming.run
def full(self, pulse):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if self.replication == 1:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        return run(self, pulse)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
Streaming.run = full
"""
"""No file may be longer than 50 kB while the second replication runs, as if the disk were full."""


def test_a_full_disk_is_exit_3_with_what_was_computed_and_can_be_taken_up(file: Path, tmp_path: Path) -> None:
    args = ("run", file, "--engine", "compiled", "--set", "horizon=4min", "--json", "--jobs", "1")
    out = tmp_path / "out"
    code, told, err = ends(driven(FULL, *args, "--out", out))
    assert code == 3 and json.loads(told)["replications"] == 1
    for words in ("Could not finish: ", "File too large", "1 of 2 replications", "goes on from here"):
        assert words in err
    assert set(pd.read_parquet(out / "actions.parquet")["replication"]) == {0}
    code, told, err = ends(simkit_process(*args, "--out", out))
    assert code == 0 and "1 of 2 replications are taken from" in err
    assert ends(simkit_process(*args, "--out", tmp_path / "whole"))[:2] == (0, told)
    assert files(out) == files(tmp_path / "whole")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["busy.yaml", "out", "whole"]


# On threads.


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_progress_rises_to_one(jobs: int, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simkit.engine.compiled.simulation.EVENTS", 50)
    monkeypatch.setattr("simkit.study.executor.GLANCE_S", 0.001)
    monkeypatch.setattr("simkit.study.streaming.SAVE_EVERY_S", 0.0)
    seen: list[float] = []
    sk.run(
        sk.load(file).set({"horizon": "2min"}), engine="compiled", jobs=jobs, replications=5, progress=seen.append
    )  # fmt: skip
    assert seen[0] == 0 and seen[-1] == 1 and max(seen[:-1]) < 1
    assert seen == sorted(seen)
    assert len({one for one in seen if one * 5 % 1}) > 5  # also within replications


def test_jobs_do_not_change_a_byte(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["run", str(file), "--set", "horizon=2min", "--engine", "compiled", "--replications", "5", "--json"]
    told, kept = set(), []
    for jobs in ("1", "2", "3"):
        out = tmp_path / jobs
        assert main([*args, "--jobs", jobs, "--out", str(out)]) == 0
        told.add(capsys.readouterr().out)
        kept.append(files(out))
    assert len(told) == 1 and kept[0] == kept[1] == kept[2]
    assert main([*args, "--jobs", "2", "--seed", "2"]) == 0
    assert capsys.readouterr().out not in told
