"""Where users are and where they are served: `regions`, and how traffic is led between them, `routing`."""

from typing import Annotated, Literal

from pydantic import Field

from simkit.scenario.base import Part
from simkit.scenario.distribution import DurationDist
from simkit.scenario.models import Outage
from simkit.scenario.policy import Autoscaling, Shed
from simkit.scenario.units import Count, Duration, MoneyPer, Name, PositiveFloat, Share

MOST_REGIONS = 16


class LocalService(Part):
    """Your own service in one region. What is left out is `service`'s."""

    workers: Count | None = None
    """Actions that a replica works on at once."""
    replicas: Annotated[Count, Field(ge=1, le=1_000_000)] | None = None
    """Copies of it."""
    queue: Count | None = None
    """Waiting places of the region; beyond, actions are rejected as `queue_full`."""
    overhead: DurationDist | None = None
    """Your own time per action, before the first call."""
    cost: MoneyPer | None = None
    """What it costs busy or idle, however many replicas there are, e.g. `$200/month`."""
    replica_cost: MoneyPer | None = None
    """What each replica costs, e.g. `$0.10/h`, from when it is ordered until it has gone."""
    autoscaling: Autoscaling | None = None
    """How the number of replicas follows the load."""
    shed: Annotated[list[Shed], Field(max_length=4)] | None = None
    """Load shedding: whom to turn away when the region is too busy."""


class Residency(Part):
    """Where data may go. What is left out is free."""

    regions: list[Name] = Field(default_factory=list)
    """Regions of your own that may serve; empty: all."""
    models_in: list[str] = Field(default_factory=list)
    """Deployments that may be asked, by provider (`mistral`), region (`swedencentral`) or both
    (`azure/swedencentral`); empty: all."""


class Region(Part):
    """A place where users are and where your own service runs."""

    share: Share | None = None
    """Share of the traffic whose users are here (left out everywhere: all alike); shares add up to 100%."""
    timezone: str | None = None
    """IANA time zone of the users here (left out: `traffic.timezone`)."""
    tokens: PositiveFloat = 1.0
    """Language: factor on the tokens of the users' words and of the answers."""
    service: LocalService = LocalService.model_construct()
    """Your own service here."""
    rtt: dict[Name, Duration] = Field(default_factory=dict)
    """Round trip from the users here to the service in each region, e.g. `{us: 20ms, eu: 95ms}`."""
    models_rtt: dict[str, Duration] = Field(default_factory=dict)
    """Round trip from the service here to deployments, by provider or `provider/region`, e.g.
    `{azure/eastus: 3ms, openai: 15ms}` (left out: none)."""
    weight: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    """Weight for `policy: weighted`; 0 under any policy: no new traffic is sent here, what is under way is finished."""
    order: list[Name | list[Name]] = Field(default_factory=list)
    """With `policy: priority`: regions that serve the users here, the first choice first; regions that are one choice
    together stand in a list of their own, e.g. `[us, [eu, asia]]` (left out: by distance)."""
    hosts: list[str] = Field(default_factory=list)
    """Deployments that are in the same place and so hit by its incidents, as provider, region or `provider/region`
    (left out: those whose `region` has its name)."""
    cloud: Name | None = None
    """Provider whose incidents hit the service here, too: regions of one cloud fail together."""
    outages: list[Outage] = Field(default_factory=list)
    """Random incidents of the region."""
    residency: Residency = Residency.model_construct()
    """Where the data of the users here may go."""


class Health(Part):
    """Health checks of the regions."""

    interval: Annotated[Duration, Field(ge=1_000_000)] = 30_000_000_000
    """Time between checks; each region's begin at a random moment within it."""
    failures: Annotated[Count, Field(ge=1, le=1000)] = 3
    """So many failed checks in a row: down."""
    successes: Annotated[Count, Field(ge=1, le=1000)] = 3
    """So many good checks in a row: up again."""
    timeout: Duration = 4_000_000_000
    """After so long a check without an answer has failed."""


class Dns(Part):
    """How soon clients hear of a change."""

    ttl: Duration = 60_000_000_000
    """How long a client keeps an answer; each asks anew at its own moment within it (0s: they hear at once)."""
    ignore: Share = 0.0
    """Share of the clients that keep it longer."""
    ignore_for: Duration = 1_800_000_000_000
    """So much longer."""


class Routing(Part):
    """Which region serves whom, and what happens when one fails."""

    policy: Literal["nearest", "weighted", "priority", "latency"] = "nearest"
    """`nearest` by round trip; `weighted`; `priority`, which spills over to the next choice by capacity;
    `latency`, round trip and the present wait in the queue (of the last actions that got a slot, each counting a
    sixteenth; none while a slot is free)."""
    overprovisioning: PositiveFloat = 1.4
    """With `priority`: a choice takes all traffic while its healthy share times this is 1 or more (Envoy: 1.4)."""
    panic: Share = 0.5
    """With `priority`: when less than this share of a choice is healthy and there is not enough elsewhere, all of it
    is used as if it were healthy (Envoy: 50%)."""
    health: Health = Health.model_construct()
    """Health checks."""
    dns: Dns = Dns.model_construct()
    """How soon clients hear of a change."""
    manual: Duration | None = None
    """Nothing moves by itself: so long after detection somebody fails over, or back (left out: at once)."""
    hold_down: Duration = 0
    """A region that is up again is used only after so long without an incident."""
    failback: Duration = 0
    """Then its traffic comes back evenly over so long."""
    connect_timeout: Duration = 5_000_000_000
    """What a client that asks a region that is down loses before it knows."""
    retries: Annotated[int, Field(ge=0, le=15)] = 0
    """So many other regions a client then tries by itself."""
    retry_lost: bool = False
    """Do clients ask again, once and at once, what was under way in a region that failed? (The first is lost.)"""
    models: Literal["nearest", "any"] = "nearest"
    """Which of a model's deployments a region asks: the nearest that may be asked, or any."""


__all__ = ["MOST_REGIONS", "Dns", "Health", "LocalService", "Region", "Residency", "Routing"]
