"""Where replications run. An executor maps work over replication numbers; what it yields does not depend on which."""

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from simkit.result.result import Result

T = TypeVar("T")


class Executor(Protocol):
    """Runs `work(item)` for every item and yields (item, answer) as they finish, in any order.

    Closing the iterator (or an exception in the loop over it) stops what is still running at once.
    """

    def map(self, work: Callable[[int], T], items: Sequence[int]) -> Generator[tuple[int, T]]:
        """Yield (item, work(item))."""
        ...  # pragma: no cover


class InProcess:
    """One after the other, here."""

    def map(self, work: Callable[[int], T], items: Sequence[int]) -> Generator[tuple[int, T]]:
        """Yield (item, work(item)) in order."""
        for item in items:
            yield item, work(item)


class LostWorkerError(RuntimeError):
    """A worker process died, e.g. for want of memory."""


class UnfinishedError(RuntimeError):
    """A run ended before its end, through no wish of the user. `result` is what had finished, or None."""

    def __init__(self, why: str, result: "Result | None", planned: int) -> None:
        super().__init__(why)
        self.result = result
        self.planned = planned


class Processes:
    """On `jobs` processes of this machine; for work that holds the interpreter's lock. `work` must be picklable."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def map(self, work: Callable[[int], T], items: Sequence[int]) -> Generator[tuple[int, T]]:
        """Yield (item, work(item)) as they finish.

        Raises:
            LostWorkerError: when a process died.
        """
        with _replaced_workers_unmentioned():
            yield from self._map(work, items)

    def _map(self, work: Callable[[int], T], items: Sequence[int]) -> Generator[tuple[int, T]]:
        from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait

        from joblib.externals.loky import get_reusable_executor

        pool = get_reusable_executor(max_workers=self.jobs, timeout=60, initializer=_leave_interrupts_to_the_parent)
        waiting, running = list(reversed(items)), dict[Future[T], int]()
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:  # no more at once: what waits here need not be called off
                    item = waiting.pop()
                    running[pool.submit(work, item)] = item
                done = wait(running, return_when=FIRST_COMPLETED).done
                for future in sorted(done, key=lambda one: one.exception() is not None):  # first what is well
                    yield running[future], future.result()
                    del running[future]
        except BrokenExecutor as error:
            raise LostWorkerError("a worker process died (out of memory?)") from error
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


def executor_for(jobs: int) -> Executor:
    """`InProcess` for one job, else `Processes`."""
    return InProcess() if jobs <= 1 else Processes(jobs)
