"""`Result`: what a run found, as answers, figures with intervals, tables, a card, and files."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from simkit.engine.log import Log
from simkit.plan.plan import Plan
from simkit.result.alerts import watch_of
from simkit.result.answers import Answer, answers
from simkit.result.assumptions import source_kinds
from simkit.result.caveats import Comparison, observed, warnings
from simkit.result.evidence import Evidence, evidence_of
from simkit.result.expectations import Expected, expected, settled
from simkit.result.export import frames, manifest, plain
from simkit.result.metrics import evaluate
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.saving import save
from simkit.result.statistics import LEVEL, Estimate
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
class Result:
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
        return answers(self.evidence, self.metrics, self.weighed)

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
        return warnings(self.evidence, self.compared)

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

    @cached_property
    def causes(self) -> "Table":
        """Money by cause, by window: parts of prompts and answers, retries, fallbacks, people, lookups, tools."""
        return self._table("causes")

    @cached_property
    def spikes(self) -> "Table":
        """The windows that cost most more than usual, and what made them."""
        return self._table("spikes")

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
    def users(self) -> "Table":
        """The users that cost most."""
        return self._table("users")

    @cached_property
    def caches(self) -> "Table":
        """By cache of answers: lookups, hits, cost."""
        return self._table("caches")

    @cached_property
    def hit_rates(self) -> "Table":
        """Hit rates by time, the warm-up included."""
        return self._table("hit_rates")

    @cached_property
    def prompt_caches(self) -> "Table":
        """By deployment: tokens read from the prompt cache, written to it, what that saved."""
        return self._table("prompt_caches")

    @cached_property
    def budgets(self) -> "Table":
        """By budget and day or month: spent, overshoot, when it did what."""
        return self._table("budgets")

    @cached_property
    def turns(self) -> "Table":
        """Tokens and cost by turn of conversations, and by step of loops."""
        return self._table("turns")

    @cached_property
    def work(self) -> "Table":
        """Tokens a minute by urgency, by window of their service."""
        return self._table("work")

    @cached_property
    def regions(self) -> "Table":
        """By region: users, what it served and how, use, replicas, cost, headroom."""
        return self._table("regions")

    @cached_property
    def flow(self) -> "Table":
        """From the users' region to the serving one."""
        return self._table("flow")

    @cached_property
    def failovers(self) -> "Table":
        """By incident that took a region: noticed, moved, lost, latency before, during and after, back."""
        return self._table("failovers")

    @cached_property
    def residency(self) -> "Table":
        """Where the data of each region's users went: an audit of every action and attempt."""
        return self._table("residency")

    @cached_property
    def region_timeline(self) -> "Table":
        """By window and region: actions turned to it, unserved, late."""
        return self._table("region_timeline")

    @cached_property
    def replicas(self) -> "Table":
        """By window and region: replicas paid, what incidents left of them, actions a minute."""
        return self._table("replicas")

    @cached_property
    def region_log(self) -> "Table":
        """What became of regions and replicas, in the order in which it happened, of every replication."""
        return self._table("region_log")

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

    def _table(self, name: str, *of: Any) -> "Table":
        from simkit.result import tables, tables_economy, tables_regions, tables_resilience
        from simkit.result.plots import PICTURES, draw

        build = {"bottlenecks": "bottleneck_table"}.get(name, name)
        rooms = (tables, tables_resilience, tables_economy, tables_regions)
        room = next(one for one in rooms if hasattr(one, build))
        made: Table = getattr(room, build)(
            *(of or (self.evidence,)), partial(draw, self, name) if name in PICTURES else None
        )
        return made

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
        """Write the timeline, the tables of the bill, and with the log (kept, or on disk) its rows, as Parquet.

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
