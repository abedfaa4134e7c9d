"""Numbers that must fit one another: shares that add up, times before the horizon, a trace and its calls."""

from collections.abc import Iterator

from simkit.scenario.errors import Invalid, Problem, nearest
from simkit.scenario.expectations import parse_expectation
from simkit.scenario.names import calls, deployments, entries, has_tokens, items, parsed
from simkit.scenario.scenario import Document
from simkit.scenario.tree import Node
from simkit.scenario.units import parse_count, parse_duration, parse_rate, parse_share
from simkit.scenario.zones import start_utc_ns

TOLERANCE = 1e-9
"""How far from 100% shares may add up."""
ONCE_A_CALL = ("bad_request", "content_filter")
"""Failures that no retry cures: drawn once for all attempts of a call with a model, before the others."""

Problems = Iterator[Problem]


def shares_add_up(tree: Node) -> Problems:
    """Shares of one whole are 100% together."""
    kinds = entries(tree, "actions")
    given = {name: share for name, node in kinds.items() if (share := node.get("share")) is not None}
    if len(kinds) > 1 or given:
        for name in kinds.keys() - given.keys() if len(kinds) > 1 else ():
            yield kinds[name].place.problem(
                "`share` is missing.",
                hint="With several kinds of actions each needs its share of the traffic.",
                key="share",
            )
        if len(given) == len(kinds):
            yield from whole(tree.get("actions"), list(given.values()))
    for node in kinds.values():
        yield from whole(node.get("complexity"))
    for node in entries(tree, "routes").values():
        yield from whole(node.get("mix"))
    plans = tree.get("traffic", "users", "plans")
    yield from whole(plans, [share for one in (plans.map if plans else {}).values() if (share := one.get("share"))])
    for owner in _outage_owners(tree):
        for outage in items(owner, "outages"):
            parts = outage.get("severity")
            yield from _severities(parts) if parts else ()


def _outage_owners(tree: Node) -> Iterator[Node]:
    yield from entries(tree, "providers").values()
    yield from entries(tree, "regions").values()
    yield from entries(tree, "models").values()
    yield from (one for _, one in deployments(tree))


def _severities(parts: Node) -> Problems:
    shares = [share for one in parts.items if (share := one.get("share"))]
    if len(shares) < len(parts.items):
        yield parts.place.problem("Each severity of a mixture needs its `share`.", hint="Add e.g. `share: 10%`.")
    else:
        yield from whole(parts, shares)


def whole(node: Node | None, shares: list[Node] | None = None) -> Problems:
    """A problem if the shares below a node are not 100% together; shares that are not understood are told elsewhere."""
    listed = shares if shares is not None else list(node.map.values()) if node else []
    values = [parsed(parse_share, one) for one in listed]
    if node is None or not values or None in values:
        return
    total = sum(value for value in values if value is not None)
    if abs(total - 1) > TOLERANCE:
        text = " + ".join(one.text() for one in listed)
        yield node.place.problem(
            f"The shares add up to {_percent(total)}.", text, "100%", "Change them so that they add up."
        )


def _percent(share: float) -> str:
    return f"{share * 100:.10g}%"


def errors_fit(tree: Node) -> Problems:
    """Kinds of failures are at most 100% together: those drawn for each attempt, and those drawn once a call."""
    for node in [*entries(tree, "models").values(), *(one for _, one in deployments(tree))]:
        errors = node.get("errors")
        totals = [0.0, 0.0]
        for kind, one in errors.map.items() if errors else ():
            totals[kind in ONCE_A_CALL] += parsed(parse_share, one) or 0.0
        if errors is not None and max(totals) > 1 + TOLERANCE:
            yield errors.place.problem(f"The shares add up to {_percent(max(totals))}.", errors.text(), "at most 100%")


def times_fit(tree: Node) -> Problems:
    """Incidents and changes begin before the horizon; what must last, lasts."""
    horizon = parsed(parse_duration, tree.get("horizon"))
    end = horizon if horizon is not None else None if tree.get("traffic", "trace") else parse_duration("7d")
    said = node.text() if (node := tree.get("horizon")) else "7d, the default"
    for one in [*items(tree, "incidents"), *items(tree, "changes")]:
        at, start = one.get("at"), parsed(parse_duration, one.get("at"))
        if at is not None and start is not None and end is not None and start >= end:
            yield at.place.problem(
                f"This is not before the horizon ({said}).", at.text(), hint="Move it, or make `horizon` longer."
            )
    lasting = [
        tree.get("horizon"),
        tree.get("resilience", "timeout"),
        tree.get("resilience", "deadline"),
        tree.get("slo", "window"),
    ]
    lasting += [one.get("lasts") for one in items(tree, "incidents")]
    lasting += [*entries(tree, "slo", "latency").values(), *entries(tree, "slo", "ttft").values()]
    for node in lasting:
        if node is not None and parsed(parse_duration, node) == 0:
            yield node.place.problem("This must be longer than 0s.", node.text())


def something_happens(tree: Node) -> Problems:
    """There is traffic, and what is limited has room for one at least."""
    rate, active = tree.get("traffic", "rate"), tree.get("traffic", "users", "daily_active")
    if rate is not None and parsed(parse_rate, rate) == 0:
        yield rate.place.problem("No action ever arrives.", rate.text(), "a rate above 0, e.g. 2/s")
    if active is not None and parsed(parse_count, active) == 0:
        yield active.place.problem("No user is active.", active.text(), "at least 1")
    roomy = [tree.get("service", "workers")]
    roomy += [node.get("service", "workers") for node in entries(tree, "regions").values()]
    roomy += [node.get("concurrency") for node in entries(tree, "models").values()]
    roomy += [one.get("concurrency") for _, one in deployments(tree)]
    for node in roomy:
        if node is not None and parsed(parse_count, node) == 0:
            yield node.place.problem("Nothing can be worked on.", node.text(), "at least 1; left out: unlimited")
    speeds = [node.get("tokens_per_second") for node in entries(tree, "models").values()]
    speeds += [one.get("tokens_per_second") for _, one in deployments(tree)]
    for node in speeds:
        speed = node.get("constant") or node if node is not None else None
        if speed is not None and isinstance(speed.value, int | float | str) and parsed(parse_count, speed) == 0:
            yield speed.place.problem("No token ever comes.", speed.text(), "above 0, e.g. 80")
    seasons = [one for key in ("hours", "weekdays", "months") if (one := tree.get("traffic", "seasonality", key))]
    for node in seasons:
        weights = [one.value for one in node.items if isinstance(one.value, int | float)]
        if any(weight < 0 for weight in weights) or (weights and not sum(weights) > 0):
            yield node.place.problem("Weights are 0 or more, and not all 0.", node.text())


def trace_is_simple(tree: Node) -> Problems:
    """A trace that says the tokens is replayed by one call."""
    trace = tree.get("traffic", "trace")
    if trace is None or not has_tokens(trace):
        return
    kinds, listed = list(entries(tree, "actions")), list(calls(tree))
    if len(kinds) > 1 or len(listed) > 1:
        yield trace.place.problem(
            f"A trace with tokens is replayed by one call; here: {len(kinds)} kinds of actions, {len(listed)} calls.",
            trace.text(), hint="Leave one action with one call; or name only the time: `columns: {time: NAME}`.",
        )  # fmt: skip
    for _, call in listed:
        repeat, times = call.get("repeat"), call.get("repeat", "times")
        if repeat is not None and (times is None or times.value != 1):
            yield repeat.place.problem(
                "A call that replays a trace is not repeated.", repeat.text(), hint="Remove `repeat`."
            )


def time_zones(tree: Node) -> Problems:
    """Time zones are of the IANA database."""
    zones = [tree.get("traffic", "timezone"), *(one.get("timezone") for one in entries(tree, "regions").values())]
    for node in zones:
        if node is not None and isinstance(node.value, str):
            yield from _time_zone(node, node.value)


def _time_zone(node: Node, name: str) -> Problems:
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        known = sorted(zoneinfo.available_timezones())
        yield node.place.problem(
            "This time zone is not known.",
            name,
            "an IANA name, e.g. UTC, America/New_York, Europe/Berlin",
            nearest(name, known),
        )


def start_exists(tree: Node, document: Document) -> list[Problem]:
    """The start is a time that the clocks of the time zone show."""
    node = tree.get("start")
    try:
        start_utc_ns(document.start, document.traffic.timezone)
    except Invalid as error:
        place = node.place if node is not None else tree.place
        return [place.problem(error.message, node.text() if node else "", error.allowed, error.hint)]
    return []


def expectations(tree: Node) -> Problems:
    """Expectations can be read."""
    for node in items(tree, "expect"):
        if isinstance(node.value, str):
            try:
                parse_expectation(node.value)
            except Invalid as error:
                yield node.place.problem(error.message, node.text(), error.allowed, error.hint)


CHECKS = (
    shares_add_up,
    errors_fit,
    times_fit,
    something_happens,
    trace_is_simple,
    time_zones,
    expectations,
)

__all__ = ["CHECKS", "whole"]
