"""`simkit check`: what it says, and its exit codes."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_cli import FILE

import simkit
from simkit.cli import main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(FILE)
    return path


def test_check_passes_warns_and_fails(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 0
    assert "pass  50 % succeed" in capsys.readouterr().out
    assert main(["check", str(file), "--set", "expect=[cost_per_action <= $0.000001]"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  cost_per_action <= $0.000001" in out and "1 failed" in out


def test_check_is_open_where_nothing_is_decided(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file), "--replications", "1"]) == 1
    assert "OPEN  50 % succeed" in capsys.readouterr().out


def test_check_never_says_both_that_a_line_cannot_fail_and_that_it_is_open(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ("--set", "resilience.deadline=1h", "--set", "expect=[latency_p95 <= 10h]", "--set", "traffic.rate=6/h")
    assert main(["check", str(file), *sets]) == 0
    out = capsys.readouterr().out
    assert "`latency_p95 <= 10h` cannot fail" in out and "pass  latency_p95 <= 10h" in out and "OPEN" not in out
    few = ("--limit", "2")  # without a deadline it may fail, and so few actions cannot say
    assert main(["check", str(file), *sets[2:], *few]) == 1
    out = capsys.readouterr().out
    assert "cannot fail" not in out and "OPEN  latency_p95 <= 10h" in out


def test_check_writes_junit(file: Path, tmp_path: Path) -> None:
    xml = tmp_path / "simkit.xml"
    assert main(["check", str(file), "--junit", str(xml), "--set", "expect=[actions <= 1]"]) == 1
    suite = ElementTree.parse(xml).getroot()[0]
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["actions <= 1"] and suite.get("failures") == "1"
    assert int(suite.get("tests", "0")) == len(suite) > 20
    assert main(["check", str(file), "--junit", str(tmp_path / "no" / "x.xml")]) == 2


def test_check_fails_when_an_invariant_breaks(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from simkit.study.invariants import Invariant

    broken = [Invariant("money adds up", 3, "action 17")]
    monkeypatch.setattr("simkit.study.invariants.invariants", lambda *_: broken)
    assert main(["check", str(file)]) == 1
    out = capsys.readouterr().out
    assert "FAIL  money adds up" in out and "3 times; first: action 17" in out


def test_check_reports_all_bad_files_at_once(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("nonsense: 1\n")
    assert main(["check", str(tmp_path / "one.yaml"), str(file), str(tmp_path / "two.yaml")]) == 2
    err = capsys.readouterr().err
    assert "one.yaml" in err and "two.yaml" in err


def test_check_resolved_prints_a_scenario_and_runs_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkit.study.run.Replications.upto", lambda *_, **__: pytest.fail("it ran"))
    assert main(["check", str(file), "--resolved"]) == 0
    full = tmp_path / "full.yaml"
    full.write_text(capsys.readouterr().out)
    assert simkit.load(full).document.traffic == simkit.load(file).document.traffic


def test_check_judges_the_replications_that_it_runs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {}
    for count in (2, 40):
        main(["check", str(file), "--replications", str(count), "--engine", "reference"])
        said[count] = " ".join(capsys.readouterr().out.split())
        assert f"random incidents are expected in {count} replications" in said[count]
    found = {count: float(re.search(r"About ([\d.]+) random", text)[1]) for count, text in said.items()}  # type: ignore[index]
    assert found[40] == pytest.approx(20 * found[2], rel=0.05)
