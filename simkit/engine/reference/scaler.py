"""An autoscaler: looks at the load of a region at regular times, orders replicas, lets others go."""

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from simkit.laws.region import wanted
from simkit.plan.codes import EventClass, Tick

if TYPE_CHECKING:
    from simkit.engine.reference.region import Region
    from simkit.engine.reference.world import World


class Scaler:
    """The autoscaler of one region."""

    def __init__(self, world: "World", region: "Region") -> None:
        self.world, self.region, self.index = world, region, region.index
        self.rules = world.scaling
        self.ordered = 0
        """Replicas that are on their way."""
        self.asked: deque[int] = deque(maxlen=self.rules.memory[self.index])
        """What was asked for at the looks within the stabilisation."""
        region.replicas = self.within(region.replicas)

    def begin(self) -> None:
        """Put the next look on the agenda."""
        self.world.clock.at(
            self.world.clock.now + self.rules.interval[self.index], EventClass.TICK, Tick.LOOK | self.index, self.look
        )

    def within(self, replicas: int) -> int:
        """As many as may be."""
        e, i = self.world.epoch, self.index
        return int(max(self.rules.minimum[e][i], min(replicas, self.rules.maximum[e][i])))

    def look(self) -> None:
        """More replicas are ordered at once; fewer there are when none of the last looks asked for more."""
        e, i, service, region = self.world.epoch, self.index, self.region.service, self.region
        service.account()
        found = self.within(
            wanted(
                region.replicas, service.busy_ns, service.capacity_ns, self.rules.target[e][i],
                self.rules.tolerance[i], service.waiting, self.rules.queue[e][i],
            )
        )  # fmt: skip
        service.busy_ns = service.capacity_ns = 0
        self.asked.append(found)
        total = region.replicas + self.ordered
        if found > total:
            self.order(found - total)
        elif self.ordered == 0 and max(self.asked) < region.replicas:
            region.replicas = max(self.asked)
            region.resize()
        self.begin()

    def order(self, number: int) -> None:
        """New replicas come after a while."""
        clock = self.world.clock
        self.ordered += number
        due = clock.now + self.rules.delay[self.index]
        clock.at(due, EventClass.TICK, Tick.READY | self.index, partial(self.ready, number))
        self.region.bill()

    def ready(self, number: int) -> None:
        """Replicas that were ordered are there."""
        self.ordered -= number
        self.region.replicas += number
        self.region.resize()
