"""`simkit breaking-point`: the largest load at which a condition still holds."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simkit.cli.console import BadInput, Exit, check_file, say
from simkit.cli.options import Percent, Running, overrides, running

if TYPE_CHECKING:
    from simkit.study.breaking import BreakingPoint


@click.command("breaking-point", short_help="The largest load (users, outage, price) at which a condition still holds.")
@click.argument("file", type=click.Path(path_type=Path))
@overrides
@click.option("--vary", metavar="PATH=A..B", required=True, help="The field and the range that is searched.")
@click.option(
    "--holds", default="slo", show_default=True, metavar="CONDITION",
    help="What must hold: METRIC <= VALUE, several with `and` between; or slo: every objective.",
)  # fmt: skip
@click.option(
    "--precision", type=Percent(0.01, 50), default=5.0, show_default=True, metavar="PERCENT",
    help="Add replications until the interval is so narrow, to either side.",
)  # fmt: skip
@click.option("--most", type=click.IntRange(2, 10_000), default=160, show_default=True, help="Most replications.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), metavar="PNG", help="Write the picture here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
@running
def breaking_point(
    how: Running,
    file: Path,
    settings: tuple[str, ...],
    vary: str,
    holds: str,
    precision: float,
    most: int,
    plot: Path | None,
    as_json: bool,
) -> int:
    """Search the range for the point at which the condition stops to hold, with a 95 % interval.

    \b
    Examples:
      simkit breaking-point scenarios/founder.yaml --vary traffic.daily_active_users=100..20000
      simkit breaking-point my.yaml --vary traffic.rate=1/s..20/s --holds "latency_p95 <= 5s and success_rate >= 99%"
      simkit breaking-point scenarios/outage.yaml --vary incidents.0.lasts=1min..600min --plot outage.png
    """
    from simkit.scenario.load import load
    from simkit.study.breaking import breaking_point as search

    check_file("--plot", plot)
    path, equals, between = vary.partition("=")
    if not equals or not path.strip() or not between.strip():
        raise BadInput(f"--vary {vary}: write PATH=A..B, e.g. traffic.rate=1/s..20/s. Nothing was run.")
    found = search(
        load(file, settings), path.strip(), between.strip(), holds, precision=precision / 100, most=most,
        **how.keywords,
    )  # fmt: skip
    say(found.to_json() if as_json else _shown(found))
    if plot is not None:
        plot.write_bytes(found.plot()._repr_png_())
    return Exit.WELL


def _shown(found: "BreakingPoint") -> str:
    """What was found, and the loads about it."""
    short, every = found.short, len(found.table)
    more = f"\n{len(short)} of {every} trials; --json has all." if len(short) < every else ""
    return f"{found.text}\n\n{short.to_string(index=False)}{more}"
