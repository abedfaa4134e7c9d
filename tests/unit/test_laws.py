"""Laws by hand: buckets, backoff, failures, latency, choice, arrivals."""

import numpy as np
import pytest

from simkit.laws.arrival import arrival_time
from simkit.laws.backoff import additive_ns, backoff_ns, decorrelated_ns, heard_ns
from simkit.laws.breaker import (
    CLOSED,
    GENERATION,
    HALF_OPEN,
    OPEN,
    PROBING,
    SIZE,
    STATE,
    STREAK,
    UNTIL,
    WINDOW,
    breaker_due,
    breaker_look,
    cooldown_ns,
    swept,
)
from simkit.laws.bucket import bucket_charge, bucket_cost, bucket_excess, ramp_allowed
from simkit.laws.budget import retries_allowed
from simkit.laws.choice import choose
from simkit.laws.failure import combined_rate, drawn_kind
from simkit.laws.jit import Ints
from simkit.laws.latency import answer_ns, elapsed_tokens, first_token_ns
from simkit.laws.outlier import NOBODY, is_outlier, outlier_limit
from simkit.laws.throttle import held_back
from simkit.laws.window import (
    CALENDAR,
    FIRST,
    FIXED,
    LENGTH,
    SECOND,
    SLIDING,
    window_at,
    window_clear,
    window_sum,
)

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


def test_an_additive_jitter_comes_on_top_of_the_limit() -> None:
    assert [additive_ns(n, S // 2, 2.0, 8 * S, 3 * S // 4, 0.0) for n in range(6)] == [
        S // 2,
        S,
        2 * S,
        4 * S,
        8 * S,
        8 * S,
    ]
    assert additive_ns(9, S // 2, 2.0, 8 * S, 3 * S // 4, 0.5) == 8 * S + 3 * S // 8


def test_a_decorrelated_wait_is_up_to_three_times_the_last() -> None:
    assert decorrelated_ns(S, S, 20 * S, 0.0) == S
    assert decorrelated_ns(S, S, 20 * S, 0.5) == 2 * S
    assert decorrelated_ns(4 * S, S, 20 * S, 1.0) == 12 * S
    assert decorrelated_ns(10 * S, S, 20 * S, 0.999) == 20 * S


def test_a_ramp_grows_from_its_floor() -> None:
    assert [ramp_allowed(before, 1.5, 60) for before in (0, 39, 40, 41, 100)] == [60, 60, 60, 61, 150]


def new_window() -> Ints:
    window = np.zeros(LENGTH, np.int64)
    window_clear(window)
    return window


def counted(window: Ints, kind: int, now: int, utc: int = 0) -> int:
    """Count once in a window of 60 s and return what it holds."""
    window[FIRST + window_at(window, kind, now, utc, 60 * S)] += 1
    return window_sum(window, FIRST)


def test_a_sliding_window_forgets_a_tenth_at_a_time() -> None:
    window = new_window()
    assert [counted(window, SLIDING, t * S) for t in (0, 5, 6, 59, 60, 65, 66, 200)] == [1, 2, 3, 4, 3, 4, 4, 1]
    assert window_sum(window, SECOND) == 0


def test_a_sliding_window_begins_before_time_zero() -> None:
    window = new_window()
    assert [counted(window, SLIDING, t * S) for t in (-61, -60, -7, 0, 53)] == [1, 2, 3, 2, 2]


def test_a_calendar_window_begins_with_the_minute_of_the_clock() -> None:
    window = new_window()
    assert [counted(window, CALENDAR, t * S, 30 * S) for t in (0, 29, 30, 89, 90)] == [1, 2, 1, 2, 1]


def test_a_fixed_window_begins_with_its_first_count() -> None:
    window = new_window()
    assert [counted(window, FIXED, t * S) for t in (-7, 20, 52, 53, 112, 113)] == [1, 2, 3, 1, 2, 1]


def new_breaker(bad: int = 0, good: int = 0, streak: int = 0) -> Ints:
    breaker = np.zeros(SIZE, np.int64)
    window_clear(breaker[WINDOW:])
    breaker[WINDOW + SECOND + 3] = bad
    breaker[WINDOW + FIRST] = good
    breaker[STREAK] = streak
    return breaker


def is_due(breaker: Ints, peer: bool = True, consecutive: int = 2**62, failures: int = 2**62) -> bool:
    """With the rates more than 50 % of 5 with a peer, and 100 % of 10."""
    strict, peers = np.array([True, False]), np.array([True, False])
    return breaker_due(breaker, consecutive, failures, np.array([S // 2, S]), strict, np.array([5, 10]), peers, peer)


def test_a_breaker_opens_by_any_of_its_rules() -> None:
    assert is_due(new_breaker(streak=3), consecutive=3)
    assert not is_due(new_breaker(streak=2), consecutive=3)
    assert is_due(new_breaker(bad=4), failures=4)
    assert not is_due(new_breaker(bad=3), failures=4)


def test_a_breakers_rate_is_exact_and_may_ask_for_a_peer() -> None:
    assert is_due(new_breaker(bad=3, good=2))
    assert not is_due(new_breaker(bad=3, good=3))  # half is not more than half
    assert not is_due(new_breaker(bad=4, good=0))  # too few
    assert not is_due(new_breaker(bad=3, good=2), peer=False)
    assert is_due(new_breaker(bad=10), peer=False)  # at least all of ten
    assert not is_due(new_breaker(bad=10, good=1), peer=False)


@pytest.mark.parametrize(("probes", "then"), [(0, CLOSED), (3, HALF_OPEN)])
def test_a_cooldown_that_is_over_is_noticed_once(probes: int, then: int) -> None:
    breaker = new_breaker()
    breaker[[STATE, UNTIL, GENERATION, PROBING]] = OPEN, 10 * S, 4, 2
    assert breaker_look(breaker, 10 * S - 1, probes) == OPEN
    assert breaker_look(breaker, 10 * S, probes) == then
    assert (breaker[GENERATION], breaker[PROBING]) == (5, 0)
    assert breaker_look(breaker, 11 * S, probes) == then
    assert breaker[GENERATION] == 5


def test_a_cooldown_grows_up_to_its_limit_or_is_what_the_provider_says() -> None:
    assert [cooldown_ns(S, 30 * S, 300 * S, True, n, 0, False) for n in (1, 2, 11)] == [31 * S, 61 * S, 301 * S]
    assert cooldown_ns(S, 30 * S, 300 * S, False, 7, 0, False) == 31 * S
    assert cooldown_ns(S, 30 * S, 20 * S, False, 1, 0, False) == 31 * S  # only one that grows is cut
    assert cooldown_ns(S, 30 * S, 20 * S, True, 2, 0, False) == 31 * S
    assert cooldown_ns(S, 0, 20 * S, True, 2, 0, False) == S
    assert cooldown_ns(S, 30 * S, 300 * S, True, 7, 5 * S, True) == 6 * S
    assert cooldown_ns(S, 30 * S, 300 * S, True, 7, 5 * S, False) == 211 * S
    assert cooldown_ns(S, 2**61, 2**62, True, 7, 0, False) == 2**62


def test_sweeps_close_at_their_multiples_only() -> None:
    assert [swept(t * S, 10 * S) for t in (30, 31, 40, -1)] == [30 * S, 40 * S, 40 * S, 0]
    assert swept(31 * S, 0) == 31 * S


def test_requests_are_held_back_as_far_as_they_exceed_what_is_accepted() -> None:
    assert not held_back(0.0, 2.0, 20, 10)
    assert held_back(0.0, 2.0, 21, 10)
    assert held_back(0.47, 2.0, 39, 10)  # 19 of 40
    assert not held_back(0.48, 2.0, 39, 10)


def test_a_retry_after_in_whole_units() -> None:
    assert [heard_ns(said, 10) for said in (0, 1, 10, 11)] == [0, 10, 10, 20]
    assert heard_ns(7, 0) == 7


def test_retries_by_what_is_under_way() -> None:
    fifth = 200_000_000
    assert [retries_allowed(3, fifth, active) for active in (0, 19, 20, 24, 25)] == [3, 3, 4, 4, 5]
    assert retries_allowed(2**62, 0, 10**6) == 2**62


def test_the_limit_of_outliers() -> None:
    """Envoy's own example: success rates of 50, 100, 100, 100 and 100 %, mean 90, deviation 20."""
    good, bad = np.array([50, 100, 100, 100, 100]), np.array([50, 0, 0, 0, 0])
    assert outlier_limit(good, bad, 100, 5, 1.9) == pytest.approx(0.52)
    assert is_outlier(50, 50, 100, 0.52) and not is_outlier(52, 48, 100, 0.52) and not is_outlier(1, 1, 100, 0.52)
    assert outlier_limit(good, bad, 100, 6, 1.9) == outlier_limit(good, bad, 101, 1, 1.9) == NOBODY
    assert outlier_limit(good[:0], bad[:0], 1, 1, 1.9) == NOBODY
    few = np.array([[50, 100, 100, 100, 100, 0], [50, 0, 0, 0, 0, 5]])
    assert outlier_limit(few[0], few[1], 100, 5, 1.9) == pytest.approx(0.52), "who has too few results is not compared"


@pytest.mark.parametrize("deviations", [0, 0.5, 1.9])
def test_equals_are_no_outliers(deviations: float) -> None:
    good, bad = np.array([7, 14, 21]), np.array([3, 6, 9])
    limit = outlier_limit(good, bad, 1, 1, deviations)
    assert not any(is_outlier(int(g), int(b), 1, limit) for g, b in zip(good, bad, strict=True))
