"""The explore page: sliders, a picture, a table, a baseline to pin, a scenario to save."""

import base64
import io
import threading
from collections.abc import Iterable
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simkit.report.explore.explorer import Explorer, View
from simkit.report.explore.figure import explore_pictures
from simkit.report.explore.glimpse import PREVIEW, REFINED, SHOWN
from simkit.report.explore.knobs import Knob
from simkit.report.style import Picture
from simkit.result.metrics import METRICS
from simkit.result.words import figure, interval

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

DPI = 110
INSTALL = "pip install 'simkit-llm[app]'"
STYLE = """<style>
.simkit-explore{color:#1f2933;background:#fff}.simkit-explore .sub{color:#55606b}
.simkit-explore table{border-collapse:collapse;font-size:13px;line-height:1.5}
.simkit-explore th{color:#55606b;text-align:left;font-weight:600}
.simkit-explore th,.simkit-explore td{padding:3px 14px 3px 0;border-bottom:1px solid #eef0f2}
.simkit-explore .r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.simkit-explore .good{color:#00704f}.simkit-explore .bad{color:#b3261e}.simkit-explore .warn{color:#8a5a00}
.simkit-explore .pictures{display:flex;flex-wrap:wrap;gap:8px;align-items:flex-start;max-width:1120px}
.simkit-explore .pictures img{flex:var(--w) 1 0;min-width:min(100%,calc(var(--w)*72px));height:auto}
.simkit-explore .widget-html-content{min-width:0}
.simkit-explore h2{margin:.2em 0 .4em}.simkit-explore .knob{display:block;font-weight:600;line-height:1.4}
.simkit-explore p{margin:.3em 0;line-height:1.45}
</style>"""


def explore(scenario: "Scenario | str | Path", preview: int = PREVIEW, refined: int = REFINED) -> Any:
    """A page of sliders for a scenario: move one, and see waiting, promises and the bill against a pinned baseline.

    Args:
        scenario: a scenario, or its file. Its `knobs` are the sliders; without them the usual suspects.
        preview: actions of the first look.
        refined: actions of the second, which follows by itself.

    Raises:
        ImportError: ipywidgets is not installed; the message says how.
        ScenarioError: the file is wrong.
    """
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        raise ImportError(f"The explore page needs ipywidgets: {INSTALL}") from None
    from simkit.scenario.load import load

    found = load(scenario) if isinstance(scenario, str | Path) else scenario
    return Page(Explorer(found, preview, refined)).widget


class Page:
    """The widgets over an explorer; `widget.page` leads back to it."""

    def __init__(self, explorer: Explorer) -> None:
        import ipywidgets as w

        self.explorer, self._drawing = explorer, threading.Lock()
        self.status = w.HTML()
        self.picture, self.table, self.answers = w.HTML(), w.HTML(), w.HTML()
        self.sliders = [self._slider(place) for place in range(len(explorer.knobs))]
        self.title = w.Text(value=f"{explorer.scenario.name}, explored", description="Title", layout={"width": "98%"})
        self.file = w.Text(value=f"{explorer.scenario.path.stem}_explored", description="File", layout={"width": "98%"})
        pin = self._button("Pin as baseline", "What is shown now becomes what all else is compared with", self._pin)
        back = self._button("As in the file", "All knobs as the scenario has them", self._reset)
        save = self._button("Save as scenario", "Write what was moved as a scenario of its own", self._save)
        self.saved = w.HTML()
        knobs = [w.VBox([w.HTML(knob_html(knob)), slider], layout={"margin": "0 0 6px 0"})
                 for knob, slider in zip(explorer.knobs, self.sliders, strict=True)]  # fmt: skip
        notes = [w.HTML(f'<p class="warn">{escape(note)}</p>') for note in explorer.notes]
        moving = [w.HBox([pin, back]), self.title, self.file, save, self.saved] if knobs else []
        left = w.VBox([*knobs, *notes, *moving])
        left.layout.width = "330px"
        left.layout.min_width = "300px"
        right = w.VBox(
            [self.status, self.picture, self.answers, self.table], layout={"flex": "1 1 560px", "min_width": "0"}
        )
        both = w.HBox([left, right], layout={"flex_flow": "row wrap", "grid_gap": "24px"})
        self.widget = w.VBox([w.HTML(f"{STYLE}<h2>{escape(explorer.scenario.name)}</h2>"), both])
        self.widget.add_class("simkit-explore")
        self.widget.page = self
        self.look()

    def _slider(self, place: int) -> Any:
        import ipywidgets as w

        knob = self.explorer.knobs[place]
        options = [(one.text, number) for number, one in enumerate(knob.positions)]
        slider = w.SelectionSlider(options=options, value=knob.now, continuous_update=False, layout={"width": "98%"})
        slider.tooltip = knob.about
        slider.observe(partial(self._moved, place), names="value")
        return slider

    def _button(self, text: str, tooltip: str, act: Any) -> Any:
        import ipywidgets as w

        button = w.Button(description=text, tooltip=tooltip, layout={"width": "auto"})
        button.on_click(lambda _: act())
        return button

    def _moved(self, place: int, change: Any) -> None:
        if self.explorer.places[place] != change["new"]:
            self.explorer.move(place, change["new"])
            self.look()

    def _reset(self) -> None:
        self.explorer.reset()
        for slider, place in zip(self.sliders, self.explorer.places, strict=True):
            slider.value = place
        self.look()

    def _pin(self) -> None:
        self.explorer.pin()
        self.look()

    def _save(self) -> None:
        from simkit.report.explore.overlay import SaveError

        try:
            path = self.explorer.save(self.title.value, self.file.value)
        except (SaveError, OSError) as error:
            self.saved.value = f'<p class="bad">{escape(str(error))}</p>'
        else:
            self.saved.value = f'<p class="good">Saved: {escape(path.name)}, beside the scenario.</p>'

    def look(self) -> None:
        """Show a preview now, and a refined picture when there is one."""
        self._say("Simulating ...")
        try:
            self.show(self.explorer.preview(self._say))
        except Exception as error:  # whatever a position of the knobs leads to, the page goes on
            self._say(str(error), "bad")
            return
        self.explorer.refine(self.show)

    def _say(self, text: str, tone: str = "sub") -> None:
        self.status.value = f'<p class="{tone}" role="status">{escape(text)}</p>'

    def show(self, view: View) -> None:
        """Show figures and picture, unless a knob was moved since. (Matplotlib draws one picture at a time.)"""
        with self._drawing:
            if not self.explorer.is_late(view):
                self._draw(view)

    def _draw(self, view: View) -> None:
        self.picture.value = pictures_html(explore_pictures(view.now, view.before))
        self.table.value = table_html(view)
        self.answers.value = "".join(
            f'<p><b class="{escape(one.tone)}">{escape(one.question)}</b> {escape(one.text)}</p>'
            for one in view.now.answers
        )
        self._say(view.label)


def knob_html(knob: Knob) -> str:
    """What a slider moves, in words; the path is told to who rests on it."""
    return f'<span class="knob" title="{escape(knob.about)}">{escape(knob.label or knob.name)}</span>'


def pictures_html(pictures: Iterable[Picture]) -> str:
    """Pictures side by side where there is room, else below one another."""
    images = []
    for one in pictures:
        data = base64.b64encode(_png(one)).decode()
        style = f"--w:{one.get_figwidth():g}"
        images.append(f'<img style="{style}" alt="{escape(one.words)}" src="data:image/png;base64,{data}">')
    return f'<div class="pictures">{"".join(images)}</div>'


def _png(picture: Picture) -> bytes:
    """As `Picture` has it, pressed less: it does not go far, and somebody waits for it."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", dpi=DPI, pil_kwargs={"compress_level": 1})
    return buffer.getvalue()


ONE_RUN = (
    "No intervals: with so much traffic there was time for one replication, and how much is chance is told from "
    "several."
)


def table_html(view: View) -> str:
    """The figures now and of the baseline; where they have no intervals, why."""
    rows = []
    for name in SHOWN:
        unit, now, before = METRICS[name].unit, view.now.metrics[name], view.before.metrics[name]
        if now.value is not None or before.value is not None:
            texts = (figure(now.value, unit), interval(now, unit), figure(before.value, unit))
            cells = "".join(f"<td class=r>{text}</td>" for text in texts)
            rows.append(f"<tr><td>{name.replace('_', ' ')}</td>{cells}</tr>")
    head = "<tr><th></th><th class=r>now</th><th class=r>95 % interval</th><th class=r>baseline</th></tr>"
    notes = [ONE_RUN] if view.now.runs < 2 else []
    notes += [f"Error budget left: after {view.now.span}."] if view.now.span and view.now.standings else []
    below = "".join(f'<p class="sub">{note}</p>' for note in notes)
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{below}"
