"""What the regions of a scenario mean: who serves where, how far it is, what is allowed."""

from simkit.scenario.models import Deployment
from simkit.scenario.policy import Service
from simkit.scenario.regions import LocalService, Region, Residency
from simkit.scenario.scenario import Document


def service_in(document: Document, region: str) -> Service:
    """The service of a region: its own figures, and for the rest those of `service`."""
    own = document.regions[region].service
    given = {name: value for name in LocalService.model_fields if (value := getattr(own, name)) is not None}
    return document.service.model_copy(update=given)


def services_of(document: Document) -> list[Service]:
    """The service in each region; the one and only."""
    return [service_in(document, name) for name in document.regions] or [document.service]


def shares(document: Document) -> list[float]:
    """Share of the traffic by region; all alike where nobody says; 1 where there are no regions."""
    given = [region.share for region in document.regions.values()]
    if all(share is None for share in given):
        return [1.0 / max(len(given), 1)] * max(len(given), 1)
    return [share or 0.0 for share in given]


def spread(document: Document) -> list[tuple[float, str]]:
    """Share of the traffic and time zone of each region's users."""
    zones = [region.timezone or document.traffic.timezone for region in document.regions.values()]
    return list(zip(shares(document), zones or [document.traffic.timezone], strict=True))


def place_names(deployment: Deployment) -> set[str]:
    """Names under which a place of deployments may be meant."""
    names = {deployment.provider}
    if deployment.region is not None:
        names |= {deployment.region, f"{deployment.provider}/{deployment.region}"}
    return names


def distance(region: Region, deployment: Deployment) -> int:
    """Round trip from a region's service to a deployment, ns: what is said of its place, else of its provider."""
    exact = f"{deployment.provider}/{deployment.region}"
    return region.models_rtt.get(exact, region.models_rtt.get(deployment.provider, 0))


def hosted(name: str, region: Region, deployment: Deployment) -> bool:
    """Does a deployment stand in a region, so that the region's incidents hit it?"""
    if region.hosts:
        return not place_names(deployment).isdisjoint(region.hosts)
    return deployment.region == name


def may_serve(home: Residency, kind: Residency, region: str) -> bool:
    """May a region serve what users of a home ask, of a kind?"""
    return all(not one.regions or region in one.regions for one in (home, kind))


def may_ask(home: Residency, kind: Residency, deployment: Deployment) -> bool:
    """May a deployment be asked?"""
    names = place_names(deployment)
    return all(not one.models_in or not names.isdisjoint(one.models_in) for one in (home, kind))


__all__ = ["distance", "hosted", "may_ask", "may_serve", "place_names", "service_in", "services_of", "shares", "spread"]
