"""How much of each limit was asked for, and whom it delayed or refused: token buckets, concurrency, workers, queues.

Demand of a token bucket is the units asked for, in the minute of dispatch: a request that was refused and
tried again counts once. Demand of slots (concurrency, workers) is the offered load: the time each request would
hold a slot if it never had to wait, and the mean of that for one that was refused. Use = demand / limit, so it
passes 1 where a limit is too small. Demand of a queue is the places that were taken. A ramp has no limit of its own (it
follows what it admitted): its use is 0, and only whom it refused is told. A hedge asks beside its primary, and is
neither before nor after another try. What the caller held back itself asks for nothing. Of a limit on more than an hour
(so many tokens a day) the use is that of any stretch as long: a day's limit may be used up within an hour.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simkit.engine.codes import Kind, Outcome
from simkit.engine.log import Column, Log
from simkit.plan.codes import Measure
from simkit.plan.plan import NEVER, Plan, slots_of
from simkit.result.sums import is_sent
from simkit.result.tiers import rises
from simkit.result.windows import HOUR, MINUTE, Windows, happened, integral, spread, whole_windows

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]
REQUESTS, INPUT, OUTPUT, BOTH, RAMP = (int(one) for one in Measure)
OWN_SERVICE = "own service"
YEAR = 366 * 24 * HOUR


@dataclass(frozen=True, eq=False)
class LimitUse:
    """One limit in one replication."""

    name: str
    kind: str
    """quota, concurrency, workers or queue."""
    text: str
    """The limit as a person says it, e.g. `30k/min`."""
    demand: Ints
    """By hour: units, or ns of slots or places."""
    capacity: Floats
    """By hour, in the same unit."""
    peak_use: float
    """Of the busiest minute, or of the busiest stretch as long as the limit's own."""
    peak_at: int
    """Its start, ns."""
    delayed: int
    refused: int
    """Attempts (at the own service: actions)."""
    delay: int
    """ns waited in all."""
    affected: int
    """Measured actions that were delayed or refused."""
    span: int = 1
    """Hours (as `grids` counts them) that the limit is about."""


class Asked(NamedTuple):
    """What was asked of one limit: demand by hour and minute, and how many were held up."""

    hours: Ints
    minutes: Ints
    delayed: int
    refused: int
    delay: int
    affected: int


def asked(hours: Ints, minutes: Ints, delayed: Rows, refused: Rows, delay: Ints, row: Ints, measured: Rows) -> Asked:
    """The same from a log: which of its rows were delayed (for how long) and refused; `row`: whose they are."""
    held = row[delayed | refused]
    affected = len(np.unique(held[measured[held]]))
    return Asked(hours, minutes, int(delayed.sum()), int(refused.sum()), int(delay[delayed].sum()), affected)


def limit_uses(plan: Plan, log: Log, row: Ints, measured: Rows) -> tuple[LimitUse, ...]:
    """Every limit of the plan, in the plan's order; then deployments, then the own service.

    Args:
        plan: The plan.
        log: The log.
        row: Row of its action for each attempt.
        measured: Which actions are measured.
    """
    own = _own_service(plan, log, row, measured)
    return (*_buckets(plan, log, row, measured), *_slots(plan, log, row, measured), *own)


def grids(plan: Plan) -> tuple[Windows, Windows]:
    """Hours and minutes; beyond a year hours of several, and minutes of several, so that tables stay within bounds."""
    years = max(1, -(-plan.horizon // YEAR))
    return whole_windows(plan.horizon, HOUR * years), whole_windows(plan.horizon, MINUTE * years)


class Sizes(NamedTuple):
    """How much a limit allows, as it changes."""

    since: Ints
    """From these times on, ns; the first is not after the begin."""
    size: Floats
    """Units per ns; slots; places."""


def bucket_use(plan: Plan, b: int, asked: Asked, budgets: dict[str, Column]) -> LimitUse:
    """Use of a token bucket; `budgets`: the log's rows of them, which say when tiers were reached."""
    span = -(-int(plan.limits.burst[:, b].max()) // grids(plan)[0].length)
    sizes = bucket_sizes(plan, b, rises(plan, budgets, int(plan.tiers.account[b])))
    return _use(plan, plan.names.limits[b], "quota", plan.names.limit_text[b], sizes, asked, max(span, 1))


def bucket_sizes(plan: Plan, b: int, risen: Ints) -> Sizes:
    """What a token bucket allows, by epoch and tier; `risen`: when its tiers were reached."""
    since = np.union1d(plan.epochs, risen)
    epoch, tier = np.searchsorted(plan.epochs, since, "right") - 1, np.searchsorted(risen, since, "right")
    per_unit = plan.limits.ns_per_unit[epoch, b, tier]
    return Sizes(since, np.divide(1.0, per_unit, out=np.full(len(per_unit), np.inf), where=per_unit > 0))


def slots_use(plan: Plan, name: str, kind: str, slots: Ints, asked: Asked) -> LimitUse:
    """Use of the slots of a station: `workers` or `concurrency`; `slots` by epoch."""
    unit, more = {"workers": ("worker", ""), "concurrency": ("request", "at once")}[kind]
    return _use(plan, f"{name}: {kind}", kind, _said(slots, unit, more), _by_epoch(plan, slots), asked)


def queue_use(plan: Plan, name: str, places: Ints, asked: Asked) -> LimitUse:
    """Use of the queue of a station; `places` by epoch."""
    return _use(plan, f"{name}: queue", "queue", _said(places, "place", ""), _by_epoch(plan, places), asked)


def _by_epoch(plan: Plan, sizes: Ints) -> Sizes:
    return Sizes(plan.epochs, sizes.astype(float))


def has_queue(places: Ints) -> bool:
    """Is there a queue that is limited and has places (in some epoch)?"""
    return bool(((places > 0) & (places < NEVER)).any())


def limited(slots: Ints) -> bool:
    """Are there fewer slots than anybody may want (in some epoch)?"""
    return bool((slots < NEVER).any())


def _use(plan: Plan, name: str, kind: str, text: str, sizes: Sizes, asked: Asked, span: int = 1) -> LimitUse:
    """`span`: hours that the limit is about."""
    hours, minutes = grids(plan)
    fine, demand = (minutes, asked.minutes) if span == 1 else (hours, asked.hours)
    use = use_of(demand, _room(sizes, fine), span)
    busiest = int(use.argmax())
    return LimitUse(
        name=name,
        kind=kind,
        text=text,
        demand=asked.hours,
        capacity=_room(sizes, hours),
        peak_use=float(use[busiest]),
        peak_at=int(fine.edges[busiest]),
        delayed=asked.delayed,
        refused=asked.refused,
        delay=asked.delay,
        affected=asked.affected,
        span=span,
    )


def use_of(demand: Ints | Floats, room: Floats, span: int = 1) -> Floats:
    """Use of every stretch of `span` windows; a horizon that is shorter has the room of a whole one."""
    if span > 1:
        count = min(span, len(room))
        demand, room = (np.convolve(one, np.ones(count), "valid") for one in (demand, room))
        room = room * (span / count)
    use: Floats = np.divide(demand, room, out=np.zeros(len(room)), where=room > 0)
    return use


def _room(sizes: Sizes, grid: Windows) -> Floats:
    """What a limit allows in each window; without end where it has none of its own."""
    return integral(*sizes, grid.edges) if np.isfinite(sizes.size).all() else np.full(grid.count, np.inf)


def _buckets(plan: Plan, log: Log, row: Ints, measured: Rows) -> list[LimitUse]:
    attempts = log.attempts
    if not len(plan.names.limits):
        return []
    sent = is_sent(attempts)
    before, after = _neighbours(attempts, row)
    after = np.where(_at(after, sent), after, -1)
    blame = refusing_limit(attempts)
    inside = sent & (attempts["dispatched"] >= 0) & (attempts["dispatched"] < plan.horizon)
    uses = []
    for b in range(len(plan.names.limits)):
        has = deployments_of(plan, b)[attempts["deployment"]]
        refused = blame == b
        again = has & _at(before, (attempts["outcome"] == Kind.RATE_LIMIT) & has)
        units = bucket_units(plan, attempts, b)
        counted = inside & has & ~again & (attempts["outcome"] != Kind.TOO_LARGE)
        wait = np.where(after >= 0, attempts["dispatched"][after] - attempts["dispatched"], 0)
        hours, minutes = (_by_window(grid, attempts["dispatched"][counted], units[counted]) for grid in grids(plan))
        refused &= inside
        seen = asked(hours, minutes, refused & (after >= 0), refused, wait, row, measured)
        uses.append(bucket_use(plan, b, seen, log.budgets))
    return uses


def deployments_of(plan: Plan, limit: int) -> Rows:
    """Which deployments a limit applies to; the last entry, for attempts sent nowhere, is False."""
    first, limits = plan.deployments.first_limit, plan.deployments.limits
    return np.array([limit in limits[first[n] : first[n + 1]] for n in range(len(first) - 1)] + [False])


def bucket_units(plan: Plan, attempts: dict[str, Column], limit: int) -> Ints:
    """What each attempt asks of a bucket."""
    limits = plan.limits
    measure = int(limits.measure[limit])
    if measure in (REQUESTS, RAMP):
        return np.ones(len(attempts["action"]), np.int64)
    epoch = np.maximum(np.searchsorted(plan.epochs, attempts["dispatched"], "right") - 1, 0)
    longest = plan.actions.max_output[epoch, attempts["call"]]
    reserved = bool(limits.reserve_max[limit]) & (longest < NEVER)
    output = np.where(reserved, longest, attempts["tokens_out"])
    paid_input = attempts["tokens_in"] - (0 if limits.cached_counts[limit] else attempts["tokens_cached"])
    units: Ints = {INPUT: paid_input, OUTPUT: output, BOTH: paid_input + output}[measure]
    return units


def refusing_limit(attempts: dict[str, Column]) -> Ints:
    """The limit that refused each attempt for now, -1 for none."""
    return np.where(attempts["outcome"] == Kind.RATE_LIMIT, attempts["limit"], -1)


def _neighbours(attempts: dict[str, Column], row: Ints) -> tuple[Ints, Ints]:
    """Rows of the try before and after each attempt within its rung, -1 for none; hedges have none."""
    key = row.astype(np.int64)
    for name in ("call", "repeat", "rung", "attempt"):
        key = key * (int(attempts[name].max(initial=0)) + 2) + attempts[name]
    alone = np.flatnonzero(attempts["hedge"] == 0)
    order = alone[np.argsort(key[alone], kind="stable")]
    follows = np.flatnonzero(np.diff(key[order]) == 1)
    before, after = np.full(len(key), -1, np.int64), np.full(len(key), -1, np.int64)
    before[order[follows + 1]] = order[follows]
    after[order[follows]] = order[follows + 1]
    return before, after


def _at(places: Ints, values: Rows) -> Rows:
    """`values` at each place; False where there is none."""
    return (places >= 0) & values[places] if len(values) else np.zeros(0, np.bool_)


def _by_window(grid: Windows, times: Ints, units: Ints) -> Ints:
    return np.bincount(grid.index(times), units, minlength=grid.count).astype(np.int64)


def _slots(plan: Plan, log: Log, row: Ints, measured: Rows) -> list[LimitUse]:
    """Concurrency of each deployment that has one, and its queue."""
    attempts, deployments = log.attempts, plan.deployments
    uses = []
    some = [n for n in range(len(plan.names.deployments)) if limited(deployments.concurrency[:, n])]
    after = _neighbours(attempts, row)[1] if some else np.zeros(0, np.int64)
    for n in some:
        mine = (attempts["deployment"] == n) & is_sent(attempts)
        turned_away = mine & (attempts["outcome"] == Kind.OVERLOADED) & ~happened(attempts["started"])
        admitted = mine & (attempts["outcome"] != Kind.RATE_LIMIT) & (attempts["outcome"] != Kind.TOO_LARGE)
        chosen = (turned_away | admitted).nonzero()[0]
        released = attempts["released"]
        station = _Station(
            asked=attempts["dispatched"][chosen],
            began=attempts["started"][chosen],
            gone=_closed(attempts["ended"][chosen], log.ended),
            freed=_closed(released[chosen], log.ended),
            refused=turned_away[chosen],
            again=_at(after, mine)[chosen],
        )
        uses += station.uses(
            plan, plan.names.deployments[n], "concurrency", deployments.concurrency[:, n], deployments.queue[:, n],
            row[chosen], measured,
        )  # fmt: skip
    return uses


class OwnService(NamedTuple):
    """Your own service in one region."""

    region: int
    name: str
    slots: Ints
    """(E) as many as there may be."""
    queue: Ints
    """(E)"""


def own_services(plan: Plan) -> list[OwnService]:
    """Those that are limited."""
    service, scaling = plan.service, plan.scaling
    most = np.where(scaling.on, slots_of(service.workers, scaling.maximum), service.slots)
    name = f"{OWN_SERVICE} in {{}}" if plan.regions.on[0] else OWN_SERVICE
    found = [
        OwnService(r, name.format(region), most[:, r], service.queue[:, r])
        for r, region in enumerate(plan.names.regions)
    ]
    return [one for one in found if limited(one.slots)]


def _own_service(plan: Plan, log: Log, row: Ints, measured: Rows) -> list[LimitUse]:
    actions, uses = log.actions, []
    services = own_services(plan)
    end = _left_service(log, row) if services else row
    asked, everybody = _asked_service(plan, log, row, end) if services else (row, row)
    for region, name, slots, queue in services:
        own = everybody[actions["region"][everybody] == region] if plan.regions.on[0] else everybody
        station = _Station(
            asked=asked[own],
            began=actions["start"][own],
            gone=end[own],
            freed=end[own],
            refused=_turned_away(log, Kind.QUEUE_FULL)[own],
            again=np.zeros(len(own), np.bool_),
        )
        uses += station.uses(plan, name, "workers", slots, queue, own, measured)
    return uses


def _asked_service(plan: Plan, log: Log, row: Ints, end: Ints) -> tuple[Ints, Ints]:
    """When each action asked for a slot of the own service, and which did.

    Not those that their user's quota or a budget turned away, or that go to the batch side. What is held asks as it is
    let go, which is as long before it leaves the queue as it waited there.
    """
    actions, attempts = log.actions, log.attempts
    asks = ~_turned_away(log, Kind.QUOTA, Kind.BUDGET) & (actions["network"] >= 0)
    came = actions["arrival"] + np.maximum(actions["network"], 0)
    held = plan.batch.batch[actions["kind"]]
    if not held.any():
        return came, asks.nonzero()[0]
    started, begun = happened(actions["start"]), happened(attempts["started"])
    left = np.where(started, actions["start"], end)
    waited = actions["waited"].copy()
    np.subtract.at(waited, row[begun], (attempts["started"] - attempts["dispatched"])[begun])
    waited = np.clip(waited, 0, left - came)
    let_go = started | _turned_away(log, Kind.QUEUE_FULL) | (waited > 0)
    asks &= ~held | (let_go & ~plan.batch.api[0])
    return np.where(held, left - waited, came), asks.nonzero()[0]


def _turned_away(log: Log, *reasons: Kind) -> Rows:
    """Actions that were rejected for one of the reasons."""
    rejected: Rows = (log.actions["outcome"] == Outcome.REJECTED) & np.isin(log.actions["reason"], reasons)
    return rejected


def _left_service(log: Log, row: Ints) -> Ints:
    """When actions gave their slot of the own service up: at the end; to wait for a person, with their last attempt."""
    actions = log.actions
    last = np.maximum(actions["start"], actions["arrival"])
    np.maximum.at(last, row, log.attempts["ended"])
    by_people = (actions["outcome"] == Outcome.DEGRADED) & (actions["reason"] == Kind.HUMAN)
    return np.where(by_people, last, _closed(actions["end"], log.ended))


def _closed(times: Ints, ended: int) -> Ints:
    """What had not happened when the run stopped is put at its end."""
    return np.where(happened(times), times, ended)


class _Station(NamedTuple):
    """Requests at slots with a queue before them, by row: times in ns, -1 where slots were never taken."""

    asked: Ints
    began: Ints
    gone: Ints
    """When one that never got a slot stopped waiting."""
    freed: Ints
    refused: Rows
    again: Rows
    """Asked once more afterwards."""

    def uses(
        self, plan: Plan, name: str, kind: str, slots: Ints, places: Ints, row: Ints, measured: Rows
    ) -> list[LimitUse]:
        """The slots, and the queue where it is limited and has places."""
        left = np.where(happened(self.began), self.began, self.gone)
        inside = (self.asked >= 0) & (self.asked < plan.horizon)
        waited = inside & ~self.refused & (left > self.asked)
        nobody = np.zeros(len(waited), np.bool_)
        queued = has_queue(places)
        refused = inside & self.refused
        hours, minutes = (self._offered(grid) for grid in grids(plan))
        wait = left - self.asked
        seen = asked(hours, minutes, waited, nobody if queued else refused, wait, row, measured)
        uses = [slots_use(plan, name, kind, slots, seen)]
        if queued:
            hours, minutes = (spread(self.asked, np.maximum(left, self.asked), grid.edges) for grid in grids(plan))
            uses.append(queue_use(plan, name, places, asked(hours, minutes, nobody, refused, wait, row, measured)))
        return uses

    def _offered(self, grid: Windows) -> Ints:
        """Time of slots asked for in each window: each from its asking on, for as long as it held or would have."""
        served = happened(self.began)
        holding = (self.freed - self.began)[served]
        load = spread(self.asked[served], self.asked[served] + holding, grid.edges)
        lost = ~served & ~self.again & (self.asked >= 0) & (self.asked < grid.horizon)
        each = int(holding.sum()) // len(holding) if len(holding) else 0
        return load + each * np.bincount(grid.index(self.asked[lost]), minlength=grid.count)


def _said(sizes: Ints, unit: str, more: str) -> str:
    known = sorted({int(size) for size in sizes})
    low, high = (f"{size:,}" if size < NEVER else "unlimited" for size in (known[0], known[-1]))
    number = low if low == high else f"{low} to {high}"
    return f"{number} {unit}{'' if number == '1' else 's'} {more}".strip()
