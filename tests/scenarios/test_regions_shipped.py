"""The scenarios of regions show what their first lines say."""

import pytest
from shipped import shown, value


def test_two_regions_are_near_their_users_and_half_idle() -> None:
    result, far = shown("two_regions"), shown("two_regions", ("regions.eu.weight", 0))
    assert value(result, "network_mean") == pytest.approx(0.025)
    assert value(far, "network_mean") == pytest.approx(0.6 * 0.025 + 0.4 * 0.1, abs=0.002)
    assert (result.regions["idle_share"] > 0.5).all()


def test_a_failover_with_headroom_loses_what_was_asked_until_it_had_moved() -> None:
    result = shown("region_down")
    row = result.failovers.iloc[0]
    assert 64 <= row["detected_s"] <= 94 and 90 < row["moved_s"] < 200
    assert row["lost_otherwise"] < 0.05 * row["lost_region_down"]
    assert row["lost_region_down"] == pytest.approx(3.6 * (row["detected_s"] + 30 + 0.03 * 1800), rel=0.2)
    assert row["latency_p95_during_s"] < 1.1 * row["latency_p95_before_s"]


def test_without_headroom_the_survivor_drowns() -> None:
    result, roomy = shown("region_down_no_headroom"), shown("region_down")
    row = result.failovers.iloc[0]
    assert row["lost"] > 5 * roomy.failovers.iloc[0]["lost"]
    assert row["latency_p95_during_s"] > 2 * row["latency_p95_before_s"]
    assert "eu drowns" in next(one.text for one in result.answers if one.question == "What breaks first?")
    assert value(result, "headroom_cost_share") < 0.6 * value(roomy, "headroom_cost_share")


def test_nothing_of_europe_is_served_outside_of_it() -> None:
    result = shown("eu_residency")
    audit = result.residency
    assert value(result, "residency_breaches") == 0 < value(result, "residency_rate")
    assert audit.loc[~audit["permitted"], "count"].sum() == 0 < (~audit["permitted"]).sum()
    free = result.flow[(result.flow["users"] == "us")]
    assert free["served_in"].tolist() == ["us"]


@pytest.mark.slow
def test_the_sun_is_followed_for_half_of_what_the_peaks_need() -> None:
    result = shown("follow_the_sun")
    assert 0.3 < value(result, "replicas_mean") / result.regions["replicas_peak"].sum() < 0.7
    rates = result.replicas.groupby("region", sort=False)["actions_per_min"]
    assert (rates.max() / rates.min() > 10).all()


def test_a_cache_of_its_own_is_cold() -> None:
    cold, shared = shown("cold_cache_failover"), shown("cold_cache_failover", ("caches.exact.shared", True))
    lost = [one.failovers["lost_otherwise"].iloc[0] for one in (cold, shared)]
    assert lost[1] < 0.4 * lost[0]
    assert (
        shown("cold_cache_failover", ("quotas.swedencentral.tokens", "500k/min")).failovers["lost_otherwise"].iloc[0]
        < 20
    )
