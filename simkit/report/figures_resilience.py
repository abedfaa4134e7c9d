"""Pictures of what is done when it fails: breakers, attempts per action, alerts on the error budget."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.figures_time import clock, days, incident_spans, label_right
from simkit.report.style import Picture, canvas, formatted, legend, nothing, plain, title
from simkit.result import words
from simkit.result.windows import spread

OPEN, HALF_OPEN, CLOSED = style.VERMILLION, style.ORANGE, "#d9efe6"
MOST_STRIPS = 14
"""Most breakers of a picture: those that were open longest."""


def breaker_spans(breakers: pd.DataFrame, end_s: float, *, probes: bool) -> pd.DataFrame:
    """When each breaker was not closed: strip, state (`open`, `half open`), start_s, end_s, within [0, end_s].

    `breakers` is a result's table for one replication. Half open is from the end of the cooldown until it closes or
    opens again; without `probes` it closes at once.
    """
    rows = breakers.sort_values("opened_s", kind="stable")
    several = rows["replica"].nunique() > 1
    copies = rows["replica"].map(lambda number: f" (copy {number + 1})" if several else "")
    strip = rows["place"] + copies
    again = rows.groupby(["replica", "place"])["opened_s"].shift(-1)
    over = rows["closed_s"].fillna(again).fillna(end_s)
    parts = [pd.DataFrame({"strip": strip, "state": "open", "start_s": rows["opened_s"], "end_s": rows["until_s"]})]
    if probes:
        half = {"strip": strip, "state": "half open", "start_s": rows["until_s"], "end_s": over}
        parts.append(pd.DataFrame(half))
    spans = pd.concat(parts, ignore_index=True)
    spans[["start_s", "end_s"]] = spans[["start_s", "end_s"]].clip(0, end_s)
    return spans[spans["end_s"] > spans["start_s"]].reset_index(drop=True)


def open_shares(spans: pd.DataFrame, end_s: float, bins: int = 400) -> dict[str, pd.DataFrame]:
    """By strip, the share of each of `bins` spans of time that it was `open` and `half open`; longest open first.

    `spans` is from `breaker_spans`. Breakers that flap open and close many times in a span, so a share tells more.
    """
    edges = np.round(np.linspace(0, end_s, bins + 1) * 1e9).astype(np.int64)
    shares = {}
    for strip, mine in spans.groupby("strip", sort=False):
        columns = {}
        for state in ("open", "half open"):
            part = mine.loc[mine["state"] == state, ["start_s", "end_s"]].to_numpy(float)
            starts, ends = np.round(part.T * 1e9).astype(np.int64)
            columns[state] = spread(starts, ends, edges) / np.diff(edges)
        shares[str(strip)] = pd.DataFrame(columns)
    return dict(sorted(shares.items(), key=lambda pair: -float(pair[1]["open"].sum())))


STRIP = 0.62
"""Height of a strip; from one to the next it is 1."""


def breakers_figure(spans: pd.DataFrame, timeline: pd.DataFrame, incidents: pd.DataFrame, note: str = "") -> Picture:
    """A strip a breaker, filled by the share of the time that it was open or half open; incidents are shaded.

    `spans` is from `breaker_spans`, `timeline` gives the time axis.
    """
    if spans.empty:
        return nothing("No breaker opened.")
    shares = dict(list(open_shares(spans, _length_s(timeline)).items())[:MOST_STRIPS])
    picture, (ax,) = canvas(1.5 + 0.42 * len(shares))
    first, last = days(pd.Series([timeline["start"].iloc[0], timeline["end"].iloc[-1]]))
    for place, (strip, share) in enumerate(reversed(shares.items())):
        openings = int(((spans["strip"] == strip) & (spans["state"] == "open")).sum())
        _strip(ax, place, np.linspace(first, last, len(share) + 1), share)
        often = f"{words.number(openings)} opening{'s' * (openings != 1)}"
        _beside(ax, place, f"{often}\n{words.percent(float(share['open'].mean()))} open")
    ax.set_yticks(np.arange(len(shares)) + STRIP / 2, [plain(strip) for strip in reversed(shares)], fontsize=9)
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.set_ylim(-0.2, len(shares) + 0.35)
    ax.grid(False)
    _state_legend(ax, spans)
    clock(ax, timeline)
    incident_spans(ax, incidents, named=True)
    title(ax, "Breakers", ", ".join(filter(None, ("height: share of the time", note))))
    return picture


def _strip(ax: Axes, place: int, edges: NDArray[np.float64], share: pd.DataFrame) -> None:
    opened, either = share["open"].to_numpy(), share.sum(axis=1).to_numpy()
    ax.stairs(np.full(len(share), place + STRIP), edges, baseline=place, fill=True, color=CLOSED)
    for top, low, colour in ((opened, 0 * opened, OPEN), (either, opened, HALF_OPEN)):
        ax.stairs(place + STRIP * top, edges, baseline=place + STRIP * low, fill=True, color=colour)


def _beside(ax: Axes, place: int, text: str) -> None:
    ax.annotate(
        plain(text), (1, place + STRIP / 2), xycoords=("axes fraction", "data"), xytext=(6, 0), va="center",
        textcoords="offset points", fontsize=style.SMALL - 0.5, color=style.MUTED, linespacing=1.1,
    )  # fmt: skip


def _length_s(timeline: pd.DataFrame) -> float:
    return float((timeline["end"].iloc[-1] - timeline["start"].iloc[0]).total_seconds())


def _state_legend(ax: Axes, spans: pd.DataFrame) -> None:
    colours = {"closed": CLOSED, "open": OPEN, "half open": HALF_OPEN}
    seen = {"closed", *spans["state"]}
    for name, colour in ((name, colour) for name, colour in colours.items() if name in seen):
        ax.bar([0], [0], color=colour, label=name)
    ax.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=style.SMALL, labelcolor=style.INK,
        borderaxespad=0.2,
    )  # fmt: skip


def attempt_shares(table: pd.DataFrame, most: int = 40) -> pd.DataFrame:
    """Share of actions by number of attempts, outside of incidents and in them; beyond `most` they stand together.

    `table` has attempts, outside, in_incidents (counts). A column without any action is left out.
    """
    counts = table.set_index("attempts")[["outside", "in_incidents"]]
    if len(counts) > most + 1:
        counts = pd.concat([counts.loc[: most - 1], counts.loc[most:].sum().to_frame(most).T])
    used = counts.loc[:, counts.sum() > 0]
    seen = np.flatnonzero(used.sum(axis=1))
    return (used / used.sum()).iloc[seen[0] if len(seen) else 0 :]


def attempts_figure(table: pd.DataFrame) -> Picture:
    """How many attempts an action sends, outside of incidents and in them."""
    shares = attempt_shares(table)
    if shares.empty or not len(shares.columns):
        return nothing("No action was measured.")
    picture, (ax,) = canvas(3.4)
    width = 0.82 / len(shares.columns)
    looks = {"outside": ("without an incident", style.SKY), "in_incidents": ("in an incident", style.VERMILLION)}
    numbers = np.arange(len(shares))
    for place, name in enumerate(shares):
        text, colour = looks[str(name)]
        mean = float((shares[name].to_numpy() * shares.index.to_numpy(float)).sum())
        shift = (place - (len(shares.columns) - 1) / 2) * width
        label = f"{text}: {words.number(round(mean, 2))} in the mean"
        ax.bar(numbers + shift, shares[name], width=width, color=colour, label=label)
    texts = [str(int(n)) for n in shares.index]
    if int(shares.index[-1]) + 1 < len(table):
        texts[-1] += "+"
    every = -(-len(texts) // 20)
    ax.set_xticks(numbers[::-every], texts[::-every])
    ax.set_ylim(0, float(shares.to_numpy().max()) * 1.3)
    ax.set_yticks([tick for tick in ax.get_yticks() if tick <= 1])
    formatted("y", ax, "share")
    ax.set_xlabel("attempts sent for one action")
    ax.set_ylabel("share of actions")
    ax.legend(loc="upper right", frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    title(ax, "Attempts per action", "retries, fallbacks and hedges of all layers together")
    return picture


def alert_bars(alerts: pd.DataFrame, end_s: float) -> pd.DataFrame:
    """One row a time that a rule of an objective was on: row (`success: 1 h`), severity, start_s, end_s.

    By objective, the fastest rule first; `alerts` is a result's table for one replication.
    """
    rows = alerts.sort_values(["objective", "burn", "fired_s"], ascending=[False, False, True], kind="stable")
    bars = pd.DataFrame(
        {
            "row": rows["objective"].astype(str) + ": " + rows["rule"].astype(str),
            "severity": rows["severity"],
            "start_s": rows["fired_s"].clip(upper=end_s),
            "end_s": rows["cleared_s"].fillna(end_s).clip(upper=end_s),
        }
    )
    return bars.reset_index(drop=True)


SEVERITIES = {"page": style.VERMILLION, "ticket": style.ORANGE}


def alerts_figure(
    burn: pd.DataFrame, rules: pd.DataFrame, bars: pd.DataFrame, timeline: pd.DataFrame, incidents: pd.DataFrame,
    note: str = "",
) -> Picture:  # fmt: skip
    """How fast the error budget burns in the long window of each rule, with the thresholds; below, alerts as bars.

    Args:
        burn: index seconds since the start, a column a rule.
        rules: name, burn (the threshold), severity; in the order of the columns.
        bars: from `alert_bars`.
        timeline: gives the windows of the time axis.
        incidents: name, start, end.
        note: small, below the title.
    """
    if burn.empty:
        return nothing("This scenario has no alerts: add `alerts: google_30d`.")
    rows = bars["row"].drop_duplicates().tolist()
    picture, axes = canvas(3.2, *([0.95 + 0.24 * len(rows)] if rows else []))
    zero = timeline["start"].iloc[0]
    moments = days(zero + pd.to_timedelta(pd.Series(burn.index), unit="s"))
    top, names, ends = axes[0], [], []
    _burn_axis(top, burn, rules)
    for colour, name, threshold in zip(style.SERIES, burn, rules["burn"], strict=False):
        values = burn[name].to_numpy(float)
        top.plot(moments, values, color=colour, linewidth=1.4, drawstyle="steps-post")
        top.axhline(threshold, color=colour, linewidth=1.0, linestyle="--", alpha=0.9)
        names.append(f"{name}: fires at {threshold:.3g}x")
        ends.append(float(threshold))
    clock(axes[-1], timeline)
    incident_spans(top, incidents, named=True)
    label_right(top, names, ends, style.SERIES)
    title(top, "How fast the error budget burns", note)
    if rows:
        _alert_rows(axes[1], rows, bars, zero, incidents)
    return picture


def _burn_axis(ax: Axes, burn: pd.DataFrame, rules: pd.DataFrame) -> None:
    """From 0 to what is seen, in steps that show thresholds of 1 as well as a rate of 1,000."""
    most = max(float(np.nanmax(burn.to_numpy(float))), float(rules["burn"].max())) * 1.5
    ax.set_yscale("symlog", linthresh=1.0)
    ax.set_ylim(0, most)
    ticks = [t for t in (0, 1, 3, 10, 30, 100, 300, 1000) if t <= most]
    ax.set_yticks(ticks, [f"{t}x" for t in ticks])
    ax.minorticks_off()
    ax.set_ylabel("burn rate, long window")


def _alert_rows(ax: Axes, rows: list[str], bars: pd.DataFrame, zero: pd.Timestamp, incidents: pd.DataFrame) -> None:
    for severity, colour in SEVERITIES.items():
        mine = bars[bars["severity"] == severity]
        places = [len(rows) - 1 - rows.index(row) for row in mine["row"]]
        left = days(zero + pd.to_timedelta(mine["start_s"], unit="s"))
        ax.barh(places, (mine["end_s"] - mine["start_s"]) / 86_400, left=left, height=0.5, color=colour,
                edgecolor=colour, linewidth=0.8, label=severity)  # fmt: skip
    ax.set_yticks(range(len(rows)), [plain(row) for row in reversed(rows)], fontsize=style.SMALL, color=style.INK)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.grid(False)
    ax.tick_params(axis="y", length=0)
    incident_spans(ax, incidents, named=False)
    title(ax, "Alerts")
    legend(ax, columns=2)
    ax.get_legend().set(loc="lower right")  # type: ignore[union-attr]
    ax.get_legend().set_bbox_to_anchor((1, 1))  # type: ignore[union-attr]
