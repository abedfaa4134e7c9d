"""Where replications run. An executor maps work over replication numbers; what it yields does not depend on which."""

import contextlib
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from simkit.study.progress import Halted, Progress, silent

if TYPE_CHECKING:
    from simkit.result.result import Result

T = TypeVar("T")
GLANCE_S = 0.1
"""Seconds between two looks at how far threads are."""


Work = Callable[[int, Progress], T]
"""What is done with an item. It tells the share it has done now and then, and stops when that raises `Halted`."""


class Executor(Protocol):
    """Runs `work(item, pulse)` for every item and yields (item, answer) as they finish, in any order.

    Closing the iterator (or an exception in the loop over it) stops what is still running at once. `progress` is
    told how much of the items under way is done (2.5: two and a half items' worth), where that can be known.
    """

    def map(self, work: Work[T], items: Sequence[int], progress: Progress = silent) -> Generator[tuple[int, T]]:
        """Yield (item, work(item, pulse))."""
        ...  # pragma: no cover


class InProcess:
    """One after the other, here."""

    def map(self, work: Work[T], items: Sequence[int], progress: Progress = silent) -> Generator[tuple[int, T]]:
        """Yield (item, work(item, pulse)) in order."""
        for item in items:
            yield item, work(item, progress)


class Threads:
    """On `jobs` threads, for work that lets go of the interpreter's lock.

    One job has a thread of its own, too: an interrupt of the user then comes between two steps of the work, never
    within one, so that what was computed can be kept.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def map(self, work: Work[T], items: Sequence[int], progress: Progress = silent) -> Generator[tuple[int, T]]:
        """Yield (item, work(item, pulse)) as they finish."""
        from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

        halt, shares = threading.Event(), dict[int, float]()

        def begin(item: int) -> T:
            def pulse(done: float) -> None:
                shares[item] = done
                if halt.is_set():
                    raise Halted

            return work(item, pulse)

        waiting, running = list(reversed(items)), dict[Future[T], int]()
        pool = ThreadPoolExecutor(self.jobs)
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    item = waiting.pop()
                    running[pool.submit(begin, item)] = item
                for future in wait(running, timeout=GLANCE_S, return_when=FIRST_COMPLETED).done:
                    item = running.pop(future)
                    shares.pop(item, None)
                    yield item, future.result()
                progress(sum(list(shares.values())))
        finally:
            halt.set()
            pool.shutdown(wait=True)


class LostWorkerError(RuntimeError):
    """A worker process died, e.g. for want of memory. `item`: the piece of work that ended it, where that is known."""

    def __init__(self, why: str, item: int | None = None) -> None:
        super().__init__(why)
        self.item = item


class UnfinishedError(RuntimeError):
    """A run ended before its end, through no wish of the user. `result` is what had finished, or None.

    `cut`: too much was in flight, as it will be again.
    """

    def __init__(self, why: str, result: "Result | None", planned: int, cut: bool = False) -> None:
        super().__init__(why)
        self.cut = cut
        self.result = result
        self.planned = planned


class Processes:
    """On `jobs` processes of this machine; for work that holds the interpreter's lock. `work` must be picklable."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def map(self, work: Work[T], items: Sequence[int], progress: Progress = silent) -> Generator[tuple[int, T]]:
        """Yield (item, work(item, pulse)) as they finish; how far they are is not known here.

        A process that dies costs the pieces that were under way: those are done again, one at a time.

        Raises:
            LostWorkerError: a piece of work ended its process twice.
        """
        with _replaced_workers_unmentioned():
            waiting, suspects = list(reversed(items)), list[int]()
            while waiting or suspects:
                lost = list[int]()
                suspect = suspects.pop() if suspects else None
                yield from self._map(work, waiting if suspect is None else [suspect], lost)
                if suspect is not None and lost:
                    raise LostWorkerError("a worker process died (out of memory?)", suspect)
                suspects += lost

    def _map(self, work: Work[T], waiting: list[int], lost: list[int]) -> Generator[tuple[int, T]]:
        """Yield answers; what is done is taken from `waiting`, what was under way when a process died is `lost`."""
        from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait

        from joblib.externals.loky import get_reusable_executor

        pool = get_reusable_executor(max_workers=self.jobs, timeout=60, initializer=_leave_interrupts_to_the_parent)
        running = dict[Future[T], int]()
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:  # no more at once: what waits here need not be called off
                    item = waiting.pop()
                    running[pool.submit(work, item, silent)] = item
                done = wait(running, return_when=FIRST_COMPLETED).done
                for future in sorted(done, key=lambda one: one.exception() is not None):  # first what is well
                    answer = future.result()
                    yield running.pop(future), answer
        except BrokenExecutor:
            lost += running.values()
        finally:
            if running:
                pool.shutdown(wait=False, kill_workers=True)


@contextlib.contextmanager
def _replaced_workers_unmentioned() -> Iterator[None]:
    """The pool replaces a worker that has grown large, and warns of it: nothing is lost, nothing is to be done."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given to the executor", UserWarning)
        yield


def _leave_interrupts_to_the_parent() -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def cpus() -> int:
    """CPUs that this process may use."""
    from joblib import cpu_count

    return int(cpu_count())


Where = str | Executor | None
"""Where work runs: `threads`, `processes`, the address of a Dask scheduler, an executor, or what suits the engine."""


def is_elsewhere(where: Where) -> bool:
    """Does the work run on other machines (as far as one can know)?"""
    return where not in (None, "threads", "processes")


def executor_for(engine: str, jobs: int, where: Where = None) -> Executor:
    """Threads for the compiled engine, which lets go of the lock; for the other processes, or none for one job.

    Raises:
        ValueError: `where` is none of the words for it.
        ClusterError: Dask is not installed.
    """
    if where is not None and not isinstance(where, str):
        return where
    if where is not None and "://" in where:
        from simkit.study.cluster import Cluster

        return Cluster(where)
    if where not in (None, "threads", "processes"):
        raise ValueError(f"unknown executor {where!r}: use threads, processes, or tcp://HOST:PORT of a Dask scheduler")
    if where == "processes":
        return Processes(jobs)
    if engine == "compiled" or where == "threads":
        return Threads(jobs)
    return InProcess() if jobs <= 1 else Processes(jobs)
