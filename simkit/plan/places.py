"""The plan's tables of regions: where users are, who serves them, how far it is, what is allowed.

Axes as in `plan.plan`; R regions, which are at the same time where users are (home) and where they are served. There
is always at least one; `on` says whether they are modelled. Settings that no change may alter have no axis E.
"""

from enum import IntEnum
from typing import NamedTuple

from simkit.plan.arrays import Bools, Floats, Ints


class Lead(IntEnum):
    """Which region serves whom."""

    NEAREST = 0
    WEIGHTED = 1
    PRIORITY = 2
    LATENCY = 3


class Regions(NamedTuple):
    """Where users are, and how traffic is led."""

    on: Bools
    """(1) are regions modelled?"""
    share_cdf: Floats
    """(E, R) cumulative share of the traffic by home: for the rows of a trace."""
    tokens: Floats
    """(E, R) factor on users' words and answers by home."""
    rtt: Ints
    """(E, R, R) from home to the service of a region."""
    to_model: Ints
    """(E, R, N) from the service of a region to a deployment."""
    policy: Ints
    """(1) `Lead`"""
    weight: Floats
    """(E, R) 0: no new traffic."""
    level: Ints
    """(R, R) by home: which choice a region is, with `priority`; NEVER: none."""
    overprovisioning: Floats
    panic: Floats
    """(1)"""
    interval: Ints
    failures: Ints
    successes: Ints
    timeout: Ints
    """(1) health checks."""
    ttl: Ints
    ignore: Floats
    ignore_for: Ints
    """(1) how soon clients hear of a change."""
    manual: Ints
    hold_down: Ints
    failback: Ints
    connect_timeout: Ints
    retries: Ints
    retry_lost: Bools
    near: Bools
    """(1)"""
    bound: Bools
    """(1) is anything bound to a place?"""
    may_serve: Bools
    """(R, K, R) by home and kind: may a region serve?"""
    may_ask: Bools
    """(R, K, N) by home and kind: may a deployment be asked?"""
    key: Ints
    """(R) stable id of the region, for draws."""


class Scaling(NamedTuple):
    """Autoscalers of the regions' services."""

    on: Bools
    """(R)"""
    minimum: Ints
    maximum: Ints
    """(E, R) replicas."""
    target: Floats
    """(E, R) busy share; 0: it does not look at it."""
    queue: Ints
    """(E, R) waiting actions for each replica; NEVER: it does not look at them."""
    interval: Ints
    delay: Ints
    stabilisation: Ints
    """(R)"""
    tolerance: Floats
    """(R)"""
    memory: Ints
    """(R) looks that lie within the stabilisation, the present one included."""


class ReplicaPrice(NamedTuple):
    """What a replica costs where their number follows the load; 0 where it stays. No engine needs it."""

    cost: Ints
    """(E, R) picodollars for each `period`."""
    period: Ints
    """(E, R) ns"""


__all__ = ["Lead", "Regions", "ReplicaPrice", "Scaling"]
