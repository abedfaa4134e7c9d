"""The log of the compiled engine, page by page."""

import numpy as np

from simkit.engine.compiled.packing import REGIONS
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, INCIDENT_COLUMNS, Column
from simkit.plan.plan import Ints

COLUMNS = (ACTION_COLUMNS, ATTEMPT_COLUMNS, INCIDENT_COLUMNS)
LOGGED = REGIONS[2:]
"""Pages of actions, attempts and incidents."""


class Pages:
    """Rows taken from the kernel's pages, kept by column."""

    def __init__(self) -> None:
        self.parts: tuple[list[Ints], ...] = ([], [], [])

    def take(self, m: Ints) -> None:
        """Take what is on the pages, and leave them blank."""
        for parts, page in zip(self.parts, LOGGED, strict=True):
            address, rows = m[page.address], m[page.used]
            if rows:
                parts.append(m[address : address + rows * page.width].reshape(rows, page.width).T.copy())
            m[page.used] = 0

    def tables(self) -> tuple[dict[str, Column], dict[str, Column], dict[str, Column]]:
        """Actions, attempts, incidents."""
        actions, attempts, incidents = map(columns, COLUMNS, self.parts)
        return actions, attempts, incidents


def columns(names: tuple[str, ...], parts: list[Ints]) -> dict[str, Column]:
    """Pages as named columns."""
    table = np.concatenate([np.zeros((len(names), 0), dtype=np.int64), *parts], axis=1)
    return dict(zip(names, table, strict=True))
