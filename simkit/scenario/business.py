"""The company behind the product: its money, its team, what an answer is worth."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.units import Count, Duration, Fund, Money, MoneyPer, Name

MONTH = 730 * 3600 * 10**9
SALARY = MoneyPer(15_000 * 10**12, MONTH)
"""What an engineer costs a company a month, if nothing is said; an assumption."""


class Role(Part):
    """Somebody who is paid."""

    cost: MoneyPer = SALARY
    """What one of them costs the company, e.g. `$15000/month`."""
    people: Annotated[Count, Field(ge=1)] = 1
    """How many."""
    from_users: Count = 0
    """Hired when so many users are active on an average day of a week; 0: there from the start."""
    after: Duration = 0
    """How long it takes from then until they begin, and are paid."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """`$15000/month` is `{cost: $15000/month}`."""
        return {"cost": value} if is_scalar(value) else value


PLAYBOOK = {name: {"from_users": 1000} for name in ("ml_engineer", "infrastructure_engineer", "product_manager")}
"""From 1,000 daily active users: one who cares for models, one for what they run on, one for what they are for."""


class Business(Part):
    """Money: what comes in, what goes out, how long it lasts."""

    cash: Fund | None = None
    """In the bank at the start, e.g. `$250k` (left out: no runway)."""
    fixed: dict[Name, MoneyPer] = Field(default_factory=dict)
    """Tools, rent and the like, e.g. `{tools: $800/month}`."""
    team: dict[Name, Role] = Field(default_factory=dict)
    """Who is paid, and from when on; `playbook`: from 1,000 daily active users an ML engineer, an infrastructure
    engineer and a product manager."""
    value_per_action: Money | None = None
    """What a good answer is worth to whoever pays for it: a case that nobody had to handle, time that was saved."""

    words: ClassVar = {"playbook": PLAYBOOK}

    @classmethod
    def short(cls, value: Any) -> Any:
        """`team: playbook` is the playbook's team."""
        if not isinstance(value, dict) or not is_scalar(value.get("team")):
            return value
        team = value["team"]
        return {**value, "team": cls.words.get(str(getattr(team, "value", team)), team)}


__all__ = ["PLAYBOOK", "Business", "Role"]
