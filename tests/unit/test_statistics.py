"""Intervals: against scipy, against brute force, and how often they hold the truth."""

from math import ceil, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from simkit.result.sample import Sample
from simkit.result.statistics import (
    BEYOND,
    NO_INTERVAL,
    Estimate,
    half_width,
    jackknife,
    mean,
    missing,
    share_of_percentile,
    significant,
    t_quantile,
    wilson,
    woodruff,
)  # fmt: skip


@pytest.mark.parametrize("level", [0.05, 0.025, 0.01, 0.2])
@pytest.mark.parametrize("degrees", [1, 2, 9, 19, 39, 1000])
def test_t_quantile_is_scipys(level, degrees):
    assert t_quantile(level, degrees) == pytest.approx(stats.t.ppf(1 - level / 2, degrees), rel=1e-9)


def test_mean_is_scipys_interval():
    values = [3.0, 5.0, 4.0, 8.0]
    found = mean(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((5.0, low, high))
    assert mean([2.0]) == Estimate(2.0, note=NO_INTERVAL)
    assert mean([]).value is None


def test_a_look_with_less_error_to_spend_is_wider():
    values = np.array([3.0, 5.0, 4.0, 8.0])
    assert half_width(values, 0.05 / 4) > half_width(values, 0.05)


def test_jackknife_by_hand():
    numerators, denominators = np.array([1.0, 3.0, 2.0]), np.array([10.0, 10.0, 20.0])
    found = jackknife(6 / 40, numerators, denominators)
    without = np.array([5 / 30, 3 / 30, 4 / 20])
    error = sqrt(2 / 3 * sum((x - without.mean()) ** 2 for x in without))
    assert found.value == 0.15
    assert found.high - 0.15 == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert 0.15 - found.low == pytest.approx(found.high - 0.15)


@given(st.lists(st.floats(0.1, 100), min_size=2, max_size=12))
def test_jackknife_with_equal_denominators_is_the_interval_of_the_mean(values):
    rows = np.array(values)
    found, plain = jackknife(float(rows.mean()), rows, np.ones(len(rows))), mean(values)
    assert found.low == pytest.approx(plain.low, rel=1e-6, abs=1e-9)


def test_jackknife_needs_two_rows_that_each_can_be_left_out():
    assert jackknife(0.5, np.array([1.0]), np.array([2.0])).low is None
    assert jackknife(0.5, np.array([1.0, 0.0]), np.array([2.0, 0.0])).note == NO_INTERVAL


def test_woodruff_reads_the_interval_of_the_share_off_the_pool():
    pool = Sample.of(np.arange(1, 100_001))
    shares = np.array([0.48, 0.5, 0.52, 0.5])
    half = stats.t.ppf(0.975, 3) * shares.std(ddof=1) / 2
    found = woodruff(pool, 0.5, shares)
    assert found.value == pytest.approx(50_000e-9)
    assert found.low == pytest.approx(ceil((0.5 - half) * 100_000) * 1e-9)
    assert found.high == pytest.approx(ceil((0.5 + half) * 100_000) * 1e-9)


def test_woodruff_beyond_the_data_is_none_with_a_note():
    pool = Sample.of(np.arange(1, 101))
    found = woodruff(pool, 0.95, np.array([0.9, 1.0, 0.95]))
    assert (found.high, found.note) == (None, BEYOND)
    assert found.low is not None
    assert woodruff(pool, 0.01, np.array([0.0, 0.05, 0.0])).low is None


def test_rows_that_agree_because_nothing_is_in_the_tail_do_not_make_it_sure():
    pool = Sample.of(np.arange(1, 1001))
    found = woodruff(pool, 0.999, np.ones(10))
    assert found.high is None


def test_woodruff_of_nothing_and_of_one_row():
    assert woodruff(Sample.of([]), 0.5, np.ones(3)).value is None
    assert woodruff(Sample.of([7]), 0.5, np.ones(1)) == Estimate(7e-9, note=NO_INTERVAL)


def queue_times(rng, count, load, warm=200):
    """Sojourn times of M/M/1 by Lindley's recursion, in ns of a mean service of 1 s."""
    service, gap = rng.exponential(load, count + warm), rng.exponential(1.0, count + warm)
    walk = np.concatenate([[0.0], np.cumsum(service[:-1] - gap[1:])])
    waits = walk - np.minimum.accumulate(walk)
    return ((waits + service)[warm:] * 1e9).astype(np.int64)


def coverage(p, cheat=1.0, runs=250, rows=10, count=1500, load=0.6):
    """How often the interval holds the true percentile of M/M/1's sojourn time, which is exponential."""
    rng = np.random.default_rng(11)
    truth = -load / (1 - load) * log(1 - p)
    hits = 0
    for _ in range(runs):
        samples = [Sample.of(queue_times(rng, count, load)) for _ in range(rows)]
        pool = Sample.merge(samples)
        value = pool.percentile(p)
        shares = np.array([one.count_le(value) / one.n for one in samples])
        found = woodruff(pool, p, (shares - shares.mean()) * cheat + shares.mean())
        hits += (found.low or 0) <= truth <= (found.high or np.inf)
    return hits / runs


@pytest.mark.parametrize("p", [0.5, 0.95, 0.99])
def test_woodruff_intervals_hold_the_truth_of_a_queue_as_often_as_they_say(p):
    assert abs(coverage(p) - 0.95) <= 3 * sqrt(0.95 * 0.05 / 250)  # three standard errors of the 250 trials


def test_the_coverage_test_would_see_intervals_of_half_the_width():
    assert coverage(0.5, cheat=0.4, runs=120) < 0.95 - 3 * sqrt(0.95 * 0.05 / 120)


def test_estimates_scale_and_stay_within():
    one = Estimate(0.5, -0.1, 1.3, "n").within(0, 1).scaled(100)
    assert one == Estimate(50.0, 0.0, 100.0, "n")
    assert missing("why").scaled(3).within(0, 1) == missing("why")


@pytest.mark.parametrize(
    ("label", "share"), [("p50", 0.5), ("p5", 0.05), ("p95", 0.95), ("p999", 0.999), ("p975", 0.975)]
)
def test_share_of_percentile(label, share):
    assert share_of_percentile(label) == share


@pytest.mark.parametrize(("value", "rounded"), [(1838.4, 1800), (0.012345, 0.012), (-99.6, -100), (0.0, 0.0)])
def test_significant(value, rounded):
    assert significant(value) == pytest.approx(rounded)


def test_wilson_by_hand():
    found = wilson(90, 100)
    assert (found.low, found.high) == pytest.approx(
        (0.82563, 0.94478), abs=1e-5
    )  # Brown, Cai, DasGupta 2001, formula (4)
    none = wilson(0, 300)
    assert none.low == 0
    assert none.high == pytest.approx(3.8415 / 303.8415, rel=1e-3)
    assert wilson(300, 300).high == 1
