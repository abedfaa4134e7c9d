"""`simkit run`: the answers, the figures behind them, and files if wanted."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, check_file, check_folder, coloured, complain, say
from simkit.cli.options import Running, overrides, running

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.scenario.load import Scenario


@click.command(short_help="Simulate a scenario: will it hold, what will it cost, what breaks first.")
@click.argument("file", type=click.Path(path_type=Path))
@overrides
@running
@click.option(
    "--precision", "precisions", metavar="METRIC=PERCENT", multiple=True,
    help="Add replications until this metric is known so well, e.g. latency_p95=2%. May be given again.",
)  # fmt: skip
@click.option(
    "--most", type=click.IntRange(2, 10_000), metavar="N", help="Most replications for --precision.  [default: 640]"
)
@click.option("--warmup", type=click.Choice(["auto"]), help="Cut the warm-up by MSER-5; stationary scenarios only.")
@click.option(
    "--plot-warmup", type=click.Path(path_type=Path, dir_okay=False), metavar="PNG",
    help="With --warmup auto: write the picture of the cut here.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Write log, timeline, tables and manifest here."
)
@click.option("--no-log", is_flag=True, help="Write no rows of actions and attempts to --out.")
@click.option(
    "--most-in-flight", type=click.IntRange(1), metavar="N",
    help="Stop a run that has more actions in flight at once.  [default: 200000]",
)  # fmt: skip
@click.option("--levers", is_flag=True, help="Then try what would lower the bill, by some fifteen more runs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
def run(
    how: Running,
    file: Path,
    settings: tuple[str, ...],
    precisions: tuple[str, ...],
    most: int | None,
    warmup: str | None,
    plot_warmup: Path | None,
    out: Path | None,
    no_log: bool,
    most_in_flight: int | None,
    levers: bool,
    as_json: bool,
) -> int:
    """Simulate the scenario in FILE and print the answers.

    \b
    Examples:
      simkit run scenarios/founder.yaml
      simkit run scenarios/founder.yaml --set traffic.daily_active_users=10000
      simkit run scenarios/founder.yaml --replications 20 --jobs 2 --out results/today
      simkit run scenarios/chat_history.yaml --levers
      simkit run scenarios/founder.yaml --json | jq .metrics.cost_per_month
      simkit run scenarios/founder.yaml --precision latency_p95=2% --precision cost_per_action=1%
    """
    from simkit.scenario.load import load
    from simkit.study.executor import UnfinishedError
    from simkit.study.run import Stopped
    from simkit.study.run import run as simulate

    scenario = load(file, settings)
    precision = precision_of(precisions)
    if out is not None:
        check_out(out, keeps_rows=not no_log, executor=how.executor)
    check_file("--plot-warmup", plot_warmup)
    if plot_warmup is not None and warmup is None:
        raise BadInput("--plot-warmup shows where --warmup auto cuts: add that. Nothing was run.")
    if warmup is not None:  # before all else: a scenario that is cut is another one
        scenario = cut(scenario, warmup, plot_warmup, how)
    if out is not None:
        check_held(out, scenario.hash)
    try:
        result = simulate(
            scenario, log="disk" if out is not None and not no_log else False, parts=parts_of(out),
            most_in_flight=most_in_flight, levers=levers, precision=precision, most=most, **how.keywords,
        )  # fmt: skip
    except Stopped as stop:  # at once: rows on disk stay in their pieces, where the same command finds them
        partial = stop.result and replace(stop.result, pieces={})
        return cut_short("Stopped", partial, stop.planned, out, as_json, Exit.STOPPED)
    except UnfinishedError as error:
        why, goes_on = f"Could not finish: {error}", not error.cut
        return cut_short(why, error.result, error.planned, out, as_json, Exit.UNFINISHED, goes_on)
    code = finish(result, out, as_json)
    if not as_json:
        mention_surprises(scenario)
    return code


def mention_surprises(scenario: "Scenario") -> None:
    """Say what in the file may not have been meant, a line each; `check` says what to do about it."""
    from simkit.scenario.checks import surprises

    found = surprises(scenario)
    if found:
        complain("\nMay not be meant (`simkit check` says what to do):")
    for one in found:
        complain(f"- {one.path}: {one.message}")


def cut(scenario: "Scenario", warmup: str, plot: Path | None, how: Running) -> "Scenario":
    """The scenario with another warm-up, and the picture of why."""
    from simkit.study.warmup import Warmup, cut_by

    def draw(found: Warmup) -> None:
        if plot is not None:
            plot.write_bytes(found.plot()._repr_png_())

    (found,) = cut_by(
        warmup, [scenario], draw, seed=how.seed, engine=how.engine, jobs=how.jobs, tell=complain, executor=how.executor
    )
    return found


def precision_of(texts: tuple[str, ...]) -> dict[str, float] | None:
    """What `--precision` says; None where it is not given.

    Raises:
        BadInput: it is not understood.
    """
    from simkit.study.looks import check_precision

    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value.strip().removesuffix("%")) / 100
        except ValueError:
            raise BadInput(f"--precision {text}: write METRIC=PERCENT, e.g. latency_p95=2%. Nothing was run.") from None
    try:
        check_precision(found)
    except ValueError as error:
        raise BadInput(f"--precision: {error}. Nothing was run.") from None
    return found or None


def parts_of(out: Path | None) -> Path | None:
    """The folder beside the result's where finished replications are kept until all have finished."""
    return None if out is None else out.absolute().with_name(f"{out.absolute().name}.partial")


def check_out(out: Path, keeps_rows: bool, executor: str | None) -> None:
    """Find out whether a result can be saved, before anything is run.

    Raises:
        BadInput: when it cannot.
    """
    if keeps_rows and executor is not None and "://" in executor:
        raise BadInput("The rows of a run on a cluster are not kept: add --no-log to --out. Nothing was run.")
    check_folder(out)


def check_held(out: Path, scenario_hash: str) -> None:
    """Nothing replaces the results of another scenario.

    Raises:
        BadInput: the folder holds some.
    """
    import json

    try:
        held = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if isinstance(held, dict) and held.get("scenario_hash", scenario_hash) != scenario_hash:
        raise BadInput(
            f"{out} holds the results of another scenario ({held.get('scenario', 'unnamed')}, or this one with other"
            " values). Nothing was run.\nName another folder with --out, or remove that one."
        )


def finish(result: "Result", out: Path | None, as_json: bool) -> int:
    """Print the result, save it, and say how that went."""
    code = show(result, out, as_json)
    parts = parts_of(out)
    if code == Exit.WELL and parts is not None:
        from simkit.study.parts import remove

        remove(parts)
    return code


def show(result: "Result", out: Path | None, as_json: bool) -> int:
    """Print the result and save it."""
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


def cut_short(
    why: str, result: "Result | None", planned: int, out: Path | None, as_json: bool, code: Exit, goes_on: bool = True
) -> int:
    """Report what had finished of a run that did not come to its end; `goes_on`: the same command would do more."""
    more = " The same command goes on from here." if out is not None and goes_on else ""
    hint = TRY[code] if goes_on else ""
    if result is None:
        complain(f"{why}. None of {planned} replications had finished: there is nothing to report.{more}{hint}")
        return code
    show(result, out, as_json)
    complain(f"{why}. The figures are of {result.replications} of {planned} replications.{more}{hint}")
    return code


TRY = {Exit.STOPPED: "", Exit.UNFINISHED: " Try fewer --jobs, a shorter horizon, or less traffic."}
"""What may help."""
