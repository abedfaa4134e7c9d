"""Serving the page: Voilà (or JupyterLab) on this machine, with the notebook made ready for a scenario."""

import contextlib
import importlib.util
import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from simkit.report.endings import ended_by
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
SETTINGS = {
    "Voila": {"tornado_settings": {"disable_check_xsrf": True, "ws_ping_timeout": 30_000}},
    "MappingKernelManager": {"cull_idle_timeout": 30, "cull_interval": 5},
}
"""A page that goes asks for the end of its kernel, with a token that Voilà never gave it: so none is asked for. Others'
pages can do nothing all the same: the request must come from this server's own page (`Origin`), and name the kernel by
its random number. Where no request comes, a kernel without a page ends after so many seconds."""
QUIET = (sys.executable, "-W", "ignore", "-m")
"""A server whose libraries' warnings nobody sees; its kernels do not take this over."""
ENDS = ("SIGTERM", "SIGHUP")
"""Signals that end the command as Ctrl-C does: `kill`, a container that stops, a terminal that is closed."""


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
    with ended_by(*ENDS), tempfile.TemporaryDirectory(prefix="simkit-explore-") as name:
        folder = Path(name)
        notebook = made_ready(file, folder / "explore.ipynb")
        put_template(folder / "jupyter")
        (folder / "voila.json").write_text(json.dumps(SETTINGS), encoding="utf-8")  # it looks where it is started
        token = secrets.token_urlsafe(24)
        command = lab_command(notebook, port, browser) if lab else voila_command(notebook, port, browser)
        env = environment(folder / "jupyter")
        if lab:
            env["JUPYTER_CONFIG_PATH"] = lab_settings(folder, token)
        running = subprocess.Popen(command, env=env, cwd=folder, stdin=subprocess.DEVNULL)
        try:
            if _listens(running, port):
                tell(f"Serving {file} at {address(port, token if lab else '')} until Ctrl-C.")
            return running.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            _end(running)


def address(port: int, token: str = "") -> str:
    """Where the page is: with a token it is JupyterLab's."""
    return f"http://{HOST}:{port}/" + (f"lab/tree/{NOTEBOOK.name}?token={token}" if token else "")


def _listens(running: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until a server listens; False: it has ended."""
    while running.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return True
        time.sleep(0.1)
    return False


def _end(running: "subprocess.Popen[bytes]") -> None:
    """End a server, and wait until it has ended its kernels; whoever is asked twice does not wait."""
    if running.poll() is None:
        running.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
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
    """Voilà: the notebook as a page, without its code; the rest is in `SETTINGS`."""
    return [
        *QUIET, "voila", str(notebook), f"--port={port}", f"--Voila.ip={HOST}", "--Voila.port_retries=0",
        "--strip_sources=True", "--template=simkit", "--show_tracebacks=True", "--Voila.log_level=ERROR",
        *([] if browser else ["--no-browser"]),
    ]  # fmt: skip


def lab_command(notebook: Path, port: int, browser: bool) -> list[str]:
    """JupyterLab with the notebook open. It refuses to serve root, who is all that there is in many containers."""
    return [
        *QUIET, "jupyterlab", str(notebook), f"--ServerApp.port={port}", f"--ServerApp.ip={HOST}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={notebook.parent}",
        *(["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []),
        *([] if browser else ["--no-browser"]),
    ]  # fmt: skip


def lab_settings(folder: Path, token: str) -> str:
    """Where JupyterLab finds its settings: a token that is known here, and no words but errors.

    The shim for notebooks of long ago is off, as it warns of itself at every start.
    """
    quiet = {"log_level": logging.ERROR}
    settings = {
        "ServerApp": {**quiet, "jpserver_extensions": {"notebook_shim": False}},
        "LabApp": quiet,
        "IdentityProvider": {"token": token},
    }
    (folder / "jupyter_server_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("JUPYTER_CONFIG_PATH", ""))))


def free_port(wanted: int = 0) -> int:
    """A port that nobody listens on: the wanted one, or any.

    Raises:
        OSError: somebody listens on it, or may not.
    """
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((HOST, wanted))
        return int(one.getsockname()[1])
