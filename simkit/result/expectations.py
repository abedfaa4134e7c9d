"""What the scenario expects beside its objectives: `expect: ["cost_per_action <= $0.004"]`, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from simkit.result.metrics import METRICS
from simkit.result.slo import Verdict, verdict
from simkit.result.statistics import Estimate

Line = tuple[str, str, float]
"""metric, operator, bound in the metric's unit (USD, seconds, shares as fractions)."""


@dataclass(frozen=True)
class Expected:
    """One line and its verdict."""

    text: str
    metric: str
    unit: str
    op: str
    bound: float
    value: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    note: str
    certain: bool = False
    """Can it not fail, whatever the interval?"""


def expected(metrics: dict[str, Estimate], texts: Sequence[str], lines: Sequence[Line]) -> tuple[Expected, ...]:
    """The verdict on every line; `texts` are the lines as written.

    Raises:
        KeyError: A metric is unknown (the scenario's checks find it earlier).
    """
    found = []
    for text, (name, op, bound) in zip(texts, lines, strict=True):
        e = metrics[name]
        found.append(
            Expected(text, name, METRICS[name].unit, op, bound, e.value, e.low, e.high, verdict(e, op, bound), e.note)
        )
    return tuple(found)


def settled(lines: Sequence[Expected], certain: Mapping[int, str]) -> tuple[Expected, ...]:
    """The lines, with those that cannot fail (place to reason) passed, whatever the interval: where there is a value.

    A limit of an interval may be beyond the data of a short run although no value could be beyond the bound.
    """
    return tuple(
        replace(line, verdict=Verdict.PASS, note=f"cannot fail: {certain[place]}", certain=True)
        if place in certain and line.verdict == Verdict.UNDECIDED and line.value is not None
        else line
        for place, line in enumerate(lines)
    )
