"""Rows of the table of mechanisms, see `mechanisms`: caches, conversations, quotas, budgets, batch."""

from mechanism import Mechanism


def answers(*keys: str) -> tuple[str, ...]:
    """Of both caches of answers."""
    return tuple(f"caches.{cache}.{key}" for cache in ("exact", "semantic") for key in keys)


ECONOMY = {
    "exact cache": Mechanism(
        ("caches.exact.keys", "traffic.trace.columns.key", *answers("ttl", "lookup", "cost", "cacheable"),
         "actions.*.cacheable", "call.cached"),
        ("exact_hit", "exact_expires", "exact_lookup_first", "exact_not_cacheable"),
        "ttl_zipf", "exact_hit_rate", "hit_rate_figure", "answered from the cache",
    ),
    "capacity of a cache": Mechanism(
        answers("capacity", "evicts"), ("exact_lru", "exact_lfu"),
        "che_lru", "exact_hit_rate", "hit_rate_figure", "the least used goes",
    ),
    "coalescing": Mechanism(
        answers("coalesce"), ("exact_coalesce", "exact_coalesce_leader_fails"),
        "coalescing", "joined_rate", "hit_rate_figure", "waits for the same answer",
    ),
    "semantic cache": Mechanism(
        ("caches.semantic.clusters",), ("semantic_hit", "semantic_after_exact"),
        "false_share", "semantic_hit_rate", "hit_rate_figure", "questions that mean the same",
    ),
    "false hits": Mechanism(
        ("caches.semantic.false_hits",), ("semantic_false",),
        "false_share", "false_hit_rate", "hit_rate_figure", "the wrong answer, at once",
    ),
    "a cold cache": Mechanism(
        (*answers("start", "emptied"), "caches.prompt.emptied"), ("exact_emptied", "prompt_emptied"),
        "cold_fill", "exact_hit_rate", "hit_rate_figure", "cold after a deploy",
    ),
    "a hit rate that is given": Mechanism(
        answers("hit_rate", "ramp"), ("hit_rate_full",),
        "ramp", "exact_hit_rate", "hit_rate_figure", "fills within an hour",
    ),
    "stale answers": Mechanism(
        ("resilience.degrade.*.stale_cache",), ("degrade_stale",),
        "stale_share", "degraded_rate", "outcomes_figure", "yesterday's answer",
    ),
    "prompt cache with state": Mechanism(
        (
            *(f"caches.prompt.{key}" for key in ("minimum", "step", "ttl", "refresh", "write")),
            *(f"providers.*.prompt_cache.{key}" for key in ("minimum", "step", "ttl", "refresh", "write", "longer")),
        ),
        (
            "prompt_reads", "prompt_minimum_step", "prompt_not_refreshed", "prompt_longer_life", "prompt_cancelled",
            "prompt_exempt",
        ),
        "prompt_poisson", "prompt_cache_saving", "cost_by_cause_figure", "as long as it stays warm",
    ),
    "blocks of a trace": Mechanism(
        (
            "traffic.trace.columns.blocks", "traffic.trace.block", "traffic.trace.spread", "caches.prompt.capacity",
            "providers.*.prompt_cache.capacity",
        ),
        ("prompt_blocks", "prompt_blocks_lru"),
        "test_mooncake", "cached_token_share", "hit_rate_figure", "prefixes in blocks",
    ),
    "prefill that is spared": Mechanism(
        ("caches.prompt.prefill", "providers.*.prompt_cache.prefill"), ("prompt_prefill",),
        "test_what_is_read_takes_no_time", "ttft_p50", "latency_figure", "faster first token",
    ),
    "conversations": Mechanism(
        ("traffic.sessions",), ("turns_three", "turns_failed_end"),
        "turns_mean", "turns_per_conversation", "tokens_by_turn_figure", "the history is sent again",
    ),
    "history": Mechanism(
        ("call.input.history", "call.summarises"),
        ("history_cut", "history_cut_breaks_cache", "history_summary", "history_warm", "loop_grows"),
        "test_a_history_that_is_cut", "history_token_share", "tokens_by_turn_figure", "the oldest is left out",
    ),
    "tools that cost": Mechanism(
        ("call.work_cost",), ("tool_cost",),
        "loop_sum", "tool_cost", "tokens_by_turn_figure", "each step sends all before",
    ),
    "retrieval volume": Mechanism(
        ("call.input.chunks",), ("chunks",),
        "loop_sum", "retrieved_token_share", "cost_by_part_figure", "so many passages",
    ),
    "reasoning": Mechanism(
        ("call.output.reasoning",), ("reasoning", "truncated"),
        "reasoning_ttft", "reasoning_token_share", "cost_by_part_figure", "thinking is billed",
    ),
    "users' quotas": Mechanism(
        ("traffic.users.quota", "traffic.users.plans.*.quota"),
        ("quota_day", "quota_month", "quota_month_holds", "quota_degrade"),
        "test_quotas_end_at_local_midnight", "quota_rejected_rate", "outcomes_figure", "used up",
    ),
    "budgets of money": Mechanism(
        ("budgets", "cheaper"),
        ("budget_steps", "budget_block", "budget_model_cheaper", "budget_overshoot", "provider_cap"),
        "test_what_is_overspent_was_under_way", "budget_overshoot", "budget_figure", "the month's budget",
    ),
    "tiers": Mechanism(
        ("quotas.*.tiers", "quotas.*.spent_on", "quotas.*.spent_before", "quotas.*.paying_for"),
        ("tiers_spent", "tiers_before"),
        "tiers_poisson", "tiers_reached", "limits_figure", "these rise with what was spent",
    ),
    "work that can wait": Mechanism(
        ("batch.window", "batch.spread", "batch.deadline", "actions.*.urgency"), ("batch_held", "batch_deadline"),
        "test_a_queue_of_the_night_by_hand", "held_hours_p50", "peak_figure", "held until night",
    ),
    "batch API": Mechanism(
        ("batch.api",), ("batch_api", "batch_api_expires", "batch_throttle"),
        "test_the_batch_side_costs_half", "batch_cost_share", "peak_figure", "half the price",
    ),
}  # fmt: skip
