"""What all tests share."""

from pathlib import Path

from numba import config


def fewer(cases: int) -> range:
    """So many generated cases, or a fifth where the JIT is off and the kernel is plain Python."""
    return range(cases // 5 if config.DISABLE_JIT else cases)


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {one.name: one.read_bytes() for one in sorted(folder.iterdir())}
