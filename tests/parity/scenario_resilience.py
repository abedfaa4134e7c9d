"""What gateways and clients of a random scenario do when something fails: layers, breakers, budgets, hedges, degrade
ladders, impatient users. Put into a scenario that is made, so that it is the same without it.
"""

from typing import TYPE_CHECKING, Any

from scenario_quantities import Map
from scenario_supply import DRAWN

if TYPE_CHECKING:
    from scenario_policy import Policy

PRESETS = ("none", "openai_sdk", "openai_sdk@1", "anthropic_sdk", "litellm", "portkey", "envoy", "aws_standard")
LEARNED = ("rate_limit", *DRAWN, "timeout", "quota_exhausted", "too_large", "no_deployment", "throttled")
"""Kinds that a layer may be told to do something about."""
BALANCES = ("weighted", "ordered", "least_busy", "lowest_latency", "lowest_usage", "cheapest")


class Resilience:
    """Puts the mechanisms of failure into a scenario, each into some."""

    def __init__(self, maker: "Policy", whole: Map) -> None:
        self.maker, self.random, self.whole = maker, maker.random, whole
        self.layer: Map = whole["resilience"]

    def often(self, probability: float = 0.4) -> bool:
        """Is a mechanism in this scenario?"""
        return self.maker.chance(probability)

    def some(self) -> list[str]:
        """Kinds of failure."""
        return self.random.sample(LEARNED, self.random.randint(2, 8))

    def maybe(self, **fields: Any) -> Map:
        """Some of the fields."""
        return {name: value for name, value in fields.items() if self.often(0.5)}

    def add(self) -> None:
        """All of it."""
        self.layers()
        self.retries()
        self.parts()
        self.places()
        self.people()
        self.hurry()
        if self.often(0.3):
            kind = self.random.choice(("no_deployment", "throttled"))
            self.whole.setdefault("failures", {})[kind] = self.maker.failure()
        if "changes" in self.whole and self.often(0.7):
            self.changes()

    def layers(self) -> None:
        """One layer, or a client before a gateway."""
        time = self.maker.time
        self.layer["client"] = self.random.choice(PRESETS)
        if not self.often():
            return
        self.layer["gateway"] = self.random.choice(PRESETS)
        self.layer["client"] = {
            "preset": self.random.choice(PRESETS[:4]),
            "max_retries": self.random.randint(0, 2),
            "backoff": self.backoff(),
            **self.maybe(timeout=time(2, 30), call_timeout=time(4, 60), replicas=self.random.randint(1, 3)),
            **self.maybe(retry_on=self.some(), stream_failure=self.stream_failure()),
            **self.waits(),
        }
        if self.often():
            self.layer["client"]["retry_budget"] = self.budget()

    def retries(self) -> None:
        """Timeouts, and what is retried, where and when."""
        random, time = self.random, self.maker.time
        self.layer["backoff"] = self.backoff()
        self.layer |= {"retry_while_open": self.maker.chance(0.3), "wait_after_last": self.maker.chance(0.6)}
        self.layer |= self.waits() | self.maybe(
            first_token_timeout=self.or_none(time(0.5, 6)),
            idle_timeout=self.or_none(random.choice((time(0, 2), time(0.02, 0.1)))),
            call_timeout=self.or_none(time(3, 40)),
            balance=random.choice(BALANCES),
            retry_on=self.some(),
            fallback_on=self.some(),
            retry_at=random.choice(("any", "same", "other")),
            stream_failure=self.stream_failure(),
            error_told=random.choice(("last", "first")),
            replicas=random.randint(1, 3),
            max_fallbacks=random.randint(0, 2),
        )
        if self.layer["wait_after_last"] and "fallback" in self.layer and self.often(0.8):
            self.layer["max_retries"] = 1  # so that there is a last one, and another model behind it

    def or_none(self, value: Any) -> Any:
        """What a preset may have, or now and then none of it."""
        return "none" if self.often(0.2) else value

    def stream_failure(self) -> str:
        """What follows a failure in the middle of a stream."""
        return self.random.choice(("fail", "fall_back", "retry"))

    def waits(self) -> Map:
        """What is done with a Retry-After."""
        random = self.random
        return self.maybe(
            retry_after=self.maker.time(0, 20),
            retry_after_rule=random.choice(("longer", "instead")),
            retry_after_beyond=random.choice(("backoff", "give_up")),
            retry_after_unit=self.maker.time(0, 2),
            deadline_aware=self.maker.chance(0.5),
        )

    def backoff(self) -> Map:
        """Waits."""
        random, time = self.random, self.maker.time
        ranges: tuple[Any, ...] = ("full", "equal", "decorrelated", {"add": "750ms"}, {"low": "80%", "high": "120%"})
        return {
            "initial": time(0.1, 2),
            "factor": random.choice((1, 2, 3)),
            "max": time(2, 8),
            "jitter": "none" if self.maker.tick_ms else random.choice(ranges),
            **self.maybe(initial_throttled=time(0.5, 4), skip_with_peer=self.maker.chance(0.5)),
        }

    def parts(self) -> None:
        """Hedges, budgets, breakers, throttles, the ladder."""
        random = self.random
        if self.often(0.5):
            self.layer["hedge"] = self.or_none({"after": self.maker.time(0.2, 4)})
        if self.often(0.5):
            self.layer["retry_budget"] = self.or_none(self.budget_by_load())
        if self.often(0.75):
            self.layer["breaker"] = self.or_none(self.breaker())
        if self.often(0.5):
            throttle = {"k": random.choice((1, 1.3, 2)), **self.maybe(window=self.maker.time(2, 30))}
            self.layer["throttle"] = self.or_none(throttle | self.maybe(rejects=self.some()))
        if self.often(0.15):
            self.layer["timeout"] = "none"
            self.whole.setdefault("cooldown", self.maker.time(1, 60))
        if self.often(0.5):
            names = random.sample(("previous", "rule", "human"), random.randint(1, 2))
            names[:0] = ["partial"] if self.often(0.75) else []
            self.layer["degrade"] = [{name: self.rung(name)} for name in names]

    def budget_by_load(self) -> Map:
        """A gateway's budget: the retries at one time may grow with the load."""
        share = self.maybe(concurrent_share=self.random.choice(("0%", "20%", "50%")))
        return self.budget() | share

    def budget(self) -> Map:
        """Credit for retries; now and then a limit of those at one time."""
        random = self.random
        return {
            "cap": random.randint(50, 400),
            "retry": random.choice((50, 100)),
            "first_try": random.randint(0, 40),
            **self.maybe(start=random.randint(0, 200), retry_throttled=30, success=random.randint(0, 20)),
            **self.maybe(refund=self.maker.chance(0.5), concurrent=random.randint(1, 3)),
        }

    def breaker(self) -> Map:
        """A breaker that opens soon."""
        random, time = self.random, self.maker.time
        found: Map = {
            "scope": random.choice(("deployment", "provider")),
            "counts": self.some(),
            "consecutive": random.randint(1, 4),
            "others": random.choice(("ignored", "healthy")),
            "window": time(1, 30),
            "window_kind": random.choice(("sliding", "calendar", "fixed")),
            "forget": self.maker.chance(0.6),
            "cooldown": time(0.5, 10),
            "probes": random.randint(0, 3),
            **self.maybe(trips_on=self.some(), failures=random.randint(2, 6), at_once=self.some()),
            **self.maybe(at_once_with_peer=self.maker.chance(0.5), cooldown_from_retry_after=self.maker.chance(0.5)),
            **self.maybe(max_open=random.choice(("30%", "50%", "100%"))),
            "panic": random.choice(("0%", "0%", "1%", "50%", "100%")),
            "panic_scope": random.choice(("model", "chain")),
        }
        if self.often(0.5):
            share = {random.choice(("more_than", "at_least")): random.choice(("25%", "50%", "100%"))}
            found["rates"] = [{**share, "of": random.randint(1, 6), "with_peer": self.maker.chance(0.4)}]
        if self.often(0.3):
            found |= {"sweep": time(0.5, 3), "cooldown_growth": True, "cooldown_max": time(5, 20)}
        if self.often(0.7):
            found |= {"sweep": time(1, 10), "outliers": self.or_none(self.outliers())}
        return found

    def outliers(self) -> Map:
        """A comparison that finds some among few."""
        random = self.random
        deviations, hosts = random.choice((0, 0.5, 0.9)), random.randint(1, 2)
        return self.maybe(deviations=deviations) | {"hosts": hosts, "requests": random.randint(1, 2)}

    def rung(self, name: str) -> Map:
        """A rung of the ladder."""
        random, maker = self.random, self.maker
        good = {} if self.often() else {"good": maker.percent(0, 100)}
        if name == "partial":
            return good | {"at_least": maker.percent(1, 20)}
        if name != "human":
            return good | {"share": maker.percent(10, 100), "takes": maker.lasting(0, 1)}
        found = good | {"staff": random.randint(1, 2), "takes": maker.lasting(2, 20), "cost": "$0.5"}
        found |= {"after_hours": random.choice(("closed", "wait"))} | self.maybe(queue=random.randint(0, 3))
        found |= self.maybe(share=maker.percent(10, 90))
        return found | self.maybe(hours={"from": 0, "to": 24}, weekend=False)

    def places(self) -> None:
        """Balance, slowness, ramps, load shedding."""
        random, maker = self.random, self.maker
        for model in self.whole["models"].values():
            model["balance"] = random.choice(BALANCES)
            if self.often():
                del model["balance"]  # the layer's
            if not maker.tick_ms and self.often():
                slow = {"every": maker.time(2, 30), "factor": {"mean": 1, "sigma": 0.5}}
                places = [one for one in model.get("deployments", []) if isinstance(one, dict)]
                random.choice([model, *places])["slowness"] = slow
        for quota in self.whole.get("quotas", {}).values():
            if self.often():
                growth = random.choice(("0%", "50%", "100%"))
                quota["ramp"] = {"growth": growth, "every": maker.time(2, 20), "floor": random.randint(1, 8)}
        if self.often(0.3):
            self.whole["service"]["shed"] = [{"in_flight": random.randint(3, 20), "priority": random.randint(0, 1)}]

    def people(self) -> None:
        """Users who give up."""
        if not self.often():
            return
        users: Map = {"patience": self.maker.lasting(1, 15), "until": self.random.choice(("first_token", "answer"))}
        users["reload"] = {
            "abandoned": self.maker.percent(0, 90),
            "failed": self.maker.percent(0, 90),
            "after": self.maker.time(0, 4),
            "at_most": self.random.choice((1, 3, 5)),
        }
        self.whole["users"] = users

    def hurry(self) -> None:
        """Times that are up in the middle of something."""
        rungs = {name for rung in self.layer.get("degrade", ()) for name in rung}
        if rungs and self.often(0.7):
            self.hurry_action(rungs)
        if isinstance(self.layer["client"], dict) and self.often(0.7):
            self.hurry_request(self.layer["client"])

    def hurry_action(self, rungs: set[str]) -> None:
        """A deadline in the middle of an overhead, or of streams side by side."""
        self.layer["deadline"] = self.maker.time(1, 8)
        if "human" in rungs and self.often(0.5):
            self.whole["service"]["overhead"] = self.maker.lasting(2, 10)
        for kind in self.whole.get("actions", {}).values() if "partial" in rungs else ():
            stages = kind["calls"]
            if len(stages) > 1 and "input" in stages[-1]:
                other: Map = {key: value for key, value in stages[-1].items() if key != "route"}
                other |= {"name": f"{other['name']}_too", "model": self.random.choice(self.maker.models)}
                stages[-1] = {"parallel": [stages[-1], other]}
            for call in stages[-1].get("parallel", ()):
                call |= {"streaming": True} if "input" in call and self.often(0.9) else {}

    def hurry_request(self, client: Map) -> None:
        """A client's timeout in the middle of the gateway's wait for another try, of a stream that broke, too."""
        random, time = self.random, self.maker.time
        client |= {"timeout": time(2, 8), "max_retries": random.randint(1, 3)}
        for name in ("retry_on", "stream_failure") if self.often(0.7) else ():
            client.pop(name, None)
        self.layer["stream_failure"] = random.choice(("retry", "retry", "fall_back"))
        self.layer["max_retries"] = random.randint(1, 3)
        self.layer["backoff"] |= {"initial": time(1, 4), "max": time(4, 8)}
        if self.often(0.6):
            budget = self.budget_by_load()
            self.layer["retry_budget"] = budget | {"first_try": 40, "retry": 50, "concurrent": random.randint(1, 2)}
        for model in self.whole["models"].values():
            model["errors"] = model.get("errors", {}) | {"stream_broken": self.maker.percent(10, 30)}

    def changes(self) -> None:
        """Other numbers of these, too."""
        options: Map = {"resilience.max_retries": 1}
        if isinstance(self.layer.get("breaker"), dict):
            options |= {"resilience.breaker.consecutive": 2, "resilience.breaker.cooldown": self.maker.time(1, 5)}
        if isinstance(self.layer.get("retry_budget"), dict):
            options |= {"resilience.retry_budget.retry": 40, "resilience.retry_budget.cap": 60}
        if isinstance(self.layer.get("hedge"), dict):
            options["resilience.hedge.after"] = self.maker.time(0.2, 3)
        if "users" in self.whole:
            options["users.reload.abandoned"] = self.maker.percent(0, 100)
        change = self.random.choice(self.whole["changes"])
        change["set"] |= {path: options[path] for path in self.random.sample(sorted(options), 1)}
