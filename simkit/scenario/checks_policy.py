"""Checks of fallbacks, prices and incidents: what looks like a safety net and is none."""

import datetime as dt
import math
from collections.abc import Iterator

from simkit.scenario.findings import Finding, seconds
from simkit.scenario.models import Incident, Outage
from simkit.scenario.prices import UnknownModel, book, day_ns
from simkit.scenario.profiles import hour_factors
from simkit.scenario.scenario import Document
from simkit.scenario.workload import covers, fallback_chain, models_in_use, names_of, visits

ENOUGH_INCIDENTS = 200
WEEK = 7 * 86_400 * 10**9
HOUR = 3_600 * 10**9


def horizon_of(document: Document) -> int | None:
    """Measured time in ns; None for a trace that ends with its last row."""
    if document.horizon is None and document.traffic.trace is not None:
        return None
    return WEEK if document.horizon is None else document.horizon


def served(document: Document) -> list[str]:
    """Models that calls go to first."""
    first = {visit.model for visit in visits(document)}
    return [name for name in document.models if name in first]


def check_fallback_independence(document: Document) -> Iterator[Finding]:
    """A fallback that fails together with its primary: same provider, or same quota pool."""
    for model in served(document):
        for standby in fallback_chain(document, model):
            path = f"resilience.fallback.{model}"
            own, other = document.models[model].deployments, document.models[standby].deployments
            shared = {each.provider for each in own} & {each.provider for each in other}
            if shared == {each.provider for each in other}:
                message = f"{standby} stands in for {model}, but runs at {' and '.join(sorted(shared))} like it: "
                message += "an incident of the provider takes both."
                repair = "Name a fallback at another provider, or add a deployment of it elsewhere."
                yield Finding("fallback_shares_provider", "warning", path, message, repair)
            for name, quota in document.quotas.items():
                if any(covers(quota, model, each) for each in own) and all(covers(quota, standby, e) for e in other):
                    message = f"{standby} stands in for {model}, but both draw on the quota `{name}`: "
                    message += "what refuses the one refuses the other."
                    repair = "Give the fallback a quota of its own, or name another one."
                    yield Finding("fallback_shares_quota", "warning", path, message, repair)


def check_batch_price(document: Document) -> Iterator[Finding]:
    """Batch processing of a model that has no batch price in the book."""
    when = day_ns(dt.date(document.start.year, document.start.month, document.start.day))
    for name in models_in_use(document):
        model = document.models[name]
        for deployment in model.deployments if model.processing == "batch" and model.prices is None else ():
            try:
                found = book().find_at(model.price_of or name, deployment.provider)
            except UnknownModel:
                continue
            if found.at(when, "batch") == found.at(when):
                message = f"The price book has no batch price of {name} at {deployment.provider} on this date: "
                message += "the standard price is used."
                repair = "Say `prices:` yourself, or `processing: standard`."
                yield Finding("batch_price", "warning", f"models.{name}.processing", message, repair)


def outages_in_use(document: Document) -> list[tuple[str, Outage]]:
    """(path, outage) of the random incidents that can hit a call."""
    models = models_in_use(document)
    providers = {each.provider for name in models for each in document.models[name].deployments}
    found = [
        (f"providers.{name}.outages", outage)
        for name, provider in document.providers.items()
        for outage in (provider.outages if name in providers else ())
    ]
    for name in models:
        model = document.models[name]
        found += [(f"models.{name}.outages", outage) for outage in model.outages]
        for place, deployment in enumerate(model.deployments):
            found += [(f"models.{name}.deployments.{place}.outages", outage) for outage in deployment.outages]
    return found


def check_outages_modelled(document: Document) -> Iterator[Finding]:
    """Providers that never fail."""
    if document.incidents:
        return
    hit = {path for path, _ in outages_in_use(document)}
    for name in models_in_use(document):
        model = document.models[name]
        for place, deployment in enumerate(model.deployments):
            own = {f"models.{name}.outages", f"models.{name}.deployments.{place}.outages"}
            path = f"providers.{deployment.provider}.outages"
            if hit.isdisjoint(own | {path}):
                hit.add(path)
                message = f"{deployment.provider} never has an outage here; by their status pages "
                message += "OpenAI and Anthropic are unavailable for 1.3 and 0.6 hours a month."
                repair = "Extend `simkit:openai_anthropic`, or describe `outages` (none on purpose: leave it so)."
                yield Finding("outages_not_modelled", "warning", path, message, repair)


def check_outages_rare(document: Document) -> Iterator[Finding]:
    """Random outages too rare for the horizon: their effect is a matter of luck."""
    horizon = horizon_of(document)
    cycles = [o.time_between_failures.mean() + o.duration.mean() for _, o in outages_in_use(document)]
    if horizon is None or not cycles:
        return
    expected = sum(horizon * document.replications / cycle for cycle in cycles if cycle)
    if 0 < expected < ENOUGH_INCIDENTS:
        shown = f"{expected:,.0f}" if expected >= 10 else f"{expected:.2g}"
        message = f"About {shown} random incidents are expected in {document.replications} replications of "
        message += (
            f"{seconds(horizon / 1e9)}; below {ENOUGH_INCIDENTS} their effect on the figures is a matter of luck."
        )
        needed = math.ceil(document.replications * ENOUGH_INCIDENTS / expected)
        repair = f"Use {needed:,} replications, or a longer horizon, to judge outages."
        yield Finding("outages_rare", "warning", "replications", message, repair)


def check_incident_has_effect(document: Document) -> Iterator[Finding]:
    """A scheduled incident that hits nothing, does nothing, or happens while nobody asks."""
    used = models_in_use(document)
    targets = {name for model in used for each in document.models[model].deployments for name in names_of(model, each)}
    here = document.regions.keys() | {region.cloud for region in document.regions.values()}
    for place, incident in enumerate(document.incidents):
        path = f"incidents.{incident.name or place}"
        if incident.target not in targets | here:
            reason, repair = f"no call goes to {incident.target}", "Name a model, provider or deployment that is used."
        elif is_harmless(incident) and (incident.target not in here or incident.lost == 0):
            reason, repair = "it has no effect", "Say its `error_rate`, `slowdown` or `quota`."
        elif _nobody_asks(document, incident):
            reason, repair = "the traffic has no arrivals in these hours", "Move it to where there is traffic."
        else:
            continue
        message = f"The incident at {seconds(incident.at / 1e9)} changes nothing: {reason}."
        yield Finding("incident_no_effect", "warning", path, message, repair)


def is_harmless(incident: Incident) -> bool:
    """Does it do nothing to deployments?"""
    return incident.error_rate == 0 and incident.slowdown == 1 and incident.quota == 1


def _nobody_asks(document: Document, incident: Incident) -> bool:
    """Is the rate 0 in all local hours of the incident (daylight saving apart)?"""
    factors = hour_factors(document.traffic.seasonality)
    first = getattr(document.start, "hour", 0) + incident.at // HOUR
    last = getattr(document.start, "hour", 0) + (incident.at + incident.lasts - 1) // HOUR
    return all(factors[hour % 24] == 0 for hour in range(first, min(last, first + 23) + 1))


__all__ = ["horizon_of", "outages_in_use", "served"]
