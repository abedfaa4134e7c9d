"""Names to indices: what the integers of a plan stand for."""

from dataclasses import dataclass, field

from simkit.plan.codes import Measure
from simkit.scenario.actions import Call, Parallel, Route
from simkit.scenario.models import Deployment
from simkit.scenario.scenario import Document

MEASURES = tuple(one.name.lower() for one in Measure)
RAMP = MEASURES[Measure.RAMP]
ANY = "any"
"""The one complexity of actions that have none."""


@dataclass(frozen=True)
class CallPlace:
    """A call and where it stands."""

    kind: int
    stage: int
    call: Call


@dataclass(frozen=True)
class Index:
    """The structure of a scenario; changes may alter its numbers, not this."""

    kinds: tuple[str, ...]
    complexities: tuple[str, ...]
    calls: tuple[tuple[int, int, str], ...]
    """Kind, stage, name."""
    plans: tuple[str, ...]
    routes: tuple[str, ...]
    models: tuple[str, ...]
    providers: tuple[str, ...]
    deployments: tuple[tuple[str, str, str | None], ...]
    """Model, provider, region."""
    limits: tuple[tuple[str, str], ...]
    """Quota, measure."""
    deployment_names: tuple[str, ...] = field(default=())


def index_of(document: Document) -> Index:
    """The structure of a document."""
    places = call_places(document)
    deployments = tuple((m, d.provider, d.region) for m, d in deployments_of(document))
    users = document.traffic.users
    return Index(
        kinds=tuple(document.actions),
        complexities=complexities(document),
        calls=tuple((p.kind, p.stage, p.call.name) for p in places),
        plans=tuple(users.plans) if users else (),
        routes=tuple(all_routes(document)),
        models=tuple(document.models),
        providers=tuple(dict.fromkeys([*document.providers, *(provider for _, provider, _ in deployments)])),
        deployments=deployments,
        limits=tuple((q, m) for q, quota in document.quotas.items() for m in MEASURES if getattr(quota, m) is not None),
        deployment_names=unique_names(["/".join(part for part in d if part) for d in deployments]),
    )


def unique_names(names: list[str]) -> tuple[str, ...]:
    """Names made unique by a number where two are the same."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(unique)


def complexities(document: Document) -> tuple[str, ...]:
    """All complexities, in the order of the file."""
    names = dict.fromkeys(name for action in document.actions.values() for name in action.complexity or {ANY: 1.0})
    return tuple(names)


def call_places(document: Document) -> list[CallPlace]:
    """All calls with their kind and stage, in the order of the file."""
    return [
        CallPlace(kind, stage, call)
        for kind, action in enumerate(document.actions.values())
        for stage, item in enumerate(action.calls)
        for call in (item.parallel if isinstance(item, Parallel) else [item])
    ]


def deployments_of(document: Document) -> list[tuple[str, Deployment]]:
    """All deployments, grouped by model."""
    return [(name, d) for name, model in document.models.items() for d in model.deployments]


def all_routes(document: Document) -> dict[str, Route]:
    """The named routes, and one for each model that a call names directly (under the name `=model`)."""
    direct = {p.call.model for p in call_places(document) if p.call.model is not None}
    return {**document.routes, **{f"={model}": Route(model=model) for model in sorted(direct)}}
