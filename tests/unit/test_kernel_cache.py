"""Compiled code on disk: used when nothing changed, never when anything did, and done without where it cannot be."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llvmlite import binding

import simkit
from simkit.laws import jit
from simkit.laws.copied import names_of, quoted

PACKAGE = Path(simkit.__file__).parent
FILE = """
traffic: {rate: 30/min}
horizon: 10min
warmup: 0s
actions: {answer: {calls: [{name: draft, model: m, input: 500, output: 100}]}}
models:
  m:
    deployments: [{provider: p}]
    ttft: {median: 0.3s, sigma: 0.4}
    tokens_per_second: 80
    prices: {input: $1, output: $4}
    errors: {server_error: 30%}
resilience: {timeout: 20s, max_retries: 2, backoff: {initial: 1s, factor: 2, max: 8s, jitter: full}}
"""
LAW = ("backoff.py", "(low + (high - low) * u)", "2.0 * (low + (high - low) * u)")
"""A line of a law, called from other files only, and another in its place."""
COMPILES = "Compiling the simulation engine"
HIDDEN = """
import sys, tempfile
tempfile.tempdir = sys.argv.pop(1)
from simkit.cli import main
code = main(sys.argv[1:])
if "numba.np.arraymath" in sys.modules:
    print("Ready to compile.", file=sys.stderr)
sys.exit(code)
"""
"""The command where temporary files go to a folder of ours; it tells whether Numba loaded what it compiles with."""


class Machine:
    """A user's machine: a scenario, a home, a folder for temporary files, and copies of the package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "small.yaml"
        self.file.write_text(FILE)
        for name in ("home", "temporary"):
            (folder / name).mkdir()

    def copy(self, name: str) -> Path:
        """The package in a folder of its own."""
        shutil.copytree(PACKAGE, self.folder / name / "simkit", ignore=shutil.ignore_patterns("__pycache__"))
        return self.folder / name

    def run(self, copy: Path, *before: str, engine: str = "compiled") -> tuple[str, str]:
        """What a run with a copy prints, and says beside it; `before` stands before the command."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "NUMBA_"))}
        own = self.folder / "home"
        environment |= {"PYTHONPATH": str(copy), "HOME": str(own), "XDG_CACHE_HOME": str(own / "cache")}
        command = [
            *before, sys.executable, "-c", HIDDEN, str(self.folder / "temporary"), "run", str(self.file), "--json",
            "--engine", engine, "--replications", "1",
        ]  # fmt: skip
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    def cached(self) -> dict[Path, int]:
        """All files that were written for later, and when."""
        roots = (self.folder / "home", self.folder / "temporary")
        return {file: file.stat().st_mtime_ns for root in roots for file in root.rglob("*") if file.is_file()}


def edit(copy: Path) -> None:
    """Change one line of a law."""
    name, text, instead = LAW
    law = copy / "simkit" / "laws" / name
    source = law.read_text()
    assert source.count(text) == 1
    law.write_text(source.replace(text, instead))


def lock(*folders: Path) -> None:
    """Nothing can be written here any more."""
    for folder in folders:
        for place in (folder, *folder.rglob("*")):
            place.chmod(place.stat().st_mode & ~0o222)


def unlock(*folders: Path) -> None:
    """So that pytest can tidy up."""
    for folder in folders:
        for place in (folder, *folder.rglob("*")):
            place.chmod(place.stat().st_mode | 0o200)


def without_privileges() -> tuple[str, ...]:
    """What to put before a command that permissions are to bind, as they do not bind root."""
    if os.getuid() != 0:
        return ()
    command = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner")
    if shutil.which("setpriv") is None or subprocess.run([*command, "true"], capture_output=True).returncode != 0:
        pytest.skip("permissions do not bind root, and setpriv cannot take its privileges away here")
    return command


@pytest.mark.slow
def test_an_edited_law_is_compiled_anew_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    """One story, for each chapter costs a compilation."""
    machine = Machine(tmp_path)
    copy = machine.copy("here")
    before, told = machine.run(copy)
    assert COMPILES in told and "Compiled in" in told and "Ready to compile." in told

    kept = machine.cached()
    assert any(file.suffix == ".nbc" for file in kept) and all("home" in file.parts for file in kept)
    again, told = machine.run(copy)
    assert again == before and told == "" and machine.cached() == kept

    edit(copy)
    privileges = without_privileges()
    nowhere = machine.folder / "home"  # what is in it can be read: the old law's code must not be taken for it
    lock(copy, nowhere, machine.folder / "temporary")
    try:
        for place in (copy / "simkit", nowhere, machine.folder / "temporary"):
            assert subprocess.run([*privileges, "touch", str(place / "x")], capture_output=True).returncode != 0
        after, told = machine.run(copy, *privileges)
    finally:
        unlock(copy, nowhere, machine.folder / "temporary")
    assert COMPILES in told and after != before
    assert machine.cached() == kept  # nothing was left anywhere
    reference, _ = machine.run(copy, engine="reference")
    assert json.loads(after) | {"engine": ""} == json.loads(reference) | {"engine": ""}


def test_any_source_that_is_compiled_changes_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PACKAGE, tmp_path / "simkit", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "simkit" / "laws" / "jit.py"))
    before = jit.fingerprint()
    assert jit.fingerprint() == before
    compiled = [
        file for file in sorted((tmp_path / "simkit").rglob("*.py"))
        if re.search(r"^@(law|inlined|step|apart|entry)$", file.read_text(), re.MULTILINE)
    ]  # fmt: skip
    assert len(compiled) > 20
    for file in compiled:
        file.write_text(file.read_text() + "\n# edited\n")
        after = jit.fingerprint()
        assert after != before, file
        before = after


def test_a_copy_elsewhere_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba finds what it compiled by the place of the source: another copy must not be told that it is ready."""
    found = {jit.fingerprint()}
    for name in ("one", "other"):
        shutil.copytree(PACKAGE / "laws", tmp_path / name / "laws")
        monkeypatch.setattr(jit, "__file__", str(tmp_path / name / "laws" / "jit.py"))
        found.add(jit.fingerprint())
    assert len(found) == 3


def test_a_name_is_defined_whatever_letters_it_has() -> None:
    """Of code that is only called, names alone are kept beside the machine code; Numba looks them up there."""
    names = ["plain", "v1B96c8tJTC_2f$W", "with space", 'quoted"', "back\\slash", "Länge"]
    text = "\n".join(f"define i64 @{quoted(name)}() {{ ret i64 1 }}" for name in names)
    module = names_of(binding.parse_assembly(text + '\n@"kept" = global i64 7\n@"elsewhere" = external global i64'))
    assert [function.name for function in module.functions if not function.is_declaration] == names
    assert [value.name for value in module.global_variables] == ["kept"]
    assert len(list(next(iter(module.functions)).blocks)) == 1


SMALL = """
def twice(x):
    return 2 * x
"""


def stored(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A small compiled function with what is kept of it on disk."""
    monkeypatch.setattr(jit, "cache_folder", lambda: folder / "kernels")
    file = folder / f"{name}.py"
    if not file.exists():
        file.write_text(SMALL)
    space: dict[str, Any] = {"__name__": name}
    exec(compile(file.read_text(), str(file), "exec"), space)
    return jit.law(space["twice"])


@pytest.mark.skipif(bool(jit.config.DISABLE_JIT), reason="the JIT is off: nothing is kept")
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("left", [0, 20, 200])
def test_what_cannot_be_read_is_made_anew(
    ending: str, left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure leaves files empty, or half of them."""
    assert stored(tmp_path, "law", monkeypatch)(21) == 42
    (kept,) = tmp_path.rglob(f"*.{ending}")
    whole = kept.stat().st_size
    again = stored(tmp_path, "law", monkeypatch)
    assert again(21) == 42 and again.stats.cache_hits
    os.truncate(kept, left)
    again = stored(tmp_path, "law", monkeypatch)
    assert again(21) == 42 and not again.stats.cache_hits
    assert kept.stat().st_size > whole / 2 and left < whole / 2  # names in it are numbered
    again = stored(tmp_path, "law", monkeypatch)
    assert again(21) == 42 and again.stats.cache_hits


@pytest.mark.skipif(bool(jit.config.DISABLE_JIT), reason="the JIT is off: nothing is kept")
def test_where_nothing_more_can_be_written_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile.save", full)
    assert stored(tmp_path, "law", monkeypatch)(21) == 42
    assert not list(tmp_path.rglob("*.nb?"))


@pytest.mark.skipif(bool(jit.config.DISABLE_JIT), reason="the JIT is off: nothing is kept")
def test_it_is_cached_while_all_files_are_there_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path, "law", monkeypatch)(21)
    assert not jit.is_cached()
    jit.mark_cached()
    assert jit.is_cached()
    (kept,) = tmp_path.rglob("*.nbc")
    os.truncate(kept, 10)
    assert not jit.is_cached()
    kept.unlink()
    assert not jit.is_cached()
    jit.mark_cached()
    assert jit.is_cached()
    (tmp_path / "kernels" / jit.READY).write_text("")
    assert not jit.is_cached()


@pytest.fixture
def folder_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Looks the folder up anew, before and afterwards."""
    monkeypatch.setattr(jit, "cache_folder", jit.cache_folder.__wrapped__)
    return monkeypatch


def test_where_the_home_cannot_be_written_temporary_files_do(
    folder_of_the_cache: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    folder_of_the_cache.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    folder_of_the_cache.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = jit.cache_folder()
    assert folder is not None and folder.parent == tmp_path / f"simkit-{os.getuid()}" and folder.is_dir()
    assert not jit.is_cached() or jit.config.DISABLE_JIT


@pytest.mark.parametrize("home", ["cache", "file/cache"])
def test_where_there_are_no_temporary_files(home: str, folder_of_the_cache: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    (tmp_path / "file").write_text("")
    folder_of_the_cache.setenv("XDG_CACHE_HOME", str(tmp_path / home))
    folder_of_the_cache.setattr("tempfile.gettempdir", nowhere)
    folder = jit.cache_folder()
    assert folder is None if home == "file/cache" else folder is not None and tmp_path in folder.parents


def test_what_was_not_used_for_long_is_removed(tmp_path: Path) -> None:
    """Of seven folders unused for two days the newest five stay, and none that is a month old."""
    now, day = time.time(), 86_400
    for number, days in enumerate((0, 2, 2, 2, 31, 2, 2)):
        folder = tmp_path / f"kernels-{number}"
        folder.mkdir()
        (folder / jit.READY).touch()
        os.utime(folder, (now - days * day - number,) * 2)
    (tmp_path / "other").mkdir()
    jit.remove_old(tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"other", *(f"kernels-{number}" for number in (0, 1, 2, 3, 5))}
    jit.remove_old(tmp_path / "nowhere")


def test_a_folder_in_use_is_young(folder_of_the_cache: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder_of_the_cache.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = jit.cache_folder()
    assert folder is not None
    os.utime(folder, (0, 0))
    assert jit.cache_folder() == folder and time.time() - folder.stat().st_mtime < 60


@pytest.mark.skipif(jit.is_off(), reason="nothing is compiled")
def test_only_what_python_calls_becomes_machine_code() -> None:
    """All else is linked with it."""

    def twice(x: int) -> int:
        return x + x

    step, apart = jit.step(twice), jit.apart(twice)

    def sum_of_both(x: int) -> int:
        return step(x) + apart(x)

    law = jit.law(sum_of_both)
    assert law(3) == 12
    assert [has_machine_code(one) for one in (law, step, apart)] == [True, False, False]


def has_machine_code(function: Callable[..., Any]) -> bool:
    (found,) = function.overloads.values()  # type: ignore[attr-defined]
    address: int = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
    return address != 0
