"""Regions and autoscalers as tables."""

from typing import Any

import numpy as np

from simkit.plan.arrays import NEVER, Bools
from simkit.plan.errors import PlanError
from simkit.plan.index import deployments_of
from simkit.plan.places import Lead, Regions, ReplicaPrice, Scaling
from simkit.plan.work import cumulative
from simkit.scenario.geography import distance, may_ask, may_serve, services_of, shares
from simkit.scenario.policy import Autoscaling, Service
from simkit.scenario.regions import Region, Routing
from simkit.scenario.scenario import Document

TARGET = 0.7
"""Busy share that is aimed at where nobody says."""
MOST_MEMORY = 4096
"""Most looks that an autoscaler keeps in mind."""


def names_of_regions(document: Document) -> tuple[str, ...]:
    """Names of the regions; one of no name where they are not modelled."""
    return tuple(document.regions) or ("",)


def regions(documents: list[Document], key: list[int]) -> Regions:
    """Where users are, and how traffic is led."""
    first = documents[0]
    routing, names = first.routing, list(first.regions)
    serve, ask = permissions(first)
    return Regions(
        on=flag(bool(names)),
        share_cdf=np.array([cumulative(shares(d)) for d in documents]),
        tokens=np.array([[r.tokens for r in d.regions.values()] or [1.0] for d in documents]),
        rtt=np.array([round_trips(d) for d in documents], dtype=np.int64),
        to_model=np.array([to_models(d) for d in documents], dtype=np.int64),
        weight=np.array([[r.weight for r in d.regions.values()] or [1.0] for d in documents]),
        level=np.array([levels(region, names, home) for home, region in enumerate(first.regions.values())] or [[0]]),
        **of_routing(routing),
        bound=flag(not (serve.all() and ask.all())),
        may_serve=serve,
        may_ask=ask,
        key=np.array(key, dtype=np.int64),
    )


def of_routing(routing: Routing) -> dict[str, Any]:
    """What holds for all regions."""
    health, dns = routing.health, routing.dns
    whole = {
        "policy": int(Lead[routing.policy.upper()]),
        "interval": health.interval,
        "failures": health.failures,
        "successes": health.successes,
        "timeout": health.timeout,
        "ttl": dns.ttl,
        "ignore_for": dns.ignore_for,
        "manual": routing.manual or 0,
        "hold_down": routing.hold_down,
        "failback": routing.failback,
        "connect_timeout": routing.connect_timeout,
        "retries": routing.retries,
    }
    real = {"overprovisioning": routing.overprovisioning, "panic": routing.panic, "ignore": dns.ignore}
    return {
        **{name: np.array([value], dtype=np.int64) for name, value in whole.items()},
        **{name: np.array([value]) for name, value in real.items()},
        "retry_lost": flag(routing.retry_lost),
        "near": flag(routing.models == "nearest"),
    }


def flag(value: bool) -> Bools:
    """One yes or no."""
    return np.array([value], dtype=np.bool_)


def round_trips(document: Document) -> list[list[int]]:
    """From home to the service of each region; within a region where nobody says: none."""
    regions = document.regions
    return [[home.rtt.get(name, 0) for name in regions] for home in regions.values()] or [[0]]


def to_models(document: Document) -> list[list[int]]:
    """From the service of each region to each deployment."""
    places = [deployment for _, deployment in deployments_of(document)]
    rows = [[distance(region, place) for place in places] for region in document.regions.values()]
    return rows or [[0] * len(places)]


def levels(region: Region, names: list[str], home: int) -> list[int]:
    """Which choice each region is for the users of a home, by its `order`, else by distance, the home first."""
    nearest = sorted(names, key=lambda name: (region.rtt.get(name, 0), name != names[home]))
    choices = [[one] if isinstance(one, str) else one for one in region.order or nearest]
    level = {name: place for place, choice in enumerate(choices) for name in choice}
    return [level.get(name, NEVER) for name in names]


def permissions(document: Document) -> tuple[Bools, Bools]:
    """Which regions may serve, and which deployments may be asked, by home and kind."""
    homes, kinds = list(document.regions.values()), list(document.actions.values())
    places = deployments_of(document)
    serve = [
        [[may_serve(home.residency, kind.residency, name) for name in document.regions] for kind in kinds]
        for home in homes
    ]
    ask = [[[may_ask(home.residency, kind.residency, one) for _, one in places] for kind in kinds] for home in homes]
    if not homes:
        serve, ask = [[[True]] * len(kinds)], [[[True] * len(places)] * len(kinds)]
    return np.array(serve, dtype=np.bool_), np.array(ask, dtype=np.bool_).reshape(len(serve), len(kinds), len(places))


def hits(targets: list[str], document: Document) -> Bools:
    """(I, R) which regions each target of an incident takes down: those of its name, and those of its cloud."""
    regions = document.regions.items()
    rows = [[target in (name, region.cloud) for name, region in regions] or [False] for target in targets]
    return np.array(rows, dtype=np.bool_).reshape(-1, max(len(document.regions), 1))


def scaling(documents: list[Document]) -> Scaling:
    """Autoscalers. Raises PlanError where a change adds or removes one."""
    each = [[one.autoscaling for one in services_of(document)] for document in documents]
    if any((one is None) != (first is None) for row in each for one, first in zip(row, each[0], strict=True)):
        raise PlanError("changes: one of them adds or removes an autoscaler. A change may set its numbers only.")
    rows = [[one or Autoscaling(maximum=1) for one in row] for row in each]
    return Scaling(
        on=np.array([one is not None for one in each[0]], dtype=np.bool_),
        minimum=np.array([[one.minimum for one in row] for row in rows], dtype=np.int64),
        maximum=np.array([[one.maximum for one in row] for row in rows], dtype=np.int64),
        target=np.array([[target_of(one) for one in row] for row in rows]),
        queue=np.array([[one.queue or NEVER for one in row] for row in rows], dtype=np.int64),
        interval=np.array([one.interval for one in rows[0]], dtype=np.int64),
        delay=np.array([one.delay for one in rows[0]], dtype=np.int64),
        stabilisation=np.array([one.stabilisation for one in rows[0]], dtype=np.int64),
        tolerance=np.array([one.tolerance for one in rows[0]]),
        memory=np.array([min(one.stabilisation // one.interval + 1, MOST_MEMORY) for one in rows[0]], dtype=np.int64),
    )


def replica_price(documents: list[Document]) -> ReplicaPrice:
    """What replicas cost whose number follows the load."""
    prices = np.array([[price_of(one) for one in services_of(document)] for document in documents], dtype=np.int64)
    return ReplicaPrice(prices[..., 0], prices[..., 1])


def price_of(service: Service) -> tuple[int, int]:
    """Picodollars of a replica for so many ns, where their number follows the load."""
    if service.autoscaling is None or service.replica_cost is None:
        return 0, 1
    return service.replica_cost.picodollars, service.replica_cost.period_ns


def target_of(one: Autoscaling) -> float:
    """Busy share that is aimed at; 0: it goes by the queue alone."""
    if one.target is not None:
        return one.target
    return 0.0 if one.queue is not None else TARGET


__all__ = ["hits", "names_of_regions", "regions", "replica_price", "scaling"]
