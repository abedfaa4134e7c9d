"""In a real browser: the explore page under Voilà, the first notebook in JupyterLab, reports and index offline."""

import shutil
import urllib.parse
from pathlib import Path

import pytest
from servers import ROOT, browsing, needs_browser, served

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
        picture, table = page.locator(".simkit-explore img"), page.locator(".simkit-explore table")
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
