"""Levers on the bill: bars that add up, what is in use, what does not apply, worse answers, and their picture."""

import numpy as np
import pytest

from simkit.report.figures_economy import lever_bars
from simkit.scenario.load import load
from simkit.study.lever_kinds import LEVERS
from simkit.study.levers import _overlays, spent, with_all_models

SCENARIO = """
name: small
extends: simkit:openai_anthropic
horizon: 1h
warmup: 0s
traffic: {rate: 0.05/s, sessions: {turns: {geometric: {mean: 4, max: 9}}, think: 20s}}
actions:
  ask:
    complexity: {simple: 60%, complex: 40%}
    calls:
      - name: a
        model: gpt-4o
        input: {system: 1600, history: grows, retrieved: 200, chunks: 4, user: 90}
        output: 200
models:
  gpt-4o: {quality: {simple: 95%, complex: 90%}}
  gpt-4o-mini: {quality: {simple: 94%, complex: 60%}}
caches: {prompt: {}}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    file = tmp_path_factory.mktemp("levers") / "small.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    return load(file).levers(replications=5, engine="reference")


def test_every_lever_is_tried_in_use_or_said_not_to_apply(found):
    tried = {one.kind.name for one in found.pulls}
    assert tried | set(found.left_out) == {one.name for one in LEVERS}
    assert {one.kind.name for one in found.pulls if one.in_use} == {"prompt_cache"}
    assert found.left_out["batch"] == "no kind of action can wait: give those that can `urgency: batch`"
    assert found.left_out["cheaper_fallback"] == "no model has a fallback"
    assert {"shorter_prompt", "routing", "exact_cache", "semantic_cache", "smaller_context"} <= tried


def test_bars_add_up_to_all_together_to_the_picodollar(found):
    assert sum(found.bars) == spent(found.steps[-1]) - spent(found.base)
    assert len(found.bars) == len(found.taken) == len(found.steps) and max(found.bars) < 0
    assert set(found.taken) <= set(found.applied)
    alone = [spent(one.result) for one in found.applied]
    assert alone == sorted(alone)  # what saves most comes first
    assert spent(found.steps[0]) == alone[0]


def test_the_table_is_paired_and_in_usd_a_month(found):
    rows = found.summary.set_index("lever")
    today, together = found.summary.iloc[0], found.summary.iloc[-1]
    assert today["after_usd"] == pytest.approx(found.base.metrics["cost_per_month"].value)
    steps = found.summary.loc[found.summary["kind"] == "lever", "step_usd"]
    assert together["after_usd"] == pytest.approx(today["after_usd"] + steps.sum())
    for name in ("shorter_prompt", "routing"):
        assert rows.loc[name, "alone_low"] <= rows.loc[name, "alone_usd"] <= rows.loc[name, "alone_high"]
        assert rows.loc[name, "alone_usd"] < 0
    used = rows.loc["prompt_cache"]
    assert used["note"].startswith("in use: saves $") and used["alone_usd"] < 0 and np.isnan(used["after_usd"])
    assert used["without_usd"] == pytest.approx(today["after_usd"] - used["alone_usd"])


def test_a_levers_overlay_is_only_what_set_takes(found):
    by_name = {one.kind.name: dict(one.overlay) for one in found.pulls}
    assert by_name["shorter_prompt"] == {'actions."ask".calls.0.input.system': 800}
    assert by_name["routing"]['routes."simple_ask_a"'] == {
        "by": "complexity", "to": {"simple": "gpt-4o-mini", "complex": "gpt-4o"},
    }  # fmt: skip
    assert by_name["smaller_context"]['actions."ask".calls.0.input.chunks'] == 2
    assert by_name["prompt_cache"] == {"caches.prompt": None}


def test_the_waterfall_goes_from_today_to_all_together(found):
    bars = lever_bars(found.summary)
    assert bars["label"].iloc[0] == "today" and bars["label"].tolist()[-2:] == ["all together", "prompt cache"]
    used = bars.iloc[-1]  # in use: what it keeps off today's bill
    assert used["bottom"] == pytest.approx(bars["top"].iloc[0]) and used["top"] > used["bottom"]
    assert used["note"].startswith("in use: saves $")
    assert (bars["bottom"] <= bars["top"]).all()
    assert bars["top"].iloc[1] == pytest.approx(bars["top"].iloc[0])  # the first step begins at today's bill
    from matplotlib.figure import Figure

    assert isinstance(found.plot(), Figure)


def test_the_page_tells_and_a_result_without_them_says_how_to_get_them(found):
    texts = " ".join(getattr(one, "text", "") for one in found.blocks())
    assert "no model has a fallback" in texts
    assert found.sentence().startswith("What would lower it most, each alone: ")
    with pytest.raises(ValueError, match="levers=True"):
        _ = found.base.levers


def test_models_that_the_scenario_does_not_use_are_known(tmp_path):
    file = tmp_path / "one_model.yaml"
    file.write_text(SCENARIO.replace("  gpt-4o-mini: {quality: {simple: 94%, complex: 60%}}\n", ""), encoding="utf-8")
    one = load(file)
    assert list(one.document.models) == ["gpt-4o"]
    assert {"gpt-4o", "gpt-4o-mini", "claude-haiku-4-5"} <= with_all_models(one).document.models.keys()
    apply, _, left_out = _overlays(one, one.run(replications=2, engine="reference", jobs=1))
    (routed,) = (overlay for kind, overlay in apply if kind.name == "routing")
    assert "routing" not in left_out
    assert routed['routes."simple_ask_a"']["to"]["simple"] == "gpt-4o-mini"


def test_levers_show_themselves_as_a_page(found):
    assert "What would lower the bill" in repr(found) and len(repr(found).splitlines()) < 80
    assert "What would lower the bill" in found._repr_html_()
