"""The layers of clients, their breaker, and what failure kinds mean, as tables."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from simkit.plan.arrays import NEVER, Bools, Floats, Ints
from simkit.plan.codes import KINDS, Balance, Billed, JitterKind, Kind, RetryAt, StreamFailure, Takes, WindowKind
from simkit.plan.errors import PlanError
from simkit.plan.plan import Policy
from simkit.plan.resilience import PPB, RATES, Breaker, Layer
from simkit.plan.tables import DistPool
from simkit.scenario import resilience as said
from simkit.scenario.defaults import failure, jitter_range, layers, preset_layer
from simkit.scenario.scenario import Document

KIND_OF = {kind.name.lower(): kind for kind in Kind}
TAKES = {one.name.lower(): int(one) for one in Takes if one is not Takes.TIME}
BILLED = tuple(one.name.lower() for one in Billed)

Settings = list[Any]
"""The settings of one layer or part, by epoch."""


def policy(documents: list[Document], pool: DistPool) -> Policy:
    """The deadline, and what failure kinds cost and take."""
    rates = [cache.hit_rate if (cache := document.caches.prompt) else None for document in documents]
    kinds = [failure_table(document, pool) for document in documents]
    if any(row[1] != first[1] for table in kinds[1:] for row, first in zip(table, kinds[0], strict=True)):
        raise PlanError(
            "changes: how long a failure takes (`failures.KIND.takes`) may change from one time to another, but not "
            "between a time and first_token, part, answer or never. Write a time from the start."
        )
    return Policy(
        deadline=whole(limit(document.resilience.deadline) for document in documents),
        cache_hit_rate=column(-1.0 if rate is None else rate for rate in rates),
        billed=whole(row[0] for row in kinds[0]),
        takes=whole(row[1] for row in kinds[0]),
        takes_time=np.array([[row[2] for row in table] for table in kinds], dtype=np.int64),
    )


def failure_table(document: Document, pool: DistPool) -> list[tuple[int, int, int]]:
    """Billed, takes, time by failure kind (OK first)."""
    table = [(int(Billed.ALL), int(Takes.ANSWER), -1)]
    for kind in list(Kind)[1:KINDS]:
        f = failure(document, kind.name.lower())
        takes = TAKES.get(f.takes, Takes.TIME) if isinstance(f.takes, str) else Takes.TIME
        time = pool.add(f.takes) if takes == Takes.TIME else -1  # type: ignore[arg-type]
        table.append((BILLED.index(f.billed or "nothing"), int(takes), time))
    return table


def limit(value: int | str | None) -> int:
    """A limit; none is as good as infinite."""
    return value if isinstance(value, int) else NEVER


def whole(values: Iterable[int]) -> Ints:
    """A column of int64."""
    return np.array(list(values), dtype=np.int64)


def flag(value: bool | None) -> Bools:
    """A setting that does not change, as an array of one."""
    return np.array([bool(value)], dtype=np.bool_)


def word(code: Any, text: str | None) -> Ints:
    """The code of a word that does not change, as an array of one."""
    return np.array([code[(text or "").upper()]], dtype=np.int64)


def kinds_of(names: Iterable[str] | None) -> Bools:
    """(F) which failure kinds a list names."""
    named = set(names or ())
    return np.array([kind.name.lower() in named for kind in list(Kind)[:KINDS]], dtype=np.bool_)


def parts(rows: Settings, key: str, kind: type[Any]) -> Settings:
    """A part of the layer by epoch; None where it is switched off."""
    found = [getattr(row, key) for row in rows]
    return [one if isinstance(one, kind) else None for one in found]


def numbers(rows: Settings, key: str, without: int = NEVER) -> Ints:
    """A number of a part by epoch, `without` one where there is none."""
    values = [getattr(row, key) if row is not None else None for row in rows]
    return whole(without if value is None else value for value in values)


def two_layers(documents: list[Document]) -> tuple[Layer, Layer, bool, Breaker]:
    """Inner and outer layer, whether there are two, and the inner's breaker."""
    found = [layers(document) for document in documents]
    inner, outer = [one for one, _ in found], [one or preset_layer("none") for _, one in found]
    two = found[0][1] is not None
    return layer(inner, documents[0], False), layer(outer, documents[0], two), two, breaker(inner)


def asked_again(row: said.Layer, document: Document, outer: bool) -> Bools:
    """(F) kinds after which a layer tries again."""
    if row.retry_on is not None:
        return kinds_of(row.retry_on)
    retryable = [name for name in KIND_NAMES if failure(document, name).retryable]
    return kinds_of([*retryable, "no_deployment"] if outer else retryable)


def falls_back(row: said.Layer, document: Document) -> Bools:
    """(F) kinds after which another model is tried."""
    if row.fallback_on is not None:
        return kinds_of(row.fallback_on)
    return kinds_of(name for name in KIND_NAMES if failure(document, name).fallback)


KIND_NAMES = [kind.name.lower() for kind in list(Kind)[1:KINDS]]


def layer(rows: list[said.Layer], document: Document, outer: bool) -> Layer:
    """The tables of a layer; `rows` are its settings by epoch."""
    first, waits = rows[0], [row.backoff for row in rows]
    each: Callable[[str], Ints] = lambda key: whole(limit(getattr(row, key)) for row in rows)  # noqa: E731
    return Layer(
        timeout=each("timeout"),
        first_token_timeout=each("first_token_timeout"),
        idle_timeout=each("idle_timeout"),
        call_timeout=each("call_timeout"),
        max_retries=each("max_retries"),
        retry_on=asked_again(first, document, outer),
        retry_at=word(RetryAt, first.retry_at),
        **waiting(waits),
        retry_after=each("retry_after"),
        retry_after_instead=flag(first.retry_after_rule == "instead"),
        retry_after_gives_up=flag(first.retry_after_beyond == "give_up"),
        deadline_aware=flag(first.deadline_aware),
        retry_while_open=flag(first.retry_while_open),
        retry_after_unit=whole(row.retry_after_unit or 0 for row in rows),
        wait_after_last=flag(first.wait_after_last),
        error_first=flag(first.error_told == "first"),
        stream_failure=word(StreamFailure, first.stream_failure),
        fallback_on=falls_back(first, document),
        max_fallbacks=each("max_fallbacks"),
        replicas=whole([first.replicas or 1]),
        hedge_after=numbers(parts(list(rows), "hedge", said.Hedge), "after"),
        **budget(parts(list(rows), "retry_budget", said.RetryBudget)),
        **throttle(parts(list(rows), "throttle", said.Throttle)),
    )


def jitter_kind(jitter: object) -> JitterKind:
    """How the wait is made random."""
    if isinstance(jitter, said.Additive):
        return JitterKind.ADDITIVE
    return JitterKind.DECORRELATED if jitter == "decorrelated" else JitterKind.RANGE


def waiting(rows: list[said.Backoff]) -> dict[str, Any]:
    """The fields of a layer that speak of the wait between tries."""
    ranges = [jitter_range(row.jitter) for row in rows]
    throttled = [row.initial if row.initial_throttled is None else row.initial_throttled for row in rows]
    return {
        "backoff_initial": whole(row.initial or 0 for row in rows),
        "backoff_throttled": whole(value or 0 for value in throttled),
        "backoff_max": whole(row.max or 0 for row in rows),
        "backoff_factor": np.array([float(row.factor or 1.0) for row in rows]),
        "jitter_kind": whole([jitter_kind(rows[0].jitter)]),
        "jitter_low": np.array([low for low, _ in ranges]),
        "jitter_high": np.array([high for _, high in ranges]),
        "jitter_add": whole(row.jitter.add if isinstance(row.jitter, said.Additive) else 0 for row in rows),
        "skip_with_peer": flag(rows[0].skip_with_peer),
    }


def budget(rows: Settings) -> dict[str, Any]:
    """The fields of a layer that speak of the retry budget."""
    names = {
        "budget_cap": "cap",
        "budget_start": "start",
        "budget_first_try": "first_try",
        "budget_retry": "retry",
        "budget_throttled": "retry_throttled",
        "budget_success": "success",
    }
    return {
        "budget": flag(rows[0] is not None),
        **{column: numbers(rows, key, 0) for column, key in names.items()},
        "budget_refund": flag(rows[0] is not None and rows[0].refund),
        "budget_concurrent": whole(retries_at_once(row) for row in rows),
        "budget_share_ppb": whole(ppb(row.concurrent_share) if row is not None else 0 for row in rows),
    }


def retries_at_once(budget: said.RetryBudget | None) -> int:
    """So many whatever else is under way."""
    if budget is None or (budget.concurrent is None and budget.concurrent_share is None):
        return NEVER
    return budget.concurrent or 0


def throttle(rows: Settings) -> dict[str, Any]:
    """The fields of a layer that speak of the adaptive throttle."""
    return {
        "throttle": flag(rows[0] is not None),
        "throttle_k": np.array([1.0 if row is None else float(row.k) for row in rows]),
        "throttle_window": numbers(rows, "window", 1),
        "throttle_rejects": kinds_of(rows[0].rejects if rows[0] is not None else ()),
    }


def ppb(share: float | None) -> int:
    """A share in billionths."""
    return round((share or 0.0) * PPB)


def breaker(layers_: list[said.Layer]) -> Breaker:
    """The breaker of the inner layer."""
    on = isinstance(layers_[0].breaker, said.Breaker)
    rows = [row.breaker if isinstance(row.breaker, said.Breaker) else said.Breaker() for row in layers_]
    first = rows[0]
    return Breaker(
        on=flag(on),
        by_provider=flag(first.scope == "provider"),
        counts=kinds_of(first.counts),
        trips_on=kinds_of(first.trips_on),
        others_healthy=flag(first.others == "healthy"),
        consecutive=numbers(list(rows), "consecutive"),
        failures=numbers(list(rows), "failures"),
        **rates(rows),
        at_once=kinds_of(first.at_once),
        at_once_peer=flag(first.at_once_with_peer),
        **outliers([row.outliers if isinstance(row.outliers, said.Outliers) else None for row in rows]),
        window=numbers(list(rows), "window", 1),
        window_kind=word(WindowKind, first.window_kind or "sliding"),
        forget=flag(first.forget),
        cooldown=numbers(list(rows), "cooldown", 0),
        grows=flag(first.cooldown_growth),
        cooldown_max=numbers(list(rows), "cooldown_max"),
        from_retry_after=flag(first.cooldown_from_retry_after),
        sweep=numbers(list(rows), "sweep", 0),
        probes=numbers(list(rows), "probes", 0),
        max_open_ppb=whole(PPB if row.max_open is None else ppb(row.max_open) for row in rows),
        panic_ppb=whole(ppb(row.panic) for row in rows),
        panic_chain=flag(first.panic_scope == "chain"),
    )


def outliers(rows: list[said.Outliers | None]) -> dict[str, Any]:
    """The fields of a breaker that speak of those that do worse than the others."""
    return {
        "outliers": flag(rows[0] is not None),
        "outlier_deviations": column(0.0 if row is None else row.deviations or 0.0 for row in rows),
        "outlier_hosts": numbers(list(rows), "hosts"),
        "outlier_requests": numbers(list(rows), "requests"),
    }


def rates(rows: list[said.Breaker]) -> dict[str, Any]:
    """The fields of a breaker that speak of shares of failures."""
    share, least = np.zeros((len(rows), RATES), dtype=np.int64), np.full((len(rows), RATES), NEVER, dtype=np.int64)
    strict, peer = np.zeros(RATES, dtype=np.bool_), np.zeros(RATES, dtype=np.bool_)
    for e, row in enumerate(rows):
        for r, rate in enumerate(row.rates or ()):
            share[e, r] = ppb(rate.at_least if rate.more_than is None else rate.more_than)
            least[e, r], strict[r], peer[r] = rate.of, rate.more_than is not None, rate.with_peer
    return {"rate_ppb": share, "rate_strict": strict, "rate_of": least, "rate_peer": peer}


def balance(document: Document, own: str | None) -> Balance:
    """How a model's deployments share its attempts."""
    return Balance[(own or layers(document)[0].balance or "weighted").upper()]


def column(values: Iterable[float]) -> Floats:
    """A column of floats."""
    return np.array(list(values), dtype=np.float64)


__all__ = [
    "BILLED",
    "KIND_OF",
    "balance",
    "column",
    "flag",
    "kinds_of",
    "limit",
    "policy",
    "ppb",
    "two_layers",
    "whole",
]
