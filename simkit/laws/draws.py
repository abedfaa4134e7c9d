"""Random draws as a pure function of (seed, replication, stream, entity, block): Philox 4x32-10.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
There is no generator state: whoever asks, in whichever order, the same entity has the same fate.
"""

from enum import IntEnum

import numpy as np

from simkit.laws.jit import inlined, law

M0 = np.uint64(0xD2511F53)
M1 = np.uint64(0xCD9E8D57)
W0 = np.uint64(0x9E3779B9)
W1 = np.uint64(0xBB67AE85)
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
DROP = np.uint64(12)
STEP = 2.0**-52


class Stream(IntEnum):
    """What a draw is for; each has its own counter space."""

    GAP = 1
    KIND = 2
    USER = 3
    PLAN = 4
    OVERHEAD = 5
    WORK = 6
    TOKENS = 7
    ROUTE = 8
    QUALITY = 9
    REPEAT = 10
    CALL_ERROR = 11
    ATTEMPT = 12
    FAILURE_TIME = 13
    OUTAGE = 14
    IN_FLIGHT = 15
    ESCALATE = 16
    REPLICA = 17
    SLOWNESS = 18
    PATIENCE = 19
    DEGRADE = 20
    RESPONSE = 21
    KEY = 22
    CLUSTER = 23
    LOOKUP = 24
    TURN = 25
    HOLD = 26
    WARM = 27
    HOME = 28
    DNS = 29
    REGION = 30
    CHECK = 31
    LOST = 32
    ACTIVITY = 33
    SIGN_UP = 34
    STAY = 35
    MODULATION = 36


@inlined
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Ten rounds of Philox 4x32 on a counter of four and a key of two 32-bit words."""
    for _ in range(10):
        p0 = M0 * c0
        p1 = M1 * c2
        c0, c1, c2, c3 = (p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1, p0 & LOW
        k0 = (k0 + W0) & LOW
        k1 = (k1 + W1) & LOW
    return c0, c1, c2, c3


@inlined
def numbers(seed: int, replication: int, stream: int, entity: int, code: int, block: int) -> tuple[int, int]:
    """Two random whole numbers of 52 bits; `unit` makes a uniform number of each.

    `entity` has up to 63 bits (an action's id), `code` up to 26 bits (which call, repeat, rung, try
    and hedge of the action), `block` up to 6 bits (which pair of them).
    """
    e = np.uint64(entity)
    a, b, c, d = philox(
        e & LOW,
        e >> HALF,
        np.uint64(stream) & LOW,
        np.uint64((code << 6) | block),
        np.uint64(seed) & LOW,
        np.uint64(replication) & LOW,
    )
    return np.int64(((a << HALF) | b) >> DROP), np.int64(((c << HALF) | d) >> DROP)  # type: ignore[return-value]


@law
def unit(number: int) -> float:
    """The uniform number in (0, 1) of a whole number k of 52 bits: (k + 0.5) * 2^-52."""
    return (float(number) + 0.5) * STEP


@law
def pair(seed: int, replication: int, stream: int, entity: int, code: int, block: int) -> tuple[float, float]:
    """Two uniform numbers in (0, 1)."""
    one, other = numbers(seed, replication, stream, entity, code, block)
    return unit(one), unit(other)


@law
def code_of(call: int, repeat: int, rung: int, attempt: int, hedge: int) -> int:
    """Structural code of an attempt within its action; below rung 16 ascending in (call, repeat, rung, attempt, hedge).

    25 bits: call < 32, repeat < 512, rung < 32, attempt < 32, hedge < 2. The fifth bit of the rung stands
    beside the hedge, where it was free, so that all codes of rungs below 16 are what they always were.
    """
    return (call << 20) | (repeat << 11) | ((rung & 15) << 7) | (attempt << 2) | ((rung >> 4) << 1) | hedge
