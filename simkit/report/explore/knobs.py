"""What can be moved: the scenario's own `knobs`, else the usual suspects that it has."""

from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simkit.scenario.errors import Invalid, ScenarioError
from simkit.scenario.paths import find, resolve
from simkit.scenario.scenario import Document
from simkit.scenario.units import parse_duration
from simkit.study.quantity import Quantity, RangeError, quantity

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

STEPS = 20
"""Positions of a slider between its ends."""
WIDE = 20.0
"""A range whose high end is so many times its low end is stepped through by factors."""
UNITS = (("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3))
Settings = Mapping[str, Any]
"""Field path to value, as `Scenario.set` takes them."""


@dataclass(frozen=True)
class Position:
    """Where a slider can stand: what it says, and what that sets in the scenario."""

    text: str
    settings: Settings


@dataclass(frozen=True)
class Knob:
    """A slider."""

    name: str
    """The field's path, or what is moved together."""
    positions: tuple[Position, ...]
    now: int
    """The position that the scenario has."""


def knobs_of(scenario: "Scenario") -> tuple[Knob, ...]:
    """The knobs that the scenario names; where it names none, those of the usual suspects that it has."""
    named = scenario.document.knobs
    ranges = [(path, str(low), str(high)) for path, (low, high) in named.items()] or list(_suspects(scenario))
    found = [_knob(scenario, path, low, high) for path, low, high in ranges]
    mixes = [] if named else [_mix(scenario, kind) for kind in scenario.document.actions]
    return tuple(one for one in (*found, *mixes) if one is not None)


def _suspects(scenario: "Scenario") -> Iterator[tuple[str, str, str]]:
    """Load, misrouting, caches, price, outage, retries: path, low, high."""
    document = scenario.document
    for load in ("traffic.users.daily_active", "traffic.rate", "traffic.sessions.rate"):
        now = written(scenario, load)
        if now is not None:
            yield load, _times(now, 0.2), _times(now, 20)
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


def _times(text: str, factor: float) -> str:
    """A quantity so many times as large; of nonsense itself."""
    try:
        one = quantity(text)
    except RangeError:
        return text
    return str(one.at(max(1.0, one.number * factor) if one.whole else one.number * factor))


def written(scenario: "Scenario", path: str) -> str | None:
    """What stands at a path in the full form; None: nothing, or no single value."""
    try:
        node = find(scenario.tree, resolve(path, scenario.tree, Document))
    except Invalid:
        return None
    return None if node is None or isinstance(node.value, dict | list) or node.value is None else node.text()


def _knob(scenario: "Scenario", path: str, low: str, high: str) -> Knob | None:
    """A slider from low to high through what the scenario has; None where that cannot be moved."""
    now = written(scenario, path)
    texts = between(low, high)
    if now is None and not scenario.document.knobs:
        now = DEFAULTS.get(path.rpartition(".")[2])
        if now is None:
            return None
    texts, place = _with_now(texts, now)
    ends = [_set(scenario, {path: value_of(text)}) for text in (texts[0], texts[-1])]
    if not all(ends) or len(texts) < 2:
        return None
    return Knob(path, tuple(Position(text, {path: value_of(text)}) for text in texts), place)


DEFAULTS = {"price_uplift": "1.0", "max_retries": "2"}
"""What holds where a scenario does not say."""


def value_of(text: str) -> Any:
    """A text as `Scenario.set` takes it."""
    try:
        return quantity(text).value
    except RangeError:
        return text


def _with_now(texts: list[str], now: str | None) -> tuple[list[str], int]:
    """The texts with the present value among them, in order where it can be compared; and its place."""
    if now is None:
        return texts, 0
    sizes = [_size(text) for text in (*texts, now)]
    if None in sizes or len({kind for kind, _ in filter(None, sizes)}) > 1:
        return ([*texts], texts.index(now)) if now in texts else ([now, *texts], 0)
    *every, mine = [one[1] for one in sizes if one is not None]
    if mine in every:
        return [*texts], every.index(mine)
    place = bisect(every, mine)
    return [*texts[:place], now, *texts[place:]], place


def _size(text: str) -> tuple[str, float] | None:
    """Kind and size of a quantity, so that those of one kind can be put in order."""
    try:
        return "time", float(parse_duration(text))
    except Invalid:
        pass
    try:
        one = quantity(text)
    except RangeError:
        return None
    return f"{one.before}{one.after}", one.number


def between(low: str, high: str) -> list[str]:
    """Texts from low to high in even steps, or by even factors where the range is wide."""
    ends = _size(low), _size(high)
    if ends[0] is None or ends[1] is None or ends[0][0] != ends[1][0]:
        return [low, high]
    (kind, first), last = ends[0], ends[1][1]
    one = Quantity("", first, "", False) if kind == "time" else quantity(low)
    whole = one.whole and quantity(high).whole
    found = [low]
    for number in _steps(first, last, whole):
        text = _time(number) if kind == "time" else str(Quantity(one.before, number, one.after, whole))
        if text not in (found[-1], high):
            found.append(text)
    return [*found, high]


def _steps(first: float, last: float, whole: bool) -> Iterator[float]:
    """Round numbers between two."""
    by_factors = first > 0 and last / first >= WIDE
    for step in range(1, STEPS):
        share = step / STEPS
        number = first * (last / first) ** share if by_factors else first + share * (last - first)
        number = float(f"{number:.2g}" if by_factors else f"{number:.3g}")
        if first < number < last:
            yield float(round(number)) if whole else number


def _time(ns: float) -> str:
    """A duration as a scenario has it, with two digits."""
    seconds = ns / 1e9
    unit, size = next((one for one in UNITS if seconds >= one[1]), UNITS[-1])
    return f"{float(f'{seconds / size:.2g}'):g}{unit}"


def _mix(scenario: "Scenario", kind: str) -> Knob | None:
    """The share of simple questions of a kind of action, where it has two complexities."""
    shares = scenario.document.actions[kind].complexity
    if not isinstance(shares, dict) or len(shares) != 2:
        return None
    first, second = shares
    path = f"actions.{kind}.complexity"
    texts, place = _with_now(between("0%", "100%"), written(scenario, f"{path}.{first}"))
    made = [Position(text, {path: {first: text, second: f"{100 - quantity(text).number:g}%"}}) for text in texts]
    return Knob(f"{path}.{first}", tuple(made), place) if _set(scenario, made[0].settings) else None


def _set(scenario: "Scenario", settings: Settings) -> bool:
    """Can the scenario have these values?"""
    try:
        scenario.set({"knobs": None, **settings})
    except ScenarioError:
        return False
    return True
