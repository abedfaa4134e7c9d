"""Figures, tables and pictures of growth against the rows of the log, told anew with pandas."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest

import simkit as sk
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
    decided = len(rows("activated")) + len(rows("lost_interest"))
    assert value("activation_rate") == pytest.approx(len(rows("activated")) / decided)
    assert value("first_success_5min_rate") == pytest.approx(
        (rows("first_value")["after_s"] <= 300).sum() / len(rows("signed_up"))
    )
    assert value("let_down_rate") == pytest.approx(rows("lost_interest")["let_down"].sum() / len(rows("signed_up")))
    assert value("driven_away_rate") == pytest.approx(rows("left")["let_down"].sum() / len(rows("left")))
    there = len(rows("base")) + len(rows("activated")) - len(rows("left"))
    assert value("active_users_end") == pytest.approx(there / runs)
    assert result.months["signed_up"].sum() == result.days["signed_up"].sum() == value("signups")
    assert result.cohorts.groupby("week")["active_users"].sum().iloc[-1] == value("active_users_end")


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
    assert found.loc["budget", "name"] == "month" and found.loc["limit", "name"].startswith("small: requests")
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
