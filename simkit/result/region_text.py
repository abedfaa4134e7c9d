"""Regions as a person reads them: the section of the page, and what the loss of one teaches."""

import numpy as np

from simkit.result.evidence import Evidence
from simkit.result.failovers import FailoverCase, failovers
from simkit.result.page import Block, Grid, Heading, Paragraph
from simkit.result.places import HOME, Place, places_of
from simkit.result.statistics import significant
from simkit.result.words import figure, number, seconds, whole

MOST = 6
"""Most losses of regions on a page."""
DROWNS = 1.0
"""Use of the workers in the busiest minute from which on a region that is left drowns."""
SOME = 0.5
"""Fewer lost actions than this are none."""


def region_blocks(evidence: Evidence) -> list[Block]:
    """Headings and tables of regions; nothing where they are not modelled."""
    every = places_of(evidence)
    if not every:
        return []
    blocks: list[Block] = [Heading("Regions"), _grid(every), Heading("From users to regions"), _flow_grid(evidence)]
    cases = failovers(evidence)
    if cases:
        several = len({one.tally.replication for case in cases for one in case.cases}) > 1
        blocks.append(Heading("Failovers (times are medians of the replications)" if several else "Failovers"))
        blocks += [Paragraph(failover_text(one), f"{_lead(one)}:") for one in cases[:MOST]]
    if len(cases) > MOST:
        blocks.append(Paragraph(f"{len(cases) - MOST} more: see the table `failovers`."))
    audit = audit_text(evidence)
    return [*blocks, Heading("Residency"), audit] if audit else blocks


def _grid(every: tuple[Place, ...]) -> Grid:
    columns = (
        "region", "users", "served", "success", "slo", "wait p95", "p95", "p95 of its users", "busiest hour",
        "replicas", "idle", "idle costs a month", "cost per action",
    )  # fmt: skip
    users = sum(one.sum("actions", HOME) for one in every)
    rows = tuple(
        (
            one.name, figure(_part(one.sum("actions", HOME), users), "share"), number(one.served() / one.runs),
            figure(_part(one.served(), one.ended()), "share"), figure(one.compliance(), "share"),
            figure(one.percentile("waited", 0.95), "s"), figure(one.percentile("latency", 0.95), "s"),
            figure(one.percentile("latency", 0.95, HOME), "s"), _whole(one.busiest_hour), _replicas(one),
            _whole(one.idle_share),
            figure(one.headroom_usd_month, "USD"), figure(one.cost_per_action, "USD"),
        )
        for one in every
    )  # fmt: skip
    return Grid(columns, rows, frozenset(range(1, len(columns))))


def _part(part: int, of: int) -> float | None:
    return part / of if of else None


def _whole(value: float | None) -> str:
    return "–" if value is None else whole(value)


def _replicas(one: Place) -> str:
    mean, peak = significant(one.replicas_mean), one.replicas_peak
    return number(mean) if mean == peak else f"{number(mean)}, peak {number(peak)}"


def _flow_grid(evidence: Evidence) -> Grid:
    sums = np.sum([one.regional.flow for one in evidence.tallies], axis=0)
    names, runs, every = evidence.plan.names.regions, len(evidence.tallies), int(sums[..., 0].sum())
    rows = tuple(
        (
            names[h], (*names, "nowhere")[r], number(int(n) / runs), figure(_part(int(n), every), "share"),
            figure(int(ns) / int(came) / 1e9 if came else None, "s"),
        )
        for h, row in enumerate(sums) for r, (n, came, ns) in enumerate(row) if n
    )  # fmt: skip
    return Grid(("users in", "served in", "actions", "share", "on the way"), rows, frozenset({2, 3, 4}))


def _lead(one: FailoverCase) -> str:
    region = one.first.evidence.plan.names.regions[one.first.region]
    return f"{one.first.name} ({region})"


def failover_text(one: FailoverCase) -> str:
    """When it was noticed and moved, what was lost, how much slower it was, when all was back."""
    parts = [
        _said("found by health checks after", one.median(lambda case: case.detected_s), "never found by health checks"),
        _said("95 % of its traffic elsewhere after", one.median(lambda case: case.moved_s), _stayed(one)),
        _lost(one),
        _slower(one),
        _said("its traffic back", one.median(lambda case: case.back_s), _gone(one), " after its end"),
    ]  # fmt: skip
    text = "; ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}."


def _said(before: str, value: float | None, never: str, after: str = "") -> str:
    return never if value is None else f"{before} {seconds(round(value))}{after}"


def _stayed(one: FailoverCase) -> str:
    return "less than 95 % of its traffic moved" if one.first.tells else "too few actions to tell when they moved"


def _gone(one: FailoverCase) -> str:
    moved = one.first.tells and one.median(lambda case: case.moved_s) is not None
    return "its traffic not back by the end of the run, or of the next incident" if moved else ""


def _lost(one: FailoverCase) -> str:
    down, other = one.mean(lambda case: case.lost_down), one.mean(lambda case: case.lost_otherwise)
    if down + other < SOME:
        return "nothing lost"
    more = f", {number(round(other))} more were not served elsewhere" if other >= SOME else ""
    joint = " (of all regions that were down then)" if one.first.is_joint else ""
    return f"{number(round(down))} actions failed with it{more}{joint}"


def _slower(one: FailoverCase) -> str:
    times = [one.p95_s(when) for when in ("before", "during", "after")]
    if any(time is None for time in times):
        return ""
    before, during, after = (seconds(time or 0.0) for time in times)
    return f"p95 {before} before, {during} during, {after} after"


def audit_text(evidence: Evidence) -> Paragraph | None:
    """Whether data went where it may not; None where it may go anywhere."""
    rules = evidence.plan.regions
    if not rules.bound[0]:
        return None
    served = np.sum([one.regional.served for one in evidence.tallies], axis=0)
    asked = np.sum([one.regional.asked for one in evidence.tallies], axis=0)
    wrong = int(served[..., :-1][~rules.may_serve].sum() + asked[..., :-2][~rules.may_ask].sum())
    counted = f"{number(int(served.sum()))} actions and {number(int(asked[..., :-2].sum()))} attempts were looked at"
    were = "none was" if not wrong else f"{number(wrong)} were"
    text = f"{counted}, warm-up included: {were} where the data may not go;"
    text += f" {number(int(asked[..., -1].sum()))} actions were turned away for it."
    return Paragraph(text, "Audit:", "bad" if wrong else "good")


def region_lessons(evidence: Evidence) -> tuple[str, ...]:
    """What the worst loss of a region teaches: what is lost until traffic has moved, and whether others can bear it."""
    cases = [one for one in failovers(evidence) if one.mean(lambda case: case.lost) >= SOME]
    if not cases:
        return ()
    worst = max(cases, key=lambda one: one.mean(lambda case: case.lost))
    down, other = worst.mean(lambda case: case.lost_down), worst.mean(lambda case: case.lost_otherwise)
    moved = worst.median(lambda case: case.moved_s)
    until = f" in the {seconds(round(moved))} until its traffic has moved" if moved is not None else ""
    text = f"The loss of {evidence.plan.names.regions[worst.first.region]}: {number(round(down))} actions fail{until}"
    return (f"{text}{_survivor(evidence, worst, other)}.",)


def _survivor(evidence: Evidence, worst: FailoverCase, other: float) -> str:
    """Who drowns in what was another's, or that nobody does."""
    if other < SOME:
        return ""
    more = f"{number(round(other))} more are not served"
    hit = {one.first.region for one in failovers(evidence) if one.first.start == worst.first.start}
    left = [one for one in places_of(evidence) if one.region not in hit and one.peak_use is not None]
    full = max(left, key=lambda one: one.peak_use or 0.0, default=None)
    if full is not None and (full.peak_use or 0.0) >= DROWNS:
        return f", and {full.name} drowns (its busiest minute at {whole(full.peak_use or 0.0)}): {more}"
    return f", and {more}"


__all__ = ["audit_text", "failover_text", "region_blocks", "region_lessons"]
