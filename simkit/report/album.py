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


def _spent(of: "Result") -> bool:
    return float(of.costs["cost_usd"].sum()) > 0


def _retained(of: "Result") -> bool:
    return bool(of.retention["share"].notna().any()) if len(of.retention) else False


PROMISES: dict[str, Applies] = {"slo": lambda of: bool(of.evidence.objectives)}
"""Tables of a result with a picture of what was promised, and when they have something to show."""
LIMITS: dict[str, Applies] = {"limits": _rows("limits")}
"""Likewise of what can be full."""
GROWTH: dict[str, Applies] = {
    "months": _rows("months"),
    "breaks": _rows("breaks"),
    "cohorts": _rows("cohorts"),
    "retention": _retained,
    "money": lambda of: bool(len(of.months)) and of.plan.business.is_modelled,
}
"""Likewise of users who come and go."""
MONEY: dict[str, Applies] = {
    "costs": _spent,
    "causes": _spent,
    "hit_rates": lambda of: bool(of.plan.answers.on.any()),
    "turns": lambda of: bool((of.plan.sessions.most > 1).any()),
    "budgets": lambda of: bool(of.plan.names.budgets),
    "work": lambda of: bool(of.plan.batch.batch.any()),
}
"""Likewise of what is paid for."""
TROUBLE: dict[str, Applies] = {
    "reasons": lambda of: of.evidence.total("ended") > of.evidence.total("ok"),
    "alerts": _rows("alerts"),
    "breakers": _rows("breakers"),
    "region_timeline": _regions,
    "flow": _regions,
}
"""Likewise of what goes wrong."""
CHAPTERS = {"promises": PROMISES, "limits": LIMITS, "growth": GROWTH, "money": MONEY, "trouble": TROUBLE}


def pictures(of: "Result", chapter: str) -> "Iterator[Picture]":
    """The pictures of a chapter (a name of `CHAPTERS`) that this result has something for.

    Raises:
        KeyError: there is no such chapter.
    """
    for name, applies in CHAPTERS[chapter].items():
        if applies(of):
            yield getattr(of, name).plot()
