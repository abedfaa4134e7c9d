"""The log as DataFrames: names instead of codes, seconds and USD instead of ns and picodollars."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simkit.engine.codes import BY_BUDGET, PERIOD_ENDS, Act, Cache, Cause, Life, Lookup, Mark, Notice
from simkit.engine.log import Column, Log
from simkit.plan.plan import Plan
from simkit.result.economy import epoch_of
from simkit.result.tally import KINDS, OUTCOMES, Tally
from simkit.result.windows import happened

Floats = NDArray[np.float64]
CAUSES = tuple(cause.name.lower() for cause in Cause)
CACHES = tuple(cache.name.lower() for cache in Cache)
ACTS = tuple(act.name.lower() for act in Act)
FOUND = tuple(result.name.lower() for result in Lookup)


def actions_frame(plan: Plan, logs: Sequence[Log]) -> pd.DataFrame:
    """One row an action of every replication, in the order in which they ended, unmeasured ones included."""
    return _together([actions_of(plan, log.replication, log.actions) for log in logs])


def attempts_frame(plan: Plan, logs: Sequence[Log]) -> pd.DataFrame:
    """One row an attempt of every replication; `limit` is the rate limit, or the budget, that refused it."""
    return _together([attempts_of(plan, log.replication, log.attempts) for log in logs])


def lookups_frame(plan: Plan, logs: Sequence[Log]) -> pd.DataFrame:
    """One row a lookup of every replication, in the order in which their results were known."""
    return _together([lookups_of(plan, log.replication, log.lookups) for log in logs])


def budgets_frame(plan: Plan, logs: Sequence[Log]) -> pd.DataFrame:
    """One row a step of a budget that was reached, and one an end of its day or month, of every replication."""
    return _together([budgets_of(plan, log.replication, log.budgets) for log in logs])


def regions_frame(plan: Plan, tallies: Sequence[Tally]) -> pd.DataFrame:
    """One row a change of a region or its replicas, of every replication."""
    return _together([regions_of(plan, one.replication, one.regional.notices) for one in tallies])


def users_frame(plan: Plan, logs: Sequence[Log]) -> pd.DataFrame:
    """One row a user who came, became an active user, moved to another plan or left, of every replication."""
    return _together([users_of(plan, log.replication, log.users) for log in logs])


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def actions_of(plan: Plan, replication: int, a: Mapping[str, Column]) -> pd.DataFrame:
    """The same of some rows of one replication, by column."""
    names = plan.names
    return pd.DataFrame(
        {
            "replication": replication,
            "action": a["action"],
            "measured": (a["arrival"] >= 0) & (a["arrival"] < plan.horizon),
            "arrival_s": a["arrival"] / 1e9,
            "user": a["user"],
            "plan": _named(a["plan"], names.plans),
            "kind": _named(a["kind"], names.kinds),
            "complexity": _named(a["complexity"], names.complexities),
            "start_s": _moment(a["start"]),
            "first_token_s": _moment(a["first_token"]),
            "end_s": _moment(a["end"]),
            "latency_s": _span(a["arrival"], a["end"]),
            "ttft_s": _span(a["arrival"], a["first_token"]),
            "waited_s": a["waited"] / 1e9,
            "outcome": _named(a["outcome"], OUTCOMES),
            "reason": _named(np.where(a["reason"] == 0, -1, a["reason"]), KINDS),
            "good": pd.arrays.BooleanArray(a["good"] == 1, a["good"] < 0),
            "attempts": a["attempts"],
            "tokens_in": a["tokens_in"],
            "tokens_out": a["tokens_out"],
            "cost_usd": a["cost"] / 1e12,
            "degrade_cost_usd": a["degrade_cost"] / 1e12,
            "desk_asked_s": _moment(a["desk_asked"]),
            "desk_began_s": _moment(a["desk_began"]),
            "lookup_cost_usd": a["lookup_cost"] / 1e12,
            "tool_cost_usd": a["tool_cost"] / 1e12,
            "thrifty": a["thrift"] > 0,
            "home": _named(a["home"], names.regions),
            "region": _named(a["region"], names.regions),
            "network_s": _moment(a["network"]),
        }
    )


def attempts_of(plan: Plan, replication: int, t: Mapping[str, Column]) -> pd.DataFrame:
    """The same of some rows of one replication, by column."""
    names = plan.names
    return pd.DataFrame(
        {
            "replication": replication,
            "action": t["action"],
            "call": _named(t["call"], names.calls),
            **{name: t[name] for name in ("repeat", "rung", "attempt", "hedge")},
            "cause": _named(t["cause"], CAUSES),
            "model": _named(t["model"], names.models),
            "deployment": _named(t["deployment"], names.deployments),
            "dispatched_s": t["dispatched"] / 1e9,
            "started_s": _moment(t["started"]),
            "first_token_s": _moment(t["first_token"]),
            "ended_s": _moment(t["ended"]),
            "released_s": _moment(t["released"]),
            "queued_s": _span(t["dispatched"], t["started"]),
            "ttft_s": _span(t["dispatched"], t["first_token"]),
            "latency_s": _span(t["dispatched"], t["ended"]),
            "outcome": _named(t["outcome"], KINDS),
            **{name: t[name] for name in t if name.startswith(("tokens_", "billed_"))},
            "cost_usd": t["cost"] / 1e12,
            "retry_after_s": t["retry_after"] / 1e9,
            "limit": _named(_refused_by(plan, t["limit"]), (*names.limits, *names.budgets)),
            "replica": t["replica"],
            **{str(mark.name).lower(): t["marks"] & mark != 0 for mark in Mark},
        }
    )


def _refused_by(plan: Plan, limit: Column) -> Column:
    """Limits, then budgets, which the log has as BY_BUDGET - index."""
    return np.where(limit <= BY_BUDGET, len(plan.names.limits) + BY_BUDGET - limit, limit)


def lookups_of(plan: Plan, replication: int, rows: Mapping[str, Column]) -> pd.DataFrame:
    """The same of some rows of one replication, by column."""
    return pd.DataFrame(
        {
            "replication": replication,
            "time_s": rows["time"] / 1e9,
            "action": rows["action"],
            "arrival_s": rows["arrival"] / 1e9,
            "call": _named(rows["call"], plan.names.calls),
            "cache": _named(rows["cache"], CACHES),
            "key": rows["key"],
            "result": _named(rows["result"], FOUND),
        }
    )


def budgets_of(plan: Plan, replication: int, rows: Mapping[str, Column]) -> pd.DataFrame:
    """The same of some rows of one replication, by column."""
    rows = {name: column[rows["budget"] >= 0] for name, column in rows.items()}
    step = rows["step"]
    acts = plan.spending.act[rows["budget"], np.maximum(step, 0)] if len(step) else step
    return pd.DataFrame(
        {
            "replication": replication,
            "time_s": rows["time"] / 1e9,
            "budget": _named(rows["budget"], plan.names.budgets),
            "what": _named(np.where(step == PERIOD_ENDS, len(ACTS), acts), (*ACTS, "period ends")),
            "spent_usd": rows["spent"] / 1e12,
            "limit_usd": plan.spending.limit[epoch_of(plan, rows["time"]), rows["budget"]] / 1e12,
        }
    )


def regions_of(plan: Plan, replication: int, rows: Mapping[str, Column]) -> pd.DataFrame:
    """What became of regions: shares of them that are there, or said to be there, and replicas that are paid."""
    share = rows["what"] != Notice.REPLICAS
    return pd.DataFrame(
        {
            "replication": replication,
            "time_s": rows["time"] / 1e9,
            "region": _named(rows["region"], plan.names.regions),
            "what": _named(rows["what"], [notice.name.lower() for notice in Notice]),
            "value": np.where(share, rows["value"] / 1e9, rows["value"]),
        }
    )


def users_of(plan: Plan, replication: int, rows: Mapping[str, Column]) -> pd.DataFrame:
    """Who came, stayed or left: the plan for who is on one from then on, seconds for a first good answer."""
    what, value = rows["what"], rows["value"]
    named = np.isin(what, (Life.BASE, Life.SIGNED_UP, Life.MOVED)) & (value >= 0)
    frame = {
        "replication": replication,
        "time_s": rows["time"] / 1e9,
        "user": rows["user"],
        "what": _named(what, [life.name.lower() for life in Life]),
        "plan": _named(np.where(named, value, -1), plan.names.plans),
        "after_s": np.where(what == Life.FIRST_VALUE, value / 1e9, np.nan),
        "let_down": np.isin(what, (Life.LOST_INTEREST, Life.LEFT)) & (value == 1),
    }
    return pd.DataFrame(frame)


def _named(codes: Column, names: Sequence[str]) -> "pd.Categorical[str]":
    return pd.Categorical.from_codes(codes, pd.Index(list(names), dtype=str))


def _moment(times: Column) -> Floats:
    return np.where(happened(times), times / 1e9, np.nan)


def _span(start: Column, end: Column) -> Floats:
    return np.where(happened(end), (end - start) / 1e9, np.nan)
