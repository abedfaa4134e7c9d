"""The supply of a random scenario: models and their deployments, prices, rate limits, incidents and random outages."""

from typing import Any

from scenario_outline import COMPLEXITIES, Outline
from scenario_quantities import Map

DRAWN = ("overloaded", "server_error", "connection", "stream_broken", "malformed", "bad_request", "content_filter")
RETRIED = ("overloaded", "server_error", "connection", "malformed")
"""Of these the ones that are tried again unless a scenario says otherwise, so that they end an action less often."""
PRICED = ("openai:o3", "deepseek:deepseek-chat", "anthropic:claude-sonnet-4-5", "perplexity:sonar", "gpt-4o-mini")
"""In the price book: a dated change, hours of the day, tiers, a price of each request, batch."""
LIMITS = {"requests": (30, 400), "input": (6000, 80000), "output": (1000, 12000), "tokens": (6000, 90000)}
"""Each a minute."""


class Supply(Outline):
    """Makes models, limits and what goes wrong."""

    # Models.

    def model(self, name: str) -> Map:
        """A model; over a base only a part of it."""
        model = self.performance(0.5) | self.judgement()
        if self.style == "full":
            speed: Map = {"ttft": self.pick(self.lasting(0, 2), self.lasting(1, 6)), "tokens_per_second": self.speed()}
            return self.deployments(name) | speed | model | self.priced(name)
        several = self.deployments(name) if len(self.places[name]) > 1 else {}
        own = {"prices": self.own_prices()} if self.chance(0.3) else {}
        return several | {key: model[key] for key in self.some(sorted(model), 0)} | own

    def performance(self, often: float) -> Map:
        """What may stand at a model and at a deployment of its own."""
        found: Map = {}
        if self.slow_prompts and self.chance(2 * often):
            found["ttft_per_1k_input"] = self.slowness()
        if self.chance(often):
            found["concurrency"] = self.random.randint(1, 6)
            found |= {"queue": self.random.randint(0, 6)} if self.chance(0.6) else {}
        if self.chance(often):
            found["errors"] = {kind: self.percent(0, 12) for kind in self.some(DRAWN, 1, 4)}
        if self.chance(0.5 * often):
            found["outages"] = [self.outage()]
        return found

    def slowness(self) -> str:
        """Of a thousand input tokens."""
        return f"{10 * self.tick_ms}ms" if self.tick_ms else f"{self.random.randint(0, 90)}ms"

    def judgement(self) -> Map:
        """Quality, context, prompt cache, balance."""
        found: Map = {"balance": self.pick("weighted", "ordered", "least_busy")} if self.chance(0.8) else {}
        if self.chance(0.6):
            found["quality"] = self.quality()
        if self.chance(0.35):
            found["context"] = self.random.randint(200, 1200)
        return found | ({"prompt_cache_minimum": self.pick(50, 100)} if self.chance(0.4) else {})

    def quality(self) -> Any:
        """A share for all answers, or by complexity."""
        names = [name for name in COMPLEXITIES if any(self.complex.values())]
        if not names or self.chance(0.4):
            return self.percent(0, 100)
        names = self.some(names) + (["any"] if self.chance(0.4) else [])
        return {name: self.percent(0, 100) for name in names}

    def deployments(self, name: str) -> Map:
        """Where a model runs, now and then in a short form."""
        places = self.places[name]
        if len(places) == 1 and self.chance(0.3):
            return dict(places[0])
        found: list[Any] = []
        for place in places:
            one = place | self.performance(0.15)
            one |= {"ttft": self.lasting(0, 2)} if self.chance(0.2) else {}
            one |= {"tokens_per_second": self.speed()} if self.chance(0.2) else {}
            one |= {"weight": self.pick(1, 2, 0.5)} if self.chance(0.6) else {}
            one |= {"order": self.random.randint(1, 3)} if self.chance(0.6) else {}
            one |= {"price_uplift": self.pick(1.1, 0.5)} if self.chance(0.2) else {}
            found.append("/".join(place.values()) if one == place else one)
        return {"deployments": found}

    # Prices.

    def priced(self, name: str) -> Map:
        """Own prices, those of the book, or some of each."""
        in_book = "-" in name
        if not in_book and self.chance(0.6):
            return {"prices": {"input": "$1", "output": "$2"} | self.own_prices()}
        found: Map = {} if in_book and self.chance(0.6) else {"price_of": self.pick(*PRICED)}
        found |= {"prices": self.own_prices()} if self.chance(0.3) else {}
        return found | ({"processing": self.pick("batch", "batch", "standard")} if self.chance(0.4) else {})

    def own_prices(self) -> Map:
        """Some prices."""
        prices = {"input": "$3", "output": "$7.5", "cached": "$0.5", "write": "$1.25", "request": "$0.0001"}
        return {key: prices[key] for key in self.some(sorted(prices))}

    # Limits.

    def quotas(self) -> Map:
        """Rate limits."""
        return {f"limit{i}": self.quota() for i in range(self.random.randint(1, 2))}

    def quota(self) -> Map:
        """A rate limit."""
        targets = [self.target() for _ in range(self.pick(1, 1, 2))]
        quota: Map = {"of": targets if len(targets) > 1 or self.chance(0.7) else targets[0]}
        if self.chance(0.4):
            quota["refused_count"] = self.chance(0.7)
        measures = self.some(sorted(LIMITS), 1, 2)
        if "requests" in measures and self.chance(0.5):  # one request empties it
            return quota | {"requests": "60/min", "burst": "1s"}
        for measure in measures:
            limit = self.random.randint(*LIMITS[measure])
            limit = self.pick(60, 120, 300) * (1 if measure == "requests" else 100) if self.tick_ms else limit
            quota[measure] = self.pick(f"{limit}/min", f"{max(1, limit // 60)}/s", f"{60 * limit}/h")
        quota |= {"burst": self.time(1, 30)} if self.chance(0.9) else {}
        if measures == ["requests"]:
            return quota
        quota |= {"reserve": self.pick("drawn", "max_tokens")} if self.chance(0.7) else {}
        return quota | ({"cached_counts": self.chance(0.4)} if self.chance(0.7) else {})

    # Incidents.

    def severity(self) -> Map:
        """What an incident does."""
        found: Map = {"error_rate": self.pick("30%", "70%", "100%", "100%")} if self.chance(0.8) else {}
        found |= {"kind": self.pick(*DRAWN, "timeout", "timeout")} if found and self.chance(0.9) else {}
        found |= {"slowdown": self.pick(1.5, 2, 3)} if self.chance(0.5) else {}
        return found | ({"quota": self.pick("0%", "20%", "60%")} if self.chance(0.6) else {})

    def in_flight(self) -> Map:
        """Does work under way survive?"""
        return self.pick({}, {"in_flight": "finish"}, *[{"in_flight": "fail"}] * 4)

    def outage(self) -> Map:
        """Random incidents."""
        gap = self.pick(self.lasting(2, 15), self.lasting(5, 60))
        found: Map = {"time_between_failures": gap, "duration": self.lasting(1, 20)} | self.in_flight()
        if self.chance(0.4):
            split = self.shares(("low", "high"))
            return found | {"severity": [{"share": split[one]} | self.severity() for one in split]}
        return found | self.severity()

    def incidents(self) -> list[Map]:
        """Scheduled incidents; often several kinds of them strike work in flight."""
        found = [self.incident() for _ in range(self.pick(1, 2, 4))]
        if self.chance(0.6):
            fails = {"in_flight": "fail", "error_rate": "100%", "lasts": self.time(1, 5)}
            kinds = self.some((*DRAWN, *RETRIED, *RETRIED, "timeout"), 5)
            kinds += ["timeout", "timeout"] if self.swift else []
            found += [self.incident() | fails | {"kind": kind} for kind in kinds]
        return found

    def incident(self) -> Map:
        """A scheduled incident."""
        found: Map = {"at": self.time(0, self.span - 2), "lasts": self.time(1, 40), "target": self.target()}
        found |= {"name": "Bad luck"} if self.chance(0.3) else {}
        return found | self.in_flight() | self.severity()

    def provider_outages(self) -> Map:
        """Providers, of which some have random outages."""
        return {name: {"outages": [self.outage()]} if self.chance(0.7) else {} for name in self.providers[::-1]}
