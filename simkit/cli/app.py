"""The command group, and what every way of ending means: the exit codes."""

import atexit
import gc
import sys
import traceback
from collections.abc import Sequence

import click

from simkit.cli.bench import bench
from simkit.cli.breaking import breaking_point
from simkit.cli.check import check
from simkit.cli.compare import compare
from simkit.cli.console import Exit, complain, discard_output, say
from simkit.cli.explore import explore
from simkit.cli.new import new
from simkit.cli.presets import presets
from simkit.cli.report import report
from simkit.cli.run import run
from simkit.cli.schema import schema
from simkit.cli.sweep import sweep
from simkit.study.executor import LostWorkerError, UnfinishedError

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from simkit import __version__

        say(f"simkit {__version__}")
        ctx.exit(Exit.WELL)


@click.group(context_settings=HELP, epilog="`simkit COMMAND --help` shows the options and examples of a command.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def commands() -> None:
    """Will your AI product hold, what will it cost, what breaks first?

    \b
    The first five minutes:
      simkit new my_product.yaml                 # a few questions, one small file
      simkit run my_product.yaml                 # the answers
      simkit run my_product.yaml --set traffic.daily_active_users=10000
      simkit check my_product.yaml               # for CI: exit 1 when a promise is broken

    \b
    Exit codes: 0 all well, 1 a check failed or is undecided, 2 bad input,
    3 could not finish (what was computed is kept), 130 stopped by you.
    """


for command in (new, run, check, compare, sweep, breaking_point, report, explore, presets, schema, bench):
    commands.add_command(command)


def main(args: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; every expected error is one clear page on standard error."""
    atexit.register(gc.freeze)  # all goes at once: to look for what is still used takes half a second at the end
    try:
        code = commands.main(args=None if args is None else list(args), prog_name="simkit", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return Exit.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        complain("Stopped.")
        return Exit.STOPPED
    except _bad_input() as error:
        complain(str(error))
        return Exit.BAD_INPUT
    except MemoryError:
        complain("Not enough memory to finish. Use fewer --jobs, a shorter horizon, or less traffic.")
        return Exit.UNFINISHED
    except _no_cluster() as error:
        complain(f"Could not finish: {error}.")
        return Exit.UNFINISHED
    except (LostWorkerError, UnfinishedError) as error:
        complain(f"Could not finish: {error}. Try fewer --jobs.")
        return Exit.UNFINISHED
    except OSError as error:
        discard_output()
        complain(f"Could not finish: {_reason(error)}.")
        return Exit.UNFINISHED
    except Exception:
        complain(f"{traceback.format_exc()}\nThis is a mistake in simkit, not in your file. Please report these lines.")
        return Exit.UNFINISHED
    return int(code) if isinstance(code, int) else Exit.WELL


def _bad_input() -> tuple[type[Exception], ...]:
    """Errors of the scenario; loaded only when there is an error to look at."""
    from simkit.plan.errors import PlanError
    from simkit.plan.trace import TraceError
    from simkit.scenario.errors import ScenarioError

    return ScenarioError, PlanError, TraceError, *_bad_study()


def _bad_study() -> tuple[type[Exception], ...]:
    """Errors in what a study was asked for."""
    from simkit.study.compare import PairError
    from simkit.study.design import DesignError
    from simkit.study.quantity import RangeError
    from simkit.study.saved import SavedError

    return DesignError, PairError, RangeError, SavedError


def _no_cluster() -> tuple[type[Exception], ...]:
    from simkit.study.cluster import ClusterError

    return (ClusterError,)


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    return f"{text}: {error.filename}" if error.filename else text
