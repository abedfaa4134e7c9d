"""Tables that a scenario names as CSV files: they take the files' place in its tree."""

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from simkit.scenario.errors import Problem, nearest
from simkit.scenario.growth import MOST_WEEKS
from simkit.scenario.tree import Node

COLUMNS = ("week", "signups")
MOST_SIGNUPS = 10_000_000
ALLOWED = "a number from 0 to 10,000,000"


def file_named(node: Node, bases: str) -> Path:
    """The path of a file: from the folder of the file that names it; of an override from the working folder."""
    folder = Path() if node.place.origin == "set" or node.place.file.startswith(bases) else Path(node.place.file).parent
    return folder / Path(str(node.value)).expanduser()


def with_tables(tree: Node, bases: str) -> tuple[Node, list[Problem]]:
    """The tree with the rows of sign-ups in the place of the names of their files."""
    problems: list[Problem] = []

    def filled(node: Node, path: tuple[str, ...]) -> Node:
        if not path and isinstance(node.value, str):
            found, wrong = _rows(node, file_named(node, bases))
            problems.extend(wrong)
            return found
        if path and node.items:
            return replace(node, value=[filled(one, path) for one in node.items])
        if path and path[0] in node.map:
            return replace(node, value={**node.map, path[0]: filled(node.map[path[0]], path[1:])})
        return node

    return filled(tree, ("traffic", "users", "growth", "acquisition", "table")), problems


def _rows(node: Node, path: Path) -> tuple[Node, list[Problem]]:
    """Weeks and sign-ups of a file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        near = nearest(path.name, [one.name for one in path.parent.iterdir()], 0.7) if path.parent.is_dir() else ""
        why = "There is no such file." if isinstance(error, FileNotFoundError) else "This file cannot be read."
        return node, [node.place.problem(why, node.text(), "a CSV file with the columns week and signups", near)]
    if not rows or any(name not in rows[0] for name in COLUMNS):
        have = ", ".join(rows[0]) if rows else "nothing"
        return node, [node.place.problem(f"{path.name} has {have}.", node.text(), "the columns week and signups")]
    entries = {}
    for line, row in enumerate(rows, 2):
        week, count = ((row[name] or "").strip() for name in COLUMNS)
        place = replace(node.place, file=str(path), line=line, path=f"{node.place.path}.{week}")
        if not week.isdigit() or not 1 <= int(week) <= MOST_WEEKS or week in entries:
            text = "This week stands here twice." if week in entries else "This is no number of a week."
            return node, [place.problem(text, week, f"1, 2, 3, ... {MOST_WEEKS}")]
        number = signups_in(count)
        if number is None:
            return node, [place.problem("This is no number of sign-ups.", count, ALLOWED)]
        entries[week] = Node(number, place)
    return replace(node, value=entries), _gaps(entries)


def signups_in(text: object) -> float | None:
    """A number of sign-ups, in a file or a scenario; None: it is none."""
    try:
        number = float(str(text))
    except ValueError:
        return None
    return number if 0 <= number <= MOST_SIGNUPS else None


def _gaps(entries: dict[str, Node]) -> list[Problem]:
    """The first line of a file that does not follow the week before it."""
    weeks = sorted((int(week), week) for week in entries)
    for (before, _), (week, text) in pairwise(weeks):
        if week > before + 1:
            message = f"Week {before} is followed by week {week}: there is a gap."
            hint = "Write 0 for a week in which nobody signs up."
            return [entries[text].place.problem(message, week, "a line for each week", hint)]
    return []


__all__ = ["ALLOWED", "file_named", "signups_in", "with_tables"]
