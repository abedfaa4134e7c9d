"""What can wait: held until quiet hours, sent to the batch side of its models."""

from typing import Annotated, Any, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.distribution import DurationDist
from simkit.scenario.units import Duration

DAY = 86_400 * 10**9


class BatchWindow(Part):
    """Hours in which work that can wait is done, in the users' time zone."""

    from_: Annotated[int, Field(ge=0, le=23, alias="from")]
    """Full hour at which it begins, 0 to 23."""
    to: Annotated[int, Field(ge=1, le=24)]
    """Full hour at which it ends, 1 to 24; before `from` it passes midnight."""
    weekend: Literal["as_ever", "all_day"] = "as_ever"
    """Saturday and Sunday: the same hours, or the whole day."""


class BatchApi(Part):
    """The batch side of the models: half the price, limits of its own, an answer some time later."""

    takes: DurationDist
    """How long an answer takes."""
    within: Duration = DAY
    """What has not been answered by then has failed (left out: 24h)."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """A duration or a distribution is `{takes: ...}`."""
        bare = is_scalar(value) or (isinstance(value, dict) and bool(value) and value.keys() <= DurationDist.names())
        return {"takes": value} if bare else value


class Batch(Part):
    """What becomes of actions whose `urgency` is `batch`."""

    window: BatchWindow | None = None
    """They are held until these hours (left out: they are not held)."""
    spread: Duration = 0
    """What was held begins evenly over so long."""
    api: BatchApi | None = None
    """They are sent to the batch side of their models (left out: to the models themselves)."""
    deadline: Duration | None = None
    """When they must have ended, from their arrival (left out: any time); `resilience.deadline` is not theirs."""


__all__ = ["Batch", "BatchApi", "BatchWindow"]
