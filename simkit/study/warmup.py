"""How long a run takes to forget that it began empty: MSER-5 on the average over replications.

MSER (White 1997) cuts where the squared standard error of the mean of what is left is least; MSER-5 (White, Cobb and
Spratt 2000) looks at means of 5 values in a row, and at cuts within the first half: a best cut beyond that says that
the run is too short to tell. It is meant for runs that have a steady state: not for office hours, changes or a trace.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simkit.result.table import Table, table
from simkit.result.words import seconds
from simkit.study.executor import Where
from simkit.study.run import Replications

if TYPE_CHECKING:
    from simkit.report.style import Picture
    from simkit.result.result import Result
    from simkit.scenario.load import Scenario

Floats = NDArray[np.float64]
BATCH = 5
"""Windows whose mean is one value."""
FEWEST = 10
"""Fewest means that say anything."""


def mser(values: Floats) -> int:
    """How many values to cut off the beginning: at most half of them."""
    left = np.arange(len(values), len(values) // 2, -1)
    scores = [float(values[len(values) - n :].var()) / n for n in left]
    return int(np.argmin(scores)) if len(scores) else 0


@dataclass(frozen=True, eq=False)
class Warmup:
    """Where MSER-5 cuts the beginning of a scenario."""

    name: str
    times_s: Floats
    """End of each mean, from the empty start."""
    means_s: Floats
    """Mean latency of the actions that arrive until then, over all replications."""
    replications: int

    @cached_property
    def cut(self) -> int:
        """How many means are cut off."""
        return mser(self.means_s)

    @property
    def cut_s(self) -> float:
        """How long that is."""
        return float(self.times_s[self.cut - 1]) if self.cut else 0.0

    @property
    def known(self) -> bool:
        """Is the run long enough to tell?"""
        return len(self.means_s) >= FEWEST and self.cut < len(self.means_s) // 2

    @property
    def text(self) -> str:
        """What was found, a sentence."""
        if len(self.means_s) < FEWEST:
            return f"{self.name}: too few actions to tell a warm-up."
        if not self.known:
            return (
                f"{self.name}: no steady state within the horizon; a longer one may have it, or the load is too high."
            )
        step = seconds(float(self.times_s[0]))
        if not self.cut:
            return f"{self.name}: MSER-5 cuts nothing (in steps of {step}): it is steady from the start."
        return f"{self.name}: MSER-5 cuts the first {seconds(self.cut_s)} (in steps of {step})."

    @property
    def series(self) -> Table:
        """time_s, latency_s, cut."""
        cut = np.arange(len(self.means_s)) < self.cut
        return table({"time_s": self.times_s, "latency_s": self.means_s, "cut": cut}, self.plot)

    def plot(self) -> "Picture":
        """Mean latency from an empty start, and the cut."""
        from simkit.report.figures_search import warmup_figure

        return warmup_figure(self.series, self.cut_s, self.text)


def warmup_of(result: "Result") -> Warmup:
    """The warm-up of a result that was measured from an empty start."""
    served = sum(one.series["ok"] + one.series["degraded"] for one in result.tallies)
    latency = sum(one.series["latency"].astype(np.float64) for one in result.tallies)
    edges = result.tallies[0].windows.edges
    rows = range(BATCH, len(edges), BATCH)
    counts = np.array([served[row - BATCH : row].sum() for row in rows], np.float64)  # type: ignore[index]
    sums = np.array([latency[row - BATCH : row].sum() for row in rows], np.float64)  # type: ignore[index]
    some = counts > 0
    times = edges[list(rows)] / 1e9
    return Warmup(result.name, times[some], sums[some] / counts[some] / 1e9, result.replications)


def warmup(
    scenario: "Scenario",
    *,
    replications: int | None = None,
    seed: int | None = None,
    engine: str = "auto",
    jobs: int | None = None,
    tell: Callable[[str], object] | None = None,
    executor: Where = None,
) -> Warmup:
    """Run a stationary scenario from an empty start, to see how long its warm-up is. Arguments are those of `run`.

    Raises:
        ValueError: the scenario has no steady state: its load or its figures change with time.
        as `run`.
    """
    empty = scenario.set({"warmup": "0s"})
    ready = Replications(empty, seed=seed, engine=engine, jobs=jobs, tell=tell, executor=executor)
    if not ready.work.plan.stationary:
        raise ValueError(f"{scenario.name}: load or figures change with time, so there is no steady state to reach")
    return warmup_of(ready.upto(replications or scenario.document.replications))


def cut_by(
    how: str, scenarios: "Sequence[Scenario]", seen: Callable[[Warmup], object] | None = None, **settings: object
) -> "list[Scenario]":
    """The scenarios with one warm-up for all: the longest that MSER-5 finds for any of them; `seen` is given each.

    Where one has no steady state, or is too short to tell, all keep what they have; that is told.

    Raises:
        ValueError: `how` is not `auto`.
        as `run`.
    """
    if how != "auto":
        raise ValueError(f"unknown warmup {how!r}: use auto, or set the field `warmup` of the scenario")
    say: Callable[[str], object] = settings.get("tell") or (lambda _: None)  # type: ignore[assignment]
    found: list[Warmup] = []
    for scenario in scenarios:
        try:
            found.append(warmup(scenario, **settings))  # type: ignore[arg-type]
        except ValueError as error:
            say(f"{error}. The warm-up stays as it is.")
            return list(scenarios)
        say(found[-1].text)
        if seen is not None:
            seen(found[-1])
    if not all(one.known for one in found):
        say("The warm-up stays as it is.")
        return list(scenarios)
    longest = max(one.cut_s for one in found)
    values: Mapping[str, str] = {"warmup": f"{round(longest * 1e9)}ns"}
    return [scenario.set(values) for scenario in scenarios]
