"""Checks of timeouts, retries, hedges and breakers: settings that do not do what they are there for."""

from collections.abc import Iterator

from simkit.scenario.checks_limits import peak_factor
from simkit.scenario.checks_policy import served
from simkit.scenario.defaults import jitter_range, layers, said_at
from simkit.scenario.findings import Finding, Severity, seconds
from simkit.scenario.resilience import Additive, Backoff, Breaker, Hedge, Layer, RetryBudget
from simkit.scenario.scenario import Document
from simkit.scenario.workload import fallback_chain, mean_rate, models_in_use, total

MOST_TRIES = 8


def time_of(value: int | str | None) -> int | None:
    """A timeout in ns; None where there is none."""
    return value if isinstance(value, int) else None


def waits_ns(backoff: Backoff, retries: int) -> float:
    """The longest that all waits between tries can take together."""
    initial, factor, longest = backoff.initial or 0, backoff.factor or 1.0, backoff.max or 0
    added = backoff.jitter.add if isinstance(backoff.jitter, Additive) else 0
    if backoff.jitter == "decorrelated":
        return float(retries * longest)
    high = jitter_range(backoff.jitter)[1]
    return sum(min(initial * factor**n, longest) * high + added for n in range(retries))


def worst_time_ns(document: Document) -> float | None:
    """Time until a model's last retry has timed out, at the longest backoff; None without a timeout."""
    policy = layers(document)[0]
    timeout, retries = time_of(policy.timeout), policy.max_retries or 0
    return None if timeout is None else (retries + 1) * timeout + waits_ns(policy.backoff, retries)


def rungs_of(document: Document) -> tuple[str, int]:
    """The model with the most fallbacks, and through how many models a request for it may go."""
    most = layers(document)[0].max_fallbacks
    chains = {model: fallback_chain(document, model)[:most] for model in served(document)}
    model = max(chains, key=lambda name: len(chains[name]), default="")
    return model, 1 + len(chains.get(model, ()))


def check_retries_within_deadline(document: Document) -> Iterator[Finding]:
    """Tries that cannot all happen before the action's deadline, when a model hangs."""
    policy, worst, deadline = layers(document)[0], worst_time_ns(document), document.resilience.deadline
    if deadline is None:
        return
    if worst is None:
        if time_of(policy.call_timeout) is None:
            message = f"Attempts have no timeout: one that hangs uses up the deadline of {seconds(deadline / 1e9)}."
            repair = "Set `resilience.timeout` so that a retry or fallback still fits."
            path = said_at(document, "timeout")
            yield Finding("retries_exceed_deadline", "warning", path, message, repair)
        return
    rungs, timeout, tries = rungs_of(document)[1], time_of(policy.timeout) or 0, (policy.max_retries or 0) + 1
    longest = min(worst * rungs, time_of(policy.call_timeout) or worst * rungs)
    if longest > deadline:
        what = f"{tries} tries of {seconds(timeout / 1e9)} with their backoff"
        what += f" on each of {rungs} models" if rungs > 1 else ""
        message = f"{what} take up to {seconds(worst * rungs / 1e9)}; "
        message += f"the deadline of {seconds(deadline / 1e9)} ends the action before the last of them."
        fits = int((deadline / rungs - (worst - tries * timeout)) / tries / 1e8) / 10
        repair = f"Set `resilience.timeout` to at most {seconds(fits)}, or retry less." if fits > 0 else "Retry less."
        yield Finding("retries_exceed_deadline", "warning", "resilience.deadline", message, repair)


def check_retry_amplification(document: Document) -> Iterator[Finding]:
    """Retries times fallbacks: what an outage multiplies the load by."""
    inner, outer = layers(document)
    tries, (model, rungs) = (inner.max_retries or 0) + 1, rungs_of(document)
    if outer is None and tries * rungs > MOST_TRIES:
        where = f" on each of {rungs} models" if rungs > 1 else ""
        message = f"A call of {model} can make {tries * rungs} attempts ({tries} tries{where}): "
        message += f"when all fail, the load is {tries * rungs} times the usual."
        repair = "Retry less (2 retries are the SDKs' default), or fall back to fewer models."
        yield Finding("retry_amplification", "warning", said_at(document, "max_retries"), message, repair)


def check_attempts_stack(document: Document) -> Iterator[Finding]:
    """A client's retries on a gateway's retries on fallbacks."""
    inner, outer = layers(document)
    if outer is None:
        return
    asked, tries, (model, rungs) = (outer.max_retries or 0) + 1, (inner.max_retries or 0) + 1, rungs_of(document)
    if asked * tries * rungs > MOST_TRIES:
        message = f"A call of {model} can make {asked} client tries x {tries} gateway tries x {rungs} models "
        message += f"= {asked * tries * rungs} attempts: when all fail, so many times is the load the usual."
        repair = "Retry in one layer only, e.g. `resilience.client.max_retries: 0`."
        yield Finding("attempts_stack", "warning", "resilience.client.max_retries", message, repair)


def check_backoff_cut(document: Document) -> Iterator[Finding]:
    """A backoff whose `max` is below its `initial`."""
    inner, outer = layers(document)
    both: list[tuple[str, Layer]] = [(said_at(document, "backoff"), inner)]
    both += [("resilience.client.backoff", outer)] if outer is not None else []
    for path, layer in both:
        first, longest = layer.backoff.initial or 0, layer.backoff.max or 0
        if layer.max_retries and longest < first:
            message = f"The backoff begins at {seconds(first / 1e9)}, but `max` cuts it to {seconds(longest / 1e9)}."
            yield Finding("backoff_cut", "warning", f"{path}.max", message, "Set `max` to `initial` or more.")


def check_hedge_after_timeout(document: Document) -> Iterator[Finding]:
    """A hedge that comes when what it is beside is over."""
    hedge, (ends, what) = layers(document)[0].hedge, _first_end(document)
    if isinstance(hedge, Hedge) and ends is not None and hedge.after >= ends:
        never = not _resilience_changes(document)
        message = f"The hedge comes after {seconds(hedge.after / 1e9)}, but {what} of {seconds(ends / 1e9)}: "
        message += "there is never one." if never else "until that changes there is none."
        repair = "Hedge at about the 95th percentile of the answers' time."
        severity: Severity = "error" if never else "warning"
        yield Finding("hedge_after_timeout", severity, f"{said_at(document, 'hedge')}.after", message, repair)


def _first_end(document: Document) -> tuple[int | None, str]:
    """The shortest time after which a try is over whatever happens, and what ends it."""
    inner, outer = layers(document)
    ends = [(time_of(inner.timeout), "a try ends at its timeout")]
    ends += [(time_of(inner.call_timeout), "all tries end at the `call_timeout`")]
    if outer is not None:
        ends += [(time_of(outer.timeout), "the client ends a request at its timeout")]
        ends += [(time_of(outer.call_timeout), "the client ends all tries at its timeout")]
    ends.append((document.resilience.deadline, "an action ends at its deadline"))
    return min(((time, what) for time, what in ends if time is not None), default=(None, ""))


def _resilience_changes(document: Document) -> bool:
    """May a number of `resilience` be another one at some time?"""
    responder = document.alerts.responder if document.alerts is not None else None
    sets = [one.set for one in document.changes] + ([responder.set] if responder is not None else [])
    return any(path.startswith("resilience.") for paths in sets for path in paths)


def check_budget_starts_empty(document: Document) -> Iterator[Finding]:
    """A retry budget that refuses the first retries, or all of them."""
    budget = layers(document)[0].retry_budget
    if not isinstance(budget, RetryBudget):
        return
    start, cap, cost = budget.start or 0, budget.cap or 0, budget.retry or 0
    path = said_at(document, "retry_budget")
    if cap < cost:
        message = f"A retry costs {cost}, but the credit is never above {cap}: all retries are refused."
        yield Finding("budget_starts_empty", "warning", f"{path}.cap", message, "Raise `cap`.")
    elif start < cost:
        message = f"A retry costs {cost}, but the credit begins at {start}: the first ones are refused."
        yield Finding("budget_starts_empty", "warning", f"{path}.start", message, "Leave `start` out: it is the cap.")


def check_no_timeout_with_probes(document: Document) -> Iterator[Finding]:
    """Probes of a half-open breaker that may hang for ever."""
    inner, outer = layers(document)
    limits = [inner.timeout, inner.call_timeout, document.resilience.deadline]
    limits += [outer.timeout, outer.call_timeout] if outer is not None else []
    breaker = inner.breaker
    if isinstance(breaker, Breaker) and breaker.probes and all(time_of(one) is None for one in limits):
        message = "Nothing ends an attempt that hangs: a probe that does keeps its breaker half open for ever."
        repair = "Set `resilience.timeout`."
        yield Finding("no_timeout_with_probes", "warning", said_at(document, "timeout"), message, repair)


def check_breaker_never_opens(document: Document) -> Iterator[Finding]:
    """Rules that need more requests in the window than there are."""
    inner, rate = layers(document)[0], mean_rate(document)
    breaker = inner.breaker
    if not isinstance(breaker, Breaker) or not rate or breaker.consecutive or breaker.at_once:
        return
    needed = [one.of for one in breaker.rates or ()] + ([breaker.failures] if breaker.failures else [])
    busiest = max(
        (
            total(document, among=[each]).requests
            for m in models_in_use(document)
            for each in document.models[m].deployments
        ),
        default=0.0,
    )
    per_second = rate * peak_factor(document) * busiest * ((inner.max_retries or 0) + 1) / (inner.replicas or 1)
    there = per_second * (breaker.window or 0) / 1e9
    if needed and there and there < min(needed):
        message = (
            f"It opens from {min(needed)} results in {seconds((breaker.window or 0) / 1e9)} on; in the busiest hour "
        )
        message += f"there are about {there:.2g}, retries included: it never opens."
        repair = "Lower `of`, make `window` longer, or use `consecutive`."
        yield Finding("breaker_never_opens", "warning", said_at(document, "breaker"), message, repair)


__all__ = ["rungs_of", "waits_ns", "worst_time_ns"]
