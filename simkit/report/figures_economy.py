"""Pictures of where the money goes: causes over time, caches that fill, budgets, growing prompts, peaks, levers."""

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.figures_time import clock, days, incident_spans, label_right, window_edges
from simkit.report.style import Picture, canvas, formatted, legend, nothing, plain, title
from simkit.result import words
from simkit.result.statistics import significant
from simkit.study.levers import kept_off

Floats = NDArray[np.float64]
CAUSES = {
    "system": style.BLUE, "history": style.SKY, "retrieved": style.GREEN, "user": "#8fd0b8", "answer": style.ORANGE,
    "reasoning": "#f3c969", "request": "#c9cfd4", "cache_writes": "#7a5195", "retry": style.VERMILLION,
    "hedge": "#ee9b7a", "fallback": style.PURPLE, "escalation": "#e7bfd4", "people": style.INK, "lookups": "#a3b18a",
    "tools": style.GREY,
}  # fmt: skip
"""Input is cool, output warm, what was tried again red."""
WORDS = {"cache_writes": "writing to the cache", "user": "the user's words", "retrieved": "retrieved texts",
         "system": "system prompt"}  # fmt: skip
MOST_CAUSES = 9
WORTH_MARKING = 1.5
"""Times the usual cost."""
SMALL = 0.002
"""A share of the bill that is not shown by itself."""


def cause_rates(causes: pd.DataFrame) -> pd.DataFrame:
    """USD an hour by cause, in the order in which they are stacked; small ones together as `others`.

    `causes` has start, end and a column in USD for each cause.
    """
    hours = (causes["end"] - causes["start"]).dt.total_seconds() / 3600
    money = causes[[name for name in CAUSES if name in causes]]
    whole = money.to_numpy().sum() or 1.0
    share = money.sum() / whole
    large = share.nlargest(MOST_CAUSES).index[share.nlargest(MOST_CAUSES) > SMALL]
    rates = money[[name for name in money if name in large]].div(hours, axis=0)
    rest = money[[name for name in money if name not in large]].sum(axis=1).div(hours)
    return rates.assign(others=rest) if float(rest.sum()) > 0 else rates


def cost_by_cause_figure(causes: pd.DataFrame, incidents: pd.DataFrame, spikes: pd.DataFrame | None = None) -> Picture:
    """Money an hour over time, stacked by what it goes to; the dearest windows are marked where they are given."""
    rates = cause_rates(causes)
    if not float(rates.to_numpy().sum()):
        return nothing("Nothing was spent.")
    picture, (ax,) = canvas(3.9)
    edges, below = window_edges(causes), np.zeros(len(rates))
    shares = rates.mean() / rates.mean().sum()
    for name in rates:
        top = below + rates[name].to_numpy(float)
        label = f"{_words(str(name))} {words.percent(float(shares[str(name)]))}"
        ax.stairs(top, edges, baseline=below, fill=True, color=CAUSES.get(str(name), style.GRID), label=plain(label))
        below = top
    ax.set_ylim(0, float(below.max()) * 1.12)
    if spikes is not None:
        _mark_spikes(ax, spikes, edges, below)
    formatted("y", ax, "usd")
    ax.set_ylabel("USD an hour")
    handles, names = ax.get_legend_handles_labels()
    ax.legend(
        handles[::-1], names[::-1], loc="upper left", bbox_to_anchor=(1.0, 1.02), frameon=False,
        fontsize=style.SMALL, labelcolor=style.INK,
    )  # fmt: skip
    clock(ax, causes)
    incident_spans(ax, incidents, named=True)
    title(
        ax, "Where the money goes over time", "by when it was asked for; in the order of the legend, from top to bottom"
    )
    return picture


def _words(name: str) -> str:
    return WORDS.get(name, name.replace("_", " "))


def _mark_spikes(ax: Axes, spikes: pd.DataFrame, edges: Floats, heights: Floats) -> None:
    """What stands out most, each with a line from its top to a row of its own above all bars."""
    marked = spikes[spikes["times"].astype(float) >= WORTH_MARKING].head(3)
    top, middle = float(heights.max()), float(edges[0] + edges[-1]) / 2
    ax.set_ylim(0, top * (1.12 + 0.09 * len(marked)))
    for row, one in enumerate(marked.to_dict("records")):
        at = float(days(pd.Series([one["start"], one["end"]])).mean())
        height = heights[min(max(int(np.searchsorted(edges, at)) - 1, 0), len(heights) - 1)]
        times = f"{one['times']:.2g}x" if np.isfinite(one["times"]) else "new"
        ax.annotate(
            plain(f"{times}: {_words(str(one['cause']))}"), (at, height), xytext=(at, top * (1.06 + 0.09 * row)),
            ha="left" if at < middle else "right", va="bottom", fontsize=style.SMALL, color=style.VERMILLION,
            arrowprops={"arrowstyle": "-", "color": style.VERMILLION, "linewidth": 0.8}, bbox=style.HALO,
        )  # fmt: skip


def cost_by_part_figure(costs: pd.DataFrame, period: str) -> Picture:
    """The models' money by what it was for, as bars, dearest first. `costs` has by, name, cost_usd, share."""
    rows = costs[(costs["by"] == "part") & (costs["cost_usd"] > 0)].sort_values("cost_usd")
    if rows.empty:
        return nothing("Nothing was spent.")
    picture, (ax,) = canvas(1.0 + 0.34 * len(rows))
    places = np.arange(len(rows))
    ax.barh(places, rows["cost_usd"], height=0.66, color=[CAUSES[name] for name in rows["name"]])
    for place, usd, share in zip(places, rows["cost_usd"], rows["share"], strict=True):
        ax.annotate(
            plain(f"{words.dollars(usd)}  {words.percent(share)}"), (usd, place), xytext=(5, 0), va="center",
            textcoords="offset points", fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip
    ax.set_yticks(places, [_words(name) for name in rows["name"]], fontsize=9, color=style.INK)
    ax.set_xlim(0, float(rows["cost_usd"].max()) * 1.3)
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    formatted("x", ax, "usd")
    title(
        ax, "What the models' money is for", f"first tries by part of prompt and answer, and what came after; {period}"
    )
    return picture


CACHE_COLOURS = {"exact": style.BLUE, "semantic": style.GREEN}


def hit_rate_figure(
    rates: pd.DataFrame, emptied: pd.DataFrame, incidents: pd.DataFrame, notes: Mapping[str, str]
) -> Picture:
    """Hit rate of each cache of answers over time, the warm-up included.

    `rates` has start, end, cache, asked, hit_rate; `emptied` has cache, time; `notes` says a word of each cache.
    """
    if rates.empty or not float(rates["asked"].sum()):
        return nothing("No cache of answers was asked.")
    picture, (ax,) = canvas(3.6)
    names, ends = [], []
    for cache, mine in rates.groupby("cache", sort=False):
        edges, colour = window_edges(mine), CACHE_COLOURS[str(cache)]
        middle = (edges[1:] + edges[:-1]) / 2
        ax.plot(middle, mine["hit_rate"], color=colour, linewidth=1.6)
        names.append(f"{cache} {notes.get(str(cache), '')}".strip())
        ends.append(float(mine["hit_rate"].dropna().iloc[-1]))
    one = rates[rates["cache"] == rates["cache"].iloc[0]]
    _mark_emptied(ax, emptied)
    ax.set_ylim(0, min(1.0, 1.2 * float(rates["hit_rate"].max())) or 1.0)
    formatted("y", ax, "share")
    ax.set_ylabel("hits / lookups")
    clock(ax, one)
    incident_spans(ax, incidents, named=True)
    label_right(ax, names, ends, [CACHE_COLOURS[str(cache)] for cache in rates["cache"].unique()])
    title(ax, "Caches warming up", "hit rate by the time of the lookup, from the beginning of the warm-up on")
    return picture


def _mark_emptied(ax: Axes, emptied: pd.DataFrame) -> None:
    for time, mine in emptied.groupby("time", sort=False):
        at = float(days(pd.Series([time]))[0])
        colour = CACHE_COLOURS[mine["cache"].iloc[0]] if len(mine) == 1 else style.INK
        ax.axvline(at, color=colour, linewidth=1.0, linestyle="--")
        whose = " and ".join(mine["cache"])
        ax.annotate(
            f"{whose} emptied", (at, 0.03), xycoords=("data", "axes fraction"), xytext=(3, 0), va="bottom",
            textcoords="offset points", fontsize=style.SMALL, color=colour, bbox=style.HALO,
        )  # fmt: skip


MOST_KINDS = 3
"""Kinds of actions whose growing prompts are shown: the dearest."""
MOST_PRICES = 11
"""Prices that fit beside each other under an axis."""
PARTS = ("tokens_system", "tokens_history", "tokens_retrieved", "tokens_user")


def tokens_by_turn_figure(turns: pd.DataFrame) -> Picture:
    """Input tokens of each turn of a conversation, or step of a loop, by part; what they cost stands above."""
    money = turns.assign(usd=turns["cost_usd"] * turns["count"]).groupby(["by", "kind"], sort=False)["usd"].sum()
    shown = money.nlargest(MOST_KINDS).index
    panels = [one for one in money.index if one in shown]
    if not panels:
        return nothing("There are no conversations, and no call repeats: no prompt grows.")
    picture, axes = canvas(*[3.3] * len(panels), sharex=False)
    several = turns["kind"].nunique() > 1
    for ax, (by, kind) in zip(axes, panels, strict=True):
        _turn_bars(ax, turns[(turns["by"] == by) & (turns["kind"] == kind)], by, f" of `{kind}`" if several else "")
    return picture


def _turn_bars(ax: Axes, rows: pd.DataFrame, by: str, of: str) -> None:
    number, below = rows["number"].to_numpy(), np.zeros(len(rows))
    for part in PARTS:
        name = part.removeprefix("tokens_")
        values = rows[part].to_numpy(float)
        if values.sum() > 0:
            ax.bar(number, values, 0.78, bottom=below, color=CAUSES[name], label=_words(name))
        below = below + values
    ax.set_ylim(0, float(below.max()) * 1.18 or 1.0)
    ax.set_xticks(number, _turn_labels(rows), fontsize=style.SMALL)
    formatted("y", ax, "number")
    ax.set_ylabel("input tokens")
    ax.set_xlabel({"turn": "turn of the conversation", "step": "step of the loop"}[by])
    what = {"turn": "an action", "step": "a call"}[by]
    how = f"mean of billed input tokens of {what}; below the number: its cost"
    title(ax, f"How the prompt{of} grows with each {by}", how)
    legend(ax, columns=4)


def _turn_labels(rows: pd.DataFrame) -> list[str]:
    """The number of each, and under so many of them as there is room for, its cost."""
    every = -(-len(rows) // MOST_PRICES)
    labels = []
    for place, (number, usd) in enumerate(zip(rows["number"], rows["cost_usd"], strict=True)):
        price = words.dollars(significant(float(usd), 2)) if place % every == 0 else ""
        labels.append(plain(f"{'21+' if number == 21 else number}\n{price}"))
    return labels


def budget_figure(budgets: pd.DataFrame, note: str = "") -> Picture:
    """What was spent of each budget in each day or month, against its limit, with when it alerted, degraded, blocked.

    `budgets` has budget, start, end, share, overshoot, start_s, end_s, and alerted_s, alerted_share, degraded_..., ...
    """
    if budgets.empty:
        return nothing("This scenario has no budgets: add `budgets: {month: $500/month}`.")
    names = budgets["budget"].drop_duplicates().tolist()
    picture, axes = canvas(*[2.3] * len(names))
    for ax, name in zip(axes, names, strict=True):
        _budget_periods(ax, budgets[budgets["budget"] == name])
        money = budgets.loc[budgets["budget"] == name, "limit_usd"].iloc[0]
        title(
            ax,
            f"Budget {name}: {words.dollars(float(money))}",
            note or "spent at the end of each period; when it acted",
        )
    _budget_clock(axes[-1], budgets)
    return picture


AMOUNT = 0.09
"""Of the width, what an amount takes."""
ACTS = {"alerted": ("alert", style.ORANGE), "degraded": ("cheaper models", style.PURPLE),
        "blocked": ("blocked", style.VERMILLION)}  # fmt: skip


def _budget_periods(ax: Axes, rows: pd.DataFrame) -> None:
    """A rising edge from 0 to what was spent in each period, with when it acted; above all, what was spent."""
    zero, seen = rows["start"].iloc[0] - pd.to_timedelta(rows["start_s"].iloc[0], unit="s"), set()
    top = max(1.06, 1.03 * float(rows["share"].max()))
    named = _amounts(rows)
    for place, row in zip(rows.index, rows.to_dict("records"), strict=True):
        known = [(row[f"{act}_s"], row[f"{act}_share"]) for act in ACTS if np.isfinite(row[f"{act}_s"])]
        points = [(row["start_s"], 0.0), *sorted(known), (row["end_s"], row["share"])]
        times = days(pd.Series([zero + pd.to_timedelta(time, unit="s") for time, _ in points]))
        shares, right = [share for _, share in points], times[-1]
        ax.fill_between(times, shares, color=style.SKY, alpha=0.45, linewidth=0)
        ax.plot(times, shares, color=style.BLUE, linewidth=1.0, linestyle=":")
        ax.plot([right, right], [0, row["share"]], color=style.BLUE, linewidth=1.6)
        if place in named:
            ax.annotate(
                plain(words.dollars(row["spent_usd"])), (right, top), xytext=(1, 1), ha="right", va="bottom",
                textcoords="offset points", fontsize=style.SMALL, color=style.BLUE,
            )  # fmt: skip
        for act, (text, colour) in ACTS.items():
            if np.isfinite(row[f"{act}_s"]):
                at = float(days(pd.Series([zero + pd.to_timedelta(row[f"{act}_s"], unit="s")]))[0])
                ax.plot([at, at], [0, top], color=colour, linewidth=1.4, label=None if text in seen else text)
                seen.add(text)
    ax.axhline(1, color=style.OBJECTIVE, linewidth=1.2, linestyle="--")
    ax.set_ylim(0, 1.16 * top)
    formatted("y", ax, "share")
    ax.set_ylabel("spent / limit")
    if seen:
        ax.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=style.SMALL,
            labelcolor=style.INK, borderaxespad=0.2,
        )  # fmt: skip


def _amounts(rows: pd.DataFrame) -> list[Hashable]:
    """The periods whose amounts are named, the dearest first: those that have room."""
    room = AMOUNT * float(rows["end_s"].max() - rows["start_s"].min())
    ends: dict[Hashable, float] = {}
    for place, end in rows.sort_values("share", ascending=False)["end_s"].items():
        if all(abs(float(end) - other) >= room for other in ends.values()):
            ends[place] = float(end)
    return list(ends)


def _budget_clock(ax: Axes, budgets: pd.DataFrame) -> None:
    whole = pd.DataFrame({"start": [budgets["start"].min()], "end": [budgets["end"].max()]})
    clock(ax, whole)


def peak_figure(work: pd.DataFrame) -> Picture:
    """Tokens a minute by urgency, over time. `work` has start, end, now_per_min, batch_per_min."""
    if work.empty:
        return nothing("Nothing can wait: no action has `urgency: batch`.")
    picture, (ax,) = canvas(3.4)
    edges, now = window_edges(work), work["now_per_min"].to_numpy(float)
    both = now + work["batch_per_min"].to_numpy(float)
    ax.stairs(now, edges, fill=True, color=style.BLUE, label=f"at once: peak {words.number(float(now.max()))}")
    ax.stairs(
        both, edges, baseline=now, fill=True, color=style.ORANGE,
        label=f"what can wait; peak of both {words.number(float(both.max()))}",
    )  # fmt: skip
    ax.set_ylim(0, float(both.max()) * 1.25 or 1.0)
    formatted("y", ax, "number")
    ax.set_ylabel("tokens a minute")
    clock(ax, work)
    legend(ax, columns=2)
    title(ax, "When the work is done", "input and output tokens of all attempts, by when their service began")
    return picture


LEVER_TONES = {"less": style.GREEN, "more": style.VERMILLION, "unsure": style.GREY, "whole": style.INK,
               "used": "#b9d9cd"}  # fmt: skip


def lever_bars(levers: pd.DataFrame) -> pd.DataFrame:
    """Bars of the waterfall: label, bottom, top (USD a month), low, high (of the step's end), tone, note.

    `levers` is the table of `Levers`: rows `today`, a lever a row, those in use, `all together`, with step_usd,
    step_low, step_high (a saving is negative), after_usd; of those in use without_usd. They stand at the end, beside
    today's bill: what each keeps off it.
    """
    rows, before = [], 0.0
    shown = levers[levers["after_usd"].notna()]
    for row in shown.to_dict("records"):
        after = float(row["after_usd"])
        if row["kind"] != "lever":
            rows.append((row["label"], 0.0, after, np.nan, np.nan, "whole", words.dollars(after)))
        else:
            low, high = before + row["step_low"], before + row["step_high"]
            sure = np.isfinite(low) and (row["step_high"] < 0 or row["step_low"] > 0)
            tone = "unsure" if np.isfinite(low) and not sure else "less" if row["step_usd"] < 0 else "more"
            note = f"{'−' if row['step_usd'] < 0 else '+'}{words.dollars(abs(float(row['step_usd'])))}"
            rows.append((row["label"], min(before, after), max(before, after), low, high, tone, note))
        before = after
    today = float(shown["after_usd"].iloc[0]) if len(shown) else 0.0
    for row in levers[levers["kind"] == "in use"].to_dict("records"):
        other = float(row["without_usd"])
        tone, note = "used" if other >= today else "more", kept_off(today, other)
        rows.append((row["label"], min(today, other), max(today, other), np.nan, np.nan, tone, note))
    return pd.DataFrame(rows, columns=["label", "bottom", "top", "low", "high", "tone", "note"])


def levers_figure(levers: pd.DataFrame, note: str = "") -> Picture:
    """What each lever takes off the bill, one after the other, with 95 % intervals; marked: worse answers."""
    bars = lever_bars(levers)
    if bars.empty:
        return nothing("No lever applies.")
    picture, (ax,) = canvas(1.2 + 0.4 * len(bars))
    places, widest = np.arange(len(bars))[::-1], float(bars["top"].max()) or 1.0
    ax.barh(
        places, bars["top"] - bars["bottom"], left=bars["bottom"], height=0.62,
        color=[LEVER_TONES[tone] for tone in bars["tone"]],
    )  # fmt: skip
    for place, row in zip(places, bars.to_dict("records"), strict=True):
        if np.isfinite(row["low"]):
            ax.plot([row["low"], row["high"]], [place, place], color=style.INK, linewidth=1.2, solid_capstyle="butt")
        edge = np.nanmax([row["top"], row["high"]])
        ax.annotate(
            plain(str(row["note"])), (edge, place), xytext=(6, 0), textcoords="offset points", va="center",
            fontsize=style.SMALL, color=style.INK,
        )  # fmt: skip
    for place, after in zip(places, levers["after_usd"].dropna().iloc[:-1], strict=False):
        ax.plot([after, after], [place - 0.69, place - 0.31], color=style.MUTED, linewidth=0.8)
    ax.set_yticks(places, [plain(str(label)) for label in bars["label"]], fontsize=9)
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.set_xlim(0, widest * (1.35 if "used" in set(bars["tone"]) else 1.2))
    ax.grid(False, axis="y")
    ax.grid(True, axis="x", color=style.GRID, linewidth=0.8)
    formatted("x", ax, "usd")
    ax.set_xlabel("USD a month")
    title(
        ax, "What would lower the bill", note or "each on top of those above it; line: 95 % interval of the difference"
    )
    return picture


def prompt_cache_saving(
    per_hour: NDArray[np.float64], ttl_s: float, write: float = 1.25, read: float = 0.1
) -> pd.DataFrame:
    """What a prompt cache saves of the part that can be cached, in closed form.

    Questions come as a Poisson process; each renews the life of what is kept, so the next one finds it with the
    probability p = 1 - exp(-rate x ttl), and the part costs write - (write - read) p of what it did.

    Args:
        per_hour: questions an hour.
        ttl_s: how long a prompt is kept from its last use.
        write, read: prices of writing and reading over that of input.

    Returns:
        per_hour, saving (fraction of the cached part's price; below 0 it costs more than it saves).
    """
    rate = np.asarray(per_hour, float)
    found = 1 - np.exp(-rate * ttl_s / 3600)
    return pd.DataFrame({"per_hour": rate, "saving": 1 - (write - (write - read) * found)})


def prompt_cache_figure(curve: pd.DataFrame, runs: pd.DataFrame) -> Picture:
    """The saving over the rate of questions: `curve` from `prompt_cache_saving`, `runs` with per_hour and saving."""
    picture, (ax,) = canvas(3.8)
    ax.plot(curve["per_hour"], curve["saving"], color=style.BLUE, linewidth=1.8, label="closed form")
    ax.plot(runs["per_hour"], runs["saving"], "o", color=style.ORANGE, markersize=6, label="simulated")
    ax.axhline(0, color=style.INK, linewidth=0.8)
    above = np.flatnonzero(curve["saving"] > 0)
    if 0 < len(above) < len(curve):
        even = float(curve["per_hour"].iloc[above[0]])
        ax.annotate(
            f"break-even: {words.number(even)} an hour", (even, 0), xytext=(8, -14), textcoords="offset points",
            fontsize=8.5, color=style.BLUE,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    formatted("y", ax, "share")
    ax.set_xlabel("questions an hour")
    ax.set_ylabel("saved of the cached part")
    title(ax, "What a prompt cache saves", "below 0 it costs more than it saves")
    legend(ax, where="upper left")
    return picture
