"""Where the plan has the tables that the kernel reads."""

from operator import attrgetter
from typing import Any

from numpy.typing import NDArray

from simkit.engine.compiled import memory as at
from simkit.plan.plan import Plan

Table = NDArray[Any]

PLACES = {
    at.EPOCHS: "epochs",
    at.DIST_TABLE: "dists.table",
    at.DIST_SCALE: "dists.scale",
    at.DIST_LOW: "dists.low",
    at.DIST_CAP: "dists.cap",
    at.CELLS: "dists.cells",
    at.ARRIVAL_START: "arrivals.start",
    at.ARRIVAL_RATE: "arrivals.rate",
    at.ARRIVAL_CUMULATIVE: "arrivals.cumulative",
    at.ARRIVAL_GAP: "arrivals.gap",
    at.TRACE_TIME: "arrivals.trace_time",
    at.TRACE_INPUT: "arrivals.trace_input",
    at.TRACE_OUTPUT: "arrivals.trace_output",
    at.TRACE_CACHED: "arrivals.trace_cached",
    at.TRACE_MODEL: "arrivals.trace_model",
    at.USERS_FIRST: "people.first",
    at.USERS: "people.number",
    at.USER_CDF: "people.cdf",
    at.PLAN_CDF: "people.plan_cdf",
    at.PLAN_PRIORITY: "people.plan_priority",
    at.KIND_CDF: "actions.kind_cdf",
    at.COMPLEXITY_CDF: "actions.complexity_cdf",
    at.KIND_PRIORITY: "actions.priority",
    at.FIRST_CALL: "actions.first_call",
    at.STAGE: "actions.stage",
    at.ROUTE: "actions.route",
    at.STREAMING: "actions.streaming",
    at.JUDGED: "actions.judged",
    at.RUNS_ON: "actions.runs_on",
    at.WORK: "actions.work",
    at.TIMES: "actions.times",
    at.AGAIN: "actions.again",
    at.REPEAT_MAX: "actions.repeat_max",
    at.INPUT: "actions.input",
    at.OUTPUT: "actions.output",
    at.MAX_OUTPUT: "actions.max_output",
    at.MIX_CDF: "routes.mix_cdf",
    at.NEXT_MODEL: "routes.next_model",
    at.ESCALATE: "routes.escalate",
    at.FIRST_DEPLOYMENT: "models.first_deployment",
    at.MODEL_BALANCE: "models.balance",
    at.QUALITY: "models.quality",
    at.CONTEXT: "models.context",
    at.FALLBACK: "models.fallback",
    at.CALL_ERRORS: "models.errors",
    at.CACHE_MINIMUM: "models.cache_minimum",
    at.PROVIDER: "deployments.provider",
    at.WEIGHT: "deployments.weight",
    at.WEIGHT_CDF: "deployments.weight_cdf",
    at.RANK: "deployments.rank",
    at.CONCURRENCY: "deployments.concurrency",
    at.QUEUE: "deployments.queue",
    at.TTFT: "deployments.ttft",
    at.TTFT_PER_TOKEN: "deployments.ttft_per_token",
    at.SPEED: "deployments.speed",
    at.ERRORS: "deployments.errors",
    at.SLOWNESS: "deployments.slowness",
    at.SLOWNESS_EVERY: "deployments.slowness_every",
    at.SLOWNESS_KEY: "deployments.slowness_key",
    at.FIRST_LIMIT: "deployments.first_limit",
    at.LIMITS: "deployments.limits",
    at.MEASURE: "limits.measure",
    at.NS_PER_UNIT: "limits.ns_per_unit",
    at.BURST: "limits.burst",
    at.RESERVE_MAX: "limits.reserve_max",
    at.REFUSED_COUNT: "limits.refused_count",
    at.CACHED_COUNTS: "limits.cached_counts",
    at.RAMP_EVERY: "limits.ramp_every",
    at.RAMP_GROWTH: "limits.ramp_growth",
    at.RAMP_FLOOR: "limits.ramp_floor",
    at.INCIDENT_START: "incidents.start",
    at.INCIDENT_END: "incidents.end",
    at.INCIDENT_SEVERITY: "incidents.scheduled_severity",
    at.OUTAGE_GAP: "incidents.gap",
    at.OUTAGE_DURATION: "incidents.duration",
    at.OUTAGE_HISTORY: "incidents.history",
    at.OUTAGE_KEY: "incidents.key",
    at.FIRST_SEVERITY: "incidents.first_severity",
    at.SEVERITY_CDF: "incidents.severity_cdf",
    at.ERROR_RATE: "incidents.error_rate",
    at.ERROR_KIND: "incidents.error_kind",
    at.SLOWDOWN: "incidents.slowdown",
    at.QUOTA: "incidents.quota",
    at.WORKERS: "service.workers",
    at.SERVICE_QUEUE: "service.queue",
    at.OVERHEAD: "service.overhead",
    at.SHED_IN_FLIGHT: "service.shed_in_flight",
    at.SHED_PRIORITY: "service.shed_priority",
    at.DEADLINE: "policy.deadline",
    at.CACHE_HIT_RATE: "policy.cache_hit_rate",
    at.BILLED: "policy.billed",
    at.TAKES: "policy.takes",
    at.TAKES_TIME_DIST: "policy.takes_time",
    at.PRICE_START: "prices.start",
    at.PRICE_ABOVE: "prices.above",
    at.PRICE_INPUT: "prices.input",
    at.PRICE_CACHED: "prices.cached",
    at.PRICE_WRITE: "prices.write",
    at.PRICE_OUTPUT: "prices.output",
    at.PRICE_REQUEST: "prices.request",
}
"""Tables and where the plan has them."""

WHOLE = (("inner", "", at.INNER), ("outer", "", at.OUTER), ("breaker", "BREAKER_", 0), ("ladder", "LADDER_", 0),
         ("audience", "AUDIENCE_", 0))  # fmt: skip
"""Parts of the plan that the kernel has whole: how their headers' names begin, and what is added to them."""


def tables_of(plan: Plan) -> dict[int, Table]:
    """The plan's tables by their header."""
    found = {header: attrgetter(place)(plan) for header, place in PLACES.items()}
    for part, prefix, shift in WHOLE:
        for name, table in getattr(plan, part)._asdict().items():
            found[getattr(at, prefix + name.upper()) + shift] = table
    return found
