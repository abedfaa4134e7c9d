"""`Simulation`: one replication under way, slice by slice. Its whole state is two vectors."""

from collections.abc import Callable

import numpy as np

from simkit.engine.compiled import memory as at
from simkit.engine.compiled.kernel import finish, run, start
from simkit.engine.compiled.packing import Memory, new_memory, with_room
from simkit.engine.compiled.pages import Page, take_page
from simkit.engine.overfull import OverfullError
from simkit.laws.jit import is_off
from simkit.plan.plan import NEVER, Floats, Ints, Plan

EVENTS = 2_000 if is_off() else 100_000
"""Timed events of a slice: some hundredths of a second (as plain Python some tenths), after which it answers Ctrl-C."""


Run = Callable[[Ints, Floats, int], int]


class Simulation:
    """A replication before its first event, or where it stood when its `memory` was saved."""

    def __init__(
        self,
        plan: Plan,
        seed: int,
        replication: int,
        most_in_flight: int = NEVER,
        memory: Memory | None = None,
        blank: Memory | None = None,
    ) -> None:
        self.plan = plan
        self.memory = memory or new_memory(plan, seed, replication, most_in_flight, blank)
        if memory is None:
            start(*self.memory)
        self.memory.m[at.M_MOST_IN_FLIGHT] = most_in_flight

    def advance(self, take: Callable[[Page], None], run: Run = run) -> bool:
        """Run one slice; `take` gets the rows of the log, page by page. True when the run is over.

        `run` is the kernel's, or one that deals with full pages itself: then `take` gets what is left on the last.

        Raises:
            OverfullError: more actions were in flight than allowed; `take` has got all rows, as of a run that was
                stopped at that moment.
        """
        most = self.events + EVENTS
        while (why := run(*self.memory, most)) not in (at.DONE, at.SLICE, at.FULL):
            take(take_page(self.memory.m))
            self.memory = with_room(self.memory)
        take(take_page(self.memory.m))
        if why == at.SLICE:
            return False
        if why == at.FULL:
            self._stop()
        self._censor(take)
        if why == at.FULL:
            raise OverfullError(self.in_flight, self.now)
        return True

    def _censor(self, take: Callable[[Page], None]) -> None:
        """What is still in flight is written to the log as censored."""
        ended = self.ended
        while finish(self.memory.m) != at.DONE:
            take(take_page(self.memory.m, ended))
            self.memory = with_room(self.memory)
        take(take_page(self.memory.m, ended))

    def _stop(self) -> None:
        """The run ends now, whatever is in flight."""
        self.memory.m[at.M_STOP] = self.now
        self.in_flight = int(self.memory.m[at.M_ACTIONS])

    @property
    def now(self) -> int:
        """Simulated time, ns."""
        return int(self.memory.m[at.M_NOW])

    @property
    def ended(self) -> int:
        """When the run stopped, ns."""
        m = self.memory.m
        return int(m[at.M_LAST_END] if m[at.M_OPEN] == 0 else m[at.M_STOP])

    @property
    def events(self) -> int:
        """Timed events handled."""
        return int(self.memory.m[at.M_EVENTS])

    @property
    def peaks(self) -> Ints:
        """(N) most slots of each deployment taken at one time."""
        m = self.memory.m
        stations = m[m[at.STATIONS] :][: len(self.plan.deployments.model) * at.STATION_WIDTH]
        return stations.reshape(-1, at.STATION_WIDTH)[:, at.D_PEAK].astype(np.int64)
