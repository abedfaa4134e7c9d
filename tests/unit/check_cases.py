"""Cases of the checks of resilience: name, what sets it off, what does not, path, words in the message."""

from typing import Any

TWO: dict[str, Any] = {"client": "openai_sdk", "gateway": "litellm"}
BREAKER = {"rates": [{"more_than": "50%", "of": 1000}]}
HUMAN: dict[str, Any] = {"human": {"staff": 1, "takes": "10min"}}
ALL_GONE = [{"at": "1d", "lasts": "1h", "target": "openai", "error_rate": "100%"}]

CASES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    (
        "attempts_stack",
        {"resilience": {**TWO, "max_retries": 2}},
        {"resilience": {**TWO, "max_retries": 1}},
        "resilience.client.max_retries",
        "3 client tries x 3 gateway tries x 1 models = 9 attempts",
    ),
    (
        "attempts_stack",
        {"resilience": {**TWO, "max_retries": 1, "fallback": {"big": ["other"]}}},
        {"resilience": {**TWO, "max_retries": 1, "fallback": {"big": ["other"]}, "max_fallbacks": 0}},
        "resilience.client.max_retries",
        "= 12 attempts",
    ),
    (
        "backoff_cut",
        {"resilience": {"backoff": {"initial": "10s"}}},
        {"resilience": {"backoff": {"initial": "10s", "max": "10s"}}},
        "resilience.backoff.max",
        "begins at 10 s, but `max` cuts it to 8 s",
    ),
    (
        "hedge_after_timeout",
        {"resilience": {"hedge": {"after": "60s"}}},
        {"resilience": {"hedge": {"after": "59s"}}},
        "resilience.hedge.after",
        "ends at its timeout of 60 s",
    ),
    (
        "hedge_after_timeout",
        {"resilience": {**TWO, "client": {"preset": "openai_sdk", "timeout": "20s"}, "hedge": {"after": "20s"}}},
        {"resilience": {**TWO, "client": {"preset": "openai_sdk", "timeout": "21s"}, "hedge": {"after": "20s"}}},
        "resilience.hedge.after",
        "the client ends a request at its timeout of 20 s: there is never one",
    ),
    (
        "hedge_after_timeout",
        {"resilience": {"hedge": {"after": "30s"}, "deadline": "30s"}},
        {"resilience": {"hedge": {"after": "29s"}, "deadline": "30s"}},
        "resilience.hedge.after",
        "an action ends at its deadline of 30 s",
    ),
    (
        "budget_starts_empty",
        {"resilience": {"retry_budget": {"start": 99}}},
        {"resilience": {"retry_budget": {"start": 100}}},
        "resilience.retry_budget.start",
        "begins at 99",
    ),
    (
        "budget_starts_empty",
        {"resilience": {"retry_budget": {"cap": 99}}},
        {"resilience": {"retry_budget": {"cap": 99, "retry": 50}}},
        "resilience.retry_budget.cap",
        "never above 99",
    ),
    (
        "no_timeout_with_probes",
        {"resilience": {"timeout": "none", "breaker": {"consecutive": 5}}},
        {"resilience": {"timeout": "none", "breaker": {"consecutive": 5, "probes": 0}}},
        "resilience.timeout",
        "half open for ever",
    ),
    (
        "breaker_never_opens",
        {"resilience": {"breaker": BREAKER}},
        {"resilience": {"breaker": {**BREAKER, "window": "10min"}}},
        "resilience.breaker",
        "about 1.8e+02",
    ),
    (
        "patience_below_ttft",
        {"users": {"patience": "400ms"}},
        {"users": {"patience": "600ms"}},
        "users.patience",
        "leave after 400 ms, but the first token comes after",
    ),
    (
        "patience_below_ttft",
        {"users": {"patience": "2s", "until": "answer"}},
        {"users": {"patience": "3s", "until": "answer"}},
        "users.patience",
        "the answer ends after 2.",
    ),
    (
        "human_overloaded",
        {"resilience": {"degrade": [HUMAN]}, "models": {"big": {"errors": {"content_filter": "0.2%"}}}},
        {"resilience": {"degrade": [HUMAN]}, "models": {"big": {"errors": {"content_filter": "0.1%"}}}},
        "resilience.degrade",
        "1.2 people would be busy",
    ),
    (
        "human_overloaded",
        {"resilience": {"degrade": [HUMAN]}, "incidents": ALL_GONE},
        {"resilience": {"degrade": [{"rule": {}}, HUMAN]}, "incidents": ALL_GONE},
        "resilience.degrade",
        "600 would be needed, there are 1",
    ),
]
