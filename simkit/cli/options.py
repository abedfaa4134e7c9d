"""Options that several commands share."""

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]
SET_HELP = "Replace a field of the scenario, e.g. traffic.daily_active_users=10000. May be given again."


class Percent(click.FloatRange):
    """A number in percent, with or without the sign."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """`5` and `5%` are the same."""
        plain: Any = value.strip().removesuffix("%") if isinstance(value, str) else value
        return super().convert(plain, param, ctx)


def overrides(command: Command) -> Command:
    """`--set PATH=VALUE`, as a list of texts."""
    return click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help=SET_HELP)(command)


def where(command: Command) -> Command:
    """`--processes`, `--cluster ADDRESS`: where it runs, as the parameter `executor`."""

    def take(ctx: click.Context, param: click.Parameter, value: object) -> object:
        if value:
            if ctx.params.get("executor"):
                raise click.UsageError("--processes and --cluster exclude each other.")
            ctx.params["executor"] = value if isinstance(value, str) else "processes"
        ctx.params.setdefault("executor", None)
        return value

    processes = click.option(
        "--processes", is_flag=True, expose_value=False, callback=take, help="Run on processes, also where threads do."
    )
    cluster = click.option(
        "--cluster", metavar="ADDRESS", expose_value=False, callback=take,
        help="Run on the workers of a Dask scheduler, e.g. tcp://127.0.0.1:8786.",
    )  # fmt: skip
    return processes(cluster(command))


def running(command: Command) -> Command:
    """How to run: `--seed`, `--replications`, `--engine`, `--jobs`, `--no-progress`."""
    seed = click.option(
        "--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="Seed of all draws.  [default: the file's]"
    )
    replications = click.option(
        "--replications",
        type=click.IntRange(1, 10_000),
        metavar="N",
        help="Independent runs.  [default: the file's]",
    )
    engine = click.option(
        "--engine",
        type=click.Choice(["auto", "compiled", "reference"]),
        default="auto",
        show_default=True,
        help="Which engine runs.",
    )
    jobs = click.option(
        "--jobs",
        type=click.IntRange(1, 1024),
        metavar="N",
        help="Threads or processes.  [default: by the amount of work]",
    )
    quiet = click.option("--no-progress", is_flag=True, help="No progress bar.")
    return seed(replications(engine(jobs(quiet(command)))))
