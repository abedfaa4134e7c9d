"""Adaptive throttling by the client, as in "Site Reliability Engineering" (Beyer et al. 2016), chapter 21."""

from simkit.laws.jit import law


@law
def held_back(u: float, k: float, requests: int, accepts: int) -> bool:
    """Is a request held back? With probability (requests - k * accepts) / (requests + 1), where that is positive."""
    return u * (requests + 1.0) < requests - k * accepts
