"""Service level objectives: what each asks of an action."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Outcome
from simkit.plan.plan import Plan
from simkit.result.statistics import share_of_percentile
from simkit.scenario.policy import Slo

Column = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Objective:
    """At least the share `target` of ended actions is as `kind` says; of answers, of those that were judged."""

    label: str
    """e.g. `success` or `latency p95`."""
    kind: str
    """`success`, `latency`, `ttft` or `good`."""
    target: float
    limit: int = 0
    """ns, for latency and ttft."""
    degraded_good: bool = True
    patient: tuple[int, ...] = ()
    """Kinds of actions that nobody waits for: objectives on times leave them out."""

    @property
    def text(self) -> str:
        """As a person would say it."""
        share = f"{self.target * 100:.10g} %"
        limit = f"{self.limit / 1e9:.10g} s"
        return {
            "success": f"{share} succeed",
            "latency": f"{share} succeed within {limit}",
            "ttft": f"{share} see the first token within {limit}",
            "good": f"{share} get a good answer",
        }[self.kind]

    def judge(self, actions: Mapping[str, Column], ended: int) -> tuple[Mask, Mask]:
        """(bad, counted) for each action; a censored one counts, as bad, once its age has passed the limit.

        An answer that nobody judged is neither good nor bad: as in `good_rate`, it is left out. So is, where a time is
        asked for, what can wait.
        """
        outcome = actions["outcome"]
        success = (outcome == Outcome.OK) | ((outcome == Outcome.DEGRADED) & self.degraded_good)
        met = success & self._meets(actions)
        censored = outcome == Outcome.CENSORED
        late = censored & (self.limit > 0) & (ended - actions["arrival"] > self.limit)
        unjudged = met & (actions["good"] < 0) & (self.kind == "good")
        asked = ~np.isin(actions["kind"], self.patient) if self.limit else np.ones(len(outcome), np.bool_)
        return asked & ((~censored & ~met) | late), asked & ((~censored & ~unjudged) | late)

    def _meets(self, actions: Mapping[str, Column]) -> Mask:
        met = np.ones(len(actions["outcome"]), np.bool_)
        if self.kind == "latency":
            met = actions["end"] - actions["arrival"] <= self.limit
        elif self.kind == "ttft":
            met = actions["first_token"] - actions["arrival"] <= self.limit
        elif self.kind == "good":
            met = actions["good"] != 0  # an answer that nobody judged is held against nobody
        return met


def patient_kinds(plan: Plan) -> tuple[int, ...]:
    """Kinds of actions that can wait (urgency `batch`)."""
    return tuple(np.flatnonzero(plan.batch.batch).tolist())


def objectives_of(slo: Slo, patient: tuple[int, ...] = ()) -> tuple[Objective, ...]:
    """The objectives of a scenario, in the order success, latency, ttft, good; `patient`: see `patient_kinds`."""
    fair = slo.degraded == "good"
    found = []
    if slo.success is not None:
        found.append(Objective("success", "success", slo.success, 0, fair))
    for kind, limits in (("latency", slo.latency), ("ttft", slo.ttft)):
        for label, limit in limits.items():
            found.append(Objective(f"{kind} {label}", kind, share_of_percentile(label), limit, fair, patient))
    if slo.good is not None:
        found.append(Objective("good", "good", slo.good, 0, fair))
    return tuple(found)
