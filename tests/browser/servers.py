"""Servers on free loopback ports, and a browser that fails the test when a page has an error or asks somebody else."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run",
    "--disable-component-update",
]  # fmt: skip
PATIENCE_MS = 90_000
"""The machine may be busy with other tests."""


@contextlib.contextmanager
def served(command: list[str], url: str, folder: Path) -> Iterator[str]:
    """A server that is up; it is ended as by Ctrl-C."""
    with (folder / "server.txt").open("w") as said:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        running = subprocess.Popen(
            [sys.executable, *command], env=env, cwd=folder, stdout=said, stderr=said, start_new_session=True
        )
        try:
            wait_for(url, running, folder)
            yield url
            os.kill(running.pid, signal.SIGINT)
            running.wait(timeout=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def wait_for(url: str, running: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Wait until a server listens (the answer may take long: it is the page itself)."""
    import socket

    host, _, port = url.split("/")[2].partition(":")
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        assert running.poll() is None, (folder / "server.txt").read_text()
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError((folder / "server.txt").read_text())


class Watched:
    """A page of the browser, and what went wrong on it."""

    def __init__(self, page: Any, own: tuple[str, ...]) -> None:
        self.page, self.errors, self.strangers = page, [], []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith(own) else self.strangers.append(asked.url))

    def check(self) -> None:
        """Fail where something went wrong."""
        assert not self.errors, self.errors
        assert not self.strangers, self.strangers


@contextlib.contextmanager
def browsing(offline: bool = False) -> Iterator[Watched]:
    """A new page of Debian's chromium; it is checked at the end."""
    from playwright.sync_api import sync_playwright

    own = ("data:", "blob:", "file:") if offline else ("data:", "blob:", "http://127.0.0.1", "ws://127.0.0.1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_context(offline=offline, viewport={"width": 1280, "height": 1000}).new_page()
        watched = Watched(page, own)
        yield watched
        browser.close()
        watched.check()


def kernels(above: int) -> list[int]:
    """Processes of kernels that a process, or one that it started, has started."""
    said = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [
        (int(pid), int(parent), words) for pid, parent, words in (line.split(None, 2) for line in said.splitlines())
    ]
    family = {above}
    while more := {pid for pid, parent, _ in rows if parent in family} - family:
        family |= more
    return [pid for pid, _, words in rows if pid in family and "ipykernel" in words]


def comes_true(happens: Callable[[], bool], within_s: float = 60) -> bool:
    """Wait for something; False: it did not happen."""
    deadline = time.monotonic() + within_s
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.2)
    return happens()


needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")


def answered(url: str) -> str:
    """What a server says."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.read().decode())
