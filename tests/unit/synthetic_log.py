"""A small hand-made plan, and random logs whose books balance, for tests of what is made of logs."""

from dataclasses import replace

import numpy as np

from simkit.engine.codes import Cause, Kind, Outcome
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, INCIDENT_COLUMNS, Log
from simkit.plan.plan import (
    NEVER,
    Actions,
    Arrivals,
    Deployments,
    Dists,
    Incidents,
    Limits,
    Models,
    Names,
    People,
    Plan,
    Policy,
    PriceTable,
    Routes,
    Service,
)  # fmt: skip

SECOND = 10**9
HOUR = 3600 * SECOND
HORIZON = 6 * HOUR
WARMUP = HOUR


def ints(*values):
    return np.array(values, np.int64)


def tile(value, *shape):
    return np.full(shape, value)


NAMES = Names(
    kinds=("chat", "report"),
    complexities=("simple", "complex"),
    calls=("chat.draft", "chat.check", "report.write"),
    call_kind=(0, 0, 1),
    plans=("free",),
    routes=("plain", "cascade"),
    models=("small", "large"),
    providers=("alpha", "beta"),
    deployments=("small/alpha", "large/alpha", "large/beta"),
    limits=("alpha_org: tokens", "alpha_org: requests"),
    limit_text=("30k/min", "100/min"),
    incidents=("storm",),
    outages=("beta down",),
)


def synthetic_plan(**changes) -> Plan:
    """Two kinds, three calls, two models at three deployments, two buckets, two epochs; six hours."""
    e, c, x, m, n, f = 2, 3, 2, 2, 3, 12
    empty, none = ints(), np.zeros(0)
    plan = Plan(
        names=NAMES,
        begin=-WARMUP,
        horizon=HORIZON,
        cooldown=600 * SECOND,
        start_utc=1_793_577_600 * SECOND,
        timezone="America/New_York",
        epochs=ints(-WARMUP, 4 * HOUR),
        dists=Dists(empty, none, empty, empty, np.zeros((0, 0, 2))),
        arrivals=Arrivals(empty, none, none, empty, empty, empty, empty, empty, empty),
        people=People(tile(0, e), ints(90, 120), none, np.zeros((e, 0)), empty),
        actions=Actions(
            np.ones((e, 2)), np.ones((e, 2, x)), ints(0, 0), ints(0, 2, 3), ints(0, 1, 0), ints(0, 1, 0),
            np.ones(c, bool), np.ones(c, bool), np.zeros(c, bool), tile(-1, e, c), tile(1, c), np.zeros((e, c)),
            tile(9, c), tile(-1, e, c, 3), tile(-1, e, c, x), np.array([[500, NEVER, 800], [600, NEVER, 900]]),
        ),
        routes=Routes(np.ones((e, 2, x, m)), np.array([[-1, -1], [1, -1]]), np.zeros((e, 2, x))),
        models=Models(
            ints(0, 1, 3), ints(0, 0), np.full((e, m, x), 0.9), tile(NEVER, e, m), np.array([[1], [-1]]),
            np.zeros((e, m, f)), tile(0, e, m),
        ),
        deployments=Deployments(
            ints(0, 1, 1), ints(0, 0, 1), np.ones((e, n)), ints(0, 1, 2),
            np.array([[NEVER, NEVER, 2], [NEVER, NEVER, 3]]), np.array([[NEVER, NEVER, 4]] * 2), tile(-1, e, n),
            np.zeros((e, n)), tile(-1, e, n), np.zeros((e, n, f)), ints(0, 2, 3, 3), ints(0, 1, 1),
        ),
        limits=Limits(
            ints(3, 0), np.array([[2e6, 6e8], [1e6, 6e8]]), tile(60 * SECOND, e, 2), np.array([False, False]),
            np.array([False, False]), np.array([True, True]),
        ),
        incidents=Incidents(
            ints(HOUR), ints(2 * HOUR), ints(0), np.zeros(1, bool), np.ones((1, n), bool), ints(0), ints(0), ints(0),
            ints(0), np.zeros(1, bool), np.ones((1, n), bool), ints(1, 2), np.ones(2), np.array([1.0, 0.5]), tile(3, 2),
            np.ones(2), np.ones(2),
        ),
        service=Service(ints(3, 4), ints(5, 5), ints(-1, -1)),
        policy=Policy(
            tile(NEVER, e), tile(2, e), tile(0, e), np.ones(e), tile(0, e), np.ones(e), np.ones(e), tile(0, e),
            tile(NEVER, e), np.full(e, 0.5), np.ones(f, bool), np.ones(f, bool), tile(0, f), tile(0, f), tile(-1, e, f),
        ),
        prices=PriceTable(empty, *(np.zeros((0, n, 1), np.int64),) * 5, np.zeros((0, n), np.int64)),
        stationary=False,
        service_cost=7_000_000_000_001,
        price_book="2026-11 (test)",
    )  # fmt: skip
    return replace(plan, **changes)


def table(columns, rows) -> dict[str, np.ndarray]:
    data = np.array([[row[name] for name in columns] for row in rows], np.int64).reshape(len(rows), len(columns))
    return {name: data[:, place].copy() for place, name in enumerate(columns)}


def blamed(row) -> dict[str, int]:
    """The first limit refuses, where a row does not say which."""
    return {"limit": 0} if row.get("outcome") == Kind.RATE_LIMIT else {}


def log_of(actions, attempts=(), incidents=(), *, replication=0, ended=HORIZON + 600 * SECOND) -> Log:
    """A log from rows as dicts; what a row leaves out is -1 where that means nothing happened, else 0."""
    act = dict.fromkeys(ACTION_COLUMNS, 0) | dict.fromkeys(("user", "plan", "start", "first_token", "end", "good"), -1)
    att = dict.fromkeys(ATTEMPT_COLUMNS, 0) | dict.fromkeys(
        ("started", "first_token", "ended", "released", "limit"), -1
    )
    return Log(
        replication,
        table(ACTION_COLUMNS, [act | row for row in actions]),
        table(ATTEMPT_COLUMNS, [att | blamed(row) | row for row in attempts]),
        table(INCIDENT_COLUMNS, list(incidents)),
        ints(4, 2, 3),
        ended,
        len(actions) + len(attempts),
    )


def random_log(seed: int, size: int = 300, replication: int = 0) -> Log:
    """A log without physics, but with every outcome, cause and failure in it, and books that balance."""
    rng = np.random.default_rng(seed)
    actions, attempts = [], []
    ended = HORIZON + 600 * SECOND
    for action in range(size):
        arrival = int(rng.integers(-WARMUP, HORIZON + 300 * SECOND))
        outcome = int(rng.choice(6, p=[0.6, 0.1, 0.14, 0.1, 0.03, 0.03]))
        kind = int(rng.integers(2))
        mine = [] if outcome == Outcome.REJECTED else random_attempts(rng, action, kind, arrival, ended)
        length = int(rng.lognormal(23, 1))
        reason = {2: int(rng.choice([1, 3, 4, 14])), 3: int(Kind.QUEUE_FULL)}.get(outcome, 0)
        waiting = int(rng.integers(0, 2 * SECOND)) if rng.random() < 0.4 else 0
        began = outcome != Outcome.REJECTED and not (outcome == Outcome.FAILED and rng.random() < 0.2)
        actions.append(
            {
                "action": action if action % 7 else action + (1 << 33), "arrival": arrival,
                "user": int(rng.integers(40)), "kind": kind, "complexity": int(rng.integers(2)),
                "start": arrival + waiting if began else -1,
                "first_token": arrival + waiting + length // 3 if outcome < 2 else -1,
                "end": -1 if outcome == Outcome.CENSORED else arrival + waiting + (length if began else 0),
                "outcome": outcome, "reason": reason, "good": int(rng.integers(-1, 2)) if outcome < 2 else -1,
                "waited": waiting, "attempts": len(mine), "cost": sum(one["cost"] for one in mine),
                "tokens_in": sum(one["billed_in"] for one in mine),
                "tokens_out": sum(one["billed_out"] for one in mine),
            }
        )  # fmt: skip
        attempts += [one | {"action": actions[-1]["action"]} for one in mine]
    rng.shuffle(attempts)
    rng.shuffle(actions)
    incidents = [
        {"source": 0, "start": HOUR, "end": 2 * HOUR, "severity": 0},
        {"source": -1, "start": int(rng.integers(HOUR)), "end": 3 * HOUR, "severity": 1},
    ]
    return log_of(actions, attempts, incidents, replication=replication, ended=ended)


def random_attempts(rng, action, kind, arrival, ended):
    rows, now = [], arrival
    for call in (0, 1) if kind == 0 else (2,):
        for repeat in range(int(rng.integers(1, 3))):
            for rung in range(int(rng.integers(1, 3))):
                cause = Cause.FIRST if rung == 0 else rng.choice([Cause.FALLBACK, Cause.ESCALATION])
                for attempt in range(int(rng.integers(1, 4))):
                    one = random_attempt(rng, call, now, ended)
                    key = {"call": call, "repeat": repeat, "rung": rung, "attempt": attempt}
                    rows.append(one | key | {"cause": int(Cause.RETRY if attempt else cause)})
                    now = max(now, one["ended"]) + int(rng.integers(SECOND))
    return rows


def random_attempt(rng, call, now, ended):
    deployment = int(rng.integers(3))
    outcome = int(rng.choice([0, 0, 0, 1, 3, 4, 5, 9, 12, 13]))
    refused = outcome in (Kind.RATE_LIMIT, Kind.TOO_LARGE) or (outcome == Kind.OVERLOADED and rng.random() < 0.5)
    queued = int(rng.integers(3 * SECOND)) if deployment == 2 and rng.random() < 0.6 else 0
    begun = not refused and not (outcome == Kind.TIMEOUT and queued)
    length = int(rng.lognormal(22, 1))
    tokens = int(rng.integers(1, 3000)), int(rng.integers(1, 700))
    billed = tokens if begun and outcome != Kind.SERVER_ERROR else (0, 0)
    return {
        "model": int(deployment > 0), "deployment": deployment, "dispatched": now,
        "started": now + queued if begun else -1,
        "first_token": now + queued + length // 4 if begun and outcome == Kind.OK else -1,
        "ended": now if refused else now + queued + (length if begun else 0),
        "released": (-1 if outcome == Kind.UNFINISHED else now + queued + length) if begun else -1,
        "outcome": outcome, "tokens_in": tokens[0], "tokens_out": tokens[1],
        "limit": (int(rng.integers(2)), 1, -1)[deployment] if outcome == Kind.RATE_LIMIT else -1,
        "tokens_cached": int(rng.integers(tokens[0])) if begun and rng.random() < 0.5 else 0,
        "billed_in": billed[0], "billed_out": billed[1],
        "cost": billed[0] * 2_500_000 + billed[1] * 10_000_000 + 10**16 * bool(billed[0] and rng.random() < 0.01),
    }  # fmt: skip
