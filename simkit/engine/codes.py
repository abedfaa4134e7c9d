"""The codes of the log, for whoever reads it."""

from simkit.plan.codes import KINDS, BreakerState, Cause, EventClass, Kind, Mark, Outcome

__all__ = ["KINDS", "BreakerState", "Cause", "EventClass", "Kind", "Mark", "Outcome"]
