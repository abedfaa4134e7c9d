"""Traffic as tables: arrivals and users."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from simkit.plan.calendar import Piece, rate_segments
from simkit.plan.economy import mean_turns
from simkit.plan.growth import parts as divided
from simkit.plan.growth import settings_of
from simkit.plan.index import Index
from simkit.plan.plan import Arrivals, Floats, Ints, People, Recorded
from simkit.plan.tables import DistPool
from simkit.plan.trace import TraceRows
from simkit.plan.work import cumulative
from simkit.scenario.distribution import NumberDist
from simkit.scenario.geography import spread
from simkit.scenario.growth import Growth, Launch
from simkit.scenario.population import expected_active, launched, rush_until, signups
from simkit.scenario.portable import exp, log, normal_quantile
from simkit.scenario.scenario import Document
from simkit.scenario.traffic import LognormalActivity, Seasonality, Traffic, Users, Zipf
from simkit.scenario.workload import actions_per_day

DAY = 86_400 * 10**9
HOUR, SECOND = DAY // 24, 10**9
NO_INTS = np.zeros(0, dtype=np.int64)
NO_FLOATS = np.zeros(0, dtype=np.float64)


def rate_per_ns(document: Document) -> float:
    """Mean arrivals per ns, of each active user where users come and go; where actions are turns of conversations: of
    conversations."""
    traffic = document.traffic
    actions = (traffic.rate or 0.0) / 1e9
    if traffic.users is not None:
        actions = actions_per_day(document) / DAY * (1 if traffic.users.growth else traffic.users.daily_active or 0)
    if traffic.sessions is None:
        return actions
    turns = traffic.sessions.turns
    return actions / mean_turns(turns.times or 1, turns.again(), turns.most())


class Flow(NamedTuple):
    """Arrivals of one source: the users of a region, or those who sign up there."""

    segments: tuple[Ints, Floats, Floats]
    """Starts (and the end), rates, expected arrivals until each start."""
    users: Floats
    """On whom the arrivals of each segment depend."""


def arrivals(documents: list[Document], epochs: list[int], end: int, start_utc_ns: int, pool: DistPool) -> Arrivals:
    """Piecewise constant rates over [first epoch, end) for the users of each region, each piece with its gaps."""
    spans = list(zip(documents, epochs, [*epochs[1:], end], strict=True))
    regions = range(len(spread(documents[0])))
    flows = [flow(spans, region, start_utc_ns) for region in regions]
    if settings_of(documents[0]) is not None:
        flows = [lively(one, spans, region) for region, one in enumerate(flows)]
        flows += [newcomers(spans, region, start_utc_ns) for region in regions]
    gaps = np.array([pool.add(gap_distribution(d.traffic)) for d in documents], dtype=np.int64)
    parts = [one.segments for one in flows]
    epoch_of = [np.searchsorted(np.array(epochs), start[:-1], side="right") - 1 for start, _, _ in parts]
    return Arrivals(
        np.concatenate([start for start, _, _ in parts]),
        np.concatenate([rate for _, rate, _ in parts]),
        np.concatenate([expected for _, _, expected in parts]),
        gaps[np.concatenate(epoch_of)],
        np.cumsum([0, *(len(rate) for _, rate, _ in parts)]).astype(np.int64),
        *(NO_INTS,) * 5,
        users=np.concatenate([one.users for one in flows]),
    )


Span = tuple[Document, int, int]


def flow(spans: list[Span], region: int, start_utc_ns: int) -> Flow:
    """What the users of a region ask; where they come and go, one active user."""
    pieces: list[Piece] = []
    for document, start, until in spans:
        share, zone = spread(document)[region]
        moving = settings_of(document) is not None
        mean = rate_per_ns(document) * (1.0 if moving else share)
        ends = by_day(start, until) if moving else [start, until]
        pieces += [(a, b, mean, document.traffic.seasonality, zone) for a, b in pairwise(ends)]
    segments = rate_segments(pieces, start_utc_ns)
    return Flow(segments, np.ones(len(segments[1])))


def by_day(start: int, until: int) -> list[int]:
    """A time and its days' beginnings."""
    return [start, *range((start // DAY + 1) * DAY, until, DAY), until]


def lively(one: Flow, spans: list[Span], region: int) -> Flow:
    """The same with the users who are expected to be there."""
    users = np.zeros(len(one.users))
    days = np.maximum(one.segments[0][:-1] // DAY, 0)
    for document, start, _ in spans:
        settings, (share, _) = settings_of(document), spread(document)[region]
        there = one.segments[0][:-1] >= start
        if settings is not None:
            users[there] = expected_active(settings, int(days[-1]) + 1)[days[there]] * share
    return one._replace(users=users)


def newcomers(spans: list[Span], region: int, start_utc_ns: int) -> Flow:
    """Who signs up in a region: before the scenario's start as on its first day."""
    steady: list[Piece] = []
    rush: list[Piece] = []
    for document, start, until in spans:
        settings, (share, zone) = settings_of(document) or Growth(), spread(document)[region]
        launches = [one.launch for one in settings.acquisition if one.launch is not None]
        ends, season = by_day(start, until), document.traffic.seasonality
        rates = calm_signups(settings, launches, max(ends[-1] // DAY, 0) + 1) / DAY
        steady += [(a, b, float(rates[max(a // DAY, 0)]) * share, season, zone) for a, b in pairwise(ends)]
        ends = sorted({start, until, *(edge for one in launches for edge in rush_edges(one) if start < edge < until)})
        events = Seasonality(peaks=season.peaks)
        rush += [(a, b, rush_rate(launches, a, b) * share, events, zone) for a, b in pairwise(ends)]
    segments = together(rate_segments(steady, start_utc_ns), rate_segments(rush, start_utc_ns))
    return Flow(segments, np.ones(len(segments[1])))


def calm_signups(settings: Growth, launches: list[Launch], days: int) -> Floats:
    """(days) expected sign-ups of each day, but for those that launches bring in their rush."""
    found = signups(settings, days)
    for one in launches:
        first, beyond = min(one.at // DAY, days), min(rush_until(one) // DAY, days)
        found[first:beyond] -= np.diff(launched(one, np.arange(first, beyond + 1).astype(np.float64) * DAY))
    return np.maximum(found, 0.0)


def rush_edges(launch: Launch) -> list[int]:
    """A launch, then ever so often while most sign up, then every hour until the rush is over."""
    until, step = rush_until(launch), max(min(launch.decay // 8, HOUR), SECOND)
    fine = range(launch.at, min(until, launch.at + 48 * step), step)
    return sorted({*fine, *range(launch.at + HOUR, until, HOUR), until})


def rush_rate(launches: list[Launch], start: int, until: int) -> float:
    """Sign-ups per ns of the launches whose rush it is."""
    ends = np.array([start, until], np.float64)
    here = [one for one in launches if one.at <= start < rush_until(one)]
    return float(sum(np.diff(launched(one, ends))[0] for one in here)) / (until - start)


def together(one: tuple[Ints, Floats, Floats], other: tuple[Ints, Floats, Floats]) -> tuple[Ints, Floats, Floats]:
    """Segments of two flows over the same time as one flow."""
    start = np.union1d(one[0], other[0])
    parts = [rate[np.searchsorted(starts[:-1], start[:-1], side="right") - 1] for starts, rate, _ in (one, other)]
    rate = parts[0] + parts[1]
    return start, rate, np.concatenate([[0.0], np.cumsum(rate * np.diff(start))])


def gap_distribution(traffic: Traffic) -> NumberDist:
    """Gaps in operational time, of mean 1."""
    forms: dict[str, object] = {
        "poisson": {"exponential": {"mean": 1}},
        "gamma": {"gamma": {"mean": 1, "cv": traffic.cv}},
        "weibull": {"weibull": {"mean": 1, "cv": traffic.cv}},
        "deterministic": 1,
    }
    return NumberDist.model_validate(forms[traffic.process])


def replay(rows: TraceRows, traffic: Traffic, index: Index) -> Arrivals:
    """The arrivals of a trace."""
    models = traffic.trace.models if traffic.trace else {}
    count = len(rows.time_ns)
    names = list(index.models)
    served = [-1] * count
    if rows.model is not None:
        served = [names.index(models.get(m, m)) if models.get(m, m) in names else -1 for m in rows.model]
    return Arrivals(
        NO_INTS,
        NO_FLOATS,
        NO_FLOATS,
        NO_INTS,
        np.zeros(2, dtype=np.int64),
        rows.time_ns,
        tokens(rows.input, count),
        tokens(rows.output, count),
        tokens(rows.cached, count),
        np.array(served, dtype=np.int64),
        NO_FLOATS,
    )


def recorded(rows: TraceRows) -> Recorded:
    """What the trace's own columns say of latency, success and cost."""
    latency = np.sort(rows.latency_ns[rows.latency_ns >= 0]) if rows.latency_ns is not None else NO_INTS
    costs = rows.cost_pd[rows.cost_pd >= 0].tolist() if rows.cost_pd is not None else []
    return Recorded(
        latency_p50=int(latency[-(-len(latency) * 50 // 100) - 1]) if len(latency) else None,
        latency_p95=int(latency[-(-len(latency) * 95 // 100) - 1]) if len(latency) else None,
        success_rate=float(rows.ok.mean()) if rows.ok is not None and len(rows.ok) else None,
        cost=sum(costs) if costs else None,
    )


def tokens(column: Ints | None, count: int) -> Ints:
    """A column of tokens, -1 where the trace has none."""
    return np.full(count, -1, dtype=np.int64) if column is None else column.astype(np.int64)


def people(documents: list[Document], index: Index) -> People:
    """Users and their plans, by epoch and region; those who are as many and as unequal share their table."""
    each = [document.traffic.users for document in documents]
    tables: dict[tuple[int, str], int] = {}
    parts: list[Floats] = []
    first = []
    numbers = [users_by_region(document) for document in documents]
    for users, row in zip(each, numbers, strict=True):
        for count in row:
            key = (count, repr(users.activity)) if users and count else (0, "")
            if key not in tables:
                tables[key] = sum(map(len, parts))
                parts.append(activity_cdf(users, count) if users and count else NO_FLOATS)
            first.append(tables[key])
    plans = [[plan.share for plan in users.plans.values()] if users else [] for users in each]
    number = np.array(numbers, dtype=np.int64)
    return People(
        first=np.array(first, dtype=np.int64).reshape(number.shape),
        number=number,
        offset=np.cumsum(number, axis=1) - number,
        cdf=np.concatenate(parts),
        plan_cdf=np.array([cumulative(shares) for shares in plans]).reshape(len(each), -1),
        plan_priority=np.array([p.priority for p in each[0].plans.values()] if each[0] else [], dtype=np.int64),
    )


def users_by_region(document: Document) -> list[int]:
    """How many users there are in each region: by its share, at least one where there is any traffic; none where they
    come and go."""
    users = document.traffic.users
    if users is None or users.daily_active is None:
        return [0 for _ in spread(document)]
    return [max(number, 1) for number in divided(users.daily_active, [share for share, _ in spread(document)])]


def activity_cdf(users: Users, number: int) -> Floats:
    """Cumulative share of the actions by user, the most active first."""
    rank = np.arange(1, number + 1, dtype=np.float64)
    weights = np.ones_like(rank)
    if isinstance(users.activity, Zipf):
        weights = exp(-users.activity.zipf * log(rank))
    elif isinstance(users.activity, LognormalActivity):
        weights = exp(users.activity.lognormal * normal_quantile(1.0 - (rank - 0.5) / len(rank)))
    return np.array(cumulative(weights.tolist()))
