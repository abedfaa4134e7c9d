"""Random factors on the traffic: how far hourly counts spread beyond chance, against closed forms.

Counts of a Poisson source in n hours have a dispersion (variance over mean) of 1, and n - 1 times that is chi-square.
With a factor of mean 1 and coefficient of variation s their variance is mean + s^2 mean^2.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plain import EVEN, POISSON, scenario
from witness import ENGINE, Figure, Floats, Witness, assert_holds, assert_told_apart, measured, run

from simkit.engine.log import Log
from simkit.plan.plan import Plan

pytestmark = pytest.mark.slow
SEED = 2031
HOUR = 3600 * 10**9
HOURS = 4_320
"""Of a replication: 180 days."""
MEAN = 20
"""Arrivals an hour."""
STRENGTH = 0.3
MORE = 120, 72
"""Replications, and of a twin, where there are factors: their squares are skewed."""


def source(
    modulation: list[dict[str, Any]], process: str = POISSON, cv: float = 1.0, timezone: str = "UTC"
) -> dict[str, Any]:
    """Twenty arrivals an hour."""
    traffic = {"rate": f"{MEAN}/h", "process": process, "cv": cv, "timezone": timezone, "modulation": modulation}
    return scenario(1, horizon=f"{HOURS}h", traffic=traffic)


def swings(every: str, strength: float) -> dict[str, Any]:
    return {"every": every, "strength": f"{100 * strength:.6f}%"}


def counts(log: Log, plan: Plan) -> Floats:
    """Arrivals by hour."""
    return np.bincount(measured(log, plan)["arrival"] // HOUR, minlength=HOURS).astype(float)


def spread(log: Log, plan: Plan) -> dict[str, float]:
    """Mean of the hourly counts, and their variance around the mean that is known over it."""
    found = counts(log, plan)
    return {"mean": float(found.mean()), "dispersion": float(((found - MEAN) ** 2).mean()) / MEAN}


def in_blocks(log: Log, plan: Plan) -> dict[str, float]:
    """The same, and the dispersion within quarters of the day: the first begins after four hours."""
    within = counts(log, plan)[4:-2].reshape(-1, 6)
    return spread(log, plan) | {"within": float(within.var(axis=1, ddof=1).mean()) / MEAN}


# Chance alone; its twin has gaps that vary by 3 % more (a renewal process: dispersion cv^2)
CHANCE = Witness(
    "chance",
    lambda f: source([], POISSON if f == 1 else "gamma", f),
    spread,
    {"mean": Figure(MEAN, twin=False), "dispersion": Figure(1)},
)
HOURLY = Witness(
    "hourly",
    lambda f: source([swings("1h", STRENGTH * f)]),
    spread,
    {"mean": Figure(MEAN, twin=False), "dispersion": Figure(1 + STRENGTH**2 * MEAN)},
    *MORE,
)
# Factors of an hour and of six hours multiply: the mean of the square of their product is that of the squares
TWO = Witness(
    "two_levels",
    lambda f: source([swings("6h", 0.2 * f), swings("1h", 0.25 * f)]),
    spread,
    {"mean": Figure(MEAN, twin=False), "dispersion": Figure(1 + ((1 + 0.04) * (1 + 0.0625) - 1) * MEAN)},
    *MORE,
)
# Six hours aligned to local midnight, from 2:00 on: within them there is chance alone
ALIGNED = Witness(
    "aligned",
    lambda f: source([swings("6h", STRENGTH * f)], timezone="America/New_York") | {"start": "2026-11-02 02:00"},
    in_blocks,
    {
        "mean": Figure(MEAN, twin=False),
        "dispersion": Figure(1 + STRENGTH**2 * MEAN),
        "within": Figure(1, twin=False),
    },
    *MORE,
)
WITNESSES = (CHANCE, HOURLY, TWO, ALIGNED)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_mechanism(witness: Witness, tmp_path: Path) -> None:
    assert_holds(witness, SEED, witness.replications, tmp_path, ENGINE)


@pytest.mark.parametrize("witness", WITNESSES, ids=lambda w: w.name)
def test_perturbed_twin_fails(witness: Witness, tmp_path: Path) -> None:
    assert_told_apart(witness, SEED + 1, witness.twin_replications, tmp_path, ENGINE)


def chi_square(scenario: dict[str, Any], folder: Path) -> float:
    """Standard errors of the index of dispersion of hourly counts from that of chance."""
    found = counts(*run(scenario, folder, ENGINE))
    index = float(((found - found.mean()) ** 2).sum() / found.mean())
    freedom = HOURS - 1
    # Wilson and Hilferty (1931): the cube root of a chi-square is close to normal
    return ((index / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))


def test_hourly_counts_of_a_poisson_source_pass_the_chi_square_test(tmp_path: Path) -> None:
    assert abs(chi_square(source([]), tmp_path)) < 3


@pytest.mark.parametrize(
    "other",
    [source([], EVEN), source([swings("1h", 0.1)]), source([swings("1d", 0.1)]), source([], "gamma", 1.1)],
    ids=["even", "hourly", "daily", "bursty"],
)
def test_other_sources_do_not(other: dict[str, Any], tmp_path: Path) -> None:
    assert abs(chi_square(other, tmp_path)) > 3


def test_a_factor_holds_for_its_hour_and_no_longer(tmp_path: Path) -> None:
    """Even gaps: the rate of an hour is its count, the same in both of its halves."""
    document = source([swings("1h", STRENGTH)], EVEN) | {"horizon": "200h"}
    document["traffic"] |= {"rate": "3600/h"}
    log, plan = run(document, tmp_path, ENGINE)
    arrival = measured(log, plan)["arrival"]
    halves = np.bincount(arrival // (HOUR // 2), minlength=400).reshape(-1, 2)
    assert np.abs(halves[:, 0] - halves[:, 1]).max() <= 1
    assert len(set(halves.sum(axis=1).tolist())) > 150


def test_both_engines_draw_the_same_factors(tmp_path: Path) -> None:
    document = source([swings("6h", STRENGTH), swings("1h", STRENGTH)]) | {"horizon": "100h"}
    one, other = (measured(*run(document, tmp_path, engine))["arrival"] for engine in ("compiled", "reference"))
    assert (one == other).all() and len(one) > 1_000
