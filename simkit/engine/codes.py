"""The codes of the log, for whoever reads it."""

from simkit.plan.codes import KINDS, Act, BreakerState, Cache, Cause, EventClass, Kind, Lookup, Mark, Notice, Outcome

__all__ = [
    "KINDS", "Act", "BreakerState", "Cache", "Cause", "EventClass", "Kind", "Lookup", "Mark", "Notice", "Outcome",
]  # fmt: skip
