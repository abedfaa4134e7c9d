"""Models, deployments, limits and the policy of retries as tables."""

from collections.abc import Mapping

import numpy as np

from simkit.plan.codes import KINDS, Kind
from simkit.plan.errors import PlanError
from simkit.plan.index import Index, deployments_of
from simkit.plan.plan import NEVER, Deployments, Ints, Limits, Models, Policy, Service
from simkit.plan.tables import DistPool
from simkit.plan.work import cumulative
from simkit.scenario.defaults import failure, jitter_range, resilience
from simkit.scenario.distribution import DurationDist, NumberDist
from simkit.scenario.models import Deployment, DrawnKind, Model, Quota
from simkit.scenario.scenario import Document
from simkit.scenario.workload import covers, fallback_chain

BALANCES = ("weighted", "ordered", "least_busy")
PER_CALL = ("bad_request", "content_filter")
"""Failures that no retry cures: drawn once per action, call and model."""
KIND_OF = {kind.name.lower(): kind for kind in Kind}
TAKES = {"first_token": 1, "part": 2, "answer": 3, "never": 4}
BILLED = ("nothing", "input", "elapsed", "all")
PERFORMANCE = ("ttft", "ttft_per_1k_input", "tokens_per_second", "errors", "concurrency", "queue")


def limit(value: int | None) -> int:
    """A limit; none is as good as infinite."""
    return NEVER if value is None else value


def models(documents: list[Document], index: Index) -> Models:
    """Models."""
    first = documents[0]
    counts = [len(model.deployments) for model in first.models.values()]
    each = [list(document.models.values()) for document in documents]
    return Models(
        first_deployment=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        balance=np.array([BALANCES.index(m.balance) for m in each[0]], dtype=np.int64),
        quality=np.array([[[quality(m, x) for x in index.complexities] for m in row] for row in each]),
        context=np.array([[limit(m.context) for m in row] for row in each], dtype=np.int64),
        fallback=fallbacks(first, index),
        errors=np.array([[error_rates(m.errors, PER_CALL) for m in row] for row in each]),
        cache_minimum=np.array([[m.prompt_cache_minimum or 0 for m in row] for row in each], dtype=np.int64),
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
        weight_cdf=np.array([weight_cdf(document) for document in documents]),
        rank=rank(documents[0]),
        concurrency=np.array([[limit(d.concurrency) for d in row] for row in full], dtype=np.int64),
        queue=np.array([[limit(d.queue) for d in row] for row in full], dtype=np.int64),
        ttft=np.array([[required(pool, d.ttft) for d in row] for row in full], dtype=np.int64),
        ttft_per_token=np.array([[(d.ttft_per_1k_input or 0) / 1000 for d in row] for row in full]),
        speed=np.array([[required(pool, d.tokens_per_second) for d in row] for row in full], dtype=np.int64),
        errors=np.array([[error_rates(d.errors, per_attempt) for d in row] for row in full]),
        first_limit=np.concatenate([[0], np.cumsum([len(a) for a in applies])]).astype(np.int64),
        limits=np.array([b for a in applies for b in a], dtype=np.int64),
    )


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
    measures = ("requests", "input", "output", "tokens")
    return Limits(
        measure=np.array([measures.index(measure) for _, measure in index.limits], dtype=np.int64),
        ns_per_unit=np.array([[ns_per_unit(q, measure) for q, measure in row] for row in each]).reshape(len(each), -1),
        burst=np.array([[burst(q, measure) for q, measure in row] for row in each], dtype=np.int64).reshape(
            len(each), -1
        ),
        reserve_max=np.array([q.reserve == "max_tokens" for q in quotas], dtype=np.bool_),
        refused_count=np.array([q.refused_count for q in quotas], dtype=np.bool_),
        cached_counts=np.array([q.cached_counts for q in quotas], dtype=np.bool_),
    )


def ns_per_unit(quota: Quota, measure: str) -> float:
    """Time that one unit of the limit takes to refill."""
    allowed = getattr(quota, measure)
    return float(allowed.period_ns / allowed.amount) if allowed.amount else float(NEVER)


def burst(quota: Quota, measure: str) -> int:
    """Credit of a full bucket, as time."""
    period: int = getattr(quota, measure).period_ns
    return period if quota.burst is None else quota.burst


def service(documents: list[Document], pool: DistPool) -> Service:
    """The own service."""
    each = [document.service for document in documents]
    return Service(
        workers=np.array([limit(s.workers) for s in each], dtype=np.int64),
        queue=np.array([limit(s.queue) for s in each], dtype=np.int64),
        overhead=np.array([pool.add(s.overhead) if s.overhead else -1 for s in each], dtype=np.int64),
    )


def policy(documents: list[Document], pool: DistPool) -> Policy:
    """Timeouts, retries, failure kinds."""
    each = [resilience(document) for document in documents]
    jitters = [jitter_range(r.backoff.jitter) for r in each]
    caches = [document.caches.prompt for document in documents]
    kinds = [failure_table(document, pool) for document in documents]
    if any(row[3] != first[3] for table in kinds[1:] for row, first in zip(table, kinds[0], strict=True)):
        raise PlanError(
            "changes: how long a failure takes (`failures.KIND.takes`) may change from one time to another, but not "
            "between a time and first_token, part, answer or never. Write a time from the start."
        )
    return Policy(
        timeout=np.array([limit(r.timeout) for r in each], dtype=np.int64),
        max_retries=np.array([r.max_retries for r in each], dtype=np.int64),
        backoff_initial=np.array([r.backoff.initial for r in each], dtype=np.int64),
        backoff_factor=np.array([float(r.backoff.factor or 1.0) for r in each]),
        backoff_max=np.array([r.backoff.max for r in each], dtype=np.int64),
        jitter_low=np.array([low for low, _ in jitters]),
        jitter_high=np.array([high for _, high in jitters]),
        retry_after=np.array([r.retry_after or 0 for r in each], dtype=np.int64),
        deadline=np.array([limit(r.deadline) for r in each], dtype=np.int64),
        cache_hit_rate=np.array([-1.0 if cache is None else cache.hit_rate for cache in caches]),
        retryable=np.array([row[0] for row in kinds[0]], dtype=np.bool_),
        falls_back=np.array([row[1] for row in kinds[0]], dtype=np.bool_),
        billed=np.array([row[2] for row in kinds[0]], dtype=np.int64),
        takes=np.array([row[3] for row in kinds[0]], dtype=np.int64),
        takes_time=np.array([[row[4] for row in table] for table in kinds], dtype=np.int64),
    )


def failure_table(document: Document, pool: DistPool) -> list[tuple[bool, bool, int, int, int]]:
    """Retryable, falls back, billed, takes, time by failure kind (OK first)."""
    table = [(False, False, 3, 3, -1)]
    for kind in list(Kind)[1:KINDS]:
        f = failure(document, kind.name.lower())
        takes = TAKES.get(f.takes, 0) if isinstance(f.takes, str) else 0
        time = pool.add(f.takes) if takes == 0 else -1  # type: ignore[arg-type]
        table.append((bool(f.retryable), bool(f.fallback), BILLED.index(f.billed or "nothing"), takes, time))
    return table
