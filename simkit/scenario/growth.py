"""Users who come, stay or leave: `traffic.users.growth`."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.units import Count, Duration, Percent, PositiveFloat, Share

Weekly = Annotated[float, Field(ge=0, le=10_000_000)]
"""Sign-ups a week."""
MOST_WEEKS = 520


class Linear(Part):
    """Sign-ups a week that change by as many every week, never below 0."""

    start: Weekly
    """In the first week."""
    change: Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
    """More every week (below 0: fewer)."""


class Exponential(Part):
    """Sign-ups a week that change by the same share every week."""

    start: Weekly
    """In the first week."""
    growth: Percent
    """More every week, e.g. `8%`."""
    until: Duration | None = None
    """From then on as many as then (left out: it goes on)."""


class Logistic(Part):
    """Sign-ups a week that grow to a limit: most / (1 + e^-((t - middle) / spread))."""

    most: Weekly
    """What they grow to."""
    middle: Duration
    """When they are half as many."""
    spread: Annotated[Duration, Field(gt=0)] = 4 * 7 * 86_400 * 10**9
    """How long it takes: from 27 % to 73 % within twice as long."""


class Launch(Part):
    """Sign-ups that follow a launch and fade away."""

    users: Weekly
    """In all."""
    at: Duration = 0
    """When it is."""
    decay: Annotated[Duration, Field(gt=0)] = 4 * 86_400 * 10**9
    """After so long 37 % of them are still to come (e^-1), after twice as long 14 %."""


class Acquisition(Part):
    """How many sign up."""

    constant: Weekly | None = None
    """So many a week (a bare number is short for it)."""
    linear: Linear | None = None
    """`{start: 20, change: 5}`"""
    exponential: Exponential | None = None
    """`{start: 20, growth: 8%}`"""
    logistic: Logistic | None = None
    """`{most: 400, middle: 26w}`"""
    launch: Launch | None = None
    """`{users: 3000, at: 30d, decay: 4d}`"""
    table: str | Annotated[dict[Count, Weekly], Field(min_length=1)] | None = None
    """By week, the first being 1: `{1: 20, 2: 35, 3: 50}`, or a CSV file with the columns week and signups; after the
    last week nobody comes."""

    forms: ClassVar = ("constant", "linear", "exponential", "logistic", "launch", "table")
    choices: ClassVar = (frozenset(forms),)
    required: ClassVar = choices

    @classmethod
    def short(cls, value: Any) -> Any:
        """`20` is `{constant: 20}`."""
        return {"constant": value} if is_scalar(value) else value


class Activation(Part):
    """Who signs up tries the product at once; whether it becomes a habit depends on how that goes."""

    share: Share = 1.0
    """Of those whom it served well, within the time: how many stay to begin with."""
    within: Annotated[Duration, Field(gt=0)] = 86_400 * 10**9
    """How soon after the sign-up the first good answer must come. They try once by themselves: an action (or, where
    there are conversations, one of these), and again only as `users.reload` says."""
    let_down: Share = 0.5
    """Factor on that share where none came: an outage, a 429 or a bad answer on day one."""


class PowerLaw(Part):
    """Share of the users still there after k weeks: week1 x k^-exponent."""

    week1: Share
    """After the first week."""
    exponent: Annotated[float, Field(ge=0, le=5)]
    """How soon the others leave: 0: nobody does."""


class HalfLife(Part):
    """Share of the users still there after k weeks: week1 x 2^-((k - 1) / half_life)."""

    week1: Share = 1.0
    """After the first week."""
    half_life: Annotated[Duration, Field(gt=0)]
    """In which half of them leave."""


class LoweredBy(Part):
    """How much less likely a user is to stay another week for each action of the week that went wrong."""

    failed: Share = 0.0
    """For each that failed or that the user gave up."""
    rejected: Share = 0.0
    """For each that was turned away by your own service or a budget."""
    quota: Share = 0.0
    """For each that was turned away by the user's own quota."""
    slow: Share = 0.0
    """For each answer that took longer than `slow_after`."""
    slow_after: Duration = 10 * 10**9
    """What is slow, from the question to the whole answer."""
    bad: Share = 0.0
    """For each bad answer."""

    each: ClassVar = ("failed", "rejected", "quota", "slow", "bad")


class Retention(Part):
    """Share of the users still there, week after week since they signed up, where everything goes well."""

    table: Annotated[dict[Count, Share], Field(min_length=1)] | None = None
    """By week, e.g. `{1: 45%, 4: 30%, 8: 25%, 12: 22%}`; between them, and after the last, by the power law through
    two of them."""
    power: PowerLaw | None = None
    """`{week1: 45%, exponent: 0.35}`"""
    exponential: HalfLife | None = None
    """`{half_life: 20w}`"""
    lowered_by: LoweredBy = LoweredBy.model_construct()
    """What makes users leave."""

    choices: ClassVar = (frozenset({"table", "power", "exponential"}),)


class Base(Part):
    """Users who are there at the start."""

    users: Count
    """How many."""
    age: Duration = 12 * 7 * 86_400 * 10**9
    """How long they have been there."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """`100` is `{users: 100}`."""
        return {"users": value} if is_scalar(value) else value


class Growth(Part):
    """Users who sign up, stay or leave, one by one."""

    base: Base = Base.model_construct(users=0)
    """Active users at the start: a number, or `{users: 100, age: 12w}`."""
    acquisition: Annotated[list[Acquisition], Field(max_length=8)] = Field(default_factory=list)
    """How many sign up: a number a week, one of the forms, or a list whose members add up."""
    activation: Activation = Activation.model_construct()
    """Who of them becomes an active user."""
    retention: Retention = Retention.model_construct()
    """Who of these stays (left out: everybody)."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """One form alone is a list of one."""
        if not isinstance(value, dict) or "acquisition" not in value:
            return value
        given = value["acquisition"]
        one = isinstance(getattr(given, "value", given), dict) or is_scalar(given)
        return {**value, "acquisition": [given]} if one else value


class Modulation(Part):
    """A random factor on the traffic that changes at regular times; its mean is 1."""

    every: Annotated[Duration, Field(ge=60 * 10**9)]
    """How long it holds, e.g. `1w`, `1d`, `1h`: from local midnight (a week: from Monday) on."""
    strength: Percent
    """Its coefficient of variation, e.g. `30%`; it is lognormal."""


class Peak(Part):
    """A time of more or less traffic than usual."""

    at: Duration
    """When it begins."""
    lasts: Annotated[Duration, Field(gt=0)]
    """How long."""
    factor: PositiveFloat
    """On all traffic, sign-ups included, e.g. 2.5."""


__all__ = ["MOST_WEEKS", "Acquisition", "Activation", "Growth", "LoweredBy", "Modulation", "Peak", "Retention"]
