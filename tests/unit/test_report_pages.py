"""Pages of reports: whole files, safe names, nothing asked of anybody, words for every picture."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pandas as pd
import pytest

import simkit as sk
from simkit.report import folder, html
from simkit.report.execution import RECORD, Executed
from simkit.report.index import index_rows, write_index
from simkit.report.reports import plan
from simkit.report.style import canvas, nothing, title
from simkit.result.page import Grid

ROOT = Path(__file__).parents[2]
HOSTILE = ["<script>alert(1)</script>", "../../x", "..", "", "/etc/passwd", "a\x00b", "con\n", "x" * 500, "Ünï çødé"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_folder_name_can_do_no_harm(name: str) -> None:
    found = folder.slug(name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,60}", found)
    assert not found.startswith("-")


def test_a_usual_name_stays() -> None:
    assert folder.slug("support_chat") == "support_chat"


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    place = tmp_path / "a" / "key"
    with pytest.raises(RuntimeError), folder.drafted(place) as draft:
        (draft / "half").write_text("x")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    for text in ("one", "two"):
        with folder.drafted(place) as draft:
            (draft / "whole").write_text(text)
    assert (place / "whole").read_text() == "two"
    assert [one.name for one in place.parent.iterdir()] == ["key"]


def test_a_folder_that_failed_leaves_no_empty_one_around_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), folder.drafted(tmp_path / "scenario" / "key"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_latest_leads_to_the_last_that_did_not_fail(tmp_path: Path) -> None:
    for day, (name, status) in enumerate([("one", "failed"), ("two", "done"), ("three", "done"), ("four", "failed")]):
        (tmp_path / name).mkdir()
        about = {"status": status, "made": f"2026-11-2{day}T10:00:00+00:00"}
        (tmp_path / name / "summary.json").write_text(json.dumps(about))
        folder.link_latest(tmp_path)
        assert (tmp_path / "latest").exists() == (name != "one")
    assert (tmp_path / "latest").resolve() == (tmp_path / "three").resolve()
    for name in ("two", "three"):
        (tmp_path / name / "summary.json").write_text('{"status": "failed"}')
    folder.link_latest(tmp_path)
    assert not (tmp_path / "latest").is_symlink()


def test_the_index_marks_parameters_and_counts_only_what_fails_now(tmp_path: Path) -> None:
    """A failure that was mended since is gone; one that came back, or with other parameters, is not."""
    reports = [
        ("mended/old", {"status": "failed", "error": "x"}), ("mended/new", {}),
        ("broke/old", {}), ("broke/new", {"status": "failed", "error": "`y` is gone"}),
        ("other/old", {"status": "failed", "error": "z", "changed": {"fast": True}}), ("other/new", {}),
        ("quick/new", {"changed": {"fast": True, "replications": 5}}),
    ]  # fmt: skip
    for place, values in reports:
        (tmp_path / place).mkdir(parents=True)
        about = {"status": "done", "made": "2026-11-22" if place.endswith("new") else "2026-11-21"} | values
        (tmp_path / place / "summary.json").write_text(json.dumps(about))
    rows = index_rows(tmp_path)
    assert sorted((row["place"], bool(row["error"])) for row in rows) == [
        ("broke", False), ("broke", True), ("mended", False), ("other", False), ("other", True), ("quick", False),
    ]  # fmt: skip
    text = write_index(tmp_path).read_text()
    assert "2 failed" in text and "fast, replications 5" in text and "<code>y</code>" in text


def notebook(*outputs: dict[str, object], tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook()
    shown = [nbformat.v4.new_output("display_data", data=data) for data in outputs]
    made.cells = [nbformat.v4.new_code_cell("secret = 1", outputs=shown, metadata={"tags": list(tags)})]
    return made


def test_a_page_runs_no_script_and_asks_nobody() -> None:
    text = html.notebook_page(notebook({"text/html": "<p>hello</p>"}), "<script>alert(1)</script>")
    assert "<p>hello</p>" in text and "secret" in text
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=[\"']?https?:", text)


def test_tags_hide_code_and_cells() -> None:
    hidden = html.notebook_page(notebook({"text/html": "<p>hello</p>"}, tags=("remove-input",)), "x")
    assert "hello" in hidden and "secret" not in hidden
    gone = html.notebook_page(notebook({"text/html": "<p>hello</p>"}, tags=("remove-cell",)), "x")
    assert "hello" not in gone and "secret" not in gone


def test_a_cell_that_raised_is_shown_with_its_code() -> None:
    made = notebook(tags=("remove-cell",))
    made.cells[0].outputs = [
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])
    ]
    text = html.notebook_page(made, "x")
    assert "secret" in text and "ValueError: no" in text


def test_a_picture_has_words() -> None:
    picture, (ax,) = canvas(2.0)
    title(ax, "Cost of $1 by model")
    ax.set(xlabel="USD", ylabel="model")
    ax.annotate("p95\n5 s", (0, 0))
    data, about = picture._repr_mimebundle_()
    assert about["image/png"]["alt"] == "Cost of $1 by model. model against USD. p95 5 s." == data["text/plain"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x")])
    made.cells[0].outputs = [nbformat.v4.new_output("display_data", data={"image/png": "AAAA"}, metadata=about)]
    assert 'alt="Cost of $1 by model. model against USD. p95 5 s."' in html.notebook_page(made, "x")


def test_words_pair_names_with_values() -> None:
    """A row's name with what stands at it, and labels at one place with one another."""
    picture, (ax,) = canvas(2.0)
    ax.barh([0, 1], [2, 3])
    ax.set_yticks([0, 1], ["gpt-4o", "own"])
    ax.annotate("$2", (2, 0))
    ax.annotate("$3", (1, 1), xycoords=("axes fraction", "data"))
    for text in ("us", "50 %"):
        ax.text(0.5, 0.7, text)
    title(ax, "Cost")
    assert picture.words == "Cost. gpt-4o: $2; own: $3; us: 50 %."


def test_words_of_nothing_end_once_and_long_ones_between_labels() -> None:
    assert nothing("No limits: nothing can be full.").words == "No limits: nothing can be full."
    picture, (ax,) = canvas(2.0)
    for i in range(200):
        ax.annotate(f"label {i}", (i, i))
    assert picture.words.endswith("and more.") and re.search(r"label \d+; and more", picture.words)


def test_a_page_says_what_was_not_as_usual() -> None:
    text = html.notebook_page(notebook({"text/html": "x"}), "x", "Made with `fast = True` (<b>).")
    assert "<code>fast = True</code> (&lt;b&gt;)" in text


def test_what_a_notebook_records_is_found() -> None:
    made = notebook({"text/plain": "", RECORD: {"a": 1}}, {"text/plain": "", RECORD: {"a": 2, "b": 3}})
    assert Executed(made).record == {"a": 2, "b": 3}


def summarised(root: Path, place: str, **values: object) -> None:
    (root / place / "key").mkdir(parents=True)
    about = {"scenario": place, "notebook": "report", "status": "done", "made": "2026-11-22T10:00:00+00:00"} | values
    (root / place / "key" / "summary.json").write_text(json.dumps(about))


def test_the_index_names_all_and_is_safe(tmp_path: Path) -> None:
    result = {"metrics": {"success_rate": {"value": 0.9982}, "latency_p95": {"value": 5.26}}}
    hold = [{"question": "Will it hold?", "text": "Yes: 99 % succeed.", "tone": "good"}]
    summarised(tmp_path, "good", scenario="<script>x</script>", answers=hold, result=result, expectations={"pass": 2})
    summarised(tmp_path, "bad", status="failed", error="cell 3: ValueError: <b>no</b>")
    summarised(tmp_path, "both", headlines=["it costs less"])
    summarised(tmp_path, "own")
    (tmp_path / "broken" / "key").mkdir(parents=True)
    (tmp_path / "broken" / "key" / "summary.json").write_text("{")
    folder.link_latest(tmp_path / "good")
    text = write_index(tmp_path).read_text()
    assert len(index_rows(tmp_path)) == 4
    assert "<script" not in text and "&lt;script&gt;" in text and "<b>no</b>" not in text
    assert "ValueError" in text and "1 failed" in text and "it costs less" in text
    assert "99.82 %" in text and "5.26 s" in text and "2 pass" in text and 'href="good/key/report.html"' in text


def test_the_key_is_of_all_that_makes_a_report(tmp_path: Path) -> None:
    template = ROOT / "simkit" / "report" / "notebooks" / "report.ipynb"
    other = tmp_path / "report.ipynb"
    other.write_text(template.read_text() + "\n")
    from simkit.report.parameters import parameters_of

    known, file = parameters_of(template), ROOT / "scenarios" / "founder.yaml"
    founder = sk.load(file)

    def key(scenario: sk.Scenario = founder, notebook: Path = template, **values: object) -> str:
        return plan([(file, scenario)], notebook, values, known, tmp_path)[0].key

    changed = [
        key(founder.set({"traffic.daily_active_users": 301})), key(founder.set({"name": "Other"})),
        key(notebook=other), key(fast=True), key(seed=7),
    ]  # fmt: skip
    assert key() == key() and len({key(), *changed}) == 6


def test_files_of_one_name_get_folders_of_their_own(tmp_path: Path) -> None:
    from simkit.report.parameters import parameters_of

    template = ROOT / "simkit" / "report" / "notebooks" / "report.ipynb"
    founder = sk.load(ROOT / "scenarios" / "founder.yaml")
    pairs = [(tmp_path / "a" / "x.yaml", founder), (tmp_path / "b" / "x.yaml", founder.set({"seed": 2}))]
    found = plan(pairs, template, {}, parameters_of(template), tmp_path)
    assert len({one.folder.parent for one in found}) == 2


COST = ["Cost by model", "Where the money goes over time"]
NO_DEPLOY = {"caches.exact.emptied": None, "caches.semantic.emptied": None}


@pytest.mark.parametrize(
    ("name", "changes", "money", "trouble"),
    [
        ("founder", {"horizon": "2h"}, COST, []),
        ("cold_start", {"horizon": "10min", **NO_DEPLOY}, [*COST, "Caches warming up"], []),
        ("two_regions", {"horizon": "10min"}, COST, ["Who serves over time", "From users to regions"]),
    ],
)
def test_pictures_are_of_what_there_is(
    name: str, changes: dict[str, object], money: list[str], trouble: list[str]
) -> None:
    result = sk.load(ROOT / "scenarios" / f"{name}.yaml").set(changes).run(replications=1, engine="reference")
    for chapter, titles in (("money", money), ("trouble", trouble)):
        seen = [one.axes[0].get_title(loc="left") for one in sk.report.pictures(result, chapter)]
        assert [one for one in seen if one != "Why actions were not ok" or one in titles] == titles


NOTHING = """
name: Nothing promised
horizon: 10min
warmup: 0s
traffic: {rate: 20/min}
actions: {ask: {calls: [{name: a, model: m, input: 900, output: 20}]}}
models: {m: {ttft: 1s, tokens_per_second: 10, prices: {input: $1, output: $2}, deployments: [{provider: p}]}}
"""


def test_a_report_has_no_picture_of_nothing(tmp_path: Path) -> None:
    """Without limits, objectives and growth there are no such pictures, and no empty paragraphs."""
    (tmp_path / "x.yaml").write_text(NOTHING)
    result = sk.load(tmp_path / "x.yaml").run(replications=1, engine="reference")
    for chapter in ("promises", "limits", "growth", "trouble"):
        assert not list(sk.report.pictures(result, chapter)), chapter
    assert not sk.report.part(result, "Nothing of that name").blocks and not sk.report.rest(result).blocks
    (grid, _) = sk.report.metrics(result).blocks
    assert isinstance(grid, Grid) and all(row[3].endswith(".") for row in grid.rows)


def incidents(count: int) -> pd.DataFrame:
    begin = pd.Timestamp("2026-11-23 10:00", tz="UTC")
    return pd.DataFrame(
        {
            "name": "outage", "replication": -1, "start": [begin + pd.Timedelta(hours=i) for i in range(count)],
            "time_to_detect_s": 240.0, "lost": 12.0, "degraded": 0.0, "abandoned": 1.0, "budget_spent": 0.02,
            "extra_cost_usd": -1.5, "recovery_s": float("nan"),
        }
    )  # fmt: skip


@pytest.mark.parametrize(("count", "rows", "more"), [(6, 0, ""), (7, 7, ""), (50, 20, "30 more, with less harm")])
def test_a_table_that_is_referred_to_is_in_the_document(count: int, rows: int, more: str) -> None:
    of: Any = SimpleNamespace(reviews=incidents(count), failovers=pd.DataFrame())
    text = sk.report.rest(of)._repr_html_()
    assert text.count("outage") == rows and more in text
    if rows:
        assert (
            "The table <code>reviews</code>" in text
            and "Mon 23 Nov 10:00" in text
            and "every" in text
            and "-$1.50" in text
        )
