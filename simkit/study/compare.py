"""`compare`: scenarios under common random numbers, with paired differences and a verdict for each metric."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from simkit.result.metrics import METRICS, evaluate
from simkit.result.page import Block, Grid, Heading, Page, Paragraph
from simkit.result.result import Described, Result
from simkit.result.table import Table, table
from simkit.result.words import figure
from simkit.scenario.errors import shown
from simkit.study.paired import Paired, paired
from simkit.study.progress import Progress, progress_of
from simkit.study.verdict import verdict

if TYPE_CHECKING:
    from simkit.report.style import Picture
    from simkit.scenario.load import Scenario

SHOWN = (
    "success_rate", "good_rate", "slo_compliance", "latency_p50", "latency_p95", "latency_p99", "ttft_p95",
    "cost_per_action", "cost_per_good_action", "cost_per_month",
)  # fmt: skip
"""Metrics that the faces and the picture show; `summary` has all."""
NO_EFFECT = ("name", "description", "sources", "knobs", "expect", "observed")
NOTHING = object()


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

    @property
    def title(self) -> str:
        """What is compared with what."""
        return f"{' and '.join(self.others)} compared with {self.baseline}"

    @cached_property
    def changes(self) -> Table:
        """The fields in which the scenarios differ: other, field, baseline_value, other_value."""
        base = self.results[self.baseline].scenario
        rows = [
            (name, *row)
            for name in self.others
            for row in differences(_written(base), _written(self.results[name].scenario))
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

        return comparison_figure(comparison_rows(self.summary, SHOWN), self.title)

    def page(self) -> Page:
        """What both faces show."""
        first = self.results[self.baseline]
        count = first.replications
        runs = f"{count} replication{'s' * (count != 1)}, seed {first.seed}"
        blocks: list[Block] = []
        for name in self.others:
            blocks += [self._verdicts(name), *self._differences(name), *self._figures(name)]
        return Page(self.title, f"{runs}; the same users and draws in each", tuple(blocks))

    def __str__(self) -> str:
        from simkit.result import text

        return text.render(self.page())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from simkit.result import html

        return html.render(self.page())

    def _verdicts(self, name: str) -> Grid:
        rows = self.summary[(self.summary["other"] == name) & self.summary["metric"].isin(SHOWN)]
        cells = zip(
            rows["metric"], rows["unit"], rows["baseline_value"], rows["other_value"], rows["verdict"], strict=True
        )
        shown = tuple((m, figure(b, unit), figure(o, unit), text) for m, unit, b, o, text in cells)
        return Grid(("metric", self.baseline, name, "verdict"), shown, frozenset({1, 2}))

    def _figures(self, name: str) -> list[Block]:
        every = self._paired[name].items()
        same = ", ".join(metric for metric, (_, _, one) in every if one.same)
        rows = tuple(
            (metric, _size(one.difference, METRICS[metric].unit), _ends(one.low, one.high, METRICS[metric].unit))
            for metric, (_, _, one) in every
            if not one.same
        )
        grid = Grid(("metric", f"{name} - {self.baseline}", "95 % interval"), rows, frozenset({1, 2}))
        return [
            Heading("All differences"),
            grid,
            *([Paragraph(same, "The same in every replication:")] if same else []),
        ]

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
    tell: Callable[[str], object] | None = None,
) -> Comparison:
    """Compare scenarios with the first of them, under one seed: the same users, kinds, tokens and luck in each.

    Args:
        scenarios: name to scenario, or to a result that was run before.
        replications: of each scenario; left out: the first scenario's.
        seed: of all; left out: the first scenario's.
        engine: as in `run`.
        jobs: as in `run`.
        progress: as in `run`.
        tell: as in `run`.

    Raises:
        ValueError: fewer than two, or results that cannot be paired (another seed, other replications).
        ScenarioError, PlanError, Stopped, UnfinishedError: as `run`.
    """
    from simkit.study.run import run

    if len(scenarios) < 2:
        raise ValueError("compare needs at least two scenarios: a baseline and another")
    first = next(iter(scenarios.values()))
    done = isinstance(first, Result)
    shared = (first.seed, first.replications) if done else (first.document.seed, first.document.replications)  # type: ignore[union-attr]
    seed = shared[0] if seed is None else seed
    replications = shared[1] if replications is None else replications
    show = progress_of(progress)
    go = partial(run, seed=seed, replications=replications, engine=engine, jobs=jobs, tell=tell)
    results: dict[str, Result] = {}
    for place, (name, one) in enumerate(scenarios.items()):
        show_part = partial(_part, show, place, len(scenarios))
        results[name] = one if isinstance(one, Result) else go(one, progress=show_part)
    _check_pairs(results)
    return Comparison(results)


def _part(show: Progress, place: int, of: int, done: float) -> None:
    show((place + min(done, 1.0)) / of)


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


def differences(before: object, after: object, path: str = "") -> list[tuple[str, str, str]]:
    """Where two trees of plain values differ: path, what stands before, what stands after."""
    from simkit.scenario.tree import scalar_text

    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        steps = [(str(key), before.get(key, NOTHING), after.get(key, NOTHING)) for key in {**before, **after}]
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        steps = [(_step(one, i), one, other) for i, (one, other) in enumerate(zip(before, after, strict=True))]
    else:
        return [(path, *("not set" if one is NOTHING else shown(scalar_text(one)) for one in (before, after)))]  # type: ignore[list-item]
    return [row for step, one, other in steps for row in differences(one, other, f"{path}.{step}" if path else step)]


def _step(item: object, place: int) -> str:
    return str(item.get("name", place)) if isinstance(item, dict) else str(place)


def _written(scenario: Described) -> object:
    """The full form as it was written, without what has no effect on a run."""
    from simkit.scenario.tree import plain

    full = plain(scenario.tree)  # type: ignore[attr-defined]
    return {key: one for key, one in full.items() if key not in NO_EFFECT}


def _size(value: float, unit: str) -> str:
    """A difference in its unit; of shares in points."""
    return figure(value, unit).replace(" %", " points") if unit == "share" else figure(value, unit)


def _ends(low: float | None, high: float | None, unit: str) -> str:
    return "–" if low is None or high is None else f"{_size(low, unit)} to {_size(high, unit)}"
