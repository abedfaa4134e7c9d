"""Reading and writing quantities with units: exact, and refused with the repair.

Times are int nanoseconds, shares floats in [0, 1], rates floats per second, money int picodollars
(1e-12 USD), a month 730 hours. What is not understood raises `Invalid`, which says what to write.
"""

import math
import re
from decimal import Decimal
from fractions import Fraction
from typing import NoReturn

from simkit.scenario.errors import Invalid, shown

SECOND = 1_000_000_000
DOLLAR = 10**12
LONGEST = 100 * 365 * 86_400 * SECOND
"""Longest duration: 100 years, well inside int64."""
DEAREST = 10**6 * DOLLAR
"""Largest sum of money: a million dollars, well inside int64."""
DEAREST_TOKENS = 10_000
"""Dearest price in dollars per million tokens; with the longest prompt a bill stays inside int64."""
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
UNIT_WORDS = {
    "m": "min", "mins": "min", "minute": "min", "minutes": "min", "S": "s", "secs": "s", "second": "s", "seconds": "s",
    "hr": "h", "hrs": "h", "H": "h", "hour": "h", "hours": "h", "D": "d", "day": "d", "days": "d", "week": "w",
    "weeks": "w", "msec": "ms", "millisecond": "ms", "milliseconds": "ms",
}  # fmt: skip
"""What is meant by words that are no units here."""
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
    kind = "A map" if isinstance(value, dict) else "A list" if isinstance(value, list) else shown(value)
    return f"{kind} stands where a quantity belongs."


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


A_TIME = "a time with its unit, e.g. 250ms, 5s, 45min, 1h, 30d or 2d 14h"


def parse_duration(value: object) -> int:
    """Nanoseconds of e.g. `5s` or `2d 14h`. Raises `Invalid`."""
    rest = _text(value, A_TIME, "{0}s")
    total, unit = Fraction(0), ""
    while rest or not unit:
        number, rest = _number(rest, A_TIME)
        unit, rest = _UNIT_AND_REST.fullmatch(rest).groups()  # type: ignore[union-attr]  # matches every text
        if unit not in DURATIONS:
            wrong = f"`{shown(unit)}` is not a unit of time here." if unit else "A number has no unit of time."
            meant = f"Write `{UNIT_WORDS[unit]}`." if unit in UNIT_WORDS else ""
            _refuse(wrong, f"{A_TIME} (ns, us, ms, s, min, h, d, w)", meant)
        total += number * DURATIONS[unit]
    if total > LONGEST:
        _refuse("This is longer than 100 years.", A_TIME)
    return _whole(total, "This is finer than 1ns.", A_TIME)


def format_duration(ns: int) -> str:
    """Shortest exact text of a duration."""
    texts = [(decimal_text(Fraction(ns, DURATIONS[unit])), unit) for unit in ("ns", "us", "ms", "s", "min", "h", "d")]
    written = [number + unit for number, unit in reversed(texts) if number is not None]
    return min(written, key=lambda text: (len(text), "." in text)) if ns else "0s"


A_SHARE = "a percentage from 0% to 100%"


A_PERCENTAGE = "a percentage from 0% to 1000%"


def parse_share(value: object) -> float:
    """Fraction in [0, 1] of e.g. `25%`; the percent sign is required. Raises `Invalid`."""
    return _parse_percent(value, 100, A_SHARE)


def parse_percent(value: object) -> float:
    """Fraction in [0, 10] of e.g. `120%`; the percent sign is required. Raises `Invalid`."""
    return _parse_percent(value, 1000, A_PERCENTAGE)


def _parse_percent(value: object, most: int, allowed: str) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        _bare_share(value, allowed)
    text = _text(value, allowed, "{0}%")
    number, unit = _number(text, allowed)
    if unit != "%":
        _refuse(f"`{shown(unit)}` is not a percent sign.", allowed)
    if number > most:
        _refuse(f"This is more than {most}%.", allowed)
    return float(number / 100)


def _bare_share(value: float | str, allowed: str) -> None:
    """Refuses 0.25 with "write 25%", which is more likely meant than 0.25%."""
    try:
        number = Fraction(Decimal(str(value).strip()))
    except (ArithmeticError, ValueError):
        return
    if 0 < number <= 1:
        _refuse("A share needs a percent sign.", allowed, f"Write {decimal_text(number * 100)}%.")
    if 0 <= number <= 100:
        _refuse("A share needs a percent sign.", allowed, f"Write {decimal_text(number)}%.")


def format_share(share: float) -> str:
    """Shortest text of a share that reads back as the same float."""
    percent = (Decimal(repr(share)) * 100).normalize()
    plain = f"{percent:f}"
    return f"{plain if len(plain) <= 30 else percent}%"


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


A_RATE = "arrivals per time, e.g. 2/s, 40/min, 1k/h or 300/day"


def parse_rate(value: object) -> float:
    """Arrivals per second of e.g. `40/min`. Raises `Invalid`."""
    amount, period = _per(_text(value, A_RATE, "{0}/s"), A_RATE)
    number = _scaled(amount, A_RATE) * SECOND / period
    if number > 10**9:
        _refuse("This is more than a billion a second.", A_RATE)
    return float(number)


def format_rate(rate: float) -> str:
    """Shortest text of a rate that reads back as the same float."""
    texts = [f"{Decimal(repr(rate)):f}/s"]
    for unit in ("s", "min", "h", "day", "month"):
        seconds = PERIODS[unit] // SECOND
        for digits in range(1, 10):
            amount = Decimal(f"{rate * seconds:.{digits}g}")
            if float(Fraction(amount) / seconds) == rate:
                texts.append(f"{amount:f}/{unit}")
                break
    return min(texts, key=len)


A_COUNT = "a whole number, e.g. 300, 200k or 1.5M"


def parse_count(value: object) -> int:
    """A whole number >= 0 of e.g. `200k` or 300. Raises `Invalid`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        _refuse(_kind(value).replace("quantity", "whole number"), A_COUNT)
    if isinstance(value, float) and not math.isfinite(value):
        _refuse("This is not a finite number.", A_COUNT)
    number = _scaled(str(value), A_COUNT)
    if number > LARGEST:
        _refuse("This is too large.", A_COUNT)
    return _whole(number, "This is not a whole number.", A_COUNT)


def format_count(count: int) -> str:
    """Shortest exact text of a count."""
    texts = [(str(count), "")] + [(decimal_text(Fraction(count, SUFFIXES[s])), s) for s in ("k", "M", "G")]
    return min((number + suffix for number, suffix in texts if number is not None), key=len)


A_LIMIT = "an amount per time, e.g. 500/min, 30k/min or 10k/day"


def parse_limit(value: object) -> tuple[int, int]:
    """Amount (at least 1) and period in ns of e.g. `30k/min`. Raises `Invalid`."""
    text, period = _per(_text(value, A_LIMIT, "{0}/min"), A_LIMIT)
    amount = _whole(_scaled(text, A_LIMIT), "The amount is not a whole number.", A_LIMIT)
    if not 1 <= amount <= LARGEST:
        _refuse("A limit lets at least 1 through." if not amount else "This is too large.", A_LIMIT)
    return amount, period


def period_name(period_ns: int) -> str:
    """The short name of a period, e.g. `min`."""
    names = {PERIODS[name]: name for name in ("s", "min", "h", "day", "week", "month", "year")}
    return names[period_ns]


AN_AMOUNT = "an amount in US dollars, e.g. $0.004 or $290"


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
    dollars = _dollars(_text(value, AN_AMOUNT, "${0}"), AN_AMOUNT)
    return _money(dollars * DOLLAR, AN_AMOUNT, "a millionth of a millionth of a dollar")


def format_money(picodollars: int) -> str:
    """Shortest exact text of an amount of money."""
    return f"${decimal_text(Fraction(picodollars, DOLLAR))}"


A_FUND = "an amount in US dollars, e.g. $250000, $250k or $2.5M"
RICHEST = 10**10 * DOLLAR
"""Largest fund: ten thousand million dollars. No engine reckons with it."""


def _thousands(text: str) -> tuple[str, int]:
    """`$250k` as `$250` and a thousand."""
    suffix = text[-1:] if text.startswith("$") and text[-1:] in ("k", "M") else ""
    return text.removesuffix(suffix).strip(), SUFFIXES[suffix]


def parse_fund(value: object) -> int:
    """Picodollars of e.g. `$2.5M`. Raises `Invalid`."""
    text, scale = _thousands(_text(value, A_FUND, "${0}"))
    found = _dollars(text, A_FUND) * scale * DOLLAR
    if found > RICHEST:
        _refuse("This is more than $10,000,000,000.", A_FUND)
    return _whole(found, "This is finer than a millionth of a millionth of a dollar.", A_FUND)


A_PRICE = "US dollars per million tokens, e.g. $2.5"


def parse_token_price(value: object) -> int:
    """Picodollars per token of e.g. `$2.5` (per million tokens). Raises `Invalid`."""
    text = _text(value, A_PRICE, "${0}")
    text = re.sub(r"\s*(/\s*1?M|per million)(\s*tokens)?$", "", text)
    dollars = _dollars(text, A_PRICE)
    if dollars > DEAREST_TOKENS:
        _refuse("This is more than $10,000 per million tokens.", A_PRICE)
    return _money(dollars * 10**6, A_PRICE, "$0.000001")


def format_token_price(picodollars: int) -> str:
    """Shortest exact text of a price per million tokens."""
    return f"${decimal_text(Fraction(picodollars, 10**6))}"


A_COST = "US dollars per time, e.g. $200/month or $0.5/h"


def parse_money_per(value: object) -> tuple[int, int]:
    """Picodollars and period in ns of e.g. `$200/month`. Raises `Invalid`."""
    text, period = _per(_text(value, A_COST, "${0}/month"), A_COST)
    text, scale = _thousands(text.strip())
    dollars = _dollars(text, A_COST) * scale
    return _money(dollars * DOLLAR, A_COST, "a millionth of a millionth of a dollar"), period


A_NUMBER = "a number above 0, e.g. 1.5"


def parse_positive(value: object) -> float:
    """A number above 0. Raises `Invalid`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse("This is not a plain number." if isinstance(value, str) else _kind(value), A_NUMBER)
    if not math.isfinite(value) or value <= 0 or value > 1e15:
        _refuse("This is not a finite number above 0.", A_NUMBER)
    return float(value)


def format_number(number: float) -> float | int:
    """A number as YAML writes it: whole ones without a point."""
    return int(number) if number == int(number) and abs(number) < 2**53 else number
