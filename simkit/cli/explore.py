"""`simkit explore`: the page where a founder moves a few numbers and sees what happens."""

from pathlib import Path

import click

from simkit.cli.console import BadInput, Exit, complain


@click.command(short_help="A page of sliders in the browser: what becomes of waiting, promises and the bill.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Where it is served.  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Open no browser; the address is printed.")
@click.option("--lab", is_flag=True, help="In JupyterLab, with the code, instead of Voilà.")
def explore(file: Path, port: int | None, no_browser: bool, lab: bool) -> int:
    """Open a page of sliders for the scenario in FILE, until Ctrl-C.

    The sliders are the scenario's `knobs`, or the usual suspects: load, routing mix, cache, price, outage, retries. The
    page is served to this machine only. It needs the extra `app`: pip install 'simkit-llm[app]'.

    \b
    Examples:
      simkit explore scenarios/support_chat.yaml
      simkit explore my.yaml --port 8899 --no-browser
      simkit explore my.yaml --lab
    """
    from simkit.report.explore.serve import NotInstalledError, free_port, serve
    from simkit.scenario.knobs import knob_findings
    from simkit.scenario.load import load

    for one in knob_findings(load(file)):
        complain(f"{one.path}: {one.message}")
    try:
        place = free_port(port or 0)
    except OSError as error:
        raise BadInput(f"--port {port}: {error.strerror or error}. Name another, or none.") from None
    try:
        code = serve(file, place, not no_browser, lab, complain)
    except NotInstalledError as error:
        raise BadInput(str(error)) from None
    return Exit.WELL if code == 0 else Exit.UNFINISHED
