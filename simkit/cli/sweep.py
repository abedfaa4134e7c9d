"""`simkit sweep`: a scenario at many points, resumable, with a table, pictures and a frontier."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, check_folder, complain, say
from simkit.cli.options import Running, overrides, running

if TYPE_CHECKING:
    from simkit.study.sweep import Sweep

SHOWN = ("success_rate", "latency_p95", "cost_per_action")
MOST_ROWS = 60
"""Points that are printed; the file has all."""


@click.command(short_help="One scenario at many points: a grid, a Latin hypercube, a Sobol design. Resumable.")
@click.argument("file", type=click.Path(path_type=Path))
@overrides
@click.option(
    "--vary", "varied", metavar="PATH=VALUES", multiple=True, required=True,
    help="A field and its values: A,B,C or A..B/STEP; for lhs and sobol also A..B. May be given again.",
)  # fmt: skip
@click.option("--design", type=click.Choice(["grid", "lhs", "sobol"]), default="grid", show_default=True)
@click.option("--points", type=click.IntRange(2), metavar="N", help="How many points, for lhs and sobol.")
@click.option("--metric", "metrics", metavar="NAME", multiple=True, help="Show this metric. May be given again.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
    help="Keep finished points, tables and pictures here.  [default: the file's name with -sweep]",
)  # fmt: skip
@running
def sweep(
    how: Running,
    file: Path,
    settings: tuple[str, ...],
    varied: tuple[str, ...],
    design: str,
    points: int | None,
    metrics: tuple[str, ...],
    out: Path | None,
) -> int:
    """Run the scenario in FILE at many points, all under the same users and draws.

    Every finished point is on disk at once. After Ctrl-C, a crash or `kill -9` the same command goes on from there.
    Points that cannot be run are listed with the reason, and the others are kept: the exit code is then 3.

    \b
    Examples:
      simkit sweep scenarios/founder.yaml --vary traffic.daily_active_users=300,1000,3000
      simkit sweep my.yaml --vary traffic.rate=1/s..10/s/1 --vary service.workers=2,4,8 --out sweeps/load
      simkit sweep my.yaml --vary traffic.rate=1/s..10/s --vary service.workers=1..16 --design sobol --points 64
    """
    from simkit.scenario.load import load
    from simkit.study.sweep import StoppedSweep, UnfinishedSweep
    from simkit.study.sweep import sweep as run_sweep

    shown = shown_metrics(metrics)
    axes = axes_of(varied)
    scenario = load(file, settings)
    folder = out if out is not None else Path(f"{file.stem}-sweep")
    check_folder(folder)
    try:
        found = run_sweep(scenario, axes, design=design, points=points, out=folder, **how.keywords)
    except StoppedSweep as stop:
        return cut_short("Stopped", stop.sweep, folder, Exit.STOPPED)
    except UnfinishedSweep as error:
        return cut_short(f"Could not finish: {error}", error.sweep, folder, Exit.UNFINISHED)
    say(text_of(found, shown))
    found.save(folder)
    complain(f"Saved to {folder}: tables (sweep.csv, frontier.csv, failed.csv) and pictures.")
    return Exit.UNFINISHED if found.failures else Exit.WELL


def axes_of(varied: tuple[str, ...]) -> dict[str, object]:
    """What `--vary` says.

    Raises:
        BadInput: it is not understood, or a field is named twice.
    """
    found: dict[str, object] = {}
    for text in varied:
        path, equals, values = text.partition("=")
        if not equals or not path.strip() or not values.strip():
            raise BadInput(f"--vary {text}: write PATH=A,B,C or PATH=A..B/STEP. Nothing was run.")
        if path.strip() in found:
            raise BadInput(f"--vary {path.strip()} is given twice. Nothing was run.")
        found[path.strip()] = values.strip()
    return found


def shown_metrics(names: tuple[str, ...]) -> tuple[str, ...]:
    """The metrics to be shown.

    Raises:
        BadInput: there is no such metric.
    """
    from simkit.result.metrics import METRICS
    from simkit.scenario.errors import nearest

    for name in names:
        if name not in METRICS:
            raise BadInput(f"--metric {name}: there is no such metric. {nearest(name, METRICS)} Nothing was run.")
    return names or SHOWN


def text_of(found: "Sweep", metrics: tuple[str, ...]) -> str:
    """The table of points, what failed, and the frontier in a line."""
    from simkit.result.metrics import METRICS
    from simkit.result.page import Block, Grid, Heading, Page, Paragraph
    from simkit.result.text import render
    from simkit.result.words import figure

    wide, columns = found.wide, ("point", *found.paths)
    rows = tuple(
        (*(str(row[name]) for name in columns), *(figure(row[name], METRICS[name].unit) for name in metrics))
        for row in wide.head(MOST_ROWS).to_dict("records")
    )
    right = frozenset(range(len(columns), len(columns) + len(metrics)))
    blocks: list[Block] = [Grid((*columns, *metrics), rows, right)]
    if len(wide) > MOST_ROWS:
        blocks.append(Paragraph(f"The first {MOST_ROWS} of {len(wide)} points; the tables on disk have all."))
    best = ", ".join(str(point) for point in found.frontier["point"])
    blocks.append(Paragraph(best, "No other point beats, in cost, p95, success and good answers at once:"))
    if found.failures:
        lines = tuple(tuple(str(cell) for cell in row) for row in found.failed.itertuples(index=False))
        blocks += [Heading("Failed"), Grid((*columns, "reason"), lines)]
    runs = f"{found.replications} replications a point, seed {found.seed}; the same users and draws at each"
    return render(Page(f"{found.name}: {len(found.points)} points", runs, tuple(blocks)))


def cut_short(why: str, found: "Sweep", folder: Path, code: Exit) -> int:
    """Report a sweep that did not come to its end."""
    done = f"{len(found.figures)} of {len(found.points)} points are in {folder}"
    complain(f"{why}. {done}. The same command goes on from here.")
    return code
