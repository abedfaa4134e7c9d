"""From a plan to the memory of a run before its first event, and more room for it on the way."""

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

from simkit.engine.compiled import memory as at
from simkit.engine.compiled import stores
from simkit.engine.compiled.dice import ORIGIN
from simkit.engine.compiled.tables import Table, tables_of
from simkit.laws import breaker
from simkit.laws.draws import Stream
from simkit.laws.window import LENGTH, UNUSED
from simkit.plan.codes import GENERATION, Balance, Kind, RetryAt
from simkit.plan.plan import NEVER, Floats, Ints, Layer, Plan
from simkit.plan.work import guide_of

CALL_DRAWS = (
    (Stream.WORK, 0), (Stream.TOKENS, 0), (Stream.TOKENS, 1), (Stream.ROUTE, 0), (Stream.QUALITY, 0),
    (Stream.ATTEMPT, 0), (Stream.ATTEMPT, 1), (Stream.ATTEMPT, 2),
)  # fmt: skip
"""Stream and block of what is drawn for every call, in the order of `L_WORK` to `L_CHOICE`."""
AS_AT_FIRST = (Stream.TOKENS, Stream.ROUTE)
"""Of these: what is the same again when a user asks the same again."""

PAGE = 1024
"""Rows of a page of the log, at first: small enough to stay in the processor's cache."""


class Memory(NamedTuple):
    """All that the kernel reads and writes."""

    m: Ints
    f: Floats


def new_memory(
    plan: Plan, seed: int, replication: int, most_in_flight: int = NEVER, blank: Memory | None = None
) -> Memory:
    """The memory before the first event; with more actions in flight than `most_in_flight` the kernel stops.

    `blank`: the plan's own, where it has been made for another replication.
    """
    memory = blank_memory(plan) if blank is None else Memory(blank.m.copy(), blank.f.copy())
    memory.m[[at.M_SEED, at.M_REPLICATION, at.M_MOST_IN_FLIGHT]] = seed, replication, most_in_flight
    return memory


def blank_memory(plan: Plan) -> Memory:
    """What all replications begin with."""
    head = np.zeros(at.PLAN, dtype=np.int64)
    found = {**tables_of(plan), **derived(plan), **state(plan), **stores.derived(plan), **stores.state(plan)}
    reals = {header: table for header, table in found.items() if table.dtype.kind == "f"}
    ints = list(packed(head, {header: table for header, table in found.items() if header not in reals}, at.PLAN))
    floats = list(packed(head, reals, at.FIRST_REALS))
    head[[at.M_BEGIN, at.M_NOW]] = plan.begin
    head[[at.M_HORIZON, at.M_LAST_END]] = plan.horizon
    head[at.M_STOP] = plan.horizon + plan.cooldown
    head[at.M_UTC] = plan.start_utc
    head[at.M_SCHEDULED] = len(plan.incidents.start)
    head[at.M_SOURCES] = len(plan.incidents.start) + len(plan.incidents.gap)
    head[at.M_DEPLOYMENTS] = len(plan.deployments.model)
    head[at.M_TRACED] = len(plan.arrivals.trace_time) > 0
    head[[at.M_LANES, at.M_AHEAD]] = at.LANES, at.ACTIONS_AHEAD
    head[[at.M_STARTING, at.M_LIVE, at.M_LIVE_LAST, at.M_DESK, at.M_DESK_LAST]] = at.NONE
    head[[at.M_FREE_ACTION, at.M_FREE_CALL, at.M_FREE_ATTEMPT]] = at.NONE
    for place, value in {**features(plan), **stores.features(plan)}.items():
        head[place] = value
    seldom = [at.M_SOURCES, at.M_BREAKS, at.M_ANSWERS, at.M_SPENDS, at.M_LOGS_REGIONS, at.M_GROWS]
    head[at.M_SELDOM_LOGS] = head[seldom].any()
    head[at.M_AHEAD_FIRST] = head[at.AHEAD]
    head[at.M_BULK] = len(plan.epochs) > 1 or len(plan.ladder.staff) > 1 or bool(found[at.IN_FLIGHT_FAIL].any())
    m = np.concatenate([head, *ints])
    calendar = 2 * int(head[at.M_SOURCES]) + len(plan.epochs) + len(plan.ladder.staff)
    calendar += len(plan.resets.time) + len(plan.resets.emptied_time) + len(plan.names.tiered)
    crowd = int(plan.growth.base.max()) * len(plan.names.regions)
    for stretch in STRETCHES:
        more = crowd if stretch.address in OF_USERS else 0
        m = with_stretch(m, stretch, FIRST_ROOM.get(stretch.address, PAGE) + calendar + more)
    return Memory(with_rows(m, stores.warm_rows(plan)), np.concatenate([np.zeros(at.FIRST_REALS), *floats]))


def features(plan: Plan) -> dict[int, int]:
    """What the plan asks for: what it does not ask for costs nothing."""
    layers = plan.inner, plan.outer
    learning = (Balance.LOWEST_LATENCY, Balance.LOWEST_USAGE)
    breaks, throttles = bool(plan.breaker.on[0]), bool(plan.inner.throttle[0])
    budgets = any(layer.budget[0] for layer in layers)
    reloads = any(rate.any() for rate in (plan.audience.reload_abandoned, plan.audience.reload_failed))
    reloads = reloads or bool(plan.regions.retry_lost[0])
    guides, regions, traced = bool(plan.regions.on[0]), len(plan.names.regions), len(plan.arrivals.trace_time) > 0
    most = int(plan.audience.reload_at_most[0]) if reloads else 0
    turns = int(plan.sessions.most.max()) - 1
    return {
        at.M_LAYERS: 1 + plan.has_gateway,
        at.M_COPIES: any(layer.replicas[0] > 1 for layer in layers),
        at.M_BUDGETS: budgets,
        at.M_BREAKS: breaks,
        at.M_COMPARES: breaks and bool(plan.breaker.outliers[0]),
        at.M_COUNTS_ACTIVE: bool(plan.inner.budget_share_ppb.any()),
        at.M_THROTTLES: throttles,
        at.M_LEARNS: breaks or throttles or budgets or bool(np.isin(plan.models.balance, learning).any()),
        at.M_REGIONS: regions,
        at.M_HOMES: 1 if traced else regions,
        at.M_GUIDES: guides,
        at.M_LOGS_REGIONS: guides or bool(plan.scaling.on.any()),
        at.M_LANGUAGES: bool((plan.regions.tokens != 1.0).any()),
        at.M_BOUND: bool(plan.regions.bound[0]),
        at.M_TOLD_AT: -NEVER,
        at.M_CHOOSY: guides or breaks or plan.inner.retry_at[0] != RetryAt.ANY,
        at.M_HEDGES: bool((plan.inner.hedge_after < NEVER).any()),
        at.M_RELOADS: reloads,
        at.M_STREAMS: 1 if traced else regions * (2 if plan.growth.on[0] else 1),
        at.M_PACED: bool(plan.growth.on[0]) or len(plan.modulation.every) > 0,
        at.M_GROWS: bool(plan.growth.on[0]),
        at.M_UNSORTED: reloads or turns > 0 or regions > 1 or bool(plan.growth.on[0]),
        at.M_GENERATION_BITS: most.bit_length(),
        at.M_ORDINAL_BITS: min(GENERATION, at.NUMBER_BITS - most.bit_length() - turns.bit_length()),
        at.M_RUNGS: len(plan.ladder.what),
        at.M_STAFF: int(plan.ladder.staff[0]) if len(plan.ladder.staff) else 0,
    }


def packed(head: Ints, parts: dict[int, Table], offset: int) -> Iterator[Table]:
    """Each table flat, one after the other from `offset` on, after writing its header."""
    for header, table in parts.items():
        strides = [prod(table.shape[axis + 1 :]) for axis in range(2)]
        head[header : header + at.HEADER] = offset, *strides, table.shape[0], table.shape[-1]
        flat = np.ascontiguousarray(table).reshape(-1)
        yield flat if flat.dtype == np.float64 else flat.astype(np.int64)
        offset += flat.size


def derived(plan: Plan) -> dict[int, Table]:
    """What the kernel would find out again and again."""
    incidents, streams = plan.incidents, [stream for stream, _ in CALL_DRAWS]
    return {
        at.HITS: np.concatenate([incidents.hits, incidents.outage_hits]),
        at.IN_FLIGHT_FAIL: np.concatenate([incidents.in_flight_fail, incidents.outage_in_flight_fail]),
        at.ONLY_MODEL: plan.routes.only_model(),
        at.HAS_CALL_ERRORS: np.any(plan.models.errors, axis=2),
        at.HARMLESS: harmless(plan.deployments.errors),
        at.HARMLESS_TO_CALL: harmless(plan.models.errors),
        at.LAST_STREAM: plan.actions.streaming & in_last_stage(plan),
        at.PRIORITIES: priorities(plan),
        at.USER_GUIDE: user_guide(plan),
        at.LANE_STREAM: np.array(streams, dtype=np.int64),
        at.LANE_BLOCK: np.array([block for _, block in CALL_DRAWS]),
        at.LANE_ENTITY: np.array([ORIGIN if stream in AS_AT_FIRST else -1 for stream in streams]),
    }


def in_last_stage(plan: Plan) -> Table:
    """(C) does nothing of the kind's calls come after it?"""
    first, stage = plan.actions.first_call, plan.actions.stage
    last: Table = stage == np.repeat(stage[first[1:] - 1], np.diff(first))
    return last


def user_guide(plan: Plan) -> Ints:
    """Where to begin to look in the users' `cdf`, see `laws.choice.guided`."""
    guide, people = np.zeros(len(plan.people.cdf), dtype=np.int64), plan.people
    for first, number in set(zip(people.first.ravel().tolist(), people.number.ravel().tolist(), strict=True)):
        guide[first : first + number] = guide_of(people.cdf[first : first + number])
    return guide


def priorities(plan: Plan) -> Ints:
    """All sums of a kind's and a plan's priority, ascending: the lines of the own service's queue."""
    return stores.ascending(np.add.outer(plan.actions.priority, np.append(plan.people.plan_priority, 0)))


def state(plan: Plan) -> dict[int, Table]:
    """Stations, queues, buckets, incident sources and weather before the first event."""
    stations = np.zeros((len(plan.deployments.model), at.STATION_WIDTH), dtype=np.int64)
    stations[:, [at.D_QUEUE, at.D_QUEUE_LAST, at.D_SERVED, at.D_SERVED_LAST]] = at.NONE
    stations[:, at.D_KIND] = Kind.SERVER_ERROR
    sources = len(plan.incidents.start) + len(plan.incidents.gap)
    return {
        at.STATIONS: stations,
        at.LINES: np.full((len(plan.names.regions), len(priorities(plan)), 2), at.NONE, dtype=np.int64),
        at.BUCKETS: np.full(len(plan.limits.measure), -NEVER, dtype=np.int64),
        at.LEVELS: np.zeros(len(plan.limits.measure), dtype=np.int64),
        at.CHARGED: np.zeros(len(plan.limits.measure), dtype=np.int64),
        at.RAMPS: np.zeros((len(plan.limits.measure), at.RAMP_WIDTH), dtype=np.int64),
        at.SOURCES: np.zeros((sources, at.SOURCE_WIDTH), dtype=np.int64),
        at.AHEAD: np.zeros((2 * at.AHEAD_ROWS * len(plan.names.regions), at.ACTIONS_AHEAD), dtype=np.int64),
        at.CANDIDATES: np.zeros(len(plan.deployments.model), dtype=np.int64),
        at.WEATHER: fair_weather(plan),
        **places(plan),
        **memories(plan),
    }


def places(plan: Plan) -> dict[int, Table]:
    """Regions before the first event, and the arrivals of their users."""
    regions = len(plan.names.regions)
    rows = np.zeros((regions, at.PLACE_WIDTH), dtype=np.int64)
    rows[:, at.G_PAID] = at.NONE
    rows[:, at.G_SINCE] = plan.begin
    rows[:, at.G_SCALES] = plan.scaling.on
    return {
        at.PLACES: rows,
        at.PLACES_REAL: np.tile([1.0, 1.0, 1.0, 1.0, 0.0], (regions, 1)),
        at.COMING: np.zeros((2 * regions, at.COMING_WIDTH), dtype=np.int64),
        at.WALKS: np.zeros((2 * regions, at.WALK_WIDTH)),
        at.CROWD: np.zeros((regions, at.CROWD_WIDTH), dtype=np.int64),
        at.FACTORS: np.ones(len(plan.modulation.every)),
        at.NEWS_SINCE: np.zeros((regions, at.KEPT_NEWS), dtype=np.int64),
        at.NEWS: np.zeros((regions, at.KEPT_NEWS, 2)),
        at.ASKED: np.zeros((regions, int(plan.scaling.memory.max())), dtype=np.int64),
    }


def memories(plan: Plan) -> dict[int, Table]:
    """What each copy of a layer remembers: breakers, requests and how many were accepted, samples, usage, budgets."""
    deployments, copies = len(plan.deployments.model), int(plan.inner.replicas[0])
    places = len(plan.names.providers) if plan.breaker.by_provider[0] else deployments
    breakers = np.zeros((copies, places, breaker.SIZE), dtype=np.int64)
    breakers[:, :, breaker.WINDOW] = UNUSED
    throttled = np.zeros((copies, deployments, LENGTH), dtype=np.int64)
    throttled[:, :, 0] = UNUSED
    return {
        at.BREAKERS: breakers,
        at.RESULTS: np.zeros((copies, 2, places), dtype=np.int64),
        at.THROTTLED: throttled,
        at.SAMPLES: np.zeros((copies, deployments, at.SAMPLES_WIDTH), dtype=np.int64),
        at.USAGE: np.zeros((copies, deployments, at.USAGE_WIDTH), dtype=np.int64),
        at.INNER_BUDGETS: budgets(plan, plan.inner),
        at.OUTER_BUDGETS: budgets(plan, plan.outer),
    }


def budgets(plan: Plan, layer: Layer) -> Ints:
    """Credit and retries under way, by replica and model."""
    found = np.zeros((int(layer.replicas[0]), len(plan.models.balance), at.BUDGET_WIDTH), dtype=np.int64)
    found[:, :, at.B_CREDIT] = layer.budget_start[0]
    return found


def fair_weather(plan: Plan) -> Floats:
    """No incident anywhere."""
    return np.tile([0.0, 1.0, 1.0], (len(plan.deployments.model), 1))


def harmless(errors: Floats) -> Floats:
    """(E, N) numbers from here on mean no failure where there is no incident: the rates added up in their order."""
    total = np.zeros(errors.shape[:2])
    for kind in range(errors.shape[2]):
        total += errors[:, :, kind]
    return total


class Stretch(NamedTuple):
    """A part of the memory that may move: where its address, its room and its use (rows) stand."""

    address: int
    room: int
    used: int
    width: int


STRETCHES = (
    Stretch(at.M_AGENDA, at.M_AGENDA_ROOM, at.M_EVENT, at.EVENT_WIDTH),
    Stretch(at.M_FIFO, at.M_FIFO_ROOM, at.M_TAIL, at.FOLLOW_UP_WIDTH),
    Stretch(at.M_ACTION_PAGE, at.M_ACTION_ROOM, at.M_ACTION_ROWS, at.ACTION_LOGGED),
    Stretch(at.M_ATTEMPT_PAGE, at.M_ATTEMPT_ROOM, at.M_ATTEMPT_ROWS, at.ATTEMPT_LOGGED),
    Stretch(at.M_INCIDENT_PAGE, at.M_INCIDENT_ROOM, at.M_INCIDENT_ROWS, at.INCIDENT_LOGGED),
    Stretch(at.M_BREAKER_PAGE, at.M_BREAKER_ROOM, at.M_BREAKER_ROWS, at.BREAKER_LOGGED),
    Stretch(at.M_LOOKUP_PAGE, at.M_LOOKUP_ROOM, at.M_LOOKUP_ROWS, at.LOOKUP_LOGGED),
    Stretch(at.M_SPENT_PAGE, at.M_SPENT_ROOM, at.M_SPENT_ROWS, at.SPENT_LOGGED),
    Stretch(at.M_REGION_PAGE, at.M_REGION_ROOM, at.M_REGION_ROWS, at.REGION_LOGGED),
    Stretch(at.M_LIFE_PAGE, at.M_LIFE_ROOM, at.M_LIFE_ROWS, at.LIFE_LOGGED),
    Stretch(at.M_PEOPLE, at.M_PEOPLE_ROOM, at.M_USERS, at.USER_WIDTH),
    Stretch(at.M_LISTED, at.M_LISTED_ROOM, at.M_PLACES, at.LISTED_WIDTH),
)
OF_USERS = (at.M_LIFE_PAGE, at.M_PEOPLE, at.M_LISTED)
"""Those that hold all users at the start."""
FIRST_ROOM = {
    at.M_AGENDA: 2 * PAGE,
    at.M_INCIDENT_PAGE: at.ROOM,
    at.M_BREAKER_PAGE: at.ROOM,
    at.M_SPENT_PAGE: at.ROOM,
    at.M_REGION_PAGE: at.ROOM,
    at.M_LIFE_PAGE: at.ROOM,
    at.M_PEOPLE: at.ROOM,
    at.M_LISTED: at.ROOM,
}
"""Rows of the stretches before the first event where they are not a page."""


def with_stretch(m: Ints, stretch: Stretch, rows: int) -> Ints:
    """The memory with a stretch moved to its end, where it has room for `rows`.

    For breakers there is more than it says: a sweep may open all of them at once.
    """
    old, size = m[stretch.address], m[stretch.used] * stretch.width
    spare = m[at.RESULTS + 3] * m[at.RESULTS + 2] if stretch.address == at.M_BREAKER_PAGE else 0
    longer = np.concatenate([m, np.zeros((rows + spare) * stretch.width, dtype=np.int64)])
    longer[len(m) : len(m) + size] = m[old : old + size]
    longer[[stretch.address, stretch.room]] = len(m), rows
    return longer


def with_rows(m: Ints, more: int = 0) -> Ints:
    """The memory with as much room again for what is in flight or kept (addresses of rows stay as they are)."""
    used = m[at.M_ACTIONS] * at.ACTION_WIDTH + m[at.M_ATTEMPTS] * (at.ATTEMPT_WIDTH + at.CALL_WIDTH)
    used += m[at.M_ENTRIES] * at.ENTRY_WIDTH + m[at.M_TURNS] * at.TURN_WIDTH
    longer = np.concatenate([m, np.zeros(int(used) + 4 * rows_needed(m) + more, dtype=np.int64)])
    longer[[at.M_TOP, at.M_LIMIT]] = len(m), len(longer)
    return longer


def rows_needed(m: Ints) -> int:
    """Integers of new rows that one step may need."""
    return int(m[at.M_ROWS_ROOM] + m[at.M_BULK] * m[at.M_ATTEMPTS] * m[at.M_PIECES_ROOM])


def with_room(memory: Memory) -> Memory:
    """The same state with room where it is short."""
    m = memory.m
    most = int(max(m[at.M_BULK] * (2 * m[at.M_ATTEMPTS] + m[at.M_ACTIONS]), m[at.M_DEEPEST]) + at.ROOM)
    most += int(m[at.M_JOINED] + m[at.M_SPENT_STEP])
    for stretch in STRETCHES:
        needed = int(m[stretch.used] + most + (m[at.M_DAY_ROWS] if stretch.address == at.M_LIFE_PAGE else 0))
        if needed > m[stretch.room]:
            m = with_stretch(m, stretch, 2 * needed)
    if m[at.M_TOP] + rows_needed(m) > m[at.M_LIMIT]:
        m = with_rows(m)
    return memory._replace(m=m)
