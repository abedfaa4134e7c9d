"""The help text of a field: the docstring below it in the schema's source, read when it is asked for.

Pydantic can do this too (`use_attribute_docstrings`), but reads the sources at every import, which costs 0.1 s.
"""

import ast
import inspect
import sys
from functools import cache

from simkit.scenario.base import Part


@cache
def helps(part: type[Part]) -> dict[str, str]:
    """Help by the field's name in a file, inherited fields included."""
    found: dict[str, str] = {}
    for one in reversed(part.__mro__):
        if issubclass(one, Part) and one is not Part:
            found |= _docstrings(one.__module__).get(one.__name__, {})
    return {field.alias or name: found.get(name, "") for name, field in part.model_fields.items()}


def help_of(part: type[Part], key: str) -> str:
    """A field's help."""
    return helps(part).get(key, "")


@cache
def _docstrings(module: str) -> dict[str, dict[str, str]]:
    """Docstrings of fields, by class and field, of a module."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {one.name: _of_class(one) for one in tree.body if isinstance(one, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for field, text in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            value = text.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[field.target.id] = " ".join(value.value.split())
    return found


__all__ = ["help_of", "helps"]
