"""The reference engine: the model on SimPy, written to be read. It is the specification."""

from simkit.engine import Progress
from simkit.engine.log import Log
from simkit.engine.reference.world import World
from simkit.plan.plan import Plan


def run(plan: Plan, seed: int, replication: int, progress: Progress | None = None) -> Log:
    """Run one replication of a plan; `progress` is called with the simulated time every few thousand events."""
    world = World(plan, seed, replication)
    world.clock.progress = progress
    world.run()
    actions, attempts, incidents = world.recorder.tables()
    ended = world.last_end if world.open == 0 else world.end
    return Log(replication, actions, attempts, incidents, ended, world.clock.events)
