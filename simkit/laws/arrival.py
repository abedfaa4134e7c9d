"""Arrivals of a non-homogeneous renewal process, by time change."""

from simkit.laws.jit import Floats, Ints, law
from simkit.laws.sample import whole


@law
def arrival_time(operational: float, segment: int, start: Ints, rate: Floats, cumulative: Floats) -> tuple[int, int]:
    """When operational time is reached: (ns, segment); (end of arrivals, last segment + 1) if never.

    Arrivals form a renewal process of mean gap 1 in operational time, and operational time is the
    expected number of arrivals (Cinlar 1975, section 4.7: time change of a Poisson process;
    Gerhardt and Nelson 2009 for renewal processes). `segment` is where the previous arrival was.
    """
    last = len(rate)
    while segment < last and operational >= cumulative[segment + 1]:
        segment += 1
    if segment == last:
        return int(start[last]), last
    return int(start[segment]) + whole((operational - cumulative[segment]) / rate[segment]), segment


@law
def operational_at(time: int, segment: int, start: Ints, rate: Floats, cumulative: Floats) -> tuple[float, int]:
    """The operational time of a moment in ns, and its segment; `segment` is one before it or its own."""
    last = len(rate)
    while segment < last and time >= start[segment + 1]:
        segment += 1
    if segment == last:
        return float(cumulative[last]), last
    return float(cumulative[segment]) + float(time - start[segment]) * float(rate[segment]), segment


@law
def remaining(left: float, since: float, now: float, pace: float) -> float:
    """What is left until the next arrival after the operational time from `since` to `now`, walked at a pace."""
    return max(0.0, left - (now - since) * pace)
