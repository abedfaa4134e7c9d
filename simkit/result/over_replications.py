"""The same incident in several replications, put together."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

C = TypeVar("C")


@dataclass(frozen=True)
class Together(Generic[C]):
    """An incident over all replications in which it is the same, or a random one in its own."""

    cases: tuple[C, ...]

    @property
    def first(self) -> C:
        """For what is the same in all of them."""
        return self.cases[0]

    def median(self, figure: Callable[[C], float | None]) -> float | None:
        """Median over those that have it."""
        known = [value for one in self.cases if (value := figure(one)) is not None]
        return float(median(known)) if known else None
