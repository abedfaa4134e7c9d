"""In a real browser: the explore page under Voilà, the first notebook in JupyterLab, reports and index offline."""

import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from servers import ROOT, answered, browsing, comes_true, kernels, needs_browser, served, wait_for

import simkit as sk
from simkit.cli import main
from simkit.report.explore.serve import free_port
from simkit.report.kernel import environment

pytestmark = [needs_browser, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SCENARIOS = ROOT / "scenarios"
SAME = """() => {
    const rows = [...document.querySelectorAll(".simkit-explore tr")]
    const cells = rows.find(one => one.innerText.startsWith("cost per month")).cells
    return cells[1].innerText === cells[3].innerText
}"""
"""Is the baseline what is shown now?"""
PHONE = {"width": 390, "height": 844}
WHOLE = """() => [...document.querySelectorAll(".wide")].filter(one => one.scrollWidth > one.clientWidth + 1)
    .map(one => one.innerText)"""
"""Tables that a wide window cuts."""
LAB = {
    "notebook-extension/tracker": '{"windowingMode": "none"}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
}
"""Settings of JupyterLab: cells out of sight are there, too, and nobody is asked for news."""


def test_explore_under_voila(tmp_path: Path) -> None:
    """Load, move a knob: figures and picture change; pin; save what was moved: the file parses."""
    file = tmp_path / "mine.yaml"
    file.write_text((SCENARIOS / "founder.yaml").read_text())
    port = free_port()
    command = ["-m", "simkit", "explore", str(file), "--port", str(port), "--no-browser"]
    with served(command, f"http://127.0.0.1:{port}/", tmp_path) as url, browsing() as watched:
        page = watched.page
        page.goto(url)
        page.locator("text=/^Refined: from/").wait_for()
        picture, table = page.locator(".simkit-explore img").first, page.locator(".simkit-explore table")
        before, figures = picture.get_attribute("src"), table.inner_text()
        assert "How long users wait" in picture.get_attribute("alt")
        assert "cost per action" in figures and "Will it hold?" in page.locator(".simkit-explore").inner_text()

        page.locator(".noUi-handle").first.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("old => document.querySelector('.simkit-explore img').src !== old", arg=before)
        page.wait_for_function("old => document.querySelector('.simkit-explore table').innerText !== old", arg=figures)
        page.wait_for_function(f"!({SAME})()")

        page.get_by_role("button", name="Pin as baseline").click()
        page.wait_for_function(SAME)

        page.get_by_role("button", name="Save as scenario").click()
        page.get_by_text("Saved: mine_explored.yaml").wait_for()
    saved = sk.load(tmp_path / "mine_explored.yaml")
    assert saved.name == "My product, explored"
    assert saved.document.traffic.users.daily_active > sk.load(file).document.traffic.users.daily_active
    assert "Traceback" not in (tmp_path / "server.txt").read_text()


def test_kernels_end_with_their_page_and_nothing_overflows(tmp_path: Path) -> None:
    """A page that is loaded anew or closed leaves no kernel; at the width of a telephone no picture is cut off."""
    port = free_port()
    command = ["-m", "simkit", "explore", str(SCENARIOS / "founder.yaml"), "--port", str(port), "--no-browser"]
    with served(command, f"http://127.0.0.1:{port}/", tmp_path) as url, browsing() as watched:
        page = watched.page
        page.goto(url)
        page.locator("text=/^Refined: from/").wait_for()
        first = kernels(os.getpid())
        page.reload()
        page.locator("text=/^Refined: from/").wait_for()
        assert len(first) == 1 and comes_true(lambda: len(kernels(os.getpid())) == 1)
        assert kernels(os.getpid()) != first
        page.set_viewport_size({"width": 390, "height": 900})
        beyond = "[...document.images].filter(one => one.getBoundingClientRect().right > window.innerWidth).length"
        assert page.evaluate("document.images.length") == 3 and page.evaluate(beyond) == 0
        page.close(run_before_unload=True)
        assert comes_true(lambda: not kernels(os.getpid()))
    assert "403" not in (tmp_path / "server.txt").read_text()


def test_a_command_that_is_told_to_end_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM: server, kernel, port and folder are gone, as with Ctrl-C."""
    port = free_port()
    command = ["-m", "simkit", "explore", str(SCENARIOS / "founder.yaml"), "--port", str(port), "--no-browser"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    with (tmp_path / "server.txt").open("w") as said:
        running = subprocess.Popen(
            [sys.executable, *command], env=env, cwd=ROOT, stdout=said, stderr=said, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/", running, tmp_path)
        asking = threading.Thread(target=_ask, args=(f"http://127.0.0.1:{port}/",), daemon=True)
        asking.start()
        assert comes_true(lambda: bool(kernels(running.pid)))
        (kernel,) = kernels(running.pid)
        assert list(tmp_path.glob("simkit-explore-*"))
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=60) == 0
        assert comes_true(lambda: not Path(f"/proc/{kernel}").exists(), 10)
        assert free_port(port) == port and not list(tmp_path.glob("simkit-explore-*"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)


def test_lab_says_one_address_that_opens(tmp_path: Path) -> None:
    """Also for root; nothing else is said."""
    port = free_port()
    command = ["-m", "simkit", "explore", str(SCENARIOS / "founder.yaml"), "--port", str(port), "--no-browser", "--lab"]
    with served(command, f"http://127.0.0.1:{port}/", tmp_path):
        assert comes_true(lambda: "Serving" in (tmp_path / "server.txt").read_text())
        said = (tmp_path / "server.txt").read_text()
        (url,) = (word for word in said.split() if word.startswith("http"))
        assert len(said.splitlines()) == 1 and "token=" in url, said
        assert "JupyterLab" in answered(url)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            answered(f"http://127.0.0.1:{port}/api/contents?token=another")


def _ask(url: str) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        urllib.request.urlopen(url).read()


def test_the_first_notebook_in_jupyterlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open, run all: the card and the pictures appear."""
    for folder in ("notebooks", "scenarios"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    notebook = tmp_path / "notebooks" / "01_first_run.ipynb"
    notebook.write_text(notebook.read_text().replace("fast: bool = False", "fast: bool = True"))
    port = free_port()
    for name, value in environment(tmp_path / "jupyter").items():
        monkeypatch.setenv(name, value)
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR", "JUPYTERLAB_SETTINGS_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    settings = tmp_path / "jupyterlab_settings_dir" / "@jupyterlab"
    for name, text in LAB.items():
        (settings / name).parent.mkdir(parents=True, exist_ok=True)
        (settings / f"{name}.jupyterlab-settings").write_text(text)
    command = ["-m", "jupyterlab", f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--no-browser"]
    command += [f"--ServerApp.root_dir={tmp_path}", "--IdentityProvider.token=", "--allow-root"]
    url = f"http://127.0.0.1:{port}/lab/tree/notebooks/01_first_run.ipynb"
    with served(command, url, tmp_path), browsing() as watched:
        page = watched.page
        page.goto(url)
        page.locator(".jp-NotebookPanel .jp-Notebook").wait_for()
        page.locator("text=/Python 3.* Idle/").first.wait_for()  # before its kernel is there it asks which to take
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        card = page.locator(".simkit-card").first
        card.wait_for()
        assert "Will it hold?" in card.inner_text()
        picture = page.locator(".jp-OutputArea-output img").first
        picture.wait_for()
        assert picture.get_attribute("src").startswith("data:image/png")


def test_reports_and_their_index_open_offline(tmp_path: Path) -> None:
    """With networking off and no error: the index, along its link, to a document with its pictures; it prints.

    On a telephone neither scrolls sideways; pictures do within themselves, at a width at which they can be read.
    """
    assert main(["report", str(SCENARIOS / "small_server.yaml"), "--out", str(tmp_path), "-p", "fast=true"]) == 0
    with browsing(offline=True) as watched:
        page = watched.page
        fits = "document.documentElement.scrollWidth <= window.innerWidth"
        page.goto(f"file://{urllib.parse.quote(str(tmp_path / 'index.html'))}")
        page.set_viewport_size(PHONE)
        assert page.evaluate(fits) and "fast" in page.locator("tbody").inner_text()
        page.get_by_role("link", name="report").click()
        page.get_by_role("heading", level=1).wait_for()
        assert page.url.endswith("/report.html") and "small_server" in page.url
        broken = "[...document.images].filter(one => !one.complete || !one.naturalWidth || !one.alt).length"
        assert page.evaluate("document.images.length") >= 5 and page.evaluate(broken) == 0
        assert page.evaluate(fits)
        assert page.evaluate("Math.min(...[...document.images].map(one => one.clientWidth))") >= 500
        page.set_viewport_size({"width": 1280, "height": 1000})
        assert page.evaluate(fits) and page.evaluate(WHOLE) == []
        assert len(page.pdf()) > 100_000
