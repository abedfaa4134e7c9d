"""Limits that rise with what was spent, as tables."""

import numpy as np

from simkit.plan.arrays import NEVER, Ints
from simkit.plan.economy import Tiers
from simkit.plan.index import Index
from simkit.plan.spending import billed_to
from simkit.scenario.models import Quota
from simkit.scenario.scenario import Document
from simkit.scenario.units import Limit

NEVER_SPENT = NEVER + 1
"""More picodollars than are ever counted."""


def tiered(document: Document) -> dict[str, Quota]:
    """Quotas that have tiers."""
    return {name: quota for name, quota in document.quotas.items() if quota.tiers}


def most_tiers(document: Document) -> int:
    """Of one quota, the one it begins with left out."""
    return max((len(quota.tiers) for quota in document.quotas.values()), default=0)


def limits_by_tier(quota: Quota, measure: str) -> list[Limit]:
    """A limit as it is at first, then at each tier."""
    found: list[Limit] = [getattr(quota, measure)]
    for tier in quota.tiers:
        found.append(getattr(tier, measure) or found[-1])
    return found


def tiers(document: Document, index: Index, begin: int) -> Tiers:
    """What must be spent, and how long ago it must have begun."""
    some, most = tiered(document), most_tiers(document)
    names, quotas = list(some), list(some.values())
    covers = [billed_to(document, quota.spent_on or quota.of) for quota in quotas]
    paid = [begin - quota.paying_for if quota.spent_before else NEVER for quota in quotas]
    return Tiers(
        account=np.array([names.index(quota) if quota in some else -1 for quota, _ in index.limits], np.int64),
        covers=np.array(covers, np.bool_).reshape(len(some), len(index.deployments)),
        spent=padded([[min(tier.spent, NEVER) for tier in quota.tiers] for quota in quotas], most, NEVER_SPENT),
        after=padded([[tier.after for tier in quota.tiers] for quota in quotas], most, 0),
        before=np.array([min(quota.spent_before, NEVER) for quota in quotas], np.int64),
        since=np.array(paid, np.int64),
    )


def padded(rows: list[list[int]], most: int, value: int) -> Ints:
    """Rows of the same length."""
    table = np.full((len(rows), most), value, np.int64)
    for row, each in zip(table, rows, strict=True):
        row[: len(each)] = each
    return table


__all__ = ["limits_by_tier", "most_tiers", "tiered", "tiers"]
