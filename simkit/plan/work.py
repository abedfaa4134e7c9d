"""Actions, calls and routes as tables."""

from dataclasses import replace

import numpy as np

from simkit.plan import conversations
from simkit.plan.arrays import Floats, Ints
from simkit.plan.index import ANY, Index, all_routes, call_places
from simkit.plan.plan import NEVER, Actions, Routes
from simkit.plan.tables import DistPool
from simkit.scenario.actions import Action, Call, Route
from simkit.scenario.distribution import MOST_TOKENS, TokenDist
from simkit.scenario.scenario import Document
from simkit.scenario.workload import first_shares, output_of


def cumulative(shares: list[float]) -> list[float]:
    """Cumulative shares, ending in exactly 1 (where there are any)."""
    total = sum(shares)
    sums = np.cumsum(shares) / total if total else np.zeros(len(shares))
    if total:
        sums[sums >= sums[-1]] = 1.0
    return [float(x) for x in sums]


def guide_of(cdf: Floats) -> Ints:
    """Where to begin to look for u in `cdf`, by int(u n): the first entry above the least that such a u may be.

    A u just below g / n may give g when it is multiplied by n: hence the margin.
    """
    count = len(cdf)
    least = np.arange(count) / max(count, 1) * (1.0 - 2.0**-50)
    return np.minimum(np.searchsorted(cdf, least, side="right"), max(count - 1, 0)).astype(np.int64)


def actions(documents: list[Document], index: Index, pool: DistPool) -> Actions:
    """Kinds of actions and their calls."""
    places = call_places(documents[0])
    calls = [place.call for place in places]
    by_epoch = [[p.call for p in call_places(document)] for document in documents]
    counts = np.bincount([p.kind for p in places], minlength=len(index.kinds))
    names = list(index.routes)
    return Actions(
        kind_cdf=np.array([kind_cdf(d) for d in documents]),
        complexity_cdf=np.array([[complexity_cdf(a, index) for a in d.actions.values()] for d in documents]),
        priority=np.array([a.priority for a in documents[0].actions.values()], dtype=np.int64),
        first_call=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        stage=np.array([p.stage for p in places], dtype=np.int64),
        route=np.array([route_index(c, names) for c in calls], dtype=np.int64),
        streaming=np.array([c.streaming for c in calls], dtype=np.bool_),
        judged=np.array([c.judged and not c.summarises and route_index(c, names) >= 0 for c in calls], dtype=np.bool_),
        runs_on=np.array([runs_on(c, documents[0].resilience.on_cancel) for c in calls], dtype=np.bool_),
        work=np.array([[pool.add(c.work) if c.work else -1 for c in row] for row in by_epoch], dtype=np.int64),
        times=np.array([[c.repeat.times or 1 for c in row] for row in by_epoch], dtype=np.int64),
        again=np.array([[c.repeat.again() for c in row] for row in by_epoch]),
        repeat_max=np.array([[c.repeat.most() for c in row] for row in by_epoch], dtype=np.int64),
        input=np.array([[[part(pool, d) for d in inputs(c)] for c in row] for row in by_epoch], dtype=np.int64),
        output=np.array(
            [[[part(pool, output_of(c, x)) for x in index.complexities] for c in row] for row in by_epoch],
            dtype=np.int64,
        ),
        max_output=np.array(
            [[c.output.max if c.output.max is not None else NEVER for c in row] for row in by_epoch], dtype=np.int64
        ),
        **conversations.threads(by_epoch, [p.kind for p in places], list(dict.fromkeys(c.name for c in calls))),
        cached=np.array([may_be_cached(c, documents[0]) for c in calls]),
        chunks=np.array([[c.input.chunks for c in row] for row in by_epoch], dtype=np.int64),
        reasoning=np.array(
            [[[part(pool, c.output.reasoning)] * len(index.complexities) for c in row] for row in by_epoch],
            dtype=np.int64,
        ),
        work_cost=np.array([[c.work_cost for c in row] for row in by_epoch], dtype=np.int64),
    )


def kind_cdf(document: Document) -> list[float]:
    """Cumulative shares of the kinds; the only kind has all."""
    kinds = list(document.actions.values())
    return cumulative([kind.share if kind.share is not None else 1.0 / len(kinds) for kind in kinds])


def complexity_cdf(action: Action, index: Index) -> list[float]:
    """Cumulative shares of the complexities of a kind."""
    shares = action.complexity or {ANY: 1.0}
    return cumulative([shares.get(name, 0.0) for name in index.complexities])


def route_index(call: Call, names: list[str]) -> int:
    """The call's route, -1 for a step of fixed work."""
    if call.route is not None:
        return names.index(call.route)
    return names.index(f"={call.model}") if call.model is not None else -1


def runs_on(call: Call, on_cancel: str) -> bool:
    """Does cancelled work of this call run on?"""
    return on_cancel == "runs_on" or (on_cancel == "auto" and not call.streaming)


def may_be_cached(call: Call, document: Document) -> bool:
    """May caches of answers serve a call, and are there any?"""
    on = document.caches.exact is not None or document.caches.semantic is not None
    served = call.model is not None or call.route is not None
    return on and served and call.cached and call.repeat.most() == 1 and not call.summarises


def inputs(call: Call) -> tuple[TokenDist | None, ...]:
    """System, retrieved, user."""
    return call.input.system, call.input.retrieved, call.input.user


def part(pool: DistPool, dist: TokenDist | None) -> int:
    """Id of a distribution, -1 for none. A draw is at most `MOST_TOKENS`, so that no bill overflows."""
    if dist is None:
        return -1
    scaled = dist.scaled()
    return pool.add(replace(scaled, cap=min(scaled.cap, MOST_TOKENS)))


def routes(documents: list[Document], index: Index) -> Routes:
    """How a call's model is chosen."""
    tables = [list(all_routes(document).values()) for document in documents]
    models, levels = list(index.models), list(index.complexities)
    next_model = np.full((len(index.routes), len(models)), -1, dtype=np.int64)
    for r, route in enumerate(tables[0]):
        for model, following in zip(route.cascade, route.cascade[1:], strict=False):
            next_model[r, models.index(model)] = models.index(following)
    return Routes(
        mix_cdf=np.array([[[mix(route, x, models) for x in levels] for route in t] for t in tables]),
        next_model=next_model,
        escalate=np.array([[[escalate(route, x) for x in levels] for route in t] for t in tables]),
    )


def mix(route: Route, complexity: str, models: list[str]) -> list[float]:
    """Cumulative shares of the first model at a complexity."""
    shares = first_shares(route, complexity)
    return cumulative([shares.get(model, 0.0) for model in models])


def escalate(route: Route, complexity: str) -> float:
    """Share of answers that go on to the cascade's next model."""
    return route.escalate.get(complexity, 0.0) if route.cascade else 0.0
