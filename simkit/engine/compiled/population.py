"""Users who sign up, become active users, stay or leave."""

from simkit.engine.compiled.agenda import schedule
from simkit.engine.compiled.dice import uniform, value
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pace import activity_in, walk_at_new_pace
from simkit.engine.compiled.pointer import fetch, view
from simkit.laws.choice import choose
from simkit.laws.draws import Stream, unit
from simkit.laws.growth import BAD, FAILED, QUOTA, REJECTED, SLOW, activity, remember, stays, times
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind, Life, Outcome, State
from simkit.plan.growth import DAYS, MET

OF_ACTIVITY, OF_PLAN, OF_SIGN_UP, OF_STAY = (
    int(s) for s in (Stream.ACTIVITY, Stream.PLAN, Stream.SIGN_UP, Stream.STAY)
)
BASE, SIGNED_UP, FIRST_VALUE, ACTIVATED, LOST_INTEREST, LEFT, MOVED = (int(one) for one in Life)
NEW, ACTIVE, GONE = (int(one) for one in State)
SERVED_WELL, IN_PART, TURNED_AWAY = int(Outcome.OK), int(Outcome.DEGRADED), int(Outcome.REJECTED)
BY_QUOTA = int(Kind.QUOTA)
DAY_BEGINS = 1 << 32
"""Order of calendar events of one instant, see `incident`."""


@step
def member(m: Memory, user: int) -> int:
    """Address of a user."""
    return m[M_PEOPLE] + user * USER_WIDTH


@step
def crowd(m: Memory, home: int) -> int:
    """Address of what is counted of a region's users."""
    return m[CROWD] + home * CROWD_WIDTH


@step
def listed(m: Memory, home: int, place: int) -> int:
    """Address of a place in the list of a region's active users."""
    return m[M_LISTED] + (place * m[M_HOMES] + home) * LISTED_WIDTH


@step
def write_life(m: Memory, user: int, what: int, worth: int) -> None:
    """A row of the log."""
    row = m[M_LIFE_PAGE] + m[M_LIFE_ROWS] * LIFE_LOGGED
    m[M_LIFE_ROWS] += 1
    m[row] = m[M_NOW]
    m[row + 1] = user
    m[row + 2] = what
    m[row + 3] = worth


@apart
def begin_population(m: Memory, f: Reals) -> None:
    """Those who are there from the start: as many of each day of the week."""
    day = at1(m, GROWTH_DAY, 0)
    for home in range(m[M_HOMES]):
        for i in range(at1(m, GROWTH_BASE, home)):
            user = i * m[M_HOMES] + home
            add_user(m, f, user, m[M_BEGIN] - (at1(m, GROWTH_AGE, 0) + i % DAYS) * day)
            write_life(m, user, BASE, m[member(m, user) + P_PLAN])
            enlist(m, user, home)
        guide(m, home)
    next_day(m, m[M_BEGIN] // day + 1)


@apart
def add_user(m: Memory, f: Reals, user: int, since: int) -> None:
    """A user, with what is drawn once for all."""
    p = member(m, user)
    u, _ = uniform(m, OF_ACTIVITY, user, 0, 0)
    m[p + P_SINCE] = since
    m[p + P_WEIGHT] = activity(value(m, f, at1(m, GROWTH_ACTIVITY, 0), u))
    m[p + P_PLAN] = NONE
    if m[PLAN_CDF + 4] > 0:
        u, _ = uniform(m, OF_PLAN, user, 0, 0)
        m[p + P_PLAN] = choose(u, reals(m, f, PLAN_CDF, m[M_EPOCH], 0, 0))
    m[p + P_STATE] = NEW
    m[M_USERS] = max(m[M_USERS], user + 1)
    m[M_DAY_ROWS] += 2


@step
def name_member(m: Memory, f: Reals, a: int, u: float) -> None:
    """Who asks: somebody who signs up now, or one of the active users, by how active they are."""
    source, homes = m[M_HOME], m[M_HOMES]
    home = source % homes
    if source >= homes:
        user = (at1(m, GROWTH_BASE, home) + m[crowd(m, home) + N_SIGNED_UP]) * homes + home
        m[crowd(m, home) + N_SIGNED_UP] += 1
        add_user(m, f, user, m[M_NOW])
        write_life(m, user, SIGNED_UP, m[member(m, user) + P_PLAN])
    else:
        user = pick(m, home, int(u * float(activity_in(m, home))))
        foresee_members(m, f)
    m[a + A_USER] = user
    m[a + A_PLAN] = m[member(m, user) + P_PLAN]


@step
def pick(m: Memory, home: int, point: int) -> int:
    """The first active user up to whom the activity is more than this."""
    n = crowd(m, home)
    if point < m[n + N_GUIDED_TOTAL]:
        place = m[listed(m, home, point >> m[n + N_SHIFT]) + Y_FIRST]
        while m[listed(m, home, place) + Y_TOTAL] <= point:
            place += 1
        return m[listed(m, home, place) + Y_USER]
    low, high = m[n + N_GUIDED], m[n + N_ACTIVE] - 1
    while low < high:
        middle = (low + high) >> 1
        if point < m[listed(m, home, middle) + Y_TOTAL]:
            high = middle
        else:
            low = middle + 1
    return m[listed(m, home, low) + Y_USER]


@step
def guide(m: Memory, home: int) -> None:
    """Note for points of the total, in equal steps, where in the list to begin to look for them."""
    n, total = crowd(m, home), activity_in(m, home)
    number = m[n + N_GUIDED] = m[n + N_ACTIVE]
    m[n + N_GUIDED_TOTAL] = total
    m[n + N_SHIFT] = 0
    while total >> m[n + N_SHIFT] >= number > 0:
        m[n + N_SHIFT] += 1
    place = 0
    for i in range(number):
        while place < number - 1 and m[listed(m, home, place) + Y_TOTAL] <= i << m[n + N_SHIFT]:
            place += 1
        m[listed(m, home, i) + Y_FIRST] = place


@step
def foresee_members(m: Memory, f: Reals) -> None:
    """Have the processor get what the next actions of the present source will need of the list and of the users."""
    home = m[M_HOME]
    if home >= m[M_HOMES]:
        return
    last, first, n = m[M_AHEAD] - 1, m[AHEAD] + AHEAD_USER * m[M_AHEAD], crowd(m, home)
    place, total = m[M_NUMBER] & last, float(activity_in(m, home))
    point = int(unit(m[first + min(place + 3, last)]) * total)
    if point < m[n + N_GUIDED_TOTAL]:
        fetch(m, listed(m, home, point >> m[n + N_SHIFT]) + Y_FIRST)
    point = int(unit(m[first + min(place + 2, last)]) * total)
    if point < m[n + N_GUIDED_TOTAL]:
        fetch(m, listed(m, home, m[listed(m, home, point >> m[n + N_SHIFT]) + Y_FIRST]))
    point = int(unit(m[first + min(place + 1, last)]) * total)
    if point < m[n + N_GUIDED_TOTAL]:
        fetch(m, member(m, pick(m, home, point)))


@step
def enlist(m: Memory, user: int, home: int) -> None:
    """From now on an active user."""
    m[member(m, user) + P_STATE] = ACTIVE
    total = activity_in(m, home)
    put_on_list(m, user, home, total)
    m[M_PLACES] = max(m[M_PLACES], m[crowd(m, home) + N_ACTIVE] * m[M_HOMES])


@step
def put_on_list(m: Memory, user: int, home: int, total: int) -> None:
    """At the end of the list of a region's active users, after those who add up to a total."""
    y = listed(m, home, m[crowd(m, home) + N_ACTIVE])
    m[y + Y_USER] = user
    m[y + Y_TOTAL] = total + m[member(m, user) + P_WEIGHT]
    m[crowd(m, home) + N_ACTIVE] += 1


@apart
def meet(m: Memory, f: Reals, a: int, outcome: int, reason: int) -> None:
    """What a user makes of an action that ends now."""
    user = m[a + A_USER]
    p, well = member(m, user), outcome in (SERVED_WELL, IN_PART)
    if m[p + P_STATE] == NEW:
        since = m[M_NOW] - m[p + P_SINCE]
        if well and m[a + A_GOOD] != 0 and since <= at1(m, GROWTH_WITHIN, 0):
            write_life(m, user, FIRST_VALUE, since)
            decide(m, f, user, real1(m, f, GROWTH_SHARE, m[M_EPOCH]))
            walk_at_new_pace(m, f, user % m[M_HOMES])
        return
    met = m[p + P_MET]
    if outcome == TURNED_AWAY:
        met = remember(met, QUOTA if reason == BY_QUOTA else REJECTED)
    elif not well:
        met = remember(met, FAILED)
    elif m[a + A_GOOD] == 0:
        met = remember(met, BAD)
    if well and m[M_NOW] - m[a + A_ARRIVAL] > at1(m, GROWTH_SLOW_AFTER, m[M_EPOCH]):
        met = remember(met, SLOW)
    m[p + P_MET] = met


@apart
def decide(m: Memory, f: Reals, user: int, share: float) -> None:
    """Does somebody who signed up become an active user?"""
    u, _ = uniform(m, OF_SIGN_UP, user, 0, 0)
    if u < share:
        write_life(m, user, ACTIVATED, 0)
        enlist(m, user, user % m[M_HOMES])
    else:
        m[member(m, user) + P_STATE] = GONE
        write_life(m, user, LOST_INTEREST, 1 if u < real1(m, f, GROWTH_SHARE, m[M_EPOCH]) else 0)


@step
def next_day(m: Memory, day: int) -> None:
    """Put the begin of a day on the agenda."""
    begins = day * at1(m, GROWTH_DAY, 0)
    if begins < m[M_STOP]:
        schedule(m, begins, CALENDAR, DAY_BEGINS, day)


@apart
def day_begins(m: Memory, f: Reals, day: int) -> None:
    """Those who had no good answer in time decide; those who came a number of whole weeks ago stay or leave."""
    m[M_DAY_ROWS] = m[M_PLACES] = 0
    for home in range(m[M_HOMES]):
        settle(m, f, home)
        thin_out(m, f, home, day)
        walk_at_new_pace(m, f, home)
        n = crowd(m, home)
        m[M_DAY_ROWS] += 2 * (m[n + N_ACTIVE] + m[n + N_SIGNED_UP] - m[n + N_SETTLED])
    for home in range(m[M_HOMES]):
        m[M_PLACES] = max(m[M_PLACES], m[crowd(m, home) + N_ACTIVE] * m[M_HOMES])
    next_day(m, day + 1)


@apart
def settle(m: Memory, f: Reals, home: int) -> None:
    """Those of a region who signed up so long ago that they have made up their minds."""
    n, base = crowd(m, home), at1(m, GROWTH_BASE, home)
    while m[n + N_SETTLED] < m[n + N_SIGNED_UP]:
        user = (base + m[n + N_SETTLED]) * m[M_HOMES] + home
        if m[M_NOW] - m[member(m, user) + P_SINCE] < at1(m, GROWTH_WITHIN, 0):
            return
        if m[member(m, user) + P_STATE] == NEW:
            decide(m, f, user, real1(m, f, GROWTH_LET_DOWN, m[M_EPOCH]))
        m[n + N_SETTLED] += 1


@apart
def thin_out(m: Memory, f: Reals, home: int, day: int) -> None:
    """The list of a region's active users without those who leave."""
    n, total = crowd(m, home), 0
    number = m[n + N_ACTIVE]
    m[n + N_ACTIVE] = 0
    for place in range(number):
        user = m[listed(m, home, place) + Y_USER]
        if remains(m, f, user, day):
            put_on_list(m, user, home, total)
            total += m[member(m, user) + P_WEIGHT]
    guide(m, home)


@step
def remains(m: Memory, f: Reals, user: int, day: int) -> bool:
    """Is an active user still there? Asked once a week, the day on which it signed up."""
    days = day - m[member(m, user) + P_SINCE] // at1(m, GROWTH_DAY, 0)
    return days == 0 or days % DAYS != 0 or stays_on(m, f, user, days // DAYS)


@apart
def stays_on(m: Memory, f: Reals, user: int, weeks: int) -> bool:
    """Does an active user stay another week? Some go over to another plan."""
    p, e = member(m, user), m[M_EPOCH]
    u, v = uniform(m, OF_STAY, user, weeks, 0)
    chance = real2(m, f, GROWTH_STAY, e, weeks)
    lowered = view(f, m[GROWTH_LOWERED] + e * m[GROWTH_LOWERED + 1], (5, MET))
    if u >= stays(chance, m[p + P_MET], lowered):
        m[p + P_STATE] = GONE
        write_life(m, user, LEFT, 1 if u < chance else 0)
        return False
    if m[p + P_PLAN] != NONE:
        change_plan(m, f, user, v)
    m[p + P_MET] = 0
    return True


@apart
def change_plan(m: Memory, f: Reals, user: int, v: float) -> None:
    """Perhaps to another plan."""
    p, e, cumulative = member(m, user), m[M_EPOCH], 0.0
    for plan in range(m[GROWTH_MOVE + 4]):
        cumulative += real3(m, f, GROWTH_MOVE, e, m[p + P_PLAN], plan)
        if times(m[p + P_MET], QUOTA) > 0:
            cumulative += real3(m, f, GROWTH_MOVE_AT_QUOTA, e, m[p + P_PLAN], plan)
        if v < cumulative:
            m[p + P_PLAN] = plan
            write_life(m, user, MOVED, plan)
            return
