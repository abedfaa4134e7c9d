"""`law`: compile a scalar function with Numba, cached on disk so that an edited law is never served stale.

Numba stamps a cached function with its own file only; a law that calls a law in another file would
go stale when that file changes. So the cache folder's name holds a hash of all laws, Numba's
version and the CPU: any edit starts a new folder. Where no folder can be written (a read-only home),
laws are compiled anew in each process, with the same results.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import llvmlite
import numba
import numpy as np
import platformdirs
from numba import config
from numpy.typing import NDArray

from simkit.laws.copied import CopiedCompiler, EntryCompiler
from simkit.laws.stored import Stored

HASHED = ("laws", "engine", "result", "plan")
"""Folders of the package with compiled functions, and with constants that are compiled into them."""
READY = "ready"
"""A file in the cache folder that lists all others once they are complete."""
KEPT, KEPT_S, KEPT_BEYOND_S = 5, 30 * 86_400, 86_400
"""So many folders are kept for seconds after their last use; others for a day, for a process may be at work there."""
COPIED: dict[str, Any] = {"pipeline_class": CopiedCompiler, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""How that is compiled into which there is no way from Python."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
P = ParamSpec("P")
R = TypeVar("R")


def law(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` in nopython mode; it stays a plain Python function where Numba's JIT is off."""
    return compiled(function)


def entry(function: Callable[P, R]) -> Callable[P, R]:
    """A law that Python calls, and no other: no compiled function is linked with it, so it is the sooner loaded."""
    return compiled(function, pipeline_class=EntryCompiler)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """The same, copied into every caller: there a loop over it can run on the processor's vectors."""
    return compiled(function, forceinline=True)


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Compile what is called from compiled functions only, and copied into each: there is no way in from Python."""
    return compiled(function, on_disk=False, forceinline=True, **COPIED)


def apart(function: Callable[P, R]) -> Callable[P, R]:
    """A step that is called, not copied: it is seldom taken, or too long to stand in several places.

    (Numba must be told not to copy it: what a function's callers do is else done with it, too.)
    """
    return compiled(function, on_disk=False, forceinline=False, **COPIED)


def compiled(function: Callable[P, R], on_disk: bool = True, **options: Any) -> Callable[P, R]:
    """Compile with a disk cache that holds nothing stale (steps are in the cache as parts of their callers)."""
    if config.DISABLE_JIT:
        return function
    folder = cache_folder() if on_disk else None
    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder or "")  # read once, while the decorator runs: other users of Numba are not touched
    try:
        jitted = numba.njit(nogil=True, error_model="numpy", **options)(function)
        if folder is not None:
            jitted._cache = Stored(function)
    finally:
        config.CACHE_DIR = before
    jitted.get_call_template = partial(without_constants, jitted.get_call_template)
    typed: Callable[P, R] = jitted
    return typed


def without_constants(get_call_template: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """Types of a call: an int is an int. Numba would compile a version for each constant that a caller passes."""
    plain = {name: numba.types.unliteral(one) for name, one in keywords.items()}
    return get_call_template(tuple(numba.types.unliteral(one) for one in args), plain)


@lru_cache(maxsize=1)
def cache_folder() -> Path | None:
    """The folder for compiled laws, or None where nothing can be written."""
    for root in (user_folder, temporary_folder):
        try:
            folder = root() / f"kernels-{fingerprint()}"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK) and is_own(folder):
                os.utime(folder)  # in use: see `remove_old`
                return folder
        except OSError:
            continue
    return None


def is_own(folder: Path) -> bool:
    """Does nobody else write here? What is cached is code."""
    if not hasattr(os, "getuid"):
        return True
    about = folder.stat()
    return about.st_uid == os.getuid() and not about.st_mode & 0o022


def user_folder() -> Path:
    """Where the user's caches are."""
    return Path(platformdirs.user_cache_dir("simkit"))


def temporary_folder() -> Path:
    """The user's own place among temporary files.

    Raises:
        FileNotFoundError: nothing can be written anywhere.
    """
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"simkit-{user}"


def is_off() -> bool:
    """Is Numba's JIT off (NUMBA_DISABLE_JIT=1)? Then all is plain Python, slow, and nothing is compiled."""
    return bool(config.DISABLE_JIT)


def is_cached() -> bool:
    """Has everything been compiled on this machine before, so that it only needs to be loaded?"""
    folder = None if config.DISABLE_JIT else cache_folder()
    try:
        rows = [] if folder is None else [row.split(" ", 1) for row in (folder / READY).read_text().splitlines()]
        sizes = [(int(size), (Path(folder or "") / name).stat().st_size) for size, name in rows]
    except (OSError, ValueError):
        return False
    return bool(sizes) and all(found > size / 2 for size, found in sizes)  # compiled anew they differ by some bytes


def mark_cached() -> None:
    """Everything has been compiled: list the files that say so, with their sizes."""
    folder = None if config.DISABLE_JIT else cache_folder()
    if folder is not None:
        files = sorted(folder.glob("*/*.nb?"))
        with contextlib.suppress(OSError):
            rows = [f"{file.stat().st_size} {file.relative_to(folder).as_posix()}" for file in files]
            (folder / READY).write_text("\n".join(rows))
        remove_old(folder.parent)


def remove_old(root: Path) -> None:
    """Remove what was compiled and has not been used for long: every edit of a law leaves a folder behind."""
    with contextlib.suppress(OSError):  # another process may be removing them, too
        folders = [(one.stat().st_mtime, one) for one in root.glob("kernels-*")]
        for place, (used, folder) in enumerate(sorted(folders, reverse=True)):
            if time.time() - used > (KEPT_S if place < KEPT else KEPT_BEYOND_S):
                shutil.rmtree(folder, ignore_errors=True)


def fingerprint() -> str:
    """Hash of all that a compiled law depends on: the package's place, the texts of HASHED, Numba, LLVM, CPU."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256(str(package.resolve()).encode())  # Numba keeps what it compiled by the place of its source
    for path in sorted(path for folder in HASHED for path in (package / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    cpu = llvmlite.binding.get_host_cpu_name()
    digest.update(f"{numba.__version__} {llvmlite.__version__} {cpu}".encode())
    return digest.hexdigest()[:16]
