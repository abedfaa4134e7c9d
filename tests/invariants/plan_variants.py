"""Plans of generated scenarios, and their variants: without what couples actions with each other, with other numbers in
one place.
"""

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "parity"))  # the generator is shared

from scenario_strategies import scenario

from simkit.plan.compile import compile_plan
from simkit.plan.plan import NEVER, Incidents, Layer, Plan

LONG = 10 * 3600 * 10**9
"""A cooldown in which all ends that ever ends."""


@cache
def planned(seed: int) -> Plan:
    """The plan of a generated scenario."""
    with TemporaryDirectory() as folder:
        return compile_plan(scenario(Random(seed)).load(Path(folder)))


def calm(plan: Plan) -> Plan:
    """The plan without what couples one action with another, or a fate with the time.

    No incidents and changes (a first epoch for ever), no rate limits, slots or places that can run out, nothing that
    clients learn or save up, no fallbacks, timeouts and deadlines, no second layer's retries, no ladder, patience and
    slow hours; deployments by weight; time enough that all ends which ever ends.
    """
    deployments, service, never = plan.deployments, plan.service, np.full_like(plan.policy.deadline, NEVER)
    unlimited = np.full_like(deployments.concurrency, NEVER)
    return replace(
        plan,
        epochs=plan.epochs[:1],
        cooldown=LONG,
        incidents=no_incidents(plan),
        deployments=deployments._replace(
            concurrency=unlimited,
            queue=unlimited,
            slowness=np.full_like(deployments.slowness, -1),
            first_limit=np.zeros_like(deployments.first_limit),
        ),
        service=service._replace(
            workers=np.full_like(service.workers, NEVER),
            queue=np.full_like(service.queue, NEVER),
            shed_in_flight=np.full_like(service.shed_in_flight, NEVER),
        ),
        policy=plan.policy._replace(deadline=never),
        inner=careless(plan.inner),
        outer=careless(plan.outer)._replace(max_retries=np.zeros_like(never)),
        breaker=plan.breaker._replace(on=np.zeros_like(plan.breaker.on)),
        ladder=plan.ladder._replace(what=plan.ladder.what[:0]),
        audience=plan.audience._replace(
            patience=np.full_like(never, -1),
            reload_abandoned=np.zeros(len(never)),
            reload_failed=np.zeros(len(never)),
        ),
        models=plan.models._replace(
            balance=np.zeros_like(plan.models.balance), fallback=np.full_like(plan.models.fallback, -1)
        ),
    )


def careless(layer: Layer) -> Layer:
    """A layer that waits for ever, and neither hedges nor saves up nor holds back."""
    never, no = np.full_like(layer.timeout, NEVER), np.zeros_like(layer.budget)
    times = dict.fromkeys(("timeout", "first_token_timeout", "idle_timeout", "call_timeout", "hedge_after"), never)
    return layer._replace(**times, budget=no, throttle=no)


def no_incidents(plan: Plan) -> Incidents:
    """Neither scheduled nor random ones."""
    found = plan.incidents
    nothing = {name: column[:0] for name, column in found._asdict().items() if name != "first_severity"}
    return found._replace(**nothing, first_severity=found.first_severity[:1])


def with_layer(plan: Plan, **values: int) -> Plan:
    """The plan with numbers of the layer that talks to the models, at all times."""
    columns = {name: np.full_like(getattr(plan.inner, name), value) for name, value in values.items()}
    return replace(plan, inner=plan.inner._replace(**columns))


def with_deadline(plan: Plan, deadline: int) -> Plan:
    """The plan with a deadline, at all times."""
    return replace(plan, policy=plan.policy._replace(deadline=np.full_like(plan.policy.deadline, deadline)))


def with_patience(plan: Plan, patience: int) -> Plan:
    """The plan with users who all wait so long."""
    dists, number = plan.dists, len(plan.dists.table)
    constant = {"table": -1, "scale": float(patience), "low": 0.0, "cap": float(NEVER)}
    added = {name: np.append(getattr(dists, name), np.array([value])) for name, value in constant.items()}
    audience = plan.audience._replace(patience=np.full_like(plan.audience.patience, number))
    return replace(plan, dists=dists._replace(**added), audience=audience)


def without_cascades(plan: Plan) -> Plan:
    """An answer is never escalated."""
    return replace(plan, routes=plan.routes._replace(next_model=np.full_like(plan.routes.next_model, -1)))


def without_streams(plan: Plan) -> Plan:
    """An answer comes as a whole."""
    return replace(plan, actions=plan.actions._replace(streaming=np.zeros_like(plan.actions.streaming)))


def scaled_errors(plan: Plan, factor: float) -> Plan:
    """All shares of attempts and calls that fail, times a factor."""
    models, deployments = plan.models, plan.deployments
    return replace(
        plan,
        models=models._replace(errors=models.errors * factor),
        deployments=deployments._replace(errors=deployments.errors * factor),
    )
