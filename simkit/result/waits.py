"""Times that no column of the log has: before a retry, and in the hands of people."""

import numpy as np

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.engine.log import Column
from simkit.result.sums import Ints, Rows


def retry_waits(attempts: dict[str, Column], owner: Ints) -> tuple[Rows, Ints]:
    """Which attempts are retries (of either layer), and how long after the try before them each was sent, ns.

    The try before is the latest earlier one of the same repetition of a call; its end is that of the later twin.
    """
    keys = ("hedge", "attempt", "rung", "repeat", "call")
    order = np.lexsort((*(attempts[name] for name in keys), owner))
    rows = np.arange(len(order))
    before, twin = order[np.maximum(rows - 1, 0)], order[np.maximum(rows - 2, 0)]
    same = (rows > 0) & (owner[before] == owner[order])
    for name in ("call", "repeat"):
        same &= attempts[name][before] == attempts[name][order]
    ended = attempts["ended"]
    over = np.where(attempts["hedge"][before] == 1, np.maximum(ended[before], ended[twin]), ended[before])
    waits = np.zeros(len(order), np.int64)
    waits[order] = np.where(same & (over >= 0), np.maximum(attempts["dispatched"][order] - over, 0), 0)
    retry = (attempts["cause"] == Cause.RETRY) | (attempts["cause"] == Cause.CLIENT_RETRY)
    return retry, waits[retry]


def people_times(actions: dict[str, Column]) -> tuple[Rows, Ints]:
    """Which actions people answered, and how long after they were asked each was answered, ns."""
    human = (actions["outcome"] == Outcome.DEGRADED) & (actions["reason"] == Kind.HUMAN)
    return human, (actions["end"] - actions["desk_asked"])[human]
