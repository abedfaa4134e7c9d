"""The sources of arrivals: whose turn it is, and at what pace the operational time of each goes."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.dice import uniform, value
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.laws.arrival import arrival_time, operational_at, remaining
from simkit.laws.draws import Stream, unit
from simkit.laws.growth import UNIT
from simkit.laws.jit import Floats, Ints, apart, step
from simkit.plan.plan import NEVER

MODULATION = int(Stream.MODULATION)
FACTOR_CHANGES = 1 << 33
"""Order of calendar events of one instant, see `incident`."""


# --- whose turn it is -----------------------------------------------------------------------------------


@step
def put_by(m: Memory, f: Reals) -> None:
    """Keep where the arrivals of the present source stand."""
    o, w = m[COMING] + m[M_HOME] * COMING_WIDTH, m[WALKS] + m[M_HOME] * WALK_WIDTH
    m[o + O_NUMBER] = m[M_NUMBER]
    m[o + O_SEGMENT] = m[M_SEGMENT]
    m[o + O_ARRIVAL] = m[M_ARRIVAL]
    m[o + O_DUE_SEGMENT] = m[M_DUE_SEGMENT]
    for i in range(WALK_WIDTH):
        f[w + i] = f[i]


@step
def turn_to(m: Memory, f: Reals, source: int) -> None:
    """Go on where the arrivals of a source stand."""
    o, w = m[COMING] + source * COMING_WIDTH, m[WALKS] + source * WALK_WIDTH
    m[M_HOME] = source
    m[AHEAD] = m[M_AHEAD_FIRST] + source * AHEAD_ROWS * m[M_AHEAD]
    m[M_NUMBER] = m[o + O_NUMBER]
    m[M_SEGMENT] = m[o + O_SEGMENT]
    m[M_ARRIVAL] = m[o + O_ARRIVAL]
    m[M_DUE_SEGMENT] = m[o + O_DUE_SEGMENT]
    for i in range(WALK_WIDTH):
        f[i] = f[w + i]


@step
def turn_to_first(m: Memory, f: Reals) -> None:
    """Turn to the source whose next action arrives first; of several to the one with the lowest number."""
    sources, best = m[M_STREAMS], 0
    for source in range(1, sources):
        o, first = m[COMING] + source * COMING_WIDTH, m[COMING] + best * COMING_WIDTH
        number, lowest = m[o + O_NUMBER] * sources + source, m[first + O_NUMBER] * sources + best
        if m[o + O_ARRIVAL] < m[first + O_ARRIVAL] or (m[o + O_ARRIVAL] == m[first + O_ARRIVAL] and number < lowest):
            best = source
    turn_to(m, f, best)


# --- at what pace ---------------------------------------------------------------------------------------


@step
def starts(m: Memory, source: int) -> Ints:
    """When the segments of a source begin, and the end of the last."""
    first, beyond = at1(m, ARRIVAL_FIRST, source), at1(m, ARRIVAL_FIRST, source + 1)
    found: Ints = view(m, m[ARRIVAL_START] + first + source, (beyond - first + 1,))
    return found


@step
def rates(m: Memory, f: Reals, source: int) -> Floats:
    """Rates of the segments of a source."""
    first, beyond = at1(m, ARRIVAL_FIRST, source), at1(m, ARRIVAL_FIRST, source + 1)
    found: Floats = view(f, m[ARRIVAL_RATE] + first, (beyond - first,))
    return found


@step
def cumulated(m: Memory, f: Reals, source: int) -> Floats:
    """Operational time at which the segments of a source begin."""
    first, beyond = at1(m, ARRIVAL_FIRST, source), at1(m, ARRIVAL_FIRST, source + 1)
    found: Floats = view(f, m[ARRIVAL_CUMULATIVE] + first + source, (beyond - first + 1,))
    return found


@step
def segments_of(m: Memory, source: int) -> int:
    """How many segments a source has."""
    return at1(m, ARRIVAL_FIRST, source + 1) - at1(m, ARRIVAL_FIRST, source)


@apart
def draw_what_is_left(m: Memory, f: Reals, place: int) -> None:
    """Draw what is left until the next arrival, and find out when that is."""
    source, segment = m[M_HOME], m[M_SEGMENT]
    m[M_ARRIVAL] = NEVER
    if segment < segments_of(m, source):
        u = unit(m[m[AHEAD] + AHEAD_GAP * m[M_AHEAD] + place])
        f[F_LEFT] = value(m, f, at1(m, ARRIVAL_GAP, at1(m, ARRIVAL_FIRST, source) + segment), u)
        foresee(m, f)


@step
def foresee(m: Memory, f: Reals) -> None:
    """When the next action of the present source arrives, at its present pace."""
    m[M_ARRIVAL] = NEVER
    if f[F_PACE] == 0.0:
        return
    source, target = m[M_HOME], f[F_OPERATIONAL] + f[F_LEFT] / f[F_PACE]
    time, segment = arrival_time(target, m[M_SEGMENT], starts(m, source), rates(m, f, source), cumulated(m, f, source))
    if segment < segments_of(m, source):
        m[M_ARRIVAL] = max(time, m[M_NOW])
        m[M_DUE_SEGMENT] = segment


@step
def arrive_there(m: Memory, f: Reals) -> None:
    """The present source is walked up to the arrival that happens now."""
    f[F_OPERATIONAL] += f[F_LEFT] / f[F_PACE]
    m[M_SEGMENT] = m[M_DUE_SEGMENT]


@apart
def walk_at_new_pace(m: Memory, f: Reals, source: int) -> None:
    """From now on at another pace."""
    several = m[M_STREAMS] > 1
    if several:
        put_by(m, f)
        turn_to(m, f, source)
    if m[M_SEGMENT] < segments_of(m, source):
        now, segment = operational_at(
            m[M_NOW], m[M_SEGMENT], starts(m, source), rates(m, f, source), cumulated(m, f, source)
        )
        f[F_LEFT] = remaining(f[F_LEFT], f[F_OPERATIONAL], now, f[F_PACE])
        f[F_OPERATIONAL] = now
        m[M_SEGMENT] = segment
        f[F_PACE] = pace_of(m, f, source)
        foresee(m, f)
    if several:
        put_by(m, f)
        turn_to_first(m, f)


@step
def pace_of(m: Memory, f: Reals, source: int) -> float:
    """By the random factors, and by how many active users there are."""
    factor = 1.0
    for level in range(length(m, FACTORS)):
        factor *= f[m[FACTORS] + level]
    if m[M_GROWS] == 0 or source >= m[M_HOMES]:
        return factor
    return float(activity_in(m, source)) / UNIT * factor


@step
def activity_in(m: Memory, home: int) -> int:
    """Of all active users of a region."""
    active = m[m[CROWD] + home * CROWD_WIDTH + N_ACTIVE]
    return m[m[M_LISTED] + ((active - 1) * m[M_HOMES] + home) * LISTED_WIDTH + Y_TOTAL] if active > 0 else 0


# --- random factors -------------------------------------------------------------------------------------


@apart
def begin_factors(m: Memory, f: Reals) -> None:
    """The first factors."""
    for level in range(length(m, FACTORS)):
        since = m[M_BEGIN] + at1(m, MODULATION_ORIGIN, level)
        hold_factor(m, f, level, since // at1(m, MODULATION_EVERY, level))


@apart
def hold_factor(m: Memory, f: Reals, level: int, block: int) -> None:
    """A factor holds until its time is over."""
    u, _ = uniform(m, MODULATION, block, level, 0)
    f[m[FACTORS] + level] = value(m, f, at1(m, MODULATION_FACTOR, level), u)
    until = (block + 1) * at1(m, MODULATION_EVERY, level) - at1(m, MODULATION_ORIGIN, level)
    if until < m[M_STOP]:
        schedule(m, until, CALENDAR, FACTOR_CHANGES | level, block + 1)


@apart
def change_factor(m: Memory, f: Reals, level: int, block: int) -> None:
    """The next factor of a level."""
    hold_factor(m, f, level, block)
    for source in range(m[M_STREAMS]):
        walk_at_new_pace(m, f, source)
