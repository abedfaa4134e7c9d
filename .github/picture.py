"""Draws `.github/picture.png`, the README's one picture, from a real run: `python .github/picture.py`."""

import io
import textwrap
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.image import imread

import simkit as sk

ROOT = Path(__file__).parents[1]
SCENARIO = ROOT / "scenarios" / "rate_limited_tier1.yaml"
INK, PALE, BLUE = "#1f2933", "#616e7c", "#0072b2"


def image(picture: Figure) -> object:
    """A figure as pixels."""
    buffer = io.BytesIO()
    picture.savefig(buffer, dpi=150, format="png")
    buffer.seek(0)
    return imread(buffer)


def main() -> None:
    """Run the scenario and draw."""
    result = sk.load(SCENARIO).run(progress=False)
    figure = Figure(figsize=(12, 6.4), facecolor="white")
    lines = [line.split("#")[0].rstrip() for line in SCENARIO.read_text().splitlines() if line and line[0] != "#"]
    shown = [line for line in lines if not line.startswith(("sources", "  traffic: {kind"))]
    figure.text(0.015, 0.95, "A file of a dozen lines", size=13, weight="bold", color=INK)
    figure.text(0.015, 0.90, "\n".join(shown), size=9, family="monospace", color=INK, va="top", linespacing=1.5)
    figure.text(0.015, 0.44, "every action simulated, ten times over", size=9, color=PALE)
    figure.text(0.40, 0.95, "Three answers", size=13, weight="bold", color=INK)
    top = 0.90
    for answer in result.answers[:3]:
        wrapped = textwrap.wrap(answer.text, 96)[:4]
        figure.text(0.40, top, answer.question, size=10, weight="bold", color=BLUE, va="top")
        figure.text(0.40, top - 0.035, "\n".join(wrapped), size=9, color=INK, va="top", linespacing=1.4)
        top -= 0.075 + 0.033 * len(wrapped)
    places = (0.005, 0.0, 0.485, 0.42), (0.5, 0.0, 0.495, 0.42)
    for place, table in zip(places, (result.latency_distribution, result.limits), strict=True):
        axes = figure.add_axes(place)
        axes.imshow(image(table.plot()))
        axes.axis("off")
    figure.savefig(ROOT / ".github" / "picture.png", dpi=110)


if __name__ == "__main__":
    main()
