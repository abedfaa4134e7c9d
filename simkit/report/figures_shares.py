"""Pictures of shares: of prompts that a provider's cache holds, and of the bill that a few users make."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.figures_time import clock, incident_spans, window_edges
from simkit.report.style import Picture, canvas, formatted, legend, nothing, plain, title
from simkit.result import words

TOLD = (0.01, 0.1)
"""Shares of the users whose part of the bill is told."""


def read_share(tokens: pd.DataFrame) -> NDArray[np.float64]:
    """Of each window the share of input tokens read from the cache, NaN where there are none.

    `tokens` has tokens_in and read.
    """
    whole, read = (tokens[name].to_numpy(float) for name in ("tokens_in", "read"))
    found: NDArray[np.float64] = np.divide(read, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return found


def prompt_caches_figure(caches: pd.DataFrame, tokens: pd.DataFrame, incidents: pd.DataFrame) -> Picture:
    """How much of the prompts is read from providers' caches: over time, and of each deployment.

    `caches` is the table of the same name; `tokens` has start, end, tokens_in, read, of all deployments that use one.
    """
    if caches.empty or not float(caches["tokens_in"].sum()):
        return nothing("No prompt cache is used: add `caches: {prompt: {}}`.")
    picture, (above, below) = canvas(2.8, 1.2 + 0.4 * len(caches), sharex=False)
    above.stairs(read_share(tokens), window_edges(tokens), baseline=None, color=style.GREEN, linewidth=1.5)
    above.set_ylim(0, 1)
    formatted("y", above, "share")
    above.set_ylabel("of input tokens")
    clock(above, tokens)
    incident_spans(above, incidents, named=True)
    title(above, "Prompts read from the provider's cache", "share of all input tokens, by when actions were asked")
    _deployments(below, caches)
    return picture


def _deployments(ax: Axes, caches: pd.DataFrame) -> None:
    places, left = np.arange(len(caches))[::-1], np.zeros(len(caches))
    whole = np.maximum(caches["tokens_in"].to_numpy(float), 1.0)
    read, written = (caches[name].to_numpy(float) / whole for name in ("read", "written"))
    parts = (
        ("read", read, style.GREEN),
        ("written", written, style.PURPLE),
        ("neither", 1 - read - written, style.GRID),
    )
    for name, share, colour in parts:
        ax.barh(places, share, left=left, height=0.6, color=colour, label=name)
        left = left + share
    for place, usd in zip(places, caches["saved_usd"], strict=True):
        text = f"{'saves' if usd >= 0 else 'costs'} {words.dollars(abs(float(usd)))}"
        ax.annotate(
            plain(text), (1, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=style.SMALL,
            color=style.INK if usd >= 0 else style.VERMILLION,
        )  # fmt: skip
    ax.set_yticks(places, [plain(str(name)) for name in caches["deployment"]], fontsize=9)
    ax.tick_params(axis="y", length=0, labelcolor=style.INK)
    ax.set_ylim(-0.6, len(caches) + 0.2)
    ax.set_xlim(0, 1.2)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.grid(False, axis="y")
    formatted("x", ax, "share")
    legend(ax, columns=3)
    title(ax, "By deployment", "input tokens of the whole run; what the cache saved after the price of writing to it")


def concentration(cost: NDArray[np.float64]) -> pd.DataFrame:
    """Share of the bill that the dearest users make: `users` and `bill` from 0 to 1, dearest first."""
    ordered = np.sort(np.asarray(cost, float))[::-1]
    whole = ordered.sum() or 1.0
    users = np.arange(len(ordered) + 1) / max(len(ordered), 1)
    return pd.DataFrame({"users": users, "bill": np.concatenate([[0.0], np.cumsum(ordered) / whole])})


def users_figure(cost: NDArray[np.float64]) -> Picture:
    """How much of the models' bill the dearest users make. `cost`: of each user that asked."""
    if len(cost) < 2 or not float(np.sum(cost)):
        return nothing("No users are told apart: say `traffic: {users: {daily_active: ...}}`.")
    curve = concentration(cost)
    picture, (ax,) = canvas(3.8)
    ax.fill_between(curve["users"], curve["users"], curve["bill"], color=style.SKY, alpha=0.45, linewidth=0)
    ax.plot(curve["users"], curve["bill"], color=style.BLUE, linewidth=1.8)
    ax.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1.0, linestyle="--")
    ax.annotate(
        "if all cost the same", (0.72, 0.72), xytext=(6, -12), textcoords="offset points", fontsize=style.SMALL,
        color=style.MUTED,
    )  # fmt: skip
    for share in TOLD:
        count = max(1, round(share * len(cost)))
        at, bill = curve["users"].iloc[count], float(curve["bill"].iloc[count])
        ax.plot([at], [bill], "o", color=style.VERMILLION, markersize=5)
        who = f"{count:,} user{'' if count == 1 else 's'} ({words.percent(count / len(cost))}): {words.percent(bill)}"
        ax.annotate(
            plain(who), (at, max(bill, 0.04)), xytext=(14, -1), textcoords="offset points", fontsize=style.SMALL,
            color=style.VERMILLION, bbox=style.HALO, va="center",
        )  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    formatted("x", ax, "share")
    formatted("y", ax, "share")
    ax.set_xlabel("users, dearest first")
    ax.set_ylabel("of the models' bill")
    title(ax, "Who makes the bill", "the dearest users and their share of it, all that asked in any replication")
    return picture
