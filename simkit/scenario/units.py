"""The types of quantities that the schema is made of: read once, written back as their shortest text.

A value that is not understood raises `Invalid` with its repair; see `measures` for the units.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from simkit.scenario.measures import (
    A_COST,
    A_COUNT,
    A_FUND,
    A_LIMIT,
    A_PERCENTAGE,
    A_PRICE,
    A_RATE,
    A_SHARE,
    A_TIME,
    AN_AMOUNT,
    DOLLAR,
    DURATIONS,
    PERIODS,
    SECOND,
    format_count,
    format_duration,
    format_money,
    format_number,
    format_rate,
    format_share,
    format_token_price,
    parse_count,
    parse_duration,
    parse_fund,
    parse_limit,
    parse_money,
    parse_money_per,
    parse_percent,
    parse_positive,
    parse_rate,
    parse_share,
    parse_token_price,
    period_name,
)


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
        return cls(*parse_limit(value))

    def __str__(self) -> str:
        return f"{format_count(self.amount)}/{period_name(self.period_ns)}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _LIMIT.core_schema()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _LIMIT.json_schema()


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
        return cls(*parse_money_per(value))

    def __str__(self) -> str:
        return f"{format_money(self.picodollars)}/{period_name(self.period_ns)}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _MONEY_PER.core_schema()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return _MONEY_PER.json_schema()


def _like(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^\s*{pattern}\s*$"}


_PLAIN = r"\+?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d{1,2})?"
_SCALE = r"\s*[kKMG]?\s*"
_PERIOD = r"/\s*(" + "|".join(PERIODS) + ")"
_DOLLARS = rf"(\+?\$\s*{_PLAIN}|{_PLAIN}\s*(USD|\$))\s*"
_UNITS = "|".join(DURATIONS)

_LIMIT = Quantity(Limit.parse, str, (_like(_PLAIN + _SCALE + _PERIOD),), A_LIMIT)
_MONEY_PER = Quantity(
    MoneyPer.parse, str, (_like(_DOLLARS + _PERIOD), _like(rf"\$\s*{_PLAIN}\s*[kM]\s*" + _PERIOD)), A_COST
)

Duration = Annotated[int, Quantity(parse_duration, format_duration, (_like(rf"({_PLAIN}\s*({_UNITS})\s*)+"),), A_TIME)]
"""A time in ns, e.g. `250ms`, `2d 14h`."""
Share = Annotated[float, Quantity(parse_share, format_share, (_like(_PLAIN + r"\s*%"),), A_SHARE)]
"""A share in [0, 1], e.g. `25%`."""
Percent = Annotated[float, Quantity(parse_percent, format_share, (_like(_PLAIN + r"\s*%"),), A_PERCENTAGE)]
"""A factor in [0, 10], e.g. `120%`."""
Rate = Annotated[float, Quantity(parse_rate, format_rate, (_like(_PLAIN + _SCALE + _PERIOD),), A_RATE)]
"""Arrivals per second, e.g. `40/min`."""
Money = Annotated[int, Quantity(parse_money, format_money, (_like(_DOLLARS),), AN_AMOUNT)]
"""Picodollars, e.g. `$0.004`."""
Fund = Annotated[int, Quantity(parse_fund, format_money, (_like(_DOLLARS), _like(rf"\$\s*{_PLAIN}\s*[kM]")), A_FUND)]
"""Picodollars of a larger sum, e.g. `$2.5M`."""
TokenPrice = Annotated[
    int,
    Quantity(
        parse_token_price, format_token_price, (_like(_DOLLARS + r"((/\s*1?M|per million)(\s*tokens)?)?"),), A_PRICE
    ),
]
"""Picodollars per token, written per million tokens, e.g. `$2.5`."""
Count = Annotated[
    int, Quantity(parse_count, format_number, ({"type": "integer", "minimum": 0}, _like(_PLAIN + _SCALE)), A_COUNT)
]
"""A whole number >= 0, e.g. 300, `200k`."""
PositiveFloat = Annotated[
    float, Quantity(parse_positive, format_number, ({"type": "number", "exclusiveMinimum": 0},), "a number above 0")
]
"""A number above 0."""
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.:+@-]*$", max_length=100)]
"""A name: letters, digits and _ . : + @ -"""

__all__ = [
    "DOLLAR",
    "SECOND",
    "Count",
    "Duration",
    "Fund",
    "Limit",
    "Money",
    "MoneyPer",
    "Name",
    "Percent",
    "PositiveFloat",
    "Quantity",
    "Rate",
    "Share",
    "TokenPrice",
    "format_count",
    "format_duration",
    "format_money",
    "format_number",
    "format_rate",
    "format_share",
    "format_token_price",
    "parse_count",
    "parse_duration",
    "parse_fund",
    "parse_limit",
    "parse_money",
    "parse_money_per",
    "parse_percent",
    "parse_positive",
    "parse_rate",
    "parse_share",
    "parse_token_price",
]
