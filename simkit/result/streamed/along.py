"""Adding up along the way: the simulation goes on and on without coming back for each page of its log.

Between two pages nothing of the interpreter is needed, so a thread that simulates does not wait for its lock.
"""

from simkit.engine.compiled.kernel import go_on, has_pages
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import pointer
from simkit.laws.jit import Floats, Ints, entry, step
from simkit.plan.plan import NEVER
from simkit.result.streamed.economy import add_lookups
from simkit.result.streamed.ledger import ANSWER_ROWS, COST_ROWS, EXACT, MEMBER_WIDTH, SERVED_ROWS, SERVED_WIDTH
from simkit.result.streamed.story import add


@entry
def run_along(
    ints: Ints, floats: Floats, most: int, ledger: Ints, served: Ints, costs: Ints, answers: Ints, members: Ints,
    by_page: bool,
) -> int:  # fmt: skip
    """`kernel.run`, with all rows added up whenever the pages are full; FLUSH where more than that is to be done.

    `by_page`: somebody wants the rows, so it always is.
    """
    m, f, sums = pointer(ints), pointer(floats), pointer(ledger)
    while True:
        why = go_on(m, f, most)
        if why != FLUSH or by_page or not holds_page(m, sums, len(served), len(costs), len(answers), len(members)):
            return why
        actions, attempts = m[M_ACTION_PAGE], m[M_ATTEMPT_PAGE]
        add(
            ledger, ints[actions : actions + m[M_ACTION_ROWS] * ACTION_LOGGED],
            ints[attempts : attempts + m[M_ATTEMPT_ROWS] * ATTEMPT_LOGGED], served, costs, answers, members, NEVER,
        )  # fmt: skip
        add_lookups(ledger, ints[m[M_LOOKUP_PAGE] : m[M_LOOKUP_PAGE] + m[M_LOOKUP_ROWS] * LOOKUP_LOGGED])
        m[M_ACTION_ROWS] = m[M_ATTEMPT_ROWS] = m[M_LOOKUP_ROWS] = 0
        if not has_pages(m):
            return FLUSH


@step
def holds_page(m: Memory, sums: Memory, served: int, costs: int, answers: int, members: int) -> bool:
    """Is there room for the single values of a page, where they are kept, and for all users?"""
    if m[M_USERS] * MEMBER_WIDTH > members:
        return False
    return sums[EXACT] == 0 or (
        SERVED_WIDTH * (sums[SERVED_ROWS] + m[M_ACTION_ROWS]) <= served
        and sums[COST_ROWS] + m[M_ACTION_ROWS] <= costs
        and 3 * (sums[ANSWER_ROWS] + m[M_ATTEMPT_ROWS]) <= answers
    )
