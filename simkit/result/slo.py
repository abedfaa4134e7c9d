"""Compliance, error budget and burn rate of each objective and of all together; verdicts on expectations."""

from dataclasses import dataclass
from enum import StrEnum
from operator import ge, gt, le, lt

from simkit.result.evidence import Evidence
from simkit.result.objectives import Objective
from simkit.result.statistics import Estimate, missing

NO_OBJECTIVE = "there is no objective"
NO_BUDGET = "a target of 100 % leaves no budget"


class Verdict(StrEnum):
    """What a run says about an expectation."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Standing:
    """What became of one objective."""

    objective: Objective
    bad: int
    counted: int
    compliance: Estimate
    budget_left: Estimate
    burn_rate: Estimate
    verdict: Verdict


def verdict(estimate: Estimate, op: str, bound: float) -> Verdict:
    """Does the whole interval fulfil `op bound`? Without an interval nothing is decided."""
    if estimate.value is None:
        return Verdict.UNDECIDED
    if op in ("==", "=", "!="):
        return _equal(estimate, bound, op == "!=")
    holds = {">=": ge, "<=": le, ">": gt, "<": lt}[op]
    worst, best = (estimate.low, estimate.high) if op in (">=", ">") else (estimate.high, estimate.low)
    if worst is not None and holds(worst, bound):
        return Verdict.PASS
    if best is not None and not holds(best, bound):
        return Verdict.FAIL
    return Verdict.UNDECIDED


def _equal(estimate: Estimate, bound: float, wanted_other: bool) -> Verdict:
    if estimate.low is None or estimate.high is None:
        return Verdict.UNDECIDED
    if estimate.low == bound == estimate.high:
        return Verdict.FAIL if wanted_other else Verdict.PASS
    if estimate.low <= bound <= estimate.high:
        return Verdict.UNDECIDED
    return Verdict.PASS if wanted_other else Verdict.FAIL


def standings(evidence: Evidence) -> tuple[Standing, ...]:
    """Every objective."""
    return tuple(_standing(evidence, objective) for objective in evidence.objectives)


def _standing(evidence: Evidence, objective: Objective) -> Standing:
    label = objective.label
    bad, counted = evidence.total(f"bad_{label}"), evidence.total(f"counted_{label}")
    share_bad = evidence.share(f"bad_{label}", f"counted_{label}", "no action ended")
    good = _complement(share_bad, 1.0)
    if share_bad.value is None or objective.target >= 1:
        left = burn = missing(share_bad.note if share_bad.value is None else NO_BUDGET)
    else:
        burn = share_bad.scaled(1 / (1 - objective.target))
        left = _complement(burn, 1 / allowance(evidence))
    return Standing(objective, bad, counted, good, left, burn, verdict(good, ">=", objective.target))


def allowance(evidence: Evidence) -> float:
    """max(1, window / horizon): how many times the horizon's actions the budget is made for."""
    return max(1.0, evidence.slo_window / evidence.plan.horizon)


def _complement(estimate: Estimate, factor: float) -> Estimate:
    """1 - factor x estimate."""

    def of(value: float | None) -> float | None:
        return None if value is None else 1 - factor * value

    return Estimate(of(estimate.value), of(estimate.high), of(estimate.low), estimate.note)


def all_objectives(evidence: Evidence) -> Estimate:
    """Share of actions that meet every objective."""
    if not evidence.objectives:
        return missing(NO_OBJECTIVE)
    return _complement(evidence.share("bad", "counted", "no action ended"), 1.0)


def budget_left(evidence: Evidence) -> Estimate:
    """The least of all objectives."""
    known = [one.budget_left for one in standings(evidence) if one.budget_left.value is not None]
    return min(known, key=lambda left: left.value or 0.0) if known else _no_budget(evidence)


def burn_rate(evidence: Evidence) -> Estimate:
    """The most of all objectives."""
    known = [one.burn_rate for one in standings(evidence) if one.burn_rate.value is not None]
    return max(known, key=lambda burn: burn.value or 0.0) if known else _no_budget(evidence)


def _no_budget(evidence: Evidence) -> Estimate:
    every = standings(evidence)
    return missing(every[0].budget_left.note if every else NO_OBJECTIVE)
