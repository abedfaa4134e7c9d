"""Checks of limits against the load that the document implies (without queues, retries and failures)."""

from collections.abc import Iterator

from simkit.scenario.findings import Finding, percent, seconds
from simkit.scenario.geography import services_of, shares
from simkit.scenario.models import Deployment, Quota
from simkit.scenario.policy import Service
from simkit.scenario.profiles import hour_factors, month_factors, weekday_factors
from simkit.scenario.scenario import Document
from simkit.scenario.workload import (
    MEASURES,
    Demand,
    covers,
    demand,
    fallback_chain,
    mean_action_s,
    mean_rate,
    models_in_use,
    setting,
    spread,
    total,
    visits,
)


def peak_factor(document: Document) -> float:
    """The busiest hour's rate over the mean rate."""
    seasonality = document.traffic.seasonality
    months = month_factors(seasonality)
    first = document.start.month - 1
    count = (document.horizon or 0) // (28 * 86_400 * 10**9) + 1
    busiest = max(months[(first + i) % 12] for i in range(min(12, count)))
    return max(hour_factors(seasonality)) * max(weekday_factors(seasonality)) * busiest


def limits(quota: Quota) -> Iterator[tuple[str, float, str]]:
    """(measure, limit per second, limit as text) of a quota."""
    for measure in MEASURES:
        if (limit := getattr(quota, measure)) is not None:
            yield measure, limit.amount / (limit.period_ns / 1e9), str(limit)


def check_quota_load(document: Document) -> Iterator[Finding]:
    """Offered load above a rate limit, in the mean or in the busiest hour."""
    rate = mean_rate(document)
    for name, quota in document.quotas.items() if rate else ():
        asked = total(document, quota)
        for measure, limit, text in limits(quota):
            mean = (rate or 0.0) * float(getattr(asked, measure)) / limit
            yield from _overload(document, "quota_load", f"quotas.{name}.{measure}", f"{measure} limit {text}", mean)


def check_service_load(document: Document) -> Iterator[Finding]:
    """Offered load above what the own service's workers can hold."""
    rate = mean_rate(document)
    each = zip(list(document.regions) or [""], services_of(document), shares(document), strict=True)
    for region, service, share in each if rate else ():
        if service.workers:
            busy, slots = mean_action_s(document), service.workers * most_replicas(service)
            what = f"{slots} workers{f' in {region}' if region else ''} (an action takes {seconds(busy)} on average)"
            own = region and document.regions[region].service.workers is not None
            path = f"regions.{region}.service.workers" if own else "service.workers"
            yield from _overload(document, "service_load", path, what, (rate or 0.0) * share * busy / slots)


def most_replicas(service: Service) -> int:
    """Replicas, at most."""
    return service.replicas if service.autoscaling is None else service.autoscaling.maximum


def check_concurrency_load(document: Document) -> Iterator[Finding]:
    """Offered load above a deployment's concurrency."""
    rate = mean_rate(document)
    for model in models_in_use(document) if rate else ():
        for place, deployment in enumerate(document.models[model].deployments):
            limit = setting(document, model, deployment, "concurrency")
            asked = total(document, among=[deployment])
            if limit and asked.requests:
                what = f"concurrency {limit} (a call takes {seconds(asked.busy_s / asked.requests)} on average)"
                path = f"models.{model}.deployments.{place}.concurrency"
                yield from _overload(document, "concurrency_load", path, what, (rate or 0.0) * asked.busy_s / limit)


def _overload(document: Document, name: str, path: str, what: str, mean: float) -> Iterator[Finding]:
    peak = mean * peak_factor(document)
    if peak > 1:
        when = f"{percent(mean)} on average and {percent(peak)} in the busiest hour" if peak > mean else percent(mean)
        message = f"The offered load on the {what} is {when}, before any retry."
        yield Finding(
            name, "warning", path, message, "Raise the limit, spread the load, or expect refusals and queues."
        )


def check_standby_limit(document: Document) -> Iterator[Finding]:
    """A fallback or a later deployment whose limits are below what it must take over at the primary's peak."""
    rate = mean_rate(document)
    for path, primary, standby, deployments in _standbys(document) if rate else ():
        peak = (rate or 0.0) * peak_factor(document)
        for name, quota in document.quotas.items():
            if not any(covers(quota, standby, deployment) for deployment in deployments):
                continue
            moved = _moved(document, primary, standby, deployments[0], quota)
            own = total(document, quota, without=primary)
            for measure, limit, text in limits(quota):
                need = peak * (getattr(moved, measure) + getattr(own, measure))
                if need > limit:
                    what = f"`quotas.{name}.{measure}` allows {text}"
                    yield _too_small(path, primary, standby, what, need / limit)
        places = [setting(document, standby, deployment, "concurrency") for deployment in deployments]
        if None not in places:
            moved = _moved(document, primary, standby, deployments[0], None)
            own = total(document, among=deployments, without=primary)
            need = peak * (moved.busy_s + own.busy_s)
            if need > sum(places):
                yield _too_small(path, primary, standby, f"its concurrency is {sum(places)}", need / sum(places))


def _standbys(document: Document) -> Iterator[tuple[str, str, str, list[Deployment]]]:
    """(path, primary model, standby model, its deployments) of what takes over when the primary fails."""
    served = {visit.model for visit in visits(document)}
    for model in (name for name in document.models if name in served):
        for standby in fallback_chain(document, model)[:1]:
            yield f"resilience.fallback.{model}", model, standby, document.models[standby].deployments
        behind = [deployment for deployment, share in spread(document, model) if not share]
        if behind:
            yield f"models.{model}.deployments", model, model, behind


def _moved(document: Document, primary: str, standby: str, to: Deployment, quota: Quota | None) -> Demand:
    """The primary's demand, as the standby's deployment would have it."""
    moved = Demand()
    for visit in visits(document):
        if visit.model == primary:
            there = type(visit)(visit.path, visit.action, visit.call, visit.complexity, standby, visit.per_action)
            moved = moved.plus(demand(document, there, to, quota), visit.per_action)
    return moved


def _too_small(path: str, primary: str, standby: str, what: str, use: float) -> Finding:
    whose = "Its later deployments take" if primary == standby else f"{standby} takes"
    message = f"{whose} over {primary}'s load when that fails; at the busiest hour this is {percent(use)}: {what}."
    return Finding("standby_limit", "warning", path, message, "Raise the standby's limit, or name a further fallback.")


def check_service_unlimited(document: Document) -> Iterator[Finding]:
    """The own service is not limited."""
    if any(service.workers is None for service in services_of(document)):
        message = "Your own service is taken as unlimited: it never queues and never rejects."
        yield Finding(
            "service_unlimited", "warning", "service.workers", message, "Say `service: {workers: N}` if it can be full."
        )
