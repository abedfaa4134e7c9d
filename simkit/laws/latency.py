"""How long an attempt takes."""

from simkit.laws.jit import law
from simkit.laws.sample import whole


@law
def first_token_ns(ttft: float, per_token: float, tokens_in: int, slowdown: float) -> int:
    """Time to first token: a drawn part, a part that grows with the input, times an incident's slowdown."""
    return whole((ttft + per_token * tokens_in) * slowdown)


@law
def answer_ns(tokens_out: int, tokens_per_second: float, slowdown: float) -> int:
    """Time from the first token to the end of the answer."""
    return whole(tokens_out * (1e9 / tokens_per_second) * slowdown)


@law
def elapsed_tokens(tokens_out: int, first: int, finish: int, now: int) -> int:
    """Output tokens produced by `now` of an answer that begins at `first` and ends at `finish`."""
    if now <= first:
        return 0
    if now >= finish:
        return tokens_out
    return tokens_out * (now - first) // (finish - first)
