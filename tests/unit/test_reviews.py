"""Reviews of incidents against counts by hand: recovery, detection, budget, cost, amplification, lessons."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_log import HORIZON, HOUR, SECOND, ints, log_of, random_log, synthetic_plan

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.result import recovery
from simkit.result.aftermath import lessons
from simkit.result.bottlenecks import bottlenecks
from simkit.result.evidence import evidence_of
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.page import Paragraph
from simkit.result.pulse import Pulse
from simkit.result.recovery import COLUMNS
from simkit.result.review_text import review_blocks, review_text
from simkit.result.reviews import cases, met_again, reviews
from simkit.result.tables_resilience import attempts_per_action, breakers
from simkit.result.tables_resilience import reviews as review_table
from simkit.result.tally import tally
from simkit.scenario.alerts import Alerts
from simkit.scenario.policy import Slo

PLAN = synthetic_plan()
MINUTE = 60 * SECOND
SLO = Slo(success="99%")
ALERTS = Alerts.model_validate(
    {"rules": [{"name": "fast", "severity": "page", "long": "10min", "short": "1min", "burn": 14.4}],
     "every": "1s", "volume": 1}
)  # fmt: skip
STORM = {"source": 0, "start": HOUR, "end": HOUR + 10 * MINUTE, "severity": 0}
OUTAGE = {"source": -1, "start": HOUR + 12 * MINUTE, "end": HOUR + 13 * MINUTE, "severity": 1}


def day(fate=lambda minute: {}, incidents=(STORM,), tries=lambda minute: 1, replication=0, attempt=lambda t: {}):
    """Ten actions in each minute; `fate` says how those of a minute end, `tries` how many attempts each makes."""
    actions, attempts = [], []
    for minute in range(HORIZON // MINUTE):
        for i in range(10):
            at = minute * MINUTE + i * 6 * SECOND
            number, made = minute * 10 + i, tries(minute)
            cost = 1000 * made
            row = {"action": number, "arrival": at, "start": at, "end": at, "first_token": at, "attempts": made}
            actions.append(row | {"cost": cost, "kind": 1} | fate(minute))
            attempts += [
                {"action": number, "call": 2, "attempt": t, "cost": 1000,
                 **dict.fromkeys(("dispatched", "started", "ended", "released"), at),
                  "cause": int(Cause.RETRY if t else Cause.FIRST)} | attempt(t)
                for t in range(made)
            ]  # fmt: skip
    return log_of(actions, attempts, incidents, replication=replication)


def lost_between(first, beyond):
    """All actions of some minutes fail."""
    bad = {"outcome": int(Outcome.FAILED), "reason": int(Kind.SERVER_ERROR), "first_token": -1}
    return lambda minute: bad if first <= minute < beyond else {}


def evidence(*logs, slo=SLO, alerts=ALERTS, plan=PLAN):
    tallies = [tally(plan, log, objectives_of(slo, patient_kinds(plan)), SECOND if alerts else 0) for log in logs]
    return evidence_of(plan, tallies, slo, alerts=alerts)


def only(found):
    (one,) = cases(found)
    return one


def test_an_incident_that_does_no_harm_is_over_when_it_ends():
    one = only(evidence(day()))
    assert (one.name, one.scheduled, one.recovered_s, one.detected_s, one.harmful) == ("storm", True, 0, None, False)
    assert (one.sum("ended"), one.sum("lost"), one.sum("served")) == (100, 0, 100)
    assert one.tries == one.usual("sent") == 1 and one.extra_usd == pytest.approx(0)


def test_all_is_well_from_the_first_of_five_good_minutes():
    one = only(evidence(day(lost_between(60, 73))))
    assert one.recovered_s == 3 * 60
    assert one.sum("lost") == 130 and one.sum("ended") == 130
    early = lambda minute: lost_between(60, 72)(minute) or lost_between(76, 77)(minute)  # noqa: E731
    assert only(evidence(day(early))).recovered_s == 7 * 60  # 72..75 are only four
    bad = {"outcome": int(Outcome.FAILED), "reason": 4, "first_token": -1}
    assert only(evidence(day(lambda minute: bad if minute >= 60 else {}))).recovered_s is None


def test_minutes_without_arrivals_are_left_out():
    log = day(lost_between(60, 72))
    minute = log.actions["arrival"] // MINUTE
    keep = ~np.isin(minute, [73, 74, 75])
    thin = replace(log, actions={name: column[keep] for name, column in log.actions.items()})
    mine = np.isin(log.attempts["action"], thin.actions["action"])
    thin = replace(thin, attempts={name: column[mine] for name, column in log.attempts.items()})
    assert only(evidence(thin)).recovered_s == 2 * 60
    assert only(evidence(thin)).sum("ended") == 120


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_it_does_not_matter_how_many_minutes_are_looked_at_together(at_once, monkeypatch):
    logs = [day(lost_between(60, 73)), day(lost_between(60, 72), [STORM, OUTAGE], lambda minute: 1 + (minute == 64))]
    found = [(cases(evidence(log)), evidence(log).tallies[0].recovery) for log in logs]
    monkeypatch.setattr(recovery, "AT_ONCE", at_once)
    for log, (before, recovered) in zip(logs, found, strict=True):
        again = evidence(log)
        assert [one.recovered_s for one in cases(again)] == [one.recovered_s for one in before]
        one, other = again.tallies[0].recovery, recovered
        assert (one.rest == other.rest).all()
        for mine, theirs in zip(one.stretches, other.stretches, strict=True):
            assert mine.worst == theirs.worst
            assert (mine.sums == theirs.sums).all() and (mine.after == theirs.after).all()


def test_two_counts_share_a_number():
    """(minutes, columns) with the cost in its place, of a table of (cost, and halves) by minutes."""
    most = 2**31 - 1
    table = np.zeros((1 + len(COLUMNS) // 2, 3), np.int64)
    table[0] = [5, 2**60, 7]
    table[1 + COLUMNS.index("ended") // 2] = [1 + (most << 32), 2**32 - 1, 3]
    minutes = recovery.Packed(table)
    assert len(minutes) == 3 and minutes[0:3].shape == (3, len(COLUMNS)) and minutes[:0].shape == (0, len(COLUMNS))
    assert minutes[0:3][:, COLUMNS.index("cost")].tolist() == [5, 2**60, 7]
    assert minutes[0:2][:, COLUMNS.index("ended")].tolist() == [1, 2**32 - 1]
    assert minutes[0:2][:, COLUMNS.index("served")].tolist() == [most, 0]
    assert minutes[1:3].sum() == 2**60 + 7 + 2**32 - 1 + 3


def test_99_percent_of_a_minute_is_enough_and_degraded_may_be_bad():
    rule = {"outcome": int(Outcome.DEGRADED), "reason": int(Kind.RULE)}
    log = day(lambda minute: rule if 60 <= minute < 75 else {})
    one = only(evidence(log))
    assert (one.recovered_s, one.sum("degraded"), one.sum("rule")) == (0, 100, 100)
    strict = only(evidence(log, slo=Slo(success="99%", degraded="bad")))
    assert (strict.recovered_s, strict.harmful, strict.sum("rule")) == (5 * 60, True, 150)


def test_an_incident_that_begins_before_all_is_well_is_one_with_the_first():
    found = evidence(day(lost_between(60, 71), [STORM, OUTAGE]))
    assert [one.name for one in cases(found)] == ["storm", "beta down"]  # well again at 71, and it begins at 72
    both = only(evidence(day(lost_between(60, 73), [OUTAGE, STORM])))
    assert (both.name, both.scheduled) == ("storm + beta down", False)
    assert both.stretch.end == OUTAGE["end"]
    assert both.recovered_s == 0


def test_incidents_outside_of_the_measured_time_are_not_reviewed():
    late = STORM | {"start": HORIZON, "end": HORIZON + HOUR}
    early = STORM | {"start": -HOUR, "end": 0}
    assert cases(evidence(day(incidents=[late, early]))) == ()
    over = only(evidence(day(incidents=[STORM | {"start": -HOUR, "end": MINUTE}])))
    assert over.sum("ended") == 10


def test_detection_budget_cost_and_amplification():
    found = evidence(day(lost_between(60, 70), tries=lambda minute: 4 if 60 <= minute < 70 else 1))
    one = only(found)
    assert one.detected_s == one.alert.fired / 1e9 - 3600 > 0
    assert one.budgets == {"success": pytest.approx(100 / (0.01 * 3600 * 120))}
    assert one.extra_usd == pytest.approx((100 * 4000 - 100 * 1000) / 1e12)
    assert (one.tries, one.usual("sent"), one.worst) == (4, 1, 4)
    row = review_table(found).iloc[0]
    assert (row["replication"], row["name"], row["runs"], row["lost"]) == (-1, "storm", 1, 100)
    assert (row["amplification"], row["attempts_per_action"], row["worst_minute_amplification"]) == (4, 4, 4)
    assert (row["detected_share"], row["recovered_share"], row["recovery_s"]) == (1, 1, 0)
    assert row["start"].hour == 20  # 19:00 in New York is the start


def answered(found, *minutes):
    """The same with a responder who acts so many minutes after the storm's start, by replication (None: not at all)."""
    done = [() if m is None else ((HOUR + MINUTE, HOUR + m * MINUTE, 2 * HOUR),) for m in minutes]
    runs = tuple(replace(one, responses=rows) for one, rows in zip(found.tallies, done, strict=True))
    return replace(found, tallies=runs)


def test_an_incident_is_mitigated_when_all_is_well_before_it_ends_by_itself():
    """A storm of ten minutes (60 to 70): what is lost, when somebody acts, and when that has helped."""
    cases_ = [
        (62, 2, 120),  # with the action
        (64, 2, 235),  # after it: the last one is lost in the second from 63 min 54 s on
        (62, 5, 300),  # before it
        (62, 6, None),  # too late to tell from the end of the storm
        (66, 2, None),  # likewise
        (70, 2, None),  # not at all
    ]
    for until, acts, helped in cases_:
        told = answered(evidence(day(lost_between(60, until))), acts)
        assert (only(told).acted_s, only(told).mitigated_s) == (acts * 60, helped), (until, acts)


def test_help_counts_only_if_it_lasts_five_minutes():
    relapse = lambda minute: lost_between(60, 62)(minute) or lost_between(64, 66)(minute)  # noqa: E731
    long = STORM | {"end": HOUR + 20 * MINUTE}
    assert only(answered(evidence(day(relapse, [long])), 1)).mitigated_s == 355  # 62 and 63 are two minutes only


def test_help_is_that_every_objective_is_met_again():
    """Cells of a minute; the second objective, which allows a tenth, is met again two minutes after the first."""
    bad, counted = np.zeros((2, 20), np.int64), np.full((2, 20), 10)
    bad[0, :6], bad[1, :8] = 5, 2
    pulse = Pulse(MINUTE, bad, counted)
    assert met_again(pulse, [0.01, 0.1], 3 * MINUTE, 20 * MINUTE) == 6 * MINUTE  # 2 x 2 of 50 are less than a tenth
    assert met_again(pulse, [0.01, 0.01], 3 * MINUTE, 20 * MINUTE) == 8 * MINUTE
    assert met_again(pulse, [0.01, 0.01], 9 * MINUTE + 1, 20 * MINUTE) == 10 * MINUTE
    assert met_again(pulse, [0.01, 0.01], 9 * MINUTE, 14 * MINUTE) == 9 * MINUTE
    assert met_again(pulse, [0.01, 0.01], 9 * MINUTE, 14 * MINUTE - 1) is None  # four minutes and 59 s
    assert met_again(Pulse(MINUTE, bad, counted * 0), [0.01, 0.1], 10 * MINUTE, 20 * MINUTE) is None  # nobody is there


def test_a_storm_that_outlives_its_cause_may_be_mitigated_after_the_cause():
    told = answered(evidence(day(lost_between(60, 80))), 15)
    assert (only(told).acted_s, only(told).mitigated_s, only(told).recovered_s) == (900, 1195, 600)


def test_what_is_usual_is_good_enough():
    """One of ten always fails, which misses the objective always: back to that is as good as it gets."""
    bad = {"outcome": int(Outcome.FAILED), "reason": int(Kind.SERVER_ERROR), "first_token": -1}
    log = day(
        lambda minute: bad if minute % 10 == 5 or 60 <= minute < 66 else {}, [STORM | {"end": HOUR + 20 * MINUTE}]
    )
    assert only(answered(evidence(log), 2)).mitigated_s == 325  # five of the fifty from then on fail


def test_the_text_says_whether_it_helped():
    logs = [day(lost_between(60, 64), replication=0), day(lost_between(60, 70), replication=1)]
    one, other = (evidence(log) for log in logs)
    helped, vain = answered(one, 2), answered(other, 2)
    assert ", acted on after 2 min, mitigated after 3 min 55 s, " in review_text(helped, reviews(helped)[0])
    assert ", acted on after 2 min, not mitigated, " in review_text(vain, reviews(vain)[0])
    both = answered(evidence(*logs), 2, 2)
    assert ", acted on after 2 min, mitigated in 1 of 2 replications after 3 min 55 s, " in review_text(
        both, reviews(both)[0]
    )
    row = review_table(both).iloc[0]
    assert (row["acted_share"], row["acted_s"], row["mitigated_share"], row["mitigated_s"]) == (1, 120, 0.5, 235)
    never = review_table(answered(one, None)).iloc[0]
    assert (never["acted_share"], never["mitigated_share"]) == (0, 0) and np.isnan(never["mitigated_s"])


def test_scheduled_incidents_are_pooled_and_random_ones_are_not():
    logs = [day(lost_between(60, 70), [STORM, OUTAGE | {"start": 3 * HOUR, "end": 3 * HOUR + 60}], replication=0),
            day(incidents=[STORM, OUTAGE | {"start": 4 * HOUR, "end": 4 * HOUR + 60}], replication=1)]  # fmt: skip
    found = evidence(*logs)
    pooled, *alone = reviews(found)
    assert (pooled.first.name, pooled.replication, len(pooled.cases)) == ("storm", -1, 2)
    assert [(one.first.name, one.replication) for one in alone] == [("beta down", 0), ("beta down", 1)]
    assert review_table(found)["lost"].tolist() == [50, 0, 0]
    assert "in 1 of 2 replications" in review_text(found, pooled)


def test_the_text_of_a_review():
    ends = [{"outcome": int(Outcome.DEGRADED), "reason": int(Kind.RULE)},
            {"outcome": int(Outcome.ABANDONED), "reason": int(Kind.IMPATIENT), "first_token": -1}]  # fmt: skip
    fates = {60 + m: ends[m] if m < 2 else lost_between(60, 80)(60 + m) for m in range(13)}
    found = evidence(day(lambda minute: fates.get(minute, {}), tries=lambda minute: 4 if 60 <= minute < 73 else 1))
    (heading, block) = review_blocks(found)
    assert heading.text == "Incidents" and isinstance(block, Paragraph) and block.tone == "bad"
    assert block.lead == "storm, Sun 1 Nov 20:00–20:10:"
    said = block.text.split("; ")
    assert said[0].startswith("Detected after ") and said[0].endswith("(page, 14.4x), 110 lost, 10 by rule, 10 gave up")
    assert said[1] == "2.78 % of the error budget of 30 d (success)"
    assert said[-2:] == ["4 attempts per action against 1", "well again 3 min after its end."]
    assert "page" not in review_blocks(evidence(day(), alerts=None))[1].text
    assert "nothing lost" in review_blocks(evidence(day()))[1].text
    assert "not noticed" in review_blocks(evidence(day()))[1].text.lower()
    assert review_blocks(evidence(day(incidents=[]))) == []


def test_the_page_shows_the_worst_and_says_how_many_more_there_are():
    outages = [OUTAGE | {"start": m * MINUTE, "end": (m + 1) * MINUTE} for m in range(20, 200, 20)]
    bad = lost_between(0, 200)
    blocks = review_blocks(evidence(day(lambda minute: {} if minute % 20 else bad(minute), outages)))
    assert len(blocks) == 1 + 6 + 1
    assert blocks[-1].text.startswith("3 more")
    assert any("10 lost" in block.text for block in blocks)


# --- lessons ------------------------------------------------------------------------------------------------


def told(found):
    return lessons(found, bottlenecks(found))


def test_a_fallback_that_is_too_small_is_named_with_its_limit():
    def attempt(t):
        if t == 0:
            return {"outcome": int(Kind.SERVER_ERROR)}
        return {"cause": int(Cause.FALLBACK), "outcome": int(Kind.RATE_LIMIT), "limit": 1, "rung": 1, "started": -1}

    found = evidence(day(lost_between(60, 70), tries=lambda minute: 2 if 60 <= minute < 70 else 1, attempt=attempt))
    (text,) = told(found)
    assert text == (
        "The fallback is too small: while `storm` lasts, 100 % of the calls that fall back are turned away by"
        " alpha_org: requests (100/min), and 100 % of the actions are lost."
    )
    assert told(evidence(day(tries=lambda minute: 2, attempt=attempt))) == ()  # nothing is lost


def test_a_storm_of_retries_that_outlives_its_cause():
    storm = day(lost_between(60, 200), tries=lambda minute: 4 if 60 <= minute < 200 else 1)
    (text,) = told(evidence(storm))
    assert text == (
        "A storm of retries outlives `storm`: for 2 h 10 min after its end, 0 % succeed at 4 attempts per action"
        " against 1."
    )
    forever = day(lost_between(60, 360), tries=lambda minute: 4 if minute >= 60 else 1)
    assert "5 min" not in told(evidence(forever))[0] and "it is not over" in told(evidence(forever))[0]
    quiet = day(lost_between(60, 200))
    assert told(evidence(quiet)) == ()  # no more attempts than usual: it is something else
    short = day(lost_between(60, 75), tries=lambda minute: 4 if 60 <= minute < 75 else 1)
    assert told(evidence(short)) == ()  # five minutes are no storm


def test_retries_that_stand_on_retries_and_gain_nothing():
    stacked = day(lost_between(60, 70), tries=lambda minute: 9 if 60 <= minute < 70 else 1)
    (text,) = told(evidence(stacked))
    assert text == (
        "Retries stand on retries: while `storm` lasts, every action makes 9 attempts against 1, and 100 % of the"
        " actions are lost all the same."
    )
    assert told(evidence(day(tries=lambda minute: 9 if 60 <= minute < 70 else 1))) == ()  # they helped
    assert told(evidence(day(lost_between(60, 70), tries=lambda minute: 4 if 60 <= minute < 70 else 1))) == ()


def slowed(log, breakers=(), probes=0):
    """A run whose incident only slows down, with these openings (seconds) of the breaker of `large/beta`."""
    names = ("time", "replica", "place", "state", "until")
    rows = [dict(zip(names, (at * SECOND, 0, 2, 1, (at + 5) * SECOND), strict=True)) for at in breakers]
    log = replace(log, breakers=log_of([], breakers=rows).breakers)
    hard = PLAN.incidents._replace(
        slowdown=np.full_like(PLAN.incidents.slowdown, 8.0), error_rate=np.zeros_like(PLAN.incidents.error_rate)
    )
    breaker = PLAN.breaker._replace(probes=ints(probes, probes))
    return evidence(log, plan=synthetic_plan(incidents=hard, breaker=breaker))


def test_a_brownout_that_no_breaker_sees():
    (text,) = told(slowed(day(lost_between(60, 70))))
    assert text.startswith("No breaker opens while `storm` lasts: slow answers are no failures.")
    assert told(slowed(day(lost_between(60, 70)), breakers=[3700])) == ()
    assert told(slowed(day())) == ()  # no harm
    assert told(evidence(day(lost_between(60, 70)))) == ()  # errors, too


def test_a_breaker_that_flaps():
    often = [3600 + 20 * k for k in range(25)]
    (text,) = told(slowed(day(), breakers=often))
    assert text.startswith("A breaker flaps: large/beta opens 25 times while `storm` lasts: after each cooldown")
    assert "Half-open" not in told(slowed(day(), breakers=often, probes=3))[0]
    assert told(slowed(day(), breakers=often[:10])) == ()
    assert told(slowed(day(), breakers=[8000 + one for one in often])) == ()  # outside of the incident


# --- other tables -------------------------------------------------------------------------------------------------


def test_attempts_per_action_in_incidents_and_outside():
    found = attempts_per_action(evidence(day(tries=lambda minute: 3 if 60 <= minute < 70 else 1)))
    assert found["attempts"].tolist() == [0, 1, 2, 3]
    assert found["in_incidents"].tolist() == [0, 0, 0, 100]
    assert found["outside"].tolist() == [0, 3500, 0, 0]


def test_openings_of_breakers_end_by_probes_by_themselves_or_not():
    rows = [(10, 0, 2, 1, 20), (15, 1, 2, 1, 40), (25, 0, 2, 0, -1), (30, 0, 2, 1, 40), (41, 0, 2, 1, 50)]
    names = ("time", "replica", "place", "state", "until")
    log = log_of([], breakers=[dict(zip(names, row, strict=True)) for row in rows])
    by_probes = evidence(log, plan=synthetic_plan(breaker=PLAN.breaker._replace(probes=ints(3, 3))))
    found = breakers(by_probes)
    assert (found["closed_s"] * 1e9).fillna(-1).round().tolist() == [25, -1, -1, -1]
    assert set(found["place"]) == {"large/beta"}
    assert (breakers(evidence(log))["closed_s"] * 1e9).round().tolist() == [20, 40, 40, 50]
    provider = synthetic_plan(breaker=PLAN.breaker._replace(by_provider=np.ones(1, bool)))
    log = log_of([], breakers=[dict(zip(names, (10, 0, -2, 1, 20), strict=True))])
    assert breakers(evidence(log, plan=provider))["place"].tolist() == ["beta"]


def test_sums_of_stretches_and_the_rest_are_all():
    for seed in range(3):
        found = tally(PLAN, random_log(seed), ())
        whole = sum(one.sums for one in found.recovery.stretches) + found.recovery.rest
        for name, series in (("sent", "sent"), ("degraded", "degraded"), ("abandoned", "abandoned")):
            assert int(whole[COLUMNS.index(name)]) == found.total(series)
        spent = sum(found.total(name) for name in ("cost", "people", "lookup_cost", "tool_cost"))
        assert int(whole[COLUMNS.index("cost")]) == spent
        by_rule = found.total("rejected_quota") + found.total("rejected_budget")  # as in good times
        assert int(whole[COLUMNS.index("ended")]) == found.total("arrived") - found.total("censored") - by_rule


def test_a_relapse_is_no_mitigation():
    """Five good minutes, then the rest is bad: what was done did not end it."""
    bad, counted = np.zeros((1, 30), np.int64), np.full((1, 30), 10)
    bad[0, :5], bad[0, 12:] = 10, 10
    assert met_again(Pulse(MINUTE, bad, counted), [0.01], 4 * MINUTE, 30 * MINUTE) is None
    bad[0, 12:] = 0
    assert met_again(Pulse(MINUTE, bad, counted), [0.01], 4 * MINUTE, 30 * MINUTE) == 5 * MINUTE
