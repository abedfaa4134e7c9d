"""What no single field can know: names that nothing bears, keys that exclude or need each other, circles.

Each check reads the tree in full form, whatever else is wrong with it, and yields its problems.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from simkit.scenario import consistency, economy, growth_checks, region_checks, stack, tiers
from simkit.scenario.alerts import alert_problems
from simkit.scenario.errors import Problem, listing, nearest
from simkit.scenario.names import Names, asked_for, calls, deployments, entries, has_tokens, items, parsed
from simkit.scenario.scenario import Document
from simkit.scenario.schema import Shape, children, is_whole, keys, part_of
from simkit.scenario.tree import Node, walk
from simkit.scenario.units import format_count, parse_count

Problems = Iterator[Problem]


def problems(tree: Node) -> list[Problem]:
    """All problems of all checks."""
    return [problem for check in CHECKS for problem in check(tree)]


def _known(node: Node | None, names: list[str], what: str, hint: str = "") -> Problems:
    """A problem if the text of a node is none of the names."""
    if node is not None and isinstance(node.value, str) and node.value not in names:
        near = nearest(node.value, names) or hint
        yield node.place.problem(f"There is no {what} `{node.value}`.", node.text(), listing(names, node.value), near)


def _known_keys(node: Node | None, names: list[str], what: str, hint: str = "") -> Problems:
    """Problems of keys that are none of the names."""
    for key, one in (node.map if node else {}).items():
        if key not in names:
            yield one.place.problem(
                f"There is no {what} `{key}`.", one.text(), listing(names, key), nearest(key, names) or hint
            )


def choices(tree: Node, shape: Shape = Document) -> Problems:
    """At most one of the keys that exclude each other, and one where one is needed."""
    part = part_of(shape, tree)
    if part is not None and isinstance(tree.value, dict) and not is_whole(shape):
        for group in part.choices:
            given = [tree.map[key] for key in tree.map if key in group]
            names = [key for key in tree.map if key in group]
            if len(given) > 1:
                text = " and ".join(f"`{name}`" for name in names)
                yield given[-1].place.problem(
                    f"{text} exclude each other.", given[-1].text(), hint="Keep one and remove the others."
                )
            elif not given and group in part.required and tree.map.keys() <= set(keys(part)):
                ordered = [key for key in part.model_fields if key in group]
                yield tree.place.problem("One of these keys is needed here.", "", ", ".join(ordered))
    for _, one, below in children(tree, shape):
        yield from choices(one, below)


MOST_USERS = 20_000_000
"""Each user has a place in a table of how active they are."""


def users_are_countable(tree: Node) -> Problems:
    """So many users that single ones do not matter are a rate."""
    users = tree.get("traffic", "users", "daily_active")
    if users is not None and (parsed(parse_count, users) or 0) > MOST_USERS:
        yield users.place.problem(
            "These are too many users to be simulated one by one.",
            users.text(),
            f"at most {format_count(MOST_USERS)}",
            "Write `rate:` instead, e.g. `traffic: {rate: 500/s}`.",
        )


def calls_are_whole(tree: Node) -> Problems:
    """Calls have a model that is known, or work; names are unique within an action."""
    names = Names(tree)
    seen: set[tuple[str, str]] = set()
    replayed = has_tokens(tree.get("traffic", "trace"))
    for kind, call in calls(tree):
        yield from _known(call.get("model"), names.models, "model")
        yield from _known(call.get("route"), names.routes, "route", "Routes are described under `routes:`.")
        name, served = call.get("name"), call.get("model") or call.get("route")
        if name is not None and (kind, name.text()) in seen:
            yield name.place.problem(
                f"The action `{kind}` has a call of this name already.",
                name.text(),
                hint="Give each call a name of its own.",
            )
        seen.add((kind, name.text() if name else ""))
        tokens = next((one for key in ("input", "output") if (one := call.get(key)) and _says_something(one)), None)
        if served is None and tokens is not None:
            yield call.place.problem("This call has tokens, but no model answers it.", hint="Add `model:` or `route:`.")
        elif served is None and call.get("work") is None:
            yield call.place.problem(
                "This call does nothing.",
                hint="Add `model:` or `route:` with tokens, or `work:` for a step of fixed work.",
            )
        elif served is not None and tokens is None and not replayed and call.place.path != "model":
            yield call.place.problem(
                "This call says no tokens.", hint="Add e.g. `input: 1200` and `output: {mean: 250}`."
            )
        yield from _known_keys(call.get("output", "by_complexity"), names.complexities, "complexity", COMPLEXITIES)


def _says_something(node: Node) -> bool:
    """Is there any value below it? (Nulls are none.)"""
    return any(one.value is not None and not one.map and not one.items for one in walk(node) if one.value != {})


COMPLEXITIES = "Complexities are named in `actions.NAME.complexity`; `any` where an action has none."


def routes_are_whole(tree: Node) -> Problems:
    """Routes name models and complexities that are known, and all of them."""
    names = Names(tree)
    for name, route in entries(tree, "routes").items():
        yield from _known(route.get("model"), names.models, "model")
        yield from _known_keys(route.get("mix"), names.models, "model")
        for key in ("to", "misrouted", "escalate"):
            yield from _known_keys(route.get(key), names.complexities, "complexity", COMPLEXITIES)
        for one in [*entries(route, "to").values(), *(cascade.items if (cascade := route.get("cascade")) else [])]:
            yield from _known(one, names.models, "model")
        yield from _route_keys(route, asked_for(tree, name))


def _route_keys(route: Node, complexities: list[str]) -> Problems:
    """Keys of a route that need each other."""
    for key, needed in (("to", "by"), ("misrouted", "by"), ("escalate", "cascade")):
        one = route.get(key)
        if one is not None and one.map and route.get(needed) is None:
            yield one.place.problem(
                f"`{key}` has no effect without `{needed}`.", hint=f"Add `{needed}`, or remove `{key}`."
            )
    by, cascade = route.get("by"), route.get("cascade")
    missing = [name for name in complexities if name not in entries(route, "to")]
    if by is not None and missing:
        yield by.place.problem(
            f"`to` does not say the model of {', '.join(missing)}.",
            hint="Add `to: {COMPLEXITY: MODEL}` for each complexity.",
        )
    if cascade is not None:
        models = [one.text() for one in cascade.items]
        if len(set(models)) < len(models) or len(models) == 1:
            yield cascade.place.problem("A cascade needs two or more different models.", cascade.text())


def models_are_whole(tree: Node) -> Problems:
    """Providers of deployments are known, no deployment is there twice, complexities of qualities are known."""
    names = Names(tree)
    seen: set[str] = set()
    for name, one in deployments(tree):
        provider = one.get("provider")
        hint = f"Add `{provider.text()}: {{}}` under `providers:`." if provider else ""
        yield from _known(provider, names.providers, "provider", hint)
        if name in seen:
            yield one.place.problem(
                f"The deployment {name} is there twice.", one.text(), hint="Give one of them another `region`."
            )
        seen.add(name)
    for model in entries(tree, "models").values():
        quality = model.get("quality")
        own = {key: one for key, one in (quality.map if quality else {}).items() if one.place.origin != "base"}
        if quality is not None:
            known = list(dict.fromkeys([*names.complexities, "any"]))
            yield from _known_keys(replace(quality, value=own), known, "complexity", COMPLEXITIES)


def references(tree: Node) -> Problems:
    """Fallbacks, limits, incidents and traces name what is there."""
    names = Names(tree)
    fallback = tree.get("resilience", "fallback")
    yield from _known_keys(fallback, names.models, "model")
    for listed in (fallback.map if fallback else {}).values():
        for one in listed.items:
            yield from _known(one, names.models, "model")
    for quota in entries(tree, "quotas").values():
        for one in owners.items if (owners := quota.get("of")) else []:
            yield from _known(one, names.targets, "model, provider or deployment")
        if quota.map and not quota.map.keys() & {"requests", "input", "output", "tokens", "ramp"}:
            yield quota.place.problem(
                "This quota limits nothing.",
                "",
                "requests, input, output, tokens, ramp",
                "Add e.g. `requests: 500/min`.",
            )
    for incident in items(tree, "incidents"):
        known = list(dict.fromkeys([*names.targets, *names.regions]))
        yield from _known(incident.get("target"), known, "model, provider, deployment or region")
    for one in entries(tree, "traffic", "trace", "models").values():
        yield from _known(one, names.models, "model")


def fallback_circles(tree: Node) -> Problems:
    """No model falls back to itself by way of others."""
    after = {key: [one.text() for one in node.items] for key, node in entries(tree, "resilience", "fallback").items()}
    reported: set[frozenset[str]] = set()
    for model in after:
        circle = _circle(model, after, [model])
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            node = entries(tree, "resilience", "fallback")[model]
            text = " -> ".join(circle)
            yield node.place.problem(
                f"The fallbacks go in a circle: {text}.",
                node.text(),
                hint="Remove one of them: fallbacks of a fallback follow by themselves.",
            )


def _circle(model: str, after: dict[str, list[str]], way: list[str]) -> list[str]:
    """A way back to where it began, or nothing."""
    for one in after.get(model, []):
        if one == way[0]:
            return [*way, one]
        if one not in way and (found := _circle(one, after, [*way, one])):
            return found
    return []


CHECKS: tuple[Callable[[Node], Problems], ...] = (
    choices,
    users_are_countable,
    calls_are_whole,
    routes_are_whole,
    models_are_whole,
    references,
    fallback_circles,
    *consistency.CHECKS,
    *stack.TREE_CHECKS,
    *economy.TREE_CHECKS,
    *tiers.TREE_CHECKS,
    *region_checks.TREE_CHECKS,
    *growth_checks.TREE_CHECKS,
    alert_problems,
)

__all__ = ["CHECKS", "problems"]
