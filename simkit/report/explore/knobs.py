"""What can be moved: the scenario's own `knobs`, else the usual suspects that it has."""

from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simkit.report.explore.labels import about, label_of
from simkit.report.explore.suspects import suspects, written
from simkit.scenario.errors import Invalid
from simkit.scenario.knobs import refusal
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
    label: str = ""
    """What it moves, in words."""
    about: str = ""
    """The path, with the schema's help."""


@dataclass(frozen=True)
class Panel:
    """All sliders."""

    knobs: tuple[Knob, ...]
    notes: tuple[str, ...]
    """What cannot be moved, and why."""


def panel_of(scenario: "Scenario") -> Panel:
    """The knobs that the scenario names; where it names none, those of the usual suspects that it has."""
    named = scenario.document.knobs
    bare = scenario.set({"knobs": None}) if named else scenario
    if not named:
        every = [_knob(bare, *one, default=True)[0] for one in suspects(bare)]
        mixes = [_mix(bare, kind) for kind in bare.document.actions]
        knobs = tuple(one for one in (*every, *mixes) if one is not None)
        return Panel(knobs, () if knobs else (NOTHING,))
    found = [_knob(bare, path, str(low), str(high)) for path, (low, high) in named.items()]
    notes = tuple(note for _, note in found if note)
    return Panel(tuple(knob for knob, _ in found if knob is not None), notes)


UNMOVED = "as it is"
NOTHING = (
    "There is nothing to move: the scenario names no knobs, and has none of the usual ones (load, misrouting, caches, "
    "prices, incidents, retries, share of simple questions). Write some into it, e.g. "
    "`knobs: {service.workers: [5, 50]}`."
)


def knobs_of(scenario: "Scenario") -> tuple[Knob, ...]:
    """The sliders alone."""
    return panel_of(scenario).knobs


def _knob(scenario: "Scenario", path: str, low: str, high: str, default: bool = False) -> tuple[Knob | None, str]:
    """A slider from low to high through what the scenario has, and where it cannot go there why.

    Args:
        default: does what the scenario does not say have a value to begin with (see DEFAULTS), or no slider?
    """
    now = written(scenario, path)
    if now is None and default:
        now = DEFAULTS.get(path.rpartition(".")[2])
        if now is None:
            return None, ""
    texts, place = _with_now(between(low, high), now)
    every = [Position(text, {path: value_of(text)}) for text in texts]
    if now is None:  # what holds is not written there, so that no place of the slider is it
        every.insert(0, Position(UNMOVED, {}))
    kept, why = _in_reach(scenario, every, every[place])
    label = label_of(scenario, path)
    if len(kept) < 2:
        return None, f"{label} ({path}) cannot be moved{why or ', it has one place only.'}"
    told = f"{label} ({path}) goes only from {kept[0].text} to {kept[-1].text}{why}" if why else ""
    return Knob(path, tuple(kept), kept.index(every[place]), label, about(scenario, path)), told


def _in_reach(scenario: "Scenario", every: list[Position], now: Position) -> tuple[list[Position], str]:
    """The positions that can be tried, and why an end cannot."""
    ends = [(one.text, refusal(scenario, one.settings)) for one in (every[0], every[-1])]
    why = "; ".join(f"at {text} the scenario is not valid: {refused}" for text, refused in ends if refused)
    if not why:
        return every, ""
    return [one for one in every if one is now or not refusal(scenario, one.settings)], f": {why}"


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
    if refusal(scenario, made[0].settings):
        return None
    name = f"{path}.{first}"
    return Knob(name, tuple(made), place, label_of(scenario, name), f"{name}: the others are {second}.")
