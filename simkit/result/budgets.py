"""`Period`: what became of a budget in a day or month."""

from dataclasses import dataclass

import numpy as np

from simkit.plan.codes import PERIOD_ENDS, Act
from simkit.plan.plan import Ints, Plan
from simkit.result.economy import epoch_of


@dataclass(frozen=True)
class Period:
    """A budget from one reset to the next, or to the end of the run; times in ns."""

    budget: int
    start: int
    end: int
    spent: int
    limit: int
    """As it was at the end, picodollars."""
    reached: dict[int, int]
    """When each of its `codes.Act` began, if it did."""
    had: dict[int, int]
    """What had been spent by then, picodollars."""
    blocks: bool
    """Would it block?"""

    @property
    def share(self) -> float:
        """Spent / limit."""
        return self.spent / self.limit

    @property
    def overshoot(self) -> float:
        """What was spent beyond the limit / limit."""
        return max(0.0, self.share - 1)

    def lasts(self, act: int) -> int:
        """How long it did that, ns."""
        return self.end - self.reached[act] if act in self.reached else 0


def periods(plan: Plan, rows: dict[str, Ints]) -> list[Period]:
    """The periods of all budgets, from the log's rows, in the order in which they ended."""
    found: list[Period] = []
    since = dict.fromkeys(range(len(plan.names.budgets)), plan.begin)
    reached: dict[int, dict[int, int]] = {budget: {} for budget in since}
    had: dict[int, dict[int, int]] = {budget: {} for budget in since}
    spending = plan.spending
    for time, budget, step, spent in zip(*(rows[name].tolist() for name in ROWS), strict=True):
        if budget < 0:  # a quota's tier, see `result.tiers`
            continue
        if step != PERIOD_ENDS:
            reached[budget].setdefault(int(spending.act[budget, step]), time)
            had[budget].setdefault(int(spending.act[budget, step]), spent)
            continue
        limit = int(spending.limit[epoch_of(plan, np.array([time]))[0], budget])
        blocks = bool((spending.act[budget] == Act.BLOCK).any())
        found.append(Period(budget, since[budget], time, spent, limit, reached[budget], had[budget], blocks))
        since[budget], reached[budget], had[budget] = time, {}, {}
    return found


ROWS = ("time", "budget", "step", "spent")
