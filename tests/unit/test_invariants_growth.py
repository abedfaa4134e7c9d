"""Each invariant of growth holds in a log of users who come and go, and notices what breaks it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rules_case import Change, Simulated, first

from simkit.engine.codes import Life
from simkit.engine.log import Log
from simkit.study.invariants import invariants
from simkit.study.invariants_growth import RULES

SCENARIO: dict[str, Any] = {
    "horizon": "40d",
    "warmup": "0s",
    "traffic": {
        "users": {
            "growth": {
                "base": 30, "acquisition": 30, "activation": {"share": "70%", "let_down": "40%"},
                "retention": {"table": {1: "70%", 4: "40%"}, "lowered_by": {"failed": "20%"}},
            },
            "actions_per_day": 0.7,
            "plans": {"free": {"share": "80%", "moves": {"paid": "10%"}}, "paid": {"share": "20%"}},
        },
    },
    "actions": {"ask": {"calls": [{"name": "a", "model": "m", "input": 9, "output": 9}]}},
    "models": {
        "m": {
            "deployments": [{"provider": "p", "errors": {"server_error": "20%"}}], "ttft": "1s",
            "tokens_per_second": 10, "prices": {"input": "$1", "output": "$2"},
        }
    },
    "resilience": {"client": "none"},
}  # fmt: skip


RUN = Simulated(SCENARIO, RULES, ("actions", "users"))


def test_a_log_with_all_of_it_breaks_nothing() -> None:
    plan, log = RUN.run
    assert not [found for found in invariants(plan, log) if not found.passed]
    assert set(log.users["what"].tolist()) == set(Life)


def put(table: str, column: str, value: int, where: Callable[[dict[str, Any]], Any]) -> Change:
    """Another value in the first row that is meant."""

    def change(log: Log) -> None:
        rows = getattr(log, table)
        rows[column][first(where, rows)] = value

    return change


def life(what: Life) -> Callable[[dict[str, Any]], Any]:
    """Rows of it."""
    return lambda rows: rows["what"] == what


def regular(rows: dict[str, Any]) -> Any:
    """Actions of active users."""
    return rows["action"] % 2 == 0


CASES: list[tuple[Change, str]] = [
    (put("users", "what", Life.ACTIVATED, life(Life.SIGNED_UP)), "a life begins with the sign-up"),
    (put("users", "what", Life.ACTIVATED, life(Life.FIRST_VALUE)), "nobody becomes an active user twice"),
    (put("users", "what", Life.LEFT, life(Life.FIRST_VALUE)), "nobody leaves twice"),
    (put("users", "what", Life.LEFT, life(Life.LOST_INTEREST)), "only an active user leaves"),
    (put("users", "value", 10**15, life(Life.FIRST_VALUE)), "the first value comes in time"),
    (put("users", "time", 5, life(Life.SIGNED_UP)), "who signs up asks at once"),
    (put("users", "time", 5, life(Life.LEFT)), "who asks is an active user"),
    (put("users", "time", 7 * 86_400 * 10**9 + 1, life(Life.MOVED)), "users leave or move after whole weeks"),
    (put("actions", "plan", 7, regular), "actions are on the plan of their user"),
]


@pytest.mark.parametrize(("change", "name"), CASES, ids=[name for _, name in CASES])
def test_what_breaks_a_rule_is_noticed(change: Change, name: str) -> None:
    assert any(each.startswith(name) for each in RUN.broken(change))


def test_without_growth_there_is_nothing_to_hold() -> None:
    plan, log = RUN.run
    still = replace(plan, growth=plan.growth._replace(on=np.zeros(1, np.bool_)))
    assert not [found for check in RULES for found in check(still, log)]
