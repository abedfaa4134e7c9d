"""Random quantities of a scenario, with or without a clock: times, tokens, shares, and all forms of a distribution."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

Map = dict[str, Any]
T = TypeVar("T")

FIGURES = (
    ("median", "p95"), ("p50", "p99"), ("p5", "p95"), ("p10", "p90"),
    ("p25", "p75"), ("mean", "p95"), ("median", "p999"), ("p50", "p90"),
)  # fmt: skip
"""Two figures that fix a lognormal; the second is written as twice the first."""


class Quantities:
    """Draws quantities. Where there is a clock, every time is a whole number of its ticks."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.tick_ms = random.choice((100, 1000)) if self.chance(1 / 3) else 0

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self.random.random() < probability

    def pick(self, *options: T) -> T:
        """One of several."""
        return self.random.choice(options)

    def some(self, names: Sequence[T], least: int = 1, most: int = 99) -> list[T]:
        """A few of several, in random order."""
        return self.random.sample(names, self.random.randint(least, min(most, len(names))))

    def shares(self, names: Sequence[str]) -> dict[str, str]:
        """Shares that add up to 100%; now and then one is 0%."""
        random = self.random
        weights = [random.randint(0 if i and self.chance(0.2) else 1, 9) for i in range(len(names))]
        parts = [100 * weight // sum(weights) for weight in weights]
        parts[0] += 100 - sum(parts)
        return {name: f"{part}%" for name, part in zip(names, parts, strict=True)}

    def percent(self, low: int, high: int) -> str:
        """A share."""
        return f"{self.random.randint(low, high)}%"

    # Times.

    def ms(self, low: float, high: float) -> int:
        """A time between `low` and `high` seconds in ms, in whole ticks where there is a clock."""
        if self.tick_ms:
            ticks = self.random.randint(round(low * 1000) // self.tick_ms, round(high * 1000) // self.tick_ms)
            return max(ticks, 1) * self.tick_ms
        return self.random.randint(round(low * 1000), round(high * 1000))

    def time(self, low: float, high: float) -> str:
        """The same as a text."""
        return f"{self.ms(low, high)}ms"

    def lasting(self, low: float, high: float) -> Any:
        """A distribution of times, of which `high` seconds is no bound."""
        if self.tick_ms or self.chance(0.2):
            return self.time(low, high)
        return self.form(self.ms(low, high) + 1, lambda ms: f"{ms}ms")

    # Numbers.

    def tokens(self, most: int) -> Any:
        """A distribution of tokens."""
        if self.chance(0.6 if self.tick_ms else 0.3):
            return self.random.randint(0, most)
        return self.form(self.random.randint(1, most), lambda tokens: tokens)

    def speed(self) -> Any:
        """Tokens a second; on a clock one in a tick."""
        if self.tick_ms:
            return 1000 // self.tick_ms
        return self.pick(30, {"median": 40, "sigma": 0.3}, self.form(self.random.randint(20, 60), lambda speed: speed))

    def form(self, middle: int, write: Callable[[int], Any]) -> Map:
        """A distribution in one of its forms, of about `middle` (at least 1), now and then with bounds."""
        name = self.pick("two", "two", "uniform", "exponential", "lognormal", "gamma", "weibull", "quantiles", "rare")
        form: Map = getattr(self, f"form_{name}")(middle, write)
        if self.chance(0.15):
            form |= {"min": write(middle // 2)} if self.chance(0.6) else {}
            form |= {"max": write(3 * middle)} if self.chance(0.6) else {}
        return form

    def form_two(self, middle: int, write: Callable[[int], Any]) -> Map:
        """Figures of a lognormal, as they stand: two, or the mean or median with a typical spread."""
        alone: Map = {self.pick("mean", "p50"): write(middle)}
        return alone if self.chance(0.3) else self.two_figures(middle, write)

    def form_lognormal(self, middle: int, write: Callable[[int], Any]) -> Map:
        """The same under its name, where two figures are needed."""
        return {"lognormal": self.two_figures(middle, write)}

    def two_figures(self, middle: int, write: Callable[[int], Any]) -> Map:
        """Two percentiles, or one figure with a spread."""
        low, high = self.pick(*FIGURES)
        if self.chance(0.6):
            return {low: write(middle), high: write(2 * middle)}
        return {self.pick("mean", "median"): write(middle), "sigma": self.pick(0.2, 0.5, 1.0)}

    def form_uniform(self, middle: int, write: Callable[[int], Any]) -> Map:
        """Anything between."""
        return {"uniform": {"low": write(middle // 2), "high": write(2 * middle)}}

    def form_exponential(self, middle: int, write: Callable[[int], Any]) -> Map:
        """Memoryless."""
        return {"exponential": {"mean": write(middle)}}

    def form_gamma(self, middle: int, write: Callable[[int], Any]) -> Map:
        """By mean and spread, or by shape and scale."""
        named = {"mean": write(middle), "cv": self.pick(0.5, 0.7)}
        return {"gamma": self.pick(named, {"shape": 2, "scale": write(middle)})}

    def form_weibull(self, middle: int, write: Callable[[int], Any]) -> Map:
        """By mean and spread, or by shape and scale."""
        named = {"mean": write(middle), "cv": self.pick(0.5, 1.5)}
        return {"weibull": self.pick(named, {"shape": self.pick(0.7, 2), "scale": write(middle)})}

    def form_quantiles(self, middle: int, write: Callable[[int], Any]) -> Map:
        """Through points, with and without bounds."""
        points = {"p50": write(middle), "p90": write(2 * middle), "p99": write(4 * middle)}
        return {"quantiles": points | self.pick({}, {"p0": write(0), "p100": write(5 * middle)})}

    def form_rare(self, middle: int, write: Callable[[int], Any]) -> Map:
        """A constant under its name, or (slow to load) one of SciPy's."""
        if self.chance(0.7):
            return {"constant": write(middle)}
        form: Map = {"name": "genpareto", "c": 0.1, "scale": write(middle)}
        return {"scipy": form | self.pick({}, {"loc": write(middle)})}
