"""The usual suspects: what one would move where a scenario names no knobs, as paths with their low and high ends."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simkit.scenario.errors import Invalid
from simkit.scenario.paths import find, resolve
from simkit.scenario.scenario import Document
from simkit.study.quantity import RangeError, quantity

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

Range = tuple[str, str, str]
"""Path, low, high."""
GROWTH = "traffic.users.growth"
SIZES = {"constant": "", "linear": ".start", "exponential": ".start", "logistic": ".most", "launch": ".users"}
"""Of each form in which users sign up, the number that says how many do."""


def suspects(scenario: "Scenario") -> Iterator[Range]:
    """Load, misrouting, caches, price, outage, retries."""
    document = scenario.document
    for load in ("traffic.users.daily_active", "traffic.rate", "traffic.sessions.rate"):
        yield from _around(scenario, load, 0.2, 20)
    yield from _growth(scenario)
    for route in document.routes:
        for complexity in ("complex", "simple"):
            yield f"routes.{route}.misrouted.{complexity}", "0%", "30%"
    for cache in ("exact", "semantic"):
        yield f"caches.{cache}.ttl", "1min", "1d"
    for model in list(document.models)[:1]:
        yield f"models.{model}.deployments.0.price_uplift", "0.5", "2.0"
    for place in range(min(1, len(document.incidents))):
        yield f"incidents.{place}.lasts", "1min", "1d"
    yield "resilience.max_retries", "0", "6"


def _growth(scenario: "Scenario") -> Iterator[Range]:
    """Users who are there at the start, and how many sign up."""
    users = scenario.document.traffic.users
    growth = users.growth if users is not None else None
    if growth is None:
        return
    yield from _around(scenario, f"{GROWTH}.base.users", 0.2, 5)
    yield from _around(scenario, f"{GROWTH}.base", 0.2, 5)
    for place, one in enumerate(growth.acquisition):
        form = next(form for form in one.forms if getattr(one, form) is not None)
        if form in SIZES:
            yield from _signups(scenario, place, form)


def _signups(scenario: "Scenario", place: int, form: str) -> Iterator[Range]:
    """Of one form, however it is written: in a list or alone, a bare number or a map."""
    for member in (f"{GROWTH}.acquisition.{place}", f"{GROWTH}.acquisition"):
        for path in (f"{member}.{form}{SIZES[form]}", member):
            found = list(_around(scenario, path, 0.2, 5))
            if found:
                yield found[0]
                return


def _around(scenario: "Scenario", path: str, low: float, high: float) -> Iterator[Range]:
    """From so many times what stands there to so many; nothing where that is nothing or no number."""
    now = written(scenario, path)
    if now is not None and _times(now, 2) != now:
        yield path, _times(now, low), _times(now, high)


def _times(text: str, factor: float) -> str:
    """A quantity so many times as large; of nonsense itself."""
    try:
        one = quantity(text)
    except RangeError:
        return text
    number = one.number * factor
    return str(one.at(max(1.0, number) if one.whole and number else number))


def written(scenario: "Scenario", path: str) -> str | None:
    """What stands at a path in the full form; None: nothing, or no single value."""
    try:
        node = find(scenario.tree, resolve(path, scenario.tree, Document))
    except Invalid:
        return None
    return None if node is None or isinstance(node.value, dict | list) or node.value is None else node.text()
