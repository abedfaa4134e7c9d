"""Breaking points: the search, its interval, and what it says where nothing breaks."""

import json
from pathlib import Path

import pytest
from queue_case import queue, scenario_of
from scipy.optimize import brentq

import simkit as sk
from simkit.cli import main
from simkit.study.breaking import condition_of
from simkit.study.design import DesignError
from simkit.theory import mmc_wait_percentile

FILE = queue("20min", 4, "slo: {success: 90%, latency: {p95: 4s}}", warmup="1min")


@pytest.fixture
def scenario(tmp_path: Path) -> sk.Scenario:
    return scenario_of(tmp_path, FILE)


def test_a_breaking_point_that_is_known_exactly(scenario: sk.Scenario) -> None:
    """Work of constant time w in a queue that is never full: no wait; it breaks where w passes the bound."""
    lone = scenario.set({"actions.ask.calls.served.work": "1s", "service.workers": 50})
    found = sk.breaking_point(lone, "actions.ask.calls.served.work", "0.5s..8s", "latency_p95 <= 3s")
    assert found.value == pytest.approx(3.0, rel=0.003) and found.value <= 3.0 and found.holds_below
    assert found.low == found.value and found.high is not None and found.high == pytest.approx(found.value, rel=0.003)
    assert "holds up to actions.ask.calls.served.work = " in found.text


def test_the_least_number_of_workers(scenario: sk.Scenario) -> None:
    """Where more helps, it is the least at which the condition holds; a count stays whole."""
    busy = scenario.set({"traffic.rate": "6/s"})
    found = sk.breaking_point(busy, "service.workers", "1..20", "latency_p95 <= 2s", most=8)
    assert found.value is not None and found.value == int(found.value) and not found.holds_below
    counts = (int(found.value) - 1, int(found.value))
    below, at = (busy.set({"service.workers": n}).run().metrics["latency_p95"].value for n in counts)
    assert below is not None and at is not None and at <= 2 < below and "holds from service.workers" in found.text


@pytest.mark.slow
def test_more_replications_narrow_the_interval(scenario: sk.Scenario) -> None:
    wide = sk.breaking_point(scenario, "traffic.rate", "0.5/s..1.8/s", precision=0.5)
    narrow = sk.breaking_point(scenario, "traffic.rate", "0.5/s..1.8/s", precision=0.08)
    assert narrow.replications > wide.replications == 4
    for one in (wide, narrow):
        assert one.low is not None and one.high is not None and one.value is not None
        assert one.low <= one.value <= one.high
    assert narrow.high - narrow.low < wide.high - wide.low  # type: ignore[operator]
    assert {"load", "holds", "sure"} <= set(narrow.table.columns) and narrow.table["load"].iloc[0] == "0.5/s"
    assert narrow.plot()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(("between", "words"), [("0.1/s..0.2/s", "search higher"), ("3/s..9/s", "search lower")])
def test_where_nothing_breaks_it_says_so(scenario: sk.Scenario, between: str, words: str) -> None:
    found = sk.breaking_point(scenario, "traffic.rate", between)
    assert found.value is None and words in found.text and str(found) == found.text


def test_a_condition_of_several_lines(scenario: sk.Scenario) -> None:
    lines = condition_of(scenario, "latency_p95 <= 4s and success_rate >= 99%")(scenario.run(replications=2))
    assert [(name, op, bound) for name, op, bound, _ in lines] == [
        ("latency_p95", "<=", 4.0),
        ("success_rate", ">=", 0.99),
    ]
    with pytest.raises(DesignError, match="not understood"):
        condition_of(scenario, "fast")
    with pytest.raises(DesignError, match="no objective"):
        condition_of(scenario.set({"slo": None}), "slo")


def test_the_command(scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png = tmp_path / "x.png"
    args = ["breaking-point", str(scenario.path), "--vary", "traffic.rate=0.5/s..1.8/s", "--most", "4"]
    assert main([*args, "--plot", str(png)]) == 0
    out = capsys.readouterr().out
    assert "holds up to traffic.rate" in out and "undecided" in out and png.read_bytes().startswith(b"\x89PNG")
    assert main([*args, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["value"].endswith("/s") and found["replications"] == 4
    printed = out.split("sure\n")[1].splitlines()
    assert f"of {len(found['tried'])} trials" in out and len(printed) - 1 <= 8 < len(found["tried"])
    assert found["tried"][0]["load"] == "0.5/s" and {"value", "low", "high", "sure"} <= set(found["tried"][0])


@pytest.mark.parametrize("command", ["breaking-point", "compare"])
def test_a_picture_that_cannot_be_written_is_noticed_first(
    command: str, scenario: sk.Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scenario.path.parent
    more = ["--vary", "traffic.rate=0.5/s..1.8/s"] if command == "breaking-point" else [str(scenario.path)]
    assert main([command, str(scenario.path), *more, "--plot", str(folder / "none" / "x.png")]) == 2
    said = capsys.readouterr()
    assert "--plot" in said.err and "Nothing was run" in said.err and said.out == ""


@pytest.mark.parametrize(
    "extra",
    [("--vary", "traffic.rate"), ("--vary", "traffic.rate=2/s..1/s"), ("--vary", "traffic.rat=1/s..2/s"),
     ("--vary", "traffic.rate=1/s..2/s", "--holds", "fast")],
)  # fmt: skip
def test_the_command_refuses_what_makes_no_sense(
    extra: tuple[str, ...], scenario: sk.Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["breaking-point", str(scenario.path), *extra]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "Traceback" not in captured.err


@pytest.mark.slow
def test_an_mmc_deployment_breaks_where_the_closed_form_says(scenario: sk.Scenario) -> None:
    """Within 1 %: the largest rate at which 95 % wait at most 2 s for one of three workers; its interval holds it."""
    queue = scenario.set(
        {"service.workers": 3, "actions.ask.calls.served.work": {"exponential": {"mean": "1s"}}, "horizon": "40000s"}
    )
    truth = brentq(lambda rate: mmc_wait_percentile(rate, 1.0, 3, 0.95) - 2, 1.5, 2.99)
    found = sk.breaking_point(
        queue, "traffic.rate", "1/s..2.9/s", "queue_wait_p95 <= 2s", precision=0.02, engine="compiled", replications=10
    )
    assert found.value == pytest.approx(truth, rel=0.01)
    assert found.low is not None and found.high is not None and found.low <= truth <= found.high
    assert (found.high - found.low) / 2 <= 0.02 * truth
