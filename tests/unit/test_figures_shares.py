"""Pictures of shares of the bill: prompt caches, users."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from simkit.report.figures_shares import concentration, prompt_caches_figure, read_share, users_figure
from simkit.scenario.load import load

SCENARIO = """
name: batch beside chat
horizon: 1h
warmup: 0s
replications: 2
traffic: {users: {daily_active: 40, actions_per_day: 120}}
actions:
  chat: {share: 80%, calls: [{name: say, model: a, input: {system: 2000, user: 100}, output: 50}]}
  report: {share: 20%, urgency: batch, calls: [{name: write, model: a, input: {system: 2000, user: 100}, output: 50}]}
models:
  a: {deployments: [{provider: p}], ttft: 1s, tokens_per_second: 50,
      prices: {input: $10, output: $20, cached: $1}}
caches: {prompt: {}}
batch: {api: {takes: 5min}}
resilience: {client: none}
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    file = tmp_path_factory.mktemp("shares") / "both.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    return load(file).run(engine="reference", jobs=1)


def texts(figure):
    return " ".join(one.get_text() for ax in figure.axes for one in ax.texts)


def test_the_share_that_is_read_is_of_what_was_sent():
    tokens = pd.DataFrame({"tokens_in": [100, 0, 50], "read": [25, 0, 50]})
    np.testing.assert_array_equal(read_share(tokens), [0.25, np.nan, 1.0])


def test_batch_sides_that_use_no_cache_are_left_out(result):
    table = result.prompt_caches
    assert any("@batch" in name for name in result.models["deployment"])
    assert table["deployment"].tolist() == ["a/p"] and 0.5 < table["read_share"].iloc[0] < 1


def test_prompt_caches_are_drawn_with_what_they_save(result):
    figure = result.prompt_caches.plot()
    assert isinstance(figure, Figure) and "saves" in texts(figure)
    empty = prompt_caches_figure(result.prompt_caches.iloc[:0], pd.DataFrame(), result.incidents)
    assert "No prompt cache is used" in texts(empty)


def test_the_dearest_users_come_first():
    curve = concentration(np.array([1.0, 6.0, 1.0, 2.0]))
    assert curve["bill"].tolist() == pytest.approx([0, 0.6, 0.8, 0.9, 1])
    assert curve["users"].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_users_are_drawn_with_the_share_of_the_dearest(result):
    assert "4 users (10 %): " in texts(result.users.plot())
    assert "No users are told apart" in texts(users_figure(np.array([1.0])))
