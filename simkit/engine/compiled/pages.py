"""The log of the compiled engine, page by page."""

from typing import NamedTuple

import numpy as np

from simkit.engine.compiled.packing import STRETCHES
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
from simkit.plan.plan import NEVER, Ints

COLUMNS = (
    ACTION_COLUMNS, ATTEMPT_COLUMNS, INCIDENT_COLUMNS, BREAKER_COLUMNS, LOOKUP_COLUMNS, BUDGET_COLUMNS, REGION_COLUMNS,
    USER_COLUMNS,
)  # fmt: skip
LOGGED = STRETCHES[2:10]
"""Pages of actions, attempts, incidents, breakers, lookups, budgets, regions and users."""


class Page(NamedTuple):
    """Rows of the log as they come, valid until the run goes on; attempts are those of the actions, in their order."""

    actions: Ints
    attempts: Ints
    incidents: Ints
    breakers: Ints
    lookups: Ints
    budgets: Ints
    regions: Ints
    users: Ints
    ended: int = NEVER
    """When the run stopped, ns, once it has: rows of censored actions come then."""


def take_page(m: Ints, ended: int = NEVER) -> Page:
    """What is on the pages in the memory; they are blank afterwards (and written over when the run goes on)."""
    tables = []
    for page in LOGGED:
        address, used = m[page.address], m[page.used]
        tables.append(m[address : address + used * page.width].reshape(used, page.width))
        m[page.used] = 0
    actions, attempts, incidents, breakers, lookups, budgets, regions, users = tables
    return Page(actions, attempts, incidents, breakers, lookups, budgets, regions, users, ended)


class Pages:
    """Pages kept by column, for a log in memory."""

    def __init__(self) -> None:
        self.parts: tuple[list[Ints], ...] = tuple([] for _ in COLUMNS)

    def take(self, page: Page) -> None:
        """Keep a copy of a page."""
        for parts, rows in zip(self.parts, page[:8], strict=True):
            if len(rows):
                parts.append(rows.T.copy())

    def tables(self) -> Tables:
        """Actions, attempts, incidents, breakers, lookups, budgets, regions, users."""
        actions, attempts, incidents, breakers, lookups, budgets, regions, users = map(columns, COLUMNS, self.parts)
        return actions, attempts, incidents, breakers, lookups, budgets, regions, users


def columns(names: tuple[str, ...], parts: list[Ints]) -> dict[str, Column]:
    """Pages as named columns."""
    table = np.concatenate([np.zeros((len(names), 0), dtype=np.int64), *parts], axis=1)
    return dict(zip(names, table, strict=True))
