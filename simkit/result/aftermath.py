"""What incidents teach, in sentences: a fallback too small, a storm that outlives its cause, retries that multiply,
slowness that no breaker sees, a breaker that flaps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import BreakerState
from simkit.result.bottlenecks import Bottleneck
from simkit.result.breakers import place_of, places_of
from simkit.result.evidence import Evidence
from simkit.result.recovery import ENDED, SENT, SERVED
from simkit.result.reviews import Case, cases
from simkit.result.statistics import significant
from simkit.result.windows import MINUTE
from simkit.result.words import duration, number, percent

TURNED_AWAY = 0.2
"""Share of the calls that fell back from which on a fallback is too small."""
LOST = 0.05
"""Share of the actions of an incident that must be lost for it to matter."""
LOW, LOUD = 0.9, 1.5
"""A storm: fewer are served after the end, with so many times the attempts that are usual."""
LONGEST = 10 * MINUTE
"""And for at least so long, and as long as the incident itself."""
MULTIPLIED = 6.0
"""Attempts per action, against what is usual, from which on retries stand on one another."""
TOTAL = 0.99
"""Share of errors from which on an incident lets nothing through."""
FLAPS = 20
"""Openings of one breaker in one incident from which on it flaps."""


def lessons(evidence: Evidence, limits: Sequence[Bottleneck]) -> tuple[str, ...]:
    """Every lesson that applies, as a sentence or two."""
    every = cases(evidence)
    storm = _storm(every)
    found = (
        _small_fallback(evidence, every, limits), storm, "" if storm else _multiplied(every),
        _unseen(evidence, every), _flapping(evidence, every),
    )  # fmt: skip
    return tuple(text for text in found if text)


def harm(evidence: Evidence) -> tuple[str, ...]:
    """The incident that did most harm, where nothing else is to be said: what it lost, or what it made harder."""
    every = cases(evidence)
    hurt = [
        one for one in every if one.harmful or one.sum("lost") > LOST * one.sum("ended") or _times(one) >= LOUD
    ]  # fmt: skip
    if not hurt:
        return ()
    name = max(hurt, key=lambda one: (one.sum("lost"), _times(one))).name
    mine = [one for one in hurt if one.name == name]
    sent, lost, ended = (sum(one.sum(column) for one in mine) for column in ("sent", "lost", "ended"))
    tries = f", at {number(significant(sent / ended, 2))} attempts per action" if _times(mine[0]) >= LOUD else ""
    slow = not lost and any(one.harmful for one in mine)
    what = "an objective is missed" if slow else f"{percent(significant(lost / ended))} of the actions are lost"
    return (f"Incidents, not limits: while `{name}` lasts, {what}{tries}.",)


def _small_fallback(evidence: Evidence, every: Sequence[Case], limits: Sequence[Bottleneck]) -> str:
    """The incident that lost most while a limit turned the fallback's calls away."""
    hit = [
        one for one in every
        if one.sum("lost") > LOST * one.sum("ended") and one.sum("turned_away") > TURNED_AWAY * one.sum("fell_back")
    ]  # fmt: skip
    if not hit:
        return ""
    name = max({one.name for one in hit}, key=lambda name: sum(one.sum("lost") for one in hit if one.name == name))
    mine = [one for one in hit if one.name == name]
    tried, away, lost, ended = (
        sum(one.sum(column) for one in mine) for column in ("fell_back", "turned_away", "lost", "ended")
    )
    return (
        f"The fallback is too small: while `{name}` lasts, {percent(away / tried)} of the calls that fall back are"
        f" turned away by {_who(evidence, limits)}, and {percent(lost / ended)} of the actions are lost."
    )


def _who(evidence: Evidence, limits: Sequence[Bottleneck]) -> str:
    """The limit that refused most of what fell back."""
    refused = np.sum([one.fallbacks_refused for one in evidence.tallies], axis=0)
    worst, names = int(refused.argmax()), evidence.plan.names
    if not refused.any():
        return "its provider"
    if worst < len(names.limits):
        return f"{names.limits[worst]} ({names.limit_text[worst]})"
    slots = [one for one in limits if one.kind in ("concurrency", "queue") and one.refused]
    return max(slots, key=lambda one: one.refused).name if slots else "its full slots"


def _storm(every: Sequence[Case]) -> str:
    """Incidents after which too few are served while far more attempts than usual are made."""
    storms = [one for one in every if _is_storm(one)]
    if not storms:
        return ""
    name = storms[0].name
    mine = [one for one in storms if one.name == name]
    ended, served, sent = (sum(int(one.stretch.after[column]) for one in mine) for column in (ENDED, SERVED, SENT))
    usual = mine[0].usual("sent") or 0.0
    times = f"{number(significant(sent / ended, 2))} attempts per action against {number(significant(usual, 2))}"
    return f"A storm of retries outlives `{name}`: {_how_long(mine)}, {percent(served / ended)} succeed at {times}."


def _how_long(storms: Sequence[Case]) -> str:
    """Until when it went on, in most of them."""
    over = sorted(_lasts(one) for one in storms)[len(storms) // 2]
    never = sum(one.stretch.recovered < 0 for one in storms) * 2 > len(storms)
    return (
        f"{duration(over // MINUTE * MINUTE)} after its end it is not over"
        if never
        else (f"for {duration(over // MINUTE * MINUTE)} after its end")
    )


def _lasts(one: Case) -> int:
    """From the incident's end until all is well, or the horizon."""
    over = one.stretch.recovered if one.stretch.recovered >= 0 else one.evidence.plan.horizon
    return over - one.stretch.end


def _is_storm(one: Case) -> bool:
    ended, served, sent = (int(one.stretch.after[column]) for column in (ENDED, SERVED, SENT))
    usual = one.usual("sent")
    long = _lasts(one) >= max(LONGEST, one.stretch.end - one.stretch.start)
    return bool(ended and usual and long and served < LOW * ended and sent > LOUD * usual * ended)


def _multiplied(every: Sequence[Case]) -> str:
    """The incident with the most attempts per action, where they gained nothing."""
    hit = [one for one in every if one.sum("lost") > LOST * one.sum("ended") and _times(one) >= MULTIPLIED]
    if not hit:
        return ""
    name = max(hit, key=_times).name
    mine = [one for one in hit if one.name == name]
    sent, lost, ended = (sum(one.sum(column) for one in mine) for column in ("sent", "lost", "ended"))
    return (
        f"Retries stand on retries: while `{name}` lasts, every action makes {number(significant(sent / ended, 2))}"
        f" attempts against {number(significant(mine[0].usual('sent') or 0.0, 2))}, and {percent(lost / ended)} of the"
        " actions are lost all the same."
    )


def _times(one: Case) -> float:
    """Attempts per action against what is usual."""
    tries, usual = one.tries, one.usual("sent")
    return tries / usual if tries and usual else 0.0


def _unseen(evidence: Evidence, every: Sequence[Case]) -> str:
    """An incident that only slows down, does harm, and opens no breaker."""
    if not evidence.plan.breaker.on.any():
        return ""
    hit = [one for one in every if one.harmful and _only_slows(one) and not _opens_any(one)]
    if not hit:
        return ""
    return (
        f"No breaker opens while `{hit[0].name}` lasts: slow answers are no failures."
        " A `first_token_timeout` would make failures of them."
    )


def _only_slows(one: Case) -> bool:
    """Does nothing but slowness come with it?"""
    hard, rows = one.evidence.plan.incidents, one.tally.incidents["severity"][list(one.stretch.incidents)]
    return bool((hard.slowdown[rows] > 1).all() and (hard.error_rate[rows] == 0).all())


def _opens_any(one: Case) -> bool:
    """Did a breaker open while it lasted?"""
    rows = one.tally.breakers.rows
    inside = (rows["time"] >= one.stretch.start) & (rows["time"] < one.stretch.end)
    return bool((inside & (rows["state"] == BreakerState.OPEN)).any())


def _relapses(one: Case) -> NDArray[np.int64]:
    """How often each breaker opened while it lasted, by place (all copies together), after all seemed well: one that
    stays open, and probes now and then, does its work.
    """
    rows = one.tally.breakers.rows
    order = np.lexsort((np.arange(len(rows["time"])), rows["place"]))
    place, state, time = (rows[name][order] for name in ("place", "state", "time"))
    probed = np.append(False, (place[1:] == place[:-1]) & (state[:-1] == BreakerState.HALF_OPEN))
    inside = (time >= one.stretch.start) & (time < one.stretch.end)
    return np.bincount(place_of(place[inside & (state == BreakerState.OPEN) & ~probed]), minlength=1).astype(np.int64)


def _is_total(one: Case) -> bool:
    """Does nothing get through while it lasts?"""
    rows = one.tally.incidents["severity"][list(one.stretch.incidents)]
    return bool((one.evidence.plan.incidents.error_rate[rows] >= TOTAL).all())


def _flapping(evidence: Evidence, every: Sequence[Case]) -> str:
    """The incident in which one breaker opened most often, for a part of the answers was fine."""
    partial = [one for one in every if not _is_total(one)]
    most = max(partial, key=lambda one: int(_relapses(one).max()), default=None)
    if most is None or _relapses(most).max() < FLAPS:
        return ""
    mine = [_relapses(one) for one in partial if one.name == most.name]
    place = int(_relapses(most).argmax())
    often = number(round(sum(int(one[place]) for one in mine if len(one) > place) / len(mine)))
    probes = bool((evidence.plan.breaker.probes > 0).any())
    why = "" if probes else ": after each cooldown all traffic is back at once. Half-open probes would let less through"
    return f"A breaker flaps: {places_of(evidence.plan)[place]} opens {often} times while `{most.name}` lasts{why}."
