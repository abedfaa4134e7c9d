"""Checks of quotas, budgets and batch: limits that the mean use exceeds, work that can wait and does not."""

import datetime as dt
from collections.abc import Iterator

from simkit.scenario.batch_models import base_of
from simkit.scenario.business import Business
from simkit.scenario.defaults import longest_wait
from simkit.scenario.economy import DAY, user_quotas
from simkit.scenario.findings import Finding, seconds
from simkit.scenario.models import Deployment
from simkit.scenario.prices import UnknownModel, book, day_ns
from simkit.scenario.scenario import Document
from simkit.scenario.workload import actions_per_day, demand, mean_rate, names_of, spread, visits

MONTH_DAYS = 730 / 24


def check_quota_below_mean_use(document: Document) -> Iterator[Finding]:
    """A quota that a user of mean activity exceeds."""
    for path, quota in user_quotas(document):
        for name, limit, days in (("day", quota.day, 1.0), ("month", quota.month, MONTH_DAYS)):
            use = actions_per_day(document) * days
            if limit is not None and limit < use:
                message = f"{limit:,} actions a {name} are fewer than the {use:,.4g} of a mean user: most are over it."
                yield Finding("quota_below_mean_use", "warning", f"{path}.{name}", message, "Raise it.")


def check_budget_below_mean_cost(document: Document) -> Iterator[Finding]:
    """A budget that the mean traffic spends before its period ends."""
    rate = mean_rate(document)
    for name, budget in document.budgets.items() if rate else ():
        per_s = (rate or 0) * sum(
            visit.per_action * share * mean_cost(document, visit.model, deployment, visit)
            for visit in visits(document)
            for deployment, share in spread(document, visit.model)
            if budget.of is None or not names_of(visit.model, deployment).isdisjoint(budget.of)
        )
        period = budget.limit.period_ns / 1e9
        if per_s * period > budget.limit.picodollars:
            what = "day" if budget.limit.period_ns == DAY else "month"
            gone = budget.limit.picodollars / per_s
            message = f"The mean traffic costs ${per_s * period / 1e12:,.2f} a {what} without retries: the budget "
            message += f"`{name}` of {budget.limit} is spent after {seconds(gone)}."
            repair = "Raise the limit, or let an earlier step `degrade`."
            yield Finding("budget_below_mean_cost", "warning", f"budgets.{name}.limit", message, repair)


def mean_cost(document: Document, name: str, deployment: Deployment, visit: object) -> float:
    """Mean picodollars of a visit, nothing read from a cache; 0 where the price is not known."""
    model = document.models[name]
    own = {} if model.prices is None else model.prices.model_dump(exclude_none=True)
    asked = demand(document, visit, deployment)  # type: ignore[arg-type]
    try:
        if {"input", "output"} <= own.keys():
            entered, output, request = own["input"], own["output"], own.get("request", 0)
        else:
            when = day_ns(dt.date(document.start.year, document.start.month, document.start.day))
            row = book().find_at(model.price_of or base_of(name), deployment.provider).at(when, model.processing, own)
            entered, output, request = row.tiers[0].input, row.tiers[0].output, row.request
    except UnknownModel:
        return 0.0
    return float(deployment.price_uplift * (asked.input * entered + asked.output * output + request))


def check_urgency_without_batch(document: Document) -> Iterator[Finding]:
    """Actions that can wait, and nothing that makes them."""
    if document.batch.window is not None or document.batch.api is not None:
        return
    for name, action in document.actions.items():
        if action.urgency == "batch":
            message = "`urgency: batch` without `batch.window` or `batch.api` is the same as `now`."
            repair = "Add `batch: {window: {from: 22, to: 6}}`, or `batch: {api: 40min}`."
            yield Finding("urgency_without_batch", "warning", f"actions.{name}.urgency", message, repair)


def check_batch_beyond_deadline(document: Document) -> Iterator[Finding]:
    """A deadline that work which can wait misses."""
    batch = document.batch
    if batch.deadline is None or all(action.urgency == "now" for action in document.actions.values()):
        return
    within = batch.api.within if batch.api is not None else 0
    takes = int(batch.api.takes.quantile(0.95)) if batch.api is not None else 0
    longest = longest_wait(document) - within + min(takes, within)
    if longest > batch.deadline:
        message = (
            f"Held for the longest time, and then slow (5 % are slower), an action ends after {seconds(longest / 1e9)}"
        )
        message += f", but its deadline is {seconds(batch.deadline / 1e9)}."
        repair = "Make `batch.deadline` longer, or the window."
        yield Finding("batch_beyond_deadline", "warning", "batch.deadline", message, repair)


def check_money_without_growth(document: Document) -> Iterator[Finding]:
    """Money of the company that is not told: its books are of users who come and go."""
    users = document.traffic.users
    if users is not None and users.growth is not None:
        return
    priced = [name for name, plan in (users.plans.items() if users is not None else ()) if plan.price is not None]
    path = "business" if document.business != Business() else f"traffic.users.plans.{priced[0]}.price" if priced else ""
    if path:
        message = "This has no effect: the company's books are told where users come and go."
        yield Finding("money_without_growth", "warning", path, message, "Say e.g. `growth: {base: 300}` of the users.")


CHECKS = (
    check_quota_below_mean_use,
    check_budget_below_mean_cost,
    check_urgency_without_batch,
    check_batch_beyond_deadline,
    check_money_without_growth,
)

__all__ = ["CHECKS"]
