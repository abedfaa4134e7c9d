"""The codes of the log, for whoever reads it."""

from simkit.plan.codes import KINDS, Cause, EventClass, Kind, Outcome

__all__ = ["KINDS", "Cause", "EventClass", "Kind", "Outcome"]
