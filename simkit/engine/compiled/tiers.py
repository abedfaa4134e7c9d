"""Limits that rise with what was spent: each quota with tiers adds up the bills that count for it."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.memory import *
from simkit.laws.jit import apart, step
from simkit.plan.codes import PERIOD_ENDS
from simkit.plan.plan import NEVER

TIER = 1 << 34
"""Of a calendar event's key: after days, months and random factors."""


@step
def account(m: Memory, number: int) -> int:
    """Address of what was spent of a quota with tiers."""
    return m[ACCOUNTS] + number * ACCOUNT_WIDTH


@step
def begin_tiers(m: Memory) -> None:
    """What was spent before may be enough for a tier."""
    for number in range(length(m, ACCOUNTS)):
        if at2(m, TIERS_SPENT, number, 0) <= m[account(m, number) + Z_SPENT]:
            wait_for_tier(m, number, m[M_NOW])


@step
def charge_tiers(m: Memory, t: int) -> None:
    """An attempt's bill is known: it goes to the quotas with tiers that count it."""
    for number in range(length(m, ACCOUNTS)):
        z = account(m, number)
        if at2(m, TIERS_COVERS, number, m[t + T_DEPLOYMENT]) == 1:
            m[z + Z_SPENT] = min(m[z + Z_SPENT] + m[t + T_COST], NEVER)
            m[z + Z_SINCE] = min(m[z + Z_SINCE], m[M_NOW])
            if m[z + Z_WAITS] == 0:
                climb_tiers(m, number)


@apart
def climb_tiers(m: Memory, number: int) -> None:
    """All tiers whose sum and time have come; the next one whose sum has come waits for its time."""
    z, tiers = account(m, number), m[TIERS_SPENT + 4]
    m[z + Z_WAITS] = 0
    while m[z + Z_TIER] < tiers and at2(m, TIERS_SPENT, number, m[z + Z_TIER]) <= m[z + Z_SPENT]:
        due = m[z + Z_SINCE] + at2(m, TIERS_AFTER, number, m[z + Z_TIER])
        if due > m[M_NOW]:
            wait_for_tier(m, number, due)
            return
        write_spent(m, m[M_NOW], -1 - number, m[z + Z_TIER], m[z + Z_SPENT])
        m[z + Z_TIER] += 1
        raise_limits(m, number, m[z + Z_TIER])


@step
def raise_limits(m: Memory, number: int, tier: int) -> None:
    """A tier holds for all limits of its quota from now on."""
    for b in range(length(m, LEVELS)):
        if at1(m, TIERS_ACCOUNT, b) == number:
            m[m[LEVELS] + b] = tier


@step
def wait_for_tier(m: Memory, number: int, due: int) -> None:
    """Look again at a time."""
    m[account(m, number) + Z_WAITS] = 1
    schedule(m, due, CALENDAR, TIER | number, number)


@step
def write_spent(m: Memory, time: int, budget: int, step: int, spent: int) -> None:
    """A row of the log: a budget, or -1 - the quota with tiers."""
    row = m[M_SPENT_PAGE] + m[M_SPENT_ROWS] * SPENT_LOGGED
    m[M_SPENT_ROWS] += 1
    m[row] = time
    m[row + 1] = budget
    m[row + 2] = step
    m[row + 3] = spent


@step
def close_tiers(m: Memory, ended: int) -> None:
    """The run is over."""
    for number in range(length(m, ACCOUNTS)):
        write_spent(m, ended, -1 - number, PERIOD_ENDS, m[account(m, number) + Z_SPENT])


__all__ = ["TIER", "begin_tiers", "charge_tiers", "climb_tiers", "close_tiers", "write_spent"]
