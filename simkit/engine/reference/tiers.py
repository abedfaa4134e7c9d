"""Limits that rise with what was spent: each quota with tiers adds up the bills that count for it."""

from functools import partial
from typing import TYPE_CHECKING

from simkit.plan.codes import PERIOD_ENDS, EventClass
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.attempt import Attempt
    from simkit.engine.reference.world import World

TIER = 1 << 34
"""Order of calendar events of one instant: after those of days, months and random factors."""


class Account:
    """What was spent of a quota with tiers, and how many of these that has reached."""

    def __init__(self, spent: int, since: int) -> None:
        self.spent, self.since = spent, since
        self.tier = 0
        self.waits = False
        """Enough is spent for the next tier, but not long enough ago."""


class Tiers:
    """All quotas with tiers."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.tier_rules
        self.accounts = [Account(*paid) for paid in zip(self.rules.before, self.rules.since, strict=True)]
        covers = world.plan.tiers.covers
        self.of = [covers[:, n].nonzero()[0].tolist() for n in range(covers.shape[1])]
        """Where each deployment's bills go to."""

    def begin(self) -> None:
        """What was spent before may be enough for a tier."""
        for number, account in enumerate(self.accounts):
            if self.rules.spent[number][0] <= account.spent:
                self.wait(number, self.world.clock.now)

    def charge(self, attempt: "Attempt") -> None:
        """The bill of an attempt is known."""
        if attempt.cost == 0:
            return
        for number in self.of[attempt.deployment]:
            account = self.accounts[number]
            account.spent = min(account.spent + attempt.cost, NEVER)
            account.since = min(account.since, self.world.clock.now)
            if not account.waits:
                self.climb(number)

    def climb(self, number: int) -> None:
        """All tiers whose sum and time have come; the next one whose sum has come waits for its time."""
        account, now = self.accounts[number], self.world.clock.now
        sums, times = self.rules.spent[number], self.rules.after[number]
        while account.tier < len(sums) and sums[account.tier] <= account.spent:
            due = account.since + times[account.tier]
            if due > now:
                self.wait(number, due)
                return
            self.world.recorder.budget(now, -1 - number, account.tier, account.spent)
            account.tier += 1

    def wait(self, number: int, due: int) -> None:
        """Look again at a time."""
        self.accounts[number].waits = True
        self.world.clock.at(due, EventClass.CALENDAR, TIER | number, partial(self.come, number))

    def come(self, number: int) -> None:
        """The time of a tier has come."""
        self.accounts[number].waits = False
        self.climb(number)

    def tier(self, limit: int) -> int:
        """The tier that holds for a limit."""
        number = self.rules.account[limit]
        return 0 if number < 0 else self.accounts[number].tier

    def close(self, ended: int) -> None:
        """The run is over."""
        for number, account in enumerate(self.accounts):
            self.world.recorder.budget(ended, -1 - number, PERIOD_ENDS, account.spent)
