"""Tables of the bill, its spikes, and what the page says to do about it: by hand, and adding up on random logs."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, ints, log_of, random_log, synthetic_plan

from simkit.engine.codes import Cause
from simkit.plan.codes import Act, Lookup
from simkit.result import tables_economy
from simkit.result.bill import bill_blocks, bill_caveats, bill_text
from simkit.result.economy import CAUSES
from simkit.result.evidence import DOLLAR, evidence_of
from simkit.result.metrics import evaluate
from simkit.result.spikes import dearest_users, profile_of, spike_text, spikes_of
from simkit.result.tables import costs
from simkit.result.tally import tally
from simkit.scenario.load import load
from simkit.scenario.policy import Slo

PLAN = synthetic_plan()
LOGS = [random_log(seed, 300, seed) for seed in range(2)]


def evidence(logs=LOGS, plan=PLAN):
    return evidence_of(plan, [tally(plan, log, ()) for log in logs], Slo())


def test_money_by_cause_adds_up_to_all_but_the_own_service():
    found = evidence()
    table = tables_economy.causes(found)
    whole = (found.total("spent") - found.total("service")) / DOLLAR / 2
    assert table.drop(columns=["start", "end"]).to_numpy().sum() == pytest.approx(whole, rel=1e-9)
    parts = sum(found.total(f"cause_{name}") for name in CAUSES)
    assert parts == found.total("cost")  # to the picodollar
    by_part = costs(found).query("by == 'part'")
    assert by_part["cost_usd"].sum() == pytest.approx(found.total("cost") / DOLLAR / 2, rel=1e-12)


def test_kinds_and_models_by_window_add_up_too():
    for one in evidence().tallies:
        whole = sum(one.total(name) for name in ("cost", "people", "lookup_cost", "tool_cost"))
        assert int(one.economy.by_kind.sum(dtype=object)) == whole
        assert int(one.economy.by_model.sum(dtype=object)) == one.total("cost")
        assert int(one.economy.turns[..., -1].sum()) == one.total("cost")
        assert int(one.economy.turns[..., 0].sum()) == one.total("arrived")


def lookup(time, cache, result, arrival=0):
    return {"time": time, "action": 0, "arrival": arrival, "call": 0, "cache": cache, "key": 1, "result": int(result)}


def test_caches_and_hit_rates_by_hand():
    rows = [lookup(-HOUR, 0, Lookup.MISS, -HOUR), lookup(5, 0, Lookup.HIT), lookup(6, 0, Lookup.EXPIRED),
            lookup(7, 1, Lookup.FALSE), lookup(8, 1, Lookup.JOINED), lookup(9, 1, Lookup.STALE)]  # fmt: skip
    found = evidence([log_of([], lookups=rows)])
    exact, semantic = tables_economy.caches(found).to_dict("records")
    assert (exact["asked"], exact["hits"], exact["expired"], exact["hit_rate"]) == (2, 1, 1, 0.5)
    assert exact["cost_usd"] == pytest.approx(2 * 1e7 / DOLLAR)
    assert [semantic[name] for name in ("asked", "hits", "joined", "false", "stale")] == [2, 1, 1, 1, 1]
    by_time = tables_economy.hit_rates(found)
    first = by_time[by_time["asked"] > 0].iloc[0]
    assert (first["cache"], first["asked"], first["hits"]) == ("exact", 1, 0)  # of the warm-up
    assert first["start"] == by_time["start"].iloc[0]


def spike_log(dear=40):
    """A quarter of a cent a minute, and in one minute dollars for a report that is tried again."""
    rows = [(minute, 0, Cause.FIRST, 25 * 10**8) for minute in range(360)]
    rows += [(90, 1, Cause.RETRY, 10**12)] * dear
    actions = [
        {"action": i, "arrival": minute * 60 * SECOND, "kind": kind, "attempts": 1, "cost": cost, "user": i % 300}
        for i, (minute, kind, _, cost) in enumerate(rows)
    ]
    attempts = [
        {"action": i, "cause": int(cause), "model": kind, "deployment": kind, "started": 0, "cost": cost,
         "tokens_in": 1000, "billed_in": 1000}
        for i, (_, kind, cause, cost) in enumerate(rows)
    ]  # fmt: skip
    return log_of(actions, attempts)


def test_a_spike_is_found_with_its_cause_kind_and_model():
    found = evidence([spike_log()], synthetic_plan(stationary=True))
    top, *_ = spikes_of(found)
    assert (top.cause, top.kind, top.model) == ("retry", "report", "large")
    assert top.cost == pytest.approx(40.0025) and top.usual == pytest.approx(0.0025)
    assert top.excess == pytest.approx(40)
    table = tables_economy.spikes(found)
    assert table["start_s"].iloc[0] <= 90 * 60 < table["end_s"].iloc[0]
    assert "retry $40.00, report" in spike_text(found)
    assert spikes_of(evidence([log_of([])])) == ()


OFFICE = """
name: office
horizon: 3d
warmup: 0s
traffic: {rate: 0.02/s, seasonality: {hours: office}}
actions: {ask: {calls: [{name: answer, model: a, input: 1000, output: 20}]}}
models:
  a: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 20, prices: {input: $10, output: $20}}
replications: 3
resilience: {client: none}
incidents: []
"""


def office(folder, more=""):
    file = folder / "office.yaml"
    file.write_text(OFFICE + more, encoding="utf-8")
    return load(file).run(engine="reference", jobs=1).evidence


def test_office_hours_are_no_spike(tmp_path):
    found = office(tmp_path)
    cost = sum(one.series["cost"] for one in found.tallies)
    assert cost.max() > 3 * np.median(cost)  # the busiest hours cost several times as much as most
    assert [one for one in spikes_of(found) if one.times >= 1.5] == []
    load = profile_of(found).load
    assert load.sum() == pytest.approx(0.02 * 3 * 86_400) and load.max() > 3 * np.median(load)


def test_what_is_dear_at_a_quiet_hour_is_a_spike(tmp_path):
    """At night, when little is asked, prompts are ten times as long: less money than any hour at noon."""
    longer, back = (f"set: {{actions.ask.calls.0.input: {size}}}" for size in (30_000, 1_000))
    more = f"changes: [{{at: 26h, {longer}}}, {{at: 27h, {back}}}]\n"
    found = office(tmp_path, more)
    top, *_ = spikes_of(found)
    start = found.tallies[0].windows.edges[top.window] / 3600e9
    assert 26 <= start < 27 and top.cause == "user" and top.times > 5 and 0.2 < top.traffic < 5


def test_more_questions_than_expected_are_named_as_the_cause():
    found = evidence([spike_log(0)], synthetic_plan(stationary=True))
    crowd = [{"action": i, "arrival": 90 * 60 * SECOND, "attempts": 1, "cost": 25 * 10**8} for i in range(400, 460)]
    logs = [spike_log(0)]
    assert spikes_of(found) == ()
    actions = [dict(zip(logs[0].actions, row, strict=True)) for row in zip(*logs[0].actions.values(), strict=True)]
    attempts = [dict(zip(logs[0].attempts, row, strict=True)) for row in zip(*logs[0].attempts.values(), strict=True)]
    one = attempts[0]
    more = log_of([*actions, *crowd], [*attempts, *(one | {"action": row["action"]} for row in crowd)])
    (top, *_) = spikes_of(evidence([more], synthetic_plan(stationary=True)))
    assert top.cause == "more_traffic" and top.traffic == pytest.approx(61)
    assert top.by_cause == pytest.approx(60 * 0.0025)
    assert "61 times the usual questions" in spike_text(evidence([more], synthetic_plan(stationary=True)))


def test_the_dearest_users_are_told_where_few_make_much():
    assert dearest_users(evidence([spike_log(0)], PLAN)) == ""  # all alike
    dear = spike_log(0)
    cost = dear.actions["cost"].copy()
    cost[5] = 10**12
    told = dearest_users(evidence([replace(dear, actions=dear.actions | {"cost": cost})]))
    assert told.startswith("3 users (1 %) make 5")  # $1.01 of $1.90
    frame = tables_economy.users(evidence([replace(dear, actions=dear.actions | {"cost": cost})]))
    assert frame["user"].iloc[0] == 5 and frame["cost_usd"].iloc[0] == pytest.approx(1.0025)


def test_periods_in_the_table_of_budgets():
    rows = [(HOUR, 0, 5), (2 * HOUR, 1, 11), (3 * HOUR, -1, 12)]
    spent = [{"time": t, "budget": 0, "step": step, "spent": usd * 10**12} for t, step, usd in rows]
    (row,) = tables_economy.budgets(evidence([log_of([], budgets=spent)])).to_dict("records")
    assert (row["budget"], row["alerted_s"], row["blocked_s"], row["blocked_for_s"]) == ("month", 3600, 7200, 3600)
    assert row["overshoot"] == pytest.approx(0.2) and np.isnan(row["degraded_s"])
    assert (row["alerted_share"], row["blocked_share"]) == (0.5, 1.1) and np.isnan(row["degraded_share"])


def test_the_answer_names_the_largest_part_and_what_budgets_did():
    found = evidence([spike_log(0)])
    assert "fees for requests" not in bill_text(found, evaluate(found), None)
    system = [{"action": 0, "started": 0, "deployment": 1, "model": 1, "cost": 3_000_000 * 900 + 9, "billed_in": 900,
               "tokens_in": 900, "tokens_system": 800}]  # fmt: skip
    spent = [{"time": HORIZON // 2, "budget": 0, "step": 1, "spent": 11 * 10**12},
             {"time": HORIZON, "budget": 0, "step": -1, "spent": 11 * 10**12}]  # fmt: skip
    found = evidence([log_of([{"attempts": 1, "cost": system[0]["cost"]}], system, budgets=spent)])
    text = bill_text(found, evaluate(found), None)
    assert "% of the models' bill is system prompts: shorten them" in text
    assert "The budget `month` blocks for 42.9 % of the run, it is overspent by up to 10 %" in text
    assert "--levers" in text
    assert bill_text(evidence([log_of([])]), {}, None) == ""


def test_caveats_of_a_month_and_of_caches_that_fill():
    assert "month begin unspent" in bill_caveats(evidence())
    daily = PLAN.spending._replace(monthly=np.zeros(1, bool))
    plan = synthetic_plan(stationary=True, spending=daily)
    step = 7 * HOUR // 4000
    rows = [
        lookup(i * step - HOUR, 0, Lookup.HIT if i % 100 < i // 50 else Lookup.MISS, i * step - HOUR)
        for i in range(4000)
    ]
    assert "The exact cache was still filling" in bill_caveats(evidence([log_of([], lookups=rows)], plan))
    even = [one | {"result": int(Lookup.HIT if i % 2 else Lookup.MISS)} for i, one in enumerate(rows)]
    assert bill_caveats(evidence([log_of([], lookups=even)], plan)) == ""


def test_the_page_shows_what_there_is_and_nothing_else():
    def titles(found):
        return [one.text for one in bill_blocks(found, None) if hasattr(one, "text")]

    assert titles(evidence()) == [
        "Caches of answers",
        "Prompt caches",
        "Budgets",
        "How prompts grow",
        "The top of the bill",
    ]
    off = synthetic_plan(
        answers=PLAN.answers._replace(on=np.zeros(2, bool)), sessions=PLAN.sessions._replace(most=ints(1, 1)),
        actions=PLAN.actions._replace(repeat_max=np.ones((2, 3), np.int64)),
        spending=PLAN.spending._replace(act=np.full((1, 8), int(Act.ALERT))),
    )  # fmt: skip
    assert titles(evidence([log_of([])], off)) == []


TALKS = """
horizon: 30min
warmup: 0s
replications: 2
traffic: {rate: 6/min, process: deterministic, sessions: {turns: 3, think: 1s}}
actions:
  chat: {share: 50%, calls: [{name: say, model: a, input: {system: 400, history: grows, user: 100}, output: 50}]}
  agent: {share: 50%, calls: [{name: step, model: a, repeat: 2, input: {system: 1000, user: 100}, output: 50}]}
models:
  a: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 50, prices: {input: $10, output: $20}}
resilience: {client: none}
"""


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_turns_and_steps_are_told_by_kind_of_action(engine, tmp_path):
    file = tmp_path / "talks.yaml"
    file.write_text(TALKS, encoding="utf-8")
    found = load(file).run(engine=engine, jobs=1)
    rows = found.turns.set_index(["by", "kind", "number"]).sort_index()
    assert set(found.turns["kind"]) == {"chat", "agent"}
    for turn in (1, 2, 3):
        chat, agent = rows.loc[("turn", "chat", turn)], rows.loc[("turn", "agent", turn)]
        assert (chat["tokens_system"], agent["tokens_system"]) == (400, 2000)
        assert (chat["tokens_user"], chat["tokens_out"], agent["tokens_out"]) == (100, 50, 100)
        assert chat["cost_usd"] == pytest.approx((chat["tokens_in"] * 10 + 50 * 20) / 1e6)
    assert rows.loc[("turn", "chat", 1), "tokens_history"] == 0 < rows.loc[("turn", "chat", 3), "tokens_history"]
    assert rows.loc[("step", "agent"), "tokens_system"].tolist() == [1000, 1000]
    assert ("step", "chat", 1) not in rows.index
    counts = rows.loc["turn", "count"].groupby("kind").sum()
    assert counts.sum() == pytest.approx(found.metrics["actions"].value)
    assert rows.loc[("step", "agent"), "count"].tolist() == [counts["agent"]] * 2
