"""Every broken scenario in `broken/` gives exactly the page beside it, and none gives a traceback."""

from pathlib import Path

import pytest

from simkit.plan.trace import TraceError, read_trace
from simkit.scenario.errors import ScenarioError
from simkit.scenario.load import load

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(FOLDER.glob("*.yaml"))
JARGON = ("Input should", "pydantic", "validation error", "Traceback", "None", "type=", "dict", "str ")


def page_of(name: str) -> str:
    """What the user reads: the page of the scenario, or of its trace."""
    with pytest.raises((ScenarioError, TraceError)) as caught:
        scenario = load(name)
        assert scenario.trace_path is not None and scenario.document.traffic.trace is not None, "nothing was wrong"
        read_trace(scenario.trace_path, scenario.document.traffic.trace, blocks=True)
    return f"{caught.value}\n"


@pytest.fixture(autouse=True)
def _beside_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_page_is_the_expected_one(file: Path) -> None:
    page = page_of(file.name)
    assert page == file.with_suffix(".txt").read_text(encoding="utf-8")
    assert not [word for word in JARGON if word in page]


def test_there_are_many_of_them_and_each_has_its_page() -> None:
    assert len(FILES) >= 60
    assert {file.stem for file in FILES} == {file.stem for file in FOLDER.glob("*.txt")}


def test_a_file_with_many_mistakes_tells_all_in_one_pass() -> None:
    with pytest.raises(ScenarioError) as caught:
        load("many.yaml")
    lines = [problem.line for problem in caught.value.problems]
    assert len(lines) == 10
    assert lines == sorted(lines)


def test_knobs_of_any_quantity_have_their_ends_in_order(tmp_path: Path) -> None:
    file, well = tmp_path / "knobs.yaml", Path("knob_upside_down.yaml").read_text().partition("knobs:")[0]
    for path, low, high in (
        ("traffic.daily_active_users", "900", "1k"),
        ("slo.window", "20h", "1d"),
        ("models.gpt-4o.ttft", "900ms", "1s"),
        ("models.gpt-4o.errors.server_error", "9%", "20%"),
        ("service.cost", "$2/h", "$90/day"),
    ):
        file.write_text(f"{well}service: {{cost: $1/h}}\nknobs: {{{path}: [{low}, {high}]}}\n")
        load(file)
        file.write_text(f"{well}service: {{cost: $1/h}}\nknobs: {{{path}: [{high}, {low}]}}\n")
        with pytest.raises(ScenarioError, match="low end of this knob is above"):
            load(file)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text("name: x\n" + "# padding\n" * 600_000)
    with pytest.raises(ScenarioError, match="larger than 5 MB"):
        load(file)


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="folder, not a file"):
        load(tmp_path)
    (tmp_path / "founder.yaml").write_text("name: x")
    with pytest.raises(ScenarioError, match=r"no such file\.\n    Did you mean `founder.yaml`"):
        load(tmp_path / "fuonder.yaml")
