"""The JSON Schema of scenario files (draft 2020-12) with help texts, so that editors complete and explain them.

It accepts the founder's form, all short forms and the full form. A file that `extends` another may leave out what
is needed elsewhere, so maps that layers merge require nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any, get_args

from pydantic import TypeAdapter

from simkit.scenario import presets
from simkit.scenario.alerts import RuleSet
from simkit.scenario.base import Part
from simkit.scenario.business import Business
from simkit.scenario.founder import FounderDocument
from simkit.scenario.helptext import helps
from simkit.scenario.ladder import Rung
from simkit.scenario.schema import fields, parts
from simkit.scenario.traffic import Traffic, Users
from simkit.scenario.units import Duration, MoneyPer, Share

Json = dict[str, Any]

MERGED = (
    "Action", "Alerts", "BatchApi", "BatchWindow", "Budget", "Columns", "Hedge", "Human", "KeyLaw", "LongerLife",
    "Exponential", "HalfLife", "Launch", "Linear", "Logistic", "Modulation", "Peak", "PowerLaw",
    "Model", "Quota", "Ramp", "Responder", "Sessions", "Slowness", "Source", "Trace", "UserPlan", "Users",
)  # fmt: skip
"""Parts that a layer may write in part."""


def schema() -> Json:
    """The schema as plain JSON values."""
    found: Json = _tidy(FounderDocument.model_json_schema(by_alias=True))
    definitions: Json = found["$defs"]
    for part in {one.__name__: one for one in _all_parts(FounderDocument)}.values():
        target = found if part is FounderDocument else definitions.get(part.__name__)
        if target is not None:
            _explain(target, part)
    for name in MERGED:
        definitions[name].pop("required", None)
    for name, shorten in SHORTENED.items():
        definitions[name] = shorten(definitions[name], definitions)
    found.pop("required", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "simkit scenario"}


def _tidy(value: Any) -> Any:
    """Without the titles that pydantic makes of field names, and with names that do not fit their pattern refused."""
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _tidy(one) for key, one in value.items() if not (key == "title" and isinstance(one, str))}
    return {**kept, "additionalProperties": False} if "patternProperties" in kept else kept


def _all_parts(part: type[Part]) -> Iterator[type[Part]]:
    """The part and all below it."""
    seen: set[type[Part]] = set()
    waiting = [part]
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            yield one
            for shape in fields(one).values():
                waiting += _mentioned(shape)


def _mentioned(shape: Any) -> list[type[Part]]:
    """Parts in a type, within lists and maps too."""
    inner = [part for argument in getattr(shape, "__args__", ()) for part in _mentioned(argument)]
    return [*parts(shape), *inner]


def _explain(target: Json, part: type[Part]) -> None:
    """Adds the help of the fields."""
    target = next((one for one in target.get("anyOf", ()) if "properties" in one), target)
    for name, text in helps(part).items():
        property_ = target.get("properties", {}).get(name)
        if property_ is not None and text:
            target["properties"][name] = {**property_, "description": text}


def _or(*others: Json) -> Callable[[Json, Json], Json]:
    """The part, or one of its short forms."""

    def shorten(full: Json, definitions: Json) -> Json:
        return {"anyOf": [*others, full], "description": full.get("description", "")}

    return shorten


def _quantity(kind: Any) -> Json:
    """The schema of a quantity."""
    found: Json = get_args(kind)[1].json_schema()
    return found


def _quantity_of(kind: Any) -> Json:
    """The schema of a quantity that is a class of its own."""
    found: Json = TypeAdapter(kind).json_schema()
    return found


TEXT: Json = {"type": "string"}
TOKENS: Json = {"$ref": "#/$defs/TokenDist"}
DURATION: Json = _quantity(Duration)
SHARE: Json = _quantity(Share)


def _output(full: Json, definitions: Json) -> Json:
    named = {**full, "additionalProperties": TOKENS}
    return {"anyOf": [TOKENS, named], "description": full["description"]}


def _model(full: Json, definitions: Json) -> Json:
    place = {name: definitions["Deployment"]["anyOf"][-1]["properties"][name] for name in ("provider", "region")}
    quality = full["properties"]["quality"]
    share = _share(quality)
    short = {"quality": {"anyOf": [share, quality], "description": quality.get("description", "")}}
    return {**full, "properties": {**full["properties"], **place, **short}}


def _share(quality: Json) -> Json:
    """The schema of the shares in a map of shares."""
    found: Json = quality.get("additionalProperties") or next(iter(quality["patternProperties"].values()))
    return found


def _traffic(full: Json, definitions: Json) -> Json:
    users = definitions["Users"]["properties"]
    short = {name: users[path[-1]] for name, path in Traffic.aliases.items() if path[-1] in Users.model_fields}
    return {**full, "properties": {**full["properties"], **short}}


def _quota(full: Json, definitions: Json) -> Json:
    own = full["properties"]
    lists = {key: {"anyOf": [TEXT, own[key]], "description": own[key]["description"]} for key in ("of", "spent_on")}
    return {**full, "properties": own | lists}


def _budget(full: Json, definitions: Json) -> Json:
    of = full["properties"]["of"]
    properties = {**full["properties"], "of": {"anyOf": [TEXT, of], "description": of["description"]}}
    return {
        "anyOf": [full["properties"]["limit"], {**full, "properties": properties}],
        "description": full["description"],
    }


def _growth(full: Json, definitions: Json) -> Json:
    own = full["properties"]["acquisition"]
    one = {"anyOf": [own, {"$ref": "#/$defs/Acquisition"}], "description": own["description"]}
    return {**full, "properties": {**full["properties"], "acquisition": one}}


def _business(full: Json, definitions: Json) -> Json:
    team = full["properties"]["team"]
    words = {"anyOf": [{"enum": list(Business.words)}, team], "description": team["description"]}
    return {**full, "properties": {**full["properties"], "team": words}}


SHORTENED: dict[str, Callable[[Json, Json], Json]] = {
    "Repeat": _or({"type": "integer", "minimum": 1, "maximum": 500}),
    "Input": _or(TOKENS),
    "Output": _output,
    "Route": _or(TEXT),
    "Trace": _or(TEXT),
    "Deployment": _or(TEXT),
    "Model": _model,
    "Traffic": _traffic,
    "Quota": _quota,
    "Layer": _or({"enum": sorted([*presets.NAMES, *presets.IDS])}),
    "Hedge": _or(DURATION),
    "Rung": _or({"enum": list(Rung.model_fields)}),
    "Reload": _or(SHARE),
    "History": _or({"enum": ["grows"]}),
    "BatchApi": _or(DURATION, {"$ref": "#/$defs/DurationDist"}),
    "Budget": _budget,
    "Acquisition": _or({"type": "number", "minimum": 0}),
    "Base": _or({"type": "integer", "minimum": 0}, TEXT),
    "Growth": _growth,
    "Business": _business,
    "Role": _or(_quantity_of(MoneyPer)),
    "Move": _or(SHARE),
    "Alerts": _or({"enum": list(get_args(RuleSet))}),
}
"""Short forms by the name of the part; `Deployment` comes before `Model`."""

__all__ = ["schema"]
