"""Which failure, if any, an attempt meets."""

from simkit.laws.jit import Floats, law


@law
def drawn_kind(u: float, incident_rate: float, incident_kind: int, rates: Floats) -> int:
    """The incident's kind with its probability, else one of the everyday kinds with `rates`, else 0 (ok)."""
    if u < incident_rate:
        return incident_kind
    threshold = incident_rate
    for kind in range(len(rates)):
        threshold += rates[kind] * (1.0 - incident_rate)
        if u < threshold:
            return kind
    return 0


@law
def combined_rate(first: float, second: float) -> float:
    """Error rate of two incidents that strike independently."""
    return 1.0 - (1.0 - first) * (1.0 - second)
