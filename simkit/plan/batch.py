"""What can wait, and which model takes another's place, as tables."""

from typing import Any

import numpy as np

from simkit.plan.arrays import NEVER
from simkit.plan.calendar import week_hours
from simkit.plan.economy import Batch
from simkit.plan.index import Index
from simkit.plan.policy import limit
from simkit.scenario.batch import BatchWindow
from simkit.scenario.batch_models import BATCH, is_batch
from simkit.scenario.scenario import Document

SATURDAY = 5


def batch(documents: list[Document], begin: int, end: int, zero: int) -> Batch:
    """What becomes of actions that can wait."""
    first = documents[0]
    waits = [action.urgency == "batch" for action in first.actions.values()]
    window = first.batch.window if any(waits) else None
    spans = windows(window, begin, end, first.traffic.timezone, zero) if window is not None else []
    each = [document.batch for document in documents]
    return Batch(
        batch=np.array(waits),
        open=np.array([start for start, _ in spans], np.int64),
        close=np.array([stop for _, stop in spans], np.int64),
        spread=np.array([one.spread for one in each], np.int64),
        api=np.array([first.batch.api is not None and any(waits)]),
        within=np.array([NEVER if one.api is None else one.api.within for one in each], np.int64),
        deadline=np.array([limit(one.deadline) for one in each], np.int64),
    )


def windows(window: BatchWindow, begin: int, end: int, timezone: str, zero: int) -> list[tuple[int, int]]:
    """Start and end of each window within [begin, end)."""
    times, hours = week_hours(begin, end, timezone, zero)
    spans: list[tuple[int, int]] = []
    for start, stop, hour in zip(times.tolist(), [*times[1:].tolist(), end], hours.tolist(), strict=True):
        if is_open(window, hour):
            joined = bool(spans) and spans[-1][1] == start
            spans[-1:] = [(spans[-1][0], stop)] if joined else [*spans[-1:], (start, stop)]
    return spans


def is_open(window: BatchWindow, hour: int) -> bool:
    """Is an hour of the week, Monday 0 h being 0, within the window?"""
    day, of_day = divmod(hour, 24)
    if window.weekend == "all_day" and day >= SATURDAY:
        return True
    if window.from_ < window.to:
        return window.from_ <= of_day < window.to
    return of_day >= window.from_ or of_day < window.to


def substitutes(document: Document, index: Index) -> dict[str, Any]:
    """Which model takes another's place when money is short, and which is its batch side."""
    place = {name: number for number, name in enumerate(index.models)}
    return {
        "cheaper": np.array([place.get(document.cheaper.get(name, ""), -1) for name in place], np.int64),
        "batch": np.array([place.get(name + BATCH, -1) for name in place], np.int64),
        "is_batch": np.array([is_batch(name) for name in place]),
    }


__all__ = ["batch", "substitutes"]
