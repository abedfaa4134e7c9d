"""From a knob to its new picture on `support_chat`: within half a second for the preview, two for a million actions."""

import time
from pathlib import Path
from statistics import median

import pytest

import simkit as sk
from simkit.report.explore.explorer import View
from simkit.report.explore.page import explore

FILE = Path(__file__).parents[2] / "scenarios" / "support_chat.yaml"
PREVIEW_S, REFINED_S, MOVES = 0.5, 2.0, 20


def knob_to_picture(moves: int) -> tuple[list[float], list[float]]:
    """Seconds from each move to its preview and to its refined picture."""
    page = explore(sk.load(FILE)).page
    seen: list[tuple[float, View]] = []
    show = page.show

    def shown(view: View) -> None:
        show(view)
        seen.append((time.perf_counter(), view))

    page.show = shown
    wait_for(lambda: page.status.value.count("Refined"))
    took: tuple[list[float], list[float]] = ([], [])
    for move in range(moves):
        seen.clear()
        begun = time.perf_counter()
        page.sliders[0].value = (5, 7, 8, 9)[move % 4]
        wait_for(lambda: len(seen) == 2)
        for place, (moment, view) in enumerate(seen):
            assert view.refined == bool(place)
            took[place].append(moment - begun)
    return took


def wait_for(happens: object) -> None:
    deadline = time.monotonic() + 120
    while not happens():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_a_picture_follows_a_knob() -> None:
    previews, refined = knob_to_picture(MOVES)
    print(f"median of {MOVES}: preview {median(previews):.2f} s, refined {median(refined):.2f} s")
    assert median(previews) <= PREVIEW_S and median(refined) <= REFINED_S
