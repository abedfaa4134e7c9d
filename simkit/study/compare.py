"""`compare`: scenarios under common random numbers, with paired differences and a verdict for each metric."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simkit.result.by_replication import Rows
from simkit.result.by_replication import rows_of as rows_of_evidence
from simkit.result.metrics import METRICS
from simkit.result.page import Block, Grid, Heading, Page, Paragraph
from simkit.result.result import Result
from simkit.result.statistics import LEVEL
from simkit.result.table import Table, table
from simkit.result.words import duration, figure, number
from simkit.scenario.errors import shown
from simkit.study.executor import Where
from simkit.study.paired import Paired, holm, paired
from simkit.study.progress import Progress, progress_of
from simkit.study.saved import Saved, saved
from simkit.study.verdict import headline, verdict

if TYPE_CHECKING:
    from simkit.report.style import Picture
    from simkit.scenario.load import Scenario

SHOWN = (
    "success_rate", "good_rate", "slo_compliance", "latency_p50", "latency_p95", "latency_p99", "ttft_p95",
    "cost_per_action", "cost_per_good_action", "cost_per_month",
)  # fmt: skip
"""Metrics that the faces and the picture show; `summary` has all."""
NO_EFFECT = ("name", "description", "sources", "knobs", "expect", "observed")
ASKED = ("traffic", "actions", "horizon", "start")
"""Fields that say who asks what, and when."""
NAMED = 4
"""Most fields that are named in a sentence."""
NOTHING = object()
UNITS = {name: metric.unit for name, metric in METRICS.items()}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Scenarios against a baseline, replication by replication."""

    results: Mapping[str, Result | Saved]
    """By name; the first is the baseline."""

    @property
    def baseline(self) -> str:
        """Name of what the others are compared with."""
        return next(iter(self.results))

    @cached_property
    def summary(self) -> Table:
        """A row for each metric and other scenario.

        metric, other, unit, baseline_value, other_value, difference, low, high, ratio, ratio_low, ratio_high,
        p_value, pairing, verdict. Empty where a metric does not apply to both.

        low .. ratio_high: 95 % intervals of the paired difference and ratio, which for each metric hold together for
        all scenarios that are compared with the baseline (Bonferroni). p_value: after Holm's correction for all rows;
        a verdict is sure only if it is at most 0.05. pairing: how many times more replications it would take without.
        """
        rows = [
            (metric, name, METRICS[metric].unit, base, value, one.difference, one.low, one.high, one.ratio,
             one.ratio_low, one.ratio_high, one.p, one.saved, verdict(name, metric, METRICS[metric].unit, one))
            for name in self.others for metric, (base, value, one) in self._paired[name].items()
        ]  # fmt: skip
        columns = ("metric", "other", "unit", "baseline_value", "other_value", "difference", "low", "high", "ratio",
                   "ratio_low", "ratio_high", "p_value", "pairing", "verdict")  # fmt: skip
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
        written = {name: _written(one) for name, one in self.results.items() if isinstance(one, Result)}
        if len(written) < len(self.results):  # of a saved result only the full form is known
            written = {name: _full(one) for name, one in self.results.items()}
        rows = [(name, *row) for name in self.others for row in differences(written[self.baseline], written[name])]
        return table(rows, None, ("other", "field", "baseline_value", "other_value"))

    @cached_property
    def unlike(self) -> dict[str, tuple[str, ...]]:
        """Other scenario to the fields in which who asks what, and when, differs from the baseline; else left out."""
        full = {name: _full(one) for name, one in self.results.items()}
        found = {
            name: tuple(row[0] for row in differences(full[self.baseline], full[name]) if row[0].split(".")[0] in ASKED)
            for name in self.others
        }
        return {name: fields for name, fields in found.items() if fields}

    @property
    def pairing(self) -> str:
        """What the scenarios have in common, short."""
        return "the same seed in each, but not the same users" if self.unlike else "the same users and draws in each"

    @property
    def alike(self) -> tuple[str, ...]:
        """What the scenarios have in common, and what not: a sentence each."""
        if not self.unlike:
            return (SAME,)
        said = [f"{name} and {self.baseline} are not asked the same by the same users: they differ in {_some(fields)}."
                " What differs between them is this, too, and not only how they are served."
                for name, fields in self.unlike.items()]  # fmt: skip
        horizons = {name: horizon_of(one) for name, one in self.results.items()}
        times = {name: duration(ns) for name, ns in horizons.items() if ns}
        if len(set(times.values())) > 1:
            spans = ", ".join(f"{name} {time}" for name, time in times.items())
            said.append(f"They cover different times ({spans}): compare what is said per action, as a share or a month,"
                        " but no counts and no totals.")  # fmt: skip
        return tuple(said)

    def to_json(self) -> str:
        """Baseline, seed, replications and the rows of `summary` as JSON text; what does not apply is null."""
        first = self.results[self.baseline]
        head = {"baseline": self.baseline, "seed": first.seed, "replications": first.replications}
        rows = json.loads(self.summary.to_json(orient="records", double_precision=15))
        return json.dumps(head | {"rows": rows}, indent=2, ensure_ascii=False)

    @property
    def headlines(self) -> tuple[str, ...]:
        """What to know of each other scenario, a sentence."""
        return tuple(headline(name, self._paired[name], UNITS) for name in self.others)

    def plot(self) -> "Picture":
        """Relative change of the main metrics with 95 % intervals."""
        from simkit.report.figures_study import comparison_figure, comparison_rows

        return comparison_figure(comparison_rows(self.summary, SHOWN), self.title, self.pairing)

    def page(self) -> Page:
        """What both faces show."""
        first = self.results[self.baseline]
        count = first.replications
        runs = f"{count} replication{'s' * (count != 1)}, seed {first.seed}"
        blocks: list[Block] = []
        for name in self.others:
            blocks += [Paragraph(headline(name, self._paired[name], UNITS)), self._verdicts(name)]
            blocks += [*self._differences(name), *self._figures(name)]
        blocks += [Paragraph(text, "Note:", "warn") for text in self.alike if self.unlike]
        return Page(self.title, f"{runs}; {self.pairing}", tuple(blocks))

    def __str__(self) -> str:
        from simkit.result import text

        return text.render(self.page())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from simkit.result import html

        return html.render(self.page())

    def tables(self, name: str) -> "list[Block]":
        """What the page has of another scenario in tables: verdicts, all differences."""
        return [self._verdicts(name), *self._figures(name)]

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
            (metric, _size(one.difference, UNITS[metric]), _ends(one.low, one.high, UNITS[metric]),
             "–" if one.saved is None else f"{number(one.saved)} x")
            for metric, (_, _, one) in every
            if not one.same
        )  # fmt: skip
        heads = ("metric", f"{name} - {self.baseline}", "95 % interval", "saved by pairing")
        grid = Grid(heads, rows, frozenset({1, 2, 3}))
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
        level = LEVEL / len(self.others)
        found: dict[str, dict[str, tuple[float, float, Paired]]] = {}
        for name in self.others:
            mine, my_rows = self.results[name].metrics, rows_of(self.results[name])
            found[name] = {}
            for metric in METRICS:
                before, after = base[metric].value, mine[metric].value
                if before is not None and after is not None:
                    one = paired(before, after, base_rows[metric], my_rows[metric], level)
                    found[name][metric] = before, after, one
        return corrected(found)


Pairs = dict[str, dict[str, tuple[float, float, Paired]]]


def corrected(found: Pairs) -> Pairs:
    """The same with p-values corrected for all that are looked at; what is the same everywhere is not looked at."""
    keys = [
        (name, metric) for name, rows in found.items() for metric, (_, _, one) in rows.items()
        if one.p is not None and not one.same
    ]  # fmt: skip
    p_values = dict(zip(keys, holm([found[name][metric][2].p or 0.0 for name, metric in keys]), strict=True))
    return {
        name: {
            metric: (before, after, replace(one, p=p_values.get((name, metric), one.p)))
            for metric, (before, after, one) in rows.items()
        }
        for name, rows in found.items()
    }


def compare(
    scenarios: "Mapping[str, Scenario | Result | Saved | str | Path]",
    *,
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    progress: bool | Progress = False,
    tell: Callable[[str], object] | None = None,
    executor: Where = None,
    warmup: str | None = None,
) -> Comparison:
    """Compare scenarios with the first of them, under one seed: the same users, kinds, tokens and luck in each.

    Args:
        scenarios: name to scenario, to a result that was run before, or to the folder of a saved one.
        replications: of each scenario; left out: those of the first result, else the first scenario's.
        seed: of all; left out: likewise.
        engine: as in `run`.
        jobs: as in `run`.
        progress: as in `run`.
        tell: as in `run`.
        executor: as in `run`.
        warmup: `auto`: one cut by MSER-5 for all scenarios, the longest that any of them needs.

    Raises:
        PairError: fewer than two, or results that cannot be paired (another seed, other replications).
        SavedError: a folder holds no result.
        ScenarioError, PlanError, Stopped, UnfinishedError: as `run`.
    """
    from simkit.study.run import run

    if len(scenarios) < 2:
        raise PairError("compare needs at least two scenarios: a baseline and another")
    entries = {name: saved(one) if isinstance(one, str | Path) else one for name, one in scenarios.items()}
    done = {name: one for name, one in entries.items() if isinstance(one, Result | Saved)}
    left = {name: one for name, one in entries.items() if not isinstance(one, Result | Saved)}
    asked = next(iter(done.values())) if done else next(iter(left.values())).document
    seed = asked.seed if seed is None else seed
    replications = asked.replications if replications is None else replications
    if warmup is not None and left:
        from simkit.study.warmup import cut_by

        cut = cut_by(warmup, list(left.values()), seed=seed, engine=engine, jobs=jobs, tell=tell, executor=executor)
        left = dict(zip(left, cut, strict=True))
    show = progress_of(progress)
    go = partial(run, seed=seed, replications=replications, engine=engine, jobs=jobs, tell=tell, executor=executor)
    for place, (name, one) in enumerate(left.items()):
        done[name] = go(one, progress=partial(_part, show, place, len(left)))
    results = {name: done[name] for name in scenarios}
    _check_pairs(results)
    return Comparison(results)


def _part(show: Progress, place: int, of: int, done: float) -> None:
    show((place + min(done, 1.0)) / of)


class PairError(ValueError):
    """Results that cannot be compared with one another."""


def _check_pairs(results: Mapping[str, Result | Saved]) -> None:
    """Results can be paired only if they ran the same replications under one seed."""
    (first, base), *others = results.items()
    for name, other in others:
        mine, theirs = ((one.seed, numbers_of(one)) for one in (base, other))
        if mine != theirs:
            raise PairError(
                f"{name} (seed {other.seed}, {other.replications} replications) cannot be paired with {first} "
                f"(seed {base.seed}, {base.replications} replications): run both with the same"
            )


def numbers_of(result: Result | Saved) -> tuple[int, ...]:
    """The numbers of its replications."""
    return result.numbers if isinstance(result, Saved) else tuple(one.replication for one in result.tallies)


def rows_of(result: Result | Saved) -> Rows:
    """Every metric of every replication alone."""
    return result.rows if isinstance(result, Saved) else rows_of_evidence(result.evidence)


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


def _full(result: Result | Saved) -> object:
    """The full form with its defaults, without what has no effect on a run."""
    full = result.full if isinstance(result, Saved) else json.loads(result.scenario.document.model_dump_json())
    return {key: one for key, one in full.items() if key not in NO_EFFECT}


def _written(result: Result) -> object:
    """The full form as it was written, without what has no effect on a run."""
    from simkit.scenario.tree import plain

    full: dict[str, Any] = plain(result.scenario.tree)  # type: ignore[attr-defined]
    return {key: one for key, one in full.items() if key not in NO_EFFECT}


SAME = (
    "All scenarios had the same users, who asked the same things with the same luck. So what differs is what was"
    " changed, not chance, and the intervals are narrow."
)


def _some(fields: tuple[str, ...]) -> str:
    more = len(fields) - NAMED
    return ", ".join(f"`{one}`" for one in fields[:NAMED]) + (f" and {more} more fields" if more > 0 else "")


def horizon_of(result: Result | Saved) -> int:
    """The measured time in ns; 0: a saved result does not say it (it replays a trace to its end)."""
    return result.plan.horizon if isinstance(result, Result) else int(result.full["horizon"] or 0)


def _size(value: float, unit: str) -> str:
    """A difference in its unit; of shares in points."""
    return figure(value, unit).replace(" %", " points") if unit == "share" else figure(value, unit)


def _ends(low: float | None, high: float | None, unit: str) -> str:
    return "–" if low is None or high is None else f"{_size(low, unit)} to {_size(high, unit)}"
