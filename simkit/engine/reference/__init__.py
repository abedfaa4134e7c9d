"""The reference engine: the model on SimPy, written to be read. It is the specification."""

from simkit.engine import Progress
from simkit.engine.collector import calm_collector
from simkit.engine.log import Log
from simkit.engine.overfull import OverfullError
from simkit.engine.reference.world import World
from simkit.plan.plan import NEVER, Plan


def run(plan: Plan, seed: int, replication: int, progress: Progress | None = None, most_in_flight: int = NEVER) -> Log:
    """Run one replication of a plan; `progress` is called with the simulated time every few thousand events.

    Raises:
        OverfullError: more actions were in flight than allowed; its `log` is that of a run stopped at that moment.
    """
    world = World(plan, seed, replication, most_in_flight)
    world.clock.progress = progress
    with calm_collector(100_000, 50, 50):  # of short-lived events; the default costs a third of the time
        world.run()
    log = Log(replication, *world.recorder.tables(), world.peaks(), world.ended(), world.clock.events)
    if world.overfull:
        raise OverfullError(world.overfull, world.clock.last, log)
    return log
