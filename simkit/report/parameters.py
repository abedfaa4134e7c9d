"""What may be given to a notebook: its typed parameters, checked by name and type before anything runs."""

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import nbformat
from papermill.translators import PythonTranslator

from simkit.scenario.errors import nearest

TAG = "parameters"
BOUNDS: dict[str, tuple[float, float]] = {"replications": (0, 10_000), "seed": (-1, 2**32 - 1)}
"""What a scenario takes, besides 0 and -1, which stand for what its file says."""


class ParameterError(ValueError):
    """A notebook, or what was given to it, that cannot be used; says what to write instead."""


@dataclass(frozen=True)
class Parameter:
    """A line of a notebook's `parameters` cell."""

    name: str
    type: str
    default: str
    help: str

    def __str__(self) -> str:
        return f"{self.name}: {self.type} = {self.default}" + (f"  # {self.help}" if self.help else "")

    def is_default(self, value: Any) -> bool:
        """Is this what stands in the notebook?"""
        try:
            return bool(ast.literal_eval(self.default) == value)
        except ValueError:
            return False

    def value(self, text: str) -> Any:
        """What a text stands for.

        Raises:
            ParameterError: it is not of this type.
        """
        try:
            value = _value(self.type, text)
        except ValueError:
            wanted = WORDS.get(self.type, f"a value of the type {self.type}")
            raise ParameterError(f"-p {self.name}={text}: this is not {wanted}") from None
        self._check(value, text)
        return value

    def _check(self, value: Any, text: str) -> None:
        """Raises ParameterError: it is of the right type, but no run could use it."""
        least, most = BOUNDS.get(self.name, (-inf, inf))
        if isinstance(value, int) and not least <= value <= most:
            rest = f" ({self.help})" if self.help else ""
            raise ParameterError(f"-p {self.name}={text}: this is not within {least} and {most}{rest}")


def read(path: Path) -> nbformat.NotebookNode:
    """A notebook.

    Raises:
        ParameterError: there is none, it cannot be read, or it has not one cell of parameters.
    """
    try:
        found = nbformat.read(path, as_version=4)
    except OSError as error:
        raise ParameterError(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # nbformat raises what its JSON and schema libraries raise
        raise ParameterError(f"{path} is not a notebook: {str(error).splitlines()[0][:200]}") from None
    cells = [cell for cell in found.cells if TAG in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ParameterError(f"{path} must have exactly one cell with the tag `{TAG}`; it has {len(cells)}")
    return found


def parameters_of(path: Path) -> dict[str, Parameter]:
    """The parameters of a notebook by name.

    Raises:
        ParameterError: as `read`.
    """
    cell = next(cell for cell in read(path).cells if TAG in cell.metadata.get("tags", []))
    try:
        typed = dict(_typed(ast.parse(cell.source)))
    except SyntaxError as error:
        raise ParameterError(f"{path}: its cell of parameters is not Python: {error.msg}") from None
    told = {one.name: str(one.help).strip() for one in PythonTranslator.inspect(cell)}
    return {name: Parameter(name, kind, default, told.get(name, "")) for name, (kind, default) in typed.items()}


def _typed(tree: ast.Module) -> Iterable[tuple[str, tuple[str, str]]]:
    """Name, type and default of every line; a line without a type has its default's."""
    for line in tree.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
            yield line.target.id, (ast.unparse(line.annotation), ast.unparse(line.value))
        elif isinstance(line, ast.Assign) and len(line.targets) == 1 and isinstance(line.targets[0], ast.Name):
            yield line.targets[0].id, (_kind(line.value), ast.unparse(line.value))


def _kind(node: ast.expr) -> str:
    """The type of a value as it is written; what must be computed first is taken for a text."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return "str"
    if value is None:
        return "str | None"
    if not isinstance(value, list):
        return type(value).__name__
    kinds = {type(one).__name__ for one in value}
    return f"list[{kinds.pop()}]" if len(kinds) == 1 else "list[str]"


def values_of(known: dict[str, Parameter], texts: Iterable[str], kept: Iterable[str] = ()) -> dict[str, Any]:
    """What texts NAME=VALUE stand for; `kept` are parameters that one cannot give so.

    Raises:
        ParameterError: with everything that is wrong, a line each.
    """
    found: dict[str, Any] = {}
    wrong = []
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        try:
            if not equals or not name:
                raise ParameterError(f"-p {text}: write NAME=VALUE")
            if name in kept:
                raise ParameterError(f"-p {name}: this is the file, which is named without -p")
            if name not in known:
                rest = nearest(name, known) or f"There are: {', '.join(one for one in known if one not in kept)}."
                raise ParameterError(f"-p {name}: the notebook has no such parameter. {rest}")
            if name in found:
                raise ParameterError(f"-p {name} is given twice")
            found[name] = known[name].value(value.strip())
        except ParameterError as error:
            wrong.append(str(error))
    if wrong:
        raise ParameterError("\n".join(wrong))
    return found


def _flag(text: str) -> bool:
    if text.lower() not in FLAGS:
        raise ValueError(text)
    return FLAGS[text.lower()]


def _count(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d[\d_]*", text):
        raise ValueError(text)
    return int(text)


FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
PLAIN: dict[str, Callable[[str], Any]] = {"str": str, "int": _count, "float": float, "bool": _flag}
WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def _value(kind: str, text: str) -> Any:
    """A text as a value of a type: str, int, float, bool, `T | None`, or a list of them with commas.

    Raises:
        ValueError: it is none.
    """
    options = [one.strip() for one in kind.split("|")]
    if len(options) > 1 and "None" in options:
        return None if text in ("None", "null", "") else _value(next(one for one in options if one != "None"), text)
    if match := re.fullmatch(r"list\[(\w+)\]", kind):
        return [_value(match[1], part.strip()) for part in text.split(",")] if text else []
    if kind not in PLAIN:
        raise ValueError(text)
    return PLAIN[kind](text)
