"""What was moved, as a scenario file over the one that it was moved in."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simkit.report.folder import write
from simkit.scenario.paths import find, resolve
from simkit.scenario.scenario import Document
from simkit.scenario.tree import plain

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario


class SaveError(ValueError):
    """A name that cannot be saved under."""


def overlay_text(scenario: "Scenario", settings: Mapping[str, Any], name: str, extends: str) -> str:
    """The YAML of a file that extends another and has other values at some paths.

    Lists replace in an overlay: where a path leads into one, the whole list is written.
    """
    from ruamel.yaml import YAML

    tree = scenario.set({"knobs": None, **settings}).tree
    document: dict[str, Any] = {"name": name, "extends": extends}
    for path in settings:
        steps = resolve(path, tree, Document)
        depth = next((place for place, step in enumerate(steps) if isinstance(step, int)), len(steps))
        node = find(tree, steps[:depth])
        if node is not None:
            _put(document, [str(step) for step in steps[:depth]], plain(node))
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 110
    yaml.dump(document, out)
    return f"# Saved from the explore page.\n{out.getvalue()}"


def _put(document: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        document = document.setdefault(step, {})
    document[steps[-1]] = value


def save_overlay(scenario: "Scenario", settings: Mapping[str, Any], title: str, file: str) -> Path:
    """Write the overlay beside the scenario's file, and load it to see that it is right.

    Raises:
        SaveError: the title is empty, the file's name leads elsewhere or is taken, or nothing was moved.
        OSError: it cannot be written.
    """
    from simkit.scenario.load import load

    wanted = file.strip().removesuffix(".yaml").removesuffix(".yml")
    if not wanted or wanted != Path(wanted).name or wanted.startswith(".") or "\0" in wanted or "\\" in wanted:
        raise SaveError("Give the file a plain name, without folders.")
    if not title.strip():
        raise SaveError("Give the scenario a title.")
    if not settings:
        raise SaveError("No knob was moved: there is nothing to save.")
    path = scenario.path.absolute().with_name(f"{wanted}.yaml")
    if path.exists():
        raise SaveError(f"{path.name} is there already: choose another name.")
    write(path, overlay_text(scenario, settings, title.strip(), scenario.path.name))
    load(path)
    return path
