"""`scenarios/reference.yaml` shows every key of the schema."""

import re
import types
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from ruamel.yaml import YAML

from simkit.scenario.base import Part
from simkit.scenario.resilience import LayerFields
from simkit.scenario.scenario import Document

FILE = Path(__file__).parents[2] / "scenarios" / "reference.yaml"
WITHOUT_MEANING = {("Incident", "share"), ("Outage", "share")}
"""Inherited from a mixture's severity; a scheduled incident or a whole outage has no share."""
SHOWN_BELOW = {("Resilience", key) for key in LayerFields.model_fields}
"""May stand in `resilience` itself, and are shown below its layer."""


def all_lines(text: str) -> str:
    """The file with its alternatives (`#: key: value`) switched on beside what they replace."""
    return re.sub(r"^(\s*)#: ", r"\1", text, flags=re.MULTILINE)


def types_in(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, without `Annotated`, unions and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from types_in(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from types_in(one)
    else:
        yield annotation


def parts_in(annotation: Any) -> Iterator[type[Part]]:
    """All parts that an annotation mentions, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for one in get_args(annotation):
        yield from parts_in(one)


def keys(part: type[Part]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in part.model_fields.items()}


def room(part: type[Part]) -> str:
    """`Gamma` for a gamma of times and one of numbers alike: their keys are the same."""
    return re.sub(r"(Of\w+|\[.*\])$", "", part.__name__)


def schema_keys() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    open_: list[type[Part]] = [Document]
    seen: set[type[Part]] = {Document}
    while open_:
        part = open_.pop()
        found |= {(room(part), key) for key in keys(part)}
        more = {one for annotation in keys(part).values() for one in parts_in(annotation)} - seen
        seen |= more
        open_ += more
    return found


def shown_keys(annotation: Any, value: Any, shown: dict[str, set[str]]) -> None:
    """Collects by part the keys that a value shows; short forms show nothing below them."""
    for one in types_in(annotation):
        if isinstance(one, type) and issubclass(one, Part):
            if isinstance(value, dict):
                for key in keys(one).keys() & value.keys():
                    shown[room(one)].add(key)
                    shown_keys(keys(one)[key], value[key], shown)
        elif get_origin(one) is dict and isinstance(value, dict):
            for item in value.values():
                shown_keys(get_args(one)[1], item, shown)
        elif get_origin(one) is list and isinstance(value, list):
            for item in value:
                shown_keys(get_args(one)[0], item, shown)


def missing(text: str) -> set[tuple[str, str]]:
    shown: dict[str, set[str]] = defaultdict(set)
    shown_keys(Document, YAML(typ="safe").load(all_lines(text)), shown)
    # The three kinds of distribution differ in their unit only.
    alike = [name for name in ("DurationDist", "TokenDist", "NumberDist", "Dist") if name in shown]
    for name in ("DurationDist", "TokenDist", "NumberDist", "Dist"):
        shown[name] = set().union(*(shown[other] for other in alike))
    return {(part, key) for part, key in schema_keys() if key not in shown[part]} - WITHOUT_MEANING - SHOWN_BELOW


def test_every_key_is_shown() -> None:
    assert not missing(FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (r"  process: gamma.*\n", ("Traffic", "process")),
        (r"  deadline: 5min.*\n", ("Resilience", "deadline")),
        (r"  #:   speed: 2.*\n", ("Trace", "speed")),
        (r"        price_uplift: 1.1.*\n", ("Deployment", "price_uplift")),
        (r"    #: gamma: .*\n", ("Dist", "gamma")),
    ],
)
def test_a_key_that_is_taken_out_is_missed(line: str, lost: tuple[str, str]) -> None:
    text, count = re.subn(line, "", FILE.read_text(encoding="utf-8"))
    assert count == 1
    assert lost[1] in {key for _, key in missing(text)}


def test_every_key_has_a_comment_or_stands_beside_one_of_its_kind() -> None:
    """Top-level keys are introduced: on their own line, or on one of the four below."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    bare = [
        line
        for number, line in enumerate(lines)
        if re.match(r"\w+:", line) and not any("#" in near for near in lines[number : number + 5])
    ]
    assert set(bare) <= {"name: Reference", "description: Every key of a scenario in one file that runs."}
