"""Adding up what the money went on: what `result.economy` finds in a log, row by row."""

from simkit.engine.compiled.memory import Memory
from simkit.engine.compiled.pointer import pointer
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, DID_NOT, LOOKUP_COLUMNS
from simkit.laws.histogram import bin_of
from simkit.laws.jit import Ints, law, step
from simkit.plan.codes import GENERATION, TURN, Cause, Kind, Lookup, Mark
from simkit.result.economy import CAUSES, FOUND, GROWTH_ROWS, MOST_TURNS, OF_LOOKUPS
from simkit.result.streamed.demand import epoch_of
from simkit.result.streamed.ledger import *
from simkit.result.streamed.ledger import SERIES_NAMES

T_WIDTH, L_WIDTH = len(ATTEMPT_COLUMNS), len(LOOKUP_COLUMNS)
(
    A_ACTION, A_ARRIVAL, A_KIND, A_START, A_REASON, A_COST, A_DEGRADE_COST, A_LOOKUP_COST, A_TOOL_COST, A_THRIFT,
) = (ACTION_COLUMNS.index(name) for name in (
    "action", "arrival", "kind", "start", "reason", "cost", "degrade_cost", "lookup_cost", "tool_cost", "thrift",
))  # fmt: skip
(
    T_CALL, T_REPEAT, T_CAUSE, T_MODEL, T_DEPLOYMENT, T_STARTED, T_OUTCOME, T_TOKENS_IN, T_TOKENS_OUT, T_CACHED,
    T_WRITTEN, T_BILLED_IN, T_BILLED_OUT, T_COST, T_LIMIT, T_MARKS, T_SYSTEM, T_HISTORY, T_RETRIEVED, T_REASONING,
) = (ATTEMPT_COLUMNS.index(name) for name in (
    "call", "repeat", "cause", "model", "deployment", "started", "outcome", "tokens_in", "tokens_out",
    "tokens_cached", "tokens_written", "billed_in", "billed_out", "cost", "limit", "marks", "tokens_system",
    "tokens_history", "tokens_retrieved", "tokens_reasoning",
))  # fmt: skip
L_TIME, L_ARRIVAL, L_CACHE, L_RESULT = (LOOKUP_COLUMNS.index(name) for name in ("time", "arrival", "cache", "result"))
(
    RELOADS, LOOKUPS, TOOLS, BY_QUOTA, BY_BUDGET, THRIFTY, QUESTIONS, FIRST_TURNS, OF_SYSTEM, OF_HISTORY, OF_RETRIEVED,
    OF_REASONING, OF_WRITTEN, OF_CACHED, CUT, CHEAP, BLOCKED, BY_CAUSE, SAVED, BASE,
) = (SERIES_NAMES.index(name) for name in (
    "reloads", "lookup_cost", "tool_cost", "rejected_quota", "rejected_budget", "thrifty", "questions", "first_turns",
    "tokens_system", "tokens_history", "tokens_retrieved", "tokens_reasoning", "tokens_written", "tokens_cached",
    "truncated", "cheaper", "blocked", f"cause_{CAUSES[0]}", "prompt_saved", "prompt_base",
))  # fmt: skip
OF_RETRY, OF_HEDGE, OF_FALLBACK, OF_ESCALATION, SYSTEM, HISTORY, RETRIEVED, USER, REASONING, ANSWER, REQUEST, WRITES = (
    BY_CAUSE + place for place in range(len(CAUSES))
)
FIRST_LOOKUP = SERIES_NAMES.index(OF_LOOKUPS[0])
ASKED, HITS, JOINED_, FALSE_, EXPIRED_, STALE_, COST_ = range(len(FOUND))
FIRST, FALLBACK, ESCALATION, HEDGE = (int(one) for one in (Cause.FIRST, Cause.FALLBACK, Cause.ESCALATION, Cause.HEDGE))
HIT, JOINED, FALSE, EXPIRED, STALE = (
    int(one) for one in (Lookup.HIT, Lookup.JOINED, Lookup.FALSE, Lookup.EXPIRED, Lookup.STALE)
)
ANSWERED, EXHAUSTED = int(Kind.OK), int(Kind.QUOTA_EXHAUSTED)
OF_QUOTA, OF_BUDGET = int(Kind.QUOTA), int(Kind.BUDGET)
TRUNCATED, CHEAPER = int(Mark.TRUNCATED), int(Mark.CHEAPER)


@law
def add_lookups(ledger: Ints, lookups: Ints) -> None:
    """Add rows of lookups, flat."""
    m, rows = pointer(ledger), pointer(lookups)
    for r in range(0, len(lookups), L_WIDTH):
        add_lookup(m, rows, r)


@step
def add_lookup(m: Memory, rows: Memory, r: int) -> None:
    """A lookup: by its own time from the begin on, and by its action's arrival if that is measured."""
    time, arrival, cache, found = rows[r + L_TIME], rows[r + L_ARRIVAL], rows[r + L_CACHE], rows[r + L_RESULT]
    hit = 1 if found in (HIT, FALSE) else 0
    if m[LOOKS_UP] == 1 and found != STALE and time < m[HORIZON]:
        warm = place(m, WARMING, min((time + m[WARM_UP]) // m[WARM_WINDOW], m[WARM_WINDOWS] - 1)) + 3 * cache
        m[warm] += 1
        m[warm + 1] += hit
        m[warm + 2] += 1 if found == JOINED else 0
    if not 0 <= arrival < m[HORIZON]:
        return
    w = place(m, SERIES, min(arrival // m[WINDOW], m[WINDOWS] - 1)) + FIRST_LOOKUP + len(FOUND) * cache
    if found == STALE:
        m[w + STALE_] += 1
        return
    m[w + ASKED] += 1
    m[w + HITS] += hit
    m[w + JOINED_] += 1 if found == JOINED else 0
    m[w + FALSE_] += 1 if found == FALSE else 0
    m[w + EXPIRED_] += 1 if found == EXPIRED else 0
    m[w + COST_] += m[place(m, LOOKUP_COST, epoch_of(m, time)) + cache]


@step
def all_money(acts: Memory, a: int) -> int:
    """What an action cost: models, people, lookups, tools."""
    return acts[a + A_COST] + acts[a + A_DEGRADE_COST] + acts[a + A_LOOKUP_COST] + acts[a + A_TOOL_COST]


@step
def add_money(m: Memory, acts: Memory, a: int, window: int, w: int) -> None:
    """What a measured action cost beside the models, was it asked before, how long it was held."""
    if acts[a + A_LOOKUP_COST] != 0 or acts[a + A_TOOL_COST] != 0 or acts[a + A_THRIFT] > 0:
        m[w + LOOKUPS] += acts[a + A_LOOKUP_COST]
        m[w + TOOLS] += acts[a + A_TOOL_COST]
        m[w + THRIFTY] += 1 if acts[a + A_THRIFT] > 0 else 0
    fresh, turn = (acts[a + A_ACTION] >> GENERATION) & 15 == 0, acts[a + A_ACTION] >> TURN
    m[w + RELOADS] += 0 if fresh else 1
    m[w + QUESTIONS] += 1 if fresh else 0
    m[w + FIRST_TURNS] += 1 if fresh and turn == 0 else 0
    if m[BY_NAME] & 1:
        m[place(m, KIND_COST, window) + acts[a + A_KIND]] += all_money(acts, a)
    if is_patient(m, acts, a) and acts[a + A_START] != DID_NOT:
        m[m[HELD_TIMES] + bin_of(acts[a + A_START] - acts[a + A_ARRIVAL])] += 1


@step
def turn_row(acts: Memory, a: int) -> int:
    """The row of TURNS of an action: of its kind, and its turn."""
    return acts[a + A_KIND] * GROWTH_ROWS + min(acts[a + A_ACTION] >> TURN, MOST_TURNS)


@step
def is_patient(m: Memory, acts: Memory, a: int) -> bool:
    """Does nobody wait for it?"""
    return m[HAS_BATCH] == 1 and m[m[KIND_WAITS] + acts[a + A_KIND]] == 1


@step
def count_refused(m: Memory, acts: Memory, a: int, w: int) -> None:
    """Was a measured action turned away by a quota or a budget?"""
    m[w + BY_QUOTA] += 1 if acts[a + A_REASON] == OF_QUOTA else 0
    m[w + BY_BUDGET] += 1 if acts[a + A_REASON] == OF_BUDGET else 0


@step
def add_work(m: Memory, rows: Memory, first: int, beyond: int) -> None:
    """Tokens of attempts by when their service began, by urgency."""
    for t in range(first, beyond, T_WIDTH):
        if 0 <= rows[t + T_STARTED] < m[HORIZON]:
            window = min(rows[t + T_STARTED] // m[WINDOW], m[WINDOWS] - 1)
            waits = m[m[CAN_WAIT] + rows[t + T_CALL]]
            m[place(m, WORK, window) + waits] += rows[t + T_TOKENS_IN] + rows[t + T_TOKENS_OUT]


@step
def count_blocked(m: Memory, rows: Memory, t: int, w: int) -> None:
    """Was a model's budget used up?"""
    m[w + BLOCKED] += 1 if rows[t + T_OUTCOME] == EXHAUSTED and rows[t + T_LIMIT] <= -2 else 0


@step
def count_cut(m: Memory, rows: Memory, t: int, w: int) -> None:
    """By its marks: was an answer cut at its longest, was a model cheaper than usual?"""
    m[w + CUT] += 1 if rows[t + T_MARKS] & TRUNCATED and rows[t + T_OUTCOME] == ANSWERED else 0
    m[w + CHEAP] += 1 if rows[t + T_MARKS] & CHEAPER and rows[t + T_CAUSE] == FIRST else 0


@step
def add_bill(m: Memory, rows: Memory, t: int, window: int, w: int, turn: int) -> None:
    """An attempt of a measured action (`turn`: its row of TURNS): what its tokens and its money were for."""
    cost, whole, out = rows[t + T_COST], rows[t + T_BILLED_IN], rows[t + T_BILLED_OUT]
    if m[BY_NAME] & 2:
        m[place(m, MODEL_COST, window) + rows[t + T_MODEL]] += cost
    if whole == 0 and out == 0 and cost == 0:
        return
    parts = has_parts(rows, t)
    if parts:
        add_parts(m, rows, t, w)
        grow_parts(m, rows, t, turn)
    kind = m[m[REPEATS] + rows[t + T_CALL]]
    if kind >= 0 and rows[t + T_CAUSE] == FIRST and whole > 0:
        its_step = place(m, STEPS, kind * GROWTH_ROWS + min(rows[t + T_REPEAT], MOST_TURNS))
        m[its_step] += 1
        grow(m, its_step, whole, out, cost)
        if parts:
            grow_parts(m, rows, t, its_step)
    if whole > 0 or cost > 0:
        split(m, rows, t, w, parts)


@step
def has_parts(rows: Memory, t: int) -> bool:
    """Is there more to tell of its tokens than that a user wrote them and got an answer? Most have no such parts."""
    prompt = rows[t + T_SYSTEM] | rows[t + T_HISTORY] | rows[t + T_RETRIEVED]
    return prompt | rows[t + T_REASONING] | rows[t + T_CACHED] | rows[t + T_WRITTEN] != 0


@step
def add_parts(m: Memory, rows: Memory, t: int, w: int) -> None:
    """Billed tokens of an attempt by what they were."""
    whole = rows[t + T_BILLED_IN]
    cached = min(rows[t + T_CACHED], whole)
    m[w + OF_SYSTEM] += min(rows[t + T_SYSTEM], whole)
    m[w + OF_HISTORY] += min(rows[t + T_HISTORY], whole)
    m[w + OF_RETRIEVED] += min(rows[t + T_RETRIEVED], whole)
    m[w + OF_REASONING] += min(rows[t + T_REASONING], rows[t + T_BILLED_OUT])
    m[w + OF_CACHED] += cached
    m[w + OF_WRITTEN] += min(rows[t + T_WRITTEN], whole - cached)


@step
def grow(m: Memory, g: int, tokens_in: int, tokens_out: int, cost: int) -> None:
    """Tokens and money in a row of turns or steps."""
    m[g + 1] += tokens_in
    m[g + 5] += tokens_out
    m[g + 6] += cost


@step
def grow_parts(m: Memory, rows: Memory, t: int, g: int) -> None:
    """Parts of an attempt's prompt in a row of turns or steps."""
    whole = rows[t + T_BILLED_IN]
    m[g + 2] += min(rows[t + T_SYSTEM], whole)
    m[g + 3] += min(rows[t + T_HISTORY], whole)
    m[g + 4] += min(rows[t + T_RETRIEVED], whole)


@step
def split(m: Memory, rows: Memory, t: int, w: int, parts: bool) -> None:
    """Its money by cause, and what the prompt cache saved of it (`parts`: see `has_parts`)."""
    p = prices_of(m, rows[t + T_STARTED], rows[t + T_DEPLOYMENT], rows[t + T_BILLED_IN])
    if parts:
        add_saved(m, rows, t, w, p)
    if rows[t + T_CAUSE] != FIRST:
        m[w + again(rows[t + T_CAUSE])] += rows[t + T_COST]
        return
    user, answer = rows[t + T_BILLED_IN] * m[p + P_INPUT], rows[t + T_BILLED_OUT] * m[p + P_OUTPUT]
    if parts:
        user, answer = split_parts(m, rows, t, w, p)
    m[w + USER] += user
    m[w + ANSWER] += answer
    m[w + REQUEST] += m[p + P_REQUEST]


@step
def add_saved(m: Memory, rows: Memory, t: int, w: int, p: int) -> None:
    """What the prompt cache saved."""
    whole, entered = rows[t + T_BILLED_IN], m[p + P_INPUT]
    cached = min(rows[t + T_CACHED], whole)
    written = min(rows[t + T_WRITTEN], whole - cached)
    if cached + written == 0:
        return
    saved = cached * (entered - m[p + P_READ]) - written * (m[p + P_WRITE] - entered)
    m[w + SAVED] += saved
    m[w + BASE] += (cached + written) * entered
    prompt = place(m, PROMPT_USE, rows[t + T_DEPLOYMENT])
    m[prompt] += cached
    m[prompt + 1] += written
    m[prompt + 2] += saved


@step
def split_parts(m: Memory, rows: Memory, t: int, w: int, p: int) -> tuple[int, int]:
    """A first try's money by parts; what is left for the user's words and for the answer."""
    whole, out, entered, read = rows[t + T_BILLED_IN], rows[t + T_BILLED_OUT], m[p + P_INPUT], m[p + P_READ]
    write, price = m[p + P_WRITE], m[p + P_OUTPUT]
    cached, usual = min(rows[t + T_CACHED], whole), min(write, entered)
    written, thought = min(rows[t + T_WRITTEN], whole - cached), min(rows[t + T_REASONING], out)
    system = min(rows[t + T_SYSTEM], whole)
    history = min(system + rows[t + T_HISTORY], whole)
    retrieved = min(history + rows[t + T_RETRIEVED], whole)
    one = prefix(system, cached, written, entered, read, usual)
    two = prefix(history, cached, written, entered, read, usual)
    three = prefix(retrieved, cached, written, entered, read, usual)
    m[w + SYSTEM] += one
    m[w + HISTORY] += two - one
    m[w + RETRIEVED] += three - two
    m[w + REASONING] += thought * price
    m[w + WRITES] += written * (write - usual)
    return prefix(whole, cached, written, entered, read, usual) - three, (out - thought) * price


@step
def prefix(tokens: int, cached: int, written: int, entered: int, read: int, usual: int) -> int:
    """What the first so many tokens of a prompt cost, without what writing costs more than input."""
    fresh = entered * tokens + (read - entered) * min(tokens, cached)
    return fresh + (usual - entered) * min(max(tokens - cached, 0), written)


@step
def again(cause: int) -> int:
    """The column of what was not a first try."""
    if cause == HEDGE:
        return OF_HEDGE
    if cause == FALLBACK:
        return OF_FALLBACK
    return OF_ESCALATION if cause == ESCALATION else OF_RETRY


@step
def price_row(m: Memory, time: int) -> int:
    """The last row of prices that began by a time."""
    low, high = 0, m[PRICE_ROWS]
    while high - low > 1:
        middle = (low + high) // 2
        if m[m[PRICE_START] + middle] <= time:
            low = middle
        else:
            high = middle
    return low


@step
def prices_of(m: Memory, time: int, n: int, prompt: int) -> int:
    """The row of PRICES of a time, a deployment, and the tier of a prompt's length."""
    p = place(m, PRICES, (price_row(m, time) * m[DEPLOYMENTS] + n) * m[TIERS])
    q = p
    for z in range(1, m[TIERS]):
        above = p + z * m[PRICES + 1]
        if m[above + P_ABOVE] < prompt:
            q = above
    return q
