"""How far a run is: a plain bar on standard error, or whatever the caller does with a fraction."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[float], None]
"""Called with the fraction of the work that is done, in [0, 1], never falling; 1 once at the end."""


class Halted(BaseException):
    """Raised where progress is told, to stop the work."""


class Bar:
    """A plain bar, redrawn in place at most ten times a second; nothing where nobody watches."""

    def __init__(self, text: str = "simulating", stream: TextIO | None = None, width: int = 30) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._text, self._width = text, width
        self._begun = self._drawn = time.monotonic()
        self._shown = False

    def __call__(self, done: float) -> None:
        """Show that the fraction `done` of the work is done; at 1 the bar is wiped away."""
        now = time.monotonic()
        if done >= 1:
            self.clear()
        elif now - self._drawn >= 0.1:
            self._drawn, self._shown = now, True
            full = round(done * self._width)
            left = f", {(now - self._begun) * (1 - done) / done:.0f} s left" if done > 0.02 else ""
            self._write(f"\r{self._text} [{'#' * full}{'.' * (self._width - full)}] {100 * done:3.0f} %{left}  ")

    def clear(self) -> None:
        """Wipe the bar away."""
        if self._shown:
            self._write("\r" + " " * (self._width + len(self._text) + 30) + "\r")
            self._shown = False

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def silent(_done: float) -> None:
    """Show nothing."""


def watched() -> bool:
    """Is anybody there to see a bar: a terminal, or a notebook's kernel."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def progress_of(progress: bool | Progress) -> Progress:
    """The callback that `run(progress=...)` stands for."""
    if callable(progress):
        return progress
    return Bar() if progress and watched() else silent
