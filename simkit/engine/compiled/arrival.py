"""Arrivals: when actions come, who asks what, and whether they are let in."""

from simkit.engine.compiled.answers import expect_questions, name_question
from simkit.engine.compiled.conversation import take_along
from simkit.engine.compiled.dice import draw_ahead, of_arrival, origin, uniform, value
from simkit.engine.compiled.guide import lead
from simkit.engine.compiled.hold import OK, REJECTED, arrive_at_leisure, turned_away
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pace import arrive_there, begin_factors, draw_what_is_left, pace_of, put_by, turn_to_first
from simkit.engine.compiled.pointer import view
from simkit.engine.compiled.population import begin_population, member, name_member
from simkit.engine.compiled.region import come_to
from simkit.engine.compiled.spending import refusal
from simkit.engine.compiled.station import join
from simkit.engine.compiled.user import watch
from simkit.laws.arrival import arrival_time
from simkit.laws.choice import choose, guided
from simkit.laws.draws import Stream, unit
from simkit.laws.jit import apart, step
from simkit.plan.codes import GENERATION, TURN
from simkit.plan.plan import NEVER

GAP, KIND, USER, USER_PLAN, REPLICA, QUESTION = (
    int(s) for s in (Stream.GAP, Stream.KIND, Stream.USER, Stream.PLAN, Stream.REPLICA, Stream.KEY)
)
LIVES = int(Stream.HOME)
UNDECIDED = 9
"""Above all verdicts."""


@apart
def begin_arrivals(m: Memory, f: Reals) -> None:
    """Find the first arrival of each source, and turn to the first of these."""
    if m[M_PACED] == 1:
        begin_factors(m, f)
    if m[M_GROWS] == 1:
        begin_population(m, f)
    for source in range(m[M_STREAMS]):
        m[M_HOME] = source
        m[AHEAD] = m[M_AHEAD_FIRST] + source * AHEAD_ROWS * m[M_AHEAD]
        m[M_NUMBER] = m[M_SEGMENT] = 0
        f[F_OPERATIONAL] = 0.0
        f[F_PACE] = pace_of(m, f, source)
        find_arrival(m, f)
        if m[M_STREAMS] > 1:
            put_by(m, f)
    if m[M_STREAMS] > 1:
        turn_to_first(m, f)


@step
def next_arrival(m: Memory, f: Reals) -> None:
    """When the next action arrives; NEVER after the last one."""
    if m[M_PACED] == 1:
        arrive_there(m, f)
    find_arrival(m, f)
    if m[M_STREAMS] > 1:
        put_by(m, f)
        turn_to_first(m, f)


@step
def find_arrival(m: Memory, f: Reals) -> None:
    """When the next action of the present source arrives; NEVER after the last one."""
    number = m[M_NUMBER]
    place = number & (m[M_AHEAD] - 1)
    if place == 0:
        look_ahead(m, f)
    if m[M_PACED] == 1:
        draw_what_is_left(m, f, place)
    elif m[M_TRACED] == 0:
        m[M_ARRIVAL] = at2(m, AHEAD, AHEAD_TIME, place)
    else:
        m[M_ARRIVAL] = at1(m, TRACE_TIME, number) if number < length(m, TRACE_TIME) else NEVER


@apart
def look_ahead(m: Memory, f: Reals) -> None:
    """Work out when the next actions arrive, and draw who asks what: that depends on nothing else."""
    if length(m, USER_CDF) > 0 or m[M_GROWS] == 1:
        draw_ahead(m, USER, AHEAD_USER)
    if kinds_differ(m):
        draw_ahead(m, KIND, AHEAD_KIND)
    if m[M_KEYED] == 1:
        draw_ahead(m, QUESTION, AHEAD_KEY)
    if m[M_TRACED] == 1:
        return
    draw_ahead(m, GAP, AHEAD_GAP)
    if m[M_PACED] == 1:
        return
    times, gaps = m[AHEAD], m[AHEAD] + AHEAD_GAP * m[M_AHEAD]
    for i in range(m[M_AHEAD]):
        m[times + i] = arrival_after(m, f, unit(m[gaps + i]))


@step
def arrival_after(m: Memory, f: Reals, u: float) -> int:
    """When the action after the last one arrives, in ns."""
    home, segment = m[M_HOME], m[M_SEGMENT]
    first = at1(m, ARRIVAL_FIRST, home)
    segments = at1(m, ARRIVAL_FIRST, home + 1) - first
    if segment >= segments:
        return NEVER
    f[F_OPERATIONAL] += value(m, f, at1(m, ARRIVAL_GAP, first + segment), u)
    bounds = first + home
    time, segment = arrival_time(
        f[F_OPERATIONAL], segment, view(m, m[ARRIVAL_START] + bounds, (segments + 1,)),
        view(f, m[ARRIVAL_RATE] + first, (segments,)), view(f, m[ARRIVAL_CUMULATIVE] + bounds, (segments + 1,)),
    )  # fmt: skip
    m[M_SEGMENT] = segment
    return time if segment < segments else NEVER


@step
def arrive(m: Memory, f: Reals) -> int:
    """The next action arrives."""
    number, home = m[M_NUMBER] * m[M_STREAMS] + m[M_HOME], m[M_HOME]
    a = new_action(m, number, number)
    if m[M_GUIDES] == 1:
        home = name_home(m, f, a, number)
    if m[M_GROWS] == 1:
        u, _ = of_arrival(m, AHEAD_USER)
        name_member(m, f, a, u)
    elif at2(m, USERS, m[M_EPOCH], home) > 0:
        u, _ = of_arrival(m, AHEAD_USER)
        name_user(m, f, a, home, u)
    if kinds_differ(m):  # else both are 0
        u, v = of_arrival(m, AHEAD_KIND)
        name_kind(m, f, a, u, v)
    if m[M_KEYED] == 1:
        u, v = of_arrival(m, AHEAD_KEY)
        name_question(m, f, a, u, v)
        expect_questions(m, f)
    m[M_NUMBER] += 1
    next_arrival(m, f)
    return ask_to_be_let_in(m, f, a)


@apart
def arrive_again(m: Memory, f: Reals, key: int, row: int) -> int:
    """A user asks again: the same, or something more. `row` has what the conversation said before."""
    ordinal = (key >> 25) & ((1 << m[M_ORDINAL_BITS]) - 1)
    again = (key >> 25 >> m[M_ORDINAL_BITS]) & ((1 << m[M_GENERATION_BITS]) - 1)
    turns = key >> 25 >> (m[M_ORDINAL_BITS] + m[M_GENERATION_BITS])
    number = turns << TURN | again << GENERATION | ordinal
    a = new_action(m, number, key >> 25)
    take_along(m, a, row)
    home = name_home(m, f, a, ordinal) if m[M_GUIDES] == 1 else 0
    if m[M_GROWS] == 1:
        m[a + A_PLAN] = m[member(m, m[a + A_USER]) + P_PLAN]
    elif at2(m, USERS, m[M_EPOCH], home) > 0:
        u, _ = uniform(m, USER, ordinal, 0, 0)
        name_user(m, f, a, home, u)
    if kinds_differ(m):
        u, v = uniform(m, KIND, origin(number), 0, 0)
        name_kind(m, f, a, u, v)
    if m[M_KEYED] == 1:
        u, v = uniform(m, QUESTION, origin(number), 0, 0)
        name_question(m, f, a, u, v)
    return ask_to_be_let_in(m, f, a)


@step
def new_action(m: Memory, number: int, short: int) -> int:
    """The row of the action that arrives now; `short` is its number in keys. Those in flight stand in a line."""
    a = new_row(m, M_FREE_ACTION, ACTION_WIDTH)
    for i in range(ACTION_WIDTH):
        m[a + i] = 0
    m[a + A_NUMBER] = number
    m[a + A_KEY] = short << 25
    m[a + A_ARRIVAL] = m[a + A_LINED_UP] = m[M_NOW]
    m[a + A_USER] = m[a + A_PLAN] = m[a + A_STARTED] = m[a + A_FIRST_TOKEN] = NONE
    m[a + A_GOOD] = m[a + A_CALLS] = m[a + A_STORY] = m[a + A_RUNG] = NONE
    m[a + A_DESK_ASKED] = m[a + A_DESK_BEGAN] = m[a + A_SERVED_IN] = NONE
    m[a + A_HOME] = NONE
    m[a + A_NETWORK] = NONE if m[M_GUIDES] == 1 else 0
    m[a + A_VERDICT] = UNDECIDED
    m[a + A_DEADLINE] = NEVER
    m[a + A_MEASURED] = 1 if 0 <= m[M_NOW] < m[M_HORIZON] else 0
    m[M_OPEN] += m[a + A_MEASURED]
    m[M_ACTIONS] += 1
    join(m, M_LIVE, A_LIVE, a)
    return a


@step
def name_home(m: Memory, f: Reals, a: int, ordinal: int) -> int:
    """Where the user is: by the number, as the users of each region come by themselves; of a trace's by chance."""
    if m[M_TRACED] == 1:
        u, _ = uniform(m, LIVES, ordinal, 0, 0)
        m[a + A_HOME] = choose(u, reals(m, f, REGIONS_SHARE_CDF, m[M_EPOCH], 0, 0))
    else:
        m[a + A_HOME] = ordinal % m[M_HOMES]
    return m[a + A_HOME]


@step
def name_user(m: Memory, f: Reals, a: int, home: int, u: float) -> None:
    """Who of the users of a region asks, and on which plan."""
    e = m[M_EPOCH]
    users, first = at2(m, USERS, e, home), at2(m, USERS_FIRST, e, home)
    cdf, guide = view(f, m[USER_CDF] + first, (users,)), view(m, m[USER_GUIDE] + first, (users,))
    user = at2(m, USERS_OFFSET, e, home) + guided(u, cdf, guide)
    m[a + A_USER] = user
    if m[PLAN_CDF + 4] > 0:
        u, _ = uniform(m, USER_PLAN, user, 0, 0)
        m[a + A_PLAN] = choose(u, reals(m, f, PLAN_CDF, m[M_EPOCH], 0, 0))


@step
def kinds_differ(m: Memory) -> bool:
    """Is there more than one kind or complexity?"""
    return m[KIND_CDF + 4] > 1 or m[COMPLEXITY_CDF + 4] > 1


@step
def name_kind(m: Memory, f: Reals, a: int, u: float, v: float) -> None:
    """What is asked, and how complex it is."""
    m[a + A_KIND] = choose(u, reals(m, f, KIND_CDF, m[M_EPOCH], 0, 0))
    m[a + A_COMPLEXITY] = choose(v, reals(m, f, COMPLEXITY_CDF, m[M_EPOCH], m[a + A_KIND], 0))


@step
def ask_to_be_let_in(m: Memory, f: Reals, a: int) -> int:
    """An action goes to a region, if there are several, and asks for a slot of its service."""
    m[a + A_NEXT_CALL] = at1(m, FIRST_CALL, m[a + A_KIND])
    find_class(m, a)
    if m[M_COPIES] == 1:
        draw_replicas(m, a)
    return come_in(m, f, a) if m[M_GUIDES] == 0 else go_there(m, f, a)


@apart
def go_there(m: Memory, f: Reals, a: int) -> int:
    """Which region it turns to; from then on the user waits."""
    watch(m, f, a, m[M_BATCHES] == 1 and at1(m, BATCH_BATCH, m[a + A_KIND]) == 1)
    return lead(m, f, a)


@step
def come_in(m: Memory, f: Reals, a: int) -> int:
    """It asks for a slot of the own service; it may be too much for a budget, be shed, or find no room."""
    come_to(m, a)
    m[a + A_LINED_UP] = m[M_NOW]
    m[M_OUTCOME] = REJECTED
    m[M_KIND] = refusal(m, a) if m[M_ALLOWS] == 1 or m[M_SPENDS] == 1 else OK
    if m[M_KIND] != OK:
        return then(m, END, a)
    if m[M_BATCHES] == 1 and at1(m, BATCH_BATCH, m[a + A_KIND]) == 1:
        return arrive_at_leisure(m, f, a)
    m[M_KIND] = turned_away(m, a)
    if m[M_KIND] != OK:
        return then(m, END, a)
    if m[M_GUIDES] == 0:
        watch(m, f, a, False)
    return then(m, ADMIT, a) if m[a + A_PLACE] == SERVED else NOTHING


@step
def find_class(m: Memory, a: int) -> None:
    """Which line of the own service's queue it would stand in."""
    priority = at1(m, KIND_PRIORITY, m[a + A_KIND])
    if m[a + A_PLAN] >= 0:
        priority += at1(m, PLAN_PRIORITY, m[a + A_PLAN])
    while at1(m, PRIORITIES, m[a + A_CLASS]) != priority:
        m[a + A_CLASS] += 1


@apart
def draw_replicas(m: Memory, a: int) -> None:
    """Which copy of each layer it goes through."""
    u, v = uniform(m, REPLICA, m[a + A_NUMBER], 0, 0)
    m[a + A_REPLICA] = int(u * at1(m, REPLICAS, 0))
    m[a + A_CLIENT] = int(v * at1(m, REPLICAS + OUTER, 0))
