"""A baseline: what scenarios gave when it was last refreshed, and what has moved beyond noise since.

It holds every metric by replication. The same replications under the same seed meet the same users, so that differences
are paired: where nothing was changed they are 0, and a change of the code or of a scenario shows even where it is
smaller than the noise of a run. Under another seed they are compared as independent runs (Welch 1947). All metrics of a
scenario are looked at at once, so their p-values are corrected by Holm's method.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from simkit.result.by_replication import Rows, rows_of
from simkit.result.metrics import METRICS
from simkit.result.statistics import LEVEL
from simkit.result.words import figure, percent
from simkit.study.gate import Item
from simkit.study.paired import holm, p_value

if TYPE_CHECKING:
    from simkit.result.result import Result

FORM = 1
"""Version of the file's form."""
Means = tuple[float | None, float | None]


class BaselineError(ValueError):
    """A file that is no baseline."""


@dataclass(frozen=True)
class Entry:
    """What one scenario gave."""

    scenario_hash: str
    seed: int
    numbers: list[int]
    """Of its replications."""
    rows: Rows


Baseline = dict[str, Entry]
"""By the scenario's file."""


def entry_of(result: "Result", most: int) -> Entry:
    """The first `most` replications of a result."""
    numbers = [one.replication for one in result.tallies][:most]
    rows = {name: values[:most] for name, values in rows_of(result.evidence).items()}
    return Entry(result.scenario.hash, result.seed, numbers, rows)


def read(file: Path) -> Baseline:
    """The baseline in a file.

    Raises:
        BaselineError: it is none, or of another version.
    """
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if found["form"] != FORM:
            raise BaselineError(f"{file} is a baseline of another version of simkit: write it anew with --refresh.")
        return {name: Entry(**one) for name, one in found["scenarios"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, BaselineError):
            raise
        raise BaselineError(f"{file} is no baseline. To write one: the same command with --refresh.") from error


def written(baseline: Baseline) -> str:
    """The text of the file."""
    scenarios = {name: asdict(baseline[name]) for name in sorted(baseline)}
    return json.dumps({"form": FORM, "scenarios": scenarios}, indent=1) + "\n"


def moved(old: Entry | None, new: Entry, tolerance: float = 0.0) -> list[Item]:
    """What has moved beyond noise, and by more than `tolerance` (a share of the old value)."""
    if old is None:
        return [Item("baseline", "in the baseline", "warn", "This scenario is not in it yet: refresh it.")]
    means: dict[str, Means] = {}
    p_values: dict[str, float] = {}
    for name in METRICS:
        before, after = _both(old, new, name)
        means[name] = _mean(before), _mean(after)
        if None not in means[name]:
            p_values[name] = _p(before, after, old.seed == new.seed)
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    changed = "The scenario was changed, too. " if old.scenario_hash != new.scenario_hash else ""
    found = [_item(name, *means[name], adjusted.get(name), tolerance, changed) for name in METRICS]
    broken = [one for one in found if one is not None]
    return broken or [Item("baseline", "nothing moved beyond noise", "pass")]


def _both(old: Entry, new: Entry, name: str) -> tuple[list[float | None], list[float | None]]:
    """Values of the replications that both have, in one order; all of each where the seeds differ."""
    first, second = old.rows.get(name, [None] * len(old.numbers)), new.rows[name]
    if old.seed != new.seed:
        return list(first), list(second)
    mine = dict(zip(old.numbers, first, strict=True))
    pairs = [(mine[n], value) for n, value in zip(new.numbers, second, strict=True) if n in mine]
    return [one for one, _ in pairs], [other for _, other in pairs]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _p(before: list[float | None], after: list[float | None], same_seed: bool) -> float:
    first, second = np.array(before, np.float64), np.array(after, np.float64)
    if same_seed and len(first) > 1:
        return p_value(second - first)
    if len(first) < 2 or len(second) < 2:
        return 0.0 if same_seed and (first != second).any() else 1.0
    from scipy.stats import ttest_ind

    if first.std() == 0 and second.std() == 0:
        return 0.0 if first[0] != second[0] else 1.0
    return float(ttest_ind(first, second, equal_var=False).pvalue)


def _item(
    name: str, before: float | None, after: float | None, p: float | None, tolerance: float, changed: str
) -> Item | None:
    """A metric that moved, or None."""
    unit = METRICS[name].unit
    if (before is None) != (after is None):
        return Item("baseline", name, "fail", f"{changed}was {figure(before, unit)}, is {figure(after, unit)}")
    if before is None or after is None or p is None or p > LEVEL or abs(after - before) <= tolerance * abs(before):
        return None
    by = f" ({'+' if after > before else '−'}{percent(abs(after / before - 1))})" if before else ""
    return Item("baseline", name, "fail", f"{changed}moved from {figure(before, unit)} to {figure(after, unit)}{by}")
