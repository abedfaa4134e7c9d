"""How many times fewer replications pairing needs, by metric, on shipped pairs of scenarios.

    python tests/coverage_study/pairing.py --replications 40

"One setting": outage_with_fallback with one retry more; "routed": what is shipped.
"""

import argparse
from pathlib import Path

from simkit.scenario.load import load
from simkit.study.compare import SHOWN, Comparison, compare

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def pairs() -> dict[str, dict[str, object]]:
    """Title to baseline and other."""
    shipped = {name: load(SCENARIOS / f"{name}.yaml") for name in ("support_chat", "one_big_model", "routed")}
    chat = shipped["support_chat"]
    return {
        "support_chat: max_retries 2 -> 1": {"today": chat, "other": chat.set({"resilience.max_retries": 1})},
        "support_chat: timeout 30s -> 20s": {"today": chat, "other": chat.set({"resilience.timeout": "20s"})},
        "one_big_model -> routed": {"today": shipped["one_big_model"], "other": shipped["routed"]},
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
        found = compare(scenarios, replications=asked.replications, engine="compiled", jobs=asked.jobs)  # type: ignore[arg-type]
        print(table(title, found))


if __name__ == "__main__":
    main()
