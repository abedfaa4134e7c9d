"""A scenario made of what was fitted has the traffic that it was fitted to: simulated, and fitted again."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from plain import POISSON, scenario
from witness import ENGINE, compiled, measured

from simkit.engine import run_plan
from simkit.study.fitting import TrafficFit, fit_traffic

pytestmark = pytest.mark.slow
SEED = 2033
REPLICATIONS = 120
"""A variance of few days is skewed: with 40 its mean is further from the truth than its standard error says."""
DAYS = 14
HOUR = 3600 * 10**9
DATA = Path(__file__).parents[2].parent / "shared" / "data"
CURVE = 1 + 0.5 * np.sin(2 * np.pi * (np.arange(24) - 9) / 24)


def invented() -> pd.DataFrame:
    """A week of hourly counts."""
    rng = np.random.default_rng(5)
    factors = [
        np.repeat(rng.lognormal(-(s**2) / 2, s, 168 // hours), hours) for hours, s in ((24, 0.2), (6, 0.15), (1, 0.1))
    ]
    return pd.DataFrame({"t_s": np.arange(168) * 3600, "rps": 2 * np.tile(CURVE, 7) * np.prod(factors, axis=0)})


def real() -> pd.DataFrame:
    path = DATA / "servegen_language_m-small_week1_10min.csv.gz"
    if not path.exists():
        pytest.skip("the calibration files are not beside the project (../shared/data)")
    return pd.read_csv(path)


def simulated(fit: TrafficFit, folder: Path) -> list[TrafficFit]:
    """Runs of the same season and swings at 200 arrivals an hour, each fitted again."""
    traffic: dict[str, Any] = {name.removeprefix("traffic."): value for name, value in fit.settings.items()}
    document = scenario(1, horizon=f"{DAYS}d", traffic=traffic | {"rate": "200/h", "process": POISSON})
    plan = compiled(document, folder)
    found = []
    for replication in range(REPLICATIONS):
        arrival = measured(run_plan(plan, SEED, replication, ENGINE), plan)["arrival"]
        hours = np.bincount(arrival // HOUR, minlength=DAYS * 24)
        found.append(fit_traffic(pd.DataFrame({"t_s": np.arange(DAYS * 24) * 3600, "count": hours}), count="count"))
    return found


def distance(values: list[float], truth: float) -> float:
    """Standard errors between the mean and the truth."""
    return float(abs(np.mean(values) - truth) / (np.std(values, ddof=1) / np.sqrt(len(values))))


@pytest.mark.parametrize("source", [invented, pytest.param(real, marks=pytest.mark.data)], ids=["invented", "real"])
def test_simulated_counts_spread_as_fitted(source: Any, tmp_path: Path) -> None:
    fit = fit_traffic(source())
    again = simulated(fit, tmp_path)
    for i, level in enumerate(fit.levels):
        found = [one.levels[i].variance for one in again]
        assert distance(found, level.variance) < 3, (level.hours, np.mean(found), level.variance)
        assert np.std(found, ddof=1) / np.sqrt(REPLICATIONS) < 0.07 * level.variance
    curves = np.array([np.bincount(one.hours.hour, one.hours.rate) / DAYS for one in again])
    curves /= curves.mean(axis=1, keepdims=True)
    error = curves.std(axis=0, ddof=1) / np.sqrt(REPLICATIONS)
    assert (np.abs(curves.mean(axis=0) - fit.hour_weights) < 4 * error).all()
    assert distance([one.rate * 3600 for one in again], 200) < 3
