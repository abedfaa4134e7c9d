"""Caches, conversations, quotas, budgets and batch: from the file to the plan's tables."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simkit.plan.compile import compile_plan
from simkit.plan.economy import LOCAL_DAY, LOCAL_MONTH, UTC_DAY, UTC_MONTH
from simkit.plan.plan import NEVER, Plan
from simkit.plan.trace import read_trace
from simkit.scenario.batch_models import with_batch_models
from simkit.scenario.load import Scenario, load
from simkit.scenario.traffic import Trace

S = 10**9
H = 3600 * S
BASE: dict[str, Any] = {
    "start": "2026-11-02",
    "horizon": "1d",
    "warmup": "0s",
    "traffic": {"rate": "1/s"},
    "actions": {
        "ask": {"calls": [{"name": "answer", "model": "m", "input": {"system": 900, "user": 60}, "output": 20}]},
    },
    "models": {
        name: {"deployments": [{"provider": "p"}], "ttft": "1s", "tokens_per_second": 20,
               "prices": {"input": "$1", "output": output}}
        for name, output in (("m", "$2"), ("s", "$1"))
    },
}  # fmt: skip


def scenario(tmp_path: Path, **changes: Any) -> Scenario:
    file = tmp_path / "scenario.yaml"
    file.write_text(json.dumps({**BASE, **changes}))
    return load(file)


def plan_of(tmp_path: Path, **changes: Any) -> Plan:
    return compile_plan(scenario(tmp_path, **changes))


def test_nothing_is_asked_for_by_default(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert not plan.answers.on.any() and not plan.prompts.on[0] and not plan.allowances.on[0] and not plan.batch.api[0]
    assert plan.sessions.most.tolist() == [1] and not plan.actions.cached[0] and not plan.actions.history[0]
    assert len(plan.resets.time) == len(plan.batch.open) == len(plan.spending.whole) == 0
    assert plan.models.cheaper.tolist() == plan.models.batch.tolist() == [-1, -1]


def test_a_lookup_of_no_time_is_none(tmp_path: Path) -> None:
    caches = {"exact": {"keys": {"zipf": 1, "count": 3}, "lookup": "0s"}, "semantic": {"hit_rate": "20%"}}
    plan = plan_of(tmp_path, caches=caches)
    assert plan.answers.lookup[0, 0] == -1 and plan.dists.scale[plan.answers.lookup[0, 1]] == 40_000_000
    assert plan.answers.keys.tolist() == [3, 0]
    assert plan.answers.hit_rate.tolist() == [[-1.0, 0.2]] and plan.answers.ramp[0, 1] == H
    assert plan.actions.cached.tolist() == [True]


def test_the_scenarios_rules_of_a_prompt_cache_go_before_the_models_and_the_providers(tmp_path: Path) -> None:
    rules = {"minimum": 64, "step": 32, "ttl": "1min", "refresh": False, "write": "125%",
             "longer": {"ttl": "1h", "write": "200%"}}  # fmt: skip
    changes: dict[str, Any] = {"providers": {"p": {"prompt_cache": rules}}, "caches": {"prompt": {}}}
    plan = plan_of(tmp_path, **changes)
    assert plan.prompts.minimum.tolist() == [[64, 64]] and plan.prompts.step[0, 0] == 32
    assert plan.prompts.ttl[0, 0] == 60 * S and not plan.prompts.refresh[0] and plan.prompts.prefill[0, 0] == 1.0
    assert plan.prices.write[0, 0, 0] == 1_250_000 and plan.policy.cache_hit_rate[0] == -1
    models = {**BASE["models"], "m": {**BASE["models"]["m"], "prompt_cache_minimum": 128}}
    changes |= {"caches": {"prompt": {"ttl": "1h", "step": 1}}, "models": models}
    plan = plan_of(tmp_path, **changes)
    assert plan.prompts.minimum.tolist() == [[128, 64]] and plan.prompts.step[0, 0] == 1
    assert plan.prompts.ttl[0, 0] == H and plan.prices.write[0, 0, 0] == 2_000_000
    changes["caches"] = {"prompt": {"minimum": 0, "write": "110%"}}
    plan = plan_of(tmp_path, **changes)
    assert plan.prompts.minimum.tolist() == [[0, 0]] and plan.prices.write[0, 0, 0] == 1_100_000


def test_an_own_price_of_written_tokens_is_final(tmp_path: Path) -> None:
    prices = {**BASE["models"]["m"]["prices"], "write": "$3"}
    plan = plan_of(tmp_path, caches={"prompt": {"write": "125%"}},
                   models={"m": {**BASE["models"]["m"], "prices": prices}})  # fmt: skip
    assert plan.prices.write[0, 0, 0] == 3_000_000


def test_a_given_hit_rate_leaves_the_price_of_written_tokens_alone(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, caches={"prompt": {"hit_rate": "60%"}}, providers={"p": {"prompt_cache": {"write": "125%"}}}
    )
    assert plan.prices.write[0, 0, 0] == 1_000_000 and plan.policy.cache_hit_rate[0] == 0.6 and not plan.prompts.on[0]


def test_budgets_have_their_steps_exactly(tmp_path: Path) -> None:
    budgets = {
        "a": {"limit": "$0.01/day", "at": {"33.3%": "alert", "100%": "block"}},
        "b": {"limit": "$7/month", "of": ["s"], "at": {"80%": "degrade"}},
    }
    plan = plan_of(tmp_path, budgets=budgets, cheaper={"s": "m"})
    assert plan.names.budgets == ("a", "b")
    assert plan.spending.at[0, 0, :3].tolist() == [3_330_000_000, 10**10, NEVER]
    assert plan.spending.at[0, 1, 0] == 56 * 10**11
    assert plan.spending.act[:, :2].tolist() == [[0, 2], [1, -1]]
    assert plan.spending.whole.tolist() == [True, False] and plan.spending.monthly.tolist() == [False, True]
    assert plan.spending.covers.tolist() == [[True, True], [False, True]]
    assert plan.models.cheaper.tolist() == [-1, 0]


def test_a_step_between_two_picodollars_is_the_next_whole_one(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, budgets={"a": {"limit": "$0.000000000007/day", "at": {"50%": "alert", "90%": "block"}}})
    assert plan.spending.at[0, 0, :2].tolist() == [4, 7]


def test_shares_as_keys_are_written_and_read_back(tmp_path: Path) -> None:
    budgets = {"month": {"limit": "$500/month", "at": {"80%": "alert", "12.5%": "alert", "100%": "block"}}}
    first = scenario(tmp_path, budgets=budgets)
    assert list(first.document.budgets["month"].at) == [0.8, 0.125, 1.0]
    text = first.resolved()
    assert "12.5%: alert" in text
    file = tmp_path / "again.yaml"
    file.write_text(text)
    assert load(file).hash == first.hash


def test_days_and_months_begin_where_they_do(tmp_path: Path) -> None:
    users = {"daily_active": 5, "actions_per_day": 5.0, "quota": {"day": 9}}
    traffic = {"users": users, "timezone": "America/New_York"}
    budgets = {"d": {"limit": "$1/day"}, "m": {"limit": "$9/month"}}
    plan = plan_of(tmp_path, start="2026-10-30", horizon="3d", cooldown="2h", traffic=traffic, budgets=budgets)
    utc, local = UTC_DAY, LOCAL_DAY
    days = [20, 24, 44, 48, 68, 73]
    assert [time / H for time in plan.resets.time.tolist()] == days
    assert plan.resets.what.tolist() == [utc, local, utc | UTC_MONTH, local | LOCAL_MONTH, utc, local]


def test_the_day_of_the_change_to_winter_time_has_25_hours(tmp_path: Path) -> None:
    users = {"daily_active": 5, "actions_per_day": 5.0, "quota": {"day": 9}}
    plan = plan_of(tmp_path, start="2026-10-31", horizon="3d", cooldown="1h",
                   traffic={"users": users, "timezone": "America/New_York"})  # fmt: skip
    assert [time / H for time in plan.resets.time.tolist()] == [24, 49]
    assert plan.resets.what.tolist() == [LOCAL_DAY | LOCAL_MONTH, LOCAL_DAY]


def test_plans_without_a_quota_have_that_of_all(tmp_path: Path) -> None:
    plans = {"free": {"share": "90%", "quota": {"day": 3, "over": "degrade"}}, "paid": {"share": "10%"}}
    users = {"daily_active": 5, "actions_per_day": 5.0, "quota": {"month": 70}, "plans": plans}
    plan = plan_of(tmp_path, traffic={"users": users}, cheaper={"m": "s"})
    assert plan.allowances.day.tolist() == [[3, NEVER]] and plan.allowances.month.tolist() == [[NEVER, 70]]
    assert plan.allowances.degrades.tolist() == [True, False] and plan.allowances.on[0]


def test_caches_are_emptied_together_where_that_is_said(tmp_path: Path) -> None:
    keys = {"zipf": 1, "count": 3}
    caches = {
        "exact": {"keys": keys, "emptied": ["5h", "2h"]},
        "semantic": {"clusters": keys, "emptied": ["5h"]},
        "prompt": {"emptied": ["5h", "9d"]},
    }
    plan = plan_of(tmp_path, caches=caches)
    assert plan.resets.emptied_time.tolist() == [2 * H, 5 * H] and plan.resets.emptied.tolist() == [1, 7]


def waiting(**batch: Any) -> dict[str, Any]:
    kind = {"urgency": "batch", "calls": BASE["actions"]["ask"]["calls"]}
    return {"actions": {"ask": kind}, "batch": batch}


@pytest.mark.parametrize(
    ("window", "spans"),
    [
        ({"from": 9, "to": 17}, [(9, 17), (33, 41), (57, 65)]),
        ({"from": 22, "to": 6}, [(0, 6), (22, 30), (46, 54), (70, 73)]),
        ({"from": 9, "to": 17, "weekend": "all_day"}, [(0, 48), (57, 65)]),
        ({"from": 0, "to": 24}, [(0, 73)]),
    ],
)
def test_windows_over_the_run(tmp_path: Path, window: dict[str, Any], spans: list[tuple[int, int]]) -> None:
    plan = plan_of(tmp_path, start="2026-11-07", horizon="3d", cooldown="1h", **waiting(window=window))
    assert list(zip((plan.batch.open // H).tolist(), (plan.batch.close // H).tolist(), strict=True)) == spans


def test_what_can_wait_lengthens_the_cooldown(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, **waiting(window={"from": 22, "to": 6}, spread="1h", api={"takes": "1h", "within": "5h"}))
    assert plan.cooldown == 600 * S + (16 + 1 + 5) * H


def test_a_batch_side_costs_half_and_takes_what_the_api_takes(tmp_path: Path) -> None:
    changes = waiting(api={"takes": "40min", "within": "2h"})
    quotas = {"all": {"requests": "5/min", "of": ["p"]}, "side": {"requests": "7/min", "of": ["m@batch"]}}
    budgets = {"p": {"limit": "$9/day", "of": ["p"]}, "m": {"limit": "$9/day", "of": ["m"]}}
    incidents = [{"at": "1h", "lasts": "1h", "target": name, "error_rate": "100%"} for name in ("p", "m")]
    plan = plan_of(tmp_path, **changes, cheaper={"m": "s"}, quotas=quotas, budgets=budgets, incidents=incidents)
    assert plan.names.models == ("m", "s", "m@batch", "s@batch")
    assert plan.models.batch.tolist() == [2, 3, -1, -1] and plan.models.is_batch.tolist() == [False, False, True, True]
    assert plan.prices.output[0, :, 0].tolist() == [2_000_000, 1_000_000, 1_000_000, 500_000]
    assert plan.dists.scale[plan.deployments.ttft[0]].tolist() == [S, S, 2400 * S, 2400 * S]
    first, limits = plan.deployments.first_limit, plan.deployments.limits
    assert [limits[a:b].tolist() for a, b in pairwise(first)] == [[0], [0], [1], []]
    assert plan.spending.covers.tolist() == [[True] * 4, [True, False, True, False]]
    assert plan.incidents.hits.tolist() == [[True] * 4, [True, False, False, False]]
    assert plan.batch.api[0] and plan.batch.within.tolist() == [2 * H]


def test_the_full_form_tells_the_batch_sides(tmp_path: Path) -> None:
    found = scenario(tmp_path, **waiting(api="40min"))
    assert found.resolved().endswith("# m@batch; within 1d.\n")
    assert "@batch" not in scenario(tmp_path, batch={"api": "40min"}).resolved()


def test_without_an_api_there_are_no_batch_sides(tmp_path: Path) -> None:
    document = scenario(tmp_path, **waiting(window={"from": 22, "to": 6})).document
    assert with_batch_models(document) is document


def test_conversations_share_the_rate_among_their_turns(tmp_path: Path) -> None:
    sessions = {"turns": {"geometric": {"mean": 4, "max": 3}}, "think": "20s"}
    plan = plan_of(tmp_path, traffic={"rate": "1/s", "sessions": sessions}, cooldown="0s")
    mean = 1 + 0.75 + 0.75**2
    assert plan.mean_turns.tolist() == [mean]
    assert plan.arrivals.rate.tolist() == pytest.approx([1e-9 / mean], rel=1e-12)
    assert plan.expected_actions == pytest.approx(86_400, rel=1e-12)


def test_histories_and_summaries(tmp_path: Path) -> None:
    answer = {"name": "answer", "model": "m", "output": 20}
    calls = [
        {**answer, "name": "sum", "summarises": True, "input": 10},
        {**answer, "input": {"user": 60, "chunks": 3, "retrieved": 9, "history": {"limit": 101, "cut_to": "50%"}}},
        {
            **answer,
            "name": "more",
            "input": {"user": 60, "history": "grows"},
            "repeat": 2,
            "work": "1s",
            "work_cost": "$1",
        },
    ]
    plan = plan_of(tmp_path, actions={"ask": {"calls": calls}}, caches={"exact": {"hit_rate": "10%"}})
    kinds = plan.actions
    assert kinds.history.tolist() == [False, True, True] and kinds.history_limit.tolist() == [[NEVER, 101, NEVER]]
    assert kinds.history_step.tolist() == [[1, 51, 1]] and kinds.summary_limit.tolist() == [[101, NEVER, NEVER]]
    assert kinds.judged.tolist() == [False, True, True] and kinds.cached.tolist() == [False, True, False]
    assert kinds.chunks.tolist() == [[1, 3, 1]] and kinds.work_cost.tolist() == [[0, 0, 10**12]]


def test_keys_and_blocks_of_a_trace_are_numbered_as_they_come(tmp_path: Path) -> None:
    rows = [
        {"t": 2, "i": 900, "k": "b", "h": [7, 8]},
        {"t": 0, "i": 900, "k": "a", "h": [9]},
        {"t": 2, "i": 900, "k": "", "h": []},
        {"t": 2, "i": 900, "k": "a", "h": [9, 7]},
    ]
    file = tmp_path / "trace.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    columns = {"time": "t", "input": "i", "key": "k", "blocks": "h"}
    spec = Trace.model_validate({"file": str(file), "columns": columns, "block": 16, "spread": "2s"})
    found = read_trace(file, spec, blocks=True)
    assert found.key is not None and found.key.tolist() == [0, 1, -1, 0]
    assert found.blocks is not None and found.blocks.tolist() == [0, 1, 2, 0, 1]
    assert found.first_block.tolist() == [0, 1, 3, 3, 5] and found.block == 16
    assert found.time_ns.tolist() == [0, 2 * S, 2 * S + 2 * S // 3, 2 * S + 4 * S // 3]
    assert read_trace(file, spec).blocks is None


def test_mooncakes_blocks_are_recognised(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    row = {"timestamp": 0, "input_length": 700, "output_length": 9, "hash_ids": [4, 5]}
    file.write_text(json.dumps(row))
    found = read_trace(file, Trace(file=str(file)), blocks=True)
    assert found.blocks is not None and found.blocks.tolist() == [0, 1] and found.block == 512
    changes = {"traffic": {"trace": {"file": str(file)}}, "caches": {"prompt": {}}}
    plan = plan_of(tmp_path, **changes)
    assert plan.prompts.number.tolist() == [2] and np.array_equal(plan.prompts.first_block, [0, 2])
