"""The table of mechanisms and of what each must have, see `test_mechanisms`."""

from mechanism import Mechanism
from mechanisms_economy import ECONOMY
from mechanisms_growth import GROWING
from mechanisms_regions import REGIONS


def severity(*keys: str) -> tuple[str, ...]:
    """What an incident does, at the three places where it is said."""
    return tuple(f"{place}.{key}" for place in ("incidents.*", "outage", "outage.severity.*") for key in keys)


def performance(*keys: str) -> tuple[str, ...]:
    """A model's, and a deployment's own."""
    return tuple(f"{place}.{key}" for place in ("models.*", "models.*.deployments.*") for key in keys)


def layer(*keys: str) -> tuple[str, ...]:
    """Settings of a layer, and of the inner one in `resilience` itself."""
    return tuple(f"{place}.{key}" for place in ("layer", "resilience") for key in keys)


GENERATED = ("parity/test_parity.py::test_generated",)
"""Which copy of a layer an action uses, and whether a throttle holds an attempt back, are drawn."""

MECHANISMS = {
    "clock": Mechanism(
        ("start", "horizon", "warmup", "cooldown"), ("cooldown_censored", "arrivals_deterministic"),
        "test_evenly_spaced_arrivals_by_hour", "actions", "timeline_figure", "A warm-up before the measured time",
    ),
    "arrivals": Mechanism(
        ("traffic.rate", "traffic.process", "traffic.cv"), ("arrivals_deterministic",),
        "test_bursty_arrivals_are_not_poisson", "throughput", "timeline_figure", "evenly, at random or in bursts",
    ),
    "users": Mechanism(
        ("traffic.users.daily_active", "traffic.users.actions_per_day", "traffic.users.activity"), ("arrivals_users",),
        "users", "cost_per_user_month", "timeline_figure", "some ask far more than others",
    ),
    "seasons": Mechanism(
        ("traffic.timezone", "traffic.seasonality"), ("arrivals_season",),
        "test_poisson_arrivals_by_hour", "limit_peak_use", "timeline_figure", "Busy hours, quiet weekends",
    ),
    "trace": Mechanism(
        (
            "traffic.trace.file", "traffic.trace.unit", "traffic.trace.speed", "traffic.trace.models",
            *(
                f"traffic.trace.columns.{name}"
                for name in ("time", "input", "output", "cached", "model", "latency", "status", "cost")
            ),
        ),
        ("trace_ties",),
        "scenarios/test_shipped.py::test_trace_replay_of_public_traces", "tokens_in", "timeline_figure",
        "a recorded trace",
    ),
    "kinds": Mechanism(
        ("actions.*.share", "actions.*.complexity"), ("route_complexity", "service_priority"),
        "notebooks/test_notebooks.py::test_first_run_tells_its_story", "cost_per_action",
        "routing_figure", "its mix of simple and complex",
    ),
    "priority": Mechanism(
        ("actions.*.priority", "traffic.users.plans.*.share", "traffic.users.plans.*.priority"),
        ("service_priority", "arrivals_users"),
        "priority", "queue_wait_p95", "limits_figure", "those with priority go first",
    ),
    "calls in sequence": Mechanism(
        ("actions.*.calls.*", "call.name"), ("calls_sequence",),
        "tandem", "latency_mean", "latency_figure", "Calls run in sequence",
    ),
    "calls at the same time": Mechanism(
        ("actions.*.calls.*.parallel.*",),
        ("calls_parallel", "calls_parallel_failure", "calls_parallel_grant", "calls_parallel_tie"),
        "parallel", "latency_p50", "latency_figure", "or at the same time",
    ),
    "repetitions": Mechanism(
        ("call.repeat",), ("calls_repeat",), "repetitions", "tokens_in", "costs_figure", "an agent works in rounds",
    ),
    "own work": Mechanism(
        ("call.work", "service.overhead"), ("calls_sequence", "service_queue"),
        "mm1", "latency_p90", "latency_figure", "your own work, such as a search",
    ),
    "tokens": Mechanism(
        ("call.input.system", "call.input.retrieved", "call.input.user", "call.output.all",
         "call.output.by_complexity"),
        ("latency_law",),
        "scenarios/test_shipped.py::test_azure_chat_is_as_busy_as_the_trace", "tokens_out", "costs_figure",
        "Numbers of tokens and times",
    ),
    "distributions": Mechanism(
        ("distribution",), ("latency_law",),
        "mg1", "latency_p99", "latency_figure", "can have a distribution",
    ),
    "quality": Mechanism(
        ("models.*.quality", "call.judged"), ("calls_judged", "route_cascade"),
        "quality", "good_rate", "slo", "the share of its answers that are good",
    ),
    "routes": Mechanism(
        ("call.model", "call.route", *(f"routes.*.{key}" for key in ("model", "mix", "by", "to", "misrouted"))),
        ("route_fixed_and_mix", "route_complexity"),
        "scenarios/test_shipped.py::test_routing_saves_what_the_arithmetic_says", "cost_per_good_action",
        "routing_figure", "A route picks the model",
    ),
    "cascades": Mechanism(
        ("routes.*.cascade", "routes.*.escalate"), ("route_cascade", "route_cascade_failure"),
        "cascade", "escalation_rate", "costs_figure", "the cheap model first",
    ),
    "prices": Mechanism(
        (
            "prices", "models.*.price_of", "models.*.prices.input", "models.*.prices.output", "models.*.prices.request",
            "models.*.processing", "models.*.deployments.*.price_uplift",
        ),
        ("prices_book", "prices_at_a_date", "changes_numbers", "changes_repeat"),
        "unit/test_pricebook.py::test_ten_thousand_random_attempts_price_equal_to_genai_prices", "cost_total",
        "costs_figure", "a dated price book",
    ),
    "prompt cache": Mechanism(
        (
            "caches.prompt.hit_rate", "models.*.prompt_cache_minimum", "models.*.prices.cached",
            "models.*.prices.write",
        ),
        ("prompt_cache", "bucket_cached_counts"),
        "unit/test_pricebook.py::test_published_check_figures", "cached_token_share", "costs_figure",
        "The provider's prompt cache",
    ),
    "speed": Mechanism(
        performance("ttft", "ttft_per_1k_input", "tokens_per_second"), ("latency_law",),
        "mginf", "ttft_p95", "latency_figure", "A model has a speed",
    ),
    "failures": Mechanism(
        (*performance("errors"), *(f"failures.*.{key}" for key in ("retryable", "fallback", "billed", "takes"))),
        ("failure_kinds",),
        "retries", "wasted_cost_share", "timeline_figure", "each kind of failure has its price and its time",
    ),
    "concurrency": Mechanism(
        performance("concurrency", "queue"), ("concurrency_queue", "dispatch_order"),
        "mmc", "queue_wait_p95", "limits_figure", "on so many requests at once",
    ),
    "deployments": Mechanism(
        (
            "models.*.balance",
            *(f"models.*.deployments.*.{key}" for key in ("provider", "region", "weight", "order")),
        ),
        ("deployments_weighted", "deployments_ordered", "deployments_least_busy"),
        "deployments", "attempts_per_call", "costs_figure", "calls are spread over them",
    ),
    "context": Mechanism(
        ("models.*.context", "call.output.max"), ("context_limit", "bucket_too_large"),
        "context", "failed_rate", "timeline_figure", "longer than its context",
    ),
    "rate limits": Mechanism(
        ("quotas",),
        (
            "bucket_requests", "bucket_input_output", "bucket_two", "bucket_retry", "bucket_refused_count",
            "bucket_cached_counts", "bucket_too_large", "ramp_limit",
        ),
        "bucket", "rate_limited_rate", "limits_figure", "Hosted models have rate limits",
    ),
    "incidents": Mechanism(
        (*severity("error_rate", "kind"), *(f"incidents.*.{key}" for key in ("name", "at", "lasts", "target"))),
        ("incident_outage", "incident_hang", "incident_hang_runs_on", "incident_overlap"),
        "renewal", "failed_rate", "timeline_figure", "An incident at a time you choose",
    ),
    "slowdown": Mechanism(
        severity("slowdown"), ("incident_slowdown", "incident_overlap"),
        "slowdown", "latency_p999", "timeline_figure", "or be slower",
    ),
    "cut limits": Mechanism(
        severity("quota"), ("incident_quota", "incident_no_quota", "incident_overlap"),
        "cut_limits", "limit_peak_use", "limits_figure", "leaves a part of the rate limits",
    ),
    "work in flight": Mechanism(
        ("incidents.*.in_flight", "outage.in_flight"), ("incident_in_flight",),
        "in_flight", "failed_rate", "timeline_figure", "survives its start, or does not",
    ),
    "random outages": Mechanism(
        (
            "providers.*.outages", *performance("outages"), "outage.time_between_failures", "outage.duration",
            *severity("share"),
        ),
        ("outages_random",), "renewal", "error_budget_left", "budget_figure", "Random outages",
    ),
    "own service": Mechanism(
        ("service.workers", "service.queue", "service.cost"), ("service_queue",),
        "mmck", "rejected_rate", "limits_figure", "Your service has workers",
    ),
    "timeouts": Mechanism(
        layer("timeout"), ("timeout_stops", "ties_timeout"),
        "timeouts", "failed_rate", "latency_figure", "A timeout ends a try",
    ),
    "deadline": Mechanism(
        ("resilience.deadline",), ("deadline", "deadline_tie", "deadline_hang"),
        "deadline", "slo_compliance", "slo", "a deadline the whole action",
    ),
    "abandoned work": Mechanism(
        ("resilience.on_cancel", "call.streaming"),
        ("timeout_on_cancel", "timeout_runs_on", "deadline_runs_on", "deadline_hang", "incident_hang_runs_on"),
        "abandoned", "ttft_p50", "costs_figure", "Abandoned work stops, or runs on",
    ),
    "retries": Mechanism(
        layer("max_retries", "retry_on"), ("retries_backoff", "bucket_retry"),
        "retries", "retry_rate", "costs_figure", "Retries wait longer each time",
    ),
    "fallback": Mechanism(
        ("resilience.fallback", *layer("fallback_on", "max_fallbacks", "error_told")),
        ("fallback_chain", "fallback_error_first", "fallback_on", "max_fallbacks", "route_cascade_failure"),
        "fallback", "fallback_rate", "comparison_figure", "a fallback is another model",
    ),
    "stream timeouts": Mechanism(
        layer("first_token_timeout", "idle_timeout"),
        ("first_token_timeout", "idle_timeout",),
        "stream_timeouts", "timeout_rate", "endings", "one for the first token",
    ),
    "call timeout": Mechanism(
        layer("call_timeout"),
        ("call_timeout", "client_call_timeout"),
        "call_timeout", "cancelled_attempts_per_call", "endings", "over all tries together",
    ),
    "broken streams": Mechanism(
        layer("stream_failure"),
        ("client_stream_failure", "stream_failure_fail", "stream_failure_fall_back", "stream_failure_retry"),
        "broken_streams", "stream_failure_rate", "reasons", "breaks off half way",
    ),
    "two layers": Mechanism(
        ("resilience.client", "resilience.gateway", "layer.preset"),
        ("client_before_gateway", "client_request_timeout", "client_after_no_deployment",),
        "test_layers_multiply", "amplification", "attempts_per_action", "retries of two layers multiply",
    ),
    "copies of a layer": Mechanism(
        layer("replicas"),
        ("replicas",),
        "copies", "breaker_openings", "breakers", "Several copies of a gateway",
    ),
    "breaker": Mechanism(
        (*layer("breaker"), *layer("retry_while_open")),
        (
            "breaker_calendar", "breaker_consecutive", "breaker_cooldown_max", "breaker_envoy", "breaker_fixed_window",
            "breaker_half_open", "breaker_panic", "breaker_panic_chain", "breaker_probe_cancelled", "breaker_provider",
            "breaker_rate", "breaker_remembers", "breaker_retry_after", "breaker_trips_on", "breaker_two_probes",
            "litellm_all_cooled", "litellm_cooldown", "portkey_breaker", "retry_while_open",
        ),
        "breaker_rate", "breaker_open_share", "breakers", "A breaker stops asking",
    ),
    "outlier ejection": Mechanism(
        layer("breaker.outliers"),
        ("breaker_outliers",),
        "test_an_outlier_is_ejected_ever_longer", "breaker_openings", "breakers", "does worse than the others",
    ),
    "retry budget": Mechanism(
        layer("retry_budget"),
        ("budget_concurrent", "budget_credit", "budget_refund", "client_budget"),
        "test_a_budget_caps_amplification", "retries_refused_rate", "pressure", "**retry budget**",
    ),
    "budget by load": Mechanism(
        layer("retry_budget.concurrent_share"),
        ("budget_share",),
        "test_a_budget_by_load", "retries_refused_rate", "pressure", "a share of what is under way",
    ),
    "hedge": Mechanism(
        layer("hedge"),
        (
            "hedge_budget_deadline", "hedge_failure_waits", "hedge_first_answer", "hedge_first_token", "hedge_timeout",
        ),
        "hedge", "hedge_rate", "comparison_figure", "**sent a second time**",
    ),
    "kinds of backoff": Mechanism(
        layer("backoff", "wait_after_last"),
        ("retries_backoff", "backoff_additive", "backoff_kinds", "wait_after_last", "wait_after_last_open"),
        "decorrelated_jitter", "backoff_wait_mean", "waits_figure", "waits with a random part",
    ),
    "where a retry goes": Mechanism(
        layer("retry_at"),
        ("retry_at", "retry_at_other",),
        "retry_other", "retry_rate", "balance_figure", "A retry goes to the same deployment",
    ),
    "Retry-After": Mechanism(
        layer("retry_after", "retry_after_rule", "retry_after_beyond", "retry_after_unit", "deadline_aware"),
        ("bucket_retry", "deadline_unaware", "retry_after_rules", "retry_after_deadline", "retry_after_unit"),
        "retry_after", "gave_up_rate", "waits_figure", "says when to come back",
    ),
    "balance as seen": Mechanism(
        layer("balance"),
        ("balance_cheapest", "balance_lowest_latency", "balance_lowest_usage",),
        "test_lowest_usage", "attempts_per_call", "balance_figure", "by what was seen",
    ),
    "adaptive throttle": Mechanism(
        layer("throttle"),
        (),
        "throttle", "throttled_rate", "pressure", "holds back by itself", GENERATED,
    ),
    "shedding": Mechanism(
        ("service.shed",),
        ("service_shed",),
        "shed", "shed_rate", "reasons", "turns away at the door",
    ),
    "patience": Mechanism(
        ("users.patience", "users.until"),
        ("patience_first_token", "patience_reload",),
        "erlang_a", "abandoned_rate", "patience_figure", "Users leave when they wait too long",
    ),
    "reload": Mechanism(
        ("users.reload",),
        ("patience_reload",),
        "reload", "reload_rate", "pressure", "some of them ask again",
    ),
    "degrade ladder": Mechanism(
        tuple(f"resilience.degrade.*.{rung}" for rung in ("partial", "previous", "rule")),
        ("degrade_deadline", "degrade_overhead", "degrade_partial", "degrade_rule"),
        "ladder", "degraded_rate", "reasons", "with half an answer",
    ),
    "people": Mechanism(
        ("resilience.degrade.*.human",),
        ("degrade_human", "degrade_human_hours", "degrade_human_share", "degrade_human_wait", "degrade_human_weekend"),
        "desk", "human_rate", "people_figure", "in the end people answer",
    ),
    "slowness": Mechanism(
        performance("slowness"),
        ("slowness",),
        "slowness", "latency_p99", "timeline_figure", "slow patches",
    ),
    "changes": Mechanism(
        ("changes",), ("changes_numbers", "changes_repeat", "changes_slots"),
        "changes", "cost_per_month", "timeline_figure", "any number in the file may change",
    ),
    **ECONOMY,
    **REGIONS,
    **GROWING,
}  # fmt: skip

NOT_SIMULATED = {
    "name": "words",
    "description": "words",
    "sources": "where figures come from",
    "knobs": "sliders of a page",
    "observed": "stands beside the result",
    "slo": "told from the log, see tests/unit/test_objectives.py",
    "expect": "told from the metrics, see tests/unit/test_objectives.py",
    "alerts": "told from the timeline; what a responder sets is a change",
    "business": "money beside the models' bill: told from the log, see tests/theory/test_growth_witnesses.py",
    "traffic.users.plans.*.price": "likewise",
    "seed": "which luck",
    "replications": "how often",
}
"""Fields that do not change what happens in a run, and why."""
