"""Pictures of searches: warm-up, sweeps, frontiers, breaking points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator
from matplotlib.transforms import Bbox

from simkit.report import style
from simkit.report.style import Picture, canvas, formatted, legend, nothing, plain, title
from simkit.result import words
from simkit.study.quantity import RangeError, quantity

AXES = {"share": "share", "s": "seconds", "USD": "usd"}
"""Unit of a metric to how its axis is written."""
MOST_LINES = 7


def warmup_figure(series: pd.DataFrame, cut_s: float, text: str) -> Picture:
    """Mean latency from an empty start. `series` has time_s, latency_s, cut."""
    if series.empty:
        return nothing("No action was served.")
    picture, (ax,) = canvas(3.2)
    ax.plot(series["time_s"], series["latency_s"], color=style.BLUE, linewidth=1.4)
    rest = series.loc[~series["cut"], "latency_s"]
    ax.axhline(float(rest.mean()), color=style.MUTED, linewidth=1.0, linestyle=":", label="mean of the rest")
    if cut_s:
        ax.axvspan(0, cut_s, color=style.INCIDENT, linewidth=0, label="cut by MSER-5")
    ax.set_xlim(0, float(series["time_s"].max()))
    ax.set_ylim(0)
    ax.xaxis.set_major_locator(MultipleLocator(round_step(float(series["time_s"].max()))))
    formatted("x", ax, "seconds")
    formatted("y", ax, "seconds")
    ax.set_xlabel("time since the empty start")
    ax.set_ylabel("mean latency")
    title(ax, "Warm-up", text)
    legend(ax, where="best")
    return picture


ROUND_STEPS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400, 172_800, 604_800)
"""Seconds from one tick to the next that read well."""


def round_step(span_s: float) -> float:
    """A step that makes at most nine of a span."""
    return next((step for step in ROUND_STEPS if span_s / step <= 9), span_s / 5)


def broken(name: str, most: int = 24) -> str:
    """A long field's name on several lines, after its points."""
    lines = [""]
    for part in name.replace(".", ".\n").split("\n"):
        if lines[-1] and len(lines[-1]) + len(part) > most:
            lines.append("")
        lines[-1] += part
    return plain("\n".join(lines))


def numbers(values: Sequence[Any]) -> list[float] | None:
    """The numbers of values with one unit; None where they are words, or have several."""
    try:
        found = [quantity(value) for value in values]
    except RangeError:
        return None
    return [one.number for one in found] if len({(one.before, one.after) for one in found}) == 1 else None


def in_order(values: Sequence[Any]) -> list[Any]:
    """Distinct values: by size where they are numbers, else as they came."""
    distinct = list(dict.fromkeys(values))
    sizes = numbers(distinct)
    return (
        distinct if sizes is None else [one for _, one in sorted(zip(sizes, distinct, strict=True), key=lambda p: p[0])]
    )


def heat_rows(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """A metric's values with a column for each value of `x` and a row for each of `y`."""
    wide = rows.pivot_table(index=y, columns=x, values="value", aggfunc="mean", sort=False, dropna=False)
    return wide.reindex(index=in_order(list(rows[y])), columns=in_order(list(rows[x])))


def heat_figure(rows: pd.DataFrame, x: str, y: str, metric: str, unit: str) -> Picture:
    """A metric over two fields. `rows` are those of the metric in `Sweep.frame`."""
    if rows["value"].notna().sum() == 0:
        return nothing(f"{metric} does not apply at any point.")
    wide = heat_rows(rows, x, y)
    picture, (ax,) = canvas(1.6 + 0.42 * len(wide))
    image = ax.imshow(wide.to_numpy(float), aspect="auto", cmap="cividis", origin="lower")
    middle = float(np.nanmean([np.nanmin(wide.to_numpy(float)), np.nanmax(wide.to_numpy(float))]))
    for (row, column), value in np.ndenumerate(wide.to_numpy(float)):
        colour = style.INK if value > middle else "white"
        ax.text(column, row, plain(words.figure(value, unit)), ha="center", va="center", fontsize=8, color=colour)
    ax.grid(False)
    ax.set_xticks(range(wide.shape[1]), [plain(str(one)) for one in wide.columns])
    ax.set_yticks(range(len(wide)), [plain(str(one)) for one in wide.index])
    ax.set_xlabel(x)
    ax.set_ylabel(broken(y))
    colour_bar(picture, ax, image, unit)
    title(ax, metric.replace("_", " "))
    return picture


def colour_bar(picture: Picture, ax: Axes, shown: Any, unit: str, label: str = "") -> None:
    """What the colours mean, in the unit of the metric."""
    bar = picture.colorbar(shown, ax=ax, shrink=0.8)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=style.SMALL, colors=style.MUTED, length=3)
    bar.set_label(label, color=style.MUTED, fontsize=style.LABEL)
    if unit in AXES:
        formatted("y", bar.ax, AXES[unit])


def lines_figure(rows: pd.DataFrame, x: str, others: Sequence[str], metric: str, unit: str) -> Picture:
    """A metric over one field with 95 % intervals, a line for each combination of the others."""
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return nothing(f"{metric} does not apply at any point.")
    picture, (ax,) = canvas(3.6)
    values = in_order(list(rows[x]))
    sizes = numbers(values)
    places = dict(zip(map(str, values), sizes or range(len(values)), strict=True))
    groups = list(rows.groupby(list(others), sort=False)) if others else [((), rows)]
    scattered = len(groups) > MOST_LINES
    for colour, (name, part) in zip(style.SERIES, [((), rows)] if scattered else groups, strict=False):
        at = np.array([places[str(one)] for one in part[x]], float)
        order = np.argsort(at, kind="stable")
        _line(ax, part.iloc[order], at[order], colour, ", ".join(map(str, name)), not scattered)
    if sizes is None:
        ax.set_xticks(range(len(values)), [plain(str(one)) for one in values])
    if unit in AXES:
        formatted("y", ax, AXES[unit])
    unit_text = "" if sizes is None else f" ({quantity(values[0]).before}{quantity(values[0]).after})"
    ax.set_xlabel(x + unit_text.replace(" ()", ""))
    title(ax, metric.replace("_", " "), "band: 95 % interval of the metric at each point")
    if others and not scattered:
        ax.legend(
            title=", ".join(map(broken, others)), frameon=False, fontsize=style.SMALL, labelcolor=style.INK,
            title_fontsize=style.SMALL,
        )  # fmt: skip
    return picture


def _line(ax: Axes, part: pd.DataFrame, at: Any, colour: str, label: str, joined: bool) -> None:
    value, low, high = (part[name].to_numpy(float) for name in ("value", "low", "high"))
    ax.plot(at, value, "o-" if joined else "o", color=colour, markersize=4, linewidth=1.4, label=plain(label) or None)
    if joined:
        ax.fill_between(at, low, high, color=colour, alpha=0.18, linewidth=0)
    else:
        ax.vlines(at, low, high, color=colour, alpha=0.4, linewidth=1.0)


def frontier_figure(wide: pd.DataFrame, best: set[int], paths: Sequence[str]) -> Picture:
    """Cost against p95; size by success rate, colour by good rate; `best` are the points that no other beats."""
    rows = wide[wide["cost_per_action"].notna() & wide["latency_p95"].notna()]
    if rows.empty:
        return nothing("No point has a cost and a latency.")
    picture, (ax,) = canvas(4.0)
    good = rows["good_rate"].to_numpy(float)
    coloured = bool(np.isfinite(good).any())
    sizes = 20 + 120 * np.nan_to_num(rows["success_rate"].to_numpy(float)) ** 8
    dots = ax.scatter(
        rows["latency_p95"], rows["cost_per_action"], s=sizes, c=good if coloured else style.BLUE,
        cmap="cividis" if coloured else None, edgecolors="white", linewidths=0.5,
    )  # fmt: skip
    if coloured:
        colour_bar(picture, ax, dots, "share", "good answers")
    chosen = rows[rows["point"].isin(best)].sort_values("latency_p95")
    ax.plot(
        chosen["latency_p95"], chosen["cost_per_action"], "o", markersize=13, markerfacecolor="none",
        markeredgecolor=style.VERMILLION, label="no other point beats it",
    )  # fmt: skip
    formatted("x", ax, "seconds")
    formatted("y", ax, "usd")
    ax.set_xlabel("latency p95")
    ax.set_ylabel("cost per successful action")
    ax.margins(0.08, 0.12)
    names = ", ".join(path.rpartition(".")[2] for path in paths)
    title(ax, "What it costs to be fast and right", f"size of a dot: success rate; beside it: {names}")
    legend(ax, where="best")
    _name_points(ax, chosen, paths)
    return picture


def _name_points(ax: Axes, chosen: pd.DataFrame, paths: Sequence[str]) -> None:
    """Beside each point its values, right or left of it; where neither has room, none."""
    figure = ax.get_figure()
    assert isinstance(figure, Picture)
    figure.draw_without_rendering()
    dots = ax.transData.transform(chosen[["latency_p95", "cost_per_action"]].to_numpy(float))
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in dots]
    for row in chosen.to_dict("records"):
        for side, across in (("left", 9), ("right", -9)):
            name = ax.annotate(
                plain(", ".join(str(row[path]) for path in paths)), (row["latency_p95"], row["cost_per_action"]),
                xytext=(across, 0), textcoords="offset points", fontsize=8, color=style.MUTED, ha=side, va="center",
            )  # fmt: skip
            name.set_in_layout(False)
            box = name.get_window_extent()
            if ax.bbox.x0 <= box.x0 and box.x1 <= ax.bbox.x1 and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            name.remove()


def breaking_figure(
    rows: Sequence[tuple[float, float | None, float | None, float | None]], bound: float,
    found: tuple[float | None, float | None, float | None], path: str, metric: str, unit: str, condition: str,
) -> Picture:  # fmt: skip
    """A metric over the load (`rows`: load, value, low, high), its bound, and (low, value, high) of the crossing."""
    known = [row for row in rows if row[1] is not None]
    if not known:
        return nothing(f"{metric} has no value at any load.")
    picture, (ax,) = canvas(3.6)
    at, value, low, high = np.array(known, float).T
    ax.plot(at, value, "o-", color=style.BLUE, markersize=3.5, linewidth=1.3)
    ax.fill_between(at, low, high, color=style.BLUE, alpha=0.18, linewidth=0)
    ax.axhline(bound, color=style.OBJECTIVE, linewidth=1.2, linestyle="--", label="bound")
    if found[1] is not None:
        ax.axvline(found[1], color=style.INK, linewidth=1.2, label="breaking point")
        ends = [at.min() if found[0] is None else found[0], at.max() if found[2] is None else found[2]]
        ax.axvspan(ends[0], ends[1], color=style.SKY, alpha=0.25, linewidth=0, label="its 95 % interval")
    ax.set_ylim(*_about(bound, np.array([value, low, high])))
    if unit in AXES:
        formatted("y", ax, AXES[unit])
    ax.set_xlabel(path)
    ax.set_ylabel(plain(metric.replace("_", " ")))
    title(ax, f"Where it breaks: {condition}")
    legend(ax, where="best")
    return picture


def _about(bound: float, values: "np.ndarray[Any, np.dtype[np.float64]]") -> tuple[float, float]:
    """Limits of an axis that show the bound and what lies about it; what is far beyond may leave the picture."""
    low, high = (float(one) for one in np.nanquantile(values, [0.02, 0.98]))
    low, high = min(low, bound), max(high, bound)
    reach = 4 * abs(bound) if bound else high
    room = 0.12 * (high - low) or 0.1 * abs(bound) or 1.0
    return max(low, bound - reach) - room, min(high, bound + reach) + room
