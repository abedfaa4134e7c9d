"""Incidents and random outages as tables."""

import numpy as np

from simkit.plan import regions
from simkit.plan.index import Index, deployments_of
from simkit.plan.plan import NEVER, Bools, Incidents, Ints
from simkit.plan.policy import KIND_OF
from simkit.plan.supply import stable_key
from simkit.plan.tables import DistPool
from simkit.plan.work import cumulative
from simkit.scenario.geography import hosted
from simkit.scenario.models import Deployment, Outage, Severity
from simkit.scenario.scenario import Document
from simkit.scenario.workload import names_of

CYCLES = 20
"""Mean cycles of up and down that lie before the run, after which the process is as good as stationary."""


def incidents(document: Document, index: Index, pool: DistPool) -> Incidents:
    """Scheduled incidents and random outages with what they hit and do."""
    scheduled = document.incidents
    random = random_outages(document, index)
    mixtures = [outage.severity or [outage] for _, _, _, outage in random]
    severities: list[Severity] = [*scheduled, *(severity for mixture in mixtures for severity in mixture)]
    sizes = [len(mixture) for mixture in mixtures]
    places = [(random[i][1], len(mixture)) for i, mixture in enumerate(mixtures)]
    local = [i.target in document.regions for i in scheduled]
    local += [target in document.regions for target, size in places for _ in range(size)]
    cdf = [1.0] * len(scheduled)
    for mixture in mixtures:
        cdf += cumulative([1.0 if severity.share is None else severity.share for severity in mixture])
    return Incidents(
        start=integers([i.at for i in scheduled]),
        end=integers([i.at + i.lasts for i in scheduled]),
        scheduled_severity=np.arange(len(scheduled), dtype=np.int64),
        in_flight_fail=np.array([i.in_flight == "fail" for i in scheduled], dtype=np.bool_),
        hits=hits([i.target for i in scheduled], document),
        gap=integers([pool.add(outage.time_between_failures) for _, _, _, outage in random]),
        duration=integers([pool.add(outage.duration) for _, _, _, outage in random]),
        history=integers([history(outage) for _, _, _, outage in random]),
        key=integers([stable_key(key) for key, _, _, _ in random]),
        outage_in_flight_fail=np.array([outage.in_flight == "fail" for _, _, _, outage in random], dtype=np.bool_),
        outage_hits=np.array([row for _, _, row, _ in random], dtype=np.bool_).reshape(-1, len(index.deployments)),
        first_severity=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64) + len(scheduled),
        severity_cdf=np.array(cdf, dtype=np.float64),
        error_rate=np.array(
            [error_rate(s, in_region) for s, in_region in zip(severities, local, strict=True)], dtype=np.float64
        ),
        error_kind=integers([KIND_OF[s.kind] for s in severities]),
        slowdown=np.array([s.slowdown for s in severities], dtype=np.float64),
        quota=np.array([s.quota for s in severities], dtype=np.float64),
        lost=np.array([1.0 if s.lost is None else s.lost for s in severities], dtype=np.float64),
        region_hits=regions.hits([*(i.target for i in scheduled), *(target for _, target, _, _ in random)], document),
    )


def integers(values: list[int]) -> Ints:
    """A column of int64."""
    return np.array(values, dtype=np.int64)


def error_rate(severity: Severity, in_region: bool) -> float:
    """Share of attempts that fail; of a region's incident, where nothing is said, as many as replicas are gone."""
    if not in_region or severity.error_rate > 0:
        return severity.error_rate
    return 1.0 if severity.lost is None else severity.lost


def hits(targets: list[str], document: Document) -> Bools:
    """(I, N) which deployments each target names."""
    rows = [[is_hit(target, *place, document) for place in deployments_of(document)] for target in targets]
    return np.array(rows, dtype=np.bool_).reshape(-1, len(deployments_of(document)))


def is_hit(target: str, model: str, deployment: Deployment, document: Document) -> bool:
    """Does an incident of a target hit a deployment: by its names, or because it stands in a region of yours?"""
    if target in names_of(model, deployment):
        return True
    return target in document.regions and hosted(target, document.regions[target], deployment)


def random_outages(document: Document, index: Index) -> list[tuple[str, str, list[bool], Outage]]:
    """(name, target, deployments hit, law) of the random outages of providers, models, deployments and regions that
    are in use."""
    found: list[tuple[str, str, list[bool], Outage]] = []
    for name, provider in document.providers.items():
        row = [p == name for _, p, _ in index.deployments]
        found += [(outage_name(name, i), name, row, outage) for i, outage in enumerate(provider.outages)]
    for name, model in document.models.items():
        row = [m == name for m, _, _ in index.deployments]
        found += [(outage_name(name, i), name, row, outage) for i, outage in enumerate(model.outages)]
    for n, (_, deployment) in enumerate(deployments_of(document)):
        row = [n == other for other in range(len(index.deployments))]
        name = index.deployment_names[n]
        found += [(outage_name(name, i), name, row, outage) for i, outage in enumerate(deployment.outages)]
    for name, region in document.regions.items():
        row = [hosted(name, region, deployment) for _, deployment in deployments_of(document)]
        found += [(outage_name(name, i), name, row, outage) for i, outage in enumerate(region.outages)]
    local = {name for name, region in document.regions.items()} | {r.cloud for r in document.regions.values()}
    return [each for each in found if any(each[2]) or each[1] in local]


def outage_name(target: str, number: int) -> str:
    """`random outage of openai`; from the second law of a target on with its number."""
    return f"random outage of {target}" + (f" ({number + 1})" if number else "")


def history(outage: Outage) -> int:
    """How long before the run the process of up and down begins."""
    cycle = outage.time_between_failures.mean() + outage.duration.mean()
    return int(min(CYCLES * cycle, NEVER / 4))


__all__ = ["incidents", "random_outages"]
