"""The page's pictures: waiting, promises and cost per action, now against the pinned baseline.

They are pictures of their own, so that a narrow page puts them below one another.
"""

from math import log10
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from simkit.report import style
from simkit.report.figures import latency_bins
from simkit.report.style import Picture, dress, formatted, plain, title
from simkit.result import words

if TYPE_CHECKING:
    from simkit.report.explore.glimpse import Glimpse

HEIGHT = 3.5
TOP, BOTTOM = 0.64, 0.5
"""Inches above and below the axes."""
BEFORE = style.GREY
PARTS = {
    "system": style.BLUE, "user": style.SKY, "retrieved": style.GREEN, "history": style.PURPLE,
    "answer": style.ORANGE, "reasoning": "#F0E442", "request": "#44AA99", "tools": "#999933",
    "own service": style.GREY, "people": "#5b3a8c", "fallback": "#8c3a00", "hedge": "#b85c38",
    "retry": style.VERMILLION,
}  # fmt: skip
"""Colours of what the bill is made of, from below; all else is `others`. What was paid for twice is red and on top."""
NAMES = {"retry": "retries", "hedge": "hedges", "fallback": "fallbacks"}
OTHERS = "#c9cfd4"
SEEN = 0.012
"""Share of the axis from which on a part of a bar can be seen, and has a label."""
LOG = 0.8
"""Width of a factor of ten below -100 %, in widths of 100 %."""


def explore_pictures(now: "Glimpse", before: "Glimpse") -> tuple[Picture, ...]:
    """Waiting, promises where there are any, and cost; the baseline is grey or stands to the left."""
    if not now.standings:
        return _waiting(now, before, 6.0), _cost(now, before, 4.0)
    return _waiting(now, before, 4.2), _promises(now, before, 3.1), _cost(now, before, 2.9)


def _framed(width: float, left: float, right: float) -> tuple[Picture, Axes]:
    """A picture with its axes so many inches from its sides."""
    picture = Picture(figsize=(width, HEIGHT), facecolor="white")
    inside = (left / width, BOTTOM / HEIGHT, (width - left - right) / width, (HEIGHT - TOP - BOTTOM) / HEIGHT)
    ax = picture.add_axes(inside)
    dress(ax)
    return picture, ax


def _waiting(now: "Glimpse", before: "Glimpse", width: float) -> Picture:
    picture, ax = _framed(width, 0.55, 0.1)
    aims = [one.objective.limit / 1e9 for one in now.standings if one.objective.kind == "latency"]
    title(ax, "How long users wait", "grey: baseline; dashed: objective" if aims else "grey: baseline")
    for one, colour, filled in ((now, style.SKY, True), (before, BEFORE, False)):
        bins = latency_bins(one.latencies)
        if not bins.empty:
            edges = np.append(bins["low_s"], bins["high_s"].iloc[-1])
            ax.stairs(bins["share"], edges, fill=filled, color=colour, alpha=0.75 if filled else 1.0, linewidth=1.4)
    ax.set_xscale("log")
    top = ax.get_ylim()[1] * 1.22
    ax.set_yticks([tick for tick in MaxNLocator(6).tick_values(0, top) if tick <= min(1.0, top)])
    ax.set_ylim(0, top)
    _mark_p95(ax, now, before)
    for aim in aims:
        ax.axvline(aim, ymax=0.84, color=style.OBJECTIVE, linewidth=1.4, linestyle="--")
    _second_ticks(ax)
    formatted("y", ax, "share")
    ax.set_xlabel("latency, arrival to outcome (logarithmic)")
    return picture


def _mark_p95(ax: Axes, now: "Glimpse", before: "Glimpse") -> None:
    mine, base = (one.metrics["latency_p95"].value for one in (now, before))
    if not mine:
        ax.text(0.97, 0.9, "now: nobody was served", transform=ax.transAxes, ha="right", fontsize=style.SMALL)
    else:
        was = f" (was {words.seconds(base)})" if base else ""
        ax.axvline(mine, ymax=0.84, color=style.INK, linewidth=1.0)
        low, high = np.log(ax.get_xlim())
        beyond = (np.log(mine) - low) / (high - low) > 0.7
        ax.annotate(
            f"p95 {words.seconds(mine)}{was}", (mine, 0.86), xycoords=("data", "axes fraction"), va="bottom",
            ha="right" if beyond else "center", fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip


def _second_ticks(ax: Axes) -> None:
    low, high = ax.get_xlim()
    steps = (1, 2, 5) if high / low < 500 else (1,)
    ticks = [m * 10.0**k for k in range(-3, 6) for m in steps]
    ax.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    formatted("x", ax, "seconds")


def budget_rows(now: "Glimpse", before: "Glimpse") -> pd.DataFrame:
    """Of each objective the error budget that is left: objective, now, before."""
    left = {one.objective.text: one.budget_left.value for one in before.standings}
    rows = [(one.objective.text, one.budget_left.value, left.get(one.objective.text)) for one in now.standings]
    return pd.DataFrame(rows, columns=["objective", "now", "before"])


def budget_place(left: float) -> float:
    """Where a budget stands on the axis: below -100 % every factor of ten is as wide as the one before."""
    return left if left >= -1 else -1 - LOG * log10(-left)


def _promises(now: "Glimpse", before: "Glimpse", width: float) -> Picture:
    picture, ax = _framed(width, 0.2, 0.1)
    rows = budget_rows(now, before)
    worst = min((one for one in (*rows["now"], *rows["before"]) if one is not None and np.isfinite(one)), default=0.0)
    edge = min(-1.05, budget_place(worst) - 0.1)
    title(ax, "Error budget left", "below 0 the promise is broken")
    for place, row in enumerate(rows.itertuples(index=False)):
        _budget(ax, -place - 0.2, row.before, BEFORE)
        _budget(ax, -place + 0.12, row.now, None)
        ax.text(edge, -place + 0.38, plain(str(row.objective)), fontsize=style.SMALL, color=style.INK, va="bottom",
                bbox=style.HALO)  # fmt: skip
    ax.axvline(0, color=style.OBJECTIVE, linewidth=1.2)
    ax.set(xlim=(edge, 1.55), ylim=(-max(1, len(rows)) + 0.45, 0.8), yticks=[])
    ticks = [-(10.0**power) for power in range(5, 0, -1) if budget_place(-(10.0**power)) > edge]
    every = [*ticks, -1.0, 0.0, 1.0]
    ax.set_xticks([budget_place(one) for one in every], [words.whole(one).replace("-", "−") for one in every])
    ax.grid(False, axis="y")
    ax.set_xlabel("of the budget" + (" (logarithmic below −100 %)" if worst < -1 else ""))
    return picture


def _budget(ax: Axes, height: float, left: object, colour: str | None) -> None:
    """A bar with its figure in words, to the right of zero where that is free."""
    if not isinstance(left, int | float) or not np.isfinite(left):
        return
    tone = colour or (style.VERMILLION if left < 0 else style.BLUE)
    ax.barh(height, budget_place(left), height=0.28, color=tone)
    ax.annotate(
        words.percent(left).replace("-", "−"), (max(left, 0.0), height), xytext=(4, 0), textcoords="offset points",
        va="center", fontsize=style.SMALL, color=style.MUTED if colour else style.INK,
    )  # fmt: skip


def cost_parts(now: "Glimpse", before: "Glimpse") -> pd.DataFrame:
    """Cost per successful action by part of the bill: part, before, now; what has no colour of its own together."""
    rest = [sum(value for name, value in one.cost.items() if name not in PARTS) for one in (before, now)]
    first = [name for name in PARTS if name not in NAMES]
    rows = [(name, before.cost.get(name, 0.0), now.cost.get(name, 0.0)) for name in first]
    rows.append(("others", rest[0], rest[1]))
    rows += [(NAMES[name], before.cost.get(name, 0.0), now.cost.get(name, 0.0)) for name in PARTS if name in NAMES]
    return pd.DataFrame([row for row in rows if any(row[1:])], columns=["part", "before", "now"])


def _cost(now: "Glimpse", before: "Glimpse", width: float) -> Picture:
    picture, ax = _framed(width, 0.6, 0.95)
    title(ax, "Cost per action", "of those that succeeded")
    parts, base = cost_parts(now, before), np.zeros(2)
    for row in parts.itertuples(index=False):
        heights = np.array([float(row.before), float(row.now)])  # type: ignore[arg-type]
        ax.bar([0, 1], heights, bottom=base, width=0.66, color=_colour(str(row.part)))
        base += heights
    for place, (total, one) in enumerate(zip(base.tolist(), (before, now), strict=True)):
        text = plain(words.dollars(total)) if one.cost else "none\nsucceeded"
        ax.annotate(
            text, (place, total), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=style.SMALL,
            color=style.INK,
        )  # fmt: skip
    ax.set_ylim(0, max(base.max(), 1e-12) * 1.18)
    ax.set_xticks([0, 1], ["baseline", "now"])
    ax.yaxis.set_major_locator(MaxNLocator(4))
    formatted("y", ax, "usd")
    ax.tick_params(axis="y", labelsize=7.5)
    _part_labels(ax, parts)
    return picture


def _colour(part: str) -> str:
    return next((PARTS[name] for name in PARTS if NAMES.get(name, name) == part), OTHERS)


def _part_labels(ax: Axes, parts: pd.DataFrame) -> None:
    """The names of the parts beside the right bar, each with its colour; not of those that cannot be seen."""
    heights = parts["now"].to_numpy(float)
    top = ax.get_ylim()[1]
    middles = (np.cumsum(heights) - heights / 2) / top
    seen = parts[["before", "now"]].max(axis=1).to_numpy(float) / top >= SEEN
    names = parts["part"].to_numpy()[seen]
    for name, place in zip(names, style.spread(middles[seen].tolist(), 0.075), strict=True):
        ax.plot(1.07, place, "s", color=_colour(str(name)), transform=ax.transAxes, clip_on=False, markersize=5.5)
        ax.text(1.13, place, str(name), color=style.INK, transform=ax.transAxes, va="center", fontsize=style.SMALL)
