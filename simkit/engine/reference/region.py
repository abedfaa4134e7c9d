"""A region: your own service in one place, its replicas, and what incidents have left of them."""

from typing import TYPE_CHECKING

from simkit.engine.reference.clock import Clock
from simkit.engine.reference.station import Station
from simkit.laws.region import replicas_up, slots
from simkit.plan.codes import Notice
from simkit.plan.plan import NEVER

if TYPE_CHECKING:
    from simkit.engine.reference.action import Action
    from simkit.engine.reference.scaler import Scaler
    from simkit.engine.reference.world import World


class Slots(Station):
    """Slots of a service; it knows how long they were busy and how long they were there."""

    def __init__(self, clock: Clock, capacity: int, places: int) -> None:
        super().__init__(clock, capacity, places)
        self.busy_ns = self.capacity_ns = 0
        self.since = clock.now

    def account(self) -> None:
        """Add what was busy and there since the last change."""
        lasted, self.since = self.clock.now - self.since, self.clock.now
        self.busy_ns += self.busy * lasted
        self.capacity_ns += self.capacity * lasted

    def take(self) -> None:
        """One more slot is taken."""
        self.account()
        super().take()

    def release(self) -> None:
        """One slot is free again."""
        self.account()
        super().release()

    def resize(self, capacity: int, places: int) -> None:
        """Another capacity."""
        self.account()
        super().resize(capacity, places)


class Region:
    """One of the regions; the only one where they are not modelled."""

    def __init__(self, world: "World", index: int) -> None:
        self.world, self.index = world, index
        self.available = 1.0
        """Share of the replicas that incidents have left."""
        self.replicas: int = world.services.replicas[0][index]
        self.scaler: Scaler | None = None
        self.present = 0
        """Actions that are here and not aside."""
        self.wait = 0
        """Smoothed wait of those that got a slot, ns."""
        self.paid = -1
        """Replicas that are paid, as was written down last."""
        self.service = Slots(world.clock, self.capacity(), world.services.queue[0][index])

    def up(self) -> int:
        """Replicas that are there."""
        return replicas_up(self.replicas, self.available)

    def workers(self) -> int:
        """Slots of a replica."""
        workers: int = self.world.services.workers[self.world.epoch][self.index]
        return workers

    def capacity(self) -> int:
        """Slots at present."""
        return slots(self.workers(), self.up())

    def change(self, epoch: int) -> None:
        """Other numbers."""
        if self.scaler is None:
            self.replicas = self.world.services.replicas[epoch][self.index]
        else:
            self.replicas = self.scaler.within(self.replicas)
        self.resize()

    def resize(self) -> None:
        """The number of replicas, what is left of them, or their size has changed."""
        self.service.resize(self.capacity(), self.world.services.queue[self.world.epoch][self.index])
        self.bill()

    def ask(self, action: "Action") -> bool:
        """A slot or a place in the queue; False when that is full."""
        return self.service.ask(action)

    def leave(self, action: "Action") -> None:
        """Give up the slot or the place in the queue."""
        self.service.leave(action)
        if self.service.busy >= self.service.capacity:
            self.bill()

    def present_wait(self) -> int:
        """How long one waits here now, as far as it is known: not at all while a slot is free."""
        return self.wait if self.service.busy >= self.service.capacity else 0

    def began(self, waited: int) -> None:
        """An action got its slot."""
        self.wait += (waited - self.wait) // 16

    def bill(self) -> None:
        """Write down how many replicas are paid, if that has changed: those there, ordered, or about to go."""
        if not self.world.logs_regions:
            return
        workers, going = self.workers(), 0
        if workers < NEVER:
            going = max(0, -(-(self.service.busy - slots(workers, self.replicas)) // max(workers, 1)))
        paid = self.replicas + going + (self.scaler.ordered if self.scaler is not None else 0)
        if paid != self.paid:
            self.paid = paid
            self.world.recorder.region(self.world.clock.now, self.index, Notice.REPLICAS, paid)
