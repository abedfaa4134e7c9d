"""Checks of objectives, expectations and sources: promises that say nothing, and figures that nobody measured."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from simkit.scenario.base import Part
from simkit.scenario.checks_policy import horizon_of
from simkit.scenario.distribution import Dist
from simkit.scenario.expectations import METRICS, parse_expectation
from simkit.scenario.findings import Finding, percent, seconds
from simkit.scenario.scenario import Document
from simkit.scenario.traffic import Traffic
from simkit.scenario.units import Limit, MoneyPer
from simkit.scenario.workload import (
    ANY,
    Visit,
    action_share,
    answer_times,
    calls,
    fallback_chain,
    grid,
    models_in_use,
    quantiles,
    visits,
)

UNBOUNDED_SHARES = {"limit_peak_use", "retry_rate", "fallback_rate", "rate_limited_rate", "escalation_rate"}
"""Shares that may exceed 1: several per call."""
FASTEST = 0.01
"""A call that is faster than this quantile of its time is taken for impossible."""
CHOICES = {"priority", "weight", "order"}
"""Numbers that are no figures about the world."""


def level(name: str) -> float:
    """Share of a percentile's name: p95 is 0.95, p999 is 0.999, p100 is 1."""
    return 1.0 if name == "p100" else int(name[1:]) / 10 ** max(2, len(name) - 1)


def check_slo_window(document: Document) -> Iterator[Finding]:
    """A horizon below the SLO's window: the error budget is of a longer time than was simulated."""
    slo, horizon = document.slo, horizon_of(document)
    promised = slo.success is not None or slo.good is not None or slo.latency or slo.ttft
    if promised and horizon is not None and horizon < slo.window:
        message = (
            f"The horizon is {seconds(horizon / 1e9)}, the window of the error budget {seconds(slo.window / 1e9)}: "
        )
        message += "the budget of the whole window is compared with what this part of it spent."
        repair = f"Set `horizon: {slo.window // (86_400 * 10**9)}d`, or `slo.window` to the horizon."
        yield Finding("slo_window", "warning", "horizon", message, repair)


def check_promise_trivial(document: Document) -> Iterator[Finding]:
    """Objectives and expectations that cannot fail."""
    for path, what, reason in _trivial(document):
        repair = "Tighten it to what users would notice, or remove it."
        yield Finding("promise_trivial", "warning", path, f"`{what}` cannot fail: {reason}.", repair)


def _trivial(document: Document) -> Iterator[tuple[str, str, str]]:
    slo, deadline = document.slo, document.resilience.deadline
    for name, share in (("success", slo.success), ("good", slo.good)):
        if share == 0:
            yield f"slo.{name}", f"{name}: 0%", "any share of actions is enough"
    for kind, limits in (("latency", slo.latency), ("ttft", slo.ttft)):
        for name, limit in limits.items():
            if level(name) == 0:
                yield f"slo.{kind}.{name}", name, "it is promised for no action at all"
            elif deadline is not None and limit >= deadline:
                said = f"every success comes within the deadline of {seconds(deadline / 1e9)}"
                yield f"slo.{kind}.{name}", f"{name}: {seconds(limit / 1e9)}", f"{said}; only failures could break it"
    yield from ((f"expect.{place}", document.expect[place], reason) for place, reason in certain(document).items())


def certain(document: Document) -> dict[int, str]:
    """Places of the expectations that cannot fail, and why."""
    found = {}
    for place, text in enumerate(document.expect):
        metric, operator, value = parse_expectation(text)
        low, high = bounds(document, metric)
        if operator[0] == "<" and (value > high or (operator == "<=" and value == high)):
            found[place] = f"{metric} is never above {high:g}"
        if operator[0] == ">" and (value < low or (operator == ">=" and value == low)):
            found[place] = f"{metric} is never below {low:g}"
    return found


BELOW_ZERO = ("error_budget_left", "gross_margin", "cash_end", "runway_months")
"""Metrics that may be negative."""


def bounds(document: Document, metric: str) -> tuple[float, float]:
    """Least and greatest value that a metric can have."""
    low, high = (-np.inf if metric in BELOW_ZERO else 0.0), np.inf
    if metric == "attempts_per_call":
        low = 0.0 if document.service.workers or document.regions else 1.0
    if METRICS[metric] == "share" and metric not in UNBOUNDED_SHARES:
        high = 1.0
    deadline = document.resilience.deadline
    if deadline is not None and metric.startswith(("latency_", "ttft_")):
        high = deadline / 1e9
    return low, high


def check_promise_impossible(document: Document) -> Iterator[Finding]:
    """Objectives and expectations that cannot be met, whatever happens."""
    for path, what, reason in _impossible(document):
        repair = "Promise what the scenario can keep, or change the part that forbids it."
        yield Finding("promise_impossible", "error", path, f"`{what}` cannot be met: {reason}.", repair)
    if document.slo.success == 1:
        message = "An objective of 100% has no error budget: one failed action breaks it."
        yield Finding("promise_impossible", "warning", "slo.success", message, "Promise e.g. 99.5%.")


def _impossible(document: Document) -> Iterator[tuple[str, str, str]]:
    best, fastest = best_quality(document), awaited(document, fastest_times(document))
    if document.slo.good is not None and document.slo.good > best + 1e-9:
        said = f"with the best model for each call {percent(best)} of the answers are good"
        yield "slo.good", f"good: {percent(document.slo.good)}", said
    for name, limit in document.slo.latency.items():
        for reason in _too_fast(fastest, level(name), limit / 1e9):
            yield f"slo.latency.{name}", f"{name}: {seconds(limit / 1e9)}", reason
    for place, text in enumerate(document.expect):
        metric, operator, value = parse_expectation(text)
        low, high = bounds(document, metric)
        high = min(high, best) if metric == "good_rate" else high
        if operator[0] == "<" and (value < low or (operator == "<" and value == low)):
            yield f"expect.{place}", text, f"{metric} is never below {low:g}"
        elif operator[0] == ">" and (value > high + 1e-9 or (operator == ">" and value == high)):
            yield f"expect.{place}", text, f"{metric} is never above {high:.4g}"
        elif metric.startswith("latency_p") and operator[0] == "<":
            promised = level(metric.removeprefix("latency_"))
            yield from ((f"expect.{place}", text, reason) for reason in _too_fast(fastest, promised, value))


def awaited(document: Document, times: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """The kinds that somebody waits for, with their share of them: objectives on times are about no others."""
    found = {name: one for name, one in times.items() if document.actions[name].urgency == "now"}
    total = sum(share for share, _ in found.values())
    return {name: (share / total, time) for name, (share, time) in found.items() if total}


def _too_fast(fastest: Mapping[str, tuple[float, float]], promised: float, limit_s: float) -> Iterator[str]:
    """Why a latency cannot be kept, if it cannot: the kinds of actions that are slower are too many."""
    slower = {name: time for name, (_, time) in fastest.items() if time > limit_s}
    if sum(fastest[name][0] for name in slower) > 1 - promised + 1e-9:
        name = min(slower, key=lambda kind: slower[kind])
        yield f"the fastest `{name}` takes {seconds(slower[name])}, without any queue"


def best_quality(document: Document) -> float:
    """Share of good answers if each judged call were answered by the best of its models; 1 where none is judged."""
    total, found = 0.0, visits(document)
    for name, action in document.actions.items():
        for complexity, share in (action.complexity or {ANY: 1.0}).items():
            good = 1.0
            for path in [path for path, kind, _, call in calls(document) if kind == name and call.judged]:
                served = [v for v in found if v.path == path and v.complexity == complexity]
                good *= max((_quality(document, visit) for visit in served), default=1.0)
            total += action_share(document, name) * share * good
    return total


def _quality(document: Document, visit: Visit) -> float:
    """The best quality of the visit's model and its fallbacks; 1 where it is not given."""
    names = [visit.model, *fallback_chain(document, visit.model)]
    qualities = [document.models[name].quality for name in names]
    return max(quality.get(visit.complexity, quality.get(ANY, 1.0)) for quality in qualities)


def fastest_times(document: Document) -> dict[str, tuple[float, float]]:
    """By kind of action: its share of the traffic, and a time in s that it is hardly ever faster than."""
    stages: dict[tuple[str, int], list[float]] = {}
    found = visits(document)
    for path, name, stage, call in calls(document):
        served = [visit for visit in found if visit.path == path]
        times = [
            float(np.quantile(answer_times(document, visit, deployment), FASTEST))
            for visit in served
            for deployment in document.models[visit.model].deployments
        ]
        work = float(quantiles(call.work, grid(1)[0][40:41])[0]) / 1e9
        stages.setdefault((name, stage), []).append((call.repeat.times or 1) * (work + min(times, default=0.0)))
    kinds = {name: sum(max(times) for (kind, _), times in stages.items() if kind == name) for name in document.actions}
    return {name: (action_share(document, name), time) for name, time in kinds.items()}


def check_sources(document: Document) -> Iterator[Finding]:
    """How many of the figures are assumed."""
    kinds = figure_sources(document)
    assumed = [path for path, kind in kinds.items() if kind == "assumed"]
    if assumed:
        message = f"{len(assumed)} of {len(kinds)} figures are assumed, e.g. `{assumed[0]}`."
        repair = "Measure what matters most, and say so under `sources:` (kind, from, on)."
        yield Finding("assumed_figures", "warning", "sources", message, repair)


def figure_sources(document: Document) -> dict[str, str]:
    """Path to `measured`, `estimated` or `assumed`, for every figure about the world that the scenario uses.

    The longest path in `sources` that leads to a figure counts; a figure that has none is assumed.
    """
    models = models_in_use(document)
    providers = {each.provider for name in models for each in document.models[name].deployments}
    parts: dict[str, Any] = {
        "traffic": document.traffic,
        "actions": document.actions,
        "routes": document.routes,
        "models": {name: document.models[name] for name in models},
        "providers": {name: each for name, each in document.providers.items() if name in providers},
        "quotas": document.quotas,
        "service": document.service,
        "caches": document.caches,
        "users": document.users,
    }
    sources = {_canonical(path): source.kind for path, source in document.sources.items()}
    return {path: _kind_of(path, sources) for path in _figures(parts, "")}


def _figures(value: Any, path: str) -> Iterator[str]:
    """Paths of the figures below a value."""
    if isinstance(value, Dist | Limit | MoneyPer) or (isinstance(value, int | float) and not isinstance(value, bool)):
        yield path
        return
    if isinstance(value, list):
        entries: dict[str, Any] = {str(getattr(each, "name", place)): each for place, each in enumerate(value)}
    elif isinstance(value, Part):
        entries = {name: getattr(value, name) for name in sorted(value.model_fields_set - CHOICES)}
    else:
        entries = value if isinstance(value, dict) else {}
    for name, each in entries.items():
        yield from _figures(each, f"{path}.{name}" if path else name)


def _canonical(path: str) -> str:
    """A path without quotes, and without the founder's short names."""
    path = path.replace('"', "").replace("'", "")
    for alias, steps in Traffic.aliases.items():
        path = path.replace(f"traffic.{alias}", ".".join(("traffic", *steps)))
    return "actions" if path == "tokens" or path.startswith("tokens.") else path


def _kind_of(path: str, sources: Mapping[str, str]) -> str:
    above = [source for source in sources if path == source or path.startswith(f"{source}.")]
    return sources[max(above, key=len)] if above else "assumed"


__all__ = ["best_quality", "bounds", "fastest_times", "figure_sources"]
