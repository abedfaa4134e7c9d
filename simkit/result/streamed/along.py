"""Adding up along the way: the simulation goes on and on without coming back for each page of its log.

Between two pages nothing of the interpreter is needed, so a thread that simulates does not wait for its lock.
"""

from simkit.engine.compiled.kernel import has_pages, run
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import pointer
from simkit.laws.jit import Floats, Ints, law, step
from simkit.plan.plan import NEVER
from simkit.result.streamed.economy import add_lookups
from simkit.result.streamed.ledger import ANSWER_ROWS, COST_ROWS, EXACT, MEMBER_WIDTH, SERVED_ROWS, SERVED_WIDTH
from simkit.result.streamed.story import add


@law
def run_along(
    ints: Ints, floats: Floats, most: int, ledger: Ints, served: Ints, costs: Ints, answers: Ints, members: Ints
) -> int:
    """`kernel.run`, with all rows added up whenever the pages are full; FLUSH where more than that is to be done."""
    m, sums = pointer(ints), pointer(ledger)
    why = run(ints, floats, most)
    while why == FLUSH and holds_page(m, sums, len(served), len(costs), len(answers), len(members)):
        actions, attempts = m[M_ACTION_PAGE], m[M_ATTEMPT_PAGE]
        add(
            ledger, ints[actions : actions + m[M_ACTION_ROWS] * ACTION_LOGGED],
            ints[attempts : attempts + m[M_ATTEMPT_ROWS] * ATTEMPT_LOGGED], served, costs, answers, members, NEVER,
        )  # fmt: skip
        add_lookups(ledger, ints[m[M_LOOKUP_PAGE] : m[M_LOOKUP_PAGE] + m[M_LOOKUP_ROWS] * LOOKUP_LOGGED])
        m[M_ACTION_ROWS] = m[M_ATTEMPT_ROWS] = m[M_LOOKUP_ROWS] = 0
        if not has_pages(m):
            return FLUSH
        why = run(ints, floats, most)
    return why


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
