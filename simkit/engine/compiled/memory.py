"""The memory of a run: one vector of integers holds the plan, the state, the agenda and pages of the log.

All steps of the kernel take this vector `m`, some also the floats `f`: few arguments keep the compilation
short, and saving a run is saving two vectors. What is in flight has rows
in `m`, known by their address: `m[a + A_KIND]` is the kind of the action at `a`. Free rows are used again, so
that memory holds what is in flight and nothing else. A table of the plan is read by `at2(m, TABLE, i, j)`.
"""

from typing import Protocol, overload

from simkit.engine.compiled.pointer import view
from simkit.laws.jit import Floats, Ints, step


class Memory(Protocol):
    """A vector of int64."""

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Ints: ...
    def __setitem__(self, index: int, value: int) -> None:
        """Write one number."""


class Reals(Protocol):
    """A vector of float64."""

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> Floats: ...
    def __setitem__(self, index: int, value: float) -> None:
        """Write one number."""


NONE = -1
"""No row, no time, no index."""
FREE = -2
"""The key of a row that is not in use."""

# Places at a station.
OUTSIDE, QUEUED, GRANTED, SERVED = range(4)
HELD, AWAY = 4, 5
"""Of an action that can wait: in no place yet, until its time has come; at a batch API, in no place of ours."""
ON_THE_WAY, CUT_OFF_FROM = 6, 7
"""Of an action that is not in a region yet: on its way there; waiting in vain for a region that is down."""

# Follow-ups.
GRANT_ACTION, GRANT_ATTEMPT, GRANT_PERSON, TOLD, CUT_OFF, STAGE_DONE, JOINED, GOES_DOWN = range(8)

# Steps: what the kernel does next.
(
    NOTHING, ADMIT, NEXT_STAGE, REPETITION, REQUEST, DISPATCH, DISPATCH_HEDGE, BEGIN, HEAR, REPEATED, GIVE_UP_MODEL,
    FAIL, END, WORK_ON, COME_IN,
) = range(15)  # fmt: skip

# Why the kernel returned.
DONE, SLICE, GROW, FLUSH, FULL = range(5)

# Timed events of an instant, in their order (`codes.EventClass`, divided): the upper bits of E_ORDER.
(
    CALENDAR, FINISHES, FIRST_TOKEN_COMES, PERSON_ANSWERS, LOOKS_UP, TIMES_OUT, REQUEST_ENDS, CALL_ENDS, TIME_IS_UP,
    PATIENCE_ENDS, HEDGES, WAITED, TICKS, ARRIVES,
) = range(-8, 6)  # fmt: skip
KEY_BITS = 60
"""Of E_ORDER, below: an action's number (35 bits) and the code of what it is about (25 bits)."""
NUMBER_BITS = 35
"""Of an action in keys: its ordinal, and above it, in as few bits as do, how often it was asked before, and which
turn of its conversation it is."""

# Single numbers of `m`.
(
    M_SEED, M_REPLICATION, M_BEGIN, M_HORIZON, M_STOP, M_NOW, M_EPOCH, M_PRICE_ROW, M_OPEN, M_LAST_END, M_EVENTS,
    M_NUMBER, M_SEGMENT, M_ARRIVAL, M_LIVE, M_LIVE_LAST, M_ACTIONS, M_ATTEMPTS,
    M_ROW, M_KIND, M_OUTCOME, M_STARTING, M_SCHEDULED, M_SOURCES, M_DEPLOYMENTS, M_CLASSES, M_TRACED,
    M_FREE_ACTION, M_FREE_CALL, M_FREE_ATTEMPT, M_TOP, M_LIMIT, M_DEEPEST, M_MOST_IN_FLIGHT,
    M_AGENDA, M_AGENDA_ROOM, M_EVENT, M_FIFO, M_FIFO_ROOM, M_HEAD, M_TAIL,
    M_ACTION_PAGE, M_ACTION_ROOM, M_ACTION_ROWS, M_ATTEMPT_PAGE, M_ATTEMPT_ROOM, M_ATTEMPT_ROWS,
    M_INCIDENT_PAGE, M_INCIDENT_ROOM, M_INCIDENT_ROWS, M_BREAKER_PAGE, M_BREAKER_ROOM, M_BREAKER_ROWS,
    M_LOOKUP_PAGE, M_LOOKUP_ROOM, M_LOOKUP_ROWS, M_SPENT_PAGE, M_SPENT_ROOM, M_SPENT_ROWS,
    M_BULK, M_LANES, M_AHEAD, M_UTC, M_ORDINAL_BITS, M_TRY, M_RUNGS, M_LAYERS, M_COPIES,
    M_BUDGETS, M_BREAKS, M_THROTTLES, M_LEARNS, M_CHOOSY, M_RELOADS, M_HEDGES,
    M_STAFF, M_DESK_BUSY, M_DESK_WAITING, M_DESK, M_DESK_LAST, M_COMPARES, M_COUNTS_ACTIVE,
    M_ANSWERS, M_KEYED, M_PREFIXES, M_THREADS, M_SESSIONS, M_SPENDS, M_ALLOWS, M_BATCHES, M_SUBSTITUTES, M_UNSORTED,
    M_GENERATION_BITS, M_JOINED, M_FREE_ENTRY, M_ENTRIES, M_FREE_TURN, M_TURNS, M_ROWS_ROOM, M_PIECES_ROOM,
    M_SPENT_STEP, M_SELDOM_LOGS,
    M_REGION_PAGE, M_REGION_ROOM, M_REGION_ROWS, M_REGIONS, M_HOMES, M_HOME, M_AHEAD_FIRST, M_GUIDES, M_LOGS_REGIONS,
    M_LANGUAGES, M_BOUND, M_FORBIDDEN, M_TOLD_AT, M_UNWELL,
    M_STREAMS, M_PACED, M_GROWS, M_CARRIES, M_DUE_SEGMENT, M_USERS, M_PEOPLE, M_PEOPLE_ROOM, M_PLACES, M_LISTED,
    M_LISTED_ROOM, M_DAY_ROWS, M_LIFE_PAGE, M_LIFE_ROOM, M_LIFE_ROWS,
) = range(131)  # fmt: skip

# Tables: each has a header of five numbers: offset, strides of the first two axes, lengths of the first and last.
HEADER = 5
FIRST_INTS = 131
(
    EPOCHS, DIST_TABLE, ARRIVAL_START, ARRIVAL_GAP, TRACE_TIME, TRACE_INPUT, TRACE_OUTPUT, TRACE_CACHED,
    TRACE_MODEL, USERS_FIRST, USERS, PLAN_PRIORITY, KIND_PRIORITY, FIRST_CALL, STAGE, ROUTE, STREAMING, JUDGED,
    RUNS_ON, WORK, TIMES, REPEAT_MAX, INPUT, OUTPUT, MAX_OUTPUT, NEXT_MODEL, FIRST_DEPLOYMENT, MODEL_BALANCE, CONTEXT,
    FALLBACK, CACHE_MINIMUM, RANK, PROVIDER, CONCURRENCY, QUEUE, TTFT, SPEED, SLOWNESS, SLOWNESS_EVERY, SLOWNESS_KEY,
    FIRST_LIMIT, LIMITS, MEASURE, BURST, RESERVE_MAX, REFUSED_COUNT, CACHED_COUNTS, RAMP_EVERY, RAMP_FLOOR,
    INCIDENT_START, INCIDENT_END, INCIDENT_SEVERITY, HITS,
    IN_FLIGHT_FAIL, OUTAGE_GAP, OUTAGE_DURATION, OUTAGE_HISTORY, OUTAGE_KEY, FIRST_SEVERITY, ERROR_KIND, WORKERS,
    SERVICE_QUEUE, OVERHEAD, SHED_IN_FLIGHT, SHED_PRIORITY, DEADLINE, BILLED, TAKES, TAKES_TIME_DIST,
    PRICE_START, PRICE_ABOVE, PRICE_INPUT, PRICE_CACHED, PRICE_WRITE,
    PRICE_OUTPUT, PRICE_REQUEST, ONLY_MODEL, HAS_CALL_ERRORS, LAST_STREAM, PRIORITIES, STATIONS, LINES, BUCKETS,
    SOURCES, LANE_STREAM, LANE_BLOCK, LANE_ENTITY, AHEAD,
    RAMPS, BREAKERS, RESULTS, THROTTLED, SAMPLES, USAGE, CANDIDATES, INNER_BUDGETS, OUTER_BUDGETS,
    NAME, HISTORY, HISTORY_LIMIT, HISTORY_STEP, KEEPS_RETRIEVED, SUMMARISES, SUMMARY_LIMIT, CACHED, CHUNKS, REASONING,
    WORK_COST, CHEAPER_MODEL, BATCH_MODEL, IS_BATCH, LAST_HISTORY, LAST_CACHED, LONGEST_TTL,
    STORES, HEADS, TAILS, SINCE, PIECES, ALLOWED, SPENT, CACHED_NAMES, WARM_ENTRIES, CHARGED,
    ARRIVAL_FIRST, USERS_OFFSET, REPLICAS_AT_FIRST, REGION_HITS, PLACES, COMING, NEWS_SINCE, ASKED, CROWD,
    LEVELS, ACCOUNTS, USER_GUIDE,
) = range(FIRST_INTS, FIRST_INTS + 136 * HEADER, HEADER)  # fmt: skip
FIRST_FLOATS = FIRST_INTS + 136 * HEADER
(
    DIST_SCALE, DIST_LOW, DIST_CAP, CELLS, ARRIVAL_RATE, ARRIVAL_CUMULATIVE, USER_CDF, PLAN_CDF, KIND_CDF,
    COMPLEXITY_CDF, AGAIN, MIX_CDF, ESCALATE, QUALITY, CALL_ERRORS, WEIGHT, WEIGHT_CDF, TTFT_PER_TOKEN, ERRORS,
    NS_PER_UNIT, RAMP_GROWTH, SEVERITY_CDF, ERROR_RATE, SLOWDOWN, QUOTA, CACHE_HIT_RATE, WEATHER, HARMLESS,
    HARMLESS_TO_CALL, LOST, WALKS, NEWS, PLACES_REAL, FACTORS,
) = range(FIRST_FLOATS, FIRST_FLOATS + 34 * HEADER, HEADER)  # fmt: skip
FIRST_LAYER = FIRST_FLOATS + 34 * HEADER
(
    TIMEOUT, FIRST_TOKEN_TIMEOUT, IDLE_TIMEOUT, CALL_TIMEOUT, MAX_RETRIES, RETRY_ON, RETRY_AT, BACKOFF_INITIAL,
    BACKOFF_THROTTLED, BACKOFF_MAX, BACKOFF_FACTOR, JITTER_KIND, JITTER_LOW, JITTER_HIGH, JITTER_ADD, SKIP_WITH_PEER,
    RETRY_AFTER, RETRY_AFTER_INSTEAD, RETRY_AFTER_GIVES_UP, DEADLINE_AWARE, RETRY_WHILE_OPEN, RETRY_AFTER_UNIT,
    WAIT_AFTER_LAST, ERROR_FIRST, STREAM_FAILURE,
    FALLBACK_ON, MAX_FALLBACKS, REPLICAS, HEDGE_AFTER, BUDGET, BUDGET_CAP, BUDGET_START, BUDGET_FIRST_TRY,
    BUDGET_RETRY, BUDGET_THROTTLED, BUDGET_SUCCESS, BUDGET_REFUND, BUDGET_CONCURRENT, BUDGET_SHARE_PPB, THROTTLE,
    THROTTLE_K, THROTTLE_WINDOW, THROTTLE_REJECTS,
) = range(FIRST_LAYER, FIRST_LAYER + 43 * HEADER, HEADER)  # fmt: skip
INNER, OUTER = 0, 43 * HEADER
"""To be added to a header of the layer that talks to the models: the same of this layer, of the client before it."""
FIRST_RULE = FIRST_LAYER + 2 * OUTER
(
    BREAKER_ON, BREAKER_BY_PROVIDER, BREAKER_COUNTS, BREAKER_TRIPS_ON, BREAKER_OTHERS_HEALTHY, BREAKER_CONSECUTIVE,
    BREAKER_FAILURES, BREAKER_RATE_PPB, BREAKER_RATE_STRICT, BREAKER_RATE_OF, BREAKER_RATE_PEER, BREAKER_AT_ONCE,
    BREAKER_AT_ONCE_PEER, BREAKER_OUTLIERS, BREAKER_OUTLIER_DEVIATIONS, BREAKER_OUTLIER_HOSTS,
    BREAKER_OUTLIER_REQUESTS, BREAKER_WINDOW, BREAKER_WINDOW_KIND, BREAKER_FORGET, BREAKER_COOLDOWN, BREAKER_GROWS,
    BREAKER_COOLDOWN_MAX, BREAKER_FROM_RETRY_AFTER, BREAKER_SWEEP, BREAKER_PROBES, BREAKER_MAX_OPEN_PPB,
    BREAKER_PANIC_PPB, BREAKER_PANIC_CHAIN,
    LADDER_WHAT, LADDER_REASON, LADDER_SHARE, LADDER_TAKES, LADDER_GOOD, LADDER_AT_LEAST_PPB, LADDER_COST,
    LADDER_QUEUE, LADDER_STAFF_TIME, LADDER_STAFF, LADDER_CLOSED,
    AUDIENCE_PATIENCE, AUDIENCE_UNTIL_ANSWER, AUDIENCE_RELOAD_ABANDONED, AUDIENCE_RELOAD_FAILED,
    AUDIENCE_RELOAD_AFTER, AUDIENCE_RELOAD_AT_MOST,
) = range(FIRST_RULE, FIRST_RULE + 46 * HEADER, HEADER)  # fmt: skip
FIRST_ECONOMY = FIRST_RULE + 46 * HEADER
(
    ANSWERS_ON, ANSWERS_HIT_RATE, ANSWERS_RAMP, ANSWERS_TTL, ANSWERS_CAPACITY, ANSWERS_COUNTS, ANSWERS_COALESCE,
    ANSWERS_LOOKUP, ANSWERS_COST, ANSWERS_FALSE_HITS, ANSWERS_WARM, ANSWERS_SHARED, ANSWERS_CACHEABLE, ANSWERS_KEYS,
    ANSWERS_CDF_EXACT, ANSWERS_GUIDE_EXACT, ANSWERS_CDF_SEMANTIC, ANSWERS_GUIDE_SEMANTIC, ANSWERS_TRACE_KEY,
    ANSWERS_TRACE_KEYS,
    PROMPTS_ON, PROMPTS_MINIMUM, PROMPTS_STEP, PROMPTS_TTL, PROMPTS_REFRESH, PROMPTS_CAPACITY, PROMPTS_PREFILL,
    PROMPTS_BLOCK, PROMPTS_FIRST_BLOCK, PROMPTS_BLOCKS, PROMPTS_NUMBER,
    SESSIONS_TIMES, SESSIONS_AGAIN, SESSIONS_MOST, SESSIONS_THINK,
    SPENDING_MONTHLY, SPENDING_WHOLE, SPENDING_COVERS, SPENDING_LIMIT, SPENDING_AT, SPENDING_ACT,
    TIERS_ACCOUNT, TIERS_COVERS, TIERS_SPENT, TIERS_AFTER, TIERS_BEFORE, TIERS_SINCE,
    ALLOWANCES_ON, ALLOWANCES_DAY, ALLOWANCES_MONTH, ALLOWANCES_DEGRADES,
    RESETS_TIME, RESETS_WHAT, RESETS_EMPTIED_TIME, RESETS_EMPTIED,
    BATCH_BATCH, BATCH_OPEN, BATCH_CLOSE, BATCH_SPREAD, BATCH_API, BATCH_WITHIN, BATCH_DEADLINE,
) = range(FIRST_ECONOMY, FIRST_ECONOMY + 62 * HEADER, HEADER)  # fmt: skip
FIRST_REGION = FIRST_ECONOMY + 62 * HEADER
(
    REGIONS_ON, REGIONS_SHARE_CDF, REGIONS_TOKENS, REGIONS_RTT, REGIONS_TO_MODEL, REGIONS_POLICY, REGIONS_WEIGHT,
    REGIONS_LEVEL, REGIONS_OVERPROVISIONING, REGIONS_PANIC, REGIONS_INTERVAL, REGIONS_FAILURES, REGIONS_SUCCESSES,
    REGIONS_TIMEOUT, REGIONS_TTL, REGIONS_IGNORE, REGIONS_IGNORE_FOR, REGIONS_MANUAL, REGIONS_HOLD_DOWN,
    REGIONS_FAILBACK, REGIONS_CONNECT_TIMEOUT, REGIONS_RETRIES, REGIONS_RETRY_LOST, REGIONS_NEAR, REGIONS_BOUND,
    REGIONS_MAY_SERVE, REGIONS_MAY_ASK, REGIONS_KEY,
    SCALING_ON, SCALING_MINIMUM, SCALING_MAXIMUM, SCALING_TARGET, SCALING_QUEUE, SCALING_INTERVAL, SCALING_DELAY,
    SCALING_STABILISATION, SCALING_TOLERANCE, SCALING_MEMORY,
) = range(FIRST_REGION, FIRST_REGION + 38 * HEADER, HEADER)  # fmt: skip
FIRST_GROWTH = FIRST_REGION + 38 * HEADER
(
    GROWTH_ON, GROWTH_DAY, GROWTH_BASE, GROWTH_AGE, GROWTH_SHARE, GROWTH_LET_DOWN, GROWTH_WITHIN, GROWTH_STAY,
    GROWTH_LOWERED, GROWTH_SLOW_AFTER, GROWTH_ACTIVITY, GROWTH_MOVE, GROWTH_MOVE_AT_QUOTA,
    MODULATION_EVERY, MODULATION_ORIGIN, MODULATION_FACTOR,
) = range(FIRST_GROWTH, FIRST_GROWTH + 16 * HEADER, HEADER)  # fmt: skip
PLAN = FIRST_GROWTH + 16 * HEADER
"""Where the tables begin."""

# An action: first the columns of the log, in its order.
(
    A_NUMBER, A_ARRIVAL, A_USER, A_PLAN, A_KIND, A_COMPLEXITY, A_STARTED, A_FIRST_TOKEN, A_END, A_OUTCOME, A_REASON,
    A_GOOD, A_WAITED, A_ATTEMPTS, A_COST, A_TOKENS_IN, A_TOKENS_OUT, A_DEGRADE_COST, A_DESK_ASKED, A_DESK_BEGAN,
    A_LOOKUP_COST, A_TOOL_COST, A_THRIFT, A_HOME, A_SERVED_IN, A_NETWORK,
    A_KEY, A_CLASS, A_PLACE, A_MEASURED, A_NEXT_CALL, A_STAGE_END, A_PENDING, A_SEEN, A_VERDICT, A_CALLS, A_LAST_CALL,
    A_QUEUE, A_QUEUE_BEFORE, A_LIVE, A_LIVE_BEFORE, A_STORY, A_STORY_LAST,
    A_REPLICA, A_CLIENT, A_DEADLINE, A_DUE, A_SHOWN, A_RUNG, A_DESK, A_ASKED,
    A_LINED_UP, A_RANK, A_LUCK, A_HISTORY, A_SUMMARIES, A_SAID, A_ANSWER, A_STALE,
    A_TRIED,
) = range(60)  # fmt: skip
ACTION_WIDTH = 60
ACTION_LOGGED = 26

# A call. What both layers have stands in pairs: of the layer that talks to the models, of the client before it.
(
    C_KEY, C_ACTION, C_INDEX, C_NUMBER, C_REPEAT, C_RUNG, C_BASE, C_MODEL, C_CAUSE, C_FALLBACK, C_FALLBACKS, C_TRY,
    C_TOKENS_IN, C_TOKENS_OUT, C_CACHED, C_PREFIX, C_ATTEMPT, C_TWIN, C_FIRST_TOKEN, C_GOOD, C_NEXT, C_SIBLING,
    C_DRAWN, C_SHOWN, C_LAST, C_LAST_DEPLOYMENT, C_CLIENT_TRY, C_REQUEST_UNTIL, C_CALL_UNTIL,
    C_WAIT, C_CLIENT_WAIT, C_HELD, C_CLIENT_HELD, C_PAYER, C_CLIENT_PAYER, C_PAID, C_CLIENT_PAID,
    C_CHOSEN, C_CHEAPER, C_HISTORY, C_BEFORE, C_CUTS, C_RETRIEVED, C_USER, C_REASONING, C_LOOP, C_TRUNCATED,
    C_MISSED, C_MISSED_SEMANTIC, C_LEADS, C_LEADS_SEMANTIC, C_FOLLOWS, C_CACHE, C_FOLLOWER, C_FOLLOWER_BEFORE,
    C_FIRST_ERROR, C_SOUGHT,
) = range(57)  # fmt: skip
C_LANES = 57
"""Where the numbers stand that were drawn for the repetition whose code is in C_DRAWN."""
LANES = 8
CALL_WIDTH = C_LANES + 2 * LANES
L_WORK, L_PROMPT, L_ANSWER, L_ROUTE, L_QUALITY, L_LATENCY, L_OUTCOME, L_CHOICE = range(LANES)
"""What is drawn for every repetition of a call and its first try."""

ACTIONS_AHEAD = 16
"""Arrivals that are worked out at a time: a power of two."""
AHEAD_TIME, AHEAD_GAP, AHEAD_KIND, AHEAD_USER, AHEAD_KEY = 0, 1, 3, 5, 7
"""Rows of what is drawn for them: a time, then pairs."""
AHEAD_ROWS = 9

# An attempt: first the columns of the log, in its order.
(
    T_NUMBER, T_INDEX, T_REPEAT, T_RUNG, T_TRY, T_HEDGE, T_CAUSE, T_MODEL, T_DEPLOYMENT, T_DISPATCHED, T_STARTED,
    T_FIRST_TOKEN, T_ENDED, T_RELEASED, T_OUTCOME, T_TOKENS_IN, T_TOKENS_OUT, T_CACHED, T_WRITTEN, T_BILLED_IN,
    T_BILLED_OUT, T_COST, T_RETRY_AFTER, T_LIMIT, T_REPLICA, T_MARKS, T_SYSTEM, T_HISTORY, T_RETRIEVED, T_REASONING,
    T_KEY, T_CODE, T_ACTION, T_CALL, T_BEGAN, T_ANSWERED, T_FINISH, T_TIMES_OUT, T_FIRST_BY, T_STALLED, T_GIVES_UP,
    T_WATCHED, T_KIND, T_ANSWERS, T_PRICE_ROW, T_PLACE, T_OVER, T_SENT, T_GENERATION, T_BUDGET,
    T_LINE, T_LINE_BEFORE, T_STORY, T_LEFT, T_WRITTEN_DOWN,
    T_STREAMS, T_BATCH, T_THINKS, T_PREFIX, T_BEFORE, T_CUTS, T_SUMMARIES, T_RUN, T_VISITS,
) = range(64)  # fmt: skip
ATTEMPT_WIDTH = 64
ATTEMPT_LOGGED = 30

# A timed event, a follow-up, a station of a deployment, an incident source; what the weather of a deployment is.
E_TIME, E_ORDER, E_ROW = range(3)
Q_WHAT, Q_ROW, Q_CHECK, Q_VALUE = range(4)
D_BUSY, D_WAITING, D_QUEUE, D_QUEUE_LAST, D_SERVED, D_SERVED_LAST, D_KIND, D_PEAK = range(8)
I_NUMBER, I_TIME, I_START, I_END, I_SEVERITY, I_ACTIVE = range(6)
W_RATE, W_SLOWDOWN, W_QUOTA = range(3)
EVENT_WIDTH = 3
FOLLOW_UP_WIDTH = INCIDENT_LOGGED = 4
STATION_WIDTH, SOURCE_WIDTH = 8, 6
BREAKER_LOGGED = 5
LOOKUP_LOGGED, SPENT_LOGGED, REGION_LOGGED, LIFE_LOGGED = 7, 4, 4, 4

# A budget; a ramp; what a deployment has used in the present minute; two rings of samples: so many, next, ten of them.
B_CREDIT, B_OUT, B_ACTIVE = range(3)
R_INTERVAL, R_COUNT, R_BEFORE = range(3)
U_MINUTE, U_TOKENS = range(2)
S_COUNT, S_NEXT, S_FIRST = range(3)
RING = 10
RING_WIDTH = S_FIRST + RING
BUDGET_WIDTH, RAMP_WIDTH, USAGE_WIDTH, SAMPLES_WIDTH = 3, 3, 2, 2 * RING_WIDTH

# A cache's store: where its heads are, how many, the entry that goes next, the one kept longest, how many, how big,
# where the last entries of each count of uses stand, up to which uses are counted.
K_HEADS, K_NUMBER, K_FIRST, K_LAST, K_COUNT, K_SIZE, K_TAILS, K_COUNTS = range(8)
STORE_WIDTH = 8

# An entry: its key, the next one of its head, its neighbours in the order, ...; of a question: who is answering it.
(
    E_KEY, E_NEXT, E_PART, E_AFTER, E_BEFORE, E_USES, E_BORN, E_GOOD, E_SIZE, E_LEADER, E_FOLLOWER, E_FOLLOWER_LAST,
) = range(12)  # fmt: skip
E_END = E_GOOD
"""Of a piece of a prompt, which has no verdict: where it ends."""
ENTRY_WIDTH = 12
NO_ANSWER = -2
"""The verdict of an entry without an answer: somebody is finding one."""
P_KEY, P_PART, P_END = range(3)
PIECE_WIDTH = 3

# A budget of money: what is spent, the next step, whether a step that was reached says degrade, block. A turn to come.
X_SPENT, X_STEP, X_DEGRADES, X_BLOCKS = range(4)
V_HISTORY, V_SUMMARIES, V_USER = range(3)
# A quota with tiers: what is spent, since when, tiers reached, whether the next one waits for its time.
Z_SPENT, Z_SINCE, Z_TIER, Z_WAITS = range(4)
SPENT_WIDTH, TURN_WIDTH, ACCOUNT_WIDTH = 4, 3, 4

# A region: its service's slots, replicas, what its autoscaler and its health checks know. And as reals: what share
# is there, what share is said to be there, how open it is to a client and what share that knows of, a weight.
(
    G_BUSY, G_WAITING, G_CAPACITY, G_REPLICAS, G_ORDERED, G_PAID, G_PRESENT, G_WAIT, G_BUSY_NS, G_CAPACITY_NS, G_SINCE,
    G_SCALES, G_LOOKS, G_FIRST_CHECK, G_FAILED, G_GOOD, G_GENERATION, G_CHECKING, G_NEWS, G_SCORE,
) = range(20)  # fmt: skip
PLACE_WIDTH = 20
H_AVAILABLE, H_PUBLISHED, H_OPEN, H_THERE, H_WEIGHT = range(5)
PLACE_REALS = 5
KEPT_NEWS = 8
"""So many publications are remembered of each region."""

# Where the arrivals of a source stand that are not the next ones; and as reals, see `F_OPERATIONAL`.
O_NUMBER, O_SEGMENT, O_ARRIVAL, O_DUE_SEGMENT = range(4)
COMING_WIDTH, WALK_WIDTH = 4, 3

# A user who comes and goes (what every action needs stands first); a place in the list of the active users of a region:
# who, activity of all up to here, and where to begin to look for a point of the total, see `population.pick`.
P_STATE, P_MET, P_PLAN, P_SINCE, P_WEIGHT, P_DAY, P_MONTH = range(7)
USER_WIDTH = 8
Y_USER, Y_TOTAL, Y_FIRST = range(3)
LISTED_WIDTH = 3
# Of a region: active users, those who signed up, how many of these have made up their minds; how many active users are
# found by the guide, up to which point of the total, and how many bits of a point are left out there.
N_ACTIVE, N_SIGNED_UP, N_SETTLED, N_GUIDED, N_GUIDED_TOTAL, N_SHIFT = range(6)
CROWD_WIDTH = 6

F_OPERATIONAL, F_LEFT, F_PACE = range(3)
"""The single numbers of `f`, of the present source: operational time up to which it is walked (that of the last
arrival, or of the last change of pace), what is left until the next arrival, arrivals for each unit of it."""
FIRST_REALS = 3

ROOM = 256
"""Events, follow-ups and log rows that one step may need; an action has up to 31 calls, 16 of them at once, each
with two attempts; a call that begins puts up to six events on the agenda (its end, timeouts, timers of a request, a
base model, a hedge)."""
ROWS_ROOM = 4096
"""Integers of new rows that one step may need: a stage has up to 16 calls, each with an attempt and two questions."""


@step
def at1(m: Memory, table: int, i: int) -> int:
    """Item of a table of integers with one axis."""
    return m[m[table] + i]


@step
def at2(m: Memory, table: int, i: int, j: int) -> int:
    """Item of a table of integers with two axes."""
    return m[m[table] + i * m[table + 1] + j]


@step
def at3(m: Memory, table: int, i: int, j: int, k: int) -> int:
    """Item of a table of integers with three axes."""
    return m[m[table] + i * m[table + 1] + j * m[table + 2] + k]


@step
def real1(m: Memory, f: Reals, table: int, i: int) -> float:
    """Item of a table of floats with one axis."""
    return f[m[table] + i]


@step
def real2(m: Memory, f: Reals, table: int, i: int, j: int) -> float:
    """Item of a table of floats with two axes."""
    return f[m[table] + i * m[table + 1] + j]


@step
def real3(m: Memory, f: Reals, table: int, i: int, j: int, k: int) -> float:
    """Item of a table of floats with three axes."""
    return f[m[table] + i * m[table + 1] + j * m[table + 2] + k]


@step
def length(m: Memory, table: int) -> int:
    """Length of the first axis of a table."""
    return m[table + 3]


@step
def region_of(m: Memory, a: int) -> int:
    """The region to which an action has turned; the only one, where they are not modelled."""
    return max(m[a + A_SERVED_IN], 0)


@step
def is_here(m: Memory, a: int) -> bool:
    """Has an action come to its region?"""
    return m[a + A_NETWORK] != NONE


@step
def reals(m: Memory, f: Reals, table: int, i: int, j: int, k: int) -> Floats:
    """The last axis of a table of floats, of four axes (or fewer: with 0 for the rest)."""
    row: Floats = view(f, m[table] + i * m[table + 1] + j * m[table + 2] + k * m[table + 4], (m[table + 4],))
    return row


@step
def new_row(m: Memory, free: int, width: int) -> int:
    """Address of a free row: one used before, else the next fresh one."""
    row = m[free]
    if row != NONE:
        m[free] = m[row + 1]
        return row
    row = m[M_TOP]
    m[M_TOP] += width
    return row


@step
def free_row(m: Memory, free: int, row: int) -> None:
    """Give a row back."""
    m[row] = FREE
    m[row + 1] = m[free]
    m[free] = row


@step
def room_needed(m: Memory) -> int:
    """Events, follow-ups or log rows that one step may need.

    In a run with changes or with incidents that fail work in flight, one step may end all attempts, or hand slots
    to all that wait; an answer is told to all that wait for it.
    """
    return m[M_BULK] * (2 * m[M_ATTEMPTS] + m[M_ACTIONS]) + m[M_JOINED] + ROOM


@step
def rows_needed(m: Memory) -> int:
    """Integers of new rows that one step may need: all attempts that it ends may write pieces of their prompts."""
    return m[M_ROWS_ROOM] + m[M_BULK] * m[M_ATTEMPTS] * m[M_PIECES_ROOM]


@step
def then(m: Memory, what: int, row: int) -> int:
    """The next step and what it is about."""
    m[M_ROW] = row
    return what
