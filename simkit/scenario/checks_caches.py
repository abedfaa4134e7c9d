"""Checks of caches, conversations and long prompts: settings that save nothing, or cost more than they save."""

import math
from collections.abc import Iterator

from simkit.scenario.caches import LOOKUP, TTL
from simkit.scenario.findings import Finding, percent, seconds
from simkit.scenario.scenario import Document
from simkit.scenario.units import parse_duration
from simkit.scenario.workload import (
    Visit,
    calls,
    mean_of,
    mean_output,
    mean_rate,
    mean_repetitions,
    mean_turns,
    setting,
    spread,
    visits,
)

READ = 0.1
"""Price of a token that is read from a prompt cache, as a share of the input price: with the dearest writers."""


def check_prompt_cache_pays(document: Document) -> Iterator[Finding]:
    """A prefix so seldom used that writing it costs more than reading it saves."""
    prompt, rate = document.caches.prompt, mean_rate(document)
    if prompt is None or prompt.hit_rate is not None or not rate:
        return
    often: dict[tuple[str, str, str], float] = {}
    for visit in visits(document):
        for deployment, share in spread(document, visit.model):
            if share and visit.call.input.system is not None:
                key = (visit.call.name, visit.model, deployment.provider)
                often[key] = often.get(key, 0.0) + rate * visit.per_action * share
    for (name, model, provider), per_s in often.items():
        write, ttl = _writing(document, provider)
        if write <= 1 or not per_s:
            continue
        missed = math.exp(-per_s * ttl / 1e9)
        if write * missed + READ * (1 - missed) > 1:
            gap = -ttl / 1e9 / math.log((1 - READ) / (write - READ))
            message = (
                f"The prompt of `{name}` at {model} comes every {seconds(1 / per_s)} on average: {percent(missed)} "
            )
            message += f"of the time it is written anew for {write:g} times the price, which reading does not win "
            message += f"back (break-even: every {seconds(gap)})."
            repair = "Switch `caches.prompt` off, or buy the longer life with `ttl`."
            yield Finding("prompt_cache_pays", "warning", "caches.prompt", message, repair)


def _writing(document: Document, provider: str) -> tuple[float, int]:
    """Price of a written token as a share of the input price (1 where nobody says it), and how long it is kept."""
    own, said = document.caches.prompt, document.providers.get(provider)
    rules = said.prompt_cache if said is not None else None
    assert own is not None
    theirs = rules.ttl if rules is not None and rules.ttl is not None else parse_duration(TTL)
    ttl = theirs if own.ttl is None else own.ttl
    write = rules.write if rules is not None else None
    if rules is not None and rules.longer is not None and own.ttl == rules.longer.ttl:
        write = rules.longer.write
    return (own.write or write or 1.0), ttl


def check_history_never_grows(document: Document) -> Iterator[Finding]:
    """A history that stays empty: the call does not repeat, and there are no conversations."""
    if document.traffic.sessions is not None:
        return
    for path, _, _, call in calls(document):
        if call.input.told is not None and call.repeat.most() == 1:
            message = (
                f"`history` of `{call.name}` never grows: neither does the call repeat, nor does the traffic have "
            )
            message += "`sessions`."
            repair = "Add `traffic.sessions`, or remove `history`."
            yield Finding("history_never_grows", "warning", f"{path}.input.history", message, repair)


def check_history_beyond_context(document: Document) -> Iterator[Finding]:
    """A history without a limit that is longer than the context in a conversation of mean length."""
    for visit in _first(document):
        history, context = visit.call.input.told, document.models[visit.model].context
        if history is None or history.limit is not None or context is None:
            continue
        parts = visit.call.input
        step = mean_of(parts.user) + mean_output(visit.call, visit.complexity)
        kept = parts.chunks * mean_of(parts.retrieved)
        loop = mean_repetitions(visit.call.repeat) - 1
        grown = (mean_turns(document) - 1) * (step + history.retrieved * kept) + loop * (step + kept)
        longest = mean_of(parts.system) + kept + step + grown
        if longest > context:
            message = f"At its end a conversation of mean length sends {longest:,.0f} tokens with `{visit.call.name}`, "
            message += f"but {visit.model} takes {context:,}: such turns fail as `too_large`."
            repair = "Give the history a `limit`."
            yield Finding("history_beyond_context", "warning", f"{visit.path}.input.history", message, repair)


def _first(document: Document) -> list[Visit]:
    """One visit for each call and model."""
    return list({(visit.path, visit.model): visit for visit in visits(document)}.values())


def check_cut_every_turn(document: Document) -> Iterator[Finding]:
    """A history that is cut at every turn, so that the prompt cache never finds it."""
    if document.caches.prompt is None:
        return
    summed_up = {kind for _, kind, _, call in calls(document) if call.summarises}
    for path, kind, _, call in calls(document):
        history = call.input.told if kind not in summed_up else None
        if history is not None and history.limit is not None and history.cut_to == 1:
            message = f"The history of `{call.name}` is cut a little at every turn once it is full: the prompt cache "
            message += "then finds nothing of it, because what stands first is different each time."
            repair = "Cut more, but seldom: `cut_to: 50%`."
            yield Finding("cut_every_turn", "warning", f"{path}.input.history.cut_to", message, repair)


def check_cache_bigger_than_keys(document: Document) -> Iterator[Finding]:
    """Room for more answers than there are questions."""
    exact, semantic = document.caches.exact, document.caches.semantic
    named = (("exact", exact, exact and exact.keys), ("semantic", semantic, semantic and semantic.clusters))
    names = len({call.name for _, _, _, call in calls(document) if call.cached and call.repeat.most() == 1})
    for name, cache, law in named:
        if cache is not None and law and cache.capacity is not None and cache.capacity > law.count * max(names, 1):
            message = (
                f"The {name} cache has room for {cache.capacity:,} answers, but there are {law.count:,} questions: "
            )
            message += "nothing ever goes."
            repair = "Leave `capacity` out, or make it smaller."
            yield Finding("cache_bigger_than_keys", "warning", f"caches.{name}.capacity", message, repair)


def check_meanings_rarer_than_questions(document: Document) -> Iterator[Finding]:
    """A question that is asked more often than any meaning: then one question would have several meanings."""
    exact, semantic = document.caches.exact, document.caches.semantic
    keys, clusters = exact and exact.keys, semantic and semantic.clusters
    if keys and clusters and keys.top() > 1.001 * clusters.top():
        message = f"The most popular question is {percent(keys.top())} of what is asked, the most popular meaning "
        message += f"{percent(clusters.top())}: but each question has one meaning."
        repair = "Make `clusters` fewer or its `zipf` larger, or the other way round with `keys` of the exact cache."
        yield Finding("meanings_rarer_than_questions", "warning", "caches.semantic.clusters", message, repair)


def check_hit_rate_beyond_cacheable(document: Document) -> Iterator[Finding]:
    """A given hit rate of lookups, where few actions look anything up."""
    for name in ("exact", "semantic"):
        cache = getattr(document.caches, name)
        if cache is None or cache.hit_rate is None:
            continue
        asked = [cache.cacheable if one.cacheable is None else one.cacheable for one in document.actions.values()]
        if max(asked) < 1 and cache.hit_rate > max(asked):
            message = f"{percent(cache.hit_rate)} of the lookups hit, but at most {percent(max(asked))} of the actions "
            message += "look anything up: was a share of all actions meant?"
            repair = "A `hit_rate` is a share of the lookups: divide by `cacheable`."
            yield Finding("hit_rate_beyond_cacheable", "warning", f"caches.{name}.hit_rate", message, repair)


def check_lookup_slower_than_answer(document: Document) -> Iterator[Finding]:
    """A lookup that takes longer than the answer's first token."""
    for name in ("exact", "semantic"):
        cache = getattr(document.caches, name)
        if cache is None:
            continue
        takes = parse_duration(LOOKUP[name]) if cache.lookup is None else cache.lookup.mean()
        for visit in _first(document):
            waits = min(
                mean_of(setting(document, visit.model, one, "ttft")) for one, _ in spread(document, visit.model)
            )
            if visit.call.cached and waits < takes:
                message = f"A lookup in the {name} cache takes {seconds(takes / 1e9)}, but the first token of "
                message += f"{visit.model} comes after {seconds(waits / 1e9)}: nobody waits less."
                repair = "Make `lookup` shorter, or do without this cache."
                yield Finding("lookup_slower_than_answer", "warning", f"caches.{name}.lookup", message, repair)
                break


def check_reasoning_beyond_max(document: Document) -> Iterator[Finding]:
    """Thought that leaves no room for the answer."""
    for path, _, _, call in calls(document):
        thought, most = call.output.reasoning, call.output.max
        if thought is not None and most is not None and thought.quantile(0.9) >= most:
            message = (
                f"In one of ten answers of `{call.name}` the thought alone is as long as `max: {most}`: nothing is "
            )
            message += "left for the answer."
            yield Finding("reasoning_beyond_max", "warning", f"{path}.output.max", message, "Raise `max`.")


def check_emptied_in_run(document: Document) -> Iterator[Finding]:
    """A cache that is emptied when nobody looks any more."""
    if document.traffic.trace is not None and document.horizon is None:
        return
    horizon = 7 * parse_duration("1d") if document.horizon is None else document.horizon
    for name in ("exact", "semantic", "prompt"):
        cache = getattr(document.caches, name)
        late = [time for time in cache.emptied if time >= horizon] if cache is not None else []
        if late:
            message = f"The {name} cache is emptied at {seconds(late[0] / 1e9)}, but the run's measured time ends at "
            message += f"{seconds(horizon / 1e9)}."
            repair = "Empty it earlier, or make `horizon` longer."
            yield Finding("emptied_in_run", "warning", f"caches.{name}.emptied", message, repair)


def check_blocks_without_cache(document: Document) -> Iterator[Finding]:
    """A trace with blocks, and no prompt cache that reads them."""
    trace = document.traffic.trace
    if trace is None or trace.columns is None or trace.columns.blocks is None:
        return
    prompt = document.caches.prompt
    if prompt is None or prompt.hit_rate is not None:
        message = "The trace says the blocks of its prompts, but no prompt cache reads them."
        yield Finding(
            "blocks_without_cache", "warning", "traffic.trace.columns.blocks", message, "Add `caches: {prompt: {}}`."
        )


def check_warmup_below_conversation(document: Document) -> Iterator[Finding]:
    """A warm-up in which no conversation comes to its end."""
    sessions = document.traffic.sessions
    if sessions is None:
        return
    warmup = parse_duration("1h") if document.warmup is None else document.warmup
    lasts = (mean_turns(document) - 1) * sessions.think.mean()
    if lasts > warmup:
        message = f"A conversation lasts {seconds(lasts / 1e9)} on average, the warm-up {seconds(warmup / 1e9)}: the "
        message += "measured time begins without old conversations, and so with short histories."
        repair = f"Set `warmup` to {seconds(2 * lasts / 1e9)} or more."
        yield Finding("warmup_below_conversation", "warning", "warmup", message, repair)


CHECKS = (
    check_prompt_cache_pays,
    check_history_never_grows,
    check_history_beyond_context,
    check_cut_every_turn,
    check_cache_bigger_than_keys,
    check_meanings_rarer_than_questions,
    check_hit_rate_beyond_cacheable,
    check_lookup_slower_than_answer,
    check_reasoning_beyond_max,
    check_emptied_in_run,
    check_blocks_without_cache,
    check_warmup_below_conversation,
)
