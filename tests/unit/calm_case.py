"""A scenario in which no check finds anything, and others made of it."""

import copy
from typing import Any

MEASURED = {"kind": "measured", "from": "a test"}
MODEL = {
    "provider": "openai",
    "ttft": {"median": "0.5s", "p95": "1s"},
    "ttft_per_1k_input": "10ms",
    "tokens_per_second": 100,
    "quality": {"any": "95%"},
    "context": "128k",
    "prompt_cache_minimum": 1024,
}
OUTAGE = {"time_between_failures": {"exponential": {"mean": "3d"}}, "duration": "1h", "error_rate": "10%"}
CALM: dict[str, Any] = {
    "horizon": "30d",
    "replications": 100,
    "traffic": {"rate": "1/s"},
    "actions": {
        "answer": {
            "calls": [
                {
                    "name": "draft",
                    "model": "big",
                    "input": {"system": 1200, "user": {"mean": 300, "p95": 900}},
                    "output": {"all": {"mean": 200, "p95": 500}, "max": 2000},
                }
            ]
        }
    },
    "models": {"big": MODEL, "other": {**MODEL, "provider": "anthropic"}},
    "providers": {"openai": {"outages": [OUTAGE]}, "anthropic": {"outages": [OUTAGE]}},
    "service": {"workers": 50},
    "resilience": {"timeout": "60s", "max_retries": 2},
    "slo": {"success": "99%", "latency": {"p95": "10s"}, "good": "90%"},
    "sources": dict.fromkeys(("traffic", "actions", "models", "providers", "quotas", "service", "caches"), MEASURED),
}
"""A scenario in which no check finds anything."""


def merged(base: Any, over: Any) -> Any:
    if not isinstance(over, dict) or not isinstance(base, dict):
        return copy.deepcopy(over)
    together = {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}
    return {key: value for key, value in together.items() if value is not None}
