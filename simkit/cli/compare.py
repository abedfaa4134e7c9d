"""`simkit compare`: paired differences between scenarios, a verdict a line."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, complain, say
from simkit.cli.options import running

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario


@click.command(short_help="Paired differences between scenarios, with intervals and verdicts.")
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help="Replace a field in every scenario.")
@running
@click.option("--json", "as_json", is_flag=True, help="The table as JSON on standard output, nothing else.")
def compare(
    baseline: Path,
    other: tuple[Path, ...],
    settings: tuple[str, ...],
    seed: int | None,
    replications: int | None,
    engine: str,
    jobs: int | None,
    no_progress: bool,
    as_json: bool,
) -> int:
    """Compare each OTHER scenario with BASELINE: the same users and draws in each.

    \b
    Examples:
      simkit compare scenarios/one_big_model.yaml scenarios/routed.yaml
      simkit compare today.yaml cheaper.yaml faster.yaml --replications 20
    """
    from simkit.study.compare import compare as compare_scenarios

    comparison = compare_scenarios(
        _named([baseline, *other], settings), seed=seed, replications=replications, engine=engine, jobs=jobs,
        progress=not no_progress, tell=complain,
    )  # fmt: skip
    say(comparison.to_json() if as_json else str(comparison))
    return Exit.WELL


def _named(files: list[Path], settings: tuple[str, ...]) -> "dict[str, Scenario]":
    """The scenarios by the names of their files, by their paths where two are called alike."""
    from simkit.scenario.load import load

    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        names = [str(file) for file in files]
    if len(set(names)) < len(names):
        raise BadInput("The same file is given twice: a scenario differs from itself in nothing.")
    return {name: load(file, settings) for name, file in zip(names, files, strict=True)}
