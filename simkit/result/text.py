"""The text face: a page for a terminal, at its width, with or without colour."""

import shutil
from io import StringIO

from simkit.result.page import Block, Grid, Heading, Page, Paragraph

TONES = {"good": "green", "bad": "red", "warn": "yellow", "": ""}
NARROWEST = 40


def render(page: Page, width: int | None = None, colour: bool = False) -> str:
    """The page as text of at most `width` columns (default: the terminal's); words wrap, nothing is cut."""
    from rich.console import Console
    from rich.text import Text

    columns = max(NARROWEST, width or min(shutil.get_terminal_size((100, 24)).columns, 140))
    out = StringIO()
    console = Console(
        file=out, width=columns, force_terminal=colour, force_jupyter=False, no_color=not colour, highlight=False,
        color_system="standard" if colour else None, legacy_windows=False, emoji=False, markup=False,
    )  # fmt: skip
    if page.title:
        console.print(Text(page.title, "bold"))
        console.print(Text(page.subtitle, "dim"))
    for block in page.blocks:
        console.print()
        console.print(_rendered(block))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _rendered(block: Block) -> object:
    from rich.text import Text

    if isinstance(block, Heading):
        return Text(block.text, "bold")
    if isinstance(block, Paragraph):
        lead = Text(f"{block.lead} " if block.lead else "", f"bold {TONES[block.tone]}".strip())
        return lead + Text(block.text)
    return _grid(block)


def _grid(grid: Grid) -> object:
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, name in enumerate(grid.columns):
        made.add_column(Text(name), justify="right" if place in grid.right else "left", overflow="fold")
    for row in grid.rows:
        made.add_row(*(Text(cell) for cell in row))
    return made
