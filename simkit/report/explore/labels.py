"""What a knob is called: words instead of the path that leads to its field."""

from typing import TYPE_CHECKING

from simkit.scenario.errors import Invalid
from simkit.scenario.helptext import help_of
from simkit.scenario.paths import Steps, find, resolve
from simkit.scenario.scenario import Document
from simkit.scenario.schema import child, part_of

if TYPE_CHECKING:
    from simkit.scenario.load import Scenario

SIGNUPS = "traffic/users/growth/acquisition"
WORDS = {
    "traffic/users/daily_active": "Daily active users",
    "traffic/users/actions_per_day": "Actions per user and day",
    "traffic/rate": "Actions that arrive",
    "traffic/sessions/rate": "Sessions that begin",
    "traffic/users/growth/base": "Users at the start",
    "traffic/users/growth/base/users": "Users at the start",
    SIGNUPS: "Sign-ups a week",
    f"{SIGNUPS}/*": "Sign-ups a week",
    f"{SIGNUPS}/*/constant": "Sign-ups a week",
    f"{SIGNUPS}/*/linear/start": "Sign-ups in the first week",
    f"{SIGNUPS}/*/linear/change": "More sign-ups every week",
    f"{SIGNUPS}/*/exponential/start": "Sign-ups in the first week",
    f"{SIGNUPS}/*/exponential/growth": "Growth of sign-ups a week",
    f"{SIGNUPS}/*/logistic/most": "Sign-ups a week at most",
    f"{SIGNUPS}/*/launch/users": "Sign-ups that follow the launch",
    "routes/*/misrouted/*": "{1} questions on the wrong route ({0})",
    "caches/*/ttl": "The {0} cache keeps an answer for",
    "models/*/deployments/*/price_uplift": "Price of {0}, factor",
    "models/*/ttft": "First token of {0}",
    "models/*/ttft/*": "First token of {0}, {1}",
    "models/*/tokens_per_second": "Tokens a second of {0}",
    "incidents/*/lasts": "How long the incident lasts ({0})",
    "resilience/max_retries": "Retries at most",
    "resilience/timeout": "Timeout of an attempt",
    "service/workers": "Your own workers",
    "service/replicas": "Copies of your service",
    "regions/*/service/replicas": "Copies of your service in {0}",
    "routing/health/interval": "Time between health checks",
    "routing/dns/ttl": "How long clients keep an address",
    "caches/*/cacheable": "Cacheable actions ({0} cache)",
    "caches/*/false_hits": "False hits ({0} cache)",
    "traffic/sessions/turns/geometric/mean": "Turns of a session, mean",
    "traffic/users/activity/lognormal": "How unequal users are (sigma)",
    "traffic/users/plans/*/quota/day": "Quota a day ({0})",
    "actions/*/share": "Share of all actions ({0})",
    "actions/*/complexity/*": "Share of {1} ones ({0})",
    "actions/*/calls/*/repeat/geometric/mean": "Repeats of {1}, mean ({0})",
    "actions/*/calls/*/input/chunks": "Retrieved texts ({0}, {1})",
    "actions/*/calls/*/input/history/limit": "Longest history that is sent, tokens ({0})",
}
"""Steps of a path, `*` for any, to words; what the stars stand for is put into them by number."""


def label_of(scenario: "Scenario", path: str) -> str:
    """Readable words for the field at a path."""
    steps = _steps(scenario, path)
    for pattern, words in WORDS.items():
        found = _matched(pattern.split("/"), steps)
        if found is not None:
            return _capital(words.format(*(_name(scenario, steps, step) for step in found)))
    first, *rest = (str(step).replace("_", " ") for step in steps)
    return _capital(f"{first}: {', '.join(rest)}" if rest else first)


def about(scenario: "Scenario", path: str) -> str:
    """The path, and the schema's own words for the field it leads to."""
    shape, node, help_ = Document, scenario.tree, ""
    for step in _steps(scenario, path):
        part = part_of(shape, node)
        help_ = help_of(part, str(step)) if part is not None else ""
        try:
            shape = child(shape, step, node)
            node = find(node, (step,)) or node
        except Invalid:
            break
    return f"{path}: {help_}" if help_ else path


def _steps(scenario: "Scenario", path: str) -> Steps:
    try:
        return resolve(path, scenario.tree, Document, new=True)
    except Invalid:
        return tuple(path.split("."))


def _matched(pattern: list[str], steps: Steps) -> list[str | int] | None:
    """What the stars of a pattern stand for; None where it does not fit."""
    if len(pattern) != len(steps) or any(
        want not in ("*", step) for want, step in zip(pattern, map(str, steps), strict=True)
    ):
        return None
    return [step for want, step in zip(pattern, steps, strict=True) if want == "*"]


def _name(scenario: "Scenario", steps: Steps, step: str | int) -> str:
    """An incident is told by its name or target, a call and all else by its own name."""
    if steps[0] == "incidents" and isinstance(step, int):
        one = scenario.document.incidents[step]
        return one.name or one.target
    if steps[0] == "actions" and isinstance(step, int):
        return str(getattr(scenario.document.actions[str(steps[1])].calls[step], "name", step))
    return str(step).replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
