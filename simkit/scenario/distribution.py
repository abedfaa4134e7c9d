"""Distributions as a scenario writes them: `450ms`, `{median: 0.45s, p95: 0.9s}`, `{gamma: {mean: 60, cv: 1.2}}`."""

import math
from typing import Annotated, ClassVar, Generic, Self

import numpy as np
from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simkit.scenario.errors import Invalid
from simkit.scenario.forms import (
    FLAT,
    TWO,
    Amount,
    ExponentialForm,
    GammaForm,
    ScipyForm,
    Spread,
    UniformForm,
    V,
    WeibullForm,
    quantiles,
)
from simkit.scenario.shapes import Scaled, Scipy
from simkit.scenario.units import Duration

FORMS = ("constant", "uniform", "exponential", "lognormal", "gamma", "weibull", "quantiles", "scipy")


class Dist(Spread[V], Generic[V]):
    """A distribution: a bare value (constant), two figures of a lognormal, or a named form; `min` and `max` clip it."""

    constant: V | None = None
    """Always this (a bare value is short for it)."""
    uniform: UniformForm[V] | None = None
    """`{low: 1s, high: 2s}`"""
    exponential: ExponentialForm[V] | None = None
    """`{mean: 5s}`"""
    lognormal: Spread[V] | None = None
    """Two figures, e.g. `{median: 0.45s, sigma: 0.4}`; may be written without this key."""
    gamma: GammaForm[V] | None = None
    """`{mean: 5s, cv: 1.2}` or `{shape: 2, scale: 1s}`"""
    weibull: WeibullForm[V] | None = None
    """`{shape: 0.7, scale: 58h}` or `{mean: 83h, cv: 1.5}`"""
    quantiles: Annotated[dict[str, V], Field(min_length=2)] | None = None
    """Points, e.g. `{p50: 0.4s, p90: 0.8s, p99: 3s}`; p0 and p100 are bounds."""
    scipy: ScipyForm[V] | None = None
    """Any continuous distribution of scipy.stats, e.g. `{name: genpareto, c: 0.1, scale: 5s}`"""
    min: V | None = None
    """Smaller values become this."""
    max: V | None = None
    """Larger values become this."""

    choices: ClassVar = (*(frozenset({*FORMS, name}) for name in FLAT),)
    typical_sigma: ClassVar[float]
    """Spread of a lognormal of which only the mean or the median is given."""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: object) -> object:
        if isinstance(value, dict | Dist):
            return value
        if isinstance(value, list):
            raise Invalid("A list stands where a distribution belongs.", cls._help())
        return {"constant": value}

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self.scaled()
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = super().__get_pydantic_json_schema__(core, handler)
        bare = dict(schema["properties"]["constant"])
        options = [option for option in bare.get("anyOf", [bare]) if option.get("type") != "null"]
        form = {key: value for key, value in schema.items() if key != "description"}
        return {"anyOf": [*options, form], "description": schema.get("description", "")}

    @classmethod
    def _help(cls) -> str:
        return f"a value, {TWO}, or one of {', '.join(FORMS[1:])}"

    def scaled(self) -> Scaled:
        """The distribution as a shape with its scale and bounds. Raises `Invalid`."""
        forms = [name for name in FORMS if getattr(self, name) is not None]
        named = forms + list(self.given())
        if len(forms) > 1 or (forms and len(named) > 1):
            raise Invalid(f"Here are {' and '.join(named)}; only one can hold.", self._help(), "Remove the others.")
        if not named:
            raise Invalid("The distribution has no figure.", self._help())
        return self._clipped(self._unclipped())

    def _unclipped(self) -> Scaled:
        if self.constant is not None:
            return Scaled(None, float(self.constant))
        if self.quantiles is not None:
            return quantiles(self.quantiles)
        if self.lognormal is not None:
            return self.lognormal.lognormal_of(self.typical_sigma)
        for form in (self.uniform, self.exponential, self.gamma, self.weibull, self.scipy):
            if form is not None:
                return form.scaled()
        return self.lognormal_of(self.typical_sigma)

    def _clipped(self, dist: Scaled) -> Scaled:
        low = dist.low if self.min is None else max(dist.low, float(self.min))
        cap = dist.cap if self.max is None else min(dist.cap, float(self.max))
        if low > cap:
            raise Invalid("`min` is above `max` (or above p100, or `max` below p0).", "min <= max")
        if isinstance(dist.shape, Scipy):
            if self.max is None and dist.shape.mean() == math.inf:
                raise Invalid(f"This {dist.shape.name} has no finite mean.", "a finite mean", "Add `max:`.")
            if self.min is None and float(dist.shape.below(np.array([1e-3]))[0]) < 0:
                raise Invalid(
                    "More than 0.1% of the values are negative.", "values >= 0", "Add `min:` to cut them off."
                )
        return Scaled(dist.shape, dist.scale, low, cap)

    def mean(self) -> float:
        """The exact mean, clipping included, in the unit of the values."""
        return self.scaled().mean()

    def quantile(self, u: float) -> float:
        """The exact quantile of u in (0, 1), clipping included."""
        return self.scaled().quantile(u)

    def text(self) -> str:
        """For cards, e.g. `lognormal: mean 492ms, p50 450ms, p95 900ms`."""
        dist = self.scaled()
        if dist.shape is None:
            return self._shown(dist.quantile(0.5))
        form = next((name for name in FORMS if getattr(self, name) is not None), "lognormal")
        family = dist.shape.name if isinstance(dist.shape, Scipy) else form
        figures = {"mean": dist.mean(), "p50": dist.quantile(0.5), "p95": dist.quantile(0.95)}
        return f"{family}: " + ", ".join(f"{name} {self._shown(value)}" for name, value in figures.items())

    @staticmethod
    def _shown(value: float) -> str:
        return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


class DurationDist(Dist[Duration]):
    """A time (ns): a bare value (constant), two figures of a lognormal, or a named form; `min` and `max` clip it."""

    typical_sigma: ClassVar[float] = 0.35
    """p95 / p50 = 1.78. First-token times of hosted models have ln-sd 0.14-0.26 within a host (llmperf-leaderboard
    2023-12) and 0.46 within agent sessions (Claude Opus 4.7); end-to-end times of gpt-4 0.34-0.43 (LatencyLab 2024)."""

    @staticmethod
    def _shown(value: float) -> str:
        units = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "min": 60e9, "h": 3600e9, "d": 86400e9}
        unit = max((unit for unit in units if units[unit] <= max(value, 1.0)), key=lambda unit: units[unit])
        return f"{value / units[unit]:.3g}{unit}"


MOST_TOKENS = 1e7
"""Most tokens of a part of a prompt or of an answer; with the dearest price a bill stays inside int64."""


class TokenDist(Dist[Amount]):
    """Tokens: a bare value (constant), two figures of a lognormal, or a named form; `min` and `max` clip it."""

    typical_sigma: ClassVar[float] = 0.8
    """p95 / p50 = 3.7. Azure LLM 2023 conv: ln(p95 / p50) / 1.645 is 0.84 for input and 0.76 for output tokens."""

    @model_validator(mode="after")
    def _payable(self) -> Self:
        if self.scaled().quantile(0.5) > MOST_TOKENS:
            raise Invalid("No model takes so many tokens.", f"at most {MOST_TOKENS / 1e6:.0f}M")
        return self


class NumberDist(Dist[Amount]):
    """A number: a bare value (constant), two figures of a lognormal, or a named form; `min` and `max` clip it."""

    typical_sigma: ClassVar[float] = 0.15
    """Output speed: ln tokens/s has a standard deviation of 0.05-0.22 within a host (llmperf-leaderboard 2023-12)."""


__all__ = ["MOST_TOKENS", "Dist", "DurationDist", "NumberDist", "TokenDist"]
