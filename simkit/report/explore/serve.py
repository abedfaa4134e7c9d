"""Serving the page: Voilà (or JupyterLab) on this machine, with the notebook made ready for a scenario."""

import contextlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from simkit.report.explore.page import INSTALL
from simkit.report.kernel import environment
from simkit.report.reports import TEMPLATES

NOTEBOOK = TEMPLATES / "explore.ipynb"
HOST = "127.0.0.1"
TEMPLATE = """\
{%- extends 'voila/templates/lab/index.html.j2' -%}
{%- block notebook_css -%}
{{ super() | replace("https://cdn.jsdelivr.net/npm/@fortawesome/fontawesome-free@^5/css/", "data:text/css,/*") }}
{%- endblock notebook_css -%}
"""
"""Voilà's page, which asks nobody for fonts of icons: there are none on it."""


class NotInstalledError(RuntimeError):
    """A server is not installed; the message is how it will be."""


def serve(file: Path, port: int, browser: bool, lab: bool, tell: Callable[[str], object]) -> int:
    """Serve the explore page of a scenario until the server ends, and return its exit code.

    Raises:
        NotInstalledError: Voilà, or ipywidgets, is not there.
        OSError: the notebook cannot be made ready.
    """
    server = "jupyterlab" if lab else "voila"
    missing = [name for name in (server, "ipywidgets") if importlib.util.find_spec(name) is None]
    if missing:
        raise NotInstalledError(f"The explore page needs {' and '.join(missing)}. Install it with\n  {INSTALL}")
    with tempfile.TemporaryDirectory(prefix="simkit-explore-") as name:
        folder = Path(name)
        notebook = made_ready(file, folder / "explore.ipynb")
        command = lab_command(notebook, port, browser) if lab else voila_command(notebook, port, browser)
        tell(f"Serving {file} at http://{HOST}:{port}/ until Ctrl-C.")
        put_template(folder / "jupyter")
        running = subprocess.Popen(command, env=environment(folder / "jupyter"), cwd=folder, stdin=subprocess.DEVNULL)
        try:
            return running.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(running)


def _end(running: "subprocess.Popen[bytes]") -> None:
    """End a server, and wait until it has ended its kernels."""
    if running.poll() is None:
        running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(timeout=15)
            return
        running.kill()


def made_ready(file: Path, to: Path) -> Path:
    """The explore notebook with a scenario's file as its parameter; nothing is run."""
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = next(i for i, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", []))
    given = nbformat.v4.new_code_cell(f"scenario = {str(file.absolute())!r}")
    notebook.cells.insert(place + 1, given)
    nbformat.write(notebook, to)
    return to


def put_template(data: Path) -> None:
    """Put Voilà's template where a server with this data folder finds it."""
    template = data / "voila" / "templates" / "simkit"
    template.mkdir(parents=True)
    (template / "conf.json").write_text('{"base_template": "lab"}', encoding="utf-8")
    (template / "index.html.j2").write_text(TEMPLATE, encoding="utf-8")


def voila_command(notebook: Path, port: int, browser: bool) -> list[str]:
    """Voilà: the notebook as a page, without its code."""
    return [
        sys.executable, "-m", "voila", str(notebook), f"--port={port}", f"--Voila.ip={HOST}", "--strip_sources=True",
        "--template=simkit", "--show_tracebacks=True", "--Voila.log_level=ERROR",
        *([] if browser else ["--no-browser"]),
    ]  # fmt: skip


def lab_command(notebook: Path, port: int, browser: bool) -> list[str]:
    """JupyterLab with the notebook open."""
    return [
        sys.executable, "-m", "jupyterlab", str(notebook), f"--ServerApp.port={port}", f"--ServerApp.ip={HOST}",
        f"--ServerApp.root_dir={notebook.parent}", "--ServerApp.log_level=ERROR",
        *([] if browser else ["--no-browser"]),
    ]  # fmt: skip


def free_port(wanted: int = 0) -> int:
    """A port that nobody listens on: the wanted one, or any.

    Raises:
        OSError: somebody listens on it, or may not.
    """
    import socket

    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((HOST, wanted))
        return int(one.getsockname()[1])
