"""How often 95 % intervals hold the truth.

    python tests/coverage_study/intervals.py mm1 --use 0.5 --studies 4000
    python tests/coverage_study/intervals.py mm1 --use 0.8 --studies 4000
    python tests/coverage_study/intervals.py support_chat --studies 1000 --truth 10000

The truth of M/M/1 is its closed form; that of a scenario are --truth replications of other seeds than the studies'.
The studies are kept in --folder: the same command goes on where it was. The table goes to standard output.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent)]

from lean import Lean  # noqa: E402
from pool import Pool  # noqa: E402
from studies import coverage, mm1, mm1_truth, run_studies, table  # noqa: E402

from simkit.scenario.load import load  # noqa: E402
from simkit.study.run import Replications, get_ready  # noqa: E402

TIMES = ("latency_mean", "latency_p50", "latency_p95", "latency_p99")
ALL = (*TIMES, "success_rate", "cost_per_action")
SEED, BATCH = 900_000, 100
"""Of the replications that are the truth: the seed, and how many are put on disk at once."""


def of_mm1(use: float, studies: int, replications: int, customers: int, folder: Path, jobs: int) -> str:
    """The table of M/M/1."""
    file = folder / f"mm1_{use}_{replications}x{customers}.jsonl"
    rows = run_studies(mm1(use, customers, folder), studies, replications, TIMES, file, jobs)
    title = f"M/M/1 at {use:g}: {studies} studies of {replications} replications of {customers:,} customers"
    return table(title, coverage(rows, mm1_truth(use)))


def of_scenario(
    name: str, studies: int, replications: int, truth: int, folder: Path, jobs: int, settings: tuple[str, ...] = ()
) -> str:
    """The table of a shipped scenario, against replications that are in no study."""
    scenario, kept = load(ROOT / "scenarios" / f"{name}.yaml", list(settings)), "_".join([name, *settings])
    pool = Pool(folder / f"{kept}.npz")
    get_ready(Replications(scenario).work.plan, print)
    lean = Lean(scenario)
    for batch in range(-(-truth // BATCH)):
        if batch not in pool.batches:
            pool.take(batch, lean.evidence(SEED, range(batch * BATCH, min(truth, (batch + 1) * BATCH))))
    rows = run_studies(scenario, studies, replications, ALL, folder / f"{kept}_{replications}.jsonl", jobs)
    title = (
        f"{' '.join([name, *settings])}: {studies} studies of {replications} replications, truth of {truth:,} others"
    )
    return table(title, coverage(rows, pool.truth()))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", help="mm1, or the name of a shipped scenario")
    parser.add_argument("--use", type=float, default=0.5)
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--replications", type=int, default=20)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--truth", type=int, default=10_000, help="replications that are the truth of a scenario")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="PATH=VALUE")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("coverage_study_results"))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.scenario == "mm1":
        text = of_mm1(asked.use, asked.studies, asked.replications, asked.customers, asked.folder, asked.jobs)
    else:
        text = of_scenario(
            asked.scenario, asked.studies, asked.replications, asked.truth, asked.folder, asked.jobs,
            tuple(asked.settings),
        )  # fmt: skip
    print(text)


if __name__ == "__main__":
    main()
