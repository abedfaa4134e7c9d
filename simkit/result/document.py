"""What a result says and in what order: the one page behind the text and the HTML face."""

from typing import TYPE_CHECKING

from simkit.result import shares
from simkit.result.bill import bill_blocks
from simkit.result.bottlenecks import bottlenecks, load_short
from simkit.result.growth_text import growth_blocks
from simkit.result.metric import HOUR_NS, MONTH_HOURS
from simkit.result.metrics import METRICS
from simkit.result.page import Block, Grid, Heading, Page, Paragraph
from simkit.result.region_text import region_blocks
from simkit.result.review_text import review_blocks
from simkit.result.slo import standings
from simkit.result.words import dollars, duration, figure, interval, number, percent, seconds

if TYPE_CHECKING:
    from simkit.result.result import Result

AFTER = "Alerts"
"""The section that reviews of incidents, and regions, come after."""
MONEY = "Where the money goes"
"""The section that caches, budgets and levers come after."""
MOST = 8
"""Most rows of a table of parts."""


def document(result: "Result") -> Page:
    """The page of a result: the answers, warnings, then the figures behind them."""
    blocks: list[Block] = [Paragraph(one.text, one.question, one.tone) for one in result.answers]
    blocks.append(Paragraph(result.assumed_text, "What does it rest on?"))
    blocks += [Paragraph(text, "Note:", "warn") for text in result.warnings]
    for title, grid in (
        ("Objectives", _slo(result)),
        ("Expectations", _expectations(result)),
        ("Beside what was observed", _observed(result)),
        ("Alerts", _alerts(result)),
        ("Limits, what breaks first at the top", _limits(result)),
        ("Why actions were not ok", _reasons(result)),
        (MONEY, _costs(result)),
        ("All figures", _summary(result)),
    ):
        if grid.rows:
            blocks += [Heading(title), grid]
        if title == MONEY:
            blocks += bill_blocks(result.evidence, result.weighed)
        if title == AFTER:
            blocks += review_blocks(result.evidence)
            blocks += region_blocks(result.evidence)
            blocks += growth_blocks(result.evidence)
    return Page(result.name, _subtitle(result), tuple(blocks))


def _subtitle(result: "Result") -> str:
    runs = result.replications
    return (
        f"{runs} replication{'' if runs == 1 else 's'} of {duration(result.plan.horizon)}, seed {result.seed}, "
        f"{result.engine} engine, prices of {result.plan.price_book}"
    )


def _summary(result: "Result") -> Grid:
    rows = tuple(
        (name, figure(e.value, METRICS[name].unit), interval(e, METRICS[name].unit), METRICS[name].unit, e.note)
        for name, e in result.metrics.items()
    )
    return Grid(("metric", "value", "95 % interval", "unit", "note"), rows, frozenset({1, 2}))


def _slo(result: "Result") -> Grid:
    rows = tuple(
        (
            one.objective.text, figure(one.compliance.value, "share"), interval(one.compliance, "share"),
            figure(one.budget_left.value, "share"), figure(one.burn_rate.value, "ratio"), str(one.verdict),
        )
        for one in standings(result.evidence)
    )  # fmt: skip
    columns = ("objective", "reached", "95 % interval", "budget left", "burn rate", "verdict")
    return Grid(columns, rows, frozenset({1, 2, 3, 4}))


def _expectations(result: "Result") -> Grid:
    rows = tuple((one.text, figure(one.value, one.unit), str(one.verdict)) for one in result.expected)
    return Grid(("expectation", "value", "verdict"), rows, frozenset({1}))


def _observed(result: "Result") -> Grid:
    rows = tuple(
        (
            one.name, figure(one.observed, one.unit), figure(one.simulated, one.unit),
            "–" if one.difference is None else f"{100 * one.difference:+.1f} %",
        )
        for one in result.compared
    )  # fmt: skip
    return Grid(("metric", "observed", "simulated", "difference"), rows, frozenset({1, 2, 3}))


def _alerts(result: "Result") -> Grid:
    columns, rows = ("objective", "rule", "severity", "a month", "after (median)", "lasts (median)"), []
    months = result.plan.horizon * result.replications / (MONTH_HOURS * HOUR_NS)
    if any(result.evidence.alerts):  # without any, pandas need not be loaded
        for (objective, rule, severity), mine in result.alerts.groupby(["objective", "rule", "severity"], sort=False):
            wait = mine["time_to_detect_s"].median()
            times = (number(len(mine) / months), figure(wait, "s"), figure(mine["lasts_s"].median(), "s"))
            rows.append((str(objective), f"{rule} ({mine['burn'].iloc[0]:.3g}x)", str(severity), *times))
    return Grid(columns, tuple(rows), frozenset({3, 4, 5}))


def _limits(result: "Result") -> Grid:
    rows = tuple(
        (
            one.name, one.text, percent(one.peak_use), percent(one.busiest_hour_use), percent(one.mean_use),
            number(one.delayed), number(one.refused), "–" if one.mean_delay_s is None else seconds(one.mean_delay_s),
            load_short(result.evidence, one.full_at),
        )
        for one in bottlenecks(result.evidence)[:MOST]
    )  # fmt: skip
    columns = ("limit", "", "peak minute", "busiest hour", "mean", "delayed", "refused", "mean delay", "full at")
    return Grid(columns, rows, frozenset(range(2, 9)))


def _reasons(result: "Result") -> Grid:
    rows = tuple(
        (one.outcome, one.reason, number(one.actions), figure(one.share, "share"))
        for one in shares.reasons(result.evidence)[:MOST]
    )
    return Grid(("outcome", "reason", "actions", "share"), rows, frozenset({2, 3}))


def _costs(result: "Result") -> Grid:
    rows = tuple(
        (one.by, one.name, dollars(one.cost_usd), figure(one.share, "share"))
        for one in shares.costs(result.evidence)
        if one.by in ("total", "model", "call", "part", "outcome") and one.cost_usd > 0
    )
    return Grid(("by", "name", f"cost of {duration(result.plan.horizon)}", "share"), rows, frozenset({2, 3}))
