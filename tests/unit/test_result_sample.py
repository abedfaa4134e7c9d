"""Samples and histogram bins: exact counts, sums, ranks."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simkit.laws import histogram
from simkit.result.sample import Sample, bin_lows, bin_values, bins_of, nearest_rank

RAW = st.lists(st.integers(-(10**6), 10**18), max_size=60)


@given(RAW)
def test_a_sample_is_its_raw_values(raw):
    sample = Sample.of(raw)
    assert np.repeat(sample.values, sample.counts).tolist() == sorted(raw)
    assert (sample.n, sample.sum) == (len(raw), sum(raw))
    for x in [*raw, 0, 10**17]:
        assert sample.count_le(x) == sum(value <= x for value in raw)
        assert sample.excess(x) == sum(max(0, value - x) for value in raw)


@given(RAW, st.sampled_from([0.01, 0.07, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]))
def test_percentile_is_the_smallest_value_with_enough_at_or_below(raw, p):
    found = Sample.of(raw).percentile(p)
    enough = [value for value in sorted(raw) if sum(v <= value for v in raw) >= Fraction(str(p)) * len(raw)]
    assert found == (enough[0] if enough else None)


@given(RAW, RAW, RAW)
def test_merging_is_putting_together(a, b, c):
    merged, whole = Sample.merge([Sample.of(part) for part in (a, b, c)]), Sample.of([*a, *b, *c])
    assert merged.values.tolist() == whole.values.tolist()
    assert merged.cumulative.tolist() == whole.cumulative.tolist()


def test_merging_nothing_is_an_empty_sample():
    assert Sample.merge([]).n == 0
    assert Sample.merge([]).percentile(0.5) is None


def test_counted_leaves_out_what_was_counted_zero_times():
    sample = Sample.counted([5, 3, 5, 9], [2, 0, 1, 4])
    assert (sample.values.tolist(), sample.counts.tolist()) == ([5, 9], [3, 4])


def test_ranks_out_of_range_are_refused():
    sample = Sample.of([1, 2, 3])
    assert [sample.rank(k) for k in (1, 2, 3)] == [1, 2, 3]
    for k in (0, 4):
        with pytest.raises(IndexError):
            sample.rank(k)


@pytest.mark.parametrize(
    ("p", "n", "k"), [(0.07, 100, 7), (0.95, 20, 19), (0.95, 21, 20), (0.999, 10, 10), (0.5, 1, 1), (1e-9, 5, 1)]
)
def test_nearest_rank_reads_p_as_it_is_written(p, n, k):
    assert nearest_rank(p, n) == k
    assert nearest_rank(p, n) >= 1
    assert ceil(0.07 * 100) == 8  # what plain floats would have said


EDGES = sorted({max(0, (1 << e) + d) for e in range(63) for d in (-2, -1, 0, 1)} - {2**63})


def test_array_bins_equal_the_scalar_laws():
    rng = np.random.default_rng(7)
    times = np.concatenate([EDGES, (2 ** rng.uniform(0, 62, 3000)).astype(np.int64)]).astype(np.int64)
    bins = bins_of(times)
    assert bins.tolist() == [histogram.bin_of(int(t)) for t in times]
    assert bin_values(bins).tolist() == [histogram.bin_value(int(b)) for b in bins]
    assert bin_lows(bins).tolist() == [histogram.bin_low(int(b)) for b in bins]


@given(st.integers(0, 2**62))
def test_a_bin_holds_its_times_and_its_value_is_within_half_a_percent(ns):
    index = histogram.bin_of(ns)
    assert histogram.bin_low(index) <= ns < histogram.bin_low(index + 1)
    assert abs(histogram.bin_value(index) - ns) <= 0.004 * ns
    assert histogram.bin_of(histogram.bin_value(index)) == index


def test_bins_are_in_order_without_gaps():
    lows = [histogram.bin_low(index) for index in range(3000)]
    assert lows == sorted(set(lows))
    assert [histogram.bin_of(low) for low in lows] == list(range(3000))


@given(st.lists(st.integers(1, 10**13), min_size=1, max_size=80), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_of_a_histogram_are_within_half_a_percent(raw, p):
    bins, counts = np.unique(bins_of(raw), return_counts=True)
    rough, exact = Sample.binned(bins, counts).percentile(p), Sample.of(raw).percentile(p)
    assert abs(rough - exact) <= 0.005 * exact
