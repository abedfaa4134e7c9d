"""A paired difference as a sentence: which way, how much, how sure."""

from simkit.result.words import figure, number, percent
from simkit.study.direction import direction
from simkit.study.paired import Paired

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
    low, high, value = _interval(one, relative)
    if not one.decided:
        ends_text = f"{_signed(low, relative, unit)} to {_signed(high, relative, unit)}"
        limit, chance = at_most(metric, unit, one), by_chance(one, low, high)
        return f"{name}: no sure difference in {what}, 95 % interval {ends_text}{limit}{chance}"
    ends = sorted((abs(low), abs(high)))
    size, least, most = (_size(x, relative, unit) for x in (value, *ends))
    return f"{name} {(lower if value < 0 else higher).format(size)}, 95 % interval {_without_unit(least, most)}-{most}"


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


def headline(name: str, pairs: dict[str, tuple[float, float, Paired]], units: dict[str, str]) -> str:
    """What to know of a scenario in one sentence: its cost, its slow answers, its success and good answers."""
    said: list[str] = []
    for metric in HEADLINES:
        if metric not in pairs or pairs[metric][2].same:
            continue
        one = pairs[metric][2]
        if one.decided or (one.low is None and one.difference):
            text = verdict(name, metric, units[metric], one).removeprefix(f"{name} ")
        else:
            limit = at_most(metric, units[metric], one).removeprefix("; ")
            text = f"{metric.replace('_', ' ')} {limit}" if limit else ""
        said += [text] if text else []
    return f"{name} {'; '.join(said)}" if said else f"{name}: no difference in cost, latency, success and good answers"


HEADLINES = ("cost_per_action", "latency_p95", "success_rate", "good_rate")


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
