"""`Saved`: a result that was saved to a folder (`simkit run --out`), as comparisons need it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkit.result.by_replication import Rows, rows_from
from simkit.result.metrics import METRICS
from simkit.result.statistics import Estimate

MANIFEST, TABLE = "manifest.json", "replications.parquet"


class SavedError(ValueError):
    """A folder that holds no result to compare."""


@dataclass(frozen=True, eq=False)
class Saved:
    """A result on disk."""

    name: str
    seed: int
    numbers: tuple[int, ...]
    """Of its replications."""
    metrics: dict[str, Estimate]
    rows: Rows
    full: dict[str, Any]
    """The full form of its scenario."""

    @property
    def replications(self) -> int:
        """How many there are."""
        return len(self.numbers)


def saved(folder: str | Path) -> Saved:
    """The result in a folder.

    Raises:
        SavedError: there is none, or one of an older version that cannot be compared.
    """
    import pandas as pd

    path = Path(folder)
    if not (path / MANIFEST).is_file():
        raise SavedError(
            f"{folder} holds no result: there is no {MANIFEST} in it. `simkit run FILE --out DIR` makes one."
        )
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        frame = pd.read_parquet(path / TABLE)
        known = {name: one for name, one in manifest["metrics"].items() if name in METRICS}
        rows = rows_from(frame)
        nothing: list[float | None] = [None] * len(frame)
        return Saved(
            manifest["scenario"], manifest["seed"], tuple(int(number) for number in frame["replication"]),
            {name: Estimate(**{key: known.get(name, {}).get(key) for key in ("value", "low", "high")})
             for name in METRICS},
            {name: rows.get(name, nothing) for name in METRICS}, manifest["resolved"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SavedError(
            f"{folder} holds a result that cannot be compared ({type(error).__name__}: {error})."
            " Run it again with --out."
        ) from error
