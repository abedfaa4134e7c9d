"""The measured part of README.md: between its two marks, written by `compare.py --write`."""

from importlib.metadata import version
from platform import python_version

from case import HERE, cases
from compare import CLOSE, Comparison, Count

README = HERE / "README.md"
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"
COUNTS = ("attempts per call", "retries", "fallbacks", "cooldowns", "no deployment", "successes", "failures")
TIMES = ("wait before a retry, s", "time of a success, s", "time of a failure, s", "time cooled, s")


def figure(one: Count) -> str:
    """One figure twice, or once if they are equal."""
    digits = 0 if one.simulated == int(one.simulated) and one.real == int(one.real) and not one.is_time else 2
    ours, theirs = f"{one.simulated:,.{digits}f}", f"{one.real:,.{digits}f}"
    return ours if ours == theirs else f"{ours} / {theirs}"


def rows(compared: list[Comparison], names: tuple[str, ...]) -> list[str]:
    """A table: a case a row, a figure a column."""
    lines = ["| case | calls alike | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 2)]
    for comparison in compared:
        counts, calls = {one.name: one for one in comparison.counts}, len(comparison.case.measured)
        cells = [comparison.case.name, f"{calls - len(comparison.otherwise)} of {calls}"]
        lines.append("| " + " | ".join([*cells, *(figure(counts[name]) for name in names)]) + " |")
    return lines


def differences(compared: list[Comparison]) -> list[str]:
    """What differs by more than 5 %, and why."""
    lines = []
    for comparison in compared:
        for one in comparison.counts:
            if abs(one.real - one.simulated) <= CLOSE * one.simulated:
                continue
            usual = "" if one in comparison.apart() else "own time"
            why = comparison.case.reasons.get(one.name, usual)
            lines.append(f"| {comparison.case.name} | {one.name} | {figure(one)} | {why or '**unexplained**'} |")
    return ["| case | figure | simulated / real | why |", "|---|---|---|---|", *lines]


def measured(compared: list[Comparison]) -> str:
    """All that was measured, as Markdown."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("litellm", "openai"))
    lines = [
        f"Measured with {packages}, Python {python_version()}. One figure: both say the same; two: simulated / real.",
        "",
        *(f"- `{comparison.case.name}`: {comparison.case.shows}" for comparison in compared),
        "",
        *rows(compared, COUNTS),
        "",
        *rows(compared, TIMES),
        "",
        "Every figure, of these and by kind of end, that differs by more than 5 %:",
        "",
        *differences(compared),
    ]
    return "\n".join(lines) + "\n"


def write(compared: list[Comparison]) -> None:
    """Put the tables into README.md.

    Raises:
        ValueError: not all cases were run.
    """
    if len(compared) != len(cases()):
        raise ValueError("--write goes with all cases")
    before, rest = README.read_text().split(BEGIN)
    README.write_text(before + BEGIN + measured(compared) + END + rest.split(END)[1])
