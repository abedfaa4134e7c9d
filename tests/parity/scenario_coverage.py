"""What generated scenarios cover: mechanisms and pairs of them, keys of the schema, and (event class, reason).

`python tests/parity/scenario_coverage.py [N]` counts over N scenarios (1,000) and exits with 1 if a pair of mechanisms,
or a key of the schema, occurs in fewer than 20 of 1,000, or an (event class, reason) fewer than 200 times.
"""

import re
import sys
import tempfile
import types
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from log_events import POSSIBLE, happened
from scenario_strategies import Case, scenario

from simkit.plan.compile import compile_plan
from simkit.plan.index import call_places
from simkit.scenario.actions import Call, Parallel
from simkit.scenario.base import Part
from simkit.scenario.defaults import resilience
from simkit.scenario.distribution import Dist
from simkit.scenario.load import load
from simkit.scenario.models import Deployment, Incident, Model, Outage, Severity
from simkit.scenario.profiles import hour_factors, month_factors, weekday_factors
from simkit.scenario.scenario import Document
from simkit.scenario.traffic import Seasonality

SCENARIOS = 1000
PAIR = 20
"""Least number of 1,000 scenarios in which a pair of mechanisms, or a key, is used."""
EVENT = 200
"""Least number of times that an (event class, reason) occurs in 1,000 scenarios."""

# What a document contains.


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
    return replayed or (cache is not None and cache.hit_rate > 0 and any(call.input.system for call in asked(document)))


def runs_on(document: Document) -> bool:
    """Can work that is given up run on?"""
    policy = document.resilience
    kinds = {"runs_on": True, "stops": False, "auto": any(not call.streaming for call in asked(document))}
    return kinds[policy.on_cancel] and (policy.timeout is not None or policy.deadline is not None)


def spread(value: Any) -> bool:
    """Is there a distribution that is no constant?"""
    return any(isinstance(part, Dist) and part.scaled().shape is not None for part in parts(value))


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
    "own service": lambda d: d.service.workers is not None,
    "timeouts": lambda d: d.resilience.timeout is not None,
    "deadline": lambda d: d.resilience.deadline is not None,
    "abandoned work": runs_on,
    "retries": lambda d: resilience(d).max_retries,
    "fallback": lambda d: d.resilience.fallback,
    "changes": lambda d: d.changes,
}
"""The mechanisms of `tests/unit/test_mechanisms.py`: does a document use it?"""

EXCLUDED = {
    frozenset({"arrivals", "users"}): "exactly one of rate, users, trace",
    frozenset({"arrivals", "trace"}): "exactly one of rate, users, trace",
    frozenset({"users", "trace"}): "exactly one of rate, users, trace",
    frozenset({"seasons", "trace"}): "a trace says itself when it is busy",
}
"""Pairs of mechanisms that exclude each other by the schema, and why."""


def mechanisms(document: Document) -> list[str]:
    """Mechanisms that a document uses."""
    return [name for name, used in MECHANISMS.items() if used(document)]


def pairs() -> list[tuple[str, str]]:
    """Pairs of mechanisms that can occur together."""
    return [pair for pair in combinations(MECHANISMS, 2) if frozenset(pair) not in EXCLUDED]


# Keys of the schema.

NOT_SIMULATED = {
    "Document": ("name", "description", "slo", "expect", "observed", "knobs", "sources", "seed", "replications"),
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


def room(part: type[Part]) -> str:
    """A part's name; the same for distributions of times and of numbers."""
    return "Dist" if issubclass(part, Dist) else re.sub(r"(Form)?(Of\w+|\[.*\])$", "", part.__name__)


def keys(document: Document) -> set[str]:
    """Keys that a document sets, e.g. `Model.ttft`, and words that it chooses, e.g. `Model.balance: ordered`."""
    found: set[str] = set()
    for part in parts(document):
        for name in part.model_fields_set - set(NOT_SIMULATED.get(type(part).__name__, ())):
            value = getattr(part, name)
            found.add(f"{room(type(part))}.{name}")
            words = value if isinstance(value, dict) else [value]
            found |= {f"{room(type(part))}.{name}: {word}" for word in words if isinstance(word, str)}
    return found


def alternatives(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, at any depth; of a map its keys, too."""
    if get_origin(annotation) is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType, dict, list):
        for one in get_args(annotation):
            yield from alternatives(one)
    else:
        yield annotation


def schema_keys() -> set[str]:
    """All keys of the schema that reach the plan, and all words that may be chosen there."""
    found: set[str] = set()
    open_: list[type[Part]] = [Document]
    seen = set(open_)
    while open_:
        part = open_.pop()
        for name, field in part.model_fields.items():
            if name in NOT_SIMULATED.get(part.__name__, ()):
                continue
            found.add(f"{room(part)}.{name}")
            for one in alternatives(field.annotation):
                if get_origin(one) is Literal:
                    found |= {f"{room(part)}.{name}: {word}" for word in get_args(one)}
                elif isinstance(one, type) and issubclass(one, Part) and one not in seen:
                    seen.add(one)
                    open_.append(one)
    return found - set(UNUSED)


UNUSED = {
    "Document.failures: quota_exhausted": "no limit of a month yet, so nothing ends like this",
}
"""Words of the schema that change nothing yet, and why."""


# Counting.


def document_of(case: Case) -> Document | None:
    """The document of a case without the loader and its checks, which are slow; None where it stands on a base."""
    return None if case.scenario.keys() & {"extends", "model"} else Document.model_validate(case.scenario)


def used_in(document: Document) -> list[str]:
    """Everything that a document uses: mechanisms, pairs of them (`one & other`), keys of the schema."""
    used = mechanisms(document)
    return [*used, *(f"{one} & {other}" for one, other in combinations(used, 2)), *keys(document)]


def table(title: str, counts: dict[str, int], least: float) -> bool:
    """Print counts, the rarest first; is one below the least?"""
    print(f"\n{title} (at least {least:g}):")
    for name, count in sorted(counts.items(), key=lambda item: item[1]):
        print(f"{count:8,} {name}{'   TOO FEW' if count < least else ''}")
    return min(counts.values()) < least


def main() -> int:
    """Count and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else SCENARIOS
    from simkit.engine import run_plan

    used: Counter[str] = Counter()
    events: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(number):
            loaded = load(scenario(Random(seed)).write(Path(folder)))
            plan = compile_plan(loaded)
            used.update(used_in(loaded.document))
            events += happened(plan, run_plan(plan, seed, seed % 3))
    part = number / SCENARIOS
    short = [
        table("Pairs of mechanisms", {f"{a} & {b}": used[f"{a} & {b}"] for a, b in pairs()}, PAIR * part),
        table("Mechanisms", {name: used[name] for name in MECHANISMS}, PAIR * part),
        table("Keys of the schema", {key: used[key] for key in schema_keys()}, PAIR * part),
        table("Event class and reason", {name: events[name] for name in POSSIBLE}, EVENT * part),
    ]
    strange = events.keys() - set(POSSIBLE)
    print(f"\nWhat cannot happen, and did: {sorted(strange)}" if strange else "")
    return 1 if any(short) or strange else 0


if __name__ == "__main__":
    raise SystemExit(main())
