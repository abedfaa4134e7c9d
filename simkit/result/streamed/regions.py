"""Adding up who was served where: what `result.regional` finds in a log, row by row."""

from simkit.engine.compiled.memory import Memory
from simkit.engine.log import ACTION_COLUMNS, ATTEMPT_COLUMNS, DID_NOT
from simkit.laws.histogram import bin_of
from simkit.laws.jit import step
from simkit.plan.codes import Kind, Mark, Outcome
from simkit.result.regional import AREA, BY_WINDOW
from simkit.result.streamed.economy import all_money, is_patient
from simkit.result.streamed.ledger import *

T_WIDTH = len(ATTEMPT_COLUMNS)
A_ARRIVAL, A_KIND, A_END, A_OUTCOME, A_REASON, A_WAITED, A_HOME, A_REGION, A_NETWORK = (
    ACTION_COLUMNS.index(name)
    for name in ("arrival", "kind", "end", "outcome", "reason", "waited", "home", "region", "network")
)
T_DEPLOYMENT, T_MARKS = ATTEMPT_COLUMNS.index("deployment"), ATTEMPT_COLUMNS.index("marks")
FIRST_OUTCOME, CAME, NETWORK, TIMED, LATENCY_SUM, WAITED_SUM, MONEY, OF_DOWN, OF_RESIDENCY = (
    AREA.index(name)
    for name in ("ok", "came", "network", "timed", "latency", "waited", "money", "region_down", "residency")
)
JUDGED_FROM = len(AREA)
TURNED, UNSERVED, LATE = range(len(BY_WINDOW))
DOWN, RESIDENCY, FORBIDDEN = int(Kind.REGION_DOWN), int(Kind.RESIDENCY), int(Mark.FORBIDDEN)
DEGRADED, CENSORED = int(Outcome.DEGRADED), int(Outcome.CENSORED)


@step
def served_at(m: Memory, acts: Memory, a: int) -> int:
    """Where an action was turned to last; after all regions: nowhere."""
    return acts[a + A_REGION] if acts[a + A_REGION] >= 0 else m[REGIONS]


@step
def area_of(m: Memory, acts: Memory, a: int) -> int:
    """Its row of AREAS: by home, then by where it was turned to."""
    return place(m, AREAS, acts[a + A_HOME] * (m[REGIONS] + 1) + served_at(m, acts, a))


@step
def add_region(m: Memory, acts: Memory, a: int, window: int, bad: int) -> None:
    """A measured action, by home and by where it was turned to; `bad`: by any objective."""
    there, outcome = served_at(m, acts, a), acts[a + A_OUTCOME]
    lost = DEGRADED < outcome < CENSORED
    add_area(m, acts, a, area_of(m, acts, a), there)
    w = place(m, AREA_WINDOWS, window) + there
    m[w + TURNED * (m[REGIONS] + 1)] += 1
    m[w + UNSERVED * (m[REGIONS] + 1)] += 1 if lost else 0
    m[w + LATE * (m[REGIONS] + 1)] += 1 if bad == 1 and outcome <= DEGRADED else 0
    if m[CELL_NS] > 0:
        cell = place(m, CELLS, acts[a + A_ARRIVAL] // m[CELL_NS])
        m[cell + there] += 1
        m[cell + m[REGIONS] + 1] += 1 if lost else 0
        m[cell + m[REGIONS] + 2] += 1 if acts[a + A_REASON] == DOWN else 0
        m[cell + m[REGIONS] + 3] += 1 if acts[a + A_NETWORK] >= m[DETOUR_NS] else 0


@step
def add_area(m: Memory, acts: Memory, a: int, area: int, there: int) -> None:
    """What it adds to its row of AREAS, and its times."""
    outcome = acts[a + A_OUTCOME]
    m[area] += 1
    m[area + FIRST_OUTCOME + outcome] += 1
    m[area + MONEY] += all_money(acts, a)
    if acts[a + A_NETWORK] != DID_NOT:
        m[area + CAME] += 1
        m[area + NETWORK] += acts[a + A_NETWORK]
    if outcome > DEGRADED:
        m[area + OF_DOWN] += 1 if acts[a + A_REASON] == DOWN else 0
        m[area + OF_RESIDENCY] += 1 if acts[a + A_REASON] == RESIDENCY else 0
    elif not is_patient(m, acts, a):
        took, home = acts[a + A_END] - acts[a + A_ARRIVAL], m[REGIONS] + 1 + acts[a + A_HOME]
        m[area + TIMED] += 1
        m[area + LATENCY_SUM] += took
        m[area + WAITED_SUM] += acts[a + A_WAITED]
        first, second = bin_of(took), bin_of(acts[a + A_WAITED])
        m[place(m, AREA_TIMES, there) + first] += 1
        m[place(m, AREA_TIMES, home) + first] += 1
        m[place(m, AREA_WAITS, there) + second] += 1
        m[place(m, AREA_WAITS, home) + second] += 1


@step
def judge_region(m: Memory, acts: Memory, a: int, o: int, bad: int, counted: int) -> None:
    """What an objective (the last: any) says of an action."""
    area = area_of(m, acts, a) + JUDGED_FROM + 2 * o
    m[area] += bad
    m[area + 1] += counted


@step
def audit(m: Memory, acts: Memory, a: int, rows: Memory, first: int, beyond: int) -> None:
    """Of any action and its attempts: where it was turned to, and what it asked."""
    whose = acts[a + A_HOME] * m[KIND_COUNT] + acts[a + A_KIND]
    m[place(m, SERVED_IN, whose) + served_at(m, acts, a)] += 1
    asked = place(m, ASKED_OF, whose)
    m[asked + m[DEPLOYMENTS] + 1] += 1 if acts[a + A_REASON] == RESIDENCY else 0
    for t in range(first, beyond, T_WIDTH):
        if rows[t + T_MARKS] & FORBIDDEN:
            m[asked + m[DEPLOYMENTS]] += 1
        elif rows[t + T_DEPLOYMENT] >= 0:
            m[asked + rows[t + T_DEPLOYMENT]] += 1
