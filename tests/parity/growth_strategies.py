"""Random valid scenarios in which users come and go, and random factors move the traffic.

They are put into those of the other strategies, which know nothing of them. These last some minutes, so a day of a
user's life is made some seconds (`hasty`): weeks pass, and people stay, leave, go over to other plans.
"""

from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from economy_strategies import thrifty
from region_strategies import far_flung
from scenario_quantities import Map
from scenario_strategies import Addition, Case, Maker, scenario

from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.errors import ScenarioError

DAY_S = 86_400
HASTY_NS = 5 * 10**9
"""A day of a user's life in these scenarios."""
WEEK_S = 7 * DAY_S


def lively(random: Random) -> Case:
    """One scenario without a trace; with all mechanisms, those of money, or those of regions, too."""
    while True:
        maker = Maker(Random(random.random()))
        case = random.choice((scenario, thrifty, far_flung))(random)
        if "trace" not in case.scenario.get("traffic", {}):
            made = Crowd(maker, case).made()
            if is_valid(made):
                return made


def is_valid(case: Case) -> bool:
    """Does it load? (A few bind data to where no fallback may be asked, or move users by a quota that is not there.)"""
    with TemporaryDirectory() as folder:
        try:
            case.load(Path(folder))
        except ScenarioError:
            return False
    return True


def hasty(plan: Plan) -> Plan:
    """The plan with short days."""
    stay = np.pad(plan.growth.stay, ((0, 0), (0, 1000)), mode="edge")
    return replace(plan, growth=plan.growth._replace(day=np.array([HASTY_NS], np.int64), stay=stay))


def plan_of(case: Case, folder: Path) -> Plan:
    """The plan of a generated scenario, with short days."""
    return hasty(compile_plan(case.load(folder)))


class Crowd(Addition):
    """Puts users who come and go into a scenario."""

    def __init__(self, maker: Maker, case: Case) -> None:
        super().__init__(maker, case)
        self.traffic: Map = self.whole.setdefault("traffic", {})
        self.base = self.random.choice((0, 1, 5, 20, 60))

    def made(self) -> Case:
        """The scenario with all of it."""
        self.whole["changes"] = [one for one in self.whole.get("changes", ()) if not self.is_of_traffic(one)]
        if not self.whole["changes"]:
            self.whole.pop("changes")
        if self.often(0.8):
            self.populate()
            if self.often(0.3):
                self.changes()
        if self.often():
            self.traffic["modulation"] = [self.factor() for _ in range(self.random.randint(1, 2))]
        if self.often(0.3):
            self.traffic.setdefault("seasonality", {})["peaks"] = [self.peak()]
        return Case(self.whole, self.trace)

    @staticmethod
    def is_of_traffic(change: Map) -> bool:
        """Does a change change how many users there are, or on which plans?"""
        return any(path.startswith(("traffic.rate", "traffic.users", "traffic.daily")) for path in change["set"])

    def populate(self) -> None:
        """Users instead of a rate, or of users who are there every day."""
        before: Map = self.traffic.get("users", {})
        for key in ("rate", "users", "daily_active_users", "actions_per_user_per_day"):
            self.traffic.pop(key, None)
        a_day = self.random.choice((1, 2, 4)) * DAY_S / max(self.base, 10)
        pace = "sessions_per_day" if "sessions" in self.traffic and self.often() else "actions_per_day"
        users: Map = {"growth": self.growth(), pace: a_day}
        users |= {key: before[key] for key in ("quota", "activity") if key in before}
        users |= self.maybe(activity=self.random.choice(({"zipf": 0.8}, {"lognormal": 0.7})))
        if "plans" in before or self.often(0.7):
            users["plans"] = self.plans(before.get("plans") or {"free": {"share": "60%"}, "paid": {"share": "40%"}})
            if self.often(0.4):
                self.random.choice(list(users["plans"].values()))["quota"] = {"day": self.random.randint(1, 3)}
        self.traffic["users"] = users

    def plans(self, plans: Map) -> Map:
        """Plans with prices, and who goes over to which."""
        for name, plan in plans.items():
            others = [one for one in plans if one != name]
            plan |= self.maybe(price="$10/month")
            idle = [one for one in others if plans[one]["share"] == "0%"]
            if idle:
                plan["moves"] = dict.fromkeys(idle, "10%")
            elif others and self.often(0.7):
                plan["moves"] = {others[0]: self.random.choice(("20%", {"at_quota": "60%"}, {"week": "5%"}))}
        return plans

    def growth(self) -> Map:
        """Who is there, who comes, who stays."""
        maker = self.maker
        found: Map = {"base": self.random.choice((self.base, {"users": self.base, "age": "3w"}))} if self.base else {}
        forms = [self.form() for _ in range(self.random.randint(1, 2))]
        if not self.base or self.often(0.9):
            found["acquisition"] = forms if len(forms) > 1 else forms[0]
        if self.often(0.8):
            activation = self.maybe(share=maker.percent(40, 100), let_down=maker.percent(0, 100))
            found["activation"] = activation | {"within": maker.time(5, 90)}
        if self.often(0.9):
            found["retention"] = self.retention()
        return found

    def form(self) -> Any:
        """Sign-ups a week: so many that one or two come in a few seconds."""
        weekly = self.random.choice((0.02, 0.1, 0.3)) * WEEK_S
        return self.random.choice((
            weekly, {"constant": weekly}, {"linear": {"start": weekly, "change": self.random.choice((-5, 1000))}},
            {"exponential": {"start": weekly, "growth": "50%"} | self.maybe(until="1min")},
            {"logistic": {"most": weekly, "middle": "2min"} | self.maybe(spread="1min")},
            {"launch": {"users": 15} | self.maybe(at="1min", decay="30s")}, {"table": {1: weekly, 2: 0}},
        ))  # fmt: skip

    def retention(self) -> Map:
        """Who stays, and what makes people leave."""
        maker = self.maker
        found: Map = self.random.choice((
            {}, {"table": {1: "70%", 3: "50%"}}, {"table": {1: "80%", 2: "30%", 5: "0%"}},
            {"power": {"week1": "70%", "exponent": 0.5}}, {"exponential": {"half_life": "2w"}},
            {"exponential": {"week1": "60%", "half_life": "9w"}},
        ))  # fmt: skip
        lowered = self.maybe(
            failed=maker.percent(5, 60), rejected=maker.percent(5, 60), quota=maker.percent(5, 60),
            slow=maker.percent(5, 60), slow_after=maker.time(1, 5), bad=maker.percent(5, 60),
        )  # fmt: skip
        return {**found} | ({"lowered_by": lowered} if lowered else {})

    def factor(self) -> Map:
        """A random factor on the traffic."""
        return {"every": self.random.choice(("1min", "2min", "1h")), "strength": self.maker.percent(10, 80)}

    def peak(self) -> Map:
        """A time of other traffic."""
        return {"at": self.maker.time(0, 60), "lasts": self.maker.time(10, 60), "factor": self.random.choice((0.5, 3))}

    def changes(self) -> None:
        """Other numbers from a time on."""
        settings: Map = {"traffic.users.growth.activation.share": "30%"}
        settings |= self.maybe(**{"traffic.users.growth.retention.lowered_by.failed": "40%"})
        self.whole.setdefault("changes", []).append({"at": self.maker.time(5, 40), "set": settings})
