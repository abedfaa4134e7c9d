"""A mechanism is done when it has a clockwork case, a witness, help, a metric, a picture and a sentence (law 3).

`mechanisms.py` is that table; every leaf of the schema belongs to one mechanism, or is `NOT_SIMULATED`. A blank fails.
"""

import ast
import json
import types
from collections.abc import Iterable, Iterator
from dataclasses import astuple, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from mechanisms import MECHANISMS, NOT_SIMULATED, Mechanism

from simkit.result.metrics import METRICS
from simkit.result.plots import PICTURES
from simkit.scenario.actions import Call
from simkit.scenario.base import Part
from simkit.scenario.distribution import Dist, DurationDist, NumberDist, TokenDist
from simkit.scenario.helptext import helps
from simkit.scenario.models import Outage
from simkit.scenario.resilience import Layer
from simkit.scenario.scenario import Document

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


SHARED: dict[type[Part], str] = {Call: "call", Dist: "distribution", Outage: "outage", Layer: "layer"}
"""Parts that stand at many places of the schema: a leaf there, and a root of their own."""
ROOTS: dict[type[Part], str] = {
    Document: "", Call: "call.", Outage: "outage.", Layer: "layer.",
    DurationDist: "distribution.", TokenDist: "distribution.", NumberDist: "distribution.",
}  # fmt: skip


def leaves_of(annotation: Any, path: str) -> Iterator[str]:
    """Paths of the values that a type allows at `path`; `*` stands for a name or a place in a list."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from leaves_of(get_args(annotation)[0], path)
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from leaves_of(one, path)
    elif origin in (dict, list):
        yield from leaves_of(get_args(annotation)[-1], f"{path}.*")
    elif isinstance(annotation, type) and issubclass(annotation, Part) and not issubclass(annotation, tuple(SHARED)):
        yield from leaves_below(annotation, f"{path}.")
    elif annotation is not type(None):
        yield path


def leaves_below(part: type[Part], before: str) -> Iterator[str]:
    for name, field in part.model_fields.items():
        yield from leaves_of(field.annotation, f"{before}{field.alias or name}")


def leaves() -> list[str]:
    """Every leaf of the schema, e.g. `models.*.quality.*`, `call.work`, `distribution.gamma.cv`."""
    return sorted({leaf for part, before in ROOTS.items() for leaf in leaves_below(part, before)})


def parts() -> set[type[Part]]:
    """Every part of the schema."""
    found: set[type[Part]] = set()
    todo: list[Any] = [Document]
    while todo:
        one = todo.pop()
        todo += get_args(one)
        if isinstance(one, type) and issubclass(one, Part) and one not in found:
            found.add(one)
            todo += [field.annotation for field in one.model_fields.values()]
    return found


def length_owned(paths: Iterable[str], leaf: str) -> int:
    """Length of the longest path that owns a leaf; -1: none."""
    return max((len(path) for path in paths if owns(path, leaf)), default=-1)


def owns(path: str, leaf: str) -> bool:
    """Is the leaf at the path or below? Of a part that is shared, its place alone."""
    return leaf == path or (leaf.startswith(f"{path}.") and path != "actions.*.calls.*")


def owners(leaf: str, table: dict[str, Mechanism]) -> list[str]:
    """Mechanisms that a leaf belongs to, and `NOT_SIMULATED`: those that name it, or what is next above it."""
    paths = {name: mechanism.paths for name, mechanism in table.items()} | {"NOT_SIMULATED": tuple(NOT_SIMULATED)}
    found = {name: length for name, named in paths.items() if (length := length_owned(named, leaf)) >= 0}
    return [name for name, length in found.items() if length == max(found.values())]


@cache
def named_tests(file: Path) -> set[str]:
    """Names of a file's tests."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {one.name for one in body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}


@cache
def listed_witnesses(file: Path) -> set[str]:
    """Names of a file's `Witness`es that are in its `WITNESSES`."""
    names, listed = {}, set()
    for one in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(one, ast.Assign) or not isinstance(one.targets[0], ast.Name):
            continue
        if one.targets[0].id == "WITNESSES":
            listed = {each.id for each in ast.walk(one.value) if isinstance(each, ast.Name)}
        elif (
            isinstance(one.value, ast.Call) and isinstance(one.value.func, ast.Name) and one.value.func.id == "Witness"
        ):
            names[one.targets[0].id] = ast.literal_eval(one.value.args[0])
    return {name for variable, name in names.items() if variable in listed}


@cache
def witnesses() -> set[str]:
    """Tests in tests/theory, and the names of its parametrised witnesses."""
    files = list((TESTS / "theory").glob("test_*.py"))
    return set[str]().union(*map(named_tests, files), *map(listed_witnesses, files))


def is_witness(name: str) -> bool:
    """Is there such a test?"""
    file, colons, test = name.partition("::")
    path = TESTS / file
    return (path.is_file() and test in named_tests(path)) if colons else name in witnesses()


@cache
def figures() -> set[str]:
    """Figures of `simkit.report`, and tables of a result that have a picture."""
    files = (ROOT / "simkit" / "report").glob("figures*.py")
    bodies = [ast.parse(file.read_text(encoding="utf-8")).body for file in files]
    functions = {one.name for body in bodies for one in body if isinstance(one, ast.FunctionDef)}
    return {name for name in functions if name.endswith("_figure")} | set(PICTURES)


@cache
def prose() -> str:
    """The notebooks' text, without their code and line ends."""
    cells = [cell for path in NOTEBOOKS for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    return " ".join(" ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown").split())


def lacks(mechanism: Mechanism) -> list[str]:
    """What a mechanism lacks: a column and what it names that is not there."""
    wrong = [] if mechanism.cases or mechanism.drawn else ["cases: none"]
    wrong += [f"drawn: {name}" for name in mechanism.drawn if not is_witness(name)]
    wrong += [f"cases: {name}" for name in mechanism.cases if not (TESTS / "clockwork" / f"{name}.yaml").is_file()]
    wrong += [] if is_witness(mechanism.witness) else [f"witness: {mechanism.witness or 'none'}"]
    wrong += [] if mechanism.metric in METRICS else [f"metric: {mechanism.metric or 'none'}"]
    wrong += [] if mechanism.picture in figures() else [f"picture: {mechanism.picture or 'none'}"]
    wrong += [] if mechanism.phrase and mechanism.phrase in prose() else [f"phrase: {mechanism.phrase or 'none'}"]
    return wrong


@pytest.mark.parametrize("name", MECHANISMS)
def test_has_all_that_a_mechanism_needs(name: str) -> None:
    assert not lacks(MECHANISMS[name])


def test_every_leaf_belongs_to_one_mechanism() -> None:
    found = {leaf: owners(leaf, MECHANISMS) for leaf in leaves()}
    assert not {leaf: names for leaf, names in found.items() if len(names) != 1}


def test_every_path_is_in_the_schema() -> None:
    paths = [path for mechanism in MECHANISMS.values() for path in mechanism.paths]
    assert not [path for path in (*paths, *NOT_SIMULATED) if not any(owns(path, leaf) for leaf in leaves())]


def test_every_leaf_has_help() -> None:
    assert not [(part.__name__, key) for part in parts() for key, text in helps(part).items() if not text]


def test_every_clockwork_case_is_of_a_mechanism() -> None:
    cases = {path.stem for path in (TESTS / "clockwork").glob("*.yaml")}
    assert not cases - {case for mechanism in MECHANISMS.values() for case in mechanism.cases}


def test_the_walk_reaches_every_part() -> None:
    found = set(leaves())
    assert {"traffic.users.activity", "traffic.users.activity.zipf", "call.input.system"} <= found
    assert {"outage.severity.*.quota", "models.*.deployments.*.outages.*"} <= found
    assert {"distribution.scipy.name", "sources.*.from"} <= found
    shared = [part for part in parts() if issubclass(part, tuple(SHARED))]
    assert {part.__name__ for part in shared} == {part.__name__ for part in ROOTS if part is not Document}


@pytest.mark.parametrize(
    ("blank", "found"),
    [
        ({"cases": ()}, "cases: none"),
        ({"cases": ("no_such_case",)}, "cases: no_such_case"),
        ({"witness": ""}, "witness: none"),
        ({"witness": "no_such_witness"}, "witness: no_such_witness"),
        ({"witness": "unit/test_pricebook.py::no_such_test"}, "witness: unit/test_pricebook.py::no_such_test"),
        (
            {"cases": (), "drawn": ("parity/test_parity.py::no_such_test",)},
            "drawn: parity/test_parity.py::no_such_test",
        ),
        ({"metric": ""}, "metric: none"),
        ({"picture": "no_such_figure"}, "picture: no_such_figure"),
        ({"phrase": ""}, "phrase: none"),
    ],
)
def test_a_blank_is_found(blank: dict[str, Any], found: str) -> None:
    whole = MECHANISMS["rate limits"]
    assert not lacks(whole) and all(astuple(replace(whole, drawn=whole.cases)))
    assert lacks(replace(whole, **blank)) == [found]


def test_a_leaf_without_a_mechanism_or_with_two_is_found() -> None:
    without = {name: mechanism for name, mechanism in MECHANISMS.items() if name != "deadline"}
    assert owners("resilience.deadline", without) == []
    twice = MECHANISMS | {"again": MECHANISMS["deadline"]}
    assert owners("resilience.deadline", twice) == ["deadline", "again"]
