"""What all tests share."""

from numba import config


def fewer(cases: int) -> range:
    """So many generated cases, or a fifth where the JIT is off and the kernel is plain Python."""
    return range(cases // 5 if config.DISABLE_JIT else cases)
