"""Pictures over time: latency and outcomes, the use of limits, the error budget. Time is the scenario's local time."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.style import Picture, canvas, formatted, legend, nothing, plain, spread, title
from simkit.result import words

PERCENTILES = {"latency_p50": style.SKY, "latency_p95": style.BLUE, "latency_p99": style.INK}


def outcome_rates(timeline: pd.DataFrame) -> pd.DataFrame:
    """Actions per minute by outcome; index: start of the window; outcomes that never happened are left out."""
    minutes = (timeline["end"] - timeline["start"]).dt.total_seconds() / 60
    kinds = [name for name in style.OUTCOMES if name in timeline and timeline[name].sum() > 0]
    return timeline[kinds].div(minutes, axis=0).set_axis(pd.Index(timeline["start"]), axis=0)


def timeline_figure(timeline: pd.DataFrame, incidents: pd.DataFrame, slo: Mapping[str, float]) -> Picture:
    """Latency percentiles above, actions per minute by outcome below.

    `timeline` has a row a window: start, end (local times), counts by outcome, latency_p50, ... in seconds.
    `incidents` has name, start, end; `slo` maps the label of a latency objective to its seconds.
    """
    if timeline.empty:
        return nothing("No action was measured.")
    picture, (top, bottom) = canvas(2.9, 2.9)
    edges = window_edges(timeline)
    lines = timeline[[name for name in PERCENTILES if name in timeline]]
    for name in lines:
        top.stairs(
            lines[name].to_numpy(float),
            edges,
            baseline=None,
            color=PERCENTILES[str(name)],
            linewidth=1.0 if name == "latency_p99" else 1.4,
        )
    _log_seconds(top, lines, list(slo.values()))
    names = [str(name).removeprefix("latency_") for name in lines]
    style.objectives(top, slo)
    incident_spans(top, incidents, named=True)
    label_right(top, names, [_last(lines[name]) for name in lines], [PERCENTILES[str(name)] for name in lines])
    title(top, "Latency over time", "median, 95th and 99th percentile of served actions in each window")
    _stack(bottom, outcome_rates(timeline), edges)
    incident_spans(bottom, incidents, named=False)
    title(bottom, "Actions per minute by outcome")
    legend(bottom, columns=5)
    clock(bottom, timeline)
    return picture


def limit_use(limits: pd.DataFrame, most: int = 5) -> pd.DataFrame:
    """Use of the busiest limits: index start of the window, a column a limit, the busiest first."""
    if limits.empty:
        return pd.DataFrame()
    wide = limits.pivot_table(index="start", columns="limit", values="use", aggfunc="max", sort=False)
    order = wide.max().sort_values(ascending=False, kind="stable").index[:most]
    return wide[order]


def limits_figure(limits: pd.DataFrame, incidents: pd.DataFrame) -> Picture:
    """Use of the busiest limits over time with the 100 % line. `limits` has start, end, limit, use (1 = full)."""
    use = limit_use(limits)
    if use.empty:
        return nothing("This scenario has no limits: nothing can be full.")
    picture, (ax,) = canvas(3.6)
    edges = window_edges(limits.drop_duplicates("start"))
    for colour, name in zip(style.SERIES, use, strict=False):
        ax.stairs(use[name].to_numpy(float), edges, baseline=None, color=colour, linewidth=1.5)
    top = max(1.08, 1.08 * float(np.nanmax(use.to_numpy(float))))
    ax.set_ylim(0, top)
    ax.axhline(1, color=style.OBJECTIVE, linewidth=1.2, linestyle="--")
    ax.annotate(
        "full", (0, 1), xycoords=("axes fraction", "data"), xytext=(3, 3), textcoords="offset points",
        color=style.OBJECTIVE, fontsize=8.5, bbox=style.HALO,
    )  # fmt: skip
    incident_spans(ax, incidents, named=True)
    label_right(ax, [str(name) for name in use], [_last(use[name]) for name in use], style.SERIES)
    formatted("y", ax, "share")
    ax.set_ylabel("demand / limit")
    title(ax, "Use of limits", "demand of each hour against the limit; above 100 %: refused or made to wait")
    clock(ax, limits)
    return picture


def budget_left(timeline: pd.DataFrame, targets: Mapping[str, float], allowance: float) -> pd.DataFrame:
    """Error budget left at the end of each window, by objective; 1 is untouched, below 0 is overspent.

    `timeline` has columns `bad_LABEL` and `counted_LABEL` for each label in `targets`; `allowance` is
    max(1, SLO window / horizon): left = 1 - bad so far / ((1 - target) x counted in all x allowance).
    """
    left = {}
    for label, target in targets.items():
        budget = (1 - target) * float(timeline[f"counted_{label}"].sum()) * allowance
        bad = timeline[f"bad_{label}"].cumsum()
        left[label] = 1 - bad / budget if budget > 0 else bad.map(lambda count: 1.0 if count == 0 else -np.inf)
    return pd.DataFrame(left).set_axis(pd.Index(timeline["end"]), axis=0)


def budget_figure(left: pd.DataFrame, timeline: pd.DataFrame, incidents: pd.DataFrame) -> Picture:
    """The error budget burning down: `left` is from `budget_left`, `timeline` gives the windows."""
    if left.empty or not len(left.columns):
        return nothing("This scenario has no objectives: add `slo: {success: 99.5%, latency: {p95: 5s}}`.")
    picture, (ax,) = canvas(3.4)
    times = window_edges(timeline)
    worst = float(left.min().min())
    floor = -0.25 if worst > -0.2 else max(worst * 1.1, -3.0)
    for colour, name in zip((style.BLUE, style.ORANGE, style.GREEN, *style.SERIES), left, strict=False):
        ax.plot(times, np.concatenate([[1.0], left[name].to_numpy(float)]), color=colour, linewidth=1.8)
    ax.axhline(0, color=style.OBJECTIVE, linewidth=1.2, linestyle="--")
    ax.axhspan(floor, 0, color=style.INCIDENT, alpha=0.45, linewidth=0)
    ax.set_ylim(floor, 1.03)
    texts = [f"{name}: {words.percent(_last(left[name]))} left".replace("-", "−") for name in left]
    incident_spans(ax, incidents, named=True)
    ends = [max(_last(left[name]), floor) for name in left]
    label_right(ax, texts, ends, (style.BLUE, style.ORANGE, style.GREEN, *style.SERIES))
    formatted("y", ax, "share")
    ax.set_ylabel("budget left")
    title(ax, "Error budget", "what the objectives still allow in their window; below 0 it is overspent")
    clock(ax, timeline)
    return picture


def window_edges(windows: pd.DataFrame) -> NDArray[np.float64]:
    """Where windows (columns start, end) begin and the last ends, as matplotlib counts days."""
    return days(pd.concat([windows["start"], windows["end"].iloc[-1:]]))


def days(moments: pd.Series) -> NDArray[np.float64]:
    """Moments as matplotlib counts them: days since 1970 UTC."""
    utc = pd.to_datetime(moments, utc=True)
    days = (utc - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)
    return np.asarray(days, np.float64)


def clock(ax: Axes, windows: pd.DataFrame) -> None:
    """A time axis in local time over the windows (columns start, end)."""
    zone = windows["start"].dt.tz
    locator = AutoDateLocator(tz=zone, minticks=4, maxticks=8)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    formats = ["%Y", "%b", "%a %d", "%H:%M", "%H:%M", "%H:%M:%S"]
    zeros = ["", "%Y", "%a %d", "%a %d", "%H:%M", "%H:%M"]
    text = ConciseDateFormatter(locator, tz=zone, formats=formats, zero_formats=zeros)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_formatter(text)
    ax.set_xlabel(f"local time ({zone})" if zone is not None else "time")
    edges = window_edges(windows)
    ax.set_xlim(edges[0], edges[-1])


def incident_spans(ax: Axes, incidents: pd.DataFrame, *, named: bool) -> None:
    """Shade the incidents; where they are few, name them in a band above all that is drawn (set the limits before)."""
    if incidents.empty:
        return
    ends = list(zip(days(incidents["start"]), days(incidents["end"]), strict=True))
    low, high = ax.get_xlim()
    for begin, end in ends:
        ax.axvspan(begin, end, color=style.INCIDENT, linewidth=0, zorder=0.4)
    seen = [
        (max(begin, low), str(name))
        for name, (begin, end) in zip(incidents["name"], ends, strict=True)
        if begin < high and end > low
    ]
    if named and seen and len(incidents) <= MOST_NAMED:
        _name_above(ax, seen, low, high)


MOST_NAMED = 6
"""With more incidents than these, none is named."""
NAME_POINTS, LETTER_POINTS, WIDTH_POINTS = 11.0, 4.6, 430.0
"""Height of an incident's name, width of a letter of it, and of the axes, about."""


def _name_above(ax: Axes, names: Sequence[tuple[float, str]], low: float, high: float) -> None:
    """Names from where their incidents begin, in rows in which none touches another."""
    taken: list[float] = []  # where each row is free again
    for at, name in sorted(names, key=lambda one: one[0]):
        width = (high - low) * (LETTER_POINTS * len(name) + 6) / WIDTH_POINTS
        left = max(low, min(at, high - width))
        row = next((row for row, end in enumerate(taken) if end <= left), len(taken))
        taken[row : row + 1] = [left + width]
        ax.annotate(
            plain(name), (left, 1), xycoords=("data", "axes fraction"), xytext=(3, -NAME_POINTS * (1 + row)),
            textcoords="offset points", fontsize=8, color="#a3512b", bbox=style.HALO,
        )  # fmt: skip
    _make_room(ax, len(taken))


def _make_room(ax: Axes, rows: int) -> None:
    """A band for so many rows of names at the top of the axes, where no tick and no data is."""
    height = 72 * (ax.get_figure().get_size_inches()[1] / len(ax.get_figure().axes) - AROUND_INCHES)  # type: ignore[union-attr]
    share = min(0.4, (NAME_POINTS * rows + 4) / height)
    low, high = ax.get_ylim()
    scale = ax.yaxis.get_transform()
    bottom, top = scale.transform([low, high])
    ax.set_ylim(low, float(scale.inverted().transform([bottom + (top - bottom) / (1 - share)])[0]))
    ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high * (1 + 1e-9)])


def _stack(ax: Axes, rates: pd.DataFrame, edges: NDArray[np.float64]) -> None:
    base = np.zeros(len(rates))
    for name in rates:
        top = base + rates[name].to_numpy(float)
        ax.stairs(top, edges, baseline=base, fill=True, color=style.OUTCOMES[str(name)], label=str(name), linewidth=0)
        base = top
    ax.set_ylim(0, max(float(base.max()) * 1.25, 1e-9))
    formatted("y", ax, "number")
    ax.set_ylabel("actions / min")


def _log_seconds(ax: Axes, lines: pd.DataFrame, also: Sequence[float]) -> None:
    values = np.concatenate([lines.to_numpy(float).ravel(), also])
    values = values[np.isfinite(values) & (values > 0)]
    ax.set_yscale("log")
    if len(values):
        low, high = values.min() / 1.5, values.max() * 1.9
        ax.set_ylim(low, high)
        ticks = [t for t in _ROUND_SECONDS if low <= t <= high]
        ax.set_yticks(ticks[:: max(1, len(ticks) // 6)])
    ax.minorticks_off()
    formatted("y", ax, "seconds")
    ax.set_ylabel("latency")


_ROUND_SECONDS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400,
)  # fmt: skip


LABEL_INCHES = 0.18
"""From one label's middle to the next: more than its letters are high."""
AROUND_INCHES = 1.0
"""What title, note, and the clock with its name take of an axes' height at most."""


def label_right(ax: Axes, names: Sequence[str], values: Sequence[float], colours: Sequence[str]) -> None:
    """Names at the right ends of their lines, moved apart where they would overlap."""
    ends = [0.0 if not np.isfinite(v) else float(_fraction(ax, v)) for v in values]
    height = ax.get_figure().get_size_inches()[1] / len(ax.get_figure().axes)  # type: ignore[union-attr]
    places = spread(ends, LABEL_INCHES / (height - AROUND_INCHES))
    lift = max(0.0, 0.02 - min(places, default=0.0))  # none below the axis, among the ticks
    for name, place, colour in zip(names, places, colours, strict=False):
        ax.annotate(
            plain(name), (1, place + lift), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points",
            va="center", fontsize=8.5, color=colour if colour != style.GREY else style.MUTED,
        )  # fmt: skip


def _fraction(ax: Axes, value: float) -> float:
    low, high = ax.get_ylim()
    scale = ax.yaxis.get_transform()
    ends = scale.transform([low, high, max(value, low) if ax.get_yscale() == "log" else value])
    return float((ends[2] - ends[0]) / (ends[1] - ends[0]))


def _last(values: pd.Series) -> float:
    known = values.replace([np.inf, -np.inf], np.nan).dropna()
    return float(known.iloc[-1]) if len(known) else float("nan")
