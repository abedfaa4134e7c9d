"""The scenarios of growth show what their first lines say."""

import pytest
from shipped import shown, value

pytestmark = pytest.mark.slow


def test_a_year_names_month_and_cause_of_each_break() -> None:
    result = shown("growth_100_to_10k")
    rows = result.breaks
    assert result.cohorts["week"].nunique() == 52 and 9_000 < value(result, "active_users_end") < 16_000
    assert set(rows["what"]) == {"objective", "budget", "limit", "cash"}
    assert rows["month"].is_monotonic_increasing and (rows["daily_active"] > 100).all()
    limit = rows[rows["what"] == "limit"].iloc[0]
    assert limit["name"].startswith("openai_gpt-4o: tokens") and limit["month"] >= "2026-08"
    answer = next(one.text for one in result.answers if one.question == "What breaks first?")
    assert all(month in answer for month in rows["month"].head(3))
    assert result.cohorts.groupby("week")["active_users"].sum().iloc[-1] == pytest.approx(
        value(result, "active_users_end")
    )


def test_who_is_turned_away_on_day_one_does_not_come_back() -> None:
    tight, roomy = shown("launch_spike"), shown("launch_spike", ("quotas.openai_org.tokens", "450k/min"))
    assert value(tight, "let_down_rate") > 2 * value(roomy, "let_down_rate")
    assert value(tight, "activation_rate") < value(roomy, "activation_rate") <= 0.62


def test_quotas_make_some_pay() -> None:
    tight, loose = shown("free_tier"), shown("free_tier", ("traffic.users.plans.free.quota.day", 100))
    assert value(tight, "quota_rejected_rate") > 5 * value(loose, "quota_rejected_rate")
    assert value(tight, "revenue_per_month") > value(loose, "revenue_per_month")
    assert value(tight, "cost_per_month") < value(loose, "cost_per_month")


def test_hiring_takes_the_cash() -> None:
    result, later = shown("runway"), shown("runway", ("business.team.ml_engineer.from_users", 3000))
    hired = result.evidence.books[0].hired
    assert set(hired) == {"ml_engineer", "infrastructure_engineer", "product_manager"} and all(hired.values())
    assert later.evidence.books[0].hired["ml_engineer"] is None
    assert value(result, "cash_end") < 0 < value(later, "cash_end") + 60_000
    assert value(later, "cash_end") > value(result, "cash_end")
