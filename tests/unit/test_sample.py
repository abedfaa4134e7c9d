"""Sampling and rounding: the compiled law equals the plain Python one to the last bit, and samples fit."""

import math

import numpy as np
import pytest

from simkit.laws.sample import LARGEST, sample, whole
from simkit.plan.tables import DistPool
from simkit.scenario.distribution import TokenDist
from simkit.scenario.shapes import unit_gamma, unit_weibull

FORMS = [
    {"median": 430, "sigma": 2.5},
    {"gamma": {"shape": 0.394, "scale": 465}},
    {"weibull": {"shape": 0.39, "scale": 60}, "min": 3, "max": 5000},
    {"quantiles": {"p25": 55, "p50": 320, "p75": 839}},
    {"uniform": {"low": 10, "high": 20}},
    1200,
]
STEP = 2.0**-52


def uniforms(count, seed):
    """Random numbers as the draws make them, both extremes included."""
    k = np.random.default_rng(seed).integers(0, 2**52, count)
    ends = np.arange(300)
    powers = 2 ** np.arange(51)
    return ((np.concatenate([k, ends, 2**52 - 1 - ends, powers, 2**52 - powers]) + 0.5) * STEP).tolist()


@pytest.fixture(scope="module")
def dists():
    pool = DistPool()
    for form in FORMS:
        pool.add(TokenDist.model_validate(form))
    return pool.build()


def arguments(dists, number):
    row = (int(dists.table[number]), float(dists.scale[number]), float(dists.low[number]), float(dists.cap[number]))
    return (*row, dists.cells)


def plain(law):
    return getattr(law, "py_func", law)


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_compiled_equals_python(dists, number):
    row = arguments(dists, number)
    for u in uniforms(4000, seed=number):
        value = plain(sample)(u, *row)
        assert type(value) is float
        assert sample(u, *row) == value


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_values_are_the_exact_quantiles(dists, number):
    dist = TokenDist.model_validate(FORMS[number])
    row = arguments(dists, number)
    for u in (1e-6, 0.01, 0.25, 0.4999, 0.5, 0.5001, 0.9, 0.999, 1 - 1e-9):
        assert sample(u, *row) == pytest.approx(dist.quantile(u), rel=1e-3)


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_all_numbers_are_finite_and_within_bounds(dists, number):
    row = arguments(dists, number)
    drawn = [sample(u, *row) for u in uniforms(2000, seed=9)]
    assert min(drawn) >= row[2]
    assert max(drawn) <= row[3]
    assert all(math.isfinite(value) for value in drawn)


@pytest.mark.parametrize("gaps", [unit_gamma(1.7), unit_weibull(1.7)], ids=["gamma", "weibull"])
def test_sampled_mean_and_spread(gaps):
    pool = DistPool()
    pool.add(gaps)
    row = arguments(pool.build(), 0)
    drawn = np.array([sample(u, *row) for u in np.random.default_rng(3).random(200_000)])
    error = drawn.std() / math.sqrt(len(drawn))
    assert abs(drawn.mean() - 1) < 3 * error < 0.02
    assert drawn.std() == pytest.approx(1.7, rel=0.05)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (0.49999999999999994, 0), (3.7, 4), (-3.7, -4),
        (4503599627370497.5, 4503599627370498), (2.0**61, 2**61), (2.0**62, LARGEST), (1e30, LARGEST),
        (math.inf, LARGEST), (-1e30, -LARGEST),
    ],
)  # fmt: skip
def test_whole(x, expected):
    for law in (whole, plain(whole)):
        assert law(x) == expected
        assert type(law(x)) is int
