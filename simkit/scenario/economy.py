"""What must hold of caches, conversations, quotas, budgets and batch as a whole.

The checks of the tree come with all others (`crosscheck`); those of the document when it is valid otherwise.
"""

from collections.abc import Callable, Iterator

from simkit.scenario.actions import Call, Parallel
from simkit.scenario.batch_models import is_batch
from simkit.scenario.caches import TTL
from simkit.scenario.conversation import MOST_TURNS, History
from simkit.scenario.defaults import cooldown_of
from simkit.scenario.errors import Problem, listing, nearest
from simkit.scenario.names import Names, entries, items
from simkit.scenario.scenario import Document
from simkit.scenario.spending import Budget, UserQuota
from simkit.scenario.tree import Node
from simkit.scenario.units import format_count, format_duration, parse_duration
from simkit.scenario.workload import mean_rate, mean_repetitions, names_of

Problems = Iterator[Problem]
DAY = 86_400 * 10**9
MONTH = 730 * 3600 * 10**9
KEY_BITS = 35
"""Of an action in the keys of events: its ordinal, how often it was asked before, its turn."""


# --- of the tree ----------------------------------------------------------------------------------------


def names_are_known(tree: Node) -> Problems:
    """Cheaper models and what budgets are of is there; `@batch` is no name of one's own."""
    names = Names(tree)
    for name, node in entries(tree, "cheaper").items():
        for word in (name, node.text()):
            if word not in names.models:
                allowed, near = listing(names.models, word), nearest(word, names.models)
                yield node.place.problem(f"There is no model `{word}`.", node.text(), allowed, near)
    for budget in entries(tree, "budgets").values():
        for one in items(budget, "of"):
            if one.text() not in names.targets:
                yield one.place.problem(
                    f"There is no model, provider or deployment `{one.text()}`.", one.text(),
                    listing(names.targets, one.text()), nearest(one.text(), names.targets),
                )  # fmt: skip
    for name, node in entries(tree, "models").items():
        if is_batch(name):
            yield node.place.problem("A name with `@batch` at its end is kept for the batch side of a model.")


def cheaper_circles(tree: Node) -> Problems:
    """No model stands in for itself by way of others."""
    after = {name: node.text() for name, node in entries(tree, "cheaper").items()}
    told: set[str] = set()
    for name, node in entries(tree, "cheaper").items():
        way = [name]
        while way[-1] in after and after[way[-1]] not in way:
            way.append(after[way[-1]])
        if after.get(way[-1]) == name and name not in told:
            told |= set(way)
            text = " -> ".join([*way, name])
            yield node.place.problem(f"`cheaper` leads in a circle: {text}.", node.text(), hint="Remove one of them.")


def caches_are_asked(tree: Node) -> Problems:
    """It is said what a cache of answers is asked, once."""
    exact, column = tree.get("caches", "exact"), tree.get("traffic", "trace", "columns", "key")
    if exact is None or not isinstance(exact.value, dict):
        return
    keys = exact.get("keys")
    if keys is not None and column is not None:
        yield keys.place.problem(
            "`keys` and the trace's `key` column both say what is asked.", keys.text(), hint="Remove one of them."
        )
    elif keys is None and exact.get("hit_rate") is None and column is None:
        yield exact.place.problem(
            "`caches.exact` needs `keys`, a `hit_rate`, or a trace with a `key` column.", "",
            hint="Add e.g. `keys: {zipf: 1.0, count: 100k}`.",
        )  # fmt: skip


def stale_answers_exist(tree: Node) -> Problems:
    """The ladder's old answers come from a cache that keeps some."""
    kept = [one for name in ("exact", "semantic") if (one := tree.get("caches", name)) and one.get("hit_rate") is None]
    for rung in items(tree, "resilience", "degrade"):
        stale = rung.get("stale_cache")
        if stale is not None and not kept:
            yield stale.place.problem(
                "`stale_cache` needs `caches.exact` or `caches.semantic`, with answers that are kept (no `hit_rate`).",
                stale.text(), hint="Add e.g. `caches: {exact: {keys: {zipf: 1.0, count: 100k}}}`.",
            )  # fmt: skip


def blocks_have_a_length(tree: Node) -> Problems:
    """Blocks of a trace have a number of tokens."""
    blocks, block = tree.get("traffic", "trace", "columns", "blocks"), tree.get("traffic", "trace", "block")
    if blocks is not None and block is None:
        yield blocks.place.problem("`blocks` needs `block`, the tokens of a block.", blocks.text(), "e.g. block: 512")


def windows_are_open(tree: Node) -> Problems:
    """A batch window has a length."""
    start, end = tree.get("batch", "window", "from"), tree.get("batch", "window", "to")
    if start is not None and end is not None and start.value == end.value:
        yield end.place.problem(f"`batch.window` from {start.text()} to {end.text()} is empty.", end.text())


def quotas_limit(tree: Node) -> Problems:
    """A user's quota says how many."""
    users = tree.get("traffic", "users")
    owners = [users, *entries(users, "plans").values()] if users is not None else []
    for owner in owners:
        quota = owner.get("quota")
        if quota is not None and isinstance(quota.value, dict) and not {"day", "month"} & quota.map.keys():
            yield quota.place.problem("This quota limits nothing.", "", "day, month", "Add e.g. `day: 20`.")


TREE_CHECKS: tuple[Callable[[Node], Problems], ...] = (
    names_are_known,
    cheaper_circles,
    caches_are_asked,
    stale_answers_exist,
    blocks_have_a_length,
    windows_are_open,
    quotas_limit,
)


# --- of the document ------------------------------------------------------------------------------------


def economy_problems(tree: Node, document: Document) -> list[Problem]:
    """Problems of what spares money or limits it."""
    checks = (turns_countable, summaries_serve, budgets_are_whole, quotas_can_degrade, lives_are_sold)
    return [problem for check in checks for problem in check(tree, document)]


def turns_countable(tree: Node, document: Document) -> Problems:
    """Turns, reloads and conversations fit into an action's number together."""
    sessions = document.traffic.sessions
    most = sessions.turns.most() if sessions is not None else 1
    node = tree.get("traffic", "sessions", "turns") or tree
    if most > MOST_TURNS:
        yield node.place.problem("These are too many turns.", node.text(), f"at most {MOST_TURNS}")
        return
    reload = document.users.reload
    asked = reload.at_most if reload.abandoned or reload.failed else 0
    bits = KEY_BITS - asked.bit_length() - (most - 1).bit_length()
    turns = mean_repetitions(sessions.turns) if sessions is not None else 1.0
    span = sum(part or 0 for part in (document.warmup, document.horizon or 7 * DAY, cooldown_of(document)))
    users = document.traffic.users
    sources = 2 if users is not None and users.growth is not None else 1  # newcomers are counted beside the others
    if sessions is not None and 1.5 * sources * (mean_rate(document) or 0) * span / 1e9 / turns > 2**bits:
        room = format_count(2**bits // 10**6 * 10**6)
        yield node.place.problem(
            f"Conversations of up to {most} turns leave room for {room} of them.", node.text(),
            hint="Fewer turns at most, or a shorter horizon.",
        )  # fmt: skip


def summaries_serve(tree: Node, document: Document) -> Problems:
    """What sums up the history comes alone, before a call whose history has a limit."""
    for kind, action in document.actions.items():
        node = tree.get("actions", kind) or tree
        for stage, item in enumerate(action.calls):
            for call in item.parallel if isinstance(item, Parallel) else [item]:
                if call.summarises and (isinstance(item, Parallel) or call.repeat.most() > 1):
                    yield node.place.problem(
                        f"The call `{call.name}` summarises: it cannot be in `parallel` or repeat."
                    )
                elif call.summarises and not any(_is_limited(one) for one in action.calls[stage + 1 :]):
                    yield node.place.problem(
                        f"The call `{call.name}` summarises, but no call after it has a limit on its history.",
                        hint="Give the next call e.g. `input: {history: {limit: 4000}}`.",
                    )


def _is_limited(item: Call | Parallel) -> bool:
    calls = item.parallel if isinstance(item, Parallel) else [item]
    return any(isinstance(one.input.history, History) and one.input.history.limit is not None for one in calls)


def budgets_are_whole(tree: Node, document: Document) -> Problems:
    """Budgets are of calendar days or months, and something is cheaper where they say so."""
    for name, budget in document.budgets.items():
        node = tree.get("budgets", name) or tree
        if budget.limit.period_ns not in (DAY, MONTH):
            yield node.place.problem(
                f"Budget `{name}`: a limit is per day or per month.", str(budget.limit), "e.g. $20/day or $500/month"
            )
        cheaper = document.cheaper.keys() & set(covered(document, budget))
        if "degrade" in budget.at.values() and not cheaper:
            yield node.place.problem(
                f"Budget `{name}`: nothing is `cheaper` than any of its models, so `degrade` does nothing.",
                hint="Add e.g. `cheaper: {gpt-4o: gpt-4o-mini}` at the top level of the file.",
            )


def covered(document: Document, budget: Budget) -> list[str]:
    """The models whose bills, at least at one of their deployments, a budget counts."""
    if budget.of is None:
        return list(document.models)
    return [
        name
        for name, model in document.models.items()
        if any(not names_of(name, one).isdisjoint(budget.of) for one in model.deployments)
    ]


def user_quotas(document: Document) -> list[tuple[str, UserQuota]]:
    """(path, quota) of the users' quotas."""
    users = document.traffic.users
    if users is None:
        return []
    own = [(f"traffic.users.plans.{name}.quota", plan.quota) for name, plan in users.plans.items()]
    return [(path, quota) for path, quota in [("traffic.users.quota", users.quota), *own] if quota is not None]


def quotas_can_degrade(tree: Node, document: Document) -> Problems:
    """Where a quota says cheaper models there are some."""
    for path, quota in user_quotas(document):
        if quota.over == "degrade" and not document.cheaper:
            node = tree.get(*path.split(".")) or tree
            yield node.place.problem(
                f"`{path}`: `over: degrade` needs `cheaper`.", node.text(),
                hint="Add e.g. `cheaper: {gpt-4o: gpt-4o-mini}` at the top level of the file.",
            )  # fmt: skip


def lives_are_sold(tree: Node, document: Document) -> Problems:
    """A prompt is kept as long as its provider offers."""
    prompt, node = document.caches.prompt, tree.get("caches", "prompt", "ttl") or tree
    served = {one.provider for model in document.models.values() for one in model.deployments}
    for name, provider in document.providers.items():
        rules = provider.prompt_cache
        if prompt is None or prompt.ttl is None or rules is None or rules.longer is None or name not in served:
            continue
        lives = rules.ttl or parse_duration(TTL), rules.longer.ttl
        if prompt.ttl not in lives:
            offered = " or ".join(format_duration(one) for one in lives)
            yield node.place.problem(
                f"{name} keeps prompts for {offered}, not {format_duration(prompt.ttl)}.", node.text(), offered
            )


__all__ = ["TREE_CHECKS", "covered", "economy_problems", "user_quotas"]
