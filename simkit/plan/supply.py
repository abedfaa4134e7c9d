"""Models, deployments, limits and the own service as tables."""

import zlib
from collections.abc import Callable, Mapping

import numpy as np

from simkit.plan.batch import substitutes
from simkit.plan.codes import KINDS
from simkit.plan.errors import PlanError
from simkit.plan.index import MEASURES, RAMP, Index, deployments_of
from simkit.plan.plan import NEVER, Deployments, Ints, Limits, Models, Service
from simkit.plan.policy import KIND_OF, balance, limit
from simkit.plan.tables import DistPool
from simkit.plan.tiers import limits_by_tier, most_tiers
from simkit.plan.work import cumulative
from simkit.scenario import policy as said
from simkit.scenario.distribution import DurationDist, NumberDist
from simkit.scenario.geography import services_of
from simkit.scenario.models import Deployment, DrawnKind, Model, Quota
from simkit.scenario.scenario import Document
from simkit.scenario.units import Limit
from simkit.scenario.workload import covers, fallback_chain

PER_CALL = ("bad_request", "content_filter")
"""Failures that no retry cures: drawn once per action, call and model."""
PERFORMANCE = ("ttft", "ttft_per_1k_input", "tokens_per_second", "errors", "concurrency", "queue", "slowness")
KEY_BITS = 26
SHEDS = 4
"""Most rules of load shedding."""


def models(documents: list[Document], index: Index) -> Models:
    """Models."""
    first = documents[0]
    counts = [len(model.deployments) for model in first.models.values()]
    each = [list(document.models.values()) for document in documents]
    return Models(
        first_deployment=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        balance=np.array([balance(first, m.balance) for m in each[0]], dtype=np.int64),
        quality=np.array([[[quality(m, x) for x in index.complexities] for m in row] for row in each]),
        context=np.array([[limit(m.context) for m in row] for row in each], dtype=np.int64),
        fallback=fallbacks(first, index),
        errors=np.array([[error_rates(m.errors, PER_CALL) for m in row] for row in each]),
        cache_minimum=np.array([[m.prompt_cache_minimum or 0 for m in row] for row in each], dtype=np.int64),
        **substitutes(first, index),
    )


def quality(model: Model, complexity: str) -> float:
    """Share of good answers; NaN where the model's quality is not given."""
    return model.quality.get(complexity, model.quality.get("any", float("nan")))


def error_rates(errors: Mapping[DrawnKind, float] | None, kinds: tuple[str, ...]) -> list[float]:
    """Rates by failure kind, of some kinds."""
    rates = [0.0] * KINDS
    for kind, rate in (errors or {}).items():
        if kind in kinds:
            rates[KIND_OF[kind]] = rate
    return rates


def fallbacks(document: Document, index: Index) -> Ints:
    """The models tried after each, in order: its own list, each followed by that model's own fallbacks."""
    names = list(index.models)
    chains = [[names.index(m) for m in fallback_chain(document, model)] for model in names]
    table = np.full((len(names), max(map(len, chains), default=0) + 1), -1, dtype=np.int64)
    for row, each in zip(table, chains, strict=True):
        row[: len(each)] = each
    return table


def deployments(documents: list[Document], index: Index, pool: DistPool) -> Deployments:
    """Models at providers."""
    names, providers = list(index.models), list(index.providers)
    first = deployments_of(documents[0])
    full = [[filled(document.models[m], d) for m, d in deployments_of(document)] for document in documents]
    applies = [limits_of(documents[0], index, *place) for place in first]
    per_attempt = tuple(kind for kind in KIND_OF if kind not in PER_CALL)
    return Deployments(
        model=np.array([names.index(m) for m, _ in first], dtype=np.int64),
        provider=np.array([providers.index(d.provider) for _, d in first], dtype=np.int64),
        weight=np.array([[d.weight for _, d in deployments_of(document)] for document in documents]),
        weight_cdf=np.array([weight_cdf(document) for document in documents]),
        rank=rank(documents[0]),
        concurrency=np.array([[limit(d.concurrency) for d in row] for row in full], dtype=np.int64),
        queue=np.array([[limit(d.queue) for d in row] for row in full], dtype=np.int64),
        ttft=np.array([[required(pool, d.ttft) for d in row] for row in full], dtype=np.int64),
        ttft_per_token=np.array([[(d.ttft_per_1k_input or 0) / 1000 for d in row] for row in full]),
        speed=np.array([[required(pool, d.tokens_per_second) for d in row] for row in full], dtype=np.int64),
        errors=np.array([[error_rates(d.errors, per_attempt) for d in row] for row in full]),
        slowness=np.array([[pool.add(d.slowness.factor) if d.slowness else -1 for d in row] for row in full]),
        slowness_every=np.array([[d.slowness.every if d.slowness else NEVER for d in row] for row in full]),
        slowness_key=np.array([stable_key(name) for name in index.deployment_names], dtype=np.int64),
        first_limit=np.concatenate([[0], np.cumsum([len(a) for a in applies])]).astype(np.int64),
        limits=np.array([b for a in applies for b in a], dtype=np.int64),
    )


def stable_key(name: str) -> int:
    """The id under which a name draws."""
    return zlib.crc32(name.encode()) & ((1 << KEY_BITS) - 1)


def required(pool: DistPool, dist: DurationDist | NumberDist | None) -> int:
    """Id of a distribution that every deployment has (a scenario without it is refused when it is loaded)."""
    if dist is None:
        raise PlanError("models: `ttft` and `tokens_per_second` are needed for every model or its deployments")
    return pool.add(dist)


def filled(model: Model, deployment: Deployment) -> Deployment:
    """A deployment with all that it leaves out taken from its model."""
    missing = {name: getattr(model, name) for name in PERFORMANCE if getattr(deployment, name) is None}
    return deployment.model_copy(update=missing)


def weight_cdf(document: Document) -> list[float]:
    """Cumulative weights within each model."""
    return [w for m in document.models.values() for w in cumulative([d.weight for d in m.deployments])]


def rank(document: Document) -> Ints:
    """Deployments of each model by `order`, as indices."""
    ranked: list[int] = []
    for model in document.models.values():
        orders = [d.order for d in model.deployments]
        ranked += [len(ranked) + i for i in sorted(range(len(orders)), key=lambda i, o=orders: (o[i], i))]  # type: ignore[misc]
    return np.array(ranked, dtype=np.int64)


def limits_of(document: Document, index: Index, model: str, deployment: Deployment) -> list[int]:
    """The limits that apply to a deployment."""
    quotas = (document.quotas[name] for name, _ in index.limits)
    return [b for b, quota in enumerate(quotas) if covers(quota, model, deployment)]


def limits(documents: list[Document], index: Index) -> Limits:
    """Token buckets."""
    quotas = [documents[0].quotas[name] for name, _ in index.limits]
    each = [[(d.quotas[name], measure) for name, measure in index.limits] for d in documents]
    ramps = [[q.ramp if measure == RAMP else None for q, measure in row] for row in each]
    shape = (len(each), len(index.limits))
    most = most_tiers(documents[0])
    return Limits(
        measure=np.array([MEASURES.index(measure) for _, measure in index.limits], dtype=np.int64),
        ns_per_unit=np.array([[by_tier(q, measure, most) for q, measure in row] for row in each], np.float64).reshape(
            *shape, 1 + most
        ),
        burst=np.array([[burst(q, measure) for q, measure in row] for row in each], dtype=np.int64).reshape(shape),
        reserve_max=np.array([q.reserve == "max_tokens" for q in quotas], dtype=np.bool_),
        refused_count=np.array([q.refused_count for q in quotas], dtype=np.bool_),
        cached_counts=np.array([q.cached_counts for q in quotas], dtype=np.bool_),
        ramp_every=np.array([[r.every if r else 0 for r in row] for row in ramps], dtype=np.int64).reshape(shape),
        ramp_growth=np.array([[1.0 + r.growth if r else 0.0 for r in row] for row in ramps], np.float64).reshape(shape),
        ramp_floor=np.array([[r.floor if r else 0 for r in row] for row in ramps], dtype=np.int64).reshape(shape),
    )


def by_tier(quota: Quota, measure: str, most: int) -> list[float]:
    """Time that one unit of the limit takes to refill, at each tier; beyond the last one as there."""
    if measure == RAMP:
        return [0.0] * (1 + most)
    found = [ns_per_unit(allowed) for allowed in limits_by_tier(quota, measure)]
    return found + found[-1:] * (1 + most - len(found))


def ns_per_unit(allowed: Limit) -> float:
    """Time that one unit of a limit takes to refill."""
    return float(allowed.period_ns / allowed.amount) if allowed.amount else float(NEVER)


def burst(quota: Quota, measure: str) -> int:
    """Credit of a full bucket, as time."""
    if measure == RAMP:
        return 0
    period: int = getattr(quota, measure).period_ns
    return period if quota.burst is None else quota.burst


def service(documents: list[Document], pool: DistPool) -> Service:
    """The own service, by epoch and region."""
    each = [services_of(document) for document in documents]

    def table(of: Callable[[said.Service], int | list[int]]) -> Ints:
        return np.array([[of(one) for one in row] for row in each], dtype=np.int64)

    return Service(
        workers=table(lambda s: limit(s.workers)),
        replicas=table(lambda s: s.replicas),
        queue=table(lambda s: limit(s.queue)),
        overhead=table(lambda s: pool.add(s.overhead) if s.overhead else -1),
        shed_in_flight=table(lambda s: padded([rule.in_flight for rule in s.shed], NEVER)),
        shed_priority=table(lambda s: padded([rule.priority for rule in s.shed], 0)),
    )


def padded(values: list[int], value: int) -> list[int]:
    """Values of all rules of load shedding, with what stands where there is none."""
    return values + [value] * (SHEDS - len(values))
