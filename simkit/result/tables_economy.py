"""The tables of where the money goes: caches, prompt caches, budgets, turns, causes, users."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simkit.plan.codes import Act
from simkit.result.budgets import Period, periods
from simkit.result.causes import money_by_cause, users_cost
from simkit.result.economy import CACHES, GROWTH, MOST_TURNS, PROMPTS, warming_windows
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.table import Table, table
from simkit.result.tables import Draw, local_times
from simkit.result.tiers import TierUse, tier_uses
from simkit.scenario.names import BATCH

Floats = NDArray[np.float64]
NOT = float("nan")
MOST_USERS = 20


def caches(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a cache of answers: asked, hits (false ones too), joined, false, expired, stale, hit_rate, cost_usd."""
    runs, rows = len(evidence.tallies), []
    for place, cache in enumerate(CACHES):
        if not evidence.plan.answers.on[place]:
            continue
        asked, hits, *others = (
            evidence.total(f"{cache}_{what}") for what in ("asked", "hits", "joined", "false", "expired", "stale")
        )
        rate = hits / asked if asked else NOT
        cost = evidence.total(f"{cache}_cost") / DOLLAR / runs
        rows.append((cache, *(one / runs for one in (asked, hits, *others)), rate, cost))
    columns = ("cache", "asked", "hits", "joined", "false", "expired", "stale", "hit_rate", "cost_usd")
    return table(rows, draw, columns)


def hit_rates(evidence: Evidence, draw: Draw = None) -> Table:
    """Hit rates by the lookup's own time, from the beginning of the warm-up: start, end, cache, asked, hits, ..."""
    windows = warming_windows(evidence.plan)
    edges = windows.edges + evidence.plan.begin
    start, end = local_times(evidence, edges[:-1]), local_times(evidence, edges[1:])
    found = [one.economy.warming for one in evidence.tallies]
    parts = []
    for place, cache in enumerate(CACHES):
        if evidence.plan.answers.on[place]:
            asked, hits, joined = (np.mean([one[:, 3 * place + k] for one in found], axis=0) for k in range(3))
            rate = np.divide(hits, asked, out=np.full(len(asked), NOT), where=asked > 0)
            columns = {"asked": asked, "hits": hits, "joined": joined, "hit_rate": rate}
            parts.append(pd.DataFrame({"start": start, "end": end, "cache": cache} | columns))
    if not parts:
        return table([], draw, ("start", "end", "cache", "asked", "hits", "joined", "hit_rate"))
    return table(pd.concat(parts, ignore_index=True), draw)


def prompt_caches(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a deployment that may use a cache: billed input tokens, of them read from it and written to it, saved_usd.

    None of those that have none, as the batch side of a model.
    """
    runs, names = len(evidence.tallies), np.array(evidence.plan.names.deployments, dtype=object)
    sums = np.sum([one.economy.prompts for one in evidence.tallies], axis=0)
    used = (sums[:, PROMPTS.index("read")] + sums[:, PROMPTS.index("written")]).astype(bool)
    at_once = np.array([BATCH not in name for name in names], np.bool_)
    kept = used | (at_once & bool(evidence.plan.prompts.on.any()))
    sums = sums[kept]
    frame: dict[str, Any] = {"deployment": names[kept]}
    frame |= {name: sums[:, PROMPTS.index(name)].astype(float) / runs for name in PROMPTS[:3]}
    frame["read_share"] = np.divide(
        frame["read"], frame["tokens_in"], out=np.full(len(sums), NOT), where=frame["tokens_in"] > 0
    )
    frame["saved_usd"] = np.array([int(one) / DOLLAR / runs for one in sums[:, PROMPTS.index("saved")]], float)
    return table(frame, draw)


BUDGETS = (
    "replication", "budget", "start", "end", "start_s", "end_s", "spent_usd", "limit_usd", "share", "overshoot",
    "alerted_s", "degraded_s", "blocked_s", "alerted_share", "degraded_share", "blocked_share", "degraded_for_s",
    "blocked_for_s",
)  # fmt: skip


def budgets(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a budget's day or month (UTC) of each replication: spent, limit, share, overshoot, when it did what.

    The first period begins with the run, the last ends with it. `..._s` are seconds since the scenario's start, NaN
    where it did not come to that; `..._share` is what of the limit was spent by then, `..._for_s` how long it lasted.
    """
    rows = [
        _period(evidence, run.replication, one)
        for run in evidence.tallies for one in periods(evidence.plan, run.economy.budgets)
    ]  # fmt: skip
    return table(rows, draw, BUDGETS)


TIERS = (
    "quota", "tier", "needed_usd", "reached", "since_s", "earliest_s", "latest_s", "since", "spent_usd",
)  # fmt: skip


def tiers(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a tier of a quota whose limits rise with what is spent: needed_usd, share of the replications that reached
    it, since when (seconds since the scenario's start: mean, earliest, latest of those; and the mean as a moment), and
    what was spent in the end. Tier 1 are the limits that the quota begins with: it holds from the start."""
    uses = tier_uses(evidence.plan, [one.economy.budgets for one in evidence.tallies])
    return table([_tier(evidence, one) for one in uses], draw, TIERS)


def _tier(evidence: Evidence, one: TierUse) -> tuple[Any, ...]:
    seconds = [time / 1e9 for time in one.times]
    when = [float(np.mean(seconds)), min(seconds), max(seconds)] if seconds else [NOT, NOT, NOT]
    since = local_times(evidence, np.array([round(when[0] * 1e9)]))[0] if seconds else None
    reached = len(one.times) / len(evidence.tallies)
    return (one.quota, one.tier, one.needed / DOLLAR, reached, *when, since, one.spent / DOLLAR)


def _period(evidence: Evidence, replication: int, one: Period) -> tuple[Any, ...]:
    acts = (Act.ALERT, Act.DEGRADE, Act.BLOCK)
    times = [one.reached[act] / 1e9 if act in one.reached else NOT for act in acts]
    shares = [one.had[act] / one.limit if act in one.had else NOT for act in acts]
    moments = local_times(evidence, np.array([one.start, one.end]))
    lasts = one.lasts(Act.DEGRADE) / 1e9, one.lasts(Act.BLOCK) / 1e9
    money = one.spent / DOLLAR, one.limit / DOLLAR, one.share, one.overshoot
    name = evidence.plan.names.budgets[one.budget]
    return (replication, name, *moments, one.start / 1e9, one.end / 1e9, *money, *times, *shares, *lasts)


def turns(evidence: Evidence, draw: Draw = None) -> Table:
    """How prompts grow. by `turn`: a row a turn of conversations; by `step`: a row a repetition of calls that repeat.

    kind (of action), number (from 1; the last is that and beyond), count, and per action of the turn (or per first try
    of the step): billed tokens_in, of them tokens_system, tokens_history, tokens_retrieved, tokens_user; tokens_out,
    cost_usd.
    """
    runs, parts = len(evidence.tallies), []
    for by, chosen in (("turn", evidence.plan.sessions.most > 1), ("step", evidence.plan.actions.repeat_max > 1)):
        if not chosen.any():
            continue
        sums = np.sum([getattr(one.economy, f"{by}s") for one in evidence.tallies], axis=0)
        kind, number = used = np.nonzero(sums[:, :, 0])
        count = sums[*used, 0].astype(float)
        each = {name: sums[*used, column].astype(float) / count for column, name in enumerate(GROWTH) if column}
        given = sum(sums[*used, GROWTH.index(f"tokens_{part}")] for part in ("system", "history", "retrieved"))
        each["tokens_user"] = (sums[*used, GROWTH.index("tokens_in")] - given).astype(float) / count
        each["cost_usd"] = each.pop("cost") / DOLLAR
        names = np.array(evidence.plan.names.kinds, dtype=object)[kind]
        parts.append(pd.DataFrame({"by": by, "kind": names, "number": number + 1, "count": count / runs} | each))
    if not parts:
        return table([], draw, ("by", "kind", "number", "count", *GROWTH[1:-1], "tokens_user", "cost_usd"))
    return table(pd.concat(parts, ignore_index=True), draw)


BEYOND = MOST_TURNS + 1
"""The number of the last row of `turns`: that and beyond."""


def causes(evidence: Evidence, draw: Draw = None) -> Table:
    """Money by cause, by window of arrivals: start, end (local), and a column in USD for each cause.

    Money stands with the action that it was spent for, at the hour in which that was asked: what can wait is billed
    later (`work` says when it is done, budgets count when it is billed).
    A first try's money belongs to the parts of its prompt and answer; what was tried again, beside it, or with another
    model, is a cause of its own. All columns together are all cost but the own service's.
    """
    windows = evidence.tallies[0].windows
    start, end = (local_times(evidence, edges) for edges in (windows.edges[:-1], windows.edges[1:]))
    return table({"start": start, "end": end} | money_by_cause(evidence), draw)


def users(evidence: Evidence, draw: Draw = None) -> Table:
    """The 20 users that cost most: user, actions, cost_usd (means per replication), share of the models' cost."""
    every, actions, cost = users_cost(evidence)
    runs, order = len(evidence.tallies), np.argsort(-cost, kind="stable")[:MOST_USERS]
    whole = cost.sum() or 1.0
    frame = {
        "user": every[order], "actions": actions[order] / runs, "cost_usd": cost[order] / DOLLAR / runs,
        "share": cost[order] / whole,
    }  # fmt: skip
    return table(frame, draw)


def work(evidence: Evidence, draw: Draw = None) -> Table:
    """Tokens of attempts by when their service began: start, end (local), now_per_min, batch_per_min, by urgency."""
    windows = evidence.tallies[0].windows
    minutes = np.diff(windows.edges) / 60e9
    found = [one.economy.work for one in evidence.tallies]
    if not len(found[0]):
        return table([], draw, ("start", "end", "now_per_min", "batch_per_min"))
    now, batch = (np.mean([one[:, column] for one in found], axis=0) / minutes for column in (0, 1))
    start, end = (local_times(evidence, edges) for edges in (windows.edges[:-1], windows.edges[1:]))
    return table({"start": start, "end": end, "now_per_min": now, "batch_per_min": batch}, draw)


SPIKES = (
    "start", "end", "start_s", "end_s", "cost_usd", "usual_usd", "times", "excess_usd", "traffic", "cause", "kind",
    "model",
)  # fmt: skip


def spikes(evidence: Evidence, draw: Draw = None) -> Table:
    """A row a window, the dearest first: start, end (local), cost_usd, usual_usd, times, excess_usd, and what made it.

    At most ten, by when actions were asked. usual_usd: of as many arrivals as the plan expects at that hour; traffic:
    questions / as many as usual. cause (or `more_traffic`), kind and model are those whose cost there is furthest above
    what is usual for them.
    """
    edges = evidence.tallies[0].windows.edges
    rows = [
        (
            *local_times(evidence, edges[one.window : one.window + 2]), edges[one.window] / 1e9,
            edges[one.window + 1] / 1e9, one.cost, one.usual, one.times, one.excess, one.traffic, one.cause, one.kind,
            one.model,
        )
        for one in evidence.spikes
    ]  # fmt: skip
    return table(rows, draw, SPIKES)
