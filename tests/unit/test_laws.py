"""Laws by hand: buckets, backoff, failures, latency, choice, arrivals."""

import numpy as np
import pytest

from simkit.laws.arrival import arrival_time
from simkit.laws.backoff import backoff_ns, retry_wait_ns
from simkit.laws.bucket import bucket_charge, bucket_cost, bucket_excess
from simkit.laws.choice import choose
from simkit.laws.failure import combined_rate, drawn_kind
from simkit.laws.latency import answer_ns, elapsed_tokens, first_token_ns

S = 10**9


def test_choose_takes_the_first_entry_above_u() -> None:
    cdf = np.array([0.2, 0.2, 0.7, 1.0])
    assert [choose(u, cdf) for u in (0.0, 0.19, 0.2, 0.69, 0.7, 0.999)] == [0, 0, 2, 2, 3, 3]
    assert choose(0.5, np.zeros(3)) == 2


def test_bucket_of_two_a_second_with_a_burst_of_two_seconds() -> None:
    cost = bucket_cost(1, 0.5 * S, 1.0)
    assert cost == S // 2
    tat = -(2**62)
    for _ in range(4):  # a full bucket holds four
        assert bucket_excess(tat, 0, cost, 2 * S) <= 0
        tat = bucket_charge(tat, 0, cost)
    assert bucket_excess(tat, 0, cost, 2 * S) == S // 2
    assert bucket_excess(tat, S // 2, cost, 2 * S) == 0


def test_bucket_cost_rounds_up_and_grows_as_an_incident_cuts_the_limit() -> None:
    assert bucket_cost(1, 10 / 3, 1.0) == 4
    assert bucket_cost(3, 10.0, 1.0) == 30
    assert bucket_cost(3, 10.0, 0.2) == 150


def test_backoff_doubles_up_to_its_limit() -> None:
    waits = [backoff_ns(n, S // 2, 2.0, 8 * S, 1.0, 1.0, 0.3) for n in range(6)]
    assert waits == [S // 2, S, 2 * S, 4 * S, 8 * S, 8 * S]
    assert backoff_ns(0, S, 2.0, 8 * S, 0.75, 1.0, 0.0) == 3 * S // 4
    assert backoff_ns(0, S, 2.0, 8 * S, 0.0, 1.0, 0.25) == S // 4


def test_retry_after_is_honoured_up_to_its_limit() -> None:
    assert retry_wait_ns(S, 3 * S, 60 * S) == 3 * S
    assert retry_wait_ns(4 * S, 3 * S, 60 * S) == 4 * S
    assert retry_wait_ns(S, 61 * S, 60 * S) == S
    assert retry_wait_ns(S, 3 * S, 0) == S


def test_failures_share_the_unit_interval() -> None:
    rates = np.zeros(12)
    rates[4], rates[6] = 0.1, 0.2
    kinds = [drawn_kind(u, 0.0, 3, rates) for u in (0.05, 0.15, 0.29, 0.31)]
    assert kinds == [4, 6, 6, 0]
    assert drawn_kind(0.49, 0.5, 3, rates) == 3
    assert drawn_kind(0.54, 0.5, 3, rates) == 4
    assert drawn_kind(0.999, 1.0, 3, rates) == 3
    assert combined_rate(0.5, 0.5) == 0.75


def test_latency_is_a_drawn_part_and_a_part_by_tokens() -> None:
    assert first_token_ns(0.5 * S, 1000.0, 2000, 1.0) == S // 2 + 2_000_000
    assert first_token_ns(0.5 * S, 0.0, 0, 3.0) == 3 * S // 2
    assert answer_ns(100, 50.0, 1.0) == 2 * S
    assert [elapsed_tokens(10, 0, 100, t) for t in (-1, 0, 9, 10, 55, 100, 200)] == [0, 0, 0, 1, 5, 10, 10]


def test_operational_time_is_turned_back_into_time() -> None:
    start = np.array([-10, 0, 100, 200])
    rate = np.array([0.1, 0.0, 0.02])
    cumulative = np.array([0.0, 1.0, 1.0, 3.0])
    assert arrival_time(0.5, 0, start, rate, cumulative) == (-5, 0)
    assert arrival_time(1.0, 0, start, rate, cumulative) == (100, 2)
    assert arrival_time(2.0, 0, start, rate, cumulative) == (150, 2)
    assert arrival_time(3.0, 1, start, rate, cumulative) == (200, 3)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_certain_errors_are_certain(rate: float) -> None:
    rates = np.zeros(12)
    rates[10] = rate
    assert {drawn_kind(u, 0.0, 3, rates) for u in np.linspace(1e-9, 1 - 1e-9, 50)} == ({10} if rate else {0})


def test_nothing_left_of_a_limit_costs_without_end_and_wraps_nothing() -> None:
    assert bucket_cost(150, 3e6, 0.0) == 2**61
    assert bucket_cost(10**15, 3e6, 1e-9) == 2**61
    assert bucket_cost(0, 3e6, 0.0) == 0
    assert bucket_excess(0, 10**15, bucket_cost(1, 3e6, 0.0), 60 * S) > 60 * S
