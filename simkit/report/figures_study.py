"""Pictures of several runs: a comparison of scenarios, and the saving by routing."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.style import Picture, canvas, formatted, legend, nothing, plain, title
from simkit.result import words
from simkit.result.statistics import LEVEL
from simkit.study.direction import direction


def comparison_rows(summary: pd.DataFrame, metrics: tuple[str, ...]) -> pd.DataFrame:
    """Relative changes to show: label, change, low, high (fractions), tone (better, worse, undecided, neutral), sure.

    `summary` is `Comparison.summary`; rows without a ratio are left out.
    """
    rows = summary[summary["metric"].isin(metrics) & summary["ratio"].notna()].copy()
    rows["change"], rows["low"], rows["high"] = rows["ratio"] - 1, rows["ratio_low"] - 1, rows["ratio_high"] - 1
    several = rows["other"].nunique() > 1
    names = rows["metric"].str.replace("_", " ")
    rows["label"] = names + ": " + rows["other"] if several else names
    p_values = rows["p_value"] if "p_value" in rows else [0.0] * len(rows)
    rows["tone"] = [_tone(*one) for one in zip(rows["metric"], rows["low"], rows["high"], strict=True)]
    rows["sure"] = [p <= LEVEL for p in p_values]
    order = {name: place for place, name in enumerate(metrics)}
    return rows.sort_values("metric", key=lambda c: c.map(order), kind="stable")[
        ["label", "change", "low", "high", "tone", "sure"]
    ].reset_index(drop=True)


def _tone(metric: str, low: float, high: float) -> str:
    """Which way, where its own interval says it."""
    if not (np.isfinite(low) and np.isfinite(high)) or low <= 0 <= high:
        return "undecided"
    sign = direction(metric)
    if sign == 0:
        return "neutral"
    return "better" if (low > 0) == (sign > 0) else "worse"


TONES = {"better": style.GREEN, "worse": style.VERMILLION, "neutral": style.BLUE, "undecided": style.MUTED}
UNSURE = "sure alone, not among all"
FAR = 4.0
"""Changes so many times larger than the median of all are cut: they would press the others onto 0."""
NEAR = 0.01
"""A change up to which nothing is cut."""


def reach(rows: pd.DataFrame) -> float:
    """How far from 0 the axis goes on either side at most; infinite: nothing is cut."""
    ends = rows[["change", "low", "high"]].abs().max(axis=1)
    bound = FAR * max(float(ends.median()), NEAR)
    return bound if float(ends.max()) > 2 * bound else float("inf")


def comparison_figure(rows: pd.DataFrame, heading: str, note: str = "the same users and draws in each") -> Picture:
    """Change of each metric against the baseline with its 95 % interval. `rows` is from `comparison_rows`."""
    if rows.empty:
        return nothing("No metric applies to both scenarios.")
    picture, (ax,) = canvas(1.1 + 0.32 * len(rows))
    places, bound = np.arange(len(rows))[::-1], reach(rows)
    ax.axvline(0, color=style.INK, linewidth=1.0)
    for place, row in zip(places, rows.to_dict("records"), strict=True):
        _change(ax, float(place), row, bound)
    ax.set_yticks(places, [plain(name) for name in rows["label"]], fontsize=9, color=style.INK)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ends = rows[["change", "low", "high"]].clip(-bound, bound).to_numpy(float)
    low, high = min(float(np.nanmin(ends)), -0.005), max(float(np.nanmax(ends)), 0.005)
    room = 0.08 * (high - low)
    ax.set_xlim(low - room, high + room)
    ax.grid(True, axis="x", color=style.GRID)
    formatted("x", ax, "share")
    cut = "; arrow: goes on beyond the axis" if np.isfinite(bound) else ""
    ax.set_xlabel(f"change; bar: 95 % interval of the paired ratio{cut}")
    title(ax, heading, note)
    _key(picture, ax, rows)
    return picture


def _change(ax: Axes, place: float, row: Mapping[Hashable, Any], bound: float) -> None:
    """A row: the interval, the change (hollow where it is not sure among all; an arrow where it is cut), its number."""
    colour, change = TONES[row["tone"]], float(row["change"])
    if np.isfinite(row["low"]) and np.isfinite(row["high"]):
        ends = np.clip([row["low"], row["high"]], -bound, bound)
        ax.plot(ends, [place, place], color=colour, linewidth=3.0, alpha=0.45)
    beyond = abs(change) > bound
    mark, fill = (
        (">" if change > 0 else "<") if beyond else "o",
        colour if row["sure"] or row["tone"] == "undecided" else "white",
    )
    ax.plot([np.clip(change, -bound, bound)], [place], mark, color=colour, markersize=6, markerfacecolor=fill)
    ax.annotate(
        plain(_signed(change)), (1, place), xycoords=("axes fraction", "data"), xytext=(6, 0),
        textcoords="offset points", va="center", fontsize=8.5, color=colour,
    )  # fmt: skip


def _key(picture: Picture, ax: Axes, rows: pd.DataFrame) -> None:
    """What colours and hollow points mean, as far as they are there."""
    for tone in [one for one in TONES if one in set(rows["tone"])]:
        ax.plot([], [], "o", color=TONES[tone], label=tone)
    if not rows.loc[rows["tone"] != "undecided", "sure"].all():
        ax.plot([], [], "o", color=style.INK, markerfacecolor="white", label=UNSURE)
    handles, labels = ax.get_legend_handles_labels()
    picture.legend(
        handles, labels, loc="outside lower right", ncols=len(labels), frameon=False, fontsize=style.SMALL,
        labelcolor=style.INK,
    )  # fmt: skip


def _signed(value: float) -> str:
    """A change; below a hundredth of a percent it is none that one could see."""
    if abs(value) < 1e-4:
        return "0 %" if value == 0 else "under 0.01 %"
    return ("+" if value > 0 else "−") + words.percent(abs(value))


def routing_saving(
    simple_share: NDArray[np.float64], cost_ratio: float, misrouted: tuple[float, float] = (0.0, 0.0)
) -> pd.DataFrame:
    """Saving by sending simple work to a cheaper model, in closed form.

    Args:
        simple_share: share of the big model's token cost that is simple work, in [0, 1].
        cost_ratio: price of a simple piece of work at the small model over that at the big one.
        misrouted: share of simple work sent to the big model, and of complex work sent to the small one.

    Returns:
        simple_share, saving (fraction of the big model's cost) = (1 - ratio) x the share that goes to the small model.
    """
    simple = np.asarray(simple_share, float)
    small = simple * (1 - misrouted[0]) + (1 - simple) * misrouted[1]
    return pd.DataFrame({"simple_share": simple, "saving": small * (1 - cost_ratio)})


def routing_figure(curve: pd.DataFrame, runs: pd.DataFrame, claim: tuple[float, float] = (0.40, 0.60)) -> Picture:
    """The saving over the simple share of tokens: `curve` from `routing_saving`, `runs` with intervals.

    `runs` has simple_share, saving, low, high; `claim` is the band that the roadmap promises.
    """
    picture, (ax,) = canvas(3.8)
    ax.axhspan(*claim, color=style.SKY, alpha=0.22, linewidth=0)
    ax.annotate(
        f"the claim: {words.percent(claim[0])} to {words.percent(claim[1])}", (0.01, claim[1]), xytext=(3, -4),
        textcoords="offset points", va="top", fontsize=8.5, color=style.BLUE,
    )  # fmt: skip
    ax.plot(curve["simple_share"], curve["saving"], color=style.BLUE, linewidth=1.8, label="price arithmetic")
    if len(runs):
        spread_down, spread_up = runs["saving"] - runs["low"], runs["high"] - runs["saving"]
        ax.errorbar(
            runs["simple_share"], runs["saving"], yerr=[spread_down, spread_up], fmt="o", color=style.ORANGE, capsize=3,
            markersize=6, label="simulated, 95 % interval",
        )  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(min(0.0, float(curve["saving"].min())), 1)
    formatted("x", ax, "share")
    formatted("y", ax, "share")
    ax.set_xlabel("simple share of the big model's token cost")
    ax.set_ylabel("LLM cost saved")
    title(ax, "What routing by complexity saves")
    legend(ax, where="upper left")
    return picture
