"""Rows of the table of mechanisms, see `mechanisms`: regions, their failover, residency, replicas."""

from mechanism import Mechanism


def services(*keys: str) -> tuple[str, ...]:
    """Of the one service, and of a region's own."""
    return tuple(f"{place}.{key}" for place in ("service", "regions.*.service") for key in keys)


REGIONS = {
    "regions": Mechanism(
        ("regions.*.share", "regions.*.rtt", *(f"regions.*.service.{key}" for key in ("workers", "queue", "overhead"))),
        ("region_nearest", "region_tie", "region_trace_homes"),
        "failover_wait", "network_mean", "flow_figure", "each served by the nearest",
    ),
    "time zones of regions": Mechanism(
        ("regions.*.timezone",), ("arrivals_season",),
        "time_zones", "throughput", "region_timeline_figure", "follows the sun",
    ),
    "language": Mechanism(
        ("regions.*.tokens",), ("region_language",),
        "test_evenly_spaced_arrivals_by_hour", "tokens_out", "regions_figure", "a language that takes more tokens",
    ),
    "distance to models": Mechanism(
        ("regions.*.models_rtt", "routing.models"), ("region_models_rtt",),
        "parity/test_parity.py::test_generated_regions", "latency_p50", "regions_figure", "the models beside it",
    ),
    "traffic routing": Mechanism(
        ("routing.policy", "routing.overprovisioning", "routing.panic", "regions.*.weight", "regions.*.order"),
        ("region_weighted", "region_priority", "region_priority_short", "region_latency", "region_drained"),
        "parity/test_parity.py::test_generated_regions", "network_mean", "flow_figure", "spills over",
        ("parity/test_parity.py::test_generated_regions",),
    ),
    "health checks": Mechanism(
        (*(f"routing.health.{key}" for key in ("interval", "failures", "successes", "timeout")), "routing.manual",
         "routing.hold_down", "routing.failback"),
        ("region_down", "region_failback", "region_manual"),
        "detection_time", "failover_time", "failovers_figure", "health checks",
    ),
    "how soon clients hear": Mechanism(
        ("routing.dns.ttl", "routing.dns.ignore", "routing.dns.ignore_for"), ("region_dns",),
        "dns_shift", "failover_time", "region_timeline_figure", "ask the name server",
    ),
    "loss of a region": Mechanism(
        ("incidents.*.lost", "outage.lost", "outage.severity.*.lost", "regions.*.outages", "regions.*.cloud",
         "regions.*.hosts", "routing.connect_timeout", "routing.retries", "routing.retry_lost"),
        ("region_down", "region_partly_lost", "region_cloud", "region_hosts", "region_in_flight", "region_retries"),
        "two_regions", "region_down_rate", "failovers_figure", "the survivor",
    ),
    "caches by region": Mechanism(
        ("caches.exact.shared", "caches.semantic.shared"), ("region_cache", "region_cache_shared"),
        "che_lru", "exact_hit_rate", "hit_rate_figure", "its caches cold",
    ),
    "residency": Mechanism(
        ("regions.*.residency", "actions.*.residency"),
        ("residency_rejected", "residency_degraded", "residency_model", "residency_model_degraded"),
        "scenarios/test_residency.py::test_nobody_is_served_where_the_data_may_not_be", "residency_rate",
        "residency_figure", "may not leave",
    ),
    "replicas": Mechanism(
        (*services("replicas", "replica_cost"), "regions.*.service.cost", "regions.*.service.shed"),
        ("autoscale", "region_nearest"),
        "test_autoscaled_replica_hours_by_hand", "headroom_cost_share", "replicas_figure", "idle replicas",
    ),
    "autoscaler": Mechanism(
        services("autoscaling"), ("autoscale", "autoscale_queue"),
        "test_autoscaled_replica_hours_by_hand", "replica_hours", "replicas_figure", "orders more replicas",
    ),
}  # fmt: skip
