"""Pictures of regions: where traffic flows, who serves it over time, failovers, replicas, and where data went."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator, MultipleLocator
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.figures_time import clock, days, incident_spans, window_edges
from simkit.report.style import Picture, canvas, dress, formatted, nothing, plain, title
from simkit.result import words

NONE = "none"
LOST = style.OUTCOMES["failed"]
NO_REGIONS = "This scenario has no regions."
GAP = 0.06
"""Between two regions of the flow, as a share of its height."""


def colours_of(names: Sequence[str]) -> dict[str, str]:
    """A colour for each region, the same in every picture; none is red: that is what is lost."""
    palette = [colour for colour in style.SERIES if colour not in (LOST, style.GREY)]
    found = {name: palette[i % len(palette)] for i, name in enumerate(one for one in names if one != NONE)}
    return found | {NONE: LOST}


class Stream(NamedTuple):
    """Actions from users of a region to one that serves: where it begins (left) and ends (right), from the top down."""

    users: str
    served_in: str
    share: float
    network_s: float
    """Mean time on the way; NaN for what was turned nowhere."""
    left: float
    right: float


def ribbons(flow: pd.DataFrame, names: Sequence[str]) -> list[Stream]:
    """The streams of a flow, of a height of 1 and the gaps; `names` are the regions in order, nowhere comes last."""
    ends = [*names, NONE]
    columns = (flow[name].tolist() for name in ("users", "served_in", "share", "network_mean_s"))
    rows = sorted(zip(*columns, strict=True), key=lambda row: (ends.index(row[0]), ends.index(row[1])))
    left = _stacked([(ends.index(row[0]), row[2]) for row in rows])
    order = sorted(range(len(rows)), key=lambda i: (ends.index(rows[i][1]), i))
    stacked = _stacked([(ends.index(rows[i][1]), rows[i][2]) for i in order])
    right = dict(zip(order, stacked, strict=True))
    return [Stream(row[0], row[1], row[2], row[3], left[i], right[i]) for i, row in enumerate(rows)]


def _stacked(parts: Sequence[tuple[int, float]]) -> list[float]:
    """Where each of some heights begins, one below the other, with a gap where another end begins."""
    at, found = 0.0, []
    for i, (end, share) in enumerate(parts):
        at += GAP if i and end != parts[i - 1][0] else 0.0
        found.append(at)
        at += share
    return found


def flow_figure(flow: pd.DataFrame, names: Sequence[str]) -> Picture:
    """From the users' regions (left) to those that serve them (right), as wide as their share of the actions."""
    if flow.empty:
        return nothing(NO_REGIONS)
    streams, colours = ribbons(flow, names), colours_of(names)
    picture, (ax,) = canvas(2.0 + 0.7 * len(names))
    ax.set_axis_off()
    ax.set_xlim(-0.42, 1.42)
    ax.set_ylim(max(max(one.left, one.right) + one.share for one in streams) + 0.02, -0.09)
    for one in streams:
        ax.add_patch(_ribbon(one, colours[one.served_in], 0.4 if one.users == one.served_in else 0.75))
    for name in (*names, NONE):
        _end(ax, "left", name, [one for one in streams if one.users == name], colours[name])
        _end(ax, "right", name, [one for one in streams if one.served_in == name], colours[name])
    for at, text, align in ((-0.04, "users in", "right"), (1.04, "served in", "left")):
        ax.text(at, -0.045, text, ha=align, va="bottom", fontsize=style.LABEL, color=style.MUTED)
    away = sum(one.share for one in streams if one.users != one.served_in)
    note = "every action is served in the region of its user"
    if away:
        note = f"{words.percent(away)} of the actions are not served in the region of their user"
    title(ax, "From users to regions", note)
    return picture


def _ribbon(one: Stream, colour: str, strength: float) -> PathPatch:
    left, right = (one.left, one.left + one.share), (one.right, one.right + one.share)
    points = [
        (0.0, left[0]), (0.5, left[0]), (0.5, right[0]), (1.0, right[0]), (1.0, right[1]), (0.5, right[1]),
        (0.5, left[1]), (0.0, left[1]), (0.0, left[0]),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return PathPatch(Path(points, codes), facecolor=colour, alpha=strength, linewidth=0)


def _end(ax: Axes, side: str, name: str, mine: Sequence[Stream], colour: str) -> None:
    """A region's bar at one side, with its name, share, and the mean time on the way."""
    if not mine:
        return
    starts = [one.left if side == "left" else one.right for one in mine]
    low, share = min(starts), sum(one.share for one in mine)
    high = max(start + one.share for start, one in zip(starts, mine, strict=True))
    at, x, align = (-0.02, -0.04, "right") if side == "left" else (1.0, 1.04, "left")
    ax.add_patch(Rectangle((at, low), 0.02, max(high - low, 0.004), color=colour, linewidth=0))
    known = [one for one in mine if not np.isnan(one.network_s)]
    note = words.percent(share)
    if known:
        mean = sum(one.network_s * one.share for one in known) / sum(one.share for one in known)
        note += f", {words.seconds(round(mean, 4))} on the way"
    middle, text = (low + high) / 2, "nowhere" if name == NONE else name
    ax.text(x, middle, plain(text), ha=align, va="bottom", fontsize=10, fontweight="bold", color=style.INK)
    ax.text(x, middle, plain(note), ha=align, va="top", fontsize=style.SMALL, color=style.MUTED)


def served_rates(timeline: pd.DataFrame) -> pd.DataFrame:
    """Actions a minute by region that served them, then what nobody served (`not served`); index: window's start."""
    minutes = (timeline["end"] - timeline["start"]).dt.total_seconds() / 60
    lost = timeline["unserved"] / minutes
    rates = timeline.assign(good=timeline["actions"] / minutes - lost, lost=lost)
    good = rates.pivot_table(index="start", columns="region", values="good", aggfunc="sum", sort=False)
    unserved = rates.groupby("start", sort=False)["lost"].sum()
    return good.drop(columns=NONE, errors="ignore").assign(**{"not served": unserved})


def region_timeline_figure(
    timeline: pd.DataFrame, latencies: pd.DataFrame, incidents: pd.DataFrame, marks: Mapping[str, pd.Timestamp],
    slo: Mapping[str, float],
) -> Picture:  # fmt: skip
    """Actions a minute by the region that served them, above; the 95th percentile of latency of all, below.

    `timeline` is the table of regions by window, `latencies` the one of all; `marks` are moments with their names.
    """
    if timeline.empty:
        return nothing(NO_REGIONS)
    rates = served_rates(timeline)
    windows = timeline.drop_duplicates("start")
    edges = window_edges(windows)
    picture, (top, bottom) = canvas(3.1, 2.4)
    colours = colours_of([str(name) for name in rates.columns[:-1]]) | {"not served": LOST}
    base = np.zeros(len(rates))
    for name in rates:
        high = base + rates[name].to_numpy(float)
        top.stairs(high, edges, baseline=base, fill=True, color=colours[str(name)], label=plain(str(name)), linewidth=0)
        base = high
    top.set_ylim(0, max(float(base.max()) * 1.35, 1e-9))
    formatted("y", top, "number")
    top.set_ylabel("actions / min")
    bottom.stairs(latencies["latency_p95"].to_numpy(float), edges, baseline=None, color=style.BLUE, linewidth=1.4)
    _seconds_axis(bottom, latencies["latency_p95"].to_numpy(float), slo)
    clock(bottom, windows)
    for ax in (top, bottom):
        incident_spans(ax, incidents, named=ax is top)
        _marks(ax, marks, named=ax is top)
    title(top, "Who serves over time", "actions a minute, by the region that served them")
    _beside_title(top)
    title(bottom, "95th percentile of latency", "served actions of all regions")
    return picture


def _beside_title(ax: Axes) -> None:
    """A legend above the axes, at the right."""
    ax.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=5, frameon=False, fontsize=style.SMALL, labelcolor=style.INK,
        borderaxespad=0.2, columnspacing=1.0, handlelength=1.2,
    )  # fmt: skip


def _seconds_axis(ax: Axes, values: NDArray[np.float64], slo: Mapping[str, float]) -> None:
    known = [*values[np.isfinite(values)], *slo.values()]
    ax.set_ylim(0, max(known, default=1.0) * 1.15)
    formatted("y", ax, "seconds")
    ax.set_ylabel("latency")
    style.objectives(ax, slo)


def _marks(ax: Axes, marks: Mapping[str, pd.Timestamp], *, named: bool) -> None:
    """Moments of a failover as thin lines, their names one below the other."""
    places = days(pd.Series(list(marks.values()))).tolist() if marks else []
    for row, (name, at) in enumerate(zip(marks, places, strict=True)):
        ax.axvline(at, color=style.INK, linewidth=0.9, linestyle=":")
        if named:
            ax.annotate(
                plain(name), (at, 1), xycoords=("data", "axes fraction"), xytext=(4, -24 - 11 * row),
                textcoords="offset points", fontsize=8, color=style.INK, bbox=style.HALO,
            )  # fmt: skip


def replicas_figure(replicas: pd.DataFrame, incidents: pd.DataFrame) -> Picture:
    """Of each region, replicas that are paid and that are there, and the load that they follow."""
    if replicas.empty:
        return nothing("Replicas are not counted: this scenario has neither regions nor an autoscaler.")
    names = [str(name) for name in replicas["region"].drop_duplicates()]
    picture, axes = canvas(*([1.9] * len(names)))
    colours = colours_of(names)
    top = float(replicas["replicas"].max()) * 1.3
    most = float(replicas["actions_per_min"].max()) * 1.35 or 1.0
    for ax, name in zip(axes, names, strict=True):
        mine = replicas[replicas["region"] == name]
        edges = window_edges(mine)
        there = (mine["replicas"] * mine["available"]).to_numpy(float)
        paid = mine["replicas"].to_numpy(float)
        ax.stairs(there, edges, fill=True, color=colours[name], alpha=0.35, linewidth=0)
        ax.stairs(paid, edges, baseline=None, color=colours[name], linewidth=1.6)
        ax.set_ylim(0, top)
        ax.set_ylabel("replicas")
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        _load(ax, mine, edges, most)
        mean, peak = (words.number(round(float(one), 1)) for one in (paid.mean(), paid.max()))
        text = f"{mean} replicas paid on average, {peak} at most"
        title(ax, name or "own service", text)
    clock(axes[-1], replicas.drop_duplicates("start"))
    for ax in axes:
        incident_spans(ax, incidents, named=ax is axes[0])
    return picture


def _load(ax: Axes, mine: pd.DataFrame, edges: NDArray[np.float64], most: float) -> None:
    right = ax.twinx()
    dress(right)
    right.grid(False)
    right.spines["left"].set_visible(False)
    right.stairs(
        mine["actions_per_min"].to_numpy(float), edges, baseline=None, color=style.INK, linewidth=0.9, alpha=0.7
    )
    right.set_ylim(0, most)
    right.set_ylabel("actions / min (line)")
    formatted("y", right, "number")


STEPS = (
    ("detected_s", "health checks fail", style.ORANGE), ("published_s", "clients are told", style.BLUE),
    ("moved_s", "95 % of its traffic has moved", style.GREEN),
)  # fmt: skip
EVERY = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
"""Seconds from one tick to the next."""
PHASES = ("before", "during", "after")


def failovers_figure(failovers: pd.DataFrame) -> Picture:
    """Of each loss of a region: how soon it was noticed and its traffic moved; latency before, during and after."""
    if failovers.empty:
        return nothing("No incident takes a region.")
    rows = failovers.head(8).iloc[::-1].reset_index(drop=True)
    labels = [f"{row.region}: {row.name_}" for row in rows.rename(columns={"name": "name_"}).itertuples()]
    picture, (top, bottom) = canvas(1.3 + 0.42 * len(rows), 1.3 + 0.62 * len(rows), sharex=False)
    _steps(top, rows, labels)
    _phases(bottom, rows, labels)
    return picture


def _steps(ax: Axes, rows: pd.DataFrame, labels: Sequence[str]) -> None:
    places = np.arange(len(rows))
    far = rows[[name for name, _, _ in STEPS]].max(axis=1).fillna(0)
    ax.barh(places, far, height=0.16, color=style.GRID)
    for size, (name, text, colour) in zip((13, 7, 9), STEPS, strict=True):
        ax.plot(rows[name], places, "o", color=colour, markersize=size, label=text, linestyle="none")
    end = max(float(far.max()), 1.0) * 2.1
    for place, row in enumerate(rows.itertuples()):
        lost = f"{words.number(round(float(row.lost)))} actions lost"  # type: ignore[arg-type]
        back = "" if np.isnan(row.back_s) else f", back {words.seconds(float(row.back_s))} after its end"  # type: ignore[arg-type]
        ax.text(
            float(far[place]) + 0.02 * end,
            place,
            plain(lost + back),
            va="center",
            fontsize=style.SMALL,
            color=style.INK,
        )
    _lines(ax, labels)
    ax.set_xlim(0, end)
    ax.xaxis.set_major_locator(MultipleLocator(next((one for one in EVERY if 7 * one >= end), EVERY[-1])))
    formatted("x", ax, "seconds")
    ax.set_xlabel("from the loss of the region")
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=style.SMALL, labelcolor=style.INK
    )
    ax.set_title("Failover", loc="left", fontsize=style.TITLE, fontweight="bold", color=style.INK, pad=26)


def _phases(ax: Axes, rows: pd.DataFrame, labels: Sequence[str]) -> None:
    looks = {"before": style.SKY, "during": style.VERMILLION, "after": style.BLUE}
    for place, phase in enumerate(PHASES):
        values = rows[f"latency_p95_{phase}_s"].to_numpy(float)
        at = np.arange(len(rows)) + 0.26 * (1 - place)
        ax.barh(at, values, height=0.24, color=looks[phase])
        for y, value in zip(at.tolist(), values.tolist(), strict=True):
            text = f"{phase}: {words.seconds(float(value))}" if np.isfinite(value) else f"{phase}: nothing was served"
            ax.text(0 if np.isnan(value) else value, y, f" {text}", va="center", fontsize=style.SMALL, color=style.INK)
    _lines(ax, labels)
    most = rows[[f"latency_p95_{phase}_s" for phase in PHASES]].max().max()
    ax.set_xlim(0, (1.0 if np.isnan(most) else float(most)) * 1.3)
    formatted("x", ax, "seconds")
    ax.set_xlabel("95th percentile of latency, served actions of all regions")
    title(ax, "Latency before, during and after", "each as long as the incident")


def _lines(ax: Axes, labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), [plain(text) for text in labels], fontsize=style.SMALL + 0.5, color=style.INK)
    ax.set_ylim(-0.55, len(labels) - 0.45)
    ax.tick_params(axis="y", length=0)
    ax.grid(False)
    ax.grid(True, axis="x", color=style.GRID, linewidth=0.8)


PANELS = (
    ("latency_p95_s", "latency, p95", "seconds"), ("queue_wait_p95_s", "wait in queues, p95", "seconds"),
    ("busiest_hour_use", "use, busiest hour", "share"), ("idle_share", "paid, but idle", "share"),
    ("cost_per_action_usd", "cost per action", "usd"),
)  # fmt: skip


def regions_figure(regions: pd.DataFrame) -> Picture:
    """Of each region, what it served: latency, wait, use of its workers, idle time, cost."""
    if regions.empty:
        return nothing(NO_REGIONS)
    rows = regions.iloc[::-1]
    picture = Picture(figsize=(10.0, 1.35 + 0.42 * len(rows)), layout="constrained", facecolor="white")
    axes = picture.subplots(1, len(PANELS), sharey=True, squeeze=False)[0]
    colours = [colours_of(regions["region"].tolist())[name] for name in rows["region"]]
    for place, (ax, (column, text, unit)) in enumerate(zip(axes, PANELS, strict=True)):
        dress(ax)
        values = rows[column].to_numpy(float)
        ax.barh(np.arange(len(rows)), np.nan_to_num(values), height=0.55, color=colours)
        for y, value in enumerate(values):
            ax.text(
                0 if np.isnan(value) else value,
                y,
                f" {plain(_said(value, unit))}",
                va="center",
                fontsize=style.SMALL,
                color=style.INK,
            )
        ax.set_xlim(0, max(float(np.nan_to_num(values).max()) * 1.7, 1e-9))
        ax.set_xticks([])
        ax.grid(False)
        ax.spines["bottom"].set_visible(False)
        ax.set_title(text, loc="left", fontsize=style.LABEL, color=style.MUTED)
        if place == 0:
            _lines(ax, [str(name) for name in rows["region"]])
            ax.grid(False)
        ax.tick_params(axis="y", length=0)
    picture.suptitle("Regions", x=0.01, ha="left", fontsize=style.TITLE, fontweight="bold", color=style.INK)
    return picture


def _said(value: float, unit: str) -> str:
    """A figure in a few letters; a dash where there is none."""
    if np.isnan(value):
        return "–"
    return {"seconds": words.seconds, "share": words.percent, "usd": words.dollars}[unit](float(f"{value:.3g}"))


def audit_grid(residency: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(counts, permitted) of an audit: rows are who (home, and kind where there are several), columns are where."""
    kinds = residency["kind"].nunique() > 1
    who = residency["home"] + (": " + residency["kind"] if kinds else "")
    seen = residency[residency["what"].isin(["served in", "asked"])]
    where = seen["what"].map({"served in": "served in ", "asked": "asked "}) + seen["where"]
    rows = seen.assign(who=who[seen.index], place=where)
    counts = rows.pivot_table(index="who", columns="place", values="count", aggfunc="sum", sort=False)
    return counts, rows.pivot_table(index="who", columns="place", values="permitted", aggfunc="min", sort=False)


def residency_figure(residency: pd.DataFrame) -> Picture:
    """The audit: how many actions and attempts went where; red where they may not."""
    if residency.empty:
        return nothing(NO_REGIONS)
    counts, permitted = audit_grid(residency)
    picture, (ax,) = canvas(1.9 + 0.42 * len(counts), width=max(8.0, 1.5 + 1.35 * len(counts.columns)))
    for (y, x), n in np.ndenumerate(counts.to_numpy()):
        may = bool(permitted.iat[y, x])
        colour = "#d9efe6" if may and n else "#f4f6f8" if may else LOST if n else "white"
        ax.add_patch(Rectangle((x - 0.47, y - 0.42), 0.94, 0.84, facecolor=colour, edgecolor=style.GRID, linewidth=0.8,
                               hatch=None if may else "////"))  # fmt: skip
        text = f"{int(n):,}" if n or may else "0"
        ax.text(x, y, text, ha="center", va="center", fontsize=style.SMALL, color=style.INK if n else style.MUTED,
                bbox=None if may else style.HALO)  # fmt: skip
    columns = [str(name).replace("served in ", "served in\n").replace("asked ", "asked\n") for name in counts.columns]
    ax.set_xticks(range(len(columns)), [plain(text.replace("/", "/\n", 1)) for text in columns], fontsize=style.SMALL)
    ax.set_yticks(range(len(counts)), [plain(str(name)) for name in counts.index], fontsize=9, color=style.INK)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(counts) - 0.5, -0.5)
    ax.tick_params(length=0)
    ax.grid(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    forbidden = int(counts.to_numpy()[~permitted.to_numpy().astype(bool)].sum())
    rejected = int(residency.loc[residency["what"] == "rejected", "count"].sum())
    note = f"hatched: not permitted, where {forbidden:,} went; {rejected:,} actions were turned away for it"
    title(ax, "Where the data went", note)
    return picture


__all__ = [
    "audit_grid", "failovers_figure", "flow_figure", "region_timeline_figure", "regions_figure",
    "replicas_figure", "residency_figure", "ribbons", "served_rates",
]  # fmt: skip
