"""A queue of one worker (M/M/1, half busy at one arrival a second): what studies are tried on."""

from pathlib import Path

import simkit as sk


def queue(horizon: str, replications: int, *more: str, warmup: str = "0s") -> str:
    """The text of the scenario, with more lines."""
    models = "{deployments: [{provider: nobody}], ttft: 1s, tokens_per_second: 1, prices: {input: $0, output: $0}}"
    lines = (
        "name: Queue",
        "traffic: {rate: 1/s}",
        f"horizon: {horizon}",
        f"warmup: {warmup}",
        f"replications: {replications}",
        "actions: {ask: {calls: [{name: served, work: {exponential: {mean: 0.5s}}}]}}",
        "service: {workers: 1}",
        f"models: {{unused: {models}}}",
        "resilience: {client: none}",
        *more,
    )
    return "\n".join(lines) + "\n"


def file_of(folder: Path, text: str) -> Path:
    """The scenario's file."""
    file = folder / "queue.yaml"
    file.write_text(text)
    return file


def scenario_of(folder: Path, text: str) -> sk.Scenario:
    """The scenario."""
    return sk.load(file_of(folder, text))
