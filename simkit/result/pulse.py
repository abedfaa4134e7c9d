"""`Pulse`: how many actions ended well and badly, by short cells of time: what alerts are told from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Outcome
from simkit.engine.log import Column
from simkit.result.objectives import Objective
from simkit.result.sums import count
from simkit.result.windows import LENGTHS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MOST_CELLS = 1 << 20


@dataclass(frozen=True, eq=False)
class Pulse:
    """Actions that ended in [k x every, (k + 1) x every), measured or not, by objective."""

    every: int
    """Length of a cell, ns; 0: there are no alerts."""
    bad: Ints
    counted: Ints
    """(objectives, cells)"""
    before: Floats | None = None
    """(objectives) Actions that count in each cell before the run; None: as many as in the run on average."""

    @cached_property
    def usual(self) -> Floats:
        """(objectives) How many actions are taken to have ended, well, in each cell before the run."""
        if self.before is not None:
            return self.before
        mean: Floats = self.counted.sum(axis=1) / max(1, self.counted.shape[1])
        return mean


def cells_of(horizon: int, every: int) -> int:
    """How many cells there are."""
    return -(-horizon // every) if every else 0


def cell_length(horizon: int, wanted: int) -> int:
    """The wanted length of cells, or the next readable one that makes at most `MOST_CELLS`."""
    lengths: list[int] = [wanted, *(one for one in LENGTHS if one > wanted)]
    return next(one for one in lengths if cells_of(horizon, one) <= MOST_CELLS)


def pulse_of(horizon: int, every: int, actions: dict[str, Column], objectives: Sequence[Objective]) -> Pulse:
    """The pulse of a log's actions."""
    size, shape = cells_of(horizon, every), (len(objectives), cells_of(horizon, every))
    bad, counted = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    if size:
        end = actions["end"]
        mine = (end >= 0) & (end < horizon) & (actions["outcome"] != Outcome.CENSORED)
        ended = {name: column[mine] for name, column in actions.items()}
        cell = ended["end"] // every
        for o, objective in enumerate(objectives):
            wrong, seen = objective.judge(ended, horizon)
            bad[o], counted[o] = count(cell[wrong], size), count(cell[seen], size)
    return Pulse(every, bad, counted)
