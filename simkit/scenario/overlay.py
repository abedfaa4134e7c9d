"""Layers of a scenario: what a file `extends`, how one layer lies over another, and single overrides.

Maps merge; lists, distributions and single values are replaced; `null` removes; setting one member of a
choice (rate | users | trace) removes the others.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from simkit.scenario.base import is_scalar
from simkit.scenario.errors import Invalid, Problem, ScenarioError, listing, nearest
from simkit.scenario.paths import Steps, resolve
from simkit.scenario.schema import Shape, child, expand, is_whole, lengthened, part_of
from simkit.scenario.tree import Node, Origin, Place, planted
from simkit.scenario.yaml import parse, read
from simkit.scenario.yaml import resolve as resolve_scalar

BASES = "simkit:"
"""Prefix of the bases that come with the package."""
LONGEST_CHAIN = 20
"""Most files that may extend one another."""


def merge(under: Node | None, over: Node, shape: Shape) -> Node:
    """One layer over another (which is in full form already); the result is in full form."""
    over = over if is_scalar(over) else lengthened(over, shape)
    if not isinstance(over.value, dict):
        return expand(over, shape)
    entries = dict(under.map) if under and not is_whole(shape) else {}
    part = part_of(shape, over)
    for key, node in over.map.items():
        for group in part.choices if part and not is_whole(shape) else ():
            if key in group and node.value is not None:
                entries = {other: one for other, one in entries.items() if other not in group - {key} - over.map.keys()}
        if node.value is None:
            entries.pop(key, None)
        else:
            entries[key] = merge(entries.get(key), node, child(shape, key, over))
    return replace(over, value=entries)


def put(node: Node | None, shape: Shape, steps: Steps, value: Node) -> Node:
    """The tree with a value at the end of the steps."""
    if not steps:
        return merge(node, value, shape)
    step, rest = steps[0], steps[1:]
    if node is None:
        above = value.place.path.rpartition(".")[0] if len(steps) == 1 else value.place.path
        node = Node({}, replace(value.place, path=above))
    if isinstance(step, int):
        items = list(node.items)
        removed = not rest and value.value is None
        items[step : step + 1] = [] if removed else [put(items[step], child(shape, step, node), rest, value)]
        return replace(node, value=items)
    part = part_of(shape, node)
    if part is not None and step in part.shorts:
        return merge(node, Node({step: value}, value.place), shape)
    groups = part.choices if part else ()
    removed_keys = frozenset[str]().union(*(group - {step} for group in groups if step in group))
    entries = {key: one for key, one in node.map.items() if value.value is None or key not in removed_keys}
    if not rest and value.value is None:
        entries.pop(step, None)
    else:
        entries[step] = put(entries.get(step), child(shape, step, node), rest, value)
    return lengthened(replace(node, value=entries), shape)


def override(tree: Node, shape: Shape, path: str, value: Node) -> Node:
    """The tree with the value at a path, short forms expanded. Raises `Invalid` for a path that leads nowhere."""
    return put(tree, shape, resolve(path, tree, shape, new=True), value)


def set_text(text: str) -> tuple[str, Node]:
    """Path and value of a `--set PATH=VALUE`, the value read as YAML. Raises `ScenarioError`."""
    path, equals, value = text.partition("=")
    path = path.strip()
    place = Place("--set", 0, 0, path, "set")
    if not equals or not path or not value.strip():
        raise ScenarioError(
            [Problem("--set", 0, "", text, "This is not understood.", "PATH=VALUE, e.g. traffic.rate=4/s")]
        )
    node = parse(value.strip(), place) or Node(None, place)
    is_comment = node.value is None and resolve_scalar(value.strip()) is not None
    return path, Node(value.strip(), place) if is_comment else node


def set_values(values: Mapping[str, Any]) -> list[tuple[str, Node]]:
    """Paths and values of a Python `set({path: value})`."""
    return [(path, planted(value, Place("set()", 0, 0, path, "set"))) for path, value in values.items()]


@lru_cache(maxsize=8)
def base(name: str, origin: Origin = "base") -> Node:
    """A base of the package by the name after `simkit:`."""
    with_path = files("simkit.scenario") / "bases" / f"{name}.yaml"
    return read(Path(str(with_path)), BASES + name, origin)


def base_names() -> list[str]:
    """Names of the bases of the package."""
    folder = files("simkit.scenario") / "bases"
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name != "tiers.yaml")


def layers(path: Path, shown: str) -> list[Node]:
    """The file and all that it extends, the lowest first, as they are written.

    Raises:
        ScenarioError: a file cannot be read, or they extend one another in a circle.
    """
    found: list[Node] = []
    seen: list[str] = []
    tree, here, folder = read(path, shown), str(path.resolve()), path.parent
    while True:
        above = tree.map.get("extends")
        found.append(replace(tree, value={key: one for key, one in tree.map.items() if key != "extends"}))
        seen.append(here)
        if above is None or above.value is None:
            return found[::-1]
        tree, here, folder = _extended(above, folder)
        if here in seen:
            names = " -> ".join(Path(one).name for one in [*seen, here])
            message = f"The files extend one another in a circle: {names}."
            raise ScenarioError([above.place.problem(message, above.value, hint="Remove one `extends`.")])
        if len(seen) >= LONGEST_CHAIN:
            message = f"More than {LONGEST_CHAIN} files extend one another."
            raise ScenarioError([above.place.problem(message, above.value)])


def _extended(above: Node, folder: Path) -> tuple[Node, str, Path]:
    """The tree that an `extends` names, its identity, and its folder."""
    place, name = above.place, above.value
    if not isinstance(name, str):
        raise ScenarioError(
            [place.problem("One file or base belongs here.", above.text(), "a file beside this one, or simkit:NAME")]
        )
    if name.startswith(BASES):
        known = base_names()
        if name.removeprefix(BASES) not in known:
            listed = [BASES + one for one in known]
            raise ScenarioError(
                [place.problem("There is no such base.", name, listing(listed, name), nearest(name, listed))]
            )
        return base(name.removeprefix(BASES)), name, folder
    path = folder / name
    if not path.is_file():
        siblings = [one.name for one in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        hint = nearest(path.name, siblings, 0.8) or "The path starts from the folder of this file."
        raise ScenarioError([place.problem("There is no such file to extend.", name, hint=hint)])
    return read(path, str(Path(place.file).parent / name)), str(path.resolve()), path.parent


__all__ = ["BASES", "Invalid", "base", "base_names", "layers", "merge", "override", "put", "set_text", "set_values"]
