"""Where data goes: over a million actions of `eu_residency`, with an outage in the EU, none is where it may not be."""

from pathlib import Path

import numpy as np

from simkit.engine.compiled import Simulation
from simkit.engine.compiled.pages import Page
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS
from simkit.plan.codes import Kind, Outcome
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Ints, Plan
from simkit.scenario.load import load

ROOT = Path(__file__).parents[2]
ACTIONS = 1_000_000
A = {name: place for place, name in enumerate(ACTION_COLUMNS)}
T = {name: place for place, name in enumerate(ATTEMPT_COLUMNS)}


class Audit:
    """Counts, page by page of the log, who was where."""

    def __init__(self, plan: Plan) -> None:
        self.rules = plan.regions
        self.actions = self.attempts = self.bound = self.wrong_regions = self.wrong_models = self.refused = 0

    def take(self, page: Page) -> None:
        """Rows of actions, and their attempts in the same order."""
        actions, attempts = page.actions, page.attempts
        home, kind = actions[:, A["home"]], actions[:, A["kind"]]
        came = actions[:, A["network"]] >= 0
        self.actions += len(actions)
        self.wrong_regions += int((~self.rules.may_serve[home, kind, actions[:, A["region"]]] & came).sum())
        self.bound += int((~self.rules.may_serve[home, kind].all(axis=-1)).sum())
        rejected = actions[:, A["outcome"]] == Outcome.REJECTED
        self.refused += int((rejected & (actions[:, A["reason"]] == Kind.RESIDENCY)).sum())
        of: Ints = np.repeat(np.arange(len(actions)), actions[:, A["attempts"]])
        asked = attempts[:, T["deployment"]]
        self.attempts += len(attempts)
        self.wrong_models += int((~self.rules.may_ask[home[of], kind[of], asked] & (asked >= 0)).sum())


def test_nobody_is_served_where_the_data_may_not_be() -> None:
    scenario = load(ROOT / "scenarios" / "eu_residency.yaml")
    plan = compile_plan(scenario)
    audit, replication = Audit(plan), 0
    while audit.actions < ACTIONS:
        simulation = Simulation(plan, 1, replication)
        while not simulation.advance(audit.take):
            pass
        replication += 1
    assert audit.bound > ACTIONS // 10 and audit.attempts > ACTIONS // 2
    assert audit.refused > 0, "the outage left nobody without a place: this shows nothing"
    assert audit.wrong_regions == audit.wrong_models == 0
