"""The commands: what they print, where, and with which exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import simkit
from simkit.cli import main
from simkit.study.executor import LostWorkerError
from simkit.study.run import Stopped

FILE = """
name: Small product
extends: simkit:openai_anthropic
traffic: {rate: 1/min}
horizon: 1h
warmup: 0s
replications: 2
actions: {answer: {calls: [{name: draft, model: gpt-4o, input: 500, output: 100}]}}
slo: {success: 50%}
"""
NEW = ("--users", "300", "--per-day", "6", "--model", "gpt-4o", "--tokens", "1200/250")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(FILE)
    return path


def simkit_process(*args: object, **settings: Any) -> "subprocess.Popen[str]":
    """The command in a process of its own."""
    command = [sys.executable, "-m", "simkit", *map(str, args)]
    return subprocess.Popen(command, text=True, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings)


def test_run_opens_with_the_answers(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(file)]) == 0
    out = capsys.readouterr().out
    assert out.index("Will it hold?") < out.index("What will it cost?") < out.index("What breaks first?")
    assert out.index("What breaks first?") < out.index("cost_per_action") and out.startswith("Small product")


def test_json_is_one_object_and_nothing_else(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(file), "--json", "--seed", "7", "--replications", "3"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["scenario"], found["seed"], found["replications"]) == ("Small product", 7, 3)
    assert found["engine"] == "reference"
    assert {"scenario", "scenario_hash", "seed", "replications", "engine", "version", "metrics"} <= set(found)
    assert found["version"] == simkit.__version__ and found["metrics"]["semantic_hit_rate"]["value"] is None
    assert captured.err == ""


def test_set_changes_the_scenario(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = []
    for extra in ([], ["--set", "traffic.rate=10/min"]):
        assert main(["run", str(file), "--json", *extra]) == 0
        counts.append(json.loads(capsys.readouterr().out)["metrics"]["actions"]["value"])
    assert counts[1] > 7 * counts[0]


def test_out_writes_log_timeline_and_manifest(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "results"
    assert main(["run", str(file), "--out", str(out)]) == 0
    names = {one.name for one in out.iterdir()}
    assert {"actions.parquet", "attempts.parquet", "timeline.parquet", "manifest.json"} <= names
    assert "Saved to" in capsys.readouterr().err


def test_an_output_folder_is_found_bad_before_the_run(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkit.study.run.run", lambda *_, **__: pytest.fail("it ran"))
    assert main(["run", str(file), "--out", str(file)]) == 2
    captured = capsys.readouterr()
    assert "is not a folder" in captured.err and "Nothing was run" in captured.err and captured.out == ""


def test_what_was_computed_is_printed_when_saving_fails(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simkit.result.result.Result.save", full)
    assert main(["run", str(file), "--out", str(tmp_path / "results"), "--json"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["replications"] == 2
    assert "No space left on device" in captured.err and "printed above is complete" in captured.err


BROKEN = {
    "a misspelt key": FILE.replace("horizon", "horizn"),
    "a bare share": FILE.replace("50%", "0.5"),
    "an unknown model": FILE.replace("gpt-4o", "gpt-5o"),
    "empty": "",
    "tabs": "traffic:\n\trate: 1/s\n",
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_input_is_one_page(command: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "bad.yaml", tmp_path / "out"
    path.write_text(BROKEN[what])
    assert main([command, str(path), *(["--out", str(out)] if command == "run" else [])]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "nothing was run" in captured.err and "Traceback" not in captured.err
    assert not out.exists() and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml"),
        (["run"], "Missing argument"),
        (["run", "x.yaml", "--replications", "0"], "--replications"),
        (["run", "x.yaml", "--engine", "abacus"], "abacus"),
        (["fly"], "No such command"),
        (["compare", "x.yaml"], "Missing argument"),
    ],
)
def test_bad_usage_is_exit_2(args: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err and captured.out == ""


def test_a_bad_override_is_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(file), "--set", "traffic.rat=1/s", "--set", "nonsense"]) == 2
    err = capsys.readouterr().err
    assert "--set" in err and "nothing was run" in err


def test_new_writes_a_file_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my_product.yaml"
    assert main(["new", str(path), *NEW]) == 0
    assert "simkit run" in capsys.readouterr().out
    scenario = simkit.load(path)
    assert scenario.name == "My product" and scenario.document.traffic.users.daily_active == 300  # type: ignore[union-attr]
    assert main(["run", str(path), "--replications", "1", "--set", "horizon=6h"]) == 0


def test_new_never_overwrites_unless_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    assert main(["new", str(path), *NEW]) == 2
    assert "--force" in capsys.readouterr().err and path.read_text() == "precious"
    assert main(["new", str(path), *NEW, "--force"]) == 0
    assert "gpt-4o" in path.read_text()


def test_new_asks_nobody_without_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yaml"
    assert main(["new", str(path), "--users", "300", "--model", "gpt-4o"]) == 2
    assert "Give --per-day, --tokens." in capsys.readouterr().err and not path.exists()


def test_new_asks_in_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = iter([120, 3.5, "claude-haiku-4-5", "900/100"])
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    path = tmp_path / "mine.yaml"
    assert main(["new", str(path)]) == 0
    text = path.read_text()
    for line in ("model: claude-haiku-4-5", "daily_active_users: 120", "actions_per_user_per_day: 3.5", "input: 900"):
        assert line in text


@pytest.mark.parametrize(
    ("change", "words"),
    [(("--model", "gpt-5o"), "not known"), (("--tokens", "1200"), "1200/250"), (("--users", "0"), "--users")],
)
def test_new_writes_nothing_wrong(
    change: tuple[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    assert main(["new", str(path), *NEW, *change]) == 2
    assert words in capsys.readouterr().err and not path.exists()


@pytest.mark.parametrize("title", ["Acme: the app", "#1 helper", 'Say "hi"', "null", "Ünïcode – 日本", "trailing "])
def test_new_keeps_any_title(title: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert main(["new", str(path), *NEW, "--name", title]) == 0
    assert simkit.load(path).name.strip() == title.strip()


def test_new_knows_models_without_tiers(tmp_path: Path) -> None:
    from simkit.scenario.overlay import base

    models, tiers = base("openai_anthropic").map["models"].map, base("tiers", "tier").map
    for model in (name for name in models if name not in tiers):
        path = tmp_path / f"{model}.yaml"
        assert main(["new", str(path), *NEW[:4], "--model", model, "--tokens", "10/10"]) == 0
        assert "\ntier:" not in path.read_text()


def test_schema_is_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_compare_prints_verdicts(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "cheap.yaml"
    other.write_text(FILE + "models: {gpt-4o: {prices: {input: $0.1, output: $0.1}}}\n")
    assert main(["compare", str(file), str(other)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "cheap compared with small" in out and "less per action, 95 % interval" in out
    assert main(["compare", str(file), str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["baseline"] == "small"
    assert main(["compare", str(file), str(file)]) == 2


def test_stopping_keeps_what_finished(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = simkit.load(file).run(replications=1)

    def interrupted(*_: object, **__: object) -> None:
        raise Stopped(partial, 5)

    monkeypatch.setattr("simkit.study.run.run", interrupted)
    assert main(["run", str(file), "--json"]) == 130
    captured = capsys.readouterr()
    assert json.loads(captured.out)["replications"] == 1 and "1 of 5 replications" in captured.err
    monkeypatch.setattr("simkit.study.run.Replications.upto", interrupted)
    assert main(["check", str(file)]) == 130 and "Stopped" in capsys.readouterr().err


@pytest.mark.parametrize("error", [LostWorkerError("a worker process died"), MemoryError()])
def test_what_was_computed_is_kept_when_a_worker_or_memory_is_lost(
    error: Exception,
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from simkit.engine import run_plan

    def dies(plan: Any, seed: int, replication: int, *rest: Any) -> Any:
        if replication == 1:
            raise error
        return run_plan(plan, seed, replication, *rest)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("simkit.engine.run_plan", dies)
        assert main(["run", str(file), "--json", "--out", str(out), "--jobs", "1"]) == 3
    captured = capsys.readouterr()
    assert json.loads(captured.out)["replications"] == 1
    for words in ("Could not finish: ", "1 of 2 replications", "Saved to", "goes on from here", "--jobs"):
        assert words in captured.err
    assert json.loads((out / "manifest.json").read_text())["replications"] == 1
    assert main(["run", str(file), "--json", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["replications"] == 2 and "1 of 2 replications are taken from" in captured.err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out", "small.yaml"]


def test_nothing_to_keep_is_exit_3_all_the_same(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("simkit.engine.run_plan", dies)
    assert main(["run", str(file), "--json"]) == 3
    captured = capsys.readouterr()
    assert captured.out == "" and "not enough memory" in captured.err and "nothing to report" in captured.err


def test_a_killed_run_goes_on_to_the_same_bytes(file: Path, tmp_path: Path) -> None:
    args = ("run", file, "--set", "traffic.rate=1/s", "--replications", "4", "--json", "--jobs", "1")
    out, parts = tmp_path / "killed", tmp_path / "killed.partial"
    process = simkit_process(*args, "--out", out)
    begun = time.monotonic()
    while not list(parts.glob("replication-*.npz")) and time.monotonic() - begun < 60:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    found = len(list(parts.glob("replication-*.npz")))
    assert process.returncode == -signal.SIGKILL and 1 <= found < 4 and not out.exists()
    told = {}
    for name in ("killed", "whole"):
        process = simkit_process(*args, "--out", tmp_path / name)
        told[name] = process.communicate(timeout=120)
        assert process.returncode == 0
    assert f"{found} of 4 replications are taken from {parts}" in told["killed"][1]
    assert "taken" not in told["whole"][1] and told["whole"][0] == told["killed"][0]
    for one in sorted((tmp_path / "whole").iterdir()):
        assert one.read_bytes() == (out / one.name).read_bytes(), one.name
    assert sorted(one.name for one in tmp_path.iterdir()) == ["killed", "small.yaml", "whole"]


def test_a_long_run_is_announced_and_an_endless_one_refused(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def begun(*_: object) -> None:
        raise KeyboardInterrupt

    other = tmp_path / "other.yaml"
    other.write_text(FILE)
    monkeypatch.setattr("simkit.engine.run_plan", begun)
    monkeypatch.setattr("simkit.study.part.Work.part", begun)
    reference = ["--jobs", "1", "--engine", "reference"]
    assert main(["run", str(file), "--set", "traffic.rate=1000/s", *reference]) == 130
    err = capsys.readouterr().err
    assert "about 8,400,000 actions in 2 replications, roughly 14 min at 10,000 actions/s" in err
    assert main(["run", str(file), "--set", "traffic.rate=100k/s", "--jobs", "1"]) == 130
    assert "about 840,000,000 actions in 2 replications, roughly 14 min at 1,000,000 ac" in capsys.readouterr().err
    assert all(f"`{field}`" in err for field in ("horizon", "replications", "traffic.rate"))
    assert main(["compare", str(file), str(other), "--set", "traffic.rate=1000/s", *reference]) == 130
    assert "This run is long" in capsys.readouterr().err
    assert main(["run", str(file), "--set", "traffic.rate=10/s", "--jobs", "1"]) == 130
    assert "long" not in capsys.readouterr().err
    assert main(["run", str(file), "--set", "traffic.rate=300k/s", "--engine", "reference"]) == 2
    err = capsys.readouterr().err
    assert "traffic.rate: 300k/s" in err and "2,000,000,000 are not run" in err and "nothing was run" in err


@pytest.mark.parametrize("error", [LostWorkerError("a worker process died"), MemoryError()])
def test_what_cannot_finish_is_exit_3(
    error: Exception, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("simkit.study.run.Replications.upto", fail)
    for command in ("run", "check"):
        assert main([command, str(file)]) == 3
        assert "--jobs" in capsys.readouterr().err


def test_a_mistake_of_ours_is_not_a_failed_check(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simkit.study.run.Replications.upto", lambda *_, **__: 1 // 0)
    assert main(["check", str(file)]) == 3
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err and "mistake in simkit" in err


def test_ctrl_c_answers_at_once(file: Path) -> None:
    process = simkit_process("run", file, "--set", "horizon=30d", "--set", "traffic.rate=20/s", "--jobs", "1")
    time.sleep(4)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Stopped" in err and "Traceback" not in err
    assert time.monotonic() - begun < 10


def test_ctrl_c_while_things_are_loaded(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def find_spec(self, *_: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "simkit.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    assert main(["schema"]) == 130
    assert capsys.readouterr() == ("", "Stopped.\n")


def test_a_reader_that_leaves_is_no_error(file: Path) -> None:
    process = simkit_process("run", file)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0 and process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_on_standard_output_is_exit_3(file: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = simkit_process("run", file, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 3 and "No space left" in err and "Traceback" not in err


@pytest.mark.parametrize("command", [[], ["new"], ["run"], ["check"], ["compare"], ["schema"]])
def test_every_help_has_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: simkit" in out and "\n    simkit " in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"simkit {simkit.__version__}\n"


def best_of(count: int, code: str) -> float:
    """Seconds of the quickest of some new processes."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=os.environ)
        times.append(time.perf_counter() - begun)
    return min(times)


def test_import_and_help_are_quick() -> None:
    assert best_of(5, "import simkit") < 0.3
    assert best_of(5, "from simkit.cli import main; main(['--help'])") < 0.5


def test_import_loads_nothing_heavy() -> None:
    code = "import sys, simkit, simkit.cli; print(*{m.split('.')[0] for m in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"numpy", "pandas", "scipy", "numba", "matplotlib", "rich", "jinja2", "joblib", "pydantic", "simpy"}
    assert not heavy & set(found)


def test_a_plain_page_does_not_wait_for_pandas(tmp_path) -> None:
    """One without caches, budgets, conversations or loops: its tables are made of plain numbers."""
    file = tmp_path / "small.yaml"
    file.write_text("model: gpt-4o\ntraffic: {rate: 10/min}\ntokens: {input: 100, output: 20}\nhorizon: 1h\n")
    code = f"""
import sys
from simkit.cli import main
args = ["run", {str(file)!r}, "--engine", "reference", "--replications", "1", "--no-progress"]
assert main(args) == main([*args, "--json"]) == 0
assert "numpy" in sys.modules and "pandas" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "What will it cost?" in done.stdout and "Where the money goes" in done.stdout


def test_public_names_are_there() -> None:
    assert set(simkit.__all__) <= set(dir(simkit))
    assert all(getattr(simkit, name) is not None for name in simkit.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = simkit.nonsense  # type: ignore[attr-defined]


def test_the_results_of_another_scenario_are_not_replaced(tmp_path, capsys):
    file = tmp_path / "small.yaml"
    file.write_text(
        "model: gpt-4o\ntraffic: {rate: 1/min}\ntokens: {input: 100, output: 20}\nhorizon: 1h\nreplications: 2\n"
    )
    out = tmp_path / "out"
    assert main(["run", str(file), "--out", str(out), "--no-progress"]) == 0
    before = (out / "manifest.json").read_bytes()
    assert main(["run", str(file), "--out", str(out), "--no-progress"]) == 0  # the same once more
    capsys.readouterr()
    assert main(["run", str(file), "--set", "traffic.rate=2/min", "--out", str(out), "--no-progress"]) == 2
    assert "holds the results of another scenario" in capsys.readouterr().err
    assert (out / "manifest.json").read_bytes() == before
