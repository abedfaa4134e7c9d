"""Adding up: an action with all its attempts at a time, in the order in which actions end.

An address `a` is that of a row with ACTION_COLUMNS, `t` that of one with ATTEMPT_COLUMNS: `rows[t + T_COST]` is
what an attempt cost. What each figure means stands in `result.tally`, which finds the same in a log.
"""

from simkit.engine.compiled.memory import Memory
from simkit.engine.compiled.pointer import pointer
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS
from simkit.laws.histogram import bin_of
from simkit.laws.jit import Ints, apart, law, step
from simkit.plan.codes import Cause, Kind, Outcome
from simkit.result.streamed.demand import own_demand, story_demand
from simkit.result.streamed.ledger import *
from simkit.result.streamed.ledger import COSTS, OBJECTIVE_KINDS, SAMPLES, SERIES_NAMES

A_WIDTH, T_WIDTH = len(ACTION_COLUMNS), len(ATTEMPT_COLUMNS)
A_ARRIVAL, A_USER, A_KIND, A_FIRST_TOKEN, A_END, A_OUTCOME, A_REASON, A_GOOD, A_WAITED, A_ATTEMPTS, A_COST = (
    ACTION_COLUMNS.index(name) for name in (
        "arrival", "user", "kind", "first_token", "end", "outcome", "reason", "good", "waited", "attempts", "cost",
    )
)  # fmt: skip
(
    T_CALL, T_REPEAT, T_CAUSE, T_MODEL, T_DEPLOYMENT, T_DISPATCHED, T_FIRST_TOKEN, T_ENDED, T_OUTCOME, T_CACHED,
    T_BILLED_IN, T_BILLED_OUT, T_COST,
) = (ATTEMPT_COLUMNS.index(name) for name in (
    "call", "repeat", "cause", "model", "deployment", "dispatched", "first_token", "ended", "outcome", "tokens_cached",
    "billed_in", "billed_out", "cost",
))  # fmt: skip
OK, DEGRADED, CENSORED, ANSWERED = int(Outcome.OK), int(Outcome.DEGRADED), int(Outcome.CENSORED), int(Kind.OK)
FIRST, RETRY, FALLBACK, ESCALATION = (int(c) for c in (Cause.FIRST, Cause.RETRY, Cause.FALLBACK, Cause.ESCALATION))
ARRIVED, FIRST_OUTCOME = 0, 1
(
    TOOK, JUDGED, GOOD, BAD, COUNTED, TRIED, CALLS, RETRIES, FALLBACKS, CASCADES, ESCALATED, SPENT, WASTED,
    TOKENS_IN, TOKENS_OUT, TOKENS_CACHED,
) = (SERIES_NAMES.index(name) for name in (
    "latency", "judged", "good", "bad", "counted", "attempts", "calls", "retries", "fallbacks", "cascades",
    "escalated", "cost", "wasted", "tokens_in", "tokens_out", "tokens_cached",
))  # fmt: skip
BY_OBJECTIVE = len(SERIES_NAMES)
BY_MODEL, BY_DEPLOYMENT, BY_PROVIDER, BY_CALL, BY_KIND, BY_OUTCOME, BY_CAUSE, BY_WASTE = range(len(COSTS))
OF_TTFT, OF_WAITED, OF_COST = range(len(SAMPLES))
ON_LATENCY, ON_TTFT, ON_GOOD = (OBJECTIVE_KINDS.index(kind) for kind in ("latency", "ttft", "good"))


@law
def add(ledger: Ints, actions: Ints, attempts: Ints, served: Ints, costs: Ints, answers: Ints, ended: int) -> None:
    """Add rows of actions and, in the same order, those of their attempts; all tables are flat.

    `served`, `costs`, `answers` take single values where they are kept (see `Singles`). `ended` is when the run
    stopped; it matters for censored actions only.
    """
    m, rows = pointer(ledger), pointer(attempts)
    acts, first = pointer(actions), 0
    singles, prices, replies = pointer(served), pointer(costs), pointer(answers)
    for a in range(0, len(actions), A_WIDTH):
        beyond = first + acts[a + A_ATTEMPTS] * T_WIDTH
        m[STORIES] += 1
        measured = 0 <= acts[a + A_ARRIVAL] < m[HORIZON]
        if measured:
            window = min(acts[a + A_ARRIVAL] // m[WINDOW], m[WINDOWS] - 1)
            w = place(m, SERIES, window)
            add_action(m, acts, a, w, prices)
            if acts[a + A_OUTCOME] <= DEGRADED:
                add_served(m, acts, a, w, place(m, HISTOGRAM, window), singles)
            judge(m, acts, a, w, ended)
            add_attempts(m, rows, first, beyond, w, acts[a + A_OUTCOME] <= DEGRADED, replies)
        own_demand(m, acts, a, measured, ended)
        story_demand(m, rows, first, beyond, measured, ended)
        first = beyond
    m[TRIES] += len(attempts) // T_WIDTH
    carry(m, COST, COST_HIGH, ENDS)
    carry(m, HELD, HELD_HIGH, MARK)
    carry(m, HOLDING, HOLDING_HIGH, COST_HIGH)


@apart
def carry(m: Memory, low: int, high: int, following: int) -> None:
    """Carry over what passes LOW_BITS; the table ends where the following one begins."""
    above = m[high]
    for i in range(m[low], m[following]):
        m[above] += m[i] >> LOW_BITS
        m[i] &= (1 << LOW_BITS) - 1
        above += 1


@step
def add_action(m: Memory, acts: Memory, a: int, w: int, prices: Memory) -> None:
    """A measured action; `w` is the address of the series of the window in which it arrived."""
    outcome, cost = acts[a + A_OUTCOME], acts[a + A_COST]
    m[w + ARRIVED] += 1
    m[w + FIRST_OUTCOME + outcome] += 1
    m[place(m, REASONS, outcome) + acts[a + A_REASON]] += 1
    m[place(m, COST, BY_KIND) + acts[a + A_KIND]] += cost
    m[place(m, COST, BY_OUTCOME) + outcome] += cost
    if acts[a + A_USER] >= 0:
        user = place(m, USERS, acts[a + A_USER])
        m[user] += 1
        m[user + 1] += cost
    if m[EXACT] == 0:
        m[place(m, WHOLE, OF_COST) + bin_of(cost)] += 1
    else:
        prices[m[COST_ROWS]] = cost
        m[COST_ROWS] += 1


@step
def add_served(m: Memory, acts: Memory, a: int, w: int, histogram: int, singles: Memory) -> None:
    """How long it took, and whether it was right."""
    arrival = acts[a + A_ARRIVAL]
    took, ttft = acts[a + A_END] - arrival, acts[a + A_FIRST_TOKEN] - arrival
    m[w + TOOK] += took
    if acts[a + A_GOOD] >= 0:
        m[w + JUDGED] += 1
        m[w + GOOD] += acts[a + A_GOOD]
    m[histogram + bin_of(took)] += 1
    if m[EXACT] == 0:
        m[place(m, WHOLE, OF_TTFT) + bin_of(ttft)] += 1
        m[place(m, WHOLE, OF_WAITED) + bin_of(acts[a + A_WAITED])] += 1
        return
    row = 3 * m[SERVED_ROWS]
    m[SERVED_ROWS] += 1
    singles[row] = took
    singles[row + 1] = ttft
    singles[row + 2] = acts[a + A_WAITED]


@step
def judge(m: Memory, acts: Memory, a: int, w: int, ended: int) -> None:
    """Bad and counted, by each objective and by any."""
    any_bad, any_counted = 0, 0 if acts[a + A_OUTCOME] == CENSORED else 1
    for o in range(m[OBJECTIVES]):
        bad, counted = verdict(m, acts, a, o, ended)
        m[w + BY_OBJECTIVE + 2 * o] += bad
        m[w + BY_OBJECTIVE + 2 * o + 1] += counted
        any_bad = max(any_bad, bad)
        any_counted = max(any_counted, counted)
    m[w + BAD] += any_bad
    m[w + COUNTED] += any_counted


@step
def verdict(m: Memory, acts: Memory, a: int, o: int, ended: int) -> tuple[int, int]:
    """(bad, counted) by an objective, see `Objective.judge`."""
    by, limit, arrival = m[m[JUDGED_BY] + o], m[m[LIMIT_NS] + o], acts[a + A_ARRIVAL]
    outcome = acts[a + A_OUTCOME]
    if outcome == CENSORED:
        late = 1 if limit > 0 and ended - arrival > limit else 0
        return late, late
    if outcome != OK and (outcome != DEGRADED or m[m[FAIR] + o] == 0):
        return 1, 1
    if by == ON_LATENCY:
        return 1 if acts[a + A_END] - arrival > limit else 0, 1
    if by == ON_TTFT:
        return 1 if acts[a + A_FIRST_TOKEN] - arrival > limit else 0, 1
    if by == ON_GOOD:
        return 1 if acts[a + A_GOOD] == 0 else 0, 1 if acts[a + A_GOOD] >= 0 else 0
    return 0, 1


@step
def add_attempts(m: Memory, rows: Memory, first: int, beyond: int, w: int, served: bool, replies: Memory) -> None:
    """The attempts of a measured action."""
    for t in range(first, beyond, T_WIDTH):
        count_attempt(m, rows, first, t, w)
        bill_attempt(m, rows, t, w, 0 if served and rows[t + T_OUTCOME] == ANSWERED else 1)
        if rows[t + T_DEPLOYMENT] >= 0:
            add_deployment(m, rows, t, replies)


@step
def count_attempt(m: Memory, rows: Memory, first: int, t: int, w: int) -> None:
    """What it was for, and how it ended."""
    cause = rows[t + T_CAUSE]
    m[w + TRIED] += 1
    m[w + TRIED + 1 + rows[t + T_OUTCOME]] += 1
    if cause == FIRST:
        m[w + CALLS] += 1
        m[w + CASCADES] += m[m[CASCADE] + rows[t + T_CALL]]
    elif cause == RETRY:
        m[w + RETRIES] += 1
    elif cause == FALLBACK:
        m[w + FALLBACKS] += first_of_its_cause(rows, first, t)
    elif cause == ESCALATION:
        m[w + ESCALATED] += first_of_its_cause(rows, first, t)


@step
def first_of_its_cause(rows: Memory, first: int, t: int) -> int:
    """1 unless an earlier attempt of the same repetition of a call had the same cause."""
    for s in range(t - T_WIDTH, first - 1, -T_WIDTH):
        if rows[s + T_CALL] == rows[t + T_CALL] and rows[s + T_REPEAT] == rows[t + T_REPEAT]:
            if rows[s + T_CAUSE] == rows[t + T_CAUSE]:
                return 0
            if rows[s + T_CAUSE] == FIRST:
                return 1
    return 1


@step
def bill_attempt(m: Memory, rows: Memory, t: int, w: int, wasted: int) -> None:
    """Money and tokens."""
    cost, billed = rows[t + T_COST], rows[t + T_BILLED_IN]
    m[w + SPENT] += cost
    m[w + WASTED] += cost * wasted
    m[w + TOKENS_IN] += billed
    m[w + TOKENS_OUT] += rows[t + T_BILLED_OUT]
    m[w + TOKENS_CACHED] += min(rows[t + T_CACHED], billed)
    m[place(m, COST, BY_MODEL) + rows[t + T_MODEL]] += cost
    m[place(m, COST, BY_CALL) + rows[t + T_CALL]] += cost
    m[place(m, COST, BY_CAUSE) + rows[t + T_CAUSE]] += cost
    m[place(m, COST, BY_WASTE) + wasted] += cost


@step
def add_deployment(m: Memory, rows: Memory, t: int, replies: Memory) -> None:
    """What was asked of a deployment, and how long its answers took."""
    n, cost = rows[t + T_DEPLOYMENT], rows[t + T_COST]
    m[place(m, COST, BY_DEPLOYMENT) + n] += cost
    m[place(m, COST, BY_PROVIDER) + m[m[PROVIDER] + n]] += cost
    m[place(m, ENDS, n) + rows[t + T_OUTCOME]] += 1
    tokens = place(m, TOKENS, n)
    m[tokens] += rows[t + T_BILLED_IN]
    m[tokens + 1] += rows[t + T_BILLED_OUT]
    if rows[t + T_OUTCOME] == ANSWERED:
        add_answer(m, rows, t, n, replies)


@step
def add_answer(m: Memory, rows: Memory, t: int, n: int, replies: Memory) -> None:
    """How long a successful attempt took, to the first token (-1: none was seen) and in all."""
    sent, seen = rows[t + T_DISPATCHED], rows[t + T_FIRST_TOKEN]
    took, ttft = rows[t + T_ENDED] - sent, seen - sent if seen >= 0 else -1
    if m[EXACT] == 1:
        row = 3 * m[ANSWER_ROWS]
        m[ANSWER_ROWS] += 1
        replies[row] = n
        replies[row + 1] = ttft
        replies[row + 2] = took
        return
    m[place(m, LATENCY, n) + bin_of(took)] += 1
    if ttft >= 0:
        m[place(m, TTFT, n) + bin_of(ttft)] += 1
