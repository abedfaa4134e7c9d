"""Imports run one way through the house: each room knows only the rooms to its left."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "simkit"
ROOMS = ("scenario", "plan", "laws", "engine", "result", "study", "report", "cli")
KNOWS = {
    "laws": {"laws"},
    "scenario": {"scenario"},
    "plan": {"scenario", "plan", "laws"},
    "engine": {"plan", "laws", "engine"},
    "result": {"scenario", "plan", "laws", "engine", "result"},
    "study": {"scenario", "plan", "laws", "engine", "result", "study"},
    "report": {"scenario", "plan", "laws", "engine", "result", "study", "report"},
    "theory": {"theory"},
}
"""What a room may import; `cli` and the modules at the top may import everything."""
ENGINES = ("reference", "compiled")


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import of simkit, wherever it stands (in functions too)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "simkit")
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                origin = ".".join((*package[: len(package) - node.level + 1], *filter(None, [origin])))
            if origin.split(".")[0] == "simkit":
                yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    package = ("simkit", *path.relative_to(ROOT).parent.parts)
    return imported(ast.parse(path.read_text(encoding="utf-8")), package)


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def strays(name: str, known: set[str], line: int, path: Path) -> str | None:
    parts = name.split(".")
    target = parts[1] if len(parts) > 1 else ""
    if target in known:
        return None
    return f"{path.relative_to(ROOT.parent)}:{line} imports {name}"


def test_the_rooms_are_those_of_the_design() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == set(ROOMS)


@pytest.mark.parametrize("name", KNOWS)
def test_a_room_knows_only_what_is_to_its_left(name: str) -> None:
    wrong = [
        stray
        for path in modules()
        if room(path) == name
        for line, target in imports_of(path)
        if (stray := strays(target, KNOWS[name], line, path))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("one", "other"), [ENGINES, ENGINES[::-1]])
def test_the_engines_never_import_each_other(one: str, other: str) -> None:
    wrong = [
        f"{path.name}:{line}"
        for path in modules()
        if path.relative_to(ROOT).parts[:2] in {("engine", one), ("engine", f"{one}.py")}
        for line, target in imports_of(path)
        if f"engine.{other}" in target
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import simkit.engine.log", "simkit.engine.log"),
        ("def f():\n    from simkit.engine import log", "simkit.engine.log"),
        ("from ..engine import log", "simkit.engine.log"),
        ("from .units import Share", "simkit.scenario.units.Share"),
        ("import numpy", None),
    ],
)
def test_every_way_of_importing_is_seen(source: str, expected: str | None) -> None:
    names = [name for _, name in imported(ast.parse(source), ("simkit", "scenario"))]
    assert names == ([expected] if expected else [])


def test_a_stray_import_is_found() -> None:
    path = ROOT / "scenario" / "units.py"
    assert strays("simkit.engine.log", KNOWS["scenario"], 3, path) == "simkit/scenario/units.py:3 imports simkit.engine.log"
    assert strays("simkit.scenario.base.Part", KNOWS["scenario"], 3, path) is None
