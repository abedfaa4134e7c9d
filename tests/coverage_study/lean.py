"""Replications of the compiled engine with only those sums that the metrics of the study need, twice as fast.

The kernel and the sums are those of a run, the intervals the package's own functions on the package's `Evidence`. Left
out is what other metrics need of a tally (it is None, so that nothing is taken for a figure), and the memory of a run
and the ledger of its sums are copied, not built anew for every replication. `test_intervals.py` holds it against a run.
"""

from typing import Any

from simkit.engine.compiled import Simulation
from simkit.engine.compiled.packing import blank_memory
from simkit.engine.log import INCIDENT_COLUMNS
from simkit.plan.compile import compile_plan
from simkit.result.evidence import Evidence
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.sample import Sample
from simkit.result.statistics import LEVEL
from simkit.result.streamed import Stream
from simkit.result.streamed import ledger as sums
from simkit.result.tally import Tally
from simkit.result.windows import timeline_windows
from simkit.scenario.load import Scenario
from simkit.study.part import MOST_IN_FLIGHT

LEFT_OUT = (
    "latencies", "attempts", "reasons", "cost", "deployments", "limits", "users", "breakers", "fallbacks_refused",
    "desk_busy", "recovery", "pulse", "economy", "regional", "lives", "why",
)  # fmt: skip


class Lean:
    """A scenario whose replications are run one after the other; a thread needs its own."""

    def __init__(self, scenario: Scenario) -> None:
        document = scenario.document
        self.plan, self.slo_window = compile_plan(scenario), document.slo.window
        self.objectives = objectives_of(document.slo, patient_kinds(self.plan))
        self.memory, self.ledger = blank_memory(self.plan), sums.blank_of(self.plan, self.objectives, 0)
        assert self.ledger.ledger()[sums.EXACT], "percentiles would be within 0.4 % only"

    def evidence(self, seed: int, numbers: range, level: float = LEVEL) -> Evidence:
        """What replications give."""
        return self.put_together([self.tally(seed, number) for number in numbers], level)

    def put_together(self, tallies: list[Tally], level: float = LEVEL) -> Evidence:
        """The evidence of tallies."""
        return Evidence(self.plan, tuple(tallies), self.objectives, self.slo_window, level)

    def tally(self, seed: int, replication: int) -> Tally:
        """One replication."""
        stream = Stream(self.plan, self.objectives, 0, self.ledger)
        simulation = Simulation(self.plan, seed, replication, MOST_IN_FLIGHT, blank=self.memory)
        while not simulation.advance(lambda page: stream.take(*page), stream.run):
            pass
        return self._slim(replication, simulation, stream)

    def _slim(self, replication: int, simulation: Simulation, stream: Stream) -> Tally:
        table = stream._table(sums.SERIES)
        names = (*sums.SERIES_NAMES, *(f"{w}_{one.label}" for one in self.objectives for w in ("bad", "counted")))
        nothing: dict[str, Any] = dict.fromkeys(LEFT_OUT)
        return Tally(
            replication=replication,
            windows=timeline_windows(self.plan.horizon),
            series={name: table[:, column].copy() for column, name in enumerate(names)} | {"scaled": 0 * table[:, 0]},
            samples={"latency": Sample.of(stream._single("served")[:, 0])},
            incidents=stream._columns(stream.incidents, INCIDENT_COLUMNS),
            ended=simulation.ended,
            events=simulation.events,
            **nothing,
        )
