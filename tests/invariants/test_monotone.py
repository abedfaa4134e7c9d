"""What can only grow: two runs of generated scenarios under common random numbers.

Each comparison is a theorem under the conditions that its docstring states, and is also shown to have two sides: the
same comparison the other way round fails. Runs are the reference's (parity has the other engine).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import log_rules as rules
import numpy as np
import pytest
from plan_variants import (
    calm,
    planned,
    scaled_errors,
    with_deadline,
    with_layer,
    with_patience,
    without_cascades,
    without_streams,
)  # fmt: skip

from simkit.engine.log import DID_NOT, Log
from simkit.engine.reference import run
from simkit.plan.codes import Degrade, Kind, Outcome
from simkit.plan.plan import NEVER, Ints, Plan

SEEDS = range(60)
PAIRED = range(26)
"""Scenarios of which two variants are run."""
SECOND = 10**9

Change = Callable[[Plan], tuple[Plan, Plan]]


def measured(plan: Plan, seed: int) -> dict[str, Ints]:
    """Measured actions of a run by id."""
    found = rules.in_order(run(plan, seed, 0))
    keep = (found["arrival"] >= 0) & (found["arrival"] < plan.horizon)
    return {name: column[keep] for name, column in found.items()}


def both(change: Change, seeds: Sequence[int] = PAIRED) -> Iterator[tuple[dict[str, Ints], dict[str, Ints]]]:
    """Measured actions of both plans that a change makes, by seed."""
    for seed in seeds:
        one, other = (measured(plan, seed) for plan in change(planned(seed)))
        assert (one["action"] == other["action"]).all() and (one["arrival"] == other["arrival"]).all()
        yield one, other


def more_errors(plan: Plan) -> tuple[Plan, Plan]:
    """Half as many failures more."""
    quiet = with_layer(calm(plan), max_retries=0)
    return quiet, scaled_errors(quiet, 1.5)


def shorter_timeout(plan: Plan) -> tuple[Plan, Plan]:
    """Six and two seconds for an attempt."""
    quiet = with_layer(calm(plan), max_retries=0)
    return with_layer(quiet, timeout=6 * SECOND), with_layer(quiet, timeout=2 * SECOND)


def fewer_retries(plan: Plan) -> tuple[Plan, Plan]:
    """One and none."""
    quiet = without_cascades(with_layer(calm(plan), timeout=8 * SECOND))
    return with_layer(quiet, max_retries=1), with_layer(quiet, max_retries=0)


def shorter_deadline(plan: Plan) -> tuple[Plan, Plan]:
    """Twelve and four seconds; fallbacks and retries as they are."""
    quiet = replace(calm(plan), models=plan.models._replace(balance=np.zeros_like(plan.models.balance)))
    quiet = with_layer(quiet, timeout=5 * SECOND)
    return with_deadline(quiet, 12 * SECOND), with_deadline(quiet, 4 * SECOND)


def quicker_first_token(plan: Plan) -> tuple[Plan, Plan]:
    """Five seconds and one for the first token of a stream."""
    quiet = with_layer(calm(plan), max_retries=0)
    return with_layer(quiet, first_token_timeout=5 * SECOND), with_layer(quiet, first_token_timeout=SECOND)


def shorter_call_timeout(plan: Plan) -> tuple[Plan, Plan]:
    """Twelve and four seconds for all tries of a call."""
    quiet = calm(plan)
    return with_layer(quiet, call_timeout=12 * SECOND), with_layer(quiet, call_timeout=4 * SECOND)


def a_retry_budget(plan: Plan) -> tuple[Plan, Plan]:
    """Three retries without a budget, and with one of a tenth."""
    quiet = with_layer(without_cascades(calm(plan)), max_retries=3)
    numbers = {"budget_cap": 200, "budget_start": 100, "budget_first_try": 10, "budget_retry": 100}
    small = with_layer(quiet, budget=True, budget_throttled=100, budget_success=0, budget_concurrent=NEVER, **numbers)
    return quiet, small


def less_patience(plan: Plan) -> tuple[Plan, Plan]:
    """Twelve and four seconds; fallbacks and retries as they are."""
    quiet = replace(calm(plan), models=plan.models._replace(balance=np.zeros_like(plan.models.balance)))
    return with_patience(quiet, 12 * SECOND), with_patience(quiet, 4 * SECOND)


HARDER = [
    more_errors, shorter_timeout, fewer_retries, shorter_deadline, quicker_first_token, shorter_call_timeout,
    a_retry_budget, less_patience,
]  # fmt: skip


@pytest.mark.parametrize("change", HARDER)
def test_those_who_fail_are_more(change: Change) -> None:
    """Whoever succeeds under the harder terms succeeds under the easier ones: sets, not only counts.

    Theorem, where nothing is shared (`calm`): the fate of an attempt is a function of its own draws.
    *Errors*, without retries and fallbacks: an attempt fails iff u < the sum of the rates, an action iff one of its
    attempts does. *Timeout*, likewise: an attempt's time is fixed. *Retries*, without fallbacks and cascades: the same
    attempts are made, and after the last failure one more; so a *budget* for them cuts tries off, and adds none.
    *Deadline*, *patience*: whatever else, an action's end is fixed. *First token*, *call*: likewise of an attempt,
    and of a call.
    With limits, slots or incidents none of them holds: an early failure leaves room for others.
    """
    fewer = 0
    for easy, hard in both(change):
        ok, still = easy["outcome"] == Outcome.OK, hard["outcome"] == Outcome.OK
        assert not (still & ~ok).any()
        fewer += (ok & ~still).any()
    assert fewer > len(PAIRED) // 4


def one_class(plan: Plan) -> Plan:
    """Nobody has priority."""
    people = plan.people._replace(plan_priority=np.zeros_like(plan.people.plan_priority))
    return replace(plan, people=people, actions=plan.actions._replace(priority=np.zeros_like(plan.actions.priority)))


def fewer_workers(plan: Plan) -> tuple[Plan, Plan]:
    """Three and two workers, nobody with priority, an unlimited queue."""
    quiet = with_layer(one_class(calm(plan)), timeout=10 * SECOND)

    def staffed(count: int) -> Plan:
        return replace(quiet, service=quiet.service._replace(workers=np.full_like(plan.service.workers, count)))

    return staffed(3), staffed(2)


def fewer_slots(plan: Plan) -> tuple[Plan, Plan]:
    """Three and two slots at each deployment, one attempt an action."""
    quiet, once = with_layer(without_cascades(calm(plan)), max_retries=0), np.ones_like(plan.actions.times)
    quiet = replace(quiet, actions=plan.actions._replace(times=once, repeat_max=once))

    def slotted(count: int) -> Plan:
        slots = np.full_like(plan.deployments.concurrency, count)
        return replace(quiet, deployments=quiet.deployments._replace(concurrency=slots))

    return slotted(3), slotted(2)


def slower(plan: Plan) -> tuple[Plan, Plan]:
    """A millisecond more for each input token."""
    quiet = calm(plan)
    slow = quiet.deployments.ttft_per_token + 1e6
    return quiet, replace(quiet, deployments=quiet.deployments._replace(ttft_per_token=slow))


def hedged(plan: Plan) -> tuple[Plan, Plan]:
    """Sent twice after half a second, and once; nothing fails, and answers come as a whole."""
    quiet = without_streams(scaled_errors(calm(plan), 0.0))
    return with_layer(quiet, hedge_after=SECOND // 2), quiet


def later(easy: Ints, hard: Ints) -> tuple[bool, bool]:
    """Is one later in the first, is one later in the second? What never happens is the latest."""
    first, second = (np.where(times == DID_NOT, NEVER, times) for times in (easy, hard))
    return bool((first > second).any()), bool((second > first).any())


@pytest.mark.parametrize(
    ("change", "column", "least"),
    [(fewer_workers, "start", 8), (fewer_slots, "end", 5), (slower, "end", 12), (hedged, "end", 12)],
)
def test_nobody_is_served_later_with_more(change: Change, column: str, least: int) -> None:
    """With more workers, more slots, a quicker model, or hedges nobody begins (or ends) later.

    Theorem (Kiefer and Wolfowitz 1955, path by path): customers who come at fixed times, whose service takes a fixed
    time, and who are served first come, first served, begin no later with one more server. *Workers*: an action
    holds its slot for a time of its own where nothing else is shared (`calm`), there are no classes of
    priority and no deadline. *Slots*: the same of a deployment, where each action makes one attempt at a fixed time
    (kinds of one call, without own workers, retries and cascades). *Quicker*: where nothing is shared and there are no
    timeouts, an end is made of sums, maxima (the last answer of a stage) and minima (the first failure) of times.
    *Hedged*: there, and where nothing fails, an answer comes at the minimum of its own time and its twin's; where
    streams are raced by their first token this is not so.
    With priorities, timeouts or a queue behind the queue it is not so: another order may be worse for somebody.
    """
    seeds = PAIRED if change is not fewer_slots else [seed for seed in SEEDS if one_call(planned(seed))]
    strictly = 0
    for easy, hard in both(change, seeds):
        worse, better = later(easy[column], hard[column])
        assert not worse
        strictly += better
    assert strictly >= least


def one_call(plan: Plan) -> bool:
    """Does every kind of action make one call to a model?"""
    return bool((np.diff(plan.actions.first_call) == 1).all() and (plan.actions.route >= 0).all())


@pytest.mark.parametrize("part", ["input", "cached", "write", "output"])
def test_a_dearer_price_costs_its_tokens_and_changes_nothing_else(part: str) -> None:
    """A price of 7 pd more costs 7 pd for each token of its sort that is billed; all else stays, row by row.

    Theorem without any condition: nothing in the model looks at a price, but for the cheapest deployment, which
    stays it when all become dearer alike. So a dearer price costs no action less.
    """
    dearer = 0
    for seed in SEEDS[:20]:
        plan = planned(seed)
        log = run(plan, seed, seed % 3)
        prices = plan.prices._replace(**{part: getattr(plan.prices, part) + 7})
        other = run(replace(plan, prices=prices), seed, seed % 3)
        t = log.attempts
        more = other.attempts["cost"] - t["cost"]
        assert (more == 7 * billed(log, part)).all()
        assert all((t[name] == other.attempts[name]).all() for name in t if name != "cost")
        assert all((log.actions[name] == other.actions[name]).all() for name in log.actions if name != "cost")
        assert (other.actions["cost"] >= log.actions["cost"]).all()
        dearer += int(more.sum()) > 0
    assert dearer >= 5


def billed(log: Log, part: str) -> Ints:
    """Tokens of each attempt that are billed at one of the prices."""
    t = log.attempts
    paid = t["billed_in"] > 0
    cached, written = t["tokens_cached"] * paid, t["tokens_written"] * paid
    parts = {"input": t["billed_in"] - cached - written, "cached": cached, "write": written, "output": t["billed_out"]}
    return parts[part]


def ladder(plan: Plan) -> tuple[Plan, Plan]:
    """A rule that knows every other answer, and none; fallbacks, retries and a deadline as they are."""
    quiet, count = with_deadline(with_layer(calm(plan), timeout=8 * SECOND), 12 * SECOND), len(plan.epochs)
    half, at_once = np.full((count, 1), 0.5), np.full((count, 1), -1)
    rule = quiet.ladder._replace(
        what=np.array([Degrade.RULE]), reason=np.array([Kind.RULE]), share=half, takes=at_once, good=half
    )  # fmt: skip
    return replace(quiet, ladder=rule), quiet


def test_a_ladder_catches_who_fails_and_nobody_else() -> None:
    """Theorem where nothing is shared (`calm`): what succeeds does so at the same time, what fails is caught or not."""
    caught = 0
    for easy, hard in both(ladder):
        ok = hard["outcome"] == Outcome.OK
        assert all((easy[name][ok] == column[ok]).all() for name, column in hard.items())
        failed = hard["outcome"] == Outcome.FAILED
        assert np.isin(easy["outcome"][failed], [Outcome.FAILED, Outcome.DEGRADED]).all()
        assert (easy["end"][failed] == hard["end"][failed]).all()
        caught += bool((easy["outcome"][failed] == Outcome.DEGRADED).any())
    assert caught > len(PAIRED) // 4


def firsts(log: Log) -> dict[str, Ints]:
    """Actions by id, without those that are asked again."""
    found = rules.in_order(log)
    return {name: column[found["action"] < rules.FIRST] for name, column in found.items()}


def test_what_is_no_theorem_fails_somewhere() -> None:
    """With what is shared left in, fewer errors do fail somebody: the comparisons above do see a difference of one."""
    worse = 0
    for seed in PAIRED:
        plan = planned(seed)
        easy, hard = (firsts(run(one, seed, 0)) for one in (plan, scaled_errors(plan, 1.5)))
        both_ran = min(len(easy["action"]), len(hard["action"]))
        ok, still = (found["outcome"][:both_ran] == Outcome.OK for found in (easy, hard))
        worse += (still & ~ok).any()
    assert worse > 3
