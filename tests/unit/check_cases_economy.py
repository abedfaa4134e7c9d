"""Cases of the checks of caches, conversations, quotas, budgets and batch: as in `check_cases`."""

from typing import Any

KEYS = {"zipf": 1.0, "count": 1000}
USERS: dict[str, Any] = {"rate": None, "users": {"daily_active": 1000, "actions_per_day": 6.0}}
PLAIN: dict[str, Any] = {
    "name": "draft",
    "model": "big",
    "input": {"system": 1200, "user": 300},
    "output": {"all": 200, "max": 2000},
}
WRITER = {"anthropic": {"prompt_cache": {"write": "125%", "ttl": "5min"}}}
BOUGHT: dict[str, Any] = {"prompt": {}}


def call(**changes: Any) -> dict[str, Any]:
    """The one call with other settings."""
    return {"actions": {"answer": {"calls": [{**PLAIN, **changes}]}}}


def history(**changes: Any) -> dict[str, Any]:
    """The one call with a history."""
    return call(input={"system": 1200, "user": 300, "history": changes or "grows"})


def talks(turns: int, think: str = "20s") -> dict[str, Any]:
    """Conversations."""
    return {"rate": "1/s", "sessions": {"turns": turns, "think": think}}


def seldom(rate: str) -> dict[str, Any]:
    """The one call at a provider that charges for writing."""
    return {**call(model="other"), "traffic": {"rate": rate}, "caches": BOUGHT, "providers": WRITER}


def waiting(**batch: Any) -> dict[str, Any]:
    """The one kind can wait."""
    return {"actions": {"answer": {"urgency": "batch", "calls": [PLAIN]}}, "batch": batch}


def trace(caches: dict[str, Any]) -> dict[str, Any]:
    """A trace with blocks."""
    columns = {"time": "t", "blocks": "b"}
    return {"traffic": {"rate": None, "trace": {"file": "x.jsonl", "columns": columns}}, "caches": caches}


CASES: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    (
        "prompt_cache_pays",
        seldom("2.9/h"),
        seldom("3/h"),
        "caches.prompt",
        "comes every 20.7 min on average: 79 % of the time",
    ),
    (
        "history_never_grows",
        history(),
        {**history(), "traffic": talks(5)},
        "actions.answer.calls.draft.input.history",
        "neither does the call repeat",
    ),
    (
        "history_beyond_context",
        {**history(), "traffic": talks(254)},
        {**history(), "traffic": talks(253)},
        "actions.answer.calls.draft.input.history",
        "sends 128,200 tokens with `draft`, but big takes 128,000",
    ),
    (
        "cut_every_turn",
        {**history(limit=2000), "traffic": talks(9), "caches": BOUGHT},
        {**history(limit=2000, cut_to="50%"), "traffic": talks(9), "caches": BOUGHT},
        "actions.answer.calls.draft.input.history.cut_to",
        "is cut a little at every turn",
    ),
    (
        "cache_bigger_than_keys",
        {"caches": {"exact": {"keys": KEYS, "capacity": 1001}}},
        {"caches": {"exact": {"keys": KEYS, "capacity": 1000}}},
        "caches.exact.capacity",
        "room for 1,001 answers, but there are 1,000 questions",
    ),
    (
        "meanings_rarer_than_questions",
        {"caches": {"exact": {"keys": {"zipf": 0, "count": 100}}, "semantic": {"clusters": {"zipf": 0, "count": 101}}}},
        {"caches": {"exact": {"keys": {"zipf": 0, "count": 100}}, "semantic": {"clusters": {"zipf": 0, "count": 100}}}},
        "caches.semantic.clusters",
        "The most popular question is 1 % of what is asked, the most popular meaning 0.99 %",
    ),
    (
        "hit_rate_beyond_cacheable",
        {"caches": {"semantic": {"hit_rate": "30%", "cacheable": "29%"}}},
        {"caches": {"semantic": {"hit_rate": "30%", "cacheable": "30%"}}},
        "caches.semantic.hit_rate",
        "30 % of the lookups hit, but at most 29 %",
    ),
    (
        "lookup_slower_than_answer",
        {"caches": {"exact": {"keys": KEYS, "lookup": "600ms"}}},
        {"caches": {"exact": {"keys": KEYS, "lookup": "400ms"}}},
        "caches.exact.lookup",
        "takes 600 ms, but the first token of big",
    ),
    (
        "reasoning_beyond_max",
        call(output={"all": 200, "reasoning": 2000, "max": 2000}),
        call(output={"all": 200, "reasoning": 1999, "max": 2000}),
        "actions.answer.calls.draft.output.max",
        "as long as `max: 2000`",
    ),
    (
        "emptied_in_run",
        {"caches": {"exact": {"keys": KEYS, "emptied": ["30d"]}}},
        {"caches": {"exact": {"keys": KEYS, "emptied": ["29d"]}}},
        "caches.exact.emptied",
        "is emptied at 30 d",
    ),
    (
        "blocks_without_cache",
        trace({"prompt": {"hit_rate": "50%"}}),
        trace({"prompt": {}}),
        "traffic.trace.columns.blocks",
        "no prompt cache reads them",
    ),
    (
        "warmup_below_conversation",
        {**history(), "traffic": talks(5, "16min")},
        {**history(), "traffic": talks(5, "15min")},
        "warmup",
        "lasts 64 min on average, the warm-up 60 min",
    ),
    (
        "quota_below_mean_use",
        {"traffic": {**USERS, "users": {**USERS["users"], "quota": {"day": 5}}}},
        {"traffic": {**USERS, "users": {**USERS["users"], "quota": {"day": 6}}}},
        "traffic.users.quota.day",
        "5 actions a day are fewer than the 6",
    ),
    (
        "money_without_growth",
        {"traffic": USERS, "business": {"fixed": {"tools": "$5/month"}}},
        {"traffic": {"rate": None, "users": {"growth": {"base": 9}, "actions_per_day": 6.0}},
         "business": {"fixed": {"tools": "$5/month"}}},
        "business",
        "where users come and go",
    ),
    (
        "budget_below_mean_cost",
        {"budgets": {"day": {"limit": "$301/day"}}, "models": {"big": {"prices": {"input": "$1", "output": "$10"}}},
         **call()},
        {"budgets": {"day": {"limit": "$303/day"}}, "models": {"big": {"prices": {"input": "$1", "output": "$10"}}},
         **call()},
        "budgets.day.limit",
        "costs $302.40 a day",
    ),
    (
        "urgency_without_batch",
        waiting(),
        waiting(api="40min"),
        "actions.answer.urgency",
        "is the same as `now`",
    ),
    (
        "batch_beyond_deadline",
        waiting(window={"from": 22, "to": 6}, api={"takes": "1h"}, deadline="16h"),
        waiting(window={"from": 22, "to": 6}, api={"takes": "1h"}, deadline="17h"),
        "batch.deadline",
        "ends after 17 h",
    ),
]  # fmt: skip
