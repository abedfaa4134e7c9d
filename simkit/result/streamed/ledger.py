"""The ledger: one vector of integers with what adding up needs to know and all that is added up.

One vector, as in the compiled engine: compiled steps hand on a bare pointer, and saving the state is saving it. A
table has a header of two numbers, where it begins and how long its rows are; `m[place(m, TABLE, i) + j]` is an item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simkit.engine.compiled.memory import Memory
from simkit.laws.histogram import bin_of
from simkit.laws.jit import step
from simkit.plan.codes import Cause, Kind, Outcome
from simkit.plan.plan import NEVER, Ints, Plan, PriceTable
from simkit.result import economy, regional
from simkit.result.desk import shifts_of
from simkit.result.economy import CACHES, GROWTH, GROWTH_ROWS, MOST_NAMES, PROMPTS, can_wait, repeats, warming_windows
from simkit.result.limits import deployments_of, grids, has_queue, limited, own_services
from simkit.result.lives import PERIODS, calendar_of
from simkit.result.objectives import Objective
from simkit.result.pulse import cells_of
from simkit.result.recovery import COLUMNS, minute_count
from simkit.result.tally import ATTEMPT_KINDS, MARKS, MOST_ATTEMPTS, OUTCOMES, is_exact
from simkit.result.windows import timeline_windows

# Single numbers.
(
    HORIZON, WINDOW, WINDOWS, MINUTES, MINUTE_NS, EXACT, OBJECTIVES, DEPLOYMENTS, BUCKETS, STATIONS, OWN_STATION,
    EPOCH_COUNT, STORIES, ALL_TRIES, SERVED_ROWS, COST_ROWS, ANSWER_ROWS, MINUTE_ROWS, FAIR_TO_ALL, PULSE_EVERY,
    PRICE_ROWS, TIERS, LOOKS_UP, WARM_UP, WARM_WINDOW, WARM_WINDOWS, HAS_BATCH, BY_NAME,
    BATCH_SIDE, SHIFT_COUNT, HAS_BUDGETS, REGIONS, KIND_COUNT, CELL_NS, DETOUR_NS, DAYS_SEEN,
) = range(36)  # fmt: skip

# Tables of facts: of objectives, calls, deployments, buckets, epochs, stations (slots that are limited), prices.
FIRST_TABLE = 36
(
    JUDGED_BY, LIMIT_NS, FAIR, CASCADE, STATION, MEMBER, MEASURE, RESERVE_MAX, CACHED_COUNTS, EPOCHS,
    MAX_OUTPUT, QUEUED, FIRST_BUCKET, BUCKET, STREAMS, CAN_WAIT, KIND_WAITS, REPEATS, LOOKUP_COST, PRICE_START, PRICES,
    SHIFTS, PERIODS_OF,
) = range(FIRST_TABLE, FIRST_TABLE + 46, 2)  # fmt: skip

# Tables of sums. What follows a table that is carried over is where it ends, see `story.carry`.
(
    SERIES, HISTOGRAM, WHOLE, REASONS, COST, ENDS, TOKENS, TTFT, LATENCY, SEEN, HELD, MARK, DEMAND, HOLDING, TRIES,
    AWAY, BY_MINUTE, PULSE, DESK, COST_HIGH, HELD_HIGH, HOLDING_HIGH, DESK_HIGH, WARMING, WORK, HELD_TIMES, KIND_COST,
    MODEL_COST, PROMPT_USE, TURNS, STEPS, PROMPT_HIGH, TURNS_HIGH, STEPS_HIGH, AREAS, AREAS_HIGH,
    AREA_TIMES, AREA_WAITS, AREA_WINDOWS, CELLS, SERVED_IN, ASKED_OF, WHY,
) = range(FIRST_TABLE + 46, FIRST_TABLE + 132, 2)  # fmt: skip
TABLES = FIRST_TABLE + 132
"""Where the tables begin."""

SERIES_NAMES = (
    "arrived", *OUTCOMES, "reloads", "people", "shed", "human", "timed", "latency", "judged", "good", "bad", "counted",
    "attempts", *(f"attempts_{kind}" for kind in ATTEMPT_KINDS), "sent", *(f"marked_{mark}" for mark in MARKS), "calls",
    "retries", "retry_wait", "hedges", "hedge_wins", "cut_short", "fallbacks", "cascades", "escalated", "cost",
    "wasted", "tokens_in", "tokens_out", "tokens_cached", "people_time", *economy.SERIES,
)  # fmt: skip
"""Columns of SERIES (a row is a window); after them two for each objective: bad and counted."""
COSTS = ("model", "deployment", "call", "kind", "outcome", "cause", "waste")
"""Rows of COST."""
P_ABOVE, P_INPUT, P_READ, P_WRITE, P_OUTPUT, P_REQUEST = range(6)
"""Columns of PRICES: the prompt is longer; a token of input, from the cache, to the cache, of output; a request. Its
rows are tiers, by deployment, by when prices change."""
SAMPLES = ("ttft", "waited", "human_wait", "cost")
"""Rows of WHOLE: histograms of the whole run."""
OBJECTIVE_KINDS = ("success", "latency", "ttft", "good")
DELAYED, REFUSED, DELAY, AFFECTED = range(4)
"""Columns of HELD. Its rows are limits: buckets, then of each station its slots and its queue."""
OFFERED, OFFERED_NS, QUEUEING, QUEUEING_NS, LOST = range(5)
"""Rows of DEMAND of a station (a column is a minute); before them there is a row of units for each bucket."""
STATION_ROWS = 5
MEMBER_WIDTH = 5
"""Of a user: actions, cost, and the last day, week, month (from 1) in which somebody was counted."""
SERVED_WIDTH = 4
"""Single values of a served action: latency, ttft, waited, and for a person (-1: none answered)."""


LOW_BITS = 40
"""Sums that may pass 2^63 are kept in two tables: bits below, and what was carried over from them."""


@step
def place(m: Memory, table: int, i: int) -> int:
    """Where row `i` of a table begins."""
    return m[table] + i * m[table + 1]


@dataclass(frozen=True)
class Layout:
    """The shape of each table, by the place of its header."""

    shapes: dict[int, tuple[int, ...]]

    @cached_property
    def starts(self) -> dict[int, int]:
        """Where each table begins."""
        sizes = [prod(shape) for shape in self.shapes.values()]
        return dict(zip(self.shapes, (TABLES + np.cumsum([0, *sizes[:-1]])).tolist(), strict=True))

    def size(self) -> int:
        """Length of the ledger."""
        return TABLES + sum(prod(shape) for shape in self.shapes.values())

    def whole(self, m: Ints, low: int, high: int) -> "NDArray[np.object_]":
        """A table that is kept in two, as Python integers."""
        return np.asarray((self.table(m, high).astype(object) * (1 << LOW_BITS)) + self.table(m, low).astype(object))

    def table(self, m: Ints, header: int) -> Ints:
        """A table of a ledger, as an array that shares its memory."""
        first, shape = self.starts[header], self.shapes[header]
        return m[first : first + prod(shape)].reshape(shape)


def facts_of(plan: Plan, objectives: Sequence[Objective]) -> dict[int, Ints]:
    """Tables of what adding up needs to know."""
    cascades = np.append((plan.routes.next_model >= 0).any(axis=1), False)
    own = {one.region: one for one in own_services(plan)}
    regions = range(len(plan.names.regions))
    unlimited = np.full(len(plan.epochs), NEVER)
    slots = [*plan.deployments.concurrency.T, *(own[r].slots if r in own else unlimited for r in regions)]
    places = [*plan.deployments.queue.T, *(own[r].queue if r in own else unlimited for r in regions)]
    some = [limited(one) for one in slots]
    buckets, shifts, prices = range(len(plan.names.limits)), shifts_of(plan), plan.prices
    members = [deployments_of(plan, b)[:-1] for b in buckets]
    facts = {
        JUDGED_BY: [OBJECTIVE_KINDS.index(one.kind) for one in objectives],
        LIMIT_NS: [one.limit for one in objectives],
        FAIR: [one.degraded_good for one in objectives],
        CASCADE: cascades[plan.actions.route],
        STATION: np.where(some, np.cumsum(some) - 1, -1),
        MEMBER: np.array(members).reshape(len(buckets), len(plan.names.deployments)),
        MEASURE: plan.limits.measure,
        RESERVE_MAX: plan.limits.reserve_max,
        CACHED_COUNTS: plan.limits.cached_counts,
        EPOCHS: plan.epochs,
        MAX_OUTPUT: plan.actions.max_output,
        FIRST_BUCKET: plan.deployments.first_limit,
        BUCKET: plan.deployments.limits,
        STREAMS: plan.actions.streaming,
        SHIFTS: np.stack([shifts.edges, shifts.before, shifts.there], axis=1),
        QUEUED: [has_queue(one) for one, here in zip(places, some, strict=True) if here],
        CAN_WAIT: can_wait(plan),
        KIND_WAITS: plan.batch.batch,
        REPEATS: np.where(repeats(plan), plan.names.call_kind, -1),  # the kind of action that it belongs to
        LOOKUP_COST: plan.answers.cost,
        PRICE_START: prices.start,
        PRICES: prices_by_tier(prices),
        PERIODS_OF: periods_of(plan),
    }
    return {header: np.array(values, np.int64) for header, values in facts.items()}


def periods_of(plan: Plan) -> Ints:
    """The table PERIODS_OF: day, week and month of each day of the horizon, where users come and go."""
    calendar = calendar_of(plan)
    return np.stack([np.arange(calendar.days), calendar.week, calendar.month], axis=1)


def prices_by_tier(prices: PriceTable) -> Ints:
    """The table PRICES: what an attempt is billed by stands side by side."""
    request = np.broadcast_to(prices.request[..., None], prices.input.shape)
    columns = prices.above, prices.input, prices.cached, prices.write, prices.output, request
    return np.stack(columns, axis=-1).reshape(-1, len(columns))


def layout_of(plan: Plan, facts: dict[int, Ints], every: int) -> Layout:
    """The shapes of all tables; `every`: length of the pulse's cells, 0 without alerts."""
    names, stations, buckets = plan.names, len(facts[QUEUED]), len(facts[MEASURE])
    bins = int(bin_of(plan.horizon + plan.cooldown - plan.begin)) + 1
    costs = int(bin_of(2**62)) + 1
    windows, (_, minutes) = timeline_windows(plan.horizon), grids(plan)
    deployments, limits = len(names.deployments), buckets + 2 * stations
    binned = 0 if is_exact(plan) else bins
    named = (names.models, names.deployments, names.calls, names.kinds, tuple(Outcome), tuple(Cause))
    longest, objectives = max(len(one) for one in named), 2 * len(facts[JUDGED_BY])
    grown = len(names.kinds) * GROWTH_ROWS, len(GROWTH)
    sums = {
        SERIES: (windows.count, len(SERIES_NAMES) + objectives),
        HISTOGRAM: (windows.count, bins),
        WHOLE: (len(SAMPLES), max(bins, costs) if binned else 0),
        REASONS: (len(Outcome), len(Kind)),
        COST: (len(COSTS), longest),
        ENDS: (deployments, len(ATTEMPT_KINDS)),
        TOKENS: (deployments, 2),
        TTFT: (deployments, binned),
        LATENCY: (deployments, binned),
        SEEN: (calendar_of(plan).days, len(PERIODS)),
        HELD: (limits, 4),
        MARK: (limits,),
        DEMAND: (buckets + STATION_ROWS * stations, minutes.count),
        HOLDING: (stations, 2),
        TRIES: (windows.count, MOST_ATTEMPTS + 1),
        AWAY: (buckets + 1,),
        BY_MINUTE: (1 + (len(COLUMNS) + objectives) // 2, minute_count(plan)),  # see `recovery.Packed`
        PULSE: (cells_of(plan.horizon, every), objectives),
        DESK: (1,),
        COST_HIGH: (len(COSTS), longest),
        HELD_HIGH: (limits, 4),
        HOLDING_HIGH: (stations, 2),
        DESK_HIGH: (1,),
        WARMING: (warming_windows(plan).count * bool(plan.answers.on.any()), 3 * len(CACHES)),
        WORK: (windows.count * bool(plan.batch.batch.any()), 2),
        HELD_TIMES: (bins * bool(plan.batch.batch.any()),),
        KIND_COST: (windows.count, _few(names.kinds)),
        MODEL_COST: (windows.count, _few(names.models)),
        PROMPT_USE: (deployments, len(PROMPTS) - 1),
        TURNS: grown,
        STEPS: grown,
        PROMPT_HIGH: (deployments, len(PROMPTS) - 1),
        TURNS_HIGH: grown,
        STEPS_HIGH: grown,
        WHY: (windows.count, len(Kind)),
    } | region_tables(plan, windows.count, bins, objectives)
    return Layout({header: table.shape for header, table in facts.items()} | sums)


def region_tables(plan: Plan, windows: int, bins: int, judged: int) -> dict[int, tuple[int, ...]]:
    """The shapes of the tables of regions, see `result.regional`; `judged`: columns of objectives."""
    size, kinds, deployments = regional.places(plan), len(plan.names.kinds), len(plan.names.deployments)
    rows = (2 * size + 1) * (size > 0)
    areas = size * (size + 1), len(regional.AREA) + judged + 2
    return {
        AREAS: areas,
        AREAS_HIGH: areas,
        AREA_TIMES: (rows, bins),
        AREA_WAITS: (rows, bins),
        AREA_WINDOWS: (windows, len(regional.BY_WINDOW) * (size + 1) * (size > 0)),
        CELLS: (regional.cell_count(plan), size + 4),
        SERVED_IN: (size * kinds, size + 1),
        ASKED_OF: (size * kinds, deployments + 2),
    }


def _few(names: Sequence[str]) -> int:
    """How many they are, if their cost is told by window."""
    return len(names) if len(names) <= MOST_NAMES else 0


class Blank(NamedTuple):
    """What the ledgers of all replications begin with."""

    layout: Layout
    facts: Ints
    """The single numbers, the headers and the tables of facts; sums are 0."""

    def ledger(self) -> Ints:
        """The ledger before the first action."""
        m = np.zeros(self.layout.size(), np.int64)  # of these many megabytes most are never touched
        m[: len(self.facts)] = self.facts
        return m


def blank_of(plan: Plan, objectives: Sequence[Objective], every: int) -> Blank:
    """Of a plan; `every`: length of the pulse's cells, 0 without alerts."""
    facts = facts_of(plan, objectives)
    layout = layout_of(plan, facts, every)
    return Blank(layout, known(plan, facts, layout, every))


def known(plan: Plan, facts: dict[int, Ints], layout: Layout, every: int) -> Ints:
    """The ledger before the first action, up to its first sum."""
    m = np.zeros(layout.starts[SERIES], np.int64)
    for header, first in layout.starts.items():
        m[header : header + 2] = first, layout.shapes[header][-1]
    for header, table in facts.items():
        layout.table(m, header)[...] = table
    windows, (_, minutes), fair = timeline_windows(plan.horizon), grids(plan), facts[FAIR].all()
    m[[HORIZON, WINDOW, WINDOWS]] = plan.horizon, windows.length, windows.count
    m[[MINUTES, MINUTE_NS]] = minutes.count, minutes.length
    m[[EXACT, OBJECTIVES, DEPLOYMENTS]] = is_exact(plan), len(facts[JUDGED_BY]), len(plan.names.deployments)
    m[[BUCKETS, STATIONS, OWN_STATION]] = len(facts[MEASURE]), len(facts[QUEUED]), len(plan.names.deployments)
    m[[EPOCH_COUNT, MINUTE_ROWS, FAIR_TO_ALL, PULSE_EVERY]] = len(plan.epochs), minute_count(plan), fair, every
    m[SHIFT_COUNT] = len(facts[SHIFTS])
    warm, by_name = warming_windows(plan), (_few(plan.names.kinds) > 0) + 2 * (_few(plan.names.models) > 0)
    m[[PRICE_ROWS, TIERS, LOOKS_UP]] = len(plan.prices.start), plan.prices.above.shape[2], plan.answers.on.any()
    m[[WARM_UP, WARM_WINDOW, WARM_WINDOWS]] = -plan.begin, warm.length, warm.count
    m[DAYS_SEEN] = len(facts[PERIODS_OF])
    m[HAS_BUDGETS] = len(plan.names.budgets) > 0
    m[DETOUR_NS] = regional.detour_from(plan)
    m[[REGIONS, KIND_COUNT, CELL_NS]] = regional.places(plan), len(plan.names.kinds), regional.cell_length(plan)
    m[[HAS_BATCH, BATCH_SIDE, BY_NAME]] = plan.batch.batch.any(), plan.batch.api[0], by_name
    return m
