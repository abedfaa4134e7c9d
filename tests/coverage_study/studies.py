"""Many studies of one scenario, each with replications of its own: does its interval hold the truth?

A study is a run of the scenario as a user has it (compiled engine, streamed aggregates, the package's own intervals)
under a seed of its own; see `lean.py` for what is left out of it. Finished studies are kept, a line each, so that a
run of hours can be stopped and taken up.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from lean import Lean

from simkit.result.caveats import FEWEST_INCIDENTS
from simkit.result.evidence import Evidence
from simkit.result.metrics import METRICS
from simkit.result.statistics import Estimate
from simkit.scenario.load import Scenario, load
from simkit.study.run import Replications, get_ready
from simkit.theory import mm1_sojourn, mm1_sojourn_percentile

MM1 = """
name: M/M/1
horizon: {horizon}s
warmup: {warmup}s
traffic: {{rate: 1/s}}
actions:
  customer:
    calls: [{{name: served, work: {{exponential: {{mean: {work}s}}}}}}]
service: {{workers: 1}}
models:
  unused: {{deployments: [{{provider: nobody}}], ttft: 1s, tokens_per_second: 1, prices: {{input: $0, output: $0}}}}
resilience: {{client: none}}
"""
PERCENTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
Row = dict[str, Any]


def mm1(use: float, customers: int, folder: Path) -> Scenario:
    """M/M/1 with a warm-up of 1,000 customers at .5 and 4,000 at .8: some 20 and 50 relaxation times."""
    path = folder / f"mm1_{use}.yaml"
    path.write_text(MM1.format(horizon=customers, warmup=1000 if use <= 0.5 else 4000, work=use))
    return load(path)


def mm1_truth(use: float) -> dict[str, float]:
    """Closed forms of the time in system."""
    found = {name: mm1_sojourn_percentile(1.0, use, p) for name, p in PERCENTILES.items()}
    return {"latency_mean": mm1_sojourn(1.0, use), **found}


HANG_ON_INCIDENTS = ("success_rate", "latency_mean", "latency_p50", "latency_p95", "latency_p99")
"""What the result's warning of few random incidents names."""


def row_of(number: int, evidence: Evidence, metrics: tuple[str, ...]) -> Row:
    """What is kept of a study. Of few random incidents the result as a whole warns."""
    found = {name: _plain(METRICS[name].formula(evidence)) for name in metrics}
    seen = sum(int((one.incidents["source"] < 0).sum()) for one in evidence.tallies)
    few = len(evidence.plan.incidents.gap) and seen < FEWEST_INCIDENTS
    for name in HANG_ON_INCIDENTS if few else ():
        if name in found:
            found[name][3] = "; ".join(filter(None, (found[name][3], f"{seen} random incidents")))
    return {"study": number, **found}


def _plain(e: Estimate) -> list[Any]:
    return [e.value, e.low, e.high, e.note]


def run_studies(
    scenario: Scenario, studies: int, replications: int, metrics: tuple[str, ...], file: Path, jobs: int
) -> list[Row]:
    """Every study, those in `file` taken from there; study n has seed 1000 + n."""
    done = {row["study"]: row for row in rows_in(file)}
    if len(done) < studies:
        get_ready(Replications(scenario).work.plan, print)
    lean = each_thread(scenario)
    left = [number for number in range(studies) if number not in done]

    def one(number: int) -> Row:
        return row_of(number, lean().evidence(1000 + number, range(replications)), metrics)

    with file.open("a", encoding="utf-8") as out:
        for row in side_by_side(one, left, jobs):
            done[row["study"]] = row
            out.write(json.dumps(row) + "\n")
            out.flush()
    return [done[number] for number in range(studies)]


def each_thread(scenario: Scenario) -> Callable[[], Lean]:
    """The `Lean` of the thread that asks."""
    mine = threading.local()

    def lean() -> Lean:
        if not hasattr(mine, "lean"):
            mine.lean = Lean(scenario)
        return mine.lean  # type: ignore[no-any-return]

    return lean


def side_by_side(work: Callable[[int], Any], items: list[int], jobs: int) -> Iterator[Any]:
    """Answers of work on threads as they come; hardly more than `jobs` are in memory."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting, running = list(reversed(items)), set[Future[Any]]()
        while waiting or running:
            while waiting and len(running) < jobs:
                running.add(pool.submit(work, waiting.pop()))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def rows_in(file: Path) -> list[Row]:
    """Whole lines of a file; one that a killed run left half written is dropped."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def coverage(rows: list[Row], truth: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    """Metric to the share of intervals that hold the truth, of studies without a whole interval, and with a warning."""
    found = {}
    for name, true in truth.items():
        whole = [row[name] for row in rows if row[name][1] is not None and row[name][2] is not None]
        hits = sum(low <= true <= high for _, low, high, _ in whole)
        found[name] = {
            "truth": true,
            "studies": len(rows),
            "holds": hits / len(whole) if whole else None,
            "none": 1 - len(whole) / len(rows),
            "warned": sum(bool(row[name][3]) for row in rows) / len(rows),
            "half_width": sum((high - low) / 2 for _, low, high, _ in whole) / len(whole) / abs(true)
            if whole
            else None,
        }
    return found


def table(title: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of a scenario as Markdown."""
    lines = [
        f"### {title}",
        "",
        "| metric | truth | holds it | no interval | warned | half width |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in found.items():
        holds = "–" if one["holds"] is None else f"{100 * one['holds']:.1f} %"
        width = "–" if one["half_width"] is None else f"{100 * one['half_width']:.2f} %"
        none, warned = (f"{100 * one[key]:.1f} %" for key in ("none", "warned"))
        lines.append(f"| {name} | {one['truth']:.6g} | {holds} | {none} | {warned} | {width} |")
    return "\n".join(lines) + "\n"
