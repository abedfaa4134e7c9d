"""Figures, tables and pictures of growth against the rows of the log, told anew with pandas."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

import simkit as sk
from simkit.report.figures_growth import together
from simkit.result.metrics_growth import METRICS
from simkit.result.result import Result

DAY = 86_400
TEXT = """
name: Growing
start: 2026-01-12
horizon: 45d
warmup: 0s
traffic:
  users:
    growth:
      base: 40
      acquisition: 40
      activation: {share: 70%, let_down: 40%}
      retention: {table: {1: 70%, 4: 45%}, lowered_by: {failed: 15%, slow: 5%, slow_after: 3s}}
    actions_per_day: 0.8
    plans: {free: {share: 80%, moves: {paid: 8%}}, paid: {share: 20%, price: $30/month}}
actions: {ask: {calls: [{name: a, model: m, input: 900, output: {mean: 20}}]}}
models:
  m:
    deployments: [{provider: p, errors: {server_error: 6%}}]
    ttft: 1s
    tokens_per_second: 10
    prices: {input: $1, output: $2}
    quality: 90%
quotas: {small: {requests: 4/h, of: [m]}}
budgets: {month: {limit: $0.5/month, at: {100%: alert}}}
service: {workers: 5, cost: $50/month}
resilience: {client: none}
slo: {success: 99%, latency: {p95: 10s}}
business: {cash: $2000, fixed: {tools: $100/month}, team: {boss: $1000/month}, value_per_action: $0.1}
"""


@cache
def grown() -> Result:
    """Two replications, the log kept."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "growing.yaml"
        file.write_text(TEXT)
        return sk.load(file).run(seed=4, replications=2, jobs=1, engine="reference", log=True, progress=False)


def rows(what: str) -> pd.DataFrame:
    users = grown().user_log
    return users[users["what"] == what]


def value(name: str) -> float:
    found = grown().metrics[name].value
    assert found is not None, name
    return found


def test_users_are_counted() -> None:
    result, runs = grown(), 2
    assert value("signups") == len(rows("signed_up")) / runs
    tried = rows("signed_up")[lambda one: one["time_s"] < 43 * DAY]  # who waits in vain is seen at a midnight
    became = tried.merge(rows("activated"), on=["replication", "user"])
    assert value("activation_rate") == pytest.approx(len(became) / len(tried))
    assert value("first_success_5min_rate") == pytest.approx(
        (rows("first_value")["after_s"] <= 300).sum() / len(rows("signed_up"))
    )
    assert value("let_down_rate") == pytest.approx(rows("lost_interest")["let_down"].sum() / len(rows("signed_up")))
    assert value("driven_away_rate") == pytest.approx(rows("left")["let_down"].sum() / len(rows("left")))
    there = len(rows("base")) + len(rows("activated")) - len(rows("left"))
    assert value("active_users_end") == pytest.approx(there / runs)
    assert result.months["signed_up"].sum() == result.days["signed_up"].sum() == value("signups")
    assert result.cohorts.groupby("week")["active_users"].sum().iloc[-1] == value("active_users_end")


@pytest.mark.parametrize("by", ["days", "weeks", "months"])
def test_who_is_there_and_who_comes_and_goes_add_up(by: str) -> None:
    table = getattr(grown(), by)
    before = np.concatenate([[40.0], table["active_users"][:-1]])
    assert table["active_users"].to_numpy() == pytest.approx(before + table["activated"] - table["left"])


def test_daily_active_users_are_different_users_of_a_day() -> None:
    actions = grown().actions
    day = (actions["arrival_s"] // DAY).astype(int)
    inside = (actions["arrival_s"] >= 0) & (day < 45)
    counts = actions[inside].groupby([actions["replication"], day])["user"].nunique().unstack(fill_value=0)
    assert grown().days["daily_active"].to_numpy() == pytest.approx(counts.mean().to_numpy())
    assert value("daily_active_users") == pytest.approx(counts.to_numpy().mean())
    assert value("daily_active_end") == pytest.approx(counts.iloc[:, -7:].to_numpy().mean())
    month = np.where(day < 20, "2026-01", "2026-02")
    seen = actions[inside].groupby([actions["replication"], pd.Series(month)[inside]])["user"].nunique().unstack()
    assert grown().months["different_users"].to_numpy() == pytest.approx(seen.mean().to_numpy())


def test_retention_after_four_weeks() -> None:
    users = grown().user_log
    since = users[users["what"] == "signed_up"].set_index(["replication", "user"])["time_s"] // DAY
    joined = users[users["what"] == "activated"].set_index(["replication", "user"])["time_s"]
    left = users[users["what"] == "left"].set_index(["replication", "user"])["time_s"] // DAY
    cohort = since.loc[joined.index] // 7 + 1
    old = cohort[7 * (cohort + 4) - 1 <= 45].index
    still = [key for key in old if key not in left.index or left[key] - since[key] > 28]
    assert value("retention_4w") == pytest.approx(len(still) / len(old))
    table = grown().retention
    fourth = table[table["weeks"] == 4]
    assert (fourth["share"] * fourth["users"]).sum() / fourth["users"].sum() == pytest.approx(value("retention_4w"))


def test_money_of_months_adds_up() -> None:
    months, money = grown().months, grown().money
    assert months["month"].tolist() == ["2026-01", "2026-02"]
    wide = money.pivot_table(index="month", columns="kind", values="usd", aggfunc="sum")
    assert months["revenue_usd"].to_numpy() == pytest.approx(wide["revenue"].to_numpy())
    spent = wide[["serving", "fixed", "team"]].sum(axis=1)
    assert months["profit_usd"].to_numpy() == pytest.approx((wide["revenue"] - spent).to_numpy())
    assert months["cash_usd"].to_numpy() == pytest.approx(2000 + np.cumsum(months["profit_usd"]))
    assert months["cash_usd"].iloc[-1] == pytest.approx(value("cash_end"))
    served = wide["serving"].sum()
    assert value("gross_margin") == pytest.approx(1 - served / wide["revenue"].sum())
    assert months["cost_usd"].sum() == pytest.approx(served)
    actions = grown().actions
    good = (actions["outcome"].isin(["ok", "degraded"]) & (actions["good"] != False)).sum()  # noqa: E712
    assert months["value_usd"].sum() == pytest.approx(0.1 * good / 2)
    assert value("value_per_dollar") == pytest.approx(0.1 * good / 2 / spent.sum())


def test_what_breaks_has_its_month_and_cause() -> None:
    found = grown().breaks.groupby("what").first()
    assert found.loc["objective", "cause"] == "server error"
    assert found.loc["budget", "name"] == "budget `month`" and found.loc["limit", "name"].startswith("small: requests")
    text = grown().text()
    assert "Growth, month by month" in text and "Money, month by month" in text and "What breaks first" in text


def test_figures_that_do_not_apply_say_why(tmp_path: Path) -> None:
    file = tmp_path / "still.yaml"
    users = "    daily_active: 5\n    actions_per_day: 1\n"
    still = TEXT.split("    growth:")[0] + users + TEXT[TEXT.index("actions: {ask") :]
    file.write_text(still.split("business:")[0].replace("45d", "2d"))
    result = sk.load(file).run(seed=1, replications=1, jobs=1, engine="reference", progress=False)
    for metric in METRICS:
        assert result.metrics[metric.name].value is None and result.metrics[metric.name].note
    assert not len(result.months) and not len(result.breaks) and not len(result.cohorts)


@pytest.mark.parametrize("name", ["days", "weeks", "months", "cohorts", "retention", "money", "breaks"])
def test_every_table_has_a_picture(name: str) -> None:
    assert len(getattr(grown(), name).plot()._repr_png_()) > 5_000


def test_a_year_and_more_has_days_of_its_own(tmp_path: Path) -> None:
    """Beyond 400 days, too, windows are days: none is empty, and months hold what came in them."""
    file = tmp_path / "long.yaml"
    growth = "    growth: {base: {users: 5, age: 4w}}\n    actions_per_day: 2\n"
    file.write_text(TEXT.split("    growth:")[0] + growth + TEXT[TEXT.index("actions: {ask") :])
    result = sk.load(file, {"horizon": "430d", "business": {}}).run(
        seed=1, replications=1, jobs=1, log=True, progress=False
    )
    by_day = (result.actions["arrival_s"] // DAY).value_counts().reindex(range(430), fill_value=0).sort_index()
    assert result.days["actions"].tolist() == by_day.tolist()


def test_cash_that_is_gone_in_the_middle_of_a_month_is_told(tmp_path: Path) -> None:
    """Rent on every day of January, and who pays comes in its second half: at its end there is money again."""
    file = tmp_path / "gap.yaml"
    text = TEXT.replace("start: 2026-01-12", "start: 2026-01-01").replace("horizon: 45d", "horizon: 31d")
    text = text.replace("base: 40", "base: 0").replace(
        "acquisition: 40", "acquisition: {launch: {users: 300, at: 15d, decay: 6h}}"
    )
    text = text.replace("price: $30/month", "price: $900/month").replace("boss: $1000", "boss: $9000")
    text = text.replace("share: 80%, moves: {paid: 8%}", "share: 0%").replace(
        "free: {share: 0%}, paid: {share: 20%", "paid: {share: 100%"
    )
    file.write_text(text)
    result = sk.load(file).run(seed=1, replications=1, jobs=1, engine="reference", progress=False)
    assert result.metrics["cash_end"].value > 0
    assert result.breaks.set_index("what").loc["cash", "figure"].endswith("short")


def test_who_stays_does_not_rise() -> None:
    """The line of all cohorts: a young cohort that does better than an old one lifts nothing."""
    known = pd.DataFrame(
        [("a", 1, 100.0, 0.5), ("a", 2, 100.0, 0.4), ("b", 1, 300.0, 0.9)],
        columns=["cohort", "weeks", "users", "share"],
    )
    assert together(known).tolist() == pytest.approx([320 / 400, 320 / 400 * 40 / 50])
