"""Arithmetic and nothing else: what only the processor can slow down, as a measure for what threads reach."""

from simkit.laws.draws import numbers
from simkit.laws.jit import law


@law
def spin(draws: int) -> int:
    """Draw so often, without a look at memory."""
    total = 0
    for number in range(draws):
        one, other = numbers(0, 0, 0, number, 0, 0)
        total += one ^ other
    return total
