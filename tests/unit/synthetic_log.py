"""A small hand-made plan, and random logs whose books balance, for tests of what is made of logs."""

from dataclasses import replace
from functools import cache

import numpy as np

from simkit.engine.codes import KINDS, BreakerState, Cause, Kind, Outcome
from simkit.engine.log import (
    ACTION_COLUMNS,
    ATTEMPT_COLUMNS,
    BREAKER_COLUMNS,
    BUDGET_COLUMNS,
    INCIDENT_COLUMNS,
    LOOKUP_COLUMNS,
    REGION_COLUMNS,
    USER_COLUMNS,
    Log,
)
from simkit.laws.price import price
from simkit.plan.business import Business
from simkit.plan.codes import TURN, Act, Degrade, Lookup, Mark
from simkit.plan.economy import STEPS, Allowances, Answers, Batch, Prompts, Resets, Sessions, Spending, Tiers
from simkit.plan.growth import Growth, Modulation
from simkit.plan.places import Regions, ReplicaPrice, Scaling
from simkit.plan.plan import (
    NEVER,
    Actions,
    Arrivals,
    Audience,
    Breaker,
    Deployments,
    Dists,
    Incidents,
    Ladder,
    Layer,
    Limits,
    Models,
    Names,
    People,
    Plan,
    Policy,
    PriceTable,
    Routes,
    Service,
)
from simkit.result.evidence import Evidence, evidence_of
from simkit.result.objectives import objectives_of, patient_kinds
from simkit.result.tally import tally
from simkit.scenario.policy import Slo

NO_SLO = Slo()
SECOND = 10**9
HOUR = 3600 * SECOND
HORIZON = 6 * HOUR
WARMUP = HOUR


def ints(*values):
    return np.array(values, np.int64)


def tile(value, *shape):
    return np.full(shape, value)


E, C, X, M, N, F = 2, 3, 2, 2, 3, KINDS
"""Epochs, calls, complexities, models, deployments, kinds of failure."""
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
    budgets=("month",),
    tiered=(),
    regions=("",),
)


def filled(kind, shapes, **given):
    """A table of the plan with zeros (False) but for what is given; `shapes` by field."""
    nothing = {name: np.zeros(shapes.get(name, 2), np.int64) for name in kind._fields}
    return kind(**(nothing | given))


def synthetic_layer(**given) -> Layer:
    """Two retries, a budget, hedges, two copies."""
    kinds = {name: np.ones(KINDS, bool) for name in ("retry_on", "fallback_on", "throttle_rejects")}
    usual = {"max_retries": ints(2, 2), "hedge_after": ints(SECOND, SECOND), "replicas": ints(2),
             "budget": np.ones(1, bool), "throttle": np.ones(1, bool)}  # fmt: skip
    return filled(Layer, {}, **(kinds | usual | given))


@cache
def synthetic_prices() -> PriceTable:
    """Two rows in time, two tiers; writing to the prompt cache costs as much as input, more, and less."""
    entered = np.array([[2_500_000, 5_000_000], [3_000_000, 3_000_000], [1_000_000, 2_000_000]])
    tables = entered, entered // 10, entered * [[4], [5], [2]] // 4, entered * 4
    dearer = (np.stack([one, one * 2]) for one in tables)
    above = np.stack([np.array([[0, 2000], [0, NEVER], [0, 1000]])] * 2)
    return PriceTable(ints(-NEVER, 3 * HOUR), above, *dearer, np.array([[0, 7, 0], [9, 0, 5]]))


def synthetic_answers() -> Answers:
    """Both caches, with what a lookup costs in each epoch."""
    shapes = dict.fromkeys(Answers._fields, (2, 2))
    return filled(Answers, shapes, on=np.ones(2, bool), cost=np.array([[1, 20], [3, 50]]) * 10**7)


def synthetic_spending() -> Spending:
    """$10 a month on everything: alert at half of it, block at all of it."""
    ten = 10 * 10**12
    at = np.full((2, 1, STEPS), NEVER)
    at[:, 0, :2] = ten // 2, ten
    return Spending(
        np.ones(1, bool), np.ones(1, bool), np.ones((1, 3), bool), tile(ten, 2, 1), at,
        ints(Act.ALERT, Act.BLOCK, *[-1] * (STEPS - 2))[None],
    )  # fmt: skip


def no_tiers() -> Tiers:
    """No limit rises."""
    return Tiers(ints(-1, -1), np.zeros((0, N), bool), tile(0, 0, 0), tile(0, 0, 0), ints(), ints())


def synthetic_actions() -> Actions:
    """A chat of two calls, and a report of one."""
    return Actions(
        np.ones((E, 2)), np.ones((E, 2, X)), ints(0, 0), ints(0, 2, 3), ints(0, 1, 0), ints(0, 1, 0),
        np.ones(C, bool), np.ones(C, bool), np.zeros(C, bool), tile(-1, E, C), tile(1, E, C), np.zeros((E, C)),
        np.array([[9, 9, 1], [9, 9, 1]]), tile(-1, E, C, 3), tile(-1, E, C, X),
        np.array([[500, NEVER, 800], [600, NEVER, 900]]),
        ints(0, 1, 2), np.zeros(C, bool), tile(NEVER, E, C), tile(1, E, C), np.zeros(C, bool), np.zeros(C, bool),
        tile(NEVER, E, C), np.zeros(C, bool), tile(1, E, C), tile(-1, E, C, X), tile(0, E, C),
    )  # fmt: skip


def synthetic_models() -> Models:
    """A small one and a large one, to which it falls back."""
    return Models(
        ints(0, 1, 3), ints(0, 0), np.full((E, M, X), 0.9), tile(NEVER, E, M), np.array([[1], [-1]]),
        np.zeros((E, M, F)), tile(0, E, M), tile(-1, M), tile(-1, M), np.zeros(M, bool),
    )  # fmt: skip


def synthetic_deployments() -> Deployments:
    """One of the small model, two of the large one; only the last has slots and a queue."""
    return Deployments(
        ints(0, 1, 1), ints(0, 0, 1), np.ones((E, N)), np.ones((E, N)), ints(0, 1, 2),
        np.array([[NEVER, NEVER, 2], [NEVER, NEVER, 3]]), np.array([[NEVER, NEVER, 4]] * 2), tile(-1, E, N),
        np.zeros((E, N)), tile(-1, E, N), np.zeros((E, N, F)), tile(-1, E, N), tile(NEVER, E, N), ints(7, 8, 9),
        ints(0, 2, 3, 3), ints(0, 1, 1),
    )  # fmt: skip


def synthetic_limits() -> Limits:
    """So many tokens, for one deployment, and so many requests, for two."""
    return Limits(
        ints(3, 0), np.array([[2e6, 6e8], [1e6, 6e8]])[:, :, None], tile(60 * SECOND, E, 2), np.array([False, False]),
        np.array([False, False]), np.array([True, True]), tile(0, E, 2), np.ones((E, 2)), tile(0, E, 2),
    )  # fmt: skip


def synthetic_incidents() -> Incidents:
    """One that is scheduled, and a source of random outages."""
    return Incidents(
        ints(HOUR), ints(2 * HOUR), ints(0), np.zeros(1, bool), np.ones((1, N), bool), ints(0), ints(0), ints(0),
        ints(0), np.zeros(1, bool), np.ones((1, N), bool), ints(1, 2), np.ones(2), np.array([1.0, 0.5]), tile(3, 2),
        np.ones(2), np.ones(2), np.ones(2), np.zeros((2, 1), bool),
    )  # fmt: skip


def synthetic_plan(**changes) -> Plan:
    """Two kinds, three calls, two models at three deployments, two buckets, two epochs; six hours."""
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
        arrivals=Arrivals(empty, none, none, empty, ints(0, 0), empty, empty, empty, empty, empty, none),
        modulation=Modulation(empty, empty, empty),
        growth=filled(Growth, {}, on=np.zeros(1, bool)),
        business=Business(None, ((),) * E, (), (), 0),
        people=People(tile(0, E, 1), np.array([[90], [120]]), tile(0, E, 1), none, np.zeros((E, 0)), empty),
        actions=synthetic_actions(),
        routes=Routes(np.ones((E, 2, X, M)), np.array([[-1, -1], [1, -1]]), np.zeros((E, 2, X))),
        models=synthetic_models(),
        deployments=synthetic_deployments(),
        limits=synthetic_limits(),
        incidents=synthetic_incidents(),
        service=Service(
            np.array([[3], [4]]), tile(1, E, 1), tile(5, E, 1), tile(-1, E, 1), tile(50, E, 1, 4), tile(0, E, 1, 4)
        ),
        scaling=filled(
            Scaling, dict.fromkeys(Scaling._fields, (E, 1)), on=np.zeros(1, bool), maximum=tile(1, E, 1)
        ),
        replica_price=ReplicaPrice(tile(0, E, 1), tile(1, E, 1)),
        regions=filled(Regions, dict.fromkeys(Regions._fields, (E, 1)), on=np.zeros(1, bool)),
        policy=Policy(tile(NEVER, E), np.full(E, 0.5), tile(0, F), tile(0, F), tile(-1, E, F)),
        inner=synthetic_layer(),
        outer=synthetic_layer(replicas=ints(1)),
        has_gateway=False,
        breaker=filled(Breaker, {}, on=np.ones(1, bool), by_provider=np.zeros(1, bool)),
        ladder=filled(Ladder, {"share": (E, 2)}, what=ints(Degrade.RULE, Degrade.HUMAN),
                      staff_time=ints(-WARMUP, HOUR, 2 * HOUR, 4 * HOUR), staff=ints(4, 0, 6, 2)),
        audience=filled(Audience, {}, patience=ints(0, 0), reload_abandoned=np.full(E, 0.3), reload_failed=np.zeros(E)),
        answers=synthetic_answers(),
        prompts=filled(Prompts, dict.fromkeys(Prompts._fields, (E, N)), on=np.ones(1, bool)),
        sessions=filled(Sessions, {}, most=ints(30, 30)),
        spending=synthetic_spending(),
        tiers=no_tiers(),
        allowances=filled(Allowances, {}, on=np.ones(1, bool), day=tile(9, E, 1), month=tile(NEVER, E, 1)),
        resets=filled(Resets, dict.fromkeys(Resets._fields, 0)),
        batch=filled(Batch, {}, batch=np.array([False, True]), api=np.ones(1, bool)),
        prices=synthetic_prices(),
        stationary=False,
        service_costs=(7_000_000_000_001,),
        price_book="2026-11 (test)",
    )  # fmt: skip
    return replace(plan, **changes)


def table(columns, rows) -> dict[str, np.ndarray]:
    data = np.array([[row[name] for name in columns] for row in rows], np.int64).reshape(len(rows), len(columns))
    return {name: data[:, place].copy() for place, name in enumerate(columns)}


def rows_of(columns) -> list[dict[str, int]]:
    """Columns as rows."""
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[name].tolist() for name in names), strict=True)]


def blamed(row) -> dict[str, int]:
    """The first limit refuses, where a row does not say which."""
    return {"limit": 0} if row.get("outcome") == Kind.RATE_LIMIT else {}


def log_of(
    actions, attempts=(), incidents=(), breakers=(), lookups=(), budgets=(), regions=(), users=(), *, replication=0,
    ended=HORIZON + 600 * SECOND,
) -> Log:  # fmt: skip
    """A log from rows as dicts; what a row leaves out is -1 where that means nothing happened, else 0."""
    absent = ("user", "plan", "start", "first_token", "end", "good", "desk_asked", "desk_began", "home", "region")
    act = dict.fromkeys(ACTION_COLUMNS, 0) | dict.fromkeys(absent, -1)
    att = dict.fromkeys(ATTEMPT_COLUMNS, 0) | dict.fromkeys(
        ("started", "first_token", "ended", "released", "limit"), -1
    )
    return Log(
        replication,
        table(ACTION_COLUMNS, [act | row for row in actions]),
        table(ATTEMPT_COLUMNS, [att | blamed(row) | row for row in attempts]),
        table(INCIDENT_COLUMNS, list(incidents)),
        table(BREAKER_COLUMNS, list(breakers)),
        table(LOOKUP_COLUMNS, list(lookups)),
        table(BUDGET_COLUMNS, list(budgets)),
        table(REGION_COLUMNS, list(regions)),
        table(USER_COLUMNS, list(users)),
        ints(4, 2, 3),
        ended,
        len(actions) + len(attempts),
    )


def evidence_from(logs, plan, slo=NO_SLO, alerts=None, every=0) -> Evidence:
    """The evidence of logs."""
    tallies = [tally(plan, log, objectives_of(slo, patient_kinds(plan)), every) for log in logs]
    return evidence_of(plan, tallies, slo, alerts=alerts)


@cache
def random_log(seed: int, size: int = 300, replication: int = 0, grouped: bool = False) -> Log:
    """A log without physics, but with every outcome, cause and failure in it, and books that balance.

    Several modules want the same ones: they are made once, and cannot be written to.

    `grouped`: attempts stand action by action, as engines write them; else in any order.
    """
    rng = np.random.default_rng(seed)
    actions, attempts, lookups = [], [], []
    ended = HORIZON + 600 * SECOND
    for ordinal in range(size):
        action, mine = random_action(rng, ordinal, ended)
        actions.append(action)
        attempts += [one | {"action": action["action"]} for one in mine]
        lookups += random_lookups(rng, action)
    rng.shuffle(attempts)
    rng.shuffle(actions)
    if grouped:
        place = {one["action"]: number for number, one in enumerate(actions)}
        attempts.sort(key=lambda one: (place[one["action"]], one["ended"], one["dispatched"]))
    incidents = [
        {"source": 0, "start": HOUR, "end": 2 * HOUR, "severity": 0},
        {"source": -1, "start": int(rng.integers(HOUR)), "end": 3 * HOUR, "severity": 1},
    ]
    lookups.sort(key=lambda one: one["time"])
    spent = random_spending(rng, ended)
    breakers = random_breakers(rng)
    log = log_of(actions, attempts, incidents, breakers, lookups, spent, replication=replication, ended=ended)
    for table in (log.actions, log.attempts):
        for column in table.values():
            column.flags.writeable = False
    return log


def random_action(rng, ordinal, ended):
    """An action, and its attempts."""
    arrival = int(rng.integers(-WARMUP, HORIZON + 300 * SECOND))
    outcome = int(rng.choice(6, p=[0.6, 0.1, 0.14, 0.1, 0.03, 0.03]))
    people = int(rng.integers(1, 5)) * 10**12 if outcome == Outcome.DEGRADED and rng.random() < 0.5 else 0
    kind = int(rng.integers(2))
    mine = [] if outcome == Outcome.REJECTED else random_attempts(rng, ordinal, kind, arrival, ended)
    length = int(rng.lognormal(23, 1))
    reason = random_reason(rng, outcome, people)
    if people and mine:  # they answer when all else is over
        length += max(one["ended"] for one in mine) - arrival
    waiting = int(rng.integers(0, 2 * SECOND)) if rng.random() < 0.4 else 0
    began = outcome != Outcome.REJECTED and not (outcome == Outcome.FAILED and rng.random() < 0.2)
    start = arrival + waiting
    asked, taken = at_the_desk(ordinal, outcome, people, start, length)
    return {
        "action": number_of(rng, ordinal), "arrival": arrival,
        "user": int(rng.integers(40)), "kind": kind, "complexity": int(rng.integers(2)),
        "start": start if began else -1,
        "first_token": start + length // 3 if outcome < 2 else -1,
        "end": -1 if outcome == Outcome.CENSORED else start + (length if began else 0),
        "outcome": outcome, "reason": reason, "good": int(rng.integers(-1, 2)) if outcome < 2 else -1,
        "waited": waiting, "attempts": len(mine), "cost": sum(one["cost"] for one in mine),
        "tokens_in": sum(one["billed_in"] for one in mine),
        "tokens_out": sum(one["billed_out"] for one in mine), "degrade_cost": people,
        "lookup_cost": int(rng.integers(10**9)), "tool_cost": int(rng.integers(10**10)) * bool(kind),
        "thrift": int(rng.choice([0, 0, 0, 1, 2, 3])),
        "desk_asked": asked, "desk_began": taken,
    }, mine  # fmt: skip


def random_reason(rng, outcome, people):
    """Why an action ended so; numbers are drawn for every outcome."""
    return {
        1: int(Kind.HUMAN if people else rng.choice([Kind.PARTIAL, Kind.PREVIOUS, Kind.RULE])),
        2: int(rng.choice([1, 3, 4, Kind.DEADLINE])),
        3: int(rng.choice([Kind.QUEUE_FULL, Kind.SHED, Kind.QUOTA, Kind.BUDGET])),
        4: int(Kind.IMPATIENT),
    }.get(outcome, 0)


def at_the_desk(ordinal, outcome, people, start, length):
    """When a person was asked, and when they began."""
    if people:
        return start + length // 2, start + length * (2 + ordinal % 3) // 4
    if outcome == Outcome.CENSORED and ordinal % 2:
        return start, start + SECOND if ordinal % 3 else -1
    return -1, -1


def number_of(rng, ordinal):
    """An action's id: every seventh is asked again, every third is a later turn."""
    turn = int(rng.choice([1, 2, 3, 20, 25])) if ordinal % 3 == 0 else 0
    return ordinal + (0 if ordinal % 7 else 1 << 33) + (turn << TURN)


def random_lookups(rng, action):
    """None to three lookups of an action, with any result; now and then after the horizon."""
    wait = int(rng.integers(1800 * SECOND))
    return [
        {"time": action["arrival"] + wait, "action": action["action"], "arrival": action["arrival"], "call": 0,
         "cache": int(rng.integers(2)), "key": int(rng.integers(-1, 9)),
         "result": int(rng.choice([*Lookup, Lookup.HIT]))}
        for _ in range(int(rng.integers(4)))
    ]  # fmt: skip


def random_spending(rng, ended):
    """A budget that ends twice, once overspent."""
    times, ten = sorted(int(rng.integers(-WARMUP, HORIZON)) for _ in range(4)), 10 * 10**12
    rows = zip((*times, ended), (0, 1, -1, 0, -1), (ten // 2, ten, ten + int(rng.integers(ten)), ten // 2, 7 * 10**12),
               strict=True)  # fmt: skip
    return [{"time": time, "budget": 0, "step": step, "spent": spent} for time, step, spent in rows]


def random_breakers(rng):
    """Breakers that open now and then."""
    rows = []
    for replica, place in ((0, 0), (1, 2)):
        now = -WARMUP
        while now < HORIZON:
            now += int(rng.exponential(20 * 60 * SECOND))
            until = now + 30 * SECOND
            rows.append({"time": now, "replica": replica, "place": place, "state": BreakerState.OPEN, "until": until})
            now = until + int(rng.integers(SECOND))
            closed = {"time": now, "replica": replica, "place": place, "state": BreakerState.CLOSED, "until": -1}
            rows += [closed] * bool(rng.random() < 0.8)
    return sorted(rows, key=lambda row: row["time"])


def random_attempts(rng, action, kind, arrival, ended):
    rows, now = [], arrival
    for call in (0, 1) if kind == 0 else (2,):
        for repeat in range(int(rng.integers(1, 3))):
            for rung in range(int(rng.integers(1, 3))):
                cause = Cause.FIRST if rung == 0 else rng.choice([Cause.FALLBACK, Cause.ESCALATION, Cause.CLIENT_RETRY])
                for attempt in range(int(rng.integers(1, 4))):
                    one = priced(random_attempt(rng, call, now, ended))
                    key = {"call": call, "repeat": repeat, "rung": rung, "attempt": attempt}
                    rows.append(one | key | {"cause": int(Cause.RETRY if attempt else cause)})
                    if one["outcome"] != Kind.RATE_LIMIT and rng.random() < 0.15:
                        twin = priced(random_attempt(rng, call, now + SECOND, ended))
                        rows.append(twin | key | {"cause": int(Cause.HEDGE), "hedge": 1})
                    now = max(now, *(row["ended"] for row in rows)) + int(rng.integers(SECOND))
    return rows


SHOWN = (Kind.OK, Kind.TIMEOUT, Kind.CANCELLED)
"""Attempts that may have a first token."""


def random_attempt(rng, call, now, ended):
    deployment = int(rng.integers(3))
    outcome = int(rng.choice([0, 0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 9, 12, 13, 14, 15]))
    deployment = -1 if outcome == Kind.NO_DEPLOYMENT else deployment
    unsent = outcome in (Kind.NO_DEPLOYMENT, Kind.THROTTLED)
    refused = (
        unsent
        or outcome in (Kind.RATE_LIMIT, Kind.QUOTA_EXHAUSTED, Kind.TOO_LARGE)
        or (outcome == Kind.OVERLOADED and rng.random() < 0.5)
    )
    queued = int(rng.integers(3 * SECOND)) if deployment == 2 and rng.random() < 0.6 else 0
    begun = not refused and not (outcome == Kind.TIMEOUT and queued)
    length = int(rng.lognormal(22, 1))
    tokens = int(rng.integers(1, 3000)), int(rng.integers(1, 700))
    billed = tokens if begun and outcome != Kind.SERVER_ERROR else (0, 0)
    return {
        "model": int(deployment > 0), "deployment": deployment, "dispatched": now,
        "replica": int(rng.integers(2)),
        "marks": int(rng.choice([0, 0, 0, 1, 2, 4, 8, 12, 16, Mark.TRUNCATED, Mark.CHEAPER, 96])),
        "started": now + queued if begun else -1,
        "first_token": now + queued + length // 4 if begun and outcome in SHOWN else -1,
        "ended": now if refused else now + queued + (length if begun else 0),
        "released": (-1 if outcome == Kind.UNFINISHED else now + queued + length) if begun else -1,
        "outcome": outcome, "tokens_in": tokens[0], "tokens_out": tokens[1],
        "limit": (int(rng.integers(2)), 1, -1)[deployment] if outcome == Kind.RATE_LIMIT else
                 -2 if outcome == Kind.QUOTA_EXHAUSTED else -1,
        **random_parts(rng, *tokens, begun), "billed_in": billed[0],
        "billed_out": billed[1] + 10**9 * bool(billed[0] and rng.random() < 0.01),
    }  # fmt: skip


def random_parts(rng, prompt, answer, begun):
    """What a prompt is made of, what of it is in the prompt cache, and what of the answer was thought."""
    system, history, retrieved = (int(rng.integers(prompt // 2 + 1)) for _ in range(3))
    cached = int(rng.integers(prompt)) if begun and rng.random() < 0.5 else 0
    written = int(rng.integers(prompt - cached + 1)) if begun and rng.random() < 0.5 else 0
    return {
        "tokens_cached": cached, "tokens_written": written, "tokens_system": system,
        "tokens_history": min(history, prompt - system),
        "tokens_retrieved": min(retrieved, max(prompt - system - history, 0)),
        "tokens_reasoning": int(rng.integers(answer + 1)),
    }  # fmt: skip


def priced(row):
    """The row with its cost, as an engine makes it."""
    if not row["billed_in"]:
        return row | {"cost": 0}
    prices, n = synthetic_prices(), row["deployment"]
    q = int(np.searchsorted(prices.start, row["started"], "right")) - 1
    tables = (table[q, n] for table in (prices.above, prices.input, prices.cached, prices.write, prices.output))
    whole, cached = row["billed_in"], min(row["tokens_cached"], row["billed_in"])
    written = min(row["tokens_written"], whole - cached)
    return row | {"cost": price(whole, cached, written, row["billed_out"], *tables, int(prices.request[q, n]))}
