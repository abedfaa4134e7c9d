"""Four hours, and what is written on a picture."""

import pandas as pd

from simkit.report import style

START = pd.date_range("2026-11-02", periods=4, freq="1h", tz="America/New_York")


def texts(picture: style.Picture) -> str:
    """Everything written on a picture."""
    found = [text.get_text() for ax in picture.axes for text in ax.texts]
    for ax in picture.axes:
        found += [ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
        found += [t.get_text() for t in (*ax.get_xticklabels(), *ax.get_yticklabels())]
        legend = ax.get_legend()
        found += [t.get_text() for t in legend.get_texts()] if legend else []
    return "\n".join(found).replace(r"\$", "$")


def draw(picture: style.Picture) -> str:
    """Render it, as a notebook does, and return its texts."""
    png = picture._repr_png_()
    assert png.startswith(b"\x89PNG") and len(png) > 3000
    return texts(picture)
