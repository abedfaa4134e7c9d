"""Pictures of growth: active users by cohort, retention, the months, the money, what breaks first."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from numpy.typing import NDArray

from simkit.report import style
from simkit.report.style import Picture, canvas, formatted, legend, nothing, objectives, plain, title
from simkit.result import words

NO_GROWTH = "No users come and go: say `traffic: {users: {growth: ...}}`."
KINDS = {"serving": style.BLUE, "fixed": style.GREY, "team": style.ORANGE}
"""What goes out."""
KIND_WORDS = {"serving": "serving users (models, own service)", "fixed": "fixed costs", "team": "team"}
WHAT = {"objective": style.VERMILLION, "limit": style.BLUE, "budget": style.ORANGE, "cash": style.PURPLE}


def _dates(texts: pd.Series) -> NDArray[np.float64]:
    return pd.to_datetime(texts).to_numpy().astype("datetime64[D]").astype(np.float64)


def _calendar(ax: Axes) -> None:
    """Months and days on the x axis."""
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


# --- cohorts --------------------------------------------------------------------------------------------


def by_month(cohorts: pd.DataFrame) -> pd.DataFrame:
    """(weeks, cohorts by the month of their sign-up) active users; `start` first."""
    month = cohorts["cohort"].where(cohorts["cohort"] == "start", cohorts["cohort"].str.slice(0, 7))
    wide = cohorts.assign(month=month).pivot_table(index="week", columns="month", values="active_users", aggfunc="sum")
    return wide.fillna(0.0)[["start", *(name for name in wide.columns if name != "start")]]


def cohorts_figure(cohorts: pd.DataFrame) -> Picture:
    """Active users by the month in which they signed up, stacked."""
    if cohorts.empty:
        return nothing(NO_GROWTH)
    wide = by_month(cohorts)
    times = _dates(pd.Series(wide.index)) + 7
    picture, (ax,) = canvas(4.2)
    colours = [style.GREY, *(colormaps["viridis"](x) for x in np.linspace(0.1, 0.9, wide.shape[1] - 1))]
    ax.stackplot(times, wide.to_numpy().T, colors=colours, linewidth=0)
    _calendar(ax)
    formatted("y", ax, "number")
    ax.set_ylabel("active users")
    ax.set_xlim(times[0], times[-1] + 0.11 * (times[-1] - times[0]))
    tops = np.cumsum(wide.to_numpy()[-1])
    middles = tops - wide.to_numpy()[-1] / 2
    some = [i for i, part in enumerate(wide.to_numpy()[-1]) if part > 0.02 * tops[-1]]
    for i, at in zip(some, style.spread([middles[i] for i in some], 0.05 * tops[-1]), strict=True):
        name = "at the start" if i == 0 else str(wide.columns[i])
        ax.annotate(name, (times[-1], at), xytext=(4, 0), textcoords="offset points", fontsize=8,
                    color=style.INK, va="center")  # fmt: skip
    title(ax, "Active users by cohort", "by the month in which they signed up, at the end of each week")
    return picture


# --- retention ------------------------------------------------------------------------------------------


def retention_figure(retention: pd.DataFrame) -> Picture:
    """Share still there by weeks since the sign-up: cohorts, all together, and if everything went well."""
    known = retention.dropna(subset=["share"])
    if known.empty:
        return nothing("No cohort has been there for a week." if len(retention) else NO_GROWTH)
    picture, (ax,) = canvas(3.8)
    for _, cohort in known.groupby("cohort", sort=False):
        ax.plot(cohort["weeks"], cohort["share"], color=style.SKY, linewidth=0.6, alpha=0.5)
    mean = together(known)
    well = known.groupby("weeks")["if_all_went_well"].first()
    ax.plot(well.index, well, color=style.GREEN, linewidth=1.8, linestyle="--", label="if everything went well")
    ax.plot(mean.index, mean, color=style.BLUE, linewidth=2.2, label="all cohorts together")
    ax.plot([], [], color=style.SKY, linewidth=0.8, label="one cohort")
    ax.set_ylim(0, 1)
    ax.set_xlim(0, None)
    formatted("y", ax, "share")
    ax.set_xlabel("weeks since the sign-up")
    ax.set_ylabel("still there")
    week = min(4, int(mean.index.max()))
    note = f"after {week} weeks {words.percent(float(mean[week]))}, {words.percent(float(well[week]))} if all went well"
    title(ax, "Who stays", note)
    ax.legend(loc="upper right", frameon=False, fontsize=style.SMALL, labelcolor=style.INK)
    return picture


def together(known: pd.DataFrame) -> pd.Series:
    """Share of all cohorts still there, by weeks: the product of the shares that stay each week of those who are known
    a week longer, so that cohorts that are still young change nothing in it (Kaplan and Meier 1958)."""
    wide = known.assign(still=known["share"] * known["users"]).pivot(index="cohort", columns="weeks", values="still")
    joined = known.groupby("cohort")["users"].first()
    before = wide.shift(axis=1)
    before.iloc[:, 0] = joined
    both = wide.notna() & before.notna()
    kept = wide.where(both).sum() / before.where(both).sum()
    return kept.cumprod().dropna()


# --- days and months ------------------------------------------------------------------------------------


def days_figure(days: pd.DataFrame, slo: Mapping[str, float], targets: Mapping[str, float]) -> Picture:
    """Day by day (or week by week): users, actions, p95, what was bad, cost per action."""
    if days.empty:
        return nothing(NO_GROWTH)
    times = _dates(days.iloc[:, 0])
    picture, axes = canvas(1.7, 1.5, 1.5, 1.5)
    users, p95, bad, cost = axes
    users.plot(times, days["daily_active"], color=style.BLUE, linewidth=1.4)
    formatted("y", users, "number")
    users.set_ylabel("daily active")
    users.set_ylim(0, None)
    p95.plot(times, days["latency_p95_s"], color=style.BLUE, linewidth=1.2)
    p95.set_ylim(0, 1.15 * max([*days["latency_p95_s"].dropna(), *slo.values(), 1e-9]))
    formatted("y", p95, "seconds")
    p95.set_ylabel("latency p95")
    objectives(p95, slo)
    bad.plot(times, 1 - days["slo_compliance"], color=style.VERMILLION, linewidth=1.2)
    bad.set_ylim(0, None)
    formatted("y", bad, "share")
    bad.set_ylabel("missed")
    if targets:
        bad.axhline(1 - max(targets.values()), color=style.OBJECTIVE, linewidth=1.2, linestyle="--")
    cost.plot(times, days["cost_per_action_usd"], color=style.BLUE, linewidth=1.2)
    cost.set_ylim(0, None)
    formatted("y", cost, "usd")
    cost.set_ylabel("cost per action")
    _calendar(cost)
    what = "Day by day" if days.columns[0] == "day" else "Week by week"
    title(users, what, "means of the replications; missed: actions that miss an objective, dashed: what is allowed")
    return picture


def months_figure(months: pd.DataFrame, slo: Mapping[str, float]) -> Picture:
    """Month by month: users, p95, how much of the error budget is spent, cost per action."""
    if months.empty:
        return nothing(NO_GROWTH)
    at = np.arange(len(months))
    picture, (users, p95, burn, cost) = canvas(1.8, 1.6, 1.6, 1.8)
    users.bar(at, months["daily_active"], color=style.BLUE, width=0.7)
    formatted("y", users, "number")
    users.set_ylabel("daily active users")
    p95.bar(at, months["latency_p95_s"], color=style.SKY, width=0.7)
    p95.set_ylim(0, 1.2 * max([*months["latency_p95_s"].dropna(), *slo.values(), 1e-9]))
    formatted("y", p95, "seconds")
    p95.set_ylabel("latency p95")
    objectives(p95, slo)
    rates = months["burn_rate"].fillna(0.0)
    burn.bar(at, rates, color=[style.VERMILLION if rate > 1 else style.GREEN for rate in rates], width=0.7)
    burn.axhline(1, color=style.OBJECTIVE, linewidth=1.2, linestyle="--")
    burn.set_ylabel("error budget spent")
    formatted("y", burn, "share")
    cost.bar(at, months["cost_per_action_usd"], color=style.SKY, width=0.7)
    formatted("y", cost, "usd")
    cost.set_ylabel("cost per action")
    _months_below(cost, months)
    title(users, "Month by month", "error budget: of the objective that spends most, 100 % is what it may")
    return picture


# --- money ----------------------------------------------------------------------------------------------


def money_figure(money: pd.DataFrame, months: pd.DataFrame) -> Picture:
    """What came in and what went out by month, and the cash at its end."""
    if money.empty or not float(money["usd"].abs().sum()):
        return nothing("Nothing is known of the money: say `business: {...}` and prices of plans." if len(months)
                       else NO_GROWTH)  # fmt: skip
    wide = money.pivot_table(index="month", columns="kind", values="usd", aggfunc="sum", sort=False).fillna(0.0)
    more = [one for one in ("gross_margin", "cash_usd") if months[one].notna().any()]
    picture, axes = canvas(2.8, *([1.5] * len(more)))
    ax, at, below = axes[0], np.arange(len(wide)), np.zeros(len(wide))
    for kind, colour in KINDS.items():
        if kind in wide and float(wide[kind].sum()) > 0:
            ax.bar(at, -wide[kind], bottom=below, color=colour, width=0.7, label=KIND_WORDS[kind])
            below = below - wide[kind].to_numpy()
    if "revenue" in wide and float(wide["revenue"].sum()) > 0:
        ax.bar(at, wide["revenue"], color=style.GREEN, width=0.7, label="revenue")
    ax.axhline(0, color=style.INK, linewidth=0.8)
    formatted("y", ax, "usd")
    ax.set_ylabel("a month")
    for panel, name in zip(axes[1:], more, strict=True):
        _over_months(panel, at, months[name], name)
    _months_below(axes[-1], months)
    legend(ax, columns=2, where="best")
    title(ax, "What comes in and what goes out", "by month; of a month in part only its days in the horizon")
    return picture


def _over_months(ax: Axes, at: NDArray[np.int64], values: pd.Series, name: str) -> None:
    """The gross margin or the cash, month by month."""
    colour, what, label = {
        "gross_margin": (style.GREEN, "share", "gross margin"), "cash_usd": (style.PURPLE, "usd", "cash"),
    }[name]  # fmt: skip
    ax.plot(at, values, color=colour, linewidth=2, marker="o", markersize=4)
    ax.axhline(0, color=style.OBJECTIVE, linewidth=1.2, linestyle="--")
    lowest, highest = float(values.min()), float(values.max())
    ax.set_ylim(min(0.0, lowest - 0.1 * (highest - lowest)), max(0.0, highest + 0.15 * (highest - min(lowest, 0.0))))
    formatted("y", ax, what)
    ax.set_ylabel(label)


def _months_below(ax: Axes, months: pd.DataFrame) -> None:
    """Names of months on the x axis; of those in part, how many days they have."""
    whole = pd.PeriodIndex(months["month"], freq="M").days_in_month
    rows = zip(months["month"], months["days"], whole, strict=True)
    names = [f"{name}" if days == all_days else f"{name} ({days} d)" for name, days, all_days in rows]
    many = len(names) > 8
    ax.set_xticks(np.arange(len(names)), names, rotation=45 if many else 0, ha="right" if many else "center")


# --- what breaks first ----------------------------------------------------------------------------------


def breaks_figure(breaks: pd.DataFrame, months: pd.DataFrame) -> Picture:
    """Users by month, and what gives way when."""
    if months.empty:
        return nothing(NO_GROWTH)
    at, names = np.arange(len(months)), [str(one) for one in months["month"]]
    if breaks.empty:
        return nothing("Nothing gives way within the horizon.")
    picture, (ax, what) = canvas(2.0, max(0.9, 0.34 * len(breaks) + 0.5))
    ax.plot(at, months["daily_active"], color=style.BLUE, linewidth=2)
    formatted("y", ax, "number")
    ax.set_ylim(0, None)
    ax.set_ylabel("daily active users")
    what.grid(False)
    what.set_ylim(len(breaks) - 0.4, -0.6)
    what.set_yticks([])
    for row, one in enumerate(breaks.itertuples()):
        first = names.index(str(one.month))
        colour = WHAT[str(one.what)]
        what.plot([first, at[-1]], [row, row], color=colour, linewidth=6, alpha=0.35, solid_capstyle="butt")
        what.plot([first], [row], marker="o", color=colour, markersize=7)
        early = first < len(months) / 2
        what.annotate(
            plain(f"{one.name}: {one.figure}"), (first, row), xytext=(8 if early else -8, 0),
            textcoords="offset points", va="center", ha="left" if early else "right", fontsize=8, color=style.INK,
        )  # fmt: skip
    _months_below(what, months)
    title(ax, "What breaks first", f"{len(breaks)} give way; a dot is the first month")
    return picture


__all__ = ["breaks_figure", "cohorts_figure", "days_figure", "money_figure", "months_figure", "retention_figure"]
