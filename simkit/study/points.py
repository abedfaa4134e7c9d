"""Points of a sweep: each is a piece of work, and once finished a file of its own.

A file is written beside its place and renamed, so that it is whole or not there. It is named by what it is of (base
scenario, settings, seed, replications, version): a sweep with more points takes up those that another has left there.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simkit.study.design import DesignError, Settings
from simkit.study.progress import Progress

TABLES = "sweep.json"
"""What the tables of a folder are of."""
Figures = dict[str, tuple[float | None, float | None, float | None]]
"""Metric to value, low, high."""


@dataclass(frozen=True)
class Answer:
    """What a point gave: figures, or why there are none."""

    figures: Figures | None
    failure: str = ""


@dataclass(frozen=True)
class PointWork:
    """What the points of a sweep need; it is sent to threads, processes or a cluster, where `point` is called."""

    base: tuple[Any, ...]
    """What the scenario is built from."""
    settings: tuple[Settings, ...]
    seed: int
    replications: int
    engine: str
    most_in_flight: int | None = None

    def point(self, number: int, pulse: Progress) -> Answer:
        """Run a point. What is wrong with it alone is its answer; what is wrong with this machine is raised."""
        from simkit.plan.errors import PlanError
        from simkit.plan.trace import TraceError
        from simkit.scenario.errors import ScenarioError
        from simkit.scenario.load import build
        from simkit.scenario.overlay import set_values
        from simkit.study.executor import InProcess, UnfinishedError
        from simkit.study.run import Replications

        path, layered, overrides = self.base
        try:
            scenario = build(path, layered, (*overrides, *set_values(self.settings[number])))
            ready = Replications(
                scenario, seed=self.seed, engine=self.engine, most_in_flight=self.most_in_flight, executor=InProcess()
            )
            metrics = ready.upto(self.replications, pulse).metrics
        except ScenarioError as error:
            return Answer(None, _first(error))
        except (PlanError, TraceError) as error:
            return Answer(None, " ".join(str(error).split()))
        except UnfinishedError as error:
            if isinstance(error.__cause__, OSError):
                raise error.__cause__ from None
            return Answer(None, str(error))
        return Answer({name: (one.value, one.low, one.high) for name, one in metrics.items()})


def _first(error: Any) -> str:
    """The first problem of a scenario on one line."""
    one = error.problems[0]
    allowed = f"Allowed: {one.allowed}." if one.allowed else ""
    return " ".join(f"{one.path}: {one.value}: {one.message} {allowed} {one.hint}".split())


@dataclass(frozen=True)
class Folder:
    """Where the finished points are."""

    path: Path
    about: str
    """What all of them are of."""

    def load(self, settings: Settings) -> Figures | None:
        """The figures of a point that had finished, or None."""
        try:
            found = json.loads(self._file(settings).read_text(encoding="utf-8"))
            return {name: (one[0], one[1], one[2]) for name, one in found["figures"].items()}
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
            return None

    def save(self, settings: Settings, figures: Figures) -> None:
        """Keep a point.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps({"settings": settings, "figures": figures}, default=str)
        self.path.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=".", suffix=".draft", dir=self.path)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(draft).replace(self._file(settings))
        finally:
            Path(draft).unlink(missing_ok=True)

    def check_tables(self, settings: Sequence[Settings]) -> None:
        """The tables in the folder, if there are any, are of these points, or of some of them.

        Raises:
            DesignError: they are of another sweep, which would be lost.
        """
        try:
            found = json.loads((self.path / TABLES).read_text(encoding="utf-8"))
            same, kept = found["of"] == _of(self.about), {_key(one) for one in found["points"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        if not same or kept - {_key(one) for one in settings}:
            why = "with other points" if same else "of another scenario, seed or number of replications"
            raise DesignError(
                f"{self.path} holds the tables and pictures of a sweep {why}: they would be lost. Name another folder,"
                f" or remove {self.path / TABLES} if you do not need them. Nothing was run."
            )

    def name_tables(self, settings: Sequence[Settings]) -> None:
        """Say what the tables that are written beside it are of.

        Raises:
            OSError: it cannot be written.
        """
        about = {"of": _of(self.about), "points": [dict(one) for one in settings]}
        (self.path / TABLES).write_text(json.dumps(about, default=str, indent=1) + "\n", encoding="utf-8")

    def sweep_up(self) -> None:
        """Remove what a killed run left half written."""
        for draft in self.path.glob(".*.draft"):
            with contextlib.suppress(OSError):
                draft.unlink()

    def _file(self, settings: Settings) -> Path:
        key = json.dumps([self.about, settings], sort_keys=True, default=str)
        return self.path / f"point-{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"


def _of(about: str) -> str:
    """Scenario, seed and replications; a newer version may write the tables anew."""
    return about.partition(" version ")[0]


def _key(settings: Settings) -> str:
    return json.dumps(settings, sort_keys=True, default=str)
