"""The compiled engine: the same model as the reference, as an event loop in Numba."""

from simkit.engine import Progress
from simkit.engine.compiled.pages import Page, Pages
from simkit.engine.compiled.simulation import Simulation
from simkit.engine.log import Log
from simkit.engine.overfull import OverfullError
from simkit.plan.plan import NEVER, Plan

__all__ = ["Page", "Pages", "Simulation", "log_of", "run"]


def run(plan: Plan, seed: int, replication: int, progress: Progress | None = None, most_in_flight: int = NEVER) -> Log:
    """Run one replication of a plan and return its log; `progress` is called with the simulated time now and then.

    Raises:
        OverfullError: more actions were in flight than allowed; its `log` is that of a run stopped at that moment.
    """
    pages, simulation = Pages(), Simulation(plan, seed, replication, most_in_flight)
    try:
        while not simulation.advance(pages.take):
            if progress:
                progress(simulation.now)
    except OverfullError as error:
        error.log = log_of(replication, pages, simulation)
        raise
    return log_of(replication, pages, simulation)


def log_of(replication: int, pages: Pages, simulation: Simulation) -> Log:
    """The log of a run that has ended."""
    return Log(replication, *pages.tables(), simulation.peaks, simulation.ended, simulation.events)
