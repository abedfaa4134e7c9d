"""What incidents teach, in sentences: a fallback that was too small, a storm of retries that outlives its cause."""

from collections.abc import Sequence

import numpy as np

from simkit.result.bottlenecks import Bottleneck
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


def lessons(evidence: Evidence, limits: Sequence[Bottleneck]) -> tuple[str, ...]:
    """Every lesson that applies, as a sentence or two."""
    every = cases(evidence)
    return tuple(text for text in (_small_fallback(evidence, every, limits), _storm(every)) if text)


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
