"""The gate: decided by intervals, baselines, annotations, JUnit, and the plugin of pytest."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from queue_case import file_of, queue

import simkit as sk
from simkit.cli import main
from simkit.cli.github import annotations
from simkit.plan.errors import PlanError
from simkit.result.metrics import METRICS
from simkit.study.baseline import BaselineError, Entry, moved, read, written
from simkit.study.gate import Asked, Item, promises

ROOT = Path(__file__).parents[2]
FILE = queue("10min", 4, "slo: {success: 90%}", 'expect: ["latency_mean <= 3s"]')
"""The mean time in system of this queue is 1 s (M/M/1)."""
EDGE = 'expect=["latency_mean <= 0.99s"]'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return file_of(tmp_path, FILE)


def test_what_is_clear_is_decided_at_the_first_look(file: Path) -> None:
    items, result = promises(sk.load(file), Asked())
    assert [one.outcome for one in items] == ["pass", "pass"] and result.replications == 4
    items, result = promises(sk.load(file, ["expect=[latency_mean <= 0.4s]"]), Asked())
    assert items[1].outcome == "fail" and result.replications == 4 and result.level == 0.025


def test_what_is_near_takes_more_replications(file: Path) -> None:
    items, result = promises(sk.load(file, ["expect=[latency_mean <= 1.15s]"]), Asked())
    assert items[1].outcome == "pass" and result.replications > 4
    assert f"{result.replications} replications" in items[1].detail and "4 replications" in items[0].detail
    items, result = promises(sk.load(file, ["expect=[latency_mean <= 1.15s]"]), Asked(replications=4))
    assert items[1].outcome == "undecided" and result.replications == 4 and result.level == 0.05


def test_what_never_has_a_value_is_not_waited_for(file: Path) -> None:
    items, result = promises(sk.load(file, ["expect=[cost_per_user_month <= $1]"]), Asked())
    assert items[1].outcome == "undecided" and result.replications == 4


def test_undecided_at_the_edge_with_a_small_limit(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["check", str(file), "--set", EDGE, "--limit", "8"]
    assert main(args) == 1
    assert "OPEN  latency_mean <= 0.99s" in capsys.readouterr().out
    xml = file.parent / "x.xml"
    assert main([*args, "--allow-undecided", "--junit", str(xml)]) == 0
    suite = ElementTree.parse(xml).getroot()[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert [case.get("name") for case in suite if case.find("skipped") is not None] == ["latency_mean <= 0.99s"]


def test_bad_input_stands_in_the_junit_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    xml = tmp_path / "x.xml"
    (tmp_path / "broken.yaml").write_text(FILE.replace("horizon", "horizn"))
    assert main(["check", str(tmp_path), "--junit", str(xml)]) == 2
    assert "horizn" in capsys.readouterr().err
    (suite,) = ElementTree.parse(xml).getroot()
    assert (suite.get("name"), suite.get("tests"), suite.get("errors")) == (str(tmp_path / "broken.yaml"), "1", "1")
    error = suite.find("testcase/error")
    assert error is not None and "horizn" in (error.text or "")

    def late(*_: object) -> None:
        raise PlanError("it would take days")

    monkeypatch.setattr("simkit.study.gate.promises", late)  # what only a run finds
    assert main(["check", str(file), "--junit", str(xml)]) == 2
    error = ElementTree.parse(xml).getroot().find("testsuite/testcase/error")
    assert error is not None and error.text == "it would take days"


def test_a_folder_is_its_files(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "worse.yaml").write_text(FILE.replace("latency_mean <= 3s", "latency_mean <= 300ms"))
    assert main(["check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "queue.yaml: Queue" in out and "FAIL  latency_mean <= 300ms" in out and "is 1" in out
    (tmp_path / "empty").mkdir()
    assert main(["check", str(tmp_path / "empty")]) == 2


@pytest.mark.long
def test_the_shipped_scenarios_keep_their_promises(capsys: pytest.CaptureFixture[str]) -> None:
    """Four minutes of one CPU."""
    assert main(["check", str(ROOT / "scenarios"), "--no-progress"]) == 0
    out = capsys.readouterr().out
    assert "FAIL" not in out and "OPEN" not in out


@pytest.mark.slow
def test_a_shipped_scenario_made_worse_is_red_and_one_at_its_edge_open() -> None:
    chat, asked = ROOT / "scenarios" / "support_chat.yaml", Asked(most=10)
    worse, _ = promises(sk.load(chat, ["quotas.openai_gpt-4o.tokens=3k/min"]), asked)
    assert (worse[0].name, worse[0].outcome) == ("99.5 % succeed", "fail")
    assert worse[0].detail.startswith("reached 92.") and "95 % interval, 10 replications: 92." in worse[0].detail
    edge, _ = promises(sk.load(chat, ['expect=["good_rate >= 92.8%"]']), asked)
    assert [one.outcome for one in edge] == ["pass", "pass", "undecided"]


def test_a_file_that_shows_a_miss_promises_the_miss(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missed = ("--set", "slo.latency={p95: 10ms}")
    assert main(["check", str(file), *missed]) == 1
    assert "FAIL  95 % succeed within 0.01 s" in capsys.readouterr().out
    told = ("--set", "expect=[burn_rate > 1]")
    assert main(["check", str(file), *missed, *told]) == 0
    out = capsys.readouterr().out
    assert "warn  95 % succeed within 0.01 s" in out and "not promised: the file expects burn_rate > 1" in out
    assert main(["check", str(file), "--set", "slo.latency={p95: 10h}", *told]) == 1  # once it is kept, that is red
    assert "FAIL  burn_rate > 1" in capsys.readouterr().out


# --- baseline ------------------------------------------------------------------------------------------


def test_a_baseline_is_kept_fails_and_is_refreshed(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept" / "baseline.json"
    args = ["check", str(file), "--baseline", str(kept)]
    assert main(args) == 2 and "no folder" in capsys.readouterr().err
    kept.parent.mkdir()
    assert main(args) == 2 and "--refresh" in capsys.readouterr().err
    assert main([*args, "--refresh"]) == 0
    assert list(json.loads(kept.read_text())["scenarios"]) == ["../queue.yaml"]
    capsys.readouterr()
    assert main(args) == 0 and "nothing moved beyond noise" in capsys.readouterr().out
    file.write_text(FILE.replace("mean: 0.5s", "mean: 0.505s"))
    assert main(args) == 1
    out = capsys.readouterr().out
    assert "FAIL" in out and "moved from" in out and "The scenario was changed, too." in out
    assert main([*args, "--tolerance", "50"]) == 0
    assert main([*args, "--refresh"]) == 0 and main(args) == 0
    kept.write_text("{}")
    assert main(args) == 2 and "is no baseline" in capsys.readouterr().err


def test_a_report_that_cannot_be_written_is_noticed_first(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = str(file.parent / "none" / "x")
    for option in (["--junit", nowhere], ["--baseline", nowhere, "--refresh"]):
        assert main(["check", str(file), *option]) == 2
        said = capsys.readouterr()
        assert option[0] in said.err and "Nothing was run" in said.err and said.out == ""
    kept = file.parent / "baseline.json"
    kept.write_text("old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simkit.cli.console.tempfile.TemporaryFile", _refuse)
        assert main(["check", str(file), "--baseline", str(kept), "--refresh"]) == 2
    assert "it cannot be written (Read-only file system)" in capsys.readouterr().err


def _refuse(**_: object) -> None:
    raise OSError(30, "Read-only file system")


def test_a_scenario_that_is_gone_is_noticed(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other, kept, xml = tmp_path / "other.yaml", tmp_path / "baseline.json", tmp_path / "x.xml"
    other.write_text(FILE)
    args = ["check", str(tmp_path), "--baseline", str(kept), "--no-progress"]
    assert main([*args, "--refresh"]) == 0 and main(["check", str(file), "--baseline", str(kept)]) == 0
    other.unlink()
    capsys.readouterr()
    assert main([*args, "--junit", str(xml)]) == 1
    out = capsys.readouterr().out
    assert "other.yaml" in out and "FAIL  the scenario is gone" in out and "Refresh the baseline" in out
    gone = {suite.get("name"): suite.get("failures") for suite in ElementTree.parse(xml).getroot()}
    assert gone == {str(file): "0", "other.yaml": "1"}
    assert main([*args, "--refresh"]) == 0 and main(args) == 0


def entry(**rows: list[float | None]) -> Entry:
    """An entry in which all other metrics have no value."""
    size = len(next(iter(rows.values())))
    return Entry("a", 1, list(range(size)), {name: rows.get(name, [None] * size) for name in METRICS})


def test_noise_is_no_move_and_a_move_is_found() -> None:
    old = entry(latency_mean=[1.0, 1.2, 0.9, 1.1])
    assert [one.outcome for one in moved(old, old)] == ["pass"]
    assert [one.outcome for one in moved(old, entry(latency_mean=[1.1, 1.1, 1.0, 1.0]))] == ["pass"]
    found = moved(old, entry(latency_mean=[1.01, 1.21, 0.91, 1.11]))
    assert [(one.name, one.outcome) for one in found] == [("latency_mean", "fail")]
    assert "moved from 1.05 s to 1.06 s (+0.952 %)" in found[0].detail
    assert [one.outcome for one in moved(old, entry(latency_mean=[1.01, 1.21, 0.91, 1.11]), 0.05)] == ["pass"]
    assert [one.outcome for one in moved(None, old)] == ["warn"]


def test_a_metric_that_is_gone_has_moved() -> None:
    old = entry(latency_mean=[1.0, 1.2], cost_total=[3.0, 3.0])
    assert [one.name for one in moved(old, entry(latency_mean=[1.0, 1.2]))] == ["cost_total"]


def test_another_seed_is_compared_as_independent() -> None:
    old = entry(latency_mean=[1.0, 1.2, 0.9, 1.1])
    near = replace(entry(latency_mean=[1.01, 1.21, 0.91, 1.11]), seed=2)
    far = replace(entry(latency_mean=[3.01, 3.21, 2.91, 3.11]), seed=2)
    assert moved(old, near)[0].outcome == "pass" and moved(old, far)[0].name == "latency_mean"


def test_only_replications_that_both_have_are_compared() -> None:
    old, new = entry(latency_mean=[1.0, 1.2, 0.9]), entry(latency_mean=[1.0, 1.2, 0.9, 7.0, 9.0])
    assert moved(old, new)[0].outcome == "pass"


def test_a_baseline_survives_its_file(tmp_path: Path) -> None:
    kept = {"a.yaml": entry(latency_mean=[0.1 + 0.2, 1e-17])}
    path = tmp_path / "baseline.json"
    path.write_text(written(kept))
    assert read(path) == kept
    path.write_text('{"form": 99, "scenarios": {}}')
    with pytest.raises(BaselineError, match="another version"):
        read(path)


# --- annotations ---------------------------------------------------------------------------------------


def test_annotations_stand_at_the_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = sk.load(file)
    items = [Item("expectations", "a: b, c", "fail", "50 %\nmore", "expect.0"), Item("x", "y", "undecided"),
             Item("x", "fine", "pass")]  # fmt: skip
    found = list(annotations(str(file), scenario, items, allow_undecided=True))
    line = next(n for n, text in enumerate(FILE.splitlines(), 1) if text.startswith("expect"))
    assert found[0] == f"::error file={file},line={line},title=simkit fail%3A a%3A b%2C c::50 %25%0Amore"
    assert found[1].startswith(f"::warning file={file},line=1,") and len(found) == 2
    assert main(["check", str(file), "--set", "expect=[actions <= 1]", "--annotations"]) == 1
    assert "::error file=" in capsys.readouterr().out


def test_annotations_come_by_themselves_in_a_workflow(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["check", str(file)]) == 0 and "::warning file=" in capsys.readouterr().out
    assert main(["check", str(file), "--no-annotations"]) == 0 and "::" not in capsys.readouterr().out


# --- pytest --------------------------------------------------------------------------------------------


def pytest_of(folder: Path, *args: str) -> str:
    """What pytest says of scenarios in a folder of its own."""
    command = [sys.executable, "-m", "pytest", "-p", "simkit.pytest_plugin", "-p", "no:cacheprovider", "-v", *args]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_pytest_collects_scenarios_as_tests(tmp_path: Path) -> None:
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "good.yaml").write_text(FILE)
    (folder / "worse.yaml").write_text(FILE.replace("<= 3s", "<= 300ms"))
    (folder / "broken.yaml").write_text(FILE.replace("horizon", "horizn"))
    (folder / "notes.yml").write_text("not: mine")
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text("not: mine")
    said = pytest_of(tmp_path, "scenarios/", "other/")
    assert "good.yaml::latency_mean <= 3s PASSED" in said and "good.yaml::invariants PASSED" in said
    assert "worse.yaml::latency_mean <= 300ms FAILED" in said and "95 % interval" in said
    assert "broken.yaml::file FAILED" in said and "Did you mean `horizon`?" in said
    assert "2 failed, 9 passed" in said and "Traceback" not in said and "config.yaml" not in said


@pytest.mark.slow
def test_pytest_takes_a_file_that_is_named_and_skips_what_may_be_open(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(FILE.replace("<= 3s", "<= 0.99s"))
    args = ("mine.yaml", "--simkit-limit", "4")
    assert "1 failed, 4 passed" in pytest_of(tmp_path, *args)
    assert "4 passed, 1 skipped" in pytest_of(tmp_path, *args, "--simkit-allow-undecided")
    (tmp_path / "pytest.ini").write_text("[pytest]\nsimkit_files = mine.yaml\n")
    assert "mine.yaml::file" in pytest_of(tmp_path, "--simkit-limit", "4")
