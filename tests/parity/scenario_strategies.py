"""Random valid scenarios over the whole schema, for parity, invariant and fuzz tests.

`scenario(Random(7))` is always the same; `scenarios()` is the Hypothesis strategy, which also makes them smaller.
Every third has a clock: all its times are whole ticks of 1 s or 100 ms, so that things happen at the same instant.
They are small (some hundred actions) and crowded: limits bind, queues fill, things fail.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis.strategies import SearchStrategy
from scenario_demand import Demand
from scenario_policy import Policy
from scenario_quantities import Map
from scenario_resilience import Resilience

from simkit.scenario.founder import FounderDocument
from simkit.scenario.load import Scenario, build, load
from simkit.scenario.overlay import merge
from simkit.scenario.tree import Place, planted


@dataclass(frozen=True)
class Case:
    """A scenario and the text of its `trace.csv`, if it replays one."""

    scenario: Map
    trace: str

    def write(self, folder: Path) -> Path:
        """Write both; returns the scenario's path."""
        (folder / "trace.csv").write_text(self.trace)
        (folder / "scenario.yaml").write_text(self.text())
        return folder / "scenario.yaml"

    def text(self) -> str:
        """The scenario as JSON, which is YAML, too."""
        return json.dumps(self.scenario, indent=1, default=str)

    def load(self, folder: Path) -> Scenario:
        """The scenario that `write` writes, without parsing the YAML, which takes as long as all else."""
        if "extends" in self.scenario:
            return load(self.write(folder))
        (folder / "trace.csv").write_text(self.trace)
        file = folder / "scenario.yaml"
        tree = planted(json.loads(self.text()), Place(str(file), 1, 1, ""))
        return build(file, merge(None, tree, FounderDocument), ())


def scenarios() -> SearchStrategy[Case]:
    """Scenarios for Hypothesis."""
    return st.randoms(use_true_random=False).map(scenario)


def scenario(random: Random) -> Case:
    """One scenario."""
    return Maker(random).case()


class Maker(Demand, Policy):
    """Puts the parts together."""

    def case(self) -> Case:
        """The whole scenario."""
        traffic, start, trace = self.traffic()
        whole: Map = {"name": "Generated", "seed": self.random.randint(0, 2**32 - 1), "start": start}
        whole |= self.clock() | {"traffic": traffic} | self.product()
        whole |= {"models": {name: self.model(name) for name in self.models}}
        whole |= {"resilience": self.resilience(), "service": self.service()} | self.sometimes()
        policy = whole["resilience"]
        if "timeout" not in policy or ("deadline" not in policy and not self.replays):
            whole["cooldown"] = self.time(1, 60)  # or what hangs or waits goes on for minutes
        if self.chance(0.6):
            whole["changes"] = self.changes(whole)
        if self.chance(0.5):
            Resilience(self, whole).add()
        return Case(whole, trace)

    def product(self) -> Map:
        """What an action is, in the form of the scenario."""
        if self.style == "founder":
            tokens = {"input": self.tokens(400) or 1, "output": self.tokens(50) or 1}
            return {"model": self.models[0], "tokens": tokens} | ({"tier": 1} if self.chance(0.5) else {})
        found = {"actions": self.actions()}
        found |= {"routes": self.routes} if self.routes else {}
        return found | ({"extends": "simkit:openai_anthropic"} if self.style == "extended" else {})

    def sometimes(self) -> Map:
        """Parts that a scenario may have or not."""
        found: Map = {"prices": self.pick("2026-11", "2025-05-20")} if self.chance(0.3) else {}
        found |= {"incidents": self.incidents()} if self.chance(0.65) else {}
        found |= {"quotas": self.quotas()} if self.chance(0.6) else {}
        found |= {"providers": self.provider_outages()} if self.chance(0.35) else {}
        found |= {"caches": {"prompt": {"hit_rate": self.percent(0, 100)}}} if self.chance(0.5) else {}
        return found | ({"failures": failures} if (failures := self.failures()) else {})


class Addition:
    """Puts more mechanisms into a scenario, each into some."""

    def __init__(self, maker: Maker, case: Case) -> None:
        self.maker, self.random, self.whole, self.trace = maker, maker.random, case.scenario, case.trace

    def often(self, probability: float = 0.5) -> bool:
        """Is a mechanism in this scenario?"""
        return self.maker.chance(probability)

    def maybe(self, **fields: Any) -> Map:
        """Some of the fields."""
        return {name: value for name, value in fields.items() if self.often()}
