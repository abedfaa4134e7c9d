"""How often: a fixed or a geometric number of repetitions, of a call or of a conversation's turns."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from simkit.scenario.base import Part, is_scalar


class Geometric(Part):
    """A random number of repetitions: at least 1, each followed by another with the same probability."""

    mean: Annotated[float, Field(ge=1)]
    """Mean number of repetitions (before the cut at `max`)."""
    max: Annotated[int, Field(ge=1, le=500)] = 50
    """Never more than this many (at most 500)."""


class Repeat(Part):
    """How often in a row."""

    times: Annotated[int, Field(ge=1, le=500)] | None = None
    """A fixed number (a bare number is short for this)."""
    geometric: Geometric | None = None
    """A random number."""

    choices: ClassVar = (frozenset({"times", "geometric"}),)
    required: ClassVar = choices

    @classmethod
    def short(cls, value: Any) -> Any:
        """`5` is `{times: 5}`."""
        return {"times": value} if is_scalar(value) else value

    def most(self) -> int:
        """Most repetitions."""
        return self.geometric.max if self.geometric else self.times or 1

    def again(self) -> float:
        """Probability of one more repetition: 1 - 1 / mean for a geometric number."""
        return 1.0 - 1.0 / self.geometric.mean if self.geometric else 0.0


__all__ = ["Geometric", "Repeat"]
