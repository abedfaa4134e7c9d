"""What comes next: a heap of timed events, four below each, and the FIFO of follow-ups."""

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
    """Put a timed event on the agenda; those of the same time go by class, then by key."""
    heap, i, order = m[M_AGENDA], m[M_EVENT], event_class << KEY_BITS | key
    m[M_EVENT] += 1
    while i > 0:
        parent = (i - 1) >> 2
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
    end = heap + m[M_EVENT] * EVENT_WIDTH
    time, order, row = m[end + E_TIME], m[end + E_ORDER], m[end + E_ROW]
    event, below = heap, heap + EVENT_WIDTH
    while below < end:
        if below + 4 * EVENT_WIDTH <= end:
            one = sooner(m, below, below + EVENT_WIDTH)
            below = sooner(m, one, sooner(m, below + 2 * EVENT_WIDTH, below + 3 * EVENT_WIDTH))
        else:
            below = first_of_few(m, below, end)
        if not earlier(m, below, time, order):
            break
        put(m, event, m[below + E_TIME], m[below + E_ORDER], m[below + E_ROW])
        event = below
        below = heap + 4 * (event - heap) + EVENT_WIDTH
    put(m, event, time, order, row)


@step
def first_of_few(m: Memory, event: int, end: int) -> int:
    """The address of the first of the events from an address on to an end."""
    found = event
    for other in range(event + EVENT_WIDTH, end, EVENT_WIDTH):
        found = sooner(m, found, other)
    return found


@step
def sooner(m: Memory, one: int, other: int) -> int:
    """That of two events which comes first."""
    return one + (other - one) * earlier(m, other, m[one + E_TIME], m[one + E_ORDER])


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
