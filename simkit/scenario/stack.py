"""What must hold of `resilience` as a whole: who says what, what can never work, how many models a call may go through.

The checks of the tree come with all others (`crosscheck`); those of the document when it is valid otherwise.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from simkit.scenario.conversation import History
from simkit.scenario.defaults import layers
from simkit.scenario.errors import Problem
from simkit.scenario.geography import services_of
from simkit.scenario.growth_checks import growth_structure
from simkit.scenario.names import items, parsed
from simkit.scenario.resilience import OUTER, Breaker, Layer, LayerFields, Outliers, RetryBudget, Throttle
from simkit.scenario.scenario import Document
from simkit.scenario.tree import Node
from simkit.scenario.units import parse_duration, parse_percent
from simkit.scenario.workload import calls, fallback_chain

Problems = Iterator[Problem]
MOST_MODELS = 32
"""Models that one repetition of a call may go through: the bits of an attempt's identity."""


def said_twice(tree: Node) -> Problems:
    """A setting of the inner layer stands in one place."""
    own = tree.get("resilience")
    name = "gateway" if own is not None and "gateway" in own.map else "client"
    layer = own.get(name) if own is not None else None
    if own is not None and layer is not None:
        flat = {key: one for key, one in own.map.items() if key in LayerFields.model_fields}
        yield from _both(flat, layer.map, f"resilience.{name}")


def _both(flat: dict[str, Node], layer: dict[str, Node], path: str) -> Problems:
    for key in flat.keys() & layer.keys():
        if flat[key].map and layer[key].map:
            yield from _both(flat[key].map, layer[key].map, f"{path}.{key}")
        else:
            yield flat[key].place.problem(
                f"This is said twice: here and in `{path}.{key}`.", flat[key].text(), hint="Keep one of them."
            )


def client_of_a_gateway(tree: Node) -> Problems:
    """A client before a gateway does not talk to the models."""
    gateway, client = tree.get("resilience", "gateway"), tree.get("resilience", "client")
    for key, one in (client.map if client is not None and gateway is not None else {}).items():
        if key in LayerFields.model_fields and key not in OUTER:
            yield one.place.problem(
                f"`{key}` belongs to the gateway: it is what talks to the models.", one.text(),
                hint=f"Write it as `gateway: {{{key}: ...}}`, or in `resilience` itself.",
            )  # fmt: skip
    share = tree.get("resilience", "client", "retry_budget", "concurrent_share")
    if gateway is not None and share is not None:
        yield share.place.problem(
            "`concurrent_share` belongs to the gateway: only it knows what is under way with a model.", share.text(),
            hint="Write `concurrent`, or `gateway: {retry_budget: {concurrent_share: ...}}`.",
        )  # fmt: skip


def numbers_fit(tree: Node) -> Problems:
    """Ranges are the right way round, and what must last, lasts."""
    for layer in _layers(tree):
        jitter = layer.get("backoff", "jitter")
        low, high = (jitter.get("low"), jitter.get("high")) if jitter is not None else (None, None)
        values = parsed(parse_percent, low), parsed(parse_percent, high)
        if low is not None and None not in values and values[0] > values[1]:  # type: ignore[operator]
            yield low.place.problem("`low` is above `high`.", low.text(), "low <= high")
        for path in (("timeout",), ("first_token_timeout",), ("idle_timeout",), ("call_timeout",), ("hedge", "after"),
                     ("breaker", "window"), ("breaker", "sweep"), ("throttle", "window")):  # fmt: skip
            yield from _lasts(layer.get(*path))
    models = tree.get("models")
    for model in models.map.values() if models is not None else ():
        yield from _lasts(model.get("slowness", "every"))
        for deployment in items(model, "deployments"):
            yield from _lasts(deployment.get("slowness", "every"))
    quotas = tree.get("quotas")
    for quota in quotas.map.values() if quotas is not None else ():
        yield from _lasts(quota.get("ramp", "every"))


def _layers(tree: Node) -> list[Node]:
    found = [tree.get("resilience", *path) for path in ((), ("client",), ("gateway",))]
    return [one for one in found if one is not None]


def _lasts(node: Node | None) -> Problems:
    if node is not None and parsed(parse_duration, node) == 0:
        yield node.place.problem("This must be longer than 0s.", node.text())


def ladder_is_whole(tree: Node) -> Problems:
    """One queue of people, and hours that have a length."""
    humans = [one for rung in items(tree, "resilience", "degrade") if (one := rung.get("human")) is not None]
    for one in humans[1:]:
        yield one.place.problem("The ladder has people already.", one.text(), hint="Keep one `human`.")
    for one in humans:
        start, end = one.get("hours", "from"), one.get("hours", "to")
        hours = [one.value for one in (start, end) if one is not None and isinstance(one.value, int)]
        if end is not None and len(hours) == 2 and hours[0] >= hours[1]:
            yield end.place.problem(f"This is not after `from: {hours[0]}`.", end.text(), "from < to")


TREE_CHECKS: tuple[Callable[[Node], Problems], ...] = (said_twice, client_of_a_gateway, numbers_fit, ladder_is_whole)


# --- of the document ------------------------------------------------------------------------------------


def stack_problems(tree: Node, documents: Sequence[Document]) -> list[Problem]:
    """Problems of the layers together; `documents` are the scenario by epoch."""
    return [*breaker_can_work(tree, documents[0]), *models_countable(tree, documents)]


def breaker_can_work(tree: Node, document: Document) -> Problems:
    """The breaker has something that opens it, and a cooldown that can shrink again."""
    breaker, place = layers(document)[0].breaker, _place(tree, "breaker")
    if not isinstance(breaker, Breaker):
        return
    compares = isinstance(breaker.outliers, Outliers)
    if not (breaker.consecutive or breaker.failures or breaker.rates or breaker.at_once or compares):
        yield place.place.problem(
            "Nothing opens this breaker.", "", "consecutive, failures, rates, at_once, outliers",
            "Add e.g. `consecutive: 5`.",
        )  # fmt: skip
    if compares and not breaker.sweep:
        yield place.place.problem(
            "`outliers` without `sweep`: nobody ever looks.", "", hint="Add e.g. `sweep: 10s`, or remove `outliers`."
        )
    if breaker.cooldown_growth and not breaker.sweep and not breaker.probes:
        yield place.place.problem(
            "`cooldown_growth` without `sweep` or `probes`: the cooldown would never shrink again.", "",
            hint="Add e.g. `sweep: 10s`, or remove `cooldown_growth`.",
        )  # fmt: skip


def _place(tree: Node, key: str) -> Node:
    """Where a setting of the inner layer was written, or what it would be written in."""
    own = tree.get("resilience")
    if own is None:
        return tree
    layer = own.get("gateway") or own.get("client")
    return own.get(key) or (layer.get(key) if layer is not None else None) or layer or own


def models_countable(tree: Node, documents: Sequence[Document]) -> Problems:
    """No call goes through more models than an attempt's identity can count."""
    document = documents[0]
    stacks = [layers(each) for each in documents]
    tries = 1 + max((outer.max_retries or 0) if outer is not None else 0 for _, outer in stacks)
    most = max(MOST_MODELS if inner.max_fallbacks is None else inner.max_fallbacks for inner, _ in stacks)
    for path, _, _, call in calls(document):
        bases = _bases(document, call)
        counts = {base: 1 + min(len(fallback_chain(document, base)), most) for base in bases}
        if bases and tries * sum(counts.values()) > MOST_MODELS:
            parts = [f"(1 + {count - 1} fallbacks)" for count in counts.values()]
            models = " + ".join(parts) if len(parts) == 1 else f"({' + '.join(parts)})"
            text = f"{tries} client tries x {models} = {tries * sum(counts.values())} models"
            place = tree.get("resilience") or tree
            yield place.place.problem(
                f"A call of `{path}` may go through {text}; at most {MOST_MODELS}.",
                hint="Retry less in the client, or set `max_fallbacks`.",
            )
            return


def _bases(document: Document, call: Any) -> list[str]:
    """The models that a call begins with: those of a cascade, else the one with the longest chain."""
    if document.traffic.trace is not None and (call.model or call.route):  # its rows may name any
        return sorted(document.models, key=lambda name: len(fallback_chain(document, name)))[-1:]
    if call.model is not None:
        return [call.model]
    route = document.routes.get(call.route) if call.route is not None else None
    if route is None:
        return []
    if route.cascade:
        return list(route.cascade)
    named = {name for name in (route.model, *route.mix, *route.to.values()) if name is not None}
    return sorted(named, key=lambda name: (len(fallback_chain(document, name)), name))[-1:]


def structure(document: Document) -> tuple[object, ...]:
    """What no change may alter: all settings of `resilience` and of what stands beside it that are no numbers."""
    own = document.resilience
    ladder = [(tuple(rung.model_fields_set), rung.human and rung.human.after_hours) for rung in own.degrade]
    services = [(one.autoscaling is None, [rule.priority for rule in one.shed]) for one in services_of(document)]
    users = (document.users.patience is None, document.users.until, document.users.reload.at_most)
    balances = [model.balance for model in document.models.values()]
    fixed = (
        own.fallback,
        own.on_cancel,
        ladder,
        services,
        users,
        balances,
        economy(document),
        growth_structure(document),
    )
    return (*(_fixed(layer) for layer in layers(document)), *fixed)


def economy(document: Document) -> tuple[object, ...]:
    """Of caches, conversations, quotas, budgets and batch: what is there, and how it works."""
    caches, batch, traffic = document.caches, document.batch, document.traffic
    own = [one for one in (caches.exact, caches.semantic) if one is not None]
    answers = [(type(one), one.hit_rate is None, one.evicts, one.coalesce, one.start) for one in own]
    prompt = caches.prompt and (caches.prompt.hit_rate is None, caches.prompt.refresh)
    prompts = (prompt, [one.prompt_cache and one.prompt_cache.refresh for one in document.providers.values()])
    every = [plan.quota for plan in traffic.users.plans.values()] if traffic.users is not None else []
    quotas = [one and one.over for one in [*every, traffic.users.quota if traffic.users is not None else None]]
    budgets = [(name, one.of, one.limit.period_ns, list(one.at.values())) for name, one in document.budgets.items()]
    kinds = [one.urgency for one in document.actions.values()]
    rises = [
        (one.spent_on, one.spent_before, one.paying_for, [(tier.spent, tier.after) for tier in one.tiers])
        for one in document.quotas.values()
    ]
    said = [
        (isinstance(one.input.history, History) and one.input.history.retrieved, one.summarises, one.cached,
         one.input.history == "none", one.output.reasoning is None, bool(own) and one.repeat.most() == 1)
        for _, _, _, one in calls(document)
    ]  # fmt: skip
    waits = (batch.window, batch.api is None)
    return answers, prompts, quotas, rises, budgets, kinds, said, waits, traffic.sessions is None, document.cheaper


def _fixed(layer: Layer | None) -> tuple[object, ...] | None:
    """The settings of a layer that are no numbers."""
    if layer is None:
        return None
    breaker, budget, throttle = layer.breaker, layer.retry_budget, layer.throttle
    words = (layer.preset, layer.retry_on, layer.retry_at, layer.backoff.skip_with_peer, layer.retry_after_rule,
             layer.retry_after_beyond, layer.deadline_aware, layer.retry_while_open, layer.stream_failure,
             layer.fallback_on, layer.balance, layer.replicas, layer.wait_after_last, layer.error_told,
             type(layer.backoff.jitter))  # fmt: skip
    jitter = layer.backoff.jitter if isinstance(layer.backoff.jitter, str) else None
    rules = None
    if isinstance(breaker, Breaker):
        rates = [(rate.more_than is None, rate.with_peer) for rate in breaker.rates or ()]
        rules = (breaker.scope, breaker.counts, breaker.trips_on, breaker.others, breaker.at_once,
                 breaker.at_once_with_peer, breaker.window_kind, breaker.forget, breaker.cooldown_growth,
                 breaker.cooldown_from_retry_after, breaker.panic_scope, type(breaker.outliers), rates)  # fmt: skip
    paid = budget.refund if isinstance(budget, RetryBudget) else None
    held = throttle.rejects if isinstance(throttle, Throttle) else None
    return (*words, jitter, rules, paid, held)


__all__ = ["TREE_CHECKS", "stack_problems", "structure"]
