"""How often repeated looks decide wrongly at the very edge of an expectation.

    python tests/coverage_study/looks.py --studies 2000

An M/M/1 queue whose mean time in system, or share within a limit, is exactly what is expected: whatever is decided at
one of five looks is counted as wrong. Studies are kept in --folder.
"""

import argparse
import json
import math
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from studies import mm1, rows_in, side_by_side  # noqa: E402

from simkit.result.metrics import METRICS  # noqa: E402
from simkit.result.slo import Verdict, verdict  # noqa: E402
from simkit.scenario.load import Scenario  # noqa: E402
from simkit.study.looks import results  # noqa: E402
from simkit.study.run import Replications, get_ready  # noqa: E402
from simkit.theory import mm1_sojourn, mm1_sojourn_percentile  # noqa: E402

USE = 0.5
EDGES = {"latency_mean": mm1_sojourn(1.0, USE), "latency_p95": mm1_sojourn_percentile(1.0, USE, 0.95)}


def study(scenario: Scenario, number: int, first: int, most: int) -> dict[str, object]:
    """At which look, if at any, each expectation is decided, though it is at its edge; 0: never."""
    ready = Replications(scenario, seed=500_000 + number, engine="compiled", jobs=1)
    found = dict.fromkeys(EDGES, 0)
    for look, result in enumerate(results(ready, first, most), 1):
        for name, edge in EDGES.items():
            if not found[name] and verdict(METRICS[name].formula(result.evidence), "<=", edge) != Verdict.UNDECIDED:
                found[name] = look
        if all(found.values()):
            break
    return {"study": number, **found}


def run(studies: int, customers: int, first: int, most: int, folder: Path, jobs: int) -> dict[str, float]:
    """Metric to the share of studies that decide."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"looks_{customers}_{first}-{most}.jsonl"
    scenario = mm1(USE, customers, folder)
    done = {row["study"]: row for row in rows_in(file)}
    get_ready(Replications(scenario).work.plan, print)
    left = [number for number in range(studies) if number not in done]
    with file.open("a", encoding="utf-8") as out:
        for row in side_by_side(lambda number: study(scenario, number, first, most), left, jobs):
            done[row["study"]] = row
            out.write(json.dumps(row) + "\n")
            out.flush()
    return {name: sum(bool(done[n][name]) for n in range(studies)) / studies for name in EDGES}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=10)
    parser.add_argument("--most", type=int, default=160)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("coverage_study_results"))
    asked = parser.parse_args()
    found = run(asked.studies, asked.customers, asked.first, asked.most, asked.folder, asked.jobs)
    looks = 1 + math.ceil(math.log2(asked.most / asked.first))
    print(f"### {asked.studies} studies at the edge, {looks} looks at {asked.first} to {asked.most} replications\n")
    print("| expectation | decided (wrongly) |\n|---|---|")
    for name, share in found.items():
        print(f"| {name} <= its true value | {100 * share:.2f} % |")


if __name__ == "__main__":
    main()
