"""What is fitted to recorded traffic: known truths come back, bands hold what they say, bad records are refused."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from figure_cases import draw
from ruamel.yaml import YAML

import simkit as sk
from simkit.study.fitting import FittingError, TrafficFit, fit_traffic
from simkit.study.nearby import MOST, Persistence, guess, likelihood
from simkit.study.swings import mean_squares

SCENARIOS = Path(__file__).parents[2] / "scenarios"
DATA = Path(__file__).parents[2].parent / "shared" / "data"
FILES = [f"servegen_language_m-{size}_week1_10min.csv.gz" for size in ("large", "mid", "small")]
HOUR, DAY = 3600, 86_400
CURVE = 1 + 0.5 * np.sin(2 * np.pi * (np.arange(24) - 9) / 24)
FLAT = np.ones(24)
SWINGS = {24: 0.2, 6: 0.15, 1: 0.1}
"""Length in hours to coefficient of variation."""


def record(
    seed: int, days: int, swings: Mapping[int, float] = SWINGS, curve: np.ndarray = CURVE, per_hour: float = 5000.0,
    weekend: float = 1.0,
) -> pd.DataFrame:  # fmt: skip
    """Hourly counts of a Poisson source, from a Monday's midnight on."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * 24)
    rate = per_hour * curve[hour % 24] * np.where(hour // 24 % 7 >= 5, weekend, 1.0)
    for length, strength in swings.items():
        square = np.log1p(strength**2)
        rate = rate * np.exp(rng.normal(-square / 2, np.sqrt(square), len(hour) // length + 1))[hour // length]
    return pd.DataFrame({"t_s": hour * HOUR, "count": rng.poisson(rate)})


def fitted(*args: object, start: str | None = None, **options: object) -> TrafficFit:
    return fit_traffic(record(*args, **options), count="count", start=start)  # type: ignore[arg-type]


def within(values: list[float], truth: float, errors: float = 3.0) -> bool:
    """Is the mean within so many standard errors of the truth?"""
    return abs(np.mean(values) - truth) <= errors * np.std(values, ddof=1) / np.sqrt(len(values))


# --- known truths -------------------------------------------------------------------------------------


def test_the_variance_of_each_level_comes_back() -> None:
    fits = [fitted(seed, 14) for seed in range(60)]
    for i, (length, strength) in enumerate(sorted(SWINGS.items())):
        found = [fit.levels[i].variance for fit in fits]
        assert fits[0].levels[i].hours == length
        assert within(found, float(np.log1p(strength**2))), (length, np.mean(found))
        assert np.std(found, ddof=1) / np.sqrt(60) < 0.08 * np.log1p(strength**2)


def test_also_with_hours_missing_and_an_unequal_weekend() -> None:
    gone = np.random.default_rng(1).random(28 * 24) < 0.2
    found: dict[int, list[float]] = {length: [] for length in SWINGS}
    for seed in range(40):
        data = record(seed, 28, weekend=0.4)
        data["count"] = data["count"].astype(float).where(~gone)
        fit = fit_traffic(data, count="count", start="2026-11-02")
        for level in fit.levels:
            found[level.hours].append(level.variance)
    for length, strength in SWINGS.items():
        assert within(found[length], float(np.log1p(strength**2))), (length, np.mean(found[length]))


def test_weeks_that_differ_are_a_level_of_their_own_where_there_are_enough() -> None:
    found = []
    for seed in range(30):
        fit = fitted(seed, 10 * 7, {168: 0.3, 24: 0.1, 6: 0.05, 1: 0.05})
        assert [one.hours for one in fit.levels] == [1, 6, 24, 168]
        found.append(fit.levels[-1].variance)
    # the weeks of a record that begins on a Monday are not those since 1970, which begin on a Thursday: they mix
    assert 0.3 * np.log1p(0.09) < np.mean(found) < np.log1p(0.09)


def test_chance_is_no_swing() -> None:
    fits = [fitted(seed, 14, {}, per_hour=100.0) for seed in range(20)]
    total = [sum(level.variance for level in fit.levels) for fit in fits]
    assert np.mean(total) < 0.15 / 100  # of the variance by chance, 1/100; nothing is below 0, so that some is left
    raw = [float(np.var(fit.hours.log - np.log(CURVE)[fit.hours.hour])) for fit in fits]
    assert np.mean(raw) > 0.9 / 100


def test_the_curve_of_the_day_comes_back() -> None:
    fits = [fitted(seed, 14) for seed in range(40)]
    mean = np.mean([fit.hour_weights for fit in fits], axis=0)
    error = np.std([fit.hour_weights for fit in fits], axis=0, ddof=1) / np.sqrt(40)
    assert (np.abs(mean - CURVE) < 4 * error + 0.01).all()
    assert all(fit.daily.kept > 0.8 for fit in fits)
    assert within([fit.rate * HOUR for fit in fits], 5000)


def test_where_there_is_no_curve_none_is_seen() -> None:
    kept = [fitted(seed, 7, curve=FLAT).daily.kept > 0 for seed in range(200)]
    assert sum(kept) <= 8  # one of a hundred, by chance


@pytest.mark.parametrize(("days", "kinds"), [(28, 7), (14, 2)])
def test_a_quiet_weekend_is_seen_where_the_dates_are_known(days: int, kinds: int) -> None:
    found = []
    for seed in range(30):
        fit = fitted(seed, days, weekend=0.4, start="2026-11-02")
        assert fit.weekly is not None and len(set(fit.weekly.effect.tolist())) == kinds
        found.append(float(np.log(fit.day_weights[5:].mean() / fit.day_weights[:5].mean())))
    assert abs(np.mean(found) - np.log(0.4)) < 0.1
    undated = fitted(0, days, weekend=0.4)
    assert undated.weekly is None and "no weekend" in undated.text


def test_an_equal_weekend_is_left_equal() -> None:
    fits = [fitted(seed, 14, start="2026-11-02") for seed in range(60)]
    assert sum(fit.weekly is not None for fit in fits) <= 4
    fit = next(fit for fit in fits if fit.weekly is None)
    assert fit.settings["traffic.seasonality"]["weekend"] == "100%" and "No difference" in fit.text


def test_hours_are_those_of_the_time_zone() -> None:
    data = record(1, 14)
    here = fit_traffic(data, count="count", start="2026-11-02T00:00+00:00", timezone="America/New_York")
    there = fit_traffic(data, count="count", start="2026-11-02T00:00+00:00")
    assert np.allclose(np.roll(there.hour_weights, -5), here.hour_weights, atol=0.1)
    assert here.settings["traffic.timezone"] == "America/New_York" and "traffic.timezone" not in there.settings


# --- forecasts ----------------------------------------------------------------------------------------


def test_the_band_holds_as_many_later_hours_and_days_as_it_says() -> None:
    hours, days = [], []
    for seed in range(80):
        data = record(seed, 14)
        fit = fit_traffic(data[: 7 * 24], count="count")
        rate = data["count"].to_numpy(float)[7 * 24 :] / HOUR
        band = fit.forecast(np.arange(7, 14, 1 / 24) * DAY, nearby=False)  # these swings end with their day
        hours.append(float(((rate >= band["low"]) & (rate <= band["high"])).mean()))
        band = fit.forecast(np.arange(7, 14) * DAY, DAY, nearby=False)
        rate = rate.reshape(7, 24).mean(axis=1)
        days.append(float(((rate >= band["low"]) & (rate <= band["high"])).mean()))
    for found in (hours, days):  # of weeks: hours of one are not independent
        assert abs(np.mean(found) - 0.9) < 0.03, (np.mean(hours), np.mean(days))


def test_a_forecast_has_the_mean_that_a_scenario_has() -> None:
    fit = fitted(3, 14, start="2026-11-02", weekend=0.4)
    week = fit.forecast(np.arange(168) * HOUR + 70 * DAY)
    assert week["mean"].mean() == pytest.approx(fit.rate)
    assert (week["low"] < week["median"]).all() and (week["median"] < week["high"]).all()
    assert (week["median"] <= week["mean"] * 1.05).all()
    assert fit.forecast([70 * DAY], 7 * DAY)["mean"][0] == pytest.approx(fit.rate)


def test_a_weekend_is_forecast_on_saturdays_and_sundays() -> None:
    fit = fitted(3, 28, start="2026-11-02", weekend=0.4)
    week = fit.forecast(np.arange(35, 42) * DAY, DAY)["mean"]
    assert week.to_numpy() / fit.rate == pytest.approx(fit.day_weights)
    assert week[5:].max() < 0.7 * week[:5].min()


def test_half_of_the_periods_lie_below_the_median() -> None:
    """The mean of a lognormal is above its median by half its variance; that of a day has less than that of an hour."""
    fits = [fitted(seed, 14) for seed in range(60)]
    part = CURVE / 24
    blocks = {length: float((part.reshape(-1, length).sum(axis=1) ** 2).sum()) for length in SWINGS}
    for period, shares in ((HOUR, dict.fromkeys(SWINGS, 1.0)), (DAY, blocks)):
        rows = [fit.forecast([20 * DAY], period).iloc[0] for fit in fits]
        found = [float(np.log(row["mean"] / row["median"])) for row in rows]
        half = sum(np.log1p(strength**2) * shares[length] for length, strength in SWINGS.items()) / 2
        assert abs(np.mean(found) - half) < 0.004, (period, np.mean(found), half)


def test_a_variance_is_the_sum_of_its_mean_squares() -> None:
    number, levels, variance = np.arange(48, 72), np.array([1, 6, 24]), np.array([0.01, 0.0, 0.04])
    rng = np.random.default_rng(1)
    for share in (np.full(24, 1 / 24), rng.dirichlet(np.ones(24))):
        plain = [float((share.reshape(-1, length).sum(axis=1) ** 2).sum()) for length in levels]
        assert mean_squares(number, share, levels, variance).sum() == pytest.approx(plain @ variance)
    even = mean_squares(number, np.full(24, 1 / 24), levels, variance)
    assert even == pytest.approx([0, 0, 0.04 + 0.01 / 24])  # a day's mean is known from days alone


def test_a_longer_period_has_a_narrower_band_and_a_larger_share_a_wider_one() -> None:
    fit = fitted(4, 14)
    width = [float(np.log(row["high"] / row["low"])) for row in (
        fit.forecast([20 * DAY], period, share).iloc[0]
        for period, share in ((HOUR, 0.9), (DAY, 0.9), (7 * DAY, 0.9), (HOUR, 0.5))
    )]  # fmt: skip
    assert width[0] > width[1] > width[2] and width[3] < width[0]


def test_what_is_assumed_of_weeks_is_labelled_and_widens_the_future_only() -> None:
    data = record(5, 7)
    plain, assumed = (fit_traffic(data, count="count", week_on_week=share) for share in (0.0, 0.35))
    assert "week_on_week may be assumed" in plain.text and "assumption" in assumed.text
    assert assumed.settings["traffic.modulation"][0] == {"every": "7d", "strength": "35%"}
    assert len(assumed.levels) == len(plain.levels) + 1
    for at, same in ((3 * DAY, True), (9 * DAY, False)):
        one, other = (fit.forecast([at]).iloc[0] for fit in (plain, assumed))
        assert (other["high"] == one["high"]) == same and other["high"] >= one["high"]
    assert "week_on_week" not in fitted(5, 7 * 7).text


# --- hours nearby -------------------------------------------------------------------------------------

FADING = Persistence(0.9, 8.0)


def fading_record(seed: int, days: int, curve: np.ndarray = CURVE, square: float = 0.05) -> pd.DataFrame:
    """Hourly counts whose swings fade from hour to hour."""
    rng = np.random.default_rng(seed)
    hour, keep = np.arange(days * 24), np.exp(-1 / FADING.hours)
    common = np.array(rng.normal(size=len(hour)))
    for i in hour[1:]:
        common[i] = keep * common[i - 1] + np.sqrt(1 - keep**2) * common[i]
    swing = np.sqrt(FADING.share) * common + np.sqrt(1 - FADING.share) * rng.normal(size=len(hour))
    rate = 20_000 * curve[hour % 24] * np.exp(np.sqrt(square) * swing - square / 2)
    return pd.DataFrame({"t_s": hour * HOUR, "count": rng.poisson(rate)})


@pytest.mark.parametrize("curve", [CURVE, FLAT], ids=["curve", "flat"])
def test_how_swings_fade_comes_back(curve: np.ndarray) -> None:
    found = [fit_traffic(fading_record(seed, 28, curve), count="count").persistence for seed in range(40)]
    shares, hours = zip(*[one for one in found if one], strict=True)
    assert len(shares) == 40
    assert within(list(shares), FADING.share) and within(list(np.log(hours)), np.log(FADING.hours))
    assert np.std(np.log(hours), ddof=1) / np.sqrt(40) < 0.05


def test_where_nothing_fades_hours_nearby_tell_nothing() -> None:
    fits = [fitted(seed, 7, {1: 0.2}, curve=curve) for seed in range(100) for curve in (CURVE, FLAT)]
    assert sum(fit.persistence is not None for fit in fits) <= 7  # one of a hundred, by chance
    fit = next(fit for fit in fits if fit.persistence is None)
    times = np.arange(6.5, 7.5, 1 / 24) * DAY
    assert fit.forecast(times).equals(fit.forecast(times, nearby=False)) and "fading" not in fit.text
    assert fitted(1, 7, {}, per_hour=100.0).persistence is None  # only chance


def test_the_band_of_a_day_left_out_holds_what_it_says_and_is_narrower_near_known_hours() -> None:
    hours, days, errors, widths = [], [], [], []
    for seed in range(100):
        data = fading_record(seed, 7)
        fit = fit_traffic(data[data["t_s"] // DAY != 3], count="count")
        rate = data["count"].to_numpy(float)[72:96] / HOUR
        near, plain = (fit.forecast(np.arange(3, 4, 1 / 24) * DAY, nearby=nearby) for nearby in (True, False))
        hours.append(float(((rate >= near["low"]) & (rate <= near["high"])).mean()))
        day = fit.forecast([3 * DAY], DAY).iloc[0]
        days.append(float(day["low"] <= rate.mean() <= day["high"]))
        errors.append([float(np.abs(one["mean"] - rate).sum() / rate.sum()) for one in (near, plain)])
        widths.append((np.log(near["high"] / near["low"]) / np.log(plain["high"] / plain["low"])).to_numpy())
    assert within(hours, 0.9) and within(days, 0.9), (np.mean(hours), np.mean(days))
    gain = np.diff(np.array(errors))[:, 0]
    assert gain.mean() / (gain.std(ddof=1) / 10) > 3
    width = np.mean(widths, axis=0)
    assert (width < 1).all() and width[[0, 23]].max() < 0.7 < 0.85 < width[8:16].min()


def test_far_from_the_record_and_in_its_picture_forecasts_are_without_hours_nearby() -> None:
    fit = fit_traffic(fading_record(1, 14), count="count")
    assert fit.persistence is not None and "fading by half" in fit.text
    far = np.arange(30, 31, 1 / 24) * DAY
    assert fit.forecast(far).equals(fit.forecast(far, nearby=False))
    plain = fit.forecast(np.arange(14 * 24) * HOUR, nearby=False)
    assert fit.series[["mean", "median", "low", "high"]].equals(plain[["mean", "median", "low", "high"]])
    after = [fit.forecast(np.arange(14, 16, 1 / 24) * DAY, nearby=one)["mean"].to_numpy() for one in (True, False)]
    apart = np.abs(np.log(after[0] / after[1]))
    assert apart[0] > 10 * apart[-1]


def test_a_longer_period_is_told_less_and_a_shorter_one_agrees_with_its_hours() -> None:
    data = fading_record(2, 10)
    fit = fit_traffic(data[data["t_s"] // DAY != 5], count="count")
    hours, day = fit.forecast(np.arange(5, 6, 1 / 24) * DAY), fit.forecast([5 * DAY], DAY).iloc[0]
    assert day["mean"] == pytest.approx(hours["mean"].mean(), rel=1e-3)  # but for faint hours
    ratio = []
    for length in (1, 24, 7 * 24):
        one, plain = (fit.forecast([10 * DAY], length * HOUR, nearby=near).iloc[0] for near in (True, False))
        ratio.append(float(np.log(one["high"] / one["low"]) / np.log(plain["high"] / plain["low"])))
    assert ratio[0] < ratio[1] < ratio[2] < 1


def test_hours_without_arrivals_or_record_do_no_harm() -> None:
    few = record(7, 14, {24: 0.5, 6: 0.5}, FLAT, 15.0)
    few["count"] = few["count"].astype(float)
    few.loc[[100, 101, 240], "count"] = 0
    few.loc[110:125, "count"] = np.nan
    found = fit_traffic(few, count="count").forecast(np.arange(0, 16, 1 / 24) * DAY)
    assert np.isfinite(found.to_numpy()).all() and (found["low"] > 0).all()


def known_hours() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers, rest and chance of hours, some missing."""
    rng = np.random.default_rng(3)
    number = np.delete(np.arange(1000, 1060), [3, 4, 20, 21, 22, 40])
    return number, rng.normal(size=len(number)), rng.uniform(0, 0.5, len(number))


def test_the_likelihood_is_that_of_the_whole_covariance() -> None:
    number, rest, chance = known_hours()
    share, hours = np.array([0.0, 0.5, 1.0]), np.array([5.0, 8.0, 20.0])
    found = likelihood(np.diff(number, prepend=number[0]), rest, chance, share, hours)
    for i in range(3):
        matrix = Persistence(share[i], hours[i]).between(number, number) + np.diag(1 - share[i] + chance)
        turned = np.linalg.inv(matrix)
        ones = np.ones(len(rest))
        squares = rest @ turned @ rest - (ones @ turned @ rest) ** 2 / (ones @ turned @ ones)
        truth = -(len(rest) - 1) * np.log(squares) - np.linalg.slogdet(matrix)[1] - np.log(ones @ turned @ ones)
        assert found[i] == pytest.approx(truth)


@pytest.mark.parametrize("period", [[1021], list(range(1018, 1030)), list(range(1058, 1082))], ids=str)
def test_a_guess_is_the_conditional_mean_and_variance(period: list[int]) -> None:
    number, rest, chance = known_hours()
    wanted = np.array(period)
    found = guess(FADING, number, rest, chance, wanted)
    assert found is not None
    out = ~np.isin(number, wanted)  # what is known of the period itself is not used
    near = np.flatnonzero(out)[np.abs(number[out] - wanted.mean()) < 0.5 * len(wanted) + np.log(100) * FADING.hours]
    assert (number[near] < wanted[0]).sum() <= MOST
    matrix = FADING.between(number[near], number[near]) + np.diag(1 - FADING.share + chance[near])
    cross = FADING.between(number[near], wanted)
    whole = FADING.between(wanted, wanted) + (1 - FADING.share) * np.eye(len(wanted))
    left = whole - cross.T @ np.linalg.solve(matrix, cross)
    assert found.shift == pytest.approx(cross.T @ np.linalg.solve(matrix, rest[near]))
    assert 1 - found.explained == pytest.approx(np.diag(left))
    part = np.random.default_rng(4).dirichlet(np.ones(len(wanted)))
    assert FADING.variance(part) == pytest.approx(part @ whole @ part)
    assert found.left(part, FADING) == pytest.approx(part @ left @ part / (part @ whole @ part))


def test_far_hours_make_no_guess() -> None:
    assert guess(FADING, *known_hours(), np.array([2000])) is None


# --- records ------------------------------------------------------------------------------------------


def test_rates_and_counts_and_finer_bins_say_the_same(tmp_path: Path) -> None:
    data = record(6, 7)
    by_count = fit_traffic(data, count="count")
    rates = pd.DataFrame({"t_s": np.arange(7 * 144) * 600.0, "rps": np.repeat(data["count"] / HOUR, 6)})
    rates.to_csv(tmp_path / "rates.csv.gz", index=False)
    by_rate = fit_traffic(tmp_path / "rates.csv.gz")
    assert by_rate.settings == by_count.settings


def test_an_hour_is_known_from_half_of_its_bins() -> None:
    data = pd.DataFrame(
        {"t_s": np.arange(7 * 144) * 600.0, "rps": np.repeat(record(6, 7)["count"].to_numpy() / HOUR, 6)}
    )
    whole = fit_traffic(data).hours
    data.loc[60:62, "rps"] = np.nan
    data.loc[66:69, "rps"] = np.nan
    part = fit_traffic(data).hours
    assert part.missing == 1 and 24 + 11 not in part.number
    assert np.allclose(part.log, np.delete(whole.log, 11))
    assert part.chance[10] == pytest.approx(2 * whole.chance[10])  # half as many arrivals are known


def test_an_outage_is_no_pattern() -> None:
    data = record(7, 14)
    data.loc[100:105, "count"] = 0
    fit = fit_traffic(data, count="count")
    assert "6 hours without a record" in fit.text
    assert fit.series["rate"].isna().sum() == 6
    few = record(7, 14, {}, FLAT, 12.0)
    few.loc[100, "count"] = 0
    assert fit_traffic(few, count="count").hours.missing == 0  # chance may do that


WRONG = {
    "column": (record(1, 7), {"count": "arrivals"}, "no column `arrivals`"),
    "both": (record(1, 7), {"count": "count", "rate": "count"}, "not both"),
    "short": (record(1, 4), {"count": "count"}, "at least 5 days"),
    "negative": (record(1, 7).assign(count=-1.0), {"count": "count"}, "0 or more"),
    "words": (record(1, 7).assign(count="many"), {"count": "count"}, "must be numbers"),
    "order": (record(1, 7)[::-1], {"count": "count"}, "later than the one before"),
    "coarse": (record(1, 30)[::6], {"count": "count"}, "an hour at most"),
    "few": (record(1, 7, per_hour=3.0), {"count": "count"}, "fewer than 10"),
    "nothing": (record(1, 7).assign(count=np.nan), {"count": "count"}, "nothing is known"),
    "night": (record(1, 7)[lambda rows: rows["t_s"] // HOUR % 24 != 3], {"count": "count"}, "not known on any day"),
    "file": ("nowhere.csv", {}, "no file"),
    "zone": (record(1, 7), {"count": "count", "timezone": "Mars"}, "not a time zone"),
    "date": (record(1, 7), {"count": "count", "start": "monday"}, "write a date"),
    "levels": (record(1, 7), {"count": "count", "levels": ("1d", "5h")}, "multiple"),
    "long": (record(1, 7), {"count": "count", "levels": ("1w",)}, "too short"),
    "level": (record(1, 7), {"count": "count", "levels": ("soon",)}, "levels: .*"),
    "week": (record(1, 7), {"count": "count", "week_on_week": 35.0}, "share"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_records_are_refused_in_words(case: str) -> None:
    data, options, words = WRONG[case]
    with pytest.raises(FittingError, match=words):
        fit_traffic(data, **options)  # type: ignore[arg-type]


def test_a_forecast_of_nothing_is_refused() -> None:
    with pytest.raises(FittingError, match="whole hours"):
        fitted(1, 7).forecast([0], 1800)


# --- what it is for -----------------------------------------------------------------------------------


def test_the_settings_make_a_scenario_and_the_yaml_says_the_same() -> None:
    fit = fitted(8, 28, start="2026-11-02", weekend=0.4)
    made = sk.load(SCENARIOS / "support_chat.yaml").set(fit.settings).document.traffic
    assert made.rate == pytest.approx(fit.rate, rel=1e-5) and made.users is None
    assert made.seasonality.hours == pytest.approx(fit.hour_weights.tolist(), abs=1e-4)
    assert made.seasonality.weekdays == pytest.approx(fit.day_weights.tolist(), abs=1e-4)
    assert [one.every // (HOUR * 10**9) for one in made.modulation] == [24, 6, 1]
    assert [one.strength for one in made.modulation] == pytest.approx(
        [one.strength for one in fit.levels[::-1]], abs=1e-4
    )
    read = YAML(typ="safe").load(fit.to_yaml())["traffic"]
    assert {f"traffic.{key}": value for key, value in read.items()} == fit.settings


def test_the_picture_shows_record_pattern_and_band() -> None:
    fit = fitted(9, 40)
    seen = draw(fit.plot())
    for text in ("record", "pattern", "90 %", "as seen", "fitted", "hour of the day (UTC)", "arrivals / s"):
        assert text in seen
    assert len(fit.series) == 40 * 24 and list(fit.series) == ["t_s", "rate", "mean", "median", "low", "high"]
    assert fit.series.plot() is not None and fit.text in fit._repr_html_() and str(fit) == fit.text


# --- real traffic -------------------------------------------------------------------------------------


def held_out(name: str) -> pd.DataFrame:
    """Each hour of a week, forecast from the other six days: rate, mean, median, low, high, flat (mean of the others),
    and the same of the day's mean (day_rate, day_low, day_high)."""
    if not (DATA / name).exists():
        pytest.skip("the calibration files are not beside the project (../shared/data)")
    data = pd.read_csv(DATA / name)
    known = fit_traffic(data).series[["t_s", "rate"]]
    parts = []
    for day in range(7):
        fit = fit_traffic(data[data["t_s"] // DAY != day])
        rows = known[known["t_s"] // DAY == day].reset_index(drop=True)
        whole = fit.forecast([day * DAY], DAY).iloc[0]
        ends = {"day_rate": rows["rate"].mean(), "day_low": whole["low"], "day_high": whole["high"]}
        rows = rows.assign(flat=float(fit.hours.rate.mean()), day=day, **ends)
        parts.append(rows.join(fit.forecast(rows["t_s"])[["mean", "median", "low", "high"]]))
    return pd.DataFrame(pd.concat(parts)).dropna()


@pytest.mark.data
def test_days_held_out_of_real_weeks_lie_in_the_band_about_as_often_as_they_should() -> None:
    weeks = [held_out(name) for name in FILES]
    inside = [float(week["rate"].between(week["low"], week["high"]).mean()) for week in weeks]
    assert all(0.84 <= one <= 0.96 for one in inside), inside
    assert 0.87 <= np.mean(inside) <= 0.93
    days = pd.concat(week.groupby("day").first() for week in weeks)
    held = int(days["day_rate"].between(days["day_low"], days["day_high"]).sum())
    assert 17 <= held <= 21  # of 21: 18.9 expected, with a standard deviation of 1.4


@pytest.mark.data
def test_forecasts_of_days_held_out_beat_a_flat_line() -> None:
    weeks = [held_out(name) for name in FILES]

    def error(week: pd.DataFrame, name: str) -> float:
        return float((week[name] / week["rate"] - 1).abs().mean())

    for week in weeks:
        assert error(week, "mean") < error(week, "flat") and error(week, "median") < error(week, "flat")
    # a pattern of hours in the last; in the others what happened before and after the day tells of it
    assert [error(week, "mean") for week in weeks] == pytest.approx([0.21, 0.24, 0.12], abs=0.006)  # as README says
    assert [error(week, "flat") for week in weeks] == pytest.approx([0.23, 0.32, 0.27], abs=0.006)
