"""Writes the log."""

from array import array
from typing import TYPE_CHECKING

import numpy as np

from simkit.engine.log import (
    ACTION_COLUMNS,
    ATTEMPT_COLUMNS,
    BREAKER_COLUMNS,
    BUDGET_COLUMNS,
    INCIDENT_COLUMNS,
    LOOKUP_COLUMNS,
    REGION_COLUMNS,
    USER_COLUMNS,
    Column,
    Tables,
)

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.attempt import Attempt


MARKS = ATTEMPT_COLUMNS.index("marks")


def columns(names: tuple[str, ...], rows: "array[int]") -> dict[str, Column]:
    """Rows written one after the other, as named columns."""
    table = np.frombuffer(rows, dtype=np.int64).reshape(-1, len(names))
    return {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names)}


class Recorder:
    """Rows of actions in the order in which they end, each with its attempts in the order in which those end."""

    def __init__(self) -> None:
        self.actions = array("q")
        self.attempts = array("q")
        self.incidents = array("q")
        self.breakers = array("q")
        self.lookups = array("q")
        self.budgets = array("q")
        self.regions = array("q")
        self.users = array("q")

    def action(self, a: "Action", end: int) -> None:
        """Write an action that ended at `end` (-1: censored)."""
        self.actions.extend(
            (
                a.number, a.arrival, a.user, a.plan, a.kind, a.complexity, a.started, a.first_token, end,
                a.outcome, a.reason, a.good, a.waited, a.attempts, a.cost, a.tokens_in, a.tokens_out,
                a.degrade_cost, a.desk_asked, a.desk_began, a.lookup_cost, a.tool_cost, a.thrift,
                a.log_home, a.served_in, a.network,
            )
        )  # fmt: skip
        self.attempts.extend(a.story)

    def attempt(self, t: "Attempt", ended: int, released: int, kind: int) -> None:
        """Keep an attempt that ended for its caller: it is written with its action."""
        t.row = len(t.action.story)
        t.action.story.extend(
            (
                t.action.number, t.call.index, t.repeat, t.rung, t.number, t.hedge, t.cause, t.model, t.deployment,
                t.dispatched, t.started, t.first_token, ended, released, kind,
                t.tokens_in, t.tokens_out, t.cached, t.written, t.billed_in, t.billed_out, t.cost,
                t.retry_after, t.limit, t.action.replica, t.marks,
                t.prompt.system, t.prompt.history, t.prompt.retrieved, t.prompt.reasoning,
            )
        )  # fmt: skip

    def mark(self, t: "Attempt") -> None:
        """Say of an attempt whose row is kept what became known later."""
        t.action.story[t.row + MARKS] = t.marks

    def breaker(self, time: int, replica: int, place: int, state: int, until: int) -> None:
        """Write that a breaker opened or was closed."""
        self.breakers.extend((time, replica, place, state, until))

    def incident(self, source: int, start: int, end: int, severity: int) -> None:
        """Write an incident that started."""
        self.incidents.extend((source, start, end, severity))

    def lookup(self, *row: int) -> None:
        """Write what a lookup in a cache of answers found: a row of LOOKUP_COLUMNS."""
        self.lookups.extend(row)

    def budget(self, time: int, budget: int, step: int, spent: int) -> None:
        """Write that a step of a budget was reached, or (-1) that its period ended."""
        self.budgets.extend((time, budget, step, spent))

    def region(self, time: int, region: int, what: int, value: int) -> None:
        """Write what became of a region."""
        self.regions.extend((time, region, what, value))

    def user(self, time: int, user: int, what: int, value: int) -> None:
        """Write who came or went."""
        self.users.extend((time, user, what, value))

    def tables(self) -> Tables:
        """Actions, attempts, incidents, breakers, lookups, budgets, regions, users."""
        return (
            columns(ACTION_COLUMNS, self.actions),
            columns(ATTEMPT_COLUMNS, self.attempts),
            columns(INCIDENT_COLUMNS, self.incidents),
            columns(BREAKER_COLUMNS, self.breakers),
            columns(LOOKUP_COLUMNS, self.lookups),
            columns(BUDGET_COLUMNS, self.budgets),
            columns(REGION_COLUMNS, self.regions),
            columns(USER_COLUMNS, self.users),
        )
