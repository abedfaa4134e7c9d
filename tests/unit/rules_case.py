"""Logs of small scenarios, and what breaks rules in them: for tests of invariants."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from simkit.engine import run_plan
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load

Rule = Callable[[Plan, Log], Any]
Change = Callable[[Log], None]


class Simulated:
    """One run of a scenario, told to rules."""

    def __init__(self, scenario: dict[str, Any], rules: tuple[Rule, ...], tables: tuple[str, ...]) -> None:
        self.scenario, self.rules, self.tables = scenario, rules, tables

    @cached_property
    def run(self) -> tuple[Plan, Log]:
        """Plan and log."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / "scenario.yaml"
            with file.open("w") as stream:
                YAML().dump(self.scenario, stream)
            plan = compile_plan(load(file))
        return plan, run_plan(plan, 1, 0, "reference")

    def broken(self, change: Change) -> list[str]:
        """Names of the rules that the log breaks after a change of some of its tables."""
        plan, log = self.run
        tables = {table: {key: column.copy() for key, column in getattr(log, table).items()} for table in self.tables}
        copy = replace(log, **tables)
        change(copy)
        return [found.name for check in self.rules for found in check(plan, copy) if not found.passed]


def first(where: Callable[[dict[str, Any]], Any], rows: dict[str, Any]) -> int:
    """The first row that is meant."""
    return int(np.flatnonzero(where(rows))[0])
