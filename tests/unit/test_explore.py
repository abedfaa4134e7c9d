"""The explore page without a browser: knobs, what they set, the picture's data, the baseline, what is saved."""

import socket
import sys
from pathlib import Path

import pytest

import simkit as sk
from simkit.cli import main
from simkit.report.explore.explorer import Explorer
from simkit.report.explore.figure import budget_place, budget_rows, cost_parts, explore_pictures
from simkit.report.explore.glimpse import DAY_NS, Size
from simkit.report.explore.knobs import between, knobs_of, panel_of
from simkit.report.explore.overlay import SaveError, save_overlay
from simkit.report.explore.page import ONE_RUN, Page, explore, pictures_html, table_html
from simkit.report.explore.serve import address, lab_command
from simkit.scenario.knobs import knob_findings
from simkit.study.gate import named_checks

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


def test_growth_can_be_moved_without_being_named() -> None:
    """Users at the start and sign-ups are the load of a scenario that grows, in every form they are written in."""
    labels = {name: [knob.label for knob in knobs_of(shipped(name))][:3] for name in GROWING}
    assert labels == GROWING
    scenario = shipped("launch_spike")
    launch = next(knob for knob in knobs_of(scenario) if "launch" in knob.name)
    bigger = scenario.set(launch.positions[-1].settings).document.traffic.users.growth.acquisition
    assert [one.launch.users if one.launch else one.constant for one in bigger] == [40, 20_000]


GROWING = {
    "growth_100_to_10k": ["Users at the start", "Sign-ups in the first week", "Sign-ups that follow the launch"],
    "runway": ["Users at the start", "Sign-ups a week at most", "Price of gpt-4o, factor"],
    "free_tier": ["Users at the start", "Sign-ups in the first week", "Price of gpt-4o, factor"],
    "launch_spike": ["Users at the start", "Sign-ups a week", "Sign-ups that follow the launch"],
}


def test_a_knob_says_in_words_what_it_moves_and_where_that_stands() -> None:
    found = {knob.label: knob.about for name in ("breaker_flapping", "routed") for knob in knobs_of(shipped(name))}
    assert found["Price of gpt-4o, factor"].startswith("models.gpt-4o.deployments.0.price_uplift: Factor on all prices")
    assert "How long the incident lasts (elevated errors)" in found
    assert "Simple questions on the wrong route (answer)" in found


def test_every_shipped_knob_reaches_both_its_ends() -> None:
    for path in sorted((ROOT / "scenarios").glob("*.yaml")):
        scenario = sk.load(path)
        assert not list(knob_findings(scenario)) and not panel_of(scenario).notes, path.name


MEDIAN = "models.gpt-4o.ttft.median"


def with_knobs(text: str, folder: Path) -> sk.Scenario:
    path = folder / "mine.yaml"
    path.write_text((ROOT / "scenarios" / "founder.yaml").read_text() + f"knobs: {{{text}}}\n")
    return sk.load(path)


def test_a_knob_that_cannot_go_to_its_end_says_why(tmp_path: Path) -> None:
    """A median above the 95th percentile: the knob goes as far as it can; the others are as they are."""
    scenario = with_knobs(f"{MEDIAN}: [0.1s, 5s], traffic.users.daily_active: [100, 1000]", tmp_path)
    panel = panel_of(scenario)
    assert [knob.name for knob in panel.knobs] == [MEDIAN, "traffic.users.daily_active"]
    assert [one.text for one in (panel.knobs[0].positions[0], panel.knobs[0].positions[-1])] == ["0.1s", "860ms"]
    (note,) = panel.notes
    assert MEDIAN in note and "p95 is not above median" in note
    (found,) = (one for one in named_checks(scenario) if one.name == "knob_out_of_reach")
    assert found.outcome == "warn" and found.path == f"knobs.{MEDIAN}" and "p95 is not above median" in found.detail


def test_without_a_slider_the_page_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = panel_of(with_knobs(f"{MEDIAN}: [2s, 5s]", tmp_path))
    assert not panel.knobs and "cannot be moved: at 5s the scenario is not valid" in panel.notes[0]
    monkeypatch.setattr("simkit.report.explore.knobs.suspects", lambda _: ())
    page = Page(Explorer(copied("founder", tmp_path), preview=500, refined=500))
    said = [one.value for one in page.widget.children[1].children[0].children]
    assert len(said) == 1 and "There is nothing to move" in said[0]


def test_a_knob_for_what_is_not_written_begins_with_what_holds(tmp_path: Path) -> None:
    (knob,) = knobs_of(with_knobs("service.replicas: [2, 4]", tmp_path))
    assert [one.text for one in knob.positions] == ["as it is", "2", "3", "4"] and knob.now == 0
    assert knob.positions[0].settings == {}


def test_the_command_names_the_knob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("simkit.report.explore.serve.serve", lambda *_: 0)
    with_knobs(f"{MEDIAN}: [0.1s, 5s]", tmp_path)
    assert main(["explore", str(tmp_path / "mine.yaml"), "--no-browser"]) == 0
    assert f"knobs.{MEDIAN}: At its end 5s" in capfd.readouterr().err


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


@pytest.mark.parametrize("title", ["", "  "])
def test_a_scenario_is_not_saved_without_a_title(title: str, tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="title"):
        save_overlay(copied("founder", tmp_path), {"seed": 2}, title, "mine")
    assert [one.name for one in tmp_path.iterdir()] == ["founder.yaml"]


def test_too_much_is_cut_to_whole_days_and_runs_fill_what_is_asked_for() -> None:
    week = Size(7 * DAY_NS, 350_000.0)
    assert week.cut(1_000_000) == 7 * DAY_NS and week.runs(1_000_000, 7 * DAY_NS) == 3
    assert week.cut(150_000) == 3 * DAY_NS and week.runs(150_000, 3 * DAY_NS) == 1
    small = Size(7 * DAY_NS, 35_000.0)
    assert small.cut(150_000) == 7 * DAY_NS and small.runs(150_000, 3 * DAY_NS) == 10


def test_budgets_far_below_zero_are_told_apart() -> None:
    places = [budget_place(left) for left in (-7.85, -2.89, -1.0, -0.5, 0.0, 1.0)]
    assert places[2:] == [-1.0, -0.5, 0.0, 1.0]
    assert places[0] < places[1] - 0.2 < places[2] - 0.4


@pytest.mark.slow
def test_a_knob_changes_what_is_seen_against_the_baseline() -> None:
    explorer = Explorer(shipped("support_chat"), preview=60_000, refined=120_000)
    first = explorer.preview()
    assert first.now is first.before and "Preview: from" in first.label
    explorer.move(0, len(explorer.knobs[0].positions) - 1)  # 10,000 users
    assert explorer.settings == {"traffic.users.daily_active": 10_000} and explorer.is_late(first)
    view = explorer.preview()
    assert "of 7 d" in view.now.span and view.now.span in view.label and view.now.runs == 1
    assert view.before.span == view.now.span, "the baseline is of the same days"
    assert view.before.actions != first.now.actions and ONE_RUN in table_html(view)
    assert view.now.metrics["success_rate"].value < 0.99 < view.before.metrics["success_rate"].value
    budgets = budget_rows(view.now, view.before)
    assert budgets["now"].min() < budgets["before"].min() - 0.2
    parts = cost_parts(view.now, view.before).set_index("part")
    assert parts.loc["own service", "now"] < parts.loc["own service", "before"]
    for one, column in ((view.now, "now"), (view.before, "before")):
        assert parts[column].sum() == pytest.approx(one.metrics["cost_per_action"].value, rel=1e-9)
    assert parts.loc["retries", "now"] == parts["now"].max() > 10 * parts.loc["retries", "before"]
    words = [one.words for one in explore_pictures(view.now, view.before)]
    titles = ("How long users wait", "Error budget left", "Cost per action")
    assert all(one.startswith(title) for one, title in zip(words, titles, strict=True))
    assert "retries" in words[2] and "; others" not in words[2]
    assert "success rate" in table_html(view) and "error budget left" in table_html(view)

    seen = []
    explorer.refine(seen.append).join()
    assert seen[0].refined and seen[0].now.actions > view.now.actions and "Refined: from" in seen[0].label
    explorer.pin()
    pinned = explorer.preview()
    assert pinned.now is pinned.before and pinned.now.metrics == view.now.metrics
    explorer.reset()
    back = explorer.preview()
    assert back.before.metrics == view.now.metrics and back.now.span == view.now.span


@pytest.mark.slow
def test_what_is_late_is_given_up() -> None:
    explorer = Explorer(shipped("support_chat"), preview=2_000, refined=400_000)
    seen = []
    thread = explorer.refine(seen.append)
    explorer.move(0, 0)
    thread.join(timeout=20)
    assert not thread.is_alive() and not seen


def test_without_an_slo_there_is_no_empty_picture(tmp_path: Path) -> None:
    scenario = copied("founder", tmp_path).set({"slo": None})
    view = Explorer(scenario, preview=2_000, refined=4_000).preview()
    pictures = explore_pictures(view.now, view.before)
    assert [one.words.partition(".")[0] for one in pictures] == ["How long users wait", "Cost per action"]
    assert pictures_html(pictures).count("<img") == 2


def test_where_nobody_succeeds_there_is_no_cost_per_action(tmp_path: Path) -> None:
    scenario = copied("founder", tmp_path).set({"resilience.timeout": "1ms", "horizon": "1d"})
    page = Page(Explorer(scenario, preview=500, refined=500))
    view = page.explorer.preview()
    assert view.now.metrics["success_rate"].value == 0 and not view.now.cost
    assert "none succeeded" in explore_pictures(view.now, view.before)[-1].words


def test_lab_serves_root_too_and_its_address_has_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--allow-root" in lab_command(Path("explore.ipynb"), 8899, False)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--allow-root" not in lab_command(Path("explore.ipynb"), 8899, False)
    assert address(8899, "abc") == "http://127.0.0.1:8899/lab/tree/explore.ipynb?token=abc"


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
