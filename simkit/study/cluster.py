"""`Cluster`: work on a Dask cluster (dask.distributed), unit by unit.

A unit is pickled here and sent with its task, so that no worker holds what another needs. Dask gives a lost worker's
units to others; what had come back is here already.
"""

import asyncio
import hashlib
import pickle
import platform
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from functools import lru_cache
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, TypeVar

from simkit.study.executor import LostWorkerError, Work
from simkit.study.progress import Progress, silent

T = TypeVar("T")
INSTALL = "pip install 'simkit-llm[cluster]'"
CONNECT_S = 10
"""Seconds within which a scheduler must answer, and have a worker."""
GLANCE_S = 5
"""Seconds between two looks whether there are workers left."""
PATIENCE = 12
"""Looks without any worker after which the work is given up."""
AHEAD = 2
"""Units that are sent ahead for each thread of the cluster: no worker waits for the next."""
MATTER = ("numpy", "numba", "scipy")
"""Packages that results may depend on."""


class ClusterError(RuntimeError):
    """A cluster that cannot be used, and why."""


class Cluster:
    """The workers of a Dask scheduler at an address, e.g. `tcp://127.0.0.1:8786`.

    Raises:
        ClusterError: Dask is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._dask = dask()

    def map(self, work: Work[T], items: Sequence[int], progress: Progress = silent) -> Generator[tuple[int, T]]:
        """Yield (item, work(item, pulse)) as they finish; how far they are is not known here.

        Raises:
            ClusterError: nobody answers, there are no workers, or they have other versions.
            LostWorkerError: the scheduler or all workers went away, or a unit killed its workers again and again.
        """
        if not items:
            return
        with closing(self._client()) as client:
            expected = identity()
            check_workers(expected, client.run(identity))
            room = AHEAD * max(1, sum(client.nthreads().values()))
            unit = (expected, pickle.dumps(work))
            waiting, running = list(reversed(items)), dict[Any, int]()
            try:
                while waiting or running:
                    while waiting and len(running) < room:
                        item = waiting.pop()
                        running[client.submit(carry_out, *unit, item, pure=False, key=f"simkit-{id(unit)}-{item}")] = (
                            item
                        )
                    for future in self._finished(client, list(running)):
                        item = running.pop(future)
                        yield item, _answer(future, item)
            finally:
                with suppress(Exception):
                    client.cancel(list(running))

    def _client(self) -> Any:
        try:
            client = self._dask.Client(self.address, timeout=CONNECT_S, set_as_default=False)
        except (TimeoutError, OSError, ValueError) as error:
            raise ClusterError(f"no Dask scheduler answers at {self.address}") from error
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            client.close()
            raise ClusterError(f"the Dask scheduler at {self.address} has no workers; start some") from error
        return client

    def _finished(self, client: Any, futures: list[Any]) -> list[Any]:
        """Those of the futures that are done, at least one."""
        alone = 0
        while alone < PATIENCE:
            try:
                with client.as_current():
                    return list(self._dask.wait(futures, timeout=GLANCE_S, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                alone = 0 if self._workers(client) else alone + 1
            except (OSError, asyncio.CancelledError) as error:
                raise LostWorkerError(f"the Dask scheduler at {self.address} went away") from error
        raise LostWorkerError(f"all workers of the Dask cluster at {self.address} went away")

    def _workers(self, client: Any) -> int:
        try:
            return len(client.scheduler_info()["workers"])
        except (OSError, KeyError):
            return 0


def dask() -> Any:
    """The package dask.distributed.

    Raises:
        ClusterError: it is not installed; says how to.
    """
    try:
        return import_module("distributed")
    except ImportError:
        raise ClusterError(f"a cluster needs Dask, which is not installed here. To install it: {INSTALL}") from None


def _answer(future: Any, item: int) -> Any:
    """What a unit gave.

    Raises:
        LostWorkerError: no worker survived it.
        what the work raised.
    """
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        why = "a piece of work ended every worker that it was given to (out of memory?)"
        raise LostWorkerError(why, item) from error
    except CancelledError as error:
        raise LostWorkerError("the Dask scheduler went away, or somebody called the work off") from error


def carry_out(expected: dict[str, str], work: bytes, item: int) -> Any:
    """A unit, on a worker.

    Raises:
        ClusterError: this worker came later than the others and has other versions.
    """
    check_workers(expected, {"a worker that came later": identity()})
    return pickle.loads(work)(item, silent)


@lru_cache
def identity() -> dict[str, str]:
    """What must be equal on all workers, so that it does not matter who does a unit."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
    versions = {name: metadata.version(name) for name in MATTER}
    python = ".".join(platform.python_version_tuple()[:2])
    return {"simkit's code": digest.hexdigest()[:12], "Python": python, **versions}


def check_workers(expected: dict[str, str], workers: dict[str, dict[str, str]]) -> None:
    """Workers with other versions would give other numbers.

    Raises:
        ClusterError: with what differs, and where.
    """
    wrong = [
        f"    {address}: {what} is {mine.get(what, 'not there')}, here {wanted}"
        for address, mine in sorted(workers.items())
        for what, wanted in expected.items()
        if mine.get(what) != wanted
    ]
    if wrong:
        lines = "\n".join(wrong)
        raise ClusterError(f"workers of the cluster have other versions; install the same on all:\n{lines}")
