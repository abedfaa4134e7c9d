"""Caches: of answers, by the exact question or by meaning, and the providers' caches of prompts."""

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from simkit.scenario.base import Part
from simkit.scenario.distribution import DurationDist
from simkit.scenario.units import Count, Duration, Money, Percent, Share

LOOKUP = {"exact": "1ms", "semantic": "40ms"}
"""What a lookup takes if nothing is said: a round trip within a zone and its work; an embedding and a vector search."""
MINIMUM, STEP, TTL, REFRESH, PREFILL = 1024, 1, "5min", True, 1.0
"""Rules of a prompt cache where nobody says them."""
RAMP = "1h"
"""How long a cache with a given hit rate takes to fill if nothing is said."""


class KeyLaw(Part):
    """How often which question is asked: the k-th most popular has the weight 1 / k^zipf."""

    zipf: Annotated[float, Field(ge=0, le=5)]
    """Exponent: 0 = all alike, 1 = the classic Zipf law."""
    count: Annotated[Count, Field(ge=1, le=10_000_000)]
    """Number of different questions."""

    def top(self) -> float:
        """Share of the most popular one."""
        return float(1 / np.sum(np.arange(1, self.count + 1) ** -self.zipf))


class AnswerCache(Part):
    """A cache of answers."""

    hit_rate: Share | None = None
    """Short form: this share of the lookups hits, fewer while it fills (see `ramp`); nothing is kept."""
    ramp: Duration | None = None
    """With `hit_rate`: how long it takes to fill, after the start and after it was emptied (left out: 1h; 0s: full at
    once)."""
    ttl: Duration | None = None
    """How long an answer is good for, from when it was written; hits do not extend it (left out: for ever)."""
    capacity: Annotated[Count, Field(ge=1)] | None = None
    """Answers it holds (left out: unlimited)."""
    evicts: Literal["lru", "lfu"] = "lru"
    """Who goes when it is full: `lru`, the least recently used; `lfu`, the least often used (counted up to 255; of
    several the least recent)."""
    cacheable: Share = 1.0
    """Share of the actions whose answer may be looked up and kept (an action's own `cacheable` goes before)."""
    lookup: DurationDist | None = None
    """How long a lookup takes, hit or miss (left out: 1ms for the exact, 40ms for the semantic one)."""
    cost: Money = 0
    """What a lookup costs, hit or miss (an embedding, a vector search)."""
    coalesce: bool = False
    """Does a question that is being answered already wait for that answer?"""
    start: Literal["cold", "warm"] = "cold"
    """`warm`: at the start of the run it holds the most popular questions, with ages spread over `ttl`."""
    emptied: list[Duration] = Field(default_factory=list)
    """When it is emptied (a deploy), counted from the scenario's start."""


class ExactCache(AnswerCache):
    """Answers by the exact question."""

    keys: KeyLaw | None = None
    """What is asked how often (a trace with a `key` column needs none)."""

    choices: ClassVar = tuple(frozenset({"hit_rate", other}) for other in ("keys", "ttl", "capacity"))


class SemanticCache(AnswerCache):
    """Answers by meaning: near-identical questions are one cluster. Asked when the exact cache has no answer."""

    clusters: KeyLaw | None = None
    """Clusters of near-identical questions, by popularity."""
    false_hits: Share = 0.0
    """Share of the hits with the answer to another question: a bad answer."""

    choices: ClassVar = tuple(frozenset({"hit_rate", other}) for other in ("clusters", "ttl", "capacity"))
    required: ClassVar = choices[:1]


class LongerLife(Part):
    """A longer life that can be bought."""

    ttl: Duration
    """How long a prefix is then kept."""
    write: Percent
    """Price of a written token, as a share of the input price."""


class PromptRules(Part):
    """A provider's prompt cache. What nobody says: 1,024 tokens at least, single tokens beyond, 5min from the last use,
    written at the price book's price."""

    minimum: Count | None = None
    """Shortest prefix in tokens that it takes (left out: the model's `prompt_cache_minimum`, then the provider's)."""
    step: Annotated[Count, Field(ge=1)] | None = None
    """Beyond the minimum it takes steps of so many tokens (left out: as the provider says)."""
    ttl: Duration | None = None
    """How long a prefix is kept after its last use, or from its writing, see `refresh` (left out: as the provider
    says)."""
    refresh: bool | None = None
    """Does a read make it live longer (left out: as the provider says)?"""
    write: Percent | None = None
    """Price of a written token as a share of the input price (left out: as the provider or the price book says)."""
    capacity: Count | None = None
    """Tokens it holds for a deployment; the least recently used go (left out: unlimited)."""
    prefill: Share | None = None
    """Share of the time per input token that cached tokens spare (left out: 100%)."""


class ProviderPromptCache(PromptRules):
    """Rules of a provider's prompt cache; they hold where `caches.prompt` is on."""

    longer: LongerLife | None = None
    """A longer life that can be bought: taken where `caches.prompt.ttl` asks for it."""


class PromptCache(PromptRules):
    """The providers' prompt caches of what prompts have in common: the system prompt and what was said before. `{}`: by
    the providers' rules; what stands here goes before them."""

    hit_rate: Share | None = None
    """Short form: this share of the attempts finds its `system` prefix in the cache; nothing is kept."""
    emptied: list[Duration] = Field(default_factory=list)
    """When they are emptied, counted from the scenario's start."""

    choices: ClassVar = tuple(
        frozenset({"hit_rate", other}) for other in ("minimum", "step", "ttl", "refresh", "write", "capacity")
    )


class Caches(Part):
    """Caches."""

    exact: ExactCache | None = None
    """Your own cache of answers by the exact question."""
    semantic: SemanticCache | None = None
    """Your own cache of answers by meaning."""
    prompt: PromptCache | None = None
    """The providers' caches of prompts."""


__all__ = [
    "LOOKUP", "MINIMUM", "PREFILL", "RAMP", "REFRESH", "STEP", "TTL",
    "AnswerCache", "Caches", "ExactCache", "KeyLaw", "LongerLife", "PromptCache", "PromptRules",
    "ProviderPromptCache", "SemanticCache",
]  # fmt: skip
