"""Looks, precision, warm-up, corrections, saved results: the statistics of several runs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from queue_case import queue, scenario_of

import simkit as sk
from simkit.cli import main
from simkit.report.figures_search import round_step
from simkit.result.by_replication import frame_of, rows_from, rows_of
from simkit.scenario.units import parse_duration
from simkit.study.compare import PairError
from simkit.study.looks import looks
from simkit.study.paired import Paired, holm, p_value, paired, times_fewer
from simkit.study.run import Replications
from simkit.study.saved import SavedError, saved
from simkit.study.verdict import headline, verdict
from simkit.study.warmup import Warmup, mser

FILE = queue("10min", 4, "slo: {success: 90%, latency: {p95: 60s}}")


@pytest.fixture
def scenario(tmp_path: Path) -> sk.Scenario:
    return scenario_of(tmp_path, FILE)


# --- looks ---------------------------------------------------------------------------------------------


def test_looks_spend_at_most_the_whole_error() -> None:
    found = list(looks(10, 100))
    assert [one.replications for one in found] == [10, 20, 40, 80, 100]
    assert [one.level for one in found] == [0.05 / 2, 0.05 / 4, 0.05 / 8, 0.05 / 16, 0.05 / 32]
    assert sum(one.level for one in looks(1, 10_000)) < 0.05
    assert list(looks(7, 7)) == [(1, 7, 0.05)] and list(looks(9, 3)) == [(1, 3, 0.05)]


@pytest.mark.parametrize("seed", [1, 2])
def test_looking_again_and_again_rarely_decides_wrongly(seed: int) -> None:
    """2,000 studies of a mean that is exactly at its bound, five looks each: at most 5 % decide (wrongly)."""
    from simkit.result.statistics import mean

    rng, wrong = np.random.default_rng(seed), 0
    for _ in range(2000):
        values = rng.normal(0, 1, 160)
        for look in looks(10, 160):
            e = mean(list(values[: look.replications]), look.level)
            assert e.low is not None and e.high is not None
            if e.low > 0 or e.high < 0:
                wrong += 1
                break
    assert wrong / 2000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)
    assert wrong > 20  # with no error to spend, nothing would ever be decided


def test_replications_are_run_once(scenario: sk.Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    from simkit.study.part import Work

    done: list[int] = []
    part = Work.part
    monkeypatch.setattr(Work, "part", lambda self, number, pulse: (done.append(number), part(self, number, pulse))[1])
    ready = Replications(scenario, jobs=1, engine="reference")
    few, more, again = ready.upto(2), ready.upto(4), ready.upto(3)
    assert sorted(done) == [0, 1, 2, 3]
    assert [few.replications, more.replications, again.replications] == [2, 4, 3]
    assert more.to_json() == scenario.run(replications=4).to_json()


def test_precision_adds_replications_until_it_is_reached(scenario: sk.Scenario) -> None:
    result = scenario.run(precision={"latency_mean": 0.2}, replications=2)
    e = result.metrics["latency_mean"]
    assert e.low is not None and e.high is not None and e.value is not None
    assert (e.high - e.low) / 2 <= 0.2 * e.value and result.level < 0.05 and result.replications >= 4
    said: list[str] = []
    short = scenario.run(precision={"latency_mean": 0.0001}, replications=2, most=4, tell=said.append)
    assert short.replications == 4 and "latency_mean is known to" in said[-1]
    for bad in ({"nonsense": 0.1}, {"latency_mean": 0.0}):
        with pytest.raises(ValueError, match=r"no metric|above 0"):
            scenario.run(precision=bad)


def test_precision_on_the_command_line(scenario: sk.Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(scenario.path), "--precision", "latency_mean=0.01%", "--most", "3", "--json"]) == 0
    captured = capsys.readouterr()
    assert '"replications": 3' in captured.out and "is known to" in captured.err
    for bad in ("latency_mean", "latency_mean=x", "nonsense=1%", "latency_mean=-1%"):
        assert main(["run", str(scenario.path), "--precision", bad]) == 2
        assert "--precision" in capsys.readouterr().err


# --- warm-up -------------------------------------------------------------------------------------------


def test_mser_finds_where_a_ramp_ends() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(10, 0.5, 100)
    values[:20] -= np.linspace(8, 1, 20)
    assert 15 <= mser(values) <= 24
    assert mser(np.linspace(0, 1, 50)) == 24  # a ramp to the end: the last cut that may be


def test_mser_is_the_textbook_s() -> None:
    """Of 0, 4, 2, 2 the cuts 0, 1 have squared errors 8 / 16 and 2.667 / 9."""
    assert mser(np.array([0.0, 4.0, 2.0, 2.0])) == 1
    assert mser(np.array([2.0, 2.0, 2.0, 8.0])) == 0


def test_a_warm_up_is_cut_where_it_ends(scenario: sk.Scenario) -> None:
    """A queue at 90 % fills slowly; a run from an empty start shows it, and the run that follows is cut there."""
    slow = scenario.set({"traffic.rate": "1.8/s", "horizon": "1h"})
    found = sk.warmup(slow, replications=6, seed=1)
    assert isinstance(found, Warmup) and found.known and found.cut_s > 0
    assert "MSER-5 cuts the first" in found.text and found.plot()._repr_png_().startswith(b"\x89PNG")
    assert found.series["cut"].sum() == found.cut
    said: list[str] = []
    result = slow.run(warmup="auto", tell=said.append)
    assert result.plan.begin < 0 and "MSER-5 cuts the first" in said[0]
    comparison = sk.compare({"slow": slow, "quick": scenario}, warmup="auto", replications=2)
    assert len({one.plan.begin for one in comparison.results.values()}) == 1  # type: ignore[union-attr]


def test_what_is_cut_may_be_run_again_to_the_same_folder(scenario: sk.Scenario, tmp_path: Path) -> None:
    args = ["run", str(tmp_path / "queue.yaml"), "--warmup", "auto", "--engine", "reference", "--no-progress"]
    args += [
        "--set",
        "traffic.rate=1.8/s",
        "--set",
        "horizon=1h",
        "--set",
        "replications=2",
        "--no-log",
        "--out",
        str(tmp_path / "out"),
    ]
    for _ in range(2):
        assert main(args) == 0
    resolved = json.loads((tmp_path / "out" / "manifest.json").read_text())["resolved"]
    slow = scenario.set({"traffic.rate": "1.8/s", "horizon": "1h", "replications": 2})
    assert parse_duration(resolved["warmup"]) == round(sk.warmup(slow, engine="reference").cut_s * 1e9) > 0


def test_many_more_replications_may_take_the_other_engine(
    scenario: sk.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkit.study.run.engine_for", lambda _, __, count: "compiled" if count > 4 else "reference")
    ready = Replications(scenario, jobs=1)
    assert [ready.upto(count).engine for count in (4, 8)] == ["reference", "compiled"]
    alone = Replications(scenario, engine="reference", jobs=1)
    monkeypatch.undo()
    assert ready.upto(8).to_dict()["metrics"] == alone.upto(8).to_dict()["metrics"]


def test_levers_are_weighed_against_what_was_precise_enough(scenario: sk.Scenario) -> None:
    result = scenario.run(levers=True, precision={"latency_mean": 0.2}, replications=2, engine="reference", jobs=1)
    assert result.weighed is not None and result.weighed.base.replications == result.replications > 2


def test_a_precision_that_nothing_can_have_is_told(scenario: sk.Scenario) -> None:
    said: list[str] = []
    result = scenario.run(precision={"semantic_hit_rate": 0.1}, replications=2, tell=said.append)
    assert result.replications == 2 and any(one.startswith("semantic_hit_rate has no value here (") for one in said)


def test_what_is_steady_from_the_start_is_not_cut() -> None:
    steady = Warmup("flat", np.arange(1.0, 21.0), np.full(20, 2.0), 4)
    assert steady.cut_s == 0 and "cuts nothing" in steady.text
    assert round_step(12 * 3600) == 7200 and round_step(600) == 300 and round_step(9) == 1


def test_the_picture_of_a_warm_up(scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png = tmp_path / "warmup.png"
    args = ["run", str(scenario.path), "--no-progress", "--replications", "2", "--plot-warmup", str(png)]
    assert main(args) == 2
    assert "--warmup auto" in capsys.readouterr().err and not png.exists()
    assert main([*args, "--warmup", "auto"]) == 0
    assert png.read_bytes().startswith(b"\x89PNG")


def test_no_warm_up_where_there_is_no_steady_state(scenario: sk.Scenario) -> None:
    office = scenario.set({"traffic.seasonality": {"hours": "office"}})
    with pytest.raises(ValueError, match="change with time"):
        sk.warmup(office)
    said: list[str] = []
    assert office.run(warmup="auto", replications=2, tell=said.append).plan.begin == 0
    assert "stays as it is" in said[0]
    with pytest.raises(ValueError, match="auto"):
        scenario.run(warmup="mser")


# --- many comparisons ----------------------------------------------------------------------------------


def test_holm_is_the_textbook_s() -> None:
    """Holm (1979): 0.01, 0.04, 0.03, 0.005 of four become 0.03, 0.06, 0.06, 0.02."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.7, 0.9]) == [1.0, 1.0]


def test_p_values_are_student_s() -> None:
    """Differences 1, 2, 3: t = 2 sqrt(3) with 2 degrees of freedom; P(|T| > 3.4641) = 0.0742 (table of Student's t)."""
    assert p_value(np.array([1.0, 2.0, 3.0])) == pytest.approx(0.07418, abs=1e-5)
    assert p_value(np.zeros(3)) == 1.0 and p_value(np.full(3, 2.0)) == 0.0


def test_of_many_metrics_without_a_difference_hardly_any_is_sure() -> None:
    """40 metrics that do not differ, 400 times: some comparison is called sure in at most 5 % (without: 87 %)."""
    rng, plain, fixed = np.random.default_rng(8), 0, 0
    for _ in range(400):
        p_values = [p_value(rng.normal(0, 1, 10)) for _ in range(40)]
        plain += min(p_values) <= 0.05
        fixed += min(holm(p_values)) <= 0.05
    assert plain > 300 and fixed / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_a_difference_that_does_not_survive_the_correction_is_not_sure() -> None:
    assert Paired(1.0, 0.5, 1.5, p=0.01).decided and not Paired(1.0, 0.5, 1.5, p=0.2).decided
    open_line = verdict("b", "latency_p50", "s", Paired(1.0, 0.5, 1.5, 1.1, 1.05, 1.15, p=0.2))
    assert "no sure difference" in open_line and "leaves out 0, but among so many comparisons" in open_line
    assert "p = 0.2" in open_line
    assert "leaves out" not in verdict("b", "latency_p50", "s", Paired(0.1, -0.5, 0.7, p=0.2))


def test_pairing_saves_what_the_shared_noise_was() -> None:
    """Variances 2 + 2 against 0.5 of the difference: 8 times fewer replications."""
    before, after = np.array([0.0, 2.0, 4.0]), np.array([1.0, 4.0, 4.0])
    assert times_fewer(before, after) == pytest.approx((4 + 3) / 1.0)
    assert times_fewer(before, before + 1) is None
    assert paired(2.0, 3.0, [1.0, 2.0, 3.0], [2.0, 2.5, 4.5]).saved == pytest.approx((1 + 1.75) / 0.25)


def test_intervals_hold_for_all_scenarios_together(scenario: sk.Scenario) -> None:
    """Two others: each interval misses in at most 2.5 %, so it is wider than with one."""
    slower = {f"{rate}": scenario.set({"traffic.rate": f"{rate}/s"}) for rate in (1, 1.2, 1.4)}
    both = sk.compare(slower, seed=1)
    one = sk.compare({name: slower[name] for name in ("1", "1.2")}, seed=1)
    wide, narrow = (c.summary.query("metric == 'latency_mean' and other == '1.2'").iloc[0] for c in (both, one))
    ratio = (wide["high"] - wide["low"]) / (narrow["high"] - narrow["low"])
    assert ratio == pytest.approx(4.17653 / 3.18245, rel=1e-4)  # Student's t, 3 degrees: 98.75 % against 97.5 %
    assert (wide["pairing"] > 1) and 0 <= wide["p_value"] <= 1


def test_a_headline_says_the_main_things_at_once() -> None:
    pairs = {
        "cost_per_action": (1.0, 0.527, Paired(-0.473, -0.479, -0.468, 0.527, 0.521, 0.532, 0.001)),
        "latency_p95": (3.0, 3.02, Paired(0.02, -0.04, 0.08, 1.007, 0.99, 1.03, 0.4)),
        "success_rate": (0.99, 0.99, Paired(0.0, 0.0, 0.0)),
    }
    units = {"cost_per_action": "USD", "latency_p95": "s", "success_rate": "share"}
    assert headline("routed", pairs, units) == (
        "routed costs 47.3 % less per action, 95 % interval 46.8-47.9 %; latency p95 no worse than 80 ms"
    )
    ruin = {
        "cost_per_action": (0.00365, 0.00406, Paired(0.0004, -0.0004, 0.0012, 1.11, 0.9, 1.32, 0.9)),
        "latency_p95": (5.0, 2.0, Paired(-3.0, -3.2, -2.8, 0.4, 0.37, 0.43, 0.02)),
        "success_rate": (0.998, 0.164, Paired(-0.834, -0.851, -0.818, 0.164, 0.15, 0.18, 0.2)),
    }
    assert headline("storm", ruin, units) == (
        "storm succeeds less often, by 83.4 points, 95 % interval 81.8-85.1 points; is 60 % faster at the 95th "
        "percentile, 95 % interval 57-63 % (of the 16.4 % that succeed); each of these is sure by itself, but among so "
        "many comparisons chance shows such a thing, too: more replications would tell; cost per action no worse than "
        "$0.0012"
    )
    assert headline("twin", {"success_rate": pairs["success_rate"]}, units).startswith("twin: no difference")


# --- saved results -------------------------------------------------------------------------------------


def test_saved_results_are_compared_like_fresh_ones(scenario: sk.Scenario, tmp_path: Path) -> None:
    busier = scenario.set({"traffic.rate": "1.5/s"})
    fresh = sk.compare({"a": scenario, "b": busier}, replications=3, seed=4)
    for name, one in fresh.results.items():
        one.save(tmp_path / name)  # type: ignore[union-attr]
    kept = sk.compare({"a": tmp_path / "a", "b": str(tmp_path / "b")})
    columns = [name for name in fresh.summary.columns if name != "verdict"]
    assert kept.summary[columns].equals(fresh.summary[columns])
    assert kept.summary["verdict"].tolist() == fresh.summary["verdict"].tolist()
    assert kept.changes["field"].tolist() == ["traffic.rate"]
    mixed = sk.compare({"a": busier, "b": tmp_path / "a"})  # run as the saved one was
    assert mixed.results["a"].replications == 3 and mixed.results["a"].seed == 4


def test_rows_survive_the_file(scenario: sk.Scenario) -> None:
    result = scenario.run(replications=2)
    assert rows_from(frame_of(result.evidence)) == rows_of(result.evidence)


def test_what_cannot_be_compared_says_why(
    scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SavedError, match="holds no result"):
        saved(tmp_path)
    for name, seed in (("a", 1), ("b", 2)):
        scenario.run(replications=2, seed=seed).save(tmp_path / name)
    with pytest.raises(PairError, match="seed 2"):
        sk.compare({"a": tmp_path / "a", "b": tmp_path / "b"})
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "cannot be paired" in capsys.readouterr().err
    (tmp_path / "a" / "replications.parquet").unlink()
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert "cannot be compared" in capsys.readouterr().err


def test_compare_on_the_command_line_draws_and_takes_folders(
    scenario: sk.Scenario, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario.run(replications=2).save(tmp_path / "kept")
    png = tmp_path / "change.png"
    assert main(["compare", str(tmp_path / "kept"), str(scenario.path), "--plot", str(png)]) == 0
    assert png.read_bytes().startswith(b"\x89PNG") and "saved by pairing" in " ".join(capsys.readouterr().out.split())
