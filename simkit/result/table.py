"""`Table`: a pandas DataFrame that can draw itself."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Table(pd.DataFrame):
    """A tidy DataFrame; `plot()` draws it where there is a picture of it."""

    _metadata: Sequence[str] = ["_draw"]
    _draw: "Callable[[], Figure] | None" = None

    @property
    def _constructor(self) -> Callable[..., "Table"]:
        return Table

    def plot(self) -> "Figure":  # type: ignore[override]
        """The picture of this table.

        Raises:
            ValueError: There is none.
        """
        if self._draw is None:
            raise ValueError("There is no picture of this table; pandas' own plots: pd.DataFrame(table).plot().")
        return self._draw()


def table(columns: Any, draw: "Callable[[], Figure] | None" = None, names: Sequence[str] | None = None) -> Table:
    """A table of columns, or of rows with `names`."""
    made = Table(columns, columns=None if names is None else list(names))
    made._draw = draw
    return made
