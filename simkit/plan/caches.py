"""Caches of answers and of prompts as tables."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from simkit.plan.arrays import NEVER, Bools, Floats
from simkit.plan.codes import Cache
from simkit.plan.economy import Answers, Prompts
from simkit.plan.index import Index, deployments_of
from simkit.plan.policy import limit
from simkit.plan.tables import DistPool
from simkit.plan.trace import TraceRows
from simkit.plan.work import cumulative, guide_of
from simkit.scenario.caches import (
    LOOKUP,
    MINIMUM,
    PREFILL,
    RAMP,
    REFRESH,
    STEP,
    TTL,
    ExactCache,
    KeyLaw,
    PromptRules,
    SemanticCache,
)
from simkit.scenario.models import Deployment, Model
from simkit.scenario.portable import exp, log
from simkit.scenario.scenario import Document
from simkit.scenario.shapes import Scaled
from simkit.scenario.units import parse_duration

USES = {"lru": 0, "lfu": 255}
"""Uses of an entry are counted up to this."""
NO_INTS, NO_FLOATS = np.zeros(0, np.int64), np.zeros(0, np.float64)

Either = ExactCache | SemanticCache | None
T = TypeVar("T")


def popularity(law: KeyLaw | None) -> Floats:
    """Cumulative shares of the questions, the most popular first."""
    if law is None:
        return NO_FLOATS
    rank = np.arange(1, law.count + 1, dtype=np.float64)
    return np.array(cumulative(exp(-law.zipf * log(rank)).tolist()))


def caches_of(document: Document) -> tuple[Either, Either]:
    """The caches of answers, by `codes.Cache`."""
    return document.caches.exact, document.caches.semantic


def law_of(cache: Either) -> KeyLaw | None:
    """The popularity of what a cache is asked."""
    return cache.keys if isinstance(cache, ExactCache) else cache.clusters if cache is not None else None


def answers(documents: list[Document], trace: TraceRows | None, pool: DistPool) -> Answers:
    """Caches of answers."""
    each = [caches_of(document) for document in documents]
    first = each[0]
    cdf = [popularity(law_of(one)) for one in first]

    def table(of: Any, without: T) -> list[list[T]]:
        return [[without if one is None else of(one) for one in row] for row in each]

    def fixed(of: Any, without: T) -> list[T]:
        return [without if one is None else of(one) for one in first]

    key = trace.key if trace is not None and trace.key is not None else NO_INTS
    return Answers(
        on=np.array([one is not None for one in first]),
        hit_rate=np.array(table(lambda one: -1.0 if one.hit_rate is None else one.hit_rate, -1.0)),
        ramp=np.array(table(lambda one: parse_duration(RAMP) if one.ramp is None else one.ramp, 0), np.int64),
        ttl=np.array(table(lambda one: limit(one.ttl), NEVER), np.int64),
        capacity=np.array(table(lambda one: limit(one.capacity), NEVER), np.int64),
        counts=np.array(fixed(lambda one: USES[one.evicts], 0), np.int64),
        coalesce=np.array(fixed(lambda one: one.coalesce, False)),
        lookup=np.array([[lookup(one, Cache(a), pool) for a, one in enumerate(row)] for row in each], np.int64),
        cost=np.array(table(lambda one: one.cost, 0), np.int64),
        false_hits=np.array(table(lambda one: getattr(one, "false_hits", 0.0), 0.0)),
        warm=np.array(fixed(lambda one: one.start == "warm", False)),
        shared=np.array(fixed(lambda one: one.shared, False)),
        cacheable=np.array([cacheable(document) for document in documents]),
        keys=np.array([len(one) for one in cdf], np.int64),
        cdf_exact=cdf[Cache.EXACT],
        guide_exact=guide_of(cdf[Cache.EXACT]),
        cdf_semantic=cdf[Cache.SEMANTIC],
        guide_semantic=guide_of(cdf[Cache.SEMANTIC]),
        trace_key=key,
        trace_keys=np.array([key.max() + 1 if len(key) else 0], np.int64),
    )


def lookup(cache: Either, sort: Cache, pool: DistPool) -> int:
    """Distribution of how long a lookup takes; -1: no time."""
    if cache is None:
        return -1
    name = sort.name.lower()
    time = Scaled(None, float(parse_duration(LOOKUP[name]))) if cache.lookup is None else cache.lookup.scaled()
    return -1 if time.shape is None and time.quantile(0.5) == 0 else pool.add(time)


def cacheable(document: Document) -> list[list[float]]:
    """(A, K) share of the actions of a kind that ask a cache."""
    kinds = document.actions.values()
    both = [1.0 if cache is None else cache.cacheable for cache in caches_of(document)]
    return [[share if kind.cacheable is None else kind.cacheable for kind in kinds] for share in both]


# --- prompts ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """What a deployment's prompt cache goes by."""

    minimum: int
    step: int
    ttl: int
    refresh: bool
    capacity: int
    prefill: float
    write: float | None
    """Price of a written token as a share of the input price; None: the price book's."""


def has_state(document: Document) -> bool:
    """Do the prompt caches have entries?"""
    prompt = document.caches.prompt
    return prompt is not None and prompt.hit_rate is None


def rules_of(document: Document, model: Model, deployment: Deployment) -> Rules:
    """The scenario's own rules, then the model's minimum, then the provider's rules, then what is usual."""
    own = document.caches.prompt or PromptRules()
    said = document.providers.get(deployment.provider)
    theirs = (said.prompt_cache if said is not None else None) or PromptRules()
    longer = getattr(theirs, "longer", None)
    bought = longer.write if longer is not None and own.ttl == longer.ttl else theirs.write

    def first(*values: T | None) -> T | None:
        return next((one for one in values if one is not None), None)

    minimum = first(own.minimum, model.prompt_cache_minimum, theirs.minimum, MINIMUM)
    ttl = first(own.ttl, theirs.ttl, parse_duration(TTL))
    refresh, prefill = first(own.refresh, theirs.refresh, REFRESH), first(own.prefill, theirs.prefill, PREFILL)
    assert minimum is not None and ttl is not None and refresh is not None and prefill is not None
    return Rules(
        minimum=minimum,
        step=first(own.step, theirs.step, STEP) or STEP,
        ttl=ttl,
        refresh=refresh,
        capacity=limit(first(own.capacity, theirs.capacity)),
        prefill=prefill,
        write=first(own.write, bought),
    )


def prompts(documents: list[Document], index: Index, trace: TraceRows | None) -> Prompts:
    """Prompt caches of the deployments."""
    each = [[rules_of(d, d.models[m], one) for m, one in deployments_of(d)] for d in documents]
    first, blocks, block = NO_INTS, NO_INTS, 0
    if trace is not None and trace.blocks is not None and has_state(documents[0]):
        first, blocks, block = trace.first_block, trace.blocks, trace.block

    def table(name: str, kind: Any) -> Any:
        return np.array([[getattr(one, name) for one in row] for row in each], kind).reshape(len(documents), -1)

    refresh: Bools = np.array([one.refresh for one in each[0]], np.bool_)
    return Prompts(
        on=np.array([has_state(documents[0])]),
        minimum=table("minimum", np.int64),
        step=table("step", np.int64),
        ttl=table("ttl", np.int64),
        refresh=refresh,
        capacity=table("capacity", np.int64),
        prefill=table("prefill", np.float64),
        block=np.array([block], np.int64),
        first_block=first,
        blocks=blocks,
        number=np.array([blocks.max() + 1 if len(blocks) else 0], np.int64),
    )


__all__ = ["answers", "has_state", "popularity", "prompts", "rules_of"]
