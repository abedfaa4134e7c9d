"""What may be spent: budgets of money on models, and how many actions a user has."""

from collections import Counter
from typing import TYPE_CHECKING

from simkit.plan.codes import PERIOD_ENDS, Act, Kind, Thrift
from simkit.plan.economy import LOCAL_DAY, LOCAL_MONTH, UTC_DAY, UTC_MONTH

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.world import World

OF_QUOTA, OF_BUDGET = int(Thrift.QUOTA), int(Thrift.BUDGET)


class Spending:
    """Budgets: what is spent in the present day or month, and which of its steps are reached."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.budget_rules
        self.budgets = range(len(self.rules.whole))
        self.spent = [0 for _ in self.budgets]
        self.step = [0 for _ in self.budgets]
        covers = world.plan.spending.covers
        self.of = [covers[:, n].nonzero()[0].tolist() for n in range(covers.shape[1])]
        """Budgets that each deployment's bills go to."""

    def charge(self, attempt: "Attempt") -> None:
        """The bill of an attempt is known."""
        if attempt.cost == 0:
            return
        steps = self.rules.at[self.world.epoch]
        for budget in self.of[attempt.deployment]:
            self.spent[budget] += attempt.cost
            at = steps[budget]
            while self.step[budget] < len(at) and at[self.step[budget]] <= self.spent[budget]:
                self.write(budget, self.step[budget])
                self.step[budget] += 1

    def does(self, budget: int, act: Act) -> bool:
        """Does one of the steps reached in this period say so?"""
        return act in self.rules.act[budget][: self.step[budget]]

    def admit(self, action: "Action") -> bool:
        """Is there money for another action? If it is short, cheaper models have to do."""
        for budget in self.budgets:
            if not self.rules.whole[budget]:
                continue
            if self.does(budget, Act.BLOCK):
                return False
            if self.does(budget, Act.DEGRADE):
                action.thrift |= OF_BUDGET
        return True

    def blocking(self, deployment: int) -> int:
        """The first budget of some models only that has nothing left for a deployment, or -1."""
        return next((b for b in self.of[deployment] if not self.rules.whole[b] and self.does(b, Act.BLOCK)), -1)

    def is_short(self, model: int) -> bool:
        """Does a budget of some models only want a cheaper one in a model's place?"""
        covering = {b for n in self.world.deployments_of[model] for b in self.of[n] if not self.rules.whole[b]}
        return any(self.does(budget, Act.DEGRADE) for budget in covering)

    def reset(self, what: int) -> None:
        """A day or a month begins (UTC)."""
        for budget in self.budgets:
            if what & (UTC_MONTH if self.rules.monthly[budget] else UTC_DAY):
                self.write(budget, PERIOD_ENDS)
                self.spent[budget] = self.step[budget] = 0

    def close(self, ended: int) -> None:
        """The run is over."""
        for budget in self.budgets:
            self.world.recorder.budget(ended, budget, PERIOD_ENDS, self.spent[budget])

    def write(self, budget: int, step: int) -> None:
        """A row of the log."""
        self.world.recorder.budget(self.world.clock.now, budget, step, self.spent[budget])


class Allowances:
    """How many actions each user has had this day and month, and how many there may be."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.allowance_rules
        self.day: Counter[int] = Counter()
        self.month: Counter[int] = Counter()

    def admit(self, action: "Action") -> bool:
        """May the user have another one? Beyond the quota perhaps by cheaper models."""
        user, plan, e = action.user, max(action.plan, 0), self.world.epoch
        if user < 0:
            return True
        if self.day[user] >= self.rules.day[e][plan] or self.month[user] >= self.rules.month[e][plan]:
            if not self.rules.degrades[plan]:
                return False
            action.thrift |= OF_QUOTA
        self.day[user] += 1
        self.month[user] += 1
        return True

    def reset(self, what: int) -> None:
        """A day or a month begins (local time)."""
        if what & LOCAL_DAY:
            self.day.clear()
        if what & LOCAL_MONTH:
            self.month.clear()


def refused(action: "Action") -> int:
    """Why an action is turned away because of the user's quota or a budget of everything, or 0."""
    world = action.world
    if world.allowances is not None and not world.allowances.admit(action):
        return Kind.QUOTA
    if world.spending is not None and not world.spending.admit(action):
        return Kind.BUDGET
    return 0
