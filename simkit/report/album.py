"""Pictures that belong into a report of a result only where it has what they show."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simkit.report.style import Picture
    from simkit.result.result import Result

Applies = Callable[["Result"], bool]


def _rows(name: str) -> Applies:
    return lambda of: len(getattr(of, name)) > 0


def _regions(of: "Result") -> bool:
    return bool(of.plan.regions.on[0])


MONEY: dict[str, Applies] = {
    "hit_rates": lambda of: bool(of.plan.answers.on.any()),
    "turns": lambda of: bool((of.plan.sessions.most > 1).any()),
    "budgets": lambda of: bool(of.plan.names.budgets),
    "work": lambda of: bool(of.plan.batch.batch.any()),
}
"""Tables of a result with a picture of what is paid for, and when they have something to show."""
TROUBLE: dict[str, Applies] = {
    "reasons": lambda of: of.evidence.total("ended") > of.evidence.total("ok"),
    "alerts": _rows("alerts"),
    "breakers": _rows("breakers"),
    "region_timeline": _regions,
    "flow": _regions,
}
"""Likewise of what goes wrong."""
CHAPTERS = {"money": MONEY, "trouble": TROUBLE}


def pictures(of: "Result", chapter: str) -> "Iterator[Picture]":
    """The pictures of a chapter (`money`, `trouble`) that this result has something for.

    Raises:
        KeyError: there is no such chapter.
    """
    for name, applies in CHAPTERS[chapter].items():
        if applies(of):
            yield getattr(of, name).plot()
