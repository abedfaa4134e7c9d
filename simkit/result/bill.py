"""What to do about the bill: the largest parts of it with their remedies, and the tables of it for the page."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from simkit.plan.codes import Act
from simkit.plan.plan import NEVER, Ints
from simkit.result.budgets import periods
from simkit.result.economy import AGAIN, CACHES, CAUSES, PROMPTS
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.metric import HOUR_NS, MONTH_HOURS
from simkit.result.moments import moments
from simkit.result.page import Block, Grid, Heading
from simkit.result.spikes import WORTH_TELLING, spike_text
from simkit.result.statistics import Estimate
from simkit.result.tiers import TierUse, tier_uses
from simkit.result.words import dollars, duration, percent, seconds

if TYPE_CHECKING:
    from simkit.result.table import Table

LARGE, SOME = 0.25, 0.05
"""Share of the models' bill from which on a part has its remedy told; of what is tried again, and saved or lost."""
SELDOM = 0.01
DAYS = {False: 1, True: 28}
"""Shortest day, and month, in days."""


class Weighed(Protocol):
    """What levers on the bill were found to do, see `study.levers`."""

    @property
    def summary(self) -> "Table":
        """A row for each lever."""

    def sentence(self) -> str:
        """The levers that save most."""

    def blocks(self) -> tuple[Block, ...]:
        """For the page."""


def bill_text(evidence: Evidence, metrics: dict[str, Estimate], levers: Weighed | None) -> str:
    """What to do about the bill, in a few sentences; empty where the models cost nothing."""
    if not evidence.total("cost"):
        return ""
    said = [rule(evidence, metrics) for rule in RULES]
    said.append(levers.sentence() if levers is not None else "`simkit run --levers` tries what would lower it")
    return " ".join(f"{text}." for text in said if text)


def _parts(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    """The largest part of the models' money, and what helps."""
    whole = evidence.total("cost")
    shares = {cause: evidence.total(f"cause_{cause}") / whole for cause in CAUSES}
    top = max(shares, key=lambda cause: shares[cause])
    if shares[top] < LARGE or top in AGAIN:
        return ""
    return f"{percent(shares[top])} of the models' bill {_remedy(evidence, top)}"


def _remedy(evidence: Evidence, part: str) -> str:
    capped = bool((evidence.plan.actions.history_limit < NEVER).any())
    cached = bool(evidence.plan.prompts.on.any() or (evidence.plan.policy.cache_hit_rate > 0).any())
    history = "a lower limit" if capped else "`history: {limit: ...}` caps it"
    return {
        "system": "is system prompts: shorten them" + ("" if cached else ", or let the provider cache them"),
        "history": f"is history that is sent again with every turn or step: {history}",
        "retrieved": "is retrieved texts: send fewer of them",
        "user": "is what users write: a cheaper model, or answers from a cache",
        "reasoning": "is thinking that nobody reads: a model that thinks less for what is easy",
        "answer": "is answers: ask for shorter ones, or a cheaper model for what is easy",
        "request": "is fees for requests: fewer, larger calls",
        "cache_writes": "is writing prompts to the cache: cache only what is read again",
    }[part]


def _again(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    """What retries, hedges and fallbacks cost, where it is much."""
    whole = evidence.total("cost")
    shares = {cause: evidence.total(f"cause_{cause}") / whole for cause in AGAIN if cause != "escalation"}
    top = max(shares, key=lambda cause: shares[cause])
    if shares[top] < SOME:
        return ""
    words = {"retry": "retries", "hedge": "hedges", "fallback": "fallback models"}[top]
    return f"{percent(shares[top])} of it goes to {words}"


def _prompt_cache(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    saved = metrics["prompt_cache_saving"].value
    if saved is None or abs(saved) < SOME:
        return ""
    usd = (
        evidence.total("prompt_saved") / DOLLAR / len(evidence.tallies) / evidence.plan.horizon * HOUR_NS * MONTH_HOURS
    )
    if saved > 0:
        return f"The prompt cache saves {dollars(usd)} a month, {percent(saved)} of what it serves"
    return (
        f"The prompt cache costs {dollars(-usd)} a month more than it saves: what is written is not read again in time"
    )


def _answers(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    served, wrong = metrics["cache_served_share"].value, metrics["false_hit_rate"].value
    if served is None:
        return ""
    false = (
        f" ({percent(wrong)} of the semantic hits are wrong answers)" if wrong is not None and wrong >= SELDOM else ""
    )
    return f"Caches spare {percent(served)} of the calls{false}"


def blocked(evidence: Evidence) -> tuple[str, ...]:
    """The budgets that were spent and turned everything away, a sentence each."""
    return tuple(
        f"The budget `{name}` is spent: it blocks for {lasts} of the run."
        for name, lasts in _acted(evidence, Act.BLOCK)
    )


def rationed(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    """What users' quotas turn away, where it is more than a few actions."""
    rate = metrics["quota_rejected_rate"].value or 0.0
    return f"Users' quotas turn {percent(rate)} of the actions away" if rate >= SELDOM else ""


def _budgets(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    """When budgets blocked or degraded, and by how much they were overspent."""
    parts = [
        f"the budget `{name}` {word} for {lasts} of the run"
        for act, word in ((Act.BLOCK, "blocks"), (Act.DEGRADE, "takes cheaper models"))
        for name, lasts in _acted(evidence, act)
    ]
    over = metrics["budget_overshoot"].value
    if over:
        parts.append(f"it is overspent by up to {percent(over)}, by what was under way")
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def _acted(evidence: Evidence, act: Act) -> Iterator[tuple[str, str]]:
    """Of each budget that came to an act: its name, and for how much of the run it did that."""
    every = [one for run in evidence.tallies for one in periods(evidence.plan, run.economy.budgets)]
    whole = (evidence.plan.horizon - evidence.plan.begin) * len(evidence.tallies)
    for budget, name in enumerate(evidence.plan.names.budgets):
        mine = [one for one in every if one.budget == budget and act in one.reached]
        if mine:
            yield name, percent(min(1.0, sum(one.lasts(act) for one in mine) / whole))


def _tiers(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    """Since when each quota is at its highest tier, and what the next one asks for."""
    uses = tier_uses(evidence.plan, [one.economy.budgets for one in evidence.tallies])
    return ". ".join(
        _tiers_of(evidence, name, [one for one in uses if one.quota == name]) for name in evidence.plan.names.tiered
    )


def _tiers_of(evidence: Evidence, name: str, tiers: list[TierUse]) -> str:
    runs, reached = len(evidence.tallies), [one for one in tiers if one.times]
    text = f"`{name}` stays at tier 1"
    if reached:
        one = reached[-1]
        mean, day = round(sum(one.times) / len(one.times)), 24 * HOUR_NS
        when = f"since day {mean // day + 1}" if evidence.plan.horizon >= 3 * day else f"after {duration(mean)}"
        when = when if mean > 0 else "from the start"
        some = f", in {len(one.times)} of {runs} replications" if len(one.times) < runs else ""
        text = f"`{name}` is at tier {one.tier} {when}{some}"
    if len(reached) < len(tiers):
        following = tiers[len(reached)]
        asks = f"tier {following.tier} asks for {dollars(following.needed / DOLLAR)}"
        text += f"; {asks}, {dollars(following.spent / DOLLAR)} were spent"
    return text


def _spikes(evidence: Evidence, metrics: dict[str, Estimate]) -> str:
    text = spike_text(evidence)
    return text[:1].upper() + text[1:]


RULES: tuple[Callable[[Evidence, dict[str, Estimate]], str], ...] = (
    _parts, _again, _prompt_cache, _answers, _budgets, _tiers, rationed, _spikes,
)  # fmt: skip


def bill_caveats(evidence: Evidence) -> str:
    """What to know before trusting figures of caches, budgets and quotas."""
    return " ".join(filter(None, (_filling(evidence), _short_periods(evidence), _waiting(evidence))))


def _filling(evidence: Evidence) -> str:
    """A cache whose hit rate was still rising at the end: its last stretch against the one before, at like traffic."""
    rising = []
    for place, cache in enumerate(CACHES):
        stretches = _last_two(evidence, place)
        if stretches is None:
            continue
        (asked, hits), (more, found) = stretches
        before, after = hits / asked, found / more
        noise = 3 * (after * (1 - after) / more + before * (1 - before) / asked) ** 0.5
        if after - before > max(noise, 0.02):
            rising.append(f"The {cache} cache was still filling at the end of the run (hit rate {percent(before)}, then"
                          f" {percent(after)}): a longer run, or `start: warm`, says more of every day.")  # fmt: skip
    return " ".join(rising)


def _last_two(evidence: Evidence, place: int) -> tuple[Ints, Ints] | None:
    """(asked, hits) of the last two quarters of a run with steady traffic, or of its last two days; None: too few."""
    plan = evidence.plan
    if not plan.answers.on[place]:
        return None
    sums = np.sum([one.economy.warming[:, 3 * place : 3 * place + 2] for one in evidence.tallies], axis=0)
    whole = plan.horizon - plan.begin
    length = whole // 4 if plan.stationary else 24 * HOUR_NS
    size = length * len(sums) // whole
    if 2 * length > whole or size < 1 or (plan.resets.emptied_time > plan.horizon - 2 * length).any():
        return None
    before, after = sums[-2 * size : -size].sum(axis=0), sums[-size:].sum(axis=0)
    return None if min(before[0], after[0]) < FEWEST_LOOKUPS else (before, after)


FEWEST_LOOKUPS = 200


def _short_periods(evidence: Evidence) -> str:
    """Budgets and quotas of a month in a run that is shorter."""
    spending, plan = evidence.plan.spending, evidence.plan
    month = bool(spending.monthly.any()) or bool((plan.allowances.month < NEVER).any())
    if not month or plan.horizon - plan.begin >= DAYS[True] * 24 * HOUR_NS:
        return ""
    return (
        f"Budgets or quotas of a month begin unspent with a run of {duration(plan.horizon)}: a whole month would use up"
        " more of them."
    )


def _waiting(evidence: Evidence) -> str:
    """What was held for a window that did not come."""
    waits = evidence.plan.batch
    if not waits.batch.any() or not len(waits.open) or waits.open[-1] > evidence.plan.horizon - 24 * HOUR_NS:
        return ""
    return "The last window for what can wait lies more than a day before the end: what came later was not begun."


def bill_blocks(evidence: Evidence, levers: Weighed | None) -> list[Block]:
    """Headings and tables of caches, budgets, turns, spikes, levers: only what there is."""
    found: list[Block] = list(levers.blocks()) if levers is not None else []
    grids = () if is_plain(evidence) else _feature_grids(evidence)
    for title, grid in (*grids, ("The top of the bill", _spike_grid(evidence))):
        if grid.rows:
            found += [Heading(title), grid]
    return found


def is_plain(evidence: Evidence) -> bool:
    """Has the scenario no caches, budgets, tiers, conversations or loops?"""
    plan, tokens = evidence.plan, np.sum([one.economy.prompts for one in evidence.tallies], axis=0)
    cached = tokens[:, [PROMPTS.index("read"), PROMPTS.index("written")]].any()
    grows = (plan.sessions.most > 1).any() or (plan.actions.repeat_max > 1).any()
    return not (plan.answers.on.any() or cached or plan.names.budgets or plan.names.tiered or grows)


def _feature_grids(evidence: Evidence) -> tuple[tuple[str, Grid], ...]:
    from simkit.result.bill_grids import feature_grids  # pandas: a plain page need not wait for it

    return feature_grids(evidence)


def _spike_grid(evidence: Evidence) -> Grid:
    edges = evidence.tallies[0].windows.edges
    rows = tuple(
        (f"{moments(evidence, edges[one.window : one.window + 1])[0]:%a %d %b %H:%M}", dollars(one.cost),
         dollars(one.usual), one.cause.replace("_", " "), one.kind, one.model)
        for one in evidence.spikes[:5] if one.times >= WORTH_TELLING
    )  # fmt: skip
    length = seconds(evidence.tallies[0].windows.length / 1e9)
    return Grid((f"asked in {length} from", "cost", "usual then", "cause", "kind", "model"), rows, frozenset({1, 2}))
