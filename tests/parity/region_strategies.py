"""Random valid scenarios with regions: homes, routing, health checks, residency, autoscalers.

They are put into those of `scenario_strategies` and `economy_strategies`, which know nothing of them. Regions are down
within a minute or two, checks look every few seconds, and traffic is spread over several of them.
"""

from random import Random
from typing import Any

from economy_strategies import thrifty
from scenario_quantities import Map
from scenario_strategies import Addition, Case, Maker, scenario

NAMES = ("north", "south", "east")
ZONES = ("America/New_York", "Asia/Tokyo", "Europe/Berlin")


def far_flung(random: Random) -> Case:
    """One scenario; of every two one has the mechanisms of money, too."""
    maker = Maker(Random(random.random()))
    case = thrifty(random) if random.random() < 0.5 else scenario(random)
    return Places(maker, case).made()


class Places(Addition):
    """Puts regions into a scenario."""

    def __init__(self, maker: Maker, case: Case) -> None:
        super().__init__(maker, case)
        self.names = NAMES[: self.random.choice((1, 2, 2, 2, 3, 3))]
        self.service: Map = self.whole.setdefault("service", {})
        self.split = self.maker.shares(self.names) if self.often(0.95) else {}
        self.policy = self.random.choice(("nearest", "nearest", "weighted", "priority", "priority", "latency"))

    def made(self) -> Case:
        """The scenario with all of it."""
        self.replicas(self.service)
        if self.often(0.15):  # an autoscaler can do without regions
            return Case(self.whole, self.trace)
        self.whole["regions"] = {name: self.region(name) for name in self.names}
        self.whole["routing"] = self.routing()
        self.bind()
        self.disasters()
        self.share_caches()
        if self.often(0.6):
            self.changes()
        return Case(self.whole, self.trace)

    # Services.

    def replicas(self, service: Map) -> None:
        """Copies of a service, and how many there are."""
        if "workers" in service:
            service["workers"] = max(1, service["workers"] // 2)
            service |= self.maybe(replicas=self.random.randint(1, 4), replica_cost="$0.1/h")
            if self.often(0.6):
                service["autoscaling"] = self.autoscaling()
                service.pop("replicas", None)

    def autoscaling(self) -> Map:
        """How their number follows the load."""
        maker, least = self.maker, self.random.randint(1, 2)
        found: Map = {"maximum": least + self.random.randint(0, 5)} | ({"minimum": least} if least > 1 else {})
        found |= self.maybe(interval=maker.time(1, 10), delay=maker.time(0, 30))
        found |= {"stabilisation": maker.time(0, 10)} if self.often(0.8) else {}
        found |= self.maybe(tolerance=maker.percent(0, 30))
        return found | self.random.choice((
            {}, {"target": maker.percent(20, 90)}, {"queue": self.random.randint(1, 4)},
            {"target": maker.percent(20, 90), "queue": self.random.randint(1, 4)},
        ))  # fmt: skip

    def local(self) -> Map:
        """What the service of a region has of its own."""
        found = self.maybe(overhead=self.maker.lasting(0, 1), cost="$100/month")
        if self.often(0.6):
            found |= {"workers": self.random.randint(1, 8)} | self.maybe(queue=self.random.randint(0, 9))
            found |= self.maybe(replicas=self.random.randint(1, 3), shed=[{"in_flight": self.random.randint(4, 15)}])
            found |= self.maybe(replica_cost="$0.2/h")
            if "autoscaling" in self.service:
                found.pop("replicas", None)
            elif self.often(0.3):
                found |= {"autoscaling": self.autoscaling(), "replicas": 1}
        return found

    # Regions.

    def region(self, name: str) -> Map:
        """Where users are and a service runs."""
        maker = self.maker
        found: Map = {"share": self.split[name]} if self.split else {}
        found |= {"rtt": {other: maker.time(0, 2) for other in self.names}, "service": self.local()}
        found |= self.maybe(timezone=self.random.choice(ZONES), tokens=self.random.choice((0.7, 1.3, 2)))
        places = sorted({place["provider"] for each in maker.places.values() for place in each})
        used = self.providers()
        found |= {"models_rtt": {place: maker.time(0, 1) for place in used if self.often(0.7)}} if self.often() else {}
        found |= self.maybe(weight=self.random.choice((0, 1, 3)) if self.often(0.3) else 2)
        if self.policy == "priority" and self.often():
            found["order"] = self.order()
        found |= {"hosts": [self.random.choice(used)]} if self.often(0.4) and places else {}
        found |= {"outages": [self.outage()]} if self.often(0.15) else {}
        return found | ({"cloud": self.random.choice(used)} if self.often(0.15) and self.says_providers() else {})

    def order(self) -> list[Any]:
        """Choices of regions; now and then two regions are one choice."""
        found: list[Any] = self.random.sample(self.names, self.random.randint(1, len(self.names)))
        return [found[:2], *found[2:]] if len(found) > 1 and self.often(0.7) else found

    def outage(self) -> Map:
        """Of a region, whole or in part."""
        found = self.maker.outage()
        for one in found.get("severity", [found]):
            one |= self.maybe(lost=self.random.choice(("30%", "60%")))
        return found

    def providers(self) -> list[str]:
        """Providers of the deployments."""
        each = [self.providers_of(model) for model in self.whole.get("models", {}).values()]
        return list(dict.fromkeys(name for names in each for name in names)) or ["openai"]

    def providers_of(self, model: Map) -> list[str]:
        """Providers of a model's deployments; of one that stands on the package's base: it says them itself."""
        named = [one.split("/")[0] if isinstance(one, str) else one["provider"] for one in model.get("deployments", ())]
        return named or [model.get("provider", "openai")]

    def says_providers(self) -> bool:
        """Are the providers described, so that a region can name one as its cloud?"""
        return set(self.providers()) <= set(self.whole.get("providers", {}))

    def routing(self) -> Map:
        """Who serves whom, and what happens when one fails."""
        maker, whole = self.maker, self.random.randint
        found: Map = {"policy": self.policy} if self.policy != "nearest" or self.often() else {}
        found |= self.maybe(overprovisioning=1.2, panic=maker.percent(10, 90)) if self.policy == "priority" else {}
        health = self.maybe(failures=whole(1, 3), successes=whole(1, 3), timeout=maker.time(0, 2))
        found["health"] = {"interval": maker.time(1, 5)} | health
        dns = self.maybe(ttl=maker.time(0, 20), ignore=maker.percent(0, 50), ignore_for=maker.time(1, 30))
        found |= {"dns": dns or {"ttl": "0s"}} if self.often(0.9) else {}
        found |= self.maybe(hold_down=maker.time(0, 10), failback=maker.time(1, 60), connect_timeout=maker.time(0, 3))
        found |= {"manual": maker.time(1, 20)} if self.often(0.2) else {}
        found |= self.maybe(retries=whole(0, 2), retry_lost=self.often(0.7))
        return found | self.maybe(models=self.random.choice(("nearest", "any")))

    # Where data may go.

    def bind(self) -> None:
        """Users, or kinds of actions, are bound to places; something is left for each."""
        permitted = self.permitted()
        for holder in (*self.whole["regions"].values(), *self.whole.get("actions", {}).values()):
            if self.often(0.3):
                bound = {"regions": [self.names[0], *self.random.sample(self.names, 1)]} if self.often(0.8) else {}
                bound |= {"models_in": permitted} if self.often(0.7) else {}
                holder["residency"] = {name: list(dict.fromkeys(listed)) for name, listed in bound.items()}

    def permitted(self) -> list[str]:
        """Providers of which every model has one."""
        found = [self.random.choice(self.providers_of(model)) for model in self.whole.get("models", {}).values()]
        return list(dict.fromkeys(found)) or self.providers()

    def disasters(self) -> None:
        """Regions go down, whole or in part."""
        found = self.whole.setdefault("incidents", [])
        for _ in range(self.random.choice((0, 1, 1, 2))):
            one: Map = {"at": self.maker.time(0, 58), "lasts": self.maker.time(1, 60)} | self.maker.in_flight()
            one["target"] = self.random.choice(self.names)
            one |= {"lost": self.random.choice(("30%", "50%", "100%"))} if self.often() else {}
            found.append(one | (self.maker.severity() if self.often(0.3) else {}))
            if self.often(0.4):  # two at once
                found.append(one | {"target": self.random.choice(self.names), "lasts": self.maker.time(1, 30)})
        if not found:
            del self.whole["incidents"]

    def share_caches(self) -> None:
        """Caches of answers for all regions."""
        for name in ("exact", "semantic"):
            cache = self.whole.get("caches", {}).get(name)
            if cache is not None and self.often(0.3):
                cache["shared"] = self.often(0.7)

    def changes(self) -> None:
        """Other numbers of these."""
        maker = self.maker
        options: Map = {}
        for name in self.names:
            region = self.whole["regions"][name]
            options[f"regions.{name}.weight"] = self.random.choice((0, 1, 4))
            options[f"regions.{name}.rtt.{self.names[0]}"] = maker.time(0, 2)
            options |= {f"regions.{name}.tokens": 1.5} if "tokens" in region else {}
            options |= (
                {f"regions.{name}.service.workers": self.random.randint(1, 9)} if "workers" in region["service"] else {}
            )
        if "replicas" in self.service:
            options["service.replicas"] = self.random.randint(1, 6)
        chosen = self.random.sample(sorted(options), self.random.randint(1, min(3, len(options))))
        change = {"at": maker.time(5, 50), "set": {path: options[path] for path in chosen}}
        if "autoscaling" in self.service:
            change["set"]["service.autoscaling.maximum"] = self.random.choice((2, 2, 8))
        self.whole.setdefault("changes", []).append(change)
