"""One visual language for every picture: light on white, colour-blind safe, units on the axes, no pyplot.

Colours are those of Okabe and Ito (2008), which stay apart for all common kinds of colour blindness.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter

from simkit.result import words

INK = "#1f2933"
MUTED = "#6b7680"
GRID = "#e4e8ec"
BLUE, ORANGE, GREEN, VERMILLION, SKY, PURPLE, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#8a939b",
)  # fmt: skip
SERIES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, GREY)
"""Colours of things without a meaning of their own, in order."""

OUTCOMES = {
    "ok": SKY,
    "degraded": ORANGE,
    "failed": VERMILLION,
    "rejected": PURPLE,
    "abandoned": GREY,
    "censored": "#c9cfd4",
}
OBJECTIVE = VERMILLION
"""Colour of a promised line: the SLO, 100 % of a limit."""
INCIDENT = "#f6d9cc"

TITLE, LABEL, SMALL = 12.0, 9.5, 8.5
HALO = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
"""Behind a label that may lie on a line."""


class Picture(Figure):
    """A figure that shows once in Jupyter, whether or not pyplot was imported, with words for who does not see it."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"image/png": self._repr_png_(), "text/plain": self.words}, {"image/png": {"alt": self.words}}

    @property
    def words(self) -> str:
        """What it shows: titles, axes, and the labels that stand in it."""
        return " ".join(part for ax in self.axes if (part := _words_of(ax)))


MOST_WORDS = 600
"""Characters of labels in one picture's alternative text."""


def _words_of(ax: Axes) -> str:
    """Of one pair of axes."""
    axes = [label for label in (ax.get_ylabel(), ax.get_xlabel()) if label]
    said = "; ".join(dict.fromkeys(_labels(ax)))
    parts = (ax.get_title(loc="left"), " against ".join(axes), _cut(said))
    return " ".join(f"{part.rstrip('.')}." for part in parts if part).replace("\\$", "$")


def _labels(ax: Axes) -> list[str]:
    """The labels that stand in a picture, each behind the name that it belongs to: a row's, or one at its place."""
    ticks = zip(ax.get_yticks(), ax.get_yticklabels(), strict=False)  # a hidden axis has fewer labels than ticks
    rows = {round(float(at), 6): name for at, one in ticks if (name := " ".join(one.get_text().split()))[:1].isalpha()}
    found: dict[object, list[str]] = {}
    for i, text in enumerate(ax.texts):
        words_of = " ".join(text.get_text().split())
        at = _place(text)
        row = rows.get(round(float(at[1]), 6)) if at is not None else None
        key = (row or at) if at is not None else i
        if words_of:
            found.setdefault(key, [row] if row else []).append(words_of)
    alone = [[name] for name in rows.values() if name not in found]
    return [f"{head}: {', '.join(rest)}" if rest else head for head, *rest in (*found.values(), *alone)]


def _place(text: Text) -> tuple[float, float] | None:
    """Where in the data a label stands; None: it belongs to no place there."""
    if isinstance(text, Annotation):
        coords = text.xycoords
        in_data = coords == "data" or (isinstance(coords, tuple) and coords[1] == "data")
        return (float(text.xy[0]), float(text.xy[1])) if in_data else None
    x, y = text.get_position()
    return float(x), float(y)


def _cut(text: str) -> str:
    """A text of at most `MOST_WORDS` characters, cut between two labels."""
    return text if len(text) <= MOST_WORDS else text[: text.rfind("; ", 0, MOST_WORDS)] + "; and more"


def canvas(*heights: float, width: float = 8.0, sharex: bool = True) -> tuple[Picture, list[Axes]]:
    """An empty picture of stacked axes, `heights` inches each, with one x axis unless `sharex` is False."""
    picture = Picture(figsize=(width, sum(heights)), layout="constrained", facecolor="white")
    grid = picture.subplots(len(heights), 1, sharex=sharex, squeeze=False, height_ratios=heights)
    axes = [row[0] for row in grid]
    for ax in axes:
        dress(ax)
    return picture, axes


def dress(ax: Axes) -> None:
    """Thin axes, a light grid behind the data, muted ticks."""
    ax.set_facecolor("white")
    ax.set_axisbelow(True)
    ax.grid(True, axis="y", color=GRID, linewidth=0.8)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(GRID)
    ax.tick_params(colors=MUTED, labelsize=SMALL, length=3, color=GRID)
    ax.xaxis.label.set(color=MUTED, fontsize=LABEL)
    ax.yaxis.label.set(color=MUTED, fontsize=LABEL)


def title(ax: Axes, text: str, note: str = "") -> None:
    """What the picture says, and below it in small letters what one sees."""
    ax.set_title(plain(text), loc="left", fontsize=TITLE, fontweight="bold", color=INK, pad=24 if note else 10)
    if note:
        ax.annotate(
            plain(note), (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points",
            fontsize=LABEL, color=MUTED, va="bottom",
        )  # fmt: skip


def objectives(ax: Axes, slo: Mapping[str, float]) -> None:
    """A line at each promised latency, with its name."""
    for label, limit in slo.items():
        ax.axhline(limit, color=OBJECTIVE, linewidth=1.2, linestyle="--")
        ax.annotate(
            plain(f"objective {label} ≤ {words.seconds(limit)}"), (0, limit), xycoords=("axes fraction", "data"),
            xytext=(3, 3), textcoords="offset points", color=OBJECTIVE, fontsize=8.5, bbox=HALO,
        )  # fmt: skip


def legend(ax: Axes, *, columns: int = 1, where: Literal["upper left", "best"] = "upper left") -> None:
    """A frameless legend."""
    ax.legend(loc=where, ncols=columns, frameon=False, fontsize=SMALL, labelcolor=INK)


def nothing(text: str) -> Picture:
    """A picture that says why there is nothing to see."""
    picture, (ax,) = canvas(1.6)
    ax.set_axis_off()
    ax.text(0.5, 0.5, plain(text), ha="center", va="center", color=MUTED, fontsize=LABEL, transform=ax.transAxes)
    return picture


def plain(text: str) -> str:
    """Text in which a dollar sign is a dollar sign, not mathematics."""
    return text.replace("$", r"\$")


def tick_usd(value: float) -> str:
    """An amount of money on an axis, without trailing noise."""
    size = abs(value)
    text = f"{size:,.0f}" if size >= 10 or size == int(size) else f"{size:.4g}"
    return f"{'-' if value < 0 else ''}${text}"


def tick_percent(value: float) -> str:
    """A share on an axis, however small."""
    return f"{100 * value:.2g} %" if 0 < abs(100 * value) < words.SMALLEST else words.percent(value)


FORMATS: dict[str, Callable[[float], str]] = {
    "seconds": words.seconds,
    "usd": tick_usd,
    "share": tick_percent,
    "number": words.number,
}


def formatted(axis_name: str, ax: Axes, what: str) -> None:
    """Let the ticks of the x or y axis be one of `FORMATS`."""
    text = FORMATS[what]
    axis = ax.xaxis if axis_name == "x" else ax.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(text(round(value, 12)).replace("-", "−"))))


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Positions moved apart just enough that neighbours are `gap` apart, order kept: for direct labels."""
    order = sorted(range(len(positions)), key=lambda i: positions[i])
    placed: list[list[float]] = []  # [centre, members], merged where they touch
    for i in order:
        placed.append([positions[i], 1.0])
        while len(placed) > 1 and placed[-1][0] - placed[-2][0] < gap * (placed[-1][1] + placed[-2][1]) / 2:
            (b, n), (a, m) = placed.pop(), placed.pop()
            placed.append([(a * m + b * n) / (m + n), m + n])
    flat = [centre + gap * (k - (size - 1) / 2) for centre, size in placed for k in range(int(size))]
    result = [0.0] * len(positions)
    for i, value in zip(order, flat, strict=True):
        result[i] = value
    return result
