"""The log that both engines fill: one row an action and one an attempt. Actions come in the order in which
they end; attempts action by action, in the same order, within an action in the order in which they end.

All columns are int64. Times are ns since the scenario's start, -1 where a thing did not happen;
money is picodollars; codes are those of `engine.codes`, indices those of `Plan.names`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DID_NOT = -1
"""In a column of times: it did not happen. Times of the warm-up are negative, too: compare with this, not with 0."""

Column = NDArray[np.int64]
Table = dict[str, Column]
Tables = tuple[Table, Table, Table, Table, Table, Table, Table, Table]
"""Actions, attempts, incidents, breakers, lookups, budgets, regions, users."""

ACTION_COLUMNS = (
    "action",  # id: ordinal | how often it was asked before << 33 | turn of its conversation << 37
    "arrival",
    "user",  # -1: not modelled
    "plan",  # -1: none
    "kind",
    "complexity",
    "start",  # slot of the own service taken
    "first_token",  # seen by the user: of the last stage's first successful streamed attempt, else the end of a success
    "end",
    "outcome",
    "reason",  # 0 for ok
    "good",  # 1 good, 0 bad, -1 not judged (no success, or no quality given)
    "waited",  # ns in queues: the own service's and the deployments'
    "attempts",
    "cost",
    "tokens_in",  # billed, all attempts
    "tokens_out",
    "degrade_cost",  # of the degrade ladder (people), beside `cost`, which is the providers' bill
    "desk_asked",  # a person was asked: the case went to the desk, perhaps into its queue
    "desk_began",  # a person began with it
    "lookup_cost",  # of lookups in caches of answers, beside `cost`, too
    "tool_cost",  # of searches and tools, beside `cost`, too
    "thrift",  # bits: 1 cheaper models because of the user's quota, 2 because of a budget of everything
    "home",  # region of the user; -1: regions are not modelled
    "region",  # that served it, or was turned to last; -1: none
    "network",  # ns until it had come to the region's service, lost connections included; -1: it never came
)

ATTEMPT_COLUMNS = (
    "action",
    "call",
    "repeat",
    "rung",
    "attempt",  # try within the rung, 0 = first
    "hedge",
    "cause",
    "model",
    "deployment",
    "dispatched",
    "started",  # service began: a slot of the deployment was taken
    "first_token",  # when it came, or -1 if it ended before
    "ended",  # for its caller
    "released",  # when the slot of the deployment was free again; later than `ended` where work runs on
    "outcome",
    "tokens_in",  # asked for: whole prompt, cached part included
    "tokens_out",  # asked for: what a full answer has
    "tokens_cached",  # of tokens_in, read from the prompt cache (0 where not begun)
    "tokens_written",  # of tokens_in, written to it
    "billed_in",
    "billed_out",
    "cost",
    "retry_after",  # ns said by a rate limit, else 0
    "limit",  # the bucket that refused it: too small for the request, or the longest to wait for; else -1
    "replica",  # of the layer that talks to the models
    "marks",  # bits of `codes.Mark`
    "tokens_system",  # of tokens_in: the system prompt
    "tokens_history",  # of tokens_in: what was said before, as far as it was sent again
    "tokens_retrieved",  # of tokens_in: retrieved texts; what is left are the user's words
    "tokens_reasoning",  # of tokens_out: thought before the answer, not shown
)

INCIDENT_COLUMNS = ("source", "start", "end", "severity")
"""source: index of the scheduled incident, or -1 - index of the random outage; severity: row of the plan's lists."""

BREAKER_COLUMNS = ("time", "replica", "place", "state", "until")
"""place: deployment, or -1 - provider; state: 1 opened (until: when the cooldown is over), 0 closed (-1)."""

LOOKUP_COLUMNS = ("time", "action", "arrival", "call", "cache", "key", "result")
"""Lookups in caches of answers, in the order in which their results (`codes.Lookup`) were known, which is `time`;
cache: `codes.Cache`; key: of the entry, -1 where the cache has but a hit rate."""

BUDGET_COLUMNS = ("time", "budget", "step", "spent")
"""Step k was reached when `spent` picodollars were; or -1: the period, or the run, ended with `spent`. budget: -1 - k
for the k-th quota with tiers, whose first tier beyond the one that it begins with is its step 0."""


REGION_COLUMNS = ("time", "region", "what", "value")
"""What became of regions, in the order in which it happened; what: `codes.Notice`."""


USER_COLUMNS = ("time", "user", "what", "value")
"""Who came, stayed or left, where users do, in the order in which it happened; what: `codes.Life`."""


@dataclass(frozen=True)
class Log:
    """What one replication did."""

    replication: int
    actions: dict[str, Column]
    attempts: dict[str, Column]
    incidents: dict[str, Column]
    breakers: dict[str, Column]
    """What breakers did, in the order in which it happened."""
    lookups: dict[str, Column]
    """Lookups in caches of answers, in the order in which it happened."""
    budgets: dict[str, Column]
    """What spending budgets did, in the order in which it happened."""
    regions: dict[str, Column]
    """What became of regions, in the order in which it happened."""
    users: dict[str, Column]
    """Who came, stayed or left, in the order in which it happened."""
    peaks: Column
    """(N) most slots of each deployment taken at one time, the whole run long."""
    ended: int
    """When the run stopped, ns."""
    events: int
    """Timed events handled."""
