"""Who asks, when, and how often: `traffic`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_map, is_scalar
from simkit.scenario.conversation import Sessions
from simkit.scenario.growth import Growth, Modulation, Peak
from simkit.scenario.spending import UserQuota
from simkit.scenario.units import Count, Duration, MoneyPer, Name, PositiveFloat, Rate, Share


class Zipf(Part):
    """Unequal users: the k-th most active has weight 1 / k^s."""

    zipf: Annotated[float, Field(ge=0, le=5)]
    """Exponent s: 0 = all alike, 1 = the classic Zipf law."""


class LognormalActivity(Part):
    """Unequal users: weights spread lognormally over the users."""

    lognormal: Annotated[float, Field(ge=0, le=5)]
    """Sigma of the logarithm of a user's activity: 0 = all alike."""


class Move(Part):
    """How many users of a plan go over to another one."""

    week: Share = 0.0
    """Of the active users in a week."""
    at_quota: Share = 0.0
    """And of those whom their own quota turned away in that week."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """`2%` is `{week: 2%}`."""
        return {"week": value} if is_scalar(value) else value


class UserPlan(Part):
    """A plan (price tier of your product) that some of the users are on."""

    share: Share
    """Share of the users on this plan; the shares of all plans add up to 100%."""
    priority: int = 0
    """Priority class in your own service's queue: the lower number goes first."""
    quota: UserQuota | None = None
    """How many actions each of these users has (left out: as `users.quota` says)."""
    price: MoneyPer | None = None
    """What such a user pays, e.g. `$20/month` (left out: nothing)."""
    moves: dict[Name, Move] = Field(default_factory=dict)
    """With `growth`: who goes over to another plan, e.g. `{paid: 2%}` a week, or `{paid: {at_quota: 10%}}`."""


class Users(Part):
    """Traffic from a number of users."""

    daily_active: Count | None = None
    """Users active on an average day, the same ones every day."""
    growth: Growth | None = None
    """Instead of `daily_active`: users who sign up, stay or leave."""
    actions_per_day: PositiveFloat | None = None
    """Actions of an average active user a day (weekly mean)."""
    sessions_per_day: PositiveFloat | None = None
    """Instead of `actions_per_day`, with `traffic.sessions`: conversations of an average active user a day."""
    activity: Zipf | LognormalActivity | Literal["equal"] = "equal"
    """How unequal the users are: `equal`, `{zipf: 1.1}` or `{lognormal: 1.0}`."""
    plans: dict[Name, UserPlan] = Field(default_factory=dict)
    """Plans by name, e.g. `{free: {share: 90%, priority: 1}, paid: {share: 10%}}`."""
    quota: UserQuota | None = None
    """How many actions a user has, e.g. `{day: 20}` (left out: no limit)."""

    choices: ClassVar = (frozenset({"daily_active", "growth"}), frozenset({"actions_per_day", "sessions_per_day"}))
    required: ClassVar = choices[:1]


class Columns(Part):
    """Which column of a trace means what; leave out to have the format recognised."""

    time: str
    """Arrival time: seconds (or `unit`) from any zero, or an ISO date and time."""
    input: str | None = None
    """Input tokens."""
    output: str | None = None
    """Output tokens."""
    cached: str | None = None
    """Input tokens that were read from the provider's prompt cache (part of input)."""
    model: str | None = None
    """Model that served the row; mapped by `models`."""
    latency: str | None = None
    """Observed latency in seconds, shown beside the simulated one."""
    status: str | None = None
    """Observed status (`ok`, `success`, `true` or 2xx are successes), shown beside the simulated success rate."""
    cost: str | None = None
    """Observed cost in USD, shown beside the simulated one."""
    key: str | None = None
    """What is asked: rows with the same text ask the same (for the caches of answers)."""
    blocks: str | None = None
    """Lists of the prompt's blocks, by whole numbers: prompts share as much as they begin alike (JSONL only)."""


class Trace(Part):
    """Replay of a recorded trace (CSV or JSONL, gzipped or not)."""

    file: str
    """Path of the file; Azure's and Mooncake's formats are recognised."""
    columns: Columns | None = None
    """Names of the columns where the format is not recognised."""
    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of numeric times: s, ms, us or ns (default: s for named columns)."""
    speed: PositiveFloat = 1.0
    """Replay speed: 2 replays twice as fast (twice the load)."""
    block: Annotated[Count, Field(ge=1)] | None = None
    """Tokens of a block (Mooncake's format: 512)."""
    spread: Duration = 0
    """Rows of one instant come evenly over so long, in their order."""
    models: dict[str, Name] = Field(default_factory=dict)
    """From a name in the trace's model column to a model of this scenario."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """A path is `{file: ...}`."""
        return {"file": value} if is_scalar(value) else value


class Seasonality(Part):
    """Busy and quiet hours, days and months. Redistributes the traffic; the weekly mean stays."""

    hours: (
        Literal["flat", "office", "evening", "global"] | Annotated[list[float], Field(min_length=24, max_length=24)]
    ) = "flat"
    """A named profile or 24 weights for local hours 0..23."""
    weekdays: Annotated[list[float], Field(min_length=7, max_length=7)] | None = None
    """7 weights, Monday first."""
    weekend: Share | None = None
    """Weight of Saturday and Sunday against a weekday, e.g. 40%; instead of `weekdays`."""
    months: Annotated[list[float], Field(min_length=12, max_length=12)] | None = None
    """12 weights, January first; their mean is the scenario's rate."""
    peaks: list[Peak] = Field(default_factory=list)
    """Times of more traffic (or less): `[{at: 25d, lasts: 3d, factor: 2.5}]`; where several meet, they multiply."""

    choices: ClassVar = (frozenset({"weekdays", "weekend"}),)


class Traffic(Part):
    """Exactly one of `rate`, `users`, `trace` says how many actions arrive."""

    rate: Rate | None = None
    """Arrivals, e.g. `2/s` or `40/min`: the weekly mean."""
    users: Users | None = None
    """Arrivals from a number of users."""
    trace: Trace | None = None
    """Arrivals from a recorded file (a path is short for `{file: path}`)."""
    process: Literal["poisson", "gamma", "weibull", "deterministic"] = "poisson"
    """Gaps between arrivals: poisson (independent users), gamma or weibull (bursty or regular, see `cv`),
    deterministic."""
    cv: PositiveFloat = 1.0
    """Coefficient of variation of the gaps for gamma and weibull: above 1 bursty, below 1 regular."""
    timezone: str = "UTC"
    """IANA time zone of the users, e.g. America/New_York: hours and weekdays are local, with daylight saving."""
    sessions: Sessions | None = None
    """Conversations (left out: every action stands alone); the rate goes on counting actions, all turns included."""
    seasonality: Seasonality = Seasonality.model_construct()
    """Busy and quiet hours, days and months."""
    modulation: Annotated[list[Modulation], Field(max_length=4)] = Field(default_factory=list)
    """What the pattern does not explain: slow random factors on the traffic, e.g. `[{every: 1w, strength: 30%}]`."""

    choices: ClassVar = (
        frozenset({"rate", "users", "trace"}),
        frozenset({"sessions", "trace"}),
        frozenset({"modulation", "trace"}),
    )
    required: ClassVar = choices[:1]
    aliases: ClassVar = {
        "daily_active_users": ("users", "daily_active"),
        "actions_per_user_per_day": ("users", "actions_per_day"),
    }

    @classmethod
    def short(cls, value: Any) -> Any:
        """`daily_active_users` and `actions_per_user_per_day` are the founder's names for fields of `users`."""
        if not isinstance(value, dict) or not value.keys() & cls.aliases.keys():
            return value
        fields = {key: one for key, one in value.items() if key not in cls.aliases}
        users = fields.get("users", {})
        if not is_map(users):
            return value
        given = {cls.aliases[key][1]: one for key, one in value.items() if key in cls.aliases}
        return {**fields, "users": {**getattr(users, "value", users), **given}}


__all__ = ["Columns", "LognormalActivity", "Move", "Seasonality", "Trace", "Traffic", "UserPlan", "Users", "Zipf"]
