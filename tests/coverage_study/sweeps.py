"""A sweep of 200 points: killed five times and taken up again; on a Dask cluster beside local processes.

    python tests/coverage_study/sweeps.py killed
    python tests/coverage_study/sweeps.py cluster

`killed`: kill -9 to the command and all its processes at five random moments; then the frame is that of a sweep which
nobody disturbed, byte for byte, and no point that was finished has been written again. `cluster`: a real scheduler and
two worker processes of one thread on loopback against two local processes, in turns, both warm; then once more with one
of the two workers killed in the middle. Wants two idle CPUs.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit")]

from test_cluster import Dask  # noqa: E402
from test_sweep import FILE, stamps  # noqa: E402

import simkit as sk  # noqa: E402

AXES = {"traffic.rate": "0.2/s..1.19/s/0.01", "service.workers": [1, 2]}


def queue(folder: Path, horizon: str) -> Path:
    """A small scenario, in a file; the horizon says how long a point takes."""
    file = folder / "queue.yaml"
    file.write_text(FILE.replace("horizon: 5min", f"horizon: {horizon}"))
    return file


def killed(folder: Path, horizon: str, jobs: int) -> str:
    """What became of a sweep that was killed five times."""
    vary = ["--vary", f"traffic.rate={AXES['traffic.rate']}", "--vary", "service.workers=1,2", "--jobs", str(jobs)]
    command = [sys.executable, "-m", "simkit", "sweep", str(queue(folder, horizon)), *vary, "--out"]
    whole, out, counts = folder / "whole", folder / "out", [0]
    begun = time.monotonic()
    subprocess.run([*command, str(whole)], check=True, capture_output=True)
    took, seen, dice = time.monotonic() - begun, dict[str, tuple[int, int]](), random.Random(8)
    moments = []
    while len(moments) < 5:
        process = subprocess.Popen(
            [*command, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        moments.append(dice.uniform(0.05, 0.17) * took)
        time.sleep(moments[-1])
        assert process.poll() is None, "it was through before it was killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        now = stamps(out)
        assert seen.items() <= now.items(), "a finished point was written again"
        seen = now
        counts.append(len(seen))
    said = subprocess.run([*command, str(out)], check=True, capture_output=True, text=True).stderr
    final = stamps(out)
    assert len(final) == 200 and seen.items() <= final.items() and f"{len(seen)} of 200 points are taken" in said
    assert (out / "sweep.csv").read_bytes() == (whole / "sweep.csv").read_bytes()
    gone = ", ".join(f"{one:.1f}" for one in moments)
    return (
        f"200 points, undisturbed in {took:.1f} s; killed {gone} s after each start, with {counts[1:]} points finished:"
        " the same frame byte for byte, no finished point written again."
    )


def cluster(folder: Path, horizon: str, turns: int) -> str:
    """How long a cluster of two workers takes, beside two local processes; and with one of them lost."""
    scenario = sk.load(queue(folder, horizon))
    dask, times = Dask(folder), {"cluster": list[float](), "processes": list[float]()}
    try:
        where = {"cluster": dask.address, "processes": "processes"}
        frames = []
        for turn in range(turns + 1):
            for name, executor in where.items():
                begun = time.perf_counter()
                frames.append(sk.sweep(scenario, AXES, engine="compiled", executor=executor, jobs=2).frame)
                if turn:  # the first loads the engine
                    times[name].append(time.perf_counter() - begun)
        lost: list[float] = []

        def watch(done: float) -> None:
            if done > 0.5 and not lost:
                lost.append(done)
                os.killpg(dask.workers[0].pid, signal.SIGKILL)

        there = sk.sweep(scenario, AXES, engine="compiled", executor=dask.address, progress=watch)
    finally:
        dask.stop()
    assert lost and not there.failures and len(there.figures) == 200
    for one in [*frames, there.frame]:
        pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(frames[0]), check_exact=True)
    best = {name: min(taken) for name, taken in times.items()}
    told = "; ".join(f"{name} {', '.join(f'{one:.2f}' for one in taken)} s" for name, taken in times.items())
    return (
        f"200 points, in turns: {told}. The best of each: {100 * (best['cluster'] / best['processes'] - 1):+.1f} %. One"
        f" worker killed at {100 * lost[0]:.0f} %: all {2 * turns + 3} frames the same, nothing failed."
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("killed", "cluster"))
    parser.add_argument("--horizon", default="6h", help="of a point: how long it takes")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if asked.what == "killed":
            print(killed(Path(folder), asked.horizon, asked.jobs))
        else:
            print(cluster(Path(folder), asked.horizon, asked.turns))


if __name__ == "__main__":
    main()
