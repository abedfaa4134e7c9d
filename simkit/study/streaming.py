"""`Streaming`: a replication on the compiled engine, added up while it runs; its state is on disk now and then."""

import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simkit.engine.collector import calm_collector
from simkit.engine.compiled import Page, Pages, Simulation, kernel, log_of
from simkit.engine.compiled.packing import Memory, blank_memory
from simkit.engine.overfull import OverfullError
from simkit.plan.plan import Ints
from simkit.result.streamed import Stream, ledger
from simkit.study.part import Part, Work, why_cut
from simkit.study.pieces import Pieces, has_pieces
from simkit.study.progress import Halted, Progress

if TYPE_CHECKING:
    from simkit.plan.plan import Plan

SAVE_EVERY_S = 20.0
"""Seconds between two savings of the state."""


class Blank(NamedTuple):
    """What all replications of some work begin with: making it takes as long as some thousand actions."""

    memory: Memory
    ledger: ledger.Blank


def blank_of(work: Work) -> Blank:
    """Of a work."""
    return Blank(blank_memory(work.plan), ledger.blank_of(work.plan, work.objectives, work.every))


class Streaming:
    """A replication before its first event, or where it stood when its state was saved last."""

    def __init__(self, work: Work, replication: int) -> None:
        self.work, self.replication = work, replication
        blank = work.blank
        self.stream = Stream(work.plan, work.objectives, work.every, blank.ledger)
        self.pages = Pages() if work.log is True else None
        self.over, self.cut, pieces = False, "", 0
        kept = self._kept()
        memory = None
        if kept is not None:
            about, arrays = kept
            memory, pieces, self.over = Memory(arrays.pop("m"), arrays.pop("f")), int(about["pieces"]), about["over"]
            arrays.pop("about")
            self.stream.restore(arrays)
        self.simulation = Simulation(work.plan, work.seed, replication, work.most_in_flight, memory, blank.memory)
        self.pieces = None
        if work.log == "disk" and work.parts is not None:
            self.pieces = Pieces(work.parts.folder, work.plan, replication, pieces)

    def _kept(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """What was saved of this replication, with all rows that belong to it."""
        parts = self.work.parts
        kept = parts.read(self.replication) if parts is not None and self.pages is None else None
        if kept is None or parts is None:
            return None
        return kept if has_pieces(parts.folder, self.replication, kept[0]["pieces"]) else None

    def run(self, pulse: Progress) -> Part:
        """Run to the end, with the state saved every now and then; `Halted` of `pulse` ends it at once.

        Raises:
            OSError: rows of the log cannot be written.
        """
        saved, kept = time.monotonic(), self.pages is not None or self.pieces is not None
        run = partial(self.stream.run, by_page=kept)
        try:
            while not self.over:
                self.over = self.simulation.advance(self.take, run)
                if time.monotonic() - saved > SAVE_EVERY_S:
                    self.save()
                    saved = time.monotonic()
                pulse(self.work.share(self.simulation.now))
        except OverfullError as error:
            self.cut = why_cut(error)
        except (OSError, Halted):
            self._give_up()
            raise
        self.save()
        return self.part()

    def _give_up(self) -> None:
        if self.pieces is not None:
            self.pieces.abandon()

    def take(self, page: Page) -> None:
        """Rows of the log, as they come."""
        self.stream.take(*page)
        for keeper in (self.pages, self.pieces):
            if keeper is not None:
                keeper.take(page)

    def finished(self) -> Part | None:
        """What it gave, if it had finished when its state was saved."""
        return self.part() if self.over and self.pages is None else None

    def part(self) -> Part:
        """What it gave."""
        simulation = self.simulation
        tally = self.stream.tally(self.replication, simulation.ended, simulation.events, simulation.peaks)
        log = log_of(self.replication, self.pages, simulation) if self.pages is not None else None
        return Part(tally, log, self.cut)

    def save(self) -> None:
        """Put the whole state on disk, where there is a folder for it (a run cut short is not taken up again)."""
        if self.pieces is not None:
            self.pieces.close()
        if self.work.parts is None or self.pages is not None or self.cut:
            return
        memory = self.simulation.memory
        arrays: dict[str, Ints | np.ndarray] = {"m": memory.m, "f": memory.f, **self.stream.state()}
        about = {"over": self.over, "pieces": 0 if self.pieces is None else self.pieces.count}
        self.work.parts.write(self.replication, about, arrays)


def warm(plan: "Plan") -> None:
    """Have all compiled functions ready: from the cache on disk, or compiled now."""
    with calm_collector(10_000, 50, 1_000):  # what a compiler makes lasts; the default costs some 5 % of the time
        simulation, stream = Simulation(plan, 0, 0), Stream(plan, ())
        stream.run(*simulation.memory, 0)
        kernel.finish(simulation.memory.m)
        nothing = np.zeros((0, 1), np.int64)
        stream.take(*(nothing,) * 8, 0)
