"""The named forms of a distribution: their keys, and the shape that they stand for."""

import math
import re
from itertools import pairwise
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simkit.scenario.base import Part
from simkit.scenario.errors import Invalid, listing, nearest
from simkit.scenario.helptext import helps
from simkit.scenario.portable import exp, log, normal_quantile
from simkit.scenario.shapes import Gamma, Lognormal, Quantiles, Scaled, Scipy, Uniform, Weibull, weibull_shape
from simkit.scenario.units import Duration, PositiveFloat, Quantity, format_number, parse_count

LARGEST_SIGMA = 4.0
"""A lognormal with more spread than this (p95 / median above 720) is taken for a mistake."""
LIMITS = {
    "gamma": {"cv": (0.01, 20), "shape": (0.0025, 10_000)},
    "weibull": {"cv": (0.01, 20), "shape": (0.15, 150)},
}
"""Of parameters without a unit."""
FLAT = ("mean", "median", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p999", "sigma")
TWO = f"two of {', '.join(FLAT[:-1])} and sigma"


def parse_amount(value: object) -> float:
    """A number >= 0, with k, M or G as text: 60, 0.5, 1.2k. Raises `Invalid`."""
    if isinstance(value, float) and 0 <= value < math.inf:
        return value
    return float(parse_count(value))


Amount = Annotated[
    float,
    Quantity(
        parse_amount,
        format_number,
        ({"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\s*[\d.,]+\s*[kKMG]?\s*$"}),
        "a number, e.g. 60 or 1.2k",
    ),
]
"""Tokens or a plain number, as a float."""

V = TypeVar("V", bound=float)


class Form(Part, Generic[V]):
    """A generic part whose name in the JSON Schema is readable."""

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """E.g. `GammaFormOfDuration`."""
        return f"{cls.__name__}Of{'Duration' if params[0] == Duration else 'Number'}"

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core))
        for name, text in helps(cls).items():
            schema["properties"][name]["description"] = text
        return schema

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> Any:
        """Only what is set, by the keys of the file; in JSON a constant is written bare."""
        said = {key.rstrip("_"): value for key, value in handler(self).items() if value is not None}
        return said["constant"] if info.mode == "json" and said.keys() == {"constant"} else said


class UniformForm(Form[V], Generic[V]):
    """Anything between two values, all alike."""

    low: V
    """Smallest value."""
    high: V
    """Largest value."""

    def scaled(self) -> Scaled:
        """Of `high`. Raises `Invalid`."""
        if not self.low < self.high:
            raise Invalid("`low` is not below `high`.", "low < high", "For one value write it alone.")
        return Scaled(Uniform(self.low / self.high), float(self.high))


class ExponentialForm(Form[V], Generic[V]):
    """Memoryless."""

    mean: V
    """Mean."""

    def scaled(self) -> Scaled:
        """Of the mean. Raises `Invalid`."""
        return Scaled(Weibull(1.0), _positive("mean", self.mean))


class GammaForm(Form[V], Generic[V]):
    """Gamma: `mean` and `cv`, or `shape` and `scale`."""

    mean: V | None = None
    """Mean."""
    cv: PositiveFloat | None = None
    """Coefficient of variation: standard deviation / mean (0.01 to 20)."""
    shape: PositiveFloat | None = None
    """Shape; cv = 1 / sqrt(shape)."""
    scale: V | None = None
    """Scale; mean = shape x scale."""

    def scaled(self) -> Scaled:
        """Of its scale. Raises `Invalid`."""
        if _parameters(self, "gamma") == "mean":
            assert self.mean is not None and self.cv is not None
            return Scaled(Gamma(1 / self.cv**2), _positive("mean", self.mean) * self.cv**2)
        assert self.shape is not None and self.scale is not None
        return Scaled(Gamma(self.shape), _positive("scale", self.scale))


class WeibullForm(Form[V], Generic[V]):
    """Weibull: `shape` and `scale`, or `mean` and `cv`."""

    shape: PositiveFloat | None = None
    """Shape; below 1 a heavier tail than the exponential."""
    scale: V | None = None
    """Scale: the 63.2 % quantile."""
    mean: V | None = None
    """Mean."""
    cv: PositiveFloat | None = None
    """Coefficient of variation: standard deviation / mean (0.01 to 20)."""

    def scaled(self) -> Scaled:
        """Of its scale. Raises `Invalid`."""
        if _parameters(self, "weibull") == "mean":
            assert self.mean is not None and self.cv is not None
            shape = Weibull(weibull_shape(self.cv))
            return Scaled(shape, _positive("mean", self.mean) / shape.mean())
        assert self.shape is not None and self.scale is not None
        return Scaled(Weibull(self.shape), _positive("scale", self.scale))


class Spread(Form[V], Generic[V]):
    """A lognormal distribution, fixed by two of its figures."""

    mean_: Annotated[V | None, Field(alias="mean")] = None
    """Mean."""
    median: V | None = None
    """Median (p50)."""
    p5: V | None = None
    """5 % are below."""
    p10: V | None = None
    """10 % are below."""
    p25: V | None = None
    """25 % are below."""
    p50: V | None = None
    """Median."""
    p75: V | None = None
    """75 % are below."""
    p90: V | None = None
    """90 % are below."""
    p95: V | None = None
    """95 % are below."""
    p99: V | None = None
    """99 % are below."""
    p999: V | None = None
    """99.9 % are below."""
    sigma: PositiveFloat | None = None
    """Standard deviation of the logarithm: 0.3 narrow, 1 wide, 2 extreme."""

    def given(self) -> dict[str, float]:
        """The figures that are set."""
        figures = {name: getattr(self, "mean_" if name == "mean" else name) for name in FLAT}
        return {name: float(value) for name, value in figures.items() if value is not None}

    def lognormal_of(self, typical: float | None) -> Scaled:
        """The lognormal that the figures fix; one alone takes the `typical` sigma. Raises `Invalid`."""
        given = self.given()
        for name, value in given.items():
            _positive(name, value)
        if len(given) == 1 and typical is not None and not given.keys().isdisjoint({"mean", "median", "p50"}):
            given["sigma"] = typical
        if len(given) != 2 or given.keys() == {"median", "p50"}:
            have = " and ".join(given) or "none"
            hint = "With more points write `quantiles: {p50: ..., p90: ..., p99: ...}`." if len(given) > 2 else ""
            raise Invalid(f"A lognormal distribution is fixed by two figures; here: {have}.", TWO, hint)
        sigma = _sigma(given)
        if sigma > LARGEST_SIGMA:
            hint = f"{' and '.join(given)} are too far apart (implied sigma {sigma:.2g})."
            raise Invalid("This is an implausibly wide spread.", f"sigma up to {LARGEST_SIGMA:g}", hint)
        name = next(name for name in given if name != "sigma")
        return Scaled(Lognormal(sigma), given[name] * float(exp(-_offset(name, sigma))))


class ScipyForm(Form[V], Generic[V]):
    """A continuous distribution of scipy.stats by name, its shape parameters as further keys."""

    model_config = ConfigDict(extra="allow")

    name: str
    """Name in scipy.stats, e.g. genpareto."""
    scale: V
    """Scale, with its unit."""
    loc: V | None = None
    """Location, with its unit (left out: 0)."""

    __pydantic_extra__: dict[str, float] = Field(init=False)

    def scaled(self) -> Scaled:
        """Of its scale. Raises `Invalid`."""
        from scipy import stats

        names = sorted(name for name in dir(stats) if isinstance(getattr(stats, name), stats.rv_continuous))
        if self.name not in names:
            raise Invalid(
                f"SciPy has no continuous distribution `{self.name}`.",
                listing(names, self.name),
                nearest(self.name, names),
            )
        scale = _positive("scale", self.scale)
        family = getattr(stats, self.name)
        arguments = self._arguments(family)
        loc = (self.loc or 0) / scale
        if not bool(family._argcheck(*arguments)):
            raise Invalid(f"SciPy does not accept these shape parameters of {self.name}.", _scipy_keys(family))
        return Scaled(Scipy(self.name, arguments, loc), scale)

    def _arguments(self, family: Any) -> tuple[float, ...]:
        needed = [name.strip() for name in family.shapes.split(",")] if family.shapes else []
        given = self.__pydantic_extra__
        for name in given:
            if name not in needed:
                raise Invalid(
                    f"{self.name} has no parameter `{name}`.", _scipy_keys(family), nearest(name, [*needed, "loc"])
                )
        missing = [name for name in needed if name not in given]
        if missing:
            raise Invalid(f"{self.name} needs {' and '.join(missing)}.", _scipy_keys(family))
        return tuple(float(given[name]) for name in needed)


def quantiles(points: dict[str, V]) -> Scaled:
    """The distribution through these points, e.g. `{"p50": 0.4, "p99": 3.0}`; p0 and p100 bound it.

    Raises:
        Invalid: a name that is no quantile, fewer than two points, values that do not grow.
    """
    shares = sorted((_share(name), name, float(value)) for name, value in points.items())
    if shares[0][0] > 0:
        _positive(*shares[0][1:])
    for (share, name, value), (next_share, next_name, next_value) in pairwise(shares):
        if share == next_share or value >= next_value:
            raise Invalid(f"{next_name} is not above {name}.", "values that grow from point to point")
    inner = [(share, value) for share, _, value in shares if 0 < share < 1]
    if len(inner) < 2:
        raise Invalid("Here are fewer than two points.", "at least two of p1 ... p99, p999")
    score = normal_quantile([share for share, _ in inner])
    scale = inner[0][1]
    height = log([value / scale for _, value in inner])
    bounds = {share: value for share, _, value in shares}
    shape = Quantiles(tuple(score.tolist()), tuple(height.tolist()))
    return Scaled(shape, scale, bounds.get(0.0, 0.0), bounds.get(1.0, math.inf))


def _share(name: str) -> float:
    """0.5 of p50, 0.999 of p999 or p99.9. Raises `Invalid`."""
    match = re.fullmatch(r"p(\d{1,2})\.?(\d{0,6})", name)
    if name != "p100" and match is None:
        raise Invalid(f"`{name}` is not a quantile.", "p50, p95, p99, p999 and the like; p0 and p100 are bounds")
    return 1.0 if match is None or name == "p100" else float(f"{match[1]}.{match[2] or 0}") / 100


def _positive(name: str, value: float) -> float:
    if not value > 0:
        raise Invalid(f"`{name}` is not above 0.", "a value above 0", "For a constant zero write 0 alone.")
    return float(value)


def _parameters(form: GammaForm[V] | WeibullForm[V], name: str) -> str:
    """Which pair of parameters is given: `mean` (and cv) or `shape` (and scale). Raises `Invalid`."""
    given = {key for key in ("mean", "cv", "shape", "scale") if getattr(form, key) is not None}
    if given not in ({"mean", "cv"}, {"shape", "scale"}):
        have = " and ".join(sorted(given)) or "none"
        raise Invalid(f"{name} has two parameters; here: {have}.", "mean and cv, or shape and scale")
    for key, (low, high) in LIMITS[name].items():
        value = getattr(form, key)
        if value is not None and not low <= value <= high:
            raise Invalid(f"This `{key}` is out of reach for {name}.", f"{low:g} to {high:g}")
    return "mean" if "mean" in given else "shape"


def _score(name: str) -> float:
    return 0.0 if name == "median" else float(normal_quantile(_share(name)))


def _offset(name: str, sigma: float) -> float:
    """ln(figure / median) of a lognormal."""
    return sigma * sigma / 2 if name == "mean" else sigma * _score(name)


def _sigma(given: dict[str, float]) -> float:
    """The sigma that two figures of a lognormal imply. Raises `Invalid`."""
    if "sigma" in given:
        return given["sigma"]
    if "mean" in given:
        (name,) = given.keys() - {"mean"}
        return _sigma_of_mean(name, given["mean"], given[name])
    low, high = sorted(given, key=_score)
    if not given[low] < given[high]:
        raise Invalid(f"{high} is not above {low}.", f"{low} < {high}", "For one value write it alone.")
    return float(log(given[high] / given[low])) / (_score(high) - _score(low))


def _sigma_of_mean(name: str, mean: float, value: float) -> float:
    """sigma^2 / 2 - score sigma = ln(mean / value): the smaller positive root. Raises `Invalid`."""
    score = _score(name)
    if score <= 0 and mean <= value:
        raise Invalid(f"{name} is not below the mean.", f"{name} < mean", "Two percentiles fix the spread better.")
    root = score * score + 2 * float(log(mean / value))
    if root < 0:
        raise Invalid(f"{name} is too far above the mean for a lognormal.", f"{name} <= {_most(score)} x mean")
    sigma = score - math.sqrt(root)
    return sigma if sigma > 0 else score + math.sqrt(root)


def _most(score: float) -> str:
    return f"{math.exp(score * score / 2):.3g}"


def _scipy_keys(family: Any) -> str:
    return ", ".join([*(name.strip() for name in (family.shapes or "").split(",") if name), "scale", "loc"])
