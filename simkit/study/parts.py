"""What was computed is on disk: one file for each replication, so that a run that died can go on.

A file has the log of a replication that has ended (reference engine) or its whole state, be it at its end or under
way (compiled engine), with the key of its run (scenario, plan, seed, engine, version). It is written beside its
place and renamed, so that it is whole or not there; a file of another run is taken for none.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simkit.engine.log import Column, Log
from simkit.study.pieces import remove_pieces

TABLES = ("actions", "attempts", "incidents", "breakers", "lookups", "budgets", "regions", "users")


@dataclass(frozen=True)
class Parts:
    """A folder of finished replications of one run. Where it cannot be written, nothing is kept and the run goes on."""

    folder: Path
    key: str
    """What the run is of; parts with another key are of another run."""

    def has(self, replication: int) -> bool:
        """Is anything kept of a replication, be it of this run or of another?"""
        return self._file(replication).exists()

    def load(self, replication: int) -> Log | None:
        """The log of a replication that had finished, or None."""
        found = self.read(replication)
        if found is None or "actions" not in found[0]:
            return None
        about, arrays = found
        tables = {t: {name: arrays[f"{t}.{name}"] for name in about[t]} for t in TABLES}
        return Log(replication, **tables, peaks=arrays["peaks"], ended=about["ended"], events=about["events"])

    def save(self, log: Log) -> None:
        """Keep the log of a replication that has finished."""
        tables: dict[str, dict[str, Column]] = {name: getattr(log, name) for name in TABLES}
        about = {"ended": log.ended, "events": log.events} | {name: list(table) for name, table in tables.items()}
        columns = {f"{name}.{column}": values for name, table in tables.items() for column, values in table.items()}
        self.write(log.replication, about, columns | {"peaks": log.peaks})

    def read(self, replication: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """What was kept of a replication of this run, or None."""
        try:
            with self._file(replication).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                about = json.loads(str(arrays["about"]))
                if about["key"] != self.key or about["replication"] != replication:
                    return None
                return about, {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def write(self, replication: int, about: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Keep arrays, and what `about` says of them in plain values, in place of what was kept before."""
        text = json.dumps({**about, "key": self.key, "replication": replication})
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(prefix=".", suffix=".draft", dir=self.folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    np.savez(file, about=np.array(text), **arrays)
                Path(draft).replace(self._file(replication))
            finally:
                Path(draft).unlink(missing_ok=True)

    def _file(self, replication: int) -> Path:
        return self.folder / f"replication-{replication}.npz"


def remove(folder: Path) -> None:
    """Remove the parts in a folder, and the folder if it is then empty."""
    remove_pieces(folder)
    with contextlib.suppress(OSError):
        for file in (*folder.glob("replication-*.npz"), *folder.glob(".*.draft")):
            file.unlink(missing_ok=True)
        folder.rmdir()


def key_of(*things: object) -> str:
    """A digest of plain values, arrays, and dataclasses or tuples of them: equal for what is equal."""
    digest = hashlib.sha256()
    for piece in _pieces(things):
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.hexdigest()


def _pieces(thing: object) -> Iterator[bytes]:
    if isinstance(thing, np.ndarray):
        yield f"{thing.dtype.str} {thing.shape}".encode()
        yield thing.tobytes()
    elif is_dataclass(thing) and not isinstance(thing, type):
        yield from _pieces(tuple(getattr(thing, field.name) for field in fields(thing)))
    elif isinstance(thing, tuple | list):
        yield f"{len(thing)} parts".encode()
        for one in thing:
            yield from _pieces(one)
    else:
        yield repr(thing).encode()
