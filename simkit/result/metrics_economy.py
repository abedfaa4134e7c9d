"""Metrics of what spares money or limits it: caches, prompts, conversations, quotas, budgets, batch."""

from collections.abc import Callable

import numpy as np

from simkit.plan.codes import Act, Cache
from simkit.plan.plan import NEVER
from simkit.result.budgets import periods
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.metric import NO_CALL, NO_END, Formula, Metric, only_if, ratio, share
from simkit.result.sample import Sample
from simkit.result.statistics import NO_INTERVAL, Estimate, jackknife, mean, missing, woodruff
from simkit.result.tiers import tier_uses

HOUR_NS = 3_600_000_000_000


def has_exact(evidence: Evidence) -> bool:
    """Is there an exact cache?"""
    return bool(evidence.plan.answers.on[Cache.EXACT])


def has_semantic(evidence: Evidence) -> bool:
    """Is there a semantic cache?"""
    return bool(evidence.plan.answers.on[Cache.SEMANTIC])


def has_answers(evidence: Evidence) -> bool:
    """Is there a cache of answers?"""
    return bool(evidence.plan.answers.on.any())


def has_coalescing(evidence: Evidence) -> bool:
    """Does a question wait for the answer to the same one?"""
    return bool((evidence.plan.answers.on & evidence.plan.answers.coalesce).any())


def has_prompt_cache(evidence: Evidence) -> bool:
    """Is a prompt cache modelled, or recorded in the trace?"""
    plan = evidence.plan
    given = (plan.policy.cache_hit_rate > 0).any() or (plan.arrivals.trace_cached > 0).any()
    return bool(given or plan.prompts.on.any())


def has_tools(evidence: Evidence) -> bool:
    """Does own work cost anything?"""
    return bool((evidence.plan.actions.work_cost > 0).any())


def has_history(evidence: Evidence) -> bool:
    """Does any prompt repeat what was said before?"""
    return bool(evidence.plan.actions.history.any())


def has_retrieval(evidence: Evidence) -> bool:
    """Are texts retrieved?"""
    return bool((evidence.plan.actions.input[..., 1] >= 0).any())


def has_reasoning(evidence: Evidence) -> bool:
    """Does any model think before it answers?"""
    return bool((evidence.plan.actions.reasoning >= 0).any())


def has_longest(evidence: Evidence) -> bool:
    """Is there a longest answer?"""
    return bool((evidence.plan.actions.max_output < NEVER).any())


def has_sessions(evidence: Evidence) -> bool:
    """Do arrivals begin conversations?"""
    return bool((evidence.plan.sessions.most > 1).any())


def has_quotas(evidence: Evidence) -> bool:
    """Have users a quota?"""
    return bool(evidence.plan.allowances.on.any())


def has_blocking(evidence: Evidence) -> bool:
    """Can a budget block?"""
    return bool((evidence.plan.spending.act == Act.BLOCK).any())


def has_tiers(evidence: Evidence) -> bool:
    """Do limits rise with what was spent?"""
    return bool(evidence.plan.names.tiered)


def has_whole_block(evidence: Evidence) -> bool:
    """Can a budget of everything block?"""
    spending = evidence.plan.spending
    return bool((spending.whole & (spending.act == Act.BLOCK).any(axis=1)).any())


def has_cheaper(evidence: Evidence) -> bool:
    """May a cheaper model stand in?"""
    return bool((evidence.plan.models.cheaper >= 0).any())


def has_batch(evidence: Evidence) -> bool:
    """Can anything wait?"""
    return bool(evidence.plan.batch.batch.any())


ABSENT: dict[Callable[[Evidence], bool], str] = {
    has_exact: "there is no exact cache",
    has_semantic: "there is no semantic cache",
    has_answers: "there is no cache of answers",
    has_coalescing: "no question waits for another's answer",
    has_prompt_cache: "there is no prompt cache",
    has_tools: "no work has a price",
    has_history: "no prompt repeats what was said before",
    has_retrieval: "nothing is retrieved",
    has_reasoning: "no model thinks before it answers",
    has_longest: "no answer has a longest length",
    has_sessions: "there are no conversations",
    has_quotas: "users have no quota",
    has_blocking: "no budget blocks",
    has_tiers: "no quota has tiers",
    has_whole_block: "no budget of everything blocks",
    has_cheaper: "no model has a cheaper one",
    has_batch: "nothing can wait",
}
NO_LOOKUP = "nothing was looked up"
NO_INPUT = "no token was billed"


def _when(applies: Callable[[Evidence], bool], formula: Formula) -> Formula:
    return only_if(applies, formula, ABSENT[applies])


def _money(name: str) -> Formula:
    return ratio(name, "runs", "", DOLLAR)


def _saving(evidence: Evidence) -> Estimate:
    """What the prompt cache saves of the price of all that could be read from it; it may be negative."""
    base = evidence.total("prompt_base")
    if not base:
        return missing("nothing was read from a prompt cache or written to it")
    saved, bases = evidence.rows("prompt_saved"), evidence.rows("prompt_base")
    return jackknife(evidence.total("prompt_saved") / base, saved, bases, evidence.level)


def _overshoot(evidence: Evidence) -> Estimate:
    """Of each replication the largest, over budgets that block and their periods."""
    largest = []
    for one in evidence.tallies:
        every = [row.overshoot for row in periods(evidence.plan, one.economy.budgets) if row.blocks]
        largest.append(max(every, default=0.0))
    return mean(largest, evidence.level)


def _tiers_reached(evidence: Evidence) -> Estimate:
    each = [tier_uses(evidence.plan, [one.economy.budgets]) for one in evidence.tallies]
    return mean([float(sum(bool(one.times) for one in uses)) for uses in each], evidence.level)


def _batch_cost(evidence: Evidence) -> Estimate:
    waits = evidence.plan.batch.batch
    rows = np.array([float(one.cost["kind"][waits].sum()) for one in evidence.tallies])
    whole = np.array([float(one.cost["kind"].sum()) for one in evidence.tallies])
    if not whole.sum():
        return missing("nothing was spent on models")
    if len(rows) < 2:
        return Estimate(float(rows.sum() / whole.sum()), note=NO_INTERVAL)
    return jackknife(float(rows.sum() / whole.sum()), rows, whole, evidence.level).within(0.0, 1.0)


def _held_p50(evidence: Evidence) -> Estimate:
    times = [one.economy.held for one in evidence.tallies]
    pool = Sample.merge(times)
    value = pool.percentile(0.5)
    if value is None:
        return missing("nothing that can wait was begun")
    shares = np.array([one.count_le(value) / one.n for one in times if one.n])
    return woodruff(pool, 0.5, shares, evidence.level).per(HOUR_NS / 1e9)


METRICS = (
    Metric(
        "cached_token_share", "share", "Billed input tokens read from the prompt cache / billed input tokens.",
        _when(has_prompt_cache, share("tokens_cached", "tokens_in", NO_INPUT)),
    ),
    Metric(
        "exact_hit_rate", "share", "Lookups in the exact cache that found an answer / lookups in it.",
        _when(has_exact, share("exact_hits", "exact_asked", NO_LOOKUP)),
    ),
    Metric(
        "semantic_hit_rate", "share", "Lookups in the semantic cache that found an answer / lookups in it.",
        _when(has_semantic, share("semantic_hits", "semantic_asked", NO_LOOKUP)),
    ),
    Metric(
        "cache_served_share", "share",
        "Calls answered by a cache, or with the answer to the same question / those and the calls that were sent.",
        _when(has_answers, share("served_by_cache", "wanted_calls", NO_CALL)),
    ),
    Metric(
        "false_hit_rate", "share", "Answers of the semantic cache that belong to another question / its answers.",
        _when(has_semantic, share("semantic_false", "semantic_hits", "the semantic cache answered nothing")),
    ),
    Metric(
        "joined_rate", "share", "Lookups that wait for another's answer / lookups.",
        _when(has_coalescing, share("joined", "asked", NO_LOOKUP)),
    ),
    Metric(
        "lookup_cost", "USD", "Cost of lookups in caches of answers, hit or miss.",
        _when(has_answers, _money("lookup_cost")),
    ),
    Metric("tool_cost", "USD", "Cost of searches and tools.", _when(has_tools, _money("tool_cost"))),
    Metric(
        "written_token_share", "share", "Billed input tokens written to the prompt cache / billed input tokens.",
        _when(has_prompt_cache, share("tokens_written", "tokens_in", NO_INPUT)),
    ),
    Metric(
        "prompt_cache_saving", "share",
        "What reading from the prompt cache saves, less what writing costs / price of these tokens without it.",
        _when(has_prompt_cache, _saving),
    ),
    Metric(
        "history_token_share", "share", "Billed input tokens that were said before / billed input tokens.",
        _when(has_history, share("tokens_history", "tokens_in", NO_INPUT)),
    ),
    Metric(
        "retrieved_token_share", "share", "Billed input tokens of retrieved texts / billed input tokens.",
        _when(has_retrieval, share("tokens_retrieved", "tokens_in", NO_INPUT)),
    ),
    Metric(
        "reasoning_token_share", "share", "Billed output tokens that were thought, not shown / billed output tokens.",
        _when(has_reasoning, share("tokens_reasoning", "tokens_out", NO_INPUT)),
    ),
    Metric(
        "truncated_rate", "share", "Answers cut at the longest that may be / answers.",
        _when(has_longest, share("truncated", "attempts_ok", "no attempt answered")),
    ),
    Metric(
        "turns_per_conversation", "number", "Questions / those that begin a conversation.",
        _when(has_sessions, ratio("questions", "first_turns", "no conversation began")),
    ),
    Metric(
        "quota_rejected_rate", "share", "Rejected because the user's quota was used up / ended.",
        _when(has_quotas, share("rejected_quota", "ended", NO_END)),
    ),
    Metric(
        "budget_rejected_rate", "share", "Rejected because a budget was used up / ended.",
        _when(has_whole_block, share("rejected_budget", "ended", NO_END)),
    ),
    Metric(
        "cheaper_rate", "share", "Calls that a cheaper model answered in place of the one meant / calls.",
        _when(has_cheaper, share("cheaper", "calls", NO_CALL)),
    ),
    Metric(
        "budget_overshoot", "share", "Spent beyond a limit / limit: most of all budgets that block and their periods.",
        _when(has_blocking, _overshoot),
    ),
    Metric(
        "tiers_reached", "number", "Tiers beyond the first that quotas reached by what was spent, of all quotas.",
        _when(has_tiers, _tiers_reached),
    ),
    Metric("batch_cost_share", "share", "Models' cost of what can wait / of all.", _when(has_batch, _batch_cost)),
    Metric(
        "held_hours_p50", "number", "From arrival to start of what can wait: median, hours.",
        _when(has_batch, _held_p50),
    ),
)  # fmt: skip
