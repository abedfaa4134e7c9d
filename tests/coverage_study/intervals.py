"""How often 95 % intervals hold the truth.

    python tests/coverage_study/intervals.py mm1 --use 0.5 --studies 4000
    python tests/coverage_study/intervals.py mm1 --use 0.8 --studies 4000
    python tests/coverage_study/intervals.py support_chat --studies 500

The studies are kept in --folder: the same command goes on where it was. The table goes to standard output.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent)]

from pool import Pool  # noqa: E402
from studies import coverage, mm1, mm1_truth, run_studies, table  # noqa: E402

from simkit.scenario.load import load  # noqa: E402

TIMES = ("latency_mean", "latency_p50", "latency_p95", "latency_p99")
ALL = (*TIMES, "success_rate", "cost_per_action")


def of_mm1(use: float, studies: int, replications: int, customers: int, folder: Path, jobs: int) -> str:
    """The table of M/M/1."""
    file = folder / f"mm1_{use}_{replications}x{customers}.jsonl"
    rows = run_studies(mm1(use, customers, folder), studies, replications, TIMES, file, jobs)
    title = f"M/M/1 at {use:g}: {studies} studies of {replications} replications of {customers:,} customers"
    return table(title, coverage(rows, mm1_truth(use)))


def of_scenario(name: str, studies: int, replications: int, folder: Path, jobs: int) -> str:
    """The table of a shipped scenario, against all its replications pooled."""
    pool = Pool(folder / f"{name}_{replications}.npz")
    scenario, file = load(ROOT / "scenarios" / f"{name}.yaml"), folder / f"{name}_{replications}.jsonl"
    rows = run_studies(scenario, studies, replications, ALL, file, jobs, pool.take)
    title = f"{name}: {studies} studies of {replications} replications, truth of {len(pool.studies) * replications:,}"
    return table(title, coverage(rows, pool.truth()))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", help="mm1, or the name of a shipped scenario")
    parser.add_argument("--use", type=float, default=0.5)
    parser.add_argument("--studies", type=int, default=4000)
    parser.add_argument("--replications", type=int, default=20)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("coverage_study_results"))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.scenario == "mm1":
        text = of_mm1(asked.use, asked.studies, asked.replications, asked.customers, asked.folder, asked.jobs)
    else:
        text = of_scenario(asked.scenario, asked.studies, asked.replications, asked.folder, asked.jobs)
    print(text)


if __name__ == "__main__":
    main()
