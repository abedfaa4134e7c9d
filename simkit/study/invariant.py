"""`Invariant`: a rule that must hold in every log, and whether it did."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DID_NOT = -1
"""The time of what did not happen. (Times before it are real: they are of the warm-up.)"""


@dataclass(frozen=True)
class Invariant:
    """One rule and whether it held."""

    name: str
    """What must hold, a sentence."""
    violations: int
    """How often it did not."""
    example: str = ""
    """The first place where it did not."""

    @property
    def passed(self) -> bool:
        """Did it hold everywhere?"""
        return self.violations == 0


def rule(name: str, broken: Bools, where: Ints, what: str) -> Invariant:
    """A rule that was broken in some rows, and where that was."""
    found = np.flatnonzero(broken)
    return Invariant(name, len(found), f"{what} {int(where[found[0]])}" if len(found) else "")
