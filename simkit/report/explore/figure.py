"""The page's one picture: waiting, promises and cost per action, now against the pinned baseline."""

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

WIDTH, HEIGHT = 11.0, 3.9
NOW, BEFORE = style.BLUE, style.GREY
PARTS = {
    "system": style.BLUE, "user": style.SKY, "retrieved": style.GREEN, "history": style.PURPLE,
    "answer": style.ORANGE, "own service": style.GREY,
}  # fmt: skip
"""Colours of what the bill is made of; all else is `others`."""
OTHERS = style.VERMILLION


def explore_figure(now: "Glimpse", before: "Glimpse") -> Picture:
    """Three pictures side by side; the baseline is grey or stands to the left."""
    picture = Picture(figsize=(WIDTH, HEIGHT), facecolor="white")
    places = ((0.055, 0.15, 0.36, 0.66), (0.49, 0.15, 0.2, 0.66), (0.765, 0.15, 0.125, 0.66))
    axes = [picture.add_axes(place) for place in places]
    for ax in axes:
        dress(ax)
    _waiting(axes[0], now, before)
    _promises(axes[1], now, before)
    _cost(axes[2], now, before)
    return picture


def _waiting(ax: Axes, now: "Glimpse", before: "Glimpse") -> None:
    title(ax, "How long users wait", "grey: baseline; dashed: objective")
    for one, colour, filled in ((now, style.SKY, True), (before, BEFORE, False)):
        bins = latency_bins(one.latencies)
        if not bins.empty:
            edges = np.append(bins["low_s"], bins["high_s"].iloc[-1])
            ax.stairs(bins["share"], edges, fill=filled, color=colour, alpha=0.75 if filled else 1.0, linewidth=1.4)
    ax.set_xscale("log")
    top = ax.get_ylim()[1]
    ax.set_ylim(0, top * 1.22)
    p95 = [one.metrics["latency_p95"].value for one in (now, before)]
    if p95[0]:
        was = f" (was {words.seconds(p95[1])})" if p95[1] else ""
        ax.axvline(p95[0], ymax=0.84, color=style.INK, linewidth=1.0)
        ax.annotate(
            f"p95 {words.seconds(p95[0])}{was}", (p95[0], 0.86), xycoords=("data", "axes fraction"), ha="center",
            va="bottom", fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip
    for objective in (one.objective for one in now.standings):
        if objective.kind == "latency":
            ax.axvline(objective.limit / 1e9, ymax=0.84, color=style.OBJECTIVE, linewidth=1.4, linestyle="--")
    _second_ticks(ax)
    formatted("y", ax, "share")
    ax.set_xlabel("latency, arrival to outcome (logarithmic)")


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


def _promises(ax: Axes, now: "Glimpse", before: "Glimpse") -> None:
    title(ax, "Error budget left", "below 0 the promise is broken")
    rows = budget_rows(now, before)
    every = zip(rows["objective"], rows["now"].astype(float), rows["before"].astype(float), strict=True)
    for place, (objective, mine, base) in enumerate(every):
        for value, offset, colour in ((base, 0.2, BEFORE), (mine, -0.12, _tone(mine))):
            if np.isfinite(value):
                shown = max(-1.0, value)
                ax.barh(-place + offset, shown, height=0.28, color=colour)
                ax.annotate(
                    words.percent(value), (max(shown, 0.0), -place + offset), xytext=(4, 0),
                    textcoords="offset points", va="center", fontsize=style.SMALL, color=style.MUTED,
                )  # fmt: skip
        ax.text(0.04, -place + 0.38, plain(str(objective)), fontsize=style.SMALL, color=style.INK, va="bottom")
    ax.axvline(0, color=style.OBJECTIVE, linewidth=1.2)
    ax.set(xlim=(-1.05, 1.45), ylim=(-max(1, len(rows)) + 0.45, 0.8), yticks=[])
    ax.set_xticks([-1, 0, 1])
    ax.grid(False, axis="y")
    formatted("x", ax, "share")
    ax.set_xlabel("of the objective's budget")


def _tone(left: float) -> str:
    return style.VERMILLION if left < 0 else style.BLUE


def cost_parts(now: "Glimpse", before: "Glimpse") -> pd.DataFrame:
    """Cost per successful action by part of the bill: part, before, now; small ones together."""
    names = [name for name in PARTS if name in now.cost or name in before.cost]
    rows = [(name, before.cost.get(name, 0.0), now.cost.get(name, 0.0)) for name in names]
    rest = [sum(value for name, value in one.cost.items() if name not in PARTS) for one in (before, now)]
    if any(rest):
        rows.append(("others", rest[0], rest[1]))
    return pd.DataFrame(rows, columns=["part", "before", "now"])


def _cost(ax: Axes, now: "Glimpse", before: "Glimpse") -> None:
    title(ax, "Cost per action", "successful ones, by what is paid for")
    parts, base = cost_parts(now, before), np.zeros(2)
    for row in parts.itertuples(index=False):
        heights = np.array([float(row.before), float(row.now)])  # type: ignore[arg-type]
        ax.bar([0, 1], heights, bottom=base, width=0.66, color=PARTS.get(str(row.part), OTHERS))
        base += heights
    for place, total in enumerate(base.tolist()):
        ax.annotate(
            plain(words.dollars(total)), (place, total), xytext=(0, 3), textcoords="offset points", ha="center",
            fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip
    ax.set_ylim(0, max(base.max(), 1e-12) * 1.18)
    ax.set_xticks([0, 1], ["baseline", "now"])
    ax.yaxis.set_major_locator(MaxNLocator(4))
    formatted("y", ax, "usd")
    ax.tick_params(axis="y", labelsize=7.5)
    _part_labels(ax, parts)


def _part_labels(ax: Axes, parts: pd.DataFrame) -> None:
    """The names of the parts beside the right bar."""
    heights = parts["now"].to_numpy(float)
    middles = (np.cumsum(heights) - heights / 2) / ax.get_ylim()[1]
    for name, place in zip(parts["part"], style.spread(middles.tolist(), 0.07), strict=True):
        ax.text(
            1.05, place, str(name), transform=ax.transAxes, va="center", fontsize=style.SMALL,
            color=PARTS.get(str(name), OTHERS),
        )  # fmt: skip
