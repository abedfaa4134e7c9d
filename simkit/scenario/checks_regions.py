"""Checks of regions: ways that take no time, settings that do nothing."""

from collections.abc import Callable, Iterator

from simkit.scenario.findings import Finding, seconds
from simkit.scenario.geography import service_in
from simkit.scenario.regions import Region
from simkit.scenario.scenario import Document
from simkit.scenario.units import format_share
from simkit.scenario.workload import models_in_use

HAIR = 1e-9
"""A third of three replicas is one, whatever the last bit says."""
ONLY_PRIORITY = ("overprovisioning", "panic")
"""Settings of `routing` that `policy: priority` alone looks at."""


def check_round_trips(document: Document) -> Iterator[Finding]:
    """Several regions that are no distance apart, or a way to a deployment that takes no time."""
    regions = document.regions
    if len(regions) > 1 and not any(region.rtt for region in regions.values()):
        message = "No round-trip time is said: users reach every region at once, and turn to their own first."
        repair = "Say it for each region, e.g. `rtt: {us: 20ms, eu: 95ms}`."
        yield Finding("round_trips", "warning", "regions", message, repair)
    for name, region in regions.items():
        lacking = _unsaid(document, region) if region.models_rtt else []
        if lacking:
            message = f"Nothing is said of the way from {name} to {', '.join(lacking)}: it takes no time"
            message += ", and so it is the nearest." if document.routing.models == "nearest" else "."
            repair = "Say the round trip to every deployment that is used, or to none."
            yield Finding("round_trips", "warning", f"regions.{name}.models_rtt", message, repair)


def _unsaid(document: Document, region: Region) -> list[str]:
    """Places of deployments in use to which no round trip is said."""
    used = [one for name in models_in_use(document) for one in document.models[name].deployments]
    places = {(f"{one.provider}/{one.region}" if one.region else one.provider): one.provider for one in used}
    return [place for place, provider in places.items() if not {place, provider} & region.models_rtt.keys()]


def check_routing_has_effect(document: Document) -> Iterator[Finding]:
    """Settings that the policy, or anything else in the scenario, gives nothing to do."""
    routing, name = document.routing, "routing_no_effect"
    if routing.policy != "priority":
        said = [f"routing.{key}" for key in ONLY_PRIORITY if key in routing.model_fields_set]
        said += [f"regions.{name}.order" for name, region in document.regions.items() if region.order]
        yield from (_idle(name, path, "only `policy: priority` looks at it") for path in said)
    if routing.policy != "weighted":
        weights = [each for each, region in document.regions.items() if region.weight not in (0, 1)]
        yield from (_idle(name, f"regions.{each}.weight", "only `policy: weighted` looks at it") for each in weights)
    if "ignore_for" in routing.dns.model_fields_set and not routing.dns.ignore:
        yield _idle(name, "routing.dns.ignore_for", "no client ignores the time to live (`ignore`)")
    if document.regions and not can_fail(document):
        keys = ("hold_down", "failback", "manual", "connect_timeout", "retries", "retry_lost", "health")
        for key in [one for one in keys if one in routing.model_fields_set]:
            yield _idle(name, f"routing.{key}", "no incident hits a region")


def check_partial_loss(document: Document) -> Iterator[Finding]:
    """An incident that is to leave something of a region, and leaves no whole replica of it."""
    for place, incident in enumerate(document.incidents):
        region = document.regions.get(incident.target)
        if region is None or not incident.lost or incident.lost == 1:
            continue
        replicas = service_in(document, incident.target).replicas
        if int(replicas * (1 - incident.lost) + HAIR) == 0:
            yield Finding(
                "partial_loss", "warning", f"incidents.{place}.lost",
                f"Of {replicas} replica{'s' * (replicas > 1)} in {incident.target} this leaves none, while health "
                f"checks find {format_share(1 - incident.lost)} of the region well.",
                "Give the region more replicas, or write `lost: 100%`.",
            )  # fmt: skip


def check_health_timeout(document: Document) -> Iterator[Finding]:
    """A health check that is still waited for when the next one begins."""
    health = document.routing.health
    if document.regions and health.timeout > health.interval:
        yield Finding(
            "health_timeout", "warning", "routing.health.timeout",
            f"A check may take {seconds(health.timeout / 1e9)}, and one begins every "
            f"{seconds(health.interval / 1e9)}: several are under way at once.",
            "Make the timeout shorter than the interval.",
        )  # fmt: skip


def can_fail(document: Document) -> bool:
    """Is there an incident, scheduled or random, that hits a region?"""
    clouds = {region.cloud for region in document.regions.values() if region.cloud is not None}
    scheduled = any(one.target in document.regions or one.target in clouds for one in document.incidents)
    random = any(region.outages for region in document.regions.values())
    return scheduled or random or any(document.providers[one].outages for one in clouds & document.providers.keys())


def _idle(name: str, path: str, reason: str) -> Finding:
    return Finding(name, "warning", path, f"`{path}` has no effect: {reason}.", "Remove it, or change the other.")


CHECKS: tuple[Callable[[Document], Iterator[Finding]], ...] = (
    check_round_trips,
    check_routing_has_effect,
    check_partial_loss,
    check_health_timeout,
)

__all__ = ["CHECKS", "can_fail"]
