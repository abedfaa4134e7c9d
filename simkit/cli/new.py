"""`simkit new`: the founder's file, from five answers."""

import json
import re
import sys
import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path

import click

from simkit.cli.console import BadInput, Exit, say
from simkit.report.folder import write
from simkit.scenario.errors import Problem, ScenarioError

TEMPLATE = """\
# What your product does, in numbers you can look up. `simkit run {file}` answers; `simkit check --resolved {file}`
# shows all that these few lines stand for, and where each figure comes from.
name: {name}
model: {model}
{tier}
traffic:
  daily_active_users: {users}
  actions_per_user_per_day: {per_day}
  timezone: UTC             # of your users, e.g. America/New_York
tokens: {{input: {tokens_in}, output: {tokens_out}}}  # averages per action, from the provider's usage page
slo: {{success: 99.5%, latency: {{p95: 5s}}}}  # what you promise: change it to what your users need
# observed: {{cost_per_month: $290}}  # your last bill: printed beside the simulated figure
"""
TIER = "tier: 1                     # your rate-limit tier at the provider: its limits page says which"
NO_TIER = "# quotas:                   # no tiers are known for this model: write your account's rate limits here"
USERS = click.IntRange(min=1)
PER_DAY = click.FloatRange(min=0, min_open=True)


@dataclass(frozen=True)
class Product:
    """What the founder says; None: not said yet."""

    users: int | None
    per_day: float | None
    model: str | None
    tokens: str | None

    def missing(self) -> list[str]:
        """The options that were not given."""
        return [f"--{one.name.replace('_', '-')}" for one in fields(self) if getattr(self, one.name) is None]

    def asked(self) -> "Product":
        """The same with what was missing asked, question by question.

        Raises:
            BadInput: when nobody can answer; names the options to give instead.
        """
        if self.missing() and not sys.stdin.isatty():
            options = ", ".join(self.missing())
            raise BadInput(f"Standard input is not a terminal, so nobody can be asked. Give {options}.")
        return Product(
            self.users or click.prompt("Users active on an average day", type=USERS, default=300),
            self.per_day or click.prompt("Actions of such a user a day", type=PER_DAY, default=6),
            self.model or click.prompt("Model that answers", default="gpt-4o"),
            self.tokens
            or click.prompt("Average tokens per action, input/output", default="1200/250", value_proc=_checked),
        )

    def file_text(self, file: Path, name: str, tier: str = TIER) -> str:
        """The scenario file."""
        tokens_in, tokens_out = token_counts(self.tokens or "")
        return TEMPLATE.format(
            file=file, name=quoted(name), model=quoted(self.model or ""), users=self.users,
            tier=tier, per_day=f"{self.per_day:g}", tokens_in=tokens_in, tokens_out=tokens_out,
        )  # fmt: skip


def token_counts(text: str) -> tuple[int, int]:
    """`1200/250` as two counts, both at least 1.

    Raises:
        click.BadParameter: when it is anything else.
    """
    found = re.fullmatch(r"\s*([1-9]\d{0,8})\s*/\s*([1-9]\d{0,8})\s*", text)
    if found is None:
        raise click.BadParameter(
            f"{text!r}: write the two averages as input/output, e.g. 1200/250.", param_hint="--tokens"
        )
    return int(found[1]), int(found[2])


def _checked(text: str) -> str:
    """The answer to the question, if it is one; else it is asked again."""
    token_counts(text)
    return text


def quoted(text: str) -> str:
    """Text as a YAML scalar that means just this text."""
    plain = re.fullmatch(r"[A-Za-z][\w ./-]*", text) and text == text.strip()
    if plain and text.lower() not in {"null", "true", "false"}:
        return text
    return json.dumps(text, ensure_ascii=False)


@click.command(short_help="Write a founder's file: asks what is not given.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--users", type=USERS, metavar="N", help="Daily active users.")
@click.option("--per-day", type=PER_DAY, metavar="N", help="Actions of a user a day.")
@click.option("--model", help="The model that answers, e.g. gpt-4o.")
@click.option("--tokens", metavar="IN/OUT", help="Average tokens per action, input/output, e.g. 1200/250.")
@click.option("--name", help="Title of the scenario.  [default: from the file's name]")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
def new(
    file: Path,
    users: int | None,
    per_day: float | None,
    model: str | None,
    tokens: str | None,
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
    product = Product(users, per_day, model, tokens).asked()
    title = name or _title(file)
    text = product.file_text(file, title)
    problems = problems_of(text)
    if [one.path for one in problems] == ["tier"]:  # the provider's tiers are not known
        text = product.file_text(file, title, NO_TIER)
        problems = problems_of(text)
    if problems:
        raise ScenarioError(problems)
    write(file, text)
    say(f"Wrote {file}. Next:\n  simkit run {file}\n  simkit run {file} --set traffic.daily_active_users=10000")
    return Exit.WELL


def _title(file: Path) -> str:
    words = re.sub(r"[_\W]+", " ", file.stem).strip()
    return words[:1].upper() + words[1:] or "My product"


def problems_of(text: str) -> list[Problem]:
    """What is wrong with a scenario, found before anything is written: a misspelt model, say."""
    from simkit.scenario.load import load

    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.yaml"
        draft.write_text(text, encoding="utf-8")
        try:
            load(draft)
        except ScenarioError as error:
            return [replace(one, file="simkit new", line=0) for one in error.problems]
    return []
