"""Incidents, scheduled and random. Sources are numbered: scheduled ones first, then random outages."""

from simkit.engine.compiled.agenda import follow_up, schedule, take_first
from simkit.engine.compiled.answers import EXACT, SEMANTIC, empty_store
from simkit.engine.compiled.dice import uniform, value
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.engine.compiled.region import AVAILABLE, note, ppb, real_place, resize
from simkit.engine.compiled.service import BEFORE_ALL, strike
from simkit.engine.compiled.station import station
from simkit.engine.compiled.watch import changed
from simkit.laws.choice import choose
from simkit.laws.draws import Stream
from simkit.laws.failure import combined_rate
from simkit.laws.jit import apart, step
from simkit.laws.sample import whole
from simkit.plan.codes import Kind, Outcome

OUTAGE, SERVER_ERROR = int(Stream.OUTAGE), int(Kind.SERVER_ERROR)
GOES_WITH_IT, FAILED, REGION_DOWN = int(Stream.LOST), int(Outcome.FAILED), int(Kind.REGION_DOWN)
STAFF, CHANGES, ENDS, STARTS = range(4)
"""What a calendar event is: bits 40 and up of its key; the rest says which."""
RESET, EMPTIED = 1 << 30, 1 << 31
"""After other people, before other numbers: days and months begin, caches are emptied."""


@step
def source(m: Memory, i: int) -> int:
    """Address of a source's state."""
    return m[SOURCES] + i * SOURCE_WIDTH


@apart
def begin_incidents(m: Memory, f: Reals) -> None:
    """Put scheduled incidents and the first outage of each random source on the agenda."""
    for i in range(m[M_SCHEDULED]):
        s = source(m, i)
        m[s + I_START] = at1(m, INCIDENT_START, i)
        m[s + I_END] = at1(m, INCIDENT_END, i)
        m[s + I_SEVERITY] = at1(m, INCIDENT_SEVERITY, i)
        announce(m, i)
    for i in range(m[M_SCHEDULED], m[M_SOURCES]):
        m[source(m, i) + I_TIME] = m[M_BEGIN] - at1(m, OUTAGE_HISTORY, i - m[M_SCHEDULED])
        next_outage(m, f, i)


@apart
def announce(m: Memory, i: int) -> None:
    """Schedule the start of one incident (now, if it began before the run)."""
    schedule(m, max(m[source(m, i) + I_START], m[M_NOW]), CALENDAR, STARTS << 40 | i, i)


@apart
def next_outage(m: Memory, f: Reals, i: int) -> None:
    """Put the next outage that is not over by now on the agenda."""
    draw_outage(m, f, i)
    while m[source(m, i) + I_END] <= m[M_NOW]:
        draw_outage(m, f, i)
    announce(m, i)


@apart
def draw_outage(m: Memory, f: Reals, i: int) -> None:
    """Start, end and severity of the next outage of a source."""
    s, o = source(m, i), i - m[M_SCHEDULED]
    number, key = m[s + I_NUMBER], at1(m, OUTAGE_KEY, o)
    first, beyond = at1(m, FIRST_SEVERITY, o), at1(m, FIRST_SEVERITY, o + 1)
    u, v = uniform(m, OUTAGE, number, key, 0)
    m[s + I_START] = m[s + I_TIME] + whole(value(m, f, at1(m, OUTAGE_GAP, o), u))
    m[s + I_END] = m[s + I_START] + whole(value(m, f, at1(m, OUTAGE_DURATION, o), v))
    u, _ = uniform(m, OUTAGE, number, key, 1)
    m[s + I_SEVERITY] = first + choose(u, view(f, m[SEVERITY_CDF] + first, (beyond - first,)))
    m[s + I_TIME] = m[s + I_END]
    m[s + I_NUMBER] = number + 1


@apart
def start_incident(m: Memory, f: Reals, i: int) -> None:
    """An incident starts."""
    s = source(m, i)
    row = m[M_INCIDENT_PAGE] + m[M_INCIDENT_ROWS] * INCIDENT_LOGGED
    m[M_INCIDENT_ROWS] += 1
    m[row] = i if i < m[M_SCHEDULED] else m[M_SCHEDULED] - 1 - i
    m[row + 1] = m[s + I_START]
    m[row + 2] = m[s + I_END]
    m[row + 3] = m[s + I_SEVERITY]
    m[s + I_ACTIVE] = 1
    refresh(m, f, i)
    schedule(m, m[s + I_END], CALENDAR, ENDS << 40 | i, i)
    if at1(m, IN_FLIGHT_FAIL, i) == 1:
        strike_regions(m, i)
        strike(m, f, s, m[HITS] + i * m[HITS + 1])


@apart
def end_incident(m: Memory, f: Reals, i: int) -> None:
    """An incident ends; a random source draws its next one."""
    m[source(m, i) + I_ACTIVE] = 0
    refresh(m, f, i)
    if i >= m[M_SCHEDULED]:
        next_outage(m, f, i)


@apart
def refresh(m: Memory, f: Reals, i: int) -> None:
    """Work out anew what is wrong with the deployments that a source hits."""
    for n in range(m[M_DEPLOYMENTS]):
        if at2(m, HITS, i, n) == 1:
            combine(m, f, n)
    for r in range(m[M_REGIONS]):
        if at2(m, REGION_HITS, i, r) == 1:
            refresh_region(m, f, r)


@apart
def refresh_region(m: Memory, f: Reals, r: int) -> None:
    """Work out anew what is left of a region: shares that are left multiply."""
    left, h = 1.0, real_place(m, r)
    for i in range(m[M_SOURCES]):
        if m[source(m, i) + I_ACTIVE] == 1 and at2(m, REGION_HITS, i, r) == 1:
            left *= 1.0 - real1(m, f, LOST, m[source(m, i) + I_SEVERITY])
    if left == f[h + H_AVAILABLE]:
        return
    f[h + H_AVAILABLE] = left
    note(m, r, AVAILABLE, ppb(left))
    resize(m, f, r)
    if left <= 0.0 and m[M_ANSWERS] == 1:
        for cache in (EXACT, SEMANTIC):
            if at1(m, ANSWERS_SHARED, cache) == 0:
                empty_store(m, cache, r)
    if m[M_GUIDES] == 1:
        changed(m, f, r)


@apart
def strike_regions(m: Memory, i: int) -> None:
    """Work under way in the regions that a source hits goes down with them, in the order of its numbers."""
    a = m[M_LIVE]
    while a != NONE:
        is_hit = is_here(m, a) and at2(m, REGION_HITS, i, region_of(m, a)) == 1
        if is_hit and OUTSIDE < m[a + A_PLACE] <= SERVED and m[a + A_RUNG] == NONE:
            schedule(m, BEFORE_ALL, CALENDAR, m[a + A_KEY], a)
        a = m[a + A_LIVE]
    while m[M_EVENT] > 0 and m[m[M_AGENDA] + E_TIME] == BEFORE_ALL:
        a = m[m[M_AGENDA] + E_ROW]
        take_first(m)
        follow_up(m, GOES_DOWN, a, m[a + A_NUMBER], m[source(m, i) + I_SEVERITY])


@apart
def go_down(m: Memory, f: Reals, a: int, severity: int) -> int:
    """An action in a region that an incident takes with it; the step that follows."""
    if m[a + A_PLACE] == OUTSIDE or m[a + A_PLACE] > SERVED or m[a + A_RUNG] != NONE:
        return NOTHING
    u, _ = uniform(m, GOES_WITH_IT, m[a + A_NUMBER], severity & 63, 0)
    if u >= real1(m, f, LOST, severity):
        return NOTHING
    m[M_OUTCOME] = FAILED
    m[M_KIND] = REGION_DOWN
    return then(m, END, a)


@apart
def combine(m: Memory, f: Reals, n: int) -> None:
    """All active incidents: rates combine as independent, factors multiply, the worst names the kind."""
    rate, kind, slowdown, quota, worst = 0.0, SERVER_ERROR, 1.0, 1.0, -1.0
    for i in range(m[M_SOURCES]):
        if m[source(m, i) + I_ACTIVE] == 0 or at2(m, HITS, i, n) == 0:
            continue
        v = m[source(m, i) + I_SEVERITY]
        if real1(m, f, ERROR_RATE, v) > worst:
            worst, kind = real1(m, f, ERROR_RATE, v), at1(m, ERROR_KIND, v)
        rate = combined_rate(rate, real1(m, f, ERROR_RATE, v))
        slowdown *= real1(m, f, SLOWDOWN, v)
        quota *= real1(m, f, QUOTA, v)
    weather = m[WEATHER] + n * m[WEATHER + 1]
    f[weather + W_RATE] = rate
    f[weather + W_SLOWDOWN] = slowdown
    f[weather + W_QUOTA] = quota
    m[station(m, n) + D_KIND] = kind
