"""What there is of what, as plain rows: money by each dimension, and why actions were not ok.

The tables are made of them, and so is the page that a run prints: for that alone nobody waits for pandas.
"""

from collections.abc import Sequence
from math import nan
from typing import NamedTuple

import numpy as np

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.result.economy import CAUSES as PARTS_OF_BILL
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.tally import KINDS, OUTCOMES

CAUSES = tuple(cause.name.lower() for cause in Cause)


class Cost(NamedTuple):
    """Money of a part; `share` is of all that has the same `by`, NaN where that cost nothing."""

    by: str
    name: str
    cost_usd: float
    share: float


class Reason(NamedTuple):
    """Actions that were not ok; `share` is of all that ended."""

    outcome: str
    reason: str
    actions: float
    share: float


def costs(evidence: Evidence) -> list[Cost]:
    """By every dimension, each adding up to the models' cost; `total` has all; means a replication."""
    names, runs = evidence.plan.names, len(evidence.tallies)
    labels: dict[str, Sequence[str]] = {
        "model": names.models,
        "deployment": names.deployments,
        "provider": names.providers,
        "call": names.calls,
        "kind": names.kinds,
        "outcome": OUTCOMES,
        "cause": CAUSES,
        "waste": ("useful", "wasted"),
    }
    rows: list[tuple[str, str, int]] = []
    for by, every in labels.items():
        sums = [sum(int(one.cost[by][place]) for one in evidence.tallies) for place in range(len(every))]
        rows += [(by, name, cost) for name, cost in zip(every, sums, strict=True)]
    rows += [("part", cause, evidence.total(f"cause_{cause}")) for cause in PARTS_OF_BILL]
    whole_cost = (
        ("models", "cost"), ("people", "people"), ("lookups", "lookup_cost"), ("tools", "tool_cost"),
        ("own service", "service"),
    )  # fmt: skip
    rows += [("total", name, evidence.total(part)) for name, part in whole_cost]
    whole = {by: sum(cost for also, _, cost in rows if also == by) for by, _, _ in rows}
    return [Cost(by, name, cost / DOLLAR / runs, cost / whole[by] if whole[by] else nan) for by, name, cost in rows]


def reasons(evidence: Evidence) -> list[Reason]:
    """The most frequent first; counts are means of replications."""
    counts = np.sum([one.reasons for one in evidence.tallies], axis=0)
    counts[Outcome.OK] = 0
    ended, runs = evidence.total("ended"), len(evidence.tallies)
    places = sorted(zip(*np.nonzero(counts), strict=True), key=lambda at: -int(counts[at]))
    return [
        Reason(
            OUTCOMES[outcome], KINDS[reason] if reason != Kind.OK else "", float(counts[outcome, reason] / runs),
            float(counts[outcome, reason] / ended) if ended else nan,
        )
        for outcome, reason in places
    ]  # fmt: skip
