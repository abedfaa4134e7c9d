"""Random valid scenarios over the whole schema, for parity, invariant and fuzz tests.

`scenario(Random(7))` is always the same; `scenarios()` is the Hypothesis strategy, which also makes them smaller.
Every third has a clock: all its times are whole ticks of 1 s or 100 ms, so that things happen at the same instant.
They are small (some hundred actions) and crowded: limits bind, queues fill, things fail.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies as st
from hypothesis.strategies import SearchStrategy
from ruamel.yaml import YAML

Map = dict[str, Any]

COMPLEXITIES = ("simple", "hard")
PROVIDERS = ("p", "q", "r")
MODELS = ("a", "b", "c")
DRAWN = ("overloaded", "server_error", "connection", "stream_broken", "malformed", "bad_request", "content_filter")
KINDS = ("rate_limit", *DRAWN, "timeout", "too_large")


@dataclass(frozen=True)
class Case:
    """A scenario and the text of its `trace.csv`, if it replays one."""

    scenario: Map
    trace: str

    def write(self, folder: Path) -> Path:
        """Write both; returns the scenario's path."""
        (folder / "trace.csv").write_text(self.trace)
        with (folder / "scenario.yaml").open("w") as file:
            YAML().dump(self.scenario, file)
        return folder / "scenario.yaml"


def scenarios() -> SearchStrategy[Case]:
    """Scenarios for Hypothesis."""
    return st.randoms(use_true_random=False).map(scenario)


def scenario(random: Random) -> Case:
    """One scenario."""
    return Maker(random).case()


def chance(random: Random, probability: float) -> bool:
    """True with a probability."""
    return random.random() < probability


def shares(random: Random, names: tuple[str, ...]) -> dict[str, str]:
    """Shares that add up to 100%; now and then one is 0%."""
    weights = [random.randint(0 if i and chance(random, 0.2) else 1, 9) for i in range(len(names))]
    parts = [100 * weight // sum(weights) for weight in weights]
    parts[0] += 100 - sum(parts)
    return {name: f"{part}%" for name, part in zip(names, parts, strict=True)}


class Maker:
    """Makes the parts of one scenario, with or without a clock."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.tick_ms = random.choice((100, 1000)) if chance(random, 1 / 3) else 0
        self.models = MODELS[: random.randint(1, 3)]
        self.providers = PROVIDERS[: random.randint(1, 3)]
        self.kinds = ("ask", "do")[: random.randint(1, 2)]
        self.complex = {kind: chance(random, 0.6) for kind in self.kinds}
        self.traced = chance(random, 0.15)
        self.replayed = self.traced and chance(random, 0.5)
        """The trace says tokens and models, too: then there is one call."""
        if self.replayed:
            self.kinds = ("ask",)
        self.span = 60 * random.randint(1, 4)
        self.places = {model: self.deployments() for model in self.models}
        self.routes: Map = {}
        self.calls = 0

    # Quantities.

    def ms(self, low: float, high: float) -> int:
        """A time between `low` and `high` seconds in ms, in whole ticks where there is a clock."""
        if self.tick_ms:
            ticks = self.random.randint(round(low * 1000) // self.tick_ms, round(high * 1000) // self.tick_ms)
            return max(ticks, 1) * self.tick_ms
        return self.random.randint(round(low * 1000), round(high * 1000))

    def time(self, low: float, high: float) -> str:
        """The same as a text."""
        return f"{self.ms(low, high)}ms"

    def lasting(self, low: float, high: float) -> Any:
        """A distribution of times."""
        random = self.random
        if self.tick_ms or chance(random, 0.2):
            return self.time(low, high)
        middle, more = self.ms(low, high) + 1, self.ms(low, high) + 2
        return random.choice((
            {"median": f"{middle}ms", "sigma": random.choice((0.2, 0.5, 1.0))},
            {"exponential": {"mean": f"{middle}ms"}},
            {"uniform": {"low": f"{middle}ms", "high": f"{middle + more}ms"}},
            {"gamma": {"mean": f"{middle}ms", "cv": 0.7}},
            {"quantiles": {"p50": f"{middle}ms", "p90": f"{middle + more}ms", "p99": f"{middle + 3 * more}ms"}},
        ))  # fmt: skip

    def tokens(self, most: int) -> Any:
        """A distribution of tokens."""
        random = self.random
        if self.tick_ms or chance(random, 0.3):
            return random.randint(0, most)
        mean = random.randint(1, most)
        return random.choice((
            {"mean": mean, "p95": 3 * mean},
            {"exponential": {"mean": mean}},
            {"uniform": {"low": 0, "high": mean}},
            {"weibull": {"mean": mean, "cv": 1.5}},
        ))  # fmt: skip

    def percent(self, low: int, high: int) -> str:
        """A share."""
        return f"{self.random.randint(low, high)}%"

    # Parts.

    def case(self) -> Case:
        """The whole scenario."""
        random = self.random
        whole: Map = {
            "name": "Generated",
            "horizon": f"{self.span}s",
            "warmup": "0s" if self.traced else self.time(0, 30),
            "traffic": self.traffic(),
            "actions": self.actions(),
            "models": {model: self.model(model) for model in self.models},
            "resilience": self.resilience(),
            "service": self.service(),
            "incidents": [self.incident() for _ in range(random.choice((0, 0, 1, 3)))],
            "seed": random.randint(0, 2**32 - 1),
        }
        whole |= {"routes": self.routes} if self.routes else {}
        if chance(random, 0.6):
            whole["quotas"] = {f"limit{i}": self.quota() for i in range(random.randint(1, 2))}
        if chance(random, 0.3):
            whole["providers"] = {name: {"outages": [self.outage()][:i]} for i, name in enumerate(self.providers[::-1])}
        if chance(random, 0.4):
            whole["caches"] = {"prompt": {"hit_rate": self.percent(0, 100)}}
        if chance(random, 0.4):
            whole["failures"] = {kind: self.failure() for kind in random.sample(KINDS, 2)}
        if chance(random, 0.3):
            whole["cooldown"] = self.time(1, 60)
        if chance(random, 0.4):
            whole["changes"] = self.changes(whole)
        return Case(whole, self.trace() if self.traced else "")

    def traffic(self) -> Map:
        """Traffic by rate, users or trace."""
        random = self.random
        if self.traced:
            trace: Map = {"file": "trace.csv", "columns": {"time": "t"}, "unit": "ms"}
            if self.replayed:
                trace["columns"] |= {"input": "in", "output": "out", "cached": "c", "model": "model"}
                trace["models"] = {"A": self.models[0]}
            return {"trace": trace}
        rate = random.choice((0.2, 0.5, 1, 2))
        traffic: Map = {"process": "deterministic" if self.tick_ms else random.choice(("poisson", "gamma", "weibull"))}
        traffic |= {"cv": random.choice((0.5, 1.5))} if traffic["process"] in ("gamma", "weibull") else {}
        if chance(random, 0.6):
            return {"rate": f"{rate}/s", **traffic}
        users: Map = {"daily_active": 4320, "actions_per_day": 20 * rate}
        users["activity"] = random.choice(("equal", {"zipf": 1.1}, {"lognormal": 1.0}))
        if chance(random, 0.6):
            split = shares(random, ("free", "paid"))
            users["plans"] = {plan: {"share": split[plan], "priority": random.randint(-1, 2)} for plan in split}
        return {"users": users, **traffic}

    def trace(self) -> str:
        """Rows of a trace, several at one instant."""
        random, now, rows = self.random, 0, ["t,in,out,c,model"]
        for _ in range(random.randint(1, 200)):
            now += random.choice((0, 0, 1, 2)) * (self.tick_ms or random.randint(1, 1000))
            if now >= self.span * 1000:
                break
            rows.append(f"{now},{random.randint(50, 400)},{random.randint(0, 60)},{random.randint(0, 50)},A")
        return "\n".join(rows) + "\n"

    def actions(self) -> Map:
        """Kinds of actions."""
        random, split = self.random, shares(self.random, self.kinds)
        actions: Map = {}
        for kind in self.kinds:
            calls = []
            for _ in range(1 if self.replayed else random.randint(1, 3)):
                if self.replayed or chance(random, 0.5 if self.tick_ms else 0.65):
                    calls.append(self.call(kind))
                else:
                    calls.append({"parallel": [self.call(kind) for _ in range(random.randint(1, 4))]})
            actions[kind] = {"share": split[kind], "calls": calls, "priority": random.randint(0, 1)}
            if self.complex[kind]:
                actions[kind]["complexity"] = shares(random, COMPLEXITIES)
        return actions

    def call(self, kind: str) -> Map:
        """A call to a model or a step of fixed work."""
        random = self.random
        self.calls += 1
        call: Map = {"name": f"call{self.calls}"}
        if chance(random, 0.4):
            call["work"] = self.lasting(0, 1)
        if not self.traced and chance(random, 0.3):
            geometric = {"geometric": {"mean": 2, "max": random.randint(1, 5)}}
            call["repeat"] = random.choice(({"times": random.randint(1, 3)}, geometric))
        if not self.replayed and chance(random, 0.12):
            call.setdefault("work", self.lasting(0, 2))
            return call
        call["input"] = {"user": self.tokens(300)}
        call["input"] |= {"system": random.choice((20, 100, 200))} if chance(random, 0.6) else {}
        call["input"] |= {"retrieved": self.tokens(200)} if chance(random, 0.3) else {}
        call["output"] = {"all": self.tokens(40)}
        if self.complex[kind] and chance(random, 0.4):
            call["output"] = {"by_complexity": {name: self.tokens(60) for name in COMPLEXITIES}}
        call["output"] |= {"max": random.randint(10, 60)} if chance(random, 0.4) else {}
        call["streaming"] = chance(random, 0.6)
        call["judged"] = chance(random, 0.7)
        return call | self.answered_by(kind)

    def answered_by(self, kind: str) -> Map:
        """A model, or a route of the call's own."""
        random, name = self.random, f"route{self.calls}"
        names = (*COMPLEXITIES, *self.plain()) if self.complex[kind] else ("any",)
        way = random.choice(("model", "model", "mix", "by", "cascade"))
        if way == "mix":
            self.routes[name] = {"mix": shares(random, self.models)}
        elif way == "by" and self.complex[kind]:
            self.routes[name] = {
                "by": "complexity",
                "to": {one: random.choice(self.models) for one in (*COMPLEXITIES, *self.plain())},
                "misrouted": {one: self.percent(0, 30) for one in COMPLEXITIES},
            }
        elif way == "cascade" and len(self.models) > 1:
            chain = random.sample(self.models, random.randint(2, len(self.models)))
            self.routes[name] = {"cascade": chain, "escalate": {one: self.percent(0, 100) for one in names}}
        else:
            return {"model": random.choice(self.models)}
        return {"route": name}

    def plain(self) -> tuple[str, ...]:
        """The complexity of kinds that have none, where there are such kinds."""
        return () if all(self.complex[kind] for kind in self.kinds) else ("any",)

    def deployments(self) -> list[Map]:
        """Where a model runs."""
        random = self.random
        chosen = random.sample(self.providers, random.randint(1, len(self.providers)))
        found: list[Map] = [{"provider": provider, "weight": random.randint(1, 3)} for provider in chosen]
        for place in found:
            place["order"] = random.randint(1, 3)
            place |= {"concurrency": random.randint(1, 8)} if chance(random, 0.3) else {}
            place |= {"price_uplift": 1.1} if chance(random, 0.2) else {}
        return found

    def model(self, name: str) -> Map:
        """A model."""
        random = self.random
        model: Map = {
            "deployments": self.places[name],
            "balance": random.choice(("weighted", "ordered", "least_busy")),
            "ttft": self.lasting(0, 2),
            "tokens_per_second": random.choice((30, {"median": 40, "sigma": 0.3})),
            "prices": {"input": "$1", "output": "$2", "cached": "$0.5", "write": "$1.25"},
        }
        if self.tick_ms:
            model["tokens_per_second"] = 1000 // self.tick_ms
        else:
            model["ttft_per_1k_input"] = f"{random.randint(0, 90)}ms"
        if chance(random, 0.5):
            model["concurrency"] = random.randint(1, 10)
            model |= {"queue": random.randint(0, 6)} if chance(random, 0.6) else {}
        if chance(random, 0.6):
            model["errors"] = {kind: self.percent(0, 12) for kind in random.sample(DRAWN, random.randint(1, 4))}
        if chance(random, 0.5):
            model["quality"] = self.percent(0, 100)
        if chance(random, 0.2):
            model["context"] = random.randint(300, 1200)
        if chance(random, 0.4):
            model["prompt_cache_minimum"] = 100
        if chance(random, 0.2):
            model["outages"] = [self.outage()]
        return model

    def severity(self) -> Map:
        """What an incident does."""
        random = self.random
        found: Map = {"error_rate": random.choice(("0%", "30%", "70%", "100%"))}
        found["kind"] = random.choice((*DRAWN, "timeout"))
        found |= {"slowdown": random.choice((1.5, 2, 3))} if chance(random, 0.5) else {}
        found |= {"quota": random.choice(("0%", "20%", "60%"))} if chance(random, 0.6) else {}
        return found

    def outage(self) -> Map:
        """Random incidents."""
        random = self.random
        found: Map = {"time_between_failures": self.lasting(5, 60), "duration": self.lasting(1, 20)}
        found["in_flight"] = random.choice(("finish", "fail"))
        if chance(random, 0.4):
            split = shares(random, ("low", "high"))
            return found | {"severity": [{"share": split[one], **self.severity()} for one in split]}
        return found | self.severity()

    def incident(self) -> Map:
        """A scheduled incident."""
        random = self.random
        model = random.choice(self.models)
        place = random.choice(self.places[model])["provider"]
        return {
            "at": self.time(0, self.span - 2),
            "lasts": self.time(1, 40),
            "target": random.choice((model, place, f"{model}/{place}")),
            "in_flight": random.choice(("finish", "fail")),
            **self.severity(),
        }

    def quota(self) -> Map:
        """A rate limit."""
        random = self.random
        quota: Map = {"of": random.choice(([random.choice(self.models)], [self.places[self.models[0]][0]["provider"]]))}
        measures = {"requests": (30, 400), "input": (6000, 80000), "output": (1000, 12000), "tokens": (6000, 90000)}
        for measure in random.sample(sorted(measures), random.randint(1, 2)):
            quota[measure] = f"{random.randint(*measures[measure])}/min"
        if "requests" in quota and chance(random, 0.5):
            quota |= {"requests": "60/min", "burst": "1s"}  # one request empties it
            return quota | {"refused_count": chance(random, 0.4)}
        quota |= {"burst": self.time(1, 30)} if chance(random, 0.6) else {}
        quota["reserve"] = random.choice(("drawn", "max_tokens"))
        quota["refused_count"] = chance(random, 0.4)
        quota["cached_counts"] = chance(random, 0.5)
        return quota

    def failure(self) -> Map:
        """Other properties of a kind of failure."""
        random = self.random
        return {
            "retryable": chance(random, 0.6),
            "fallback": chance(random, 0.6),
            "billed": random.choice(("nothing", "input", "elapsed", "all")),
            "takes": random.choice((self.lasting(0, 1), "first_token", "part", "answer", "never")),
        }

    def resilience(self) -> Map:
        """Timeouts, retries, fallbacks. There is always a timeout: work may hang."""
        random = self.random
        jitters = ("none", "full", "equal", {"low": "75%", "high": "100%"})
        found: Map = {
            "client": random.choice(("openai_sdk", "none")),
            "timeout": self.time(2, 30),
            "max_retries": random.randint(0, 3),
            "on_cancel": random.choice(("auto", "stops", "runs_on")),
            "retry_after": self.time(0, 20) if chance(random, 0.6) else "0s",
            "backoff": {
                "initial": self.time(0.1, 2),
                "factor": 2,
                "max": self.time(2, 8),
                "jitter": random.choice(jitters[: 1 if self.tick_ms else 4]),
            },
        }
        if len(self.models) > 1 and chance(random, 0.6):
            found["fallback"] = {self.models[0]: list(self.models[1:])}
        if chance(random, 0.5):
            found["deadline"] = self.time(5, 60)
        return found

    def service(self) -> Map:
        """The product's own service."""
        random = self.random
        found: Map = {}
        if chance(random, 0.6):
            found["workers"] = random.randint(2, 24)
            found |= {"queue": random.randint(0, 12)} if chance(random, 0.6) else {}
        if chance(random, 0.5):
            found["overhead"] = self.lasting(0, 1)
        return found

    def changes(self, whole: Map) -> list[Map]:
        """Other numbers from a time on."""
        random, model = self.random, self.models[0]
        options: Map = {
            "resilience.timeout": self.time(1, 20),
            "resilience.max_retries": random.randint(0, 3),
            f"models.{model}.ttft": self.lasting(0, 3),
            f"models.{model}.prices.input": "$3",
        }
        if not self.traced and "rate" in whole["traffic"]:
            options["traffic.rate"] = random.choice(("0.5/s", "2/s", "5/s"))
        if "workers" in whole["service"]:
            options["service.workers"] = random.randint(1, 12)
        if "concurrency" in whole["models"][model]:
            options[f"models.{model}.concurrency"] = random.randint(1, 8)
        if "deadline" in whole["resilience"]:
            options["resilience.deadline"] = self.time(2, 40)
        if "caches" in whole:
            options["caches.prompt.hit_rate"] = self.percent(0, 100)
        if "quality" in whole["models"][model]:
            options[f"models.{model}.quality"] = self.percent(0, 100)
        found = []
        for at in sorted({self.ms(1, self.span - 1) for _ in range(random.randint(1, 3))}):
            chosen = random.sample(sorted(options), random.randint(2, 4))
            found.append({"at": f"{at}ms", "set": {path: options[path] for path in chosen}})
        return found
