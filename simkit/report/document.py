"""What a report is made of: parts of a result's page, where its figures come from, and how it was made.

Each is a `Fragment`, which a notebook shows as text or HTML; every name in it is escaped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simkit.report.stress import checklist_rows
from simkit.result import assumptions as origins
from simkit.result.page import Block, Grid, Heading, Page, Paragraph

if TYPE_CHECKING:
    from simkit.result.result import Result
    from simkit.study.compare import Comparison

KINDS = ("measured", "estimated", "assumed")
NONE = "–"
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
        titles: of the sections. Those that this result does not have are left out.
        otherwise: what to say where none is there.
        headings: show each section's own title, too.
    """
    sections = _sections(of.page().blocks)
    wanted = [title for title in titles or ("",) if title in sections]
    found: list[Block] = []
    for one in wanted:
        found += [Heading(one)] if headings and one else []
        found += sections[one]
    return Fragment(tuple(found) if found else (Paragraph(otherwise),))


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
    """Every figure that applies, with its interval."""
    (grid,) = (one for one in _sections(of.page().blocks)["All figures"] if isinstance(one, Grid))
    rows = tuple(row for row in grid.rows if row[1] != NONE)
    left = len(grid.rows) - len(rows)
    rest = (Paragraph(f"{left} more figures do not apply to this scenario."),) if left else ()
    return Fragment((Grid(grid.columns, rows, grid.right), *rest))


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
        ("scenario", f"{about['scenario']} (SHA-256 of its full form: {about['scenario_hash']})"),
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
    """What to know of each scenario beside the baseline, a sentence each."""
    return Fragment(tuple(Paragraph(text) for text in of.headlines))


def changes(of: "Comparison") -> Fragment:
    """The fields in which the scenarios differ."""
    rows = tuple(tuple(str(cell) for cell in row) for row in of.changes.itertuples(index=False))
    grid = Grid(("scenario", "field", of.baseline, "there"), rows)
    return Fragment((grid,) if rows else (Paragraph("The scenarios are the same."),))


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
