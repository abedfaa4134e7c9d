"""What breaks first, by hand."""

import numpy as np
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, evidence_from, ints, log_of, random_log, synthetic_plan

from simkit.engine.codes import Kind
from simkit.result.bottlenecks import bottlenecks, hour_use, load_text
from simkit.result.metrics import METRICS
from simkit.scenario.load import load

PLAN = synthetic_plan(people=synthetic_plan().people._replace(number=ints(100, 100)[:, None]))


def evidence(logs, plan=PLAN):
    return evidence_from(logs, plan)


def asks(at, tokens, number=0, outcome=Kind.OK):
    started = {"started": at, "released": at + SECOND} if outcome == Kind.OK else {}
    return {"action": number, "dispatched": at, "ended": at, "tokens_in": tokens, "outcome": outcome, **started}


def busy(number, at, holds):
    return {"action": number, "arrival": at, "start": at, "end": at + holds, "first_token": at + holds}


def test_use_and_full_at_by_hand():
    hour, minute = HOUR, 60 * SECOND
    runs = [
        log_of([busy(0, 0, SECOND)], [asks(0, 15_000), asks(hour, 900_000)]),  # 1.8M tokens an hour are the limit
        log_of([busy(0, 0, SECOND)], [asks(3 * minute, 30_000), asks(hour, 0)], replication=1),
    ]
    tokens = {one.name: one for one in bottlenecks(evidence(runs))}["alpha_org: tokens"]
    assert tokens.busiest_hour_use == pytest.approx((900_000 + 0) / 2 / 1_800_000)
    assert tokens.full_at == pytest.approx(4.0)
    assert tokens.peak_use == pytest.approx((900_000 / 30_000 + 30_000 / 30_000) / 2)
    assert tokens.peak_at == hour
    assert tokens.mean_use == pytest.approx((945_000 / 2) / (4 * 1_800_000 + 2 * 3_600_000))
    assert load_text(evidence(runs), tokens.full_at) == "about 400 daily active users"


def test_full_at_in_arrivals_where_users_are_not_modelled():
    plan = synthetic_plan(people=PLAN.people._replace(number=ints(0, 0)[:, None]))
    log = log_of([busy(i, i * SECOND, SECOND) for i in range(216)])
    found = evidence([log], plan)
    assert load_text(found, 3.0) == "about 0.03 arrivals/s in the mean"  # 216 in 6 h are 0.01/s
    assert load_text(found, None) == "no use was seen"


def test_what_breaks_first_is_on_top_and_what_was_never_used_at_the_end():
    log = log_of([busy(i, i, 600 * SECOND) for i in range(4)], [asks(5, 30_000)])
    found = bottlenecks(evidence([log]))
    assert [one.name for one in found[:2]] == ["own service: workers", "own service: queue"]
    assert [one.full_at for one in found] == sorted((one.full_at for one in found), key=lambda at: at or float("inf"))
    assert found[-1].full_at is None
    workers = found[0]
    assert workers.busiest_hour_use == pytest.approx(4 * 600 / (3 * 3600))
    assert workers.peak_use == pytest.approx(4 / 3, rel=1e-6)


def test_a_queue_is_full_when_its_slots_are():
    found = {one.name: one for one in bottlenecks(evidence([random_log(1)]))}
    for name in ("own service", "large/beta"):
        slots = found.get(f"{name}: workers") or found[f"{name}: concurrency"]
        assert found[f"{name}: queue"].full_at == slots.full_at
        assert slots.full_at == pytest.approx(1 / slots.busiest_hour_use)


def test_the_hour_is_chosen_after_averaging_over_replications():
    runs = [log_of([busy(0, 0, 1)], [asks(r * HOUR, 1_800_000)], replication=r) for r in (0, 1)]
    found = evidence(runs)
    assert hour_use([one.limits[0] for one in found.tallies]).tolist() == [0.5, 0.5, 0, 0, 0, 0]


def test_refusals_delays_and_shares_are_means_per_replication():
    refused = [asks(0, 1000, 0, Kind.RATE_LIMIT), asks(2 * SECOND, 1000, 0) | {"attempt": 1, "cause": 1}]
    runs = [log_of([busy(0, 0, 9 * SECOND), busy(1, 0, SECOND)], refused), log_of([busy(0, 0, SECOND)], replication=1)]
    tokens = {one.name: one for one in bottlenecks(evidence(runs))}["alpha_org: tokens"]
    assert (tokens.refused, tokens.delayed, tokens.mean_delay_s) == (0.5, 0.5, 2.0)
    assert tokens.affected_share == pytest.approx(1 / 3)


def test_limit_peak_use_is_the_highest_of_all_limits():
    runs = [random_log(seed, replication=seed) for seed in range(3)]
    found = METRICS["limit_peak_use"].formula(evidence(runs))
    peaks = np.array([[one.peak_use for one in run.limits] for run in evidence(runs).tallies])
    assert found.value == pytest.approx(peaks.mean(axis=0).max())
    assert found.low < found.value < found.high


def test_twice_the_load_is_twice_the_use_and_half_the_distance():
    log = log_of(
        [busy(i, i * 10 * SECOND, SECOND) for i in range(500)], [asks(i * 10 * SECOND, 100) for i in range(500)]
    )
    more = log_of(
        [busy(i, i * 5 * SECOND, SECOND) for i in range(1000)], [asks(i * 5 * SECOND, 100) for i in range(1000)]
    )
    one, two = ({b.name: b for b in bottlenecks(evidence([run]))} for run in (log, more))
    for name in ("alpha_org: tokens", "alpha_org: requests", "own service: workers"):
        assert two[name].busiest_hour_use == pytest.approx(2 * one[name].busiest_hour_use)
        assert two[name].full_at == pytest.approx(one[name].full_at / 2)
    assert HORIZON > 5000 * SECOND


@pytest.mark.parametrize("users", [10, 100])
def test_full_at_does_not_depend_on_how_quiet_the_product_is_today(tmp_path, users):
    file = tmp_path / "quiet.yaml"
    file.write_text(
        f"model: gpt-4o\ntier: 1\ntraffic: {{daily_active_users: {users}, actions_per_user_per_day: 6}}\n"
        "tokens: {input: 1200, output: 250}\nhorizon: 7d\nwarmup: 0s\n"
    )
    found = load(file).run(replications=10, progress=False).bottlenecks.set_index("limit")
    # 30,000 tokens a minute are enough for 30,000 * 1,440 / (6 * 1,450) users, were they spread evenly
    assert found.loc["gpt-4o-tier-1: tokens", "full_at_users"] == pytest.approx(30_000 * 1_440 / (6 * 1_450), rel=0.12)
