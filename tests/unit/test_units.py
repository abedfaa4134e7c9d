"""Quantities: exact, refused with repair text, and written back so that they read the same."""

import math
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simkit.scenario import measures, units
from simkit.scenario.errors import Invalid
from simkit.scenario.measures import (
    format_count,
    format_duration,
    format_money,
    format_rate,
    format_share,
    format_token_price,
    parse_count,
    parse_duration,
    parse_money,
    parse_positive,
    parse_rate,
    parse_share,
    parse_token_price,
)
from simkit.scenario.units import Count, Duration, Limit, Money, MoneyPer, PositiveFloat, Rate, Share, TokenPrice

S = 10**9
GOOD = [
    (parse_duration, "250ms", S // 4), (parse_duration, "5s", 5 * S), (parse_duration, "2d 14h", 62 * 3600 * S),
    (parse_duration, "2d14h", 62 * 3600 * S), (parse_duration, "45min", 2700 * S), (parse_duration, "1h", 3600 * S),
    (parse_duration, "30d", 30 * 86400 * S), (parse_duration, "2w", 14 * 86400 * S), (parse_duration, "500us", 500_000),
    (parse_duration, "10ns", 10), (parse_duration, " 8.3 ms ", 8_300_000), (parse_duration, "1e3s", 1000 * S),
    (parse_duration, "0s", 0), (parse_duration, ".5s", S // 2), (parse_duration, "1,000s", 1000 * S),
    (parse_share, "25%", 0.25), (parse_share, "0%", 0.0), (parse_share, "100%", 1.0), (parse_share, "99.95 %", 0.9995),
    (parse_share, "33.3%", 0.333), (parse_share, "1e-3%", 0.00001),
    (parse_rate, "2/s", 2.0), (parse_rate, "40/min", 40 / 60), (parse_rate, "1k/h", 1000 / 3600),
    (parse_rate, "300/day", 300 / 86400), (parse_rate, "0.5 / s", 0.5), (parse_rate, "730/month", 730 / (730 * 3600)),
    (Limit.parse, "500/min", Limit(500, 60 * S)), (Limit.parse, "30k/min", Limit(30_000, 60 * S)),
    (Limit.parse, "10k/day", Limit(10_000, 86400 * S)), (Limit.parse, "2M/min", Limit(2_000_000, 60 * S)),
    (parse_money, "$0.004", 4 * 10**9), (parse_money, "$290", 290 * 10**12), (parse_money, "0.3 USD", 3 * 10**11),
    (parse_money, "$0.3", 3 * 10**11), (parse_money, "$1,200", 1200 * 10**12), (parse_money, "$0.000000000001", 1),
    (MoneyPer.parse, "$200/month", MoneyPer(200 * 10**12, 730 * 3600 * S)),
    (MoneyPer.parse, "0.5 USD/h", MoneyPer(5 * 10**11, 3600 * S)),
    (parse_token_price, "$2.5", 2_500_000), (parse_token_price, "$0.15/M", 150_000),
    (parse_token_price, "3 USD", 3_000_000),
    (parse_count, 300, 300), (parse_count, "200k", 200_000), (parse_count, "1.5M", 1_500_000), (parse_count, 1e3, 1000),
    (parse_count, "2G", 2 * 10**9), (parse_positive, 1.5, 1.5), (parse_positive, 3, 3.0),
]  # fmt: skip

BAD = [
    (parse_duration, 5, "unit", "Write 5s."), (parse_duration, "0.5", "unit", "Write 0.5s."),
    (parse_duration, "-5s", "negative", ""), (parse_duration, "nan", "finite", ""),
    (parse_duration, math.inf, "finite", ""),
    (parse_duration, "5x", "`x` is not a unit", ""), (parse_duration, "5 minutes", "not a unit", "Write `min`."),
    (parse_duration, "2d 14", "no unit", ""), (parse_duration, "", "not understood", ""),
    (parse_duration, None, "empty", ""),
    (parse_duration, True, "true", ""), (parse_duration, "0.1ns", "finer", ""),
    (parse_duration, "101,000d", "longer", ""),
    (parse_duration, "1e99s", "longer", ""), (parse_duration, [5], "list", ""),
    (parse_share, 0.25, "percent sign", "Write 25%."), (parse_share, "0.995", "percent sign", "Write 99.5%."),
    (parse_share, 25, "percent sign", "Write 25%."), (parse_share, "120%", "more than 100%", ""),
    (parse_share, "-1%", "negative", ""), (parse_share, "nan%", "finite", ""),
    (parse_share, "some", "not understood", ""),
    (parse_share, math.nan, "finite", ""), (parse_share, "5‰", "percent sign", ""), (parse_share, -0.5, "negative", ""),
    (parse_rate, 2, "unit", "Write 2/s."), (parse_rate, "2/fortnight", "fortnight", ""),
    (parse_rate, "2/", "per what", ""),
    (parse_rate, "-2/s", "negative", ""), (parse_rate, "2m/s", "suffix", "A capital M is a million."),
    (Limit.parse, 500, "unit", "Write 500/min."), (Limit.parse, "0/min", "at least 1", ""),
    (Limit.parse, "1.5/min", "whole", ""), (Limit.parse, "1e20/min", "too large", ""),
    (parse_money, 3, "unit", "Write $3."), (parse_money, "3 EUR", "dollars", ""), (parse_money, "€3", "dollars", ""),
    (parse_money, "-$3", "negative", ""), (parse_money, "$-3", "negative", ""),
    (parse_money, "$", "not understood", ""),
    (parse_money, "$2000000", "million", ""), (parse_money, "$1e-13", "finer", ""),
    (MoneyPer.parse, "$200", "per what", ""), (MoneyPer.parse, "$200/moth", "moth", ""),
    (parse_token_price, 2.5, "unit", "Write $2.5."), (parse_token_price, "$0.0000001", "finer", ""),
    (parse_count, 300.5, "whole", ""), (parse_count, -1, "negative", ""), (parse_count, math.nan, "finite", ""),
    (parse_count, True, "true", ""), (parse_count, "many", "not understood", ""),
    (parse_count, 10**16, "too large", ""),
    (parse_positive, 0, "above 0", ""), (parse_positive, math.inf, "above 0", ""),
    (parse_positive, "2", "plain number", ""),
]  # fmt: skip


@pytest.mark.parametrize(("parse", "text", "value"), GOOD)
def test_reads_exactly(parse, text, value) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(("parse", "text", "message", "hint"), BAD)
def test_refuses_with_repair(parse, text, message, hint) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.hint == hint
    assert caught.value.allowed


@pytest.mark.parametrize(
    ("text", "ns"),
    [("62h", 62 * 3600 * S), ("1.5s", 3 * S // 2), ("30d", 30 * 86400 * S), ("45min", 2700 * S), ("0s", 0), ("1ns", 1)],
)
def test_durations_are_written_short(text, ns) -> None:
    assert format_duration(ns) == text


@given(st.integers(0, measures.LONGEST))
def test_durations_round_trip(ns) -> None:
    assert parse_duration(format_duration(ns)) == ns


@given(st.floats(1e-15, 1) | st.just(0.0))
def test_shares_round_trip(share) -> None:
    assert parse_share(format_share(share)) == share


@given(st.floats(1e-9, 1e9))
def test_rates_round_trip(rate) -> None:
    assert parse_rate(format_rate(rate)) == rate


@given(st.integers(0, 10**5), st.sampled_from([1, 60, 3600, 86400]))
def test_rates_are_the_nearest_float_and_short(amount, seconds) -> None:
    unit = {1: "s", 60: "min", 3600: "h", 86400: "day"}[seconds]
    rate = parse_rate(f"{amount}/{unit}")
    assert rate == float(Fraction(amount, seconds))
    assert len(format_rate(rate)) <= len(f"{amount}/{unit}")


@given(st.integers(0, measures.DEAREST))
def test_money_round_trips(picodollars) -> None:
    assert parse_money(format_money(picodollars)) == picodollars


@given(st.integers(0, measures.DEAREST_TOKENS * 10**6))
def test_token_prices_round_trip(picodollars) -> None:
    assert parse_token_price(format_token_price(picodollars)) == picodollars


@given(st.integers(0, 10**12))
def test_counts_round_trip(number) -> None:
    assert parse_count(format_count(number)) == number


@given(st.integers(1, 10**12), st.sampled_from(["s", "min", "h", "day", "month"]))
def test_limits_round_trip(amount, period) -> None:
    limit = Limit(amount, measures.PERIODS[period])
    assert Limit.parse(str(limit)) == limit


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text) -> None:
    for parse in (parse_duration, parse_share, parse_rate, parse_money, parse_count, Limit.parse, MoneyPer.parse):
        try:
            parse(text)
        except Invalid as error:
            assert error.message


TYPES = [Duration, Share, Rate, Money, TokenPrice, Count, PositiveFloat, Limit, MoneyPer]


def quantity(type_: object) -> units.Quantity:
    metadata = getattr(type_, "__metadata__", None)
    return metadata[0] if metadata else {Limit: units._LIMIT, MoneyPer: units._MONEY_PER}[type_]


@pytest.mark.parametrize("type_", TYPES)
def test_the_json_schema_explains_and_agrees_with_the_parser(type_) -> None:
    schema = TypeAdapter(type_).json_schema()
    assert schema["description"]
    patterns = [one["pattern"] for one in schema.get("anyOf", [schema]) if "pattern" in one]
    for parse, text, _ in GOOD:
        if parse == quantity(type_).parse and isinstance(text, str):
            assert any(re.search(pattern, text) for pattern in patterns), text
    for parse, text, message, _ in BAD:
        wrong = parse == quantity(type_).parse and isinstance(text, str)
        if wrong and message in ("unit", "percent sign", "not understood", "negative", "per what"):
            assert not any(re.search(pattern, text) for pattern in patterns), text


def test_a_type_reads_text_and_writes_it_back_in_json() -> None:
    adapter = TypeAdapter(dict[str, Duration | None])
    assert adapter.validate_python({"a": "90s", "b": None}) == {"a": 90 * S, "b": None}
    assert adapter.dump_python({"a": 90 * S}, mode="json") == {"a": "90s"}
    with pytest.raises(ValidationError):
        adapter.validate_python({"a": 90})
