"""`Explorer`: where the knobs stand, the pinned baseline, and what is simulated for them; knows no widgets."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simkit.report.explore.glimpse import PREVIEW, REFINED, Glimpse, Size, glimpse, size_of
from simkit.report.explore.knobs import Knob, panel_of
from simkit.study.progress import Halted

if TYPE_CHECKING:
    from pathlib import Path

    from simkit.scenario.load import Scenario

Tell = Callable[[str], object]
Shown = Callable[["View"], object]


@dataclass(frozen=True)
class View:
    """What is to be seen: the present figures beside the baseline's."""

    now: Glimpse
    before: Glimpse
    refined: bool
    turn: int
    """Which position of the knobs this is of."""

    @property
    def label(self) -> str:
        """How much it rests on."""
        span = f" ({self.now.span}, of the baseline too)" if self.now.span else ""
        actions = f"{self.now.actions:,} actions{span}"
        if self.refined:
            return f"Refined: from {actions}."
        return f"Preview: from {actions}; a refined picture follows."


class Explorer:
    """The state of an explore page."""

    def __init__(self, scenario: "Scenario", preview: int = PREVIEW, refined: int = REFINED) -> None:
        self.scenario, self.sizes = scenario, (preview, refined)
        panel = panel_of(scenario)
        self.knobs: tuple[Knob, ...] = panel.knobs
        self.notes = panel.notes
        self._bare = scenario.set({"knobs": None})
        self.places = [knob.now for knob in self.knobs]
        self._pinned: dict[str, Any] = {}
        self._baselines: dict[tuple[int, int], Glimpse] = {}
        self._size: Size | None = None
        self._turn = 0
        self._lock = threading.Lock()

    @property
    def settings(self) -> dict[str, Any]:
        """What the knobs set where they were moved."""
        found: dict[str, Any] = {}
        for knob, place in zip(self.knobs, self.places, strict=True):
            if place != knob.now:
                found |= knob.positions[place].settings
        return found

    def is_late(self, view: View) -> bool:
        """Was a knob moved since?"""
        return view.turn != self._turn

    def move(self, knob: int, place: int) -> None:
        """Move a knob; what is under way for where it stood is given up."""
        self.places[knob] = place
        self._turn += 1

    def reset(self) -> None:
        """All knobs as in the scenario."""
        self.places = [knob.now for knob in self.knobs]
        self._turn += 1

    def pin(self) -> None:
        """The present knobs are the baseline from now on."""
        self._pinned = self.settings
        self._baselines.clear()
        self._size = None
        self._turn += 1

    def preview(self, tell: Tell | None = None) -> View:
        """A first look, at once.

        Raises:
            ScenarioError, PlanError, UnfinishedError: as `run`.
        """
        view = self._view(self.sizes[0], self._turn, tell)
        assert view is not None
        return view

    def refine(self, shown: Shown) -> threading.Thread:
        """A second look beside what the user does; `shown` takes it. It is given up where a knob is moved meanwhile."""
        turn = self._turn

        def work() -> None:
            try:
                view = self._view(self.sizes[1], turn, None, give_up=True)
            except Exception:  # the preview has told of what is wrong
                return
            if view is not None:
                shown(replace(view, refined=True))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    def _view(self, actions: int, turn: int, tell: Tell | None, give_up: bool = False) -> View | None:
        def pulse(_done: float) -> None:
            if give_up and turn != self._turn:
                raise Halted

        settings, pinned = self.settings, dict(self._pinned)
        try:
            scenario = self._bare.set(settings)
            size, base = size_of(scenario), self._pinned_size(turn, pinned)
            length = min(
                size.cut(actions), base.cut(actions)
            )  # the same days of both: what they differ in is the knobs
            now = glimpse(scenario, size, actions, length, pulse, tell)
            before = now if settings == pinned else self._baselines.get((actions, length))
            if before is None:
                before = glimpse(self._bare.set(pinned), base, actions, length, pulse, tell)
        except Halted:
            return None
        with self._lock:
            if turn == self._turn:
                self._baselines[actions, length] = before
        return View(now, before, False, turn)

    def _pinned_size(self, turn: int, pinned: dict[str, Any]) -> Size:
        """How much the baseline is, reckoned once."""
        size = self._size or size_of(self._bare.set(pinned))
        with self._lock:
            if turn == self._turn:
                self._size = size
        return size

    def save(self, title: str, file: str) -> "Path":
        """Write what was moved as an overlay beside the scenario's file.

        Raises:
            SaveError, OSError: as `save_overlay`.
        """
        from simkit.report.explore.overlay import save_overlay

        return save_overlay(self.scenario, self.settings, title, file)
