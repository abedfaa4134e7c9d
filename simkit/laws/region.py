"""What regions go by: how much of them is there, what clients have heard of that, how many replicas are wanted."""

from simkit.laws.jit import law

NEVER = 2**62
"""No limit (`plan.arrays`)."""
HAIR = 1e-9
"""Shares that are left are products: 3 replicas less a third are 2, whatever the last bit says."""


@law
def replicas_up(replicas: int, available: float) -> int:
    """Replicas that are there when only a share of them is."""
    return int(float(replicas) * available + HAIR)


@law
def slots(workers: int, up: int) -> int:
    """Actions that so many replicas work on at once."""
    if up == 0:
        return 0
    return NEVER if workers >= NEVER // up else workers * up


@law
def openness(since: int, before: float, after: float, failback: int, at: int) -> float:
    """Share of a region's traffic that clients send there at a time when the last they heard is from `since`.

    None if nothing of it is left; after it had been gone, evenly more over `failback`.
    """
    if after <= 0.0:
        return 0.0
    if before > 0.0 or at - since >= failback:
        return 1.0
    return float(at - since) / float(failback)


@law
def seen_at(now: int, phase: float, ttl: int, more: int) -> int:
    """When a client last asked where to go that asks every `ttl`, at its own phase, and lives `more` in the past."""
    age = (now + int(phase * ttl)) % ttl if ttl > 0 else 0
    return now - age - more


@law
def scaled(tokens: int, factor: float) -> int:
    """Tokens in a language that takes more or fewer of them."""
    return int(float(tokens) * factor + 0.5)


@law
def wanted(replicas: int, busy: int, capacity: int, target: float, tolerance: float, waiting: int, each: int) -> int:
    """Replicas that an autoscaler asks for, as Kubernetes' horizontal autoscaler does.

    `replicas` times the use over the target, rounded up, unless use is about the target already (`busy` and
    `capacity` are slot-ns of the last interval); or so many that no more than `each` wait for one; the larger.
    Without any capacity there is nothing to go by.
    """
    found = 0
    if capacity == 0:
        return replicas
    if target > 0.0:
        ratio = float(busy) / float(capacity) / target
        found = replicas
        if abs(ratio - 1.0) > tolerance:
            exact = float(replicas) * ratio
            found = int(exact) + (1 if exact > int(exact) else 0)
    if each < NEVER:
        found = max(found, -(-waiting // each))
    return found


__all__ = ["openness", "replicas_up", "scaled", "seen_at", "slots", "wanted"]
