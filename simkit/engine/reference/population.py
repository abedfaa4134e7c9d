"""Users who sign up, become active users, stay or leave; and what moves all traffic."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

from simkit.laws.draws import Stream
from simkit.laws.growth import BAD, FAILED, QUOTA, REJECTED, SLOW, UNIT, activity, remember, stays, times
from simkit.plan.codes import EventClass, Kind, Life, Outcome, State
from simkit.plan.growth import DAYS

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.world import World

DAY_BEGINS, FACTOR_CHANGES = 1 << 32, 1 << 33
"""Order of calendar events of one instant, see `world`: after days and months and emptied caches."""


@dataclass(slots=True)
class User:
    """Somebody who has signed up."""

    since: int
    plan: int
    weight: int
    """How active, in millionths of the average."""
    state: State = State.NEW
    met: int = 0
    """What went wrong in the present week."""


class Population:
    """Who is there. A user's number is its place among those of its region, times the regions, plus the region."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.rules = world.growth
        self.day: int = self.rules.day[0]
        self.homes = len(world.regions)
        self.users: dict[int, User] = {}
        self.active: list[list[int]] = [[] for _ in range(self.homes)]
        self.total: list[list[int]] = [[] for _ in range(self.homes)]
        """Activity of the active users up to each of them."""
        self.settled = [0] * self.homes
        """So many of those who signed up are active users by now, or have lost interest."""
        self.signed_up = [0] * self.homes

    def begin(self) -> None:
        """Those who are there from the start: as many of each day of the week."""
        begin = self.world.plan.begin
        for home in range(self.homes):
            for i in range(self.rules.base[home]):
                number = i * self.homes + home
                user = self.add(number, begin - (self.rules.age[0] + i % DAYS) * self.day)
                self.write(number, Life.BASE, user.plan)
                self.enlist(number)
        self.next_day(begin // self.day + 1)

    def add(self, number: int, since: int) -> User:
        """A user, with what is drawn once for all."""
        dice, people = self.world.dice, self.world.plan.people
        u, _ = dice.pair(Stream.ACTIVITY, number)
        plan = -1
        if people.plan_cdf.shape[1]:
            v, _ = dice.pair(Stream.PLAN, number)
            plan = dice.choose(v, people.plan_cdf[self.world.epoch])
        self.users[number] = User(since, plan, activity(dice.value(self.rules.activity[0], u)))
        return self.users[number]

    def asks(self, action: "Action") -> int:
        """Who asks of a region: somebody who signs up now, or one of the active users, by how active they are."""
        home, world = action.home, self.world
        if action.number % world.sources >= self.homes:
            number: int = (self.rules.base[home] + self.signed_up[home]) * self.homes + home
            self.signed_up[home] += 1
            self.write(number, Life.SIGNED_UP, self.add(number, world.clock.now).plan)
            return number
        u, _ = world.dice.pair(Stream.USER, action.number)
        total = self.total[home]
        return self.active[home][bisect_right(total, int(u * float(total[-1])))]

    def enlist(self, number: int) -> None:
        """From now on an active user."""
        user, home = self.users[number], number % self.homes
        user.state = State.ACTIVE
        self.active[home].append(number)
        self.total[home].append(user.weight + (self.total[home][-1] if self.total[home] else 0))

    def pace(self, home: int) -> float:
        """How many average users the active ones of a region are."""
        return float(self.total[home][-1] if self.total[home] else 0) / UNIT

    def ended(self, action: "Action") -> None:
        """What a user makes of it."""
        user, now = self.users[action.user], self.world.clock.now
        served = action.outcome in (Outcome.OK, Outcome.DEGRADED)
        if user.state is State.NEW:
            if served and action.good != 0 and now - user.since <= self.rules.within[0]:
                self.write(action.user, Life.FIRST_VALUE, now - user.since)
                self.decide(action.user, self.rules.share[self.world.epoch])
                self.world.walk(action.home)
            return
        if action.outcome in (Outcome.FAILED, Outcome.ABANDONED):
            user.met = remember(user.met, FAILED)
        elif action.outcome == Outcome.REJECTED:
            user.met = remember(user.met, QUOTA if action.reason == Kind.QUOTA else REJECTED)
        elif action.good == 0:
            user.met = remember(user.met, BAD)
        if served and now - action.arrival > self.rules.slow_after[self.world.epoch]:
            user.met = remember(user.met, SLOW)

    def decide(self, number: int, share: float) -> None:
        """Does somebody who signed up become an active user?"""
        u, _ = self.world.dice.pair(Stream.SIGN_UP, number)
        if u < share:
            self.write(number, Life.ACTIVATED, 0)
            self.enlist(number)
        else:
            self.users[number].state = State.GONE
            self.write(number, Life.LOST_INTEREST, int(u < self.rules.share[self.world.epoch]))

    def next_day(self, day: int) -> None:
        """Put the begin of a day on the agenda."""
        if day * self.day < self.world.end:
            self.world.clock.at(day * self.day, EventClass.CALENDAR, DAY_BEGINS, partial(self.day_begins, day))

    def day_begins(self, day: int) -> None:
        """Those who had no good answer in time decide; those who came a number of whole weeks ago stay or leave."""
        for home in range(self.homes):
            self.settle(home)
            before = self.active[home]
            self.active[home] = [number for number in before if self.remains(number, day)]
            self.total[home] = list(accumulate(self.users[number].weight for number in self.active[home]))
            self.world.walk(home)
        self.next_day(day + 1)

    def settle(self, home: int) -> None:
        """Those of a region who signed up so long ago that they have made up their minds."""
        now, base = self.world.clock.now, self.rules.base[home]
        while self.settled[home] < self.signed_up[home]:
            number = (base + self.settled[home]) * self.homes + home
            user = self.users[number]
            if now - user.since < self.rules.within[0]:
                return
            if user.state is State.NEW:
                self.decide(number, self.rules.let_down[self.world.epoch])
            self.settled[home] += 1

    def remains(self, number: int, day: int) -> bool:
        """Is an active user still there? Some go over to another plan."""
        user = self.users[number]
        weeks, rest = divmod(day - user.since // self.day, DAYS)
        if rest or weeks == 0:
            return True
        epoch = self.world.epoch
        u, v = self.world.dice.pair(Stream.STAY, number, weeks)
        chance = self.rules.stay[epoch][weeks]
        if u >= stays(chance, user.met, self.world.plan.growth.lowered[epoch]):
            user.state = State.GONE
            self.write(number, Life.LEFT, int(u < chance))
            return False
        if user.plan >= 0:
            self.move(number, user, v)
        user.met = 0
        return True

    def move(self, number: int, user: User, v: float) -> None:
        """Perhaps to another plan."""
        epoch, cumulative = self.world.epoch, 0.0
        for plan, chance in enumerate(self.rules.move[epoch][user.plan]):
            cumulative += chance
            if times(user.met, QUOTA):
                cumulative += self.rules.move_at_quota[epoch][user.plan][plan]
            if v < cumulative:
                user.plan = plan
                self.write(number, Life.MOVED, plan)
                return

    def write(self, number: int, what: Life, value: int) -> None:
        """A row of the log."""
        self.world.recorder.user(self.world.clock.now, number, what, value)


class Modulation:
    """Random factors on the traffic that change at regular times."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.every: list[int] = world.plan.modulation.every.tolist()
        self.origin: list[int] = world.plan.modulation.origin.tolist()
        self.laws: list[int] = world.plan.modulation.factor.tolist()
        self.factors = [1.0] * len(self.every)

    def begin(self) -> None:
        """The first factors."""
        for level, every in enumerate(self.every):
            self.hold(level, (self.world.plan.begin + self.origin[level]) // every)

    def hold(self, level: int, block: int) -> None:
        """A factor holds until its time is over."""
        world = self.world
        u, _ = world.dice.pair(Stream.MODULATION, block, level)
        self.factors[level] = world.dice.value(self.laws[level], u)
        until = (block + 1) * self.every[level] - self.origin[level]
        if until < world.end:
            act = partial(self.change, level, block + 1)
            world.clock.at(until, EventClass.CALENDAR, FACTOR_CHANGES | level, act)

    def change(self, level: int, block: int) -> None:
        """The next factor of a level."""
        self.hold(level, block)
        self.world.walk_all()

    def factor(self) -> float:
        """All together."""
        found = 1.0
        for factor in self.factors:
            found *= factor
        return found
