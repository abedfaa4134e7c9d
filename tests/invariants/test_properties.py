"""Properties of every log, on generated scenarios: what is conserved, what adds up.

The rules are in `log_rules`; each is also shown to fail on a log that is spoilt. Runs are the reference's (parity has
the other engine).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import log_rules as rules
import numpy as np
import pytest
from plan_variants import planned

from simkit.engine.log import DID_NOT, Log
from simkit.engine.reference import run
from simkit.plan.codes import Outcome
from simkit.plan.plan import Plan
from simkit.study.invariants import invariants

SEEDS = range(60)


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
    assert sum(use > 0.7 for use in uses) >= 5


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
