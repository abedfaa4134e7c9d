"""`compare`: pairing, intervals, verdicts, faces, and the diff of two scenarios."""

import json
import math

import numpy as np
import pytest

import simkit as sk
from simkit.study.compare import differences
from simkit.study.paired import Paired, paired
from simkit.study.verdict import verdict

FILE = """
extends: simkit:openai_anthropic
traffic: {rate: 3/min}
horizon: 2h
warmup: 0s
actions: {answer: {calls: [{name: draft, model: gpt-4o, input: {mean: 500}, output: {mean: 100}}]}}
models: {gpt-4o: {prices: {input: $1, output: $4}}}
slo: {success: 99%}
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> sk.Scenario:
    file = tmp_path_factory.mktemp("compare") / "today.yaml"
    file.write_text(FILE)
    return sk.load(file)


@pytest.fixture(scope="module")
def halved(scenario: sk.Scenario) -> sk.Comparison:
    """The same product at half the price."""
    cheap = {"models.gpt-4o.prices.input": "$0.5", "models.gpt-4o.prices.output": "$2"}
    return sk.compare({"today": scenario, "cheap": scenario.set(cheap)}, replications=4, seed=9)


def row(comparison: sk.Comparison, metric: str) -> dict[str, object]:
    summary = comparison.summary
    return dict(summary[summary["metric"] == metric].iloc[0])


def test_half_the_price_is_half_the_cost_exactly(halved: sk.Comparison) -> None:
    """With common random numbers the ratio is 1/2 in every replication, so its interval has no width."""
    cost = row(halved, "cost_per_action")
    assert cost["ratio"] == pytest.approx(0.5, rel=1e-12)
    assert cost["ratio_low"] == pytest.approx(0.5, rel=1e-9) and cost["ratio_high"] == pytest.approx(0.5, rel=1e-9)
    assert cost["verdict"] == "cheap costs 50 % less per action, 95 % interval 50-50 %"
    assert cost["low"] < cost["difference"] < cost["high"] < 0  # type: ignore[operator]


def test_what_did_not_change_is_the_same_in_every_replication(halved: sk.Comparison) -> None:
    for metric in ("actions", "latency_p95", "success_rate", "tokens_in"):
        assert row(halved, metric)["difference"] == 0
        assert "the same" in str(row(halved, metric)["verdict"])


def test_pairing_narrows_the_interval(scenario: sk.Scenario) -> None:
    """The paired interval is far narrower than that of two independent runs, which is what pairing is for."""
    slower = scenario.set({"models.gpt-4o.ttft_per_1k_input": "30ms"})
    comparison = sk.compare({"a": scenario, "b": slower}, replications=5, seed=3)
    found = row(comparison, "latency_mean")
    independent = sum(
        (one.metrics["latency_mean"].high - one.metrics["latency_mean"].low) ** 2  # type: ignore[operator]
        for one in comparison.results.values()
    )
    assert (found["high"] - found["low"]) < 0.2 * math.sqrt(independent)  # type: ignore[operator]
    assert 0 < found["low"] < 0.5 * (30 - 8.3) / 1000 * 1.3  # type: ignore[operator]
    assert found["low"] < found["difference"] < found["high"]  # type: ignore[operator]


def test_both_faces_say_the_same(halved: sk.Comparison) -> None:
    text, html = " ".join(str(halved).split()), halved._repr_html_()
    for piece in (
        "cheap compared with today",
        "4 replications, seed 9",
        "models.gpt-4o.prices.input",
        "cost_per_action",
    ):
        assert piece in text and piece in html
    assert "costs 50 % less per action" in html


def test_json_is_plain(halved: sk.Comparison) -> None:
    found = json.loads(halved.to_json(), parse_constant=lambda name: pytest.fail(name))
    assert found["baseline"] == "today" and found["rows"][0]["metric"] == "actions"


def test_the_picture_shows_the_main_metrics(halved: sk.Comparison) -> None:
    picture = halved.plot()
    assert picture._repr_png_().startswith(b"\x89PNG")
    labels = [tick.get_text() for tick in picture.axes[0].get_yticklabels()]
    assert "cost per action" in labels and "latency p95" in labels
    assert halved.summary.plot().axes[0].get_yticklabels()


def test_only_what_differs_is_listed(halved: sk.Comparison) -> None:
    assert halved.changes["field"].tolist() == ["models.gpt-4o.prices.input", "models.gpt-4o.prices.output"]
    assert halved.changes["other_value"].tolist() == ["$0.5", "$2"]


def test_results_can_be_compared_if_they_pair(scenario: sk.Scenario) -> None:
    first, second, third = (scenario.run(seed=s, replications=n) for s, n in ((1, 2), (1, 2), (2, 2)))
    assert row(sk.compare({"a": first, "b": second}), "cost_total")["difference"] == 0
    with pytest.raises(ValueError, match="seed 2, 2 replications\\) cannot be paired with a"):
        sk.compare({"a": first, "b": third})
    with pytest.raises(ValueError, match="at least two"):
        sk.compare({"a": first})


def test_three_scenarios_each_against_the_first(scenario: sk.Scenario) -> None:
    busier = {f"{rate}": scenario.set({"traffic.rate": f"{rate}/min"}) for rate in (3, 6, 9)}
    comparison = sk.compare(busier, replications=2, seed=1)
    assert comparison.others == ("6", "9")
    assert set(comparison.summary["other"]) == {"6", "9"}
    assert {"6", "9"} == set(comparison.changes["other"])


def test_paired_interval_is_student_s() -> None:
    """Against the textbook: differences 1, 2, 3 have mean 2 and half width t(0.975, 2) / sqrt(3) = 2.4841."""
    one = paired(10.0, 12.0, [10.0, 10.0, 10.0], [11.0, 12.0, 13.0])
    assert (one.difference, one.low, one.high) == (2, pytest.approx(2 - 2.484138), pytest.approx(2 + 2.484138))
    assert not one.decided
    assert one.ratio == 1.2 and one.ratio_low < 1.2 < one.ratio_high  # type: ignore[operator]


def test_paired_interval_covers() -> None:
    """In 2,000 seeded trials the 95 % interval covers the true difference in 95 % (standard error 0.5 %)."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(2000):
        shared = rng.normal(100, 20, 8)
        before, after = shared + rng.normal(0, 1, 8), shared + 3 + rng.normal(0, 1, 8)
        one = paired(before.mean(), after.mean(), before.tolist(), after.tolist())
        assert one.low is not None and one.high is not None
        hits += one.low <= 3 <= one.high
    assert abs(hits / 2000 - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


def test_no_interval_from_one_replication_or_a_missing_value() -> None:
    assert paired(1.0, 2.0, [1.0], [2.0]) == Paired(1.0, ratio=2.0)
    assert paired(1.0, 2.0, [1.0, None], [2.0, 2.0]).low is None
    assert paired(0.0, 2.0, [0.0, 0.0], [1.0, 3.0]).ratio is None


@pytest.mark.parametrize(
    ("metric", "unit", "one", "text"),
    [
        ("cost_per_action", "USD", Paired(-0.473, -0.479, -0.468, 0.527, 0.521, 0.532),
         "b costs 47.3 % less per action, 95 % interval 46.8-47.9 %"),
        ("success_rate", "share", Paired(0.012, 0.010, 0.014, 1.01, 1.0, 1.02),
         "b succeeds more often, by 1.2 points, 95 % interval 1-1.4 points"),
        ("latency_p95", "s", Paired(0.1, -0.2, 0.4, 1.02, 0.98, 1.05),
         "b: no sure difference in latency p95, 95 % interval −2 % to +5 %; no worse than 400 ms"),
        ("retry_rate", "share", Paired(-0.1), "b has a lower retry rate, by 10 points; no interval: use replications"),
        ("actions", "count", Paired(0.0, 0.0, 0.0, 1.0, 1.0, 1.0), "b: the same actions in every replication"),
    ],
)  # fmt: skip
def test_verdicts_are_sentences(metric: str, unit: str, one: Paired, text: str) -> None:
    assert verdict("b", metric, unit, one) == text


def test_differences_of_trees() -> None:
    before = {"a": {"x": 1, "y": 2}, "calls": [{"name": "draft", "n": 1}], "gone": 3, "l": [1, 2]}
    after = {"a": {"x": 1, "y": 5}, "calls": [{"name": "draft", "n": 2}], "l": [1, 2, 3], "new": {"k": True}}
    assert differences(before, after) == [
        ("a.y", "2", "5"), ("calls.draft.n", "1", "2"), ("gone", "3", "not set"),
        ("l", "[1, 2]", "[1, 2, 3]"), ("new", "not set", "{k: true}"),
    ]  # fmt: skip
    assert differences(before, before) == []


def test_what_scenarios_have_in_common_is_said_only_where_it_is_true(scenario: sk.Scenario) -> None:
    """Another price leaves the users alone; another load or horizon does not."""
    settings = {"replications": 1, "engine": "reference"}
    short = scenario.set({"horizon": "5min"})
    served = sk.compare({"a": short, "b": short.set({"slo.success": "90%"})}, **settings)
    assert not served.unlike and "the same users" in served.alike[0] and "the same users" in served.page().subtitle
    other = sk.compare({"a": short, "b": scenario.set({"horizon": "10min", "traffic.rate": "2/s"})}, **settings)
    assert set(other.unlike["b"]) == {"traffic.rate", "horizon"}
    asked, times = other.alike
    assert "`traffic.rate`" in asked and "not asked the same" in asked
    assert "a 5 min, b 10 min" in times and "no totals" in times
    assert "not the same users" in other.page().subtitle and "not the same users" in other.plot().words
