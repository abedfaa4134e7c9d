"""`Work`: what a replication needs; `Part`: what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from simkit.plan.plan import Plan
from simkit.study.parts import Parts
from simkit.study.progress import Progress

if TYPE_CHECKING:
    from simkit.engine.log import Log
    from simkit.engine.overfull import OverfullError
    from simkit.result.objectives import Objective
    from simkit.result.tally import Tally
    from simkit.study.responder import Responding
    from simkit.study.streaming import Blank

Keep = bool | Literal["disk"]
"""What becomes of the log: dropped, kept in memory, or written to the folder of parts."""
MOST_IN_FLIGHT = 200_000
"""Actions in flight at once that a run may have: about 3 kB each in the compiled engine, 10 kB in the reference."""


class Part(NamedTuple):
    """What one replication gives."""

    tally: "Tally"
    log: "Log | None" = None
    cut: str = ""
    """Why it was stopped before its end; empty: it was not."""


@dataclass(frozen=True)
class Work:
    """What a replication needs; it is sent to worker threads or processes."""

    plan: Plan
    objectives: "tuple[Objective, ...]"
    seed: int
    engine: str
    log: Keep = False
    parts: Parts | None = None
    most_in_flight: int = MOST_IN_FLIGHT
    every: int = 0
    """Length of the cells that alerts are told from, ns; 0: there are none."""
    responding: "Responding | None" = None
    """Who answers alerts."""

    @cached_property
    def blank(self) -> "Blank":
        """What every replication begins with on the compiled engine."""
        from simkit.study.streaming import blank_of

        return blank_of(self)

    def __getstate__(self) -> dict[str, object]:
        """What is sent to workers: each makes its own blank, sooner than a larger one travels."""
        return {name: value for name, value in self.__dict__.items() if name != "blank"}

    def part(self, replication: int, pulse: Progress) -> Part:
        """Run one replication; `pulse` is told the share done, and may raise to stop it."""
        if self.responding is not None:
            return self.responding.part(self, replication, pulse)
        if self.engine == "compiled":
            from simkit.study.streaming import Streaming

            return Streaming(self, replication).run(pulse)
        from simkit.engine import run_plan
        from simkit.engine.overfull import OverfullError

        cut = ""
        try:
            log = run_plan(
                self.plan, self.seed, replication, self.engine, lambda now: pulse(self.share(now)), self.most_in_flight
            )
        except OverfullError as error:
            assert error.log is not None
            log, cut = error.log, why_cut(error)
        if self.parts is not None and not cut:
            self.parts.save(log)
        return self._tallied(log, cut)

    def found(self, numbers: Sequence[int]) -> dict[int, Part]:
        """Those of the replications that had finished before.

        Where somebody answers alerts, what they did must be found again: then only the last run of each is spared.
        """
        if self.parts is None or self.responding is not None:
            return {}
        found = {number: self._kept(number) for number in numbers}
        return {number: part for number, part in found.items() if part is not None}

    def _kept(self, replication: int) -> Part | None:
        assert self.parts is not None
        if not self.parts.has(replication):
            return None
        if self.engine == "compiled":
            from simkit.study.streaming import Streaming

            return Streaming(self, replication).finished()
        log = self.parts.load(replication)
        return None if log is None else self._tallied(log)

    def share(self, now: int) -> float:
        """How much of a replication is done at a simulated time."""
        begin, span = self.plan.begin, max(1, self.plan.horizon - self.plan.begin)
        return min(max((now - begin) / span, 0.0), 1.0)

    def _tallied(self, log: "Log", cut: str = "") -> Part:
        from simkit.result.tally import tally

        return Part(tally(self.plan, log, self.objectives, self.every), log if self.log else None, cut)


def why_cut(error: "OverfullError") -> str:
    """What to tell somebody whose run had too much in flight."""
    from simkit.result.words import seconds

    when = f"{seconds(error.now / 1e9)} after the start" if error.now >= 0 else "in the warm-up"
    return (
        f"{error}: {when}, more arrived than can be served, and nothing turned them away. Allow fewer to wait"
        " (`service.queue`, a deployment's `queue`, `resilience.deadline`), or raise the limit (`--most-in-flight`)"
    )
