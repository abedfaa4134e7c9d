"""Somebody who answers alerts: a replication is run again with what they change, until they have nothing more to do.

A change at a time alters nothing before it, so each run equals the one before up to then, and so do its alerts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simkit.plan.arrays import NEVER
from simkit.study.part import Part, Work
from simkit.study.progress import Progress

if TYPE_CHECKING:
    from simkit.plan.plan import Dists, Floats, Plan
    from simkit.result.alerts import Watch
    from simkit.result.tally import Tally
    from simkit.scenario.load import Scenario


@dataclass(frozen=True)
class Response:
    """What was done after an alert, ns."""

    fired: int
    at: int
    until: int
    """`NEVER`: for good."""


@dataclass(frozen=True)
class Responding:
    """Who answers alerts, for worker threads and processes."""

    scenario: "Scenario"
    watch: "Watch"
    waits: "Dists"
    """One distribution: from an alert to the change."""
    severity: str
    lasts: int
    at_most: int

    def part(self, work: Work, replication: int, pulse: Progress) -> Part:
        """Run a replication with all that is done in it."""
        alone, done = replace(work, responding=None), list[Response]()
        trial = replace(alone, parts=None, log=False)
        part = trial.part(replication, pulse)
        usual = part.tally.pulse.usual
        while not part.cut and (more := self._next(work, part.tally, done)) is not None:
            done.append(more)
            part = _with_past(replace(trial, plan=self._plan(work.plan, done)).part(replication, pulse), usual)
        if work.parts is not None or work.log:
            part = _with_past(replace(alone, plan=self._plan(work.plan, done)).part(replication, pulse), usual)
        told = tuple((one.fired, one.at, one.until) for one in done)
        return part._replace(tally=replace(part.tally, responses=told))

    def _plan(self, plan: "Plan", done: Sequence[Response]) -> "Plan":
        """The plan with what was done."""
        if not done:
            return plan
        from simkit.plan.compile import Overlay, compile_plan

        assert self.scenario.document.alerts is not None
        responder = self.scenario.document.alerts.responder
        assert responder is not None
        changed = compile_plan(self.scenario, [Overlay(one.at, one.until, responder.set) for one in done])
        return replace(changed, stationary=False)

    def _next(self, work: Work, tally: "Tally", done: Sequence[Response]) -> Response | None:
        """What is done after the first alert since the last change, if that is before the horizon."""
        from simkit.result.alerts import alerts_of

        since = done[-1].at if done else -NEVER
        alerts = alerts_of(tally.pulse, self.watch, work.objectives)
        fired = next((one.fired for one in alerts if one.rule.severity == self.severity and one.fired > since), None)
        if fired is None or len(done) == self.at_most:
            return None
        at = fired + self._wait(work.seed, tally.replication, len(done))
        if at >= work.plan.horizon:
            return None
        return Response(fired, at, min(at + self.lasts, NEVER))

    def _wait(self, seed: int, replication: int, number: int) -> int:
        """From the alert to the change, ns."""
        from simkit.laws.draws import Stream, pair
        from simkit.laws.sample import sample, whole

        u, _ = pair(seed, replication, int(Stream.RESPONSE), number, 0, 0)
        table, scale, low, cap, cells = self.waits
        return whole(sample(u, int(table[0]), float(scale[0]), float(low[0]), float(cap[0]), cells))


def _with_past(part: Part, usual: "Floats") -> Part:
    """The alerts of what was before a change are the same only if they take the same past for granted."""
    return part._replace(tally=replace(part.tally, pulse=replace(part.tally.pulse, before=usual)))


def responding(scenario: "Scenario", watch: "Watch | None") -> Responding | None:
    """Who answers the alerts of a scenario, if anybody does."""
    alerts = scenario.document.alerts
    if alerts is None or alerts.responder is None or watch is None:
        return None
    from simkit.plan.tables import DistPool

    one, pool = alerts.responder, DistPool()
    pool.add(one.after)
    lasts = NEVER if one.lasts is None else one.lasts
    return Responding(scenario, watch, pool.build(), one.severity, lasts, one.at_most)
