"""`Quantity`: a number with its unit as a scenario has it (`$0.5`, `250ms`, `4/s`, `20%`), to step between two."""

import re
from dataclasses import dataclass, replace

_FORM = re.compile(r"\s*([^\d.+\-]*?)\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(.*?)\s*")
DIGITS = 6
"""Significant digits of a number between two."""


class RangeError(ValueError):
    """A range that cannot be stepped through, and what to write instead."""


@dataclass(frozen=True)
class Quantity:
    """What stands before the number, the number, what stands after it."""

    before: str
    number: float
    after: str
    whole: bool
    """Written without a point or a unit: a count."""

    def at(self, number: float) -> "Quantity":
        """Another number of the same kind; a count is rounded."""
        return replace(self, number=float(round(number)) if self.whole else float(f"{number:.{DIGITS}g}"))

    @property
    def value(self) -> str | int | float:
        """As a scenario takes it."""
        if self.before or self.after:
            return str(self)
        return int(self.number) if self.whole else self.number

    def __str__(self) -> str:
        text = (
            f"{self.number:.0f}" if self.number == int(self.number) and abs(self.number) < 1e15 else f"{self.number!r}"
        )
        return f"{self.before}{text}{self.after}"


def quantity(value: object) -> Quantity:
    """A quantity from a number, or from its text.

    Raises:
        RangeError: it is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Quantity("", float(value), "", isinstance(value, int))
    match = _FORM.fullmatch(str(value))
    if match is None:
        raise RangeError(f"`{value}` is not a number with a unit, e.g. 250ms, 4/s or 20%")
    before, number, after = match.groups()
    whole = not before and not after and re.fullmatch(r"[+-]?\d+", number) is not None
    return Quantity(before, float(number), after, whole)


@dataclass(frozen=True)
class Range:
    """From low to high, in steps where there is a step."""

    low: Quantity
    high: Quantity
    step: float | None = None

    def at(self, share: float) -> Quantity:
        """The value so far on the way from low to high."""
        return self.low.at(self.low.number + share * (self.high.number - self.low.number))

    def steps(self) -> list[Quantity]:
        """Every value: low, low + step, ... up to high.

        Raises:
            RangeError: there is no step.
        """
        if self.step is None:
            raise RangeError(f"`{self}` has no step: write {self}/STEP, or values with commas between them")
        return [self.low.at(self.low.number + k * self.step) for k in range(self.count)]

    @property
    def count(self) -> int:
        """How many steps there are; 0 without a step."""
        return 0 if self.step is None else 1 + int((self.high.number - self.low.number) / self.step + 1e-9)

    def __str__(self) -> str:
        return f"{self.low}..{self.high}"


def range_of(text: str) -> Range:
    """`A..B` or `A..B/STEP`, e.g. `1/s..20/s`, `100..1000/100`, `$1..$3/0.5`.

    Raises:
        RangeError: it is none, its ends have different units, or are the wrong way round.
    """
    first, dots, rest = text.partition("..")
    low = quantity(first)
    if not dots:
        raise RangeError(f"`{text}` is no range: write A..B, e.g. 1/s..20/s")
    kind = re.escape(low.before), re.escape(low.after)
    number = r"([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    match = re.fullmatch(rf"\s*{kind[0]}{number}{kind[1]}(?:/(?:{kind[0]})?{number}(?:{kind[1]})?)?\s*", rest)
    if match is None:
        raise RangeError(f"`{text}`: write both ends in the same unit, and the step after a slash, e.g. 1/s..20/s/0.5")
    step = None if match[2] is None else float(match[2])
    whole = low.whole and all(part is None or "." not in part for part in match.groups())
    low = replace(low, whole=whole)
    high = replace(low, number=float(match[1]))
    if high.number <= low.number or (step is not None and step <= 0):
        raise RangeError(f"`{text}`: the first end must be below the second, and a step above 0")
    return Range(low, high, step)
