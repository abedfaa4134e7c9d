"""`simkit new`: the founder's file, from five answers."""

import sys
from pathlib import Path

import click

from simkit.cli.console import BadInput, Exit, say, write_text

TEMPLATE = """\
# What your product does, in numbers you can look up. `simkit run {file}` answers; `simkit check --resolved {file}`
# shows all that these few lines stand for, and where each figure comes from.
name: {name}
model: {model}
tier: 1                     # your rate-limit tier at the provider: its limits page says which
traffic:
  daily_active_users: {users}
  actions_per_user_per_day: {per_day}
  timezone: UTC             # of your users, e.g. America/New_York
tokens: {{input: {tokens_in}, output: {tokens_out}}}   # averages per action, from the provider's usage page
slo: {{success: 99.5%, latency: {{p95: 5s}}}}          # what you promise: change it to what your users need
# observed: {{cost_per_month: $290}}                  # your last bill: printed beside the simulated figure
"""


class Tokens(click.ParamType):
    """`IN/OUT`, e.g. `1200/250`."""

    name = "in/out"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Two counts of tokens, both at least 1."""
        if isinstance(value, tuple):
            return value
        first, slash, second = str(value).partition("/")
        if slash and first.strip().isdecimal() and second.strip().isdecimal() and int(first) > 0 and int(second) > 0:
            return int(first), int(second)
        self.fail(f"{value!r} is not two counts of tokens: write input/output, e.g. 1200/250.", param, ctx)


QUESTIONS = {
    "users": ("How many users are active on an average day?", click.IntRange(min=1), 300),
    "per_day": ("How many actions does such a user take a day?", click.FloatRange(min=0, min_open=True), 6),
    "model": ("Which model answers?", click.STRING, "gpt-4o"),
    "tokens": ("Average tokens per action, input/output?", Tokens(), "1200/250"),
}


@click.command(short_help="Write a founder's file: asks what is not given.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--users", type=click.IntRange(min=1), help="Daily active users.")
@click.option("--per-day", type=click.FloatRange(min=0, min_open=True), help="Actions of a user a day.")
@click.option("--model", help="The model that answers, e.g. gpt-4o.")
@click.option("--tokens", type=Tokens(), help="Average tokens per action, input/output, e.g. 1200/250.")
@click.option("--name", help="Title of the scenario.  [default: from the file's name]")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def new(
    file: Path,
    users: int | None,
    per_day: float | None,
    model: str | None,
    tokens: tuple[int, int] | None,
    name: str | None,
    force: bool,
) -> int:
    """Write FILE, a scenario in its shortest form. What is not given is asked.

    \b
    Examples:
      simkit new my_product.yaml
      simkit new my_product.yaml --users 300 --per-day 6 --model gpt-4o --tokens 1200/250
    """
    if file.exists() and not force:
        raise BadInput(f"{file} exists. Choose another name, or --force to replace it.")
    if not file.absolute().parent.is_dir():
        raise BadInput(f"{file}: there is no folder {file.parent}.")
    given = {"users": users, "per_day": per_day, "model": model, "tokens": tokens}
    answers = given | _ask([key for key, value in given.items() if value is None])
    tokens_in, tokens_out = answers.pop("tokens")  # type: ignore[misc]
    title = name or file.stem.replace("_", " ").replace("-", " ").strip().capitalize() or "My product"
    text = TEMPLATE.format(
        file=file, name=_quoted(title), model=_quoted(str(answers["model"])), users=answers["users"],
        per_day=f"{answers['per_day']:g}", tokens_in=tokens_in, tokens_out=tokens_out,
    )  # fmt: skip
    _validate(text, file)
    write_text(file, text)
    say(f"Wrote {file}. Next:\n  simkit run {file}\n  simkit run {file} --set traffic.daily_active_users=10000")
    return Exit.WELL


def _ask(missing: list[str]) -> dict[str, object]:
    """Ask for what was not given; where nobody can answer, say which options to give instead."""
    if missing and not sys.stdin.isatty():
        options = ", ".join("--" + key.replace("_", "-") for key in missing)
        raise BadInput(f"Standard input is not a terminal, so nobody can be asked. Give {options}.")
    return {key: click.prompt(QUESTIONS[key][0], type=QUESTIONS[key][1], default=QUESTIONS[key][2]) for key in missing}



def _quoted(text: str) -> str:
    """Text as a YAML scalar that means just this text."""
    plain = all(letter.isalnum() or letter in " ._-/" for letter in text)
    if plain and text[:1].isalpha() and text.lower() not in {"null", "true", "false", "yes", "no", "on", "off"}:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'


def _validate(text: str, file: Path) -> None:
    """Load the text as a scenario before anything is written: a misspelt model is found now.

    Raises:
        ScenarioError: when it is not valid.
    """
    import tempfile

    from simkit import load

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / file.name
        draft.write_text(text, encoding="utf-8")
        load(draft)
