"""From a plan to the memory of a run before its first event, and more room for it on the way."""

from collections.abc import Iterator
from math import prod
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simkit.engine.compiled import memory as at
from simkit.laws.draws import Stream
from simkit.plan.codes import Kind
from simkit.plan.plan import NEVER, Floats, Ints, Plan

Table = NDArray[Any]

INTS = {
    at.EPOCHS: "epochs",
    at.DIST_TABLE: "dists.table",
    at.ARRIVAL_START: "arrivals.start",
    at.ARRIVAL_GAP: "arrivals.gap",
    at.TRACE_TIME: "arrivals.trace_time",
    at.TRACE_INPUT: "arrivals.trace_input",
    at.TRACE_OUTPUT: "arrivals.trace_output",
    at.TRACE_CACHED: "arrivals.trace_cached",
    at.TRACE_MODEL: "arrivals.trace_model",
    at.USERS_FIRST: "people.first",
    at.USERS: "people.number",
    at.PLAN_PRIORITY: "people.plan_priority",
    at.KIND_PRIORITY: "actions.priority",
    at.FIRST_CALL: "actions.first_call",
    at.STAGE: "actions.stage",
    at.ROUTE: "actions.route",
    at.STREAMING: "actions.streaming",
    at.JUDGED: "actions.judged",
    at.RUNS_ON: "actions.runs_on",
    at.WORK: "actions.work",
    at.TIMES: "actions.times",
    at.REPEAT_MAX: "actions.repeat_max",
    at.INPUT: "actions.input",
    at.OUTPUT: "actions.output",
    at.MAX_OUTPUT: "actions.max_output",
    at.NEXT_MODEL: "routes.next_model",
    at.FIRST_DEPLOYMENT: "models.first_deployment",
    at.BALANCE: "models.balance",
    at.CONTEXT: "models.context",
    at.FALLBACK: "models.fallback",
    at.CACHE_MINIMUM: "models.cache_minimum",
    at.RANK: "deployments.rank",
    at.CONCURRENCY: "deployments.concurrency",
    at.QUEUE: "deployments.queue",
    at.TTFT: "deployments.ttft",
    at.SPEED: "deployments.speed",
    at.FIRST_LIMIT: "deployments.first_limit",
    at.LIMITS: "deployments.limits",
    at.MEASURE: "limits.measure",
    at.BURST: "limits.burst",
    at.RESERVE_MAX: "limits.reserve_max",
    at.REFUSED_COUNT: "limits.refused_count",
    at.CACHED_COUNTS: "limits.cached_counts",
    at.INCIDENT_START: "incidents.start",
    at.INCIDENT_END: "incidents.end",
    at.INCIDENT_SEVERITY: "incidents.scheduled_severity",
    at.OUTAGE_GAP: "incidents.gap",
    at.OUTAGE_DURATION: "incidents.duration",
    at.OUTAGE_HISTORY: "incidents.history",
    at.OUTAGE_KEY: "incidents.key",
    at.FIRST_SEVERITY: "incidents.first_severity",
    at.ERROR_KIND: "incidents.error_kind",
    at.WORKERS: "service.workers",
    at.SERVICE_QUEUE: "service.queue",
    at.OVERHEAD: "service.overhead",
    at.TIMEOUT: "policy.timeout",
    at.MAX_RETRIES: "policy.max_retries",
    at.BACKOFF_INITIAL: "policy.backoff_initial",
    at.BACKOFF_MAX: "policy.backoff_max",
    at.RETRY_AFTER: "policy.retry_after",
    at.DEADLINE: "policy.deadline",
    at.RETRYABLE: "policy.retryable",
    at.FALLS_BACK: "policy.falls_back",
    at.BILLED: "policy.billed",
    at.TAKES: "policy.takes",
    at.TAKES_TIME_DIST: "policy.takes_time",
    at.PRICE_START: "prices.start",
    at.PRICE_ABOVE: "prices.above",
    at.PRICE_INPUT: "prices.input",
    at.PRICE_CACHED: "prices.cached",
    at.PRICE_WRITE: "prices.write",
    at.PRICE_OUTPUT: "prices.output",
    at.PRICE_REQUEST: "prices.request",
}
"""Tables of integers and where the plan has them."""

FLOATS = {
    at.DIST_SCALE: "dists.scale",
    at.DIST_LOW: "dists.low",
    at.DIST_CAP: "dists.cap",
    at.CELLS: "dists.cells",
    at.ARRIVAL_RATE: "arrivals.rate",
    at.ARRIVAL_CUMULATIVE: "arrivals.cumulative",
    at.USER_CDF: "people.cdf",
    at.PLAN_CDF: "people.plan_cdf",
    at.KIND_CDF: "actions.kind_cdf",
    at.COMPLEXITY_CDF: "actions.complexity_cdf",
    at.AGAIN: "actions.again",
    at.MIX_CDF: "routes.mix_cdf",
    at.ESCALATE: "routes.escalate",
    at.QUALITY: "models.quality",
    at.CALL_ERRORS: "models.errors",
    at.WEIGHT_CDF: "deployments.weight_cdf",
    at.TTFT_PER_TOKEN: "deployments.ttft_per_token",
    at.ERRORS: "deployments.errors",
    at.NS_PER_UNIT: "limits.ns_per_unit",
    at.SEVERITY_CDF: "incidents.severity_cdf",
    at.ERROR_RATE: "incidents.error_rate",
    at.SLOWDOWN: "incidents.slowdown",
    at.QUOTA: "incidents.quota",
    at.BACKOFF_FACTOR: "policy.backoff_factor",
    at.JITTER_LOW: "policy.jitter_low",
    at.JITTER_HIGH: "policy.jitter_high",
    at.CACHE_HIT_RATE: "policy.cache_hit_rate",
}
"""Tables of floats and where the plan has them."""

CALL_DRAWS = (
    (Stream.WORK, 0), (Stream.TOKENS, 0), (Stream.TOKENS, 1), (Stream.ROUTE, 0), (Stream.QUALITY, 0),
    (Stream.ATTEMPT, 0), (Stream.ATTEMPT, 1), (Stream.ATTEMPT, 2),
)  # fmt: skip
"""Stream and block of what is drawn for every call, in the order of `L_WORK` to `L_CHOICE`."""

PAGE = 1024
"""Rows of a page of the log, at first: small enough to stay in the processor's cache."""


class Memory(NamedTuple):
    """All that the kernel reads and writes."""

    m: Ints
    f: Floats


def new_memory(plan: Plan, seed: int, replication: int, most_in_flight: int = NEVER) -> Memory:
    """The memory before the first event; with more actions in flight than `most_in_flight` the kernel stops."""
    head = np.zeros(at.PLAN, dtype=np.int64)
    found = derived(plan)
    ints = list(packed(head, {**tables(plan, INTS), **found, **state(plan)}, at.PLAN))
    weather = {at.WEATHER: fair_weather(plan), at.HARMLESS: harmless(plan)}
    floats = list(packed(head, {**tables(plan, FLOATS), **weather}, 1))
    head[[at.M_SEED, at.M_REPLICATION]] = seed, replication
    head[[at.M_BEGIN, at.M_NOW]] = plan.begin
    head[[at.M_HORIZON, at.M_LAST_END]] = plan.horizon
    head[at.M_STOP] = plan.horizon + plan.cooldown
    head[at.M_MOST_IN_FLIGHT] = most_in_flight
    head[at.M_SCHEDULED] = len(plan.incidents.start)
    head[at.M_SOURCES] = len(plan.incidents.start) + len(plan.incidents.gap)
    head[at.M_DEPLOYMENTS] = len(plan.deployments.model)
    head[at.M_BULK] = len(plan.epochs) > 1 or bool(found[at.IN_FLIGHT_FAIL].any())
    head[at.M_TRACED] = len(plan.arrivals.trace_time) > 0
    head[[at.M_LANES, at.M_AHEAD]] = at.LANES, at.ACTIONS_AHEAD
    head[[at.M_STARTING, at.M_LIVE, at.M_LIVE_LAST]] = at.NONE
    head[[at.M_FREE_ACTION, at.M_FREE_CALL, at.M_FREE_ATTEMPT]] = at.NONE
    m = np.concatenate([head, *ints])
    calendar = 2 * int(head[at.M_SOURCES]) + len(plan.epochs)
    for region, rows in zip(REGIONS, (2 * PAGE + calendar, PAGE, PAGE, PAGE, at.ROOM + calendar), strict=True):
        m = with_region(m, region, rows)
    return Memory(with_rows(m), np.concatenate([[0.0], *floats]))


def tables(plan: Plan, places: dict[int, str]) -> dict[int, Table]:
    """Tables of the plan by their header."""
    return {header: attrgetter(place)(plan) for header, place in places.items()}


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
    incidents = plan.incidents
    return {
        at.HITS: np.concatenate([incidents.hits, incidents.outage_hits]),
        at.IN_FLIGHT_FAIL: np.concatenate([incidents.in_flight_fail, incidents.outage_in_flight_fail]),
        at.ONLY_MODEL: plan.routes.only_model(),
        at.HAS_CALL_ERRORS: np.any(plan.models.errors, axis=2),
        at.PRIORITIES: priorities(plan),
        at.LANE_STREAM: np.array([stream for stream, _ in CALL_DRAWS]),
        at.LANE_BLOCK: np.array([block for _, block in CALL_DRAWS]),
    }


def priorities(plan: Plan) -> Ints:
    """All sums of a kind's and a plan's priority, ascending: the lines of the own service's queue."""
    return np.unique(np.add.outer(plan.actions.priority, np.append(plan.people.plan_priority, 0))).astype(np.int64)


def state(plan: Plan) -> dict[int, Table]:
    """Stations, queues, buckets and incident sources before the first event."""
    stations = np.zeros((len(plan.deployments.model), at.STATION_WIDTH), dtype=np.int64)
    stations[:, [at.D_QUEUE, at.D_QUEUE_LAST, at.D_SERVED, at.D_SERVED_LAST]] = at.NONE
    stations[:, at.D_KIND] = Kind.SERVER_ERROR
    sources = len(plan.incidents.start) + len(plan.incidents.gap)
    return {
        at.STATIONS: stations,
        at.LINES: np.full((len(priorities(plan)), 2), at.NONE, dtype=np.int64),
        at.BUCKETS: np.full(len(plan.limits.measure), -NEVER, dtype=np.int64),
        at.SOURCES: np.zeros((sources, at.SOURCE_WIDTH), dtype=np.int64),
        at.AHEAD: np.zeros((7, at.ACTIONS_AHEAD), dtype=np.int64),
    }


def fair_weather(plan: Plan) -> Floats:
    """No incident anywhere."""
    return np.tile([0.0, 1.0, 1.0], (len(plan.deployments.model), 1))


def harmless(plan: Plan) -> Floats:
    """(E, N) numbers from here on mean no failure where there is no incident: the rates added up in their order."""
    total = np.zeros(plan.deployments.errors.shape[:2])
    for kind in range(plan.deployments.errors.shape[2]):
        total += plan.deployments.errors[:, :, kind]
    return total


class Region(NamedTuple):
    """A part of the memory that may move: where its address, its room and its use (rows) stand."""

    address: int
    room: int
    used: int
    width: int


REGIONS = (
    Region(at.M_AGENDA, at.M_AGENDA_ROOM, at.M_EVENT, at.EVENT_WIDTH),
    Region(at.M_FIFO, at.M_FIFO_ROOM, at.M_TAIL, at.FOLLOW_UP_WIDTH),
    Region(at.M_ACTION_PAGE, at.M_ACTION_ROOM, at.M_ACTION_ROWS, at.ACTION_LOGGED),
    Region(at.M_ATTEMPT_PAGE, at.M_ATTEMPT_ROOM, at.M_ATTEMPT_ROWS, at.ATTEMPT_LOGGED),
    Region(at.M_INCIDENT_PAGE, at.M_INCIDENT_ROOM, at.M_INCIDENT_ROWS, at.INCIDENT_LOGGED),
)


def with_region(m: Ints, region: Region, rows: int) -> Ints:
    """The memory with a region moved to its end, where it has room for `rows`."""
    old, size = m[region.address], m[region.used] * region.width
    longer = np.concatenate([m, np.zeros(rows * region.width, dtype=np.int64)])
    longer[len(m) : len(m) + size] = m[old : old + size]
    longer[[region.address, region.room]] = len(m), rows
    return longer


def with_rows(m: Ints) -> Ints:
    """The memory with as much room again for what is in flight (addresses of rows stay as they are)."""
    used = m[at.M_ACTIONS] * at.ACTION_WIDTH + m[at.M_ATTEMPTS] * (at.ATTEMPT_WIDTH + at.CALL_WIDTH)
    longer = np.concatenate([m, np.zeros(int(used) + 4 * at.ROWS_ROOM, dtype=np.int64)])
    longer[[at.M_TOP, at.M_LIMIT]] = len(m), len(longer)
    return longer


def with_room(memory: Memory) -> Memory:
    """The same state with room where it is short."""
    m = memory.m
    most = int(max(m[at.M_BULK] * (2 * m[at.M_ATTEMPTS] + m[at.M_ACTIONS]), m[at.M_DEEPEST]) + at.ROOM)
    for region in REGIONS:
        if m[region.used] + most > m[region.room]:
            m = with_region(m, region, 2 * int(m[region.used] + most))
    if m[at.M_TOP] + at.ROWS_ROOM > m[at.M_LIMIT]:
        m = with_rows(m)
    return memory._replace(m=m)
