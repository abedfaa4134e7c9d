"""Make the price book anew from the installed `genai-prices`: `python -m simkit.scenario.pricebook_update`."""

import datetime as dt
import importlib.metadata
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

PROVIDERS = (
    "openai", "anthropic", "google", "azure", "aws", "deepseek", "mistral", "x-ai", "groq",
    "cerebras", "cohere", "fireworks", "moonshotai", "perplexity", "together",
)  # fmt: skip
FIGURES = {
    "input_mtok": "input",
    "cache_read_mtok": "cached",
    "cache_write_mtok": "write",
    "output_mtok": "output",
    "requests_kcount": "request",
}
PICODOLLARS_PER_TOKEN = {"request": 10**9}
"""pd for one unit of the price: $1 per thousand requests; the others are $1 per million tokens, 10**6 pd a token."""
WEEKDAYS = {"deepseek": {"deepseek-flash", "deepseek-v4-flash", "deepseek-v4-pro"}}
"""Models whose peak hours hold from Monday to Friday, from `V4_PEAK` on.

`genai-prices` cannot say so (one price has one condition) and calls its weekend prices an upper bound; DeepSeek bills
off-peak all day at weekends, and billed no peak before 2026-08-17 (the package's `price_comments`).
"""
V4_PEAK = "2026-08-17"
BOOK = Path(__file__).parent / "pricebook" / "prices.json"


def build(day: dt.date) -> dict[str, Any]:
    """The book as JSON data, stamped with a day. Raises `ImportError` without `genai-prices`."""
    from genai_prices.data import providers

    known = {provider.id: provider for provider in providers}
    chosen = [provider.id for provider in providers if provider.id in PROVIDERS]  # their order decides who is found
    return {
        "date": day.isoformat(),
        "version": importlib.metadata.version("genai-prices"),
        "source": "genai-prices (Pydantic Services, MIT): https://github.com/pydantic/genai-prices",
        "providers": [_provider(known[name]) for name in chosen],
    }


def render(book: Mapping[str, Any]) -> str:
    """The book as text, a model a line, so that an update reads well as a difference."""
    providers = []
    for provider in book["providers"]:
        models = ",\n".join(_json(model) for model in provider["models"])
        rest = _json({key: value for key, value in provider.items() if key != "models"})
        providers.append(f'{rest[:-1]},"models":[\n{models}\n]}}')
    head = _json({key: value for key, value in book.items() if key != "providers"})
    return f'{head[:-1]},"providers":[\n' + ",\n".join(providers) + "\n]}\n"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _provider(provider: Any) -> dict[str, Any]:
    weekdays = WEEKDAYS.get(provider.id, set())
    stored = {
        "id": provider.id,
        "match": _rule(provider.provider_match),
        "model_match": _rule(provider.model_match),
        "fallback": [name for name in provider.fallback_model_providers or () if name in PROVIDERS],
    }
    models = [_model(model, weekdays_only=model.id in weekdays) for model in provider.models]
    return {key: value for key, value in stored.items() if value} | {"models": models}


def _model(model: Any, *, weekdays_only: bool) -> dict[str, Any]:
    """A model; without `prices` where it is not priced by tokens (its rule must stay: it may hide others)."""
    prices = model.prices if isinstance(model.prices, list) else [model]
    entries = list(_entries(prices, weekdays_only))
    named = {name for price in prices for name, value in vars(price.prices).items() if value is not None}
    batch = [each for each in model.price_variants or () if each.when == {"processing": "batch"}]
    stored: dict[str, Any] = {"id": model.id, "match": _rule(model.match)}
    if model.context_window:
        stored["context"] = model.context_window
    if not named or "input_mtok" in named:
        stored["prices"] = entries
        stored |= {"batch": list(_entries(batch, weekdays_only))} if batch else {}
    return stored


def _entries(prices: Iterable[Any], weekdays_only: bool) -> Iterator[dict[str, Any]]:
    for price in prices:
        entry = _condition(getattr(price, "constraint", None))
        if weekdays_only and "hours" in entry:
            entry |= {"since": V4_PEAK, "weekdays": [0, 1, 2, 3, 4]}
        yield entry | {
            FIGURES[name]: _figure(FIGURES[name], value)
            for name, value in vars(price.prices).items()
            if name in FIGURES and value is not None
        }


def _condition(constraint: Any) -> dict[str, Any]:
    if constraint is None:
        return {}
    if hasattr(constraint, "start_date"):
        return {"since": constraint.start_date.isoformat()}
    return {"hours": [_utc(constraint.start_time), _utc(constraint.end_time)]}


def _utc(time: dt.time) -> str:
    if time.utcoffset() not in (None, dt.timedelta(0)) or time.second or time.microsecond:
        raise ValueError(f"expected whole minutes UTC, got {time}")
    return time.strftime("%H:%M")


def _figure(name: str, value: Any) -> int | list[list[int]]:
    if isinstance(value, Decimal):
        return _picodollars(name, value)
    tiers = [[tier.start, _picodollars(name, tier.price)] for tier in value.tiers]
    return [[-1, _picodollars(name, value.base)], *tiers]


def _picodollars(name: str, dollars: Decimal) -> int:
    exact = dollars * PICODOLLARS_PER_TOKEN.get(name, 10**6)
    if exact != int(exact):
        raise ValueError(f"{name}: ${dollars} is not a whole number of picodollars")
    return int(exact)


def _rule(rule: Any) -> dict[str, Any] | None:
    """A matching rule, its texts in lower case as they are compared (regular expressions as they are)."""
    if rule is None:
        return None
    [(kind, value)] = vars(rule).items()
    kind = kind.rstrip("_")
    if isinstance(value, list):
        return {kind: [_rule(part) for part in value]}
    return {kind: value if kind == "regex" else value.lower()}


@click.command()
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Stamp with this day (default: today, UTC).")
def main(day: dt.datetime | None) -> None:
    """Make the price book anew from the installed genai-prices."""
    stamp = (day or dt.datetime.now(dt.UTC)).date()
    book = build(stamp)
    BOOK.write_text(render(book), encoding="utf-8")
    count = sum("prices" in model for provider in book["providers"] for model in provider["models"])
    click.echo(f"{BOOK.name}: {count} models, genai-prices {book['version']}, {stamp}")


if __name__ == "__main__":
    main()
