"""Slots and queues of the deployments, where attempts wait in one line each. Those of the own service: `region`."""

from simkit.engine.compiled.agenda import follow_up
from simkit.engine.compiled.memory import (
    CONCURRENCY,
    D_BUSY,
    D_PEAK,
    D_QUEUE,
    D_SERVED,
    D_WAITING,
    GRANT_ATTEMPT,
    GRANTED,
    M_EPOCH,
    NONE,
    OUTSIDE,
    QUEUE,
    QUEUED,
    SERVED,
    STATION_WIDTH,
    STATIONS,
    T_DEPLOYMENT,
    T_KEY,
    T_LINE,
    T_PLACE,
    Memory,
    at2,
)
from simkit.laws.jit import step


@step
def join(m: Memory, line: int, link: int, row: int) -> None:
    """Append a row to a line: addresses of the first and the last. Two columns from `link` on hold its neighbours."""
    last = m[line + 1]
    m[row + link] = NONE
    m[row + link + 1] = last
    if last == NONE:
        m[line] = row
    else:
        m[last + link] = row
    m[line + 1] = row


@step
def quit_line(m: Memory, line: int, link: int, row: int) -> None:
    """Take a row out of a line, wherever it stands."""
    after, before = m[row + link], m[row + link + 1]
    if before == NONE:
        m[line] = after
    else:
        m[before + link] = after
    if after == NONE:
        m[line + 1] = before
    else:
        m[after + link + 1] = before


@step
def station(m: Memory, n: int) -> int:
    """Address of the slots and the queue of a deployment."""
    return m[STATIONS] + n * STATION_WIDTH


@step
def ask_deployment(m: Memory, t: int) -> bool:
    """A slot or a place in the deployment's queue for an attempt; False when that is full."""
    n = m[t + T_DEPLOYMENT]
    d = station(m, n)
    if m[d + D_BUSY] < at2(m, CONCURRENCY, m[M_EPOCH], n):
        take_slot(m, d)
        m[t + T_PLACE] = SERVED
        return True
    if m[d + D_WAITING] >= at2(m, QUEUE, m[M_EPOCH], n):
        return False
    m[t + T_PLACE] = QUEUED
    join(m, d + D_QUEUE, T_LINE, t)
    m[d + D_WAITING] += 1
    return True


@step
def take_slot(m: Memory, d: int) -> None:
    """One more slot of a deployment is taken."""
    m[d + D_BUSY] += 1
    m[d + D_PEAK] = max(m[d + D_PEAK], m[d + D_BUSY])


@step
def leave_deployment(m: Memory, t: int) -> None:
    """Give up slot or queue place; a slot passes on."""
    n, place = m[t + T_DEPLOYMENT], m[t + T_PLACE]
    d = station(m, n)
    m[t + T_PLACE] = OUTSIDE
    if place == OUTSIDE:
        return
    if place == QUEUED:
        quit_line(m, d + D_QUEUE, T_LINE, t)
        m[d + D_WAITING] -= 1
        return
    if place == SERVED:
        quit_line(m, d + D_SERVED, T_LINE, t)
    m[d + D_BUSY] -= 1
    grant_attempts(m, n)


@step
def grant_attempts(m: Memory, n: int) -> None:
    """Hand free slots of a deployment to those who wait."""
    d = station(m, n)
    while m[d + D_WAITING] > 0 and m[d + D_BUSY] < at2(m, CONCURRENCY, m[M_EPOCH], n):
        t = m[d + D_QUEUE]
        quit_line(m, d + D_QUEUE, T_LINE, t)
        m[d + D_WAITING] -= 1
        take_slot(m, d)
        m[t + T_PLACE] = GRANTED
        follow_up(m, GRANT_ATTEMPT, t, m[t + T_KEY], 0)
