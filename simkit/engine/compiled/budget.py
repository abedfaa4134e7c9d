"""Retry budgets: credit that first tries earn and retries cost, so that retries stay a share of the load."""

from simkit.engine.compiled.memory import *
from simkit.laws.budget import retries_allowed
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind

RATE_LIMIT = int(Kind.RATE_LIMIT)
NO_BUDGET_AT_ALL = 0
"""Instead of the address of a budget: the layer has none, or nothing is owed."""


@step
def budget_of(m: Memory, layer: int, c: int) -> int:
    """Address of the budget that a layer has for a call's model (the client: for its base model)."""
    if at1(m, BUDGET + layer, 0) == 0:
        return NO_BUDGET_AT_ALL
    a = m[c + C_ACTION]
    if layer == INNER:
        return m[INNER_BUDGETS] + m[a + A_REPLICA] * m[INNER_BUDGETS + 1] + m[c + C_MODEL] * BUDGET_WIDTH
    return m[OUTER_BUDGETS] + m[a + A_CLIENT] * m[OUTER_BUDGETS + 1] + m[c + C_BASE] * BUDGET_WIDTH


@step
def count_active(m: Memory, t: int, change: int) -> None:
    """One more attempt is under way with a model, or one less."""
    budget = m[INNER_BUDGETS] + m[t + T_REPLICA] * m[INNER_BUDGETS + 1] + m[t + T_MODEL] * BUDGET_WIDTH
    m[budget + B_ACTIVE] += change


@step
def earn(m: Memory, layer: int, b: int, amount: int) -> None:
    """More credit, up to the cap."""
    m[b + B_CREDIT] = min(at1(m, BUDGET_CAP + layer, m[M_EPOCH]), m[b + B_CREDIT] + amount)


@apart
def earn_first_try(m: Memory, layer: int, c: int) -> None:
    """A first try is made."""
    b = budget_of(m, layer, c)
    if b != NO_BUDGET_AT_ALL:
        earn(m, layer, b, at1(m, BUDGET_FIRST_TRY + layer, m[M_EPOCH]))


@step
def take_credit(m: Memory, layer: int, b: int, cost: int) -> bool:
    """Pay for a retry or hedge, which is out from now on; False: it is refused."""
    e, credit = m[M_EPOCH], min(at1(m, BUDGET_CAP + layer, m[M_EPOCH]), m[b + B_CREDIT])
    least, share = at1(m, BUDGET_CONCURRENT + layer, e), at1(m, BUDGET_SHARE_PPB + layer, e)
    if credit < cost or m[b + B_OUT] >= retries_allowed(least, share, m[b + B_ACTIVE]):
        return False
    m[b + B_CREDIT] = credit - cost
    m[b + B_OUT] += 1
    return True


@apart
def pay(m: Memory, layer: int, c: int, kind: int) -> bool:
    """Pay for a retry of a call after a failure; False: it is refused."""
    b, second = budget_of(m, layer, c), int(layer != INNER)
    if b == NO_BUDGET_AT_ALL:
        return True
    cost = at1(m, (BUDGET_THROTTLED if kind == RATE_LIMIT else BUDGET_RETRY) + layer, m[M_EPOCH])
    if not take_credit(m, layer, b, cost):
        return False
    m[c + C_HELD + second] = m[c + C_PAYER + second] = b
    m[c + C_PAID + second] = cost
    return True


@apart
def pay_hedge(m: Memory, c: int) -> bool:
    """Pay for a hedge of a call."""
    b = budget_of(m, INNER, c)
    if b == NO_BUDGET_AT_ALL:
        return True
    if not take_credit(m, INNER, b, at1(m, BUDGET_RETRY, m[M_EPOCH])):
        return False
    m[c + C_HELD] = b
    return True


@step
def release(m: Memory, place: int) -> None:
    """What was out is so no more: `place` says whose it was."""
    if m[place] != NO_BUDGET_AT_ALL:
        m[m[place] + B_OUT] -= 1
        m[place] = NO_BUDGET_AT_ALL


@apart
def reward(m: Memory, layer: int, c: int) -> None:
    """A request succeeded: without a retry for a little credit, else the last retry's cost may come back."""
    b, second = budget_of(m, layer, c), int(layer != INNER)
    if b == NO_BUDGET_AT_ALL:
        return
    payer = m[c + C_PAYER + second]
    if payer == NO_BUDGET_AT_ALL:
        earn(m, layer, b, at1(m, BUDGET_SUCCESS + layer, m[M_EPOCH]))
    elif at1(m, BUDGET_REFUND + layer, 0) == 1:
        earn(m, layer, payer, m[c + C_PAID + second])
