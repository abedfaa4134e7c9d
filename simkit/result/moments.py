"""Moments of a scenario in its own time zone, for the page that a run prints: for that nobody waits for pandas."""

from datetime import datetime, timedelta

from simkit.plan.plan import Ints
from simkit.result.evidence import Evidence
from simkit.scenario.zones import EPOCH, zone_of


def moments(evidence: Evidence, ns: Ints) -> list[datetime]:
    """Local times, to the microsecond; the tables have them to the nanosecond (`tables.local_times`)."""
    zone = zone_of(evidence.plan.timezone)
    micros = ((ns + evidence.plan.start_utc) // 1000).tolist()
    return [(EPOCH + timedelta(microseconds=one)).astimezone(zone) for one in micros]
