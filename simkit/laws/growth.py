"""Users who come, stay or leave: how active they are, what they remember of a week."""

from simkit.laws.jit import Floats, law
from simkit.laws.sample import whole

UNIT = 1_000_000
"""The activity of an average user; as whole numbers they add up exactly, in whatever order."""
BITS = 4
MOST = 15
"""What went wrong is counted up to this."""
FAILED, REJECTED, QUOTA, SLOW, BAD = range(5)


@law
def activity(value: float) -> int:
    """A user's activity, at least a millionth of an average user's."""
    return max(1, whole(value * UNIT))


@law
def remember(met: int, what: int) -> int:
    """What a user met in a week, five counts of four bits, with one thing more."""
    shift = BITS * what
    return met + (1 << shift) if met >> shift & MOST < MOST else met


@law
def times(met: int, what: int) -> int:
    """How often a user met it, up to 15."""
    return met >> BITS * what & MOST


@law
def stays(chance: float, met: int, lowered: Floats) -> float:
    """The chance to stay after what was met."""
    for what in range(5):
        chance = chance * lowered[what, times(met, what)]
    return chance
