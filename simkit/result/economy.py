"""`Economy`: what the money went on: parts of prompts, caches, budgets, turns of conversations; and their series.

The money of an attempt is split exactly. What was tried again, beside, or with another model than the first is a cause
of its own; the first try's money belongs to the parts of its prompt and answer. Cached tokens are the first of a
prompt, then those written to the cache; the parts come in the order system, history, retrieved texts, user.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simkit.engine.codes import Cache, Cause, Kind, Lookup, Mark
from simkit.engine.log import DID_NOT, Column, Log
from simkit.plan.codes import GENERATION, TURN
from simkit.plan.plan import Plan, PriceTable
from simkit.result.sample import Sample, bins_of
from simkit.result.sums import Ints, Money, Rows, count, money_by, total_by
from simkit.result.windows import Windows, timeline_windows

CACHES = tuple(cache.name.lower() for cache in Cache)
FOUND = ("asked", "hits", "joined", "false", "expired", "stale", "cost")
"""What is counted of the lookups of each cache of answers: `exact_hits` and so on. False hits are hits, too."""
AGAIN = {"retry": (Cause.RETRY, Cause.CLIENT_RETRY), "hedge": (Cause.HEDGE,), "fallback": (Cause.FALLBACK,),
         "escalation": (Cause.ESCALATION,)}  # fmt: skip
PARTS = ("system", "history", "retrieved", "user", "reasoning", "answer", "request", "cache_writes")
"""Of a first try. `cache_writes`: what writing to the prompt cache costs beyond the price of input."""
CAUSES = (*AGAIN, *PARTS)
"""Where the models' money goes: it adds up to their cost."""
TOKENS = ("system", "history", "retrieved")
OF_LOOKUPS = tuple(f"{cache}_{what}" for cache in CACHES for what in FOUND)
OF_ACTIONS = (
    "lookup_cost", "tool_cost", "rejected_quota", "rejected_budget", "thrifty", "questions", "first_turns",
)  # fmt: skip
"""questions: actions but those that were asked again; first_turns: of them, those that begin a conversation."""
OF_ATTEMPTS = (
    *(f"tokens_{part}" for part in TOKENS), "tokens_reasoning", "tokens_written", "truncated", "cheaper", "blocked",
    *(f"cause_{cause}" for cause in CAUSES), "prompt_saved", "prompt_base",
)  # fmt: skip
"""Tokens as billed. prompt_saved: what reading from the prompt cache saved, less what writing cost (picodollars);
prompt_base: what the same tokens would have cost without a cache."""
SERIES = (*OF_LOOKUPS, *OF_ACTIONS, *OF_ATTEMPTS)
MOST_NAMES = 32
"""Kinds of actions, and models, up to which their cost is told by window."""
MOST_TURNS = 20
"""Turns of a conversation, and steps of a loop, from 0 on; the last takes what is beyond."""
GROWTH_ROWS = MOST_TURNS + 1
"""Rows of turns, or steps, of each kind of action."""
GROWTH = ("count", "tokens_in", "tokens_system", "tokens_history", "tokens_retrieved", "tokens_out", "cost")
PROMPTS = ("tokens_in", "read", "written", "saved")


@dataclass(frozen=True, eq=False)
class Economy:
    """Where the money of one replication went, beyond the series."""

    warming: Ints
    """(windows over [begin, horizon), caches x (asked, hits, joined)) by the lookup's own time, warm-up included."""
    work: Ints
    """(windows, urgency now and batch) tokens of all attempts by when their service began; empty without batch."""
    held: Sample
    """From arrival to the start of actions that can wait, ns (within 0.4 %)."""
    by_kind: Ints
    """(windows, kinds) all money of the actions, picodollars; without columns where there are more than 32."""
    by_model: Ints
    """(windows, models) the models' money."""
    prompts: Money
    """(N, PROMPTS) billed input tokens of each deployment, read from the prompt cache, written, picodollars saved."""
    turns: Money
    """(kinds, turns, GROWTH) actions by kind and turn of their conversation, with all their attempts."""
    steps: Money
    """(kinds, steps, GROWTH) first tries by kind of action and repetition, of calls that repeat."""
    budgets: dict[str, Ints]
    """As in the log."""


def warming_windows(plan: Plan) -> Windows:
    """Windows over [begin, horizon), counted from the begin."""
    return timeline_windows(plan.horizon - plan.begin)


def all_money(actions: Mapping[str, Column]) -> Ints:
    """What each action cost: models, people, lookups, tools."""
    return actions["cost"] + actions["degrade_cost"] + actions["lookup_cost"] + actions["tool_cost"]


def lookup_series(plan: Plan, lookups: Mapping[str, Column], windows: Windows) -> dict[str, Ints]:
    """What the lookups of measured actions found, by window of the action's arrival."""
    mine = (lookups["arrival"] >= 0) & (lookups["arrival"] < plan.horizon)
    rows = {name: column[mine] for name, column in lookups.items()}
    place, result = windows.index(rows["arrival"]), rows["result"]
    asked = result != Lookup.STALE
    chosen = {
        "asked": asked, "hits": (result == Lookup.HIT) | (result == Lookup.FALSE), "joined": result == Lookup.JOINED,
        "false": result == Lookup.FALSE, "expired": result == Lookup.EXPIRED, "stale": ~asked,
    }  # fmt: skip
    price = np.where(asked, plan.answers.cost[epoch_of(plan, rows["time"]), rows["cache"]], 0)
    found: dict[str, Ints] = {}
    for code, cache in enumerate(CACHES):
        of = rows["cache"] == code
        found |= {f"{cache}_{what}": count(place[of & that], windows.count) for what, that in chosen.items()}
        found[f"{cache}_cost"] = total_by(place[of], price[of], windows.count)
    return found


def epoch_of(plan: Plan, times: Column) -> Ints:
    """The epoch of each time."""
    return np.maximum(np.searchsorted(plan.epochs, times, "right") - 1, 0)


def action_series(actions: Mapping[str, Column], place: Ints, size: int) -> dict[str, Ints]:
    """OF_ACTIONS."""
    number, reason = actions["action"], actions["reason"]
    fresh = number >> GENERATION & 15 == 0
    return {
        "lookup_cost": total_by(place, actions["lookup_cost"], size),
        "tool_cost": total_by(place, actions["tool_cost"], size),
        "rejected_quota": count(place[reason == Kind.QUOTA], size),
        "rejected_budget": count(place[reason == Kind.BUDGET], size),
        "thrifty": count(place[actions["thrift"] > 0], size),
        "questions": count(place[fresh], size),
        "first_turns": count(place[fresh & (number >> TURN == 0)], size),
    }


def attempt_series(plan: Plan, attempts: Mapping[str, Column], place: Ints, size: int) -> dict[str, Ints]:
    """OF_ATTEMPTS."""
    tokens, money = billed_tokens(attempts), bill(plan, attempts)
    series = {name: total_by(place, column, size) for name, column in tokens.items() if name != "tokens_in"}
    kind, marks = attempts["outcome"], attempts["marks"]
    series["truncated"] = count(place[(kind == Kind.OK) & (marks & Mark.TRUNCATED != 0)], size)
    series["cheaper"] = count(place[(attempts["cause"] == Cause.FIRST) & (marks & Mark.CHEAPER != 0)], size)
    series["blocked"] = count(place[(kind == Kind.QUOTA_EXHAUSTED) & (attempts["limit"] <= -2)], size)
    return series | {name: total_by(place, column, size) for name, column in money.items()}


def billed_tokens(attempts: Mapping[str, Column]) -> dict[str, Ints]:
    """Of each attempt, as far as it was billed: tokens_in, tokens_system, ..., tokens_written."""
    whole, out = attempts["billed_in"], attempts["billed_out"]
    found = {name: np.minimum(attempts[name], whole) for name in (f"tokens_{part}" for part in TOKENS)}
    cached = np.minimum(attempts["tokens_cached"], whole)
    return found | {
        "tokens_in": whole,
        "tokens_reasoning": np.minimum(attempts["tokens_reasoning"], out),
        "tokens_written": np.minimum(attempts["tokens_written"], whole - cached),
    }


def bill(plan: Plan, attempts: Mapping[str, Column]) -> dict[str, Ints]:
    """Each attempt's money by cause (`cause_*`), and what the prompt cache saved of it, picodollars."""
    charged = (attempts["billed_in"] > 0) | (attempts["cost"] > 0)
    rows = {name: column[charged] for name, column in attempts.items()}
    found = {f"cause_{cause}": np.zeros(len(charged), np.int64) for cause in CAUSES}
    found |= {name: np.zeros(len(charged), np.int64) for name in ("prompt_saved", "prompt_base")}
    for name, column in _bill(plan, rows).items():
        found[name][charged] = column
    return found


def _bill(plan: Plan, rows: Mapping[str, Column]) -> dict[str, Ints]:
    whole, out = rows["billed_in"], rows["billed_out"]
    entered, cached_price, write, output, request = prices_of(plan.prices, rows["started"], rows["deployment"], whole)
    cached = np.minimum(rows["tokens_cached"], whole)
    written = np.minimum(rows["tokens_written"], whole - cached)
    usual = np.minimum(write, entered)

    def first(tokens: Ints) -> Ints:
        """What the first so many tokens of the prompt cost, without what writing costs more."""
        fresh = entered * tokens + (cached_price - entered) * np.minimum(tokens, cached)
        return fresh + (usual - entered) * np.clip(tokens - cached, 0, written)

    ends = [np.minimum(sum(rows[f"tokens_{part}"] for part in TOKENS[: k + 1]), whole) for k in range(len(TOKENS))]
    upto = [np.zeros_like(whole), *(first(end) for end in ends), first(whole)]
    thought = np.minimum(rows["tokens_reasoning"], out)
    parts = [after - before for before, after in pairwise(upto)]
    parts += [thought * output, (out - thought) * output, request, written * (write - usual)]
    is_first = rows["cause"] == Cause.FIRST
    found = {f"cause_{name}": np.where(is_first, part, 0) for name, part in zip(PARTS, parts, strict=True)}
    found |= {f"cause_{name}": np.where(np.isin(rows["cause"], of), rows["cost"], 0) for name, of in AGAIN.items()}
    found["prompt_saved"] = cached * (entered - cached_price) - written * (write - entered)
    found["prompt_base"] = (cached + written) * entered
    return found


def prices_of(prices: PriceTable, started: Column, deployment: Column, prompt: Column) -> tuple[Ints, ...]:
    """Input, cached, write and output price per token, and the fee of a request, of each attempt, as when it began."""
    row = np.maximum(np.searchsorted(prices.start, started, "right") - 1, 0)
    tier = np.zeros_like(prompt)
    for z in range(1, prices.above.shape[2] if len(prompt) else 0):
        tier[prices.above[row, deployment, z] < prompt] = z
    at = row, deployment, tier
    return prices.input[at], prices.cached[at], prices.write[at], prices.output[at], prices.request[row, deployment]


def economy_of(
    plan: Plan, log: Log, actions: dict[str, Column], attempts: dict[str, Column], owner: Ints, place: Ints
) -> Economy:
    """The economy of a log; `actions` and `attempts` are the measured ones, `place` the actions' windows."""
    windows, names = timeline_windows(plan.horizon), plan.names
    waited = plan.batch.batch[actions["kind"]] & (actions["start"] != DID_NOT)
    held = np.unique(bins_of((actions["start"] - actions["arrival"])[waited]), return_counts=True)
    return Economy(
        warming=_warming(plan, log.lookups),
        work=_work(plan, log.attempts, windows),
        held=Sample.binned(*held),
        by_kind=_by_name(place, actions["kind"], all_money(actions), windows.count, len(names.kinds)),
        by_model=_by_name(place[owner], attempts["model"], attempts["cost"], windows.count, len(names.models)),
        prompts=_prompts(plan, attempts),
        turns=_turns(plan, actions, attempts, owner),
        steps=_steps(plan, attempts),
        budgets=log.budgets,
    )


def _warming(plan: Plan, lookups: Mapping[str, Column]) -> Ints:
    windows = warming_windows(plan)
    if not plan.answers.on.any():
        return np.zeros((0, 3 * len(CACHES)), np.int64)
    time, cache, result = (lookups[name] for name in ("time", "cache", "result"))
    seen = (time < plan.horizon) & (result != Lookup.STALE)
    hit = (result == Lookup.HIT) | (result == Lookup.FALSE)
    place = windows.index(time - plan.begin)
    found = [
        count(place[seen & (cache == code) & chosen], windows.count)
        for code in range(len(CACHES)) for chosen in (seen, hit, result == Lookup.JOINED)
    ]  # fmt: skip
    return np.stack(found, axis=1)


def _work(plan: Plan, attempts: Mapping[str, Column], windows: Windows) -> Ints:
    if not plan.batch.batch.any():
        return np.zeros((0, 2), np.int64)
    begun = (attempts["started"] >= 0) & (attempts["started"] < plan.horizon)
    place = windows.index(attempts["started"][begun])
    tokens = (attempts["tokens_in"] + attempts["tokens_out"])[begun]
    waits = can_wait(plan)[attempts["call"][begun]]
    return np.stack([total_by(place[rows], tokens[rows], windows.count) for rows in (~waits, waits)], axis=1)


def can_wait(plan: Plan) -> Rows:
    """Which calls are of actions that can wait."""
    return plan.batch.batch[np.array(plan.names.call_kind, np.int64)]


def _by_name(place: Ints, name: Ints, money: Ints, size: int, names: int) -> Ints:
    if names > MOST_NAMES:
        return np.zeros((size, 0), np.int64)
    return total_by(place * names + name, money, size * names).reshape(size, names)


def _prompts(plan: Plan, attempts: dict[str, Column]) -> Money:
    sent = attempts["deployment"] >= 0
    rows = {name: column[sent] for name, column in attempts.items()}
    tokens, whole = billed_tokens(rows), len(plan.names.deployments)
    cached = np.minimum(rows["tokens_cached"], rows["billed_in"])
    columns = (tokens["tokens_in"], cached, tokens["tokens_written"], bill(plan, rows)["prompt_saved"])
    return np.stack([money_by(rows["deployment"], column, whole) for column in columns], axis=1)


def _turns(plan: Plan, actions: dict[str, Column], attempts: dict[str, Column], owner: Ints) -> Money:
    row = actions["kind"] * GROWTH_ROWS + np.minimum(actions["action"] >> TURN, MOST_TURNS)
    return _grown(plan, row, row[owner], attempts)


def _steps(plan: Plan, attempts: dict[str, Column]) -> Money:
    chosen = (attempts["cause"] == Cause.FIRST) & (attempts["billed_in"] > 0) & repeats(plan)[attempts["call"]]
    rows = {name: column[chosen] for name, column in attempts.items()}
    kind = np.array(plan.names.call_kind, np.int64)[rows["call"]]
    row = kind * GROWTH_ROWS + np.minimum(rows["repeat"], MOST_TURNS)
    return _grown(plan, row, row, rows)


def repeats(plan: Plan) -> Rows:
    """Which calls may be made more than once."""
    return np.asarray(((plan.actions.repeat_max > 1) | (plan.actions.times > 1)).any(axis=0), np.bool_)


def _grown(plan: Plan, counted: Ints, place: Ints, attempts: dict[str, Column]) -> Money:
    """(kinds, turns, GROWTH): how many there are in each row, and sums of the attempts in theirs."""
    kinds, tokens = len(plan.names.kinds), billed_tokens(attempts)
    size = kinds * GROWTH_ROWS
    columns = (tokens[name] if name in tokens else attempts["billed_out" if name == "tokens_out" else name]
               for name in GROWTH[1:])  # fmt: skip
    sums = [count(counted, size).astype(object), *(money_by(place, column, size) for column in columns)]
    return np.stack(sums, axis=1).reshape(kinds, GROWTH_ROWS, len(GROWTH))
