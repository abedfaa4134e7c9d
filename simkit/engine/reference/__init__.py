"""The reference engine: the model on SimPy, written to be read. It is the specification."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from simkit.engine import Progress
from simkit.engine.log import Log
from simkit.engine.reference.world import World
from simkit.plan.plan import Plan


def run(plan: Plan, seed: int, replication: int, progress: Progress | None = None) -> Log:
    """Run one replication of a plan; `progress` is called with the simulated time every few thousand events."""
    world = World(plan, seed, replication)
    world.clock.progress = progress
    with calm_collector():
        world.run()
    actions, attempts, incidents = world.recorder.tables()
    return Log(replication, actions, attempts, incidents, world.ended(), world.clock.events)


@contextmanager
def calm_collector() -> Iterator[None]:
    """Collect garbage less often: with millions of short-lived events the default costs a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
