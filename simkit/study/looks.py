"""Looks at growing numbers of replications: who looks often, and stops when it suits, must pay for it.

Look k (k = 1, 2, ...) at R, 2 R, 4 R, ... replications uses intervals that miss with probability 0.05 x 2^-k. Together
they miss with probability 0.05 at most, whatever one stops at: spending of the error (Lan and DeMets 1983), here by
Bonferroni's inequality, which needs no assumption on how the looks depend on one another.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from simkit.result.metrics import METRICS
from simkit.result.statistics import LEVEL
from simkit.study.progress import Progress, silent

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.study.run import Replications

MOST = 640
"""Replications at which one stops looking."""


class Look(NamedTuple):
    """One look."""

    number: int
    """From 1."""
    replications: int
    level: float
    """Share of its intervals that miss."""


def looks(first: int, most: int) -> Iterator[Look]:
    """Looks at `first`, 2 `first`, ... and at last `most` replications. A single one has nothing to share."""
    if first >= most:
        yield Look(1, most, LEVEL)
        return
    number, count = 1, first
    while count < most:
        yield Look(number, count, LEVEL * 0.5**number)
        number, count = number + 1, 2 * count
    yield Look(number, most, LEVEL * 0.5**number)


def results(ready: "Replications", first: int, most: int, progress: Progress = silent) -> "Iterator[Result]":
    """The result at each look. Progress is of the work up to `most`; a replication is run once."""
    for look in looks(first, most):
        yield ready.upto(look.replications, partial(_of_all, progress, look.replications / most), look.level)


def _of_all(progress: Progress, share: float, done: float) -> None:
    progress(min(share * done, 0.999))


def until_precise(
    ready: "Replications", precision: Mapping[str, float], first: int, most: int | None, progress: Progress
) -> "Result":
    """Replications until every metric named is known well enough, or there are too many.

    Raises:
        ValueError: there is no such metric, or a precision is not above 0.
        as `run`.
    """
    check_precision(precision)
    try:
        for result in results(ready, max(2, first), MOST if most is None else most, progress):
            if not vague(result, precision):
                break
    finally:
        progress(1.0)
    for text in [*absent(result, precision), *vague(result, precision)]:
        ready.say(text)
    return result


def check_precision(precision: Mapping[str, float]) -> None:
    """Raises ValueError: see `until_precise`."""
    for name, share in precision.items():
        if name not in METRICS:
            raise ValueError(f"there is no metric {name!r}")
        if not 0 < share < 10:
            raise ValueError(f"the precision of {name} is {share:g}: it must be a share above 0, e.g. 0.05")


def absent(result: "Result", precision: Mapping[str, float]) -> list[str]:
    """The metrics that have no value in this scenario, each with a sentence: no replication would bring one."""
    return [
        f"{name} has no value here ({result.metrics[name].note or 'unknown'}): it does not count for --precision."
        for name in precision
        if result.metrics[name].value is None
    ]


def vague(result: "Result", precision: Mapping[str, float]) -> list[str]:
    """The metrics that are not known well enough, each with a sentence. What does not apply is as well as known."""
    found = []
    for name, share in precision.items():
        e = result.metrics[name]
        if e.value is None:
            continue
        if e.low is None or e.high is None:
            found.append(f"{name} has no interval with {result.replications} replications: {e.note}.")
        elif (e.high - e.low) / 2 > share * abs(e.value):
            reached = (e.high - e.low) / 2 / abs(e.value) if e.value else float("inf")
            found.append(
                f"{name} is known to {100 * reached:.2g} % with {result.replications} replications, not to"
                f" {100 * share:.2g} %."
            )
    return found
