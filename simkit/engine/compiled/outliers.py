"""Outliers: at every sweep, the places whose share of successes is far below that of the others are opened."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.breaker import breaker_at, look, open_up
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.laws.breaker import OPEN
from simkit.laws.jit import apart, step
from simkit.laws.outlier import is_outlier, outlier_limit


@step
def next_sweep(m: Memory) -> None:
    """Put the next sweep on the agenda."""
    every = at1(m, BREAKER_SWEEP, m[M_EPOCH])
    schedule(m, (m[M_NOW] // every + 1) * every, TICKS, 0, 0)


@apart
def sweep(m: Memory, f: Reals) -> None:
    """Compare places with each other, for every copy of the layer, and begin to count anew."""
    copies, size = length(m, RESULTS), m[RESULTS + 2]
    for replica in range(copies):
        if at1(m, BREAKER_BY_PROVIDER, 0) == 1:
            compare(m, f, replica, 0, 0, size)
        else:
            for model in range(length(m, MODEL_BALANCE)):
                first, beyond = at1(m, FIRST_DEPLOYMENT, model), at1(m, FIRST_DEPLOYMENT, model + 1)
                compare(m, f, replica, model, first, beyond)
    for i in range(copies * m[RESULTS + 1]):
        m[m[RESULTS] + i] = 0
    next_sweep(m)


@apart
def compare(m: Memory, f: Reals, replica: int, model: int, first: int, beyond: int) -> None:
    """Open the outliers among some places; those that are open already are not looked at."""
    e, good = m[M_EPOCH], m[RESULTS] + replica * m[RESULTS + 1]
    bad, fewest = good + m[RESULTS + 2], at1(m, BREAKER_OUTLIER_REQUESTS, e)
    for place in range(first, beyond):
        if look(m, breaker_at(m, replica, place)) == OPEN:
            m[good + place] = m[bad + place] = 0
    limit = outlier_limit(
        view(m, good + first, (beyond - first,)), view(m, bad + first, (beyond - first,)), fewest,
        at1(m, BREAKER_OUTLIER_HOSTS, e), real1(m, f, BREAKER_OUTLIER_DEVIATIONS, e),
    )  # fmt: skip
    for place in range(first, beyond):
        if is_outlier(m[good + place], m[bad + place], fewest, limit):
            open_up(m, replica, place, model, 0)
