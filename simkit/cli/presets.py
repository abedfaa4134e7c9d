"""`simkit presets`: what clients and gateways do by default, as tables."""

import click

from simkit.cli.console import BadInput, Exit, say

VALUE = 16
"""Longer values have their help on the next line."""


@click.command(short_help="What SDKs and gateways do by default: retries, waits, breakers.")
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print the table of all presets as Markdown.")
def presets(name: str | None, markdown: bool) -> int:
    """Show the presets for `resilience: {client: ..., gateway: ...}`: what real systems ship, with source and date.

    Without NAME: all of them side by side. With NAME (or NAME@VERSION): every field, its value and what it means.
    A bare name in a scenario is the newest version; every field can be overridden there.

    \b
    Examples:
      simkit presets
      simkit presets litellm
    """
    say(_one(name) if name is not None else _markdown() if markdown else _all())
    return Exit.WELL


def _all() -> str:
    from simkit.scenario.preset_table import COLUMNS, overview
    from simkit.scenario.presets import PRESETS

    blocks = []
    for row, preset in zip(overview(), PRESETS, strict=True):
        lines = [f"{label + ':':<21} {text}" for label, text in zip(COLUMNS[1:], row[1:], strict=True) if text != "-"]
        lines.append(f"{'source:':<21} {preset.source} ({preset.date})")
        blocks.append("\n".join([row[0], *(f"  {line}" for line in lines)]))
    return "\n\n".join([*blocks, "Every field of one: simkit presets NAME"])


def _markdown() -> str:
    from simkit.scenario.preset_table import COLUMNS, overview

    rows = [COLUMNS, ("---",) * len(COLUMNS), *((f"`{row[0]}`", *row[1:]) for row in overview())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _one(name: str) -> str:
    from simkit.scenario.errors import nearest
    from simkit.scenario.preset_table import fields
    from simkit.scenario.presets import IDS, NAMES, preset

    if name not in NAMES and name not in IDS:
        hint = nearest(name, [*NAMES, *IDS])
        known = f"There are: {', '.join(IDS)}."
        raise BadInput(f"There is no preset {name}. {hint}".rstrip() + f"\n{known}")
    found, rows = preset(name), fields(name)
    wide = max(len(row[0]) for row in rows)
    lines = [f"{found.id}: {found.source} ({found.date})", ""]
    for path, value, text in rows:
        below = f"\n{'':<{wide + VALUE + 6}}" if len(value) > VALUE else ""
        lines.append(f"  {path:<{wide}}  {value:<{VALUE}}  {below}{text}".rstrip())
    return "\n".join(lines + (["", f"What it leaves out: {found.left_out}"] if found.left_out else []))
