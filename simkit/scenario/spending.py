"""What may be spent: users' quotas and budgets of money."""

from typing import Annotated, Any, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.units import Count, MoneyPer, Percent

Step = Literal["alert", "degrade", "block"]
AT: dict[float, Step] = {1.0: "block"}
"""What a budget does if nothing is said."""


class UserQuota(Part):
    """How many actions a user has."""

    day: Annotated[Count, Field(ge=1)] | None = None
    """In a local day (left out: no limit)."""
    month: Annotated[Count, Field(ge=1)] | None = None
    """In a local month (left out: no limit)."""
    over: Literal["reject", "degrade"] = "reject"
    """Beyond it: no answer, or an answer by cheaper models (see `cheaper`)."""


class Budget(Part):
    """What may be spent on models in a day or a month."""

    limit: MoneyPer
    """`$20/day` or `$500/month`: of a calendar day or month, UTC."""
    of: Annotated[list[str], Field(min_length=1)] | None = None
    """Models, providers or deployments (left out: everything)."""
    at: Annotated[dict[Percent, Step], Field(min_length=1, max_length=8)] = Field(default_factory=lambda: dict(AT))
    """What happens at which share of the limit: `alert`, `degrade` (cheaper models, see `cheaper`), `block` (nothing
    more until the period ends)."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """A bare amount is its limit; a bare `of: openai` is a list of one."""
        if is_scalar(value):
            return {"limit": value}
        if isinstance(value, dict) and is_scalar(value.get("of")):
            return {**value, "of": [value["of"]]}
        return value


__all__ = ["Budget", "UserQuota"]
