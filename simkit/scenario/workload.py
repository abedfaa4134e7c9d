"""What a scenario asks of its parts on average, told from the document alone: no queues, no failures, no draws.

The named checks compare it with the limits. Rates are per second, times seconds.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simkit.scenario.actions import Call, Parallel, Repeat, Route
from simkit.scenario.batch_models import is_batch
from simkit.scenario.conversation import History
from simkit.scenario.defaults import layers
from simkit.scenario.distribution import Dist, TokenDist
from simkit.scenario.models import Deployment, Quota
from simkit.scenario.names import BATCH
from simkit.scenario.population import mean_users
from simkit.scenario.scenario import Document

Floats = NDArray[np.float64]
ANY = "any"
DAY_S = 86_400
POINTS = 4096
PRIMES = (2, 3, 5, 7, 11, 13)
MEASURES = ("requests", "input", "output", "tokens")


@dataclass(frozen=True)
class Visit:
    """A call served by a model, for one complexity of one kind of action."""

    path: str
    """Of the call in the document."""
    action: str
    call: Call
    complexity: str
    model: str
    per_action: float
    """Expected number per action of the whole traffic, repetitions and escalations included."""


@dataclass(frozen=True)
class Demand:
    """What visits ask for, per action of the whole traffic."""

    requests: float = 0.0
    input: float = 0.0
    output: float = 0.0
    busy_s: float = 0.0
    """Time for which a deployment is busy."""

    @property
    def tokens(self) -> float:
        """Input and output tokens."""
        return self.input + self.output

    def plus(self, other: "Demand", times: float = 1.0) -> "Demand":
        """The sum of this and some times the other."""
        return Demand(
            self.requests + times * other.requests,
            self.input + times * other.input,
            self.output + times * other.output,
            self.busy_s + times * other.busy_s,
        )


# --- traffic ------------------------------------------------------------------------------------------


def mean_rate(document: Document) -> float | None:
    """Actions per second, weekly mean; None for a trace, whose rate the document does not say."""
    users = mean_users(document)
    return document.traffic.rate if users is None else users * actions_per_day(document) / DAY_S


def actions_per_day(document: Document) -> float:
    """Actions of an active user a day; 0 where traffic is not given by users."""
    users = document.traffic.users
    if users is None:
        return 0.0
    return users.actions_per_day or (users.sessions_per_day or 0.0) * mean_turns(document)


def mean_turns(document: Document) -> float:
    """Expected turns of a conversation; 1 where every action stands alone."""
    sessions = document.traffic.sessions
    return 1.0 if sessions is None else mean_repetitions(sessions.turns)


def mean_repetitions(repeat: Repeat) -> float:
    """Expected repetitions; a geometric number is cut at its `max`: (1 - (1 - p)^max) / p."""
    if repeat.geometric is None:
        return float(repeat.times or 1)
    p = 1 / repeat.geometric.mean
    return (1 - (1 - p) ** repeat.geometric.max) / p


# --- who serves what ----------------------------------------------------------------------------------


def calls(document: Document) -> Iterator[tuple[str, str, int, Call]]:
    """(path, kind of action, stage, call) in the order of the file."""
    for name, action in document.actions.items():
        for stage, item in enumerate(action.calls):
            for call in item.parallel if isinstance(item, Parallel) else [item]:
                inner = f"{stage}.parallel." if isinstance(item, Parallel) else ""
                yield f"actions.{name}.calls.{inner}{call.name}", name, stage, call


def visits(document: Document) -> list[Visit]:
    """All visits with a share of the traffic."""
    found = []
    for path, name, _, call in calls(document):
        route = document.routes[call.route] if call.route else Route(model=call.model) if call.model else None
        for complexity, share in (document.actions[name].complexity or {ANY: 1.0}).items():
            often = action_share(document, name) * share * mean_repetitions(call.repeat)
            for model, part in model_shares(route, complexity).items() if route else ():
                if often * part > 0:
                    found.append(Visit(path, name, call, complexity, side_of(document, name, model), often * part))
    return found


def side_of(document: Document, action: str, model: str) -> str:
    """The model, or its batch side where the document has those and the action can wait."""
    side = model + BATCH
    return side if document.actions[action].urgency == "batch" and side in document.models else model


def action_share(document: Document, name: str) -> float:
    """Share of the traffic of a kind of action."""
    share = document.actions[name].share
    return 1 / len(document.actions) if share is None else share


def model_shares(route: Route, complexity: str) -> dict[str, float]:
    """Expected visits of each model per repetition of a call."""
    if route.cascade:
        onward = route.escalate.get(complexity, 0.0)
        return {model: onward**rung for rung, model in enumerate(route.cascade)}
    return first_shares(route, complexity)


def first_shares(route: Route, complexity: str) -> dict[str, float]:
    """Share of the first model at a complexity; a misrouted one goes a level up (the highest: a level down)."""
    if route.model is not None:
        return {route.model: 1.0}
    if route.mix:
        return dict(route.mix)
    if route.cascade:
        return {route.cascade[0]: 1.0}
    if complexity not in route.to:
        return {}
    levels = list(route.to)
    at, wrong = levels.index(complexity), route.misrouted.get(complexity, 0.0)
    other = route.to[levels[at + 1] if at + 1 < len(levels) else levels[max(at - 1, 0)]]
    shares = {route.to[complexity]: 1 - wrong}
    return {**shares, other: shares.get(other, 0.0) + wrong}


def fallback_chain(document: Document, model: str) -> list[str]:
    """Models tried after one, in order, each followed by its own fallbacks."""
    found: dict[str, None] = {}

    def follow(name: str) -> None:
        for following in document.resilience.fallback.get(name, ()):
            if following != model and following not in found:
                found[following] = None
                follow(following)

    follow(model)
    return list(found)


def models_in_use(document: Document) -> list[str]:
    """Models that calls reach, in the order of the file, fallbacks among them."""
    served = {visit.model for visit in visits(document)}
    reached = served | {following for model in served for following in fallback_chain(document, model)}
    return [name for name in document.models if name in reached]


def spread(document: Document, model: str) -> list[tuple[Deployment, float]]:
    """Deployments of a model and the share of its attempts that each gets when all is well."""
    each = document.models[model].deployments
    balance = document.models[model].balance or layers(document)[0].balance
    if balance in ("ordered", "cheapest"):
        first = min(each, key=lambda one: one.order if balance == "ordered" else one.price_uplift)
        return [(deployment, float(deployment is first)) for deployment in each]
    weights = [d.weight if balance == "weighted" else 1.0 for d in each]
    return [(deployment, weight / sum(weights)) for deployment, weight in zip(each, weights, strict=True)]


def names_of(model: str, deployment: Deployment) -> set[str]:
    """All names under which a target or a quota may mean a deployment."""
    names = {model, deployment.provider, f"{model}/{deployment.provider}"}
    if deployment.region is not None:
        names |= {f"{model}/{deployment.provider}/{deployment.region}", f"{deployment.provider}/{deployment.region}"}
    return names


def covers(quota: Quota, model: str, deployment: Deployment) -> bool:
    """Does the quota count what this deployment serves?"""
    names = names_of(model, deployment)
    if is_batch(model):  # the batch side has limits of its own
        names = {name for name in names if name.partition("/")[0] == model}
    return not names.isdisjoint(quota.of)


def setting(document: Document, model: str, deployment: Deployment, name: str) -> Any:
    """A performance figure of a deployment: its own, or its model's."""
    own = getattr(deployment, name)
    return getattr(document.models[model], name) if own is None else own


# --- how much -----------------------------------------------------------------------------------------


def mean_of(dist: Dist[Any] | None) -> float:
    """The mean; of nothing 0."""
    return dist.mean() if dist is not None else 0.0


def input_parts(call: Call) -> list[tuple[Dist[Any], int]]:
    """The distributions whose sum is the prompt without what was said before, and how often each is taken."""
    parts = ((call.input.system, 1), (call.input.retrieved, call.input.chunks), (call.input.user, 1))
    return [(part, times) for part, times in parts if part is not None]


def mean_history(document: Document, call: Call, complexity: str) -> float:
    """Mean tokens of what was said before: earlier turns, and earlier repetitions of the call."""
    history = call.input.history
    if not isinstance(history, History):
        return 0.0
    texts = call.input.chunks * mean_of(call.input.retrieved)
    said = mean_of(call.input.user) + mean_output(call, complexity, thought=False)
    sessions = document.traffic.sessions
    turns = mean_before(sessions.turns) if sessions is not None else 0.0
    grown = turns * (said + history.retrieved * texts) + mean_before(call.repeat) * (said + texts)
    return min(grown, math.inf if history.limit is None else history.limit)


def mean_before(repeat: Repeat) -> float:
    """Mean number of repetitions before one that is picked at random among all of them."""
    again, fixed = repeat.again(), repeat.times or 1
    there = [again ** max(0, k + 1 - fixed) for k in range(repeat.most())]
    return sum(k * chance for k, chance in enumerate(there)) / sum(there)


def output_of(call: Call, complexity: str) -> TokenDist | None:
    """Output tokens at a complexity, not cut yet."""
    return call.output.all or call.output.by_complexity.get(complexity)


def mean_output(call: Call, complexity: str, thought: bool = True) -> float:
    """Mean output tokens, cut at the call's `max`; those of the `thought` before the answer included, or not."""
    dist, most = output_of(call, complexity), math.inf if call.output.max is None else call.output.max
    before = mean_of(call.output.reasoning)
    if dist is None:
        return min(before, most) if thought else 0.0
    scaled = dist.scaled()
    answer = replace(scaled, cap=min(scaled.cap, most)).mean()
    return min(answer + before, most) if thought and before else answer


def demand(document: Document, visit: Visit, deployment: Deployment, quota: Quota | None = None) -> Demand:
    """What one visit asks of a deployment; with a `quota`, as that quota counts it."""
    entered = sum(times * mean_of(part) for part, times in input_parts(visit.call))
    entered += mean_history(document, visit.call, visit.complexity)
    output = mean_output(visit.call, visit.complexity)
    busy = (
        mean_of(setting(document, visit.model, deployment, "ttft")) / 1e9
        + (setting(document, visit.model, deployment, "ttft_per_1k_input") or 0) / 1e9 * entered / 1000
        + output * _mean_inverse(setting(document, visit.model, deployment, "tokens_per_second"))
    )
    if quota is not None and not quota.cached_counts:
        entered -= mean_cached(document, visit)
    if quota is not None and quota.reserve == "max_tokens" and visit.call.output.max is not None:
        output = float(visit.call.output.max)
    return Demand(1.0, entered, output, busy)


def mean_cached(document: Document, visit: Visit) -> float:
    """Mean tokens of a visit's prompt that are read from the provider's cache."""
    prompt_cache, system = document.caches.prompt, visit.call.input.system
    if prompt_cache is None or system is None or prompt_cache.hit_rate is None:
        return 0.0
    prefix = quantiles(system, grid(1)[0])
    long_enough = prefix >= (document.models[visit.model].prompt_cache_minimum or 0)
    return prompt_cache.hit_rate * float(np.mean(np.where(long_enough, prefix, 0.0)))


def total(
    document: Document,
    quota: Quota | None = None,
    among: Sequence[Deployment] | None = None,
    without: str | None = None,
) -> Demand:
    """What all visits ask, per action of the traffic.

    Args:
        quota: count what this quota counts, as it counts it.
        among: count these deployments only.
        without: leave out the visits of this model.
    """
    found = Demand()
    for visit in visits(document):
        for deployment, share in spread(document, visit.model) if visit.model != without else ():
            counted = quota is None or covers(quota, visit.model, deployment)
            if share and counted and (among is None or any(deployment is each for each in among)):
                found = found.plus(demand(document, visit, deployment, quota), visit.per_action * share)
    return found


def mean_action_s(document: Document) -> float:
    """Mean time for which an action holds its slot of the own service, waits and failures apart."""
    stages: dict[tuple[str, int], list[float]] = {}
    for _, name, stage, call in calls(document):
        stages.setdefault((name, stage), []).append(_mean_call_s(document, name, call))
    overhead = mean_of(document.service.overhead) / 1e9
    return overhead + sum(action_share(document, name) * max(times) for (name, _), times in stages.items())


def _mean_call_s(document: Document, name: str, call: Call) -> float:
    """Mean time of a call with all its repetitions, per action of its kind."""
    served = 0.0
    for visit in visits(document):
        if visit.action == name and visit.call is call:
            parts = spread(document, visit.model)
            busy = sum(share * demand(document, visit, deployment).busy_s for deployment, share in parts if share)
            served += visit.per_action * busy / action_share(document, name)
    return served + mean_repetitions(call.repeat) * mean_of(call.work) / 1e9


# --- quantiles of sums ----------------------------------------------------------------------------------


@cache
def grid(dimensions: int) -> Floats:
    """(dimensions, POINTS) evenly filling points of the unit cube: a Kronecker sequence of square roots of primes."""
    count = np.arange(1, POINTS + 1, dtype=np.float64)
    rows = [(count * math.sqrt(prime) + 0.5) % 1 for prime in PRIMES[:dimensions]]
    if dimensions == 1:
        rows = [(count - 0.5) / POINTS]
    return np.clip(np.array(rows), 0.5 / POINTS, 1 - 0.5 / POINTS)


def quantiles(dist: Dist[Any] | None, u: Floats) -> Floats:
    """Quantiles of many u at once; of nothing 0."""
    if dist is None:
        return np.zeros_like(u)
    scaled = dist.scaled()
    if scaled.shape is None:
        return np.full_like(u, scaled.quantile(0.5))
    low = scaled.shape.below(np.minimum(u, 0.5))
    high = scaled.shape.above(np.minimum(1 - u, 0.5))
    return np.clip(scaled.scale * np.where(u <= 0.5, low, high), scaled.low, scaled.cap)


def _mean_inverse(dist: Dist[Any] | None) -> float:
    """E[1 / X]: mean seconds per token from a speed."""
    return 0.0 if dist is None else float(np.mean(1 / np.maximum(quantiles(dist, grid(1)[0]), 1e-9)))


def prompts(call: Call) -> Floats:
    """Prompt lengths at the first three dimensions of the grid."""
    points = grid(6)
    parts = enumerate(input_parts(call))
    return sum((times * quantiles(part, points[i]) for i, (part, times) in parts), start=np.zeros(POINTS))


def answers(call: Call, complexity: str) -> Floats:
    """Answer lengths at the grid's fourth dimension, not cut."""
    return quantiles(output_of(call, complexity), grid(6)[3])


def answer_times(document: Document, visit: Visit, deployment: Deployment) -> Floats:
    """Seconds from service start to the whole answer, without queues: a sample of even weights."""
    points = grid(6)
    ttft = quantiles(setting(document, visit.model, deployment, "ttft"), points[4]) / 1e9
    per_input = (setting(document, visit.model, deployment, "ttft_per_1k_input") or 0) / 1e9 / 1000
    speed = quantiles(setting(document, visit.model, deployment, "tokens_per_second"), points[5])
    longest = math.inf if visit.call.output.max is None else visit.call.output.max
    output = np.minimum(answers(visit.call, visit.complexity), longest)
    return ttft + per_input * prompts(visit.call) + output / np.maximum(speed, 1e-9)
