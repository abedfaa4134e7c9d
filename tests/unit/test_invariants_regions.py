"""Each invariant of regions holds in a log of theirs, and notices what breaks it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rules_case import Change, Simulated, first

from simkit.engine.codes import Kind, Mark, Notice, Outcome
from simkit.engine.log import Log
from simkit.study.invariants import invariants
from simkit.study.invariants_regions import RULES

MODEL = {"ttft": "0.2s", "tokens_per_second": 100, "prices": {"input": "$1", "output": "$2"}}
SCENARIO: dict[str, Any] = {
    "horizon": "5min",
    "warmup": "0s",
    "traffic": {"rate": "4/s"},
    "actions": {
        "open": {"share": "50%", "calls": [{"name": "a", "model": "m", "input": 9, "output": 9}]},
        "bound": {
            "share": "50%",
            "residency": {"regions": ["us"], "models_in": ["us"]},
            "calls": [{"name": "a", "model": "m", "input": 9, "output": 9}],
        },
    },
    "models": {"m": MODEL | {"deployments": [{"provider": "p", "region": "us"}, {"provider": "p", "region": "eu"}]}},
    "service": {"workers": 1, "queue": 9, "autoscaling": {"maximum": 4, "interval": "5s", "delay": "9s"}},
    "regions": {
        "us": {"share": "70%", "rtt": {"us": "40ms", "eu": "200ms"}, "models_rtt": {"p/us": "5ms", "p/eu": "90ms"}},
        "eu": {"share": "30%", "rtt": {"us": "200ms", "eu": "40ms"}, "models_rtt": {"p/us": "90ms", "p/eu": "5ms"}},
    },
    "routing": {
        "health": {"interval": "2s", "failures": 2, "successes": 2, "timeout": "1s"},
        "dns": {"ttl": "5s"}, "connect_timeout": "1s", "retries": 0, "hold_down": "3s", "manual": "1s",
    },
    "incidents": [{"at": "100s", "lasts": "60s", "target": "us", "in_flight": "fail"}],
    "resilience": {"client": "none"},
}  # fmt: skip


RUN = Simulated(SCENARIO, RULES, ("actions", "attempts", "regions"))


def test_a_log_with_all_of_it_breaks_nothing() -> None:
    plan, log = RUN.run
    assert not [found for found in invariants(plan, log) if not found.passed]
    reasons = set(log.actions["reason"].tolist())
    assert {Kind.RESIDENCY, Kind.REGION_DOWN} <= reasons
    assert set(log.regions["what"].tolist()) == set(Notice)


def put(table: str, column: str, value: int, where: Callable[[dict[str, Any]], Any]) -> Change:
    """More (or less) in the first row that is meant."""

    def change(log: Log) -> None:
        rows = getattr(log, table)
        rows[column][first(where, rows)] += value

    return change


def bound_in_us(a: dict[str, Any]) -> Any:
    return (a["kind"] == 1) & (a["region"] == 0) & (a["network"] > 0)


def free(a: dict[str, Any]) -> Any:
    return (a["kind"] == 0) & (a["outcome"] == Outcome.OK)


def told(value: int) -> Callable[[dict[str, Any]], Any]:
    """What is published."""
    return lambda r: (r["what"] == Notice.PUBLISHED) & (r["value"] == value)


SECOND = 10**9
CASES: list[tuple[Change, str]] = [
    (put("actions", "region", 1, bound_in_us), "nobody is led to a region where the data may not go"),
    (put("attempts", "deployment", 1, lambda t: t["deployment"] == 0), "no deployment is asked that may not"),
    (put("attempts", "marks", Mark.FORBIDDEN, lambda t: t["deployment"] == 0), "what is forbidden is not sent"),
    (put("actions", "reason", Kind.RESIDENCY, free), "only what is bound to a place is refused for it"),
    (put("actions", "outcome", -1, lambda a: a["reason"] == Kind.RESIDENCY), "what may go nowhere is rejected"),
    (put("actions", "network", -1, lambda a: a["network"] > 0), "nobody comes to a region before its round trip"),
    (put("actions", "network", 10 * SECOND, free), "who has a slot has come to the region before"),
    (put("attempts", "first_token", -SECOND, lambda t: t["first_token"] > 0), "no first token comes before the way"),
    (put("regions", "value", -1, lambda r: r["what"] == Notice.REPLICAS), "no fewer replicas are paid than"),
    (put("regions", "value", 8, lambda r: r["what"] == Notice.REPLICAS), "no more replicas are paid than may"),
    (put("regions", "value", 5, told(0)), "clients are told what there is"),
    (put("regions", "time", -3 * SECOND, told(0)), "clients are told after the checks that it takes"),
    (put("regions", "time", -3 * SECOND, told(SECOND)), "clients are told after the checks that it takes"),
    (put("regions", "time", 3 * SECOND, told(0)), "clients are told within an interval of these"),
]


@pytest.mark.parametrize(("change", "name"), CASES, ids=[name for _, name in CASES])
def test_what_breaks_a_rule_is_noticed(change: Change, name: str) -> None:
    assert any(each.startswith(name) for each in RUN.broken(change))


def test_without_regions_there_is_no_news_of_them() -> None:
    plan, log = RUN.run
    nowhere = plan.regions._replace(on=np.zeros(1, np.bool_))
    without = replace(plan, regions=nowhere, scaling=plan.scaling._replace(on=np.zeros(2, np.bool_)))
    found = [each for check in RULES for each in check(without, log)]
    assert [each.passed for each in found] == [False]
