"""A paired difference as a sentence: which way, how much, how sure."""

from simkit.result.words import figure, number, percent
from simkit.study.direction import direction
from simkit.study.paired import Paired

Pairs = dict[str, tuple[float, float, Paired]]
"""By metric: the baseline's value, its own, the paired difference."""
PHRASES = {
    "cost_per_action": ("costs {} less per action", "costs {} more per action"),
    "cost_per_good_action": ("costs {} less per good action", "costs {} more per good action"),
    "cost_per_month": ("costs {} less a month", "costs {} more a month"),
    "cost_per_user_month": ("costs {} less per user a month", "costs {} more per user a month"),
    "latency_p50": ("is {} faster at the median", "is {} slower at the median"),
    "latency_p95": ("is {} faster at the 95th percentile", "is {} slower at the 95th percentile"),
    "latency_p99": ("is {} faster at the 99th percentile", "is {} slower at the 99th percentile"),
    "success_rate": ("succeeds less often, by {}", "succeeds more often, by {}"),
    "good_rate": ("gives good answers less often, by {}", "gives good answers more often, by {}"),
    "slo_compliance": ("meets its objectives less often, by {}", "meets its objectives more often, by {}"),
}
"""Metric to what is said when it is lower, and when it is higher."""


def verdict(name: str, metric: str, unit: str, one: Paired) -> str:
    """What the difference in a metric says about the scenario `name`."""
    what = metric.replace("_", " ")
    if one.same or (one.low is None and one.difference == 0):
        return f"{name}: the same {what}" + (" in every replication" if one.same else "")
    lower, higher = PHRASES.get(metric, (f"has a lower {what}, by {{}}", f"has a higher {what}, by {{}}"))
    relative = one.ratio is not None and unit != "share"
    if one.low is None or one.high is None:
        size = _size(one.ratio - 1 if relative and one.ratio else one.difference, relative, unit)
        return f"{name} {(lower if one.difference < 0 else higher).format(size)}; no interval: use replications"
    if not one.decided:
        low, high, _ = _interval(one, relative)
        ends_text = f"{_signed(low, relative, unit)} to {_signed(high, relative, unit)}"
        limit, chance = at_most(metric, unit, one), by_chance(one, low, high)
        return f"{name}: no sure difference in {what}, 95 % interval {ends_text}{chance or limit}"
    return f"{name} {_told(metric, unit, one)}"


def _told(metric: str, unit: str, one: Paired) -> str:
    """Which way and by how much, of a difference whose interval excludes 0."""
    what, relative = metric.replace("_", " "), one.ratio is not None and unit != "share"
    lower, higher = PHRASES.get(metric, (f"has a lower {what}, by {{}}", f"has a higher {what}, by {{}}"))
    low, high, value = _interval(one, relative)
    ends = sorted((abs(low), abs(high)))
    size, least, most = (_size(x, relative, unit) for x in (value, *ends))
    return f"{(lower if value < 0 else higher).format(size)}, 95 % interval {_without_unit(least, most)}-{most}"


def by_chance(one: Paired, low: float, high: float) -> str:
    """Why a difference is not sure although its own interval leaves out 0."""
    if one.p is None or low * high <= 0:
        return ""
    return f"; that leaves out 0, but among so many comparisons chance does so, too (p = {one.p:.2g})"


def at_most(metric: str, unit: str, one: Paired) -> str:
    """How much worse it may be, where one way is the worse: `; no worse than 80 ms`."""
    sign = direction(metric)
    worst = {-1: one.high, 0: None, 1: one.low and -one.low}[sign]
    if worst is None or worst <= 0:
        return ""
    return f"; no worse than {_size(worst, False, unit) if unit == 'share' else figure(worst, unit)}"


def headline(name: str, pairs: Pairs, units: dict[str, str]) -> str:
    """What to know of a scenario in one sentence: what became worse first; its cost, slow answers, success."""
    known = [metric for metric in HEADLINES if metric in pairs and not pairs[metric][2].same]
    told = [metric for metric in known if pairs[metric][2].apart or _bare(pairs[metric][2])]
    said = [_headed(metric, pairs, units) for metric in sorted(told, key=lambda one: _worse(one, pairs), reverse=True)]
    unsure = any(pairs[metric][2].apart and not pairs[metric][2].decided for metric in told)
    said += [UNSURE] if unsure else []
    limits = [(metric, at_most(metric, units[metric], pairs[metric][2])) for metric in known if metric not in told]
    said += [f"{metric.replace('_', ' ')} {limit.removeprefix('; ')}" for metric, limit in limits if limit]
    return f"{name} {'; '.join(said)}" if said else f"{name}: no difference in cost, latency, success and good answers"


def _bare(one: Paired) -> bool:
    """Is there a difference without an interval?"""
    return one.low is None and bool(one.difference)


def _worse(metric: str, pairs: Pairs) -> bool:
    return pairs[metric][2].difference * direction(metric) < 0


def _headed(metric: str, pairs: Pairs, units: dict[str, str]) -> str:
    """One difference; a latency is of those who were served: say so where these are fewer."""
    one, name = pairs[metric][2], "it"
    text = _told(metric, units[metric], one) if one.apart else verdict(name, metric, units[metric], one)
    text = text.removeprefix(f"{name} ")
    before, after, _ = pairs.get("success_rate", (1.0, 1.0, one))
    fewer = metric.startswith("latency") and after < before - FEWER
    return f"{text} (of the {percent(after)} that succeed)" if fewer else text


FEWER = 0.01
"""With so much less success, latencies are of others."""
UNSURE = (
    "each of these is sure by itself, but among so many comparisons chance shows such a thing, too:"
    " more replications would tell"
)
HEADLINES = ("success_rate", "good_rate", "cost_per_action", "latency_p95")


def _interval(one: Paired, relative: bool) -> tuple[float, float, float]:
    """Low, high, value of what is told: the relative change, or the difference."""
    if relative and one.ratio is not None and one.ratio_low is not None and one.ratio_high is not None:
        return one.ratio_low - 1, one.ratio_high - 1, one.ratio - 1
    assert one.low is not None and one.high is not None
    if relative and one.ratio is not None and one.ratio != 1:
        scale = (one.ratio - 1) / one.difference
        low, high = sorted((one.low * scale, one.high * scale))
        return low, high, one.ratio - 1
    return one.low, one.high, one.difference


def _size(value: float, relative: bool, unit: str) -> str:
    if relative:
        return percent(abs(value))
    return f"{percent(abs(value)).removesuffix(' %')} points" if unit == "share" else number(abs(value))


def _signed(value: float, relative: bool, unit: str) -> str:
    return ("−" if value < 0 else "+") + _size(value, relative, unit)


def _without_unit(least: str, most: str) -> str:
    """`46.8 %` beside `47.9 %` is `46.8`."""
    unit = most[most.rfind(" ") :] if " " in most else ""
    return least.removesuffix(unit) if unit else least
