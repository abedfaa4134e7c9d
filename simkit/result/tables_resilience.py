"""The tables of what was done when it failed: alerts, reviews, responses, breakers, attempts per action."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simkit.engine.codes import BreakerState
from simkit.result.alerts import ON, Alert, burn_rates
from simkit.result.breakers import place_of, places_of
from simkit.result.evidence import Evidence
from simkit.result.objectives import Objective
from simkit.result.pulse import Pulse
from simkit.result.reviews import Case, Review, incident_name
from simkit.result.reviews import reviews as every_review
from simkit.result.slo import allowance
from simkit.result.table import Table, table
from simkit.result.tables import Draw, local_times, mean_series
from simkit.result.tally import ATTEMPT_KINDS, Tally

Floats = NDArray[np.float64]
NOT = float("nan")


def alerts(evidence: Evidence, draw: Draw = None) -> Table:
    """A row an alert: replication, objective, rule, severity, burn, fired and cleared (local, and s), incident, ...

    cleared_s and lasts_s are NaN where it was on at the horizon. `incident` is the one under way, or that ended at most
    the rule's long window before; time_to_detect_s counts from its start; budget_spent is what of the objective's error
    budget was gone by then since that start (without one: since the beginning of the long window).
    """
    columns = ("replication", "objective", "rule", "severity", "burn", "fired", "cleared", "fired_s", "cleared_s",
               "lasts_s", "incident", "time_to_detect_s", "budget_spent")  # fmt: skip
    rows = [
        _alert(evidence, run, one)
        for run, mine in zip(evidence.tallies, evidence.alerts, strict=True)
        for one in mine
    ]  # fmt: skip
    return table(rows, draw, columns)


def _alert(evidence: Evidence, run: Tally, one: Alert) -> tuple[Any, ...]:
    objective, blamed = evidence.objectives[one.objective], _blamed(run, one)
    since = one.fired - one.rule.long if blamed is None else int(run.incidents["start"][blamed])
    name = "" if blamed is None else incident_name(evidence, int(run.incidents["source"][blamed]))
    cleared = NOT if one.cleared == ON else one.cleared / 1e9
    moments = local_times(evidence, np.array([one.fired, max(one.cleared, 0)]))
    return (
        run.replication, objective.label, one.rule.name, one.rule.severity, one.rule.burn, moments[0],
        pd.NaT if one.cleared == ON else moments[1], one.fired / 1e9, cleared, cleared - one.fired / 1e9, name,
        NOT if blamed is None else (one.fired - since) / 1e9, _spent(evidence, run, objective, one, since),
    )  # fmt: skip


def _blamed(run: Tally, one: Alert) -> int | None:
    """Row of the incident of an alert: of those under way or just over, the one that began last."""
    start, end = run.incidents["start"], run.incidents["end"]
    near = np.flatnonzero((start < one.fired) & (one.fired <= end + one.rule.long))
    return int(near[start[near].argmax()]) if len(near) else None


def _spent(evidence: Evidence, run: Tally, objective: Objective, one: Alert, since: int) -> float:
    """Share of the error budget that went from `since` until the alert fired."""
    counted = run.total(f"counted_{objective.label}")
    budget = (1 - objective.target) * counted * allowance(evidence)
    every = run.pulse.every
    bad = int(run.pulse.bad[one.objective, max(since, 0) // every : one.fired // every].sum())
    return bad / budget if budget else NOT


def burn_of(evidence: Evidence, most: int = 2_000) -> tuple[str, pd.DataFrame, pd.DataFrame]:
    """How fast the budget burns in the long window of each rule, in the first replication, for a picture.

    The label of the objective that burned fastest; burn rates by second, a column a rule (the highest of each of at
    most `most` spans of time); name, burn, severity of the rules.
    """
    watch, run = evidence.watch, evidence.tallies[0]
    watched = [o for o, one in enumerate(evidence.objectives) if watch is not None and watch.heeds(one)]
    if watch is None or not watched:
        return "", pd.DataFrame(), pd.DataFrame()
    rates = {o: _rates(evidence, run.pulse, o) for o in watched}
    fastest = max(watched, key=lambda o: float(rates[o].max()))
    step = -(-rates[fastest].shape[1] // most)
    firsts = np.arange(0, rates[fastest].shape[1], step)
    seconds = (firsts + 1) * run.pulse.every / 1e9
    highest = np.maximum.reduceat(rates[fastest], firsts, axis=1)
    names = [rule.name for rule in watch.rules]
    rules = pd.DataFrame(
        [(one.name, one.burn, one.severity) for one in watch.rules], columns=["name", "burn", "severity"]
    )
    frame = pd.DataFrame(highest.T, index=pd.Index(seconds), columns=pd.Index(names))
    return evidence.objectives[fastest].label, frame, rules


def _rates(evidence: Evidence, pulse: Pulse, o: int) -> Floats:
    """(rules, looks) burn rates of an objective in the long windows."""
    rules, target = evidence.watch.rules if evidence.watch else (), evidence.objectives[o].target
    return np.array([burn_rates(pulse, o, rule.long, target) for rule in rules])


def responses(evidence: Evidence, draw: Draw = None) -> Table:
    """A row for each time that somebody did something: replication, alert fired, numbers changed, until when; in s."""
    rows = [
        (run.replication, fired / 1e9, at / 1e9, until / 1e9 if until < evidence.plan.horizon else NOT)
        for run in evidence.tallies
        for fired, at, until in run.responses
    ]
    return table(rows, draw, ["replication", "fired_s", "changed_s", "until_s"])


def breakers(evidence: Evidence, draw: Draw = None) -> Table:
    """A row an opening: replication, replica, place, opened_s, until_s (the cooldown), closed_s.

    closed_s is when it closed: by itself, or by its probes; NaN: it opened again first, or never closed.
    """
    columns = ("replication", "replica", "place", "opened_s", "until_s", "closed_s")
    parts = [_openings(evidence, run) for run in evidence.tallies]
    return table(pd.concat(parts, ignore_index=True) if parts else [], draw, columns)


def _openings(evidence: Evidence, run: Tally) -> pd.DataFrame:
    rows, probing = pd.DataFrame(run.breakers.rows), bool((evidence.plan.breaker.probes > 0).any())
    after = rows.groupby(["replica", "place"])[["time", "state"]].shift(-1)
    by_probes = after["time"].where(after["state"] == BreakerState.CLOSED)
    names = np.array([*places_of(evidence.plan), ""], dtype=object)
    frame = pd.DataFrame(
        {
            "replication": run.replication,
            "replica": rows["replica"],
            "place": names[place_of(rows["place"].to_numpy(np.int64))],
            "opened_s": rows["time"] / 1e9,
            "until_s": rows["until"] / 1e9,
            "closed_s": (by_probes if probing else rows["until"]) / 1e9,
        }
    )
    return frame[rows["state"] == BreakerState.OPEN]


def attempts_per_action(evidence: Evidence, draw: Draw = None) -> Table:
    """Actions by number of attempts sent: attempts (255: or more), outside, in_incidents (per replication).

    An action is in an incident if it arrived in a window of the timeline in which one was under way.
    """
    sums = np.zeros((2, 256))
    for run in evidence.tallies:
        struck = struck_windows(evidence, run)
        for inside in (0, 1):
            mine = struck[run.attempts.window] == bool(inside)
            sums[inside] += np.bincount(run.attempts.bin[mine], run.attempts.count[mine], minlength=256)
    most = int(np.flatnonzero(sums.sum(axis=0)).max(initial=0)) + 1
    outside, inside_ = sums[:, :most] / len(evidence.tallies)
    return table({"attempts": np.arange(most), "outside": outside, "in_incidents": inside_}, draw)


def endings(evidence: Evidence, draw: Draw = None) -> Table:
    """Attempts by window of their action's arrival and by how they ended: start, end (local), ok, rate_limit, ..."""
    return table(_windows(evidence) | {kind: mean_series(evidence, f"attempts_{kind}") for kind in ATTEMPT_KINDS}, draw)


PRESSURE = {
    "actions": "arrived", "reloads": "reloads", "sent": "sent", "retries": "retries", "hedges": "hedges",
    "refused": "marked_no_budget", "held_back": "attempts_throttled",
}  # fmt: skip


def pressure(evidence: Evidence, draw: Draw = None) -> Table:
    """What becomes of the load, by window: start, end (local), actions, reloads, sent, retries, hedges, refused, ...

    `refused`: by a retry budget; `held_back`: by the caller's own throttle.
    """
    return table(_windows(evidence) | {name: mean_series(evidence, one) for name, one in PRESSURE.items()}, draw)


def _windows(evidence: Evidence) -> dict[str, Any]:
    edges = evidence.tallies[0].windows.edges
    return {"start": local_times(evidence, edges[:-1]), "end": local_times(evidence, edges[1:])}


def struck_windows(evidence: Evidence, run: Tally) -> NDArray[np.bool_]:
    """In which windows of the timeline an incident was under way."""
    edges, struck = run.windows.edges, np.zeros(run.windows.count, np.bool_)
    for start, end in zip(run.incidents["start"].tolist(), run.incidents["end"].tolist(), strict=True):
        struck |= (edges[1:] > start) & (edges[:-1] < end)
    return struck


REVIEWS = (
    "replication", "name", "start", "end", "start_s", "end_s", "runs", "detected_share", "time_to_detect_s",
    "detected_by", "acted_share", "acted_s", "mitigated_share", "mitigated_s", "recovered_share", "recovery_s",
    "actions", "lost", "degraded", "partial", "previous", "rule", "human", "abandoned", "objective", "budget_spent",
    "extra_cost_usd", "attempts_per_action", "usual_attempts_per_action", "amplification",
    "worst_minute_amplification", "throttled", "no_deployment",
)  # fmt: skip


def reviews(evidence: Evidence, draw: Draw = None) -> Table:
    """A row an incident; scheduled ones (replication -1) with all replications together, random ones each.

    Times in s: detected, acted on (by the responder) and mitigated from its start, recovered from its end. Mitigated is
    when five minutes began in which all objectives were met, after somebody acted and before it ended by itself.
    Counts are means per replication, of actions that arrived from its start until all was well again.
    """
    return table([_review(evidence, one) for one in every_review(evidence)], draw, REVIEWS)


def _review(evidence: Evidence, one: Review) -> tuple[Any, ...]:
    stretch = one.first.stretch
    moments = local_times(evidence, np.array([stretch.start, stretch.end]))
    by = one.first.alert or next((case.alert for case in one.cases if case.alert), None)
    objective, spent = one.budget or ("", NOT)
    tries, usual = one.mean(lambda case: case.tries), one.mean(lambda case: case.usual("sent"))
    counts = [one.mean(_of(name)) for name in COUNTED]
    figures: Sequence[float | None] = (
        one.mean(lambda case: case.extra_usd), tries, usual, tries / usual if tries and usual else None,
        one.mean(lambda case: case.worst),
    )  # fmt: skip
    return (
        one.replication, one.first.name, *moments, stretch.start / 1e9, stretch.end / 1e9, len(one.cases),
        one.share(_detected), _number(one.median(_detected)), "" if by is None else f"{by.rule.name} {by.rule.burn:g}x",
        one.share(_acted), _number(one.median(_acted)), one.share(_mitigated), _number(one.median(_mitigated)),
        one.share(_recovered), _number(one.median(_recovered)),
        *counts, objective, spent, *map(_number, figures), *(one.mean(_of(name)) for name in UNSENT),
    )  # fmt: skip


COUNTED = ("ended", "lost", "degraded", "partial", "previous", "rule", "human", "abandoned")
UNSENT = ("throttled", "no_deployment")


def _of(name: str) -> Any:
    return lambda case: case.sum(name)


def _detected(case: Case) -> float | None:
    return case.detected_s


def _acted(case: Case) -> float | None:
    return case.acted_s


def _mitigated(case: Case) -> float | None:
    return case.mitigated_s


def _recovered(case: Case) -> float | None:
    return case.recovered_s


def _number(value: float | None) -> float:
    return NOT if value is None else value
