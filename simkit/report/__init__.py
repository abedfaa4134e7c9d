"""Pictures, and reports. Each picture is a tested data function and a thin renderer.

Most are reached from a table (`result.timeline.plot()`); those that belong to no table are named here, and so is
what the notebooks of reports are made of.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simkit.report.album import pictures as pictures
    from simkit.report.document import answers as answers
    from simkit.report.document import assumptions as assumptions
    from simkit.report.document import changes as changes
    from simkit.report.document import checklist as checklist
    from simkit.report.document import differences as differences
    from simkit.report.document import glossary as glossary
    from simkit.report.document import manifest as manifest
    from simkit.report.document import metrics as metrics
    from simkit.report.document import note as note
    from simkit.report.document import part as part
    from simkit.report.document import record as record
    from simkit.report.document import rest as rest
    from simkit.report.document import title as title
    from simkit.report.document import verdicts as verdicts
    from simkit.report.figures_attempts import balance_figure as balance_figure
    from simkit.report.figures_attempts import patience_figure as patience_figure
    from simkit.report.figures_attempts import people_figure as people_figure
    from simkit.report.figures_attempts import waits_figure as waits_figure
    from simkit.report.figures_economy import prompt_cache_figure as prompt_cache_figure
    from simkit.report.figures_economy import prompt_cache_saving as prompt_cache_saving
    from simkit.report.figures_study import routing_figure as routing_figure
    from simkit.report.figures_study import routing_saving as routing_saving

_HOMES = {
    "answers": "document",
    "assumptions": "document",
    "changes": "document",
    "checklist": "document",
    "differences": "document",
    "glossary": "document",
    "manifest": "document",
    "metrics": "document",
    "note": "document",
    "part": "document",
    "pictures": "album",
    "record": "document",
    "rest": "document",
    "title": "document",
    "verdicts": "document",
    "balance_figure": "figures_attempts",
    "patience_figure": "figures_attempts",
    "people_figure": "figures_attempts",
    "prompt_cache_figure": "figures_economy",
    "prompt_cache_saving": "figures_economy",
    "routing_figure": "figures_study",
    "routing_saving": "figures_study",
    "waits_figure": "figures_attempts",
}

__all__ = [
    "answers", "assumptions", "balance_figure", "changes", "checklist", "differences", "glossary", "manifest",
    "metrics", "note", "part", "patience_figure", "people_figure", "pictures", "prompt_cache_figure",
    "prompt_cache_saving", "record", "rest", "routing_figure", "routing_saving", "title", "verdicts", "waits_figure",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load what is named when it is first used: matplotlib is heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'simkit.report' has no attribute {name!r}")
    return getattr(import_module(f"simkit.report.{_HOMES[name]}"), name)
