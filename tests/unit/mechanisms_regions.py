"""Rows of the table of mechanisms, see `mechanisms`: regions, traffic between them, where data may go, autoscalers."""

from mechanism import Mechanism


def services(*keys: str) -> tuple[str, ...]:
    """Of the service everywhere, and in a region."""
    return tuple(f"{place}.{key}" for place in ("service", "regions.*.service") for key in keys)


def routing(*keys: str) -> tuple[str, ...]:
    """Settings of traffic routing."""
    return tuple(f"routing.{key}" for key in keys)


REGIONS = {
    "regions": Mechanism(
        ("regions.*.share", "regions.*.timezone", "regions.*.rtt"),
        ("region_nearest", "region_tie", "region_trace_homes"),
        "time_zones", "network_mean", "flow", "Which one is near, the matrix of",
    ),
    "language": Mechanism(
        ("regions.*.tokens",), ("region_language",),
        "language", "tokens_in", "regions",
        "a factor on the tokens of what users write and read",
    ),
    "traffic routing": Mechanism(
        (*routing("policy", "overprovisioning", "panic"), "regions.*.order"),
        ("region_nearest", "region_weighted", "region_priority", "region_priority_short", "region_latency"),
        "two_regions", "network_mean", "flow",
        "spills over to the next choice",
    ),
    "draining": Mechanism(
        ("regions.*.weight",), ("region_drained",),
        "dns_shift", "network_mean", "flow", "A weight of 0 drains a region",
    ),
    "replicas": Mechanism(
        (
            "service.replicas", "service.replica_cost",
            *(f"regions.*.service.{key}" for key in (
                "workers", "replicas", "queue", "overhead", "cost", "replica_cost", "shed")),
        ),
        ("region_in_flight", "region_partly_lost", "region_priority"),
        "failover_wait", "headroom_cost_share", "replicas", "copies of it (*replicas*)",
    ),
    "autoscaling": Mechanism(
        services("autoscaling"), ("autoscale", "autoscale_queue"),
        "test_autoscaled_replica_hours_by_hand", "replica_hours", "replicas",
        "orders more replicas when they are busier than it wants",
    ),
    "loss of a region": Mechanism(
        ("regions.*.outages", "incidents.*.lost", "outage.lost", "outage.severity.*.lost", *routing("retry_lost")),
        ("region_down", "region_in_flight", "region_partly_lost"),
        "one_region", "region_down_rate", "regions",
        "a part of its replicas, if you say so",
    ),
    "health checks": Mechanism(
        routing("health"), ("region_down",),
        "detection_time", "failover_time", "failovers", "three failures in a row",
    ),
    "clients that hear late": Mechanism(
        routing("dns"), ("region_dns", "region_drained"),
        "dns_shift", "failover_time", "failovers", "a few keep it much longer",
    ),
    "failover": Mechanism(
        routing("manual", "hold_down", "failback", "connect_timeout", "retries"),
        ("region_retries", "region_manual", "region_failback"),
        "both_fail", "failover_time", "failovers", "A failover may be manual",
    ),
    "clouds": Mechanism(
        ("regions.*.cloud", "regions.*.hosts"), ("region_cloud", "region_hosts"),
        "one_cloud", "region_down_rate", "regions", "Regions of one cloud can fail together",
    ),
    "nearest deployments": Mechanism(
        ("regions.*.models_rtt", *routing("models")), ("region_models_rtt",),
        "way_to_models", "ttft_p50", "regions",
        "asks the nearest of a model's deployments",
    ),
    "residency": Mechanism(
        ("regions.*.residency", "actions.*.residency"),
        ("residency_rejected", "residency_degraded", "residency_model", "residency_model_degraded"),
        "residency", "residency_breaches", "residency", "Where nobody is left who may serve them",
    ),
    "caches of regions": Mechanism(
        ("caches.exact.shared", "caches.semantic.shared"), ("region_cache", "region_cache_shared"),
        "own_caches", "exact_hit_rate", "hit_rate_figure", "unless it is shared",
    ),
}  # fmt: skip
