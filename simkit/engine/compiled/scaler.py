"""Autoscalers: they look at the load of a region at regular times, order replicas, let others go."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.region import account, bill_replicas, place, resize, within
from simkit.laws.jit import apart, step
from simkit.laws.region import wanted
from simkit.plan.codes import Tick

LOOK, READY = int(Tick.LOOK), int(Tick.READY)


@step
def next_look(m: Memory, r: int) -> None:
    """Put the next look on the agenda."""
    schedule(m, m[M_NOW] + at1(m, SCALING_INTERVAL, r), TICKS, LOOK | r, 0)


@apart
def look_at_load(m: Memory, f: Reals, r: int) -> None:
    """More replicas are ordered at once; fewer there are when none of the last looks asked for more."""
    g, e = place(m, r), m[M_EPOCH]
    account(m, g)
    found = wanted(
        m[g + G_REPLICAS], m[g + G_BUSY_NS], m[g + G_CAPACITY_NS], real2(m, f, SCALING_TARGET, e, r),
        real1(m, f, SCALING_TOLERANCE, r), m[g + G_WAITING], at2(m, SCALING_QUEUE, e, r),
    )  # fmt: skip
    found = within(m, r, found)
    m[g + G_BUSY_NS] = m[g + G_CAPACITY_NS] = 0
    most = most_asked(m, r, found)
    total = m[g + G_REPLICAS] + m[g + G_ORDERED]
    if found > total:
        order(m, r, found - total)
    elif m[g + G_ORDERED] == 0 and most < m[g + G_REPLICAS]:
        m[g + G_REPLICAS] = most
        resize(m, f, r)
    next_look(m, r)


@step
def most_asked(m: Memory, r: int, found: int) -> int:
    """The most that was asked for within the stabilisation, now included."""
    g, ring, memory = place(m, r), m[ASKED] + r * m[ASKED + 1], at1(m, SCALING_MEMORY, r)
    m[ring + m[g + G_LOOKS] % memory] = found
    m[g + G_LOOKS] += 1
    for i in range(min(m[g + G_LOOKS], memory)):
        found = max(found, m[ring + i])
    return found


@step
def order(m: Memory, r: int, number: int) -> None:
    """New replicas come after a while."""
    m[place(m, r) + G_ORDERED] += number
    schedule(m, m[M_NOW] + at1(m, SCALING_DELAY, r), TICKS, READY | r, number)
    bill_replicas(m, r)


@apart
def replicas_come(m: Memory, f: Reals, r: int, number: int) -> None:
    """Replicas that were ordered are there."""
    g = place(m, r)
    m[g + G_ORDERED] -= number
    m[g + G_REPLICAS] += number
    resize(m, f, r)
