"""An executed notebook as one HTML file: it opens offline, asks nobody for anything, runs no script, prints well."""

from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import nbformat

from simkit.result.html import marked

HIDDEN_INPUT, HIDDEN = "remove-input", "remove-cell"
"""Tags of cells whose code, or all of which, a document leaves out (as in Jupyter Book)."""
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; form-action 'none'"
)
"""What a page may load: nothing. No script runs, whatever a scenario or a notebook holds."""
PAGE = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<title>{title}</title><style>{style}</style></head><body><main>{body}</main></body></html>
"""
STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def page(title: str, body: str) -> str:
    """A whole page from a body that is safe."""
    return PAGE.format(policy=POLICY, title=escape(title), style=STYLE, body=body)


def notebook_page(notebook: nbformat.NotebookNode, title: str, note: str = "") -> str:
    """An executed notebook as a page; cells tagged `remove-input` show what they gave, `remove-cell` nothing.

    `note` stands above it: what a reader must know first.
    """
    body, _ = _exporter().from_notebook_node(shown(notebook))
    return page(title, f'<p class="made">{marked(note)}</p>{body}' if note else body)


def shown(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """What of a notebook a document shows: with alternative texts, without what is for programs only."""
    cells, hidden = [], False
    for cell in notebook.cells:
        tags = [*cell.metadata.get("tags", [])]
        if "parameters" in tags:
            hidden = HIDDEN_INPUT in tags
        if "injected-parameters" in tags and hidden:  # what papermill put behind them
            tags.append(HIDDEN_INPUT)
        failed = any(output.output_type == "error" for output in cell.get("outputs", []))
        if HIDDEN in tags and not failed:
            continue
        copy = nbformat.from_dict({**cell})
        if HIDDEN_INPUT in tags and not failed:
            copy.metadata["transient"] = {"remove_source": True}
        cells.append(copy)
    made = nbformat.from_dict({**notebook, "cells": cells})
    made.metadata.pop("widgets", None)  # they need scripts
    return made


@lru_cache(maxsize=1)
def _exporter() -> Any:
    """nbconvert's plain body: no MathJax, no require.js, nothing from elsewhere."""
    from nbconvert import HTMLExporter

    exporter: Any = HTMLExporter
    return exporter(
        template_name="basic", exclude_anchor_links=True, exclude_input_prompt=True, exclude_output_prompt=True,
        embed_images=True, mathjax_url="", require_js_url="",
    )  # fmt: skip
