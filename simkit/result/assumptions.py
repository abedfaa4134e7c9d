"""How many of a scenario's figures are measured, estimated, or nobody's but the author's."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from simkit.scenario.scenario import Document

SECTIONS = (
    "traffic",
    "actions",
    "routes",
    "models",
    "providers",
    "quotas",
    "failures",
    "service",
    "caches",
    "resilience",
)
"""Where the figures are that a result rests on; objectives, dates and settings of the run are not among them."""
_FIGURE = re.compile(r"\$?[\d.]")


def figures(document: Document) -> Iterator[str]:
    """Field paths of all figures that the file, or what it extends, sets."""
    full = document.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    for section in SECTIONS:
        yield from _leaves(full.get(section), section)


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _leaves(child, f"{path}.{key}")
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _leaves(child, f"{path}.{place}")
    elif _is_figure(value):
        yield path


def _is_figure(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_FIGURE.match(value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def source_kinds(document: Document, source_of: Callable[[str], tuple[str, str]]) -> Counter[str]:
    """How many figures are `measured`, `estimated` and `assumed`."""
    return Counter(source_of(path)[0] for path in figures(document))
