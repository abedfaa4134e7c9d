"""A plugin of pytest: `pytest scenarios/` collects scenario files and checks them as `simkit check` does.

A scenario is a .yaml file that matches one of the patterns of the setting `simkit_files` (default: `scenarios/*.yaml`),
seen from anywhere, or that is named on the command line. Each of its promises, checks and invariants is a test.
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario
    from simkit.study.gate import Item

PATTERNS = ["scenarios/*.yaml"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("simkit")
    group.addoption(
        "--simkit-limit", type=int, default=160, metavar="N",
        help="most replications until a promise of a scenario must be decided (default: 160)",
    )  # fmt: skip
    group.addoption(
        "--simkit-allow-undecided", action="store_true", help="skip promises that are undecided at the limit"
    )
    parser.addini("simkit_files", "patterns of scenario files that are collected", type="args", default=PATTERNS)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """Scenario files."""
    if file_path.suffix != ".yaml":
        return None
    patterns = parent.config.getini("simkit_files")
    named = any(Path(str(one).split("::")[0]).absolute() == file_path for one in parent.config.args)
    if named or any(file_path.match(pattern) for pattern in patterns):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


class Broken(Exception):  # noqa: N818
    """A check that failed, with what to read."""


class ScenarioFile(pytest.File):
    """A scenario; it is run once, when the first of its promises is asked for."""

    def collect(self) -> "Iterator[ScenarioItem]":
        """A test for the file itself; if it can be read, one for each thing that is looked at."""
        yield ScenarioItem.from_parent(self, name="file", group="file", number=0)
        if self.scenario is None:
            return
        yield ScenarioItem.from_parent(self, name="checks", group="checks", number=0)
        yield ScenarioItem.from_parent(self, name="invariants", group="invariants", number=0)
        for number, name in enumerate(self.promised):
            yield ScenarioItem.from_parent(self, name=name, group="promises", number=number)

    @cached_property
    def loaded(self) -> "tuple[Scenario | None, str]":
        """The scenario, or why there is none."""
        from simkit.scenario.errors import ScenarioError
        from simkit.scenario.load import load

        try:
            return load(self.path), ""
        except ScenarioError as error:
            return None, str(error)

    @property
    def scenario(self) -> "Scenario | None":
        """The scenario, if the file is right."""
        return self.loaded[0]

    @cached_property
    def promised(self) -> list[str]:
        """Names of its promises, in the order of `lines`."""
        from simkit.result.objectives import objectives_of

        assert self.scenario is not None
        document = self.scenario.document
        return [one.text for one in objectives_of(document.slo)] + list(document.expect)

    @cached_property
    def promises(self) -> "list[Item]":
        """The promises, decided."""
        from simkit.study.gate import Asked, promises

        assert self.scenario is not None
        return promises(self.scenario, Asked(most=self.config.getoption("--simkit-limit"), jobs=1))[0]

    def items(self, group: str, number: int) -> "list[Item]":
        """What a test is about."""
        from simkit.study.gate import model_invariants, named_checks

        assert self.scenario is not None
        if group == "checks":
            return list(named_checks(self.scenario))
        if group == "invariants":
            return list(model_invariants(self.scenario, None, "auto"))
        return [self.promises[number]]


class ScenarioItem(pytest.Item):
    """One test of a scenario."""

    def __init__(self, *, group: str, number: int, **rest: Any) -> None:
        super().__init__(**rest)
        self.group, self.number = group, number

    def runtest(self) -> None:
        """Look at it.

        Raises:
            Broken: it is not well.
        """
        file = self.parent
        assert isinstance(file, ScenarioFile)
        if self.group == "file":
            if file.scenario is None:
                raise Broken(file.loaded[1])
            return
        items = file.items(self.group, self.number)
        allowed = self.config.getoption("--simkit-allow-undecided")
        broken = [one for one in items if one.outcome == "fail" or (one.outcome == "undecided" and not allowed)]
        if broken:
            raise Broken("\n".join(f"{one.outcome}: {one.name}\n{_indented(one.detail)}" for one in broken))
        if any(one.outcome == "undecided" for one in items):
            pytest.skip(f"undecided: {items[0].detail}")

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """The reason alone; of another error the whole traceback."""
        return str(excinfo.value) if isinstance(excinfo.value, Broken) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, 0, f"{self.path.name}: {self.name}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
