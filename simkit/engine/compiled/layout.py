"""How the compiled engine keeps its state: a few integer tables, a row a thing in flight, a named column a property.

Rows keep what belongs together in one place of memory; free rows form a list through their first column
and are used again, so that memory holds what is in flight and nothing else.
"""

from typing import NamedTuple

import numpy as np

from simkit.plan.plan import (
    NEVER,
    Actions,
    Arrivals,
    Bools,
    Deployments,
    Dists,
    Floats,
    Incidents,
    Ints,
    Limits,
    Models,
    People,
    Plan,
    Policy,
    PriceTable,
    Routes,
    Service,
)

NONE = -1
FREE = -2
"""In the first column of a row: not in use."""

# Places at a station.
OUTSIDE, QUEUED, GRANTED, SERVED = range(4)

# Follow-ups.
GRANT_ACTION, GRANT_ATTEMPT, TOLD, STAGE_DONE = range(4)

# What a call waits for.
IDLE, WORKING, ASKING, PAUSING, ANSWERED = range(5)

# What the engine does next.
(NOTHING, ADMIT, NEXT_STAGE, NEXT_CALL, REPEAT, TRY, BEGIN, HEAR, REPEATED, END) = range(10)

# Why the kernel returned.
DONE, SLICE, GROW, FLUSH = range(4)

# Columns of the globals.
(
    G_SEED, G_REPLICATION, G_NOW, G_EPOCH, G_PRICE_ROW, G_OPEN, G_LAST_END, G_HEAP, G_FIFO_HEAD, G_FIFO_TAIL,
    G_ACTION, G_CALL, G_ATTEMPT, G_KIND, G_OUTCOME, G_NUMBER, G_SEGMENT, G_ARRIVAL, G_FREE_ACTION, G_FREE_CALL,
    G_FREE_ATTEMPT, G_USED_ACTIONS, G_USED_CALLS, G_USED_ATTEMPTS, G_LOG_ACTIONS, G_LOG_ATTEMPTS, G_LOG_INCIDENTS,
    G_EVENTS, G_SERVICE_BUSY, G_SERVICE_WAITING, G_STARTING, G_OVER,
) = range(32)  # fmt: skip
GLOBALS = 32

# Columns of an action.
(
    A_NUMBER, A_ARRIVAL, A_USER, A_PLAN, A_KIND, A_COMPLEXITY, A_CLASS, A_PLACE, A_STARTED, A_FIRST_TOKEN, A_GOOD,
    A_WAITED, A_ATTEMPTS, A_COST, A_TOKENS_IN, A_TOKENS_OUT, A_MEASURED, A_CALL, A_BEYOND, A_PENDING, A_SEEN,
    A_VERDICT, A_FIRST_CALL, A_LAST_CALL, A_NEXT, A_PREVIOUS,
) = range(26)  # fmt: skip
ACTION_WIDTH = 26

# Columns of a call.
(
    C_ACTION, C_INDEX, C_NUMBER, C_REPEAT, C_RUNG, C_BASE, C_MODEL, C_CAUSE, C_FALLBACK, C_TRY, C_TOKENS_IN,
    C_TOKENS_OUT, C_CACHED, C_PREFIX, C_ATTEMPT, C_FIRST_TOKEN, C_GOOD, C_PHASE, C_KEY, C_RETRY_AFTER, C_SIBLING,
    C_ALONE,
) = range(22)  # fmt: skip
CALL_WIDTH = 22

# Columns of an attempt.
(
    T_KEY, T_ACTION, T_CALL, T_CODE, T_DEPLOYMENT, T_DISPATCHED, T_STARTED, T_BEGAN, T_ANSWERED, T_FINISH,
    T_TIMES_OUT, T_KIND, T_ANSWERS, T_CACHED, T_WRITTEN, T_RETRY_AFTER, T_PRICE_ROW, T_PLACE, T_OVER, T_WATCHED,
    T_NEXT, T_PREVIOUS, T_RUNS_ON,
) = range(23)  # fmt: skip
ATTEMPT_WIDTH = 23

# Columns of an event, a follow-up, a station, a queue, an incident source.
E_TIME, E_CLASS, E_KEY, E_ROW = range(4)
Q_WHAT, Q_ROW, Q_CHECK, Q_VALUE = range(4)
D_BUSY, D_WAITING, D_FIRST, D_LAST = range(4)
I_NUMBER, I_TIME, I_START, I_END, I_SEVERITY, I_ACTIVE = range(6)

ROOM = 80
"""Rows that one event may need at most: a stage has up to 16 calls, each with an attempt and a few events."""


class Tables(NamedTuple):
    """The plan, as the kernel takes it."""

    begin: int
    horizon: int
    end: int
    epochs: Ints
    dists: Dists
    arrivals: Arrivals
    people: People
    actions: Actions
    routes: Routes
    models: Models
    deployments: Deployments
    limits: Limits
    incidents: Incidents
    service: Service
    policy: Policy
    prices: PriceTable
    only_model: Ints
    """(R) the one model that a route ever begins with, or -1."""
    call_errors: Bools
    """(E, M) are there failures that no retry cures?"""
    classes: Ints
    """Priorities of the own service's queue, ascending."""


class State(NamedTuple):
    """All that changes during a run."""

    g: Ints
    operational: Floats
    actions: Ints
    calls: Ints
    attempts: Ints
    events: Ints
    fifo: Ints
    stations: Ints
    """(N) slots and queues of the deployments."""
    queues: Ints
    """(priority classes) first and last waiting action."""
    tat: Ints
    sources: Ints
    """(I + O) incidents: scheduled ones, then random outages."""
    weather_rate: Floats
    weather_kind: Ints
    weather_slowdown: Floats
    weather_quota: Floats
    log_actions: Ints
    log_attempts: Ints
    log_incidents: Ints


def own(table: NamedTuple) -> NamedTuple:
    """The same table with arrays that are writable and contiguous, so that one kernel fits all plans."""
    return type(table)(*(np.require(column, requirements=["C", "W"]) for column in table))  # type: ignore[call-overload,no-any-return]


def tables_of(plan: Plan) -> Tables:
    """The plan as the kernel takes it."""
    parts = {
        name: own(getattr(plan, name))
        for name in ("dists", "arrivals", "people", "actions", "routes", "models", "deployments", "limits",
                     "incidents", "service", "policy", "prices")
    }  # fmt: skip
    return Tables(
        begin=plan.begin,
        horizon=plan.horizon,
        end=plan.horizon + plan.cooldown,
        epochs=np.require(plan.epochs, requirements=["C", "W"]),
        only_model=np.array([only_model(plan, r) for r in range(len(plan.names.routes))], dtype=np.int64),
        call_errors=plan.models.errors.any(axis=2),
        classes=priority_classes(plan),
        **parts,  # type: ignore[arg-type]
    )


def only_model(plan: Plan, route: int) -> int:
    """The one model that a route ever begins with, or -1: its draw can be left out."""
    shares = np.diff(plan.routes.mix_cdf[:, route], axis=-1, prepend=0.0)
    certain = (shares == 1.0).any(axis=-1)
    first = shares.argmax(axis=-1)
    return int(first.flat[0]) if certain.all() and (first == first.flat[0]).all() else NONE


def priority_classes(plan: Plan) -> Ints:
    """All sums of a kind's and a plan's priority."""
    plans = plan.people.plan_priority if plan.people.plan_cdf.shape[1] else np.zeros(0, dtype=np.int64)
    sums = np.add.outer(plan.actions.priority, np.concatenate([[0], plans]))
    return np.unique(sums.astype(np.int64))


def new_state(plan: Plan, tables: Tables, seed: int, replication: int) -> State:
    """The state before the first event."""
    g = np.zeros(GLOBALS, dtype=np.int64)
    g[[G_SEED, G_REPLICATION, G_NOW, G_LAST_END]] = seed, replication, plan.begin, plan.horizon
    g[[G_FREE_ACTION, G_FREE_CALL, G_FREE_ATTEMPT, G_STARTING]] = NONE
    deployments, sources = len(plan.deployments.model), len(plan.incidents.start) + len(plan.incidents.gap)
    stations = np.zeros((deployments, 4), dtype=np.int64)
    stations[:, [D_FIRST, D_LAST]] = NONE
    return State(
        g=g,
        operational=np.zeros(1),
        actions=rows(64, ACTION_WIDTH),
        calls=rows(128, CALL_WIDTH),
        attempts=rows(128, ATTEMPT_WIDTH),
        events=rows(512 + 2 * (sources + len(plan.epochs)), 4),
        fifo=rows(1024, 4),
        stations=stations,
        queues=np.full((len(tables.classes), 2), NONE, dtype=np.int64),
        tat=np.full(len(plan.limits.measure), -NEVER, dtype=np.int64),
        sources=np.zeros((sources, 6), dtype=np.int64),
        weather_rate=np.zeros(deployments),
        weather_kind=np.full(deployments, 4, dtype=np.int64),
        weather_slowdown=np.ones(deployments),
        weather_quota=np.ones(deployments),
        log_actions=rows(8192, 17),
        log_attempts=rows(8192, 23),
        log_incidents=rows(512 + 2 * sources, 4),
    )


def rows(count: int, width: int) -> Ints:
    """Rows that are all free."""
    return np.full((count, width), FREE, dtype=np.int64)
