"""The plan: a scenario as flat arrays and small integer tables, the only thing an engine reads.

Axes: E epochs, K kinds of actions, X complexities, C calls (of all kinds, in file order),
R routes, M models, N deployments (grouped by model), B limits (token buckets), F failure kinds,
G distributions, O random outages, V severities, D rungs of the degrade ladder, R regions. Every number that may
change at a time has a leading axis E. Times are ns since the scenario's start, shares are cumulative
(`cdf`) where one of several is drawn, money is picodollars.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simkit.plan.arrays import NEVER, SECOND, Bools, Floats, Ints
from simkit.plan.business import Business
from simkit.plan.economy import Allowances, Answers, Batch, Prompts, Resets, Sessions, Spending, Tiers, mean_turns
from simkit.plan.growth import Growth, Modulation
from simkit.plan.places import Regions, ReplicaPrice, Scaling
from simkit.plan.resilience import Audience, Breaker, Ladder, Layer


class Dists(NamedTuple):
    """Distributions by id: value = clip(scale * cells(table, u), low, cap); `table` -1: the constant `scale`."""

    table: Ints
    scale: Floats
    low: Floats
    cap: Floats
    cells: Floats
    """(T, cells, 2): intercept and slope of each cell of each table, see `laws.sample`."""


class Arrivals(NamedTuple):
    """When actions arrive: a piecewise constant rate walked through in operational time, or a trace."""

    start: Ints
    """(S + 1) starts of the segments; the last is the end of arrivals. With R regions: so for each, one after the
    other. Where users come and go: then so for those who sign up in each region."""
    rate: Floats
    """(S) arrivals per ns; where users come and go, those of one of them."""
    cumulative: Floats
    """(S + 1) expected arrivals from the first start to each start."""
    gap: Ints
    """(S) distribution of the gaps in operational time (mean 1)."""
    first: Ints
    """(R + 1) range of the segments of each region's users in `rate` and `gap`; `start` and `cumulative` have one more
    for each of them."""
    trace_time: Ints
    """(A) arrival of each row of a trace; empty without one."""
    trace_input: Ints
    trace_output: Ints
    trace_cached: Ints
    """(A) tokens by row, -1 where the trace does not say."""
    trace_model: Ints
    """(A) model index, -1 where the trace does not say."""
    users: Floats
    """(S) users on whom the arrivals of a segment depend, as they are expected; 1 where they depend on nobody. No
    engine needs it."""

    def of(self, region: int) -> tuple[Ints, Floats]:
        """Starts of the segments of a region's users, and the expected arrivals until each of them."""
        first, beyond = int(self.first[region]) + region, int(self.first[region + 1]) + region + 1
        each = np.diff(self.cumulative[first:beyond]) * self.users[first - region : beyond - region - 1]
        return self.start[first:beyond], np.concatenate([[0.0], np.cumsum(each)])

    def expected(self, times: Ints) -> Floats:
        """Arrivals expected from the begin until each time, those of all regions together."""
        found: Floats = np.sum([np.interp(times, *self.of(r)) for r in range(len(self.first) - 1)], axis=0)
        return found


class People(NamedTuple):
    """Who the users are."""

    first: Ints
    """(E, R) offset of the users of an epoch and a region in `cdf`."""
    number: Ints
    """(E, R) number of users; 0: users are not modelled."""
    offset: Ints
    """(E, R) number of the first of them."""
    cdf: Floats
    """Cumulative share of activity by user."""
    plan_cdf: Floats
    """(E, plans) cumulative share of users by plan; no column: no plans."""
    plan_priority: Ints
    """(plans)"""


class Actions(NamedTuple):
    """Kinds of actions and their calls."""

    kind_cdf: Floats
    """(E, K)"""
    complexity_cdf: Floats
    """(E, K, X); complexities a kind does not have have no share."""
    priority: Ints
    """(K)"""
    first_call: Ints
    """(K + 1) range of the kind's calls."""
    stage: Ints
    """(C) calls of one stage run in parallel; stages are 0, 1, ... within a kind."""
    route: Ints
    """(C) -1: a step of fixed work."""
    streaming: Bools
    """(C)"""
    judged: Bools
    """(C)"""
    runs_on: Bools
    """(C) cancelled work runs on."""
    work: Ints
    """(E, C) distribution of own work before each repetition; -1: none."""
    times: Ints
    """(E, C) fixed repetitions at least."""
    again: Floats
    """(E, C) probability of one more repetition, up to `repeat_max`."""
    repeat_max: Ints
    """(E, C)"""
    input: Ints
    """(E, C, 3) distributions of system, retrieved and user tokens; -1: none."""
    output: Ints
    """(E, C, X) distribution; -1: none."""
    max_output: Ints
    """(E, C) NEVER: no limit."""
    name: Ints
    """(C) which of the different names of calls it has: those of one name share the system prompt and answers."""
    history: Bools
    """(C) is what was said before sent again?"""
    history_limit: Ints
    """(E, C) most tokens of it; NEVER: no limit."""
    history_step: Ints
    """(E, C) tokens that are left out at a time where it is longer."""
    keeps_retrieved: Bools
    """(C) does the conversation keep the call's retrieved texts?"""
    summarises: Bools
    """(C) does its answer take the place of what was said before?"""
    summary_limit: Ints
    """(E, C) it is made where more tokens than these were said before; NEVER: it does not summarise."""
    cached: Bools
    """(C) may caches of answers serve it?"""
    chunks: Ints
    """(E, C) how many retrieved texts of the drawn length."""
    reasoning: Ints
    """(E, C, X) distribution of tokens that are thought before the answer; -1: none."""
    work_cost: Ints
    """(E, C) picodollars of each repetition's own work."""


class Routes(NamedTuple):
    """How a call's model is chosen."""

    mix_cdf: Floats
    """(E, R, X, M) cumulative share of the first model by complexity."""
    next_model: Ints
    """(R, M) model after this one in the route's cascade; -1: none."""
    escalate: Floats
    """(E, R, X) share of answers that go on to the next model of the cascade."""

    def only_model(self) -> Ints:
        """(R) the one model that a route ever begins with, or -1: its draw can be left out."""
        if not self.mix_cdf.size:  # nothing but fixed work: no call asks for a model
            return np.zeros(0, dtype=np.int64)
        shares = np.diff(self.mix_cdf, axis=-1, prepend=0.0)
        first = shares.argmax(axis=-1)
        certain = (shares.max(axis=-1) == 1.0).all(axis=(0, 2)) & (first == first[:1, :, :1]).all(axis=(0, 2))
        return np.where(certain, first[0, :, 0], -1).astype(np.int64)


class Models(NamedTuple):
    """Models."""

    first_deployment: Ints
    """(M + 1) range of the model's deployments."""
    balance: Ints
    """(M) `codes.Balance`."""
    quality: Floats
    """(E, M, X); NaN: not judged."""
    context: Ints
    """(E, M) NEVER: no limit."""
    fallback: Ints
    """(M, L) models tried after this one, in order, -1 padded."""
    errors: Floats
    """(E, M, F) probability of the non-retryable kinds, drawn once per action, call and model."""
    cache_minimum: Ints
    """(E, M) shortest cacheable prefix."""
    cheaper: Ints
    """(M) what takes its place when money is short; -1: nothing."""
    batch: Ints
    """(M) its batch side; -1: none."""
    is_batch: Bools
    """(M) is it the batch side of another model?"""


class Deployments(NamedTuple):
    """Models at providers."""

    model: Ints
    provider: Ints
    weight: Floats
    """(E, N)"""
    weight_cdf: Floats
    """(E, N) cumulative within the model."""
    rank: Ints
    """(N) deployments of each model in the order of `balance: ordered`, as indices."""
    concurrency: Ints
    """(E, N)"""
    queue: Ints
    """(E, N)"""
    ttft: Ints
    """(E, N) distribution, ns."""
    ttft_per_token: Floats
    """(E, N) ns per input token."""
    speed: Ints
    """(E, N) distribution, tokens per second."""
    errors: Floats
    """(E, N, F) probability of each kind that is drawn for each attempt."""
    slowness: Ints
    """(E, N) distribution of the factor on all latencies, drawn once per period; -1: none."""
    slowness_every: Ints
    """(E, N) the period, ns, aligned to UTC; NEVER: none."""
    slowness_key: Ints
    """(N) stable id of the deployment, for draws."""
    first_limit: Ints
    """(N + 1) range in `limits`."""
    limits: Ints
    """Limits that apply to a deployment."""


class Limits(NamedTuple):
    """Token buckets."""

    measure: Ints
    """(B) 0 requests, 1 input, 2 output, 3 input and output, 4 a ramp of requests."""
    ns_per_unit: Floats
    """(E, B, 1 + T) by tier (`Tiers`); 0 for a ramp."""
    burst: Ints
    """(E, B) ns of credit; 0 for a ramp."""
    reserve_max: Bools
    """(B) charge the max output at dispatch."""
    refused_count: Bools
    """(B)"""
    cached_counts: Bools
    """(B)"""
    ramp_every: Ints
    """(E, B) length of an interval, ns; 0: no ramp, as in the next two."""
    ramp_growth: Floats
    """(E, B) an interval admits at most this times what the one before did (1.5: 50 % more)."""
    ramp_floor: Ints
    """(E, B) but so many at least."""


class Incidents(NamedTuple):
    """Scheduled incidents and random outages. Severities of outage o are rows first[o]..first[o + 1] of the lists."""

    start: Ints
    end: Ints
    scheduled_severity: Ints
    """(I) row of the severity lists."""
    in_flight_fail: Bools
    """(I)"""
    hits: Bools
    """(I, N) deployments hit."""
    gap: Ints
    duration: Ints
    """(O) distributions, ns."""
    history: Ints
    """(O) how long before the first arrival the up-and-down process begins, so that it is stationary."""
    key: Ints
    """(O) stable id of the target, for draws."""
    outage_in_flight_fail: Bools
    outage_hits: Bools
    """(O, N)"""
    first_severity: Ints
    """(O + 1) offset into the severity lists."""
    severity_cdf: Floats
    """(V) cumulative within an outage (1 for a scheduled one)."""
    error_rate: Floats
    error_kind: Ints
    slowdown: Floats
    quota: Floats
    """(V)"""
    lost: Floats
    """(V) share of the replicas of a region that are gone."""
    region_hits: Bools
    """(I + O, R) regions hit."""


class Service(NamedTuple):
    """Your own service, by epoch and region."""

    workers: Ints
    """(E, R) of a replica."""
    replicas: Ints
    """(E, R) at the start, with an autoscaler."""
    queue: Ints
    """(E, R)"""
    overhead: Ints
    """(E, R) distribution; -1: none."""
    shed_in_flight: Ints
    """(E, R, 4) shed arrivals while so many actions are in flight; NEVER: unused."""
    shed_priority: Ints
    """(E, R, 4) of this priority and above."""

    @property
    def slots(self) -> Ints:
        """(E, R) actions that it works on at once, with the replicas it begins with."""
        return slots_of(self.workers, self.replicas)


def slots_of(workers: Ints, replicas: Ints) -> Ints:
    """Slots of so many replicas; NEVER: unlimited."""
    found: Ints = np.where(workers < NEVER, np.minimum(workers, NEVER // replicas) * replicas, NEVER)
    return found


class Policy(NamedTuple):
    """What holds whoever calls: the deadline, and what failure kinds cost and take."""

    deadline: Ints
    """(E) NEVER: none."""
    cache_hit_rate: Floats
    """(E) share of attempts that find their prefix cached."""
    billed: Ints
    """(F) 0 nothing, 1 input, 2 input and elapsed output, 3 all."""
    takes: Ints
    """(F) 0 a time, 1 first token, 2 a random part of the answer, 3 the answer, 4 never."""
    takes_time: Ints
    """(E, F) distribution where `takes` is 0."""


class PriceTable(NamedTuple):
    """Prices in picodollars per token. Row q holds from start[q]; Z tiers by the whole prompt's length."""

    start: Ints
    """(Q) ns; the first is before all time."""
    above: Ints
    """(Q, N, Z) the tier applies to prompts longer than this; the highest that applies counts; NEVER: unused."""
    input: Ints
    cached: Ints
    write: Ints
    output: Ints
    """(Q, N, Z)"""
    request: Ints
    """(Q, N)"""


@dataclass(frozen=True)
class Recorded:
    """What a trace says of reality; None where it has no such column."""

    latency_p50: int | None = None
    latency_p95: int | None = None
    """ns, nearest rank, of rows that have a latency."""
    success_rate: float | None = None
    cost: int | None = None
    """Picodollars of all rows together."""


@dataclass(frozen=True)
class Names:
    """What the indices mean."""

    kinds: tuple[str, ...]
    complexities: tuple[str, ...]
    calls: tuple[str, ...]
    """`kind.call`, or `call` where there is one kind."""
    call_kind: tuple[int, ...]
    plans: tuple[str, ...]
    routes: tuple[str, ...]
    models: tuple[str, ...]
    providers: tuple[str, ...]
    deployments: tuple[str, ...]
    """`model/provider[/region]`"""
    limits: tuple[str, ...]
    """`quota: measure`, e.g. `openai_org: tokens`."""
    limit_text: tuple[str, ...]
    """As the file says, e.g. `30k/min`."""
    incidents: tuple[str, ...]
    outages: tuple[str, ...]
    budgets: tuple[str, ...]
    tiered: tuple[str, ...]
    """Quotas whose limits rise with what was spent."""
    regions: tuple[str, ...]
    """One of no name where they are not modelled."""


@dataclass(frozen=True)
class Plan:
    """All that an engine reads."""

    names: Names
    begin: int
    """Start of the warm-up, <= 0."""
    horizon: int
    cooldown: int
    start_utc: int
    """The scenario's zero as ns since 1970 UTC."""
    timezone: str
    epochs: Ints
    """(E) start of each epoch; the first is <= begin."""
    dists: Dists
    arrivals: Arrivals
    modulation: Modulation
    growth: Growth
    people: People
    actions: Actions
    routes: Routes
    models: Models
    deployments: Deployments
    limits: Limits
    incidents: Incidents
    service: Service
    scaling: Scaling
    replica_price: ReplicaPrice
    regions: Regions
    policy: Policy
    inner: Layer
    """The layer that talks to the models: the gateway if there is one, else the client."""
    outer: Layer
    """The client before a gateway; neutral values without one."""
    has_gateway: bool
    breaker: Breaker
    """Of the inner layer."""
    ladder: Ladder
    audience: Audience
    answers: Answers
    prompts: Prompts
    sessions: Sessions
    spending: Spending
    tiers: Tiers
    allowances: Allowances
    resets: Resets
    batch: Batch
    prices: PriceTable
    stationary: bool
    """No seasonality, changes, scheduled incidents or trace: batch means apply."""
    service_costs: tuple[int, ...]
    """(R) picodollars of the own service over the horizon, but for replicas whose number follows the load."""
    business: Business
    """The company's money."""
    price_book: str
    """Date and version of the price book used."""
    recorded: Recorded = Recorded()
    """What was observed when the trace was recorded, to be shown beside what is simulated."""

    @property
    def service_cost(self) -> int:
        """Picodollars of all `service_costs`."""
        return sum(self.service_costs)

    @property
    def expected_actions(self) -> float:
        """How many actions a replication is expected to have, warm-up and cooldown included."""
        rows = len(self.arrivals.trace_time)
        if rows or len(self.arrivals.start) == 0:
            return float(rows)
        return sum(self._expected(r) for r in range(len(self.arrivals.first) - 1))

    def _expected(self, region: int) -> float:
        """Of the users of one region."""
        start, cumulative = self.arrivals.of(region)
        epoch = np.searchsorted(self.epochs, start[:-1], side="right") - 1
        return float((np.diff(cumulative) * self.mean_turns[np.maximum(epoch, 0)]).sum())

    @property
    def mean_turns(self) -> Floats:
        """(E) mean number of turns of a conversation, if all are served."""
        rows = zip(self.sessions.times, self.sessions.again, self.sessions.most, strict=True)
        return np.array([mean_turns(int(times), float(again), int(most)) for times, again, most in rows])


__all__ = [
    "NEVER", "SECOND", "Actions", "Allowances", "Answers", "Arrivals", "Audience", "Batch", "Bools", "Breaker",
    "Deployments", "Dists", "Floats", "Growth", "Incidents", "Ints", "Ladder", "Layer", "Limits", "Models",
    "Modulation", "Names", "People", "Plan", "Policy", "PriceTable", "Prompts", "Recorded", "Regions", "ReplicaPrice",
    "Resets", "Routes", "Scaling", "Service", "Sessions", "Spending", "slots_of",
]  # fmt: skip
