"""Adding up: an action with all its attempts at a time, in the order in which actions end.

An address `a` is that of a row with ACTION_COLUMNS, `t` that of one with ATTEMPT_COLUMNS: `rows[t + T_COST]` is
what an attempt cost. What each figure means stands in `result.tally`, which finds the same in a log.
"""

from simkit.engine.compiled.memory import Memory
from simkit.engine.compiled.pointer import fetch, pointer
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, DID_NOT
from simkit.laws.histogram import bin_of
from simkit.laws.jit import Ints, apart, law, step
from simkit.plan.codes import Cause, Kind, Outcome
from simkit.result.recovery import COLUMNS, HALF
from simkit.result.streamed.demand import own_demand, story_demand
from simkit.result.streamed.economy import (
    OF_BUDGET,
    OF_QUOTA,
    add_bill,
    add_money,
    add_work,
    all_money,
    count_blocked,
    count_cut,
    count_refused,
    grow,
    is_patient,
    turn_row,
)
from simkit.result.streamed.ledger import *
from simkit.result.streamed.ledger import COSTS, OBJECTIVE_KINDS, SAMPLES, SERIES_NAMES
from simkit.result.streamed.people import add_desk, add_member, is_by_person
from simkit.result.streamed.regions import add_region, audit, judge_region
from simkit.result.tally import MARKS, MOST_ATTEMPTS
from simkit.result.windows import MINUTE

A_WIDTH, T_WIDTH = len(ACTION_COLUMNS), len(ATTEMPT_COLUMNS)
(
    A_ACTION, A_ARRIVAL, A_USER, A_KIND, A_START, A_FIRST_TOKEN, A_END, A_OUTCOME, A_REASON, A_GOOD, A_WAITED,
    A_ATTEMPTS, A_COST, A_DEGRADE_COST, A_DESK_ASKED, A_DESK_BEGAN,
) = (ACTION_COLUMNS.index(name) for name in (
    "action", "arrival", "user", "kind", "start", "first_token", "end", "outcome", "reason", "good", "waited",
    "attempts", "cost", "degrade_cost", "desk_asked", "desk_began",
))  # fmt: skip
(
    T_CALL, T_REPEAT, T_RUNG, T_TRY, T_CAUSE, T_MODEL, T_DEPLOYMENT, T_DISPATCHED, T_STARTED, T_FIRST_TOKEN, T_ENDED,
    T_OUTCOME, T_BILLED_IN, T_BILLED_OUT, T_COST, T_LIMIT, T_MARKS,
) = (ATTEMPT_COLUMNS.index(name) for name in (
    "call", "repeat", "rung", "attempt", "cause", "model", "deployment", "dispatched", "started", "first_token",
    "ended", "outcome", "billed_in", "billed_out", "cost", "limit", "marks",
))  # fmt: skip
OK, DEGRADED, FAILED, REJECTED, ABANDONED, CENSORED = range(len(Outcome))
ANSWERED, RATE_LIMIT, OVERLOADED, MALFORMED, THROTTLED, NO_DEPLOYMENT, QUOTA_EXHAUSTED = (
    int(k)
    for k in (
        Kind.OK, Kind.RATE_LIMIT, Kind.OVERLOADED, Kind.MALFORMED, Kind.THROTTLED, Kind.NO_DEPLOYMENT,
        Kind.QUOTA_EXHAUSTED,
    )
)  # fmt: skip
FIRST_RUNG, LAST_RUNG = int(Kind.PARTIAL), int(Kind.STALE)
OF_SHEDDING, OF_HUMAN = int(Kind.SHED), int(Kind.HUMAN)
FIRST, RETRY, FALLBACK, ESCALATION, HEDGE, CLIENT_RETRY = range(len(Cause))
ARRIVED, FIRST_OUTCOME = 0, 1
(
    PEOPLE, SHED, BY_HUMAN, TIMED, TOOK, JUDGED, GOOD, BAD, COUNTED, TRIED, SENT, MARKED, CALLS, RETRIES,
    RETRY_WAIT, HEDGES, HEDGE_WINS, CUT_SHORT, FALLBACKS, CASCADES, ESCALATED, SPENT, WASTED, TOKENS_IN, TOKENS_OUT,
    PEOPLE_TIME,
) = (SERIES_NAMES.index(name) for name in (
    "people", "shed", "human", "timed", "latency", "judged", "good", "bad", "counted", "attempts", "sent",
    f"marked_{MARKS[0]}", "calls", "retries", "retry_wait", "hedges", "hedge_wins", "cut_short", "fallbacks",
    "cascades", "escalated", "cost", "wasted", "tokens_in", "tokens_out", "people_time",
))  # fmt: skip
(
    M_ENDED, M_SERVED, M_LOST, M_DEGRADED, M_ABANDONED, M_SENT, _, M_THROTTLED, M_NO_DEPLOYMENT, M_FELL_BACK,
    M_TURNED_AWAY, M_FIRST_RUNG,
) = (COLUMNS.index(name) for name in (
    "ended", "served", "lost", "degraded", "abandoned", "sent", "cost", "throttled", "no_deployment", "fell_back",
    "turned_away", "partial",
))  # fmt: skip
M_BY_OBJECTIVE = len(COLUMNS)
BY_OBJECTIVE = len(SERIES_NAMES)
BY_MODEL, BY_DEPLOYMENT, BY_CALL, BY_KIND, BY_OUTCOME, BY_CAUSE, BY_WASTE = range(len(COSTS))
OF_TTFT, OF_WAITED, OF_HUMAN_WAIT, OF_COST = range(len(SAMPLES))
ON_LATENCY, ON_TTFT, ON_GOOD = (OBJECTIVE_KINDS.index(kind) for kind in ("latency", "ttft", "good"))


@law
def add(
    ledger: Ints, actions: Ints, attempts: Ints, served: Ints, costs: Ints, answers: Ints, members: Ints, ended: int
) -> None:
    """Add rows of actions and, in the same order, those of their attempts; all tables are flat.

    `served`, `costs`, `answers` take single values where they are kept, `members` what is known of each user.
    `ended` is when the run stopped; it matters for censored actions only.
    """
    m, rows = pointer(ledger), pointer(attempts)
    acts, first = pointer(actions), 0
    singles, prices, replies, people = pointer(served), pointer(costs), pointer(answers), pointer(members)
    for a in range(0, len(actions), A_WIDTH):
        beyond = first + acts[a + A_ATTEMPTS] * T_WIDTH
        m[STORIES] += 1
        measured = 0 <= acts[a + A_ARRIVAL] < m[HORIZON]
        if measured:
            window = min(acts[a + A_ARRIVAL] // m[WINDOW], m[WINDOWS] - 1)
            w, minute, fine = place(m, SERIES, window), minute_of(m, acts, a), acts[a + A_OUTCOME] <= DEGRADED
            histogram = place(m, HISTOGRAM, window)
            if a + A_WIDTH < len(actions):
                fetch_next(m, acts, a + A_WIDTH, histogram, people)
            add_action(m, acts, a, w, prices, people)
            add_money(m, acts, a, window, w)
            bad = judge(m, acts, a, w, minute, ended)
            if m[REGIONS] > 0:
                add_region(m, acts, a, window, bad)
            sent = add_attempts(m, acts, a, rows, first, beyond, window, minute, fine, replies)
            m[place(m, TRIES, window) + min(sent, MOST_ATTEMPTS)] += 1
            if acts[a + A_OUTCOME] != OK:
                add_no_success(m, acts, a, w)
                m[place(m, WHY, window) + acts[a + A_REASON]] += 1
            if minute > 0:
                add_minute(m, acts, a, minute, sent)
            if fine:
                add_served(m, acts, a, w, histogram, singles)
        if m[REGIONS] > 0:
            audit(m, acts, a, rows, first, beyond)
        if m[PULSE_EVERY] > 0:
            beat(m, acts, a)
        if m[HAS_BATCH] == 1:
            add_work(m, rows, first, beyond)
        if acts[a + A_DESK_BEGAN] != DID_NOT:
            add_desk(m, acts, a, ended)
        own_demand(m, acts, a, rows, first, beyond, measured, ended)
        story_demand(m, rows, first, beyond, measured, ended)
        first = beyond
    m[ALL_TRIES] += len(attempts) // T_WIDTH
    carry(m, COST, COST_HIGH, ENDS)
    carry(m, HELD, HELD_HIGH, MARK)
    carry(m, HOLDING, HOLDING_HIGH, TRIES)
    carry(m, DESK, DESK_HIGH, COST_HIGH)
    carry(m, PROMPT_USE, PROMPT_HIGH, TURNS)
    carry(m, TURNS, TURNS_HIGH, STEPS)
    carry(m, STEPS, STEPS_HIGH, PROMPT_HIGH)
    carry(m, AREAS, AREAS_HIGH, AREAS_HIGH)


@step
def fetch_next(m: Memory, acts: Memory, a: int, histogram: int, people: Memory) -> None:
    """What the next action needs is far off: its bin (most often it arrived in the same window), its user."""
    fetch(m, histogram + bin_of(max(acts[a + A_END] - acts[a + A_ARRIVAL], 0)))
    if acts[a + A_USER] >= 0:
        fetch(people, acts[a + A_USER] * MEMBER_WIDTH)


@apart
def carry(m: Memory, low: int, high: int, following: int) -> None:
    """Carry over what passes LOW_BITS; the table ends where the following one begins."""
    above = m[high]
    for i in range(m[low], m[following]):
        m[above] += m[i] >> LOW_BITS
        m[i] &= (1 << LOW_BITS) - 1
        above += 1


@step
def add_action(m: Memory, acts: Memory, a: int, w: int, prices: Memory, people: Memory) -> None:
    """A measured action; `w` is the address of the series of the window in which it arrived."""
    outcome, cost = acts[a + A_OUTCOME], acts[a + A_COST]
    m[w + ARRIVED] += 1
    m[w + FIRST_OUTCOME + outcome] += 1
    m[place(m, REASONS, outcome) + acts[a + A_REASON]] += 1
    m[place(m, COST, BY_KIND) + acts[a + A_KIND]] += cost
    m[place(m, COST, BY_OUTCOME) + outcome] += cost
    if acts[a + A_USER] >= 0:
        add_member(m, acts, a, people)
    if m[EXACT] == 0:
        m[place(m, WHOLE, OF_COST) + bin_of(cost)] += 1
    else:
        prices[m[COST_ROWS]] = cost
        m[COST_ROWS] += 1


@apart
def add_no_success(m: Memory, acts: Memory, a: int, w: int) -> None:
    """Who was turned away, and what people did (an answer in full needs none)."""
    m[w + PEOPLE] += acts[a + A_DEGRADE_COST]
    count_refused(m, acts, a, w)
    m[w + SHED] += 1 if acts[a + A_REASON] == OF_SHEDDING else 0
    if acts[a + A_REASON] == OF_HUMAN:
        m[w + BY_HUMAN] += 1
    if is_by_person(acts, a):
        m[w + PEOPLE_TIME] += acts[a + A_END] - acts[a + A_DESK_ASKED]


@step
def add_served(m: Memory, acts: Memory, a: int, w: int, histogram: int, singles: Memory) -> None:
    """How long it took, and whether it was right."""
    arrival = acts[a + A_ARRIVAL]
    took, ttft = acts[a + A_END] - arrival, acts[a + A_FIRST_TOKEN] - arrival
    by_person, human_wait = is_by_person(acts, a), acts[a + A_DESK_BEGAN] - acts[a + A_DESK_ASKED]
    if acts[a + A_GOOD] >= 0:
        m[w + JUDGED] += 1
        m[w + GOOD] += acts[a + A_GOOD]
    if is_patient(m, acts, a):
        return
    m[w + TIMED] += 1
    m[w + TOOK] += took
    m[histogram + bin_of(took)] += 1
    if m[EXACT] == 0:
        m[place(m, WHOLE, OF_TTFT) + bin_of(ttft)] += 1
        m[place(m, WHOLE, OF_WAITED) + bin_of(acts[a + A_WAITED])] += 1
        if by_person:
            m[place(m, WHOLE, OF_HUMAN_WAIT) + bin_of(human_wait)] += 1
        return
    row = SERVED_WIDTH * m[SERVED_ROWS]
    m[SERVED_ROWS] += 1
    singles[row] = took
    singles[row + 1] = ttft
    singles[row + 2] = acts[a + A_WAITED]
    singles[row + 3] = human_wait if by_person else DID_NOT


@step
def judge(m: Memory, acts: Memory, a: int, w: int, minute: int, ended: int) -> int:
    """Bad and counted, by each objective and by any; 1 if it is bad by any."""
    any_bad, any_counted = 0, 0 if acts[a + A_OUTCOME] == CENSORED else 1
    for o in range(m[OBJECTIVES]):
        bad, counted = verdict(m, acts, a, o, ended)
        m[w + BY_OBJECTIVE + 2 * o] += bad
        m[w + BY_OBJECTIVE + 2 * o + 1] += counted
        if minute > 0 and not is_by_rule(m, acts, a):
            if bad > 0:
                tell(m, minute, M_BY_OBJECTIVE + 2 * o, bad)
            tell(m, minute, M_BY_OBJECTIVE + 2 * o + 1, counted)
        if m[REGIONS] > 0:
            judge_region(m, acts, a, o, bad, counted)
        any_bad = max(any_bad, bad)
        any_counted = max(any_counted, counted)
    m[w + BAD] += any_bad
    m[w + COUNTED] += any_counted
    if m[REGIONS] > 0:
        judge_region(m, acts, a, m[OBJECTIVES], any_bad, any_counted)
    return any_bad


@step
def verdict(m: Memory, acts: Memory, a: int, o: int, ended: int) -> tuple[int, int]:
    """(bad, counted) by an objective, see `Objective.judge`."""
    by, limit, arrival = m[m[JUDGED_BY] + o], m[m[LIMIT_NS] + o], acts[a + A_ARRIVAL]
    outcome = acts[a + A_OUTCOME]
    if limit > 0 and is_patient(m, acts, a):
        return 0, 0
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
def beat(m: Memory, acts: Memory, a: int) -> None:
    """An action, measured or not, in the pulse at the time of its end."""
    end = acts[a + A_END]
    if acts[a + A_OUTCOME] == CENSORED or end < 0 or end >= m[HORIZON]:
        return
    cell = place(m, PULSE, end // m[PULSE_EVERY])
    for o in range(m[OBJECTIVES]):
        bad, counted = verdict(m, acts, a, o, end)
        m[cell + 2 * o] += bad
        m[cell + 2 * o + 1] += counted


@step
def minute_of(m: Memory, acts: Memory, a: int) -> int:
    """Address of the minute in which a measured action arrived; 0 where minutes are not counted."""
    return m[BY_MINUTE] + acts[a + A_ARRIVAL] // MINUTE if m[MINUTE_ROWS] > 0 else 0


@step
def tell(m: Memory, minute: int, column: int, more: int) -> None:
    """Add to a count of a minute, see `recovery.Packed`."""
    m[minute + (1 + (column >> 1)) * m[BY_MINUTE + 1]] += more << HALF * (column & 1)


@step
def add_attempts(
    m: Memory, acts: Memory, a: int, rows: Memory, first: int, beyond: int, window: int, minute: int, served: bool,
    replies: Memory,
) -> int:  # fmt: skip
    """The attempts of a measured action; how many of them were sent."""
    w, turn = place(m, SERIES, window), place(m, TURNS, turn_row(acts, a))
    sent = spent = wasted = tokens_in = tokens_out = 0
    for t in range(first, beyond, T_WIDTH):
        answered = rows[t + T_OUTCOME] == ANSWERED
        count_attempt(m, rows, first, beyond, t, w)
        bill_attempt(m, rows, t)
        add_bill(m, rows, t, window, w, turn)
        spent += rows[t + T_COST]
        wasted += 0 if served and answered else rows[t + T_COST]
        tokens_in += rows[t + T_BILLED_IN]
        tokens_out += rows[t + T_BILLED_OUT]
        if rows[t + T_DEPLOYMENT] >= 0:
            add_deployment(m, rows, t, replies)
            sent += 0 if rows[t + T_OUTCOME] == THROTTLED else 1
        if minute > 0 and not (answered and rows[t + T_CAUSE] == FIRST):
            add_trouble(m, rows, t, minute)
    m[w + TRIED] += acts[a + A_ATTEMPTS]
    m[w + SENT] += sent
    m[w + SPENT] += spent
    m[w + WASTED] += wasted
    m[w + TOKENS_IN] += tokens_in
    m[w + TOKENS_OUT] += tokens_out
    m[place(m, COST, BY_WASTE)] += spent - wasted
    m[place(m, COST, BY_WASTE) + 1] += wasted
    m[turn] += 1
    grow(m, turn, tokens_in, tokens_out, spent)
    return sent


@step
def is_by_rule(m: Memory, acts: Memory, a: int) -> bool:
    """Did a quota or a budget turn it away, or fail it (a budget of models)?"""
    outcome, reason = acts[a + A_OUTCOME], acts[a + A_REASON]
    if outcome == REJECTED:
        return reason in (OF_QUOTA, OF_BUDGET)
    return outcome == FAILED and reason == QUOTA_EXHAUSTED and m[HAS_BUDGETS] == 1


@step
def add_minute(m: Memory, acts: Memory, a: int, minute: int, sent: int) -> None:
    """A measured action in its minute, see `result.recovery`."""
    outcome, by_rule = acts[a + A_OUTCOME], is_by_rule(m, acts, a)
    if outcome != CENSORED and not by_rule:
        tell(m, minute, M_ENDED, 1)
    tell(m, minute, M_SENT, sent)
    m[minute] += all_money(acts, a)
    if outcome == OK or (outcome == DEGRADED and m[FAIR_TO_ALL] == 1):
        tell(m, minute, M_SERVED, 1)
    if outcome in (FAILED, REJECTED) and not by_rule:
        tell(m, minute, M_LOST, 1)
    if outcome == ABANDONED:
        tell(m, minute, M_ABANDONED, 1)
    if outcome == DEGRADED:
        add_degraded(m, acts[a + A_REASON], minute)


@step
def add_degraded(m: Memory, reason: int, minute: int) -> None:
    """An answer that was less than asked for, by rung."""
    tell(m, minute, M_DEGRADED, 1)
    if FIRST_RUNG <= reason <= LAST_RUNG:
        tell(m, minute, M_FIRST_RUNG + reason - FIRST_RUNG, 1)


@apart
def add_trouble(m: Memory, rows: Memory, t: int, minute: int) -> None:
    """An attempt in its action's minute: was it held back, a fallback, turned away?"""
    if rows[t + T_OUTCOME] == THROTTLED:
        tell(m, minute, M_THROTTLED, 1)
    if rows[t + T_OUTCOME] == NO_DEPLOYMENT:
        tell(m, minute, M_NO_DEPLOYMENT, 1)
    if rows[t + T_CAUSE] == FALLBACK:
        tell(m, minute, M_FELL_BACK, 1)
        if turned_away(rows, t):
            tell(m, minute, M_TURNED_AWAY, 1)


@step
def turned_away(rows: Memory, t: int) -> bool:
    """Did a limit of its deployment refuse it?"""
    full = rows[t + T_OUTCOME] == OVERLOADED and rows[t + T_STARTED] == DID_NOT and rows[t + T_DEPLOYMENT] >= 0
    return full or rows[t + T_OUTCOME] == RATE_LIMIT


@step
def retry_wait(rows: Memory, first: int, beyond: int, t: int) -> int:
    """From the end of the try before (of its later twin) until a retry was sent."""
    mine, latest, end = 64 * rows[t + T_RUNG] + rows[t + T_TRY], -1, -1
    for s in range(first, beyond, T_WIDTH):
        code = 64 * rows[s + T_RUNG] + rows[s + T_TRY]
        if rows[s + T_CALL] == rows[t + T_CALL] and rows[s + T_REPEAT] == rows[t + T_REPEAT] and latest <= code < mine:
            end = max(end, rows[s + T_ENDED]) if code == latest else rows[s + T_ENDED]
            latest = code
    return max(rows[t + T_DISPATCHED] - end, 0) if end >= 0 else 0


@step
def cut_short(m: Memory, rows: Memory, t: int) -> bool:
    """A stream that failed when something had been shown; a malformed answer has come whole."""
    kind = rows[t + T_OUTCOME]
    failed = ANSWERED < kind < NO_DEPLOYMENT and kind != MALFORMED
    return failed and rows[t + T_FIRST_TOKEN] >= 0 and m[m[STREAMS] + rows[t + T_CALL]] == 1


@step
def count_attempt(m: Memory, rows: Memory, first: int, beyond: int, t: int, w: int) -> None:
    """What it was for, and how it ended."""
    cause = rows[t + T_CAUSE]
    m[w + TRIED + 1 + rows[t + T_OUTCOME]] += 1
    if cause == FIRST:
        m[w + CALLS] += 1
        m[w + CASCADES] += m[m[CASCADE] + rows[t + T_CALL]]
    else:
        count_more(m, rows, first, beyond, t, w)
    if rows[t + T_OUTCOME] != ANSWERED:
        m[w + CUT_SHORT] += 1 if cut_short(m, rows, t) else 0
        count_blocked(m, rows, t, w)
    if rows[t + T_MARKS] != 0:
        count_marks(m, rows[t + T_MARKS], w)
        count_cut(m, rows, t, w)


@apart
def count_more(m: Memory, rows: Memory, first: int, beyond: int, t: int, w: int) -> None:
    """An attempt after the first of its repetition."""
    cause = rows[t + T_CAUSE]
    if cause in (RETRY, CLIENT_RETRY):
        m[w + RETRIES] += 1
        m[w + RETRY_WAIT] += retry_wait(rows, first, beyond, t)
    elif cause == HEDGE:
        m[w + HEDGES] += 1
        m[w + HEDGE_WINS] += 1 if rows[t + T_OUTCOME] == ANSWERED else 0
    elif cause == FALLBACK:
        m[w + FALLBACKS] += first_of_its_cause(rows, first, t)
        count_turned_away(m, rows, t)
    elif cause == ESCALATION:
        m[w + ESCALATED] += first_of_its_cause(rows, first, t)


@apart
def count_marks(m: Memory, marks: int, w: int) -> None:
    """The bits of an attempt's marks."""
    for bit in range(len(MARKS)):
        m[w + MARKED + bit] += (marks >> bit) & 1


@step
def count_turned_away(m: Memory, rows: Memory, t: int) -> None:
    """A fallback that was refused, by limit; slots come last."""
    limit = rows[t + T_LIMIT] if rows[t + T_OUTCOME] == RATE_LIMIT else m[BUCKETS]
    if turned_away(rows, t) and limit >= 0:
        m[m[AWAY] + limit] += 1


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
def bill_attempt(m: Memory, rows: Memory, t: int) -> None:
    """Money of the whole run."""
    cost = rows[t + T_COST]
    m[place(m, COST, BY_MODEL) + rows[t + T_MODEL]] += cost
    m[place(m, COST, BY_CALL) + rows[t + T_CALL]] += cost
    m[place(m, COST, BY_CAUSE) + rows[t + T_CAUSE]] += cost


@step
def add_deployment(m: Memory, rows: Memory, t: int, replies: Memory) -> None:
    """What was asked of a deployment, and how long its answers took."""
    n, cost = rows[t + T_DEPLOYMENT], rows[t + T_COST]
    m[place(m, COST, BY_DEPLOYMENT) + n] += cost
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
