"""The result: tables, answers, warnings, faces that agree, files."""

import html as html_module
import json
import os
import pickle
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, ints, log_of, random_log, synthetic_plan

from simkit.engine.codes import Cause, Kind
from simkit.engine.log import ACTION_COLUMNS
from simkit.plan.plan import NEVER
from simkit.result import html, text
from simkit.result.answers import BREAK, COST, HOLD
from simkit.result.assumptions import figures
from simkit.result.metrics import METRICS
from simkit.result.page import Grid, Page, Paragraph
from simkit.result.result import result_from, result_of
from simkit.result.saving import check_writable
from simkit.result.table import table
from simkit.result.tally import OUTCOMES, tally
from simkit.result.words import dollars, duration, figure, number, percent, seconds
from simkit.scenario.load import load

FILE = """
name: A <small> product & more
traffic: {rate: 2/s}
actions: {chat: {calls: [{name: draft, model: small, input: 1000, output: 200}]}}
models:
  small: {deployments: [{provider: alpha}], ttft: 0.5s, tokens_per_second: 50, prices: {input: $1, output: $2}}
sources: {models.small: {kind: measured, from: a test}, traffic: {kind: estimated}}
"""
LOGS = [random_log(seed, 400, seed) for seed in range(3)]
PLAN = synthetic_plan()


@pytest.fixture
def scenario(tmp_path):
    def make(more="slo: {success: 95%, latency: {p95: 12s}}\n"):
        path = tmp_path / "scenario.yaml"
        path.write_text(FILE + more, encoding="utf-8")
        return load(path)

    return make


def made(scenario, logs=LOGS, plan=PLAN, keep=True):
    return result_from(scenario, plan, logs, seed=5, engine="reference", elapsed_s=0.1, keep_logs=keep)


@pytest.fixture
def result(scenario):
    return made(scenario())


TABLES = ("summary", "timeline", "costs", "slo", "models", "bottlenecks", "limits", "reasons", "outliers", "incidents",
          "observed", "expectations", "latency_distribution", "actions", "attempts")  # fmt: skip


# --- tables ---------------------------------------------------------------------------------------------------------


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


# --- answers and warnings -------------------------------------------------------------------------------------------


def served(number, latency_s=1.0):
    end = number * SECOND + int(latency_s * SECOND)
    return {"action": number, "arrival": number * SECOND, "start": number * SECOND, "end": end, "first_token": end,
            "cost": 10**9, "good": 1}  # fmt: skip


def lost(number, outcome, reason):
    at = number * SECOND
    return {
        "action": number,
        "arrival": at,
        "start": at if outcome == 2 else -1,
        "end": at,
        "outcome": outcome,
        "reason": reason,
    }


def runs(rows, attempts=(), count=3):
    return [log_of(rows, attempts, replication=r) for r in range(count)]


def answer(found, question):
    return next(one for one in found.answers if one.question == question)


def test_a_promise_that_holds(scenario):
    found = made(scenario(), runs([served(i) for i in range(200)]))
    said = answer(found, HOLD)
    assert said.text.startswith("Yes: 100 % succeed (objective 95 %); 100 % succeed within 12 s (objective 95 %).")
    assert said.tone == "good"


def test_a_rate_limit_is_named_with_its_use_and_where_it_is_full(scenario):
    attempts = [{"action": i, "dispatched": i * SECOND, "outcome": Kind.RATE_LIMIT, "ended": i * SECOND,
                 "tokens_in": 10_000} for i in range(180, 200)]  # fmt: skip
    rows = [served(i) for i in range(180)] + [lost(i, 2, Kind.RATE_LIMIT) for i in range(180, 200)]
    found = made(scenario(), runs(rows, attempts))
    assert answer(found, HOLD).text == (
        "No: 90 % succeed (objective 95 %); 90 % succeed within 12 s (objective 95 %). 10 % fail because of "
        "alpha_org: tokens (30k/min), its busiest minute at 667 %, full at about 900 daily active users."
    )
    assert answer(found, BREAK).text.startswith(
        "alpha_org: tokens (30k/min): full at about 900 daily active users; its busiest hour at 11 %, "
        "its busiest minute at 667 %."
    )


def test_a_full_queue_is_named(scenario):
    rows = [served(i) for i in range(150)] + [lost(i, 3, Kind.QUEUE_FULL) for i in range(150, 200)]
    assert (
        "25 % are rejected because of own service: queue (5 places) before 3 to 4 workers, its busiest minute at"
        in answer(made(scenario(), runs(rows)), HOLD).text
    )


def test_a_failure_that_no_limit_explains_is_named_by_its_kind(scenario):
    rows = [served(i) for i in range(150)] + [lost(i, 2, Kind.SERVER_ERROR) for i in range(150, 200)]
    assert "25 % fail with server error." in answer(made(scenario(), runs(rows)), HOLD).text


def test_an_incident_that_costs_most_of_the_lost_is_named(scenario):
    inside = [{**lost(i, 2, Kind.SERVER_ERROR), "arrival": HOUR + i * SECOND} for i in range(150, 200)]
    storm = {"source": 0, "start": HOUR, "end": 2 * HOUR, "severity": 0}
    logs = [log_of([served(i) for i in range(150)] + inside, (), [storm], replication=r) for r in range(3)]
    found = made(scenario(), logs)
    assert "25 % fail with server error, all of them while `storm` lasts." in answer(found, HOLD).text
    elsewhere = [
        log_of(log_rows(log), (), [storm | {"start": 3 * HOUR, "end": 4 * HOUR}], replication=log.replication)
        for log in logs
    ]
    assert "storm" not in answer(made(scenario(), elsewhere), HOLD).text


def log_rows(log):
    return [
        dict(zip(log.actions, row, strict=True))
        for row in zip(*(c.tolist() for c in log.actions.values()), strict=True)
    ]


def test_slow_models_and_long_waits_are_told_apart(scenario):
    slow = made(scenario(), runs([served(i, 20.0) for i in range(100)]))
    assert "The time is the models' own" in answer(slow, HOLD).text
    rows = [{**served(i, 20.0), "start": (i + 15) * SECOND, "waited": 15 * SECOND} for i in range(100)]
    assert (
        "75 % of the time is waiting for own service: workers (3 to 4 workers)"
        in answer(made(scenario(), runs(rows)), HOLD).text
    )


def test_bad_answers_are_the_reason_where_only_they_miss(scenario):
    rows = [{**served(i), "good": int(i % 2)} for i in range(100)]
    found = made(scenario("slo: {good: 90%}\n"), runs(rows))
    assert "The answers themselves are too often bad" in answer(found, HOLD).text


def test_one_run_is_only_probably(scenario):
    assert answer(made(scenario(), runs([served(0)], count=1)), HOLD).text.startswith("Probably yes:")
    assert answer(made(scenario(), runs([lost(0, 2, 4)], count=1)), HOLD).text.startswith("Probably no:")


def test_what_an_interval_does_not_decide_is_not_decided(scenario):
    sizes = (0, 12, 2)
    logs = [
        log_of([served(i) if i >= size else lost(i, 2, 4) for i in range(100)], replication=r)
        for r, size in enumerate(sizes)
    ]
    said = answer(made(scenario(), logs), HOLD)
    assert said.text.startswith("Not decided: 95.3 % succeed")
    assert said.tone == "warn"


def test_without_objectives_or_actions_the_answer_says_so(scenario):
    assert (
        answer(made(scenario(""), runs([served(0)])), HOLD).text
        == "No objective is set: 100 % succeed and 95 % of them within 1 s."
    )
    assert answer(made(scenario(), runs([])), HOLD).text == "Not known: no action ended."


def test_the_cost_answer(scenario):
    log = log_of([served(i) for i in range(100)], [{"action": i, "cost": 10**9} for i in range(100)])
    plan = synthetic_plan(service_cost=0)
    found = made(scenario(), [log, replace(log, replication=1)], plan)
    month = 100 * 0.001 * 730 / 6
    assert answer(found, COST).text == (
        f"{dollars(month)} a month ({dollars(month)} to {dollars(month)}), $0.001 per successful action, "
        f"{dollars(month / 100)} per daily active user a month."
    )


def test_nothing_breaks_where_nothing_has_a_limit(scenario):
    plan = synthetic_plan(
        names=replace(PLAN.names, limits=(), limit_text=()),
        service=PLAN.service._replace(workers=ints(NEVER, NEVER)),
        deployments=PLAN.deployments._replace(concurrency=np.full((2, 3), NEVER)),
    )
    assert "Nothing has a limit here" in answer(made(scenario(), runs([served(0)]), plan), BREAK).text


DOWN = """
horizon: 30min
warmup: 0s
traffic: {rate: 1/s, process: deterministic}
actions: {ask: {calls: [{name: answer, model: a, input: 100, output: 20}]}}
models:
  a: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 20, prices: {input: $1, output: $2}}
  b: {deployments: [{provider: q}], ttft: 1s, tokens_per_second: 20, prices: {input: $1, output: $2}}
incidents: [{name: gone, at: 10min, lasts: 10min, target: p, error_rate: 100%}]
"""


@pytest.mark.parametrize(
    ("resilience", "said"),
    [
        ("{client: none}", "Incidents, not limits: while `gone` lasts, 100 % of the actions are lost."),
        (
            "{client: none, max_retries: 2, fallback: {a: [b]}, backoff: {initial: 10ms, max: 1s}}",
            "Incidents, not limits: while `gone` lasts, 0 % of the actions are lost, at 4 attempts per action.",
        ),
        ("{client: none, fallback: {a: [b]}, breaker: {consecutive: 1, cooldown: 1h}}", "Nothing has a limit here"),
    ],
)
def test_where_nothing_has_a_limit_incidents_break_it(resilience, said, tmp_path):
    file = tmp_path / "down.yaml"
    file.write_text(f"{DOWN}resilience: {resilience}\n", encoding="utf-8")
    found = load(file).run(replications=1, jobs=1, progress=False)
    assert answer(found, BREAK).text.startswith(said)


def test_warnings(scenario):
    observed = "slo: {success: 95%}\nobserved: {cost_per_month: $1, success_rate: 80%, latency_p50: 10s}\n"
    warned = "\n".join(made(scenario(observed)).warnings)
    assert re.search(r"\d\d\.\d* % of the actions were not served", warned)
    assert "of the actions were still in flight at the end" in warned
    assert "3 random incidents were seen in all replications" in warned
    assert "The horizon (6 h) is shorter than the window of the objectives (30 d)" in warned
    assert "cost_per_month: simulated" in warned
    assert "success_rate" not in [line.split(":")[0] for line in warned.splitlines()]  # within 20 %
    assert "Budgets or quotas of a month begin unspent with a run of 6 h" in warned
    daily = PLAN.spending._replace(monthly=np.zeros(1, bool))
    calm = synthetic_plan(incidents=PLAN.incidents._replace(gap=ints()), spending=daily)
    (only,) = made(scenario("slo: {success: 95%, window: 1h}\n"), runs([served(i) for i in range(50)]), calm).warnings
    assert only.startswith("A month is reckoned from 6 h")


def test_each_warning_has_its_threshold(scenario):
    calm = synthetic_plan(incidents=PLAN.incidents._replace(gap=ints()))
    for rows, word in (
        ([*(served(i) for i in range(99)), lost(99, 2, 4)], "not served"),
        ([*(served(i) for i in range(999)), {**served(999), "outcome": 5, "end": -1}], "in flight"),
    ):
        assert word not in "".join(made(scenario(""), runs(rows), calm).warnings)
        assert word in "".join(made(scenario(""), runs([*rows[1:], {**rows[-1], "action": 5000}]), calm).warnings)


def test_observed_figures_stand_beside_the_simulated(scenario):
    found = made(scenario("observed: {latency_p50: 20s, cost_per_month: $100}\n")).observed.set_index("metric")
    assert found.loc["latency_p50", "observed"] == 20
    bill = found.loc["cost_per_month", "simulated"]
    assert found.loc["cost_per_month", "difference"] == pytest.approx(bill / 100 - 1)


def test_the_observed_bill_is_the_models_alone(scenario):
    log = log_of([served(0)], [{"action": 0, "cost": 6 * 10**12}])
    found = made(scenario("observed: {cost_per_month: $730}\n"), [log]).observed
    assert found["simulated"].iloc[0] == pytest.approx(730.0)  # $6 in 6 hours, without the service's $7


def test_figures_are_counted_by_where_they_come_from(scenario):
    found = made(scenario())
    paths = list(figures(found.scenario.document))
    assert "traffic.rate" in paths
    assert "models.small.ttft" in " ".join(paths)
    assert not [path for path in paths if path.startswith(("slo", "name", "seed"))]
    count = re.fullmatch(
        r"(\d+) of its (\d+) figures are assumed, (\d+) are estimated, (\d+) measured\.", found.assumed_text
    )
    assumed, every, estimated, measured = map(int, count.groups())
    assert assumed + estimated + measured == every == len(paths)
    assert measured >= 4
    assert estimated == 1


def test_expectations_have_verdicts(scenario):
    found = made(
        scenario('expect: ["success_rate >= 10%", "latency_p95 < 1ms", "escalation_rate <= 100%"]\n')
    ).expectations
    assert found["verdict"].tolist() == ["pass", "fail", "pass"]


# --- faces ----------------------------------------------------------------------------------------------------------


def plain_html(source):
    return re.sub(r"\s+", " ", html_module.unescape(re.sub(r"<style>.*?</style>|<[^>]+>", " ", source, flags=re.S)))


@pytest.mark.parametrize("width", [60, 100, 200])
def test_every_text_of_the_page_is_in_both_faces(result, width):
    as_text = re.sub(r"\s+", "", result.text(width))
    as_html = re.sub(r"\s+", "", plain_html(result.html()))
    pieces = [re.sub(r"\s+", "", piece) for piece in result.page().texts()]
    assert len(pieces) > 150
    assert not [piece for piece in pieces if piece not in as_html]
    if width >= 200:  # narrower, a cell's words wrap within its column
        assert not [piece for piece in pieces if piece not in as_text]
    figures_of = [piece for piece in pieces if re.fullmatch(r"[$\d.,%]+", piece)]
    assert len(figures_of) > 30
    assert max(map(len, result.text(width).splitlines())) <= width


def grid(found, first):
    return next(block for block in found.page().blocks if isinstance(block, Grid) and block.columns[0] == first)


def test_the_page_shows_the_figures_of_the_tables(result):
    for row, (name, one) in zip(grid(result, "metric").rows, result.metrics.items(), strict=True):
        unit = METRICS[name].unit
        assert row[:2] == (name, figure(one.value, unit))
        assert row[3:] == (unit, one.note)
        if one.low is not None and one.high is not None:
            assert row[2] == f"{figure(one.low, unit)} to {figure(one.high, unit)}"
    for row, (_, one) in zip(grid(result, "objective").rows, result.slo.iterrows(), strict=True):
        said = (
            one["text"],
            percent(one["compliance"]),
            percent(one["error_budget_left"]),
            number(one["burn_rate"]),
            one["verdict"],
        )
        assert (row[0], row[1], *row[3:]) == said
    for row, (_, one) in zip(grid(result, "limit").rows, result.bottlenecks.iterrows(), strict=True):
        assert row[:4] == (one["limit"], one["text"], percent(one["peak_use"]), percent(one["busiest_hour_use"]))
        assert row[5:7] == (number(one["delayed"]), number(one["refused"]))
    shown = {(by, name): cost for by, name, cost, _ in grid(result, "by").rows}
    for one in result.costs.itertuples():
        if one.by in ("total", "model", "call", "outcome") and one.cost_usd > 0:
            assert shown[one.by, one.name] == dollars(one.cost_usd)
    reasons = [
        (one.outcome, one.reason, number(one.actions), percent(one.share)) for one in result.reasons.itertuples()
    ]
    assert list(grid(result, "outcome").rows) == reasons[:8]


def test_an_interval_that_passes_the_data_says_so(scenario):
    found = made(scenario(), runs([served(i, 1 + i / 100) for i in range(30)]))
    row = next(row for row in grid(found, "metric").rows if row[0] == "latency_p99")
    assert row[2].endswith(" to beyond")


def test_no_figure_is_in_one_face_only(result):
    digits = re.compile(r"\d[\d,.]*")
    in_text = set(digits.findall(result.text(250)))
    in_html = set(digits.findall(plain_html(result.html())))
    assert in_text == in_html


def test_repr_is_the_text_and_the_card_the_html(result):
    assert repr(result).split("\n")[0] == "A <small> product & more"
    assert result._repr_html_() == result.html()
    assert "<small>" not in result.html()
    assert "A &lt;small&gt; product &amp; more" in result.html()


def test_the_card_needs_nothing_from_elsewhere_and_is_light(result):
    assert not re.search(r"https?:|src=|<script|@import|url\(", result.html())
    assert "background:#fff" in result.html()


def test_colour_only_where_asked_for(result):
    assert "\x1b[" not in result.text(100)
    assert "\x1b[" in result.text(100, colour=True)


def test_a_page_is_rendered_as_it_is():
    page = Page(
        "T",
        "s",
        (Paragraph("[not markup]", "Lead:", "bad"), Grid(("a", "b"), (("x", "1"), ("y", "22")), frozenset({1}))),
    )
    assert text.render(page, 60).splitlines() == ["T", "s", "", "Lead: [not markup]", "", "a   b", "x   1", "y  22"]
    assert '<b class="bad">Lead:</b> [not markup]' in html.render(page)


# --- JSON and files -------------------------------------------------------------------------------------------------


def test_json_is_the_contract(result):
    found = json.loads(result.to_json())
    assert list(found) == ["scenario", "scenario_hash", "seed", "replications", "engine", "version", "metrics"]
    assert (found["seed"], found["replications"], found["engine"]) == (5, 3, "reference")
    assert found["scenario_hash"] == result.scenario.hash
    assert list(found["metrics"]) == list(METRICS)
    for one in found["metrics"].values():
        assert list(one) == ["value", "low", "high", "unit"]
    assert found["metrics"]["joined_rate"]["value"] is None


def test_save_and_read_back(result, tmp_path):
    folder = result.save(tmp_path / "deep" / "out")
    assert sorted(path.name for path in folder.iterdir()) == [
        "actions.parquet",
        "attempts.parquet",
        "manifest.json",
        "timeline.parquet",
    ]
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
    assert sorted(path.name for path in folder.iterdir()) == [
        "actions.parquet",
        "attempts.parquet",
        "manifest.json",
        "mine.txt",
        "timeline.parquet",
    ]


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


# --- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (percent(0.0612), "6.12 %"), (percent(0.99954), "99.954 %"), (percent(0.995), "99.5 %"),
        (percent(1.0), "100 %"),
        (percent(0.0), "0 %"), (percent(2.1234), "212 %"), (percent(-0.5), "-50 %"), (percent(0.000012), "0.0012 %"),
        (percent(0.999999), "99.9999 %"), (percent(0.9999999), "99.99999 %"),
        (seconds(0.25), "250 ms"), (seconds(1.234), "1.23 s"), (seconds(100), "100 s"), (seconds(5400), "90 min"),
        (seconds(7200), "2 h"),
        (seconds(0), "0 s"), (seconds(2.5e-5), "25 µs"), (seconds(5e-9), "5 ns"), (seconds(600), "10 min"),
        (seconds(3 * 86400), "3 d"), (seconds(0.9999), "1 s"),
        (dollars(0.00234), "$0.00234"), (dollars(1234.5), "$1,234.50"), (dollars(0), "$0.00"), (dollars(-3), "-$3.00"),
        (dollars(123456.7), "$123,457"), (dollars(0.5), "$0.50"), (dollars(2.34e-10), "$0.000000000234"),
        (number(12345.6), "12,346"), (number(1.2345), "1.23"), (number(0), "0"), (number(0.0123), "0.0123"),
        (figure(None, "s"), "–"), (figure(0.5, "1/s"), "0.5/s"), (figure(3.0, "count"), "3"),
        (figure(float("inf"), "s"), "–"),
        (duration(7 * 24 * HOUR), "7 d"), (duration(90 * 60 * SECOND), "1 h 30 min"), (duration(5 * SECOND), "5 s"),
        (duration(0), "0 s"),
    ],
)  # fmt: skip
def test_words(shown, said):
    assert shown == said


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
