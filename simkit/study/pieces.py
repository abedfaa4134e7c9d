"""Rows of the log on disk, piece by piece: a log of a hundred million rows is never in memory.

A piece is a Parquet file with row groups of about a hundred thousand rows. It is whole once it is closed; pieces
that were begun after the last saving of the run's state are thrown away when the run is taken up again.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simkit.engine.compiled.pages import COLUMNS, Page
from simkit.plan.plan import Ints, Plan

if TYPE_CHECKING:
    import pandas as pd

TABLES = {"actions": 0, "attempts": 1, "lookups": 4, "budget_log": 5, "region_log": 6, "user_log": 7}
"""Tables, and their place on a page of the log."""
GROUP = 1 << 17
"""Rows of a row group, at least."""


def piece_files(folder: Path, table: str, replications: Iterable[int]) -> tuple[Path, ...]:
    """The closed pieces of a table, by replication and in their order. Others may lie there, too: of replications
    that were stopped, or of another run."""
    return tuple(
        file for number in sorted(replications) for file in sorted(folder.glob(f"{table}-{number:06}-*.parquet"))
    )


def has_pieces(folder: Path, replication: int, count: int) -> bool:
    """Is every closed piece of a replication there? (A piece may lack a table that had no rows.)"""
    found = {int(file.name.split("-")[2][:8]) for file in folder.glob(f"*-{replication:06}-*.parquet")}
    return found >= set(range(count))


class Pieces:
    """The pieces of one replication; `count` of them are closed."""

    def __init__(self, folder: Path, plan: Plan, replication: int, count: int) -> None:
        self.folder, self.plan, self.replication, self.count = folder, plan, replication, count
        self.rows: dict[str, list[Ints]] = {table: [] for table in TABLES}
        self.waiting = dict.fromkeys(TABLES, 0)
        self.writers: dict[str, Any] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for table in TABLES:
            for file in folder.glob(f"{table}-{replication:06}-*"):
                if int(file.name.split("-")[2][:8]) >= count:
                    file.unlink()

    def take(self, page: Page) -> None:
        """Rows as they come.

        Raises:
            OSError: they cannot be written.
        """
        for table, rows in ((table, page[:8][place]) for table, place in TABLES.items()):
            if len(rows):
                self.rows[table].append(rows.copy())
                self.waiting[table] += len(rows)
                if self.waiting[table] >= GROUP:
                    self._write(table)

    def close(self) -> None:
        """Finish the piece; the next row begins another.

        Raises:
            OSError: it cannot be written.
        """
        for table in TABLES:
            self._write(table)
        for table, writer in self.writers.items():
            writer.close()
            self._file(table, ".draft").replace(self._file(table))
        self.count += bool(self.writers)
        self.writers = {}

    def abandon(self) -> None:
        """Leave the piece unfinished: it is thrown away when the run is taken up again."""
        self.rows = {table: [] for table in TABLES}
        for writer in self.writers.values():
            with contextlib.suppress(OSError):
                writer.close()
        self.writers = {}

    def _write(self, table: str) -> None:
        rows = self.rows[table]
        if not rows:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        found = pa.Table.from_pandas(self._frame(table, np.concatenate(rows)), preserve_index=False)
        if table not in self.writers:
            self.writers[table] = pq.ParquetWriter(self._file(table, ".draft"), found.schema)
        self.writers[table].write_table(found)
        self.rows[table], self.waiting[table] = [], 0

    def _frame(self, table: str, rows: Ints) -> "pd.DataFrame":
        from simkit.result.frames import actions_of, attempts_of, budgets_of, lookups_of, regions_of, users_of

        columns = dict(zip(COLUMNS[TABLES[table]], rows.T, strict=True))
        named = {
            "actions": actions_of, "attempts": attempts_of, "lookups": lookups_of, "budget_log": budgets_of,
            "region_log": regions_of, "user_log": users_of,
        }  # fmt: skip
        return named[table](self.plan, self.replication, columns)

    def _file(self, table: str, more: str = "") -> Path:
        return self.folder / f"{table}-{self.replication:06}-{self.count:08}.parquet{more}"


def remove_pieces(folder: Path) -> None:
    """Remove all pieces in a folder."""
    for table in TABLES:
        for file in folder.glob(f"{table}-*.parquet*"):
            with contextlib.suppress(OSError):
                file.unlink()
