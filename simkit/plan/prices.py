"""Prices of the deployments over a scenario's time, as the table that engines read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from simkit.plan.plan import NEVER, PriceTable
from simkit.scenario.models import Prices
from simkit.scenario.prices import ModelPrices, PriceRow, Processing, Tier


@dataclass(frozen=True)
class DeploymentPrices:
    """What determines the prices of a deployment."""

    model: ModelPrices
    """Its entry in the price book; an empty one (`ModelPrices(provider, id)`) where all prices are its own."""
    processing: Processing = "standard"
    uplift: float = 1.0
    """Factor on all prices (regional processing)."""
    own: Mapping[str, int] = field(default_factory=dict)
    """Own figures that replace the book's: see `own_prices`."""
    write: float | None = None
    """Price of a written token as a share of the input price, where a prompt cache's rules say it."""


def own_prices(prices: Prices | None) -> dict[str, int]:
    """The figures that a scenario sets itself: pd per token, and `request` in pd.

    An own figure is final: it holds in all tiers, at all times and in either class of processing.
    """
    return {} if prices is None else {name: int(value) for name, value in prices.model_dump(exclude_none=True).items()}


def price_table(
    deployments: Sequence[DeploymentPrices],
    start_utc_ns: int,
    begin: int,
    end: int,
    *,
    later: Sequence[tuple[int, Sequence[DeploymentPrices]]] = (),
    dated_utc_ns: int | None = None,
) -> PriceTable:
    """Prices of the deployments over [begin, end), ns since the scenario's zero at `start_utc_ns`.

    `later`: (time, deployments from then on), where the scenario itself changes prices. `dated_utc_ns`: the time at
    which the price book is read, with hours of the day as they come; None: its dated changes come on the way.
    """
    epochs = [(begin, deployments), *sorted((time, each) for time, each in later)]
    ends = [*(time for time, _ in epochs[1:]), end]
    starts: list[int] = []
    rows: list[list[PriceRow]] = []
    for (since, current), until in zip(epochs, ends, strict=True):
        for time in [since, *_changes(current, start_utc_ns, since, until, dated_utc_ns)]:
            starts.append(time)
            rows.append([_row(each, start_utc_ns + time, dated_utc_ns) for each in current])
    starts[0] = -NEVER
    return _table(starts, rows)


def _changes(deployments: Sequence[DeploymentPrices], zero: int, begin: int, end: int, dated: int | None) -> list[int]:
    changes = (
        each.model.changes(zero + begin, zero + end, each.processing, each.own, dated)
        for each in _distinct(deployments)
    )
    return sorted({time - zero for times in changes for time in times})


def _distinct(deployments: Sequence[DeploymentPrices]) -> list[DeploymentPrices]:
    """Deployments without repetitions of the same prices."""
    unique = {(each.model.provider, each.model.id, each.processing, *each.own.items()): each for each in deployments}
    return list(unique.values())


def _row(deployment: DeploymentPrices, utc_ns: int, dated: int | None) -> PriceRow:
    row = _written(deployment, deployment.model.at(utc_ns, deployment.processing, deployment.own, dated))
    factor = Fraction(str(deployment.uplift))  # as written: 1.1 is eleven tenths
    if factor == 1:
        return row
    tiers = (Tier(tier.above, *(round(price * factor) for price in tier[1:])) for tier in row.tiers)
    return PriceRow(tuple(tiers), round(row.request * factor))


def _written(deployment: DeploymentPrices, row: PriceRow) -> PriceRow:
    """The row with the price of a written token that the prompt cache's rules say; an own price is final."""
    if deployment.write is None or "write" in deployment.own:
        return row
    share = Fraction(str(deployment.write))
    return row._replace(tiers=tuple(tier._replace(write=round(tier.input * share)) for tier in row.tiers))


def _table(starts: list[int], rows: list[list[PriceRow]]) -> PriceTable:
    depth = max((len(row.tiers) for each in rows for row in each), default=1)
    unused = Tier(NEVER, 0, 0, 0, 0)
    cube = np.array(
        [[[*row.tiers, *[unused] * (depth - len(row.tiers))] for row in each] for each in rows], dtype=np.int64
    ).reshape(len(rows), -1, depth, len(Tier._fields))
    request = np.array([[row.request for row in each] for each in rows], dtype=np.int64).reshape(len(rows), -1)
    above, entered, cached, write, output = (np.ascontiguousarray(cube[..., i]) for i in range(len(Tier._fields)))
    return PriceTable(np.array(starts, dtype=np.int64), above, entered, cached, write, output, request)


__all__ = ["DeploymentPrices", "own_prices", "price_table"]
