"""From a scenario to its plan."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from simkit.plan import (
    business,
    caches,
    conversations,
    demand,
    growth,
    policy,
    regions,
    spending,
    supply,
    tiers,
    trouble,
    users,
    work,
)
from simkit.plan.batch import batch
from simkit.plan.calendar import start_utc_ns
from simkit.plan.errors import PlanError
from simkit.plan.index import RAMP, Index, index_of
from simkit.plan.plan import NEVER, SECOND, Names, Plan, PriceTable, Recorded
from simkit.plan.prices import DeploymentPrices, own_prices, price_table
from simkit.plan.tables import DistPool
from simkit.plan.trace import TraceRows, read_trace
from simkit.scenario.batch_models import base_of, with_batch_models
from simkit.scenario.defaults import cooldown_of
from simkit.scenario.geography import services_of
from simkit.scenario.load import Scenario
from simkit.scenario.models import Quota
from simkit.scenario.prices import ModelPrices, book
from simkit.scenario.scenario import Document
from simkit.scenario.stack import structure
from simkit.scenario.units import format_duration, format_share

HOUR = 3600 * SECOND
WEEK = 168 * HOUR


class Overlay(NamedTuple):
    """Values that hold for a time over the scenario's and its changes': what somebody did who answers alerts."""

    since: int
    until: int
    set: Mapping[str, object]
    """Field path to value."""


def compile_plan(scenario: Scenario, overlays: Sequence[Overlay] = ()) -> Plan:
    """Compile a scenario into the arrays that engines read.

    Raises PlanError for changes that alter the structure, TraceError for a bad trace.
    """
    document = scenario.document
    trace = replayed(scenario)
    begin, horizon, cooldown = spans(document, trace)
    zero = start_utc_ns(document.start, document.traffic.timezone)
    epochs, documents = epochs_of(scenario, begin, overlays)
    end = horizon + cooldown
    documents = [with_batch_models(each) for each in documents]
    document = documents[0]
    index = index_of(document)
    check_structure(documents, index)
    pool = DistPool()
    tables = tables_of(documents, epochs, (begin, end), zero, index, pool, trace)
    return Plan(
        names=names(document, index),
        begin=begin,
        horizon=horizon,
        cooldown=cooldown,
        start_utc=zero,
        timezone=document.traffic.timezone,
        epochs=np.array(epochs, dtype=np.int64),
        dists=pool.build(),
        stationary=is_stationary(document),
        business=business.business(documents),
        service_costs=service_costs(documents, epochs, horizon),
        price_book=f"{book().date} (genai-prices {book().version})",
        recorded=demand.recorded(trace) if trace is not None else Recorded(),
        **tables,
    )


def tables_of(
    documents: list[Document], epochs: list[int], span: tuple[int, int], zero: int, index: Index, pool: DistPool,
    trace: TraceRows | None,
) -> dict[str, Any]:  # fmt: skip
    """The parts of the plan that are tables, by their names."""
    document, (begin, end) = documents[0], span
    return {
        "arrivals": demand.arrivals(documents, epochs, end, zero, pool)
        if trace is None
        else demand.replay(trace, document.traffic, index),
        "modulation": growth.modulation(document, zero, pool),
        "growth": growth.growth(documents, begin, end, pool),
        "people": demand.people(documents, index),
        "actions": work.actions(documents, index, pool),
        "routes": work.routes(documents, index),
        "models": supply.models(documents, index),
        "deployments": supply.deployments(documents, index, pool),
        "limits": supply.limits(documents, index),
        "incidents": trouble.incidents(document, index, pool),
        "service": supply.service(documents, pool),
        "scaling": regions.scaling(documents),
        "replica_price": regions.replica_price(documents),
        "regions": regions.regions(documents, [supply.stable_key(name) for name in document.regions or [""]]),
        "policy": policy.policy(documents, pool),
        **dict(zip(("inner", "outer", "has_gateway", "breaker"), policy.two_layers(documents), strict=True)),
        "ladder": users.ladder(documents, epochs, end, zero, pool),
        "audience": users.audience(documents, pool),
        "answers": caches.answers(documents, trace, pool),
        "prompts": caches.prompts(documents, index, trace),
        "sessions": conversations.sessions(documents, pool),
        "spending": spending.budgets(documents, index),
        "tiers": tiers.tiers(document, index, begin),
        "allowances": spending.allowances(documents),
        "resets": spending.resets(documents, begin, end, zero),
        "batch": batch(documents, begin, end, zero),
        "prices": prices(documents, epochs, zero, end),
    }


def replayed(scenario: Scenario) -> TraceRows | None:
    """The rows of the scenario's trace, if it has one."""
    spec, path = scenario.document.traffic.trace, scenario.trace_path
    if spec is None or path is None:
        return None
    return read_trace(path, spec, blocks=caches.has_state(scenario.document))


def spans(document: Document, trace: TraceRows | None) -> tuple[int, int, int]:
    """Begin (minus the warm-up), horizon, cooldown in ns. A trace's horizon is just after its last row."""
    cooldown = cooldown_of(document)
    if trace is not None:
        last = int(trace.time_ns[-1]) + 1 if len(trace.time_ns) else 1
        return 0, document.horizon or last, cooldown
    warmup = HOUR if document.warmup is None else document.warmup
    return -warmup, WEEK if document.horizon is None else document.horizon, cooldown


def epochs_of(scenario: Scenario, begin: int, overlays: Sequence[Overlay] = ()) -> tuple[list[int], list[Document]]:
    """Start and document of each epoch: the scenario, then with its changes one after the other, below overlays."""
    starts, documents = [begin], [scenario.document]
    changes = sorted(scenario.document.changes, key=lambda c: c.at)
    ends = (time for one in overlays for time in (one.since, one.until) if time < NEVER)
    for time in sorted({*(change.at for change in changes), *ends}):
        settings: dict[str, object] = {"changes": []}
        for values in (
            *(change.set for change in changes if change.at <= time),
            *(one.set for one in overlays if one.since <= time < one.until),
        ):
            settings |= values
        document = scenario.set(settings).document
        if time == starts[-1]:
            documents[-1] = document
        else:
            starts.append(time)
            documents.append(document)
    return starts, documents


def check_structure(documents: list[Document], index: Index) -> None:
    """Changes may alter numbers only."""
    for document in documents[1:]:
        if index_of(document) != index or structure(document) != structure(documents[0]):
            raise PlanError(
                "changes: one of them adds, removes or renames something (a model, a call, a limit, ...). "
                "A change may set other numbers only: put what comes later into the scenario from the start, "
                "with a share or rate of 0, and change that number."
            )


def prices(documents: list[Document], epochs: list[int], zero: int, end: int) -> PriceTable:
    """Prices by deployment over the whole run."""
    rows = [deployment_prices(document) for document in documents]
    later = list(zip(epochs[1:], rows[1:], strict=True))
    dated = documents[0].prices
    return price_table(rows[0], zero, epochs[0], end, later=later, dated_utc_ns=date_ns(dated) if dated else None)


def date_ns(date: str) -> int:
    """The first instant of a month or day, UTC."""
    day = np.datetime64(date if len(date) > 7 else f"{date}-01", "ns")
    return int(day.astype(np.int64))


def deployment_prices(document: Document) -> list[DeploymentPrices]:
    """What determines the price at each deployment."""
    found = []
    for name, model in document.models.items():
        own = own_prices(model.prices)
        for d in model.deployments:
            entry = book_entry(model.price_of or base_of(name), d.provider, model.price_of is None, own)
            write = caches.rules_of(document, model, d).write if caches.has_state(document) else None
            found.append(DeploymentPrices(entry, model.processing, d.price_uplift, own, write))
    return found


def book_entry(name: str, provider: str, own_name: bool, own: dict[str, int]) -> ModelPrices:
    """The model's entry in the price book at a provider; an empty one where input and output have own prices."""
    if own_name and {"input", "output"} <= own.keys():
        return ModelPrices("own", name)
    return book().find_at(name, provider)


def is_stationary(document: Document) -> bool:
    """Nothing changes with time: batch means apply."""
    traffic = document.traffic
    seasonality = traffic.seasonality
    flat = seasonality.hours == "flat" and seasonality.weekdays is None and seasonality.weekend is None
    steady = flat and seasonality.months is None and traffic.trace is None and not seasonality.peaks
    steady = steady and not traffic.modulation and growth.settings_of(document) is None
    steady = steady and not any(service.autoscaling for service in services_of(document))
    people = users.people(document)
    always = people is None or (people.hours is None and people.weekend)
    steady = steady and not tiers.tiered(document)
    return steady and always and not document.changes and not document.incidents


def service_costs(documents: list[Document], epochs: list[int], horizon: int) -> tuple[int, ...]:
    """Picodollars of each region's service over [0, horizon), but for replicas whose number follows the load."""
    total = [0] * max(len(documents[0].regions), 1)
    for document, start, end in zip(documents, epochs, [*epochs[1:], horizon], strict=True):
        lasts = max(0, min(end, horizon) - max(start, 0))
        for place, service in enumerate(services_of(document)):
            if service.cost is not None:
                total[place] += service.cost.picodollars * lasts // service.cost.period_ns
            if service.replica_cost is not None and service.autoscaling is None:
                cost = service.replica_cost
                total[place] += service.replicas * cost.picodollars * lasts // cost.period_ns
    return tuple(total)


def names(document: Document, index: Index) -> Names:
    """What the integers stand for."""
    several = len(index.kinds) > 1
    return Names(
        kinds=index.kinds,
        complexities=index.complexities,
        calls=tuple(f"{index.kinds[k]}.{name}" if several else name for k, _, name in index.calls),
        call_kind=tuple(kind for kind, _, _ in index.calls),
        plans=index.plans,
        routes=index.routes,
        models=index.models,
        providers=index.providers,
        deployments=index.deployment_names,
        limits=tuple(f"{quota}: {measure}" for quota, measure in index.limits),
        limit_text=tuple(limit_text(document.quotas[quota], measure) for quota, measure in index.limits),
        incidents=tuple(i.name or f"{i.target} {n + 1}" for n, i in enumerate(document.incidents)),
        budgets=tuple(document.budgets),
        tiered=tuple(tiers.tiered(document)),
        outages=tuple(name for name, _, _, _ in trouble.random_outages(document, index)),
        regions=regions.names_of_regions(document),
    )


def limit_text(quota: Quota, measure: str) -> str:
    """A limit as the file says it; where it rises: from what to what."""
    if measure != RAMP or quota.ramp is None:
        known = tiers.limits_by_tier(quota, measure)
        return " to ".join(dict.fromkeys([str(known[0]), str(known[-1])]))
    return f"{format_share(quota.ramp.growth)} more each {format_duration(quota.ramp.every)}"
