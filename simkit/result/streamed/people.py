"""Adding up people: users, day by day where they come and go, and those at the desk of the degrade ladder."""

from simkit.engine.compiled.memory import Memory
from simkit.engine.log import ACTION_COLUMNS, DID_NOT
from simkit.laws.jit import apart, step
from simkit.plan.codes import Kind, Outcome
from simkit.plan.growth import DAY
from simkit.result.streamed.ledger import *

A_ARRIVAL, A_USER, A_END, A_OUTCOME, A_REASON, A_COST, A_DESK_BEGAN = (
    ACTION_COLUMNS.index(name) for name in ("arrival", "user", "end", "outcome", "reason", "cost", "desk_began")
)
DEGRADED, OF_HUMAN = int(Outcome.DEGRADED), int(Kind.HUMAN)


@step
def add_member(m: Memory, acts: Memory, a: int, people: Memory) -> None:
    """What the user of a measured action asked and cost; where users come and go: was it the first of a day?"""
    p = acts[a + A_USER] * MEMBER_WIDTH
    people[p] += 1
    people[p + 1] += acts[a + A_COST]
    if m[DAYS_SEEN] > 0:
        day = acts[a + A_ARRIVAL] // DAY
        for period in range(3):
            now = m[place(m, PERIODS_OF, day) + period]
            if now >= people[p + 2 + period]:
                people[p + 2 + period] = now + 1
                m[place(m, SEEN, now) + period] += 1


@step
def is_by_person(acts: Memory, a: int) -> bool:
    """Did a person answer it?"""
    return acts[a + A_OUTCOME] == DEGRADED and acts[a + A_REASON] == OF_HUMAN


@apart
def add_desk(m: Memory, acts: Memory, a: int, ended: int) -> None:
    """A person's work on a case, see `result.desk`; one that is not done when the run stops lasts until then."""
    end = ended if acts[a + A_END] == DID_NOT else acts[a + A_END]
    m[m[DESK]] += open_until(m, end) - open_until(m, acts[a + A_DESK_BEGAN])


@step
def open_until(m: Memory, time: int) -> int:
    """ns of the horizon in which people were there, up to a time."""
    inside = min(max(time, 0), m[HORIZON])
    first, beyond = 0, m[SHIFT_COUNT]
    while beyond - first > 1:
        middle = (first + beyond) // 2
        if m[place(m, SHIFTS, middle)] <= inside:
            first = middle
        else:
            beyond = middle
    row = place(m, SHIFTS, first)
    return m[row + 1] + m[row + 2] * (inside - m[row])
