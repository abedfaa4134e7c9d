"""What a report is made of: parts of a result's page, where its figures come from, and how it was made.

Each is a `Fragment`, which a notebook shows as text or HTML; every name in it is escaped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simkit.report.stress import checklist_rows
from simkit.result import assumptions as origins
from simkit.result import region_text, review_text
from simkit.result.metrics import METRICS
from simkit.result.page import Block, Grid, Heading, Page, Paragraph
from simkit.result.words import figure

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.result.table import Table
    from simkit.study.compare import Comparison

KINDS = ("measured", "estimated", "assumed")
NONE = "–"
MOST_ROWS = 20
"""Most rows of a table of incidents in a document."""
MOST_CASES = {"reviews": review_text.MOST, "failovers": region_text.MOST}
"""So many are told in sentences."""
REVIEWS = {
    "name": ("incident", "text"), "replication": ("replication", "run"), "start": ("start", "time"),
    "time_to_detect_s": ("noticed after", "s"), "lost": ("lost", "number"), "degraded": ("lesser answer", "number"),
    "abandoned": ("gave up", "number"), "budget_spent": ("of the budget", "share"),
    "extra_cost_usd": ("extra cost", "USD"), "recovery_s": ("well again after", "s"),
}  # fmt: skip
FAILOVERS = {
    "name": ("incident", "text"), "region": ("region", "text"), "replication": ("replication", "run"),
    "start": ("start", "time"), "detected_s": ("noticed after", "s"), "moved_s": ("moved after", "s"),
    "back_s": ("back after", "s"), "lost": ("lost", "number"), "latency_p95_before_s": ("p95 before", "s"),
    "latency_p95_during_s": ("p95 meanwhile", "s"),
}  # fmt: skip
NOBODY = "nobody has said where it comes from"


@dataclass(frozen=True, repr=False)
class Fragment:
    """A part of a document."""

    blocks: tuple[Block, ...]

    def __repr__(self) -> str:
        from simkit.result import text

        return text.render(Page("", "", self.blocks))

    def _repr_html_(self) -> str:
        from simkit.result import html

        return html.render(Page("", "", self.blocks))


@dataclass(frozen=True, repr=False)
class Title:
    """The head of a document: its name and a line below it."""

    name: str
    line: str
    description: str = ""

    def __repr__(self) -> str:
        return "\n".join(filter(None, (self.name, self.line, self.description)))

    def _repr_html_(self) -> str:
        from html import escape

        description = f'<p class="lead">{escape(self.description)}</p>' if self.description else ""
        return f'<h1>{escape(self.name)}</h1><p class="sub">{escape(self.line)}</p>{description}'


def title(of: "Result | Comparison") -> Title:
    """The name of what is reported, how much of it was simulated, and when and by what."""
    import datetime as dt

    from simkit.result.export import version

    page, day = of.page(), dt.datetime.now().astimezone().date().isoformat()
    scenario = getattr(of, "scenario", None)
    description = "" if scenario is None else scenario.document.description
    return Title(page.title, f"{page.subtitle}; made on {day} by simkit {version()}", " ".join(description.split()))


def note(text: str, heading: bool = False) -> Fragment:
    """A sentence, or a heading."""
    return Fragment((Heading(text) if heading else Paragraph(text),))


def part(of: "Result", *titles: str, otherwise: str = "", headings: bool = False) -> Fragment:
    """Sections of a result's page, by their titles; without any: the answers and notes it opens with.

    Args:
        of: the result.
        titles: of the sections, without what stands in brackets. Those that this result does not have are left out.
        otherwise: what to say where none is there; empty: nothing.
        headings: show each section's own title, too.
    """
    sections = _sections(of.page().blocks)
    wanted = [one for title in titles or ("",) for one in sections if one == title or one.startswith(f"{title} (")]
    found: list[Block] = []
    for one in wanted:
        found += [Heading(one)] if headings and one else []
        found += sections[one]
    return Fragment(tuple(found) if found or not otherwise else (Paragraph(otherwise),))


def _sections(blocks: Iterable[Block]) -> dict[str, list[Block]]:
    """Blocks by the heading that they stand under; those before the first by an empty text."""
    found: dict[str, list[Block]] = {"": []}
    under = ""
    for block in blocks:
        if isinstance(block, Heading):
            under = block.text
            found.setdefault(under, [])
        else:
            found[under].append(block)
    return found


def metrics(of: "Result") -> Fragment:
    """Every figure that applies, with its interval and what it means."""
    (grid,) = (one for one in _sections(of.page().blocks)["All figures"] if isinstance(one, Grid))
    known = [row for row in grid.rows if row[1] != NONE]
    rows = tuple((name, value, ends, _meaning(name, text)) for name, value, ends, _, text in known)
    left = len(grid.rows) - len(rows)
    rest = (Paragraph(f"{left} more figures do not apply to this scenario."),) if left else ()
    return Fragment((Grid(("metric", "value", "95 % interval", "what it is"), rows, grid.right), *rest))


def _meaning(metric: str, note: str) -> str:
    """What a metric is, and what is to be known of it here."""
    return f"{METRICS[metric].help} {note[0].upper()}{note[1:]}." if note else METRICS[metric].help


def glossary(of: "Comparison") -> Fragment:
    """What each figure of a comparison means."""
    names = dict.fromkeys(of.summary["metric"])
    rows = tuple((str(name), METRICS[str(name)].unit, METRICS[str(name)].help) for name in names)
    return Fragment((Grid(("metric", "unit", "what it is"), rows),))


def rest(of: "Result") -> Fragment:
    """Incidents and failovers for which the sections have no room: the tables that they refer to."""
    blocks: list[Block] = []
    for name, shown in (("reviews", REVIEWS), ("failovers", FAILOVERS)):
        table = getattr(of, name)
        if len(table) > MOST_CASES[name]:
            blocks += [Heading(f"The table `{name}`"), _cases(table, shown)]
            more = len(table) - MOST_ROWS
            blocks += [Paragraph(f"{more} more, with less harm, are in `result.{name}` only.")] if more > 0 else []
    return Fragment(tuple(blocks))


def _cases(table: "Table", shown: dict[str, tuple[str, str]]) -> Grid:
    """The rows that lost most, in order of time; `shown` names each column that is, and its unit."""
    records = table.nlargest(MOST_ROWS, "lost").sort_values("start").to_dict("records")
    rows = tuple(tuple(_cell(one[name], unit) for name, (_, unit) in shown.items()) for one in records)
    right = frozenset(place for place, (_, unit) in enumerate(shown.values()) if unit not in ("text", "run", "time"))
    return Grid(tuple(head for head, _ in shown.values()), rows, right)


def _cell(value: Any, unit: str) -> str:
    """A value of a table as one reads it."""
    if unit == "run":
        return "every" if value < 0 else str(value)
    if unit == "time":
        return f"{value:%a} {value.day} {value:%b %H:%M}"
    return str(value) if unit == "text" else figure(float(value), unit)


def assumptions(of: "Result") -> Fragment:
    """Where the figures of a scenario come from: measured, estimated, or assumed, and by whom."""
    counted: dict[tuple[str, str], list[str]] = {}
    for path in origins.figures(of.scenario.document):
        counted.setdefault(of.scenario.source_of(path), []).append(path)
    rows = [
        (kind, words or NOBODY, str(len(paths)), _below(paths))
        for (kind, words), paths in sorted(counted.items(), key=lambda one: (KINDS.index(one[0][0]), one[0][1] == ""))
    ]
    grid = Grid(("kind", "source", "figures", "of what"), tuple(rows), frozenset({2}))
    hint = "`simkit check FILE --resolved` shows each of them with its source."
    return Fragment((Paragraph(of.assumed_text), grid, Paragraph(hint)))


def _below(paths: list[str], most: int = 4) -> str:
    """What paths are of, in short: their first two steps, each once."""
    places = list(dict.fromkeys(".".join(path.split(".")[:2]) for path in paths))
    return ", ".join(places[:most]) + (f" and {len(places) - most} more" if len(places) > most else "")


def manifest(of: "Result") -> Fragment:
    """What made this result: the same scenario, seed and version make it again."""
    about: dict[str, Any] = of.manifest()
    rows = [
        ("scenario", about["scenario"]),
        (
            "its full form",
            f"`scenario.yaml` in the report's folder (in a comparison: its own name); SHA-256 of what it means:"
            f" {about['scenario_hash']}",
        ),
        ("seed", str(about["seed"])),
        ("replications", str(about["replications"])),
        ("engine", about["engine"]),
        ("price book", about["price_book"]),
        ("simkit", about["version"]),
        *((name, text) for name, text in about["versions"].items()),
    ]
    return Fragment((Grid(("", ""), tuple(rows)),))


def checklist(of: "Result") -> Fragment:
    """The STRESS-DES checklist, as far as it applies."""
    cite = (
        "Strengthening the Reporting of Empirical Simulation Studies (Monks et al. 2019, Journal of Simulation 13:1,"
        " doi:10.1080/17477778.2018.1442155), for discrete-event simulation."
    )
    return Fragment((Paragraph(cite), Grid(("", "item", "here"), checklist_rows(of))))


def verdicts(of: "Comparison") -> Fragment:
    """What to know of each scenario beside the baseline, and what they have in common, a sentence each."""
    common = (Paragraph(text, *(("Mind:", "warn") if of.unlike else ())) for text in of.alike)
    return Fragment((*(Paragraph(text) for text in of.headlines), *common))


def changes(of: "Comparison") -> Fragment:
    """The fields in which the scenarios differ."""
    rows = tuple(tuple(str(cell) for cell in row) for row in of.changes.itertuples(index=False))
    if not rows:
        return Fragment((Paragraph("The scenarios are the same."),))
    if len(of.others) == 1:
        return Fragment((Grid(("field", of.baseline, of.others[0]), tuple(row[1:] for row in rows)),))
    return Fragment((Grid(("scenario", "field", of.baseline, "there"), rows),))


def differences(of: "Comparison") -> Fragment:
    """Every figure of each scenario beside the baseline's: verdicts, and all differences."""
    blocks: list[Block] = []
    for name in of.others:
        blocks += [Heading(f"{name} against {of.baseline}"), *of.tables(name)]
    return Fragment(tuple(blocks))


def answers(of: "Comparison") -> Fragment:
    """The three questions, answered for each scenario that was run here."""
    blocks: list[Block] = []
    for name, result in of.results.items():
        found = getattr(result, "answers", ())
        blocks += [Heading(name), *(Paragraph(one.text, one.question, one.tone) for one in found)]
    return Fragment(tuple(blocks))


@dataclass(frozen=True, repr=False)
class Record:
    """What a notebook records for `summary.json` and the index; it shows nothing."""

    values: dict[str, Any]

    def __repr__(self) -> str:
        return f"recorded: {', '.join(self.values)}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        from simkit.report.execution import RECORD

        return {"text/plain": repr(self), RECORD: self.values}


def record(of: "Result | Comparison") -> Record:
    """Record a result, or a comparison, in `summary.json`: shown as the last thing of a cell."""
    from simkit.study.compare import Comparison

    if isinstance(of, Comparison):
        return Record({"headlines": list(of.headlines), "baseline": of.baseline, "others": list(of.others)})
    verdicts = [str(one.verdict) for one in of.expected]
    return Record(
        {
            "answers": [{"question": one.question, "text": one.text, "tone": one.tone} for one in of.answers],
            "expectations": {name: verdicts.count(name) for name in sorted(set(verdicts))},
            "result": of.to_dict(),
        }
    )
