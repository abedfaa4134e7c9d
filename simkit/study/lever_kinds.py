"""The kinds of levers on the bill: what each changes in a scenario, or why it does not apply.

A lever is a few fields of the scenario that are set; whatever stands there already is in use, and taken away instead,
to see what it is worth.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simkit.plan.plan import NEVER
from simkit.result.economy import GROWTH
from simkit.result.result import Result
from simkit.scenario.actions import Action, Call, Parallel
from simkit.scenario.conversation import History
from simkit.scenario.distribution import TokenDist
from simkit.scenario.scenario import Document

SHORTER = 0.5
"""A system prompt that has been worked on has so much of its tokens."""
AS_GOOD = 0.97
"""A cheaper model may take what is simple if it is at least so good there, relative to the present one."""
EXACT = {"keys": {"zipf": 1.0, "count": 100_000}, "ttl": "1h", "cacheable": "50%"}
"""Half of the questions can be cached, and are asked by Zipf's law: some 15-30 % of the lookups hit (assumed)."""
SEMANTIC = {"clusters": {"zipf": 1.0, "count": 20_000}, "ttl": "1h", "cacheable": "50%", "lookup": "40ms",
            "cost": "$0.00002", "false_hits": "2%"}  # fmt: skip
API = {"takes": {"median": "40min", "p95": "8h"}}
"""A batch side at half the price (assumed times)."""
LONG_TAIL = 0.95
"""History is capped at half of what this share of the actions (or steps) sends at most."""


@dataclass(frozen=True)
class Found:
    """Fields to set; `in_use`: they take the lever away. Or why there are none."""

    overlay: Mapping[str, Any] = field(default_factory=dict)
    in_use: bool = False
    why: str = ""


@dataclass(frozen=True)
class Kind:
    """A lever."""

    name: str
    label: str
    words: str
    find: Callable[[Document, Result], Found]


def calls_of(document: Document) -> Iterator[tuple[str, Action, str, Call]]:
    """Name and kind of action, path and call, of every call to a model."""
    for name, action in document.actions.items():
        for place, item in enumerate(action.calls):
            several = isinstance(item, Parallel)
            for inner, call in enumerate(item.parallel if isinstance(item, Parallel) else [item]):
                path = f'actions."{name}".calls.{place}' + (f".parallel.{inner}" if several else "")
                if call.model is not None or call.route is not None:
                    yield name, action, path, call


def scaled(tokens: TokenDist, share: float) -> Any:
    """A distribution of so much of the tokens, as a scenario writes it."""
    if tokens.constant is not None:
        return round(float(tokens.constant) * share)
    figures = tokens.given()
    if figures:
        spread = {name: value if name == "sigma" else value * share for name, value in figures.items()}
        bounds = {name: float(one) * share for name in ("min", "max") if (one := getattr(tokens, name)) is not None}
        return spread | bounds
    return round(tokens.mean() * share)


def shorter_prompt(document: Document, base: Result) -> Found:
    """Half of every system prompt."""
    overlay = {
        f"{path}.input.system": scaled(call.input.system, SHORTER)
        for _, _, path, call in calls_of(document) if call.input.system is not None
    }  # fmt: skip
    return Found(overlay) if overlay else Found(why="no call has a system prompt")


def routing(document: Document, base: Result) -> Found:
    """What is simple goes to a cheaper model; where routes are in use, all goes to their dearest model instead."""
    dear = price_of(base)
    overlay: dict[str, Any] = {}
    for kind, action, path, call in calls_of(document):
        model = fixed_model(document, call)
        if model is None or len(action.complexity) < 2:
            continue
        simplest = next(iter(action.complexity))
        cheap = cheaper_model(document, model, simplest, dear)
        if cheap is not None:
            name = f"simple_{kind}_{call.name}"
            to = {one: cheap if one == simplest else model for one in action.complexity}
            overlay |= {f'routes."{name}"': {"by": "complexity", "to": to}, f"{path}.route": name}
    if overlay:
        return Found(overlay)
    back = {
        f"{path}.model": max(models, key=lambda one: dear.get(one, 0))
        for _, _, path, call in calls_of(document) if len(models := routed_models(document, call)) > 1
    }  # fmt: skip
    if back:
        return Found(back, in_use=True)
    return Found(why="no kind has complexities and a cheaper model that is as good for the simplest")


def fixed_model(document: Document, call: Call) -> str | None:
    """The one model of a call, or None where a route chooses."""
    models = routed_models(document, call)
    return models[0] if len(models) == 1 else None


def routed_models(document: Document, call: Call) -> list[str]:
    """The models among which a call's route chooses."""
    if call.model is not None:
        return [call.model]
    route = document.routes[call.route or ""]
    return [route.model] if route.model else list(dict.fromkeys([*route.mix, *route.to.values(), *route.cascade]))


def cheaper_model(document: Document, model: str, complexity: str, dear: Mapping[str, int]) -> str | None:
    """What the scenario names as cheaper, else the cheapest model that is as good for a complexity."""
    if model in document.cheaper:
        return document.cheaper[model]
    good = {name: quality_of(document, name, complexity) for name in document.models}
    mine = good[model]
    if mine is None:
        return None
    able = [
        name for name, one in good.items() if one is not None and one >= AS_GOOD * mine and dear[name] < dear[model]
    ]
    return min(able, key=lambda name: dear[name], default=None)


def quality_of(document: Document, model: str, complexity: str) -> float | None:
    """Share of good answers, if it is given."""
    quality = document.models[model].quality
    return quality.get(complexity, quality.get("any"))


def price_of(base: Result) -> dict[str, int]:
    """Of each model the price of three tokens of input and one of output at its first deployment, picodollars."""
    plan = base.plan
    first = plan.models.first_deployment
    return {
        name: int(3 * plan.prices.input[0, first[m], 0] + plan.prices.output[0, first[m], 0])
        for m, name in enumerate(plan.names.models)
    }


def answer_cache(name: str, fields: Mapping[str, Any]) -> Callable[[Document, Result], Found]:
    """A cache of answers."""

    def find(document: Document, base: Result) -> Found:
        if getattr(document.caches, name) is not None:
            return Found({f"caches.{name}": None}, in_use=True)
        able = any(one.cached and one.repeat.times == 1 for _, _, _, one in calls_of(document))
        if not able:
            return Found(why="every call repeats or must not be cached")
        trace = document.traffic.trace
        traced = trace is not None and trace.columns is not None and trace.columns.key is not None
        if traced and name == "exact":  # the trace says what is asked
            return Found({"caches.exact": {key: one for key, one in fields.items() if key != "keys"}})
        return Found({f"caches.{name}": dict(fields)})

    return find


def prompt_cache(document: Document, base: Result) -> Found:
    """The providers' prompt caches."""
    if document.caches.prompt is not None:
        return Found({"caches.prompt": None}, in_use=True)
    return Found({"caches.prompt": {}})


def batch(document: Document, base: Result) -> Found:
    """What can wait goes to the batch side of its models."""
    if document.batch.api is not None:
        waiting = [name for name, one in document.actions.items() if one.urgency == "batch"]
        return Found({f'actions."{name}".urgency': "now" for name in waiting}, in_use=True)
    if all(one.urgency == "now" for one in document.actions.values()):
        return Found(why="no kind of action can wait: give those that can `urgency: batch`")
    return Found({"batch.api": API})


def smaller_context(document: Document, base: Result) -> Found:
    """Half of the retrieved texts; history capped at half of what long conversations send."""
    overlay: dict[str, Any] = {}
    most = long_history(base)
    for _, _, path, call in calls_of(document):
        if call.input.chunks > 1:
            overlay[f"{path}.input.chunks"] = call.input.chunks // 2
        history = call.input.history
        if isinstance(history, History) and most:
            overlay[f"{path}.input.history.limit"] = min(history.limit or NEVER, most)
    return Found(overlay) if overlay else Found(why="no prompt has several retrieved texts, or a history")


def long_history(base: Result) -> int:
    """Half of the history that 95 % of the actions (or of a loop's steps) send at most, as far as turns tell."""
    longest = 0.0
    for name in ("turns", "steps"):
        sums = np.sum([getattr(one.economy, name).sum(axis=0) for one in base.tallies], axis=0)
        count = sums[:, 0].astype(float)
        if count.sum():
            place = int(np.searchsorted(np.cumsum(count), LONG_TAIL * count.sum()))
            history = float(sums[place, GROWTH.index("tokens_history")])
            longest = max(longest, history / max(count[place], 1.0))
    return int(longest / 2)


def cheaper_fallback(document: Document, base: Result) -> Found:
    """The cheapest model that is not the failing one, in place of each chain of fallbacks."""
    dear = price_of(base)
    overlay = {}
    for model, chain in document.resilience.fallback.items():
        others = [name for name in document.models if name != model]
        cheap = min(others, key=lambda name: dear[name], default=None)
        if cheap is not None and chain != [cheap]:
            overlay[f'resilience.fallback."{model}"'] = [cheap]
    if not document.resilience.fallback:
        return Found(why="no model has a fallback")
    return Found(overlay) if overlay else Found(why="fallbacks are the cheapest models already")


LEVERS = (
    Kind("shorter_prompt", "shorter system prompt", "half of every system prompt", shorter_prompt),
    Kind("routing", "routing", "a cheaper model for what is simple", routing),
    Kind("exact_cache", "exact cache", "answers kept by the exact question", answer_cache("exact", EXACT)),
    Kind("semantic_cache", "semantic cache", "answers kept by meaning", answer_cache("semantic", SEMANTIC)),
    Kind("prompt_cache", "prompt cache", "the providers' caches of prompts", prompt_cache),
    Kind("batch", "batch side", "half the price for what can wait", batch),
    Kind("smaller_context", "smaller context", "fewer retrieved texts, a capped history", smaller_context),
    Kind("cheaper_fallback", "cheaper fallback", "the cheapest model as fallback", cheaper_fallback),
)
