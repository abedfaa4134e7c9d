"""Reviews of incidents as a person reads them."""

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from simkit.result.evidence import Evidence
from simkit.result.metrics_resilience import has_pages
from simkit.result.page import Block, Heading, Paragraph
from simkit.result.reviews import Case, Review, reviews
from simkit.result.statistics import significant
from simkit.result.windows import SECOND
from simkit.result.words import dollars, duration, number, percent, seconds

MOST = 6
"""Most reviews on a page."""
SOON_S = 1.0
"""All is well at the end, if it is so soon after it."""
ENDS = {
    "lost": "lost", "partial": "with half an answer", "previous": "by the previous version", "rule": "by rule",
    "human": "by people", "stale": "by an old answer", "abandoned": "gave up",
}  # fmt: skip
"""How actions ended that did not end well, in words."""
CENT, LITTLE = 0.01, 0.05
"""Less money, and a smaller difference in attempts, is not spoken of."""
WHOLE = 100
"""Dollars from which on three digits leave no cents."""


def review_blocks(evidence: Evidence) -> list[Block]:
    """A heading and a paragraph for each of the worst incidents; nothing where there were none."""
    every = reviews(evidence)
    if not every:
        return []
    worth = [one for one in every if one.replication < 0 or _weight(one)[1] < 0]
    shown = sorted(sorted(worth, key=_weight)[:MOST], key=lambda one: one.first.stretch.start)
    blocks: list[Block] = [Heading("Incidents")]
    for one in shown:
        lead = f"{one.first.name}, {_when(evidence, one)}:"
        blocks.append(Paragraph(review_text(evidence, one), lead, "bad" if _harmful(one) else ""))
    if len(every) > len(shown):
        more = len(every) - len(shown)
        blocks.append(Paragraph(f"{more} more did {'less' if shown else 'no'} harm: see the table `reviews`."))
    return blocks


def _weight(one: Review) -> tuple[bool, float]:
    """Those that hurt most come first, scheduled ones before all."""
    return one.replication >= 0, -sum(one.mean(_column(name)) or 0.0 for name in ("lost", "abandoned", "degraded"))


def _harmful(one: Review) -> bool:
    return sum(case.harmful for case in one.cases) * 2 > len(one.cases)


def _column(name: str) -> Callable[[Case], float]:
    return lambda case: case.sum(name)


def _when(evidence: Evidence, one: Review) -> str:
    """`Wed 4 Nov 10:00-15:00`, in local time."""
    stretch, plan = one.first.stretch, evidence.plan
    zone = ZoneInfo(plan.timezone)
    start, end = (datetime.fromtimestamp((ns + plan.start_utc) // SECOND, zone) for ns in (stretch.start, stretch.end))
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b %H:%M}"
    run = "" if one.replication < 0 else f" in replication {one.replication}"
    return f"{start:%a} {start.day} {start:%b %H:%M}–{until}{run}"


def review_text(evidence: Evidence, one: Review) -> str:
    """When it was noticed, acted on and mitigated, what was lost, what it cost, when all was well again."""
    first = [*_noticed(evidence, one), *_answered(one), *_ends(one)]
    parts = [", ".join(first), *_budget(evidence, one), *_money(one), *_attempts(one), _over(one)]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _noticed(evidence: Evidence, one: Review) -> Iterator[str]:
    if not has_pages(evidence):
        return
    time, alert = one.median(lambda case: case.detected_s), next((case.alert for case in one.cases if case.alert), None)
    if time is None or alert is None:
        yield "not noticed by a page"
        return
    seen = sum(case.alert is not None for case in one.cases)
    yield f"detected {_some(seen, one)}after {_time(time)} (page, {alert.rule.burn:.3g}x)"


def _answered(one: Review) -> Iterator[str]:
    """What the responder did, and whether it helped."""
    acted, helped = (sum(time(case) is not None for case in one.cases) for time in (_acted, _mitigated))
    if acted:
        yield f"acted on {_some(acted, one)}after {_time(one.median(_acted) or 0.0)}"
        time = one.median(_mitigated)
        yield "not mitigated" if time is None else f"mitigated {_some(helped, one)}after {_time(time)}"


def _acted(case: Case) -> float | None:
    return case.acted_s


def _mitigated(case: Case) -> float | None:
    return case.mitigated_s


def _some(count: int, one: Review) -> str:
    """In which of the replications, unless in all."""
    return "" if count == len(one.cases) else f"in {count} of {len(one.cases)} replications "


def _ends(one: Review) -> Iterator[str]:
    """How actions ended that did not end well, per replication."""
    counts = [(one.mean(_column(name)) or 0.0, words) for name, words in ENDS.items()]
    said = [(round(count) if count >= 10 else significant(count), words) for count, words in counts if count]
    yield from [f"{number(count)} {words}" for count, words in said] or ["nothing lost"]


def _budget(evidence: Evidence, one: Review) -> Iterator[str]:
    if one.budget is not None and one.budget[1] > 0:
        label, spent = one.budget
        yield f"{percent(significant(spent, 3))} of the error budget of {duration(evidence.slo_window)} ({label})"


def _money(one: Review) -> Iterator[str]:
    extra = one.mean(lambda case: case.extra_usd)
    if extra is not None and abs(extra) >= CENT:
        amount = significant(abs(extra), 3)
        yield f"{f'${amount:,.0f}' if amount >= WHOLE else dollars(amount)} {'extra' if extra > 0 else 'less'}"


def _attempts(one: Review) -> Iterator[str]:
    tries, usual = one.mean(lambda case: case.tries), one.mean(lambda case: case.usual("sent"))
    if tries is not None and usual is not None and abs(tries - usual) >= LITTLE * usual:
        yield (
            f"{tries:.2g} attempts per action against {usual:.2g}"
            if tries < 10
            else (f"{tries:.0f} attempts per action against {usual:.2g}")
        )


def _over(one: Review) -> str:
    """When all was well again."""
    time, share = one.median(lambda case: case.recovered_s), one.share(lambda case: case.recovered_s)
    if time is None or share < 0.5:
        return "not well again by the end of the run"
    some = "" if share == 1 else f" in {percent(share)} of the replications"
    return f"well again {'at its end' if time < SOON_S else f'{_time(time)} after its end'}{some}"


def _time(value: float) -> str:
    """To the second below an hour."""
    return duration(round(value) * 10**9) if value >= 1 else seconds(value)
