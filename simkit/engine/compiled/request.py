"""A request: one pass of the layer that talks to the models. Before a gateway a client makes requests, one or more."""

from simkit.engine.compiled.agenda import follow_up, schedule
from simkit.engine.compiled.attempt import cancel
from simkit.engine.compiled.backoff import GIVE_UP, wait_after
from simkit.engine.compiled.balance import available
from simkit.engine.compiled.breaker import has_peer
from simkit.engine.compiled.budget import NO_BUDGET_AT_ALL, earn_first_try, pay, release, reward
from simkit.engine.compiled.dice import of_call, uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.route import cheaper, substitute, waits_for_batch
from simkit.laws.draws import Stream, code_of
from simkit.laws.jit import apart, step
from simkit.plan.codes import Cause, Kind, Mark, Outcome, StreamFailure
from simkit.plan.plan import NEVER

OK, FAILED, ATTEMPT = int(Kind.OK), int(Outcome.FAILED), int(Stream.ATTEMPT)
RATE_LIMIT, TIMED_OUT, STREAM_BROKEN, MALFORMED = (
    int(k) for k in (Kind.RATE_LIMIT, Kind.TIMEOUT, Kind.STREAM_BROKEN, Kind.MALFORMED)
)
RETRY, FALL_BACK, CLIENT_RETRY = int(Cause.RETRY), int(Cause.FALLBACK), int(Cause.CLIENT_RETRY)
NO_BUDGET, GAVE_UP, ALL_OPEN = int(Mark.NO_BUDGET), int(Mark.GAVE_UP), int(Mark.ALL_OPEN)
STREAM_FAILS, STREAM_RETRIES = int(StreamFailure.FAIL), int(StreamFailure.RETRY)


@step
def next_base(m: Memory, c: int, model: int, cause: int) -> None:
    """All that is done for a model that is no fallback begins; another one may take its place."""
    m[c + C_CHOSEN] = m[c + C_BASE] = model
    m[c + C_CHEAPER] = NONE
    if m[M_SUBSTITUTES] == 1:
        m[c + C_BASE] = substitute(m, m[c + C_ACTION], model)
        m[c + C_CHEAPER] = m[c + C_BASE] if cheaper(m, m[c + C_ACTION], model) != NONE else NONE
    m[c + C_FALLBACKS] = min(m[FALLBACK + 4], at1(m, MAX_FALLBACKS, m[M_EPOCH]))
    m[c + C_CALL_UNTIL] = NEVER
    if m[M_LAYERS] == 2:
        next_client(m, c)
    next_request(m, c, cause)


@apart
def next_client(m: Memory, c: int) -> None:
    """What the client before a gateway remembers of its requests for one model."""
    m[c + C_CLIENT_TRY] = 0
    m[c + C_CLIENT_WAIT] = NONE
    m[c + C_CLIENT_PAYER] = NO_BUDGET_AT_ALL
    earn_first_try(m, OUTER, c)
    limit = at1(m, CALL_TIMEOUT + OUTER, m[M_EPOCH])
    if limit < NEVER and not waits_for_batch(m, m[c + C_ACTION]):
        m[c + C_CALL_UNTIL] = m[M_NOW] + limit
        schedule(m, m[c + C_CALL_UNTIL], CALL_ENDS, rung_key(m, c, m[c + C_RUNG]), c)


@step
def next_request(m: Memory, c: int, cause: int) -> None:
    """A request begins, with the base model."""
    limit = at1(m, CALL_TIMEOUT, m[M_EPOCH])
    if m[M_LAYERS] == 2:
        limit = min(limit, at1(m, TIMEOUT + OUTER, m[M_EPOCH]))
    m[c + C_REQUEST_UNTIL] = NEVER
    if limit < NEVER and not waits_for_batch(m, m[c + C_ACTION]):
        m[c + C_REQUEST_UNTIL] = m[M_NOW] + limit
        schedule(m, m[c + C_REQUEST_UNTIL], REQUEST_ENDS, rung_key(m, c, m[c + C_RUNG]), c)
    m[c + C_FALLBACK] = 0
    m[c + C_WAIT] = NONE
    m[c + C_PAYER] = NO_BUDGET_AT_ALL
    m[c + C_FIRST_ERROR] = OK
    next_rung(m, c, m[c + C_BASE], cause)


@step
def next_rung(m: Memory, c: int, model: int, cause: int) -> None:
    """The first try with a model."""
    m[c + C_MODEL] = model
    m[c + C_TRY] = 0
    m[c + C_CAUSE] = cause
    m[c + C_LAST_DEPLOYMENT] = NONE


@step
def rung_key(m: Memory, c: int, rung: int) -> int:
    """Key of the first try of a rung."""
    return m[m[c + C_ACTION] + A_KEY] | code_of(m[c + C_NUMBER], m[c + C_REPEAT], rung, 0, 0)


@step
def pause(m: Memory, c: int, delay: int, key: int, following: int) -> None:
    """A wait of the call, then a step (its row's address is marked as a call's by a number below 0)."""
    m[c + C_KEY] = key
    m[c + C_NEXT] = following
    schedule(m, m[M_NOW] + delay, WAITED, key, -c)


@step
def answered(m: Memory, c: int) -> None:
    """A request and all that is done for its base model have come to a good end."""
    m[c + C_REQUEST_UNTIL] = m[c + C_CALL_UNTIL] = NEVER
    if m[M_BUDGETS] == 1:
        release(m, c + C_CLIENT_HELD)
        reward(m, INNER, c)
        reward(m, OUTER, c)


@apart
def failed(m: Memory, f: Reals, c: int, t: int, kind: int) -> int:
    """A try has failed: another one, another model, or the request has failed."""
    m[c + C_LAST] = t
    if m[t + T_DEPLOYMENT] != NONE:
        m[c + C_LAST_DEPLOYMENT] = m[t + T_DEPLOYMENT]
    shown = m[c + C_SHOWN] == 1 and kind != MALFORMED
    if retries(m, f, c, t, kind, shown):
        return NOTHING
    return give_up_model(m, f, c)


@apart
def give_up_model(m: Memory, f: Reals, c: int) -> int:
    """There is no other try with a model: another model, or the request has failed."""
    kind = m[m[c + C_LAST] + T_OUTCOME]
    shown = m[c + C_SHOWN] == 1 and kind != MALFORMED
    if m[c + C_FIRST_ERROR] == OK:
        m[c + C_FIRST_ERROR] = kind
    if falls_back(m, c, kind, shown):
        m[c + C_RUNG] += 1
        model = at2(m, FALLBACK, m[c + C_BASE], m[c + C_FALLBACK])
        m[c + C_FALLBACK] += 1
        next_rung(m, c, model, FALL_BACK)
        return then(m, DISPATCH, c)
    if at1(m, ERROR_FIRST, 0) == 1:
        kind = m[c + C_FIRST_ERROR]
    return request_failed(m, f, c, kind, m[c + C_SHOWN] == 1 and kind != MALFORMED)


@step
def is_retryable(m: Memory, layer: int, kind: int, shown: bool) -> bool:
    """Does a layer retry such a failure? In the middle of a stream that is seen, only if it says so."""
    if shown and at1(m, STREAM_FAILURE + layer, 0) != STREAM_RETRIES:
        return False
    return at1(m, RETRY_ON + layer, kind) == 1 or (shown and kind == STREAM_BROKEN)


@step
def retries(m: Memory, f: Reals, c: int, t: int, kind: int, shown: bool) -> bool:
    """Is there another try with this model, after a wait?"""
    if not is_retryable(m, INNER, kind, shown):
        return False
    if m[c + C_TRY] >= at1(m, MAX_RETRIES, m[M_EPOCH]):
        return at1(m, WAIT_AFTER_LAST, 0) == 1 and m[c + C_TRY] > 0 and waits_once_more(m, f, c, t, kind)
    wait = wait_for_retry(m, f, c, t, kind)
    if wait == GIVE_UP:
        m[t + T_MARKS] |= GAVE_UP
    if gives_up_open(m, c, t):
        m[t + T_MARKS] |= ALL_OPEN
        return False
    if wait == GIVE_UP:
        return False
    if m[M_BUDGETS] == 1 and not pay(m, INNER, c, kind):
        m[t + T_MARKS] |= NO_BUDGET
        return False
    m[c + C_TRY] += 1
    m[c + C_CAUSE] = RETRY
    pause(m, c, wait, try_key(m, c, m[c + C_TRY]), DISPATCH)
    return True


@step
def try_key(m: Memory, c: int, number: int) -> int:
    """Key of a try of the present rung."""
    code = code_of(m[c + C_NUMBER], m[c + C_REPEAT], m[c + C_RUNG], number, 0)
    return m[m[c + C_ACTION] + A_KEY] | code


@step
def gives_up_open(m: Memory, c: int, t: int) -> bool:
    """Are all breakers of the model open, and that the end of it?"""
    return at1(m, RETRY_WHILE_OPEN, 0) == 0 and available(m, m[t + T_REPLICA], c) == 0


@apart
def waits_once_more(m: Memory, f: Reals, c: int, t: int, kind: int) -> bool:
    """Is there a wait after the last try, before the model is given up?"""
    wait = wait_for_retry(m, f, c, t, kind)
    if gives_up_open(m, c, t) or wait == GIVE_UP:
        return False
    pause(m, c, wait, try_key(m, c, m[c + C_TRY] + 1), GIVE_UP_MODEL)
    return True


@step
def wait_for_retry(m: Memory, f: Reals, c: int, t: int, kind: int) -> int:
    """How long until the next try; none where another deployment can be asked at once."""
    model = m[c + C_MODEL]
    if at1(m, SKIP_WITH_PEER, 0) == 1 and has_peer(m, model) and available(m, m[t + T_REPLICA], c) > 0:
        return 0
    u, _ = of_call(m, c, L_CHOICE, m[t + T_CODE])
    return wait_after(m, f, INNER, c, kind, m[c + C_TRY], m[t + T_RETRY_AFTER], u)


@step
def falls_back(m: Memory, c: int, kind: int, shown: bool) -> bool:
    """Is another model asked, and is there one?"""
    if shown and at1(m, STREAM_FAILURE, 0) == STREAM_FAILS:
        return False
    if at1(m, FALLBACK_ON, kind) == 0 and not (shown and kind == STREAM_BROKEN):
        return False
    return m[c + C_FALLBACK] < m[c + C_FALLBACKS] and at2(m, FALLBACK, m[c + C_BASE], m[c + C_FALLBACK]) != NONE


@step
def request_failed(m: Memory, f: Reals, c: int, kind: int, shown: bool) -> int:
    """A request has failed: the client asks the whole gateway again, or the repetition has failed."""
    m[c + C_REQUEST_UNTIL] = NEVER
    release(m, c + C_CLIENT_HELD)
    if m[M_LAYERS] == 2 and asks_again(m, f, c, kind, shown):
        return NOTHING
    return base_failed(m, c, kind)


@step
def base_failed(m: Memory, c: int, kind: int) -> int:
    """Nothing more is done: the action fails."""
    m[M_OUTCOME] = FAILED
    m[M_KIND] = kind
    m[M_TRY] = m[c + C_LAST]
    return then(m, FAIL, m[c + C_ACTION])


@apart
def asks_again(m: Memory, f: Reals, c: int, kind: int, shown: bool) -> bool:
    """Does the client make another request, after a wait?"""
    t = m[c + C_LAST]
    if m[c + C_CLIENT_TRY] >= at1(m, MAX_RETRIES + OUTER, m[M_EPOCH]) or not is_retryable(m, OUTER, kind, shown):
        return False
    u, _ = uniform(m, ATTEMPT, m[t + T_NUMBER], m[t + T_CODE] - m[t + T_HEDGE], 5)
    said = m[t + T_RETRY_AFTER] if kind == RATE_LIMIT else 0
    wait = wait_after(m, f, OUTER, c, kind, m[c + C_CLIENT_TRY], said, u)
    if wait == GIVE_UP:
        m[t + T_MARKS] |= GAVE_UP
        return False
    if not pay(m, OUTER, c, kind):
        m[t + T_MARKS] |= NO_BUDGET
        return False
    pause(m, c, wait, rung_key(m, c, m[c + C_RUNG] + 1), REQUEST)
    return True


@apart
def request_again(m: Memory, c: int) -> int:
    """The client's wait is over."""
    m[c + C_CLIENT_TRY] += 1
    m[c + C_RUNG] += 1
    next_request(m, c, CLIENT_RETRY)
    return then(m, DISPATCH, c)


@apart
def time_is_up(m: Memory, event_class: int, c: int, key: int) -> None:
    """A request or all that is done for a base model has taken too long: what is under way is void."""
    until = m[c + (C_REQUEST_UNTIL if event_class == REQUEST_ENDS else C_CALL_UNTIL)]
    if m[c + C_KEY] >> 20 != key >> 20 or until != m[M_NOW]:
        return
    first, hedge = m[c + C_ATTEMPT], m[c + C_TWIN]
    if first != NONE or hedge != NONE:
        m[c + C_LAST] = first if first != NONE else hedge
    m[c + C_SHOWN] = 0
    cancel(m, first)
    cancel(m, hedge)
    release(m, c + C_HELD)
    follow_up(m, CUT_OFF, c, m[c + C_KEY], event_class)


@apart
def cut_off(m: Memory, f: Reals, c: int, event_class: int) -> int:
    """The call hears that its time is up."""
    if event_class == REQUEST_ENDS:
        return request_failed(m, f, c, TIMED_OUT, m[c + C_SHOWN] == 1)
    return base_failed(m, c, TIMED_OUT)
