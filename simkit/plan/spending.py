"""Budgets of money, users' quotas, and when their days and months begin, as tables."""

import math
from fractions import Fraction

import numpy as np

from simkit.plan.arrays import NEVER, Ints
from simkit.plan.calendar import local_days
from simkit.plan.codes import Act
from simkit.plan.economy import LOCAL_DAY, LOCAL_MONTH, STEPS, UTC_DAY, UTC_MONTH, Allowances, Resets, Spending
from simkit.plan.index import Index, deployments_of
from simkit.plan.policy import limit
from simkit.scenario.names import BATCH
from simkit.scenario.scenario import Document
from simkit.scenario.spending import Budget, UserQuota
from simkit.scenario.workload import names_of

DAY = 86_400 * 10**9
CACHES = ("exact", "semantic", "prompt")
"""In the order of the bits of `Resets.emptied`."""


def budgets(documents: list[Document], index: Index) -> Spending:
    """Budgets of money."""
    first = list(documents[0].budgets.values())
    each = [list(document.budgets.values()) for document in documents]
    shape = (len(each), len(first))
    covers = [billed_to(documents[0], one.of) for one in first]
    acts = [[Act[act.upper()] for _, act in steps_of(one)] for one in first]
    return Spending(
        monthly=np.array([one.limit.period_ns != DAY for one in first], np.bool_),
        whole=np.array([one.of is None for one in first], np.bool_),
        covers=np.array(covers, np.bool_).reshape(len(first), len(index.deployments)),
        limit=np.array([[spent(one, 1.0) for one in row] for row in each], np.int64).reshape(shape),
        at=np.array([[thresholds(one) for one in row] for row in each], np.int64).reshape(*shape, STEPS),
        act=np.array([row + [-1] * (STEPS - len(row)) for row in acts], np.int64).reshape(len(first), STEPS),
    )


def billed_to(document: Document, of: list[str] | None) -> list[bool]:
    """Whose bills count, by deployment: those of some models, providers or deployments; None: all."""
    places = [names_of(model, one) for model, one in deployments_of(document)]
    places = [names | {name.replace(BATCH, "") for name in names} for names in places]  # a model's with its batch side
    return [of is None or not names.isdisjoint(of) for names in places]


def steps_of(budget: Budget) -> list[tuple[float, str]]:
    """Its steps, ascending."""
    return sorted(budget.at.items())


def spent(budget: Budget, share: float) -> int:
    """So many picodollars are a share of the limit: the least that is not below it, the share as it is written."""
    return min(math.ceil(budget.limit.picodollars * Fraction(str(share))), NEVER)


def thresholds(budget: Budget) -> list[int]:
    """Picodollars of each step, padded."""
    found = [spent(budget, share) for share, _ in steps_of(budget)]
    return found + [NEVER] * (STEPS - len(found))


def quotas_of(document: Document) -> list[UserQuota | None]:
    """The quota of the users of each plan; of all users, where there are no plans."""
    users = document.traffic.users
    if users is None:
        return [None]
    return [plan.quota or users.quota for plan in users.plans.values()] or [users.quota]


def allowances(documents: list[Document]) -> Allowances:
    """How many actions a user has."""
    each = [quotas_of(document) for document in documents]
    return Allowances(
        on=np.array([any(each[0])]),
        day=np.array([[limit(one.day if one else None) for one in row] for row in each], np.int64),
        month=np.array([[limit(one.month if one else None) for one in row] for row in each], np.int64),
        degrades=np.array([one is not None and one.over == "degrade" for one in each[0]]),
    )


def resets(documents: list[Document], begin: int, end: int, zero: int) -> Resets:
    """When days and months begin that matter, and when caches are emptied."""
    first = documents[0]
    what: dict[int, int] = {}

    def add(times: Ints, bit: int) -> None:
        for time in times.tolist():
            if begin < time < end:
                what[time] = what.get(time, 0) | bit

    limited = any(quotas_of(first))
    days, months = local_days(begin, end, first.traffic.timezone, zero)
    add(days if limited else days[:0], LOCAL_DAY)
    add(months if limited else months[:0], LOCAL_MONTH)
    days, months = local_days(begin, end, "UTC", zero)
    periods = {one.limit.period_ns == DAY for one in first.budgets.values()}
    add(days if True in periods else days[:0], UTC_DAY)
    add(months if False in periods else months[:0], UTC_MONTH)
    emptied = emptyings(first, begin, end)
    return Resets(
        np.array(sorted(what), np.int64),
        np.array([what[time] for time in sorted(what)], np.int64),
        np.array(sorted(emptied), np.int64),
        np.array([emptied[time] for time in sorted(emptied)], np.int64),
    )


def emptyings(document: Document, begin: int, end: int) -> dict[int, int]:
    """Which caches are emptied when."""
    found: dict[int, int] = {}
    for place, name in enumerate(CACHES):
        cache = getattr(document.caches, name)
        for time in cache.emptied if cache is not None else ():
            if begin < time < end:
                found[time] = found.get(time, 0) | 1 << place
    return found


__all__ = ["allowances", "billed_to", "budgets", "quotas_of", "resets", "steps_of"]
