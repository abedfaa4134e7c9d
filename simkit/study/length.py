"""How long a run will be: said before one that takes minutes, and refused before one that takes days."""

from typing import TYPE_CHECKING

from simkit.plan.plan import Plan
from simkit.result.statistics import significant
from simkit.result.words import number, seconds

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

LONG_S = 60
"""Expected seconds from which on a run is announced."""
TOO_LONG_S = 200_000
"""A run of more is refused."""
SPEED = {"reference": 10_000, "compiled": 1_000_000}
"""Actions a second, roughly, of one process or thread."""
RATES = (("rate",), ("users", "daily_active"), ("users", "growth"), ("trace", "file"))
"""Fields of `traffic` that say how many actions there are."""


def announcement(scenario: "Scenario", plan: Plan, replications: int, engine: str) -> str:
    """What to know before a long run; empty for a short one.

    Raises:
        ScenarioError: it would be too long.
    """
    from simkit.scenario.errors import ScenarioError

    actions = plan.expected_actions * replications
    speed = SPEED[engine]
    if actions <= LONG_S * speed:
        return ""
    node = next(node for keys in RATES if (node := scenario.tree.get("traffic", *keys)) is not None)
    size = f"{number(significant(actions, 3))} actions in {replications} replication{'' if replications == 1 else 's'}"
    if actions > TOO_LONG_S * speed:
        message = f"This makes about {size}; more than {number(TOO_LONG_S * speed)} are not run."
        hint = "Lower it, shorten `horizon`, or run fewer `replications`."
        raise ScenarioError([node.place.problem(message, node.text(), hint=hint)])
    return (
        f"This run is long: about {size}, roughly {seconds(actions / speed)} at {speed:,} actions/s."
        f" To shorten it: `horizon`, `replications`, or `{node.place.path}`."
    )
