"""Pictures of one result: the distribution of latency, and where the money goes.

Every picture is a data function (a frame, tested) and a thin renderer that returns a `Picture`;
nothing here touches pyplot, so a picture shows once in a notebook and never opens a window.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from simkit.report import style
from simkit.report.style import Picture, canvas, formatted, nothing, plain, spread, title
from simkit.result import words
from simkit.result.tally import FAILURES


def latency_bins(histogram: pd.DataFrame, per_doubling: int = 6) -> pd.DataFrame:
    """A fine latency histogram put into bins of equal width on a logarithmic axis.

    `histogram` has low_s, high_s, count; the answer has low_s, high_s, share (of all counted), `per_doubling`
    bins for each factor of two, from the first to the last that holds something.
    """
    filled = histogram[histogram["count"] > 0]
    if filled.empty:
        return pd.DataFrame({"low_s": [], "high_s": [], "share": []})
    middle = np.sqrt(np.maximum(filled["low_s"], 1e-9) * np.maximum(filled["high_s"], 1e-9))
    place = np.floor(np.log2(middle) * per_doubling).astype(int)
    counts = filled["count"].groupby(place).sum()
    bins = np.arange(counts.index.min(), counts.index.max() + 1)
    weights = counts.reindex(bins, fill_value=0).to_numpy(float)
    edges = 2.0 ** (np.append(bins, bins[-1] + 1) / per_doubling)
    return pd.DataFrame({"low_s": edges[:-1], "high_s": edges[1:], "share": weights / weights.sum()})


def latency_figure(
    histogram: pd.DataFrame, percentiles: Mapping[str, float | None], slo: Mapping[str, float], served: str = ""
) -> Picture:
    """How long users wait: the distribution on a logarithmic axis with its percentiles and the objective.

    Args:
        histogram: low_s, high_s, count of served actions.
        percentiles: label to seconds, e.g. `{"p50": 1.2}`.
        slo: label of each latency objective to its seconds.
        served: a note below the title, e.g. how many were served.
    """
    bins = latency_bins(histogram)
    if bins.empty:
        return nothing("No action was served: there is no latency to show.")
    picture, (ax,) = canvas(3.8)
    edges = np.append(bins["low_s"], bins["high_s"].iloc[-1])
    ax.stairs(bins["share"], edges, fill=True, color=style.SKY, alpha=0.75)
    ax.set_xscale("log")
    known = {name: value for name, value in percentiles.items() if value and np.isfinite(value)}
    marks = [*known.values(), *slo.values()]
    shown = _bulk(bins)
    ax.set_xlim(min(shown[0], *marks) / 1.15, max(shown[1], *marks) * 1.25)
    ax.set_ylim(0, float(bins["share"].max()) * 1.28)
    _mark_percentiles(ax, known)
    for label, limit in slo.items():
        ax.axvline(limit, ymax=0.86, color=style.OBJECTIVE, linewidth=1.4, linestyle="--")
        ax.annotate(
            plain(f"objective\n{label} ≤ {words.seconds(limit)}"), (limit, 0.62), xycoords=("data", "axes fraction"),
            xytext=(4, 0), textcoords="offset points", color=style.OBJECTIVE, fontsize=8.5, va="top", bbox=style.HALO,
        )  # fmt: skip
    _second_ticks(ax)
    formatted("y", ax, "share")
    ax.set_xlabel("latency, arrival to outcome (logarithmic)")
    ax.set_ylabel("share of served actions")
    title(ax, "How long users wait", served)
    return picture


def _bulk(bins: pd.DataFrame, beyond: float = 2e-4) -> tuple[float, float]:
    """From where to where all but a share `beyond` at each end lies."""
    below = bins["share"].cumsum().to_numpy()
    first, last = np.searchsorted(below, [beyond, 1 - beyond])
    return float(bins["low_s"].iloc[first]), float(bins["high_s"].iloc[min(last, len(bins) - 1)])


def _mark_percentiles(ax: Axes, percentiles: Mapping[str, float]) -> None:
    low, high = np.log10(ax.get_xlim())
    places = spread([(np.log10(v) - low) / (high - low) for v in percentiles.values()], 0.075)
    for (name, value), place in zip(percentiles.items(), places, strict=True):
        ax.axvline(value, ymax=0.86, color=style.INK, linewidth=0.9, alpha=0.65)
        ax.annotate(
            plain(f"{name}\n{words.seconds(value)}"), (place, 0.875), xycoords="axes fraction",
            ha="center", va="bottom", fontsize=8.5, color=style.INK, linespacing=1.15,
        )  # fmt: skip


def _second_ticks(ax: Axes) -> None:
    low, high = ax.get_xlim()
    steps = (1, 2, 5) if high / low < 2000 else (1,)
    ticks = [m * 10.0**k for k in range(-4, 7) for m in steps]
    ticks = [t for t in ticks if t < 50] + [60, 120, 300, 600, 1800, 3600, 7200, 18000, 43200, 86400]
    ax.set_xticks([t for t in ticks if low <= t <= high])
    ax.minorticks_off()
    formatted("x", ax, "seconds")


def cost_shares(costs: pd.DataFrame, by: str, most: int = 8) -> pd.DataFrame:
    """Cost of one dimension, dearest first: name, cost_usd, share; what is beyond `most` is put into `others`.

    `costs` has by (`model`, `call`, ...), name, cost_usd.
    """
    rows = costs.loc[costs["by"] == by, ["name", "cost_usd"]].sort_values("cost_usd", ascending=False, kind="stable")
    if len(rows) > most:
        rest = pd.DataFrame(
            {"name": [f"{len(rows) - most + 1} others"], "cost_usd": [rows["cost_usd"].iloc[most - 1 :].sum()]}
        )
        rows = pd.concat([rows.iloc[: most - 1], rest])
    total = rows["cost_usd"].sum()
    return rows.assign(share=rows["cost_usd"] / total if total else 0.0).reset_index(drop=True)


def costs_figure(costs: pd.DataFrame, period: str) -> Picture:
    """Cost by model, and by call and outcome where there are several. `period` is what was paid for, e.g. `7 d`."""
    parts = {by: cost_shares(costs, by) for by in ("model", "call", "outcome")}
    parts = {by: part[part["cost_usd"] > 0] for by, part in parts.items()}
    if not len(parts["model"]):
        return nothing("Nothing was spent.")
    parts = {by: part for by, part in parts.items() if by == "model" or len(part) > 1}
    picture, axes = canvas(*(0.75 + 0.34 * len(part) for part in parts.values()))
    widest = max(part["cost_usd"].max() for part in parts.values())
    for ax, (by, part) in zip(axes, parts.items(), strict=True):
        plain_colour = {"model": style.BLUE, "call": style.GREEN}.get(by, style.GREY)
        _bars(ax, part, [style.OUTCOMES.get(name, plain_colour) for name in part["name"]], widest)
        title(ax, f"Cost by {by}", _cost_note(costs, by, period))
    return picture


def _cost_note(costs: pd.DataFrame, by: str, period: str) -> str:
    wasted = costs.loc[(costs["by"] == "waste") & (costs["name"] == "wasted"), "cost_usd"].sum()
    if by == "model":
        return f"USD in {period}"
    return f"{words.dollars(wasted)} bought nothing: failed attempts and actions" if by == "outcome" and wasted else ""


def _bars(ax: Axes, part: pd.DataFrame, colours: list[str], widest: float) -> None:
    places = np.arange(len(part))[::-1]
    ax.barh(places, part["cost_usd"], color=colours, height=0.62)
    pairs = zip(part["cost_usd"].tolist(), part["share"].tolist(), strict=True)
    texts = [f"{words.dollars(cost)}  ({words.percent(share)})" for cost, share in pairs]
    _bar_names(ax, part["name"].tolist(), part["cost_usd"].tolist(), texts)
    ax.set_xlim(0, widest * 1.25)
    formatted("x", ax, "usd")


def _bar_names(ax: Axes, names: Sequence[str], lengths: Sequence[float], texts: Sequence[str]) -> None:
    """Names at the left of horizontal bars, texts at their ends, the first on top."""
    places = np.arange(len(names))[::-1]
    ax.set_yticks(places, [plain(str(name)) for name in names], color=style.INK, fontsize=9)
    for place, length, text in zip(places, lengths, texts, strict=True):
        ax.annotate(
            plain(text), (length, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5,
            color=style.MUTED,
        )  # fmt: skip
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.grid(False, axis="y")
    ax.grid(True, axis="x", color="#e4e8ec", linewidth=0.8)
    ax.tick_params(axis="y", length=0)
    ax.spines["bottom"].set_visible(False)


def failed_shares(models: pd.DataFrame) -> pd.DataFrame:
    """Share of each deployment's attempts by the way they failed, the most frequent first; index: deployment.

    `models` has deployment, attempts, and a column of counts for each kind of failure.
    """
    kinds = [kind for kind in FAILURES if kind in models and models[kind].sum() > 0]
    kinds.sort(key=lambda kind: -models[kind].to_numpy(float).sum())
    asked = models["attempts"].to_numpy(float)
    shares = {
        kind: np.divide(models[kind].to_numpy(float), asked, out=np.zeros(len(asked)), where=asked > 0)
        for kind in kinds
    }
    return pd.DataFrame(shares, index=pd.Index(models["deployment"]))


def models_figure(models: pd.DataFrame, period: str) -> Picture:
    """What each deployment cost in `period`, and how many of its attempts failed and why; the busiest first."""
    used = models[models["attempts"] > 0].sort_values(["cost_usd", "attempts"], ascending=False, kind="stable").head(12)
    if used.empty:
        return nothing("No attempt was made.")
    picture, axes = canvas(*(0.85 + 0.34 * len(used),) * 2, sharex=False)
    total = float(models["cost_usd"].sum())
    part = pd.DataFrame({"name": used["deployment"], "cost_usd": used["cost_usd"]})
    part["share"] = part["cost_usd"] / total if total else 0.0
    _bars(axes[0], part, [style.BLUE] * len(part), float(part["cost_usd"].max()) or 1.0)
    title(axes[0], "Cost by deployment", f"USD in {period}")
    _failed(axes[1], failed_shares(used), used["attempts"].tolist())
    title(axes[1], "Failed attempts by deployment", "share of the attempts sent there")
    return picture


def _failed(ax: Axes, shares: pd.DataFrame, attempts: Sequence[float]) -> None:
    places, left = np.arange(len(shares))[::-1], np.zeros(len(shares))
    for colour, kind in zip((*style.SERIES[3:], *style.SERIES[:3]), shares, strict=False):
        ax.barh(places, shares[kind], left=left, color=colour, height=0.62, label=str(kind).replace("_", " "))
        left = left + shares[kind].to_numpy(float)
    texts = [f"{words.percent(share)} of {words.number(n)}" for share, n in zip(left.tolist(), attempts, strict=True)]
    _bar_names(ax, [str(name) for name in shares.index], left.tolist(), texts)
    ax.set_xlim(0, float(left.max()) * 1.3 or 0.01)
    formatted("x", ax, "share")
    if len(shares.columns):
        ax.legend(
            loc="upper left", bbox_to_anchor=(0, -0.28 / (0.34 * len(shares) + 0.1)), ncols=5, frameon=False,
            fontsize=style.SMALL, labelcolor=style.INK,
        )  # fmt: skip
