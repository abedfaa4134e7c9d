"""Invariants of caches, conversations, quotas, budgets and batch."""

from collections.abc import Iterator

import numpy as np

from simkit.engine.codes import PERIOD_ENDS, Cache, Kind, Lookup, Outcome
from simkit.engine.log import Log
from simkit.plan.codes import GENERATION, TURN, Act
from simkit.plan.economy import LOCAL_DAY, LOCAL_MONTH
from simkit.plan.plan import NEVER, Plan
from simkit.result.budgets import ROWS
from simkit.result.economy import CAUSES, bill, epoch_of
from simkit.result.tiers import rises
from simkit.study.invariant import DID_NOT, Bools, Ints, Invariant, rule

AGAIN = 15 << GENERATION
"""The bits of an id that say how often it was asked before."""


def money_has_causes(plan: Plan, log: Log) -> Iterator[Invariant]:
    """The causes of an attempt's cost add up to it, and an action's lookups cost what they cost in their epoch."""
    a, t, rows = log.actions, log.attempts, log.lookups
    causes = bill(plan, t)
    total = np.sum([causes[f"cause_{name}"] for name in CAUSES], axis=0)
    yield rule("causes add up to the cost", total != t["cost"], t["action"], "action")
    price = plan.answers.cost[epoch_of(plan, rows["time"]), rows["cache"]] * (rows["result"] != Lookup.STALE)
    place, known = places(a["action"], rows["action"])
    paid = np.zeros(len(a["action"]), np.int64)
    np.add.at(paid, place[known], price[known])
    yield rule("every lookup belongs to a logged action", ~known, rows["action"], "action")
    yield rule("lookups cost what their rows say", paid != a["lookup_cost"], a["action"], "action")


def places(ids: Ints, wanted: Ints) -> tuple[Ints, Bools]:
    """The row of each id, and whether there is one."""
    if not len(ids):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    order = np.argsort(ids, kind="stable")
    place = order[np.minimum(np.searchsorted(ids[order], wanted), len(ids) - 1)]
    return place, ids[place] == wanted


def parts_fit(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Parts of prompts and answers are no more than the whole, and only a prefix is cached."""
    t = log.attempts
    known = t["tokens_system"] + t["tokens_history"] + t["tokens_retrieved"]
    yield rule("parts of a prompt fit in it", known > t["tokens_in"], t["action"], "action")
    yield rule("thought is a part of the answer", t["tokens_reasoning"] > t["tokens_out"], t["action"], "action")
    if plan.prompts.on.any() and not plan.prompts.block[0] and not len(plan.arrivals.trace_cached):
        prefix = t["tokens_cached"] + t["tokens_written"] > t["tokens_system"] + t["tokens_history"]
        yield rule("only what prompts have in common is cached", prefix, t["action"], "action")


def hits_were_written(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Who hits finds what was asked before, no older than it may be."""
    rows = log.lookups
    for cache in Cache:
        mine = rows["cache"] == cache
        if plan.answers.warm[cache] or (plan.answers.hit_rate[:, cache] >= 0).any() or not mine.any():
            continue
        key, time, result = (rows[name][mine] for name in ("key", "time", "result"))
        hit = (result == Lookup.HIT) | (result == Lookup.FALSE)
        _, first = np.unique(key, return_index=True)
        name = cache.name.lower()
        yield rule(f"{name} cache: the first of its kind finds nothing", hit[first], time[first], "at ns")
        yield rule(f"{name} cache: keys are what they are", key < 0, time, "at ns")


def turns_follow(plan: Plan, log: Log) -> Iterator[Invariant]:
    """A turn follows one that was served, after it ended; and there are no more than may be."""
    a = log.actions
    turn = a["action"] >> TURN
    most = int(plan.sessions.most.max(initial=1))
    yield rule(f"no conversation has more than {most} turns", turn >= most, a["action"], "action")
    later = np.flatnonzero((turn > 0) & (a["action"] & AGAIN == 0))
    if not len(later):
        return
    asked = a["action"] & ~AGAIN
    served = a["outcome"] <= Outcome.DEGRADED
    place, known = places(asked[served], a["action"][later] - (1 << TURN))
    ended = a["end"][served][place] if served.any() else np.zeros(len(later), np.int64)
    wrong = ~known | (a["arrival"][later] < ended)
    yield rule("a turn comes after one that was served", wrong, a["action"][later], "action")


def quotas_kept(plan: Plan, log: Log) -> Iterator[Invariant]:
    """No user is admitted more often in a day or month than the quota allows."""
    a, allowances = log.actions, plan.allowances
    if not allowances.on.any():
        return
    mine = (a["user"] >= 0) & (a["reason"] != Kind.QUOTA)
    for what, bit, limits in (("day", LOCAL_DAY, allowances.day), ("month", LOCAL_MONTH, allowances.month)):
        begins = plan.resets.time[plan.resets.what & bit != 0]
        period = np.searchsorted(begins, a["arrival"][mine], "right")
        rows = np.stack([a["user"][mine], period, np.maximum(a["plan"][mine], 0)], axis=1)
        kinds, count = np.unique(rows, axis=0, return_counts=True)
        limit = limits.max(axis=0)[kinds[:, 2]] if len(kinds) else np.zeros(0, np.int64)
        over = (count > limit) & ~allowances.degrades[kinds[:, 2]]
        yield rule(f"no user has more than a {what}'s quota", over, kinds[:, 0], "user")


def budgets_kept(plan: Plan, log: Log) -> Iterator[Invariant]:
    """What a budget blocks is not answered; and it is overspent by no more than what was under way when it blocked."""
    rows = list(zip(*(log.budgets[name].tolist() for name in ROWS), strict=True))
    for place, (time, budget, step, spent) in enumerate(rows):
        if budget < 0:  # of a quota with tiers
            continue
        if step == PERIOD_ENDS or plan.spending.act[budget, step] != Act.BLOCK:
            continue
        until, final = next((one[0], one[3]) for one in rows[place:] if one[1] == budget and one[2] == PERIOD_ENDS)
        yield from _blocked(plan, log, budget, (time, until), final - spent)


def _blocked(plan: Plan, log: Log, budget: int, span: tuple[int, int], later: int) -> Iterator[Invariant]:
    a, t, (time, until) = log.actions, log.attempts, span
    name, whole = plan.names.budgets[budget], bool(plan.spending.whole[budget])
    place, known = places(a["action"], t["action"])
    began = np.where(known, a["arrival"][place], t["dispatched"]) if whole else t["dispatched"]
    covered = (t["deployment"] >= 0) & plan.spending.covers[budget, t["deployment"]]
    inside = covered & (began > time) & (began < until)
    yield rule(f"{name}: what is blocked is not answered", inside & (t["outcome"] == Kind.OK), t["action"], "action")
    charged = np.maximum(t["ended"], t["released"])
    under_way = covered & (began <= time) & ((charged >= time) | (charged == DID_NOT))
    over = np.array([later > int(t["cost"][under_way].sum())])
    yield rule(f"{name}: overspent by what was under way alone", over, np.array([time]), "at ns")


def tiers_in_time(plan: Plan, log: Log) -> Iterator[Invariant]:
    """A tier holds from the instant at which its sum was spent and its time had come, and never sooner or later."""
    t, tiers, rows = log.attempts, plan.tiers, log.budgets
    charged = (t["cost"] > 0) & (t["outcome"] != Kind.UNFINISHED) & (t["deployment"] >= 0)
    for account, name in enumerate(plan.names.tiered):
        mine = charged & tiers.covers[account, t["deployment"]]
        order = np.argsort(t["ended"][mine], kind="stable")
        times, sums = t["ended"][mine][order], int(tiers.before[account]) + np.cumsum(t["cost"][mine][order])
        since = min(int(tiers.since[account]), *times[:1].tolist(), NEVER)
        known, begin = np.append(tiers.before[account], sums), np.append(plan.begin, times)
        due, latest = [], plan.begin
        for needed, after in zip(tiers.spent[account].tolist(), tiers.after[account].tolist(), strict=True):
            place = int(np.searchsorted(known, needed))
            latest = max(latest, since + after, int(begin[place]) if place < len(begin) else NEVER)
            due += [latest] if latest <= log.ended else []
        risen = rises(plan, rows, account).tolist()
        wrong = risen != due[: len(risen)] or any(time < log.ended for time in due[len(risen) :])
        yield rule(f"{name}: tiers rise when they should", np.array([wrong]), np.array([account]), "quota")
        closing = (rows["budget"] == -1 - account) & (rows["step"] == PERIOD_ENDS)
        whole = np.append(rows["spent"][closing], -1)[:1] != known[-1]
        yield rule(f"{name}: all bills are counted", whole, np.array([account]), "quota")


def batch_waits(plan: Plan, log: Log) -> Iterator[Invariant]:
    """What can wait begins in a window, and what its models did not answer costs nothing."""
    a, t, batch = log.actions, log.attempts, plan.batch
    unanswered = np.isin(t["outcome"], [Kind.TIMEOUT, Kind.CANCELLED, Kind.UNFINISHED])
    wrong = plan.models.is_batch[t["model"]] & unanswered & (t["cost"] != 0)
    yield rule("the batch side bills answers only", wrong, t["action"], "action")
    if not len(batch.open):
        return
    waits = batch.batch[a["kind"]] & (a["start"] != DID_NOT)
    following = np.searchsorted(batch.open, a["arrival"], "right")
    inside = (following > 0) & (a["arrival"] < batch.close[np.maximum(following - 1, 0)])
    opens = np.append(batch.open, NEVER)[following]
    early = waits & ~inside & (a["start"] < opens)
    yield rule("what is held begins in a window", early, a["action"], "action")


RULES = (
    money_has_causes, parts_fit, hits_were_written, turns_follow, quotas_kept, budgets_kept, tiers_in_time,
    batch_waits,
)  # fmt: skip

__all__ = ["RULES"]
