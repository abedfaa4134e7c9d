"""The random outages of the base give the availability that the vendors' status pages publish."""

import math
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

BASE = Path(__file__).parents[2] / "simkit" / "scenario" / "bases" / "openai_anthropic.yaml"
HOURS = {"min": 1 / 60, "h": 1.0, "d": 24.0}
PUBLISHED = {"openai": 0.9982, "anthropic": 0.9992, "azure": 0.999, "google": 0.999}
FITTED = {  # shape and scale (h) of the Weibull gaps, median (min) and sigma of the lognormal durations
    "openai": (0.658, 58.1, 82, 1.24),
    "anthropic": (0.655, 50.1, 73, 1.47),
}
TOTAL_SHARE = 1 / 22
"""One of 22 OpenAI API incidents of 2026 was not "degraded" (status page)."""


def outage(provider: str) -> dict[str, Any]:
    (one,) = YAML(typ="safe").load(BASE)["providers"][provider]["outages"]
    return dict(one)


def hours(text: str) -> float:
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    return float(number) * HOURS[text[len(number) :]]


def share(text: str) -> float:
    return float(text.removesuffix("%")) / 100


def mean_gap_h(one: dict[str, Any]) -> float:
    """Mean of a Weibull: scale x Gamma(1 + 1 / shape)."""
    law = one["time_between_failures"]["weibull"]
    return hours(law["scale"]) * math.gamma(1 + 1 / law["shape"])


def mean_duration_h(one: dict[str, Any]) -> float:
    """Mean of a lognormal: median x exp(sigma^2 / 2)."""
    law = one["duration"]["lognormal"]
    return hours(law["median"]) * math.exp(law["sigma"] ** 2 / 2)


def availability(one: dict[str, Any]) -> float:
    """One minus the share of time in an incident times the incidents' mean error rate.

    The gap runs from the end of one incident to the start of the next.
    """
    in_incident = mean_duration_h(one) / (mean_gap_h(one) + mean_duration_h(one))
    return 1 - in_incident * sum(share(s["share"]) * share(s["error_rate"]) for s in one["severity"])


@pytest.mark.parametrize("provider", PUBLISHED)
def test_availability_is_the_published_one(provider: str) -> None:
    assert availability(outage(provider)) == pytest.approx(PUBLISHED[provider], abs=2e-6)


@pytest.mark.parametrize("provider", PUBLISHED)
def test_most_incidents_are_mild_and_few_total(provider: str) -> None:
    severities = outage(provider)["severity"]
    assert sum(share(s["share"]) for s in severities) == pytest.approx(1, abs=1e-12)
    total = [share(s["share"]) for s in severities if share(s["error_rate"]) == 1]
    mild = [share(s["error_rate"]) for s in severities if share(s["error_rate"]) < 1]
    assert 0 < sum(total) <= TOTAL_SHARE + 1e-6
    assert 0 < max(mild) < 0.01


@pytest.mark.parametrize("provider", FITTED)
def test_gaps_and_durations_are_the_fitted_ones(provider: str) -> None:
    shape, scale, median, sigma = FITTED[provider]
    one = outage(provider)
    assert one["time_between_failures"] == {"weibull": {"shape": shape, "scale": f"{scale}h"}}
    assert one["duration"] == {"lognormal": {"median": f"{median}min", "sigma": sigma}}


def test_the_share_of_total_incidents_is_openai_s_where_nothing_else_is_known() -> None:
    for provider in ("openai", "azure", "google"):
        assert share(outage(provider)["severity"][0]["share"]) == pytest.approx(TOTAL_SHARE, abs=1e-6)


def test_anthropic_could_not_have_that_share() -> None:
    one = outage("anthropic")
    in_incident = mean_duration_h(one) / (mean_gap_h(one) + mean_duration_h(one))
    assert in_incident * TOTAL_SHARE > 1 - PUBLISHED["anthropic"]
