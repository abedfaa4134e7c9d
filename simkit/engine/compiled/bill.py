"""What an attempt costs, and its row in the log."""

from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.laws.jit import Ints, step
from simkit.laws.latency import elapsed_tokens
from simkit.laws.price import price
from simkit.plan.codes import Billed, Kind

OK, TIMED_OUT, CANCELLED, UNFINISHED = (int(k) for k in (Kind.OK, Kind.TIMEOUT, Kind.CANCELLED, Kind.UNFINISHED))
BILLED_NOTHING, _, BILLED_ELAPSED, BILLED_ALL = (int(billed) for billed in Billed)


@step
def bill(m: Memory, t: int, kind: int, until: int) -> None:
    """Tokens and picodollars that the provider charges for what it did until then."""
    if m[t + T_STARTED] == NONE:
        m[t + T_CACHED] = 0
        m[t + T_WRITTEN] = 0
        return
    billed = how_billed(m, t, kind)
    if billed == BILLED_NOTHING:
        return
    m[t + T_BILLED_IN] = m[t + T_TOKENS_IN]
    if billed == BILLED_ALL:
        m[t + T_BILLED_OUT] = m[t + T_TOKENS_OUT]
    elif billed == BILLED_ELAPSED:
        m[t + T_BILLED_OUT] = tokens_made(m, t, until)
    q, n = m[t + T_PRICE_ROW], m[t + T_DEPLOYMENT]
    m[t + T_COST] = price(
        m[t + T_BILLED_IN], m[t + T_CACHED], m[t + T_WRITTEN], m[t + T_BILLED_OUT],
        tiers(m, PRICE_ABOVE, q, n), tiers(m, PRICE_INPUT, q, n), tiers(m, PRICE_CACHED, q, n),
        tiers(m, PRICE_WRITE, q, n), tiers(m, PRICE_OUTPUT, q, n), at2(m, PRICE_REQUEST, q, n),
    )  # fmt: skip


@step
def tokens_made(m: Memory, t: int, until: int) -> int:
    """Tokens of the answer that had come by then."""
    if m[t + T_ANSWERS] == 0:
        return 0
    return elapsed_tokens(m[t + T_TOKENS_OUT], m[t + T_THINKS], m[t + T_ANSWERED], min(until, m[t + T_STALLED]))


@step
def how_billed(m: Memory, t: int, kind: int) -> int:
    """What a provider bills for an attempt that ended like this."""
    if kind == OK:
        return BILLED_ALL
    if kind in (TIMED_OUT, CANCELLED, UNFINISHED):
        return BILLED_ELAPSED if m[t + T_BATCH] == 0 else BILLED_NOTHING
    return at1(m, BILLED, kind)


@step
def tiers(m: Memory, table: int, q: int, n: int) -> Ints:
    """A row of a table of prices."""
    row: Ints = view(m, m[table] + q * m[table + 1] + n * m[table + 2], (m[table + 4],))
    return row


@step
def prices_now(m: Memory) -> int:
    """The row of the price table that holds now."""
    while m[M_PRICE_ROW] + 1 < length(m, PRICE_START) and at1(m, PRICE_START, m[M_PRICE_ROW] + 1) <= m[M_NOW]:
        m[M_PRICE_ROW] += 1
    return m[M_PRICE_ROW]


@step
def record(m: Memory, t: int, ended: int, released: int, kind: int, known_until: int) -> None:
    """The row of the log is complete: it joins its action's, which is told the totals."""
    a, c = m[t + T_ACTION], m[t + T_CALL]
    m[t + T_OVER] = 1
    m[t + T_FIRST_TOKEN] = seen_first_token(m, t, known_until)
    m[t + T_ENDED] = ended
    m[t + T_RELEASED] = NONE if m[t + T_STARTED] == NONE else released
    m[t + T_OUTCOME] = kind
    m[a + A_COST] += m[t + T_COST]
    m[a + A_TOKENS_IN] += m[t + T_BILLED_IN]
    m[a + A_TOKENS_OUT] += m[t + T_BILLED_OUT]
    m[c + C_ATTEMPT + m[t + T_HEDGE]] = NONE
    if m[t + T_FIRST_TOKEN] != NONE:
        m[c + C_SHOWN] |= m[t + T_STREAMS]
        m[a + A_SHOWN] |= at1(m, LAST_STREAM, m[t + T_INDEX]) & m[t + T_STREAMS]
    if m[a + A_STORY] == NONE:
        m[a + A_STORY] = t
    else:
        m[m[a + A_STORY_LAST] + T_STORY] = t
    m[a + A_STORY_LAST] = t
    m[t + T_STORY] = NONE


@step
def seen_first_token(m: Memory, t: int, ended: int) -> int:
    """When the first token came, if it did: streamed, or with the whole answer; else -1."""
    if m[t + T_STARTED] == NONE or m[t + T_ANSWERS] == 0:
        return NONE
    if m[t + T_STREAMS] == 0:
        return ended if m[t + T_KIND] == OK and ended == m[t + T_FINISH] else NONE
    return m[t + T_BEGAN] if m[t + T_BEGAN] <= ended else NONE
