"""A Dask cluster: a real scheduler and two worker processes on this machine, one of which is lost on the way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from queue_case import file_of, queue, scenario_of

import simkit as sk
from simkit.cli import main
from simkit.study.cluster import INSTALL, Cluster, ClusterError, check_workers, identity
from simkit.study.executor import LostWorkerError

ROOT = Path(__file__).parents[2]
FILE = queue("30min", 2)
AXES = {"traffic.rate": "0.5/s..1.45/s/0.05", "service.workers": [1, 2]}
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason=f"Dask is not installed: {INSTALL}")


def test_without_dask_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'simkit-llm\[cluster\]'"):
        Cluster("tcp://127.0.0.1:1")
    file = file_of(tmp_path, FILE)
    assert main(["run", str(file), "--cluster", "tcp://127.0.0.1:1"]) == 3
    assert INSTALL in capsys.readouterr().err


def test_workers_of_another_version_are_refused() -> None:
    mine = identity()
    check_workers(mine, {"a": dict(mine)})
    with pytest.raises(ClusterError, match=r"tcp://b: numpy is 1\.0, here ") as error:
        check_workers(mine, {"tcp://a": dict(mine), "tcp://b": mine | {"numpy": "1.0"}})
    assert "tcp://a" not in str(error.value)
    with pytest.raises(ClusterError, match="not there"):
        check_workers(mine, {"tcp://b": {}})


class Dask:
    """A scheduler and two workers of one thread each."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}",
            "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
        }
        self.folder, self.processes = folder, list[subprocess.Popen[bytes]]()
        self.scheduler = folder / "scheduler.json"
        self.start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                   "--scheduler-file", str(self.scheduler))  # fmt: skip
        while not self.scheduler.exists():
            time.sleep(0.05)
        self.address = pd.read_json(self.scheduler, typ="series")["address"]
        self.workers = [self.worker(f"w{number}") for number in range(2)]

    def worker(self, name: str) -> "subprocess.Popen[bytes]":
        return self.start(
            "distributed.cli.dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--name", name, "--local-directory", str(self.folder / name), "--memory-limit", "0",
        )  # fmt: skip

    def start(self, module: str, *args: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", module, *args], env=self.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    found = Dask(tmp_path_factory.mktemp("dask"))
    yield found
    found.stop()


@pytest.fixture
def scenario(tmp_path: Path) -> sk.Scenario:
    return scenario_of(tmp_path, FILE)


@needs_dask
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestCluster:
    """In the order of what becomes of the workers."""

    def test_a_run_is_the_same_as_here(self, dask: Dask, scenario: sk.Scenario) -> None:
        there = scenario.run(replications=5, executor=dask.address)
        assert there.to_json() == scenario.run(replications=5).to_json()

    def test_the_command(self, dask: Dask, scenario: sk.Scenario, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["run", str(scenario.path), "--cluster", dask.address, "--json"]) == 0
        there = capsys.readouterr().out
        assert main(["run", str(scenario.path), "--json"]) == 0
        assert capsys.readouterr().out == there
        assert (
            main(["run", str(scenario.path), "--cluster", dask.address, "--out", str(scenario.path.parent / "x")]) == 2
        )
        assert "--no-log" in capsys.readouterr().err

    def test_a_sweep_with_a_lost_worker_is_the_same_as_here(self, dask: Dask, scenario: sk.Scenario) -> None:
        """One of two workers is killed in the middle; another comes later; the frame is the same, nothing failed."""
        killed: list[float] = []

        def watch(done: float) -> None:
            if done > 0.3 and not killed:
                killed.append(done)
                os.killpg(dask.workers[0].pid, signal.SIGKILL)
                dask.workers.append(dask.worker("later"))

        there = sk.sweep(scenario, AXES, executor=dask.address, progress=watch)
        assert killed and there.failures == {} and len(there.figures) == 40
        here = sk.sweep(scenario, AXES, executor="processes", jobs=2)
        pd.testing.assert_frame_equal(pd.DataFrame(there.frame), pd.DataFrame(here.frame), check_exact=True)

    def test_a_piece_that_kills_every_worker_is_named(self, dask: Dask) -> None:
        for number in range(5):
            dask.worker(f"spare {number}")
        with pytest.raises(LostWorkerError, match="ended every worker") as error:
            dict(Cluster(dask.address).map(_fatal, [7]))
        assert error.value.item == 7

    def test_nobody_there(self, scenario: sk.Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("simkit.study.cluster.CONNECT_S", 1)
        with pytest.raises(ClusterError, match="no Dask scheduler answers"):
            scenario.run(executor="tcp://127.0.0.1:9")


def _fatal(item: int, pulse: object) -> int:
    os._exit(3)
