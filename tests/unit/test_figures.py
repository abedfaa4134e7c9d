"""Pictures: the data behind them is right, and each renders once, without pyplot."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from figure_cases import START, draw
from matplotlib.axes import Axes

from simkit.report import figures, figures_resilience, figures_study, figures_time, style
from simkit.report.figures_economy import _amounts


@pytest.fixture
def timeline() -> pd.DataFrame:
    frame = pd.DataFrame({"start": START, "end": START + pd.Timedelta("1h")})
    frame["ok"], frame["failed"], frame["degraded"] = [60, 120, 0, 60], [0, 60, 60, 0], 0
    frame["latency_p50"] = [1.0, 2.0, np.nan, 1.0]
    frame["latency_p95"] = [2.0, 8.0, np.nan, 2.0]
    frame["ended"] = frame["ok"] + frame["failed"]
    frame["bad_success"], frame["counted_success"] = frame["failed"], frame["ended"]
    return frame


def histogram(values: np.ndarray) -> pd.DataFrame:
    edges = 2.0 ** (np.arange(-500, 1001) / 100)
    return pd.DataFrame({"low_s": edges[:-1], "high_s": edges[1:], "count": np.histogram(values, edges)[0]})


def test_latency_bins_keep_every_action_and_its_place() -> None:
    values = np.array([0.5] * 30 + [1.7] * 60 + [30.0] * 10)
    bins = figures.latency_bins(histogram(values))
    assert bins["share"].sum() == pytest.approx(1)
    for value, expected in ((0.5, 0.3), (1.7, 0.6), (30.0, 0.1)):
        holds = bins[(bins["low_s"] <= value * 1.01) & (bins["high_s"] > value * 0.99)]
        assert holds["share"].sum() == pytest.approx(expected)
    assert np.allclose(bins["high_s"] / bins["low_s"], 2 ** (1 / 6))


def test_latency_figure_names_percentiles_and_objective() -> None:
    values = np.random.default_rng(1).lognormal(0.5, 0.6, 10_000)
    seen = draw(
        figures.latency_figure(histogram(values), {"p50": 1.65, "p95": 4.4, "p999": float("nan")}, {"p95": 5.0})
    )
    assert "p50\n1.65 s" in seen and "p95 ≤ 5 s" in seen and "p999" not in seen


def test_pictures_of_nothing_say_so() -> None:
    empty = pd.DataFrame({"low_s": [1.0], "high_s": [2.0], "count": [0]})
    assert "No action was served" in draw(figures.latency_figure(empty, {}, {}))
    costs = pd.DataFrame({"by": ["model"], "name": ["m"], "cost_usd": [0.0]})
    assert "Nothing was spent" in draw(figures.costs_figure(costs, "7 d"))
    assert "no limits" in draw(figures_time.limits_figure(pd.DataFrame(), pd.DataFrame()))


def test_outcome_rates_are_per_minute(timeline: pd.DataFrame) -> None:
    rates = figures_time.outcome_rates(timeline)
    assert list(rates) == ["ok", "failed"]
    assert rates["ok"].tolist() == [1.0, 2.0, 0.0, 1.0]


def test_timeline_shows_incident_objective_and_zone(timeline: pd.DataFrame, incidents: pd.DataFrame) -> None:
    picture = figures_time.timeline_figure(timeline, incidents, {"p95": 5.0})
    seen = draw(picture)
    for text in ("openai down", "objective p95 ≤ 5 s", "America/New_York", "failed", "actions / min"):
        assert text in seen
    assert _spans(picture.axes[0]) == 1 and _spans(picture.axes[1]) == 1


def _spans(ax: Axes) -> int:
    return sum(1 for patch in ax.patches if type(patch).__name__ == "Rectangle")


def test_busiest_limits_come_first(incidents: pd.DataFrame) -> None:
    rows = [(t, t + pd.Timedelta("1h"), name, use) for t in START for name, use in (("idle", 0.1), ("tokens", 1.7))]
    limits = pd.DataFrame(rows, columns=["start", "end", "limit", "use"])
    use = figures_time.limit_use(limits)
    assert list(use) == ["tokens", "idle"] and (use["tokens"] == 1.7).all()
    assert list(figures_time.limit_use(limits, most=1)) == ["tokens"]
    assert "full" in draw(figures_time.limits_figure(limits, incidents))


def test_budget_burns_as_defined(timeline: pd.DataFrame, incidents: pd.DataFrame) -> None:
    left = figures_time.budget_left(timeline, {"success": 0.5}, allowance=2.0)
    allowed = 0.5 * 360 * 2
    assert left["success"].tolist() == pytest.approx([1, 1 - 60 / allowed, 1 - 120 / allowed, 1 - 120 / allowed])
    assert "success: 66.7 % left" in draw(figures_time.budget_figure(left, timeline, incidents))
    assert figures_time.budget_left(timeline, {"success": 1.0}, 1.0)["success"].tolist() == [
        1,
        -np.inf,
        -np.inf,
        -np.inf,
    ]


def test_cost_shares_add_up_and_fold_the_small() -> None:
    costs = pd.DataFrame({"by": "model", "name": [f"m{i}" for i in range(12)], "cost_usd": np.arange(1.0, 13.0)})
    part = figures.cost_shares(costs, "model", most=4)
    assert part["name"].tolist() == ["m11", "m10", "m9", "9 others"]
    assert part["cost_usd"].sum() == 78 and part["share"].sum() == pytest.approx(1)
    seen = draw(figures.costs_figure(costs, "7 d"))
    assert "m11" in seen and "USD in 7 d" in seen


def test_comparison_rows_say_better_worse_undecided() -> None:
    summary = pd.DataFrame(
        [("cost_per_action", "b", 0.5, 0.4, 0.6), ("success_rate", "b", 0.9, 0.8, 0.95),
         ("latency_p50", "b", 1.0, 0.9, 1.1),
         ("tokens_in", "b", 1.2, 1.1, 1.3), ("ttft_p50", "b", np.nan, np.nan, np.nan)],
        columns=["metric", "other", "ratio", "ratio_low", "ratio_high"],
    )  # fmt: skip
    rows = figures_study.comparison_rows(summary, tuple(summary["metric"]))
    assert rows["tone"].tolist() == ["better", "worse", "undecided", "neutral"]
    assert rows["change"].tolist() == pytest.approx([-0.5, -0.1, 0.0, 0.2])
    unsure = figures_study.comparison_rows(
        summary.assign(p_value=[0.01, 0.2, 0.9, 0.05, 1.0]), tuple(summary["metric"])
    )
    assert unsure["tone"].tolist() == ["better", "worse", "undecided", "neutral"]
    assert unsure["sure"].tolist() == [True, False, False, True]
    (key,) = figures_study.comparison_figure(unsure, "b compared with today").legends
    assert figures_study.UNSURE in [one.get_text() for one in key.get_texts()]
    assert "−50 %" in draw(figures_study.comparison_figure(rows, "b compared with today"))


def test_one_huge_change_does_not_press_the_others_onto_zero() -> None:
    rows = pd.DataFrame(
        [("success", -0.83, -0.85, -0.81, "worse", True), ("p95", -0.6, -0.62, -0.58, "better", True),
         ("a month", 39.71, 35.0, 44.0, "worse", True)],
        columns=["label", "change", "low", "high", "tone", "sure"],
    )  # fmt: skip
    assert figures_study.reach(rows) == pytest.approx(4 * 0.85)
    picture = figures_study.comparison_figure(rows, "b compared with a")
    assert picture.axes[0].get_xlim()[1] < 5 and "+3,971 %" in draw(picture) and "beyond the axis" in draw(picture)
    assert "a month: +3,971 %" in picture.words
    assert figures_study.reach(rows.iloc[:2]) == np.inf


def test_routing_saving_is_price_arithmetic() -> None:
    curve = figures_study.routing_saving(np.array([0.0, 0.5, 1.0]), 0.06)
    assert curve["saving"].tolist() == pytest.approx([0.0, 0.47, 0.94])
    misrouted = figures_study.routing_saving(np.array([0.5]), 0.0, (0.1, 0.2))
    assert misrouted["saving"].tolist() == pytest.approx([0.45 + 0.1])


def test_labels_are_moved_apart_and_keep_their_order() -> None:
    placed = style.spread([0.5, 0.52, 0.1], 0.1)
    assert placed == pytest.approx([0.46, 0.56, 0.1])
    assert style.spread([], 0.1) == []


def test_names_of_incidents_have_a_band_of_their_own(timeline: pd.DataFrame) -> None:
    """Above all curves and ticks, in rows in which none touches another, none beyond the right edge."""
    begin, end = timeline["start"].iloc[0], timeline["end"].iloc[-1]
    times = [begin, begin, begin + (end - begin) / 50, end - (end - begin) / 100]
    names = ["a region is gone", "another", "a third one", "the last of the incidents"]
    incidents = pd.DataFrame({"name": names, "start": times, "end": [time + (end - begin) / 20 for time in times]})
    left = figures_time.budget_left(timeline, {"success": 0.99}, 1.0)
    picture = figures_time.budget_figure(left, timeline, incidents)
    picture.draw_without_rendering()
    (ax,) = picture.axes
    boxes = [one.get_window_extent() for one in ax.texts if one.get_text() in names]
    assert len(boxes) == 4
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    highest = ax.transData.transform((0, 1.0))[1]
    assert all(one.y0 >= highest - 1 and one.x1 <= ax.bbox.x1 + 5 for one in boxes)
    assert max(ax.get_yticks()) <= 1.0 + 1e-9


def test_labels_at_the_right_edge_never_touch(timeline: pd.DataFrame, incidents: pd.DataFrame) -> None:
    """Three percentiles that end at one place, in every window's units: there is white between their labels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for last in ([1.0, 1.0, 1.0], [0.1, 40.0, 41.0], [39.9, 40.0, 4000.0]):
        for name, value in zip(("latency_p50", "latency_p95", "latency_p99"), last, strict=True):
            timeline[name] = [1.0, 2.0, 3.0, value]
        picture = figures_time.timeline_figure(timeline, incidents, {"p95": 5.0})
        canvas = FigureCanvasAgg(picture)
        canvas.draw()
        labels = [text for text in picture.axes[0].texts if text.get_text() in ("p50", "p95", "p99")]
        boxes = sorted((text.get_window_extent(canvas.get_renderer()) for text in labels), key=lambda box: box.y0)
        assert len(boxes) == 3
        assert all(above.y0 - below.y1 > 0.5 * below.height for below, above in pairwise(boxes)), last


def test_models_show_cost_and_failures_by_kind() -> None:
    models = pd.DataFrame(
        {"deployment": ["a/x", "b/y", "idle/z"], "attempts": [200.0, 50.0, 0.0], "ok": [150.0, 50.0, 0.0],
         "timeout": [10.0, 0.0, 0.0], "rate_limit": [40.0, 0.0, 0.0], "cost_usd": [3.0, 1.0, 0.0]},
    )  # fmt: skip
    shares = figures.failed_shares(models)
    assert list(shares) == ["rate_limit", "timeout"]
    assert shares.loc["a/x"].tolist() == [0.2, 0.05] and shares.loc[["b/y", "idle/z"]].to_numpy().sum() == 0
    seen = draw(figures.models_figure(models, "7 d"))
    for text in ("a/x", "$3.00  (75 %)", "25 % of 200", "0 % of 50", "rate limit", "USD in 7 d"):
        assert text in seen
    assert "idle" not in seen
    well = models.assign(timeout=0.0, rate_limit=0.0)
    assert "0 % of 200" in draw(figures.models_figure(well, "7 d"))
    assert "No attempt" in draw(figures.models_figure(models.iloc[2:], "7 d"))


def test_no_pyplot_and_one_picture_in_jupyter() -> None:
    """A picture is displayed once, with or without the inline backend, and pyplot is never imported."""
    code = """
import sys
from simkit.report.style import nothing
from IPython.core.interactiveshell import InteractiveShell
picture = nothing("x")
formatter = InteractiveShell.instance().display_formatter
data, _ = formatter.format(picture)
assert "matplotlib.pyplot" not in sys.modules
assert sorted(data) == ["image/png", "text/plain"], sorted(data)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# --- resilience -------------------------------------------------------------------------------------------------------


def opened(*rows: tuple[int, str, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["replica", "place", "opened_s", "until_s", "closed_s"])


NAN = float("nan")
HOUR_S = 3600.0


def test_breaker_spans_are_open_until_the_cooldown_and_half_open_until_they_close_or_open_again() -> None:
    table = opened((0, "a", -10, 20, 30), (0, "a", 100, 130, NAN), (0, "a", 140, 170, NAN))
    spans = figures_resilience.breaker_spans(table, 200, probes=True)
    rows = {tuple(row) for row in spans[["state", "start_s", "end_s"]].to_numpy().tolist()}
    assert rows == {("open", 0, 20), ("half open", 20, 30), ("open", 100, 130), ("half open", 130, 140),
                    ("open", 140, 170), ("half open", 170, 200)}  # fmt: skip
    alone = figures_resilience.breaker_spans(table, 200, probes=False)
    assert set(alone["state"]) == {"open"} and set(alone["strip"]) == {"a"}
    copies = figures_resilience.breaker_spans(opened((0, "a", 1, 2, 2), (1, "a", 1, 2, 2)), 9, probes=False)
    assert set(copies["strip"]) == {"a (copy 1)", "a (copy 2)"}


def test_open_shares_are_exact_in_each_span_of_time() -> None:
    table = opened((0, "b", 0, 1, 1), (0, "a", 5, 15, 15), (0, "a", 18, 20, 21))
    shares = figures_resilience.open_shares(figures_resilience.breaker_spans(table, 40, probes=True), 40, bins=4)
    assert list(shares) == ["a", "b"]
    assert shares["a"]["open"].tolist() == pytest.approx([0.5, 0.7, 0, 0])
    assert shares["a"]["half open"].tolist() == pytest.approx([0, 0, 0.1, 0])


def test_breakers_figure_names_strips_and_says_how_much(timeline: pd.DataFrame, incidents: pd.DataFrame) -> None:
    table = opened((0, "gpt/azure", HOUR_S, 2 * HOUR_S, 2 * HOUR_S), (0, "gpt/openai", 0, 60, 90))
    spans = figures_resilience.breaker_spans(table, 4 * HOUR_S, probes=True)
    seen = draw(figures_resilience.breakers_figure(spans, timeline, incidents, "replication 0"))
    for text in ("gpt/azure", "gpt/openai", "25 % open", "1 opening\n", "half open", "openai down", "replication 0"):
        assert text in seen
    assert "No breaker opened" in draw(figures_resilience.breakers_figure(spans[:0], timeline, incidents))


def test_attempt_shares_put_the_many_together() -> None:
    table = pd.DataFrame({"attempts": range(31), "outside": [0, 90] + [0] * 29, "in_incidents": [1] * 31})
    shares = figures_resilience.attempt_shares(table, most=10)
    assert shares["outside"].tolist()[:3] == [0, 1, 0]
    assert shares.index.tolist() == list(range(11))
    assert shares["in_incidents"].iloc[-1] == pytest.approx(21 / 31)
    alone = figures_resilience.attempt_shares(table.assign(in_incidents=0))
    assert list(alone) == ["outside"]


def test_attempts_figure_says_the_means() -> None:
    table = pd.DataFrame({"attempts": range(5), "outside": [0, 90, 10, 0, 0], "in_incidents": [0, 0, 0, 0, 5]})
    seen = draw(figures_resilience.attempts_figure(table))
    assert "without an incident: 1.1 in the mean" in seen and "in an incident: 4 in the mean" in seen
    assert "No action" in draw(figures_resilience.attempts_figure(table.assign(outside=0, in_incidents=0)))


def alerts_of(*rows: tuple[str, str, str, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["objective", "rule", "severity", "burn", "fired_s", "cleared_s"])


def test_alert_bars_end_at_the_horizon_and_the_fastest_rule_comes_first() -> None:
    table = alerts_of(("success", "3 d", "ticket", 1, 10, NAN), ("success", "1 h", "page", 14.4, 20, 30))
    bars = figures_resilience.alert_bars(table, 100)
    assert bars["row"].tolist() == ["success: 1 h", "success: 3 d"]
    assert bars[["start_s", "end_s"]].to_numpy().tolist() == [[20, 30], [10, 100]]


def test_alerts_figure_shows_thresholds_and_bars(timeline: pd.DataFrame, incidents: pd.DataFrame) -> None:
    burn = pd.DataFrame({"1 h": [0.0, 40.0, 2.0], "3 d": [0.0, 3.0, 2.5]}, index=[HOUR_S, 2 * HOUR_S, 3 * HOUR_S])
    rules = pd.DataFrame({"name": ["1 h", "3 d"], "burn": [14.4, 1.0], "severity": ["page", "ticket"]})
    bars = figures_resilience.alert_bars(alerts_of(("success", "1 h", "page", 14.4, 4000, 9000)), 4 * HOUR_S)
    seen = draw(figures_resilience.alerts_figure(burn, rules, bars, timeline, incidents, "objective: success"))
    for text in (
        "1 h: fires at 14.4x",
        "3 d: fires at 1x",
        "success: 1 h",
        "page",
        "openai down",
        "objective: success",
    ):
        assert text in seen
    draw(figures_resilience.alerts_figure(burn, rules, bars[:0], timeline, incidents))
    assert "no alerts" in draw(figures_resilience.alerts_figure(burn[:0], rules, bars, timeline, incidents))


def test_amounts_of_a_budget_never_touch() -> None:
    """Two full months and a day of the next: the day's amount has no room; of thirty days some are named."""
    day = 86_400
    months = pd.DataFrame({"start_s": [0, 30 * day, 60 * day], "end_s": [30 * day, 60 * day, 61 * day],
                           "share": [0.8, 0.9, 0.05]})  # fmt: skip
    assert sorted(_amounts(months)) == [0, 1]
    days = pd.DataFrame({"start_s": [i * day for i in range(30)], "end_s": [i * day + day for i in range(30)],
                         "share": [0.5 + (i == 17) for i in range(30)]})  # fmt: skip
    named = sorted(_amounts(days))
    assert 17 in named and all(later - one >= 3 for one, later in pairwise(named))
