"""The explore page without a browser: knobs, what they set, the picture's data, the baseline, what is saved."""

import socket
import sys
from pathlib import Path

import pytest

import simkit as sk
from simkit.cli import main
from simkit.report.explore.explorer import Explorer
from simkit.report.explore.figure import budget_rows, cost_parts, explore_figure
from simkit.report.explore.knobs import between, knobs_of
from simkit.report.explore.overlay import SaveError, save_overlay
from simkit.report.explore.page import explore, table_html

ROOT = Path(__file__).parents[2]


def shipped(name: str) -> sk.Scenario:
    return sk.load(ROOT / "scenarios" / f"{name}.yaml")


@pytest.mark.parametrize(
    ("low", "high", "first", "length"),
    [
        ("0%", "10%", ["0%", "0.5%", "1%"], 21),
        ("100", "10000", ["100", "130", "160"], 21),
        ("1", "4", ["1", "2", "3", "4"], 4),
        ("0.5/s", "1.5/s", ["0.5/s", "0.55/s", "0.6/s"], 21),
        ("1min", "1d", ["1min", "1.4min", "2min"], 21),
        ("0s", "10min", ["0s", "30s", "1min"], 21),
        ("$1", "$2", ["$1", "$1.05", "$1.1"], 21),
        ("round_robin", "least_busy", ["round_robin", "least_busy"], 2),
    ],
)
def test_steps_are_round_and_reach_both_ends(low: str, high: str, first: list[str], length: int) -> None:
    found = between(low, high)
    assert found[: len(first)] == first and found[-1] == high and len(found) == length


def test_the_scenarios_own_knobs_are_taken() -> None:
    load, misrouted = knobs_of(shipped("support_chat"))
    assert (load.name, misrouted.name) == ("traffic.users.daily_active", "routes.by_complexity.misrouted.complex")
    assert load.positions[load.now].text == "450" and misrouted.positions[misrouted.now].text == "5%"
    texts = [int(one.text) for one in load.positions]
    assert texts == sorted(texts) and texts[0] == 100 and texts[-1] == 10_000


def test_else_the_usual_suspects_that_there_are() -> None:
    names = [knob.name for knob in knobs_of(shipped("one_big_model"))]
    assert names == [
        "traffic.users.daily_active", "models.gpt-4o.deployments.0.price_uplift", "resilience.max_retries",
        "actions.question.complexity.simple",
    ]  # fmt: skip
    assert "incidents.0.lasts" in [knob.name for knob in knobs_of(shipped("outage"))]
    mixed = shipped("one_big_model").set({**knobs_of(shipped("one_big_model"))[-1].positions[0].settings})
    assert str(mixed.document.actions["question"].complexity["simple"]) == "0.0"


@pytest.mark.parametrize(
    "name", ["reference", "two_regions", "retry_storm", "free_tier_abuse", "trace_replay", "routed"]
)
def test_positions_of_every_knob_can_be_set(name: str) -> None:
    scenario = shipped(name)
    bare = scenario.set({"knobs": None})
    for knob in knobs_of(scenario):
        for place in {0, knob.now, len(knob.positions) - 1}:
            bare.set(knob.positions[place].settings)


def copied(name: str, folder: Path) -> sk.Scenario:
    path = folder / f"{name}.yaml"
    path.write_text((ROOT / "scenarios" / f"{name}.yaml").read_text())
    return sk.load(path)


@pytest.mark.parametrize("name", ["support_chat", "founder", "rag", "agent_loop", "chat_history", "one_big_model"])
def test_what_is_saved_is_what_was_moved(name: str, tmp_path: Path) -> None:
    """Of all knobs moved at once, also those that lead into lists: the overlay means the same as `set`."""
    scenario = copied(name, tmp_path)
    settings: dict[str, object] = {}
    for knob in knobs_of(scenario):
        settings |= knob.positions[(knob.now + 3) % len(knob.positions)].settings
    saved = save_overlay(scenario, settings, "Mine & <b>yours</b>: #1", "mine")
    assert saved == tmp_path / "mine.yaml"
    wanted = scenario.set({**settings, "name": "Mine & <b>yours</b>: #1"})
    assert sk.load(saved).hash == wanted.hash != scenario.hash
    with pytest.raises(SaveError, match="is there already"):
        save_overlay(scenario, settings, "again", "mine.yaml")


@pytest.mark.parametrize("file", ["", "../x", "a/b", ".hidden", "a\\b", "a\0b"])
def test_nothing_is_saved_elsewhere(file: str, tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="plain name"):
        save_overlay(copied("founder", tmp_path), {"seed": 2}, "x", file)
    assert [one.name for one in tmp_path.iterdir()] == ["founder.yaml"]


def test_nothing_moved_is_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="nothing to save"):
        save_overlay(copied("founder", tmp_path), {}, "x", "mine")


@pytest.mark.slow
def test_a_knob_changes_what_is_seen_against_the_baseline() -> None:
    explorer = Explorer(shipped("support_chat"), preview=60_000, refined=120_000)
    first = explorer.preview()
    assert first.now is first.before and "Preview: from" in first.label
    explorer.move(0, len(explorer.knobs[0].positions) - 1)  # 10,000 users
    assert explorer.settings == {"traffic.users.daily_active": 10_000} and explorer.is_late(first)
    view = explorer.preview()
    assert view.before.metrics == first.now.metrics
    assert "of 7 d" in view.now.span and view.now.span in view.label
    assert view.now.metrics["success_rate"].value < 0.99 < view.before.metrics["success_rate"].value
    budgets = budget_rows(view.now, view.before)
    assert budgets["now"].min() < budgets["before"].min() - 0.2
    parts = cost_parts(view.now, view.before).set_index("part")
    assert parts.loc["own service", "now"] < parts.loc["own service", "before"]
    for one, column in ((view.now, "now"), (view.before, "before")):
        assert parts[column].sum() == pytest.approx(one.metrics["cost_per_action"].value, rel=1e-9)
    words = explore_figure(view.now, view.before).words
    assert "How long users wait" in words and "Error budget left" in words and "Cost per action" in words
    assert "success rate" in table_html(view) and "error budget left" in table_html(view)

    seen = []
    explorer.refine(seen.append).join()
    assert seen[0].refined and seen[0].now.actions > view.now.actions and "Refined: from" in seen[0].label
    explorer.pin()
    pinned = explorer.preview()
    assert pinned.now is pinned.before and pinned.now.metrics == view.now.metrics
    explorer.reset()
    back = explorer.preview()
    assert back.before.metrics == view.now.metrics and back.now.metrics == first.now.metrics


@pytest.mark.slow
def test_what_is_late_is_given_up() -> None:
    explorer = Explorer(shipped("support_chat"), preview=2_000, refined=400_000)
    seen = []
    thread = explorer.refine(seen.append)
    explorer.move(0, 0)
    thread.join(timeout=20)
    assert not thread.is_alive() and not seen


def test_a_port_that_is_taken_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["explore", str(ROOT / "scenarios" / "founder.yaml"), "--no-browser", "--port", port]) == 2
    assert f"--port {port}: Address already in use" in capfd.readouterr().err


def test_a_file_that_is_not_there_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "nowhere.yaml", "--no-browser"]) == 2
    assert "nowhere.yaml" in capfd.readouterr().err


def test_without_ipywidgets_the_install_line_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError, match=r"pip install 'simkit-llm\[app\]'"):
        explore(ROOT / "scenarios" / "founder.yaml")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["explore", str(ROOT / "scenarios" / "founder.yaml"), "--no-browser"]) == 2
    assert "pip install 'simkit-llm[app]'" in capfd.readouterr().err
