"""The price book says what `genai_prices` says."""

import datetime as dt
import importlib.metadata
import json
import random
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from simkit.laws.price import price
from simkit.plan.plan import NEVER
from simkit.plan.prices import DeploymentPrices, own_prices, price_table
from simkit.scenario.models import Prices
from simkit.scenario.pricebook_update import BOOK, V4_PEAK, WEEKDAYS, build, render
from simkit.scenario.prices import DAY, HOUR, ModelPrices, PriceRow, Processing, UnknownModel, book, day_ns

genai_prices = pytest.importorskip("genai_prices", reason="the comparison needs the package genai-prices")
from genai_prices.data_snapshot import get_snapshot  # noqa: E402

MINUTE = HOUR // 60
NOVEMBER = day_ns(dt.date(2026, 11, 16))
"""A Monday."""


def same_version() -> None:
    installed = importlib.metadata.version("genai-prices")
    if installed != book().version:
        pytest.skip(f"the book was made from genai-prices {book().version}, installed is {installed}")


def cost(row: PriceRow, prompt: int, cached: int, written: int, output: int) -> int:
    columns = np.array(row.tiers, dtype=np.int64).T
    return int(price(prompt, cached, written, output, *(np.ascontiguousarray(each) for each in columns), row.request))


def moment(utc_ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(utc_ns // 10**9, dt.UTC)


@lru_cache(maxsize=4096)
def theirs(provider: str, ref: str) -> Any:
    return get_snapshot().find_provider_model(ref, None, provider, None)


def expected(provider: str, ref: str, utc_ns: int, usage: dict[str, int], processing: str) -> int:
    """Their price; where our book corrects DeepSeek's peak hours, theirs at noon of the same day (off-peak)."""
    home, model = theirs(provider, ref)
    time = moment(utc_ns)
    peak_is_wrong = time.weekday() >= 5 or time.date() < dt.date.fromisoformat(V4_PEAK)
    if home.id == "deepseek" and model.id in WEEKDAYS["deepseek"] and peak_is_wrong:
        time = time.replace(hour=12)
    context = {"processing": "batch"} if processing == "batch" else None
    usage = {name: value for name, value in usage.items() if value}
    total = model.calc_price(
        genai_prices.Usage(**usage), home, genai_request_timestamp=time, price_context=context
    ).total_price
    picodollars = total * 10**12
    assert picodollars == int(picodollars)
    return int(picodollars)


def resolves(provider: str, ref: str) -> bool:
    """Do they find a model by its own id? Some of their rules want a longer name."""
    try:
        theirs(provider, ref)
    except LookupError:
        return False
    return True


def moments(random_: random.Random, prices: ModelPrices) -> int:
    """A time near a change of the model's prices, or any in three years."""
    edges = [entry.since for entry in prices.standard + prices.batch if entry.since is not None]
    edges += [random_.randrange(20_600, 20_900) * DAY + hour for entry in prices.standard for hour in entry.hours or ()]
    if edges and random_.random() < 0.6:
        return random_.choice(edges) + random_.choice([-1, 0, 1]) * random_.choice([10**9, MINUTE, HOUR, DAY])
    return random_.randrange(19_800, 20_900) * DAY + random_.randrange(DAY // 10**9) * 10**9


def prompt_size(random_: random.Random, row: PriceRow) -> int:
    edge = random_.choice(row.tiers).above
    return max(0, edge + random_.choice([-1, 0, 1, 2])) if random_.random() < 0.5 else random_.randrange(0, 400_000)


def test_ten_thousand_random_attempts_price_equal_to_genai_prices() -> None:
    same_version()
    random_ = random.Random(2026)
    models = [(home.id, model["id"]) for home in book().providers for model in home.models if "prices" in model]
    models = [each for each in models if resolves(*each)]
    borrowed = [("azure", "claude-sonnet-4-5"), ("google", "claude-haiku-4-5"), ("azure", "gpt-5-mini-2025-08-07")]
    special = [each for each in models if each[0] == "deepseek" or each[0] == "anthropic"]
    seen = {"batch": 0, "peak": 0, "tier": 0, "cached": 0}
    for _ in range(10_000):
        provider, ref = random_.choice(random_.choice([models, special, special, borrowed]))
        processing: Processing = random_.choice(["standard", "batch"])
        found = book().find(ref, provider)
        when = moments(random_, found)
        row = found.at(when, processing)
        prompt = prompt_size(random_, row)
        cached = random_.choice([0, random_.randint(0, prompt)])
        written = random_.choice([0, random_.randint(0, prompt - cached)])
        output = random_.choice([0, random_.randrange(8_000)])
        usage = {
            "input_tokens": prompt,
            "cache_read_tokens": cached,
            "cache_write_tokens": written,
            "output_tokens": output,
        }
        ours = cost(row, prompt, cached, written, output)
        assert ours == expected(provider, ref, when, usage, processing), (provider, ref, moment(when), usage)
        seen["batch"] += row != found.at(when)
        seen["peak"] += any(entry.hours and entry.active(when, None) for entry in found.standard)
        seen["tier"] += prompt > row.tiers[-1].above > 0
        seen["cached"] += cached > 0
    assert min(seen.values()) > 150, seen


def test_names_resolve_as_genai_prices_resolves_them() -> None:
    same_version()
    names = [
        "gpt-4o",
        "gpt-4o-2024-08-06",
        "gpt-4o-20240806",
        "GPT-4o-mini",
        "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4.5",
        "claude-haiku-4-5",
        "claude-3-5-haiku-latest",
        "gemini-2.5-flash",
        "o4-mini",
        "mistral-large-latest",
        "deepseek-chat",
        "grok-4",
        "codestral-2508",
        "gpt-5-mini-20250807",
    ]
    for name in names:
        home, model = get_snapshot().find_provider_model(name, None, None, None)
        found = book().find(name)
        assert (found.provider, found.id) == (home.id, model.id)
    pairs = [
        ("azure", "gpt-4o"), ("bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0"), ("vertex", "gemini-2.5-pro"),
        ("xai", "grok-4-0709"), ("groq", "llama-3.3-70b-versatile"), ("aws", "amazon.nova-lite-v1:0"), ("azure", "o3"),
    ]  # fmt: skip
    for provider, name in pairs:
        home, model = get_snapshot().find_provider_model(name, None, provider, None)
        found = book().find(name, provider)
        assert (found.provider, found.id) == (home.id, model.id)


def test_every_own_id_finds_what_genai_prices_finds() -> None:
    same_version()
    for home in book().providers:
        for model in home.models:
            if "prices" in model:
                found = theirs(home.id, model["id"])[1].id if resolves(home.id, model["id"]) else model["id"]
                assert book().find(model["id"], home.id).id == found


# FACTS 4: model, plain, with 8,000 of the 10,000 prompt tokens cached; 500 tokens out.
FIGURES = [
    ("gpt-4o", 0.0300, 0.0200),
    ("gpt-4o-mini", 0.0018, 0.0012),
    ("claude-haiku-4-5", 0.0125, 0.0053),
    ("claude-sonnet-4-5", 0.0375, 0.0159),
    ("gemini-2.5-flash", 0.00425, 0.00209),
]


@pytest.mark.parametrize(("name", "plain", "cached"), FIGURES)
def test_published_check_figures(name: str, plain: float, cached: float) -> None:
    row = book().find(name).at(NOVEMBER)
    assert cost(row, 10_000, 0, 0, 500) == round(plain * 10**12)
    assert cost(row, 10_000, 8_000, 0, 500) == round(cached * 10**12)


def test_deepseek_charges_double_at_peak_hours_of_weekdays() -> None:
    found = book().find("deepseek-v4-flash")
    monday, saturday = NOVEMBER, NOVEMBER + 5 * DAY
    off_peak = found.at(monday)
    for hour, peak in [(0, False), (1, True), (3, True), (4, False), (5, False), (6, True), (9, True), (10, False)]:
        tier = found.at(monday + hour * HOUR).tiers[0]
        assert tier == off_peak.tiers[0] if not peak else tier[1:] == tuple(2 * each for each in off_peak.tiers[0][1:])
        assert found.at(saturday + hour * HOUR) == off_peak
    hours = [time % DAY // HOUR for time in found.changes(monday, monday + DAY)]
    assert hours == [1, 4, 6, 10]
    assert found.changes(saturday, saturday + 2 * DAY) == []
    assert len(found.changes(monday, monday + 7 * DAY)) == 20


def test_a_window_over_midnight_holds_on_both_sides() -> None:
    found = book().find("deepseek-chat")  # 00:30 to 16:30 at the full price
    assert [time % DAY // MINUTE for time in found.changes(NOVEMBER, NOVEMBER + DAY)] == [30, 990]


def test_a_dated_change_is_found_and_can_be_frozen() -> None:
    found = book().find("deepseek-v4-flash")
    change = day_ns(dt.date(2026, 9, 10))
    assert found.changes(change - 5 * HOUR, change + 30 * MINUTE) == [change]
    assert found.changes(change - 5 * HOUR, change + 30 * MINUTE, dated=change) == []
    assert found.at(change - 5 * HOUR, dated=change) == found.at(change)


def test_batch_prices_and_what_batch_does_not_cover() -> None:
    gpt, sonnet = book().find("gpt-4o"), book().find("claude-sonnet-4-5")
    assert gpt.at(NOVEMBER, "batch").tiers[0] == (-1, 1_250_000, 1_250_000, 1_250_000, 5_000_000)
    assert sonnet.at(NOVEMBER, "batch").tiers[0].cached * 2 == sonnet.at(NOVEMBER).tiers[0].cached
    azure = book().find("gpt-4o", "azure")
    assert azure.at(NOVEMBER, "batch") == azure.at(NOVEMBER)


def test_long_context_tier_counts_the_cached_part() -> None:
    row = book().find("claude-sonnet-4-5").at(NOVEMBER)
    assert [tier.above for tier in row.tiers] == [-1, 200_000]
    assert cost(row, 200_000, 150_000, 0, 0) == 50_000 * 3_000_000 + 150_000 * 300_000
    assert cost(row, 200_001, 150_001, 0, 0) == 50_000 * 6_000_000 + 150_001 * 600_000


def test_missing_cache_prices_are_the_price_of_input_and_requests_cost() -> None:
    row = book().find("sonar", "perplexity").at(NOVEMBER)
    assert row.tiers[0].cached == row.tiers[0].write == row.tiers[0].input
    assert row.request == 12 * 10**9


@pytest.mark.parametrize(
    ("name", "provider", "nearest"),
    [
        ("gpt-4oo", None, "gpt-4o"),
        ("claude-sonet-4-5", "anthropic", "claude-sonnet-4-5"),
        ("gpt-4o", "opnai", "openai"),
    ],
)
def test_unknown_names_offer_the_nearest(name: str, provider: str | None, nearest: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        book().find(name, provider)
    assert nearest in caught.value.nearest
    assert nearest in str(caught.value)


def test_models_that_are_not_priced_by_tokens_are_refused() -> None:
    with pytest.raises(UnknownModel, match="not priced by tokens"):
        book().find("whisper-1")


def test_provider_in_the_name_wins() -> None:
    assert book().find("openai:gpt-4o", "my_cluster").provider == "openai"
    assert book().find("amazon.nova-lite-v1:0", "aws").provider == "aws"


def test_a_provider_that_the_book_does_not_know_charges_the_makers_prices() -> None:
    assert book().find_at("gpt-4o", "my_proxy").provider == "openai"
    assert book().find_at("claude-sonnet-4-5", "aws").provider == "anthropic"
    assert book().find_at("gpt-4o", "azure").provider == "azure"
    with pytest.raises(UnknownModel, match="my_proxy"):
        book().find_at("my-model", "my_proxy")


def test_committed_book_equals_a_regeneration() -> None:
    same_version()
    stored = json.loads(BOOK.read_text(encoding="utf-8"))
    assert render(build(dt.date.fromisoformat(stored["date"]))) == BOOK.read_text(encoding="utf-8")


def test_the_book_covers_the_promised_providers() -> None:
    counts = {home.id: sum("prices" in model for model in home.models) for home in book().providers}
    for name in ["openai", "anthropic", "google", "azure", "aws", "deepseek", "mistral", "x-ai", "groq"]:
        assert counts[name] >= 8, name


# --- the plan's table ---------------------------------------------------------------------------------


def test_table_has_a_row_per_change_and_pads_tiers() -> None:
    both = [DeploymentPrices(book().find("claude-sonnet-4-5")), DeploymentPrices(book().find("deepseek-v4-flash"))]
    table = price_table(both, NOVEMBER, -HOUR, DAY)
    assert table.start.tolist() == [-NEVER, HOUR, 4 * HOUR, 6 * HOUR, 10 * HOUR]
    assert table.above.shape == table.output.shape == (5, 2, 2)
    assert table.above[0].tolist() == [[-1, 200_000], [-1, NEVER]]
    assert (table.input[1, 1, 0], table.input[2, 1, 0]) == (300_000, 150_000)
    assert (table.input[:, 0, 0] == 3_000_000).all()
    assert table.request.shape == (5, 2)
    assert table.above.dtype == table.request.dtype == np.int64 and table.input.flags.c_contiguous


def test_uplift_rounds_half_to_even_and_covers_all_prices() -> None:
    own = {"input": 5, "cached": 15, "write": 25, "output": 10, "request": 35}
    table = price_table([DeploymentPrices(ModelPrices("own", "m"), uplift=1.1, own=own)], 0, 0, DAY)
    figures = [table.input, table.cached, table.write, table.output]
    assert [int(each[0, 0, 0]) for each in figures] == [6, 16, 28, 11]  # 5.5, 16.5, 27.5, 11
    assert table.request[0, 0] == 38  # 38.5


def test_own_prices_replace_single_figures_in_all_tiers() -> None:
    own = own_prices(Prices.model_validate({"input": "$1", "request": "$0.002"}))
    assert own == {"input": 1_000_000, "request": 2 * 10**9}
    table = price_table([DeploymentPrices(book().find("claude-sonnet-4-5"), own=own)], NOVEMBER, 0, DAY)
    assert table.input[0, 0].tolist() == [1_000_000, 1_000_000]
    assert table.output[0, 0].tolist() == [15_000_000, 22_500_000]
    assert table.request[0, 0] == 2 * 10**9


def test_own_input_price_counts_for_cached_tokens_without_a_price() -> None:
    row = book().find("sonar", "perplexity").at(NOVEMBER, own={"input": 7})
    assert row.tiers[0][:4] == (-1, 7, 7, 7)


def test_changes_of_the_scenario_start_new_rows() -> None:
    gpt = book().find("gpt-4o")
    later = [(2 * HOUR, [DeploymentPrices(gpt, own={"output": 1})]), (HOUR, [DeploymentPrices(gpt, own={"output": 2})])]
    table = price_table([DeploymentPrices(gpt)], NOVEMBER, 0, DAY, later=later)
    assert table.start.tolist() == [-NEVER, HOUR, 2 * HOUR]
    assert table.output[:, 0, 0].tolist() == [10_000_000, 2, 1]
