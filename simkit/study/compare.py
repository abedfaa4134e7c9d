"""`compare`: scenarios under common random numbers, with paired differences and a verdict for each metric."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from simkit.result.metrics import METRICS, evaluate
from simkit.result.page import Block, Grid, Heading, Page, Paragraph
from simkit.result.result import Result
from simkit.result.table import Table, table
from simkit.result.words import figure
from simkit.study.paired import Paired, paired
from simkit.study.progress import Progress, progress_of
from simkit.study.verdict import verdict

if TYPE_CHECKING:
    import pandas as pd

    from simkit.report.style import Picture
    from simkit.scenario.load import Scenario

SHOWN = (
    "success_rate", "good_rate", "slo_compliance", "latency_p50", "latency_p95", "latency_p99", "ttft_p95",
    "cost_per_action", "cost_per_good_action", "cost_per_month",
)  # fmt: skip
"""Metrics that the faces and the picture show; `summary` has all."""
NOT_SET = "not set"


@dataclass(frozen=True, eq=False)
class Comparison:
    """Scenarios against a baseline, replication by replication."""

    results: Mapping[str, Result]
    """By name; the first is the baseline."""

    @property
    def baseline(self) -> str:
        """Name of what the others are compared with."""
        return next(iter(self.results))

    @cached_property
    def summary(self) -> Table:
        """A row for each metric and other scenario.

        metric, other, unit, baseline_value, other_value, difference, low, high, ratio, ratio_low, ratio_high (95 %
        intervals of the paired difference and ratio), verdict. Empty where a metric does not apply to both.
        """
        rows = [
            (metric, name, METRICS[metric].unit, base, value, one.difference, one.low, one.high, one.ratio,
             one.ratio_low, one.ratio_high, verdict(name, metric, METRICS[metric].unit, one))
            for name in self.others for metric, (base, value, one) in self._paired[name].items()
        ]  # fmt: skip
        columns = ("metric", "other", "unit", "baseline_value", "other_value", "difference", "low", "high", "ratio",
                   "ratio_low", "ratio_high", "verdict")  # fmt: skip
        made = table(rows, self.plot, columns)
        return made.astype({name: float for name in columns if name not in ("metric", "other", "unit", "verdict")})

    @property
    def others(self) -> tuple[str, ...]:
        """Names of what is compared with the baseline."""
        return tuple(self.results)[1:]

    @cached_property
    def changes(self) -> Table:
        """The fields in which the scenarios differ: other, field, baseline_value, other_value."""
        base = fields_of(self.results[self.baseline].scenario)
        rows = []
        for name in self.others:
            other = fields_of(self.results[name].scenario)
            rows += [
                (name, path, base.get(path, NOT_SET), other.get(path, NOT_SET))
                for path in [*base, *(path for path in other if path not in base)]
                if base.get(path) != other.get(path)
            ]
        return table(rows, None, ("other", "field", "baseline_value", "other_value"))

    def to_json(self) -> str:
        """Baseline, seed, replications and the rows of `summary` as JSON text; what does not apply is null."""
        first = self.results[self.baseline]
        head = {"baseline": self.baseline, "seed": first.seed, "replications": first.replications}
        rows = json.loads(self.summary.to_json(orient="records", double_precision=15))
        return json.dumps(head | {"rows": rows}, indent=2, ensure_ascii=False)

    def plot(self) -> "Picture":
        """Relative change of the main metrics with 95 % intervals."""
        from simkit.report.figures_study import comparison_figure, comparison_rows

        return comparison_figure(comparison_rows(self.summary, SHOWN), self.baseline)

    def page(self) -> Page:
        """What both faces show."""
        first = self.results[self.baseline]
        count = first.replications
        runs = f"{count} replication{'s' * (count != 1)}, seed {first.seed}"
        blocks: list[Block] = []
        for name in self.others:
            blocks += [*self._verdicts(name), self._figures(name), *self._differences(name)]
        names = " and ".join(self.others)
        return Page(
            f"{names} compared with {self.baseline}", f"{runs}; the same users and draws in each", tuple(blocks)
        )

    def __str__(self) -> str:
        from simkit.result import text

        return text.render(self.page())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from simkit.result import html

        return html.render(self.page())

    def _verdicts(self, name: str) -> list[Block]:
        rows = self.summary[(self.summary["other"] == name) & self.summary["metric"].isin(SHOWN)]
        return [Paragraph(f"{text}.") for text in rows["verdict"]]

    def _figures(self, name: str) -> Grid:
        rows = []
        for metric, (base, value, one) in self._paired[name].items():
            unit = METRICS[metric].unit
            ends = "–" if one.low is None else f"{figure(one.low, unit)} to {figure(one.high, unit)}"
            rows.append((metric, figure(base, unit), figure(value, unit), figure(one.difference, unit), ends))
        return Grid(
            ("metric", self.baseline, name, "difference", "95 % interval"), tuple(rows), frozenset({1, 2, 3, 4})
        )

    def _differences(self, name: str) -> list[Block]:
        rows = self.changes[self.changes["other"] == name]
        if rows.empty:
            return [Paragraph("The two scenarios are the same.")]
        cells = zip(rows["field"], rows["baseline_value"], rows["other_value"], strict=True)
        return [Heading("What differs"), Grid(("field", self.baseline, name), tuple(cells))]

    @cached_property
    def _paired(self) -> dict[str, dict[str, tuple[float, float, Paired]]]:
        """Scenario to metric to (baseline's value, its own, the paired difference), where both have one."""
        base, base_rows = self.results[self.baseline].metrics, rows_of(self.results[self.baseline])
        found: dict[str, dict[str, tuple[float, float, Paired]]] = {}
        for name in self.others:
            mine, my_rows = self.results[name].metrics, rows_of(self.results[name])
            found[name] = {}
            for metric in METRICS:
                before, after = base[metric].value, mine[metric].value
                if before is not None and after is not None:
                    one = paired(before, after, base_rows[metric], my_rows[metric])
                    found[name][metric] = before, after, one
        return found


def compare(
    scenarios: "Mapping[str, Scenario | Result]",
    *,
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: bool | Progress = False,
) -> Comparison:
    """Compare scenarios with the first of them, under one seed: the same users, kinds, tokens and luck in each.

    Args:
        scenarios: name to scenario, or to a result that was run before.
        replications: of each scenario; left out: the first scenario's.
        seed: of all; left out: the first scenario's.
        engine: as in `run`.
        jobs: as in `run`.
        progress: as in `run`.

    Raises:
        ValueError: fewer than two, or results that cannot be paired (another seed, other replications).
        ScenarioError, PlanError, Stopped, LostWorkerError: as `run`.
    """
    if len(scenarios) < 2:
        raise ValueError("compare needs at least two scenarios: a baseline and another")
    first = next(iter(scenarios.values()))
    done = isinstance(first, Result)
    shared = (first.seed, first.replications) if done else (first.document.seed, first.document.replications)  # type: ignore[union-attr]
    seed = shared[0] if seed is None else seed
    replications = shared[1] if replications is None else replications
    show = progress_of(progress)
    results: dict[str, Result] = {}
    for place, (name, one) in enumerate(scenarios.items()):
        results[name] = (
            one if isinstance(one, Result) else _run(one, seed, replications, engine, jobs, show, place, len(scenarios))
        )
    _check_pairs(results)
    return Comparison(results)


def _run(
    scenario: "Scenario",
    seed: int,
    replications: int,
    engine: str,
    jobs: int | None,
    show: Progress,
    place: int,
    of: int,
) -> Result:
    from simkit.study.run import run

    def part(done: float) -> None:
        show((place + min(done, 1.0)) / of)

    return run(scenario, seed=seed, replications=replications, engine=engine, jobs=jobs, progress=part)


def _check_pairs(results: Mapping[str, Result]) -> None:
    """Results can be paired only if they ran the same replications under one seed."""
    (first, base), *others = results.items()
    for name, other in others:
        mine, theirs = ((r.seed, [one.replication for one in r.tallies]) for r in (base, other))
        if mine != theirs:
            raise ValueError(
                f"{name} (seed {other.seed}, {other.replications} replications) cannot be paired with {first} "
                f"(seed {base.seed}, {base.replications} replications): run both with the same"
            )


def rows_of(result: Result) -> dict[str, list[float | None]]:
    """Every metric of every replication alone."""
    alone = [evaluate(replace(result.evidence, tallies=(one,))) for one in result.evidence.tallies]
    return {metric: [one[metric].value for one in alone] for metric in METRICS}


NOT_COMPARED = ("name", "description", "sources")


def fields_of(scenario: "Scenario") -> dict[str, str]:
    """Every field of the full form by its path, as it is written."""
    from simkit.scenario.tree import plain

    found: dict[str, str] = {}
    for key, value in plain(scenario.tree).items():
        if key not in NOT_COMPARED:
            _flatten(value, key, found)
    return found


def _flatten(value: object, path: str, found: dict[str, str]) -> None:
    from simkit.scenario.tree import scalar_text

    if isinstance(value, dict) and value:
        for key, one in value.items():
            _flatten(one, f"{path}.{key}", found)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for place, one in enumerate(value):
            _flatten(one, f"{path}.{one.get('name', place)}", found)
    else:
        found[path] = scalar_text(value)
