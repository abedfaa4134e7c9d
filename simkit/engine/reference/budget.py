"""Retry budgets: credit that first tries earn and retries cost, so that retries stay a share of the load."""

from typing import TYPE_CHECKING

from simkit.laws.budget import retries_allowed
from simkit.plan.codes import Kind

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.world import World
    from simkit.plan.plan import Layer


class Budget:
    """The credit of one replica of a layer with one model, and how many of its retries and hedges are out."""

    def __init__(self, world: "World", layer: "Layer") -> None:
        self.world, self.layer = world, layer
        self.credit = int(layer.budget_start[0])
        self.out = 0
        self.active = 0
        """Attempts under way."""

    def earn(self, amount: int) -> None:
        """More credit, up to the cap."""
        self.credit = min(int(self.layer.budget_cap[self.world.epoch]), self.credit + amount)

    def earn_first_try(self) -> None:
        """A first try is made."""
        self.earn(int(self.layer.budget_first_try[self.world.epoch]))

    def earn_success(self) -> None:
        """A request succeeded that needed no retry."""
        self.earn(int(self.layer.budget_success[self.world.epoch]))

    def cost(self, kind: int) -> int:
        """What a retry after such a failure costs."""
        costs = self.layer.budget_throttled if kind == Kind.RATE_LIMIT else self.layer.budget_retry
        return int(costs[self.world.epoch])

    def take(self, cost: int) -> bool:
        """Pay for a retry or hedge, which is out from now on; False: it is refused."""
        e = self.world.epoch
        credit = min(int(self.layer.budget_cap[e]), self.credit)
        most = retries_allowed(self.layer.budget_concurrent[e], self.layer.budget_share_ppb[e], self.active)
        if credit < cost or self.out >= most:
            return False
        self.credit = credit - cost
        self.out += 1
        return True

    def give_back(self) -> None:
        """A retry or hedge has ended, or the wait before it is void."""
        self.out -= 1


class Budgets:
    """The budgets of a layer by replica and model."""

    def __init__(self, world: "World", layer: "Layer") -> None:
        self.world, self.layer = world, layer
        self.budgets: dict[tuple[int, int], Budget] = {}

    def of(self, replica: int, model: int) -> Budget:
        """The budget for a model."""
        place = replica, model
        if place not in self.budgets:
            self.budgets[place] = Budget(self.world, self.layer)
        return self.budgets[place]

    def sent(self, attempt: "Attempt") -> None:
        """An attempt is under way."""
        self.of(attempt.action.replica, attempt.model).active += 1

    def learn(self, attempt: "Attempt", kind: int) -> None:
        """It has ended."""
        self.of(attempt.action.replica, attempt.model).active -= 1


class Purse:
    """What one request (or the client, for one base model) spends of its layer's budgets."""

    def __init__(self, budgets: Budgets, replica: int) -> None:
        self.budgets, self.replica = budgets, replica
        self.held: Budget | None = None
        """Of the retry that is decided on but not sent yet."""
        self.last: tuple[Budget, int] | None = None
        """Whose the last retry was, and what it cost."""

    def earn_first_try(self, model: int) -> None:
        """A first try is made."""
        self.budgets.of(self.replica, model).earn_first_try()

    def pay(self, model: int, kind: int) -> bool:
        """Pay for a retry after a failure; False: refused."""
        budget = self.budgets.of(self.replica, model)
        cost = budget.cost(kind)
        if not budget.take(cost):
            return False
        self.held, self.last = budget, (budget, cost)
        return True

    def send(self) -> Budget | None:
        """The retry is sent: whoever sends it gives its place back when it ends."""
        held, self.held = self.held, None
        return held

    def release(self) -> None:
        """There will be no retry."""
        if self.held is not None:
            self.held.give_back()
            self.held = None

    def reward(self, model: int) -> None:
        """It succeeded: without a retry for a little credit, else the last retry's cost may come back."""
        if self.last is None:
            self.budgets.of(self.replica, model).earn_success()
        elif self.last[0].layer.budget_refund[0]:
            self.last[0].earn(self.last[1])
