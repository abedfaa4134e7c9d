"""Caches, conversations, budgets and batch in the memory of a run: what is asked for, and its state at first."""

from itertools import pairwise

import numpy as np

from simkit.engine.compiled import memory as at
from simkit.engine.compiled.tables import Table
from simkit.plan.plan import NEVER, Ints, Plan

MOST_HEADS = 2**22 + 1
"""Heads of a cache of answers: keys beyond share them."""
SPARE_HEADS = 4093
"""Of a prompt cache: for what is said in conversations."""
MOST_PIECES = 3
"""Of a prompt that is no trace's: system, history, loop."""


def features(plan: Plan) -> dict[int, int]:
    """What the plan asks for: what it does not ask for costs nothing."""
    actions, models, budgets, pieces = plan.actions, plan.models, len(plan.spending.whole) > 0, most_pieces(plan)
    answers, prompts, allows = bool(plan.answers.on.any()), bool(plan.prompts.on[0]), bool(plan.allowances.on[0])
    turns, api = int(plan.sessions.most.max()) > 1, bool(plan.batch.api[0])
    return {
        at.M_ANSWERS: answers,
        at.M_KEYED: answers and (has_questions(plan) or bool((plan.answers.cacheable < 1).any())),
        at.M_PREFIXES: prompts,
        at.M_THREADS: turns or bool(actions.history.any()) or bool(actions.summarises.any()),
        at.M_CARRIES: turns or bool(actions.history.any()) or bool(actions.summarises.any()) or bool(plan.growth.on[0]),
        at.M_SESSIONS: turns,
        at.M_SPENDS: budgets or len(plan.names.tiered) > 0,
        at.M_ALLOWS: allows,
        at.M_BATCHES: bool(plan.batch.batch.any()),
        at.M_SUBSTITUTES: api or ((budgets or allows) and bool((models.cheaper >= 0).any())),
        at.M_FREE_ENTRY: at.NONE,
        at.M_FREE_TURN: at.NONE,
        at.M_ROWS_ROOM: at.ROWS_ROOM + pieces * at.ENTRY_WIDTH,
        at.M_PIECES_ROOM: pieces * at.ENTRY_WIDTH if prompts else 0,
        at.M_SPENT_STEP: spent_rows(plan),
    }


def spent_rows(plan: Plan) -> int:
    """Rows of budgets and tiers that one step may write: each may come to all its steps, and its period may end."""
    steps = (int(plan.spending.at.shape[2]) + 1) * len(plan.spending.whole)
    return steps + (int(plan.tiers.spent.shape[1]) + 1) * len(plan.names.tiered)


def has_questions(plan: Plan) -> bool:
    """Is it known what is asked?"""
    return bool(plan.answers.keys[0] > 0 or plan.answers.trace_keys[0] > 0)


def most_pieces(plan: Plan) -> int:
    """Of a prompt: blocks of a row of the trace, or system, history and loop."""
    return int(max(np.diff(plan.prompts.first_block).max(initial=0), MOST_PIECES))


def derived(plan: Plan) -> dict[int, Table]:
    """What the kernel would find out again and again."""
    first, actions = plan.actions.first_call, plan.actions
    return {
        at.LAST_HISTORY: last_of(first, actions.history & ~actions.summarises),
        at.LAST_CACHED: last_of(first, actions.cached),
        at.LONGEST_TTL: plan.prompts.ttl.max(axis=0),
        at.CACHED_NAMES: cached_names(plan),
        at.WARM_ENTRIES: np.array([warm_entries(plan, cache) for cache in range(2)]),
    }


def last_of(first_call: Ints, is_one: Table) -> Ints:
    """(K) the last call of each kind that is one of some; -1: none is."""
    calls = np.where(is_one, np.arange(len(is_one)), -1)
    return np.array([calls[i:j].max(initial=-1) for i, j in pairwise(first_call.tolist())])


def cached_names(plan: Plan) -> Ints:
    """Names of calls that caches of answers may serve, ascending."""
    return ascending(plan.actions.name[plan.actions.cached])


def ascending(values: Ints) -> Ints:
    """Each value once. (For these few; `np.unique` loads masked arrays to ask whether they are such.)"""
    return np.array(sorted(set(values.ravel().tolist())), np.int64)


def questions(plan: Plan, cache: int) -> int:
    """How many different ones a cache of answers knows."""
    traced = int(plan.answers.trace_keys[0])
    return traced if cache == 0 and traced > 0 else int(plan.answers.keys[cache])


def warm_entries(plan: Plan, cache: int) -> int:
    """Questions that a cache has answers to at the start: to as many names of calls as there are."""
    answers = plan.answers
    if not answers.on[cache] or not answers.warm[cache] or answers.hit_rate[0, cache] >= 0:
        return 0
    return min(questions(plan, cache), int(answers.capacity[0, cache]) // max(len(cached_names(plan)), 1))


def warm_rows(plan: Plan) -> int:
    """Integers of the rows of all those answers."""
    entries = sum(warm_entries(plan, cache) for cache in range(2)) * len(cached_names(plan))
    return len(plan.names.regions) * entries * at.ENTRY_WIDTH


def state(plan: Plan) -> dict[int, Table]:
    """Stores, allowances, budgets and tiers before the first event."""
    answers, users = plan.answers, int(plan.people.number.sum(axis=1).max()) if plan.allowances.on[0] else 0
    own = 2 * len(plan.names.regions)
    stores = np.zeros((own + len(plan.deployments.model), at.STORE_WIDTH), dtype=np.int64)
    stores[:, at.K_NUMBER] = [*(heads(plan, number % 2, number // 2) for number in range(own)), *prompt_heads(plan)]
    stores[:, at.K_HEADS] = np.cumsum(stores[:, at.K_NUMBER]) - stores[:, at.K_NUMBER]
    stores[:, [at.K_FIRST, at.K_LAST]] = at.NONE
    stores[:own, at.K_TAILS] = 256 * np.arange(own)
    stores[:own, at.K_COUNTS] = np.tile(answers.counts, own // 2)
    return {
        at.STORES: stores,
        at.HEADS: np.full(int(stores[:, at.K_NUMBER].sum()), at.NONE, dtype=np.int64),
        at.TAILS: np.full((own, 256), at.NONE, dtype=np.int64),
        at.SINCE: np.tile(np.where(answers.warm, -NEVER, plan.begin), (own // 2, 1)),
        at.PIECES: np.zeros((most_pieces(plan), at.PIECE_WIDTH), dtype=np.int64),
        at.ALLOWED: np.zeros((users, 2), dtype=np.int64),
        at.SPENT: np.zeros((len(plan.spending.whole), at.SPENT_WIDTH), dtype=np.int64),
        at.ACCOUNTS: accounts(plan),
    }


def accounts(plan: Plan) -> Ints:
    """Quotas with tiers before the first event."""
    rows = np.zeros((len(plan.names.tiered), at.ACCOUNT_WIDTH), dtype=np.int64)
    rows[:, at.Z_SPENT], rows[:, at.Z_SINCE] = plan.tiers.before, plan.tiers.since
    return rows


def heads(plan: Plan, cache: int, region: int) -> int:
    """Heads of a region's cache of answers: one for each key, if that is not too many."""
    if not plan.answers.on[cache] or plan.answers.hit_rate[0, cache] >= 0:
        return 0
    if region > 0 and plan.answers.shared[cache]:
        return 0
    return min((int(plan.actions.name.max()) + 1) * questions(plan, cache), MOST_HEADS)


def prompt_heads(plan: Plan) -> list[int]:
    """Heads of each deployment's prompt cache: an odd number, as the places of conversations are by chance."""
    number = int(plan.actions.name.max()) + 1 + int(plan.prompts.number[0]) + SPARE_HEADS
    return [(number | 1) if plan.prompts.on[0] and not is_batch else 0 for is_batch in batch_sides(plan)]


def batch_sides(plan: Plan) -> list[bool]:
    """Of each deployment: is its model the batch side of another?"""
    sides: list[bool] = plan.models.is_batch[plan.deployments.model].tolist()
    return sides
