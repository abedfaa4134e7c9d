"""The presets as tables, and in the resolved form: every field of both layers, with where it comes from."""

from pathlib import Path

import pytest

from simkit.cli import main
from simkit.scenario.load import load
from simkit.scenario.preset_table import COLUMNS, fields, overview
from simkit.scenario.presets import PRESETS, preset
from simkit.scenario.resilience import OUTER, LayerFields

README = Path(__file__).parents[2] / "README.md"
SMALL = """
name: Small
extends: simkit:openai_anthropic
traffic: {rate: 1/min}
actions: {answer: {calls: [{name: draft, model: gpt-4o, input: 500, output: 100}]}}
"""
IDS = [one.id for one in PRESETS]


def full(folder: Path, client: str, gateway: str = "") -> list[str]:
    """The lines of `resilience` in the resolved form."""
    said = f"client: {client}" + (f", gateway: {gateway}" if gateway else "")
    path = folder / "small.yaml"
    path.write_text(f"{SMALL}resilience: {{{said}}}\n")
    lines = load(path).resolved().splitlines()
    first = lines.index("resilience:")
    rest = [place for place, line in enumerate(lines) if place > first and not line.startswith(" ")]
    return lines[first : rest[0]]


def keys(lines: list[str], layer: str) -> set[str]:
    """The settings written below a layer."""
    first = lines.index(f"  {layer}:")
    found = set()
    for line in lines[first + 1 :]:
        if not line.startswith("    "):
            break
        if line[4] != " ":
            found.add(line.strip().split(":")[0])
    return found


@pytest.mark.parametrize("name", IDS)
def test_the_resolved_form_shows_every_field_and_its_preset(name: str, tmp_path: Path) -> None:
    lines = full(tmp_path, "openai_sdk", name)
    assert keys(lines, "gateway") == {"preset", *LayerFields.model_fields}
    assert keys(lines, "client") == {"preset", *OUTER}
    text = "\n".join(lines)
    one = preset(name)
    assert f"{one.id}" in text and f"{one.source} ({one.date})" in text
    assert f"default of {one.id}" in text and "default of openai_sdk@3" in text
    unsaid = [line for line in lines if line[:6].isspace() and line.endswith("# default")]
    assert not unsaid, "what a preset says is no mere default"


@pytest.mark.parametrize("name", IDS)
def test_as_a_client_alone_too(name: str, tmp_path: Path) -> None:
    lines = full(tmp_path, name)
    assert keys(lines, "client") == {"preset", *LayerFields.model_fields}
    assert f"{preset(name).source} ({preset(name).date})" in "\n".join(lines)


@pytest.mark.parametrize("name", IDS)
def test_the_table_of_one_has_every_field_with_help(name: str) -> None:
    rows = fields(name)
    assert {path.split(".")[0] for path, _, _ in rows} == set(LayerFields.model_fields)
    assert all(value and text for _, value, text in rows)


def test_the_overview_says_what_the_presets_say() -> None:
    rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in overview()}
    assert list(rows) == IDS
    assert rows["openai_sdk@3"]["Retry-After"] == "up to 2min; longer: gives up"
    assert rows["litellm@1.109"]["wait before them"].endswith("plus 0 to 750ms; none with a healthy peer")
    assert rows["envoy@1.30"]["breaker"] == "5 in a row or far below the others; then 30s off, growing to 5min"
    assert rows["none@1"]["retries"] == "0"


def test_the_command_prints_all_one_and_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in IDS) and "openai 3.54.0" in printed
    assert main(["presets", "litellm"]) == 0
    printed = capsys.readouterr().out
    assert "breaker.cooldown " in printed and "litellm@1.109" in printed and "What it leaves out" in printed
    assert main(["presets", "litelm"]) == 2
    assert "Did you mean `litellm`?" in capsys.readouterr().err


def test_the_readme_has_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "--markdown"]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed in README.read_text(encoding="utf-8"), f"Paste this into the README:\n{printed}"
