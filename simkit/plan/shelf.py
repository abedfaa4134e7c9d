"""Tables that take long to compute, on disk from one process to the next.

What is kept is found by all that it depends on, so it is never stale; where nothing can be written, tables are computed
in each process, with the same bits.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import platformdirs

from simkit.scenario import portable, shapes
from simkit.scenario.portable import Floats

KEPT = 200
"""Tables on disk; beyond it the oldest go."""


def kept(name: str, cells: int, make: Callable[[], Floats]) -> Floats:
    """(cells, 2) table of a shape by its `name`, from disk or computed and put there."""
    file = folder() / f"{_key(name)}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        found: Floats = np.load(file, allow_pickle=False)
        if found.shape == (cells, 2) and found.dtype == np.float64:
            return found
    made = make()
    with contextlib.suppress(OSError):
        _put(file, made)
    return made


def folder() -> Path:
    """Where the user's tables are."""
    return Path(platformdirs.user_cache_dir("simkit")) / "tables"


def _key(name: str) -> str:
    """Hash of all that a table depends on: its shape, the code that computes it, NumPy and SciPy."""
    import scipy

    digest = hashlib.sha256(f"{name} {np.__version__} {scipy.__version__}".encode())
    for file in (shapes.__file__, portable.__file__, str(Path(__file__).with_name("tables.py"))):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:32]


def _put(file: Path, made: Floats) -> None:
    """Whole or not at all: several processes may be at it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(number, "wb") as stream:
            np.save(stream, made, allow_pickle=False)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    for old in sorted(file.parent.glob("*.npy"), key=lambda one: one.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)


__all__ = ["kept"]
