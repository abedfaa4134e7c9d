"""Conversations: turns that follow each other, and what was said before, which is sent again."""

from typing import Annotated, Any

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.distribution import DurationDist
from simkit.scenario.repeat import Repeat
from simkit.scenario.units import Count, Share

MOST_TURNS = 255
"""Turns of a conversation that an action's id can count."""


class Sessions(Part):
    """Conversations: an arrival is a first turn; the next comes when its user has thought, if the turn was served."""

    turns: Repeat
    """How many turns, the first one included: a number or `{geometric: ...}`, at most 255."""
    think: DurationDist
    """From the end of an answer to the user's next turn."""


class History(Part):
    """What was said before and is sent again: the conversation's turns, and earlier repetitions of the call."""

    limit: Annotated[Count, Field(ge=1)] | None = None
    """Longest history that is sent, in tokens; the oldest part is left out (left out: all is sent)."""
    cut_to: Annotated[Share, Field(gt=0)] = 1.0
    """Too long a one is cut to this share of the limit: to cut more, but seldom, keeps a prompt cache warm."""
    retrieved: bool = False
    """Does a conversation keep retrieved texts and tools' results? (A repeated call always does, while it repeats.)"""

    @classmethod
    def short(cls, value: Any) -> Any:
        """`grows` is a map of defaults."""
        return {} if is_scalar(value) and getattr(value, "value", value) == "grows" else value


__all__ = ["MOST_TURNS", "History", "Sessions"]
