"""The batch sides of models: where `batch.api` sends what can wait, each model that may answer it has a sibling."""

from collections.abc import Iterator

from simkit.scenario.actions import Call, Parallel, Route
from simkit.scenario.batch import BatchApi
from simkit.scenario.distribution import NumberDist
from simkit.scenario.models import Model, Prices
from simkit.scenario.names import BATCH
from simkit.scenario.scenario import Document

AT_ONCE = NumberDist.model_validate(1e9)
"""Tokens per second of an answer that comes as a whole."""


def with_batch_models(document: Document) -> Document:
    """The document with the siblings behind its models: half the price, limits and times of their own."""
    api = document.batch.api
    if api is None:
        return document
    siblings = {name + BATCH: sibling(document.models[name], api) for name in waiting_models(document)}
    return document.model_copy(update={"models": {**document.models, **siblings}})


def waiting_models(document: Document) -> list[str]:
    """Models that may answer what can wait, in the order of the file: those of its routes, and what is cheaper."""
    reached = {model for call in waiting_calls(document) for model in _models_of(document, call)}
    reached |= {document.cheaper[name] for name in reached if name in document.cheaper}
    return [name for name in document.models if name in reached]


def waiting_calls(document: Document) -> Iterator[Call]:
    """The calls of actions that can wait."""
    for action in document.actions.values():
        for item in action.calls if action.urgency == "batch" else ():
            yield from item.parallel if isinstance(item, Parallel) else [item]


def _models_of(document: Document, call: Call) -> set[str]:
    """All models that a call may begin or go on with, whatever their shares; the rows of a trace may name any."""
    trace = document.traffic.trace
    if call.model is None and call.route is None:
        return set()
    if trace is not None and (trace.models or (trace.columns is not None and trace.columns.model is not None)):
        return set(document.models)
    route = Route(model=call.model) if call.route is None else document.routes[call.route]
    named = (route.model, *route.mix, *route.to.values(), *route.cascade)
    return {name for name in named if name is not None}


def sibling(model: Model, api: BatchApi) -> Model:
    """The batch side of a model: an answer as a whole after the time that the API takes, no limit on its slots."""
    pace = dict.fromkeys(("ttft", "ttft_per_1k_input", "tokens_per_second", "concurrency", "queue", "slowness"))
    own = [one.model_copy(update={**pace, "outages": []}) for one in model.deployments]
    return model.model_copy(
        update={
            **pace,
            "ttft": api.takes,
            "ttft_per_1k_input": 0,
            "tokens_per_second": AT_ONCE,
            "prices": halved(model.prices),
            "processing": "batch",
            "deployments": own,
            "outages": [],
        }
    )


def halved(prices: Prices | None) -> Prices | None:
    """Own prices by half, to the nearest picodollar (half to even)."""
    if prices is None:
        return None
    given = {name: one for name in Prices.model_fields if (one := getattr(prices, name)) is not None}
    return prices.model_copy(update={name: round(one / 2) for name, one in given.items()})


def base_of(name: str) -> str:
    """The model whose batch side it is; any other model itself."""
    return name.removesuffix(BATCH)


def is_batch(name: str) -> bool:
    """Is it the name of a batch side?"""
    return name.endswith(BATCH)


__all__ = ["BATCH", "base_of", "is_batch", "waiting_calls", "waiting_models", "with_batch_models"]
