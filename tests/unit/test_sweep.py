"""Sweeps: designs, what is kept of every point, and going on after an end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from queue_case import queue, scenario_of

import simkit as sk
from simkit.cli import main
from simkit.study.design import DesignError, points_of, split
from simkit.study.executor import LostWorkerError, Processes
from simkit.study.points import Answer, PointWork
from simkit.study.progress import Progress
from simkit.study.quantity import RangeError, quantity, range_of
from simkit.study.sweep import StoppedSweep, UnfinishedSweep, undominated

FILE = queue("5min", 2)
AXES = {"traffic.rate": ["0.5/s", "1/s", "1.5/s"], "service.workers": [1, 2]}


@pytest.fixture
def scenario(tmp_path: Path) -> sk.Scenario:
    return scenario_of(tmp_path, FILE)


# --- designs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1/s..2/s/0.5", ["1/s", "1.5/s", "2/s"]),
        ("1/s..2/s/0.5/s", ["1/s", "1.5/s", "2/s"]),
        ("100..300/100", [100, 200, 300]),
        ("0%..20%/10", ["0%", "10%", "20%"]),
        ("$0.5..$1.5/0.5", ["$0.5", "$1", "$1.5"]),
        ("0.1..0.3/0.1", [0.1, 0.2, 0.3]),
        ("250ms..1000ms/300", ["250ms", "550ms", "850ms"]),
    ],
)
def test_ranges_step_in_their_unit(text: str, values: list[object]) -> None:
    assert [one.value for one in range_of(text).steps()] == values


@pytest.mark.parametrize("text", ["1/s..2/min", "3..1", "1..2/0", "x..y", "1", "1h..90min", "2..2"])
def test_a_range_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(RangeError):
        range_of(text)


def test_a_range_without_a_step_is_no_grid() -> None:
    with pytest.raises(DesignError, match="no step"):
        points_of({"a": "1..3"})


def test_a_count_stays_whole() -> None:
    assert quantity("7").value == 7 and quantity(2.5).value == 2.5
    assert range_of("1..10").at(0.33).value == 4 and range_of("1/s..2/s").at(1 / 3).value == "1.33333/s"


def test_a_grid_has_every_combination_in_order() -> None:
    assert points_of({"a": "1,2", "b": ["x", "y"]}) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}
    ]  # fmt: skip
    assert split("{a: 1, b: 2}, [3, 4], 'x,y'") == ["{a: 1, b: 2}", "[3, 4]", "'x,y'"]


def test_a_latin_hypercube_has_one_point_in_each_slice() -> None:
    found = points_of({"a": "0.0..1.0", "b": ["x", "y"]}, "lhs", 10, seed=5)
    assert sorted(int(float(one["a"]) * 10) for one in found) == list(range(10))
    assert [one["b"] for one in found].count("x") == 5
    assert found == points_of({"a": "0.0..1.0", "b": ["x", "y"]}, "lhs", 10, seed=5)
    assert found != points_of({"a": "0.0..1.0", "b": ["x", "y"]}, "lhs", 10, seed=6)


def test_a_sobol_design_is_even() -> None:
    found = points_of({"a": "0.0..1.0", "b": "0..9"}, "sobol", 16)
    assert sorted(int(float(one["a"]) * 16) for one in found) == list(range(16))
    assert all(isinstance(one["b"], int) and 0 <= one["b"] <= 9 for one in found)


@pytest.mark.parametrize(
    ("axes", "design", "points", "words"),
    [
        ({}, "grid", None, "nothing is varied"),
        ({"a": "1,2"}, "star", None, "unknown design"),
        ({"a": "1,2"}, "grid", 5, "leave out the number"),
        ({"a": "1..2"}, "lhs", None, "needs a number"),
        ({"a": "1..2"}, "sobol", 12, "8 or 16"),
        ({"a": []}, "grid", None, "give a list"),
        ({"a": "1..1000000/1"}, "grid", None, "at most"),
    ],
)
def test_a_design_that_cannot_be_made_says_why(
    axes: dict[str, object], design: str, points: int | None, words: str
) -> None:
    with pytest.raises(DesignError, match=words):
        points_of(axes, design, points)


# --- points --------------------------------------------------------------------------------------------


def test_a_point_is_what_a_run_gives(scenario: sk.Scenario) -> None:
    found = sk.sweep(scenario, AXES)
    assert len(found.points) == 6 and found.failures == {}
    frame = found.frame
    assert list(frame.columns) == ["point", "traffic.rate", "service.workers", "metric", "value", "low", "high", "unit"]
    row = frame[(frame["point"] == 5) & (frame["metric"] == "latency_mean")].iloc[0]
    alone = scenario.set({"traffic.rate": "1.5/s", "service.workers": 2}).run().metrics["latency_mean"]
    assert (row["value"], row["low"], row["high"]) == (alone.value, alone.low, alone.high)
    assert found.wide["latency_mean"].tolist() == frame[frame["metric"] == "latency_mean"]["value"].tolist()


@pytest.mark.parametrize("executor", ["threads", pytest.param("processes", marks=pytest.mark.slow)])
def test_it_does_not_matter_where_points_run(scenario: sk.Scenario, executor: str) -> None:
    found = sk.sweep(scenario, AXES, executor=executor, jobs=2)
    pd.testing.assert_frame_equal(pd.DataFrame(found.frame), pd.DataFrame(sk.sweep(scenario, AXES, jobs=1).frame))


def test_failed_points_are_reported_and_the_rest_is_kept(scenario: sk.Scenario, tmp_path: Path) -> None:
    found = sk.sweep(scenario, {"service.workers": [1, "many", 2]}, out=tmp_path / "out")
    assert list(found.figures) == [0, 2] and "many" in found.failures[1]
    assert found.failed["reason"].str.contains("not understood").all() and len(found.frame["point"].unique()) == 2
    assert len(list((tmp_path / "out").glob("point-*.json"))) == 2


def test_a_field_that_is_wrong_at_every_point_is_bad_input(scenario: sk.Scenario) -> None:
    with pytest.raises(sk.ScenarioError, match="wrkers"):
        sk.sweep(scenario, {"service.wrkers": [1, 2]})


def test_a_finished_point_is_never_run_again(
    scenario: sk.Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = sk.sweep(scenario, AXES)
    done: list[int] = []
    most = 4
    point = PointWork.point

    def counted(self: PointWork, number: int, pulse: Progress) -> Answer:
        if len(done) == most:
            raise KeyboardInterrupt
        done.append(number)
        return point(self, number, pulse)

    monkeypatch.setattr(PointWork, "point", counted)
    with pytest.raises(StoppedSweep) as stop:
        sk.sweep(scenario, AXES, out=tmp_path / "out", jobs=1)
    assert sorted(stop.value.sweep.figures) == done == [0, 1, 2, 3]
    done.clear()
    most = 100
    (tmp_path / "out" / ".x.draft").write_text("half")
    said: list[str] = []
    found = sk.sweep(scenario, AXES, out=tmp_path / "out", jobs=1, tell=said.append)
    assert done == [4, 5] and "4 of 6 points are taken from" in said[0]
    pd.testing.assert_frame_equal(pd.DataFrame(found.frame), pd.DataFrame(whole.frame))
    assert not list((tmp_path / "out").glob(".*.draft"))
    more = sk.sweep(scenario, AXES | {"service.workers": [1, 2, 3]}, out=tmp_path / "out", jobs=1)
    assert len(more.figures) == 9 and len(done) == 5  # a larger grid takes up what is there


def test_the_tables_of_another_sweep_are_not_lost(
    scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    args = ["sweep", str(scenario.path), "--no-progress", "--out", str(out), "--vary"]
    assert main([*args, "service.workers=1,2"]) == 0
    kept = (out / "sweep.csv").read_bytes()
    for other in (["service.workers=1,3"], ["traffic.rate=1/s,2/s"], ["service.workers=1,2", "--seed", "7"],
                  ["service.workers=1,2", "--set", "horizon=4min"]):  # fmt: skip
        capsys.readouterr()
        assert main([*args, *other]) == 2
        said = capsys.readouterr()
        assert "they would be lost" in said.err and "Nothing was run" in said.err and said.out == ""
        assert (out / "sweep.csv").read_bytes() == kept
    assert main([*args, "service.workers=1,2"]) == 0  # the same goes on
    assert "2 of 2 points are taken from" in capsys.readouterr().err
    assert main([*args, "service.workers=1,2,3"]) == 0  # and more points are no loss
    assert len(pd.read_csv(out / "sweep.csv")["point"].unique()) == 3
    (out / "sweep.json").unlink()
    assert main([*args, "service.workers=1,3"]) == 0
    with pytest.raises(DesignError, match="with other points"):
        sk.sweep(scenario, {"service.workers": [2]}).save(out)


def test_whole_numbers_stay_whole(scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["sweep", str(scenario.path), "--no-progress", "--vary", "service.workers=1,2", "--out", str(tmp_path / "o")]
    assert main(args) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:2] for row in rows if row[:1] in (["0"], ["1"])] == [["0", "1"], ["1", "2"]]


@pytest.mark.parametrize("values", ["1,2,1", "1,1.0", "{a: 1},{a: 1}", "1/s,2/s,1.0/s"])
def test_a_value_that_comes_twice_is_refused(values: str) -> None:
    with pytest.raises(DesignError, match=r"a: .* (is given twice|again)"):
        points_of({"a": values})


def test_where_it_cannot_be_saved_nothing_is_run(
    scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    args = ["sweep", str(scenario.path), "--vary", "service.workers=1,2", "--out", str(tmp_path / "file" / "out")]
    assert main(args) == 2
    assert "Nothing was run" in capsys.readouterr().err


def test_another_seed_or_scenario_takes_nothing_up(scenario: sk.Scenario, tmp_path: Path) -> None:
    for other in (scenario, scenario.set({"horizon": "4min"})):
        for seed in (1, 2):
            sk.sweep(other, {"service.workers": [1]}, seed=seed, out=tmp_path)
    assert len(list(tmp_path.glob("point-*.json"))) == 4


def test_a_full_disk_ends_a_sweep_with_what_it_has(
    scenario: sk.Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves: list[int] = []

    def full(*_: object) -> None:
        saves.append(1)
        if len(saves) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("simkit.study.points.Folder.save", full)
    with pytest.raises(UnfinishedSweep, match="No space left") as error:
        sk.sweep(scenario, AXES, out=tmp_path, jobs=1)
    assert len(error.value.sweep.figures) == 2


def fatal(item: int, pulse: object = None) -> int:
    if item == 3:
        os._exit(3)
    return item


@pytest.mark.slow
def test_a_lost_process_costs_only_its_own_piece() -> None:
    """The piece that kills its process is named; those that were under way beside it are done again."""
    found, lost = {}, []
    left = list(range(8))
    while left:
        try:
            for item, answer in Processes(2).map(fatal, left):
                found[item] = answer
            break
        except LostWorkerError as error:
            lost.append(error.item)
            left = [item for item in left if item not in found and item not in lost]
    assert lost == [3] and sorted(found) == [0, 1, 2, 4, 5, 6, 7]


class Loses:
    """An executor whose worker dies of point 1."""

    def map(self, work: object, items: Sequence[int], progress: Progress) -> object:
        for item in items:
            if item == 1:
                raise LostWorkerError("a worker process died", 1)
            yield item, work(item, lambda _: None)  # type: ignore[operator]


def test_a_lost_worker_costs_a_sweep_one_point(scenario: sk.Scenario) -> None:
    found = sk.sweep(scenario, {"service.workers": [1, 2, 3]}, executor=Loses())  # type: ignore[arg-type]
    assert sorted(found.figures) == [0, 2] and found.failures == {1: "a worker process died"}


# --- tables and pictures -------------------------------------------------------------------------------


def test_the_frontier_is_what_nothing_beats() -> None:
    rows = pd.DataFrame({"cost_per_action": [1.0, 2.0, 3.0, 3.0], "latency_p95": [3.0, 2.0, 2.0, 1.0],
                         "success_rate": [0.9, 0.9, 0.9, 0.8]})  # fmt: skip
    assert undominated(rows, ("cost_per_action", "latency_p95")).tolist() == [True, True, False, True]
    assert undominated(rows.assign(success_rate=[0.9, 0.9, 0.99, 0.8]), tuple(rows.columns)).tolist() == [True] * 4
    assert undominated(pd.concat([rows[:1], rows[:1]]), tuple(rows.columns)).tolist() == [True, True]


def test_pictures_show_what_the_frame_has(scenario: sk.Scenario) -> None:
    found = sk.sweep(scenario, AXES)
    heat = found.plot("latency_mean")
    texts = [one.get_text() for one in heat.axes[0].texts]
    assert len(texts) == 6 and [one.get_text() for one in heat.axes[0].get_xticklabels()] == ["0.5/s", "1/s", "1.5/s"]
    lines = found.lines("latency_mean")
    assert len(lines.axes[0].get_lines()) == 2 and np.allclose(lines.axes[0].get_lines()[0].get_xdata(), [0.5, 1, 1.5])
    scattered = sk.sweep(scenario, {"traffic.rate": "0.5/s..1.5/s", "service.workers": "1..4"}, design="lhs", points=8)
    assert scattered.plot().axes and found.plot_frontier()._repr_png_().startswith(b"\x89PNG")
    assert "does not apply" in str(found.plot("cost_per_user_month").axes[0].texts[0].get_text())


# --- the command ---------------------------------------------------------------------------------------


def test_sweep_prints_a_table_and_saves(
    scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    args = ["sweep", str(scenario.path), "--vary", "traffic.rate=0.5/s..1.5/s/0.5", "--metric", "latency_mean"]
    assert main([*args, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "3 points" in captured.out and "1.5/s" in captured.out and "No other point beats" in captured.out
    assert {"sweep.csv", "frontier.csv", "failed.csv", "latency_p95.png", "frontier.png"} <= {
        p.name for p in out.iterdir()
    }
    first = (out / "sweep.csv").read_bytes()
    assert main([*args, "--out", str(out)]) == 0
    assert "3 of 3 points are taken" in capsys.readouterr().err and (out / "sweep.csv").read_bytes() == first
    assert main([*args, "--vary", "service.workers=1,none", "--out", str(tmp_path / "other")]) == 3
    assert "Failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "extra",
    [("--vary", "traffic.rate"), ("--vary", "traffic.rate=3/s..1/s/1"), ("--vary", "nonsense=1,2"),
     ("--vary", "service.workers=1,2", "--vary", "service.workers=3"), ("--vary", "service.workers=1", "--metric", "x"),
     ("--vary", "service.workers=1..8", "--design", "sobol", "--points", "3"),
     ("--vary", "service.workers=1,2", "--processes", "--cluster", "tcp://x:1")],
)  # fmt: skip
def test_sweep_refuses_what_makes_no_sense(
    extra: tuple[str, ...], scenario: sk.Scenario, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["sweep", str(scenario.path), *extra, "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err and not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_five_times_the_same_frame_and_nothing_twice(scenario: sk.Scenario, tmp_path: Path) -> None:
    """200 points, killed by SIGKILL at five random moments; every file of a finished point is written once."""
    out, rng = tmp_path / "out", np.random.default_rng(11)
    vary = ["--vary", "traffic.rate=0.2/s..1.19/s/0.01", "--vary", "service.workers=1,2", "--set", "horizon=20min"]
    command = [sys.executable, "-m", "simkit", "sweep", str(scenario.path), *vary, "--out", str(out), "--jobs", "2"]
    seen: dict[str, tuple[int, int]] = {}
    for _ in range(5):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        began = len(seen)
        deadline = time.monotonic() + 120
        wanted = began + int(rng.integers(5, 35))
        while len(list(out.glob("point-*.json"))) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        now = stamps(out)
        assert len(now) > began and seen.items() <= now.items()
        seen = now
    assert 25 <= len(seen) < 200
    subprocess.run(command, check=True, capture_output=True)
    final = stamps(out)
    assert len(final) == 200 and seen.items() <= final.items() and not list(out.glob(".*.draft"))
    subprocess.run([*command[:-4], "--out", str(tmp_path / "whole"), "--jobs", "2"], check=True, capture_output=True)
    assert (out / "sweep.csv").read_bytes() == (tmp_path / "whole" / "sweep.csv").read_bytes()


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Finished points: name to when it was written, and its inode."""
    found = {}
    for path in folder.glob("point-*.json"):
        status = path.stat()
        assert json.loads(path.read_text())["figures"]
        found[path.name] = (status.st_mtime_ns, status.st_ino)
    return found
