"""Metrics of what is done when it fails: retries upon retries, breakers, hedges, people, alerts."""

from collections.abc import Callable

import numpy as np

from simkit.plan.codes import Cause, Degrade
from simkit.plan.plan import NEVER
from simkit.result.alerts import PAGE, pages_of
from simkit.result.desk import shifts_of
from simkit.result.evidence import Evidence
from simkit.result.metric import (
    HOUR_NS,
    MONTH_HOURS,
    NO_ATTEMPT,
    NO_CALL,
    NO_END,
    Formula,
    Metric,
    only_if,
    ratio,
    share,
)
from simkit.result.reviews import Case, cases
from simkit.result.sample import Sample
from simkit.result.statistics import NO_INTERVAL, Estimate, jackknife, mean, missing, wilson, woodruff


def has_timeout(evidence: Evidence) -> bool:
    """Does any timeout end an attempt?"""
    inner, outer = evidence.plan.inner, evidence.plan.outer
    limits = (inner.timeout, inner.first_token_timeout, inner.idle_timeout, inner.call_timeout, outer.timeout)
    return any(bool((one < NEVER).any()) for one in limits)


def has_hedges(evidence: Evidence) -> bool:
    """Is a second try sent beside a slow one?"""
    return bool((evidence.plan.inner.hedge_after < NEVER).any())


def has_throttle(evidence: Evidence) -> bool:
    """Do callers hold back by themselves?"""
    return bool(evidence.plan.inner.throttle.any())


def has_budget(evidence: Evidence) -> bool:
    """Is there a retry budget?"""
    return bool(evidence.plan.inner.budget.any() or evidence.plan.outer.budget.any())


def has_breaker(evidence: Evidence) -> bool:
    """Are there breakers?"""
    return bool(evidence.plan.breaker.on.any())


def has_people(evidence: Evidence) -> bool:
    """Do people answer in the end?"""
    return bool((evidence.plan.ladder.what == Degrade.HUMAN).any())


def has_shedding(evidence: Evidence) -> bool:
    """Are arrivals turned away while too many actions are in flight?"""
    return bool((evidence.plan.service.shed_in_flight < NEVER).any())


def has_reload(evidence: Evidence) -> bool:
    """Do users ask again?"""
    audience = evidence.plan.audience
    return bool((audience.reload_abandoned > 0).any() or (audience.reload_failed > 0).any())


def has_streams(evidence: Evidence) -> bool:
    """Does any call show its tokens as they come?"""
    actions = evidence.plan.actions
    return bool((actions.streaming & (actions.route >= 0)).any())


def has_retries(evidence: Evidence) -> bool:
    """Is anything tried again, by either layer?"""
    return bool((evidence.plan.inner.max_retries > 0).any() or (evidence.plan.outer.max_retries > 0).any())


def has_alerts(evidence: Evidence) -> bool:
    """Do alerts watch an objective?"""
    return evidence.watch is not None and any(evidence.watch.heeds(one) for one in evidence.objectives)


def has_pages(evidence: Evidence) -> bool:
    """Do alerts call somebody?"""
    return has_alerts(evidence) and any(
        one.severity == PAGE for one in (evidence.watch.rules if evidence.watch else ())
    )


ABSENT: dict[Callable[[Evidence], bool], str] = {
    has_timeout: "there is no timeout",
    has_hedges: "there are no hedges",
    has_throttle: "there is no adaptive throttle",
    has_budget: "there is no retry budget",
    has_breaker: "there are no breakers",
    has_people: "no people are at the end of the degrade ladder",
    has_shedding: "there is no load shedding",
    has_reload: "users do not ask again",
    has_streams: "no call streams",
    has_retries: "there are no retries",
    has_pages: "there are no alerts that page",
}


def _when(applies: Callable[[Evidence], bool], formula: Formula) -> Formula:
    return only_if(applies, formula, ABSENT[applies])


NO_CASE = "people answered nothing"
NO_HARM = "no objective was missed in an incident"


def _attempts_p99(evidence: Evidence) -> Estimate:
    return evidence.percentile("attempts", 0.99).scaled(1e9) if evidence.total("calls") else missing(NO_CALL)


def _open_share(evidence: Evidence) -> Estimate:
    rows = np.array([float(one.breakers.open_ns.sum()) for one in evidence.tallies])
    whole = np.array([float(one.breakers.open_ns.size * evidence.plan.horizon) for one in evidence.tallies])
    return jackknife(float(rows.sum() / whole.sum()), rows, whole, evidence.level).within(0.0, 1.0)


def _openings(evidence: Evidence) -> Estimate:
    return mean([float(one.breakers.openings.sum()) for one in evidence.tallies], evidence.level)


def _hedge_cost(evidence: Evidence) -> Estimate:
    rows = np.array([float(one.cost["cause"][Cause.HEDGE]) for one in evidence.tallies])
    whole = np.array([float(one.cost["cause"].sum()) for one in evidence.tallies])
    if not whole.sum():
        return missing("nothing was spent")
    if len(rows) < 2:
        return Estimate(float(rows.sum() / whole.sum()), note=NO_INTERVAL)
    return jackknife(float(rows.sum() / whole.sum()), rows, whole, evidence.level).within(0.0, 1.0)


def _per_question(evidence: Evidence) -> Estimate:
    every = evidence.rows("arrived")
    fresh = every - evidence.rows("reloads")
    if not fresh.sum():
        return missing("no action arrived")
    return jackknife(float(every.sum() / fresh.sum()), every, fresh, evidence.level)


def _wait_for_people(evidence: Evidence) -> Estimate:
    return evidence.percentile("human_wait", 0.95) if evidence.pooled("human_wait").n else missing(NO_CASE)


def _busy_people(evidence: Evidence) -> Estimate:
    capacity = shifts_of(evidence.plan).capacity
    if not capacity:
        return missing("nobody is there within the horizon")
    busy = np.array([float(one.desk_busy) for one in evidence.tallies])
    return mean(np.minimum(1.0, busy / capacity).tolist(), evidence.level).within(0.0, 1.0)


def _pages(evidence: Evidence) -> Estimate:
    months = evidence.plan.horizon / (MONTH_HOURS * HOUR_NS)
    return mean([len(pages_of(alerts)) / months for alerts in evidence.alerts], evidence.level)


def _harmful(evidence: Evidence) -> dict[int, list[Case]]:
    """Incidents that missed an objective, by replication."""
    found: dict[int, list[Case]] = {one.replication: [] for one in evidence.tallies}
    for one in cases(evidence):
        if one.harmful:
            found[one.tally.replication].append(one)
    return found


def _detect_p50(evidence: Evidence) -> Estimate:
    times = [
        Sample.of([one.alert.fired - one.stretch.start for one in rows if one.alert is not None])
        for rows in _harmful(evidence).values()
    ]
    pool = Sample.merge(times)
    value = pool.percentile(0.5)
    if value is None:
        return missing("no incident was noticed by a page")
    shares = np.array([one.count_le(value) / one.n for one in times if one.n])
    return woodruff(pool, 0.5, shares, evidence.level)


def _undetected(evidence: Evidence) -> Estimate:
    by_run = list(_harmful(evidence).values())
    rows = np.array([float(sum(one.alert is None for one in mine)) for mine in by_run])
    whole = np.array([float(len(mine)) for mine in by_run])
    part, all_ = rows.sum(), whole.sum()
    if not all_:
        return missing(NO_HARM)
    if len(by_run) < 2:
        return Estimate(float(part / all_), note=NO_INTERVAL)
    if part in (0, all_):
        return wilson(float(part), float(all_), evidence.level)
    return jackknife(float(part / all_), rows, whole, evidence.level).within(0.0, 1.0)


METRICS = (
    Metric("amplification", "number", "Attempts sent / calls.", ratio("sent", "calls", NO_CALL)),
    Metric(
        "attempts_per_action_p99", "number", "99 % of the actions send at most so many attempts (counted up to 255).",
        _attempts_p99,
    ),
    Metric(
        "timeout_rate", "share", "Attempts ended by a timeout / attempts sent.",
        _when(has_timeout, share("attempts_timeout", "sent", NO_ATTEMPT)),
    ),
    Metric(
        "cancelled_attempts_per_call", "number", "Attempts cut by a timer above them, a twin or an end / calls.",
        ratio("attempts_cancelled", "calls", NO_CALL),
    ),
    Metric(
        "stream_failure_rate", "share", "Attempts that failed after their first token was shown / attempts sent.",
        _when(has_streams, share("cut_short", "sent", NO_ATTEMPT)),
    ),
    Metric(
        "backoff_wait_mean", "s", "From the end of a try to the retry after it: mean.",
        _when(has_retries, ratio("retry_wait", "retries", "nothing was tried again", 1e9)),
    ),
    Metric(
        "gave_up_rate", "share", "Attempts not tried again because their Retry-After was too long / attempts sent.",
        _when(has_retries, share("marked_gave_up", "sent", NO_ATTEMPT)),
    ),
    Metric("hedge_rate", "share", "Hedges / calls.", _when(has_hedges, ratio("hedges", "calls", NO_CALL))),
    Metric(
        "hedge_win_rate", "share", "Hedges that answered first / hedges.",
        _when(has_hedges, share("hedge_wins", "hedges", "no hedge was sent")),
    ),
    Metric(
        "hedge_cost_share", "share", "Cost of hedges, won or lost / of all attempts.", _when(has_hedges, _hedge_cost)
    ),
    Metric(
        "retries_refused_rate", "share", "Retries and hedges that the budget refused / those wanted.",
        _when(has_budget, share("marked_no_budget", "wanted", "no retry was wanted")),
    ),
    Metric(
        "throttled_rate", "share", "Attempts that the caller held back / attempts.",
        _when(has_throttle, share("attempts_throttled", "attempts", NO_ATTEMPT)),
    ),
    Metric(
        "breaker_openings", "count", "How often a breaker opened, of all deployments (or providers) and copies.",
        _when(has_breaker, _openings),
    ),
    Metric(
        "breaker_open_share", "share", "Time that breakers were open / (breakers of all deployments x horizon).",
        _when(has_breaker, _open_share),
    ),
    Metric(
        "bypass_rate", "share", "Attempts sent although their breaker was open / attempts sent.",
        _when(has_breaker, share("marked_bypass", "sent", NO_ATTEMPT)),
    ),
    Metric("shed_rate", "share", "Shed / ended.", _when(has_shedding, share("shed", "ended", NO_END))),
    Metric("human_rate", "share", "Answered by a person / ended.", _when(has_people, share("human", "ended", NO_END))),
    Metric(
        "human_time_mean", "s", "From asking a person to the answer, the queue included: mean.",
        _when(has_people, ratio("people_time", "human", NO_CASE, 1e9)),
    ),
    Metric(
        "human_wait_p95", "s", "In the queue for a person: 95 % of the cases that people answered wait at most this.",
        _when(has_people, _wait_for_people),
    ),
    Metric(
        "human_busy_share", "share", "Time that people work on cases in their hours / time that they are there.",
        _when(has_people, _busy_people),
    ),
    Metric(
        "reload_rate", "share", "Actions asked again by a user / actions.",
        _when(has_reload, share("reloads", "arrived", "no action arrived")),
    ),
    Metric(
        "actions_per_question", "number", "Actions / those that are not asked again: 1 when nobody reloads.",
        _when(has_reload, _per_question),
    ),
    Metric(
        "pages_per_month", "number", "Times that alerts call somebody in 730 hours; those that overlap count once.",
        _when(has_pages, _pages),
    ),
    Metric(
        "time_to_detect_p50", "s", "From the start of an incident that missed an objective to its first page: median.",
        _when(has_pages, _detect_p50),
    ),
    Metric(
        "undetected_incidents_share", "share",
        "Incidents that missed an objective without a page / those that missed one.",
        _when(has_pages, _undetected),
    ),
)  # fmt: skip
