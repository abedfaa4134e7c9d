"""`Glimpse`: what a scenario does, from so many actions as there is time for, with only the figures that are shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from simkit.plan.compile import compile_plan
from simkit.result import shares
from simkit.result.answers import three_answers
from simkit.result.evidence import Evidence
from simkit.result.metrics import MAY_BE_LESS, METRICS
from simkit.result.slo import Standing, standings
from simkit.result.statistics import Estimate
from simkit.result.words import duration
from simkit.scenario.errors import ScenarioError
from simkit.study.progress import Progress, silent

if TYPE_CHECKING:
    from simkit.result.answers import Answer
    from simkit.result.result import Result
    from simkit.scenario.load import Scenario

PREVIEW, REFINED = 200_000, 1_000_000
"""Actions of a first look, and of the second."""
MOST = {PREVIEW: 24, REFINED: 120}
"""Most replications: each takes some time of its own, however few actions it has."""
DAY_NS = 86_400_000_000_000
SHOWN = (
    "success_rate", "good_rate", "latency_p50", "latency_p95", "latency_p99", "slo_compliance", "error_budget_left",
    "cost_per_action", "cost_per_month", "limit_peak_use",
)  # fmt: skip


class Metrics(dict[str, Estimate]):
    """Metrics that are reckoned when they are asked for."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__()
        self._evidence = evidence

    def __missing__(self, name: str) -> Estimate:
        found = METRICS[name].formula(self._evidence)
        self[name] = found if name in MAY_BE_LESS else found.within(0.0, float("inf"))
        return self[name]


@dataclass(frozen=True)
class Glimpse:
    """What one position of the knobs gave."""

    actions: int
    """That were simulated."""
    span: str
    """Of what time, where that is not the scenario's whole horizon."""
    runs: int
    metrics: Mapping[str, Estimate]
    standings: tuple[Standing, ...]
    answers: "tuple[Answer, ...]"
    latencies: pd.DataFrame
    """low_s, high_s, count."""
    cost: Mapping[str, float]
    """USD per successful action by part of the bill; empty where none succeeded."""


@dataclass(frozen=True)
class Size:
    """How much there is to simulate."""

    horizon: int
    actions: float
    """That are expected in it."""

    def cut(self, actions: int) -> int:
        """The length of which so many actions can be simulated, in whole days (or hours): the horizon, or less."""
        share = actions / max(1.0, self.actions)
        if round(share) >= 1:
            return self.horizon
        unit = DAY_NS if self.horizon * share >= DAY_NS else DAY_NS // 24
        return max(1, round(self.horizon * share / unit)) * unit

    def runs(self, actions: int, length: int) -> int:
        """How many replications of that length so many actions are."""
        each = self.actions * length / self.horizon
        return min(max(1, round(actions / max(1.0, each))), MOST.get(actions, MOST[REFINED]))


def size_of(scenario: "Scenario") -> Size:
    """How much a scenario is.

    Raises:
        ScenarioError, PlanError: as `run`.
    """
    plan = compile_plan(scenario)
    return Size(plan.horizon, plan.expected_actions)


def glimpse(
    scenario: "Scenario", size: Size, actions: int, length: int, progress: Progress = silent, tell: object = None
) -> Glimpse:
    """Simulate about so many actions of a scenario of that size: replications of its first part, or of all of it.

    Raises:
        ScenarioError, PlanError, UnfinishedError: as `run`.
    """
    cut, span = (scenario, "") if length >= size.horizon else _shortened(scenario, length, size.horizon)
    say = tell if callable(tell) else None
    result = cut.run(replications=size.runs(actions, length), engine="compiled", progress=progress, tell=say)
    return _seen(result, span)


def _shortened(scenario: "Scenario", length: int, whole: int) -> "tuple[Scenario, str]":
    """The scenario's first days (or hours), and how many; the whole of it where it cannot be cut."""
    try:
        cut = scenario.set({"horizon": f"{length // 10**9}s"})
    except ScenarioError:
        return scenario, ""
    return cut, f"the first {duration(length)} of {duration(whole)}"


def _seen(result: "Result", span: str) -> Glimpse:
    evidence = result.evidence
    metrics = Metrics(evidence)
    found = three_answers(evidence, metrics)
    served = evidence.total("served") / len(evidence.tallies)
    rows = [one for one in shares.costs(evidence) if one.cost_usd > 0]
    parts = [one for one in rows if one.by == "part" or (one.by == "total" and one.name != "models")]
    return Glimpse(
        evidence.total("arrived"), span, len(evidence.tallies), {name: metrics[name] for name in SHOWN},
        standings(evidence), found, pd.DataFrame(result.latency_distribution),
        {one.name: one.cost_usd / served for one in parts if served},
    )  # fmt: skip
