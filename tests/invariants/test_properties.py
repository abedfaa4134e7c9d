"""Properties of every scenario, on generated ones: what is conserved, what adds up, what can only grow.

Rules of one log are in `log_rules`; each is also shown to fail on a log that is spoilt. The others compare two runs
under common random numbers and are theorems under the conditions that their docstrings state; each is also shown to
have two sides: the same comparison the other way round fails. Runs are the reference's (parity has the other engine).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "parity"))  # the generator is shared

import log_rules as rules
from scenario_strategies import scenario

from simkit.engine.log import DID_NOT, Log
from simkit.engine.reference import run
from simkit.plan.codes import Outcome
from simkit.plan.compile import compile_plan
from simkit.plan.plan import NEVER, Incidents, Ints, Plan
from simkit.scenario.load import load
from simkit.study.invariants import invariants

SEEDS = range(60)
PAIRED = range(25)
"""Scenarios of which two variants are run."""
LONG = 10 * 3600 * 10**9
"""A cooldown in which all ends that ever ends."""


@cache
def planned(seed: int) -> Plan:
    """The plan of a generated scenario."""
    with TemporaryDirectory() as folder:
        return compile_plan(load(scenario(Random(seed)).write(Path(folder))))


@cache
def ran(seed: int) -> Log:
    """Its log."""
    return run(planned(seed), seed, seed % 3)


def unsettled(log: Log) -> Log:
    """A copy that may be spoilt."""
    actions = {name: column.copy() for name, column in log.actions.items()}
    return replace(log, actions=actions, attempts={name: column.copy() for name, column in log.attempts.items()})


# One log.


RULES: dict[str, Callable[[Plan, Log], int]] = {
    name: getattr(rules, name)
    for name in (
        "wrong_sums", "wrong_prices", "wrong_totals", "strangers", "wrong_waits",
        "wrong_tokens", "overfull", "overlong_queue", "idle_while_waiting", "overtakers",
    )
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_rule_holds(name: str) -> None:
    """See the rule's docstring in `log_rules`."""
    assert not {seed: found for seed in SEEDS if (found := RULES[name](planned(seed), ran(seed)))}


def test_no_arrival_is_lost_or_invented() -> None:
    """Arrivals are those of the law (or the trace), walked through anew, each with one row."""
    assert not {seed: found for seed in SEEDS if (found := rules.lost_arrivals(planned(seed), ran(seed), seed))}
    log = unsettled(ran(2))
    for name, column in log.actions.items():
        log.actions[name] = np.delete(column, 3)
    assert rules.lost_arrivals(planned(2), log, 2)
    log = unsettled(ran(2))
    log.actions["arrival"][4] += 1
    assert rules.lost_arrivals(planned(2), log, 2) == 1


def test_checks_of_the_package_hold() -> None:
    """What `simkit check` looks for."""
    broken = {seed: [one for one in invariants(planned(seed), ran(seed)) if not one.passed] for seed in SEEDS}
    assert not {seed: found for seed, found in broken.items() if found}


def test_use_is_within_0_and_1() -> None:
    """Busy time over slots times time; some stations are busy most of the time, so the bound is looked at closely."""
    uses = [use for seed in SEEDS for use in rules.used(planned(seed), ran(seed))]
    assert len(uses) > 50
    assert all(0 <= use <= 1 for use in uses)
    assert sum(use > 0.7 for use in uses) > 10


def dear(log: Log) -> None:
    log.attempts["cost"][log.attempts["started"].argmax()] += 1


def dear_throughout(log: Log) -> None:
    """Consistently: rows and sums."""
    place = int(log.attempts["started"].argmax())
    log.attempts["cost"][place] += 1
    log.actions["cost"][log.actions["action"] == log.attempts["action"][place]] += 1


def negative(log: Log) -> None:
    log.attempts["cost"] *= -1
    log.actions["cost"] *= -1


def elsewhere(log: Log) -> None:
    log.attempts["deployment"] = np.roll(log.attempts["deployment"], 1)


def impatient(log: Log) -> None:
    log.actions["waited"][log.actions["waited"].argmax()] -= 1


def lingering(log: Log) -> None:
    """Slots are given back a second late."""
    log.actions["end"][log.actions["end"] != DID_NOT] += 10**9


def crowd(log: Log) -> None:
    """Nobody is refused: they wait a minute."""
    refused = log.actions["outcome"] == Outcome.REJECTED
    log.actions["outcome"][refused] = Outcome.FAILED
    log.actions["end"][refused] += 60 * 10**9


def hasty(log: Log) -> None:
    """Half a second earlier all slots were free."""
    log.actions["end"][log.actions["start"] != DID_NOT] -= 5 * 10**8


def generous(log: Log) -> None:
    """More is read from the cache than was sent."""
    log.attempts["tokens_cached"] += log.attempts["tokens_in"] // 2 + 1


def last_first(log: Log) -> None:
    """Those who waited are served the other way round."""
    waited = np.flatnonzero((log.actions["start"] != DID_NOT) & (log.actions["start"] > log.actions["arrival"]))
    log.actions["start"][waited] = log.actions["start"][waited][::-1]


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        (dear, "wrong_sums"), (dear, "wrong_prices"), (dear, "wrong_totals"), (dear_throughout, "wrong_prices"),
        (negative, "wrong_totals"), (elsewhere, "strangers"), (impatient, "wrong_waits"), (lingering, "overfull"),
        (crowd, "overlong_queue"), (hasty, "idle_while_waiting"), (last_first, "overtakers"),
        (generous, "wrong_tokens"),
    ],
)  # fmt: skip
def test_a_spoilt_log_breaks_the_rule(spoil: Callable[[Log], None], rule: str) -> None:
    """Of sixty spoilt logs several break it (a log without the thing in question cannot)."""
    broken = 0
    for seed in SEEDS:
        log = unsettled(ran(seed))
        if len(log.attempts["action"]):
            spoil(log)
            broken += RULES[rule](planned(seed), log) > 0
    assert broken >= 5


# Two runs under common random numbers.


def calm(plan: Plan) -> Plan:
    """The plan without what couples one action with another, or a fate with the time.

    No incidents and changes (a first epoch for ever), no rate limits, slots or places that can run out,
    no fallbacks, timeouts and deadlines; deployments by weight; time enough that all ends which ever ends.
    """
    deployments, service = plan.deployments, plan.service
    unlimited = np.full_like(deployments.concurrency, NEVER)
    never = np.full_like(plan.policy.timeout, NEVER)
    return replace(
        plan,
        epochs=plan.epochs[:1],
        cooldown=LONG,
        incidents=no_incidents(plan),
        deployments=deployments._replace(
            concurrency=unlimited, queue=unlimited, first_limit=np.zeros_like(deployments.first_limit)
        ),
        service=service._replace(workers=never, queue=never),
        policy=plan.policy._replace(timeout=never, deadline=never),
        models=plan.models._replace(
            balance=np.zeros_like(plan.models.balance), fallback=np.full_like(plan.models.fallback, -1)
        ),
    )


def no_incidents(plan: Plan) -> Incidents:
    """Neither scheduled nor random ones."""
    found = plan.incidents
    nothing = {name: column[:0] for name, column in found._asdict().items() if name != "first_severity"}
    return found._replace(**nothing, first_severity=found.first_severity[:1])


def with_policy(plan: Plan, **values: int) -> Plan:
    """The plan with numbers of the policy, at all times."""
    columns = {name: np.full_like(getattr(plan.policy, name), value) for name, value in values.items()}
    return replace(plan, policy=plan.policy._replace(**columns))


def without_cascades(plan: Plan) -> Plan:
    """An answer is never escalated."""
    return replace(plan, routes=plan.routes._replace(next_model=np.full_like(plan.routes.next_model, -1)))


def scaled_errors(plan: Plan, factor: float) -> Plan:
    """All shares of attempts and calls that fail, times a factor."""
    models, deployments = plan.models, plan.deployments
    return replace(
        plan,
        models=models._replace(errors=models.errors * factor),
        deployments=deployments._replace(errors=deployments.errors * factor),
    )


def measured(plan: Plan, seed: int) -> dict[str, Ints]:
    """Measured actions of a run by id."""
    found = rules.in_order(run(plan, seed, 0))
    keep = (found["arrival"] >= 0) & (found["arrival"] < plan.horizon)
    return {name: column[keep] for name, column in found.items()}


Change = Callable[[Plan], tuple[Plan, Plan]]


def both(change: Change, seeds: Sequence[int] = PAIRED) -> Iterator[tuple[dict[str, Ints], dict[str, Ints]]]:
    """Measured actions of both plans that a change makes, by seed."""
    for seed in seeds:
        one, other = (measured(plan, seed) for plan in change(planned(seed)))
        assert (one["action"] == other["action"]).all() and (one["arrival"] == other["arrival"]).all()
        yield one, other


def more_errors(plan: Plan) -> tuple[Plan, Plan]:
    """Half as many failures more."""
    quiet = with_policy(calm(plan), max_retries=0)
    return quiet, scaled_errors(quiet, 1.5)


def shorter_timeout(plan: Plan) -> tuple[Plan, Plan]:
    """Six and two seconds."""
    quiet = with_policy(calm(plan), max_retries=0)
    return with_policy(quiet, timeout=6 * 10**9), with_policy(quiet, timeout=2 * 10**9)


def fewer_retries(plan: Plan) -> tuple[Plan, Plan]:
    """One and none."""
    quiet = without_cascades(with_policy(calm(plan), timeout=8 * 10**9))
    return with_policy(quiet, max_retries=1), with_policy(quiet, max_retries=0)


def shorter_deadline(plan: Plan) -> tuple[Plan, Plan]:
    """Twelve and four seconds; fallbacks and retries as they are."""
    quiet = replace(calm(plan), models=plan.models._replace(balance=np.zeros_like(plan.models.balance)))
    quiet = with_policy(quiet, timeout=5 * 10**9)
    return with_policy(quiet, deadline=12 * 10**9), with_policy(quiet, deadline=4 * 10**9)


@pytest.mark.parametrize("change", [more_errors, shorter_timeout, fewer_retries, shorter_deadline])
def test_those_who_fail_are_more(change: Change) -> None:
    """Whoever succeeds under the harder terms succeeds under the easier ones: sets, not only counts.

    Theorem, where nothing is shared (`calm`): the fate of an attempt is a function of its own draws.
    *Errors*, without retries and fallbacks: an attempt fails iff u < the sum of the rates, an action iff one of its
    attempts does. *Timeout*, likewise: an attempt's time is fixed. *Retries*, without fallbacks and cascades: the same
    attempts are made, and after the last failure one more. *Deadline*: whatever else, an action's end is fixed.
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
    quiet = with_policy(one_class(calm(plan)), timeout=10 * 10**9)

    def staffed(count: int) -> Plan:
        return replace(quiet, service=quiet.service._replace(workers=np.full_like(plan.service.workers, count)))

    return staffed(3), staffed(2)


def fewer_slots(plan: Plan) -> tuple[Plan, Plan]:
    """Three and two slots at each deployment, one attempt an action."""
    quiet, once = with_policy(without_cascades(calm(plan)), max_retries=0), np.ones_like(plan.actions.times)
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


def later(easy: Ints, hard: Ints) -> tuple[bool, bool]:
    """Is one later in the first, is one later in the second? What never happens is the latest."""
    first, second = (np.where(times == DID_NOT, NEVER, times) for times in (easy, hard))
    return bool((first > second).any()), bool((second > first).any())


@pytest.mark.parametrize(
    ("change", "column", "least"), [(fewer_workers, "start", 8), (fewer_slots, "end", 5), (slower, "end", 12)]
)
def test_nobody_is_served_later_with_more(change: Change, column: str, least: int) -> None:
    """With more workers, more slots, or a quicker model nobody begins (or ends) later.

    Theorem (Kiefer and Wolfowitz 1955, path by path): customers who come at fixed times, whose service takes a fixed
    time, and who are served first come, first served, begin no later with one more server. *Workers*: an action
    holds its slot for a time of its own where nothing else is shared (`calm`), there are no classes of
    priority and no deadline. *Slots*: the same of a deployment, where each action makes one attempt at a fixed time
    (kinds of one call, without own workers, retries and cascades). *Quicker*: where nothing is shared and there are no
    timeouts, an end is made of sums, maxima (the last answer of a stage) and minima (the first failure) of times.
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

    Theorem without any condition: nothing in the model looks at a price. So a dearer price costs no action less.
    """
    dearer = 0
    for seed in SEEDS[:20]:
        plan, log = planned(seed), ran(seed)
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


def test_what_is_no_theorem_fails_somewhere() -> None:
    """With what is shared left in, fewer errors do fail somebody: the comparisons above do see a difference of one."""
    worse = 0
    for seed in PAIRED:
        plan = planned(seed)
        easy, hard = (rules.in_order(run(one, seed, 0)) for one in (plan, scaled_errors(plan, 1.5)))
        both_ran = min(len(easy["action"]), len(hard["action"]))
        ok, still = (found["outcome"][:both_ran] == Outcome.OK for found in (easy, hard))
        worse += (still & ~ok).any()
    assert worse > 3
