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
