"""Metrics of regions: what their losses cost, where data went, how long failover takes, what stands idle."""

from collections.abc import Callable, Sequence

import numpy as np

from simkit.result.evidence import Evidence
from simkit.result.failovers import every_failover
from simkit.result.metric import HOUR_NS, NO_END, Formula, Metric, only_if
from simkit.result.places import Place, places_of
from simkit.result.regional import AREA, cell_length
from simkit.result.replicas import replica_ns
from simkit.result.statistics import NO_INTERVAL, Estimate, jackknife, mean, missing, wilson
from simkit.result.tally import Tally


def has_regions(evidence: Evidence) -> bool:
    """Are regions modelled?"""
    return bool(evidence.plan.regions.on[0])


def has_losses(evidence: Evidence) -> bool:
    """Can an incident take a region?"""
    return cell_length(evidence.plan) > 0


def has_residency(evidence: Evidence) -> bool:
    """Is anybody's data bound to a place?"""
    return has_regions(evidence) and bool(evidence.plan.regions.bound[0])


def has_replicas(evidence: Evidence) -> bool:
    """Are replicas counted?"""
    return has_regions(evidence) or bool(evidence.plan.scaling.on.any())


ABSENT: dict[Callable[[Evidence], bool], str] = {
    has_regions: "regions are not modelled",
    has_losses: "no incident takes a region",
    has_residency: "no data is bound to a place",
    has_replicas: "replicas are not counted: there are neither regions nor an autoscaler",
}


def _when(applies: Callable[[Evidence], bool], formula: Formula) -> Formula:
    return only_if(applies, formula, ABSENT[applies])


def _column(run: Tally, name: str) -> int:
    """A sum over all places that serve, nowhere included."""
    serving = len(run.regional.areas) // 2 + 1
    return int(run.regional.areas[:serving, AREA.index(name)].sum())


def _ratio(evidence: Evidence, parts: Sequence[int], wholes: Sequence[int], why: str) -> Estimate:
    """Ratio of totals over replications."""
    if not sum(wholes):
        return missing(why)
    value = sum(parts) / sum(wholes)
    if len(parts) < 2:
        return Estimate(value, note=NO_INTERVAL)
    return jackknife(value, np.array(parts, np.float64), np.array(wholes, np.float64), evidence.level)


def _share(name: str) -> Formula:
    """Actions for a reason / ended."""

    def formula(evidence: Evidence) -> Estimate:
        parts = [_column(one, name) for one in evidence.tallies]
        wholes = [_column(one, "actions") - _column(one, "censored") for one in evidence.tallies]
        part, whole = sum(parts), sum(wholes)
        if len(parts) > 1 and whole and part in (0, whole):
            return wilson(part, whole, evidence.level)
        return _ratio(evidence, parts, wholes, NO_END).within(0.0, 1.0)

    return formula


def _network(evidence: Evidence) -> Estimate:
    network, came = ([_column(one, name) for one in evidence.tallies] for name in ("network", "came"))
    return _ratio(evidence, network, came, "no action came to a service").per(1e9)


def _breaches(evidence: Evidence) -> Estimate:
    """Over the whole run of each replication, the warm-up included."""
    served, asked = ~evidence.plan.regions.may_serve, ~evidence.plan.regions.may_ask
    sums = [one.regional for one in evidence.tallies]
    counts = [float(one.served[..., :-1][served].sum() + one.asked[..., :-2][asked].sum()) for one in sums]
    return mean(counts, evidence.level)


def _failover_time(evidence: Evidence) -> Estimate:
    every = {one.replication: [0, 0] for one in evidence.tallies}
    for one in every_failover(evidence):
        if one.moved_s is not None:
            every[one.tally.replication][0] += round(one.moved_s * 1e9)
            every[one.tally.replication][1] += 1
    times, counts = zip(*every.values(), strict=True)
    return _ratio(evidence, times, counts, "no region's traffic moved").per(1e9)


def _headroom(evidence: Evidence) -> Estimate:
    """Idle share of each region's paid workers times what its service costs / all cost."""
    every = [one for one in places_of(evidence) if one.uses]
    if not every:
        return missing("workers are unlimited: nothing stands idle")
    idle = [sum(_idle_money(place, row) for place in every) for row in range(len(evidence.tallies))]
    whole = [_column(one, "money") + evidence.plan.service_cost + one.total("scaled") for one in evidence.tallies]
    return _ratio(evidence, idle, whole, "nothing was spent").within(0.0, 1.0)


def _idle_money(place: Place, row: int) -> int:
    """Picodollars, in one replication."""
    run = place.evidence.tallies[row]
    return round(place.idle_of(run, place.uses[row]) * place.service_cost(run))


def _replicas(evidence: Evidence) -> Estimate:
    plan, runs = evidence.plan, evidence.tallies
    return mean([sum(replica_ns(plan, one.regional.notices)) / plan.horizon for one in runs], evidence.level)


def _replica_hours(evidence: Evidence) -> Estimate:
    return _replicas(evidence).scaled(evidence.plan.horizon / HOUR_NS)


METRICS = (
    Metric(
        "region_down_rate", "share", "Failed since the region that was to serve them is down / ended.",
        _when(has_losses, _share("region_down")),
    ),
    Metric(
        "residency_rate", "share", "Turned away since nobody may serve them where their data may go / ended.",
        _when(has_residency, _share("residency")),
    ),
    Metric(
        "residency_breaches", "count", "Actions served and attempts sent where the data may not go, warm-up included.",
        _when(has_residency, _breaches),
    ),
    Metric(
        "network_mean", "s", "From the user to the region's service, lost connections included: mean.",
        _when(has_regions, _network),
    ),
    Metric(
        "failover_time", "s", "From a region's loss until 95 % of its traffic goes elsewhere: mean.",
        _when(has_losses, _failover_time),
    ),
    Metric(
        "replicas_mean", "number", "Replicas paid on average, of all regions.", _when(has_replicas, _replicas)
    ),
    Metric("replica_hours", "number", "Replica-hours paid in the horizon.", _when(has_replicas, _replica_hours)),
    Metric(
        "headroom_cost_share", "share", "Cost of the time that paid workers stand idle / all cost.",
        _when(has_regions, _headroom),
    ),
)  # fmt: skip
