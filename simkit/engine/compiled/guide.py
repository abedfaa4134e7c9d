"""Which region serves whom: from the user to a region that serves."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.choice import FORBIDDEN_THERE, NOWHERE, choose_region
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.region import place, real_place
from simkit.laws.jit import apart, step
from simkit.laws.region import replicas_up
from simkit.plan.codes import Kind, Outcome

FAILED, REJECTED = int(Outcome.FAILED), int(Outcome.REJECTED)
RESIDENCY, REGION_DOWN = int(Kind.RESIDENCY), int(Kind.REGION_DOWN)
TRAVELS = 1
"""What the keys of such waits end with."""


@apart
def lead(m: Memory, f: Reals, a: int) -> int:
    """The action's client turns to a region; the step that follows."""
    while True:
        if tried(m, a) > at1(m, REGIONS_RETRIES, 0):
            return no_way(m, a, FAILED, REGION_DOWN)
        found = choose_region(m, f, a)
        if found == FORBIDDEN_THERE:
            return no_way(m, a, REJECTED, RESIDENCY)
        if found == NOWHERE:
            return no_way(m, a, FAILED, REGION_DOWN)
        m[a + A_SERVED_IN] = found
        delay = at3(m, REGIONS_RTT, m[M_EPOCH], m[a + A_HOME], found)
        if delay > 0:
            travel(m, a, ON_THE_WAY, delay)
            return NOTHING
        if is_up(m, f, a):
            return then(m, COME_IN, a)
        if at1(m, REGIONS_CONNECT_TIMEOUT, 0) > 0:
            give_up_region(m, a)
            travel(m, a, CUT_OFF_FROM, at1(m, REGIONS_CONNECT_TIMEOUT, 0))
            return NOTHING
        give_up_region(m, a)


@apart
def come_along(m: Memory, f: Reals, a: int) -> int:
    """A way is over, or the wait for a region that is down; the step that follows."""
    was = m[a + A_PLACE]
    m[a + A_PLACE] = OUTSIDE
    if was == ON_THE_WAY:
        if is_up(m, f, a):
            return then(m, COME_IN, a)
        give_up_region(m, a)
        if at1(m, REGIONS_CONNECT_TIMEOUT, 0) > 0:
            travel(m, a, CUT_OFF_FROM, at1(m, REGIONS_CONNECT_TIMEOUT, 0))
            return NOTHING
    return lead(m, f, a)


@step
def give_up_region(m: Memory, a: int) -> None:
    """The client has learnt that a region is down."""
    m[a + A_TRIED] |= 1 << region_of(m, a)


@step
def tried(m: Memory, a: int) -> int:
    """How many regions the client has turned to in vain."""
    count = 0
    for r in range(m[M_REGIONS]):
        count += m[a + A_TRIED] >> r & 1
    return count


@step
def is_up(m: Memory, f: Reals, a: int) -> bool:
    """Is the region there to which an action has come? Then that is how long it took."""
    r = region_of(m, a)
    if replicas_up(m[place(m, r) + G_REPLICAS], f[real_place(m, r) + H_AVAILABLE]) == 0:
        return False
    m[a + A_NETWORK] = m[M_NOW] - m[a + A_ARRIVAL]
    return True


@step
def travel(m: Memory, a: int, where: int, delay: int) -> None:
    """Some time on the network."""
    m[a + A_PLACE] = where
    m[a + A_DUE] = m[M_NOW] + delay
    schedule(m, m[a + A_DUE], WAITED, m[a + A_KEY] | TRAVELS, a)


@step
def no_way(m: Memory, a: int, outcome: int, kind: int) -> int:
    """No region serves it."""
    m[M_OUTCOME] = outcome
    m[M_KIND] = kind
    m[M_TRY] = NONE
    return then(m, FAIL if kind == RESIDENCY else END, a)
