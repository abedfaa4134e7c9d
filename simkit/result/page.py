"""`Page`: what a result says, as plain data; the text and the HTML face both render it and add nothing."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    """A title of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Running text; `lead` is set in bold before it, `tone` is good, bad, warn or empty."""

    text: str
    lead: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Grid:
    """A table of texts; columns in `right` are figures and stand at the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()


Block = Heading | Paragraph | Grid


@dataclass(frozen=True)
class Page:
    """A title, a line below it, and blocks."""

    title: str
    subtitle: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)

    def texts(self) -> tuple[str, ...]:
        """Every piece of text, in order: what both faces must show."""
        found = [self.title, self.subtitle]
        for block in self.blocks:
            if isinstance(block, Grid):
                found += [*block.columns, *(cell for row in block.rows for cell in row)]
            else:
                found += [block.lead, block.text] if isinstance(block, Paragraph) else [block.text]
        return tuple(text for text in found if text)
