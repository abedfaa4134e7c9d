"""The integer codes of the log: outcomes, reasons, failure kinds, causes, event classes."""

from enum import IntEnum


class Outcome(IntEnum):
    """How an action ended."""

    OK = 0
    DEGRADED = 1
    FAILED = 2
    REJECTED = 3
    ABANDONED = 4
    CENSORED = 5


class Kind(IntEnum):
    """How an attempt ended; all from RATE_LIMIT to MALFORMED are failures, and reasons of failed actions."""

    OK = 0
    RATE_LIMIT = 1
    QUOTA_EXHAUSTED = 2
    OVERLOADED = 3
    SERVER_ERROR = 4
    TIMEOUT = 5
    CONNECTION = 6
    BAD_REQUEST = 7
    CONTENT_FILTER = 8
    TOO_LARGE = 9
    STREAM_BROKEN = 10
    MALFORMED = 11
    CANCELLED = 12
    """Ended by its caller: a deadline, a sibling's failure."""
    UNFINISHED = 13
    """In flight when the run stopped."""
    DEADLINE = 14
    """Reason of an action only."""
    QUEUE_FULL = 15
    """Reason of an action only: no waiting place in the own service."""


KINDS = 12
"""Length of tables by failure kind."""


class Cause(IntEnum):
    """Why an attempt was made."""

    FIRST = 0
    RETRY = 1
    FALLBACK = 2
    """First try with a fallback model."""
    ESCALATION = 3
    """First try with the next model of a cascade."""
    HEDGE = 4


class EventClass(IntEnum):
    """Order of timed events of the same instant (DESIGN: time, class, entity key)."""

    CALENDAR = 0
    FINISHED = 1
    TIMEOUT = 2
    DEADLINE = 3
    HEDGE = 4
    WAITED = 5
    TICK = 6
    ARRIVAL = 7
