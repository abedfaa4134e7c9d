"""A case: a scenario that the simulator and a real client go through, and what a provider's header says."""

import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from provider import Question, questions
from ruamel.yaml import YAML

from simkit.engine import run_plan
from simkit.engine.log import Log
from simkit.plan.compile import compile_plan
from simkit.plan.plan import Plan
from simkit.scenario.load import load

HERE = Path(__file__).parent
SEED = 1


@dataclass(frozen=True)
class Case:
    """A file of `cases/`."""

    name: str
    shows: str
    """What is to be seen, in a line."""
    client: str
    """Which real client goes through it: `litellm` or `openai`."""
    plan: Plan
    log: Log
    """What the simulator made of it."""
    vendor: str = "openai"
    """By which of its names LiteLLM knows the provider."""
    retry_after: str = "seconds"
    """How the provider says Retry-After: whole `seconds`, `exact`, `none`."""
    speed: float = 1.0
    """The real client's time goes so much faster (where its only clocks are sleeps and timeouts)."""
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a count may differ by more than 5 %."""

    @cached_property
    def asked(self) -> list[Question]:
        """Who asks, and when."""
        return questions(self.log)

    @cached_property
    def measured(self) -> set[int]:
        """Actions that arrive before the horizon: the run ends when all of them have ended."""
        return {question.number for question in self.asked if question.arrival < self.plan.horizon}


def read_case(path: Path) -> Case:
    """Read a case and simulate it with the reference engine."""
    written: dict[str, Any] = YAML(typ="safe").load(path)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path.name
        with file.open("w") as out:
            YAML().dump(written.pop("scenario"), out)
        plan = compile_plan(load(file))
    return Case(path.stem, plan=plan, log=run_plan(plan, SEED, 0, "reference"), **written)


def cases() -> list[Path]:
    """All case files."""
    return sorted((HERE / "cases").glob("*.yaml"))
