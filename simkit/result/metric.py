"""`Metric`: a figure that a run is judged by, and the formulas that many have."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from simkit.result.evidence import Evidence
from simkit.result.statistics import Estimate, missing

MONTH_HOURS = 730
"""A month of money, as clouds bill it: 365 days / 12."""
HOUR_NS = 3_600_000_000_000
Formula = Callable[[Evidence], Estimate]
NO_END = "no action ended"
NO_ATTEMPT = "no attempt was made"
NO_CALL = "no call was made"


MAY_BE_LESS = frozenset(
    ("cash_end", "error_budget_left", "gross_margin", "prompt_cache_saving", "runway_months")
)  # fmt: skip
"""What may be less than nothing: debts, savings that cost more than they save."""


@dataclass(frozen=True)
class Metric:
    """A figure that a run is judged by."""

    name: str
    unit: str
    help: str
    formula: Formula

    @property
    def least(self) -> float:
        """No value, and no limit of an interval, is less than this."""
        return -inf if self.name in MAY_BE_LESS else 0.0

    def evaluate(self, evidence: Evidence) -> Estimate:
        """The figure, its interval within what is possible."""
        return self.formula(evidence).within(self.least, inf)


def ratio(numerator: str, denominator: str, why: str, unit: float = 1.0) -> Formula:
    """One sum / another."""
    return lambda evidence: evidence.ratio(numerator, denominator, why).per(unit)


def share(numerator: str, denominator: str, why: str) -> Formula:
    """A part / the whole."""
    return lambda evidence: evidence.share(numerator, denominator, why)


def only_if(applies: Callable[[Evidence], bool], formula: Formula, why: str) -> Formula:
    """A formula where it applies; else the figure is missing, and `why`."""
    return lambda evidence: formula(evidence) if applies(evidence) else missing(why)
