"""Demand of limits, attempt by attempt: what `result.limits` finds in a log.

Time that is asked for is kept as two sums a minute, over the beginnings less the ends of intervals: how many, and
when; both together give the time within every minute (see `result.windows.spread`).
"""

from simkit.engine.compiled.memory import Memory
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, DID_NOT
from simkit.laws.jit import step
from simkit.plan.codes import Kind, Outcome
from simkit.plan.plan import NEVER
from simkit.result.limits import INPUT, OUTPUT, RAMP, REQUESTS
from simkit.result.streamed.ledger import *

A_ARRIVAL, A_KIND, A_START, A_END, A_OUTCOME, A_REASON, A_WAITED, A_SERVED_IN, A_NETWORK = (
    ACTION_COLUMNS.index(name)
    for name in ("arrival", "kind", "start", "end", "outcome", "reason", "waited", "region", "network")
)
(
    T_CALL, T_REPEAT, T_RUNG, T_TRY, T_DEPLOYMENT, T_DISPATCHED, T_STARTED, T_ENDED, T_RELEASED, T_OUTCOME, T_TOKENS_IN,
    T_TOKENS_OUT, T_CACHED, T_LIMIT, T_HEDGE,
) = (ATTEMPT_COLUMNS.index(name) for name in (
    "call", "repeat", "rung", "attempt", "deployment", "dispatched", "started", "ended", "released", "outcome",
    "tokens_in", "tokens_out", "tokens_cached", "limit", "hedge",
))  # fmt: skip
T_WIDTH = len(ATTEMPT_COLUMNS)
RATE_LIMIT, OVERLOADED, TOO_LARGE, THROTTLED = (
    int(k) for k in (Kind.RATE_LIMIT, Kind.OVERLOADED, Kind.TOO_LARGE, Kind.THROTTLED)
)
REJECTED, QUEUE_FULL, QUOTA, BUDGET = (int(k) for k in (Outcome.REJECTED, Kind.QUEUE_FULL, Kind.QUOTA, Kind.BUDGET))
DEGRADED, BY_HUMAN = int(Outcome.DEGRADED), int(Kind.HUMAN)


@step
def minute_of(m: Memory, time: int) -> int:
    """The minute of a time in [0, horizon); the last takes the rest."""
    return min(time // m[MINUTE_NS], m[MINUTES] - 1)


@step
def inside(m: Memory, time: int) -> bool:
    """Is it in the measured period?"""
    return 0 <= time < m[HORIZON]


@step
def hold_up(m: Memory, limit: int, measured: bool) -> None:
    """A limit delayed or refused something of this action; counted once an action."""
    mark = m[MARK] + limit
    if measured and m[mark] != m[STORIES]:
        m[mark] = m[STORIES]
        m[place(m, HELD, limit) + AFFECTED] += 1


@step
def story_demand(m: Memory, rows: Memory, first: int, beyond: int, measured: bool, ended: int) -> None:
    """What the attempts of an action asked of buckets and of slots."""
    for t in range(first, beyond, T_WIDTH):
        n = rows[t + T_DEPLOYMENT]
        if n < 0 or rows[t + T_OUTCOME] == THROTTLED:
            continue
        if m[BUCKETS] > 0:
            bucket_demand(m, rows, first, t, measured)
        if m[m[STATION] + n] >= 0:
            slot_demand(m, rows, first, beyond, t, measured, ended)


@step
def neighbour(rows: Memory, first: int, beyond: int, t: int, after: int) -> int:
    """The try before (-1) or after (1) an attempt in its rung, or NEVER; hedges have none."""
    s, wanted = t + after * T_WIDTH, rows[t + T_TRY] + after
    if wanted < 0 or rows[t + T_HEDGE] == 1:
        return NEVER
    while first <= s < beyond:
        if (
            rows[s + T_TRY] == wanted
            and rows[s + T_HEDGE] == 0
            and rows[s + T_CALL] == rows[t + T_CALL]
            and rows[s + T_REPEAT] == rows[t + T_REPEAT]
            and rows[s + T_RUNG] == rows[t + T_RUNG]
        ):
            return s
        s += after * T_WIDTH
    return NEVER


@step
def bucket_demand(m: Memory, rows: Memory, first: int, t: int, measured: bool) -> None:
    """Units asked of each bucket (once for a request that comes again), and who was refused."""
    n, sent, outcome = rows[t + T_DEPLOYMENT], rows[t + T_DISPATCHED], rows[t + T_OUTCOME]
    before = neighbour(rows, first, t, t, -1)
    refused_at = rows[before + T_DEPLOYMENT] if before != NEVER and rows[before + T_OUTCOME] == RATE_LIMIT else NEVER
    if inside(m, sent) and outcome != TOO_LARGE:
        minute = minute_of(m, sent)
        for i in range(m[m[FIRST_BUCKET] + n], m[m[FIRST_BUCKET] + n + 1]):
            b = m[m[BUCKET] + i]
            if refused_at == NEVER or m[place(m, MEMBER, b) + refused_at] == 0:
                m[place(m, DEMAND, b) + minute] += units(m, rows, t, b)
    if refused_at != NEVER and rows[before + T_LIMIT] >= 0 and inside(m, rows[before + T_DISPATCHED]):
        held = place(m, HELD, rows[before + T_LIMIT])
        m[held + DELAYED] += 1
        m[held + DELAY] += sent - rows[before + T_DISPATCHED]
    if outcome == RATE_LIMIT and rows[t + T_LIMIT] >= 0 and inside(m, sent):
        m[place(m, HELD, rows[t + T_LIMIT]) + REFUSED] += 1
        hold_up(m, rows[t + T_LIMIT], measured)


@step
def units(m: Memory, rows: Memory, t: int, b: int) -> int:
    """What an attempt asks of a bucket."""
    measure = m[m[MEASURE] + b]
    if measure in (REQUESTS, RAMP):
        return 1
    prompt = rows[t + T_TOKENS_IN] - (0 if m[m[CACHED_COUNTS] + b] == 1 else rows[t + T_CACHED])
    if measure == INPUT:
        return prompt
    answer = rows[t + T_TOKENS_OUT]
    if m[m[RESERVE_MAX] + b] == 1:
        longest = m[place(m, MAX_OUTPUT, epoch_of(m, rows[t + T_DISPATCHED])) + rows[t + T_CALL]]
        answer = longest if longest < NEVER else answer
    return answer if measure == OUTPUT else prompt + answer


@step
def epoch_of(m: Memory, time: int) -> int:
    """The epoch of a time."""
    e = 0
    while e + 1 < m[EPOCH_COUNT] and m[m[EPOCHS] + e + 1] <= time:
        e += 1
    return e


@step
def slot_demand(m: Memory, rows: Memory, first: int, beyond: int, t: int, measured: bool, ended: int) -> None:
    """An attempt that asked for a slot of its deployment."""
    outcome, started, n = rows[t + T_OUTCOME], rows[t + T_STARTED], rows[t + T_DEPLOYMENT]
    if outcome in (RATE_LIMIT, TOO_LARGE):
        return
    after = neighbour(rows, first, beyond, t, 1) if started == DID_NOT else NEVER
    again = after != NEVER and rows[after + T_DEPLOYMENT] == n and rows[after + T_OUTCOME] != THROTTLED
    gone = rows[t + T_ENDED] if rows[t + T_ENDED] != DID_NOT else ended
    freed = rows[t + T_RELEASED] if rows[t + T_RELEASED] != DID_NOT else ended
    refused = outcome == OVERLOADED and started == DID_NOT
    station_demand(m, m[m[STATION] + n], rows[t + T_DISPATCHED], started, gone, freed, refused, again, measured)


@step
def own_demand(
    m: Memory, acts: Memory, a: int, rows: Memory, first: int, beyond: int, measured: bool, ended: int
) -> None:
    """An action that asked for a slot of the own service; who waits for a person gives it up."""
    rejected, reason = acts[a + A_OUTCOME] == REJECTED, acts[a + A_REASON]
    station = m[m[STATION] + m[OWN_STATION] + max(acts[a + A_SERVED_IN], 0)]
    if station < 0 or acts[a + A_NETWORK] < 0 or (rejected and reason in (QUOTA, BUDGET)):
        return
    end = acts[a + A_END] if acts[a + A_END] != DID_NOT else ended
    if acts[a + A_OUTCOME] == DEGRADED and acts[a + A_REASON] == BY_HUMAN:
        end = max(acts[a + A_START], acts[a + A_ARRIVAL])
        for t in range(first, beyond, T_WIDTH):
            end = max(end, rows[t + T_ENDED])
    asked = acts[a + A_ARRIVAL] + acts[a + A_NETWORK]
    refused, start = rejected and reason == QUEUE_FULL, acts[a + A_START]
    if m[HAS_BATCH] == 1 and m[m[KIND_WAITS] + acts[a + A_KIND]] == 1:
        left = start if start != DID_NOT else end
        waited = own_wait(acts, a, rows, first, beyond, left)
        if m[BATCH_SIDE] == 1 or not (start != DID_NOT or refused or waited > 0):
            return
        asked = left - waited
    station_demand(m, station, asked, start, end, end, refused, False, measured)


@step
def own_wait(acts: Memory, a: int, rows: Memory, first: int, beyond: int, left: int) -> int:
    """How long an action waited for a slot of the own service, which it left the queue of at `left`."""
    waited, came = acts[a + A_WAITED], acts[a + A_ARRIVAL] + acts[a + A_NETWORK]
    for t in range(first, beyond, T_WIDTH):
        if rows[t + T_STARTED] != DID_NOT:
            waited -= rows[t + T_STARTED] - rows[t + T_DISPATCHED]
    return max(0, min(waited, left - came))


@step
def station_demand(
    m: Memory, s: int, asked: int, began: int, gone: int, freed: int, refused: bool, again: bool, measured: bool
) -> None:
    """One that asked for a slot: began (or not), gone from the queue, freed its slot; `again`: it asked once more."""
    row, slots = m[BUCKETS] + STATION_ROWS * s, m[BUCKETS] + 2 * s
    queue = slots + 1
    left = began if began != DID_NOT else gone
    if began != DID_NOT:
        m[place(m, HOLDING, s)] += 1
        m[place(m, HOLDING, s) + 1] += freed - began
        interval(m, row + OFFERED, asked, asked + freed - began)
    elif not again and inside(m, asked):
        m[place(m, DEMAND, row + LOST) + minute_of(m, asked)] += 1
    if m[m[QUEUED] + s] == 1:
        interval(m, row + QUEUEING, asked, max(left, asked))
    if not inside(m, asked):
        return
    if refused:
        blamed = queue if m[m[QUEUED] + s] == 1 else slots
        m[place(m, HELD, blamed) + REFUSED] += 1
        hold_up(m, blamed, measured)
    elif left > asked:
        held = place(m, HELD, slots)
        m[held + DELAYED] += 1
        m[held + DELAY] += left - asked
        hold_up(m, slots, measured)


@step
def interval(m: Memory, row: int, start: int, end: int) -> None:
    """Time from `start` to `end`, as far as it is in the measured period."""
    moment(m, row, start, 1)
    moment(m, row, end, -1)


@step
def moment(m: Memory, row: int, time: int, sign: int) -> None:
    """A beginning (1) or an end (-1); what comes after the horizon does not matter."""
    if time >= m[HORIZON]:
        return
    since = max(time, 0)
    minute = minute_of(m, since)
    m[place(m, DEMAND, row) + minute] += sign
    m[place(m, DEMAND, row + 1) + minute] += sign * since
