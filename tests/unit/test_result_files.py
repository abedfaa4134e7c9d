"""A result for other programs: JSON and files."""

import json
import os
import pickle

import numpy as np
import pandas as pd
import pytest
from result_cases import LOGS, PLAN, made

from simkit.cli import main
from simkit.result.metrics import METRICS
from simkit.result.result import result_of
from simkit.result.saving import LOGGED, TABLES, check_writable
from simkit.result.tally import tally
from simkit.scenario.load import load

OF_THE_BILL = ("causes", "prompt_caches", "spikes", "users")
OF_REGIONS = {"region_log", "regions", "flow", "failovers", "residency", "region_timeline", "replicas"}
OF_GROWTH = {"tiers", "user_log", "days", "weeks", "months", "cohorts", "retention", "money", "breaks"}
WRITTEN = (
    "manifest.json",
    *(
        f"{name}.parquet"
        for name in (*LOGGED, *TABLES, "replications", "timeline")
        if name not in OF_REGIONS | OF_GROWTH
    ),
)
SPENDING = """
name: spends
extends: simkit:openai_anthropic
traffic: {users: {daily_active: 50, actions_per_day: 60}}
horizon: 2h
warmup: 0s
replications: 2
actions: {answer: {calls: [{name: draft, model: gpt-4o, input: {system: 2000, user: 300}, output: 100}]}}
caches: {exact: {keys: {zipf: 1.0, count: 100}, ttl: 1h}, prompt: {}}
budgets: {all: {limit: $0.2/day, at: {50%: alert, 100%: block}}}
slo: {success: 10%}
"""


@pytest.fixture
def spending(tmp_path):
    """A scenario with caches and a budget."""
    file = tmp_path / "spends.yaml"
    file.write_text(SPENDING, encoding="utf-8")
    return file


def test_json_is_the_contract(result):
    found = json.loads(result.to_json())
    assert list(found) == ["scenario", "scenario_hash", "seed", "replications", "engine", "version", "metrics",
                           "caches", "prompt_caches", "budgets", "spikes", "users", "levers",
                           "regions", "flow", "failovers", "residency", "months", "breaks"]  # fmt: skip
    assert found["regions"] is found["flow"] is found["failovers"] is found["residency"] is None
    assert found["months"] is found["breaks"] is found["levers"] is None and 0 < len(found["spikes"]) <= 5
    assert (found["seed"], found["replications"], found["engine"]) == (5, 3, "reference")
    assert found["scenario_hash"] == result.scenario.hash
    assert list(found["metrics"]) == list(METRICS)
    for one in found["metrics"].values():
        assert list(one) == ["value", "low", "high", "unit"]
    assert found["metrics"]["joined_rate"]["value"] is None


def test_save_and_read_back(result, tmp_path):
    folder = result.save(tmp_path / "deep" / "out")
    assert sorted(path.name for path in folder.iterdir()) == sorted(WRITTEN)
    assert [path.name for path in folder.parent.iterdir()] == ["out"]
    assert len(pd.read_parquet(folder / "actions.parquet")) == len(result.actions)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["resolved"]["name"] == "A <small> product & more"
    assert manifest["price_book"] == "2026-11 (test)"
    assert manifest["versions"]["numpy"] == np.__version__
    assert manifest["metrics"] == json.loads(result.to_json())["metrics"]


def test_the_same_result_saves_the_same_manifest(scenario, tmp_path):
    texts = {(made(scenario()).save(tmp_path / name) / "manifest.json").read_bytes() for name in "ab"}
    assert len(texts) == 1


def test_saving_again_replaces_its_files_and_leaves_others_alone(scenario, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    made(scenario(), keep=False).save(folder)
    made(scenario(), keep=True).save(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted((*WRITTEN, "mine.txt"))


def test_a_save_that_fails_leaves_nothing_behind(result, tmp_path, monkeypatch):
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        result.save(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]


def test_a_folder_that_cannot_be_written_is_found_before(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for bad in ("file", "file/below"):
        with pytest.raises(OSError, match="is not a folder"):
            check_writable(tmp_path / bad)
    assert check_writable(tmp_path / "new" / "deep") == tmp_path / "new" / "deep"
    assert not (tmp_path / "new").exists()
    if os.geteuid() == 0:  # root may write everywhere: let the attempt fail as it would for others
        monkeypatch.setattr(
            "tempfile.TemporaryFile", lambda **_: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="cannot be written"):
        check_writable(tmp_path / "new")


def test_from_tallies_or_logs_in_any_order(scenario):
    one = made(scenario(), LOGS[::-1], keep=False)
    tallies = [tally(PLAN, log, one.evidence.objectives) for log in LOGS]
    two = result_of(one.scenario, PLAN, tallies, seed=5, engine="reference", elapsed_s=9.0)
    assert one.to_json() == two.to_json()
    with pytest.raises(ValueError, match="different replications"):
        result_of(one.scenario, PLAN, tallies, seed=5, engine="reference", elapsed_s=9.0, logs=LOGS[:2])
    with pytest.raises(ValueError, match="at least one"):
        result_of(one.scenario, PLAN, [], seed=5, engine="reference", elapsed_s=9.0)


def test_leaving_one_replication_out(scenario):
    whole, rest = made(scenario(), LOGS), made(scenario(), LOGS[1:])
    assert whole.without(0) == {name: one.value for name, one in rest.metrics.items()}


def test_a_result_survives_pickling(result):
    again = pickle.loads(pickle.dumps(result))
    assert again.to_json() == result.to_json()


def saved(folder):
    return {file.stem: pd.read_parquet(file) for file in folder.glob("*.parquet")}


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_caches_budgets_spikes_and_users_are_saved(engine, spending, tmp_path):
    args = ["run", str(spending), "--engine", engine, "--json", "--jobs", "1", "--no-progress"]
    assert main([*args, "--out", str(tmp_path / "out")]) == 0
    found, kept = saved(tmp_path / "out"), load(spending).run(engine="reference", jobs=1, log=True)
    rows = {"timeline", "actions", "attempts", "lookups", "budget_log", "caches", "hit_rates", "budgets"}
    assert found.keys() == rows | {"replications", *OF_THE_BILL}
    assert found["replications"]["replication"].tolist() == [0, 1]
    for name in found.keys() - {"replications"}:
        pd.testing.assert_frame_equal(
            found[name], pd.DataFrame(getattr(kept, name)), check_dtype=False, check_categorical=False
        )
    asked = found["caches"]["asked"].iloc[0] * 2
    assert len(found["lookups"]) == asked > 100  # nothing arrives unmeasured that is turned away by the budget
    log = found["budget_log"]
    assert log["what"].tolist() == ["alert", "block", "period ends"] * 2 and (log["limit_usd"] == 0.2).all()
    assert (log["spent_usd"] >= 0.1).all() and found["budgets"]["overshoot"].max() < 0.1


def test_json_has_summaries_of_the_bill(spending, capsys):
    assert main(["run", str(spending), "--engine", "reference", "--json", "--jobs", "1", "--no-progress"]) == 0
    found = json.loads(capsys.readouterr().out)
    (cache,), (budget,) = found["caches"], found["budgets"]
    assert cache["hit_rate"] == pytest.approx(found["metrics"]["exact_hit_rate"]["value"])
    assert budget["blocked"] == budget["alerted"] == 1 and budget["degraded"] == 0 and budget["periods"] == 2
    assert 0 < found["metrics"]["budget_overshoot"]["value"] <= budget["most_overshoot"] < 0.1
    assert 0 < found["prompt_caches"][0]["read_share"] < 1 and len(found["users"]) == 5
    costs = [one["cost_usd"] for one in found["users"]]
    assert costs == sorted(costs, reverse=True) and found["levers"] is None


def test_levers_that_were_tried_are_told_and_saved(spending, tmp_path, capsys):
    args = ["run", str(spending), "--engine", "reference", "--jobs", "1", "--no-progress", "--set", "horizon=20min"]
    assert main([*args, "--levers", "--json", "--out", str(tmp_path / "out")]) == 0
    today, *others = json.loads(capsys.readouterr().out)["levers"]
    told = {one["lever"]: one for one in others}
    rows = saved(tmp_path / "out")["levers"].set_index("lever")
    assert told.keys() == set(rows.index)
    used = told["prompt_cache"]
    assert used["kind"] == "in use" and used["without_usd"] == pytest.approx(today["after_usd"] - used["alone_usd"])
    assert main([*args, "--json", "--out", str(tmp_path / "out")]) == 0  # a result without levers has none beside it
    assert "levers" not in saved(tmp_path / "out")
