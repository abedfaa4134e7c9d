"""The truth of a scenario without a closed form: many replications pooled, none of which is in a study."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simkit.result.evidence import Evidence

STEP_NS = 100_000
"""Latencies are counted in steps of 0.1 ms, far below the width of any interval."""
LONGEST = 3_000_000
"""Steps: five minutes; what takes longer is counted there."""
Counts = NDArray[np.int64]
SUMS = ("served", "ended", "latency", "spent")
P = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}


class Pool:
    """Sums and a histogram of replications, by batches, on disk after every one."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.batches: set[int] = set()
        self.counts: Counts = np.zeros(LONGEST + 1, np.int64)
        self.sums = dict.fromkeys(SUMS, 0.0)
        if file.exists():
            with np.load(file) as kept:
                self.batches, self.counts = set(kept["batches"].tolist()), kept["counts"]
                self.sums = dict(zip(SUMS, kept["sums"].tolist(), strict=True))

    def take(self, number: int, evidence: Evidence) -> None:
        """Add a batch, if it is not here yet."""
        if number in self.batches:
            return
        for one in evidence.tallies:
            sample = one.samples["latency"]
            np.add.at(self.counts, np.minimum(sample.values // STEP_NS, LONGEST), sample.counts)
        for name in SUMS:
            self.sums[name] += evidence.total(name)
        self.batches.add(number)
        draft = self.file.with_suffix(".draft.npz")
        np.savez_compressed(
            draft, batches=np.array(sorted(self.batches)), counts=self.counts, sums=np.array([*self.sums.values()])
        )
        draft.replace(self.file)

    def truth(self) -> dict[str, float]:
        """The figures of all replications."""
        cumulative = np.cumsum(self.counts)
        total = int(cumulative[-1])
        places = {name: int(np.searchsorted(cumulative, np.ceil(p * total))) for name, p in P.items()}
        return {
            "latency_mean": self.sums["latency"] / self.sums["served"] / 1e9,
            **{name: (place + 0.5) * STEP_NS / 1e9 for name, place in places.items()},
            "success_rate": self.sums["served"] / self.sums["ended"],
            "cost_per_action": self.sums["spent"] / self.sums["served"] / 1e12,
        }
