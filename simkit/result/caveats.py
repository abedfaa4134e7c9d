"""What a reader must know before trusting a figure: warnings, and the figures beside what was observed."""

from collections.abc import Callable
from dataclasses import dataclass

from simkit.result.alerts import enough
from simkit.result.bill import bill_caveats
from simkit.result.evidence import DOLLAR, Evidence
from simkit.result.limits import grids
from simkit.result.metric import HOUR_NS, MONTH_HOURS
from simkit.result.statistics import Estimate
from simkit.result.windows import MINUTE
from simkit.result.words import duration, figure, percent, whole
from simkit.scenario.policy import Observed

DAY_NS = 86_400_000_000_000
FEWEST_INCIDENTS = 200
"""Fewer random incidents than this say little of how often a promise is kept: the rare bad week is in hardly any
replication. What that does to intervals is measured in `tests/coverage_study`."""
NOT_SERVED, CENSORED, DIFFERENCE = 0.01, 0.001, 0.20


@dataclass(frozen=True)
class Comparison:
    """One figure as it is in reality and as simulated."""

    name: str
    unit: str
    observed: float
    simulated: float | None

    @property
    def difference(self) -> float | None:
        """(simulated - observed) / observed."""
        return None if self.simulated is None or not self.observed else self.simulated / self.observed - 1

    @property
    def warning(self) -> str:
        """What to think of it; empty within 20 %."""
        if self.difference is None:
            return "there is no simulated figure"
        if abs(self.difference) <= DIFFERENCE:
            return ""
        return f"simulated {figure(self.simulated, self.unit)} is {whole(abs(self.difference))} " + (
            f"{'above' if self.difference > 0 else 'below'} the observed {figure(self.observed, self.unit)}"
        )


def observed(evidence: Evidence, metrics: dict[str, Estimate], known: Observed) -> tuple[Comparison, ...]:
    """What the scenario, or the trace it replays, says of reality beside the simulated figure.

    The bill is the models' alone.
    """
    trace = evidence.plan.recorded
    hours = evidence.plan.horizon / HOUR_NS
    bill = evidence.total("cost") / DOLLAR / len(evidence.tallies) / hours * MONTH_HOURS
    served = evidence.total("served")
    action = evidence.total("cost") / DOLLAR / served if served else None
    rows: list[tuple[str, str, float | None, float | None]] = [
        ("cost_per_month", "USD", _in(known.cost_per_month, DOLLAR), bill),
        ("cost_per_action", "USD", _in(known.cost_per_action, DOLLAR), action),
        ("latency_p50", "s", _in(first(known.latency_p50, trace.latency_p50), 1e9), metrics["latency_p50"].value),
        ("latency_p95", "s", _in(first(known.latency_p95, trace.latency_p95), 1e9), metrics["latency_p95"].value),
        ("cost_total", "USD", _in(trace.cost, DOLLAR), evidence.total("cost") / DOLLAR / len(evidence.tallies)),
        ("success_rate", "share", first(known.success_rate, trace.success_rate), metrics["success_rate"].value),
    ]
    return tuple(Comparison(name, unit, real, model) for name, unit, real, model in rows if real is not None)


def first(said: float | None, recorded: float | None) -> float | None:
    """What the scenario says; else what its trace recorded."""
    return recorded if said is None else said


def _in(value: float | None, unit: float) -> float | None:
    return None if value is None else value / unit


def warnings(evidence: Evidence, compared: tuple[Comparison, ...]) -> tuple[str, ...]:
    """Every warning that applies, as a sentence."""
    said = [rule(evidence) for rule in RULES]
    said += [f"{one.name}: {one.warning}." for one in compared if one.warning]
    return tuple(text for text in said if text)


def _nothing(evidence: Evidence) -> str:
    return "" if evidence.total("arrived") else "No action arrived within the horizon: there is nothing to measure."


def _not_served(evidence: Evidence) -> str:
    ended, served = evidence.total("ended"), evidence.total("served")
    if ended - served <= NOT_SERVED * ended:
        return ""
    return f"{percent(1 - served / ended)} of the actions were not served; latencies are of those that were."


def _censored(evidence: Evidence) -> str:
    arrived, censored = evidence.total("arrived"), evidence.total("censored")
    if censored <= CENSORED * arrived:
        return ""
    share = percent(censored / arrived)
    return f"{share} of the actions were still in flight at the end of the run; a longer cooldown lets them end."


def random_incidents(evidence: Evidence) -> int:
    """How many there were in all replications."""
    return sum(int((one.incidents["source"] < 0).sum()) for one in evidence.tallies)


def _few_incidents(evidence: Evidence) -> str:
    if not len(evidence.plan.incidents.gap):
        return ""
    seen = random_incidents(evidence)
    if seen >= FEWEST_INCIDENTS:
        return ""
    return (
        f"{seen} random incidents were seen in all replications; below {FEWEST_INCIDENTS} the figures that hang on them"
        " (success_rate, error budget, latencies) are rough, and their intervals too narrow: use more replications or a"
        " longer horizon."
    )


def _short_horizon(evidence: Evidence) -> str:
    if not evidence.objectives or evidence.plan.horizon >= evidence.slo_window:
        return ""
    horizon, window = duration(evidence.plan.horizon), duration(evidence.slo_window)
    return (
        f"The horizon ({horizon}) is shorter than the window of the objectives ({window}):"
        " the error budget takes the rest of it as faultless."
    )


def _short_month(evidence: Evidence) -> str:
    if evidence.plan.horizon >= DAY_NS:
        return ""
    return (
        f"A month is reckoned from {duration(evidence.plan.horizon)}, as if all of it were like this:"
        " the interval of cost_per_month does not cover that."
    )


def _blind_alerts(evidence: Evidence) -> str:
    """Alerts that cannot fire, or are looked at more seldom than the scenario says."""
    watch = evidence.watch
    if watch is None:
        return ""
    said = [f"`{one.label}` has no error budget (100 %): no alert can fire." for one in evidence.objectives
            if one.target >= 1 and (watch.of is None or one.label in watch.of)]  # fmt: skip
    if watch.every != watch.wanted:
        said.append(f"Alerts are looked at every {duration(watch.every)}, not every {duration(watch.wanted)}.")
    seen = [o for o, one in enumerate(evidence.objectives) if watch.heeds(one)]
    quiet = [
        rule.name for rule in watch.rules
        if seen and not any(enough(run.pulse, o, rule, watch.volume) for run in evidence.tallies for o in seen)
    ]  # fmt: skip
    if quiet:
        said.append(
            f"{'The alert' if len(quiet) == 1 else 'The alerts'} {' and '.join(quiet)} never saw {watch.volume} ended"
            f" actions in {'its long window' if len(quiet) == 1 else 'their long windows'}, and could not fire: lower"
            " `alerts.volume`."
        )
    return " ".join(said)


def _long_horizon(evidence: Evidence) -> str:
    hours, minutes = grids(evidence.plan)
    if minutes.length == MINUTE:
        return ""
    return (
        f"Over {duration(evidence.plan.horizon)} the use of limits is counted in steps of {duration(minutes.length)}"
        f" and {duration(hours.length)}: read so where the page says busiest minute and busiest hour."
    )


def _alone(evidence: Evidence) -> str:
    if len(evidence.tallies) > 1 or evidence.batches:
        return ""
    return "One replication has no intervals: use replications."


RULES: tuple[Callable[[Evidence], str], ...] = (
    _nothing,
    _not_served,
    _censored,
    _few_incidents,
    _short_horizon,
    _short_month,
    _blind_alerts,
    _long_horizon,
    bill_caveats,
    _alone,
)
