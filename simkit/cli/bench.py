"""`simkit bench`: how fast simkit runs here."""

import click

from simkit.cli.console import BadInput, Exit, complain, say


@click.command(short_help="How fast both engines run on this machine.")
@click.option("--long", is_flag=True, help="Also a run of 10^8 actions; takes minutes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output, nothing else.")
def bench(long: bool, as_json: bool) -> int:
    """Measure both engines on the same scenarios, growth to 10^7 actions, threads, compilation and loading.

    It takes about a minute. Let nothing else run meanwhile: the load average at the start is part of the answer.

    \b
    Examples:
      simkit bench
      simkit bench --long
      simkit bench --json | jq .scenarios.azure_chat.ratio
    """
    check_compiler()
    from simkit.study.bench import LONG, USUAL
    from simkit.study.bench import bench as measure
    from simkit.study.bench_text import text
    from simkit.study.fresh import FreshError

    try:
        found = measure(LONG if long else USUAL, tell=complain)
    except FreshError as error:
        complain(f"Could not finish: {error}.")
        return Exit.UNFINISHED
    say(found.to_json() if as_json else text(found))
    return Exit.WELL


def check_compiler() -> None:
    """Without the compiler the compiled engine is slower than the other, and takes hours.

    Raises:
        BadInput: it is turned off.
    """
    from numba import config

    if config.DISABLE_JIT:
        raise BadInput("NUMBA_DISABLE_JIT is set: there is no compiled engine to measure. Unset it.")
