"""Regions: slots of the own service by place, replicas, and what incidents leave of them."""

from simkit.engine.compiled.agenda import follow_up
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.station import join, quit_line
from simkit.laws.jit import apart, step
from simkit.laws.region import replicas_up, slots
from simkit.plan.codes import Notice
from simkit.plan.plan import NEVER

AVAILABLE, PUBLISHED, PAID = (int(notice) for notice in Notice)


@step
def place(m: Memory, r: int) -> int:
    """Address of a region."""
    return m[PLACES] + r * PLACE_WIDTH


@step
def real_place(m: Memory, r: int) -> int:
    """Address of a region among the reals."""
    return m[PLACES_REAL] + r * PLACE_REALS


@step
def line_of(m: Memory, a: int) -> int:
    """Address of the line of its region's queue in which an action stands."""
    return m[LINES] + region_of(m, a) * m[LINES + 1] + 2 * m[a + A_CLASS]


@step
def account(m: Memory, g: int) -> None:
    """Where an autoscaler looks: add what was busy and there since the last change."""
    if m[g + G_SCALES] == 1:
        lasted = m[M_NOW] - m[g + G_SINCE]
        m[g + G_SINCE] = m[M_NOW]
        m[g + G_BUSY_NS] += m[g + G_BUSY] * lasted
        m[g + G_CAPACITY_NS] += m[g + G_CAPACITY] * lasted


@step
def ask_service(m: Memory, a: int) -> bool:
    """A slot of the region's service or a place in its queue for an action; False when that is full."""
    r = region_of(m, a)
    g = place(m, r)
    if m[g + G_BUSY] < m[g + G_CAPACITY]:
        account(m, g)
        m[g + G_BUSY] += 1
        m[a + A_PLACE] = SERVED
        return True
    if m[g + G_WAITING] >= at2(m, SERVICE_QUEUE, m[M_EPOCH], r):
        return False
    m[a + A_PLACE] = QUEUED
    join(m, line_of(m, a), A_QUEUE, a)
    m[g + G_WAITING] += 1
    return True


@step
def leave_service(m: Memory, a: int) -> None:
    """Give up slot or queue place; a slot passes on."""
    place_taken, r = m[a + A_PLACE], region_of(m, a)
    g = place(m, r)
    m[a + A_PLACE] = OUTSIDE
    if place_taken == QUEUED:
        quit_line(m, line_of(m, a), A_QUEUE, a)
        m[g + G_WAITING] -= 1
    elif place_taken != OUTSIDE:
        account(m, g)
        m[g + G_BUSY] -= 1
        grant_actions(m, r)
    if m[M_LOGS_REGIONS] == 1 and m[g + G_BUSY] >= m[g + G_CAPACITY]:
        bill_replicas(m, r)


@step
def grant_actions(m: Memory, r: int) -> None:
    """Hand free slots of a region to those who wait, the lowest priority number first."""
    g = place(m, r)
    while m[g + G_WAITING] > 0 and m[g + G_BUSY] < m[g + G_CAPACITY]:
        line = m[LINES] + r * m[LINES + 1]
        while m[line] == NONE:
            line += 2
        a = m[line]
        quit_line(m, line, A_QUEUE, a)
        account(m, g)
        m[g + G_WAITING] -= 1
        m[g + G_BUSY] += 1
        m[a + A_PLACE] = GRANTED
        follow_up(m, GRANT_ACTION, a, m[a + A_NUMBER], 0)


@step
def come_to(m: Memory, a: int) -> None:
    """An action is in its region from now on."""
    m[place(m, region_of(m, a)) + G_PRESENT] += 1


@step
def go_from(m: Memory, a: int) -> None:
    """An action leaves its region, if it ever came there."""
    if is_here(m, a):
        leave_service(m, a)
        m[place(m, region_of(m, a)) + G_PRESENT] -= 1


@apart
def resize(m: Memory, f: Reals, r: int) -> None:
    """The number of replicas of a region, what is left of them, or their size has changed."""
    g = place(m, r)
    account(m, g)
    up = replicas_up(m[g + G_REPLICAS], f[real_place(m, r) + H_AVAILABLE])
    m[g + G_CAPACITY] = slots(at2(m, WORKERS, m[M_EPOCH], r), up)
    grant_actions(m, r)
    bill_replicas(m, r)


@apart
def change_region(m: Memory, f: Reals, r: int) -> None:
    """Other numbers."""
    g = place(m, r)
    if m[g + G_SCALES] == 0:
        m[g + G_REPLICAS] = at2(m, REPLICAS_AT_FIRST, m[M_EPOCH], r)
    else:
        m[g + G_REPLICAS] = within(m, r, m[g + G_REPLICAS])
    resize(m, f, r)


@step
def within(m: Memory, r: int, replicas: int) -> int:
    """As many as may be."""
    least, most = at2(m, SCALING_MINIMUM, m[M_EPOCH], r), at2(m, SCALING_MAXIMUM, m[M_EPOCH], r)
    return max(least, min(replicas, most))


@apart
def bill_replicas(m: Memory, r: int) -> None:
    """Write down how many replicas are paid, if that has changed: those there, ordered, or about to go."""
    if m[M_LOGS_REGIONS] == 0:
        return
    g, workers, going = place(m, r), at2(m, WORKERS, m[M_EPOCH], r), 0
    if workers < NEVER:
        going = max(0, -(-(m[g + G_BUSY] - slots(workers, m[g + G_REPLICAS])) // max(workers, 1)))
    paid = m[g + G_REPLICAS] + going + m[g + G_ORDERED]
    if paid != m[g + G_PAID]:
        m[g + G_PAID] = paid
        note(m, r, PAID, paid)


@apart
def note(m: Memory, r: int, what: int, value: int) -> None:
    """A row of the log."""
    row = m[M_REGION_PAGE] + m[M_REGION_ROWS] * REGION_LOGGED
    m[M_REGION_ROWS] += 1
    m[row] = m[M_NOW]
    m[row + 1] = r
    m[row + 2] = what
    m[row + 3] = value


@step
def ppb(share: float) -> int:
    """A share in the log."""
    return int(share * 1e9 + 0.5)
