"""`Result`: what a run found, as answers, figures with intervals, tables, a card, and files."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from simkit.engine.log import Log
from simkit.plan.plan import Plan
from simkit.result.alerts import watch_of
from simkit.result.answers import HOLD, Answer, answers
from simkit.result.assumptions import source_kinds
from simkit.result.caveats import Comparison, observed, warnings
from simkit.result.evidence import Evidence, evidence_of
from simkit.result.expectations import Expected, expected, settled
from simkit.result.export import frames, manifest, plain
from simkit.result.metrics import evaluate
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.saving import save
from simkit.result.statistics import LEVEL, Estimate
from simkit.result.tabled import Tabled
from simkit.result.tally import Tally, tally

if TYPE_CHECKING:
    from simkit.result.bill import Weighed
    from simkit.result.page import Page
    from simkit.result.table import Table
    from simkit.scenario.scenario import Document

NO_LOG = "The log of the run was not kept: run with log=True to have {}."


class Described(Protocol):
    """What a result needs of a scenario."""

    @property
    def document(self) -> "Document":
        """The full form."""

    @property
    def hash(self) -> str:
        """Hash of the full form."""

    def source_of(self, path: str) -> tuple[str, str]:
        """Kind and words of where a figure comes from."""


@dataclass(frozen=True, eq=False, repr=False)
class Result(Tabled):
    """All replications of one scenario."""

    scenario: Described
    plan: Plan
    tallies: tuple[Tally, ...]
    logs: tuple[Log, ...] | None
    """None: not kept."""
    seed: int
    engine: str
    elapsed_s: float
    level: float = LEVEL
    """Share of intervals that miss the truth."""
    pieces: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    """Files with the rows of the log by table, where they were written to disk instead of being kept."""
    weighed: "Weighed | None" = None
    """What levers on the bill would do, if that was tried."""
    stopped: str = ""
    """Why this is not all that was asked for; empty: it is."""
    cut: bool = False
    """Was a replication stopped before its end, since too much was in flight? It cannot hold then."""

    @property
    def name(self) -> str:
        """The scenario's."""
        return self.scenario.document.name

    @property
    def replications(self) -> int:
        """How many there are."""
        return len(self.tallies)

    @cached_property
    def evidence(self) -> Evidence:
        """The tallies as rows of sums."""
        return self._evidence(self.tallies)

    def _evidence(self, tallies: Sequence[Tally]) -> Evidence:
        document = self.scenario.document
        return evidence_of(self.plan, tallies, document.slo, self.level, document.alerts)

    @cached_property
    def metrics(self) -> dict[str, Estimate]:
        """Every metric by name."""
        return evaluate(self.evidence)

    def without(self, replication: int) -> dict[str, float | None]:
        """Every metric's value with one replication left out (for the jackknife of a comparison).

        Raises:
            ValueError: It is the only one.
        """
        rest = self._evidence([one for one in self.tallies if one.replication != replication])
        return {name: estimate.value for name, estimate in evaluate(rest).items()}

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Will it hold, what will it cost, what breaks first, what to do about the bill."""
        found = answers(self.evidence, self.metrics, self.weighed)
        return (Answer(HOLD, f"No. {self.stopped}", "bad"), *found[1:]) if self.cut else found

    @cached_property
    def assumed_text(self) -> str:
        """How many of the figures are assumed."""
        kinds = source_kinds(self.scenario.document, self.scenario.source_of)
        every = sum(kinds.values())
        rest = f"{kinds['estimated']} are estimated, {kinds['measured']} measured"
        return f"{kinds['assumed']} of its {every} figures are assumed, {rest}."

    @cached_property
    def compared(self) -> tuple[Comparison, ...]:
        """What was observed beside the simulated figures."""
        return observed(self.evidence, self.metrics, self.scenario.document.observed)

    @cached_property
    def expected(self) -> tuple[Expected, ...]:
        """The scenario's `expect` lines with their verdicts."""
        texts = self.scenario.document.expect
        if not texts:
            return ()
        from simkit.scenario.checks_promises import certain
        from simkit.scenario.expectations import parse_expectation

        lines = expected(self.metrics, texts, [parse_expectation(text) for text in texts])
        return settled(lines, certain(self.scenario.document))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What to know before trusting a figure."""
        stopped = (self.stopped,) if self.stopped and not self.cut else ()  # what was cut says it in its first answer
        return (*stopped, *warnings(self.evidence, self.compared))

    @cached_property
    def summary(self) -> "Table":
        """metric, value, low, high, unit, note."""
        return self._table("summary", self.metrics)

    @cached_property
    def timeline(self) -> "Table":
        """By window of arrivals: outcomes, percentiles, cost, failures."""
        return self._table("timeline")

    @cached_property
    def costs(self) -> "Table":
        """Cost by model, deployment, provider, call, kind, outcome, cause, waste."""
        return self._table("costs")

    @property
    def levers(self) -> "Weighed":
        """What each lever on the bill would save or cost, alone and all together.

        Raises:
            ValueError: That was not tried.
        """
        if self.weighed is None:
            raise ValueError("Levers were not tried: run with levers=True (or `simkit run --levers`).")
        return self.weighed

    @cached_property
    def slo(self) -> "Table":
        """By objective."""
        return self._table("slo")

    @cached_property
    def models(self) -> "Table":
        """By deployment."""
        return self._table("models")

    @cached_property
    def bottlenecks(self) -> "Table":
        """By limit, what breaks first at the top."""
        return self._table("bottlenecks")

    @cached_property
    def limits(self) -> "Table":
        """Use of every limit by hour."""
        return self._table("limits")

    @cached_property
    def reasons(self) -> "Table":
        """Why actions were not ok."""
        return self._table("reasons")

    @cached_property
    def incidents(self) -> "Table":
        """Scheduled and random incidents."""
        return self._table("incidents")

    @cached_property
    def reviews(self) -> "Table":
        """What became of each incident: noticed, lost, degraded, budget, cost, attempts, well again."""
        return self._table("reviews")

    @cached_property
    def alerts(self) -> "Table":
        """Alerts on the error budgets: fired, cleared, of which incident."""
        return self._table("alerts")

    @cached_property
    def responses(self) -> "Table":
        """What a responder did after alerts."""
        return self._table("responses")

    @cached_property
    def breakers(self) -> "Table":
        """Openings of breakers."""
        return self._table("breakers")

    @cached_property
    def attempts_per_action(self) -> "Table":
        """Actions by number of attempts sent, in incidents and outside."""
        return self._table("attempts_per_action")

    @cached_property
    def endings(self) -> "Table":
        """How attempts ended, by window."""
        return self._table("endings")

    @cached_property
    def pressure(self) -> "Table":
        """Actions, attempts, retries, and what held them back, by window."""
        return self._table("pressure")

    @cached_property
    def latency_distribution(self) -> "Table":
        """Served actions by latency."""
        return self._table("latency_distribution")

    @cached_property
    def observed(self) -> "Table":
        """metric, observed, simulated, difference, unit, warning."""
        from simkit.result.table import table

        columns = ["metric", "observed", "simulated", "difference", "unit", "warning"]
        rows = [(o.name, o.observed, o.simulated, o.difference, o.unit, o.warning) for o in self.compared]
        return table(rows, names=columns)

    @cached_property
    def expectations(self) -> "Table":
        """expectation, metric, op, bound, value, low, high, verdict, note."""
        from simkit.result.table import table

        columns = ["expectation", "metric", "op", "bound", "value", "low", "high", "verdict", "note"]
        rows = [
            (e.text, e.metric, e.op, e.bound, e.value, e.low, e.high, str(e.verdict), e.note) for e in self.expected
        ]
        return table(rows, names=columns)

    @cached_property
    def actions(self) -> "Table":
        """The log's actions, with names, seconds and USD.

        Raises:
            ValueError: The log was not kept.
        """
        return self._rows("actions_frame", "the actions")

    @cached_property
    def attempts(self) -> "Table":
        """The log's attempts, with names, seconds and USD.

        Raises:
            ValueError: The log was not kept.
        """
        return self._rows("attempts_frame", "the attempts")

    @cached_property
    def lookups(self) -> "Table":
        """The log's lookups in caches of answers, with names and seconds.

        Raises:
            ValueError: The log was not kept.
        """
        return self._rows("lookups_frame", "the lookups")

    @cached_property
    def budget_log(self) -> "Table":
        """The log's rows of budgets: each step that was reached, and the end of each day or month.

        Raises:
            ValueError: The log was not kept.
        """
        return self._rows("budgets_frame", "the budgets' steps")

    @cached_property
    def user_log(self) -> "Table":
        """The log's rows of users: who came, became an active user, moved to another plan, left.

        Raises:
            ValueError: The log was not kept.
        """
        return self._rows("users_frame", "users who came and went")

    @cached_property
    def outliers(self) -> "Table":
        """The dearest 1 % of the measured actions, dearest first; without the log, their share of the cost alone."""
        from simkit.result.table import table

        threshold = self.evidence.pooled("cost").percentile(0.99)
        if self.logs is None or threshold is None:
            return table([(self.metrics["top1pct_cost_share"].value,)], names=["top1pct_cost_share"])
        actions = self.actions
        return actions[actions["measured"] & (actions["cost_usd"] >= threshold / 1e12)].sort_values(
            ["cost_usd", "replication", "action"], ascending=[False, True, True], kind="stable"
        )

    def _rows(self, frame: str, what: str) -> "Table":
        from simkit.result import frames
        from simkit.result.table import table

        return table(getattr(frames, frame)(self.plan, self._logs(what)))

    def _logs(self, what: str) -> tuple[Log, ...]:
        if self.logs is None:
            raise ValueError(NO_LOG.format(what))
        return self.logs

    def to_dict(self) -> dict[str, Any]:
        """The object of `simkit run --json`: plain values, None where a metric does not apply."""
        return plain(self)

    def to_json(self, indent: int | None = None) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def manifest(self) -> dict[str, Any]:
        """What made this result: the same scenario, seed and version make it again."""
        return manifest(self)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the timeline, metrics by replication, the tables of the bill, and the log's rows (kept, or on disk).

        Beside them stands `manifest.json`.

        Raises:
            OSError: It cannot be written; nothing is left behind.
        """
        return save(folder, frames(self), self.manifest(), self.pieces)

    def page(self) -> "Page":
        """What the text and the HTML face show."""
        from simkit.result.document import document

        return document(self)

    def text(self, width: int | None = None, colour: bool = False) -> str:
        """The page as text."""
        from simkit.result.text import render

        return render(self.page(), width, colour)

    def html(self) -> str:
        """The page as a self-contained HTML fragment."""
        from simkit.result.html import render

        return render(self.page())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


def result_of(
    scenario: Described,
    plan: Plan,
    tallies: Sequence[Tally],
    *,
    seed: int,
    engine: str,
    elapsed_s: float,
    logs: Sequence[Log] = (),
    level: float = LEVEL,
    pieces: Mapping[str, Sequence[Path]] | None = None,
) -> Result:
    """The result of replications given as tallies; `logs` (none, or all of them) are kept for its rows.

    Raises:
        ValueError: There is no tally, or there are logs of other replications.
    """
    ordered = tuple(sorted(tallies, key=lambda one: one.replication))
    kept = tuple(sorted(logs, key=lambda one: one.replication))
    if not ordered:
        raise ValueError("a result needs at least one replication")
    if kept and [one.replication for one in kept] != [one.replication for one in ordered]:
        raise ValueError("logs and tallies are of different replications")
    return Result(scenario, plan, ordered, kept or None, seed, engine, elapsed_s, level, pieces or {})


def result_from(
    scenario: Described,
    plan: Plan,
    logs: Sequence[Log],
    *,
    seed: int,
    engine: str,
    elapsed_s: float,
    keep_logs: bool = False,
    level: float = LEVEL,
) -> Result:
    """The result of replications given as logs.

    Raises:
        ValueError: There is none.
    """
    document = scenario.document
    watch = watch_of(document.alerts, document.slo.window, plan.horizon)
    every = 0 if watch is None else watch.every
    tallies = [tally(plan, log, objectives_of(document.slo, patient_kinds(plan)), every) for log in logs]
    kept = logs if keep_logs else ()
    return result_of(scenario, plan, tallies, seed=seed, engine=engine, elapsed_s=elapsed_s, logs=kept, level=level)
