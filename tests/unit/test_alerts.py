"""Alerts on error budgets: times of detection by hand, guards, pages, and where they show in a result."""

import numpy as np
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, ints, log_of, synthetic_plan

from simkit.result.alerts import (
    GOOGLE_28D,
    GOOGLE_30D,
    ON,
    Alert,
    BurnRule,
    Watch,
    alerts_of,
    burn_rates,
    counted_in,
    pages_of,
    rules_of,
)
from simkit.result.evidence import evidence_of
from simkit.result.metrics import METRICS
from simkit.result.objectives import Objective
from simkit.result.pulse import MOST_CELLS, Pulse, cell_length, cells_of, pulse_of
from simkit.result.tables_resilience import alerts as alerts_table
from simkit.result.tables_resilience import burn_of, responses
from simkit.result.tally import tally
from simkit.scenario.alerts import Alerts
from simkit.scenario.policy import Slo

MINUTE, DAY = 60 * SECOND, 24 * HOUR
THREE_NINES = (Objective("success", "success", 0.999),)
QUIET_S, OUTAGE_S = 7200, 1800


def outage(rate, target_s=QUIET_S, lasts_s=OUTAGE_S, after_s=3600, every_s=1):
    """Counts of a total outage: `rate` actions a second, all bad from `target_s` on."""
    cells = (target_s + lasts_s + after_s) // every_s
    counted = np.full((1, cells), rate * every_s, np.int64)
    bad = np.zeros((1, cells), np.int64)
    bad[0, target_s // every_s : (target_s + lasts_s) // every_s] = rate * every_s
    return Pulse(every_s * SECOND, bad, counted)


def watch(*rules, volume=0, every=SECOND):
    return Watch(every, every, volume, rules, None)


def since(moment):
    return moment / SECOND - QUIET_S


@pytest.mark.parametrize("rate", [1, 7, 1000])
def test_a_total_outage_is_detected_after_52_seconds_by_the_fast_rule(rate):
    (alert,) = alerts_of(outage(rate), watch(GOOGLE_30D[0]), THREE_NINES)
    assert since(alert.fired) == 52  # the first whole second after (1 - 0.999) x 14.4 x 3600 s = 51.84 s
    # the short window clears it: 300 s - t < 14.4 x 0.001 x 300 s = 4.32 s, so 296 s after the end
    assert since(alert.cleared) == OUTAGE_S + 296


@pytest.mark.parametrize("rule", [*GOOGLE_30D[:2], *GOOGLE_28D[:2]])
def test_the_law_of_detection(rule):
    """(t - s) x r > burn x (1 - target) x r x L, in whole seconds, whether or not the run is as old as the window."""
    found = alerts_of(outage(3), watch(rule), THREE_NINES)[0]
    expected = next(t for t in range(1, OUTAGE_S) if t > rule.burn * (1 - 0.999) * rule.long / SECOND)
    assert since(found.fired) == expected


@pytest.mark.parametrize("quiet", [0, 30, 600, 3600, 5 * 3600])
@pytest.mark.parametrize("rule", GOOGLE_30D)
def test_a_young_run_detects_no_sooner_than_an_old_one(rule, quiet):
    """An outage of 90 minutes: 52 s, 130 s, 260 s, 260 s after its start, whenever that is."""
    pulse = outage(2, target_s=quiet, lasts_s=5400, after_s=0)
    fired = alerts_of(pulse, watch(rule), THREE_NINES)[0].fired / SECOND - quiet
    assert fired == {"1 h": 52, "6 h": 130, "1 d": 260, "3 d": 260}[rule.name]


def test_a_few_errors_in_the_first_minutes_are_no_alert():
    """A tenth of the first 100 s is bad: at once far above the rule, but not in an hour."""
    pulse = outage(10, target_s=0, lasts_s=10, after_s=7200)
    assert burn_rates(pulse, 0, HOUR, 0.999)[9] == pytest.approx(10 / 3600 / 0.001)
    assert not alerts_of(pulse, watch(GOOGLE_30D[0]), THREE_NINES)


def test_a_past_may_be_given_and_without_traffic_there_is_none():
    pulse = outage(1, target_s=0, lasts_s=200, after_s=0)
    assert pulse.usual.tolist() == [1]
    busier = Pulse(SECOND, pulse.bad, pulse.counted, np.array([2.0]))
    first = [alerts_of(one, watch(GOOGLE_30D[0]), THREE_NINES)[0].fired / SECOND for one in (pulse, busier)]
    assert first == [52, 103]  # 14.4 x 0.001 x (2 x 3600 - t) < t: 102.2 s
    silent = Pulse(SECOND, np.zeros((1, 60), np.int64), np.zeros((1, 60), np.int64))
    assert not alerts_of(silent, watch(*GOOGLE_30D), THREE_NINES)
    assert counted_in(silent, 0, HOUR).tolist() == [0] * 60


def test_the_past_counts_for_the_volume():
    """30 actions an hour are too few for an alert on 100, from the first minute on; 120 are enough from there on."""
    for rate, alerts in ((30, 0), (120, 1)):
        counted = np.zeros((1, 7200), np.int64)
        counted[0, :: 3600 // rate] = 1
        assert len(alerts_of(Pulse(SECOND, counted, counted), watch(GOOGLE_30D[0], volume=100), THREE_NINES)) == alerts


def test_a_burn_3_percent_higher_is_detected_later():
    """The twin of the witness."""
    rule = BurnRule("other", "page", HOUR, 5 * MINUTE, 14.4 * 1.03)
    assert since(alerts_of(outage(5), watch(rule), THREE_NINES)[0].fired) == 54  # 53.4 s


def test_google_28d_is_the_same_budget_of_28_days():
    assert [one.burn for one in GOOGLE_28D] == pytest.approx(
        [0.02 * 672, 0.05 * 672 / 6, 0.1 * 672 / 24, 0.1 * 672 / 72]
    )
    assert [one.burn for one in GOOGLE_30D] == pytest.approx(
        [0.02 * 720, 0.05 * 720 / 6, 0.1 * 720 / 24, 0.1 * 720 / 72]
    )
    assert since(alerts_of(outage(10), watch(GOOGLE_28D[0]), THREE_NINES)[0].fired) == 49  # 48.384 s


def test_an_own_rule_by_its_budget_is_a_speed():
    rules = [
        {"name": "a", "severity": "page", "long": "1h", "short": "5min", "budget": "2%"},
        {"name": "b", "severity": "ticket", "long": "30min", "short": "5min", "burn": 10},
    ]
    alerts = Alerts.model_validate({"rules": rules})
    fast, own = rules_of(alerts, 30 * DAY)
    assert (fast.burn, own.burn) == (pytest.approx(14.4), 10)
    assert rules_of(alerts, 28 * DAY)[0].burn == pytest.approx(13.44)
    assert rules_of(Alerts(rules="google_28d"), 30 * DAY) == GOOGLE_28D


def test_looks_are_as_far_apart_as_the_scenario_says():
    (alert,) = alerts_of(outage(2, every_s=30), watch(GOOGLE_30D[0], every=30 * SECOND), THREE_NINES)
    assert since(alert.fired) == 60  # 52 s are over at the look of 60 s


def test_no_alert_below_the_volume():
    pulse = outage(1, lasts_s=60)
    assert alerts_of(pulse, watch(GOOGLE_30D[0], volume=3600), THREE_NINES)
    assert not alerts_of(pulse, watch(GOOGLE_30D[0], volume=3601), THREE_NINES)


def test_just_at_the_threshold_is_not_above_it():
    rule = BurnRule("half", "page", 10 * SECOND, 10 * SECOND, 1.0)
    half = (Objective("success", "success", 0.5),)
    counted = np.full((1, 30), 2, np.int64)
    assert not alerts_of(Pulse(SECOND, counted // 2, counted), watch(rule), half)
    more = counted // 2
    more[0, 20] += 1
    assert [(one.fired, one.cleared) for one in alerts_of(Pulse(SECOND, more, counted), watch(rule), half)] == [
        (21 * SECOND, ON)
    ]


def test_an_alert_that_is_on_at_the_horizon_is_not_cleared():
    (alert,) = alerts_of(outage(1, after_s=0), watch(GOOGLE_30D[0]), THREE_NINES)
    assert alert.cleared == ON


def test_a_target_of_100_percent_never_alerts():
    assert not alerts_of(outage(5), watch(*GOOGLE_30D), (Objective("success", "success", 1.0),))


def test_only_the_objectives_of_the_alerts_are_watched():
    objectives = (*THREE_NINES, Objective("latency p95", "latency", 0.95, SECOND))
    pulse = Pulse(SECOND, np.repeat(outage(5).bad, 2, 0), np.repeat(outage(5).counted, 2, 0))
    rule = BurnRule("own", "page", HOUR, 5 * MINUTE, 5.0)
    some = Watch(SECOND, SECOND, 0, (rule,), frozenset({"latency p95"}))
    assert {one.objective for one in alerts_of(pulse, some, objectives)} == {1}


def test_alerts_that_overlap_are_one_page_and_tickets_are_none():
    page, ticket = GOOGLE_30D[0], GOOGLE_30D[2]
    spans = [(page, 10, 20), (page, 20, 30), (ticket, 31, 90), (page, 40, 50), (page, 45, ON)]
    made = [Alert(0, rule, a, b) for rule, a, b in spans]
    assert pages_of(made) == [(10, 30), (40, ON)]
    assert pages_of([one for one in made if one.rule is ticket]) == []


def test_burn_rates_are_bad_over_allowed():
    bad, counted = ints(0, 1, 0, 5), ints(10, 10, 0, 10)
    pulse = Pulse(SECOND, bad[np.newaxis], counted[np.newaxis])
    assert burn_rates(pulse, 0, 2 * SECOND, 0.9).tolist() == pytest.approx([0, 0.5, 1, 5])
    nothing = Pulse(SECOND, bad[np.newaxis] * 0, counted[np.newaxis] * 0)
    assert burn_rates(nothing, 0, 2 * SECOND, 0.9).tolist() == [0, 0, 0, 0]


def test_cells_are_widened_where_there_would_be_too_many():
    assert cell_length(7 * DAY, 30 * SECOND) == 30 * SECOND
    assert cell_length(365 * DAY, 30 * SECOND) == MINUTE
    assert cells_of(365 * DAY, MINUTE) <= MOST_CELLS < cells_of(365 * DAY, 30 * SECOND)


def test_the_pulse_counts_what_ended_in_a_cell_measured_or_not():
    early = {"action": 0, "arrival": -50, "start": -50, "end": 0, "outcome": 2, "reason": 4}
    rows = [early, *({"action": 1 + i, "arrival": i, "start": i, "end": 60 * SECOND - i} for i in range(2))]
    rows += [{"action": 9, "arrival": 5, "start": 5, "end": -1, "outcome": 5}]  # in flight: not there
    rows += [{"action": 10, "arrival": HORIZON - 1, "start": 0, "end": HORIZON + 1}]  # after the horizon
    pulse = pulse_of(HORIZON, 30 * SECOND, log_of(rows).actions, THREE_NINES)
    assert pulse.counted[0, :4].tolist() == [1, 1, 1, 0]
    assert (pulse.bad[0, 0], int(pulse.bad.sum()), int(pulse.counted.sum())) == (1, 1, 3)


# --- in a result ------------------------------------------------------------------------------------------------

STORM = (HOUR, 2 * HOUR)
"""The incident of the synthetic plan."""
SLO = Slo(success="99%")
FAST = {"name": "fast", "severity": "page", "long": "30min", "short": "5min", "burn": 14.4}


def struck(lost_from, lost_until, replication=0):
    """One action a second; all that arrive in [lost_from, lost_until) fail at once, and the plan's incident."""
    times = np.arange(0, HORIZON, SECOND)
    bad = (times >= lost_from) & (times < lost_until)
    rows = [
        {"action": i, "arrival": t, "start": t, "end": t, "first_token": t, "outcome": 2 * b, "reason": 4 * b}
        for i, (t, b) in enumerate(zip(times.tolist(), bad.tolist(), strict=True))
    ]
    incident = {"source": 0, "start": STORM[0], "end": STORM[1], "severity": 0}
    return log_of(rows, (), [incident], replication=replication)


def found_in(*logs, rules=(FAST,), **more):
    alerts = Alerts.model_validate({"rules": list(rules), "every": "1s", "volume": 1} | more)
    plan = synthetic_plan()
    tallies = [tally(plan, log, (Objective("success", "success", 0.99),), SECOND) for log in logs]
    return evidence_of(plan, tallies, SLO, alerts=alerts)


@pytest.fixture(scope="module")
def noticed():
    return found_in(struck(STORM[0] + 20 * SECOND, STORM[1]), struck(0, 0, replication=1))


def test_the_table_of_alerts(noticed):
    (row,) = alerts_table(noticed).to_dict("records")
    detected = 20 + 260  # 14.4 x 1 % x 30 min = 259.2 s of failures
    assert (row["replication"], row["objective"], row["rule"], row["incident"]) == (0, "success", "fast", "storm")
    assert row["time_to_detect_s"] == detected
    assert row["fired_s"] == 3600 + detected
    assert row["lasts_s"] == row["cleared_s"] - row["fired_s"] == 7200 + 257 - 3600 - detected  # 300 s - t < 43.2 s
    assert row["budget_spent"] == pytest.approx(260 / (0.01 * 21_600 * (30 * 24 / 6)))
    assert row["fired"].utcoffset() == row["cleared"].utcoffset()
    assert len(responses(noticed)) == 0


def test_metrics_of_alerts(noticed):
    pages = METRICS["pages_per_month"].formula(noticed)
    assert pages.value == pytest.approx(0.5 * 730 / 6)
    assert METRICS["time_to_detect_p50"].formula(noticed).value == 280
    assert METRICS["undetected_incidents_share"].formula(noticed).value == 0
    slow = found_in(struck(STORM[0], STORM[1]), rules=[FAST | {"burn": 120}])
    assert METRICS["undetected_incidents_share"].formula(slow).value == 1
    assert METRICS["time_to_detect_p50"].formula(slow).value is None
    assert METRICS["undetected_incidents_share"].formula(found_in(struck(0, 0))).note.startswith("no objective")
    tickets = found_in(struck(*STORM), rules=[FAST | {"severity": "ticket"}])
    assert METRICS["pages_per_month"].formula(tickets).value is None


def test_the_burn_of_the_picture_is_the_highest_of_each_span(noticed):
    label, burn, rules = burn_of(noticed, most=100)
    assert label == "success" and list(burn) == list(rules["name"]) == ["fast"]
    assert len(burn) <= 100 and float(burn.max().iloc[0]) == pytest.approx(100)
    assert burn_of(evidence_of(noticed.plan, noticed.tallies, SLO))[1].empty
