"""Adaptive throttling: a client that is turned away often holds its own requests back.

Batch APIs stand apart: they take every job, and what they say hours later is no news of the last minutes.
"""

from simkit.engine.compiled.dice import uniform
from simkit.engine.compiled.memory import *
from simkit.engine.compiled.pointer import view
from simkit.laws.draws import Stream
from simkit.laws.jit import apart, step
from simkit.laws.throttle import held_back
from simkit.laws.window import FIRST, LENGTH, SECOND, SLIDING, window_at, window_sum
from simkit.plan.codes import Kind

ATTEMPT, CANCELLED = int(Stream.ATTEMPT), int(Kind.CANCELLED)
ACCEPTED, ASKED = FIRST, SECOND
"""What the two counts of a window are."""


@step
def window_at_place(m: Memory, t: int) -> int:
    """Address of what a copy of the layer has asked of the attempt's deployment of late."""
    return m[THROTTLED] + m[t + T_REPLICA] * m[THROTTLED + 1] + m[t + T_DEPLOYMENT] * LENGTH


@step
def cell_now(m: Memory, w: int) -> int:
    """The cell of a window to count in, after moving it on to now."""
    return window_at(view(m, w, (LENGTH,)), SLIDING, m[M_NOW], m[M_UTC], at1(m, THROTTLE_WINDOW, m[M_EPOCH]))


@apart
def holds_back(m: Memory, f: Reals, t: int) -> bool:
    """Is the attempt not sent at all? It counts as asked in either case."""
    if m[t + T_BATCH] == 1:
        return False
    w = window_at_place(m, t)
    cell, window = cell_now(m, w), view(m, w, (LENGTH,))
    asked, accepted = window_sum(window, ASKED), window_sum(window, ACCEPTED)
    u, _ = uniform(m, ATTEMPT, m[t + T_NUMBER], m[t + T_CODE], 4)
    m[w + ASKED + cell] += 1
    return held_back(u, real1(m, f, THROTTLE_K, m[M_EPOCH]), asked, accepted)


@apart
def learn_accepted(m: Memory, t: int, kind: int) -> None:
    """What was sent and is no rejection was accepted."""
    if kind != CANCELLED and at1(m, THROTTLE_REJECTS, kind) == 0 and m[t + T_BATCH] == 0:
        w = window_at_place(m, t)
        m[w + ACCEPTED + cell_now(m, w)] += 1
