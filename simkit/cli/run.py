"""`simkit run`: the answers, the figures behind them, and files if wanted."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, coloured, complain, say
from simkit.cli.options import overrides, running

if TYPE_CHECKING:
    from simkit.result.result import Result


@click.command(short_help="Simulate a scenario: will it hold, what will it cost, what breaks first.")
@click.argument("file", type=click.Path(path_type=Path))
@overrides
@running
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write log, timeline and manifest here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
def run(
    file: Path,
    settings: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    engine: str,
    jobs: int | None,
    no_progress: bool,
    out: Path | None,
    as_json: bool,
) -> int:
    """Simulate the scenario in FILE and print the answers.

    \b
    Examples:
      simkit run scenarios/founder.yaml
      simkit run scenarios/founder.yaml --set traffic.daily_active_users=10000
      simkit run scenarios/founder.yaml --replications 20 --jobs 2 --out results/today
      simkit run scenarios/founder.yaml --json | jq .metrics.cost_per_month
    """
    from simkit.scenario.load import load
    from simkit.study.run import Stopped
    from simkit.study.run import run as simulate

    scenario = load(file, settings)
    if out is not None:
        check_folder(out)
    try:
        result = simulate(
            scenario, seed=seed, replications=replications, engine=engine, jobs=jobs,
            progress=not no_progress, log=out is not None,
        )  # fmt: skip
    except Stopped as stop:
        return stopped(stop, out, as_json)
    return finish(result, out, as_json)


def check_folder(out: Path) -> None:
    """Find out whether a result can be saved, before anything is run.

    Raises:
        BadInput: when it cannot.
    """
    from simkit.result.saving import check_writable

    try:
        check_writable(out)
    except OSError as error:
        raise BadInput(f"{error} Nothing was run.") from None


def finish(result: "Result", out: Path | None, as_json: bool) -> int:
    """Print the result, save it, and say how that went."""
    say(result.to_json(indent=2) if as_json else result.text(colour=coloured()))
    if out is None:
        return Exit.WELL
    try:
        folder = result.save(out)
    except OSError as error:
        complain(f"Could not save to {out}: {error.strerror or error}. What is printed above is complete.")
        return Exit.UNFINISHED
    complain(f"Saved to {folder}.")
    return Exit.WELL


def stopped(stop: BaseException, out: Path | None, as_json: bool) -> int:
    """Report what had finished when the user stopped the run."""
    result, planned = stop.result, stop.planned  # type: ignore[attr-defined]
    if result is None:
        complain(f"Stopped before the first of {planned} replications had finished: there is nothing to report.")
        return Exit.STOPPED
    finish(result, out, as_json)
    complain(f"Stopped: the figures are of {result.replications} of {planned} replications.")
    return Exit.STOPPED
