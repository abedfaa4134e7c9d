"""What answers: `models` and their deployments, `providers`, `quotas`, `incidents`, `prices`, `failures`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from simkit.scenario.base import Part, is_scalar
from simkit.scenario.caches import ProviderPromptCache
from simkit.scenario.distribution import DurationDist, NumberDist
from simkit.scenario.units import Count, Duration, Limit, Money, Name, Percent, PositiveFloat, Share, TokenPrice

FailureKind = Literal[
    "rate_limit", "quota_exhausted", "overloaded", "server_error", "timeout", "connection",
    "bad_request", "content_filter", "too_large", "stream_broken", "malformed", "no_deployment", "throttled",
]  # fmt: skip
"""How an attempt can fail; in the last two nothing was sent: all breakers open, held back by the caller's throttle."""
Balance = Literal["weighted", "ordered", "least_busy", "lowest_latency", "lowest_usage", "cheapest"]
DrawnKind = Literal[
    "overloaded", "server_error", "connection", "stream_broken", "malformed", "bad_request", "content_filter"
]


class Failure(Part):
    """Properties of a kind of failure. What is left out keeps its default."""

    retryable: bool | None = None
    """Is it tried again (same model)?"""
    fallback: bool | None = None
    """May another model be tried after it?"""
    billed: Literal["nothing", "input", "elapsed", "all"] | None = None
    """What the provider bills: nothing, the input, the input and the elapsed share of the output, all."""
    takes: DurationDist | Literal["first_token", "part", "answer", "never"] | None = None
    """How long it takes: a time, as long as the first token, a random part of the answer, the whole answer,
    never ends (until a timeout)."""


class Severity(Part):
    """What an incident does while it lasts."""

    share: Share | None = None
    """In a mixture: share of the incidents that are like this."""
    error_rate: Share = 0.0
    """Share of attempts that fail because of it; 100% is a total outage."""
    kind: DrawnKind | Literal["timeout"] = "server_error"
    """How they fail; `timeout`: they hang until the attempt's timeout."""
    slowdown: Annotated[float, Field(ge=1)] = 1.0
    """Factor on first token time and token time."""
    quota: Share = 1.0
    """Share of the rate limits that is left, e.g. 20%."""
    lost: Share | None = None
    """Of an incident that hits a region of yours: share of its replicas that are gone (left out: all)."""


class Outage(Severity):
    """Random incidents: up and down in turn, for ever."""

    time_between_failures: DurationDist
    """From the end of one to the start of the next."""
    duration: DurationDist
    """How long one lasts."""
    severity: list[Severity] = Field(default_factory=list)
    """A mixture of severities with shares, instead of one severity for all."""
    in_flight: Literal["finish", "fail"] = "finish"
    """Does work under way finish, or fail (with probability `error_rate`, in a region `lost`) at the start of the
    incident?"""


class Incident(Severity):
    """A scheduled incident."""

    name: str | None = None
    """A name for pictures and tables."""
    at: Duration
    """Start, counted from the scenario's start."""
    lasts: Duration
    """Duration."""
    target: str
    """A model, a provider, a deployment (`model/provider` or `model/provider/region`), or a region of yours."""
    in_flight: Literal["finish", "fail"] = "finish"
    """Does work under way finish, or fail (with probability `error_rate`, in a region `lost`) at the start of the
    incident?"""


class Slowness(Part):
    """Good and bad times: a factor on all latencies, drawn anew for each period and the same for all attempts in it."""

    every: Duration
    """Length of a period, aligned to UTC."""
    factor: NumberDist
    """The factor, e.g. `{mean: 1, sigma: 0.3}`."""


class Performance(Part):
    """Speed and reliability of a deployment; what is left out is its model's."""

    ttft: DurationDist | None = None
    """Time to first token, without the part that grows with the input."""
    ttft_per_1k_input: Duration | None = None
    """Additional time to first token per 1,000 input tokens."""
    tokens_per_second: NumberDist | None = None
    """Output speed after the first token."""
    errors: dict[DrawnKind, Share] | None = None
    """Share of attempts that fail, by kind, when all is well."""
    concurrency: Count | None = None
    """Requests it works on at once; left out: unlimited."""
    queue: Count | None = None
    """Places for waiting requests where concurrency is limited (left out: unlimited); beyond: `overloaded`."""
    slowness: Slowness | None = None
    """Good and bad times, e.g. `{every: 5min, factor: {mean: 1, sigma: 0.3}}` (left out: latencies are independent)."""


class Deployment(Performance):
    """A model at a provider (in a region)."""

    provider: Name
    """The provider."""
    region: Name | None = None
    """Region of the provider."""
    weight: PositiveFloat = 1.0
    """Weight for `balance: weighted`."""
    order: int = 1
    """Rank for `balance: ordered`: the lowest first."""
    price_uplift: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Factor on all prices here (regional processing: 1.1)."""
    outages: list[Outage] = Field(default_factory=list)
    """Random incidents of this deployment alone."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """A provider's name is `{provider: ...}`; `azure/eastus` names its region too."""
        text = getattr(value, "value", value)
        if not isinstance(text, str):
            return value
        provider, slash, region = text.partition("/")
        return {"provider": provider, "region": region} if slash else {"provider": value}


class Prices(Part):
    """Prices of a model in USD per million tokens; what is left out is the price book's."""

    input: TokenPrice | None = None
    """Input tokens."""
    cached: TokenPrice | None = None
    """Input tokens read from the prompt cache."""
    write: TokenPrice | None = None
    """Input tokens written to the prompt cache."""
    output: TokenPrice | None = None
    """Output tokens."""
    request: Money | None = None
    """Fixed price of a request."""


class Model(Performance):
    """A model: speed, quality, price, and where it is deployed."""

    price_of: str | None = None
    """Name in the price book, where it differs (`provider:model` or `model`)."""
    prices: Prices | None = None
    """Own prices; they override the price book."""
    processing: Literal["standard", "batch"] = "standard"
    """Price class: batch costs half where the provider offers it."""
    deployments: Annotated[list[Deployment], Field(min_length=1)]
    """Where it runs (`provider: openai` is short for one)."""
    balance: Balance | None = None
    """How attempts are spread over the deployments (left out: as `resilience` says): `weighted`; `ordered`, the lowest
    order first, retries move on; `least_busy`; `lowest_latency` and `lowest_usage` as the caller has seen them;
    `cheapest`."""
    quality: dict[Name, Share] = Field(default_factory=dict)
    """Share of good answers by complexity (a bare share is short for all); not given: quality is not judged."""
    context: Count | None = None
    """Context limit in tokens: input and max output beyond it fail as `too_large`."""
    prompt_cache_minimum: Count | None = None
    """Shortest prefix in tokens that the provider's prompt cache takes."""
    outages: list[Outage] = Field(default_factory=list)
    """Random incidents of this model alone, at all its deployments."""

    shorts: ClassVar = frozenset({"provider", "region"})

    @classmethod
    def short(cls, value: Any) -> Any:
        """`provider: openai` (with `region`) is one deployment; a bare share is the quality of `any` complexity."""
        if not isinstance(value, dict):
            return value
        fields = dict(value)
        if "provider" in fields and "deployments" not in fields:
            place = {key: fields.pop(key) for key in ("provider", "region") if key in fields}
            fields["deployments"] = [place]
        if is_scalar(fields.get("quality")):
            fields["quality"] = {"any": fields["quality"]}
        return fields


class Provider(Part):
    """A provider of models."""

    prompt_cache: ProviderPromptCache | None = None
    """Rules of its prompt cache, where `caches.prompt` is on."""
    outages: list[Outage] = Field(default_factory=list)
    """Random incidents of the whole provider."""


class Ramp(Part):
    """A limit of growth: an interval admits at most what the one before did, and `growth` more."""

    growth: Percent
    """So much more than in the interval before, e.g. 50%."""
    every: Duration
    """Length of an interval."""
    floor: Annotated[Count, Field(ge=1)]
    """So many requests are admitted in any interval."""


class Tier(Part):
    """Higher limits once enough was paid; those that are left out stay as they are."""

    spent: Money
    """So much was spent altogether, e.g. `$50`."""
    after: Duration = 0
    """And so long after the first payment, e.g. `7d`. The first payment is the first bill; with `spent_before`, it was
    `paying_for` before the run begins."""
    requests: Limit | None = None
    """Requests, e.g. `5000/min`."""
    input: Limit | None = None
    """Input tokens."""
    output: Limit | None = None
    """Output tokens."""
    tokens: Limit | None = None
    """Input and output tokens."""


class Quota(Part):
    """A rate limit that deployments share: token buckets, all of which must have room."""

    requests: Limit | None = None
    """Requests, e.g. `500/min`."""
    input: Limit | None = None
    """Input tokens."""
    output: Limit | None = None
    """Output tokens."""
    tokens: Limit | None = None
    """Input and output tokens."""
    ramp: Ramp | None = None
    """How fast the number of requests may grow, e.g. `{growth: 50%, every: 1min, floor: 60}`."""
    of: Annotated[list[str], Field(min_length=1)]
    """Whose: providers, models or deployments (`model/provider[/region]`)."""
    burst: Duration | None = None
    """How much unused limit is kept, as time (left out: the period of the limit, `60s` for `/min`)."""
    reserve: Literal["drawn", "max_tokens"] = "drawn"
    """What is charged for the answer at dispatch: its true length, or the request's max output."""
    refused_count: bool = False
    """Do refused requests use up the limit?"""
    cached_counts: bool = True
    """Do tokens read from the prompt cache count (not at Anthropic)?"""
    tiers: Annotated[list[Tier], Field(max_length=8)] = Field(default_factory=list)
    """Higher limits with what was spent, in their order: `[{spent: $50, after: 7d, requests: 5000/min}]`. What stands
    above is tier 1, the first of these tier 2."""
    spent_on: Annotated[list[str], Field(min_length=1)] | None = None
    """Whose bills count for the tiers: models, providers or deployments (left out: those of `of`)."""
    spent_before: Money = 0
    """So much was spent before the run begins."""
    paying_for: Duration = 0
    """And the first payment was so long before it."""

    @classmethod
    def short(cls, value: Any) -> Any:
        """A bare `of: openai`, or `spent_on`, is a list of one."""
        if not isinstance(value, dict):
            return value
        return {key: [one] if key in ("of", "spent_on") and is_scalar(one) else one for key, one in value.items()}


__all__ = [
    "Balance", "Deployment", "DrawnKind", "Failure", "FailureKind", "Incident", "Model", "Outage", "Performance",
    "Prices", "Provider", "Quota", "Ramp", "Severity", "Slowness", "Tier",
]  # fmt: skip
