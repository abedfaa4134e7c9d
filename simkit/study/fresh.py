"""What is measured in an interpreter of its own: growth (the peak of memory is then the run's), and getting ready."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from simkit.study.speed import PRODUCTS, compiled_run, work_of
from simkit.study.streaming import warm

Answer = dict[str, float]
STATUS = Path("/proc/self/status")


class FreshError(RuntimeError):
    """A process of its own failed."""


def grown(actions: int) -> Answer:
    """One run of about so many actions."""
    work = work_of(PRODUCTS[0], actions, "compiled")
    warm(work.plan)
    run = compiled_run(work)
    return {"actions": run.actions, "seconds": run.seconds, "peak_mb": peak_mb()}


def readied() -> Answer:
    """How long it takes to have all compiled functions ready, with whatever is in the cache folder."""
    plan = work_of(PRODUCTS[0], 1000, "compiled").plan
    begun = time.perf_counter()
    warm(plan)
    return {"seconds": time.perf_counter() - begun}


TASKS: dict[str, Callable[..., Answer]] = {"grown": grown, "readied": readied}


def fresh(task: str, *arguments: int, **environment: str) -> Answer:
    """The answer of a task in a new interpreter, which finds its modules where this one does.

    Raises:
        FreshError: it failed.
    """
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from simkit.study.fresh import answer; answer({task!r}, {arguments})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FreshError(f"a process of its own ({task} {arguments}) {reason(done.returncode, done.stderr)}")
    found: Answer = json.loads(done.stdout)
    return found


def answer(task: str, arguments: tuple[int, ...]) -> None:
    """Write a task's answer for the process that asked."""
    sys.stdout.write(json.dumps(TASKS[task](*arguments)))


def reason(code: int, complaint: str) -> str:
    """Why a process failed."""
    if code < 0:
        return f"was ended by signal {-code}{' (out of memory?)' if code == -9 else ''}"
    return f"failed: {(complaint.strip().splitlines() or [f'exit code {code}'])[-1]}"


def compile_and_load_s() -> tuple[float, float]:
    """Seconds until all compiled functions are ready: with an empty cache folder, then with what that left there."""
    with TemporaryDirectory() as folder:
        compiled, loaded = (fresh("readied", XDG_CACHE_HOME=folder, HOME=folder)["seconds"] for _ in range(2))
    return compiled, loaded


def peak_mb() -> float:
    """The most memory that this process has had.

    Linux says so in /proc; `ru_maxrss` there begins with what the parent had when it started this process.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
