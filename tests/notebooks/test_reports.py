"""`simkit report` from end to end: what is written, what is kept when something goes wrong, and what is said."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

import simkit as sk
from simkit.cli import main
from simkit.cli.report import scenarios_in
from simkit.report.folder import summaries

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
FOUNDER = SCENARIOS / "founder.yaml"
RECORD = """\
from IPython.display import display
said = {"headlines": [scenario.rsplit("/", 1)[-1]]}
display({"application/vnd.simkit.summary+json": said, "text/plain": ""}, raw=True)"""
pytestmark = pytest.mark.filterwarnings("ignore")


def own_notebook(folder: Path, *cells: str, name: str = "own") -> Path:
    """A notebook of one's own, which takes a second."""
    made = nbformat.v4.new_notebook()
    parameters = 'scenario: str = "x.yaml"  # the file\ncount: int = 1  # how many'
    made.cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    made.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    if name == "own":  # the others name none, as `new_notebook` makes them
        made.metadata["kernelspec"] = {"name": "no_such_kernel", "display_name": "Nobody has it", "language": "python"}
    path = folder / f"{name}.ipynb"
    nbformat.write(made, path)
    return path


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-p", "usres=1"], "no such parameter"),
        (["-p", "replications=many"], "this is not a whole number"),
        (["-p", "replications=-5"], "this is not within 0 and 10000"),
        (["-p", "seed=-7"], "this is not within -1 and"),
        (["-p", "fast=perhaps", "-p", "seed=x"], "this is not true or false"),
        (["--notebook", "nowhere.ipynb"], "No such file"),
        (["--notebook", "comparison"], "at least two files"),
        (["nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_bad_input_is_one_page_and_nothing_is_written(
    arguments: list[str], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(FOUNDER), "--out", str(tmp_path / "out"), *arguments]) == 2
    text = capfd.readouterr().err
    assert said in text and "Traceback" not in text
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["report", str(FOUNDER), "--out", str(tmp_path / "file" / "out")]) == 2
    assert "Nothing was run" in capfd.readouterr().err


@pytest.mark.slow
def test_a_notebook_that_raises_is_kept_and_the_others_are_made(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Three files side by side, one of which fails in cell 3; then the same again, and nothing is run twice."""
    hostile = tmp_path / "<script>.yaml"
    hostile.write_text(f"extends: {FOUNDER}\nname: '../../<script>alert(1)</script>'\n")
    other = tmp_path / "other.yaml"
    other.write_text(f"extends: {FOUNDER}\n")
    notebook = own_notebook(
        tmp_path, "count += 1", "if 'other' in scenario: raise ValueError('too <b>small</b>')", RECORD
    )
    out, command = tmp_path / "out", ["report", str(FOUNDER), str(hostile), str(other), "--notebook", str(notebook)]
    command += ["--out", str(out), "--jobs", "2", "-p", "count=4"]

    assert main(command) == 3
    text = capfd.readouterr().err
    assert "1 of 3 failed: other" in text and "cell 3" not in text.split("FAILED")[0] and "ValueError: too" in text
    found = {folder.parent.name: (folder, summary) for folder, summary in summaries(out)}
    assert set(found) == {"founder", "script", "other"}
    assert {name: summary["status"] for name, (_, summary) in found.items()} == {
        "founder": "done", "script": "done", "other": "failed",
    }  # fmt: skip
    folder, summary = found["founder"]
    assert summary["headlines"] == ["founder.yaml"] and summary["parameters"]["count"] == 4
    assert {one.name for one in folder.iterdir()} == {"report.html", "report.ipynb", "scenario.yaml", "summary.json"}
    assert (folder.parent / "latest").resolve() == folder.resolve()
    assert "too &lt;b&gt;small" in (found["other"][0] / "report.html").read_text()
    index = (out / "index.html").read_text()
    assert "ValueError" in index and "<script" not in index and "<b>small" not in index
    assert sorted(one.name for one in tmp_path.iterdir()) == ["<script>.yaml", "other.yaml", "out", "own.ipynb"]

    written = {name: one[0].stat().st_mtime_ns for name, one in found.items()}
    assert main(command) == 3
    assert capfd.readouterr().err.count("was made before") == 2
    now = {folder.parent.name: folder.stat().st_mtime_ns for folder, _ in summaries(out)}
    assert {name for name in now if now[name] != written[name]} == {"other"}


def test_in_a_folder_only_scenarios_are_taken(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A stray YAML file is named and left out; a scenario with a mistake is not; without any the folder is refused."""
    (tmp_path / "compose.yaml").write_text("services:\n  models: {image: x}\n")
    (tmp_path / "mine.yaml").write_text(f"extends: {FOUNDER}\n")
    assert list(scenarios_in((tmp_path,))) == [tmp_path / "mine.yaml"]
    assert "no scenarios: compose.yaml" in capfd.readouterr().err
    (tmp_path / "wrong.yaml").write_text("traffic: {rate: [}\n")
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "wrong.yaml" in capfd.readouterr().err
    for name in ("mine", "wrong"):
        (tmp_path / f"{name}.yaml").unlink()
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "there is no scenario in this folder" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_goes_on_where_it_was(end: signal.Signals, tmp_path: Path) -> None:
    """Ctrl-C, or a polite end, while the second notebook sleeps: exit 130, the first is there, no kernel lives on."""
    second = tmp_path / "second.yaml"
    second.write_text(f"extends: {FOUNDER}\n")
    mark = tmp_path / "asleep"
    sleeps = (
        f"import os, time, pathlib\nif 'second' in scenario and not pathlib.Path({str(tmp_path / 'go')!r}).exists():\n"
    )
    sleeps += f"    pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\n    time.sleep(60)"
    notebook = own_notebook(tmp_path, sleeps, name="without_kernel")
    command = [sys.executable, "-m", "simkit", "report", str(FOUNDER), str(second), "--notebook", str(notebook)]
    command += ["--out", str(tmp_path / "out"), "--jobs", "1"]
    running = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 60
    while not mark.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    kernel = int(mark.read_text())
    os.kill(running.pid, end)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert "1 of 2 reports are in" in said and "Traceback" not in said and "Kernel died" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)
    assert [folder.parent.name for folder, _ in summaries(tmp_path / "out")] == ["founder"]
    assert (tmp_path / "out" / "index.html").exists()
    assert not list((tmp_path / "out").glob("*/.*")) and not (tmp_path / "out" / "second").exists()

    (tmp_path / "go").touch()
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and "was made before" in done.stderr


MOUNT = 'mkdir -p $1 && mount -t tmpfs -o size=64k tmpfs $1 && shift && exec "$@"'


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    test = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """On a file system of 64 kB the report does not fit: exit 3, its reason, and no half of it."""
    if not can_mount():
        pytest.skip("nobody may mount a small tmpfs here")
    notebook = own_notebook(tmp_path, "print('x' * 200_000)")
    out = tmp_path / "full"
    look = f"import pathlib; print([str(one) for one in pathlib.Path({str(out)!r}).rglob('*') if one.is_file()])"
    command = f"{sys.executable} -m simkit report {FOUNDER} --notebook {notebook} --out {out}; "
    command += f'code=$?; {sys.executable} -c "{look}"; exit $code'
    whole = ["unshare", "-rm", "sh", "-c", MOUNT, "sh", str(out), "sh", "-c", command]
    done = subprocess.run(whole, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr
    assert "No space left on device" in done.stderr and "Traceback" not in done.stderr
    assert "What they showed" not in done.stderr
    assert "report." not in done.stdout and "summary" not in done.stdout


def checked_page(path: Path) -> str:
    """The text of a page that is whole in itself."""
    text = path.read_text()
    assert path.stat().st_size < 3_000_000
    assert "<script" not in text and "# Parameters" not in text
    assert not re.search(r"(src|href)=[\"']?(https?:|//)", text) and "url(" not in text
    images = re.findall(r"<img[^>]*>", text)
    assert images and all(re.search(r'alt="[^"]{20,}"', one) for one in images)
    return text


@pytest.mark.slow
def test_the_report_reads_as_a_document(tmp_path: Path) -> None:
    command = ["report", str(SCENARIOS / "outage.yaml"), "--out", str(tmp_path), "-p", "fast=true"]
    assert main(command) == 0
    ((folder, summary),) = summaries(tmp_path)
    text = checked_page(folder / "report.html")
    for words in (
        "Will it hold?", "What will it cost?", "What breaks first?", "<h1>Outage at peak</h1>", "Expectations",
        "verdict", "five hours at peak", "estimated", "assumed", "SHA-256", "Philox", "Run length",
    ):  # fmt: skip
        assert words in text, words
    assert "sk.load" not in text and "`" not in re.sub(r"<(style|pre)>.*?</\\1>", "", text, flags=re.DOTALL)
    assert "Made with <code>fast = True</code>" in text and summary["changed"] == {"fast": True}
    full = sk.load(folder / "scenario.yaml")
    assert full.hash == sk.load(SCENARIOS / "outage.yaml").hash and full.hash in text
    metrics = summary["result"]["metrics"]
    assert 0.9 < metrics["success_rate"]["value"] < 0.995 and summary["expectations"] == {"pass": 1}
    assert summary["answers"][0]["tone"] == "bad"


@pytest.mark.slow
def test_the_comparison_reads_as_a_document(tmp_path: Path) -> None:
    files = [str(SCENARIOS / f"{name}.yaml") for name in ("one_big_model", "routed")]
    assert main(["report", *files, "--notebook", "comparison", "--out", str(tmp_path), "-p", "fast=true"]) == 0
    ((folder, summary),) = summaries(tmp_path)
    text = checked_page(folder / "report.html")
    for words in (
        "routed compared with one_big_model",
        "routes.answer.by",
        "Will it hold?",
        "SHA-256",
        "Cost by model",
    ):
        assert words in text, words
    assert summary["baseline"] == "one_big_model" and summary["headlines"]
    assert "the same users" in text and "All cost / successful actions." in text
    assert {"one_big_model.yaml", "routed.yaml"} <= {one.name for one in folder.iterdir()}
    assert json.loads((folder / "summary.json").read_text())["status"] == "done"


@pytest.mark.slow
def test_a_report_of_growth_shows_who_comes_and_what_breaks(tmp_path: Path) -> None:
    """The section that the answer refers to, with its pictures; without users who come and go there is none."""
    file = tmp_path / "growing.yaml"
    base, spent = f"extends: {SCENARIOS / 'runway.yaml'}", "business: {cash: $1000, fixed: {office: $20000/month}}"
    file.write_text(f"{base}\nhorizon: 8w\nchanges: null\n{spent}\n")
    assert main(["report", str(file), "--out", str(tmp_path / "out"), "-p", "fast=true"]) == 0
    ((folder, _),) = summaries(tmp_path / "out")
    text = checked_page(folder / "report.html")
    assert re.search(r"<h2[^>]*>Growth, month by month", text)
    alts = re.findall(r'<img[^>]*alt="([^".]*)', text)
    for title in ("Month by month", "What breaks first", "Active users by cohort", "Who stays", "What comes in"):
        assert any(one.startswith(title) for one in alts), title
    for words in ("signed up", "gross margin"):
        assert words in text
