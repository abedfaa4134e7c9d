"""The tables of caches, budgets and turns as the page shows them."""

from collections.abc import Iterator
from typing import Any

from simkit.result.evidence import Evidence
from simkit.result.page import Grid
from simkit.result.table import Table
from simkit.result.tables_economy import BEYOND, budgets, caches, prompt_caches, tiers, turns
from simkit.result.words import dollars, number, percent

MOST_PERIODS = 8
SHOWN_TURNS = (1, 2, 3, 5, 10, 20, BEYOND)


def feature_grids(evidence: Evidence) -> tuple[tuple[str, Grid], ...]:
    """Titles and tables; a table without rows is of what the scenario does not have."""
    return (
        ("Caches of answers", _cache_grid(evidence)),
        ("Prompt caches", _prompt_grid(evidence)),
        ("Budgets", _budget_grid(evidence)),
        ("Tiers of quotas", _tier_grid(evidence)),
        ("How prompts grow", _turn_grid(evidence)),
    )


def _rows(table: Table) -> Iterator[Any]:
    return iter(table.rename(columns={"count": "how_many"}).itertuples(index=False, name="Row"))


def _cache_grid(evidence: Evidence) -> Grid:
    rows = tuple(
        (row.cache, number(row.asked), percent(row.hit_rate) if row.asked else "–", number(row.joined),
         number(row.false), number(row.expired), dollars(row.cost_usd))
        for row in _rows(caches(evidence))
    )  # fmt: skip
    columns = ("cache", "lookups", "hit rate", "joined", "wrong", "expired", "cost")
    return Grid(columns, rows, frozenset(range(1, 7)))


def _prompt_grid(evidence: Evidence) -> Grid:
    table = prompt_caches(evidence)
    rows = tuple(
        (row.deployment, number(row.tokens_in), number(row.read), number(row.written), dollars(row.saved_usd))
        for row in _rows(table[(table["read"] > 0) | (table["written"] > 0)])
    )
    return Grid(("deployment", "input tokens", "read", "written", "saved"), rows, frozenset(range(1, 5)))


def _budget_grid(evidence: Evidence) -> Grid:
    rows = []
    for (name, start), mine in budgets(evidence).groupby(["budget", "start"], sort=False):
        shares = {word: float(mine[f"{word}_s"].notna().mean()) for word in ("alerted", "degraded", "blocked")}
        acted = [f"{word} {percent(share)}" for word, share in shares.items() if share]
        spent, limit = float(mine["spent_usd"].mean()), float(mine["limit_usd"].mean())
        rows.append(
            (str(name), f"{start:%a %d %b %H:%M}", dollars(spent), dollars(limit), percent(spent / limit),
             percent(float(mine["overshoot"].max())), ", ".join(acted))
        )  # fmt: skip
    columns = ("budget", "from", "spent", "limit", "share", "most over", "of the replications")
    return Grid(columns, tuple(rows[-MOST_PERIODS:]), frozenset(range(2, 6)))


def _tier_grid(evidence: Evidence) -> Grid:
    rows = tuple(
        (row.quota, str(row.tier), dollars(row.needed_usd), percent(row.reached),
         f"{row.since:%a %d %b %H:%M}" if row.reached else "–", dollars(row.spent_usd))
        for row in _rows(tiers(evidence))
    )  # fmt: skip
    columns = ("quota", "tier", "asks for", "reached", "holds from", "spent in all")
    return Grid(columns, rows, frozenset((1, 2, 3, 5)))


def _turn_grid(evidence: Evidence) -> Grid:
    rows = tuple(
        (row.by, row.kind, f"{row.number}{'+' * (row.number == BEYOND)}", number(row.how_many), number(row.tokens_in),
         number(row.tokens_history), number(row.tokens_out), dollars(row.cost_usd))
        for row in _rows(turns(evidence))
        if row.number in SHOWN_TURNS
    )  # fmt: skip
    columns = ("", "of", "number", "count", "input tokens", "history", "output tokens", "cost of each")
    return Grid(columns, rows, frozenset(range(2, 8)))
