"""What the product of a random scenario does about trouble: failures, resilience, its own service; and changes."""

from collections.abc import Callable
from typing import Any

from scenario_outline import COMPLEXITIES
from scenario_quantities import Map
from scenario_supply import DRAWN, Supply

Draw = Callable[[], Any]

AT_ONCE = ("rate_limit", "overloaded", "connection", "bad_request", "too_large")
"""Kinds that take a fraction of a second unless a scenario says otherwise."""
KINDS = ("rate_limit", *DRAWN, "timeout", "too_large")
"""Kinds of failures that occur."""


class Policy(Supply):
    """Makes the policy."""

    def failures(self) -> Map:
        """Kinds of failures that are not as usual."""
        found = {kind: self.failure() for kind in self.some(KINDS, 1, 4)} if self.chance(0.5) else {}
        for kind in AT_ONCE if self.tick_ms else ():
            found[kind] = {"takes": self.time(0, 1)} | found.get(kind, {})
        if self.swift:
            takes = self.pick(self.lasting(0, 1), "first_token", "part", "answer")
            found["timeout"] = self.failure() | {"takes": takes}
        return found

    def failure(self) -> Map:
        """Other properties of a kind of failure."""
        found: Map = {
            "retryable": self.chance(0.6),
            "fallback": self.chance(0.6),
            "billed": self.pick("nothing", "input", "elapsed", "all"),
            "takes": self.pick(self.lasting(0, 1), "first_token", "part", "answer", "never"),
        }
        return {key: found[key] for key in self.some(sorted(found), 1)}

    def resilience(self) -> Map:
        """Timeouts, retries, fallbacks, cancels."""
        found: Map = {"client": self.pick("openai_sdk", "none")} if self.chance(0.6) else {}
        found |= {"timeout": self.time(2, 30)} if self.chance(0.85) else {}
        found |= {"max_retries": self.pick(0, 0, 1, 2, 3, 5)} if self.chance(0.8) else {}
        found |= {"on_cancel": self.pick("auto", "stops", "runs_on", "runs_on")} if self.chance(0.75) else {}
        found |= {"retry_after": self.pick("0s", self.time(0, 20))} if self.chance(0.7) else {}
        found |= {"deadline": self.time(3, 60)} if self.chance(0.5) else {}
        found |= {"backoff": self.backoff()} if self.tick_ms or self.chance(0.7) else {}
        if len(self.models) > 1 and self.chance(0.65):
            found["fallback"] = self.fallback()
        return found

    def backoff(self) -> Map:
        """Waits between tries; on a clock without jitter."""
        jitter = self.pick("none", "full", "equal", {"low": "75%", "high": "100%"})
        full: Map = {"initial": self.time(0.1, 2), "factor": 2, "max": self.time(2, 8)}
        full["jitter"] = "none" if self.tick_ms else jitter
        return full if self.tick_ms else {key: full[key] for key in self.some(sorted(full))}

    def fallback(self) -> Map:
        """Models after models: one list, or a chain."""
        first, *rest = self.some(self.models, len(self.models))
        if len(rest) > 1 and self.chance(0.5):
            return {first: rest[:1], rest[0]: rest[1:]}
        return {first: rest}

    def service(self) -> Map:
        """The product's own service."""
        found: Map = {}
        if self.chance(0.6):
            found["workers"] = self.random.randint(2, 24)
            found |= {"queue": self.random.randint(0, 12)} if self.chance(0.6) else {}
        found |= {"overhead": self.lasting(0, 1)} if self.chance(0.5) else {}
        return found | ({"cost": self.pick("$200/month", "$1/h")} if self.chance(0.2) else {})

    # Changes.

    def changes(self, whole: Map) -> list[Map]:
        """Other numbers from a time on; often more slots for those who wait."""
        options, found = self.always() | self.known(whole), []
        for at in sorted({self.ms(1, self.span - 1) for _ in range(self.random.randint(1, 3))}):
            chosen = {path: options[path]() for path in self.some(sorted(options), 2, 5)}
            found.append({"at": f"{at}ms", "set": chosen | (self.relief(whole) if self.chance(0.95) else {})})
        return found

    def relief(self, whole: Map) -> Map:
        """More slots wherever they are limited, and another luck with the prompt cache for those who waited."""
        paths = ["service.workers", *(f"models.{model}.concurrency" for model in self.models)]
        paths += [f"models.{model}.deployments.{i}.concurrency" for model in self.models for i in range(3)]
        found: Map = {path: self.random.randint(6, 24) for path in paths if present(whole, path)}
        return found | ({"caches.prompt.hit_rate": self.pick("0%", "100%")} if "caches" in whole else {})

    def always(self) -> dict[str, Draw]:
        """What can change whether it was there or not: path and a function that draws a value."""
        model = f"models.{self.pick(*self.models)}"
        return {
            "resilience.timeout": lambda: self.time(1, 20),
            "resilience.max_retries": lambda: self.random.randint(0, 3),
            "resilience.retry_after": lambda: self.time(0, 10),
            "resilience.backoff.initial": lambda: self.time(0.1, 3),
            "resilience.backoff.max": lambda: self.time(1, 8),
            "resilience.deadline": lambda: self.time(2, 40),
            f"{model}.ttft": lambda: self.lasting(0, 3),
            f"{model}.ttft_per_1k_input": lambda: self.slowness() if self.slow_prompts else "0ms",
            f"{model}.tokens_per_second": self.speed,
            f"{model}.prices.input": lambda: "$3",
            f"{model}.prices.request": lambda: "$0.001",
            f"{model}.concurrency": lambda: self.random.randint(1, 12),
            f"{model}.context": lambda: self.random.randint(300, 1500),
            f"{model}.errors": lambda: {"server_error": self.percent(0, 20)},
            "service.workers": lambda: self.random.randint(1, 24),
            "service.queue": lambda: self.random.randint(0, 8),
            "service.overhead": lambda: self.lasting(0, 1),
        }

    def known(self, whole: Map) -> dict[str, Draw]:
        """What can change where it is there."""
        model, kind = f"models.{self.pick(*self.models)}", f"actions.{self.pick(*self.kinds)}"
        route, users = f"routes.{self.pick(*self.routes, 'none')}", whole["traffic"].get("users", {})
        draws: dict[str, Draw] = {
            "traffic.rate": lambda: self.pick("0.5/s", "2/s", "5/s"),
            "traffic.cv": lambda: self.pick(0.7, 1.5),
            "traffic.users.daily_active": lambda: users["daily_active"] * self.pick(1, 2),
            "traffic.users.actions_per_day": lambda: users["actions_per_day"] / self.pick(1, 2),
            f"{kind}.complexity": lambda: self.shares(COMPLEXITIES),
            f"{kind}.calls.0.work": lambda: self.lasting(0, 2),
            f"{kind}.calls.0.input.system": lambda: self.pick(100, 200, 300),
            f"{kind}.calls.0.output.max": lambda: self.random.randint(5, 30),
            f"{kind}.calls.0.repeat.geometric.mean": lambda: self.pick(1, 3),
            f"{route}.mix": lambda: self.shares(self.models),
            f"{route}.escalate.hard": lambda: self.percent(0, 100),
            f"{route}.misrouted.simple": lambda: self.percent(0, 60),
            "caches.prompt.hit_rate": lambda: self.percent(0, 100),
            "quotas.limit0.requests": lambda: self.pick("1/s", "300/min"),
            "quotas.limit0.burst": lambda: self.time(1, 10),
            f"{model}.quality.any": lambda: self.percent(0, 100),
            f"{model}.quality.hard": lambda: self.percent(0, 100),
            f"{model}.deployments.0.weight": lambda: self.pick(1, 5),
        }
        draws |= {f"failures.{kind}.takes": lambda: self.lasting(0, 2) for kind in AT_ONCE if timed(whole, kind)}
        return {path: draw for path, draw in draws.items() if present(whole, path)}


def timed(whole: Map, kind: str) -> bool:
    """Does a scenario say the time that a kind of failure takes?"""
    takes = whole.get("failures", {}).get(kind, {}).get("takes", "")
    return isinstance(takes, dict) or takes[:1].isdigit()


def present(whole: Map, path: str) -> bool:
    """Is there something at the end of a path? Names of models may have a dot."""
    value: Any = whole
    for step in path.replace("gpt-4.1", "gpt-4!1").split("."):
        step = step.replace("!", ".")
        if isinstance(value, list) and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return False
    return True
