"""Laws of caches by hand, and the quick choice against the plain one."""

import numpy as np
import pytest

from simkit.laws.choice import choose, guided
from simkit.laws.store import is_fresh, ramped, readable, window_of
from simkit.plan.caches import popularity
from simkit.plan.work import guide_of
from simkit.scenario.caches import KeyLaw

NEVER = 2**62


def test_an_entry_is_fresh_until_just_before_its_end() -> None:
    assert [is_fresh(100, 10, now) for now in (100, 109, 110)] == [True, True, False]
    assert is_fresh(0, NEVER, 10**18)


def test_a_hit_rate_ramps_from_nothing_to_all_and_then_stays() -> None:
    assert [ramped(0.8, age, 100) for age in (0, 50, 100, 10**18)] == pytest.approx([0.0, 0.6, 0.8, 0.8])
    assert ramped(0.8, 0, 0) == 0.8
    ages = np.arange(0, 1000)
    assert np.mean([ramped(0.6, age, 1000) for age in ages]) == pytest.approx(0.6 * 2 / 3, rel=2e-3)


def test_a_window_shows_at_most_the_limit_and_more_than_a_step_less() -> None:
    assert window_of(100, 100, 30) == (0, 0)
    assert window_of(101, 100, 30) == (30, 1)
    assert window_of(130, 100, 30) == (30, 1)
    assert window_of(131, 100, 30) == (60, 2)
    for total in range(101, 400):
        out, cuts = window_of(total, 100, 30)
        assert 100 - 30 < total - out <= 100
        assert out == 30 * cuts


def test_a_window_of_any_length_once_there_is_no_limit() -> None:
    assert window_of(2**40, NEVER, 1) == (0, 0)


def test_a_prompt_cache_takes_the_minimum_and_whole_steps_beyond() -> None:
    assert [readable(tokens, 1024, 128) for tokens in (0, 1023, 1024, 1151, 1152, 2000)] == [
        0, 0, 1024, 1024, 1152, 1920,
    ]  # fmt: skip
    assert [readable(tokens, 0, 1) for tokens in (0, 1, 77)] == [0, 1, 77]


@pytest.mark.parametrize(("zipf", "count"), [(0.0, 1), (0.0, 7), (0.6, 1000), (1.0, 1), (1.1, 200_000), (5.0, 3000)])
def test_the_quick_choice_is_the_plain_one(zipf: float, count: int) -> None:
    cdf = popularity(KeyLaw(zipf=zipf, count=count))
    guide = guide_of(cdf)
    assert len(guide) == len(cdf) == count
    rng = np.random.default_rng(count)
    grid = np.arange(count)[: 2 * 10**4] / count
    close = np.concatenate([cdf, grid, *(np.nextafter(side, end) for side in (cdf, grid) for end in (0.0, 1.0))])
    draws = np.concatenate([rng.random(10**5), close[(close > 0) & (close < 1)], [2.0**-53, 1 - 2.0**-53]])
    assert [guided(u, cdf, guide) for u in draws] == [choose(u, cdf) for u in draws]


def test_popularity_of_two_is_by_their_weights() -> None:
    assert popularity(KeyLaw(zipf=1.0, count=2)).tolist() == pytest.approx([2 / 3, 1.0])
    assert popularity(KeyLaw(zipf=0.0, count=4)).tolist() == pytest.approx([0.25, 0.5, 0.75, 1.0])
