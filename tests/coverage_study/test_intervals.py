"""Small runs of the coverage studies: the scripts work, can be taken up again, and nothing is grossly wrong.

60 studies tell a coverage of 95 % from one below 86 % (3 standard errors). What was run in full is in RESULTS.md.
"""

import json
import math
from pathlib import Path

import looks
import pytest
from intervals import ALL, ROOT, of_scenario
from lean import Lean
from pairing import pairs
from studies import coverage, mm1, mm1_truth, rows_in, run_studies, table

from simkit.result.metrics import METRICS
from simkit.result.slo import standings
from simkit.scenario.load import load
from simkit.study.compare import differences
from simkit.study.run import Replications

STUDIES = 60
FAR = 3 * math.sqrt(0.95 * 0.05 / STUDIES)


@pytest.mark.slow
def test_intervals_hold_the_truth_of_a_queue(tmp_path: Path) -> None:
    file, metrics = tmp_path / "mm1.jsonl", tuple(mm1_truth(0.5))
    run_studies(mm1(0.5, 2000, tmp_path), STUDIES // 2, 10, metrics, file, 2)
    rows = run_studies(mm1(0.5, 2000, tmp_path), STUDIES, 10, metrics, file, 2)
    assert len(rows_in(file)) == STUDIES  # the first half was not run again
    found = coverage(rows, mm1_truth(0.5))
    for name, one in found.items():
        assert one["none"] == 0 and one["holds"] >= 0.95 - FAR, name
    assert 0.005 < found["latency_mean"]["half_width"] < 0.1
    shifted = coverage(rows, {name: 1.2 * value for name, value in mm1_truth(0.5).items()})
    assert all(one["holds"] < 0.5 for one in shifted.values())  # a wrong truth is told apart
    assert table("M/M/1", found).count("\n") == 4 + len(found)


@pytest.mark.slow
def test_looks_at_the_edge_rarely_decide(tmp_path: Path) -> None:
    found = looks.run(40, 1000, 5, 10, tmp_path, 2)
    assert all(sum(shares.values()) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 40) for shares in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mm1", "support_chat"])
def test_lean_replications_are_those_of_a_run(name: str, tmp_path: Path) -> None:
    file = ROOT / "scenarios" / f"{name}.yaml"
    scenario = mm1(0.8, 2000, tmp_path) if name == "mm1" else load(file, ["horizon=1d"])
    whole, lean = Replications(scenario, seed=3, engine="compiled").upto(4).evidence, Lean(scenario)
    lean.tally(9, 9)  # what ran before leaves no trace
    mine = lean.evidence(3, range(4))
    assert all(METRICS[one].formula(mine) == METRICS[one].formula(whole) for one in ALL)
    assert [one.verdict for one in standings(mine)] == [one.verdict for one in standings(whole)]
    for one, other in zip(mine.tallies, whole.tallies, strict=True):
        assert one.series.keys() == other.series.keys()
        assert all((one.series[key] == other.series[key]).all() for key in one.series)
        assert one.incidents["start"].tolist() == other.incidents["start"].tolist() and one.events == other.events


def test_pairs_differ_in_one_setting() -> None:
    for title, pair in pairs().items():
        today, other = (json.loads(one.document.model_dump_json()) for one in pair.values())
        assert title.endswith("routed") or len(differences(today, other)) == 1, title


@pytest.mark.slow
def test_a_scenario_is_held_against_other_replications(tmp_path: Path) -> None:
    text = of_scenario("support_chat", 2, 2, 4, tmp_path, 2, ("horizon=1d",))
    assert "truth of 4 others" in text and "cost_per_action" in text
    assert of_scenario("support_chat", 2, 2, 4, tmp_path, 2, ("horizon=1d",)) == text
    assert len(rows_in(tmp_path / "support_chat_horizon=1d_2.jsonl")) == 2
