"""`simkit schema`: the JSON Schema, so that editors complete and explain scenario files."""

import json

import click

from simkit.cli.console import Exit, say


@click.command(short_help="The JSON Schema of scenario files, for editors.")
def schema() -> int:
    """Print the JSON Schema of scenario files, so that editors complete and explain them.

    \b
    Example:
      simkit schema > simkit.schema.json
      # then, as the first line of a scenario, for editors with the YAML language server:
      # yaml-language-server: $schema=simkit.schema.json
    """
    from simkit.scenario.jsonschema import schema as json_schema

    say(json.dumps(json_schema(), indent=2, ensure_ascii=False))
    return Exit.WELL
