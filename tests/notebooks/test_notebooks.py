"""The notebooks run as they are, quickly with `fast`, and their results are right."""

import ast
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest

from simkit.report.execution import execute

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def run(notebook: Path, folder: Path, where: Path, **parameters: Any) -> nbformat.NotebookNode:
    """Execute a notebook in the working folder `where` and return it with its outputs."""
    done = execute(notebook, folder / notebook.name, parameters, where)
    assert not done.error, done.error
    return done.notebook


def tagged(notebook: nbformat.NotebookNode, tag: str) -> nbformat.NotebookNode:
    """The one cell with this tag."""
    (cell,) = (one for one in notebook.cells if tag in one.metadata.get("tags", []))
    return cell


def results(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """The dictionary that the cell tagged `results` shows."""
    cell = tagged(notebook, "results")
    found: dict[str, Any] = ast.literal_eval(cell.outputs[-1].data["text/plain"])
    return found


def shown(name: str, folder: Path) -> nbformat.NotebookNode:
    """A notebook, run fast, in which every picture shows once."""
    notebook = run(ROOT / "notebooks" / f"{name}.ipynb", folder, ROOT / "notebooks", fast=True)
    for cell in notebook.cells:
        last = cell.source.splitlines()[-1]
        if cell.cell_type == "code" and (".plot()" in last or "_figure(" in last):
            pictures = [one for one in cell.outputs if "image/png" in one.get("data", {})]
            assert len(pictures) == 1 == len(cell.outputs), cell.source
    return notebook


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_first_run_tells_its_story(tmp_path: Path) -> None:
    notebook = shown("01_first_run", tmp_path)
    card = tagged(notebook, "card").outputs[-1].data
    assert "Will it hold?" in card["text/html"] and "Will it hold?" in card["text/plain"]
    found = results(notebook)
    assert found["success_today"] > 0.97
    assert found["success_tomorrow"] < 0.9 < 0.97 < found["success_fixed"]
    assert "tokens" in found["first_limit"] and 300 < found["full_at_users"] < 10_000
    assert 100 < found["cost_per_month_today"] < 600
    assert found["simple_shares"] == sorted(found["simple_shares"]) and len(found["simple_shares"]) == 4
    for simulated, arithmetic in zip(found["savings"], found["savings_by_arithmetic"], strict=True):
        assert simulated == pytest.approx(arithmetic, abs=0.03)
    assert 0.40 < found["savings"][2] < 0.60, "the sourced mix saves 40 to 60 %"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_error_budget_tells_its_story(tmp_path: Path) -> None:
    found = results(shown("02_error_budget", tmp_path))
    assert found["budget_left_alone"] < 0 < found["budget_left_with_fallback"]
    assert found["budget_left_alone"] < found["budget_left_too_small"] < found["budget_left_with_fallback"] - 0.2
    assert found["detected_after_s"] < 1800
    assert found["success_softened"] > found["success_alone"] + 0.1 and found["people_share"] > 0.05
    assert found["most_attempts"] == 27
    assert found["success_in_the_storm"] < 0.5 and found["success_with_a_budget"] > 0.8
    assert found["openings_unseen"] == 0 < found["openings_seen"]
    assert found["left_seen"] < found["left_unseen"]
    assert found["p99_hedged"] < 0.85 * found["p99_once"] and 0.01 < found["hedge_rate"] < 0.12


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_unit_economics_tells_its_story(tmp_path: Path) -> None:
    found = results(shown("03_unit_economics", tmp_path))
    assert found["levers"]["shorter_prompt"] < -0.05 and found["levers"]["semantic_cache"] < -0.05
    for simulated, arithmetic in zip(found["savings"], found["savings_by_formula"], strict=True):
        assert simulated == pytest.approx(arithmetic, abs=0.06)
    assert found["savings"][0] < 0 < found["savings"][-1]
    assert 0.2 < found["exact_hit_rate"] < 0.7
    assert found["cost_capped"] < 0.8 * found["cost_grows"]
    assert 0 <= found["budget_overshoot"] < 0.01 and found["turned_away"] > 0.2
    assert found["cost_at_night"] < 0.95 * found["cost_at_once"]
    assert found["p95_at_night"] < found["p95_at_once"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_clean(path: Path) -> None:
    """No outputs, kernel python3, one cell of parameters, each typed and explained, one of them `fast: bool`."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert notebook.metadata.kernelspec.name == "python3"
    cell = tagged(notebook, "parameters")
    for line in cell.source.splitlines():
        (statement,) = ast.parse(line).body
        assert isinstance(statement, ast.AnnAssign) and statement.value is not None and "  # " in line, line
    assert "fast: bool = False" in cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_use_the_public_surface_only(path: Path) -> None:
    import simkit

    notebook = nbformat.read(path, as_version=4)
    tree = ast.parse("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))
    imported = [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    imported += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [name for name in imported if name.startswith("simkit")] == ["simkit"]
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sk"
    }
    assert used <= set(simkit.__all__)


def test_the_parameters_are_inspectable() -> None:
    found = papermill.inspect_notebook(NOTEBOOKS[0])
    assert found["fast"]["inferred_type_name"] == "bool" and found["users_tomorrow"]["default"] == "10_000"
    assert len(found) == 8 and all(one["help"] for one in found.values())
    for notebook in NOTEBOOKS[1:]:
        found = papermill.inspect_notebook(notebook)
        assert found["fast"]["inferred_type_name"] == "bool" and all(one["help"] for one in found.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_regions_tells_its_story(tmp_path: Path) -> None:
    found = results(shown("05_regions", tmp_path))
    assert 60 < found["detected_s"] < 100 < found["failover_time"] < 240
    assert 0 < 3 * found["lost_with_headroom"] < found["lost_without"]
    assert found["p95_with_headroom"] < 8 < found["p95_without"]
    assert 0.05 < found["headroom_share"] < 0.25
    assert found["success_own_caches"] < found["success_shared_cache"]
    assert found["breaches"] == 0 < found["rejected_for_residency"]
    assert found["replicas_mean"] < found["replicas_peaks"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_growth_tells_what_breaks_and_what_reliability_is_worth(tmp_path: Path) -> None:
    found = results(shown("04_growth", tmp_path))
    assert found["breaks"] and found["daily_active_end"] > 300
    assert 0.3 < found["retention_4w"] < 0.5 and 0.05 < found["driven_away"] < 0.5
    assert found["active"] < found["active_if_nobody_minded"]
    assert found["let_down"] > 2 * found["let_down_roomy"]
    assert found["quota_rejected"] > 0.05 and found["moved"] > 10
    assert found["margin"] > 0.5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_explore_opens_its_page(tmp_path: Path) -> None:
    notebook = run(ROOT / "notebooks" / "06_explore.ipynb", tmp_path, ROOT / "notebooks", fast=True)
    (shown,) = [one for one in tagged(notebook, "page").outputs if "data" in one]
    assert "application/vnd.jupyter.widget-view+json" in shown.data
    texts = [str(one["state"].get("value", "")) for one in notebook.metadata.widgets.popitem()[1]["state"].values()]
    assert any("Will it hold?" in text for text in texts) and any("<img " in text and " alt=" in text for text in texts)
