"""What must hold of regions as a whole: names, shares, ways between them, where data may go, autoscalers.

Each check reads the tree in full form, whatever else is wrong with it, and yields its problems.
"""

from collections.abc import Callable, Iterator

from simkit.scenario.consistency import whole
from simkit.scenario.errors import Problem, listing, nearest
from simkit.scenario.names import Names, calls, deployments, entries, items, parsed
from simkit.scenario.tree import Node
from simkit.scenario.units import parse_count, parse_share

Problems = Iterator[Problem]


def shares_are_said(tree: Node) -> Problems:
    """Regions have their shares of the traffic all, and 100% together; or none of them has one."""
    regions = entries(tree, "regions")
    given = {name: share for name, one in regions.items() if (share := one.get("share")) is not None}
    if given and len(given) < len(regions):
        for name in regions.keys() - given.keys():
            yield regions[name].place.problem(
                "`share` is missing.", hint="Say the share of the traffic of all regions, or of none.", key="share"
            )
    else:
        yield from whole(tree.get("regions"), list(given.values()))


def regions_are_known(tree: Node) -> Problems:
    """Round trips, orders and residencies name regions that are there; clouds are providers."""
    names = Names(tree)
    for region in entries(tree, "regions").values():
        for name, one in entries(region, "rtt").items():
            yield from _known(one, name, names.regions, "region", "Regions are described under `regions:`.")
        choices = [one for choice in items(region, "order") for one in (choice.items or [choice])]
        listed = [one.text() for one in choices]
        for place, one in enumerate(choices):
            yield from _known(one, one.text(), names.regions, "region")
            if one.text() in listed[:place]:
                yield one.place.problem(
                    f"`{one.text()}` is in the order twice.", one.text(), hint="Remove one of them."
                )
        cloud = region.get("cloud")
        if cloud is not None:
            hint = f"Add `{cloud.text()}: {{}}` under `providers:`, with its `outages`."
            yield from _known(cloud, cloud.text(), names.providers, "provider", hint)
    for owner in _bound(tree):
        for one in items(owner, "residency", "regions"):
            yield from _known(one, one.text(), names.regions, "region")


def _known(node: Node, name: str, names: list[str], what: str, hint: str = "") -> Problems:
    """A problem if a name is none of the names."""
    if name not in names:
        near = nearest(name, names) or hint
        yield node.place.problem(f"There is no {what} `{name}`.", node.text(), listing(names, name), near)


def _bound(tree: Node) -> list[Node]:
    """What may have a residency: regions and kinds of actions."""
    return [*entries(tree, "regions").values(), *entries(tree, "actions").values()]


def places_are_known(tree: Node) -> Problems:
    """Round trips to models, hosted deployments and permitted ones are where a deployment is."""
    whereabouts = {name: place for place, node in _places(tree).items() for name in node}
    all_places, exact = list(whereabouts), list(_exact_places(tree))
    for region in entries(tree, "regions").values():
        for name, one in entries(region, "models_rtt").items():
            yield from _known(one, name, exact, "deployment at", PLACES)
        for one in items(region, "hosts"):
            yield from _known(one, one.text(), all_places, "deployment at", PLACES)
    for owner in _bound(tree):
        for one in items(owner, "residency", "models_in"):
            yield from _known(one, one.text(), all_places, "deployment at", PLACES)


PLACES = "Say where deployments are: `deployments: [{provider: azure, region: swedencentral}]`."


def _places(tree: Node) -> dict[str, list[str]]:
    """Names of the places of each deployment: provider, region, both."""
    found: dict[str, list[str]] = {}
    for name, _ in deployments(tree):
        provider, _, region = name.partition("/")[2].partition("/")
        found[name] = [provider, *([region, f"{provider}/{region}"] if region else [])]
    return found


def _exact_places(tree: Node) -> dict[str, None]:
    """Places to which a way may have a length: providers, and their regions."""
    return dict.fromkeys(one for names in _places(tree).values() for one in (names[0], *names[2:]))


def ways_are_said(tree: Node) -> Problems:
    """Round trips between regions are said all, or none of them: one that is missing would count as none."""
    regions = entries(tree, "regions")
    if not any(entries(region, "rtt") for region in regions.values()):
        return
    for home, region in regions.items():
        missing = [name for name in regions if name not in entries(region, "rtt") and name != home]
        if missing:
            node = region.get("rtt")
            ways = ", ".join(f"{name}: 95ms" for name in missing)
            yield (node or region).place.problem(
                f"The round trip from `{home}` to {', '.join(missing)} is missing.",
                node.text() if node is not None else "",
                f"all regions: {', '.join(regions)}",
                f"Add it, e.g. `rtt: {{{ways}}}`: without it that way would take no time.",
                key="" if node is not None else "rtt",
            )


def names_mean_one_thing(tree: Node) -> Problems:
    """The name of a region is none of a model or a provider: incidents hit what has the name."""
    names = Names(tree)
    providers = {*names.providers, *(node[0] for node in _places(tree).values())}
    for name, region in entries(tree, "regions").items():
        what = "model" if name in names.models else "provider" if name in providers else None
        if what is not None:
            aims = any(one.text() == name for incident in items(tree, "incidents") if (one := incident.get("target")))
            told = "an incident's target could mean both" if aims else "incidents that name it could mean both"
            yield region.place.problem(
                f"`{name}` is the name of a {what}, too: {told}.", "", hint="Give the region another name."
            )


def regions_are_there(tree: Node) -> Problems:
    """What is said of traffic between regions needs regions."""
    if entries(tree, "regions"):
        return
    routing = tree.get("routing")
    if routing is not None and routing.map:
        yield routing.place.problem("`routing` has no effect without `regions`.", "", hint=REGIONS)
    for action in entries(tree, "actions").values():
        bound = action.get("residency")
        if bound is not None and any(one.items for one in bound.map.values()):
            yield bound.place.problem("`residency` has no effect without `regions`.", bound.text(), hint=REGIONS)


REGIONS = "Describe them, e.g. `regions: {us: {share: 60%}, eu: {share: 40%}}`, or remove it."


# --- residency ------------------------------------------------------------------------------------------


def somebody_may_serve(tree: Node) -> Problems:
    """For users of each region and each kind of actions there is a region that may serve, and who may be asked."""
    regions, caught = entries(tree, "regions"), bool(items(tree, "resilience", "degrade"))
    for home, region in regions.items() if not caught else ():
        if parsed(parse_share, region.get("share")) == 0:
            continue
        for kind, action in entries(tree, "actions").items():
            bounds = [one.get("residency") or one for one in (region, action)]
            if not all(name in regions for one in bounds for name in _texts(one, "regions")):
                continue
            if not any(all(_permits(one, "regions", [name]) for one in bounds) for name in regions):
                yield _bounding(bounds, "regions").place.problem(
                    f"No region may serve `{kind}` of the users in `{home}`.", _told(bounds, "regions"),
                    listing(list(regions)), "Permit one that both permit, or add a region there.",
                )  # fmt: skip
            yield from _unserved(tree, home, kind, bounds)


def _unserved(tree: Node, home: str, kind: str, bounds: list[Node]) -> Problems:
    """Models of a kind's calls of which nobody may be asked, nor of their fallbacks."""
    places = _places(tree)
    everywhere = {name for found in places.values() for name in found}
    if not all(name in everywhere for one in bounds for name in _texts(one, "models_in")):
        return
    for model in _models(tree, kind):
        chain = _chain(tree, model)
        mine = {name: found for name, found in places.items() if name.partition("/")[0] in chain}
        if mine and not any(all(_permits(one, "models_in", found) for one in bounds) for found in mine.values()):
            others = " nor of its fallbacks" if len(chain) > 1 else ""
            permitted = list(dict.fromkeys(name for found in mine.values() for name in found))
            yield _bounding(bounds, "models_in").place.problem(
                f"No deployment of `{model}`{others} may be asked for `{kind}` of the users in `{home}`.",
                _told(bounds, "models_in"), listing(permitted),
                "Permit one of them, or add a deployment of the model where the data may go.",
            )  # fmt: skip


def _texts(bound: Node, key: str) -> list[str]:
    return [one.text() for one in items(bound, key)]


def _permits(bound: Node, key: str, names: list[str]) -> bool:
    """Is one of the names permitted? (Nothing said: all.)"""
    said = _texts(bound, key)
    return not said or any(name in said for name in names)


def _bounding(bounds: list[Node], key: str) -> Node:
    """The last place that bounds it."""
    return next(node for one in reversed(bounds) if (node := one.get(key)) is not None and node.items)


def _told(bounds: list[Node], key: str) -> str:
    """What is permitted, by region and action."""
    return " and ".join(node.text() for one in bounds if (node := one.get(key)) is not None and node.items)


def _models(tree: Node, kind: str) -> list[str]:
    """Models that the calls of a kind go to, by themselves or by a route."""
    found: dict[str, None] = {}
    for of, call in calls(tree):
        model, name = call.get("model"), call.get("route")
        route = tree.get("routes", name.text()) if name is not None else None
        if of != kind or (model is None and route is None):
            continue
        listed = [one for one in (model, route.get("model") if route else None) if one is not None]
        listed += [] if route is None else [*entries(route, "to").values(), *items(route, "cascade")]
        found |= dict.fromkeys(one.text() for one in listed)
        found |= dict.fromkeys(entries(route, "mix") if route is not None else ())
    return list(found)


def _chain(tree: Node, model: str) -> set[str]:
    """A model and all that may follow it, however often it fails."""
    found, coming = set[str](), [model]
    while coming:
        one = coming.pop()
        if one not in found:
            found.add(one)
            coming += [each.text() for each in items(tree, "resilience", "fallback", one)]
    return found


# --- autoscalers ----------------------------------------------------------------------------------------


def autoscalers_can_work(tree: Node) -> Problems:
    """An autoscaler has room between its bounds, something to look at, and begins within them."""
    service = tree.get("service")
    owners: list[Node | None] = [region.get("service") for region in entries(tree, "regions").values()] or [None]
    for own in owners:
        scaler = _said(own, service, "autoscaling")
        if scaler is None or not scaler.map:
            continue
        low, high = (parsed(parse_count, scaler.get(key)) for key in ("minimum", "maximum"))
        least, most = scaler.get("minimum"), scaler.get("maximum")
        if least is not None and low is not None and high is not None and low > high:
            yield least.place.problem(
                "The minimum is above the maximum.", least.text(), f"1 to {high}", "Lower it, or raise `maximum`."
            )
        if _said(own, service, "workers") is None:
            node = scaler.get("target") or scaler
            yield node.place.problem(
                "An autoscaler needs `workers`: a replica without a limit is never busy.",
                node.text(), hint="Add e.g. `workers: 8`, the actions that a replica works on at once.",
            )  # fmt: skip
        replicas = _said(own, service, "replicas")
        first = parsed(parse_count, replicas)
        if replicas is not None and most is not None and first is not None and high is not None and first > high:
            yield replicas.place.problem(
                "There are more replicas at the start than the autoscaler's maximum.",
                replicas.text(), f"at most {most.text()}", "Lower it, or raise `autoscaling.maximum`.",
            )  # fmt: skip


def _said(own: Node | None, service: Node | None, key: str) -> Node | None:
    """What a region's service says, else the service of all."""
    for one in (own, service):
        found = one.get(key) if one is not None else None
        if found is not None and found.value is not None:
            return found
    return None


TREE_CHECKS: tuple[Callable[[Node], Problems], ...] = (
    shares_are_said,
    regions_are_known,
    places_are_known,
    ways_are_said,
    names_mean_one_thing,
    regions_are_there,
    somebody_may_serve,
    autoscalers_can_work,
)

__all__ = ["TREE_CHECKS"]
