"""The answers that a run opens with, each a sentence with its figures."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import INCIDENT_COLUMNS
from simkit.result.aftermath import harm, lessons
from simkit.result.bill import Weighed, bill_text, blocked, rationed
from simkit.result.bottlenecks import Bottleneck, bottlenecks, load_text
from simkit.result.evidence import Evidence
from simkit.result.growth_text import growth_lessons
from simkit.result.region_text import region_lessons
from simkit.result.slo import Standing, Verdict, standings
from simkit.result.statistics import Estimate
from simkit.result.words import dollars, percent, seconds, whole

SEVERE, SLOW = 0.2, 2.0
"""Error rate, and slowdown, from which on an incident is a reason of its own."""
LOSSES = ("failed", "rejected", "abandoned")
HOLD, COST, BREAK = "Will it hold?", "What will it cost?", "What breaks first?"
BILL = "What to do about the bill?"


@dataclass(frozen=True)
class Answer:
    """A question and its answer; `tone` is good, bad, warn or empty."""

    question: str
    text: str
    tone: str = ""


def answers(evidence: Evidence, metrics: dict[str, Estimate], levers: Weighed | None = None) -> tuple[Answer, ...]:
    """Will it hold? What will it cost? What breaks first? And, where models cost something, what to do about that."""
    bill = bill_text(evidence, metrics, levers)
    found = three_answers(evidence, metrics)
    return (*found, Answer(BILL, bill)) if bill else found


def three_answers(evidence: Evidence, metrics: dict[str, Estimate]) -> tuple[Answer, ...]:
    """Will it hold? What will it cost? What breaks first?"""
    limits = bottlenecks(evidence)
    return _hold(evidence, metrics, limits), _cost(evidence, metrics), _breaks(evidence, metrics, limits)


def _hold(evidence: Evidence, metrics: dict[str, Estimate], limits: tuple[Bottleneck, ...]) -> Answer:
    every = standings(evidence)
    if not evidence.total("ended"):
        return Answer(HOLD, "Not known: no action ended.", "warn")
    if not every:
        rate, p95 = metrics["success_rate"].value or 0.0, metrics["latency_p95"].value
        time = f" and 95 % of them within {seconds(p95)}" if p95 is not None else ""
        why = _lost(evidence, limits) if rate < 0.99 else ""
        return Answer(HOLD, f"No objective is set: {percent(rate)} succeed{time}.{why}", "")
    verdicts = [_leaning(one) for one in every]
    sure = all(one.compliance.low is not None for one in every)
    missed = [one for one, said in zip(every, verdicts, strict=True) if said == Verdict.FAIL]
    open_ = [one for one, said in zip(every, verdicts, strict=True) if said == Verdict.UNDECIDED]
    if missed:
        text = f"{'No' if sure else 'Probably no'}: {_said(missed)}.{_why(evidence, metrics, limits, missed)}"
        return Answer(HOLD, text, "bad")
    if open_:
        why = _why(evidence, metrics, limits, open_)
        return Answer(HOLD, f"Not decided: {_said(open_)}; more replications would tell.{why}", "warn")
    if not sure:
        return Answer(HOLD, f"Probably yes: {_said(every)} (one run has no interval).", "good")
    return Answer(HOLD, f"Yes: {_said(every)}.", "good")


def _leaning(one: Standing) -> Verdict:
    """The verdict; where there is no interval, what the value alone says."""
    value = one.compliance.value
    if one.compliance.low is None and value is not None:
        return Verdict.PASS if value >= one.objective.target else Verdict.FAIL
    return one.verdict


def _said(chosen: list[Standing] | tuple[Standing, ...]) -> str:
    return "; ".join(_one(one) for one in chosen)


def _one(one: Standing) -> str:
    value = percent(one.compliance.value or 0.0)
    target = percent(one.objective.target)
    limit = seconds(one.objective.limit / 1e9)
    what = {
        "success": "succeed",
        "latency": f"succeed within {limit}",
        "ttft": f"see the first token within {limit}",
        "good": "get a good answer",
    }[one.objective.kind]
    return f"{value} {what} (objective {target})"


def _why(
    evidence: Evidence, metrics: dict[str, Estimate], limits: tuple[Bottleneck, ...], missed: list[Standing]
) -> str:
    """The main reason in a sentence: who is not served and why, what takes the time, or bad answers."""
    worst = max(missed, key=lambda one: one.bad / max(1e-9, 1 - one.objective.target))
    if 2 * (evidence.total("ended") - evidence.total("served")) >= worst.bad:
        return _lost(evidence, limits)
    if worst.objective.kind == "good":
        return " The answers themselves are too often bad: see the models' quality and the routes."
    return _slow(evidence, metrics, limits)


def _lost(evidence: Evidence, limits: tuple[Bottleneck, ...]) -> str:
    """Why most of those that were not served were not."""
    reasons = np.sum([one.reasons for one in evidence.tallies], axis=0)[Outcome.FAILED : Outcome.CENSORED]
    most = int(reasons.max())
    if not most:
        return ""
    outcome, reason = divmod(int(reasons.argmax()), reasons.shape[1])
    rate = percent(most / evidence.total("ended"))
    if outcome + Outcome.FAILED == Outcome.ABANDONED:
        return f" {rate} are given up by users who wait too long{_during(evidence)}.{_waiting(evidence, limits)}"
    word = {Outcome.FAILED: "fail", Outcome.REJECTED: "are rejected"}[Outcome(outcome + Outcome.FAILED)]
    return f" {rate} {word}{_by(evidence, Kind(reason), limits)}{_during(evidence)}."


def _during(evidence: Evidence) -> str:
    """The incident in which most were lost, where one had more than half of them."""
    names, severity = evidence.plan.names, evidence.plan.incidents
    lost: Counter[str] = Counter()
    for run in evidence.tallies:
        edges, failed = run.windows.edges, np.sum([run.series[name] for name in LOSSES], axis=0)
        for source, start, end, hard in zip(*(run.incidents[c].tolist() for c in INCIDENT_COLUMNS), strict=True):
            severe = bool(severity.error_rate[hard] >= SEVERE or severity.slowdown[hard] >= SLOW)
            hit = (edges[1:] > start) & (edges[:-1] < end) & severe
            lost[names.incidents[source] if source >= 0 else names.outages[-1 - source]] += int(failed[hit].sum())
    name, number = max(lost.items(), key=lambda pair: pair[1], default=("", 0))
    share = number / max(1, sum(evidence.total(name) for name in LOSSES))
    if share <= 0.5:
        return ""
    return (
        f", all of them while `{name}` lasts"
        if share > 0.9995
        else (f", {percent(share)} of all losses while `{name}` lasts")
    )


def _by(evidence: Evidence, reason: Kind, limits: tuple[Bottleneck, ...]) -> str:
    kinds = {
        Kind.RATE_LIMIT: ("quota",),
        Kind.QUEUE_FULL: ("workers", "queue"),
        Kind.OVERLOADED: ("concurrency", "queue"),
    }.get(reason, ())
    blamed = max((one for one in limits if one.kind in kinds), key=lambda one: one.refused, default=None)
    if blamed is None or not blamed.refused:
        return f" with {reason.name.lower().replace('_', ' ')}"
    return f" because of {_limit(evidence, blamed, limits)}"


def _limit(evidence: Evidence, one: Bottleneck, limits: tuple[Bottleneck, ...]) -> str:
    """A limit with its figures; of a queue, those of the slots that it waits for."""
    slots = next((two for two in limits if two.kind != "queue" and two.station == one.station), one)
    before = f" before {slots.text}" if slots is not one else ""
    full = load_text(evidence, slots.full_at)
    return f"{one.name} ({one.text}){before}, its busiest minute at {whole(slots.peak_use)}, full at {full}"


def _slow(evidence: Evidence, metrics: dict[str, Estimate], limits: tuple[Bottleneck, ...]) -> str:
    mean = metrics["latency_mean"].value
    if mean is None:
        return ""
    waiting = _waiting(evidence, limits)
    if waiting:
        return waiting
    return f" The time is the models' own: a served action takes {seconds(mean)} in the mean{_slowed(evidence)}."


def _waiting(evidence: Evidence, limits: tuple[Bottleneck, ...]) -> str:
    """The limit that holds up longest, where that is a good part of the time."""
    served, took = evidence.total("timed") / len(evidence.tallies), evidence.total("latency") / 1e9
    slowest = max(limits, key=lambda one: (one.mean_delay_s or 0.0) * one.delayed, default=None)
    if slowest is None or not served or not took:
        return ""
    mean = took / evidence.total("timed")
    waiting = (slowest.mean_delay_s or 0.0) * slowest.delayed / served
    if waiting < 0.2 * mean:
        return ""
    return f" {percent(min(1.0, waiting / mean))} of the time is waiting for {_limit(evidence, slowest, limits)}."


def _slowed(evidence: Evidence) -> str:
    """The scheduled incident that slows most, if there is one."""
    names, hard = evidence.plan.names, evidence.plan.incidents
    slow = {
        (float(hard.slowdown[severity]), names.incidents[source])
        for run in evidence.tallies
        for source, severity in zip(run.incidents["source"].tolist(), run.incidents["severity"].tolist(), strict=True)
        if source >= 0 and hard.slowdown[severity] >= SLOW
    }
    return f"; they are {max(slow)[0]:.3g} times slower while `{max(slow)[1]}` lasts" if slow else ""


def _cost(evidence: Evidence, metrics: dict[str, Estimate]) -> Answer:
    month, action = metrics["cost_per_month"], metrics["cost_per_action"]
    user, wasted = metrics["cost_per_user_month"].value, metrics["wasted_cost_share"].value
    parts = [f"{dollars(month.value or 0.0)} a month{_between(month)}"]
    parts.append(
        f"{dollars(action.value)} per successful action" if action.value is not None else "no action succeeded"
    )
    if user is not None:
        parts.append(f"{dollars(user)} per daily active user a month")
    waste = f" {percent(wasted)} of the models' cost bought nothing." if wasted and wasted >= 0.005 else ""
    return Answer(COST, f"{', '.join(parts)}.{waste}")


def _between(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({dollars(estimate.low)} to {dollars(estimate.high)})"


def _breaks(evidence: Evidence, metrics: dict[str, Estimate], limits: tuple[Bottleneck, ...]) -> Answer:
    """Spent budgets come first, then what incidents teach, then quotas and limits; without limits, incidents alone."""
    spent, turned, full = blocked(evidence), rationed(evidence, metrics), _fills(evidence, limits)
    first = (
        *spent,
        *growth_lessons(evidence),
        *region_lessons(evidence),
        *(lessons(evidence, limits) or (() if limits else harm(evidence))),
    )
    said = (*first, *((f"{turned}.",) if turned else ()), *((full.text,) if limits else ()))
    return Answer(BREAK, " ".join(said), "bad" if first else full.tone if limits else "") if said else full


def _fills(evidence: Evidence, limits: tuple[Bottleneck, ...]) -> Answer:
    if not limits:
        return Answer(
            BREAK, "Nothing has a limit here: rate limits, concurrency and workers are all unlimited.", "warn"
        )
    used = [one for one in limits if one.full_at is not None]
    if not used:
        return Answer(BREAK, "No limit was used.")
    first = used[0]
    now = f"its busiest hour at {whole(first.busiest_hour_use)}, its busiest minute at {whole(first.peak_use)}"
    already = "already full, it is enough for" if first.busiest_hour_use >= 1 else "full at"
    text = f"{first.name} ({first.text}): {already} {load_text(evidence, first.full_at)}; {now}."
    others = [one for one in used[1:] if one.kind != "queue"]
    if others:
        text += f" Then {others[0].name}, at {load_text(evidence, others[0].full_at)}."
    return Answer(BREAK, text, "bad" if first.busiest_hour_use >= 1 else "")
