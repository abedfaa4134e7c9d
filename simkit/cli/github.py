"""Annotations of GitHub's workflows: a line of output that shows up beside the line of the file it is about."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simkit.study.gate import Item

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

LEVELS = {"fail": "error", "undecided": "error", "warn": "warning"}


def wanted() -> bool:
    """Does this run in a workflow of GitHub?"""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotations(file: str, scenario: "Scenario", items: list[Item], allow_undecided: bool) -> Iterator[str]:
    """A line for everything that is not well."""
    for item in items:
        if item.outcome == "pass":
            continue
        level = "warning" if allow_undecided and item.outcome == "undecided" else LEVELS[item.outcome]
        place = f"file={_property(file)},line={line_of(file, scenario, item.path)}"
        title = _property(f"simkit {item.outcome}: {item.name}")
        yield f"::{level} {place},title={title}::{_data(item.detail or item.name)}"


def line_of(file: str, scenario: "Scenario", path: str) -> int:
    """The line of a field in its file; 1 where it does not stand there."""
    from simkit.scenario.errors import Invalid
    from simkit.scenario.paths import find, resolve
    from simkit.scenario.scenario import Document

    try:
        node = find(scenario.tree, resolve(path, scenario.tree, Document)) if path else None
    except Invalid:
        return 1
    return node.place.line if node is not None and node.place.file == file and node.place.line else 1


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
