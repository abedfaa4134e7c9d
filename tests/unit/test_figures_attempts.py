"""Pictures of attempts: the data behind them is right, and each says what it shows."""

import pandas as pd
import pytest
from figure_cases import START, draw

from simkit.report import figures_attempts as figures

WINDOWS = {"start": START, "end": START + pd.Timedelta("1h")}


@pytest.fixture
def endings() -> pd.DataFrame:
    none = {"timeout": 0, "cancelled": [0, 0, 6, 0]}
    return pd.DataFrame({**WINDOWS, "ok": [60, 0, 0, 120], "server_error": [0, 600, 60, 0], **none})


@pytest.fixture
def attempts() -> pd.DataFrame:
    """A first try, its hedge, two retries; another action's first try."""
    rows = [
        (0, 0, 0, "first", 0.0, 5.0, "gpt/openai"), (0, 0, 1, "hedge", 2.0, 7.0, "gpt/azure"),
        (0, 1, 0, "retry", 8.0, 9.0, "gpt/azure"), (0, 2, 0, "retry", 12.0, 13.0, None),
        (1, 0, 0, "first", 3600.0, 3601.0, "gpt/openai"),
    ]  # fmt: skip
    names = ["action", "attempt", "hedge", "cause", "dispatched_s", "ended_s", "deployment"]
    return pd.DataFrame(rows, columns=names).assign(replication=0, call="draft", repeat=0, rung=0)


@pytest.fixture
def actions() -> pd.DataFrame:
    table = pd.DataFrame({"action": range(4), "outcome": ["ok", "abandoned", "degraded", "degraded"]})
    table["reason"] = [None, "impatient", "human", "human"]
    table["arrival_s"], table["end_s"] = [0.0, 0.0, 10.0, 20.0], [2.0, 30.0, 600.0, 300.0]
    return table.assign(latency_s=table["end_s"] - table["arrival_s"], measured=True, replication=0)


def test_ending_rates_put_the_most_frequent_first_and_the_rest_together(endings: pd.DataFrame) -> None:
    rates = figures.ending_rates(endings)
    assert list(rates) == ["ok", "server_error", "cancelled"]
    assert rates["server_error"].tolist() == [0, 10, 1, 0]
    assert list(figures.ending_rates(endings, most=1)) == ["ok", "others"]
    assert figures.ending_rates(endings, most=1)["others"].tolist() == [0, 10, 1.1, 0]


def test_endings_figure(endings: pd.DataFrame, incidents: pd.DataFrame) -> None:
    seen = draw(figures.endings_figure(endings, incidents))
    assert "How attempts end" in seen and "server error" in seen and "timeout" not in seen
    assert "No attempt" in draw(figures.endings_figure(endings.assign(ok=0, server_error=0, cancelled=0), incidents))


def test_pressure_leaves_out_what_never_happened(incidents: pd.DataFrame) -> None:
    table = pd.DataFrame({**WINDOWS, "actions": 60, "sent": [60, 240, 60, 60], "retries": [0, 180, 0, 0]})
    table = table.assign(reloads=0, hedges=0, refused=[0, 30, 0, 0], held_back=0)
    rates = figures.pressure_rates(table)
    assert list(rates) == ["actions", "sent", "retries", "refused"] and rates["sent"].tolist() == [1, 4, 1, 1]
    seen = draw(figures.pressure_figure(table, incidents))
    for text in ("attempts sent", "of them retries", "refused by the budget", "openai down", "per minute"):
        assert text in seen
    assert "hedges" not in seen


def test_outcome_steps_add_up_and_degraded_comes_first() -> None:
    reasons = pd.DataFrame({"outcome": ["failed", "degraded", "failed"], "reason": ["server_error", "rule", ""]})
    steps = figures.outcome_steps(reasons.assign(actions=[30.0, 10.0, 10.0]), 100)
    assert steps["name"].tolist() == ["degraded: rule", "failed: server error", "failed"]
    assert steps["before"].tolist() == pytest.approx([0, 0.1, 0.4])
    seen = draw(figures.outcomes_figure(reasons.assign(actions=[30.0, 10.0, 10.0]), 100))
    assert "50 % were ok" in seen and "degraded: rule" in seen and "30 %" in seen
    assert "Every action was ok" in draw(figures.outcomes_figure(reasons[:0].assign(actions=[]), 100))


def test_a_wait_is_from_the_later_twin_s_end(attempts: pd.DataFrame) -> None:
    assert figures.retry_waits(attempts).tolist() == [1.0, 3.0]
    seen = draw(figures.waits_figure(attempts))
    assert "mean 2 s" in seen and "2 retries" in seen
    assert "Nothing was tried again" in draw(figures.waits_figure(attempts[attempts["cause"] == "first"]))


def test_shares_of_deployments_are_of_what_was_sent(attempts: pd.DataFrame) -> None:
    shares = figures.deployment_shares(attempts, bins=2)
    assert shares["gpt/azure"].iloc[0] == pytest.approx(2 / 3) and shares["gpt/openai"].iloc[1] == 1
    assert "gpt/azure" in draw(figures.balance_figure(attempts))
    assert "No attempt was sent" in draw(figures.balance_figure(attempts[:0]))


def test_patience_shows_both_who_left_and_who_stayed(actions: pd.DataFrame) -> None:
    seen = draw(figures.patience_figure(actions))
    assert "served after: 3" in seen and "gave up after: 1" in seen
    assert "Nobody gave up" in draw(figures.patience_figure(actions[actions["outcome"] != "abandoned"]))


def test_cases_are_with_people_from_the_last_attempt_to_the_answer(actions: pd.DataFrame) -> None:
    attempts = pd.DataFrame({"replication": 0, "action": [2, 2, 3], "ended_s": [11.0, 15.0, 100.0]})
    cases = figures.cases_with_people(actions, attempts)
    assert cases["second"].tolist() == [15, 100, 300, 600] and cases["cases"].tolist() == [1, 2, 1, 0]
    assert "cases" in draw(figures.people_figure(actions, attempts))
    assert "People answered nothing" in draw(figures.people_figure(actions[:2], attempts))
