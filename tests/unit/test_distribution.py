"""Distributions as written in a scenario: every form against SciPy, and what bad ones are told."""

import itertools
import math

import pytest
from pydantic import ValidationError
from scipy import stats

from simkit.scenario import portable
from simkit.scenario.distribution import Dist, DurationDist, NumberDist, TokenDist
from simkit.scenario.shapes import unit_exponential, unit_gamma, unit_weibull

S = 1e9
SHARES = (1e-6, 0.01, 0.3, 0.5, 0.9, 0.999, 1 - 1e-9)
WEIBULL_K = 0.658

FORMS = [
    ({"uniform": {"low": "1s", "high": "3s"}}, stats.uniform(1 * S, 2 * S)),
    ({"exponential": {"mean": "2s"}}, stats.expon(scale=2 * S)),
    ({"lognormal": {"median": "82min", "sigma": 1.24}}, stats.lognorm(1.24, scale=82 * 60 * S)),
    ({"median": "2s", "sigma": 0.6}, stats.lognorm(0.6, scale=2 * S)),
    ({"gamma": {"shape": 0.394, "scale": "1180h"}}, stats.gamma(0.394, scale=1180 * 3600 * S)),
    ({"gamma": {"mean": "465h", "cv": 2}}, stats.gamma(0.25, scale=465 * 4 * 3600 * S)),
    ({"weibull": {"shape": WEIBULL_K, "scale": "58.1h"}}, stats.weibull_min(WEIBULL_K, scale=58.1 * 3600 * S)),
    ({"scipy": {"name": "genpareto", "c": 0.1, "scale": "5s"}}, stats.genpareto(0.1, scale=5 * S)),
    ({"scipy": {"name": "expon", "scale": "5s", "loc": "2s"}}, stats.expon(2 * S, 5 * S)),
    ({"scipy": {"name": "exponnorm", "K": 2, "scale": "1s", "loc": "8s"}}, stats.exponnorm(2, 8 * S, S)),
]


@pytest.mark.parametrize(("form", "same"), FORMS, ids=lambda value: str(value)[:40])
def test_form_equals_scipy(form, same):
    dist = DurationDist.model_validate(form)
    assert dist.mean() == pytest.approx(same.mean(), rel=1e-8)
    for u in SHARES:
        exact = same.ppf(u) if u <= 0.5 else same.isf(1 - u)
        assert dist.quantile(u) == pytest.approx(exact, rel=1e-7)


LOGNORMAL = stats.lognorm(0.7, scale=100)
FIGURES = {
    "mean": LOGNORMAL.mean(), "median": 100.0, "sigma": 0.7,
    **{f"p{q}": LOGNORMAL.ppf(float(f"0.{q:0>2}")) for q in ("5", "10", "25", "75", "90", "95", "99", "999")},
}  # fmt: skip


@pytest.mark.parametrize("pair", list(itertools.combinations(FIGURES, 2)), ids="-".join)
def test_any_two_figures_fix_the_lognormal(pair):
    dist = TokenDist.model_validate({name: FIGURES[name] for name in pair})
    if "mean" in pair and {"p75", "p25", "p10", "p5"} & set(pair):  # two lognormals fit: the one given fits too
        name = next(name for name in pair if name != "mean")
        share = float(f"0.{name[1:]:0>2}")
        assert dist.mean() == pytest.approx(FIGURES["mean"])
        assert dist.quantile(share) == pytest.approx(FIGURES[name])
        return
    assert dist.quantile(0.5) == pytest.approx(100, rel=1e-9)
    assert dist.quantile(0.95) == pytest.approx(LOGNORMAL.ppf(0.95), rel=1e-9)
    assert dist.mean() == pytest.approx(LOGNORMAL.mean(), rel=1e-9)


@pytest.mark.parametrize("kind", [DurationDist, TokenDist, NumberDist])
@pytest.mark.parametrize("name", ["mean", "median"])
def test_one_figure_takes_the_typical_spread(kind, name):
    dist = kind.model_validate({name: "1s" if kind is DurationDist else 1000})
    assert math.log(dist.quantile(0.95) / dist.quantile(0.5)) == pytest.approx(1.6448536 * kind.typical_sigma)
    assert (dist.mean() if name == "mean" else dist.quantile(0.5)) == pytest.approx(S if kind is DurationDist else 1000)


def test_bare_values_are_constants():
    assert DurationDist.model_validate("450ms").quantile(0.3) == 450e6
    assert TokenDist.model_validate("1.2k").mean() == 1200
    assert NumberDist.model_validate(0.5).mean() == 0.5
    assert TokenDist.model_validate(0).mean() == 0


def test_quantiles_go_through_their_points_and_between_them_by_normal_score():
    dist = DurationDist.model_validate({"quantiles": {"p50": "0.4s", "p90": "0.8s", "p99": "3s", "p100": "20s"}})
    for share, seconds in ((0.5, 0.4), (0.9, 0.8), (0.99, 3)):
        assert dist.quantile(share) == pytest.approx(seconds * S)
    between = stats.norm.cdf(stats.norm.ppf(0.9) / 2)
    assert dist.quantile(between) == pytest.approx(math.sqrt(0.4 * 0.8) * S)
    slope = math.log(0.8 / 0.4) / stats.norm.ppf(0.9)
    assert dist.quantile(0.01) == pytest.approx(0.4 * S * math.exp(slope * stats.norm.ppf(0.01)))
    assert dist.quantile(1 - 1e-9) == 20 * S


def test_quantiles_mean_is_the_integral():
    points = {"p10": 20, "p50": 100, "p90": 300, "p99": 2000, "p99.9": 9000}
    dist = TokenDist.model_validate({"quantiles": points})
    clipped = TokenDist.model_validate({"quantiles": points, "max": 10**12})  # never reached: by quadrature
    assert dist.mean() == pytest.approx(clipped.mean(), rel=1e-5)
    through = TokenDist.model_validate({"quantiles": {"p10": FIGURES["p10"], "p75": FIGURES["p75"]}})
    assert through.mean() == pytest.approx(LOGNORMAL.mean())


@pytest.mark.parametrize("clip", [{"max": 150}, {"min": 60}, {"min": 60, "max": 150}])
def test_mean_includes_clipping(clip):
    dist = TokenDist.model_validate({"median": 100, "sigma": 0.7, **clip})
    low, cap = clip.get("min", 0), clip.get("max", math.inf)
    inside = LOGNORMAL.expect(lambda x: x, lb=low, ub=cap if cap < math.inf else None)
    expected = inside + low * LOGNORMAL.cdf(low) + (cap * LOGNORMAL.sf(cap) if cap < math.inf else 0)
    assert dist.mean() == pytest.approx(expected, rel=1e-5)
    assert low <= dist.quantile(1e-9) and dist.quantile(1 - 1e-9) <= cap


@pytest.mark.parametrize("cv", [0.3, 1, 1.7, 4.9])
def test_unit_gaps(cv):
    gamma, weibull = unit_gamma(cv), unit_weibull(cv)
    assert gamma.mean() == pytest.approx(1) and weibull.mean() == pytest.approx(1, rel=1e-8)
    same = stats.weibull_min(weibull.shape.k)
    assert same.std() / same.mean() == pytest.approx(cv, rel=1e-7)
    assert unit_exponential().quantile(0.5) == pytest.approx(math.log(2))


BAD = [
    ({}, "no figure"),
    ([1], "A list stands"),
    ({"constant": 1, "mean": 2}, "only one can hold"),
    ({"gamma": {"mean": 1, "cv": 1}, "weibull": {"mean": 1, "cv": 1}}, "only one can hold"),
    ({"p95": 4}, "fixed by two figures; here: p95"),
    ({"mean": 1, "p50": 2, "p95": 3}, "here: mean and p50 and p95"),
    ({"median": 1, "p50": 1}, "fixed by two"),
    ({"mean": 1, "median": 2}, "median is not below the mean"),
    ({"mean": 5, "p95": 100}, "p95 is too far above the mean"),
    ({"p90": 5, "p50": 6}, "p90 is not above p50"),
    ({"p50": 1, "p95": 10**6}, "implausibly wide"),
    ({"mean": 0}, "`mean` is not above 0"),
    ({"mean": 3, "sigma": -1}, "above 0"),
    ({"gamma": {"mean": 3}}, "two parameters; here: mean"),
    ({"weibull": {"mean": 3, "scale": 1}}, "two parameters"),
    ({"gamma": {"mean": 3, "cv": 21}}, "out of reach"),
    ({"weibull": {"shape": 0.1, "scale": 1}}, "out of reach"),
    ({"uniform": {"low": 3, "high": 3}}, "not below"),
    ({"quantiles": {"p50": 3, "p40": 4}}, "p50 is not above p40"),
    ({"quantiles": {"p50": 3, "q90": 4}}, "`q90` is not a quantile"),
    ({"quantiles": {"p50": 3, "p100": 4}}, "fewer than two points"),
    ({"quantiles": {"p50": 0, "p90": 4}}, "not above 0"),
    ({"scipy": {"name": "genparetto", "scale": 3}}, "no continuous distribution `genparetto`"),
    ({"scipy": {"name": "genpareto", "scale": 3}}, "genpareto needs c"),
    ({"scipy": {"name": "genpareto", "scale": 3, "d": 1}}, "no parameter `d`"),
    ({"scipy": {"name": "gamma", "a": -1, "scale": 3}}, "does not accept"),
    ({"scipy": {"name": "norm", "scale": 3, "loc": 1}}, "negative"),
    ({"scipy": {"name": "genpareto", "c": 1.5, "scale": 1}}, "no finite mean"),
    ({"mean": 3, "min": 5, "max": 4}, "`min` is above `max`"),
    (-1, "negative"),
    (math.nan, "finite"),
    (True, "true"),
    (None, "no figure"),
]


@pytest.mark.parametrize(("form", "words"), BAD, ids=str)
def test_bad_distributions_are_explained(form, words):
    with pytest.raises(ValidationError, match=words):
        TokenDist.model_validate(form)


def test_misspelt_key_and_missing_unit():
    with pytest.raises(ValidationError, match="Extra inputs"):
        TokenDist.model_validate({"gama": {"mean": 1, "cv": 1}})
    with pytest.raises(ValidationError, match="does not say its unit") as caught:
        DurationDist.model_validate({"median": 3, "p95": "5s"})
    assert caught.value.errors()[0]["loc"] == ("median",)


@pytest.mark.parametrize("form", ["450ms", {"mean": "2s"}, *(form for form, _ in FORMS)], ids=str)
def test_json_reads_back(form):
    dist = DurationDist.model_validate(form)
    written = dist.model_dump(mode="json")
    assert DurationDist.model_validate(written) == dist
    assert isinstance(written, str) == isinstance(form, str)


def test_setting_one_form_replaces_the_others():
    for name in ("mean", "p95", "sigma"):
        assert frozenset({*(["constant", "gamma", "scipy"]), name}) <= next(c for c in Dist.choices if name in c)
    assert not any({"mean", "p95"} <= group for group in Dist.choices)


def test_text_for_cards():
    assert DurationDist.model_validate({"median": "0.45s", "p95": "0.9s"}).text() == (
        "lognormal: mean 492ms, p50 450ms, p95 900ms"
    )
    assert TokenDist.model_validate({"exponential": {"mean": 1500}}).text() == (
        "exponential: mean 1,500, p50 1,040, p95 4,494"
    )
    assert DurationDist.model_validate("82min").text() == "1.37h"


def test_portable_functions_are_accurate():
    import numpy as np

    generator = np.random.default_rng(7)
    x = generator.uniform(-300, 300, 20_000)
    assert np.abs(portable.exp(x) / np.exp(x) - 1).max() < 5e-16
    assert np.abs(portable.log(np.exp(x)) - np.log(np.exp(x))).max() < 1e-13
    u = np.exp(generator.uniform(-600, math.log(0.5), 20_000))
    assert np.abs(portable.normal_quantile(u) / stats.norm.ppf(u) - 1).max() < 1e-14
    assert np.abs(portable.log1p(-u) / np.log1p(-u) - 1).max() < 1e-15
    rounded = portable.significant(np.exp(x))
    assert np.abs(rounded / np.exp(x) - 1).max() < 2.0**-39
    assert all(math.ldexp(math.frexp(value)[0], 40).is_integer() for value in rounded.tolist())


def test_editors_get_help_for_every_key():
    schema = DurationDist.model_json_schema(by_alias=True)
    form = schema["$defs"]["DurationDist"]["anyOf"][-1] if "anyOf" not in schema else schema["anyOf"][-1]
    assert set(form["properties"]) == DurationDist.names()
    forms = [form, *(one for one in schema["$defs"].values() if "properties" in one)]
    assert len(forms) >= 7
    assert all(one["properties"][name].get("description") for one in forms for name in one["properties"])
