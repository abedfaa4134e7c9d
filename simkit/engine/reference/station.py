"""A station: a number of slots and a bounded queue with priority classes."""

from enum import Enum
from typing import Protocol

import simpy

from simkit.engine.reference.clock import Clock


class Place(Enum):
    """Where a job stands at a station."""

    OUTSIDE = 0
    QUEUED = 1
    GRANTED = 2
    """A slot was handed over; its follow-up has not run yet."""
    SERVED = 3


class Job(Protocol):
    """Something that asks for a slot. `slot` is triggered when a queued job is handed one."""

    place: Place
    slot: simpy.Event | None
    priority: int


class Station:
    """Slots are taken at once when free; else the job queues by (priority, order of asking)."""

    def __init__(self, clock: Clock, capacity: int, places: int) -> None:
        self.clock = clock
        self.capacity = capacity
        self.places = places
        self.busy = 0
        self.peak = 0
        """Most slots taken at one time."""
        self.waiting = 0
        self.queues: dict[int, dict[Job, None]] = {}

    def ask(self, job: Job) -> bool:
        """Give a slot or a place in the queue (`job.place` says which); False when the queue is full."""
        if self.busy < self.capacity:
            self.take()
            job.place = Place.SERVED
            return True
        if self.waiting >= self.places:
            return False
        job.place = Place.QUEUED
        job.slot = self.clock.signal()
        self.queues.setdefault(job.priority, {})[job] = None
        self.waiting += 1
        return True

    def take(self) -> None:
        """One more slot is taken."""
        self.busy += 1
        self.peak = max(self.peak, self.busy)

    def leave(self, job: Job) -> None:
        """Give up the slot or the place in the queue, at once; a slot passes on to the first waiter."""
        if job.place is Place.QUEUED:
            del self.queues[job.priority][job]
            self.waiting -= 1
        elif job.place is not Place.OUTSIDE:
            self.release()
            self.hand_over()
        job.place = Place.OUTSIDE

    def release(self) -> None:
        """One slot is free again."""
        self.busy -= 1

    def resize(self, capacity: int, places: int) -> None:
        """Another capacity: more slots are handed over at once, fewer drain as work ends."""
        self.capacity = capacity
        self.places = places
        self.hand_over()

    def hand_over(self) -> None:
        """Hand free slots to waiters, each by a follow-up."""
        while self.waiting and self.busy < self.capacity:
            queue = self.queues[min(priority for priority, jobs in self.queues.items() if jobs)]
            job = next(iter(queue))
            del queue[job]
            self.waiting -= 1
            self.take()
            job.place = Place.GRANTED
            assert job.slot is not None
            job.slot.succeed()
