"""The company's money as a table: what users pay by plan, who is hired when. No engine needs it."""

from dataclasses import dataclass
from fractions import Fraction

from simkit.scenario.business import MONTH
from simkit.scenario.scenario import Document
from simkit.scenario.units import MoneyPer


@dataclass(frozen=True)
class Rate:
    """Money for a time: of a calendar month where it is paid by the month, whatever its days."""

    picodollars: int
    period: int
    """ns"""

    @property
    def is_monthly(self) -> bool:
        """Is it paid by the month?"""
        return self.period == MONTH

    def of(self, ns: int, month: int) -> Fraction:
        """For so many ns of a calendar month of a length."""
        return Fraction(self.picodollars * ns, month if self.is_monthly else self.period)


NOTHING = Rate(0, MONTH)


@dataclass(frozen=True)
class Hire:
    """A role of the team."""

    name: str
    people: int
    cost: Rate
    from_users: int
    """Daily active users, mean of a week, from which on it is needed; 0: from the start."""
    after: int
    """ns until they begin."""


@dataclass(frozen=True)
class Business:
    """What stands in `business`, and what the plans of users cost."""

    cash: int | None
    """Picodollars at the start."""
    prices: tuple[tuple[Rate, ...], ...]
    """By epoch and plan of users; one plan, which costs nothing, where there are none."""
    fixed: tuple[tuple[str, Rate], ...]
    team: tuple[Hire, ...]
    value: int
    """Picodollars that a good answer is worth."""

    @property
    def is_modelled(self) -> bool:
        """Is anything known of the company's money?"""
        paid = any(rate.picodollars for row in self.prices for rate in row)
        return bool(self.cash is not None or self.fixed or self.team or self.value or paid)


def business(documents: list[Document]) -> Business:
    """The company's money; what may change at a time are the prices that users pay."""
    first = documents[0].business
    return Business(
        cash=first.cash,
        prices=tuple(prices(document) for document in documents),
        fixed=tuple((name, rate(cost)) for name, cost in first.fixed.items()),
        team=tuple(
            Hire(name, role.people, rate(role.cost), role.from_users, role.after) for name, role in first.team.items()
        ),
        value=first.value_per_action or 0,
    )


def prices(document: Document) -> tuple[Rate, ...]:
    """What users pay, by plan."""
    users = document.traffic.users
    return tuple(rate(plan.price) for plan in users.plans.values()) if users and users.plans else (NOTHING,)


def rate(cost: MoneyPer | None) -> Rate:
    """Money for a time."""
    return NOTHING if cost is None else Rate(cost.picodollars, cost.period_ns)


__all__ = ["Business", "Hire", "Rate", "business"]
