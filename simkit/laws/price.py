"""What an attempt costs."""

import numpy as np
from numpy.typing import NDArray

from simkit.laws.jit import law


@law
def price(
    prompt: int,
    cached: int,
    written: int,
    output: int,
    above: NDArray[np.int64],
    input_price: NDArray[np.int64],
    cached_price: NDArray[np.int64],
    write_price: NDArray[np.int64],
    output_price: NDArray[np.int64],
    request: int,
) -> int:
    """Price of a request in pd.

    `prompt` counts all input tokens, with the `cached` (read from the prompt cache) and the `written`
    (to it) among them. The arrays are tiers: the last whose `above` is less than the whole prompt
    prices all tokens of the request (as providers bill long contexts, and as `genai_prices` does).
    """
    tier = 0
    for z in range(1, len(above)):
        if above[z] < prompt:
            tier = z
    fresh = prompt - cached - written
    tokens = fresh * input_price[tier] + cached * cached_price[tier] + written * write_price[tier]
    return int(tokens + output * output_price[tier] + request)
