"""The price of an attempt: exact integers, against a slow and obvious sum."""

import random

import numpy as np
from numpy.typing import NDArray

from simkit.laws.price import price
from simkit.plan.plan import NEVER

BASE = [-1, 10, 1, 12, 50]
LONG = [1_000, 20, 2, 25, 75]
UNUSED = [NEVER, 9, 9, 9, 9]


def columns(*tiers: list[int]) -> list[NDArray[np.int64]]:
    return [np.ascontiguousarray(each) for each in np.array(tiers, dtype=np.int64).T]


def naive(prompt: int, cached: int, written: int, output: int, tiers: list[list[int]], request: int) -> int:
    _, fresh_price, cached_price, write_price, output_price = [tier for tier in tiers if tier[0] < prompt][-1]
    tokens = ["fresh"] * (prompt - cached - written) + ["cached"] * cached + ["write"] * written + ["output"] * output
    prices = {"fresh": fresh_price, "cached": cached_price, "write": write_price, "output": output_price}
    return request + sum(prices[token] for token in tokens)


def test_parts_of_the_prompt_are_priced_once_each() -> None:
    assert price(100, 60, 30, 7, *columns(BASE), 3) == 10 * 10 + 60 * 1 + 30 * 12 + 7 * 50 + 3


def test_the_tier_begins_above_its_threshold_and_prices_every_token() -> None:
    tiers = columns(BASE, LONG, UNUSED)
    assert price(1_000, 999, 0, 1, *tiers, 0) == 1 * 10 + 999 * 1 + 50
    assert price(1_001, 1_000, 0, 1, *tiers, 0) == 1 * 20 + 1_000 * 2 + 75


def test_nothing_costs_the_request_only() -> None:
    assert price(0, 0, 0, 0, *columns(BASE), 5) == 5


def test_equal_to_counting_tokens_one_by_one() -> None:
    draw = random.Random(7)
    for _ in range(500):
        prompt = draw.choice([draw.randrange(2_500), 999, 1_000, 1_001])
        cached = draw.randint(0, prompt)
        written = draw.randint(0, prompt - cached)
        output = draw.randrange(500)
        tiers = [BASE, LONG, [2_000, 30, 3, 37, 99], UNUSED]
        assert price(prompt, cached, written, output, *columns(*tiers), 11) == naive(
            prompt, cached, written, output, tiers, 11
        )


def test_large_sums_stay_exact() -> None:
    dear = [-1, 600_000_001, 600_000_001, 600_000_001, 600_000_001]
    assert price(10_000_000, 0, 0, 1_000_003, *columns(dear), 1) == 11_000_003 * 600_000_001 + 1
