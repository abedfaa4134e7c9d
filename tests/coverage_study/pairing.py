"""How many times fewer replications pairing needs, by metric, on shipped pairs of scenarios.

    python tests/coverage_study/pairing.py --replications 40

Pairs that differ in one setting of resilience, and `routed` as it is shipped. Where figures hardly move, pairing saves
most; so two of the pairs differ in most metrics beyond all doubt (their verdicts say by how much).
"""

import argparse
from pathlib import Path

from simkit.scenario.load import Scenario, load
from simkit.study.compare import SHOWN, Comparison, compare

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def pairs() -> dict[str, dict[str, Scenario]]:
    """Title to baseline and other."""

    def one_setting(name: str, path: str, value: object) -> dict[str, Scenario]:
        scenario = load(SCENARIOS / f"{name}.yaml")
        return {"today": scenario, "other": scenario.set({path: value})}

    return {
        "support_chat: max_retries 2 -> 1": one_setting("support_chat", "resilience.max_retries", 1),
        "outage: timeout 30s -> 15s": one_setting("outage", "resilience.timeout", "15s"),
        "rate_limited_tier1: max_retries 2 -> 3": one_setting("rate_limited_tier1", "resilience.max_retries", 3),
        "one_big_model -> routed": {
            "today": load(SCENARIOS / "one_big_model.yaml"),
            "other": load(SCENARIOS / "routed.yaml"),
        },
    }


def table(title: str, found: Comparison) -> str:
    """What pairing saved, by metric, as Markdown."""
    rows = found.summary[found.summary["metric"].isin(SHOWN)]
    lines = [f"### {title}", "", "| metric | times fewer replications | verdict |", "|---|---|---|"]
    for metric, saved, verdict in zip(rows["metric"], rows["pairing"], rows["verdict"], strict=True):
        lines.append(f"| {metric} | {'–' if saved != saved else f'{saved:,.1f}'} | {verdict} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    for title, scenarios in pairs().items():
        found = compare(scenarios, replications=asked.replications, engine="compiled", jobs=asked.jobs)
        print(table(title, found))


if __name__ == "__main__":
    main()
