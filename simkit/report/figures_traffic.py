"""A picture of recorded traffic and what was fitted to it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.style import Picture, canvas, legend, title

Floats = NDArray[np.float64]
MOST_DAYS = 28
DAY = 86_400


def fit_figure(series: pd.DataFrame, fitted: Floats, seen: Floats, timezone: str) -> Picture:
    """The last four weeks at most, and the hours' weights: as fitted, and as seen on average.

    `series` is that of `TrafficFit`: t_s, rate, mean, low, high.
    """
    rows = series[series["t_s"] > series["t_s"].max() - MOST_DAYS * DAY]
    picture, (ax, hours) = canvas(3.2, 1.7, sharex=False)
    days = rows["t_s"].to_numpy(float) / DAY
    ax.fill_between(days, rows["low"], rows["high"], color=style.SKY, alpha=0.3, linewidth=0, step="post",
                    label="90 % of such hours")  # fmt: skip
    ax.step(days, rows["mean"], where="post", color=style.ORANGE, linewidth=1.6, label="pattern")
    ax.step(days, rows["rate"], where="post", color=style.INK, linewidth=1.0, label="record")
    ax.set_xlim(days.min(), days.max() + 1 / 24)
    ax.set_xlabel("days since the record's start")
    ax.set_ylabel("arrivals / s")
    inside = rows["rate"].between(rows["low"], rows["high"])[rows["rate"].notna()]
    title(ax, "Recorded traffic and what was fitted to it", f"{100 * inside.mean():.0f} % of its hours lie in the band")
    legend(ax, columns=3)
    ax.set_ylim(0, 1.15 * float(np.nanmax(rows[["rate", "high"]].to_numpy(float))))
    hours.bar(np.arange(24), fitted, width=0.85, color=style.ORANGE, label="fitted")
    hours.plot(np.arange(24), seen, "o", color=style.INK, markersize=3, label="as seen")
    hours.set_ylim(0, 1.4 * float(max(fitted.max(), seen.max())))
    legend(hours, columns=2)
    hours.set_xticks(range(0, 24, 3))
    hours.set_xlabel(f"hour of the day ({timezone})")
    hours.set_ylabel("weight")
    return picture


__all__ = ["fit_figure"]
