"""Small runs of the coverage studies: the scripts work, can be taken up again, and nothing is grossly wrong.

60 studies tell a coverage of 95 % from one below 86 % (3 standard errors). What was run in full is in RESULTS.md.
"""

import math
from pathlib import Path

import looks
import pytest
from intervals import of_scenario
from studies import coverage, mm1, mm1_truth, rows_in, run_studies, table

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
    assert all(share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 40) for share in found.values())


@pytest.mark.slow
def test_a_scenario_is_held_against_all_its_replications(tmp_path: Path) -> None:
    text = of_scenario("support_chat", 2, 2, tmp_path, 2)
    assert "truth of 4" in text and "cost_per_action" in text and of_scenario("support_chat", 2, 2, tmp_path, 2) == text
