"""What comes next: a binary heap of timed events, and the FIFO of follow-ups."""

from simkit.engine.compiled.memory import (
    E_CLASS,
    E_KEY,
    E_ROW,
    E_TIME,
    EVENT_WIDTH,
    FOLLOW_UP_WIDTH,
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
def earlier(m: Memory, event: int, time: int, event_class: int, key: int) -> bool:
    """Is the event at an address before (time, class, key)?"""
    if m[event + E_TIME] != time:
        return m[event + E_TIME] < time
    if m[event + E_CLASS] != event_class:
        return m[event + E_CLASS] < event_class
    return m[event + E_KEY] < key


@step
def put(m: Memory, event: int, time: int, event_class: int, key: int, row: int) -> None:
    """Write an event at an address."""
    m[event + E_TIME] = time
    m[event + E_CLASS] = event_class
    m[event + E_KEY] = key
    m[event + E_ROW] = row


@step
def schedule(m: Memory, time: int, event_class: int, key: int, row: int) -> None:
    """Put a timed event on the agenda."""
    heap, i = m[M_AGENDA], m[M_EVENT]
    m[M_EVENT] += 1
    while i > 0:
        parent = (i - 1) >> 1
        above = heap + parent * EVENT_WIDTH
        if earlier(m, above, time, event_class, key):
            break
        put(m, heap + i * EVENT_WIDTH, m[above], m[above + E_CLASS], m[above + E_KEY], m[above + E_ROW])
        i = parent
    put(m, heap + i * EVENT_WIDTH, time, event_class, key, row)


@step
def take_first(m: Memory) -> None:
    """Remove the first event of the agenda: the last one sinks from the top to its place."""
    heap = m[M_AGENDA]
    m[M_EVENT] -= 1
    n = m[M_EVENT]
    last = heap + n * EVENT_WIDTH
    time, event_class, key, row = m[last], m[last + E_CLASS], m[last + E_KEY], m[last + E_ROW]
    i, child = 0, 1
    while child < n:
        below = heap + child * EVENT_WIDTH
        if child + 1 < n:
            other = below + EVENT_WIDTH
            if earlier(m, other, m[below], m[below + E_CLASS], m[below + E_KEY]):
                below = other
                child += 1
        if not earlier(m, below, time, event_class, key):
            break
        put(m, heap + i * EVENT_WIDTH, m[below], m[below + E_CLASS], m[below + E_KEY], m[below + E_ROW])
        i = child
        child = 2 * i + 1
    put(m, heap + i * EVENT_WIDTH, time, event_class, key, row)


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
