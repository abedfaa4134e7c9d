"""An attempt in service: how long it takes, and what strikes it."""

from simkit.engine.compiled.agenda import schedule, take_first
from simkit.engine.compiled.attempt import (
    OK,
    TAKES_ANSWER,
    TAKES_FIRST_TOKEN,
    TAKES_NEVER,
    TAKES_PART,
    TAKES_TIME,
    draw_cache,
    expect,
    failure_time,
    find_end_of_patience,
    settle_and_tell,
    watch,
)  # fmt: skip
from simkit.engine.compiled.bill import prices_now
from simkit.engine.compiled.dice import of_call, origin, uniform, value
from simkit.engine.compiled.hedge import race, twin_of
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.station import join, station
from simkit.laws.draws import Stream
from simkit.laws.failure import drawn_kind
from simkit.laws.jit import apart, step
from simkit.laws.latency import answer_ns, first_token_ns
from simkit.laws.sample import whole
from simkit.plan.codes import Kind, Mark
from simkit.plan.plan import NEVER

CALL_ERROR, IN_FLIGHT, SLOW = int(Stream.CALL_ERROR), int(Stream.IN_FLIGHT), int(Stream.SLOWNESS)
STREAM_BROKEN, MALFORMED, TRUNCATED = int(Kind.STREAM_BROKEN), int(Kind.MALFORMED), int(Mark.TRUNCATED)
BEFORE_ALL = -NEVER
"""Time of events that are put on the agenda only to be sorted."""


@step
def begin(m: Memory, f: Reals, t: int) -> int:
    """Service starts: incident, price and prompt cache are read once, here."""
    now = m[M_NOW]
    m[t + T_STARTED] = now
    draw_cache(m, f, t)
    m[m[t + T_ACTION] + A_WAITED] += now - m[t + T_DISPATCHED]
    join(m, station(m, m[t + T_DEPLOYMENT]) + D_SERVED, T_LINE, t)
    m[t + T_PRICE_ROW] = prices_now(m)
    draw_times(m, f, t)
    w, part = of_call(m, m[t + T_CALL], L_OUTCOME, m[t + T_CODE])
    m[t + T_KIND] = outcome(m, f, t, w)
    m[t + T_ANSWERS] = 1 if m[t + T_KIND] in (OK, STREAM_BROKEN, MALFORMED) else 0
    m[t + T_FINISH] = end_of_service(m, f, t, part)
    if m[t + T_FINISH] == NEVER and m[t + T_ANSWERS] == 1 and at1(m, TAKES, m[t + T_KIND]) == TAKES_NEVER:
        m[t + T_STALLED] = m[t + T_BEGAN]
    if m[t + T_KIND] == OK and m[m[t + T_CALL] + C_TRUNCATED] == 1:
        m[t + T_MARKS] |= TRUNCATED
    if m[t + T_VISITS] == 1 and m[t + T_ANSWERS] == 1:
        schedule(m, m[t + T_THINKS], FIRST_TOKEN_COMES, m[t + T_KEY], t)
    find_end_of_patience(m, t)
    expect(m, t)
    if twin_of(m, t) != NONE:
        race(m, t)
    return NOTHING


@step
def draw_times(m: Memory, f: Reals, t: int) -> None:
    """When the first token is made, when the first comes that is seen, and when the last."""
    e, n = m[M_EPOCH], m[t + T_DEPLOYMENT]
    u, v = of_call(m, m[t + T_CALL], L_LATENCY, m[t + T_CODE])
    ttft = value(m, f, at2(m, TTFT, e, n), u)
    speed = value(m, f, at2(m, SPEED, e, n), v)
    slowdown, per_token = real2(m, f, WEATHER, n, W_SLOWDOWN), real2(m, f, TTFT_PER_TOKEN, e, n)
    if at2(m, SLOWNESS, e, n) >= 0:
        slowdown *= slowness(m, f, n)
    tokens = m[t + T_TOKENS_IN]
    if m[t + T_CACHED] > 0:
        tokens -= whole(m[t + T_CACHED] * real2(m, f, PROMPTS_PREFILL, e, n))
    m[t + T_THINKS] = m[t + T_BEGAN] = m[M_NOW] + first_token_ns(ttft, per_token, tokens, slowdown)
    if m[t + T_REASONING] > 0:
        m[t + T_BEGAN] += answer_ns(m[t + T_REASONING], speed, slowdown)
    m[t + T_ANSWERED] = m[t + T_THINKS] + answer_ns(m[t + T_TOKENS_OUT], speed, slowdown)


@apart
def slowness(m: Memory, f: Reals, n: int) -> float:
    """What makes all of a deployment's latencies longer or shorter for some time."""
    period = (m[M_UTC] + m[M_NOW]) // at2(m, SLOWNESS_EVERY, m[M_EPOCH], n)
    u, _ = uniform(m, SLOW, period, at1(m, SLOWNESS_KEY, n), 0)
    return value(m, f, at2(m, SLOWNESS, m[M_EPOCH], n), u)


@step
def outcome(m: Memory, f: Reals, t: int, u: float) -> int:
    """A failure that no retry cures (the same for all attempts of the call with this model), or one of this attempt."""
    e, n, model = m[M_EPOCH], m[t + T_DEPLOYMENT], m[t + T_MODEL]
    if at2(m, HAS_CALL_ERRORS, e, model) == 1:
        code = m[m[t + T_CALL] + C_NUMBER] << 20 | model
        v, _ = uniform(m, CALL_ERROR, origin(m[t + T_NUMBER]), code, 0)
        if v < real2(m, f, HARMLESS_TO_CALL, e, model):
            return drawn_kind(v, 0.0, OK, reals(m, f, CALL_ERRORS, e, model, 0))
    rate = real2(m, f, WEATHER, n, W_RATE)
    if rate == 0.0 and u >= real2(m, f, HARMLESS, e, n):
        return OK
    return drawn_kind(u, rate, m[station(m, n) + D_KIND], reals(m, f, ERRORS, e, n, 0))


@step
def end_of_service(m: Memory, f: Reals, t: int, part: float) -> int:
    """When the answer is complete or the failure comes."""
    kind = m[t + T_KIND]
    takes = at1(m, TAKES, kind)
    if kind == OK or takes == TAKES_ANSWER:
        return m[t + T_ANSWERED]
    if takes == TAKES_TIME:
        return m[t + T_STARTED] + failure_time(m, f, t, kind)
    if takes == TAKES_FIRST_TOKEN:
        return m[t + T_THINKS]
    if takes == TAKES_PART:
        return m[t + T_THINKS] + whole((m[t + T_ANSWERED] - m[t + T_THINKS]) * part)
    return NEVER


@apart
def strike(m: Memory, f: Reals, source: int, hits: int) -> None:
    """An incident that fails work in flight begins: attempts in the order of their keys, which the agenda finds.

    `hits` is the address of the row that says which deployments are hit.
    """
    severity = m[source + I_SEVERITY]
    for n in range(m[M_DEPLOYMENTS]):
        t = m[station(m, n) + D_SERVED] if m[hits + n] == 1 else NONE
        while t != NONE:
            schedule(m, BEFORE_ALL, CALENDAR, m[t + T_KEY], t)
            t = m[t + T_LINE]
    while m[M_EVENT] > 0 and m[m[M_AGENDA] + E_TIME] == BEFORE_ALL:
        t = m[m[M_AGENDA] + E_ROW]
        take_first(m)
        struck(m, f, t, severity)


@apart
def struck(m: Memory, f: Reals, t: int, severity: int) -> None:
    """One attempt in service when an incident begins; with a kind that never ends it hangs from now on."""
    u, _ = uniform(m, IN_FLIGHT, m[t + T_NUMBER], m[t + T_CODE], severity & 63)
    if m[t + T_OVER] == 1 or u >= real1(m, f, ERROR_RATE, severity):
        return
    kind = at1(m, ERROR_KIND, severity)
    m[t + T_KIND] = kind
    if at1(m, TAKES, kind) == TAKES_NEVER:
        hang(m, t)
        return
    settle_and_tell(m, t, kind)


@step
def hang(m: Memory, t: int) -> None:
    """Nothing comes any more; what has not begun to answer never will."""
    m[t + T_FINISH] = NEVER
    if m[M_NOW] < m[t + T_BEGAN]:
        m[t + T_ANSWERS] = 0
    elif m[t + T_ANSWERS] == 1:
        m[t + T_STALLED] = min(m[t + T_STALLED], m[M_NOW])
    find_end_of_patience(m, t)
    watch(m, t)
