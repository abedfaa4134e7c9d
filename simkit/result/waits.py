"""Times that no column of the log has: before a retry, and in the hands of people."""

import numpy as np

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.engine.log import Column
from simkit.result.sums import Ints, Rows


def retry_waits(attempts: dict[str, Column], owner: Ints) -> tuple[Rows, Ints]:
    """Which attempts are retries (of either layer), and how long after the try before them each was sent, ns.

    The try before is the latest earlier one of the same repetition of a call; its end is that of the later twin.
    """
    keys = [attempts[name] for name in ("hedge", "attempt", "rung", "repeat", "call")]
    order = np.lexsort((*keys, owner))
    retry = (attempts["cause"] == Cause.RETRY) | (attempts["cause"] == Cause.CLIENT_RETRY)
    one, two, at = order[np.maximum(np.arange(len(order)) - 1, 0)], order[np.maximum(np.arange(len(order)) - 2, 0)], order
    same = (owner[one] == owner[at]) & (attempts["call"][one] == attempts["call"][at])
    same &= (attempts["repeat"][one] == attempts["repeat"][at]) & (np.arange(len(order)) > 0)
    ended, twin = attempts["ended"], attempts["hedge"][one] == 1
    before = np.where(twin, np.maximum(ended[one], ended[two]), ended[one])
    waits = np.zeros(len(order), np.int64)
    waits[at] = np.where(same & (before >= 0), np.maximum(attempts["dispatched"][at] - before, 0), 0)
    return retry, waits[retry]


def people_times(actions: dict[str, Column], attempts: dict[str, Column], owner: Ints) -> tuple[Rows, Ints]:
    """Which actions people answered, and how long after the models had given up each was answered, ns."""
    human = (actions["outcome"] == Outcome.DEGRADED) & (actions["reason"] == Kind.HUMAN)
    since = np.maximum(actions["arrival"], actions["start"])
    np.maximum.at(since, owner, attempts["ended"])
    times: Ints = (actions["end"] - since)[human]
    return human, times
