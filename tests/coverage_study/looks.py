"""How often repeated looks decide wrongly at the very edge of an expectation.

    python tests/coverage_study/looks.py --studies 2000

An M/M/1 queue whose mean time in system, 95th percentile, or share within a limit is exactly what is expected. A true
figure a hair to one side of it makes `pass` wrong, a hair to the other side `fail`; both are counted. The looks, their
levels and the verdicts are the gate's; see `lean.py` for how the replications are run. Studies are kept in --folder.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

from lean import Lean  # noqa: E402
from studies import each_thread, mm1, rows_in, side_by_side  # noqa: E402

from simkit.result.evidence import Evidence  # noqa: E402
from simkit.result.metrics import METRICS  # noqa: E402
from simkit.result.slo import Verdict, standings, verdict  # noqa: E402
from simkit.scenario.load import Scenario  # noqa: E402
from simkit.study.looks import looks  # noqa: E402
from simkit.study.run import Replications, get_ready  # noqa: E402
from simkit.theory import mm1_sojourn, mm1_sojourn_percentile  # noqa: E402

USE = 0.5
P95 = mm1_sojourn_percentile(1.0, USE, 0.95)
EDGES = {"latency_mean": mm1_sojourn(1.0, USE), "latency_p95": P95}
OBJECTIVE = "slo latency p95"
NAMES = (*EDGES, OBJECTIVE)


def at_the_edge(customers: int, folder: Path) -> Scenario:
    """The queue with an objective that 95 % of its customers meet."""
    return mm1(USE, customers, folder).set({"slo": {"latency": {"p95": f"{P95:.9f}s"}}})


def verdicts(evidence: Evidence) -> dict[str, Verdict]:
    """What one look says of each expectation."""
    found = {name: verdict(METRICS[name].formula(evidence), "<=", edge) for name, edge in EDGES.items()}
    return found | {OBJECTIVE: standings(evidence)[0].verdict}


def study(lean: Lean, number: int, first: int, most: int) -> dict[str, object]:
    """The look at which each expectation is decided, though it is at its edge, and how; 0: never."""
    found: dict[str, tuple[int, str]] = dict.fromkeys(NAMES, (0, ""))
    tallies = []
    for look in looks(first, most):
        tallies += [lean.tally(500_000 + number, n) for n in range(len(tallies), look.replications)]
        for name, said in verdicts(lean.put_together(tallies, look.level)).items():
            if not found[name][0] and said != Verdict.UNDECIDED:
                found[name] = look.number, str(said)
        if all(look for look, _ in found.values()):
            break
    return {"study": number, **found}


def run(studies: int, customers: int, first: int, most: int, folder: Path, jobs: int) -> dict[str, dict[str, float]]:
    """Expectation to the shares of studies that decide: how."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"looks_{customers}_{first}-{most}.jsonl"
    scenario = at_the_edge(customers, folder)
    done = {row["study"]: row for row in rows_in(file)}
    get_ready(Replications(scenario).work.plan, print)
    left, lean = [number for number in range(studies) if number not in done], each_thread(scenario)
    with file.open("a", encoding="utf-8") as out:
        for row in side_by_side(lambda number: study(lean(), number, first, most), left, jobs):
            done[row["study"]] = row
            out.write(json.dumps(row) + "\n")
            out.flush()
    said = {name: [done[n][name][1] for n in range(studies)] for name in NAMES}
    return {name: {how: said[name].count(how) / studies for how in ("pass", "fail")} for name in NAMES}


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
    shown = [look.replications for look in looks(asked.first, asked.most)]
    print(f"### {asked.studies} studies at the edge, {asked.customers:,} customers, looks at {shown} replications\n")
    print("| expectation | pass | fail | decided |\n|---|---|---|---|")
    for name, shares in found.items():
        cells = (shares["pass"], shares["fail"], sum(shares.values()))
        print(f"| {name} at its true value | {' | '.join(f'{100 * one:.2f} %' for one in cells)} |")


if __name__ == "__main__":
    main()
