"""What may be spent: budgets of money on models, and how many actions a user has."""

from simkit.engine.compiled.memory import *
from simkit.engine.compiled.tiers import charge_tiers, close_tiers, write_spent
from simkit.laws.jit import apart, step
from simkit.plan.codes import PERIOD_ENDS, Act, Kind, Thrift
from simkit.plan.economy import LOCAL_DAY, LOCAL_MONTH, UTC_DAY, UTC_MONTH

DEGRADES, BLOCKS = int(Act.DEGRADE), int(Act.BLOCK)
QUOTA_USED, BUDGET_USED, OK = int(Kind.QUOTA), int(Kind.BUDGET), int(Kind.OK)
OF_QUOTA, OF_BUDGET = int(Thrift.QUOTA), int(Thrift.BUDGET)
DAY, MONTH = range(2)


@step
def spent(m: Memory, budget: int) -> int:
    """Address of a budget's state."""
    return m[SPENT] + budget * SPENT_WIDTH


@apart
def charge(m: Memory, t: int) -> None:
    """An attempt's bill is known: budgets that cover its deployment pay it, and may come to their next steps; tiers."""
    n = m[t + T_DEPLOYMENT]
    for budget in range(length(m, SPENT)):
        if at2(m, SPENDING_COVERS, budget, n) == 1:
            m[spent(m, budget) + X_SPENT] += m[t + T_COST]
            climb_steps(m, budget)
    charge_tiers(m, t)


@step
def climb_steps(m: Memory, budget: int) -> None:
    """All steps that the sum has reached."""
    x, steps = spent(m, budget), m[SPENDING_AT + 4]
    while m[x + X_STEP] < steps and at3(m, SPENDING_AT, m[M_EPOCH], budget, m[x + X_STEP]) <= m[x + X_SPENT]:
        write_spent(m, m[M_NOW], budget, m[x + X_STEP], m[x + X_SPENT])
        act = at2(m, SPENDING_ACT, budget, m[x + X_STEP])
        m[x + X_DEGRADES] |= act == DEGRADES
        m[x + X_BLOCKS] |= act == BLOCKS
        m[x + X_STEP] += 1


@apart
def refusal(m: Memory, a: int) -> int:
    """Why an action is turned away because of the user's quota or a budget of everything, or OK."""
    if m[M_ALLOWS] == 1 and m[a + A_USER] != NONE and not is_allowed(m, a):
        return QUOTA_USED
    for budget in range(length(m, SPENT)):
        x = spent(m, budget)
        if at1(m, SPENDING_WHOLE, budget) == 0:
            continue
        if m[x + X_BLOCKS] == 1:
            return BUDGET_USED
        if m[x + X_DEGRADES] == 1:
            m[a + A_THRIFT] |= OF_BUDGET
    return OK


@step
def used_by(m: Memory, user: int) -> int:
    """Address of what a user has had this day and this month."""
    return m[M_PEOPLE] + user * USER_WIDTH + P_DAY if m[M_GROWS] == 1 else m[ALLOWED] + 2 * user


@step
def is_allowed(m: Memory, a: int) -> bool:
    """Has the user another action? Beyond the quota perhaps by cheaper models."""
    used, plan, e = used_by(m, m[a + A_USER]), max(m[a + A_PLAN], 0), m[M_EPOCH]
    if m[used + DAY] >= at2(m, ALLOWANCES_DAY, e, plan) or m[used + MONTH] >= at2(m, ALLOWANCES_MONTH, e, plan):
        if at1(m, ALLOWANCES_DEGRADES, plan) == 0:
            return False
        m[a + A_THRIFT] |= OF_QUOTA
    m[used + DAY] += 1
    m[used + MONTH] += 1
    return True


@apart
def blocking(m: Memory, n: int) -> int:
    """The first budget of some models only that has nothing left for a deployment, or NONE."""
    for budget in range(length(m, SPENT)):
        if m[spent(m, budget) + X_BLOCKS] == 1 and covers_some(m, budget, n):
            return budget
    return NONE


@step
def covers_some(m: Memory, budget: int, n: int) -> bool:
    """Is a deployment one of those that a budget of some models only is for?"""
    return at1(m, SPENDING_WHOLE, budget) == 0 and at2(m, SPENDING_COVERS, budget, n) == 1


@step
def is_short(m: Memory, model: int) -> bool:
    """Does a budget of some models only want a cheaper one in a model's place?"""
    for budget in range(length(m, SPENT)):
        if m[spent(m, budget) + X_DEGRADES] == 1:
            for n in range(at1(m, FIRST_DEPLOYMENT, model), at1(m, FIRST_DEPLOYMENT, model + 1)):
                if covers_some(m, budget, n):
                    return True
    return False


@apart
def reset(m: Memory, i: int) -> None:
    """Days or months begin."""
    what = at1(m, RESETS_WHAT, i)
    for user in range(m[M_USERS] if m[M_GROWS] == 1 else length(m, ALLOWED)):
        if what & LOCAL_DAY:
            m[used_by(m, user) + DAY] = 0
        if what & LOCAL_MONTH:
            m[used_by(m, user) + MONTH] = 0
    for budget in range(length(m, SPENT)):
        if what & (UTC_MONTH if at1(m, SPENDING_MONTHLY, budget) == 1 else UTC_DAY):
            write_spent(m, m[M_NOW], budget, PERIOD_ENDS, m[spent(m, budget) + X_SPENT])
            for i in range(SPENT_WIDTH):
                m[spent(m, budget) + i] = 0


@apart
def close_budgets(m: Memory, ended: int) -> None:
    """The run is over."""
    for budget in range(length(m, SPENT)):
        write_spent(m, ended, budget, PERIOD_ENDS, m[spent(m, budget) + X_SPENT])
    close_tiers(m, ended)
    m[M_SPENDS] = 0
