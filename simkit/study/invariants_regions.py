"""Invariants of regions: where data may go, how far it is, who is paid, what clients are told and when."""

from collections.abc import Iterator

import numpy as np

from simkit.engine.codes import Kind, Mark, Notice, Outcome
from simkit.engine.log import Log
from simkit.plan.plan import NEVER, Plan
from simkit.study.invariant import DID_NOT, Bools, Ints, Invariant, rule

WHOLE = 10**9
"""All of a region, in the log."""


def data_stays_where_it_may(plan: Plan, log: Log) -> Iterator[Invariant]:
    """No region is turned to, and no deployment asked, where the data may not go; refused is only what is bound."""
    if not bool(plan.regions.on[0]):
        return
    a, t, rules = log.actions, log.attempts, plan.regions
    home, kind, region = a["home"], a["kind"], a["region"]
    outside = (region >= 0) & ~rules.may_serve[home, kind, region]
    yield rule("nobody is led to a region where the data may not go", outside, a["action"], "action")
    row = actions_of(log)
    there = t["deployment"] >= 0
    abroad = there & ~rules.may_ask[home[row], kind[row], t["deployment"]]
    yield rule("no deployment is asked that may not have the data", abroad, t["action"], "action")
    forbidden = t["marks"] & Mark.FORBIDDEN > 0
    yield rule("what is forbidden is not sent", forbidden & there, t["action"], "action")
    refused = a["reason"] == Kind.RESIDENCY
    serve: Bools = np.all(rules.may_serve, axis=2)
    ask: Bools = np.all(rules.may_ask, axis=2)
    free = serve[home, kind] & ask[home, kind]
    yield rule("only what is bound to a place is refused for it", refused & free, a["action"], "action")
    other = refused & (a["outcome"] != Outcome.REJECTED)
    yield rule("what may go nowhere is rejected", other, a["action"], "action")


def ways_take_their_time(plan: Plan, log: Log) -> Iterator[Invariant]:
    """Nobody comes, and no token, sooner than the way takes."""
    if not bool(plan.regions.on[0]):
        return
    a, t, rules = log.actions, log.attempts, plan.regions
    came = a["network"] != DID_NOT
    early = came & (a["network"] < rules.rtt.min(axis=0)[a["home"], a["region"]])
    yield rule("nobody comes to a region before its round trip", early, a["action"], "action")
    began = a["start"] != DID_NOT
    hasty = began & (~came | (a["start"] - a["arrival"] < a["network"]))
    yield rule("who has a slot has come to the region before", hasty, a["action"], "action")
    row = actions_of(log)
    shown = (t["first_token"] != DID_NOT) & (t["started"] != DID_NOT) & ~plan.models.is_batch[t["model"]]
    way = rules.to_model.min(axis=0)[a["region"][row], t["deployment"]]
    yield rule(
        "no first token comes before the way to the deployment", shown & (t["first_token"] - t["started"] < way),
        t["action"], "action",
    )  # fmt: skip


def actions_of(log: Log) -> Ints:
    """The row of each attempt's action."""
    order = np.argsort(log.actions["action"], kind="stable")
    found: Ints = order[np.searchsorted(log.actions["action"][order], log.attempts["action"])]
    return found


def replicas_within_bounds(plan: Plan, log: Log) -> Iterator[Invariant]:
    """As many replicas are paid as there have to be; of an autoscaler's, so many come and so many go at most."""
    rows, scaling = log.regions, plan.scaling
    if not (bool(plan.regions.on[0]) or scaling.on.any()):
        yield rule("nothing is told of regions where there are none", rows["time"] > -NEVER, rows["time"], "at ns")
        return
    paid = rows["what"] == Notice.REPLICAS
    region = rows["region"]
    least = np.where(scaling.on, scaling.minimum, plan.service.replicas).min(axis=0)
    yield rule(
        "no fewer replicas are paid than there are", paid & (rows["value"] < least[region]), rows["time"], "at ns"
    )
    steady = scaling.on & (plan.service.workers == plan.service.workers[0]).all(axis=0)
    most = np.where(steady, 2 * scaling.maximum.max(axis=0), NEVER)
    yield rule(
        "no more replicas are paid than may come and go", paid & (rows["value"] > most[region]), rows["time"], "at ns"
    )


def news_takes_its_time(plan: Plan, log: Log) -> Iterator[Invariant]:
    """What is published is true, and comes after so many checks, and within one more."""
    rules, rows = plan.regions, log.regions
    if not bool(rules.on[0]):
        return
    wrong, early, late = (np.zeros(len(rows["time"]), np.bool_) for _ in range(3))
    interval, manual = int(rules.interval[0]), int(rules.manual[0])
    down = (int(rules.failures[0]) - 1) * interval + int(rules.timeout[0]) + manual
    up = (int(rules.successes[0]) - 1) * interval + int(rules.hold_down[0]) + manual
    for region in range(len(plan.names.regions)):
        since, left, told = -NEVER, WHOLE, WHOLE
        for i in np.flatnonzero((rows["region"] == region) & (rows["what"] != Notice.REPLICAS)):
            time, value = int(rows["time"][i]), int(rows["value"][i])
            if rows["what"][i] == Notice.AVAILABLE:
                since, left = time, value
                continue
            least = down if value < told else up
            wrong[i], early[i], late[i] = value != left, time - since < least, time - since >= least + interval
            told = value
    yield rule("clients are told what there is", wrong, rows["time"], "at ns")
    yield rule("clients are told after the checks that it takes", early, rows["time"], "at ns")
    yield rule("clients are told within an interval of these", late, rows["time"], "at ns")


RULES = (data_stays_where_it_may, ways_take_their_time, replicas_within_bounds, news_takes_its_time)

__all__ = ["RULES"]
