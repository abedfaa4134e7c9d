"""What is wrong with a scenario, on one page: every problem with its place, what is allowed, and what to do."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LISTED = 40
"""At most this many allowed names are listed."""


class Invalid(ValueError):  # noqa: N818
    """A value that cannot be used: what is wrong, what is allowed, what to write instead."""

    def __init__(self, message: str, allowed: str = "", hint: str = ""):
        super().__init__(message)
        self.message = message
        self.allowed = allowed
        self.hint = hint


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where, and how to repair it."""

    file: str
    """As the user named it; or `--set`, `set()`."""
    line: int
    """From 1; 0: the file as a whole, or no file."""
    path: str
    """Dotted path of the field as it was written; empty: the file as a whole."""
    value: str
    """The value as text, shortened; empty: none to show."""
    message: str
    """What is wrong, a sentence."""
    allowed: str = ""
    """What is allowed."""
    hint: str = ""
    """What to do."""

    def text(self) -> str:
        """The problem as an indented paragraph."""
        head = f"{self.file}:{self.line}" if self.line else self.file
        path = shown(self.path, 100)
        field = f"{path}: {self.value}" if path and self.value else path or self.value
        lines = [f"{head}: {field}" if field else head, f"    {self.message}"]
        lines += [f"    Allowed: {self.allowed}"] if self.allowed else []
        lines += [f"    {self.hint}"] if self.hint else []
        return "\n".join(lines)


class ScenarioError(Exception):
    """A scenario that cannot be used, with all its problems; `str()` is the page that the user reads."""

    def __init__(self, problems: Iterable[Problem]):
        unique = dict.fromkeys(problems)
        self.problems = sorted(unique, key=lambda p: (not p.line, p.file, p.line))
        super().__init__(self.page())

    def page(self) -> str:
        """The page: a heading, then a paragraph for each problem."""
        count = len(self.problems)
        heading = "1 problem in the scenario" if count == 1 else f"{count} problems in the scenario"
        return "\n\n".join([f"{heading}; nothing was run.", *(problem.text() for problem in self.problems)])


def nearest(name: str, names: Iterable[str], likeness: float = 0.6) -> str:
    """The hint that names what was probably meant, or nothing."""
    known = {known.lower(): known for known in names}
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=likeness)
    return f"Did you mean `{known[found[0]]}`?" if found else ""


def listing(names: Sequence[str], near: str = "") -> str:
    """The allowed names, shortened to those nearest to `near` where there are many."""
    if len(names) <= LISTED:
        return ", ".join(names) if names else "none are defined"
    close = difflib.get_close_matches(near, names, n=LISTED // 2, cutoff=0.0)
    return ", ".join(sorted(close, key=list(names).index)) + f", ... ({len(names)} in all)"


def shown(value: object, most: int = 60) -> str:
    """A value as a short text on one line."""
    text = "" if value is None else " ".join(str(value).splitlines())
    return text if len(text) <= most else text[: most - 3] + "..."


__all__ = ["Invalid", "Problem", "ScenarioError", "listing", "nearest", "shown"]
