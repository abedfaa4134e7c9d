"""What generated scenarios cover: mechanisms and pairs of them, keys of the schema, and (event class, reason).

`python tests/parity/scenario_coverage.py [N]` counts over N scenarios (1,000) and exits with 1 if a pair of mechanisms,
or a key of the schema, occurs in fewer than 20 of 1,000, or an (event class, reason) fewer than 200 times.
"""

import re
import sys
import tempfile
import types
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from economy_strategies import thrifty
from growth_strategies import hasty, lively
from log_events import POSSIBLE, SELDOM, happened, seen
from region_strategies import far_flung
from scenario_mechanisms import MECHANISMS, NOT_SIMULATED, mechanisms, pairs, parts
from scenario_strategies import Case, scenario

from simkit.plan.compile import compile_plan
from simkit.scenario.base import Part
from simkit.scenario.distribution import Dist
from simkit.scenario.resilience import Layer, LayerFields
from simkit.scenario.scenario import Document

SCENARIOS = 1000
PAIR = 20
"""Least number of 1,000 scenarios in which a pair of mechanisms, or a key, is used."""
EVENT = 200
"""Least number of times that an (event class, reason) occurs in 1,000 scenarios."""

# Keys of the schema.


def room(part: type[Part]) -> str:
    """A part's name; the same for distributions of times and of numbers."""
    return "Dist" if issubclass(part, Dist) else re.sub(r"(Form)?(Of\w+|\[.*\])$", "", part.__name__)


def key_of(part: type[Part], name: str) -> str:
    """A field of a part; what is said of the inner layer at once is a layer's all the same."""
    return f"{room(Layer if name in LayerFields.model_fields and issubclass(part, LayerFields) else part)}.{name}"


def keys(document: Document) -> set[str]:
    """Keys that a document sets, e.g. `Model.ttft`, and words that it chooses, e.g. `Model.balance: ordered`."""
    found: set[str] = set()
    for part in parts(document):
        for name in part.model_fields_set - set(NOT_SIMULATED.get(type(part).__name__, ())):
            value, key = getattr(part, name), key_of(type(part), name)
            found.add(key)
            found |= {f"{key}: {word}" for word in words(value) if isinstance(word, str)}
    return found


def words(value: Any) -> list[Any]:
    """All that may be a word in a value: itself, the items of a list, keys and values of a map."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else [value]


def alternatives(annotation: Any) -> Iterator[Any]:
    """The types that an annotation allows, at any depth; of a map its keys, too."""
    if get_origin(annotation) is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType, dict, list):
        for one in get_args(annotation):
            yield from alternatives(one)
    else:
        yield annotation


def schema_keys() -> set[str]:
    """All keys of the schema that reach the plan, and all words that may be chosen there."""
    found: set[str] = set()
    open_: list[type[Part]] = [Document]
    seen = set(open_)
    while open_:
        part = open_.pop()
        for name, field in part.model_fields.items():
            if name in NOT_SIMULATED.get(part.__name__, ()):
                continue
            key = key_of(part, name)
            found.add(key)
            for one in alternatives(field.annotation):
                if get_origin(one) is Literal:
                    found |= {f"{key}: {word}" for word in get_args(one)}
                elif isinstance(one, type) and issubclass(one, Part) and one not in seen:
                    seen.add(one)
                    open_.append(one)
    return found


# Counting.


def document_of(case: Case) -> Document | None:
    """The document of a case without the loader and its checks, which are slow; None where it stands on a base."""
    return None if case.scenario.keys() & {"extends", "model"} else Document.model_validate(case.scenario)


def used_in(document: Document) -> list[str]:
    """Everything that a document uses: mechanisms, pairs of them (`one & other`), keys of the schema."""
    used = mechanisms(document)
    return [*used, *(f"{one} & {other}" for one, other in combinations(used, 2)), *keys(document)]


def table(title: str, counts: dict[str, int], least: float) -> bool:
    """Print counts, the rarest first; is one below the least?"""
    print(f"\n{title} (at least {least:g}):")
    for name, count in sorted(counts.items(), key=lambda item: item[1]):
        print(f"{count:8,} {name}{'   TOO FEW' if count < least else ''}")
    return min(counts.values()) < least


def main() -> int:
    """Count and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else SCENARIOS
    from simkit.engine import run_plan

    used: Counter[str] = Counter()
    events: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(number):
            plan = compile_plan(scenario(Random(seed)).load(Path(folder)))
            events += happened(plan, run_plan(plan, seed, seed % 3))
            for made in (thrifty, far_flung, lively):
                loaded = made(Random(seed)).load(Path(folder))
                used.update(used_in(loaded.document))
                events += seen(run_plan(hasty(compile_plan(loaded)), seed, seed % 3))
    part = number / SCENARIOS
    short = [
        table("Pairs of mechanisms", {f"{a} & {b}": used[f"{a} & {b}"] for a, b in pairs()}, PAIR * part),
        table("Mechanisms", {name: used[name] for name in MECHANISMS}, PAIR * part),
        table("Keys of the schema", {key: used[key] for key in schema_keys()}, PAIR * part),
        table("Event class and reason", {name: events[name] for name in POSSIBLE}, EVENT * part),
    ]
    strange = events.keys() - {*POSSIBLE, *SELDOM}
    print(f"\nWhat cannot happen, and did: {sorted(strange)}" if strange else "")
    return 1 if any(short) or strange else 0


if __name__ == "__main__":
    raise SystemExit(main())
