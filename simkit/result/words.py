"""Figures as people read them; both faces of a result take them from here."""

from math import floor, isfinite, log10

from simkit.result.statistics import Estimate

SMALLEST = 0.001
"""Percent below which nobody reads the digits."""


def percent(value: float) -> str:
    """`0.0612` -> `6.12 %`; near 0 and near 100 % with the digits that matter: `99.954 %`; next to nothing is so."""
    size = abs(100 * value)
    if 0 < size < SMALLEST:
        return f"under {SMALLEST} %" if value > 0 else "about 0 %"
    near = abs(100 - size)
    if size >= 100:
        digits = 0
    elif size >= 50:
        digits = max(1, min(8, 1 - floor(log10(near)))) if near else 0
    else:
        digits = 0 if size == 0 else min(9, 2 - floor(log10(size)))
    return f"{_trim(f'{100 * value:,.{digits}f}')} %"


def whole(value: float) -> str:
    """`2.124` -> `212 %`."""
    return f"{100 * value:,.0f} %"


def seconds(value: float) -> str:
    """`0.25` -> `250 ms`, `1.234` -> `1.23 s`, `5400` -> `1.5 h`."""
    if value == 0:
        return "0 s"
    for unit, size in (
        ("d", 172_800.0),
        ("h", 7200.0),
        ("min", 120.0),
        ("s", 0.9995),
        ("ms", 0.0009995),
        ("µs", 9.995e-7),
    ):
        if abs(value) >= size:
            base = {"d": 86_400, "h": 3600, "min": 60, "s": 1, "ms": 1e-3, "µs": 1e-6}[unit]
            return f"{_three(value / base)} {unit}"
    return f"{value * 1e9:.0f} ns"


def dollars(value: float) -> str:
    """`0.00234` -> `$0.00234`, `1234.5` -> `$1,234.50`."""
    size = abs(value)
    if size >= 1 or size == 0:
        text = f"{size:,.2f}" if size < 10_000 else f"{size:,.0f}"
    else:
        text = _trim(f"{size:.{min(12, 2 - floor(log10(size)))}f}").ljust(len("0.00"), "0")
    return f"{'-' if value < 0 else ''}${text}"


def number(value: float) -> str:
    """`12345.6` -> `12,346`, `1.2345` -> `1.23`."""
    return _three(value)


def _three(value: float) -> str:
    size = abs(value)
    if size >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return _trim(f"{value:.{max(0, min(9, 2 - floor(log10(size))))}f}") if size else "0"


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def figure(value: float | None, unit: str) -> str:
    """A value in its unit; a dash where there is none."""
    if value is None or not isfinite(value):
        return "–"
    if unit == "share":
        return percent(value)
    if unit == "s":
        return seconds(value)
    if unit == "USD":
        return dollars(value)
    return f"{number(value)}/s" if unit == "1/s" else number(value)


def interval(estimate: Estimate, unit: str) -> str:
    """`low to high`; a dash where there is none, `beyond` where a limit is beyond the data."""
    if estimate.low is None and estimate.high is None:
        return "–"
    low, high = (figure(end, unit) if end is not None else "beyond" for end in (estimate.low, estimate.high))
    return f"{low} to {high}"


def duration(ns: int) -> str:
    """A span of time in whole units: `7 d`, `1 h 30 min`, `90 s`."""
    parts = []
    for unit, size in (("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("min", 60_000_000_000)):
        whole, ns = divmod(ns, size)
        if whole:
            parts.append(f"{whole} {unit}")
    if ns or not parts:
        parts.append(f"{ns / 1e9:.4g} s")
    return " ".join(parts[:2])
