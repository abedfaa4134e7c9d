"""Imports run one way through the house: each room knows only the rooms to its left."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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
DOORS = {
    ("scenario/load.py", "simkit.study.run"): "Scenario.run()",
    ("scenario/load.py", "simkit.result.result"): "the type of what Scenario.run() returns",
    ("result/plots.py", "simkit.report"): "Result.plot() and its tables' plot()",
    ("result/export.py", "simkit"): "the version that the manifest names",
    ("study/compare.py", "simkit.report"): "Comparison.plot()",
    ("scenario/load.py", "simkit.study.levers"): "Scenario.levers()",
    ("study/levers.py", "simkit.report"): "Levers.plot()",
    ("study/sweep.py", "simkit.report"): "Sweep.plot()",
    ("study/warmup.py", "simkit.report"): "Warmup.plot()",
    ("study/breaking.py", "simkit.report"): "BreakingPoint.plot()",
    ("study/fitting.py", "simkit.report"): "TrafficFit.plot()",
}
"""The verbs of public objects lead to the right. Such an import stands inside the method, or is for types only."""
ENGINES = ("reference", "compiled")


class Import(NamedTuple):
    """An import of simkit."""

    line: int
    name: str
    late: bool
    """Inside a function, or for types only."""


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)


def names(node: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Dotted names of what a statement or a call of `import_module` imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        origin = node.module or ""
        if node.level:
            origin = ".".join((*package[: len(package) - node.level + 1], *filter(None, [origin])))
        yield from (f"{origin}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Call) and "import_module" in ast.dump(node.func) and node.args:
        first = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
        if isinstance(first, ast.Constant):
            yield str(first.value).rstrip(".")


def imported(node: ast.AST, package: tuple[str, ...], late: bool = False) -> Iterator[Import]:
    """Every import of simkit, wherever it stands."""
    line = getattr(node, "lineno", 0)
    yield from (Import(line, name, late) for name in names(node, package) if name.split(".")[0] == "simkit")
    for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    inside = late or for_types or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    for child in ast.iter_child_nodes(node):
        yield from imported(child, package, inside)


def imports_of(path: Path) -> Iterator[Import]:
    package = ("simkit", *path.relative_to(ROOT).parent.parts)
    return imported(ast.parse(path.read_text(encoding="utf-8")), package)


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def leads(door: str, name: str) -> bool:
    """Does a door lead to a name: the module itself or what is in it (through `simkit`, to itself only)?"""
    return name == door or (door != "simkit" and name.startswith(f"{door}."))


def strays(one: Import, path: Path) -> bool:
    if one.name.split(".")[1:2] and one.name.split(".")[1] in KNOWS[room(path)]:
        return False
    doors = [name for file, name in DOORS if file == path.relative_to(ROOT).as_posix()]
    return not (one.late and any(leads(door, one.name) for door in doors))


def test_the_rooms_are_those_of_the_design() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize("name", KNOWS)
def test_a_room_knows_only_what_is_to_its_left(name: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT.parent)}:{one.line} imports {one.name}"
        for path in modules()
        if room(path) == name
        for one in imports_of(path)
        if strays(one, path)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("file", "name"), DOORS)
def test_every_door_is_used(file: str, name: str) -> None:
    assert any(leads(name, one.name) for one in imports_of(ROOT / file))


@pytest.mark.parametrize(("one", "other"), [ENGINES, ENGINES[::-1]])
def test_the_engines_never_import_each_other(one: str, other: str) -> None:
    wrong = [
        f"{path.name}:{found.line}"
        for path in modules()
        if path.relative_to(ROOT).parts[:2] in {("engine", one), ("engine", f"{one}.py")}
        for found in imports_of(path)
        if f"engine.{other}" in found.name
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import simkit.engine.log", ("simkit.engine.log", False)),
        ("def f():\n    from simkit.engine import log", ("simkit.engine.log", True)),
        ("if TYPE_CHECKING:\n    from simkit.engine import log", ("simkit.engine.log", True)),
        ("from ..engine import log", ("simkit.engine.log", False)),
        ("from .units import Share", ("simkit.scenario.units.Share", False)),
        ("def f(x):\n    import_module(f'simkit.report.{x}')", ("simkit.report", True)),
        ("import numpy", None),
    ],
)
def test_every_way_of_importing_is_seen(source: str, expected: tuple[str, bool] | None) -> None:
    found = [(one.name, one.late) for one in imported(ast.parse(source), ("simkit", "scenario"))]
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("file", "one", "stray"),
    [
        ("scenario/units.py", Import(3, "simkit.engine.log", False), True),
        ("scenario/units.py", Import(3, "simkit.scenario.base.Part", False), False),
        ("scenario/load.py", Import(3, "simkit.study.run.run", True), False),
        ("scenario/load.py", Import(3, "simkit.study.run.run", False), True),
        ("scenario/load.py", Import(3, "simkit.study.runner.x", True), True),
        ("scenario/load.py", Import(3, "simkit.engine.log", True), True),
        ("result/result.py", Import(3, "simkit.report.style", True), True),
        ("result/export.py", Import(3, "simkit", True), False),
    ],
)
def test_a_stray_import_is_found(file: str, one: Import, stray: bool) -> None:
    assert strays(one, ROOT / file) == stray
