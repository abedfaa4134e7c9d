"""What must hold of a quota's tiers: each comes after the one before it, and raises limits that the quota has."""

import re
from collections.abc import Iterator

from simkit.scenario.errors import Problem, listing, nearest
from simkit.scenario.names import Names, entries, items, parsed
from simkit.scenario.tree import Node
from simkit.scenario.units import parse_duration, parse_limit, parse_money

Problems = Iterator[Problem]
MEASURES = ("requests", "input", "output", "tokens")
ONLY_WITH_TIERS = ("spent_on", "spent_before", "paying_for")
MOST = 64
"""Quotas with tiers."""


def tiers_ascend(tree: Node) -> Problems:
    """Every quota's tiers are in their order, and none lowers a limit."""
    names = Names(tree)
    tiered = [quota for quota in entries(tree, "quotas").values() if items(quota, "tiers")]
    for quota in tiered[MOST:]:
        yield quota.place.problem(f"More than {MOST} quotas have tiers.", hint="Let fewer of them rise.")
    for quota in entries(tree, "quotas").values():
        yield from _known(quota, names)
        yield from _needed(quota)
        before: Node | None = None
        for tier in items(quota, "tiers"):
            yield from _later(tier, before)
            before = tier
        yield from _higher(quota)


def _known(quota: Node, names: Names) -> Problems:
    for one in items(quota, "spent_on"):
        if one.text() not in names.targets:
            yield one.place.problem(
                f"There is no model, provider or deployment `{one.text()}`.", one.text(),
                listing(names.targets, one.text()), nearest(one.text(), names.targets),
            )  # fmt: skip


def is_nothing(node: Node) -> bool:
    """Is it said that there is none of it?"""
    return re.fullmatch(r"\W*0+(\.0+)?\s*[a-z]*", node.text()) is not None


def _needed(quota: Node) -> Problems:
    """What is said of payments is said for tiers."""
    for key in ONLY_WITH_TIERS if not items(quota, "tiers") else ():
        if (node := quota.get(key)) is not None and not is_nothing(node):
            yield node.place.problem(f"`{key}` has no effect without `tiers`.", node.text(), hint="Remove it.")
    paying, before = quota.get("paying_for"), parsed(parse_money, quota.get("spent_before"))
    if paying is not None and not before and (parsed(parse_duration, paying) or 0) > 0:
        yield paying.place.problem(
            "`paying_for` needs `spent_before`: who has paid has spent something.", paying.text(),
            hint="Add e.g. `spent_before: $20`.",
        )  # fmt: skip


def _later(tier: Node, before: Node | None) -> Problems:
    """A tier asks for more than the one before it, and raises something."""
    if tier.map.keys().isdisjoint(MEASURES):
        yield tier.place.problem("This tier raises nothing.", "", ", ".join(MEASURES), "Add e.g. `requests: 5000/min`.")
    node, spent = tier.get("spent"), parsed(parse_money, tier.get("spent"))
    least = parsed(parse_money, before.get("spent")) if before is not None else 0
    if node is not None and spent is not None and least is not None and spent <= least:
        text = f"${least / 1e12:g}"
        yield node.place.problem(
            "Tiers ascend: each asks for more than the one before it.", node.text(), f"more than {text}"
        )
    node, after = tier.get("after"), parsed(parse_duration, tier.get("after")) or 0
    soonest = parsed(parse_duration, before.get("after")) or 0 if before is not None else 0
    if after < soonest:
        place = node or tier
        yield place.place.problem("Tiers ascend: this one could come before the one before it.", place.text())


def _higher(quota: Node) -> Problems:
    """Limits rise from tier to tier; their period stays, so that what a full bucket holds never shrinks."""
    for measure in MEASURES:
        own = quota.get(measure)
        present = parsed(parse_limit, own)
        for tier in items(quota, "tiers"):
            node, limit = tier.get(measure), parsed(parse_limit, tier.get(measure))
            if node is None or node.value is None:  # said to be nothing, as in the resolved form
                continue
            if own is None or own.value is None:
                yield node.place.problem(f"The quota has no limit of `{measure}` to be raised.", node.text())
            elif present is not None and limit is not None:
                if limit[1] != present[1]:
                    yield node.place.problem(
                        "The period of a limit does not change from tier to tier.", node.text(), f"as in {own.text()}"
                    )
                elif limit[0] < present[0]:
                    yield node.place.problem(
                        "A tier never lowers a limit.", node.text(), f"at least {present[0]:,} in the same time"
                    )
                present = limit


TREE_CHECKS = (tiers_ascend,)

__all__ = ["MEASURES", "TREE_CHECKS"]
