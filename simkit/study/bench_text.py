"""A `Bench` as text: short tables, each with a line that says what it means."""

from collections.abc import Sequence

from simkit.result.statistics import significant
from simkit.result.words import seconds
from simkit.study.bench import Bench, Machine, Speed
from simkit.study.speed import PRODUCTS, QUEUE

WHAT = {PRODUCTS[0]: "one call an action", PRODUCTS[1]: "one to three calls", QUEUE: "one worker, customers"}
SPEED_NOTE = """\
Wall time of one thread; the best of a few rounds in which the engines take turns. The reference simulates and adds
up its log, the compiled engine simulates and adds up on the way, as `simkit run` does; it was loaded before."""
GROWTH_NOTE = f"""\
{PRODUCTS[0]} on the compiled engine for longer and longer, once each, in a process of its own; the time is that of
the simulation, the peak all memory that the process ever had."""


def text(found: Bench) -> str:
    """All figures with their units."""
    parts = (where(found.machine), speeds(found), growths(found), threads(found), readiness(found))
    return "\n\n".join(parts)


def where(machine: Machine) -> str:
    """The machine, and whether it had anything else to do."""
    load = ", ".join(f"{one:.2f}" for one in machine.load_average)
    return (
        f"simkit {machine.simkit} on {machine.cpu}, {machine.cores} cores; load average at the start: {load}.\n"
        f"Python {machine.python}, numba {machine.numba}, numpy {machine.numpy}."
    )


def speeds(found: Bench) -> str:
    """Both engines."""
    header = ("scenario", "", "actions", "attempts", "reference", "compiled", "compiled", "ratio")
    units = ("", "", "", "", "actions/s", "actions/s", "attempts/s", "times")
    rows = [speed_row(name, one) for name, one in {**found.scenarios, QUEUE: found.mm1}.items()]
    return f"{columns([header, units, *rows], left=2)}\n{SPEED_NOTE}"


def speed_row(name: str, one: Speed) -> tuple[str, ...]:
    """A scenario's."""
    rates = (rounded(rate) for rate in (one.reference_per_s, one.compiled_per_s, one.attempts_per_s))
    return (name, WHAT.get(name, ""), f"{one.actions:,}", f"{one.attempts:,}", *rates, f"{one.ratio:,.0f}")


def growths(found: Bench) -> str:
    """Growth with the number of actions."""
    header = [("growth", "time", "compiled", "peak"), ("actions", "s", "actions/s", "MB")]
    rows = [
        (f"{one.actions:,}", f"{one.seconds:.2f}", rounded(one.actions / one.seconds), f"{one.peak_mb:.0f}")
        for one in found.scaling
    ]
    return f"{columns([*header, *rows])}\n{GROWTH_NOTE}"


def threads(found: Bench) -> str:
    """Replications on threads."""
    one = found.threads
    return (
        f"Threads: {one.replications} replications take {seconds(one.one_s)} on one thread and {seconds(one.many_s)}"
        f" on {one.jobs}: a speed-up of {one.speedup:.2f}.\nArithmetic without memory reaches"
        f" {one.machine_bound:.2f} here: the machine has no more."
    )


def readiness(found: Bench) -> str:
    """Compilation and loading."""
    return (
        f"The first run on a machine compiles for {seconds(found.compile_s)};"
        f" later ones load what was compiled in {seconds(found.load_s)}."
    )


def rounded(rate: float) -> str:
    """A rate with three digits; a dash for none."""
    return f"{significant(rate, 3):,.0f}" if rate else "–"


def columns(rows: Sequence[Sequence[str]], left: int = 0) -> str:
    """A table: so many columns stand to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
