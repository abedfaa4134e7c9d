"""The plan's tables of what spares money or limits it: caches, conversations, quotas, budgets, batch.

Axes as in `plan.plan`: E epochs, K kinds of actions, M models, N deployments; U budgets, P plans of users (one row
where there are none), T steps of a budget, A caches of answers (`codes.Cache`). Settings that no change may alter
have no axis E. Times are ns, NEVER is none or unlimited, money is picodollars.
"""

from typing import NamedTuple

from simkit.plan.arrays import Bools, Floats, Ints

STEPS = 8
"""Most steps of a budget."""


class Answers(NamedTuple):
    """Caches of answers."""

    on: Bools
    """(A) is there one, of either form?"""
    hit_rate: Floats
    """(E, A) -1: it has entries."""
    ramp: Ints
    """(E, A) how long it takes to fill, with a hit rate."""
    ttl: Ints
    """(E, A)"""
    capacity: Ints
    """(E, A) entries."""
    counts: Ints
    """(A) uses of an entry are counted up to this: 0 for the least recently, 255 for the least often used."""
    coalesce: Bools
    """(A) does a question that is being answered wait for that answer?"""
    lookup: Ints
    """(E, A) distribution, ns."""
    cost: Ints
    """(E, A) picodollars of a lookup."""
    false_hits: Floats
    """(E, A) share of the hits with the answer to another question; 0 for the exact cache."""
    warm: Bools
    """(A) is it full at the start?"""
    shared: Bools
    """(A) is it one for all regions?"""
    cacheable: Floats
    """(E, A, K) share of the actions that ask it."""
    keys: Ints
    """(A) number of different questions that are drawn; 0: none are."""
    cdf_exact: Floats
    guide_exact: Ints
    cdf_semantic: Floats
    guide_semantic: Ints
    """(keys) popularity of the questions and where to begin to look, see `laws.store.guided`."""
    trace_key: Ints
    """(rows of the trace) number of what is asked, -1: not said; empty where the trace has no keys."""
    trace_keys: Ints
    """(1) how many different ones; 0: the trace has none."""


class Prompts(NamedTuple):
    """Prompt caches of the deployments."""

    on: Bools
    """(1) do they have entries?"""
    minimum: Ints
    """(E, N) shortest prefix that is cached."""
    step: Ints
    """(E, N) beyond it, in steps of so many tokens."""
    ttl: Ints
    """(E, N)"""
    refresh: Bools
    """(N) does a read make an entry live longer?"""
    capacity: Ints
    """(E, N) tokens."""
    prefill: Floats
    """(E, N) share of the time per token that cached tokens spare, whatever says that they are cached."""
    block: Ints
    """(1) tokens of a trace's block; 0: the trace has none."""
    first_block: Ints
    """(rows + 1) range of the row's blocks; empty without blocks."""
    blocks: Ints
    """Dense numbers of blocks, in the order in which they first appear."""
    number: Ints
    """(1) how many different blocks."""


class Sessions(NamedTuple):
    """Conversations: how many turns, by epoch."""

    times: Ints
    """(E) turns at least."""
    again: Floats
    """(E) probability of one more."""
    most: Ints
    """(E) turns at most; 1: no conversations."""
    think: Ints
    """(E) distribution, ns, from the end of an answer to the next turn; -1: none."""


class Spending(NamedTuple):
    """Budgets of money."""

    monthly: Bools
    """(U) by the month, else by the day (UTC)."""
    whole: Bools
    """(U) of everything."""
    covers: Bools
    """(U, N)"""
    limit: Ints
    """(E, U) picodollars."""
    at: Ints
    """(E, U, T) picodollars of each step, ascending, padded with NEVER."""
    act: Ints
    """(U, T) `codes.Act`, padded with -1."""


class Tiers(NamedTuple):
    """Limits that rise with what was spent. A: quotas with tiers; T: most tiers of one, the one it begins with left
    out. `Limits.ns_per_unit` has what each of them allows."""

    account: Ints
    """(limits) whose tiers raise it: a row of what follows; -1: none do."""
    covers: Bools
    """(A, N) whose bills count."""
    spent: Ints
    """(A, T) picodollars, ascending, padded with what is never spent."""
    after: Ints
    """(A, T) ns after the first payment."""
    before: Ints
    """(A) picodollars spent before the begin."""
    since: Ints
    """(A) when the first payment was; NEVER: it is the first bill."""


class Allowances(NamedTuple):
    """How many actions a user has."""

    on: Bools
    """(1)"""
    day: Ints
    month: Ints
    """(E, P) local days and months."""
    degrades: Bools
    """(P) cheaper models beyond it, else no answer."""


class Resets(NamedTuple):
    """When days and months begin, and when caches are emptied."""

    time: Ints
    """(R) ascending, after the begin, before the end of the run."""
    what: Ints
    """(R) bits: 1 local day, 2 local month, 4 UTC day, 8 UTC month."""
    emptied_time: Ints
    """(Z) ascending."""
    emptied: Ints
    """(Z) bits: 1 exact, 2 semantic, 4 prompt."""


class Batch(NamedTuple):
    """What can wait."""

    batch: Bools
    """(K) is the kind of urgency batch?"""
    open: Ints
    close: Ints
    """(W) windows, ascending, apart from each other; none: nothing is held."""
    spread: Ints
    """(E) work that was held begins over so long."""
    api: Bools
    """(1) is it sent to the models' batch side?"""
    within: Ints
    """(E) how long an attempt there may take."""
    deadline: Ints
    """(E) of such actions."""


def mean_turns(times: int, again: float, most: int) -> float:
    """Mean number of turns: the fixed ones, then as often as there is one more."""
    mean, chance = float(min(times, most)), 1.0
    for _ in range(times, most):
        chance *= again
        mean += chance
    return mean


LOCAL_DAY, LOCAL_MONTH, UTC_DAY, UTC_MONTH = 1, 2, 4, 8
"""Bits of `Resets.what`."""
OF_PROMPTS = 4
"""Bit of `Resets.emptied`: the prompt caches; those of answers have the bits of their `codes.Cache`."""

__all__ = [
    "LOCAL_DAY", "LOCAL_MONTH", "OF_PROMPTS", "STEPS", "UTC_DAY", "UTC_MONTH",
    "Allowances", "Answers", "Batch", "Prompts", "Resets", "Sessions", "Spending", "Tiers", "mean_turns",
]  # fmt: skip
