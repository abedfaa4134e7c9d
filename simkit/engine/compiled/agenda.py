"""What comes next: a binary heap of timed events, and the FIFO of follow-ups."""

from simkit.engine.compiled.memory import (
    E_ORDER,
    E_ROW,
    E_TIME,
    EVENT_WIDTH,
    FOLLOW_UP_WIDTH,
    KEY_BITS,
    M_AGENDA,
    M_EVENT,
    M_FIFO,
    M_TAIL,
    Q_CHECK,
    Q_ROW,
    Q_VALUE,
    Q_WHAT,
    Memory,
)
from simkit.laws.jit import step


@step
def earlier(m: Memory, event: int, time: int, order: int) -> bool:
    """Is the event at an address before (time, order)? Without a branch: nobody can foretell it."""
    return (m[event + E_TIME] < time) | ((m[event + E_TIME] == time) & (m[event + E_ORDER] < order))


@step
def put(m: Memory, event: int, time: int, order: int, row: int) -> None:
    """Write an event at an address."""
    m[event + E_TIME] = time
    m[event + E_ORDER] = order
    m[event + E_ROW] = row


@step
def move(m: Memory, event: int, place: int) -> None:
    """Copy an event to a place of the heap."""
    put(m, m[M_AGENDA] + place * EVENT_WIDTH, m[event + E_TIME], m[event + E_ORDER], m[event + E_ROW])


@step
def schedule(m: Memory, time: int, event_class: int, key: int, row: int) -> None:
    """Put a timed event on the agenda; those of the same time go by class, then by key (58 bits)."""
    heap, i, order = m[M_AGENDA], m[M_EVENT], event_class << KEY_BITS | key
    m[M_EVENT] += 1
    while i > 0:
        parent = (i - 1) >> 1
        above = heap + parent * EVENT_WIDTH
        if earlier(m, above, time, order):
            break
        move(m, above, i)
        i = parent
    put(m, heap + i * EVENT_WIDTH, time, order, row)


@step
def take_first(m: Memory) -> None:
    """Remove the first event of the agenda: the last one sinks from the top to its place."""
    heap = m[M_AGENDA]
    m[M_EVENT] -= 1
    n = m[M_EVENT]
    last = heap + n * EVENT_WIDTH
    time, order, row = m[last + E_TIME], m[last + E_ORDER], m[last + E_ROW]
    i, child = 0, 1
    while child < n:
        below = heap + child * EVENT_WIDTH  # where there is no other child, `last` stands in its place, and stays above
        child += earlier(m, below + EVENT_WIDTH, m[below + E_TIME], m[below + E_ORDER])
        below = heap + child * EVENT_WIDTH
        if not earlier(m, below, time, order):
            break
        move(m, below, i)
        i = child
        child = 2 * i + 1
    put(m, heap + i * EVENT_WIDTH, time, order, row)


@step
def follow_up(m: Memory, what: int, row: int, check: int, value: int) -> None:
    """Something to be done at this instant, after what is already waiting to be done.

    `check` is the key of the row: where it has another one by then, it is gone, and nothing is done.
    """
    item = m[M_FIFO] + m[M_TAIL] * FOLLOW_UP_WIDTH
    m[M_TAIL] += 1
    m[item + Q_WHAT] = what
    m[item + Q_ROW] = row
    m[item + Q_CHECK] = check
    m[item + Q_VALUE] = value
