"""The codes of the log, for whoever reads it."""

from simkit.plan.codes import (
    BY_BUDGET,
    KINDS,
    NO_KEY,
    PERIOD_ENDS,
    Act,
    BreakerState,
    Cache,
    Cause,
    EventClass,
    Kind,
    Life,
    Lookup,
    Mark,
    Notice,
    Outcome,
    Thrift,
)

__all__ = [
    "BY_BUDGET", "KINDS", "NO_KEY", "PERIOD_ENDS", "Act", "BreakerState", "Cache", "Cause", "EventClass", "Kind",
    "Life", "Lookup", "Mark", "Notice", "Outcome", "Thrift",
]  # fmt: skip
