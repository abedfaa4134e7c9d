"""Simulator and real clients side by side: run the cases, count, and explain what differs.

`python tests/realcheck/compare.py [CASE ...]` prints every count and a verdict for each case. It ends with 1 if a count
differs by more than 5 % and nobody says why, with 2 if that may be the machine's fault: it stood still for too long.
`--write` also writes the tables of all cases into README.md, `--calls` lists calls that went otherwise.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean

import clients
from case import Case, cases, read_case
from clients import Story, go_through

from simkit.plan.codes import Kind, Outcome

CLOSE = 0.05
OWN_TIME = 0.15
"""Seconds that a real client and loopback may take for a try, on top of what the scenario says."""
MOST_TRIES = 3
STALL = 0.15
"""A run in which the machine stood still for longer (seconds) is made again: it is the machine that was measured."""
RUNS = 2
TOGETHER = 5
"""So many cases at once: they sleep most of the time."""
WELL, UNEXPLAINED, TOO_BUSY = range(3)
VERDICTS = "well", "unexplained", "too busy"
NOTHING_SENT = (Kind.NO_DEPLOYMENT, Kind.THROTTLED)
Try = tuple[int, int, int, str]
"""(rung, try, deployment, how it ended)"""


@dataclass
class Tries:
    """What was sent for each call and how long callers waited, in seconds."""

    of: dict[int, list[Try]] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    no_deployment: int = 0
    cooldowns: list[float] = field(default_factory=list)
    """How long each lasts."""


@dataclass(frozen=True)
class Count:
    """One figure twice."""

    name: str
    simulated: float
    real: float

    @property
    def is_time(self) -> bool:
        """Seconds that somebody waited."""
        return self.name.endswith(", s")

    def is_close(self, speed: float) -> bool:
        """Within 5 %; of times also what a real client takes itself."""
        apart = abs(self.real - self.simulated)
        if self.is_time:
            tries = MOST_TRIES if self.name.startswith("time") else 1
            return apart <= CLOSE * self.simulated + OWN_TIME * tries * speed
        return apart <= CLOSE * self.simulated


@dataclass(frozen=True)
class Comparison:
    """A case by the simulator and by the real client."""

    case: Case
    counts: list[Count]
    otherwise: list[str]
    """Calls that went otherwise."""
    stall: float

    def unexplained(self) -> list[Count]:
        """What differs, and nobody says why."""
        return [one for one in self.apart() if one.name not in self.case.reasons]

    @property
    def verdict(self) -> int:
        """Is all that differs explained?"""
        if not self.unexplained():
            return WELL
        return TOO_BUSY if self.stall > STALL else UNEXPLAINED

    def apart(self) -> list[Count]:
        """What differs by more than is allowed."""
        return [one for one in self.counts if not one.is_close(self.case.speed)]


def simulated(case: Case) -> Tries:
    """What the simulator's log says."""
    found, log, ended = Tries(), case.log, dict[int, int]()
    names = ("action", "rung", "attempt", "deployment", "outcome", "dispatched", "ended")
    rows = zip(*(log.attempts[name].tolist() for name in names), strict=True)
    for action, rung, number, deployment, kind, dispatched, end in sorted(rows):
        if action not in case.measured or kind in NOTHING_SENT:
            continue
        found.of.setdefault(action, []).append((rung, number, deployment, Kind(kind).name.lower()))
        if number > 0:
            found.waits.append((dispatched - ended[action]) / 1e9)
        ended[action] = end
    names = ("action", "arrival", "end", "outcome", "reason")
    for action, arrival, end, outcome, reason in zip(*(log.actions[name].tolist() for name in names), strict=True):
        if action in case.measured:
            (found.served if outcome == Outcome.OK else found.failed).append((end - arrival) / 1e9)
            found.no_deployment += reason == Kind.NO_DEPLOYMENT
    rows = zip(log.breakers["time"].tolist(), log.breakers["until"].tolist(), strict=True)
    found.cooldowns = [(until - at) / 1e9 for at, until in rows if until >= 0]
    return found


def real(case: Case, story: Story) -> Tries:
    """What the provider saw and callers got."""
    found = Tries()
    for action, sent in story.provider.story.items():
        if action in case.measured:
            found.of[action] = [(one.rung, one.number, one.deployment, one.kind.name.lower()) for one in sent]
            found.waits += [(after.at - one.ended) / 1e9 for one, after in pairwise(sent) if after.number > 0]
    for question in case.asked:
        if question.number in case.measured:
            ended = story.ended[question.number]
            (found.served if ended.ok else found.failed).append((ended.at - question.arrival) / 1e9)
            found.no_deployment += "No deployments available" in ended.error
    found.cooldowns = [(until - at) / 1e9 for at, _, until in story.cooldowns]
    return found


def figures(tries: Tries, calls: int) -> dict[str, float]:
    """What is compared."""
    rows = [one for of in tries.of.values() for one in of]
    ends = Counter(kind for _, _, _, kind in rows)
    return {
        "calls": calls,
        "attempts": len(rows),
        "attempts per call": len(rows) / calls,
        "retries": sum(number > 0 for _, number, _, _ in rows),
        "fallbacks": sum(rung > 0 and number == 0 for rung, number, _, _ in rows),
        **{f"ended {kind}": ends[kind] for kind in sorted(ends)},
        "cooldowns": len(tries.cooldowns),
        "time cooled, s": sum(tries.cooldowns),
        "no deployment": tries.no_deployment,
        "successes": len(tries.served),
        "failures": len(tries.failed),
        "wait before a retry, s": fmean(tries.waits or [0.0]),
        "time of a success, s": fmean(tries.served or [0.0]),
        "time of a failure, s": fmean(tries.failed or [0.0]),
    }


def otherwise(case: Case, one: Tries, other: Tries) -> Iterator[str]:
    """Calls of which the two tell different stories."""
    for question in case.asked:
        number = question.number
        if number in case.measured and one.of.get(number, []) != other.of.get(number, []):
            yield f"{question.arrival / 1e9:.3f} s: {one.of.get(number, [])}, really {other.of.get(number, [])}"


def compare(path: Path) -> Comparison:
    """Run the real client, and count."""
    case = read_case(path)
    story = go_through(case)
    ours, theirs = simulated(case), real(case, story)
    one, other = (figures(tries, len(case.measured)) for tries in (ours, theirs))
    counts = [Count(name, one.get(name, 0.0), other.get(name, 0.0)) for name in {**one, **other}]
    return Comparison(case, counts, list(otherwise(case, ours, theirs)), story.stall)


def together(paths: list[Path]) -> list[Comparison]:
    """Each case in a process of its own; they begin when all are ready, for getting ready keeps the machine busy."""
    context = get_context("spawn")
    start = context.Barrier(len(paths))
    with ProcessPoolExecutor(len(paths), context, initializer=clients.begin_with, initargs=(start,)) as pool:
        return list(pool.map(compare, paths))


def all_of(paths: list[Path]) -> Iterator[Comparison]:
    """Some at a time; those in which the machine stood still, and something is left unexplained, once more."""
    for first in range(0, len(paths), TOGETHER):
        batch = paths[first : first + TOGETHER]
        found = dict(zip(batch, together(batch), strict=True))
        for _ in range(RUNS - 1):
            again = [path for path, one in found.items() if one.verdict == TOO_BUSY]
            if again:
                runs = zip(again, together(again), strict=True)
                found |= {path: min(found[path], one, key=lambda run: run.stall) for path, one in runs}
        yield from found.values()


def show(comparison: Comparison, calls: bool) -> None:
    """Print it."""
    case, apart, unexplained = comparison.case, comparison.apart(), comparison.unexplained()
    alike = len(case.measured) - len(comparison.otherwise)
    print(f"\n{case.name}: {case.shows}\n{case.name}: {VERDICTS[comparison.verdict]}")
    print(f"{alike} of {len(case.measured)} calls alike, longest stall {comparison.stall * 1000:.0f} ms")
    for one in comparison.counts:
        said = "NOBODY SAYS WHY" if one in unexplained else case.reasons[one.name] if one in apart else ""
        print(f"  {one.name:24}{one.simulated:10.3f}{one.real:10.3f}  {said}")
    for line in comparison.otherwise if calls else []:
        print(f"  {line}")


def main(arguments: list[str]) -> int:
    """Compare the cases that are named, or all; 1 if a difference is left unexplained."""
    names = [argument for argument in arguments if not argument.startswith("-")]
    compared = []
    for one in all_of([path for path in cases() if not names or path.stem in names]):
        compared.append(one)
        show(one, calls="--calls" in arguments)
    if "--write" in arguments:
        from table import write

        write(compared)
    verdicts = {comparison.verdict for comparison in compared}
    return UNEXPLAINED if UNEXPLAINED in verdicts else max(verdicts, default=WELL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
