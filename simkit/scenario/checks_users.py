"""Checks of users' patience and of the people at the end of the ladder."""

from collections.abc import Iterator

from simkit.scenario.checks_limits import peak_factor
from simkit.scenario.checks_policy import served
from simkit.scenario.defaults import failure, layers
from simkit.scenario.findings import Finding, percent, seconds
from simkit.scenario.ladder import Human
from simkit.scenario.models import Incident
from simkit.scenario.scenario import Document
from simkit.scenario.workload import fallback_chain, mean_action_s, mean_rate, names_of, setting, visits


def check_patience_below_ttft(document: Document) -> Iterator[Finding]:
    """Half of the users leave before the answer can be there."""
    patience = document.users.patience
    if patience is None:
        return
    waits, what = _shortest_wait(document), "answer ends"
    if document.users.until == "first_token":
        what = "first token comes"
    half = patience.quantile(0.5) / 1e9
    if half < waits:
        message = f"Half of the users leave after {seconds(half)}, but the {what} after {seconds(waits)} "
        message += "on average, without any queue."
        yield Finding("patience_below_ttft", "warning", "users.patience", message, "Make patience longer than that.")


def _shortest_wait(document: Document) -> float:
    """Mean time in s after which users see what they wait for, at the fastest model."""
    if document.users.until == "answer":
        return mean_action_s(document)
    streams = [visit for visit in visits(document) if visit.call.streaming]
    times = [
        dist.mean() / 1e9
        for visit in streams
        for deployment in document.models[visit.model].deployments
        if (dist := setting(document, visit.model, deployment, "ttft")) is not None
    ]
    return min(times, default=mean_action_s(document))


def check_human_overloaded(document: Document) -> Iterator[Finding]:
    """More cases than people can work on, as long as all is well or in a scheduled incident."""
    rate, human = mean_rate(document), next((r.human for r in document.resilience.degrade if r.human), None)
    if not rate or human is None:
        return
    reach = _reaches_people(document)
    calm = rate * reach * _failing(document) * human.takes.mean() / 1e9
    if calm > _people(human):
        message = (
            f"{calm:.2g} people would be busy with the usual failures, but there are {_people(human):.2g} on average."
        )
        yield Finding("human_overloaded", "warning", "resilience.degrade", message, "More `staff`, or fewer cases.")
        return
    for incident in document.incidents:
        busy = rate * peak_factor(document) * reach * _hit(document, incident) * human.takes.mean() / 1e9
        if busy > human.staff:
            name = incident.name or incident.target
            share = percent(reach * _hit(document, incident))
            message = f"In the incident `{name}` up to {share} of the actions go to people: "
            message += f"{busy:,.3g} would be needed, there are {human.staff}."
            repair = "Give them a `queue` with an end, or put a `rule` before them."
            yield Finding("human_overloaded", "warning", "resilience.degrade", message, repair)
            return


def _people(human: Human) -> float:
    """People there, averaged over the week."""
    day = (human.hours.to - human.hours.from_) / 24 if human.hours is not None else 1.0
    return human.staff * day * (1.0 if human.weekend else 5 / 7)


def _reaches_people(document: Document) -> float:
    """Share of the failed actions that no rung before the people takes."""
    share = 1.0
    for rung in document.resilience.degrade:
        if rung.human is not None:
            return share * rung.human.share
        instant = rung.previous or rung.rule
        share *= 1 - instant.share if instant is not None else 1.0
    return share


def _failing(document: Document) -> float:
    """Largest share of a model's calls that fail though all is well: what no retry and no fallback cures."""
    tries = (layers(document)[0].max_retries or 0) + 1
    found = 0.0
    for model in served(document):
        alone = not fallback_chain(document, model)
        for deployment in document.models[model].deployments:
            errors = setting(document, model, deployment, "errors") or {}
            kinds = {kind: failure(document, kind) for kind in errors}
            lost = [share ** (tries if kinds[kind].retryable else 1) for kind, share in errors.items()]
            stays = [alone or not kinds[kind].fallback for kind in errors]
            found = max(found, sum(share for share, stay in zip(lost, stays, strict=True) if stay))
    return found


def _hit(document: Document, incident: Incident) -> float:
    """Share of the calls that an incident makes fail, all fallbacks included, at most."""
    for model in served(document):
        chain = [model, *fallback_chain(document, model)]
        places = [(name, each) for name in chain for each in document.models[name].deployments]
        if all(incident.target in names_of(name, each) for name, each in places):
            return incident.error_rate ** ((layers(document)[0].max_retries or 0) + 1)
    return 0.0


__all__: list[str] = []
