"""The founder's short form: `model`, `tier` and `tokens` at the top of the file stand for a model with its
provider's outages, the tier's rate limits, and one kind of action of one call."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from simkit.scenario.actions import Action
from simkit.scenario.base import Part
from simkit.scenario.distribution import TokenDist
from simkit.scenario.errors import Problem, listing, nearest
from simkit.scenario.models import Model
from simkit.scenario.overlay import base, merge
from simkit.scenario.scenario import Document
from simkit.scenario.traffic import Traffic
from simkit.scenario.tree import Node, graft, join
from simkit.scenario.units import Name

BASE = "openai_anthropic"
"""The base that a founder's `model` comes from."""
KEYS = ("model", "tier", "tokens")


class Tokens(Part):
    """Average tokens of an action, e.g. from the provider's usage page."""

    input: TokenDist | None = None
    """Input tokens; a bare number is a mean with typical spread."""
    output: TokenDist | None = None
    """Output tokens; a bare number is a mean with typical spread."""


class FounderDocument(Document):
    """A scenario as it may be written: in full, or with the founder's short form of models and actions."""

    model: Name | None = None
    """Short form: the model that answers, e.g. gpt-4o (speed and outages come from the base, prices from the book)."""
    tier: Annotated[int, Field(ge=1)] | None = None
    """Short form: your rate-limit tier at the provider, 1 to 5."""
    tokens: Tokens | None = None
    """Short form: average input and output tokens of an action."""
    extends: str | None = None
    """A file beside this one, or a base of the package (`simkit:openai_anthropic`), that this file changes."""
    traffic: Traffic = Traffic.model_construct()
    actions: dict[Name, Action] = Field(default_factory=dict)
    models: dict[Name, Model] = Field(default_factory=dict)


def is_founder(tree: Node) -> bool:
    """Does the file use the short form?"""
    return not tree.map.keys().isdisjoint(KEYS)


def full_form(tree: Node) -> tuple[Node, list[Problem]]:
    """The full form that a founder's tree stands for, and what is wrong with the short form."""
    if not is_founder(tree):
        return tree, []
    short = {key: tree.map[key] for key in KEYS if key in tree.map}
    rest = replace(tree, value={key: one for key, one in tree.map.items() if key not in KEYS})
    model = short.get("model")
    problems = _problems(short, rest)
    if model is None:
        return rest, problems
    under = merge(merge(None, base(BASE), Document), graft(_quotas(short), model.place), Document)
    if "actions" not in rest.map:
        under = merge(under, graft(_actions(short), model.place), Document)
    return replace(merge(under, rest, Document), place=tree.place), problems


def _actions(short: dict[str, Node]) -> dict[str, Any]:
    """One kind of action, `answer`, of one call."""
    tokens = short.get("tokens")
    given = tokens.map if tokens else {}
    sizes = {key: _typical(given[key]) for key in ("input", "output") if key in given}
    return {"actions": {"answer": {"calls": [{"name": "answer", "model": short["model"], **sizes}]}}}


def _typical(node: Node) -> Any:
    """A bare number is a mean."""
    return node if isinstance(node.value, dict | list) else graft({"mean": node}, node.place)


def _quotas(short: dict[str, Node]) -> dict[str, Any]:
    """The rate limits of the tier, if there is one."""
    model, tier = short["model"], short.get("tier")
    limits = base("tiers", "tier").get(str(model.value), str(tier.value)) if tier else None
    if limits is None or tier is None:
        return {}
    name = f"{model.value}-tier-{tier.value}"
    source = {"kind": "estimated", "from": "secondary pages, 2026; your account's limits page is the truth"}
    quota = replace(limits, value={**limits.map, "of": graft([model], model.place)})
    return {"quotas": {name: quota}, "sources": graft({f"quotas.{name}": source}, limits.place)}


def _problems(short: dict[str, Node], rest: Node) -> list[Problem]:
    """What is wrong with the short form itself."""
    return [*_model_problems(short, rest), *_tier_problems(short), *_tokens_problems(short, rest)]


def _model_problems(short: dict[str, Node], rest: Node) -> list[Problem]:
    model = short.get("model")
    if model is None:
        first = next(iter(short.values()))
        return [
            first.place.problem(
                f"`{first.place.path}` needs `model` beside it.", first.text(), hint="Write e.g. `model: gpt-4o`."
            )
        ]
    own = rest.get("models")
    known = [*base(BASE).map["models"].map, *(own.map if own else ())]
    if isinstance(model.value, str) and model.value in known:
        return []
    hint = nearest(str(model.value), known) or "A model of your own is described under `models:`."
    return [model.place.problem("This model is not known.", model.text(), listing(known, str(model.value)), hint)]


def _tier_problems(short: dict[str, Node]) -> list[Problem]:
    tier, model = short.get("tier"), short.get("model")
    if tier is None or model is None:
        return []
    tiers = base("tiers", "tier").get(str(model.value))
    if tiers is None:
        known = base(BASE).get("models", str(model.value)) is not None
        hint = "Leave `tier` out, or write the limits of your account under `quotas:`."
        return [tier.place.problem(f"No tiers are known for {model.value}.", tier.text(), hint=hint)] if known else []
    if str(tier.value) in tiers.map and not isinstance(tier.value, bool):
        return []
    return [tier.place.problem("There is no such tier.", tier.text(), listing(list(tiers.map)))]


def _tokens_problems(short: dict[str, Node], rest: Node) -> list[Problem]:
    tokens, model = short.get("tokens"), short.get("model")
    example = "Write e.g. `tokens: {input: 1200, output: 250}`."
    if tokens is None:
        if "actions" in rest.map or rest.get("traffic", "trace") or model is None:
            return []
        return [
            model.place.problem("`model` needs `tokens` beside it: how much an action reads and writes.", hint=example)
        ]
    if "actions" in rest.map:
        return [
            tokens.place.problem(
                "`tokens` has no effect beside `actions`.",
                hint="Write `input` and `output` in the calls, and remove `tokens`.",
            )
        ]
    if not isinstance(tokens.value, dict):
        return [tokens.place.problem("A map belongs here.", tokens.text(), hint=example)]
    unknown = [one for key, one in tokens.map.items() if key not in ("input", "output")]
    known = ["input", "output"]
    problems = [
        one.place.problem(
            "There is no such key here.", one.text(), "input, output", nearest(one.place.path.split(".")[-1], known)
        )
        for one in unknown
    ]
    return problems or [
        tokens.place.problem(f"`{join('tokens', key)}` is missing.", hint=example)
        for key in known
        if key not in tokens.map
    ]


__all__ = ["BASE", "FounderDocument", "Tokens", "full_form", "is_founder"]
