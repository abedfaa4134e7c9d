"""The rules that `simkit check` applies to a log, on hand-made logs where the answer is known."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, BUDGET_COLUMNS, Log
from simkit.plan.codes import Degrade
from simkit.plan.plan import NEVER
from simkit.study.invariants import buckets_respected, occupancy, slots_respected
from simkit.study.invariants_resilience import people_cost_where_they_are

SECOND = 1_000_000_000


def log_of(attempts: list[dict[str, int]], actions: list[dict[str, int]] | None = None) -> Log:
    """A log with these rows; what is not said is 0."""

    def table(names: tuple[str, ...], rows: list[dict[str, int]]) -> dict[str, np.ndarray]:
        return {name: np.array([row.get(name, 0) for row in rows], np.int64) for name in names}

    return Log(
        0,
        table(ACTION_COLUMNS, actions or []),
        table(ATTEMPT_COLUMNS, attempts),
        {},
        {},
        {},
        table(BUDGET_COLUMNS, []),
        {},
        {},
        np.zeros(1, np.int64),
        100 * SECOND,
        0,
    )


def plan_of(**parts: Any) -> Any:
    """As much of a plan as the rules look at: one deployment with one limit of 60 requests a minute, burst 2 s."""
    found = {
        "horizon": 100 * SECOND,
        "epochs": np.array([0]),
        "names": SimpleNamespace(deployments=("m/p",), limits=("q: requests",), regions=("",)),
        "ladder": SimpleNamespace(what=np.zeros(0, np.int64)),
        "service": SimpleNamespace(
            workers=np.array([[NEVER]]), slots=np.array([[NEVER]]), queue=np.array([[NEVER]])
        ),
        "scaling": SimpleNamespace(on=np.array([False]), maximum=np.array([[1]])),
        "regions": SimpleNamespace(on=np.array([False])),
        "batch": SimpleNamespace(api=np.array([False]), batch=np.array([False])),
        "deployments": SimpleNamespace(
            model=np.array([0]), concurrency=np.array([[2]]), first_limit=np.array([0, 1]), limits=np.array([0])
        ),
        "limits": SimpleNamespace(
            measure=np.array([0]), ns_per_unit=np.array([[[1e9]]]), burst=np.array([[2 * SECOND]]),
            reserve_max=np.array([False]), cached_counts=np.array([True]),
        ),
        "tiers": SimpleNamespace(account=np.array([-1])),
        "actions": SimpleNamespace(max_output=np.array([[NEVER]])),
    }  # fmt: skip
    return SimpleNamespace(**found | parts)


def sent(at_s: float, held_s: float = 1.0, **more: int) -> dict[str, int]:
    """An attempt that starts when it is sent."""
    start = int(at_s * SECOND)
    return {"dispatched": start, "started": start, "released": start + int(held_s * SECOND)} | more


@pytest.mark.parametrize(
    ("times", "allowed"),
    [
        ([0, 0], True),  # the burst of 2 s is two requests
        ([0, 0, 0], False),
        ([0, 0, 1, 2, 3], True),  # then one a second
        ([0, 0, 0.5], False),
        ([0, 0, 5, 5], True),  # credit never exceeds the burst
        ([0, 0, 5, 5, 5], False),
        ([], True),
    ],
)
def test_a_bucket_grants_its_burst_and_its_refill(times: list[float], allowed: bool) -> None:
    (found,) = buckets_respected(plan_of(), log_of([sent(at) for at in times]))
    assert found.passed is allowed


def test_what_was_refused_takes_nothing() -> None:
    refused = {"dispatched": 0, "started": -1, "released": -1}
    (found,) = buckets_respected(plan_of(), log_of([sent(0), sent(0), refused, refused]))
    assert found.passed


def test_tokens_count_as_the_limit_says() -> None:
    limits = plan_of().limits
    limits.measure, limits.ns_per_unit, limits.cached_counts = np.array([1]), np.array([[[1e7]]]), np.array([False])
    rows = [sent(0, tokens_in=1000, tokens_cached=900), sent(0, tokens_in=100)]
    (found,) = buckets_respected(plan_of(limits=limits), log_of(rows))
    assert found.passed  # 200 uncached tokens are the burst of 2 s at 100 a second
    limits.cached_counts = np.array([True])
    (found,) = buckets_respected(plan_of(limits=limits), log_of(rows))
    assert not found.passed


@pytest.mark.parametrize(
    ("spans", "allowed"),
    [
        ([(0, 2), (1, 3)], True),
        ([(0, 2), (1, 3), (1.5, 1.6)], False),
        ([(0, 2), (1, 3), (2, 4)], True),  # a slot given up and taken at the same instant
        ([(-5, -1), (-4, -2), (-3, -2.5)], False),  # the warm-up counts
    ],
)
def test_slots_are_never_exceeded(spans: list[tuple[float, float]], allowed: bool) -> None:
    rows = [sent(start, end - start) for start, end in spans]
    slots, use = slots_respected(plan_of(), log_of(rows))
    assert slots.passed is allowed and (use.passed or not allowed)


def test_what_never_ended_holds_its_slot_to_the_end() -> None:
    open_ended = sent(0) | {"released": -1}
    slots, _ = slots_respected(plan_of(), log_of([open_ended, open_ended, sent(50)]))
    assert not slots.passed


def test_occupancy_counts() -> None:
    times, busy = occupancy(np.array([0, 1, 2]), np.array([2, 4, 4]))
    assert times.tolist() == [0, 1, 2, 4] and busy.tolist() == [1, 2, 2, 0]


def case(number: int, asked: float, began: float, end: float = 50) -> dict[str, int]:
    """An action that people answer; a time of -1: it did not happen."""
    moments = {"desk_asked": asked, "desk_began": began, "end": end}
    rows = {name: -1 if at < 0 else int(at * SECOND) for name, at in moments.items()}
    return rows | {"action": number, "outcome": Outcome.DEGRADED, "reason": Kind.HUMAN}


@pytest.mark.parametrize(
    ("cases", "broken"),
    [
        ([case(0, 1, 1), case(1, 2, 5), case(2, 2, 4), case(3, 3, 5)], ""),  # of one instant: in any order
        ([case(0, 1, 3), case(1, 2, -1) | {"outcome": Outcome.CENSORED, "reason": 0}], ""),
        ([case(0, 2, 1)], "nobody begins with a case before it is there"),
        ([case(0, -1, -1)], "nobody begins with a case before it is there"),
        ([case(0, 1, 6), case(1, 2, 5)], "people take cases in the order in which they come"),
        (
            [case(0, 1, -1) | {"outcome": Outcome.CENSORED, "reason": 0}, case(1, 2, 5)],
            "in the order in which they come",
        ),
    ],
)
def test_people_take_cases_as_they_come(cases: list[dict[str, int]], broken: str) -> None:
    ladder = SimpleNamespace(what=np.array([Degrade.HUMAN]), cost=np.zeros((1, 1), np.int64))
    found = [
        one.name for one in people_cost_where_they_are(plan_of(ladder=ladder), log_of([], cases)) if not one.passed
    ]
    assert len(found) == bool(broken) and all(broken in name for name in found)
