"""The whole scenario: the root of the file."""

import datetime as dt
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from simkit.scenario.actions import Action, Route
from simkit.scenario.alerts import Alerts
from simkit.scenario.base import Part
from simkit.scenario.batch import Batch
from simkit.scenario.business import Business
from simkit.scenario.caches import Caches
from simkit.scenario.errors import Invalid
from simkit.scenario.models import Failure, FailureKind, Incident, Model, Provider, Quota
from simkit.scenario.policy import Audience, Change, Observed, Service, Slo, Source
from simkit.scenario.regions import MOST_REGIONS, Region, Routing
from simkit.scenario.resilience import Resilience
from simkit.scenario.spending import Budget
from simkit.scenario.traffic import Traffic
from simkit.scenario.units import Duration, Name


def parse_start(value: object) -> object:
    """A date or a date and time from its ISO text. Raises `Invalid`."""
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)
    try:
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or not 1971 <= found.year <= 2199:
        raise Invalid("This is no date.", "a date such as 2026-11-02, or with a time 2026-11-02T09:00")
    return found


def format_start(start: dt.datetime | dt.date) -> str:
    """The ISO text of a date and time; midnight is left out."""
    text = start.isoformat()
    return text.removesuffix("T00:00:00")


Start = Annotated[
    dt.datetime | dt.date,
    BeforeValidator(parse_start),
    PlainSerializer(format_start, return_type=str, when_used="json"),
]


def parse_book_date(value: object) -> object:
    """A month or a day. Raises `Invalid`."""
    text = f"{value}-01" if isinstance(value, str) and len(value) == 7 else value
    try:
        if not isinstance(text, str) or len(text) != 10:
            raise ValueError
        dt.date.fromisoformat(text)
    except ValueError:
        raise Invalid("This is no date of the price book.", "a month or a day, e.g. 2026-11 or 2026-11-15") from None
    return value


BookDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}(-\d{2})?$"), BeforeValidator(parse_book_date)]


class Document(Part):
    """A scenario in its full form: what every shorter form stands for."""

    name: Annotated[str, Field(max_length=200)] = "Unnamed scenario"
    """Title of the scenario."""
    description: str = ""
    """What it shows, in a sentence or two."""
    start: Start = dt.datetime(2026, 11, 2)
    """Date (and time, in `traffic.timezone` unless it has an offset) of the scenario's zero
    (default: a Monday, 00:00)."""
    horizon: Duration | None = None
    """Measured time from start (default 7d; a trace: its last row)."""
    warmup: Duration | None = None
    """Unmeasured time before start that fills queues and buckets (default 1h; a trace: none)."""
    cooldown: Duration | None = None
    """Unmeasured arrivals after the horizon until the measured actions have ended, at most this long
    (default: the deadline, or 10 min; with people at the end of the ladder at least four times what they take; with
    actions that can wait as long as those may)."""
    prices: BookDate | None = None
    """Date of the price book, e.g. 2026-11 (default: the scenario's start, with dated changes on the way)."""
    traffic: Traffic
    """Who asks, when, how often."""
    actions: Annotated[dict[Name, Action], Field(min_length=1)]
    """Kinds of actions and their calls."""
    routes: dict[Name, Route] = Field(default_factory=dict)
    """Named choices of a model."""
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    """Models by name."""
    providers: dict[Name, Provider] = Field(default_factory=dict)
    """Providers by name."""
    quotas: dict[Name, Quota] = Field(default_factory=dict)
    """Rate limits."""
    incidents: list[Incident] = Field(default_factory=list)
    """Scheduled incidents."""
    failures: dict[FailureKind, Failure] = Field(default_factory=dict)
    """Properties of failure kinds that differ from the defaults."""
    service: Service = Service.model_construct()
    """Your own service."""
    regions: Annotated[dict[Name, Region], Field(max_length=MOST_REGIONS)] = Field(default_factory=dict)
    """Where users are and where you serve them (left out: one place for all)."""
    routing: Routing = Routing.model_construct()
    """With `regions`: which of them serves whom, and what happens when one fails."""
    caches: Caches = Caches.model_construct()
    """Caches: of answers, of prompts."""
    cheaper: dict[Name, Name] = Field(default_factory=dict)
    """Model to the one that takes its place when a budget or a user's quota says degrade."""
    budgets: dict[Name, Budget] = Field(default_factory=dict)
    """What may be spent on models, e.g. `{month: $500/month}`."""
    batch: Batch = Batch.model_construct()
    """What becomes of actions that can wait."""
    resilience: Resilience = Resilience.model_construct()
    """What happens when an attempt fails."""
    users: Audience = Audience.model_construct()
    """Users who give up, and who ask again."""
    slo: Slo = Slo.model_construct()
    """Objectives."""
    expect: list[str] = Field(default_factory=list)
    """Further expectations on metrics, e.g. `cost_per_action <= $0.004`."""
    business: Business = Business.model_construct()
    """The company's money: cash, team, fixed costs; what users pay stands in `traffic.users.plans`."""
    alerts: Alerts | None = None
    """Alerts on the error budgets, e.g. `google_30d`, and what a person then does."""
    observed: Observed = Observed.model_construct()
    """What you know from reality."""
    knobs: dict[str, Annotated[list[Any], Field(min_length=2, max_length=2)]] = Field(default_factory=dict)
    """Field path to [low, high]: what the explore page offers as sliders."""
    changes: list[Change] = Field(default_factory=list)
    """Numbers that change at a time."""
    sources: dict[str, Source] = Field(default_factory=dict)
    """Field path to where its figures come from; a source holds for all below it."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1
    """Seed of all draws."""
    replications: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Independent runs."""


__all__ = ["Document"]
