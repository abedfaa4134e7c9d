"""Clockwork cases: constant times and certain failures, the whole log written by hand from the rules, no tolerance.

A case is a YAML file beside this one:

- `scenario`: a scenario in the full form; `trace`: the text of its `trace.csv`, where it replays one
- `actions`, `attempts`, `incidents`, `breakers`, `lookups`, `budgets`, `regions`, `users`: the expected rows as a
  table, one line each, first the column names (all but the first two are optional).
  Times read `2.5s` or `50ms`, money `$0.00014`, codes and things of the scenario go by name, `-` is -1.
  Every column is compared: one that a table leaves out has the value in `ELSE` in every row; but what an attempt's
  tokens are made of (`IF_NAMED`) is compared where a table names it only.
- `ended`: when the run stopped (optional)

The hand decides by DESIGN 3, 5, 6; the comment at the top of a case says why each instant is what it is.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from simkit.engine import run_plan
from simkit.engine.codes import Cache, Cause, Kind, Life, Lookup, Notice, Outcome
from simkit.engine.log import (
    ACTION_COLUMNS,
    ATTEMPT_COLUMNS,
    BREAKER_COLUMNS,
    BUDGET_COLUMNS,
    INCIDENT_COLUMNS,
    LOOKUP_COLUMNS,
    REGION_COLUMNS,
    USER_COLUMNS,
    Log,
)
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Names
from simkit.scenario.load import load

HERE = Path(__file__).parent
CASES = sorted(HERE.glob("*.yaml"))
ENGINES = ("reference", "compiled")
COLUMNS = {
    "actions": ACTION_COLUMNS,
    "attempts": ATTEMPT_COLUMNS,
    "incidents": INCIDENT_COLUMNS,
    "breakers": BREAKER_COLUMNS,
    "lookups": LOOKUP_COLUMNS,
    "budgets": BUDGET_COLUMNS,
    "regions": REGION_COLUMNS,
    "users": USER_COLUMNS,
}
OPTIONAL = ("incidents", "breakers", "lookups", "budgets", "regions", "users")
IF_NAMED = ("tokens_system", "tokens_history", "tokens_retrieved", "tokens_reasoning")
KEYS = {
    "actions": ("action",),
    "attempts": ("action", "call", "repeat", "rung", "attempt", "hedge"),
    "incidents": ("start", "source"),
    "breakers": ("time", "replica", "place"),
    "lookups": ("time", "action", "call", "cache"),
    "budgets": ("time", "budget", "step"),
    "regions": ("time", "region", "what", "value"),
    "users": ("time", "user", "what"),
}
ELSE = {
    "actions": {
        "user": -1, "plan": -1, "kind": 0, "complexity": 0, "good": -1, "reason": 0, "waited": 0, "degrade_cost": 0,
        "desk_asked": -1, "desk_began": -1,
        "lookup_cost": 0, "tool_cost": 0, "thrift": 0, "home": -1, "region": -1, "network": 0,
    },
    "attempts": {
        "call": 0, "repeat": 0, "rung": 0, "attempt": 0, "hedge": 0, "cause": 0, "model": 0, "deployment": 0,
        "tokens_cached": 0, "tokens_written": 0, "retry_after": 0, "limit": -1, "replica": 0, "marks": 0,
    },
    "incidents": {},
    "breakers": {},
    "lookups": {},
    "budgets": {},
    "regions": {},
    "users": {},
}  # fmt: skip
UNITS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}
TIME = re.compile(r"(-?)((?:[\d.]+(?:ns|us|ms|s|min|h|d))+)")
CODES: dict[tuple[str, str], type[IntEnum]] = {
    ("actions", "outcome"): Outcome,
    ("actions", "reason"): Kind,
    ("attempts", "outcome"): Kind,
    ("attempts", "cause"): Cause,
    ("lookups", "cache"): Cache,
    ("lookups", "result"): Lookup,
    ("regions", "what"): Notice,
    ("users", "what"): Life,
}

Row = dict[str, int]


def time_ns(text: str) -> int:
    """`1h6min`, `-2.5s` or `50ms` as whole ns."""
    match = TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text}")
    parts = re.findall(r"([\d.]+)(ns|us|ms|s|min|h|d)", match[2])
    exact = sum(Decimal(number) * UNITS[unit] for number, unit in parts)
    if exact != int(exact):
        raise ValueError(f"not whole ns: {text}")
    return -int(exact) if match[1] else int(exact)


def money(text: str) -> int:
    """`$0.00014` as picodollars."""
    return int(Decimal(text.removeprefix("$")) * 10**12)


def index_of(text: str, names: tuple[str, ...]) -> int:
    """Place of a thing of the scenario by its name."""
    return names.index(text)


def named(table: str, column: str, names: Names) -> Callable[[str], int] | None:
    """How a column's words become numbers, where it has words."""
    code = CODES.get((table, column))
    if code is not None:
        return lambda text: int(code[text.upper()])
    things = {
        "kind": names.kinds,
        "complexity": names.complexities,
        "plan": names.plans,
        "call": names.calls,
        "model": names.models,
        "deployment": names.deployments,
        "place": names.deployments,
        "home": names.regions,
        "region": names.regions,
        "limit": tuple(name.replace(" ", "") for name in names.limits),
    }.get(column)
    if column == "budget":  # quotas with tiers count down from -1
        return lambda text: -1 - index_of(text, names.tiered) if text in names.tiered else index_of(text, names.budgets)
    return None if things is None else lambda text: index_of(text, things)


def number(table: str, column: str, text: str, names: Names) -> int:
    """A cell of a table as the log's integer."""
    if text == "-":
        return -1
    if text.lstrip("-").isdigit():
        return int(text)
    if text.startswith("$"):
        return money(text)
    words = named(table, column, names)
    return words(text) if words else time_ns(text)


def expected_rows(table: str, text: str, names: Names) -> list[Row]:
    """The rows of a table written by hand, every column filled."""
    header, *lines = (line.split() for line in text.strip().splitlines())
    missing = set(COLUMNS[table]) - set(header) - set(ELSE[table]) - set(IF_NAMED)
    if missing or set(header) - set(COLUMNS[table]):
        raise ValueError(f"{table}: columns missing {missing}, unknown {set(header) - set(COLUMNS[table])}")
    rows = []
    for line in lines:
        cells = dict(zip(header, line, strict=True))
        rows.append(ELSE[table] | {column: number(table, column, cell, names) for column, cell in cells.items()})
    return sorted(rows, key=lambda row: [row[key] for key in KEYS[table]])


def logged_rows(table: str, columns: dict[str, Any]) -> list[Row]:
    """The rows of a log."""
    count = len(columns[COLUMNS[table][0]])
    rows = [{column: int(columns[column][i]) for column in COLUMNS[table]} for i in range(count)]
    return sorted(rows, key=lambda row: [row[key] for key in KEYS[table]])


def differences(table: str, wanted: list[Row], found: list[Row]) -> Iterator[str]:
    """One line for each row that is missing or too many, and each cell that differs."""
    by_key = [{tuple(row[key] for key in KEYS[table]): row for row in rows} for rows in (wanted, found)]
    for key in sorted(by_key[0].keys() | by_key[1].keys()):
        want, have = by_key[0].get(key), by_key[1].get(key)
        if want is None or have is None:
            yield f"{table} {key}: {'not expected' if want is None else 'missing'}: {have or want}"
            continue
        for column in COLUMNS[table]:
            if column in want and want[column] != have[column]:
                yield f"{table} {key} {column}: by hand {want[column]:,}, logged {have[column]:,}"


def run_case(path: Path, folder: Path, engine: str) -> tuple[dict[str, Any], Log, Names]:
    """Run a case's scenario from files of its own."""
    case = YAML(typ="safe").load(path)
    with (folder / "scenario.yaml").open("w") as file:
        YAML().dump(case["scenario"], file)
    (folder / "trace.csv").write_text(case.get("trace", ""))
    plan = compile_plan(load(folder / "scenario.yaml"))
    return case, run_plan(plan, seed=1, replication=0, engine=engine), plan.names


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_clockwork(path: Path, engine: str, tmp_path: Path) -> None:
    case, log, names = run_case(path, tmp_path, engine)
    wrong: list[str] = []
    for table in COLUMNS:
        if table in case or table not in OPTIONAL:
            wrong += differences(
                table, expected_rows(table, case[table], names), logged_rows(table, getattr(log, table))
            )
    if "ended" in case and log.ended != time_ns(case["ended"]):
        wrong.append(f"ended: by hand {case['ended']}, logged {log.ended:,}")
    assert not wrong, "\n".join(["", *wrong])


def test_a_wrong_cell_is_found() -> None:
    row = dict.fromkeys(ACTION_COLUMNS, 0)
    assert not list(differences("actions", [row], [dict(row)]))
    assert list(differences("actions", [row], [row | {"end": 1}])) == ["actions (0,) end: by hand 0, logged 1"]
    assert list(differences("actions", [row], []))
