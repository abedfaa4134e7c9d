"""What generated scenarios are made of: does a document use a mechanism? And which of them exclude each other."""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from simkit.plan.index import call_places
from simkit.scenario.actions import Call, Parallel
from simkit.scenario.base import Part
from simkit.scenario.defaults import layers
from simkit.scenario.distribution import Dist
from simkit.scenario.geography import services_of
from simkit.scenario.models import Deployment, Incident, Model, Outage, Severity
from simkit.scenario.profiles import hour_factors, month_factors, weekday_factors
from simkit.scenario.resilience import Additive, Breaker, Hedge, Layer, Outliers, RetryBudget, Throttle
from simkit.scenario.scenario import Document
from simkit.scenario.traffic import Seasonality

NOT_SIMULATED = {
    "Document": (
        "name",
        "description",
        "slo",
        "expect",
        "observed",
        "knobs",
        "sources",
        "alerts",
        "business",
        "seed",
        "replications",
    ),
    "UserPlan": ("price",),
    "Incident": ("share",),
    "Outage": ("share",),
}
"""Fields that do not reach the plan: words, promises, what is known of reality; a share is a mixture's member's."""


def parts(value: Any) -> Iterator[Part]:
    """All parts of a document, itself included, without what is not simulated."""
    if isinstance(value, Part):
        yield value
        left_out = NOT_SIMULATED.get(type(value).__name__, ())
        value = [getattr(value, name) for name in value.model_fields_set if name not in left_out]
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(one)


def calls(document: Document) -> list[Call]:
    """All calls."""
    return [place.call for place in call_places(document)]


def asked(document: Document) -> list[Call]:
    """Calls that a model answers."""
    return [call for call in calls(document) if call.model or call.route]


def deployments(document: Document) -> list[tuple[Model, Deployment]]:
    """All deployments with their models."""
    return [(model, each) for model in document.models.values() for each in model.deployments]


def outages(document: Document) -> list[Outage]:
    """All random outages."""
    lists = [provider.outages for provider in document.providers.values()]
    lists += [model.outages for model in document.models.values()]
    lists += [each.outages for _, each in deployments(document)]
    lists += [region.outages for region in document.regions.values()]
    return [outage for listed in lists for outage in listed]


def incidents(document: Document) -> list[Incident | Outage]:
    """All incidents, scheduled and random."""
    return [*document.incidents, *outages(document)]


def severities(document: Document) -> list[Severity]:
    """All that incidents do."""
    mixtures = [outage.severity or [outage] for outage in outages(document)]
    return [*document.incidents, *(severity for mixture in mixtures for severity in mixture)]


def priorities(document: Document) -> set[int]:
    """Priority classes of the own service's queue."""
    users = document.traffic.users
    plans = [plan.priority for plan in users.plans.values()] if users and users.plans else [0]
    return {kind.priority + plan for kind in document.actions.values() for plan in plans}


def seasonal(seasonality: Seasonality) -> bool:
    """Are there busy and quiet times?"""
    factors = {*hour_factors(seasonality), *weekday_factors(seasonality), *month_factors(seasonality)}
    return len(factors) > 1


def dear(model: Model, deployment: Deployment) -> bool:
    """Is the price anything else than two own figures?"""
    return not plain_prices(model) or model.processing == "batch" or deployment.price_uplift != 1


def plain_prices(model: Model) -> bool:
    """Does the model have own prices of tokens, and nothing else?"""
    own = model.prices.model_fields_set if model.prices else set()
    return {"input", "output"} <= own and "request" not in own and model.price_of is None


def cached(document: Document) -> bool:
    """Can a prompt, or a part of it, be read from the provider's cache?"""
    trace, cache = document.traffic.trace, document.caches.prompt
    replayed = trace is not None and trace.columns is not None and trace.columns.cached is not None
    kept = cache is not None and cache.hit_rate != 0 and any(call.input.system for call in asked(document))
    return replayed or kept


def runs_on(document: Document) -> bool:
    """Can work that is given up run on?"""
    policy, tries = document.resilience, inner(document)
    kinds = {"runs_on": True, "stops": False, "auto": any(not call.streaming for call in asked(document))}
    return kinds[policy.on_cancel] and (limited(tries.timeout) or policy.deadline is not None)


def spread(value: Any) -> bool:
    """Is there a distribution that is no constant?"""
    return any(isinstance(part, Dist) and part.scaled().shape is not None for part in parts(value))


SEEN = ("lowest_latency", "lowest_usage", "cheapest")
"""Balances by what a layer has seen, or pays."""


def both(document: Document) -> list[Layer]:
    """The layers of clients, the one that talks to models first."""
    first, second = layers(document)
    return [first] if second is None else [first, second]


def inner(document: Document) -> Layer:
    """The layer that talks to models."""
    return both(document)[0]


def limited(time: int | str | None) -> bool:
    """Is it a time (neither left out nor `none`)?"""
    return isinstance(time, int)


def regional(document: Document) -> bool:
    """Is there an incident that takes a region?"""
    targets = {name for name, region in document.regions.items()} | {r.cloud for r in document.regions.values()}
    hit = any(incident.target in targets for incident in document.incidents)
    return hit or any(region.outages for region in document.regions.values())


def bound(document: Document) -> bool:
    """Is anything bound to a place?"""
    holders = [*document.regions.values(), *document.actions.values()]
    return any(holder.residency.regions or holder.residency.models_in for holder in holders)


def unusual(layer: Layer) -> bool:
    """Is a wait drawn otherwise than from a range, longer after a limit, or left out?"""
    backoff = layer.backoff
    drawn = isinstance(backoff.jitter, Additive) or backoff.jitter == "decorrelated"
    return drawn or backoff.initial_throttled is not None or bool(backoff.skip_with_peer)


MECHANISMS: dict[str, Callable[[Document], object]] = {
    "clock": lambda d: d.warmup or d.cooldown is not None,
    "arrivals": lambda d: d.traffic.rate is not None,
    "users": lambda d: d.traffic.users is not None,
    "seasons": lambda d: d.traffic.trace is None and seasonal(d.traffic.seasonality),
    "trace": lambda d: d.traffic.trace is not None,
    "kinds": lambda d: len(d.actions) > 1 or any(kind.complexity for kind in d.actions.values()),
    "priority": lambda d: len(priorities(d)) > 1,
    "calls in sequence": lambda d: any(len(kind.calls) > 1 for kind in d.actions.values()),
    "calls at the same time": lambda d: any(
        isinstance(item, Parallel) and len(item.parallel) > 1 for kind in d.actions.values() for item in kind.calls
    ),
    "repetitions": lambda d: any(call.repeat.geometric or (call.repeat.times or 1) > 1 for call in calls(d)),
    "own work": lambda d: d.service.overhead or any(call.work for call in calls(d)),
    "tokens": lambda d: any(call.input.model_fields_set or call.output.model_fields_set for call in asked(d)),
    "distributions": spread,
    "quality": lambda d: any(model.quality for model in d.models.values()) and any(call.judged for call in asked(d)),
    "routes": lambda d: any(d.routes[call.route].mix or d.routes[call.route].to for call in asked(d) if call.route),
    "cascades": lambda d: any(d.routes[call.route].cascade for call in asked(d) if call.route),
    "prices": lambda d: any(dear(model, each) for model, each in deployments(d)),
    "prompt cache": cached,
    "speed": lambda d: any((each.ttft_per_1k_input or model.ttft_per_1k_input) for model, each in deployments(d)),
    "failures": lambda d: d.failures or any(each.errors or model.errors for model, each in deployments(d)),
    "concurrency": lambda d: any(each.concurrency or model.concurrency for model, each in deployments(d)),
    "deployments": lambda d: any(len(model.deployments) > 1 for model in d.models.values()),
    "context": lambda d: any(model.context is not None for model in d.models.values()),
    "rate limits": lambda d: d.quotas,
    "incidents": lambda d: d.incidents,
    "slowdown": lambda d: any(one.slowdown > 1 for one in severities(d)),
    "cut limits": lambda d: d.quotas and any(one.quota < 1 for one in severities(d)),
    "work in flight": lambda d: any(one.in_flight == "fail" for one in incidents(d)),
    "random outages": outages,
    "own service": lambda d: any(service.workers is not None for service in services_of(d)),
    "timeouts": lambda d: limited(inner(d).timeout),
    "deadline": lambda d: d.resilience.deadline is not None,
    "abandoned work": runs_on,
    "retries": lambda d: inner(d).max_retries,
    "fallback": lambda d: d.resilience.fallback,
    "stream timeouts": lambda d: limited(inner(d).first_token_timeout) or limited(inner(d).idle_timeout),
    "call timeout": lambda d: any(limited(layer.call_timeout) for layer in both(d)),
    "broken streams": lambda d: any(layer.stream_failure != "fail" for layer in both(d)),
    "two layers": lambda d: len(both(d)) > 1,
    "copies of a layer": lambda d: any((layer.replicas or 1) > 1 for layer in both(d)),
    "breaker": lambda d: isinstance(inner(d).breaker, Breaker),
    "outlier ejection": lambda d: isinstance(getattr(inner(d).breaker, "outliers", None), Outliers),
    "retry budget": lambda d: any(isinstance(layer.retry_budget, RetryBudget) for layer in both(d)),
    "budget by load": lambda d: getattr(inner(d).retry_budget, "concurrent_share", None) is not None,
    "hedge": lambda d: isinstance(inner(d).hedge, Hedge),
    "kinds of backoff": lambda d: any(unusual(layer) for layer in both(d)),
    "where a retry goes": lambda d: inner(d).retry_at != "any",
    "Retry-After": lambda d: any(layer.retry_after for layer in both(d)),
    "balance as seen": lambda d: any(model.balance in SEEN for model in d.models.values()),
    "adaptive throttle": lambda d: isinstance(inner(d).throttle, Throttle),
    "shedding": lambda d: any(service.shed for service in services_of(d)),
    "patience": lambda d: d.users is not None and d.users.patience is not None,
    "reload": lambda d: d.users is not None and (d.users.reload.abandoned or d.users.reload.failed),
    "degrade ladder": lambda d: any(rung.human is None for rung in d.resilience.degrade),
    "people": lambda d: any(rung.human is not None for rung in d.resilience.degrade),
    "slowness": lambda d: any(model.slowness or each.slowness for model, each in deployments(d)),
    "changes": lambda d: d.changes,
}
"""The mechanisms of `tests/unit/test_mechanisms.py`: does a document use it?"""

REGIONAL: dict[str, Callable[[Document], object]] = {
    "regions": lambda d: len(d.regions) > 1,
    "health checks": lambda d: regional(d) and len(d.regions) > 1,
    "residency": lambda d: len(d.regions) > 1 and bound(d),
    "autoscaling": lambda d: any(service.autoscaling for service in services_of(d)),
}
"""Some of `mechanisms_regions`: so that each of them meets all the others."""

GROWING: dict[str, Callable[[Document], object]] = {
    "growth": lambda d: d.traffic.users is not None and d.traffic.users.growth is not None,
    "plans": lambda d: d.traffic.users is not None and any(plan.moves for plan in d.traffic.users.plans.values()),
    "modulation": lambda d: d.traffic.modulation,
    "peaks": lambda d: d.traffic.seasonality.peaks,
}
"""Some of `mechanisms_growth`, likewise."""

EXCLUDED = {
    frozenset({"arrivals", "users"}): "exactly one of rate, users, trace",
    frozenset({"arrivals", "trace"}): "exactly one of rate, users, trace",
    frozenset({"users", "trace"}): "exactly one of rate, users, trace",
    frozenset({"seasons", "trace"}): "a trace says itself when it is busy",
    **{frozenset({name, "trace"}): "a trace says itself who asks when" for name in GROWING},
    **{frozenset({name, "arrivals"}): "exactly one of rate, users, trace" for name in ("growth", "plans")},
}
"""Pairs of mechanisms that exclude each other by the schema, and why."""


EVERY = MECHANISMS | REGIONAL | GROWING


def mechanisms(document: Document) -> list[str]:
    """Mechanisms that a document uses."""
    return [name for name, used in EVERY.items() if used(document)]


def pairs() -> list[tuple[str, str]]:
    """Pairs of mechanisms that can occur together."""
    return [pair for pair in combinations(EVERY, 2) if frozenset(pair) not in EXCLUDED]
