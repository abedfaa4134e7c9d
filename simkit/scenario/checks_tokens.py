"""Checks of token counts against timeouts, cuts, context and the prompt cache."""

from collections.abc import Iterator

import numpy as np

from simkit.scenario.batch_models import is_batch
from simkit.scenario.defaults import layers, said_at
from simkit.scenario.findings import Finding, Severity, percent, seconds
from simkit.scenario.scenario import Document
from simkit.scenario.workload import (
    Visit,
    action_share,
    answer_times,
    answers,
    fallback_chain,
    grid,
    prompts,
    quantiles,
    visits,
)

CUT = 0.05
BEYOND_CONTEXT = 0.01
MOSTLY_TOO_SHORT = 0.5


def check_timeout_cuts_answers(document: Document) -> Iterator[Finding]:
    """A timeout below the 99th percentile of the time that an answer takes without any queue."""
    path, timeout = _shortest(document)
    for visit in _once(_with_fallbacks(document)) if timeout is not None else ():
        for deployment in document.models[visit.model].deployments:
            times = answer_times(document, visit, deployment)
            late = float(np.mean(times > (timeout or 0) / 1e9))
            if late > 0.01:
                p99 = seconds(float(np.quantile(times, 0.99, method="higher")))
                message = f"The timeout of {seconds((timeout or 0) / 1e9)} cuts {percent(late)} of the answers "
                message += f"of {visit.model} to `{visit.path}`: their 99th percentile is {p99}, before any queue."
                severity: Severity = "error" if late > 0.5 else "warning"
                repair = f"Set `{path}` above {p99}, limit `output.max`, or use a faster model."
                yield Finding("timeout_cuts_answers", severity, path, message, repair)
                break


def _shortest(document: Document) -> tuple[str, int | None]:
    """The shortest of the timeouts that end an attempt, and where it stands."""
    inner, outer = layers(document)
    given = {said_at(document, key): getattr(inner, key) for key in ("timeout", "call_timeout")}
    if outer is not None:
        given |= {f"resilience.client.{key}": getattr(outer, key) for key in ("timeout", "call_timeout")}
    times = {path: time for path, time in given.items() if isinstance(time, int)}
    return min(times.items(), key=lambda one: one[1], default=("", None))


def check_output_cut(document: Document) -> Iterator[Finding]:
    """More than 5 % of the answers of a call are cut at its `max`."""
    for path, parts in _by_call(document).items():
        call = parts[0].call
        if call.output.max is None:
            continue
        cut = sum(v.per_action * float(np.mean(answers(call, v.complexity) > call.output.max)) for v in parts)
        share = cut / sum(v.per_action for v in parts)
        if share > CUT:
            message = f"`max: {call.output.max}` cuts {percent(share)} of the answers; a cut answer is not a good one."
            yield Finding(
                "output_cut", "warning", f"{path}.output.max", message, "Raise `max`, or ask for shorter answers."
            )


def check_context_exceeded(document: Document) -> Iterator[Finding]:
    """More than 1 % of a call's requests exceed a model's context: prompt and longest answer together."""
    for visit in _once(_with_fallbacks(document)):
        context, longest = document.models[visit.model].context, visit.call.output.max
        if context is None:
            continue
        answer = answers(visit.call, visit.complexity) if longest is None else np.float64(longest)
        share = float(np.mean(prompts(visit.call) + answer > context))
        if share > BEYOND_CONTEXT:
            message = (
                f"{percent(share)} of the requests of `{visit.path}` exceed the {context:,} tokens of {visit.model} "
            )
            message += "(prompt and longest answer): they fail as `too_large`, and no retry helps."
            severity: Severity = "error" if share > 0.5 else "warning"
            repair = "Shorten the prompt, lower `output.max`, or route long ones to a model with more context."
            yield Finding("context_exceeded", severity, f"models.{visit.model}.context", message, repair)


def check_prompt_prefix(document: Document) -> Iterator[Finding]:
    """A prompt cache that the calls' prefixes are too short for."""
    cache = document.caches.prompt
    if cache is None or cache.hit_rate == 0:
        return
    for path, parts in _by_call(document).items():
        system = parts[0].call.input.system
        if cache.hit_rate is None and parts[0].call.input.history != "none":
            continue  # what was said before is cached, too
        path = f"{path}.input.system"
        if system is None:
            message = f"`{path}` is not given: nothing of this prompt can be cached."
            repair = "Say which part of the prompt is a fixed prefix: `input: {system: ..., user: ...}`."
            yield Finding("prompt_prefix", "warning", path, message, repair)
            continue
        minima = {visit.model: _minimum(document, visit.model) for visit in parts}
        prefix = quantiles(system, grid(1)[0])
        short = {model: least for model, least in minima.items() if float(np.mean(prefix < least)) > MOSTLY_TOO_SHORT}
        if short:
            needed = " and ".join(f"{model} ({least:,})" for model, least in short.items())
            message = f"`{path}` ({system.mean():,.0f} tokens) is mostly shorter than the prefixes that are cached by "
            message += f"{needed}: such requests pay in full."
            repair = f"Put {max(short.values()):,} fixed tokens first (tools, examples), or do not count on this cache."
            yield Finding("prompt_prefix", "warning", path, message, repair)


def _minimum(document: Document, model: str) -> int:
    """Shortest prefix that is cached of a model's prompts; 0 where it is not said."""
    own = document.caches.prompt
    said = own.minimum if own is not None else None
    return said if said is not None else document.models[model].prompt_cache_minimum or 0


def _by_call(document: Document) -> dict[str, list[Visit]]:
    found: dict[str, list[Visit]] = {}
    for visit in visits(document):
        if action_share(document, visit.action):
            found.setdefault(visit.path, []).append(visit)
    return found


def _with_fallbacks(document: Document) -> list[Visit]:
    """The visits, and those of the fallback models."""
    found = [visit for visit in visits(document) if not is_batch(visit.model)]
    for visit in list(found):
        for model in fallback_chain(document, visit.model):
            found.append(Visit(visit.path, visit.action, visit.call, visit.complexity, model, 0.0))
    return found


def _once(found: list[Visit]) -> list[Visit]:
    """One visit for each call and model: the complexity with the longest answers."""

    def longest(visit: Visit) -> float:
        return float(np.quantile(answers(visit.call, visit.complexity), 0.99))

    chosen: dict[tuple[str, str], Visit] = {}
    for visit in found:
        key = (visit.path, visit.model)
        if key not in chosen or longest(visit) > longest(chosen[key]):
            chosen[key] = visit
    return list(chosen.values())
