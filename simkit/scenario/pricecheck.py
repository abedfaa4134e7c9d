"""Every model has a price: its own, or one of the price book."""

from simkit.scenario.errors import Problem
from simkit.scenario.prices import UnknownModel, book
from simkit.scenario.tree import Node


def price_problems(tree: Node) -> list[Problem]:
    """Problems of models that have no price."""
    models = tree.get("models")
    return [problem for name, model in (models.map if models else {}).items() for problem in _problems(name, model)]


def _problems(name: str, model: Node) -> list[Problem]:
    own, other = model.get("prices"), model.get("price_of")
    given = {key for key, one in own.map.items() if one.value is not None} if own else set()
    if not isinstance(model.value, dict) or (other is None and {"input", "output"} <= given):
        return []
    ref = name if other is None else str(other.value)
    try:
        for provider in _providers(model):
            book().find_at(ref, provider)
    except UnknownModel as error:
        example = "Write a name of the book, e.g. `gpt-4o` or `openai:gpt-4o`."
        near = f"Did you mean `{error.nearest[0]}`?" if error.nearest else example
        if other is not None:
            return [other.place.problem("The price book does not know this model.", other.text(), hint=near)]
        hint = "Write its prices, e.g. `prices: {input: $1, output: $4}`, or `price_of: NAME` of a model in the book."
        return [model.place.problem(f"The price book does not know `{name}`.", hint=hint)]
    return []


def _providers(model: Node) -> list[str]:
    """Where the model is deployed; its prices there are looked up first."""
    deployments = model.get("deployments")
    named = [one.get("provider") for one in deployments.items] if deployments else []
    return [str(one.value) for one in named if one is not None] or [""]


__all__ = ["price_problems"]
