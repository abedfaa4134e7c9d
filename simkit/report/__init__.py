"""Pictures, and later reports: each picture is a tested data function and a thin renderer.

Most are reached from a table (`result.timeline.plot()`); those that belong to no table are named here.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simkit.report.figures_study import routing_figure as routing_figure
    from simkit.report.figures_study import routing_saving as routing_saving

__all__ = ["routing_figure", "routing_saving"]


def __getattr__(name: str) -> Any:
    """Load a picture when it is first used: matplotlib is heavy."""
    if name not in __all__:
        raise AttributeError(f"module 'simkit.report' has no attribute {name!r}")
    from simkit.report import figures_study

    return getattr(figures_study, name)
