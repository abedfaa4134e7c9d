"""Options that several commands share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypedDict

import click

from simkit.cli.console import complain

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


class Keywords(TypedDict):
    """What every function of the library that runs something takes."""

    seed: int | None
    replications: int | None
    engine: str
    jobs: int | None
    progress: bool
    tell: Callable[[str], object]
    executor: str | None


@dataclass(frozen=True)
class Running:
    """How a command is to run; None: as the file says, or as the amount of work suggests."""

    seed: int | None
    replications: int | None
    engine: str
    jobs: int | None
    progress: bool
    executor: str | None
    """`processes`, or the address of a cluster."""

    @property
    def keywords(self) -> Keywords:
        """The arguments of `run`, `compare` and the like."""
        return {
            "seed": self.seed, "replications": self.replications, "engine": self.engine, "jobs": self.jobs,
            "progress": self.progress, "tell": complain, "executor": self.executor,
        }  # fmt: skip


def running(command: Command) -> Command:
    """How and where to run, as the parameter `how`: see `Running`."""

    @wraps(command)
    def gathered(
        *, seed: int | None, replications: int | None, engine: str, jobs: int | None, no_progress: bool,
        executor: str | None, **others: Any,
    ) -> Any:  # fmt: skip
        return command(how=Running(seed, replications, engine, jobs, not no_progress, executor), **others)

    return _where(_how(gathered))


def _where(command: Command) -> Command:
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


def _how(command: Command) -> Command:
    """`--seed`, `--replications`, `--engine`, `--jobs`, `--no-progress`."""
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
