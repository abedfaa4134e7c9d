"""Time and order on top of SimPy: what happens first among things of the same instant.

Timed events are ordered by (time, class, sub-class, entity key), never by insertion. Follow-ups (a slot handed
to a waiter, somebody told of an end) are ordinary SimPy events of priority 1: one FIFO, drained
before the next timed event of the instant, whose priorities begin at 2.
"""

from collections.abc import Callable
from typing import Any

import simpy
from simpy.core import StopSimulation
from simpy.events import EventPriority

from simkit.plan.codes import EventClass

KEY_BITS = 72
SUBS = 4
"""Classes are divided, for example the timeouts of an attempt, of its request and of its call, in this order."""


class Timed(simpy.Event):
    """An event that happens at a known time; when it does, it acts (and a process that waits for it goes on)."""

    act: Callable[[], None] | None = None
    is_void = False
    """It does not happen: as if it had never been on the agenda."""


class Clock:
    """The agenda of one run. It stops before a timed event for which `is_over(now)` or `is_full()` holds."""

    def __init__(self, begin: int, is_over: Callable[[int], bool], is_full: Callable[[], bool]) -> None:
        self.env = simpy.Environment(initial_time=begin)
        self.is_over = is_over
        self.is_full = is_full
        self.last = begin
        """When the last event was."""
        self.events = 0
        self.progress: Callable[[int], None] | None = None

    @property
    def now(self) -> int:
        """The current instant in ns."""
        return int(self.env.now)

    def at(
        self, time: int, event_class: EventClass, key: int, act: Callable[[], None] | None = None, sub: int = 0
    ) -> Timed:
        """Schedule a timed event; `sub`, then `key`, order events of the same class at the same instant."""
        event = Timed(self.env)
        event._ok = True
        event._value = None
        event.act = act
        event.callbacks.append(self._fire)
        priority = EventPriority(2 + ((SUBS * event_class + sub) << KEY_BITS) + key)
        self.env.schedule(event, priority, delay=time - self.env.now)
        return event

    def signal(self) -> simpy.Event:
        """An event that a follow-up triggers by `succeed(value)`."""
        return simpy.Event(self.env)

    def start(self, process: Any) -> None:
        """Start a process; it runs up to its first wait before any other event."""
        self.env.process(process)

    def run(self) -> None:
        """Run until nothing is left or `is_over`."""
        self.env.run()

    def _fire(self, event: simpy.Event) -> None:
        assert isinstance(event, Timed)
        if event.is_void:
            return
        if self.is_over(self.now) or self.is_full():
            raise StopSimulation(None)
        self.last = self.now
        self.events += 1
        if self.progress is not None and self.events % 4096 == 0:
            self.progress(self.now)
        if event.act is not None:
            event.act()
