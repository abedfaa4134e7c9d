"""Which tier held when, of quotas whose limits rise with what was spent."""

from collections.abc import Sequence
from dataclasses import dataclass

from simkit.plan.codes import PERIOD_ENDS
from simkit.plan.plan import NEVER, Ints, Plan


def rises(plan: Plan, budgets: dict[str, Ints], account: int) -> Ints:
    """When each tier of a quota (a row of the plan's `tiers`; -1: none) was reached, by the log's rows of budgets."""
    mine = (budgets["budget"] == -1 - account) & (budgets["step"] != PERIOD_ENDS) & (account >= 0)
    times: Ints = budgets["time"][mine]
    return times


@dataclass(frozen=True)
class TierUse:
    """A tier of a quota over all replications."""

    quota: str
    tier: int
    """2 is the first beyond the one that the quota begins with."""
    needed: int
    """Picodollars that it asks for."""
    times: tuple[int, ...]
    """When it was reached, ns, in those replications that did."""
    spent: float
    """Picodollars spent when the run ended, mean."""


def tier_uses(plan: Plan, runs: Sequence[dict[str, Ints]]) -> list[TierUse]:
    """Every tier of every quota; a run is the log's rows of budgets."""
    found: list[TierUse] = []
    for account, name in enumerate(plan.names.tiered):
        risen = [rises(plan, rows, account).tolist() for rows in runs]
        spent = sum(_spent(rows, account) for rows in runs) / len(runs)
        for place, needed in enumerate(plan.tiers.spent[account].tolist()):
            times = tuple(each[place] for each in risen if place < len(each))
            if needed <= NEVER:
                found.append(TierUse(name, place + 2, needed, times, spent))
    return found


def _spent(rows: dict[str, Ints], account: int) -> int:
    closing = (rows["budget"] == -1 - account) & (rows["step"] == PERIOD_ENDS)
    return int(rows["spent"][closing].sum())
