"""Quantities with units: read once and exactly, and written back as their shortest text.

Times are int nanoseconds, shares floats in [0, 1], rates floats per second, money int picodollars
(1e-12 USD), a month 730 hours. A quantity that is not understood raises `Invalid` with its repair.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, NoReturn

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simkit.scenario.errors import Invalid, shown

SECOND = 1_000_000_000
DOLLAR = 10**12
LONGEST = 100 * 365 * 86_400 * SECOND
"""Longest duration: 100 years, well inside int64."""
DEAREST = 10**6 * DOLLAR
"""Largest sum of money: a million dollars, well inside int64."""
LARGEST = 10**15
"""Largest count."""

DURATIONS = {
    "ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": SECOND, "sec": SECOND, "min": 60 * SECOND,
    "h": 3600 * SECOND, "d": 86_400 * SECOND, "w": 7 * 86_400 * SECOND,
}  # fmt: skip
PERIODS = {
    "s": SECOND, "sec": SECOND, "second": SECOND, "min": 60 * SECOND, "minute": 60 * SECOND,
    "h": 3600 * SECOND, "hour": 3600 * SECOND, "d": 86_400 * SECOND, "day": 86_400 * SECOND,
    "w": 7 * 86_400 * SECOND, "week": 7 * 86_400 * SECOND, "month": 730 * 3600 * SECOND, "year": 8760 * 3600 * SECOND,
}  # fmt: skip
SUFFIXES = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}

NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:(?<=\d)\.\d*|(?<![\d.])\.\d+)?(?:(?<=[\d.])[eE][+-]?\d{1,2})?"
_SIGNED = re.compile(rf"([+-]?)({NUMBER})\s*(.*)", re.DOTALL)
_UNIT_AND_REST = re.compile(r"([^\d\s.]*)\s*(.*)", re.DOTALL)


def _refuse(message: str, allowed: str, hint: str = "") -> NoReturn:
    raise Invalid(message, allowed, hint)


def _number(text: str, allowed: str) -> tuple[Fraction, str]:
    """The non-negative number that a text begins with, exactly, and the rest of the text.

    Raises:
        Invalid: there is no number, or it is negative, or not finite.
    """
    match = _SIGNED.match(text.strip()) if len(text) <= 60 else None
    if match is None or not match[2]:
        word = text.strip().lower().lstrip("+-.")
        if word.startswith(("inf", "nan")):
            _refuse("This is not a finite number.", allowed)
        _refuse("This is not understood.", allowed)
    number = Fraction(Decimal(match[2].replace(",", "")))
    if match[1] == "-" and number:
        _refuse("This must not be negative.", allowed)
    return number, match[3].strip()


def _text(value: object, allowed: str, repair: str) -> str:
    """The text of a quantity that needs a unit; a bare number is refused with the `repair` filled in."""
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(r"[+-]?" + NUMBER, text) or not text:
            return text
        value = text
    elif isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(_kind(value), allowed)
    if isinstance(value, float) and not math.isfinite(value):
        _refuse("This is not a finite number.", allowed)
    number = str(value)
    if number.startswith("-") and number.strip("-0."):
        _refuse("This must not be negative.", allowed)
    return _refuse("A number alone does not say its unit.", allowed, f"Write {repair.format(number)}.")


def _kind(value: object) -> str:
    """What a value of a wrong kind is, in words."""
    if value is None:
        return "The value is empty."
    if isinstance(value, bool):
        return f"`{str(value).lower()}` stands where a quantity belongs."
    kinds = {dict: "A map stands", list: "A list stands"}
    return f"{kinds.get(type(value), f'{shown(value)} stands')} where a quantity belongs."


def _whole(number: Fraction, message: str, allowed: str) -> int:
    if number.denominator != 1:
        _refuse(message, allowed)
    return int(number)


def decimal_text(number: Fraction) -> str | None:
    """A number as its shortest plain decimal, e.g. `0.25`; None where it has no finite one."""
    digits, rest = 0, number.denominator
    while rest % 10 == 0:
        rest, digits = rest // 10, digits + 1
    while rest % 5 == 0 or rest % 2 == 0:
        rest, digits = rest // (5 if rest % 5 == 0 else 2), digits + 1
    if rest != 1:
        return None
    return f"{Decimal(number.numerator) / Decimal(number.denominator):f}" if digits <= 25 else None


_DURATION = "a time with its unit, e.g. 250ms, 5s, 45min, 1h, 30d or 2d 14h"


def parse_duration(value: object) -> int:
    """Nanoseconds of e.g. `5s` or `2d 14h`. Raises `Invalid`."""
    rest = _text(value, _DURATION, "{0}s")
    total, unit = Fraction(0), ""
    while rest or not unit:
        number, rest = _number(rest, _DURATION)
        unit, rest = _UNIT_AND_REST.fullmatch(rest).groups()  # type: ignore[union-attr]  # matches every text
        if unit not in DURATIONS:
            wrong = f"`{shown(unit)}` is not a unit of time here." if unit else "A number has no unit of time."
            _refuse(wrong, f"{_DURATION} (ns, us, ms, s, min, h, d, w)")
        total += number * DURATIONS[unit]
    if total > LONGEST:
        _refuse("This is longer than 100 years.", _DURATION)
    return _whole(total, "This is finer than 1ns.", _DURATION)


def format_duration(ns: int) -> str:
    """Shortest exact text of a duration."""
    texts = [(decimal_text(Fraction(ns, DURATIONS[unit])), unit) for unit in ("ns", "us", "ms", "s", "min", "h", "d")]
    return min((number + unit for number, unit in reversed(texts) if number is not None), key=len) if ns else "0s"


_SHARE = "a percentage from 0% to 100%"


def parse_share(value: object) -> float:
    """Fraction in [0, 1] of e.g. `25%`; the percent sign is required. Raises `Invalid`."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        _bare_share(value)
    text = _text(value, _SHARE, "{0}%")
    number, unit = _number(text, _SHARE)
    if unit != "%":
        _refuse(f"`{shown(unit)}` is not a percent sign.", _SHARE)
    if number > 100:
        _refuse("This is more than 100%.", _SHARE)
    return float(number / 100)


def _bare_share(value: float | str) -> None:
    """Refuses 0.25 with "write 25%", which is more likely meant than 0.25%."""
    try:
        number = Fraction(Decimal(str(value).strip()))
    except (ArithmeticError, ValueError):
        return
    if 0 < number <= 1:
        _refuse("A share needs a percent sign.", _SHARE, f"Write {decimal_text(number * 100)}%.")
    if 0 <= number <= 100:
        _refuse("A share needs a percent sign.", _SHARE, f"Write {decimal_text(number)}%.")


def format_share(share: float) -> str:
    """Shortest text of a share that reads back as the same float."""
    text = f"{(Decimal(repr(share)) * 100).normalize():f}"
    return f"{text}%"


def _per(text: str, allowed: str) -> tuple[str, int]:
    """Splits `AMOUNT/PERIOD` into the amount's text and the period in ns."""
    amount, slash, period = text.partition("/")
    period = period.strip()
    if not slash or not period:
        _refuse("This does not say per what time.", allowed)
    if period not in PERIODS:
        _refuse(f"`{shown(period)}` is not a period here.", f"{allowed} (per s, min, h, day, week, month)")
    return amount, PERIODS[period]


def _scaled(text: str, allowed: str) -> Fraction:
    """A number with an optional suffix k, M or G."""
    number, suffix = _number(text, allowed)
    if suffix not in SUFFIXES:
        hint = "A capital M is a million." if suffix == "m" else ""
        _refuse(f"`{shown(suffix)}` is not a suffix of numbers here (k, M or G).", allowed, hint)
    return number * SUFFIXES[suffix]


_RATE = "arrivals per time, e.g. 2/s, 40/min, 1k/h or 300/day"


def parse_rate(value: object) -> float:
    """Arrivals per second of e.g. `40/min`. Raises `Invalid`."""
    amount, period = _per(_text(value, _RATE, "{0}/s"), _RATE)
    number = _scaled(amount, _RATE) * SECOND / period
    if number > 10**9:
        _refuse("This is more than a billion a second.", _RATE)
    return float(number)


def format_rate(rate: float) -> str:
    """Shortest text of a rate that reads back as the same float."""
    texts = [f"{rate!r}/s" if "e" not in repr(rate) else f"{Decimal(repr(rate)):f}/s"]
    for unit in ("s", "min", "h", "day", "month"):
        amount = rate * PERIODS[unit] / SECOND
        for digits in range(1, 10):
            text = f"{Decimal(f'{amount:.{digits}g}'):f}/{unit}"
            if parse_rate(text) == rate:
                texts.append(text)
                break
    return min(texts, key=len)


_COUNT = "a whole number, e.g. 300, 200k or 1.5M"


def parse_count(value: object) -> int:
    """A whole number >= 0 of e.g. `200k` or 300. Raises `Invalid`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        _refuse(_kind(value).replace("quantity", "whole number"), _COUNT)
    if isinstance(value, float) and not math.isfinite(value):
        _refuse("This is not a finite number.", _COUNT)
    number = _scaled(str(value), _COUNT)
    if number > LARGEST:
        _refuse("This is too large.", _COUNT)
    return _whole(number, "This is not a whole number.", _COUNT)


def format_count(count: int) -> str:
    """Shortest exact text of a count."""
    texts = [(str(count), "")] + [(decimal_text(Fraction(count, SUFFIXES[s])), s) for s in ("k", "M", "G")]
    return min((number + suffix for number, suffix in texts if number is not None), key=len)


_LIMIT = "an amount per time, e.g. 500/min, 30k/min or 10k/day"


@dataclass(frozen=True)
class Limit:
    """So many per period."""

    amount: int
    """Whole number, at least 1."""
    period_ns: int
    """Length of the period in ns."""

    @classmethod
    def parse(cls, value: object) -> "Limit":
        """Reads e.g. `30k/min`. Raises `Invalid`."""
        text, period = _per(_text(value, _LIMIT, "{0}/min"), _LIMIT)
        amount = _whole(_scaled(text, _LIMIT), "The amount is not a whole number.", _LIMIT)
        if not 1 <= amount <= LARGEST:
            _refuse("A limit lets at least 1 through." if not amount else "This is too large.", _LIMIT)
        return cls(amount, period)

    def __str__(self) -> str:
        return f"{format_count(self.amount)}/{_period_name(self.period_ns)}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _QUANTITIES[cls].core_schema()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _QUANTITIES[cls].json_schema()


def _period_name(period_ns: int) -> str:
    names = {PERIODS[name]: name for name in ("s", "min", "h", "day", "week", "month", "year")}
    return names[period_ns]


_MONEY = "an amount in US dollars, e.g. $0.004 or $290"


def _dollars(text: str, allowed: str) -> Fraction:
    """US dollars of `$0.3` or `0.3 USD`."""
    match = re.fullmatch(r"([+-]?)\s*\$\s*(.*)|(.*?)\s*(?:USD|\$)", text.strip(), re.DOTALL)
    if match is None:
        currency = re.search(r"[€£¥]|\b[A-Z]{3}\b", text)
        _refuse("Only US dollars are understood." if currency else "This is not understood.", allowed)
    sign, amount = match[1] or "", match[2] if match[2] is not None else match[3]
    number, rest = _number(sign + amount, allowed)
    if rest:
        _refuse("This is not understood.", allowed)
    return number


def _money(number: Fraction, allowed: str, finest: str) -> int:
    if number > DEAREST:
        _refuse("This is more than a million dollars.", allowed)
    return _whole(number, f"This is finer than {finest}.", allowed)


def parse_money(value: object) -> int:
    """Picodollars of e.g. `$0.004`. Raises `Invalid`."""
    dollars = _dollars(_text(value, _MONEY, "${0}"), _MONEY)
    return _money(dollars * DOLLAR, _MONEY, "a millionth of a millionth of a dollar")


def format_money(picodollars: int) -> str:
    """Shortest exact text of an amount of money."""
    return f"${decimal_text(Fraction(picodollars, DOLLAR))}"


_PRICE = "US dollars per million tokens, e.g. $2.5"


def parse_token_price(value: object) -> int:
    """Picodollars per token of e.g. `$2.5` (per million tokens). Raises `Invalid`."""
    text = _text(value, _PRICE, "${0}")
    text = re.sub(r"\s*(/\s*1?M|per million)(\s*tokens)?$", "", text)
    return _money(_dollars(text, _PRICE) * 10**6, _PRICE, "$0.000001")


def format_token_price(picodollars: int) -> str:
    """Shortest exact text of a price per million tokens."""
    return f"${decimal_text(Fraction(picodollars, 10**6))}"


_MONEY_PER = "US dollars per time, e.g. $200/month or $0.5/h"


@dataclass(frozen=True)
class MoneyPer:
    """Money per period (a month is 730 h)."""

    picodollars: int
    """Amount for one period."""
    period_ns: int
    """Length of the period in ns."""

    @classmethod
    def parse(cls, value: object) -> "MoneyPer":
        """Reads e.g. `$200/month`. Raises `Invalid`."""
        text, period = _per(_text(value, _MONEY_PER, "${0}/month"), _MONEY_PER)
        dollars = _dollars(text, _MONEY_PER)
        return cls(_money(dollars * DOLLAR, _MONEY_PER, "a millionth of a millionth of a dollar"), period)

    def __str__(self) -> str:
        return f"{format_money(self.picodollars)}/{_period_name(self.period_ns)}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _QUANTITIES[cls].core_schema()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _QUANTITIES[cls].json_schema()


def parse_positive(value: object) -> float:
    """A number above 0. Raises `Invalid`."""
    allowed = "a number above 0, e.g. 1.5"
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse("This is not a plain number." if isinstance(value, str) else _kind(value), allowed)
    if not math.isfinite(value) or value <= 0 or value > 1e15:
        _refuse("This is not a finite number above 0.", allowed)
    return float(value)


def format_number(number: float) -> float | int:
    """A number as YAML writes it: whole ones without a point."""
    return int(number) if number == int(number) and abs(number) < 2**53 else number


@dataclass(frozen=True, eq=False)
class Quantity:
    """Pydantic metadata: how a type is read, written back, and described to editors."""

    parse: Callable[[object], Any]
    write: Callable[[Any], Any]
    schema: tuple[dict[str, Any], ...]
    """Alternatives of the JSON Schema."""
    help: str

    def core_schema(self) -> CoreSchema:
        """Reads by `parse`; the JSON form is written by `write`."""
        write = core_schema.plain_serializer_function_ser_schema(self.write, when_used="json")
        return core_schema.no_info_plain_validator_function(self.parse, serialization=write)

    def json_schema(self) -> JsonSchemaValue:
        """The alternatives with their help."""
        alternatives = [dict(one) for one in self.schema]
        body = alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}
        return {**body, "description": self.help[0].upper() + self.help[1:] + "."}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.core_schema()

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.json_schema()


def _like(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^\s*{pattern}\s*$"}


_PLAIN = r"\+?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d{1,2})?"
_SCALE = r"\s*[kKMG]?\s*"
_PERIOD = r"/\s*(" + "|".join(PERIODS) + ")"
_DOLLARS = rf"(\+?\$\s*{_PLAIN}|{_PLAIN}\s*(USD|\$))\s*"
_UNITS = "|".join(DURATIONS)

_QUANTITIES: dict[type, Quantity] = {
    Limit: Quantity(Limit.parse, str, (_like(_PLAIN + _SCALE + _PERIOD),), _LIMIT),
    MoneyPer: Quantity(MoneyPer.parse, str, (_like(_DOLLARS + _PERIOD),), _MONEY_PER),
}

Duration = Annotated[
    int, Quantity(parse_duration, format_duration, (_like(rf"({_PLAIN}\s*({_UNITS})\s*)+"),), _DURATION)
]
"""A time in ns, e.g. `250ms`, `2d 14h`."""
Share = Annotated[float, Quantity(parse_share, format_share, (_like(_PLAIN + r"\s*%"),), _SHARE)]
"""A share in [0, 1], e.g. `25%`."""
Rate = Annotated[float, Quantity(parse_rate, format_rate, (_like(_PLAIN + _SCALE + _PERIOD),), _RATE)]
"""Arrivals per second, e.g. `40/min`."""
Money = Annotated[int, Quantity(parse_money, format_money, (_like(_DOLLARS),), _MONEY)]
"""Picodollars, e.g. `$0.004`."""
TokenPrice = Annotated[
    int,
    Quantity(
        parse_token_price, format_token_price, (_like(_DOLLARS + r"((/\s*1?M|per million)(\s*tokens)?)?"),), _PRICE
    ),
]
"""Picodollars per token, written per million tokens, e.g. `$2.5`."""
Count = Annotated[
    int, Quantity(parse_count, format_number, ({"type": "integer", "minimum": 0}, _like(_PLAIN + _SCALE)), _COUNT)
]
"""A whole number >= 0, e.g. 300, `200k`."""
PositiveFloat = Annotated[
    float, Quantity(parse_positive, format_number, ({"type": "number", "exclusiveMinimum": 0},), "a number above 0")
]
"""A number above 0."""
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:+@-]*$", max_length=100)]
"""A name: letters, digits and _ . : + @ -"""
