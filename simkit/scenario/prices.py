"""The price book: what providers charge, dated, as whole picodollars per token.

$1 per million tokens is 1,000,000 pd per token. The book is a table in the package, made from the
data of the `genai-prices` package (Pydantic, MIT) by `python -m simkit.scenario.pricebook_update`,
and says the same as `genai_prices.calc_price` to the picodollar. Names resolve as they do there.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal, NamedTuple

Processing = Literal["standard", "batch"]
Figure = tuple[tuple[int, int], ...]
"""Price by tier: (above, price), ascending; `above` of the first is -1."""

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
FREE: Figure = ((-1, 0),)
COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class UnknownModel(LookupError):  # noqa: N818
    """The price book does not know the name; `nearest` lists the closest names that it knows."""

    def __init__(self, name: str, reason: str, nearest: list[str]):
        self.name, self.reason, self.nearest = name, reason, nearest
        hint = f"; nearest: {', '.join(nearest)}" if nearest else ""
        super().__init__(f"{reason}{hint}")


class Tier(NamedTuple):
    """Prices in pd per token for requests whose whole prompt is longer than `above` tokens."""

    above: int
    input: int
    cached: int
    write: int
    output: int


class PriceRow(NamedTuple):
    """All prices of a model at one time: tiers by ascending `above`, and pd per request."""

    tiers: tuple[Tier, ...]
    request: int


@dataclass(frozen=True)
class Entry:
    """Prices under a condition: from a date on, or within hours of the day (UTC) on weekdays (0 = Monday)."""

    figures: Mapping[str, Figure]
    since: int | None = None
    """ns since 1970 UTC."""
    hours: tuple[int, int] | None = None
    """[from, to) in ns of the day; to < from: over midnight."""
    weekdays: frozenset[int] | None = None

    def active(self, utc_ns: int, dated: int | None) -> bool:
        """Does it hold at `utc_ns`, where dates are judged at `dated` if given?"""
        if self.since is not None and (utc_ns if dated is None else dated) < self.since:
            return False
        day, time = divmod(utc_ns, DAY)
        if self.weekdays is not None and (day + 3) % 7 not in self.weekdays:
            return False
        if self.hours is None:
            return True
        start, end = self.hours
        return start <= time < end if start <= end else time >= start or time < end

    def edges(self, begin: int, end: int, dated: int | None) -> Iterator[int]:
        """Times at which it may begin or cease to hold."""
        if self.since is not None and dated is None:
            yield self.since
        for day in range(begin // DAY, end // DAY + 1) if self.hours or self.weekdays else ():
            yield from (day * DAY, *(day * DAY + hour for hour in self.hours or ()))


@dataclass(frozen=True)
class ModelPrices:
    """A model's prices at a provider, over time. Without entries it is free unless given own prices."""

    provider: str
    id: str
    standard: tuple[Entry, ...] = ()
    """The last that holds counts; if none does, the first."""
    batch: tuple[Entry, ...] = ()
    """Figures that replace the standard ones for batch processing; the first that holds counts."""
    context: int | None = None
    """Context window in tokens, where the book knows it."""

    def at(
        self,
        utc_ns: int,
        processing: Processing = "standard",
        own: Mapping[str, int] | None = None,
        dated: int | None = None,
    ) -> PriceRow:
        """Prices at a time (ns since 1970 UTC).

        `own` figures (input, cached, write, output: pd per token; request: pd) replace the book's in all
        tiers. `dated`: use the prices of that time, with the hours of `utc_ns`. A missing price of cached
        or written tokens is the price of input.
        """
        figures = dict(self._standard_at(utc_ns, dated))
        if processing == "batch":
            for entry in reversed(self.batch):
                figures |= entry.figures if entry.active(utc_ns, dated) else {}
        figures |= {name: ((-1, price),) for name, price in (own or {}).items()}
        return price_row(figures)

    def changes(
        self,
        utc_from_ns: int,
        utc_to_ns: int,
        processing: Processing = "standard",
        own: Mapping[str, int] | None = None,
        dated: int | None = None,
    ) -> list[int]:
        """Times between the two at which the row differs from the row before."""
        entries = (*self.standard, *self.batch)
        edges = {edge for entry in entries for edge in entry.edges(utc_from_ns, utc_to_ns, dated)}
        times, before = [], self.at(utc_from_ns, processing, own, dated)
        for time in sorted(edge for edge in edges if utc_from_ns < edge < utc_to_ns):
            row = self.at(time, processing, own, dated)
            if row != before:
                times.append(time)
            before = row
        return times

    def _standard_at(self, utc_ns: int, dated: int | None) -> Mapping[str, Figure]:
        held = (entry for entry in reversed(self.standard) if entry.active(utc_ns, dated))
        first = self.standard[0] if self.standard else Entry({})
        return next(held, first).figures


def price_row(figures: Mapping[str, Figure]) -> PriceRow:
    """Join figures with tiers of their own into one list of tiers."""
    entered = figures.get("input", FREE)
    columns = (entered, figures.get("cached", entered), figures.get("write", entered), figures.get("output", FREE))
    starts = sorted({above for column in columns for above, _ in column})
    tiers = (Tier(above, *(_tier_price(column, above) for column in columns)) for above in starts)
    return PriceRow(tuple(tiers), _tier_price(figures.get("request", FREE), -1))


def _tier_price(figure: Figure, above: int) -> int:
    return next(price for start, price in reversed(figure) if start <= above)


@dataclass(frozen=True)
class BookProvider:
    """A provider in the book, with its models as stored: matching rules and prices."""

    id: str
    models: list[dict[str, Any]]
    match: dict[str, Any] | None = None
    model_match: dict[str, Any] | None = None
    fallback: list[str] = field(default_factory=list)

    def find(self, ref: str) -> dict[str, Any] | None:
        """The first model whose rule matches the lower-case name, else the one of that id."""
        ruled = next((model for model in self.models if matches(model["match"], ref)), None)
        return ruled or next((model for model in self.models if model["id"] == ref), None)


def matches(rule: dict[str, Any] | None, text: str) -> bool:
    """Does a lower-case name match a rule of the book?"""
    if rule is None:
        return False
    [(kind, value)] = rule.items()
    match kind:
        case "or":
            return any(matches(part, text) for part in value)
        case "and":
            return all(matches(part, text) for part in value)
        case "regex":
            return re.search(value, text) is not None
        case "equals":
            return bool(text == value)
        case "starts_with":
            return text.startswith(value)
        case "ends_with":
            return text.endswith(value)
        case _:
            return bool(value in text)


@dataclass(frozen=True)
class PriceBook:
    """All prices, with the date of the table and the version of `genai-prices` it was made from."""

    date: str
    version: str
    providers: tuple[BookProvider, ...]

    def find(self, model_ref: str, provider: str | None = None) -> ModelPrices:
        """Prices of a model by name, alias or dated name; `provider:model` names another provider.

        Raises `UnknownModel` if the provider or the model is not in the book, or is not priced by tokens.
        """
        named, _, rest = model_ref.partition(":")
        if rest and named in self._by_id:  # by id only: names like `mistral-nemo:free` have colons of their own
            model_ref, provider = rest, named
        ref = model_ref.lower()
        home = self._home(model_ref, provider)
        for name in dict.fromkeys((ref, COMPACT_DATE.sub(r"-\1-\2-\3", ref))):
            for owner in (home, *(self._by_id[other] for other in home.fallback if other in self._by_id)):
                if found := owner.find(name):
                    return model_prices(home.id, found, batch=owner is home)
        raise self._unknown(model_ref, home)

    def find_at(self, model_ref: str, provider: str) -> ModelPrices:
        """Prices at a provider; where the book knows neither it nor the model there, the list prices of its maker.

        Raises `UnknownModel` if the model is not in the book at all.
        """
        try:
            return self.find(model_ref, provider)
        except UnknownModel as error:
            try:
                return self.find(model_ref)
            except UnknownModel:
                raise error from None

    def provider(self, name: str) -> BookProvider | None:
        """The provider of that id, or the first whose rule matches the name."""
        name = name.lower().strip()
        return self._by_id.get(name) or next((each for each in self.providers if matches(each.match, name)), None)

    def _home(self, ref: str, provider: str | None) -> BookProvider:
        if provider is None:
            maker = next((each for each in self.providers if matches(each.model_match, ref.lower())), None)
            if maker is None:
                raise self._unknown(ref, None)
            return maker
        if home := self.provider(provider):
            return home
        nearest = difflib.get_close_matches(provider.lower(), list(self._by_id), cutoff=0.5)
        raise UnknownModel(ref, f"no prices of a provider {provider!r} in the price book", nearest)

    def _unknown(self, ref: str, home: BookProvider | None) -> UnknownModel:
        homes = (
            [home, *(self._by_id[name] for name in home.fallback if name in self._by_id)] if home else self.providers
        )
        names = sorted({str(model["id"]) for each in homes for model in each.models if "prices" in model})
        where = f" at {home.id}" if home else ""
        reason = f"no prices of a model {ref!r}{where} in the price book"
        return UnknownModel(ref, reason, difflib.get_close_matches(ref.lower(), names, n=3, cutoff=0.5))

    @cached_property
    def _by_id(self) -> dict[str, BookProvider]:
        return {provider.id: provider for provider in self.providers}


def model_prices(provider: str, stored: Mapping[str, Any], *, batch: bool = True) -> ModelPrices:
    """A stored model as prices; a model borrowed from another provider has no batch prices.

    Raises `UnknownModel` if it is priced, but not by tokens (audio, pages).
    """
    if "prices" not in stored:
        raise UnknownModel(stored["id"], f"{stored['id']} of {provider} is not priced by tokens", [])
    entries = tuple(_entry(each) for each in stored["prices"])
    variants = tuple(_entry(each) for each in stored.get("batch", ())) if batch else ()
    return ModelPrices(provider, stored["id"], entries, variants, stored.get("context"))


def _entry(stored: Mapping[str, Any]) -> Entry:
    conditions = {"since", "hours", "weekdays"}
    figures = {
        name: ((-1, value),) if isinstance(value, int) else tuple((above, price) for above, price in value)
        for name, value in stored.items()
        if name not in conditions
    }
    return Entry(
        figures,
        since=day_ns(date.fromisoformat(stored["since"])) if "since" in stored else None,
        hours=_hours(*stored["hours"]) if "hours" in stored else None,
        weekdays=frozenset(stored["weekdays"]) if "weekdays" in stored else None,
    )


def _hours(start: str, end: str) -> tuple[int, int]:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (start, end)]
    return minutes[0] * HOUR // 60, minutes[1] * HOUR // 60


def day_ns(day: date) -> int:
    """Midnight UTC of a day as ns since 1970."""
    return (day - date(1970, 1, 1)).days * DAY


@cache
def book() -> PriceBook:
    """The price book in the package, read at the first use."""
    text = (files("simkit.scenario") / "pricebook" / "prices.json").read_text(encoding="utf-8")
    stored = json.loads(text)
    return PriceBook(stored["date"], stored["version"], tuple(BookProvider(**each) for each in stored["providers"]))


__all__ = [
    "Entry",
    "ModelPrices",
    "PriceBook",
    "PriceRow",
    "Processing",
    "Tier",
    "UnknownModel",
    "book",
    "day_ns",
    "price_row",
]
