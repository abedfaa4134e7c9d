"""The repository as a newcomer finds it: documents that tell the truth, nothing of anybody's machine in it."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SKIPPED = {".git", ".venv", "venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "dist"}
COMMANDS = "new|run|check|compare|sweep|breaking-point|presets|report|explore|schema|bench"
FORBIDDEN = re.compile(
    "|".join(
        [
            r"py" + r"pi\.(org|io|python)",
            "python" + "hosted",
            "npm" + r"js\.(com|org)",
            r"deb" + r"\.debian\.",
            "(?<![\\w.])/(wo" + "rk|ro" + "ot|ho" + "me|Us" + "ers)/",
            "/tm" + r"p/\w",
        ]
    )
)
"""Package registries' hosts and paths of machines, written so that this file does not hold them."""


def files() -> list[Path]:
    """The files that are in git or would be, or all where there is no git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        found = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        found = [path for path in ROOT.rglob("*") if not SKIPPED & set(path.relative_to(ROOT).parts)]
    return sorted(path for path in found if path.is_file() and path.suffix not in {".pyc", ".png"})


def test_no_registry_host_and_no_path_of_a_machine() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("line", ["see https://py" + "pi.org/project/x", "open('/wo" + "rk/x')", "cd /ro" + "ot/x"])
def test_what_is_forbidden_would_be_found(line: str) -> None:
    assert FORBIDDEN.search(line)


def test_notebooks_are_without_outputs() -> None:
    for path in (path for path in files() if path.suffix == ".ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            assert not cell.get("outputs"), path.name
            assert cell.get("execution_count") is None, path.name


def test_no_room_is_too_large() -> None:
    rooms = [path for path in files() if path.suffix == ".py" and "tests" not in path.relative_to(ROOT).parts]
    long = {path.name: lines for path in rooms if (lines := path.read_text(encoding="utf-8").count("\n")) > 500}
    assert not long


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    run, test = blocks
    assert run.count("\n") == test.count("\n") == 1
    assert run.startswith("python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/simkit run ")
    assert test.startswith("python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && ")
    assert test.split(" && ")[2].startswith(".venv/bin/python -m pytest")


def test_every_file_that_the_readme_names_is_there() -> None:
    names = re.findall(r"(?<![\w/])((?:scenarios|notebooks|simkit|tests|\.ci|\.github)/[\w./]*)", README)
    missing = {name for name in names if not (ROOT / name.rstrip(".")).exists()}
    assert not missing


def test_every_shipped_scenario_is_in_the_readme() -> None:
    shipped = {path.name for path in (ROOT / "scenarios").glob("*.yaml")}
    assert not {name for name in shipped if f"`{name}`" not in README}


def test_every_command_of_the_readme_exists_and_the_other_way_round() -> None:
    from simkit.cli.app import commands

    named = set(re.findall(rf"simkit ({COMMANDS})\b", README))
    assert named == set(commands.commands)


def test_every_option_of_the_readme_exists() -> None:
    from simkit.cli.app import commands

    for command, rest in re.findall(rf"simkit ({COMMANDS}) ([^`\n#]*)", README):
        options = {option for parameter in commands.commands[command].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z][\w-]*", rest)) <= options, (command, rest)


def best_of_three(code: str) -> float:
    """Seconds of the fastest of three new interpreters, less those of an empty one."""

    def seconds(source: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", source], check=True, cwd=ROOT)
        return time.perf_counter() - start

    return min(seconds(code) for _ in range(3)) - min(seconds("pass") for _ in range(3))


def test_import_is_quick() -> None:
    assert best_of_three("import simkit") < 0.3


def test_import_loads_nothing_heavy() -> None:
    heavy = ["scipy", "pandas", "numba", "matplotlib", "rich", "jinja2", "joblib", "IPython", "pyarrow"]
    code = f"import simkit, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
