"""Circuit breakers: a place (a deployment or a provider) that has failed is left alone for a while."""

from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.laws.backoff import heard_ns
from simkit.laws.breaker import (
    CLOSED,
    GENERATION,
    HALF_OPEN,
    OPEN,
    OPENINGS,
    PPB,
    PROBING,
    PROVED,
    SIZE,
    STATE,
    STREAK,
    UNTIL,
    WINDOW,
    breaker_due,
    breaker_look,
    cooldown_ns,
    swept,
)
from simkit.laws.jit import Ints, apart, step
from simkit.laws.window import FIRST, LENGTH, SECOND, window_at, window_clear
from simkit.plan.codes import Kind, Mark

OK, CANCELLED = int(Kind.OK), int(Kind.CANCELLED)
PROBE, BYPASS = int(Mark.PROBE), int(Mark.BYPASS)
OPENED, PROVED_WELL = 1, 0
"""States of the log's rows."""


@step
def place_of(m: Memory, n: int) -> int:
    """Whose breaker a deployment hangs on: its own, or its provider's."""
    return at1(m, PROVIDER, n) if at1(m, BREAKER_BY_PROVIDER, 0) == 1 else n


@step
def breaker_at(m: Memory, replica: int, place: int) -> int:
    """Address of the breaker that a copy of the layer has of a place."""
    return m[BREAKERS] + replica * m[BREAKERS + 1] + place * SIZE


@step
def window_of(m: Memory, b: int) -> Ints:
    """What a breaker has counted of late."""
    window: Ints = view(m, b + WINDOW, (LENGTH,))
    return window


@apart
def look(m: Memory, b: int) -> int:
    """State of a breaker now."""
    return breaker_look(view(m, b, (SIZE,)), m[M_NOW], at1(m, BREAKER_PROBES, m[M_EPOCH]))


@step
def has_peer(m: Memory, model: int) -> bool:
    """Has a model more than one deployment?"""
    return deployments_of(m, model) > 1


@apart
def usable(m: Memory, replica: int, c: int) -> int:
    """Mark the deployments of a call's model that may be asked, all of them in a panic; how many they are."""
    first, beyond = at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL]), at1(m, FIRST_DEPLOYMENT, m[c + C_MODEL] + 1)
    closed, found, probes = 0, 0, at1(m, BREAKER_PROBES, m[M_EPOCH])
    for n in range(first, beyond):
        b = breaker_at(m, replica, place_of(m, n))
        state = look(m, b)
        closed += state != OPEN
        is_usable = state == CLOSED or (state == HALF_OPEN and m[b + PROBING] < probes)
        m[m[CANDIDATES] + n] = is_usable
        found += is_usable
    panic = at1(m, BREAKER_PANIC_PPB, m[M_EPOCH])
    if panic == 0 or not panics(m, replica, c, panic, closed, beyond - first):
        return found
    for n in range(first, beyond):
        m[m[CANDIDATES] + n] = 1
    return beyond - first


@apart
def panics(m: Memory, replica: int, c: int, panic: int, closed: int, of: int) -> bool:
    """Are too few left: of the model's deployments, or of those of the base model and all its fallbacks?"""
    if at1(m, BREAKER_PANIC_CHAIN, 0) == 1:
        base = m[c + C_BASE]
        closed, of = closed_of(m, replica, base), deployments_of(m, base)
        for i in range(m[c + C_FALLBACKS]):
            model = at2(m, FALLBACK, base, i)
            if model == NONE:
                break
            closed += closed_of(m, replica, model)
            of += deployments_of(m, model)
    return closed * PPB < panic * of


@step
def deployments_of(m: Memory, model: int) -> int:
    """How many deployments a model has."""
    return at1(m, FIRST_DEPLOYMENT, model + 1) - at1(m, FIRST_DEPLOYMENT, model)


@apart
def closed_of(m: Memory, replica: int, model: int) -> int:
    """How many of a model's deployments are not left alone."""
    closed = 0
    for n in range(at1(m, FIRST_DEPLOYMENT, model), at1(m, FIRST_DEPLOYMENT, model + 1)):
        closed += look(m, breaker_at(m, replica, place_of(m, n))) != OPEN
    return closed


@apart
def enter(m: Memory, t: int) -> None:
    """An attempt is sent: it belongs to this generation; one to a half open place is a probe."""
    b = breaker_at(m, m[t + T_REPLICA], place_of(m, m[t + T_DEPLOYMENT]))
    state = look(m, b)
    m[t + T_GENERATION] = m[b + GENERATION]
    if state == HALF_OPEN:
        m[b + PROBING] += 1
        m[t + T_MARKS] |= PROBE
    elif state == OPEN:
        m[t + T_MARKS] |= BYPASS


@apart
def note(m: Memory, t: int, kind: int) -> None:
    """An attempt that was sent has ended."""
    b = breaker_at(m, m[t + T_REPLICA], place_of(m, m[t + T_DEPLOYMENT]))
    state, is_news = look(m, b), m[t + T_GENERATION] == m[b + GENERATION]
    if kind == CANCELLED:
        m[b + PROBING] -= state == HALF_OPEN and is_news
        return
    bad = at1(m, BREAKER_COUNTS, kind) == 1
    good = kind == OK or (not bad and at1(m, BREAKER_OTHERS_HEALTHY, 0) == 1)
    if m[M_COMPARES] == 1 and (good or bad):
        place = place_of(m, m[t + T_DEPLOYMENT])
        m[m[RESULTS] + m[t + T_REPLICA] * m[RESULTS + 1] + bad * m[RESULTS + 2] + place] += 1
    if at1(m, BREAKER_FORGET, 0) == 1 and (state == OPEN or not is_news):
        return
    if state == HALF_OPEN and is_news:
        probed(m, t, b, good, bad)
        return
    count_in(m, b, good, bad)
    if state == CLOSED:
        judge_place(m, t, b, kind, good, bad)


@apart
def probed(m: Memory, t: int, b: int, good: bool, bad: bool) -> None:
    """A probe has ended: a failure opens again, enough successes close."""
    m[b + PROBING] -= 1
    if bad:
        open_for(m, t)
    elif good:
        m[b + PROVED] += 1
        if m[b + PROVED] == at1(m, BREAKER_PROBES, m[M_EPOCH]):
            close(m, t, b)


@step
def count_in(m: Memory, b: int, good: bool, bad: bool) -> None:
    """One more success or failure in the window."""
    if good or bad:
        kind, length_ns = at1(m, BREAKER_WINDOW_KIND, 0), at1(m, BREAKER_WINDOW, m[M_EPOCH])
        cell = window_at(window_of(m, b), kind, m[M_NOW], m[M_UTC], length_ns)
        m[b + WINDOW + (SECOND if bad else FIRST) + cell] += 1


@step
def judge_place(m: Memory, t: int, b: int, kind: int, good: bool, bad: bool) -> None:
    """A result of a closed place: perhaps it is one too many."""
    if bad:
        m[b + STREAK] += 1
    elif good:
        m[b + STREAK] = 0
    peer = has_peer(m, m[t + T_MODEL])
    at_once = at1(m, BREAKER_AT_ONCE, kind) == 1 and (peer or at1(m, BREAKER_AT_ONCE_PEER, 0) == 0)
    if at_once or (bad and at1(m, BREAKER_TRIPS_ON, kind) == 1 and is_due(m, b, peer)):
        open_for(m, t)


@apart
def is_due(m: Memory, b: int, peer: bool) -> bool:
    """Do the counts say that it should open?"""
    e, rates = m[M_EPOCH], m[BREAKER_RATE_PPB + 4]
    return breaker_due(
        view(m, b, (SIZE,)), at1(m, BREAKER_CONSECUTIVE, e), at1(m, BREAKER_FAILURES, e),
        view(m, m[BREAKER_RATE_PPB] + e * rates, (rates,)), view(m, m[BREAKER_RATE_STRICT], (rates,)),
        view(m, m[BREAKER_RATE_OF] + e * rates, (rates,)), view(m, m[BREAKER_RATE_PEER], (rates,)), peer,
    )  # fmt: skip


@step
def open_for(m: Memory, t: int) -> None:
    """An attempt was one too many for its place."""
    said = heard_ns(m[t + T_RETRY_AFTER], at1(m, RETRY_AFTER_UNIT, m[M_EPOCH]))
    open_up(m, m[t + T_REPLICA], place_of(m, m[t + T_DEPLOYMENT]), m[t + T_MODEL], said)


@apart
def open_up(m: Memory, replica: int, place: int, model: int, said: int) -> None:
    """Leave a place alone for a while (it may have `said` how long), unless too many are open already."""
    e, now, b = m[M_EPOCH], m[M_NOW], breaker_at(m, replica, place)
    if too_many_open(m, replica, model):
        return
    sweep = at1(m, BREAKER_SWEEP, e)
    openings = max(0, m[b + OPENINGS] - sweeps_since(m, b, sweep)) + 1
    until = cooldown_ns(
        now, at1(m, BREAKER_COOLDOWN, e), at1(m, BREAKER_COOLDOWN_MAX, e), at1(m, BREAKER_GROWS, 0) == 1, openings,
        said, at1(m, BREAKER_FROM_RETRY_AFTER, 0) == 1,
    )  # fmt: skip
    m[b + STATE] = OPEN
    m[b + UNTIL] = swept(until, sweep)
    m[b + GENERATION] += 1
    m[b + OPENINGS] = openings
    m[b + PROBING] = m[b + PROVED] = 0
    if at1(m, BREAKER_FORGET, 0) == 1:
        forget(m, b)
    write_breaker(m, replica, place, OPENED, m[b + UNTIL])


@step
def sweeps_since(m: Memory, b: int, sweep: int) -> int:
    """Sweeps that a place has gone through since it was open: each makes the next cooldown shorter."""
    if sweep == 0 or m[b + OPENINGS] == 0 or m[b + STATE] != CLOSED:
        return 0
    return max(0, (m[M_NOW] - 1) // sweep - m[b + UNTIL] // sweep)


@step
def too_many_open(m: Memory, replica: int, model: int) -> bool:
    """Is the share open already that may be open at most: of the model's deployments, or of the providers?"""
    first, beyond = at1(m, FIRST_DEPLOYMENT, model), at1(m, FIRST_DEPLOYMENT, model + 1)
    if at1(m, BREAKER_BY_PROVIDER, 0) == 1:
        first, beyond = 0, m[BREAKERS + 1] // SIZE
    opened = 0
    for place in range(first, beyond):
        opened += look(m, breaker_at(m, replica, place)) == OPEN
    return opened * PPB >= at1(m, BREAKER_MAX_OPEN_PPB, m[M_EPOCH]) * (beyond - first)


@step
def close(m: Memory, t: int, b: int) -> None:
    """The probes have proved the place well."""
    m[b + STATE] = CLOSED
    m[b + GENERATION] += 1
    m[b + OPENINGS] = 0
    forget(m, b)
    write_breaker(m, m[t + T_REPLICA], place_of(m, m[t + T_DEPLOYMENT]), PROVED_WELL, NONE)


@step
def forget(m: Memory, b: int) -> None:
    """Begin to count anew."""
    m[b + STREAK] = 0
    window_clear(window_of(m, b))


@step
def write_breaker(m: Memory, replica: int, place: int, state: int, until: int) -> None:
    """A row of the log: a place opened, or is closed again."""
    row = m[M_BREAKER_PAGE] + m[M_BREAKER_ROWS] * BREAKER_LOGGED
    m[M_BREAKER_ROWS] += 1
    m[row] = m[M_NOW]
    m[row + 1] = replica
    m[row + 2] = -1 - place if at1(m, BREAKER_BY_PROVIDER, 0) == 1 else place
    m[row + 3] = state
    m[row + 4] = until
