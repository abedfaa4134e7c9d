"""The arrays a plan is made of."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SECOND = 1_000_000_000
NEVER = 2**62
"""A time that is never reached, and the limit of what is unlimited."""

__all__ = ["NEVER", "SECOND", "Bools", "Floats", "Ints"]
