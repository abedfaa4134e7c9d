"""What a base brings and a scenario does not use is left out, so that the plan stays small."""

from dataclasses import replace

from simkit.scenario.errors import Invalid
from simkit.scenario.names import BATCH, Names, calls, deployments
from simkit.scenario.paths import resolve
from simkit.scenario.scenario import Document
from simkit.scenario.tree import Node, walk


def pruned(tree: Node) -> Node:
    """The tree without unused models and providers of bases, and without what speaks of them alone."""
    tree = _without(tree, "models", _used_models(tree))
    used = {one.map["provider"].text() for _, one in deployments(tree) if "provider" in one.map}
    tree = _without(tree, "providers", used | _targets(tree))
    return _sources(_qualities(tree))


def _without(tree: Node, section: str, used: set[str]) -> Node:
    node = tree.map.get(section)
    if node is None:
        return tree
    kept = {name: one for name, one in node.map.items() if name in used or one.place.origin != "base"}
    return _with(tree, section, replace(node, value=kept)) if kept else tree


def _with(tree: Node, section: str, node: Node) -> Node:
    return replace(tree, value={**tree.map, section: node})


def _used_models(tree: Node) -> set[str]:
    """Every model that anything speaks of."""
    used = {str(one.value) for _, call in calls(tree) if (one := call.get("model"))}
    for path in (("routes",), ("resilience", "fallback"), ("traffic", "trace", "models"), ("cheaper",)):
        node = tree.get(*path)
        used |= _words(node) if node else set()
    for section in ("changes", "knobs"):
        node = tree.get(section)
        for key in _words(node) if node else ():
            used |= {_second_step(key, tree)}
    return used | {target.partition("/")[0].removesuffix(BATCH) for target in _targets(tree)}


def _words(node: Node) -> set[str]:
    """All keys and texts below a node."""
    return {key for one in walk(node) for key in one.map} | {
        str(one.value) for one in walk(node) if isinstance(one.value, str)
    }


def _second_step(path: str, tree: Node) -> str:
    """The model of a path `models.NAME...`."""
    try:
        steps = resolve(path, tree, Document)
    except Invalid:
        return ""
    return str(steps[1]) if len(steps) > 1 and steps[0] == "models" else ""


def _targets(tree: Node) -> set[str]:
    """What incidents, quotas and budgets are aimed at."""
    incidents, quotas, budgets = tree.get("incidents"), tree.get("quotas"), tree.get("budgets")
    hit = {str(one.map["target"].value) for one in (incidents.items if incidents else []) if "target" in one.map}
    owners = [one.get(key) for one in (quotas.map.values() if quotas else []) for key in ("of", "spent_on")]
    owners += [one.get("of") for one in (budgets.map.values() if budgets else [])]
    return hit | {str(one.value) for owner in owners if owner for one in owner.items}


def _qualities(tree: Node) -> Node:
    """Without a base's qualities for complexities that the actions do not have."""
    models = tree.map.get("models")
    names = {*Names(tree).complexities, "any"}
    changed = dict(models.map) if models else {}
    for name, model in changed.items():
        quality = model.get("quality")
        if quality is not None and isinstance(quality.value, dict):
            kept = {key: one for key, one in quality.map.items() if key in names or one.place.origin != "base"}
            rest = {key: one for key, one in model.map.items() if key != "quality"}
            changed[name] = replace(model, value={**rest, "quality": replace(quality, value=kept)} if kept else rest)
    return _with(tree, "models", replace(models, value=changed)) if models else tree


def _sources(tree: Node) -> Node:
    """Without a base's sources of what is gone."""
    sources = tree.map.get("sources")
    if sources is None:
        return tree
    kept = {key: one for key, one in sources.map.items() if one.place.origin == "file" or _exists(key, tree)}
    return _with(tree, "sources", replace(sources, value=kept))


def _exists(path: str, tree: Node) -> bool:
    try:
        return bool(resolve(path, tree, Document))
    except Invalid:
        return False


__all__ = ["pruned"]
