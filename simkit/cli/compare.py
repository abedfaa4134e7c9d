"""`simkit compare`: paired differences between scenarios, a verdict a line."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, check_file, say
from simkit.cli.options import Running, running

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario
    from simkit.study.saved import Saved


@click.command(short_help="Paired differences between scenarios, with intervals and verdicts.")
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help="Replace a field in every scenario.")
@running
@click.option("--warmup", type=click.Choice(["auto"]), help="One warm-up for all, cut by MSER-5; stationary ones only.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="PNG", help="Write the picture here.")
@click.option("--json", "as_json", is_flag=True, help="The table as JSON on standard output, nothing else.")
def compare(
    how: Running,
    baseline: Path,
    other: tuple[Path, ...],
    settings: tuple[str, ...],
    warmup: str | None,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Compare each OTHER with BASELINE: the same users and draws in each.

    Each is a scenario file, or the folder of a result that `simkit run --out` saved.

    \b
    Examples:
      simkit compare scenarios/one_big_model.yaml scenarios/routed.yaml
      simkit compare today.yaml cheaper.yaml faster.yaml --replications 20
      simkit compare results/today results/tomorrow --plot change.png
    """
    from simkit.study.compare import compare as compare_scenarios

    check_file("--plot", plot)
    _refuse_for_saved([baseline, *other], settings, how.replications, warmup)
    comparison = compare_scenarios(_named([baseline, *other], settings), warmup=warmup, **how.keywords)
    if plot is not None:
        plot.write_bytes(comparison.plot()._repr_png_())
    say(comparison.to_json() if as_json else str(comparison))
    return Exit.WELL


def _refuse_for_saved(
    files: list[Path], settings: tuple[str, ...], replications: int | None, warmup: str | None
) -> None:
    """A saved result is as it was run."""
    saved = [file for file in files if file.is_dir()]
    if saved and settings:
        raise BadInput(f"--set cannot change {saved[0]}: it is the result of a run. Name the scenario's file instead.")
    if len(saved) == len(files) and (replications is not None or warmup is not None):
        option = "--replications" if replications is not None else "--warmup"
        raise BadInput(f"{option} has no effect on saved results. Name the scenarios' files instead.")


def _named(files: list[Path], settings: tuple[str, ...]) -> "dict[str, Scenario | Saved]":
    """The scenarios and saved results by the names of their files, by their paths where two are called alike."""
    from simkit.scenario.load import load
    from simkit.study.saved import saved

    names = [file.stem for file in files]
    if len(set(names)) < len(names):
        names = [str(file) for file in files]
    if len(set(names)) < len(names):
        raise BadInput("The same file is given twice: a scenario differs from itself in nothing.")
    return {
        name: saved(file) if file.is_dir() else load(file, settings) for name, file in zip(names, files, strict=True)
    }
