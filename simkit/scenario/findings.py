"""What a named check found."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "error"]


@dataclass(frozen=True)
class Finding:
    """Something in a scenario that is worth a second look."""

    name: str
    """Name of the check, e.g. `standby_limit`."""
    severity: Severity
    """error: the scenario contradicts itself; warning: it may be meant."""
    path: str
    """Field that it is about."""
    message: str
    """What was found, a sentence with its figures."""
    repair: str
    """What to do about it, a sentence."""


def percent(share: float) -> str:
    """A share as `21 %`, with one digit more where it is small."""
    return f"{100 * share:,.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"


def seconds(time: float) -> str:
    """A time in seconds as `1.2 s`, or in ms, min, h or d where that reads better."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if time >= 2 * length:
            return f"{time / length:.3g} {unit}"
    return f"{time:.3g} s" if time >= 1 or time == 0 else f"{time * 1000:.3g} ms"


__all__ = ["Finding", "Severity", "percent", "seconds"]
