"""What a scenario defines and where: its names, calls and deployments, read from the tree in full form."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from simkit.scenario.tree import Node

T = TypeVar("T")
BATCH = "@batch"
"""What the name of a model's batch side ends with."""


class Names:
    """All names that a scenario defines."""

    def __init__(self, tree: Node):
        self.models = list(entries(tree, "models"))
        self.routes = list(entries(tree, "routes"))
        self.kinds = list(entries(tree, "actions"))
        self.regions = list(entries(tree, "regions"))
        self.complexities = _complexities(tree)
        self.deployments = [name for name, _ in deployments(tree)]
        used = dict.fromkeys(provider.text() for _, one in deployments(tree) if (provider := one.get("provider")))
        declared = list(entries(tree, "providers"))
        self.providers = declared or list(used)
        regions = [name.partition("/")[2] for name in self.deployments]
        pairs, sides = ["/".join(name.split("/")[:2]) for name in self.deployments], batch_sides(tree)
        known = (self.models, self.providers, used, self.deployments, pairs, regions, sides)
        self.targets = list(dict.fromkeys(name for names in known for name in names))


def entries(tree: Node, *path: str) -> dict[str, Node]:
    """The map at a path; empty if there is none."""
    node = tree.get(*path)
    return node.map if node else {}


def _complexities(tree: Node) -> list[str]:
    """All complexities of the actions, and `any` where an action has none."""
    found: dict[str, None] = {}
    for action in entries(tree, "actions").values():
        found.update(dict.fromkeys(entries(action, "complexity") or ["any"]))
    return list(found)


def asked_for(tree: Node, route: str) -> list[str]:
    """Complexities of the actions whose calls use a route."""
    found: dict[str, None] = {}
    for kind, call in calls(tree):
        used = call.get("route")
        if used is not None and used.text() == route:
            found.update(dict.fromkeys(entries(tree, "actions", kind, "complexity") or ["any"]))
    return list(found)


def deployments(tree: Node) -> Iterator[tuple[str, Node]]:
    """Every deployment as `model/provider[/region]`."""
    for model, node in entries(tree, "models").items():
        listed = node.get("deployments")
        for one in listed.items if listed else []:
            found = [part for key in ("provider", "region") if (part := one.get(key)) and part.value is not None]
            parts = [model, *(part.text() for part in found)]
            yield "/".join(parts), one


def calls(tree: Node) -> Iterator[tuple[str, Node]]:
    """Every call with the name of its action."""
    for kind, action in entries(tree, "actions").items():
        listed = action.get("calls")
        for item in listed.items if listed else []:
            together = item.get("parallel")
            for call in together.items if together else [item]:
                yield kind, call


def batch_sides(tree: Node) -> list[str]:
    """Names of the batch sides of models and of their deployments, if there are any."""
    if tree.get("batch", "api") is None:
        return []
    named = (name.partition("/") for name in [*entries(tree, "models"), *(name for name, _ in deployments(tree))])
    return [f"{model}{BATCH}{slash}{place}" for model, slash, place in named]


def items(tree: Node, *path: str) -> list[Node]:
    """The list at a path; empty if there is none."""
    node = tree.get(*path)
    return node.items if node else []


def parsed(parse: Callable[[object], T], node: Node | None) -> T | None:
    """The parsed value, None if it is not understood."""
    try:
        return parse(node.value) if node is not None else None
    except ValueError:
        return None


def has_tokens(trace: Node | None) -> bool:
    """Does a trace say more than when actions arrive? (Recognised formats do.)"""
    if trace is None:
        return False
    columns = trace.get("columns")
    return columns is None or not columns.map.keys().isdisjoint({"input", "output", "cached", "model", "blocks"})


__all__ = ["BATCH", "Names", "calls", "deployments", "entries", "has_tokens", "items", "parsed"]
