"""Conversations as tables, and what a call's prompt repeats of what was said before."""

from typing import Any

import numpy as np

from simkit.plan.arrays import NEVER
from simkit.plan.economy import Sessions
from simkit.plan.policy import limit
from simkit.plan.tables import DistPool
from simkit.scenario.actions import Call
from simkit.scenario.conversation import History
from simkit.scenario.repeat import Repeat
from simkit.scenario.scenario import Document

ONE_TURN = Repeat(times=1)


def turns_of(document: Document) -> Repeat:
    """How many turns a conversation has; one, where every action stands alone."""
    sessions = document.traffic.sessions
    return ONE_TURN if sessions is None else sessions.turns


def sessions(documents: list[Document], pool: DistPool) -> Sessions:
    """Conversations."""
    turns = [turns_of(document) for document in documents]
    each = [document.traffic.sessions for document in documents]
    return Sessions(
        times=np.array([one.times or 1 for one in turns], np.int64),
        again=np.array([one.again() for one in turns], np.float64),
        most=np.array([one.most() for one in turns], np.int64),
        think=np.array([-1 if one is None else pool.add(one.think) for one in each], np.int64),
    )


def threads(by_epoch: list[list[Call]], kinds: list[int], names: list[str]) -> dict[str, Any]:
    """What was said before: who sends it again, how much of it, and who sums it up."""
    first = by_epoch[0]
    limits = [[limit(history.limit) if (history := c.input.told) else NEVER for c in row] for row in by_epoch]
    return {
        "name": np.array([names.index(c.name) for c in first], np.int64),
        "history": np.array([c.input.told is not None for c in first]),
        "history_limit": np.array(limits, np.int64),
        "history_step": np.array([[step(c.input.told) for c in row] for row in by_epoch], np.int64),
        "keeps_retrieved": np.array([(one := c.input.told) is not None and one.retrieved for c in first]),
        "summarises": np.array([c.summarises for c in first]),
        "summary_limit": np.array([summary_limits(first, kinds, row) for row in limits], np.int64),
    }


def step(history: History | None) -> int:
    """Tokens that are left out at a time where the history is longer than its limit."""
    if history is None or history.limit is None:
        return 1
    return max(1, history.limit - int(history.limit * history.cut_to))


def summary_limits(calls: list[Call], kinds: list[int], limits: list[int]) -> list[int]:
    """Of each call that summarises: the limit of the next call of its kind with a history; else NEVER."""
    found = []
    for c, call in enumerate(calls):
        later = [i for i in range(c + 1, len(calls)) if kinds[i] == kinds[c] and calls[i].input.told is not None]
        found.append(limits[later[0]] if call.summarises and later else NEVER)
    return found


__all__ = ["sessions", "threads", "turns_of"]
