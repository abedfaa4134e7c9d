"""Dotted paths: the longest existing key wins, quotes force, list items by name or index."""

import pytest

from simkit.scenario.errors import Invalid
from simkit.scenario.paths import resolve, split
from simkit.scenario.scenario import Document
from simkit.scenario.schema import expand
from simkit.scenario.tree import Place
from simkit.scenario.yaml import parse

TEXT = """
traffic: {rate: 2/s}
actions:
  answer:
    calls:
      - {name: draft, model: gpt-4.1, input: 10, output: 10}
      - parallel: [{name: check, model: gpt-4.1, output: 5}, {name: "1", model: gpt-4.1, output: 5}]
models:
  gpt-4.1: {provider: openai, ttft: {median: 1s, p95: 2s}}
  gpt-4.1.quality: {provider: openai}
  gpt-4: {provider: openai, quality: 90%}
incidents:
  - {name: big.one, at: 1h, lasts: 1h, target: openai}
"""
ROOT = parse(TEXT, Place("f.yaml", 1, 1, ""))
assert ROOT is not None
TREE = expand(ROOT, Document)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("traffic.rate", ("traffic", "rate")),
        ("models.gpt-4.1.ttft.median", ("models", "gpt-4.1", "ttft", "median")),
        ("models.gpt-4.1.quality", ("models", "gpt-4.1.quality")),
        ('models."gpt-4.1".quality', ("models", "gpt-4.1", "quality")),
        ("models.'gpt-4.1'.quality", ("models", "gpt-4.1", "quality")),
        ("models.gpt-4.quality.any", ("models", "gpt-4", "quality", "any")),
        ("actions.answer.calls.draft.output", ("actions", "answer", "calls", 0, "output")),
        ("actions.answer.calls.0.output", ("actions", "answer", "calls", 0, "output")),
        ("actions.answer.calls.1.parallel.check", ("actions", "answer", "calls", 1, "parallel", 0)),
        ("actions.answer.calls.1.parallel.1", ("actions", "answer", "calls", 1, "parallel", 1)),
        ("incidents.big.one.at", ("incidents", 0, "at")),
        ("models.gpt-4.deployments.0.weight", ("models", "gpt-4", "deployments", 0, "weight")),
        ("service.workers", ("service", "workers")),
        ("slo.latency.p95", ("slo", "latency", "p95")),
        ("traffic.daily_active_users", ("traffic", "users", "daily_active")),
        ("resilience.backoff.jitter.low", ("resilience", "backoff", "jitter", "low")),
    ],
)
def test_paths_lead_where_they_say(path: str, steps: tuple[str | int, ...]) -> None:
    assert resolve(path, TREE, Document, new=True) == steps


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("trafic.rate", "There is no `trafic`.", "Did you mean `traffic`?"),
        ("traffic.raet", "`traffic` has no `raet`.", "Did you mean `rate`?"),
        ("models.gpt-5.ttft", "`models` has no `gpt-5`.", "Did you mean `gpt-4`?"),
        ("actions.answer.calls.7", "`actions.answer.calls` has no `7`.", ""),
        ("actions.answer.calls.-1", "`actions.answer.calls` has no `-1`.", "Did you mean `1`?"),
        ("actions.answer.calls.darft", "`actions.answer.calls` has no `darft`.", "Did you mean `draft`?"),
        ("traffic.rate.mean", "`traffic.rate` has nothing below it.", ""),
        ("slo.latency.p95", "`slo.latency` has no `p95`.", ""),
    ],
)
def test_paths_that_lead_nowhere_are_told(path: str, message: str, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        resolve(path, TREE, Document)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("path", ["", ".", "a.", "a..b", 'a."b', "a.b'c'", '"a"b'])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="not a path"):
        split(path)


def test_quotes_make_one_step() -> None:
    assert split('models."a.b".c') == [("models", False), ("a.b", True), ("c", False)]
