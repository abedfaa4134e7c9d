"""Pictures of what becomes of attempts: how they end, what retries make of the load, where they go, who waits."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from simkit.report import style
from simkit.report.figures_time import clock, incident_spans, label_right, window_edges
from simkit.report.style import Picture, canvas, formatted, nothing, plain, title
from simkit.result import words

MOST_KINDS = 6
"""Most ways to end of a picture: the most frequent, the rest together."""


def ending_rates(endings: pd.DataFrame, most: int = MOST_KINDS) -> pd.DataFrame:
    """Attempts per minute by the way they ended, `ok` first, then the most frequent; what never happened is left out.

    `endings` is a result's table: start, end, and a column of counts for each way. Beyond `most`: `others`.
    """
    ways = endings.drop(columns=["start", "end"])
    totals = ways.sum().drop("ok").sort_values(ascending=False, kind="stable")
    seen = totals.index[totals > 0].tolist()
    shown = ways[["ok", *seen[: most if len(seen) <= most else most - 1]]].copy()
    if len(seen) > most:
        shown["others"] = ways[seen[most - 1 :]].sum(axis=1)
    return shown.div(_minutes(endings), axis=0)


def _minutes(windows: pd.DataFrame) -> pd.Series:
    return (windows["end"] - windows["start"]).dt.total_seconds() / 60


def endings_figure(endings: pd.DataFrame, incidents: pd.DataFrame) -> Picture:
    """How attempts end, over time: answers, and every kind of failure."""
    rates = ending_rates(endings)
    if not float(rates.to_numpy().sum()):
        return nothing("No attempt was made.")
    picture, (ax,) = canvas(3.4)
    edges, base = window_edges(endings), np.zeros(len(rates))
    colours = iter((style.VERMILLION, style.ORANGE, style.PURPLE, style.GREEN, style.BLUE, style.INK))
    for name in rates:
        colour = {"ok": style.SKY, "cancelled": style.GREY}.get(str(name)) or next(colours)
        top = base + rates[name].to_numpy(float)
        label = str(name).replace("_", " ")
        ax.stairs(top, edges, baseline=base, fill=True, color=colour, linewidth=0, label=label)
        base = top
    ax.set_ylim(0, float(base.max()) * 1.25)
    formatted("y", ax, "number")
    ax.set_ylabel("attempts / min")
    ax.legend(loc="upper left", ncols=4, frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    incident_spans(ax, incidents, named=False)
    title(ax, "How attempts end", "by the arrival of their action; shaded: incidents")
    clock(ax, endings)
    return picture


PRESSURE = {
    "actions": ("actions", style.INK, "-"),
    "reloads": ("asked again by users", style.GREEN, "-"),
    "sent": ("attempts sent", style.BLUE, "-"),
    "retries": ("of them retries", style.ORANGE, "-"),
    "hedges": ("of them hedges", style.PURPLE, "-"),
    "refused": ("refused by the budget", style.VERMILLION, "--"),
    "held_back": ("held back by the throttle", style.GREY, "--"),
}
"""Columns of a result's table `pressure`: their words, colour and line."""


def pressure_rates(pressure: pd.DataFrame) -> pd.DataFrame:
    """Actions, attempts, retries ... per minute; what never happened is left out."""
    names = [name for name in PRESSURE if pressure[name].sum() > 0]
    return pressure[names].div(_minutes(pressure), axis=0)


def pressure_figure(pressure: pd.DataFrame, incidents: pd.DataFrame) -> Picture:
    """What retries, hedges and users who ask again make of the load, and what holds them back."""
    rates = pressure_rates(pressure)
    if rates.empty or not len(rates.columns):
        return nothing("No action was measured.")
    picture, (ax,) = canvas(3.4)
    edges = window_edges(pressure)
    for name in rates:
        _, colour, line = PRESSURE[str(name)]
        above = 3 if name == "actions" else 2
        ax.stairs(rates[name], edges, baseline=None, color=colour, linewidth=1.4, linestyle=line, zorder=above)
    ax.set_ylim(0, float(rates.to_numpy().max()) * 1.15)
    formatted("y", ax, "number")
    ax.set_ylabel("per minute")
    ends = [float(rates[name].iloc[-max(1, len(rates) // 20) :].mean()) for name in rates]
    incident_spans(ax, incidents, named=True)
    label_right(ax, [PRESSURE[str(name)][0] for name in rates], ends, [PRESSURE[str(name)][1] for name in rates])
    title(ax, "Actions and attempts", "what retries make of the load, and what holds them back")
    clock(ax, pressure)
    return picture


def outcome_steps(reasons: pd.DataFrame, ended: float) -> pd.DataFrame:
    """A waterfall: name (`failed: timeout`), outcome, share, and `before`, the sum of the shares above it.

    `reasons` has outcome, reason, actions; degraded ones come first; the most frequent first.
    """
    order = {name: place for place, name in enumerate(style.OUTCOMES)}
    rows = reasons.assign(place=reasons["outcome"].map(order)).sort_values(
        ["place", "actions"], ascending=[True, False], kind="stable"
    )
    name = rows["outcome"].astype(str) + rows["reason"].map(lambda text: f": {text.replace('_', ' ')}" if text else "")
    share = rows["actions"].to_numpy(float) / max(ended, 1e-300)
    made = {"name": name, "outcome": rows["outcome"], "share": share, "before": np.cumsum(share) - share}
    return pd.DataFrame(made).reset_index(drop=True)


def outcomes_figure(reasons: pd.DataFrame, ended: float) -> Picture:
    """From all actions to those that were ok: what each outcome and reason takes away."""
    steps = outcome_steps(reasons, ended).head(12)
    if steps.empty:
        return nothing("Every action was ok.")
    picture, (ax,) = canvas(1.2 + 0.34 * len(steps))
    places = np.arange(len(steps))[::-1]
    colours = [style.OUTCOMES[str(name)] for name in steps["outcome"]]
    ax.barh(places, steps["share"], left=steps["before"], color=colours, height=0.62)
    whole = float((steps["before"] + steps["share"]).max())
    for place, before, share in zip(places, steps["before"], steps["share"], strict=True):
        ax.annotate(plain(words.percent(share)), (before + share, place), xytext=(5, 0), va="center",
                    textcoords="offset points", fontsize=style.SMALL, color=style.MUTED)  # fmt: skip
    ax.set_yticks(places, [plain(str(name)) for name in steps["name"]], fontsize=9, color=style.INK)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, whole * 1.15)
    ax.grid(False, axis="y")
    ax.grid(True, axis="x", color=style.GRID, linewidth=0.8)
    formatted("x", ax, "share")
    ax.set_xlabel("share of the actions that ended, added up")
    title(ax, "Why actions were not ok", f"{words.percent(1 - whole)} were ok" if len(steps) < 12 else "")
    return picture


def retry_waits(attempts: pd.DataFrame) -> pd.Series:
    """Seconds from the end of a try to the retry after it, of a log's attempts."""
    keys = ["replication", "action", "call", "repeat", "rung", "attempt"]
    tries = attempts.groupby(keys, sort=True, observed=True).agg(
        sent=("dispatched_s", "min"), over=("ended_s", "max"), cause=("cause", "first")
    )
    before = tries.groupby(level=keys[:4], observed=True)["over"].shift(1)
    retry = tries["cause"].isin(["retry", "client_retry"])
    return (tries["sent"] - before)[retry].dropna().clip(lower=0).reset_index(drop=True).rename("wait_s")


def waits_figure(attempts: pd.DataFrame) -> Picture:
    """How long is waited before a retry. `attempts` is a result's table (`log=True`)."""
    waits = retry_waits(attempts)
    if waits.empty:
        return nothing("Nothing was tried again.")
    picture, (ax,) = canvas(3.0)
    ax.hist(waits, bins=40, color=style.ORANGE, weights=np.full(len(waits), 1 / len(waits)))
    ax.axvline(float(waits.mean()), color=style.INK, linewidth=1.0)
    ax.annotate(plain(f"mean {words.seconds(float(waits.mean()))}"), (float(waits.mean()), 0.97), xytext=(4, 0),
                xycoords=("data", "axes fraction"), textcoords="offset points", va="top", fontsize=style.SMALL,
                bbox=style.HALO)  # fmt: skip
    formatted("x", ax, "seconds")
    formatted("y", ax, "share")
    ax.set_xlabel("from the end of a try to the next")
    ax.set_ylabel("share of the retries")
    title(ax, "Waits before retries", f"{words.number(len(waits))} retries")
    return picture


def deployment_shares(attempts: pd.DataFrame, bins: int = 60) -> pd.DataFrame:
    """Share of the attempts that each deployment got, in `bins` spans of the run; index: start of the span in hours."""
    sent = attempts[attempts["deployment"].notna() & (attempts["dispatched_s"] >= 0)]
    if sent.empty:
        return pd.DataFrame()
    edges = np.linspace(0, float(sent["dispatched_s"].max()) + 1e-9, bins + 1)
    place = np.searchsorted(edges, sent["dispatched_s"].to_numpy(float), side="right") - 1
    counts = pd.crosstab(pd.Series(place), pd.Series(sent["deployment"].astype(str).to_numpy()))
    counts = counts.reindex(range(bins), fill_value=0).set_axis(pd.Index(edges[:-1] / 3600, name="hour"), axis=0)
    return counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0)


def balance_figure(attempts: pd.DataFrame) -> Picture:
    """Which deployment gets which share of the attempts, over time. `attempts` is a result's table (`log=True`)."""
    shares = deployment_shares(attempts)
    if shares.empty:
        return nothing("No attempt was sent.")
    picture, (ax,) = canvas(3.2)
    hours = np.append(shares.index, 2 * shares.index[-1] - shares.index[-2])
    base = np.zeros(len(shares))
    for colour, name in zip(style.SERIES, shares, strict=False):
        top = base + shares[name].fillna(0).to_numpy(float)
        ax.stairs(top, hours, baseline=base, fill=True, color=colour, alpha=0.85, linewidth=0, label=str(name))
        base = top
    ax.set_ylim(0, 1)
    ax.set_xlim(hours[0], hours[-1])
    formatted("y", ax, "share")
    ax.set_xlabel("hours since the start")
    ax.set_ylabel("share of the attempts")
    title(ax, "Who gets the attempts")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, fontsize=style.SMALL)
    return picture


def patience_figure(actions: pd.DataFrame) -> Picture:
    """How long users waited who were served, and who gave up. `actions` is a result's table (`log=True`)."""
    mine = actions[actions["measured"]]
    served = mine.loc[mine["outcome"].isin(["ok", "degraded"]), "latency_s"].to_numpy(float)
    left = mine.loc[mine["outcome"] == "abandoned", "latency_s"].to_numpy(float)
    if not len(left):
        return nothing("Nobody gave up.")
    picture, (ax,) = canvas(3.4)
    every = np.maximum(np.concatenate([served, left]), 1e-3)
    edges = np.geomspace(every.min() / 1.01, every.max() * 1.01, 61).tolist()
    for times, colour, text in ((served, style.SKY, "served after"), (left, style.VERMILLION, "gave up after")):
        label = f"{text}: {words.number(len(times))}"
        ax.hist(times, bins=edges, weights=np.full(len(times), 1 / len(every)), color=colour, alpha=0.75, label=label)
    ax.set_xscale("log")
    ax.minorticks_off()
    formatted("x", ax, "seconds")
    formatted("y", ax, "share")
    ax.set_xlabel("since the arrival (logarithmic)")
    ax.set_ylabel("share of the actions")
    ax.legend(loc="upper left", frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    title(ax, "Patience", "part of those who were served, too, waited longer than others would have")
    return picture


def cases_with_people(actions: pd.DataFrame, attempts: pd.DataFrame) -> pd.DataFrame:
    """How many cases people have before them (waiting or in work), of the first replication: second, cases.

    A case is with them from the end of its action's last attempt until its answer.
    """
    first = actions["replication"].min()
    mine = actions[(actions["replication"] == first) & (actions["reason"] == "human")]
    over = attempts[attempts["replication"] == first].groupby("action")["ended_s"].max()
    since = mine["action"].map(over).fillna(mine["arrival_s"])
    moves = pd.concat([pd.Series(1, index=since), pd.Series(-1, index=mine["end_s"])]).sort_index(kind="stable")
    return pd.DataFrame({"second": moves.index, "cases": moves.cumsum().to_numpy()})


def people_figure(actions: pd.DataFrame, attempts: pd.DataFrame) -> Picture:
    """The queue before the people who answer in the end. Both are a result's tables (`log=True`)."""
    cases = cases_with_people(actions, attempts)
    if cases.empty:
        return nothing("People answered nothing.")
    picture, (ax,) = canvas(3.0)
    _steps(ax, cases["second"] / 3600, cases["cases"])
    formatted("y", ax, "number")
    ax.set_xlabel("hours since the start")
    ax.set_ylabel("cases")
    title(ax, "What people have before them", "cases that wait or are in work, first replication")
    return picture


def _steps(ax: Axes, hours: pd.Series, counts: pd.Series) -> None:
    ax.step(hours, counts, where="post", color=style.BLUE, linewidth=1.2)
    ax.fill_between(hours, counts, step="post", color=style.SKY, alpha=0.4, linewidth=0)
    ax.set_ylim(0, max(1.0, float(counts.max()) * 1.15))
