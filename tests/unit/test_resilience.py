"""The layers of resilience: presets, what stands over what, the tables of the plan, and what a change may not alter."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from simkit.plan.codes import KINDS, Balance, Degrade, JitterKind, Kind, RetryAt, StreamFailure, WindowKind
from simkit.plan.compile import compile_plan
from simkit.plan.errors import PlanError
from simkit.plan.plan import NEVER, Plan
from simkit.scenario import presets
from simkit.scenario.defaults import FAILURES, cooldown_of, layers, preset_layer
from simkit.scenario.errors import ScenarioError
from simkit.scenario.load import Scenario, load
from simkit.scenario.resilience import OUTER, Breaker, Layer, LayerFields, RetryBudget

SECOND = 10**9
HOUR = 3600 * SECOND
MODEL: dict[str, Any] = {
    "provider": "p",
    "ttft": "1s",
    "tokens_per_second": 20,
    "prices": {"input": "$1", "output": "$2"},
}


def scenario(folder: Path, **sections: Any) -> Scenario:
    """A small scenario with these sections."""
    whole: dict[str, Any] = {
        "traffic": {"rate": "1/s"},
        "actions": {"ask": {"calls": [{"name": "answer", "model": "m", "input": 100, "output": 20}]}},
        "models": {"m": MODEL, "n": {**MODEL, "provider": "q"}},
        "horizon": "7d",
        **sections,
    }
    file = folder / "scenario.yaml"
    with file.open("w") as out:
        YAML().dump(whole, out)
    return load(file)


def two(folder: Path, **said: Any) -> tuple[Layer, Layer | None]:
    return layers(scenario(folder, resilience=said).document)


def plan(folder: Path, **sections: Any) -> Plan:
    return compile_plan(scenario(folder, **sections))


def kinds(flags: Any) -> set[str]:
    """Names of the kinds that a table by kind says yes to."""
    return {kind.name.lower() for kind in list(Kind)[:KINDS] if flags[kind]}


# --- presets -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.id)
def test_a_preset_is_whole_and_says_its_source(preset: presets.Preset) -> None:
    layer = preset_layer(preset.id)
    open_ = {"retry_on", "fallback_on", "max_fallbacks"}
    assert [name for name in LayerFields.model_fields if getattr(layer, name) is None and name not in open_] == []
    assert layer.preset == preset.id and len(preset.source) > 10 and preset.date.startswith("20")


def test_a_bare_name_is_the_newest_version() -> None:
    assert presets.preset("openai_sdk").id == "openai_sdk@3"
    assert presets.preset("openai_sdk@1").version == "1"
    assert set(presets.NAMES) == {
        "none", "openai_sdk", "anthropic_sdk", "litellm", "portkey", "envoy", "aws_standard",
    }  # fmt: skip


def test_the_kinds_of_presets_are_those_of_failures() -> None:
    assert list(presets.KINDS) == list(FAILURES) == [kind.name.lower() for kind in list(Kind)[1:KINDS]]


def test_the_sdk_of_before_is_still_there(tmp_path: Path) -> None:
    inner = plan(tmp_path, resilience={"client": "openai_sdk@1"}).inner
    assert (inner.timeout[0], inner.max_retries[0], inner.retry_after[0]) == (600 * SECOND, 2, 60 * SECOND)
    assert (inner.backoff_initial[0], inner.backoff_factor[0], inner.backoff_max[0]) == (SECOND // 2, 2.0, 8 * SECOND)
    assert (inner.jitter_kind[0], inner.jitter_low[0], inner.jitter_high[0]) == (JitterKind.RANGE, 0.75, 1.0)
    assert not inner.retry_after_instead[0] and not inner.retry_after_gives_up[0]
    assert kinds(inner.retry_on) == {"rate_limit", "overloaded", "server_error", "timeout", "connection", "malformed"}
    newer = plan(tmp_path, resilience={"client": "openai_sdk"}).inner
    assert newer.retry_after[0] == 120 * SECOND and newer.retry_after_instead[0] and newer.retry_after_gives_up[0]


def test_litellm_as_it_is(tmp_path: Path) -> None:
    made = plan(tmp_path, resilience={"gateway": "litellm"})
    inner, breaker = made.inner, made.breaker
    assert made.has_gateway and made.outer.max_retries[0] == 2 and made.outer.timeout[0] == 600 * SECOND
    assert inner.jitter_kind[0] == JitterKind.ADDITIVE and inner.jitter_add[0] == 750_000_000
    assert inner.skip_with_peer[0] and not inner.retry_while_open[0] and inner.max_fallbacks[0] == 5
    assert inner.stream_failure[0] == StreamFailure.FALL_BACK
    assert kinds(breaker.at_once) == {"rate_limit", "quota_exhausted"} and breaker.at_once_peer[0]
    assert {"connection", "timeout", "server_error"} < kinds(breaker.trips_on) < kinds(breaker.counts)
    assert breaker.rate_ppb.tolist() == [[500_000_000, 1_000_000_000, 0, 0]]
    assert breaker.rate_of.tolist() == [[5, 1000, NEVER, NEVER]]
    assert breaker.rate_strict.tolist() == [True, False, False, False]
    assert breaker.rate_peer.tolist() == [True, False, False, False]
    assert breaker.window_kind[0] == WindowKind.FIXED and not breaker.forget[0] and breaker.from_retry_after[0]
    assert (breaker.cooldown[0], breaker.probes[0], breaker.panic_ppb[0]) == (5 * SECOND, 0, 0)
    assert inner.wait_after_last[0] and inner.error_first[0] and inner.retry_after_unit[0] == SECOND
    assert not (made.outer.wait_after_last[0] or made.outer.error_first[0] or made.outer.retry_after_unit[0])


def test_portkey_envoy_and_aws_as_they_are(tmp_path: Path) -> None:
    portkey = plan(tmp_path, resilience={"gateway": "portkey"})
    assert portkey.inner.retry_at[0] == RetryAt.SAME and portkey.inner.max_retries[0] == 5
    assert portkey.breaker.panic_ppb[0] == 10_000_000 and portkey.breaker.others_healthy[0]
    assert portkey.breaker.panic_chain[0]
    assert kinds(portkey.breaker.counts) == {"overloaded", "server_error", "connection"}
    envoy = plan(tmp_path, resilience={"gateway": "envoy"})
    assert (
        envoy.inner.call_timeout[0] == 15 * SECOND and envoy.inner.budget_concurrent[0] == 3 and envoy.inner.budget[0]
    )
    assert envoy.breaker.sweep[0] == 10 * SECOND and envoy.breaker.grows[0] and envoy.breaker.consecutive[0] == 5
    assert envoy.breaker.trips_on.tolist() == envoy.breaker.counts.tolist()
    assert envoy.breaker.outliers[0] and envoy.breaker.outlier_deviations[0] == 1.9
    assert (envoy.breaker.outlier_hosts[0], envoy.breaker.outlier_requests[0]) == (5, 100)
    assert envoy.inner.budget_share_ppb[0] == 0
    aws = plan(tmp_path, resilience={"client": "aws_standard"}).inner
    assert (aws.budget_start[0], aws.budget_retry[0], aws.budget_throttled[0], aws.budget_success[0]) == (500, 14, 5, 1)
    assert aws.budget_refund[0] and aws.backoff_throttled[0] == SECOND and aws.backoff_initial[0] == 50_000_000


# --- what stands over what ---------------------------------------------------------------------------------


def test_what_stands_in_resilience_is_the_inner_layers(tmp_path: Path) -> None:
    inner, outer = two(tmp_path, timeout="9s", client={"max_retries": 7})
    assert outer is None and (inner.timeout, inner.max_retries, inner.preset) == (9 * SECOND, 7, "openai_sdk@3")
    inner, outer = two(tmp_path, timeout="9s", client={"max_retries": 7}, gateway={"max_retries": 1})
    assert outer is not None and (outer.timeout, outer.max_retries) == (600 * SECOND, 7)
    assert (inner.timeout, inner.max_retries, inner.preset) == (9 * SECOND, 1, "none@1")


def test_maps_merge_and_lists_replace(tmp_path: Path) -> None:
    gateway = {"preset": "litellm", "breaker": {"cooldown": "9s", "rates": []}, "backoff": {"initial": "1s"}}
    inner, _ = two(tmp_path, gateway=gateway, breaker={"probes": 1})
    assert isinstance(inner.breaker, Breaker) and inner.breaker.at_once == ["rate_limit", "quota_exhausted"]
    assert (inner.breaker.cooldown, inner.breaker.probes, inner.breaker.rates) == (9 * SECOND, 1, [])
    assert (inner.backoff.initial, inner.backoff.max) == (SECOND, 8 * SECOND)


def test_a_part_written_by_hand_has_defaults_of_its_own(tmp_path: Path) -> None:
    inner, _ = two(tmp_path, breaker={"consecutive": 2, "counts": ["timeout"]}, retry_budget={"cap": 50, "retry": 7})
    assert isinstance(inner.breaker, Breaker) and isinstance(inner.retry_budget, RetryBudget)
    assert (inner.breaker.cooldown, inner.breaker.probes, inner.breaker.trips_on) == (30 * SECOND, 3, ["timeout"])
    budget = inner.retry_budget
    assert (budget.start, budget.first_try, budget.retry_throttled, budget.refund) == (50, 20, 7, False)


def test_outliers_and_a_share_of_what_is_under_way(tmp_path: Path) -> None:
    made = plan(tmp_path, resilience={"breaker": {"outliers": {"deviations": 2}, "sweep": "5s"}})
    breaker = made.breaker
    assert breaker.outliers[0] and (breaker.outlier_deviations[0], breaker.outlier_requests[0]) == (2, 100)
    made = plan(tmp_path, resilience={"gateway": "envoy", "breaker": {"outliers": {"hosts": 3}}})
    assert (made.breaker.outlier_hosts[0], made.breaker.outlier_deviations[0]) == (3, 1.9)
    assert not plan(
        tmp_path, resilience={"gateway": {"preset": "envoy", "breaker": {"outliers": "none"}}}
    ).breaker.outliers[0]
    share = {"concurrent_share": "20%"}
    budget = plan(tmp_path, resilience={"gateway": {"preset": "envoy", "retry_budget": share}}).inner
    assert (budget.budget_share_ppb[0], budget.budget_concurrent[0]) == (200_000_000, 3)
    alone = plan(tmp_path, resilience={"retry_budget": {"cap": 0, "retry": 0, **share}}).inner
    assert (alone.budget_share_ppb[0], alone.budget_concurrent[0]) == (200_000_000, 0)
    assert plan(tmp_path, resilience={"retry_budget": {"cap": 9}}).inner.budget_concurrent[0] == NEVER
    changes = [{"at": "1d", "set": {"resilience.breaker.outliers.deviations": 3}}]
    changed = plan(tmp_path, resilience={"breaker": {"outliers": {}, "sweep": "5s"}}, changes=changes)
    assert changed.breaker.outlier_deviations.tolist() == [1.9, 3]


def test_none_switches_off_what_a_preset_has(tmp_path: Path) -> None:
    made = plan(tmp_path, resilience={"gateway": {"preset": "litellm", "breaker": "none", "timeout": "none"}})
    assert not made.breaker.on[0] and made.inner.timeout[0] == NEVER
    assert not plan(tmp_path, resilience={"client": "aws_standard", "retry_budget": "none"}).inner.budget[0]


def test_a_client_before_a_gateway_has_nothing_that_talks_to_models(tmp_path: Path) -> None:
    _, outer = two(tmp_path, client="aws_standard", gateway="litellm")
    neutral = preset_layer("none")
    assert outer is not None and isinstance(outer.retry_budget, RetryBudget)
    assert all(getattr(outer, key) == getattr(neutral, key) for key in set(LayerFields.model_fields) - OUTER)
    made = plan(tmp_path, resilience={"client": "openai_sdk", "gateway": "litellm"})
    assert "no_deployment" in kinds(made.outer.retry_on) and "no_deployment" not in kinds(made.inner.retry_on)
    assert made.outer.replicas[0] == 1 and made.outer.hedge_after[0] == NEVER


def test_an_override_of_a_short_form_replaces_the_layer(tmp_path: Path) -> None:
    one = scenario(tmp_path, resilience={"client": {"preset": "aws_standard", "timeout": "5s"}})
    assert layers(one.set({"resilience.client": "none"}).document)[0].timeout == "none"
    assert layers(one.set({"resilience.client.max_retries": 0}).document)[0].timeout == 5 * SECOND
    assert layers(one.set({"resilience.max_retries": 0}).document)[0].max_retries == 0
    with pytest.raises(ScenarioError, match=r"said twice: here and in `resilience\.client\.timeout`"):
        one.set({"resilience.timeout": "9s"})


FULL: dict[str, Any] = {
    "client": {"timeout": "90s"},
    "gateway": "litellm",
    "hedge": "2s",
    "retry_budget": {"cap": 50},
    "degrade": ["partial", {"rule": {"share": "40%"}}, {"human": {"staff": 2, "takes": "10min"}}],
}


def test_the_resolved_form_shows_both_layers_and_means_the_same(tmp_path: Path) -> None:
    changes = [{"at": "1d", "set": {"resilience.hedge.after": "3s", "resilience.client.timeout": "80s"}}]
    one = scenario(tmp_path, resilience=FULL, changes=changes, knobs={"resilience.max_retries": [0, 4]})
    text = one.resolved()
    (tmp_path / "again.yaml").write_text(text)
    assert load(tmp_path / "again.yaml").hash == one.hash
    lines = {line.split("#")[0].strip(): line.partition("# ")[2] for line in text.splitlines()}
    assert lines["after: 2s"].endswith("from `resilience.hedge`")
    assert lines["add: 750ms"] == lines["probes: 0"] == "default of litellm@1.109"
    assert "litellm 1.109.1" in lines['preset: "litellm@1.109"']
    assert lines["first_try: 20"] == "default"
    assert any(line.startswith("resilience.gateway.hedge.after: 3s") for line in lines)
    assert text.count("breaker:") == 1, "a client before a gateway has none"


# --- the plan ----------------------------------------------------------------------------------------------


def test_the_ladder_and_its_people(tmp_path: Path) -> None:
    human = {"staff": 2, "takes": "10min", "hours": {"from": 9, "to": 17}, "weekend": False, "queue": 5, "cost": "$4"}
    rungs = [{"partial": {"at_least": "40%", "good": "60%"}}, "previous", {"human": human}]
    made = plan(
        tmp_path,
        resilience={"degrade": rungs, "deadline": "1min"},
        changes=[{"at": "36h", "set": {"resilience.degrade.2.human.staff": 3}}],
    )
    ladder = made.ladder
    assert ladder.what.tolist() == [Degrade.PARTIAL, Degrade.PREVIOUS, Degrade.HUMAN]
    assert ladder.reason.tolist() == [Kind.PARTIAL, Kind.PREVIOUS, Kind.HUMAN]
    assert ladder.at_least_ppb[0].tolist() == [400_000_000, 0, 0] and ladder.takes[0, 0] == -1
    assert made.dists.scale[ladder.takes[0, 1]] == 50_000_000
    assert ladder.good[0, 0] == 0.6 and np.isnan(ladder.good[0, 1:]).all()
    assert ladder.cost[0].tolist() == [0, 0, 4 * 10**12] and ladder.queue[0].tolist() == [NEVER, NEVER, 5]
    assert ladder.closed.tolist() == [False, False, True]
    hours = (ladder.staff_time / HOUR).tolist()
    assert hours == [-1, 9, 17, 33, 36, 41, 57, 65, 81, 89, 105, 113], "Monday to Friday; three people from 36 h on"
    assert ladder.staff.tolist() == [0, 2, 0, 2, 3, 0, 3, 0, 3, 0, 3, 0]
    assert made.cooldown == 41 * 60 * SECOND and not made.stationary


def test_hours_follow_the_users_clock(tmp_path: Path) -> None:
    human = {"staff": 1, "takes": "5min", "hours": {"from": 9, "to": 17}}
    traffic = {"rate": "1/s", "timezone": "America/New_York"}
    made = plan(tmp_path, start="2026-10-31", horizon="3d", traffic=traffic, resilience={"degrade": [{"human": human}]})
    assert (made.ladder.staff_time[1:5] / HOUR).tolist() == [9, 17, 34, 42], "an hour later: the clocks went back"


def test_without_a_ladder_there_is_nobody(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert made.ladder.what.shape == (0,) and made.ladder.share.shape == (1, 0) and made.ladder.staff.shape == (0,)
    assert not made.has_gateway and not made.breaker.on[0] and made.audience.patience.tolist() == [-1]
    assert made.service.shed_in_flight.tolist() == [[[NEVER] * 4]] and made.stationary


def test_users_slowness_ramp_shed_and_balance(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        users={"patience": "40s", "until": "answer", "reload": {"abandoned": "30%", "after": "2s", "at_most": 2}},
        models={
            "m": {**MODEL, "slowness": {"every": "5min", "factor": {"mean": 1, "sigma": 0.3}}, "balance": "cheapest"},
            "n": MODEL,
        },
        quotas={"q": {"requests": "60/min", "ramp": {"growth": "50%", "every": "10s", "floor": 2}, "of": ["p"]}},
        service={"shed": [{"in_flight": 9, "priority": 1}]},
        resilience={"balance": "lowest_usage"},
    )
    audience, limits = made.audience, made.limits
    assert audience.until_answer[0] and audience.reload_abandoned[0] == 0.3 and audience.reload_failed[0] == 0.0
    assert audience.reload_after[0] == 2 * SECOND and audience.reload_at_most[0] == 2
    assert made.deployments.slowness[0, 1] == -1 and made.deployments.slowness_every[0, 0] == 300 * SECOND
    assert made.deployments.slowness_every[0, 1] == NEVER and (made.deployments.slowness_key >= 0).all()
    assert made.models.balance.tolist() == [Balance.CHEAPEST, Balance.LOWEST_USAGE]
    assert made.names.limits == ("q: requests", "q: ramp") and made.names.limit_text[1] == "50% more each 10s"
    assert limits.measure.tolist() == [0, 4] and limits.ramp_every.tolist() == [[0, 10 * SECOND]]
    assert limits.ramp_growth.tolist() == [[0.0, 1.5]] and limits.ramp_floor.tolist() == [[0, 2]]
    assert made.service.shed_in_flight[0, 0].tolist() == [9, NEVER, NEVER, NEVER]
    assert made.service.shed_priority[0, 0, 0] == 1


# --- changes -----------------------------------------------------------------------------------------------


def test_numbers_of_resilience_change_at_a_time(tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        resilience={
            **FULL,
            "breaker": {"cooldown": "7s", "rates": [{"more_than": "50%", "of": 5}]},
            "backoff": {"jitter": {"add": "750ms"}},
        },
        changes=[
            {
                "at": "1d",
                "set": {
                    "resilience.timeout": "none",
                    "resilience.call_timeout": "50s",
                    "resilience.breaker.cooldown": "9s",
                    "resilience.breaker.rates.0.of": 8,
                    "resilience.backoff.jitter.add": "1s",
                    "resilience.client.max_retries": 0,
                },
            }
        ],
    )
    assert made.inner.timeout.tolist() == [600 * SECOND, NEVER] and made.inner.call_timeout.tolist()[1] == 50 * SECOND
    assert made.breaker.cooldown.tolist() == [7 * SECOND, 9 * SECOND]
    assert made.breaker.rate_of[:, 0].tolist() == [5, 8]
    assert made.inner.jitter_add.tolist() == [750_000_000, SECOND] and made.outer.max_retries.tolist() == [2, 0]


@pytest.mark.parametrize(
    "set_",
    [
        {"resilience.client": "none"},
        {"resilience.retry_on": ["timeout"]},
        {"resilience.hedge": "none"},
        {"resilience.replicas": 2},
        {"resilience.breaker.scope": "provider"},
        {"resilience.throttle.k": 3},
        {"resilience.backoff.jitter": "full"},
        {"resilience.backoff.jitter.low": "10%"},
        {"resilience.stream_failure": "retry"},
        {"resilience.deadline_aware": True},
        {"users.until": "answer"},
        {"users.patience": "3s"},
        {"users.reload.at_most": 2},
        {"models.m.balance": "ordered"},
        {"alerts": "google_30d"},
    ],
    ids=lambda set_: next(iter(set_)),
)
def test_the_structure_does_not_change_at_a_time(set_: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises((ScenarioError, PlanError)):
        plan(tmp_path, resilience=FULL, changes=[{"at": "1d", "set": set_}])


def test_the_most_models_of_all_times_count(tmp_path: Path) -> None:
    said = {"client": {"max_retries": 14}, "gateway": "none", "fallback": {"m": ["n"]}}
    scenario(tmp_path, resilience=said)
    with pytest.raises(ScenarioError, match=r"17 client tries x \(1 \+ 1 fallbacks\) = 34 models; at most 32"):
        scenario(tmp_path, resilience=said, changes=[{"at": "1d", "set": {"resilience.client.max_retries": 16}}])


def test_the_cooldown_is_long_enough_for_people(tmp_path: Path) -> None:
    assert cooldown_of(scenario(tmp_path).document) == 600 * SECOND
    assert cooldown_of(scenario(tmp_path, resilience=FULL).document) == (600 + 2400) * SECOND
    assert cooldown_of(scenario(tmp_path, resilience=FULL, cooldown="1min").document) == 60 * SECOND


def test_a_budget_of_retries_at_one_time_has_no_credit_beside_it(tmp_path):
    for budget, credit in (({"concurrent": 50}, 0), ({"concurrent_share": "20%"}, 0), ({"retry": 10}, 1000)):
        inner, _ = two(tmp_path, client="none", retry_budget=budget)
        assert inner.retry_budget.cap == credit, budget
