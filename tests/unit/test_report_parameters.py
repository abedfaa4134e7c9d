"""Parameters of notebooks: found with type and help, checked by name and type before anything runs."""

from pathlib import Path

import nbformat
import pytest

from simkit.report.parameters import Parameter, ParameterError, parameters_of, values_of

ROOT = Path(__file__).parents[2]
CELL = """\
scenario: str = "x.yaml"  # the file
users: int = 10  # how many
share: float = 0.5  # of what
fast: bool = False  # quickly
rates: list[float] = [1.0]  # tried
limit: int | None = None  # none: no limit
days = 7"""


UNTYPED = """\
count = -1
share = -0.5
items = ["a"]
rates = [1, 2]
nothing = []
limit = None
made = len("x")"""


def notebook(folder: Path, *cells: str, tagged: int = 1) -> Path:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    for cell in made.cells[:tagged]:
        cell.metadata["tags"] = ["parameters"]
    path = folder / "own.ipynb"
    nbformat.write(made, path)
    return path


def types(known: dict[str, Parameter]) -> dict[str, str]:
    return {name: one.type for name, one in known.items()}


def test_each_has_its_type_default_and_help(tmp_path: Path) -> None:
    found = parameters_of(notebook(tmp_path, CELL))
    assert types(found) == {
        "scenario": "str", "users": "int", "share": "float", "fast": "bool", "rates": "list[float]",
        "limit": "int | None", "days": "int",
    }  # fmt: skip
    assert found["users"] == Parameter("users", "int", "10", "how many")
    assert str(found["users"]) == "users: int = 10  # how many"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("users=10_000", 10_000), ("users=-3", -3), ("share=1e-3", 0.001), ("share=2", 2.0), ("fast=true", True),
        ("fast=No", False), ("rates=1, 2.5", [1.0, 2.5]), ("rates=", []), ("limit=None", None), ("limit=4", 4),
        ("scenario=a=b", "a=b"), ("days=3", 3),
    ],
)  # fmt: skip
def test_a_text_becomes_a_value_of_the_type(tmp_path: Path, text: str, value: object) -> None:
    found = values_of(parameters_of(notebook(tmp_path, CELL)), [text])
    assert found == {text.split("=")[0]: value}
    assert type(next(iter(found.values()))) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users=ten", "this is not a whole number"),
        ("users=1.5", "this is not a whole number"),
        ("users=", "this is not a whole number"),
        ("share=half", "this is not a number"),
        ("fast=maybe", "this is not true or false"),
        ("rates=1,x", "this is not a value of the type list[float]"),
        ("usres=1", "no such parameter. Did you mean `users`?"),
        ("zzz=1", "There are: users, share"),
        ("users", "write NAME=VALUE"),
        ("=1", "write NAME=VALUE"),
        ("scenario=x", "named without -p"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ParameterError, match="-p") as caught:
        values_of(parameters_of(notebook(tmp_path, CELL)), [text], ["scenario"])
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as caught:
        values_of(parameters_of(notebook(tmp_path, CELL)), ["users=x", "nothing=1", "share=0.1", "share=0.2"])
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "text", "ok"),
    [
        ("replications", "-5", False), ("replications", "-1", False), ("replications", "10001", False),
        ("replications", "0", True), ("seed", "-7", False), ("seed", "4294967296", False), ("seed", "-1", True),
    ],
)  # fmt: skip
def test_what_no_run_could_use_is_refused(name: str, text: str, ok: bool) -> None:
    known = {name: Parameter(name, "int", "-1", "of all")}
    if ok:
        assert values_of(known, [f"{name}={text}"]) == {name: int(text)}
        return
    with pytest.raises(ParameterError, match=rf"-p {name}={text}: this is not within .* \(of all\)"):
        values_of(known, [f"{name}={text}"])


def test_a_line_without_a_type_has_that_of_its_value(tmp_path: Path) -> None:
    """In a notebook that names no kernel, as `nbformat.v4.new_notebook()` makes them."""
    known = parameters_of(notebook(tmp_path, UNTYPED))
    assert types(known) == {
        "count": "int", "share": "float", "items": "list[str]", "rates": "list[int]", "nothing": "list[str]",
        "limit": "str | None", "made": "str",
    }  # fmt: skip
    assert values_of(known, ["count=3", "items=a,b"]) == {"count": 3, "items": ["a", "b"]}
    with pytest.raises(ParameterError, match="not a whole number"):
        values_of(known, ["count=x"])


@pytest.mark.parametrize(
    ("cells", "tagged", "said"),
    [((CELL,), 0, "it has 0"), ((CELL, CELL), 2, "it has 2"), (("users: int = (",), 1, "is not Python")],
)
def test_a_notebook_has_one_cell_of_parameters(tmp_path: Path, cells: tuple[str, ...], tagged: int, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        parameters_of(notebook(tmp_path, *cells, tagged=tagged))


def test_what_is_no_notebook_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    with pytest.raises(ParameterError, match="No such file"):
        parameters_of(path)
    path.write_text("{}")
    with pytest.raises(ParameterError, match="is not a notebook"):
        parameters_of(path)
    path.write_text("name: x")
    with pytest.raises(ParameterError, match="is not a notebook"):
        parameters_of(path)


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_the_templates_are_shipped_and_say_what_they_take(name: str) -> None:
    inside = ROOT / "simkit" / "report" / "notebooks" / f"{name}.ipynb"
    assert (ROOT / "notebooks" / f"{name}.ipynb").samefile(inside)
    found = parameters_of(inside)
    assert all(one.help for one in found.values())
    assert ("scenario" if name == "report" else "scenarios") in found and found["fast"].type == "bool"
