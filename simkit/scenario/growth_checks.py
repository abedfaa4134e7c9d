"""What must hold of users who come and go: tables without gaps, plans that somebody is on, moves that lead somewhere.

The checks of the tree come with all others (`crosscheck`).
"""

from collections.abc import Callable, Iterator
from math import log2
from typing import Any

from simkit.scenario.errors import Problem, listing, nearest
from simkit.scenario.growth import MOST_WEEKS
from simkit.scenario.helptext import help_of
from simkit.scenario.names import entries, parsed
from simkit.scenario.population import WEEK, signups
from simkit.scenario.scenario import Document
from simkit.scenario.tables import ALLOWED, signups_in
from simkit.scenario.traffic import Users
from simkit.scenario.tree import Node
from simkit.scenario.units import format_count, format_share, parse_count, parse_duration, parse_percent, parse_share

Problems = Iterator[Problem]
MOST_DAYS = 1461
"""Their days are told one by one (see `result.windows`)."""
MOST_USERS = 20_000_000
"""Each has a place in a table."""
NOBODY = "Nobody is there, and nobody comes."


def forms_of(tree: Node) -> list[Node]:
    """The forms of acquisition."""
    node = tree.get("traffic", "users", "growth", "acquisition")
    if node is None:
        return []
    return list(node.items) if node.items else [node]


def somebody_comes(tree: Node) -> Problems:
    """There is somebody at the start, or somebody signs up."""
    growth = tree.get("traffic", "users", "growth")
    if growth is None or not isinstance(growth.value, dict):
        return
    base = growth.get("base")
    number = (base.get("users") or base) if base is not None else None
    empty = number is None or parsed(parse_count, number) == 0
    if empty and not forms_of(tree):
        yield growth.place.problem(NOBODY, "", hint="Add e.g. `base: 100`, or `acquisition: 50` (a week).")


def tables_have_no_gaps(tree: Node) -> Problems:
    """Weeks of sign-ups follow each other; a file's are looked at where it is read."""
    for form in forms_of(tree):
        table = form.get("table")
        weeks = sorted(_weeks(table)) if table is not None else []
        if not weeks or table is None:
            continue
        yield from _no_numbers(table)
        if any(node.place.file != table.place.file for node in table.map.values()):
            continue
        missing = sorted(set(range(weeks[0], weeks[-1] + 1)) - set(weeks))
        if weeks[0] < 1:
            yield table.place.problem("The first week is 1.", str(weeks[0]), "1, 2, 3, ...")
        elif weeks[-1] > MOST_WEEKS:
            yield table.place.problem("This is too many weeks.", str(weeks[-1]), f"at most {MOST_WEEKS}")
        elif missing:
            listed = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            yield table.place.problem(
                f"Between week {weeks[0]} and week {weeks[-1]} there is a gap: {listed}.", "",
                "a number for each week", "Write 0 for a week in which nobody signs up.",
            )  # fmt: skip


def _no_numbers(table: Node) -> Problems:
    """The first week without a number of sign-ups."""
    for week, node in table.map.items():
        if not node.map and not node.items and signups_in(node.text()) is None:
            yield table.place.problem(f"Week {week} has no number of sign-ups.", node.text(), ALLOWED)
            return


def _weeks(table: Node) -> list[int]:
    """Keys of a table that are numbers."""
    return [int(key) for key in table.map if key.isdigit()]


def retention_falls(tree: Node) -> Problems:
    """Nobody comes back: shares by week do not rise, and the weeks are in reach."""
    table = tree.get("traffic", "users", "growth", "retention", "table")
    if table is None:
        return
    known = sorted((int(week), node) for week, node in table.map.items() if week.isdigit())
    before: tuple[int, float] = (0, 1.0)
    for week, node in known:
        share = parsed(parse_share, node)
        if week < 1 or week > MOST_WEEKS:
            yield node.place.problem("This is no week after the sign-up.", str(week), f"1 to {MOST_WEEKS}")
        elif share is not None and share > before[1]:
            yield node.place.problem(
                f"More are there in week {week} than in week {before[0]} ({format_share(before[1])}).", node.text(),
                f"at most {format_share(before[1])}", "Who has left does not come back: shares fall from week to week.",
            )  # fmt: skip
        before = (week, share) if share is not None else before


def plans_are_reached(tree: Node) -> Problems:
    """Who moves moves to a plan that is there; somebody can be on each; nobody moves twice."""
    users = tree.get("traffic", "users")
    plans = entries(users, "plans") if users is not None else {}
    grows = users is not None and users.get("growth") is not None
    for name, plan in plans.items():
        moves = plan.get("moves")
        for to, move in (moves.map if moves is not None else {}).items():
            if to not in plans or to == name:
                allowed = [one for one in plans if one != name]
                text = f"There is no plan `{to}`." if to not in plans else "A move leads to another plan."
                yield move.place.problem(text, to, listing(allowed, to), nearest(to, allowed))
            elif not grows:
                yield move.place.problem(
                    "Users who are there every day do not move between plans.", move.text(),
                    hint="Give `growth:` instead of `daily_active:`, or remove `moves`.",
                )  # fmt: skip
            elif grows and users is not None and not _may_have_quota(users, plan) and _only_at_quota(move):
                yield move.place.problem(
                    f"Users on `{name}` have no quota: nobody moves for one that is used up.", move.text(),
                    hint=f"Give the plan a quota, e.g. `quota: {{day: 20}}`, or write `{to}: 2%` (a week).",
                )  # fmt: skip
        yield from _certain(moves)
    if grows:
        yield from _nobody_there(plans)


def _may_have_quota(users: Node, plan: Node) -> bool:
    return any(one is not None and one.value for one in (plan.get("quota"), users.get("quota")))


def _only_at_quota(move: Node) -> bool:
    """Is it a move that a used quota alone brings about?"""
    week, quota = move.get("week"), move.get("at_quota")
    return (parsed(parse_share, quota) or 0) > 0 and not (parsed(parse_share, week) or 0)


def _nobody_there(plans: dict[str, Node]) -> Problems:
    """Plans on which nobody begins, and to which no way leads from one where somebody does."""
    there = {name for name, plan in plans.items() if parsed(parse_share, plan.get("share")) != 0}
    coming = list(there)
    while coming:
        moves = plans[coming.pop()].get("moves")
        for to, move in (moves.map if moves is not None else {}).items():
            if to in plans and to not in there and _leads(move):
                there.add(to)
                coming.append(to)
    for name, plan in plans.items():
        share = plan.get("share")
        if share is not None and name not in there:
            yield share.place.problem(
                f"Nobody can be on the plan `{name}`: nobody begins there, and nobody moves there.", share.text(),
                hint=f"Give it a share, or add `moves: {{{name}: 2%}}` to another plan.",
            )  # fmt: skip


def _leads(move: Node) -> bool:
    """Does anybody move this way? (What is not understood is told elsewhere.)"""
    parts = [one for one in (move.get("week"), move.get("at_quota"), None if move.map else move) if one is not None]
    return any(parsed(parse_share, part) != 0 for part in parts)


def _certain(moves: Node | None) -> Problems:
    """All moves together are at most certain."""
    total = 0.0
    for move in (moves.map if moves is not None else {}).values():
        parts = move.map.values() if move.map else [move]
        total += sum(parsed(parse_share, part) or 0.0 for part in parts)
    if moves is not None and total > 1 + 1e-9:
        yield moves.place.problem(f"All moves together are {format_share(round(total, 9))} a week.", "", "at most 100%")


def pace_fits(tree: Node) -> Problems:
    """It is said how much users ask; conversations a day need to know what a conversation is."""
    users = tree.get("traffic", "users")
    if users is not None and users.map and not users.map.keys() & {"actions_per_day", "sessions_per_day"}:
        short = any(one.place.path.endswith("daily_active_users") for one in users.map.values())
        name = "actions_per_user_per_day" if short else "actions_per_day"
        yield users.place.problem(f"`{name}` is missing.", "", hint=help_of(Users, "actions_per_day"), key=name)
    node = tree.get("traffic", "users", "sessions_per_day")
    if node is not None and tree.get("traffic", "sessions") is None:
        yield node.place.problem(
            "`sessions_per_day` needs `traffic.sessions`.", node.text(),
            hint="Add e.g. `sessions: {turns: 3, think: 40s}`, or say `actions_per_day`.",
        )  # fmt: skip


def team_is_known(tree: Node) -> Problems:
    """A team in one word is the playbook's."""
    team = tree.get("business", "team")
    if team is not None and isinstance(team.value, str):
        hint = nearest(team.value, ["playbook"]) or "Or write e.g. `team: {engineer: $15k/month}`."
        yield team.place.problem(f"There is no team `{team.value}`.", team.text(), "playbook, or who is paid", hint)


def growth_is_bounded(tree: Node) -> Problems:
    """So many users fit into a table."""
    for form in forms_of(tree):
        growth = form.get("exponential", "growth")
        until, horizon = form.get("exponential", "until"), tree.get("horizon")
        if growth is not None and until is None and horizon is not None:
            weeks = (parsed(parse_duration, horizon) or 0) / WEEK
            factor = parsed(parse_percent, growth)
            if factor is not None and weeks * log2(1 + factor) > 40:
                yield growth.place.problem(
                    "This grows more than a trillionfold until the horizon.", growth.text(), "less",
                    "Give it an end: `until: 26w`.",
                )  # fmt: skip


TREE_CHECKS: tuple[Callable[[Node], Problems], ...] = (
    somebody_comes,
    tables_have_no_gaps,
    retention_falls,
    plans_are_reached,
    pace_fits,
    growth_is_bounded,
    team_is_known,
)


# --- of the document ------------------------------------------------------------------------------------


def growth_problems(tree: Node, document: Document) -> list[Problem]:
    """Problems that need the whole scenario."""
    users = document.traffic.users
    if users is None or users.growth is None:
        return []
    days = max((document.horizon or WEEK) // (WEEK // 7), 1)
    came = float(signups(users.growth, int(days)).sum()) + users.growth.base.users
    node = tree.get("traffic", "users", "growth") or tree
    if came == 0:
        return [node.place.problem(NOBODY, "", hint="Add e.g. `base: 100`, or `acquisition: 50` (a week).")]
    if days > MOST_DAYS:
        place = (tree.get("horizon") or tree).place
        return [place.problem("Users who come and go are simulated for four years at most.", f"{days} d", "1461d")]
    if came > MOST_USERS:
        return [
            node.place.problem(
                f"{came:,.0f} users are too many to be simulated one by one.", "",
                f"at most {format_count(MOST_USERS)} until the horizon",
            )
        ]  # fmt: skip
    return []


def growth_structure(document: Document) -> tuple[Any, ...]:
    """What no change may alter."""
    users, levels = document.traffic.users, [one.every for one in document.traffic.modulation]
    growth = None if users is None else users.growth
    if growth is None or users is None:
        return (None, levels)
    moves = [(name, list(plan.moves)) for name, plan in users.plans.items()]
    return (growth.base, growth.activation.within, users.activity, moves, levels)


__all__ = ["TREE_CHECKS", "growth_problems", "growth_structure"]
