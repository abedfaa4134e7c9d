"""What no single field can know: names that nothing bears, shares that do not add up, circles, times beyond the end.

Each check reads the tree in full form, whatever else is wrong with it, and yields its problems.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from simkit.scenario.errors import Invalid, Problem, listing, nearest
from simkit.scenario.expectations import parse_expectation
from simkit.scenario.schema import Shape, children, is_whole, part_of
from simkit.scenario.scenario import Document
from simkit.scenario.tree import Node
from simkit.scenario.units import parse_count, parse_duration, parse_rate, parse_share

TOLERANCE = 1e-9
"""How far from 100% shares may add up."""

Problems = Iterator[Problem]
T = TypeVar("T")


class Names:
    """All names that a scenario defines."""

    def __init__(self, tree: Node):
        self.models = list(_entries(tree, "models"))
        self.routes = list(_entries(tree, "routes"))
        self.kinds = list(_entries(tree, "actions"))
        self.complexities = _complexities(tree)
        self.deployments = [name for name, _ in deployments(tree)]
        used = dict.fromkeys(provider.text() for _, one in deployments(tree) if (provider := one.get("provider")))
        declared = list(_entries(tree, "providers"))
        self.providers = declared or list(used)
        regions = [name.partition("/")[2] for name in self.deployments]
        self.targets = list(dict.fromkeys([*self.models, *self.providers, *used, *self.deployments, *regions]))


def _entries(tree: Node, *path: str) -> dict[str, Node]:
    node = tree.get(*path)
    return node.map if node else {}


def _complexities(tree: Node) -> list[str]:
    """All complexities of the actions, and `any` where an action has none."""
    found: dict[str, None] = {}
    for action in _entries(tree, "actions").values():
        found.update(dict.fromkeys(_entries(action, "complexity") or ["any"]))
    return list(found)


def deployments(tree: Node) -> Iterator[tuple[str, Node]]:
    """Every deployment as `model/provider[/region]`."""
    for model, node in _entries(tree, "models").items():
        listed = node.get("deployments")
        for one in listed.items if listed else []:
            parts = [model, *(found.text() for key in ("provider", "region") if (found := one.get(key)))]
            yield "/".join(parts), one


def calls(tree: Node) -> Iterator[tuple[str, Node]]:
    """Every call with the name of its action."""
    for kind, action in _entries(tree, "actions").items():
        listed = action.get("calls")
        for item in listed.items if listed else []:
            together = item.get("parallel")
            for call in together.items if together else [item]:
                yield kind, call


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
            yield one.place.problem(f"There is no {what} `{key}`.", one.text(), listing(names, key), nearest(key, names) or hint)


def choices(tree: Node, shape: Shape = Document) -> Problems:
    """At most one of the keys that exclude each other, and one where one is needed."""
    part = part_of(shape, tree)
    if part is not None and isinstance(tree.value, dict) and not is_whole(shape):
        for group in part.choices:
            given = [tree.map[key] for key in tree.map if key in group]
            names = [key for key in tree.map if key in group]
            if len(given) > 1:
                text = " and ".join(f"`{name}`" for name in names)
                yield given[-1].place.problem(f"{text} exclude each other.", given[-1].text(), hint="Keep one and remove the others.")
            elif not given and group in part.required:
                ordered = [key for key in part.model_fields if key in group]
                yield tree.place.problem("One of these keys is needed here.", "", ", ".join(ordered))
    for _, one, below in children(tree, shape):
        yield from choices(one, below)


def calls_are_whole(tree: Node) -> Problems:
    """Calls have a model that is known, or work; names are unique within an action."""
    names = Names(tree)
    seen: set[tuple[str, str]] = set()
    replayed = _has_tokens(tree.get("traffic", "trace"))
    for kind, call in calls(tree):
        yield from _known(call.get("model"), names.models, "model")
        yield from _known(call.get("route"), names.routes, "route", "Routes are described under `routes:`.")
        name, served = call.get("name"), call.get("model") or call.get("route")
        if name is not None and (kind, name.text()) in seen:
            yield name.place.problem(f"The action `{kind}` has a call of this name already.", name.text(), hint="Give each call a name of its own.")
        seen.add((kind, name.text() if name else ""))
        tokens = call.get("input") or call.get("output")
        if served is None and tokens is not None:
            yield call.place.problem("This call has tokens, but no model answers it.", hint="Add `model:` or `route:`.")
        elif served is None and call.get("work") is None:
            yield call.place.problem("This call does nothing.", hint="Add `model:` or `route:` with tokens, or `work:` for a step of fixed work.")
        elif served is not None and tokens is None and not replayed:
            yield call.place.problem("This call says no tokens.", hint="Add e.g. `input: 1200` and `output: {mean: 250}`.")
        yield from _known_keys(call.get("output", "by_complexity"), names.complexities, "complexity", COMPLEXITIES)


COMPLEXITIES = "Complexities are named in `actions.NAME.complexity`; `any` where an action has none."


def routes_are_whole(tree: Node) -> Problems:
    """Routes name models and complexities that are known, and all of them."""
    names = Names(tree)
    for route in _entries(tree, "routes").values():
        yield from _known(route.get("model"), names.models, "model")
        yield from _known_keys(route.get("mix"), names.models, "model")
        for key in ("to", "misrouted", "escalate"):
            yield from _known_keys(route.get(key), names.complexities, "complexity", COMPLEXITIES)
        for one in [*_entries(route, "to").values(), *(cascade.items if (cascade := route.get("cascade")) else [])]:
            yield from _known(one, names.models, "model")
        yield from _route_keys(route, names)


def _route_keys(route: Node, names: Names) -> Problems:
    """Keys of a route that need each other."""
    for key, needed in (("to", "by"), ("misrouted", "by"), ("escalate", "cascade")):
        one = route.get(key)
        if one is not None and one.map and route.get(needed) is None:
            yield one.place.problem(f"`{key}` has no effect without `{needed}`.", hint=f"Add `{needed}`, or remove `{key}`.")
    by, cascade = route.get("by"), route.get("cascade")
    missing = [name for name in names.complexities if name not in _entries(route, "to")]
    if by is not None and missing:
        yield by.place.problem(f"`to` does not say the model of {', '.join(missing)}.", hint="Add `to: {COMPLEXITY: MODEL}` for each complexity.")
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
            yield one.place.problem(f"The deployment {name} is there twice.", one.text(), hint="Give one of them another `region`.")
        seen.add(name)
    for model in _entries(tree, "models").values():
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
    for quota in _entries(tree, "quotas").values():
        for one in owners.items if (owners := quota.get("of")) else []:
            yield from _known(one, names.targets, "model, provider or deployment")
        if quota.map and not quota.map.keys() & {"requests", "input", "output", "tokens"}:
            yield quota.place.problem("This quota limits nothing.", "", "requests, input, output, tokens", "Add e.g. `requests: 500/min`.")
    for incident in _items(tree, "incidents"):
        yield from _known(incident.get("target"), names.targets, "model, provider or deployment")
    for one in _entries(tree, "traffic", "trace", "models").values():
        yield from _known(one, names.models, "model")


def _items(tree: Node, *path: str) -> list[Node]:
    node = tree.get(*path)
    return node.items if node else []


def fallback_circles(tree: Node) -> Problems:
    """No model falls back to itself by way of others."""
    after = {key: [one.text() for one in node.items] for key, node in _entries(tree, "resilience", "fallback").items()}
    reported: set[frozenset[str]] = set()
    for model in after:
        circle = _circle(model, after, [model])
        if circle and frozenset(circle) not in reported:
            reported.add(frozenset(circle))
            node = _entries(tree, "resilience", "fallback")[model]
            text = " -> ".join(circle)
            yield node.place.problem(f"The fallbacks go in a circle: {text}.", node.text(), hint="Remove one of them: fallbacks of a fallback follow by themselves.")


def _circle(model: str, after: dict[str, list[str]], way: list[str]) -> list[str]:
    """A way back to where it began, or nothing."""
    for one in after.get(model, []):
        if one == way[0]:
            return [*way, one]
        if one not in way and (found := _circle(one, after, [*way, one])):
            return found
    return []


def shares_add_up(tree: Node) -> Problems:
    """Shares of one whole are 100% together."""
    kinds = _entries(tree, "actions")
    given = {name: share for name, node in kinds.items() if (share := node.get("share")) is not None}
    if len(kinds) > 1 or given:
        for name in kinds.keys() - given.keys() if len(kinds) > 1 else ():
            yield kinds[name].place.problem("`share` is missing.", hint="With several kinds of actions each needs its share of the traffic.", key="share")
        if len(given) == len(kinds):
            yield from _whole(tree.get("actions"), list(given.values()))
    for node in kinds.values():
        yield from _whole(node.get("complexity"))
    for node in _entries(tree, "routes").values():
        yield from _whole(node.get("mix"))
    plans = tree.get("traffic", "users", "plans")
    yield from _whole(plans, [share for one in (plans.map if plans else {}).values() if (share := one.get("share"))])
    for owner in _outage_owners(tree):
        for outage in _items(owner, "outages"):
            parts = outage.get("severity")
            yield from _severities(parts) if parts else ()


def _outage_owners(tree: Node) -> Iterator[Node]:
    yield from _entries(tree, "providers").values()
    yield from _entries(tree, "models").values()
    yield from (one for _, one in deployments(tree))


def _severities(parts: Node) -> Problems:
    shares = [share for one in parts.items if (share := one.get("share"))]
    if len(shares) < len(parts.items):
        yield parts.place.problem("Each severity of a mixture needs its `share`.", hint="Add e.g. `share: 10%`.")
    else:
        yield from _whole(parts, shares)


def _whole(node: Node | None, shares: list[Node] | None = None) -> Problems:
    """A problem if the shares below a node are not 100% together; shares that are not understood are told elsewhere."""
    listed = shares if shares is not None else list(node.map.values()) if node else []
    values = [_try(parse_share, one) for one in listed]
    if node is None or not values or None in values:
        return
    total = sum(value for value in values if value is not None)
    if abs(total - 1) > TOLERANCE:
        text = " + ".join(one.text() for one in listed)
        yield node.place.problem(f"The shares add up to {_percent(total)}.", text, "100%", "Change them so that they add up.")


def _percent(share: float) -> str:
    return f"{share * 100:.10g}%"


def _try(parse: Callable[[object], T], node: Node | None) -> T | None:
    """The parsed value, None if it is not understood."""
    try:
        return parse(node.value) if node is not None else None
    except Invalid:
        return None


def errors_fit(tree: Node) -> Problems:
    """Kinds of failures of one deployment are at most 100% together."""
    for node in [*_entries(tree, "models").values(), *(one for _, one in deployments(tree))]:
        errors = node.get("errors")
        values = [_try(parse_share, one) or 0.0 for one in (errors.map.values() if errors else ())]
        if errors is not None and sum(values) > 1 + TOLERANCE:
            yield errors.place.problem(f"The shares add up to {_percent(sum(values))}.", errors.text(), "at most 100%")


def times_fit(tree: Node) -> Problems:
    """Incidents and changes begin before the horizon; what must last, lasts."""
    horizon = _try(parse_duration, tree.get("horizon"))
    end = horizon if horizon is not None else None if tree.get("traffic", "trace") else parse_duration("7d")
    said = node.text() if (node := tree.get("horizon")) else "7d, the default"
    for one in [*_items(tree, "incidents"), *_items(tree, "changes")]:
        at, start = one.get("at"), _try(parse_duration, one.get("at"))
        if at is not None and start is not None and end is not None and start >= end:
            yield at.place.problem(f"This is not before the horizon ({said}).", at.text(), hint="Move it, or make `horizon` longer.")
    lasting = [tree.get("horizon"), tree.get("resilience", "timeout"), tree.get("resilience", "deadline"), tree.get("slo", "window")]
    lasting += [one.get("lasts") for one in _items(tree, "incidents")]
    lasting += [*_entries(tree, "slo", "latency").values(), *_entries(tree, "slo", "ttft").values()]
    for node in lasting:
        if node is not None and _try(parse_duration, node) == 0:
            yield node.place.problem("This must be longer than 0s.", node.text())


def something_happens(tree: Node) -> Problems:
    """There is traffic, and what is limited has room for one at least."""
    rate, active = tree.get("traffic", "rate"), tree.get("traffic", "users", "daily_active")
    if rate is not None and _try(parse_rate, rate) == 0:
        yield rate.place.problem("No action ever arrives.", rate.text(), "a rate above 0, e.g. 2/s")
    if active is not None and _try(parse_count, active) == 0:
        yield active.place.problem("No user is active.", active.text(), "at least 1")
    roomy = [tree.get("service", "workers")]
    roomy += [node.get("concurrency") for node in _entries(tree, "models").values()]
    roomy += [one.get("concurrency") for _, one in deployments(tree)]
    for node in roomy:
        if node is not None and _try(parse_count, node) == 0:
            yield node.place.problem("Nothing can be worked on.", node.text(), "at least 1; left out: unlimited")
    seasons = [one for key in ("hours", "weekdays", "months") if (one := tree.get("traffic", "seasonality", key))]
    for node in seasons:
        weights = [one.value for one in node.items if isinstance(one.value, int | float)]
        if any(weight < 0 for weight in weights) or (weights and not sum(weights) > 0):
            yield node.place.problem("Weights are 0 or more, and not all 0.", node.text())


def _has_tokens(trace: Node | None) -> bool:
    """Does a trace say more than when actions arrive? (Recognised formats do.)"""
    if trace is None:
        return False
    columns = trace.get("columns")
    return columns is None or not columns.map.keys().isdisjoint({"input", "output", "cached", "model"})


def trace_is_simple(tree: Node) -> Problems:
    """A trace that says the tokens is replayed by one call."""
    trace = tree.get("traffic", "trace")
    if trace is None or not _has_tokens(trace):
        return
    kinds, listed = list(_entries(tree, "actions")), list(calls(tree))
    if len(kinds) > 1 or len(listed) > 1:
        yield trace.place.problem(
            f"A trace with tokens is replayed by one call; here: {len(kinds)} kinds of actions, {len(listed)} calls.",
            trace.text(), hint="Leave one action with one call; or name only the time: `columns: {time: NAME}`.",
        )  # fmt: skip
    for _, call in listed:
        repeat, times = call.get("repeat"), call.get("repeat", "times")
        if repeat is not None and (times is None or times.value != 1):
            yield repeat.place.problem("A call that replays a trace is not repeated.", repeat.text(), hint="Remove `repeat`.")


def time_zone(tree: Node) -> Problems:
    """The time zone is one of the IANA database."""
    node = tree.get("traffic", "timezone")
    if node is None or not isinstance(node.value, str):
        return
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(node.value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(zoneinfo.available_timezones())
        yield node.place.problem("This time zone is not known.", node.text(), "an IANA name, e.g. UTC, America/New_York, Europe/Berlin", nearest(node.value, known))


def expectations(tree: Node) -> Problems:
    """Expectations can be read."""
    for node in _items(tree, "expect"):
        if isinstance(node.value, str):
            try:
                parse_expectation(node.value)
            except Invalid as error:
                yield node.place.problem(error.message, node.text(), error.allowed, error.hint)


CHECKS: tuple[Callable[[Node], Problems], ...] = (
    choices, calls_are_whole, routes_are_whole, models_are_whole, references, fallback_circles, shares_add_up,
    errors_fit, times_fit, something_happens, trace_is_simple, time_zone, expectations,
)  # fmt: skip

__all__ = ["CHECKS", "Names", "calls", "deployments", "problems"]
