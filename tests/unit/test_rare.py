"""Promises that hang on incidents which hardly came up in the replications."""

import math
from pathlib import Path

import pytest

import simkit as sk
from simkit.result.statistics import Estimate
from simkit.study.gate import Asked, Item, promises
from simkit.study.rare import kinds, moved, random_incidents, rare, widened

FILE = """
name: Rare outages
traffic: {rate: 1/s}
horizon: 20min
warmup: 0s
replications: 3
actions: {ask: {calls: [{name: answer, model: m, input: 100, output: 100}]}}
models:
  m: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 100, prices: {input: $1, output: $1}}
providers: {p: {outages: [OUTAGE]}}
resilience: {client: none}
"""
"""Every answer takes 2 s."""
TOTAL = "{time_between_failures: 98h, duration: 2h, error_rate: 100%}"
SLOW = "{time_between_failures: 90h, duration: 10h, slowdown: 2}"


def looked(folder: Path, outage: str, *settings: str) -> list[Item]:
    file = folder / "rare.yaml"
    file.write_text(FILE.replace("OUTAGE", outage))
    return promises(sk.load(file, list(settings)), Asked(replications=3, jobs=1, engine="reference"))[0]


@pytest.mark.parametrize(("target", "outcome"), [("99%", "undecided"), ("97%", "pass")])
def test_an_outage_that_never_came_is_reckoned_with(tmp_path: Path, target: str, outcome: str) -> None:
    """It takes 2 % of the time and everybody in it, so 98 % may succeed where all do; doubled intervals are narrow."""
    (found,) = looked(tmp_path, TOTAL, f"slo.success={target}")
    assert found.outcome == outcome and "reached 100 %" in found.detail
    assert ("too few random incidents to tell (0 in all" in found.detail) == (outcome == "undecided")
    (free,) = looked(tmp_path, TOTAL, "providers.p.outages=[]", "slo.success=99%")
    assert free.outcome == "pass"


def test_money_does_not_hang_on_outages(tmp_path: Path) -> None:
    """200 tokens at $1 a million are $0.0002."""
    (found,) = looked(tmp_path, TOTAL, 'expect=["cost_per_action <= $0.000201"]')
    assert found.outcome == "pass"


@pytest.mark.parametrize(("limit", "outcome"), [("5s", "pass"), ("3s", "undecided")])
def test_a_slow_time_makes_late_who_is_near_the_limit(tmp_path: Path, limit: str, outcome: str) -> None:
    """2 s become 4 s in 10 % of the time: within 5 s are all, within 3 s perhaps 90 %."""
    (found,) = looked(tmp_path, SLOW, f"slo.latency={{p95: {limit}}}")
    assert found.outcome == outcome


def test_a_percentile_is_read_at_another_rank(tmp_path: Path) -> None:
    """10 % may be slower than the run says: p50 is 2 s all the same, p95 may be anything; so may the mean."""
    found = looked(tmp_path, SLOW, "expect=[latency_p50 <= 3s, latency_p95 <= 3s, latency_mean <= 3s]")
    assert [one.outcome for one in found] == ["pass", "undecided", "undecided"]
    assert "beyond" in found[1].detail


def test_the_time_that_incidents_take_is_what_the_log_has(tmp_path: Path) -> None:
    """Up for 9 min, down for 1 min on average, a quarter of it total: within 4 standard errors of 2.5 % and 7.5 %."""
    often = (
        "{time_between_failures: {exponential: {mean: 9min}}, duration: {exponential: {mean: 1min}}, severity: ["
        "{share: 25%, error_rate: 100%}, {share: 75%, error_rate: 1%}]}"
    )
    file = tmp_path / "often.yaml"
    file.write_text(FILE.replace("OUTAGE", often))
    result = sk.load(file, ["horizon=50h", "traffic.rate=1/min"]).run(replications=2, engine="reference", jobs=1)
    assert random_incidents(result.evidence) > 200 and rare(result) is None  # so often that the replications know
    for (row, expected, asked, regional), share in zip(
        kinds(result.scenario.document, result.evidence), (0.025, 0.075), strict=True
    ):
        spans = [
            (one.incidents["end"] - one.incidents["start"])[one.incidents["severity"] == row]
            for one in result.evidence.tallies
        ]
        seen = sum(int(one.sum()) for one in spans) / (2 * 50 * 3600e9)
        error = share * math.sqrt(2 / sum(map(len, spans)))
        assert expected == pytest.approx(share) and abs(seen - share) < 4 * error
        assert asked == pytest.approx(1) and not regional


def test_a_wide_interval_is_twice_as_wide_and_reaches_further() -> None:
    found = moved(Estimate(0.9, 0.89, 0.92), 0.05)
    assert (found.low, found.high) == (pytest.approx(0.83), pytest.approx(0.99))
    assert moved(Estimate(0.9), 0.05) == Estimate(0.9)


def test_a_budget_is_off_by_what_its_objective_is(tmp_path: Path) -> None:
    """2 % of bad actions are twice what 99 % allow."""
    file = tmp_path / "rare.yaml"
    file.write_text(FILE.replace("OUTAGE", TOTAL))
    result = sk.load(file, ["slo.success=99%"]).run(replications=3, engine="reference", jobs=1)
    few = rare(result)
    assert few is not None and few.failing == pytest.approx(0.02) == few.touched
    wide = widened(result, "burn_rate", "number", Estimate(0.5, 0.4, 0.6), few)
    assert (wide.low, wide.high) == (pytest.approx(0.3 - 2), pytest.approx(0.7 + 2))
