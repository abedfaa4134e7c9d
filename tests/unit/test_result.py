"""The tables of a result."""

import json

import pandas as pd
import pytest
from result_cases import LOGS, PLAN, made
from synthetic_log import HORIZON, SECOND, log_of

from simkit.engine.codes import Cause
from simkit.engine.log import ACTION_COLUMNS
from simkit.result.metrics import METRICS
from simkit.result.table import table
from simkit.result.tally import OUTCOMES
from simkit.scenario.load import load

TABLES = ("summary", "timeline", "costs", "slo", "models", "bottlenecks", "limits", "reasons", "outliers", "incidents",
          "observed", "expectations", "latency_distribution", "actions", "attempts")  # fmt: skip


def test_every_table_is_there_also_without_any_action_or_log(scenario):
    for logs, keep in ((LOGS, True), ([log_of([])], True), (LOGS, False)):
        found = made(scenario(), logs, keep=keep)
        for name in TABLES[: None if keep else -2]:
            assert isinstance(getattr(found, name), pd.DataFrame), name
        assert found.text(100)
        assert json.loads(found.to_json())


def test_summary_has_every_metric_in_order(result):
    assert result.summary["metric"].tolist() == list(METRICS)
    assert list(result.summary.columns) == ["metric", "value", "low", "high", "unit", "note"]
    assert result.summary["value"].dtype == float
    row = result.summary.set_index("metric").loc["success_rate"]
    assert row["low"] < row["value"] < row["high"]


def test_the_timeline_adds_up_to_the_totals(result):
    line = result.timeline
    assert len(line) <= 400
    assert line["arrivals"].sum() == pytest.approx(result.metrics["actions"].value)
    assert sum(line[name].sum() for name in OUTCOMES) == pytest.approx(line["arrivals"].sum())
    assert line[
        ["cost_usd", "people_usd", "lookups_usd", "tools_usd"]
    ].sum().sum() + PLAN.service_cost / 1e12 == pytest.approx(result.metrics["cost_total"].value)
    assert line["bad_success"].sum() == pytest.approx(result.slo.set_index("objective").loc["success", "bad"])
    assert str(line["start"].dt.tz) == "America/New_York"
    assert (line["end"].iloc[-1] - line["start"].iloc[0]).total_seconds() * SECOND == HORIZON
    assert line["start"].iloc[0] == pd.Timestamp(PLAN.start_utc, tz="UTC")


def test_costs_of_every_dimension_add_up_to_the_models_cost(result):
    costs = result.costs
    models = costs[(costs["by"] == "total") & (costs["name"] == "models")]["cost_usd"].iloc[0]
    for by, part in costs.groupby("by"):
        if by != "total":
            assert part["cost_usd"].sum() == pytest.approx(models), by
        assert part["share"].sum() == pytest.approx(1)
    assert costs[costs["by"] == "total"]["cost_usd"].sum() == pytest.approx(result.metrics["cost_total"].value)


def test_actions_have_names_seconds_and_dollars(result):
    frame, log = result.actions, LOGS[0]
    assert len(frame) == sum(len(one.actions["action"]) for one in LOGS)
    first = {name: int(log.actions[name][0]) for name in ACTION_COLUMNS}
    row = frame.iloc[0]
    assert row["arrival_s"] == first["arrival"] / 1e9
    assert row["outcome"] == OUTCOMES[first["outcome"]]
    assert row["kind"] == ("chat", "report")[first["kind"]]
    assert row["cost_usd"] == first["cost"] / 1e12
    measured = frame[frame["measured"]]
    assert measured["arrival_s"].between(0, HORIZON / SECOND, inclusive="left").all()
    assert frame[frame["outcome"] == "censored"]["latency_s"].isna().all()
    assert frame[frame["outcome"] == "ok"]["reason"].isna().all()
    assert frame["good"].isna().sum() == sum((one.actions["good"] == -1).sum() for one in LOGS)
    assert not [name for name in frame if name.endswith("_ns")]


def test_attempts_of_the_warm_up_keep_their_times(result):
    early = result.attempts[result.attempts["dispatched_s"] < -10]
    assert early["started_s"].notna().sum() > 20
    assert (result.attempts["queued_s"].dropna() >= 0).all()
    assert set(result.attempts["cause"].unique()) == {name.lower() for name in Cause.__members__}


def test_without_the_log_the_rows_are_refused_with_what_to_do(scenario):
    found = made(scenario(), keep=False)
    for name in ("actions", "attempts"):
        with pytest.raises(ValueError, match="log=True"):
            getattr(found, name)
    assert found.outliers["top1pct_cost_share"].iloc[0] == found.metrics["top1pct_cost_share"].value


def test_outliers_are_the_dearest_measured_actions(result):
    frame = result.actions
    dearest = frame[frame["measured"]]["cost_usd"].sort_values(ascending=False)
    assert result.outliers["cost_usd"].tolist() == dearest.head(len(result.outliers)).tolist()
    assert len(result.outliers) == pytest.approx(0.01 * frame["measured"].sum(), abs=2)


def test_reasons_are_sorted_and_counted(result):
    reasons = result.reasons
    assert reasons["actions"].tolist() == sorted(reasons["actions"], reverse=True)
    lost = reasons[reasons["outcome"].isin(["failed", "rejected", "abandoned"])]["share"].sum()
    assert lost == pytest.approx(1 - result.metrics["success_rate"].value)


def test_incidents_name_the_scheduled_once_and_the_random_by_replication(result):
    found = result.incidents
    assert found["name"].tolist() == ["storm", "beta down", "beta down", "beta down"]
    assert found["replication"].tolist() == [-1, 0, 1, 2]
    assert found["start"].iloc[0] == pd.Timestamp(PLAN.start_utc, tz="UTC") + pd.Timedelta(hours=1)


def test_the_latency_distribution_counts_every_served_action_that_could_not_wait(result):
    bins = result.latency_distribution
    assert bins["count"].sum() == result.evidence.total("timed")
    assert (bins["low_s"] < bins["high_s"]).all()


def test_models_count_attempts_by_how_they_ended(result):
    models = result.models
    nowhere = result.evidence.total("attempts_no_deployment")
    assert models["attempts"].sum() == pytest.approx((result.evidence.total("attempts") - nowhere) / 3)
    assert models[["ok", "rate_limit", "timeout"]].to_numpy().sum() > 0
    assert models["cost_usd"].sum() == pytest.approx(result.evidence.total("cost") / 1e12 / 3)


def test_attempts_name_the_limit_that_refused_them(result):
    frame, attempts = result.attempts, LOGS[0].attempts
    first = frame["limit"].iloc[: len(attempts["limit"])]
    assert first.isna().tolist() == (attempts["limit"] == -1).tolist()
    named = {0: PLAN.names.limits[0], 1: PLAN.names.limits[1], -2: "month"}
    assert first.dropna().tolist() == [named[b] for b in attempts["limit"].tolist() if b != -1]
    assert set(first.dropna()) == set(named.values())
    assert set(frame.loc[frame["limit"] == "month", "outcome"]) == {"quota_exhausted"}
    assert set(frame.loc[frame["limit"].isin(PLAN.names.limits), "outcome"]) == {"rate_limit"}


def test_every_table_with_a_picture_draws_it_and_others_say_there_is_none(result):
    pytest.importorskip("simkit.report.figures_time")
    from matplotlib.figure import Figure

    for name in ("timeline", "costs", "models", "limits", "bottlenecks", "slo", "latency_distribution",
                 "reasons", "endings", "pressure"):  # fmt: skip
        assert isinstance(getattr(result, name).plot(), Figure), name
    with pytest.raises(ValueError, match="no picture"):
        result.incidents.plot()
    assert isinstance(result.timeline[result.timeline["arrivals"] > 0], type(result.timeline))
    with pytest.raises(ValueError, match="no picture"):
        table({"a": [1]}).plot()


def test_what_a_trace_recorded_is_shown_beside_what_is_simulated(tmp_path):
    (tmp_path / "calls.csv").write_text(
        "t,in,out,seconds,status,usd\n0,100,20,1.5,ok,0.001\n1,100,20,2.5,200,0.002\n"
        "2,100,20,9,error,\n3,100,20,3.5,ok,0.003\n"
    )
    (tmp_path / "replay.yaml").write_text(
        "traffic: {trace: {file: calls.csv, columns: {time: t, input: in, output: out, latency: seconds,"
        " status: status, cost: usd}}}\n"
        "actions: {ask: {calls: [{name: answer, model: m}]}}\n"
        "models: {m: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 20,"
        " prices: {input: $10, output: $20}}}\n"
    )
    found = load(tmp_path / "replay.yaml").run(replications=1, progress=False)
    shown = found.observed.set_index("metric")
    assert shown["observed"].to_dict() == pytest.approx(
        {"latency_p50": 2.5, "latency_p95": 9.0, "cost_total": 0.006, "success_rate": 0.75}
    )
    assert shown["simulated"].to_dict() == pytest.approx(
        {"latency_p50": 2.0, "latency_p95": 2.0, "cost_total": 4 * 0.0014, "success_rate": 1.0}
    )
